//! What there is to say about a configuration.
//!
//! Everything is collected and said in one run. A [`Diagnostic`] names the place in the file, the path
//! of the field, what is wrong, and what to do.

mod draft;
mod json;
mod render;

pub(crate) use draft::{At, Draft, Owner, Sink, place};

use std::fmt;
use std::sync::Arc;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration does not load.
    Error,
    /// It loads, but may not do what was meant.
    Warning,
    /// It loads and does what was meant.
    Note,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Wrong: Envoy refuses it too, or ought to.
    Rejected,
    /// Causeway does not implement it. An error, or, where unsupported fields are allowed and leaving
    /// this one out is not dangerous, a warning.
    Unsupported,
    /// A file that the configuration names can't be read. Left out where files are not checked.
    File,
    /// Envoy refuses it, but what is meant is clear, and Causeway does that.
    Lenient,
    /// Envoy accepts it without a word, but it is probably not what was meant.
    Suspicious,
    /// Causeway does it differently; the message says how.
    Approximated,
    /// It works, but there is a modern form, which the help shows; most of it Envoy is about to drop.
    Deprecated,
    /// It has no effect here, and does no harm; the message says why.
    Ignored,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Line of the first character behind it.
    pub end_line: u32,
    /// Column of the first character behind it.
    pub end_column: u32,
    /// The lines it stands in.
    pub(crate) excerpt: Excerpt,
}

/// A few lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The lines.
    pub(crate) text: String,
    /// Number of the first.
    pub(crate) first_line: u32,
    /// What is underlined.
    pub(crate) marked: std::ops::Range<usize>,
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: Kind,
    /// A stable name of this sort of diagnostic, `unknown-field`.
    pub code: &'static str,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Where; `None` for what no file holds.
    pub place: Option<Place>,
    /// The field, `static_resources.clusters[0].connect_timeout`; empty for the file as a whole.
    pub path: String,
    /// What is written at the underlined place, in a few words.
    pub label: String,
    /// Other places that matter, and what is there.
    pub related: Vec<(Place, String)>,
    /// What to do about it, a sentence each.
    pub help: Vec<String>,
    /// What to write instead, as YAML.
    pub suggestion: Option<String>,
}

/// Everything there is to say about a configuration, worst first, and in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Place {
    /// The lines it stands in, and the number of the first, from 1.
    #[must_use]
    pub fn lines(&self) -> (&str, u32) {
        (&self.excerpt.text, self.excerpt.first_line)
    }

    /// The same place with another text in place of its lines, all of which is meant: for who is to see where something
    /// stands, but not what.
    #[must_use]
    pub fn with_text(&self, text: &str) -> Self {
        let excerpt = Excerpt { text: text.to_owned(), first_line: self.line, marked: 0..text.len() };
        Self { excerpt, ..self.clone() }
    }

    /// Which bytes of [`Place::lines`] are meant.
    #[must_use]
    pub const fn marked(&self) -> &std::ops::Range<usize> {
        &self.excerpt.marked
    }
}

impl Diagnostics {
    pub(crate) fn new(mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| {
            let place = diagnostic.place.as_ref();
            (diagnostic.severity, place.map_or((0, 0), |place| (place.line, place.column)))
        });
        Self { list }
    }

    /// Whether the configuration can't be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many there are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// For people: each with the line it is about, then a summary. Ends in a line end; empty where there
    /// is nothing to say.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render::render(self, color)
    }

    /// For tools. The form is stable: fields may be added, none change.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json::to_json(self)
    }

    /// "2 errors, 1 warning"; empty where there is nothing to say.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let count = self.count(severity);
            if count > 0 {
                parts.push(format!("{count} {severity}{}", if count == 1 { "" } else { "s" }));
            }
        }
        parts.join(", ")
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "rejected",
            Self::Unsupported => "unsupported",
            Self::File => "file",
            Self::Lenient => "lenient",
            Self::Suspicious => "suspicious",
            Self::Approximated => "approximated",
            Self::Deprecated => "deprecated",
            Self::Ignored => "ignored",
        })
    }
}

/// In one line: `envoy.yaml:3:5: error: …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        write!(f, "{}: {}", self.severity, self.message)?;
        if !self.path.is_empty() {
            write!(f, " (at {})", self.path)?;
        }
        Ok(())
    }
}
