//! Diagnostics while a configuration is being read, before places are lines and columns.

use std::cell::RefCell;

use super::{Diagnostic, Excerpt, Kind, Place, Severity};
use crate::source::{Files, Span};

/// What a diagnostic is about: a place, and a way to name the field.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) span: Span,
    pub(crate) owner: Owner,
}

/// How the field is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// By its path, known already.
    Path(String),
    /// By the address of the message that holds it, and the rest of the path; whoever has the whole tree
    /// looks the message up.
    Node { address: usize, rest: String },
}

impl At {
    /// A place without a field.
    pub(crate) fn span(span: Span) -> Self {
        Self { span, owner: Owner::Path(String::new()) }
    }
}

/// A diagnostic in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    kind: Kind,
    code: &'static str,
    message: String,
    at: At,
    label: String,
    related: Vec<(Span, String)>,
    help: Vec<String>,
    suggestion: Option<String>,
    /// Leaving it out would be dangerous: an error even where unsupported fields are allowed.
    vital: bool,
}

impl Draft {
    pub(crate) fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            at: At::span(Span::NONE),
            label: String::new(),
            related: Vec::new(),
            help: Vec::new(),
            suggestion: None,
            vital: false,
        }
    }

    pub(crate) fn rejected(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Rejected, code, message)
    }

    pub(crate) fn unsupported(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, code, message)
    }

    pub(crate) fn suspicious(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Suspicious, code, message)
    }

    pub(crate) fn at(mut self, at: At) -> Self {
        self.at = at;
        self
    }

    pub(crate) fn span(mut self, span: Span) -> Self {
        self.at.span = span;
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn related(mut self, span: Span, what: impl Into<String>) -> Self {
        if span.is_some() {
            self.related.push((span, what.into()));
        }
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) fn suggestion(mut self, yaml: impl Into<String>) -> Self {
        self.suggestion = Some(yaml.into());
        self
    }

    /// Leaving it out would be dangerous.
    pub(crate) fn vital(mut self) -> Self {
        self.vital = true;
        self
    }
}

/// Collects drafts.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    drafts: RefCell<Vec<Draft>>,
    allow_unknown: bool,
}

impl Sink {
    pub(crate) fn new(allow_unknown: bool) -> Self {
        Self { drafts: RefCell::default(), allow_unknown }
    }

    /// Whether a field that the schema does not have is left out with a warning.
    pub(crate) const fn allows_unknown(&self) -> bool {
        self.allow_unknown
    }

    pub(crate) fn push(&self, draft: Draft) {
        self.drafts.borrow_mut().push(draft);
    }

    /// The addresses of all messages that drafts speak of.
    pub(crate) fn addresses(&self) -> Vec<usize> {
        let drafts = self.drafts.borrow();
        let mut addresses: Vec<_> = drafts
            .iter()
            .filter_map(|draft| match draft.at.owner {
                Owner::Node { address, .. } => Some(address),
                Owner::Path(_) => None,
            })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Turns the drafts into diagnostics. `path` knows the path of a message by its address.
    pub(crate) fn finish(
        self,
        files: &Files<'_>,
        allow_unsupported: bool,
        path: impl Fn(usize) -> Option<String>,
    ) -> Vec<Diagnostic> {
        let drafts = self.drafts.into_inner();
        drafts
            .into_iter()
            .map(|draft| {
                let severity = match draft.kind {
                    Kind::Rejected | Kind::File => Severity::Error,
                    Kind::Unsupported if allow_unsupported && !draft.vital => Severity::Warning,
                    Kind::Unsupported => Severity::Error,
                    Kind::Lenient | Kind::Suspicious | Kind::Approximated | Kind::Deprecated => {
                        Severity::Warning
                    }
                    Kind::Ignored => Severity::Note,
                };
                let path = match draft.at.owner {
                    Owner::Path(path) => path,
                    Owner::Node { address, rest } => match (path(address), rest) {
                        (Some(path), rest) if path.is_empty() => rest,
                        (Some(path), rest) if rest.is_empty() => path,
                        (Some(path), rest) if rest.starts_with('[') => path + &rest,
                        (Some(path), rest) => format!("{path}.{rest}"),
                        (None, rest) => rest,
                    },
                };
                let place = |span| place(files, span);
                Diagnostic {
                    severity,
                    kind: draft.kind,
                    code: draft.code,
                    message: draft.message,
                    place: place(draft.at.span),
                    path,
                    label: draft.label,
                    related: draft
                        .related
                        .into_iter()
                        .filter_map(|(span, what)| Some((place(span)?, what)))
                        .collect(),
                    help: draft.help,
                    suggestion: draft.suggestion,
                }
            })
            .collect()
    }
}

/// Characters of a line beyond which an excerpt shows only what surrounds the place.
const LONG_LINE: usize = 400;

/// The place of a span; `None` where no file holds it.
pub(crate) fn place(files: &Files<'_>, span: Span) -> Option<Place> {
    let (file, range) = files.file(span)?;
    let start = file.line_column(range.start);
    let end = file.line_column(range.end);
    // Of a place that goes on for lines, the first is enough to find it.
    let lines = file.line_range(start.line, start.line);
    let text = file.text.get(lines.clone()).unwrap_or_default().trim_end_matches(['\n', '\r']);
    // A place may be a byte within a character, of which all is shown.
    let from = text.floor_char_boundary(range.start.saturating_sub(lines.start));
    let to = text.ceil_char_boundary(range.end.saturating_sub(lines.start).max(from + 1));
    let excerpt = if text.len() <= LONG_LINE {
        Excerpt { text: text.to_owned(), first_line: start.line, marked: from..to }
    } else {
        let head = text.floor_char_boundary(from.saturating_sub(LONG_LINE / 2));
        let tail = text.floor_char_boundary(from + LONG_LINE / 2);
        let to = to.min(tail).max(from);
        Excerpt {
            text: text.get(head..tail).unwrap_or_default().to_owned(),
            first_line: start.line,
            marked: from - head..to - head,
        }
    };
    Some(Place {
        file: file.name.clone(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        excerpt,
    })
}
