//! YAML. The only place that knows the parser's crate.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};

use super::{DEPTH_LIMIT, Key, Node, NodeKind, Parsed, TextError, TextWarning, scalar};
use crate::source::Span;

/// Reads the first document of a text whose bytes begin at `base`.
pub(crate) fn parse(text: &str, base: u32) -> Result<Parsed<'_>, TextError> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_LIMIT,
        block_nesting_limit: DEPTH_LIMIT,
    };
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        base,
        length: text.len(),
        anchors: HashMap::new(),
        depth: 0,
        warnings: Vec::new(),
    };
    reader.document()
}

/// Mends what yaml-cpp reads and the specification does not allow: a flow list or map on a line of its
/// own, no deeper than the key it belongs to. The line end before it becomes a space, so that every byte
/// keeps its place. `None` where it is not that which is wrong at `offset`.
pub(crate) fn mend(text: &str, offset: usize) -> Option<String> {
    let line_start = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..)?;
    let indent = line.len() - line.trim_start_matches(' ').len();
    if !line.get(indent..)?.starts_with(['[', '{']) {
        return None;
    }
    let before = text.get(..line_start.checked_sub(1)?)?;
    let key_line = before.rsplit('\n').next()?.trim_end_matches('\r');
    let key_indent = key_line.len() - key_line.trim_start_matches([' ', '-']).len();
    if !key_line.ends_with(':') || indent > key_indent {
        return None;
    }
    let mut mended = text.to_owned();
    mended.replace_range(line_start - 1..line_start, " ");
    if before.ends_with('\r') {
        mended.replace_range(line_start - 2..line_start - 1, " ");
    }
    Some(mended)
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    base: u32,
    length: usize,
    anchors: HashMap<usize, Rc<Node<'a>>>,
    depth: usize,
    warnings: Vec<TextWarning>,
}

/// What stands at the place of a node.
enum Item<'a> {
    Node(Node<'a>),
    /// The map or list is over.
    End,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Parsed<'a>, TextError> {
        let root = loop {
            match self.next()? {
                Some((Event::StreamStart | Event::DocumentStart(..), _)) => {}
                Some((Event::StreamEnd | Event::DocumentEnd, _)) | None => {
                    break Node { span: self.span(None), kind: NodeKind::Null };
                }
                Some((event, span)) => {
                    if let Item::Node(node) = self.item(event, span)? {
                        break node;
                    }
                }
            }
        };
        // What follows does not count, but what belongs to this document has to be in order. A second
        // document need not be: it is never read.
        loop {
            match self.next()? {
                Some((Event::DocumentEnd, _)) => {}
                Some((Event::DocumentStart(..), span)) => {
                    self.warnings.push(TextWarning::SecondDocument { span });
                    break;
                }
                Some((Event::StreamEnd, _)) | None => break,
                Some(_) => {}
            }
        }
        Ok(Parsed { root, warnings: std::mem::take(&mut self.warnings) })
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, TextError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let span = self.span(span.byte_range());
                Ok(Some((event, span)))
            }
            Some(Err(error)) => Err(self.error(&error)),
        }
    }

    fn item(&mut self, event: Event<'a>, span: Span) -> Result<Item<'a>, TextError> {
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (Node { span, kind: scalar_kind(text, style, tag.as_deref()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(span)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(span)?, anchor),
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id) else {
                    return Err(TextError {
                        span,
                        message: "this alias stands inside what it names".to_owned(),
                        help: None,
                    });
                };
                (Node { span, kind: NodeKind::Shared(Rc::clone(node)) }, 0)
            }
            Event::UnresolvedAlias(name) => {
                return Err(TextError {
                    span,
                    message: format!("`*{name}` names no anchor that stands before it"),
                    help: Some(format!(
                        "a value that begins with `*` is an alias in YAML; if text is meant, quote it: \"*{name}\""
                    )),
                });
            }
            Event::SequenceEnd | Event::MappingEnd => return Ok(Item::End),
            _ => (Node { span, kind: NodeKind::Null }, 0),
        };
        if anchor == 0 {
            return Ok(Item::Node(node));
        }
        let span = node.span;
        let shared = Rc::new(node);
        self.anchors.insert(anchor, Rc::clone(&shared));
        Ok(Item::Node(Node { span, kind: NodeKind::Shared(shared) }))
    }

    fn descend(&mut self, span: Span) -> Result<(), TextError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(too_deep(span));
        }
        Ok(())
    }

    fn list(&mut self, start: Span) -> Result<Node<'a>, TextError> {
        self.descend(start)?;
        let mut items = Vec::new();
        let mut end = start.end;
        while let Some((event, span)) = self.next()? {
            match self.item(event, span)? {
                Item::Node(node) => {
                    end = end.max(node.span.end);
                    items.push(node);
                }
                Item::End => {
                    end = end.max(span.end);
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(Node { span: Span { start: start.start, end }, kind: NodeKind::List(items) })
    }

    fn map(&mut self, start: Span) -> Result<Node<'a>, TextError> {
        self.descend(start)?;
        let mut entries: Vec<(Key<'a>, Node<'a>)> = Vec::new();
        let mut end = start.end;
        while let Some((event, span)) = self.next()? {
            let ignored = is_ignored(&event);
            let Some(key) = self.key(event, span)? else {
                end = end.max(span.end);
                break;
            };
            let Some((event, span)) = self.next()? else { break };
            let Item::Node(value) = self.item(event, span)? else { break };
            end = end.max(value.span.end);
            if !ignored {
                entries.push((key, value));
            }
        }
        self.depth -= 1;
        self.drop_duplicates(&mut entries);
        Ok(Node { span: Span { start: start.start, end }, kind: NodeKind::Map(entries) })
    }

    /// A key as a string; `None` at the end of the map.
    fn key(&mut self, event: Event<'a>, span: Span) -> Result<Option<Key<'a>>, TextError> {
        if let Event::Scalar(text, style, 0, tag) = event {
            // Most keys: whatever they look like, they are strings, and nothing is `null`.
            let null = tag.is_none() && style == ScalarStyle::Plain && scalar::is_null(&text);
            let text = if null { Cow::Borrowed("null") } else { text };
            return Ok(Some(Key { span, text }));
        }
        let Item::Node(node) = self.item(event, span)? else { return Ok(None) };
        let text = match &node.resolve().kind {
            NodeKind::Text(text) | NodeKind::Number(text) => text.clone(),
            NodeKind::Bool(true) => "true".into(),
            NodeKind::Bool(false) => "false".into(),
            NodeKind::Null => "null".into(),
            NodeKind::List(_) | NodeKind::Map(_) | NodeKind::Shared(_) => {
                return Err(TextError {
                    span,
                    message: "a key has to be text".to_owned(),
                    help: Some("`{{…}}` and `${…}` are filled in by template tools: run the tool first, or quote the value".to_owned()),
                });
            }
        };
        Ok(Some(Key { span, text }))
    }

    /// Keeps the last of the entries that share a key, and says so.
    fn drop_duplicates(&mut self, entries: &mut Vec<(Key<'a>, Node<'a>)>) {
        let mut last: HashMap<&str, Span> = HashMap::new();
        let mut doubled: Vec<(String, Span, Span)> = Vec::new();
        if entries.len() <= 8 {
            // Few keys are compared faster than hashed.
            for (at, (key, _)) in entries.iter().enumerate() {
                let later = entries.iter().skip(at + 1).rev().find(|(other, _)| other.text == key.text);
                if let Some((later, _)) = later {
                    doubled.push((key.text.clone().into_owned(), key.span, later.span));
                }
            }
        } else {
            for (key, _) in entries.iter().rev() {
                match last.get(&*key.text) {
                    Some(later) => doubled.push((key.text.clone().into_owned(), key.span, *later)),
                    None => {
                        last.insert(&key.text, key.span);
                    }
                }
            }
        }
        if doubled.is_empty() {
            return;
        }
        let dropped: HashSet<u32> = doubled.iter().map(|(_, span, _)| span.start).collect();
        entries.retain(|(key, _)| !dropped.contains(&key.span.start));
        for (key, first, last) in doubled {
            self.warnings.push(TextWarning::DuplicateKey { key, first, last });
        }
    }

    fn span(&self, range: Option<std::ops::Range<usize>>) -> Span {
        let range = range.unwrap_or(0..0);
        let offset =
            |at: usize| self.base.saturating_add(u32::try_from(at.min(self.length)).unwrap_or(u32::MAX));
        Span { start: offset(range.start), end: offset(range.end.max(range.start)) }
    }

    fn error(&self, error: &ScanError) -> TextError {
        let at = error.marker().byte_offset().unwrap_or(0);
        let span = self.span(Some(at..at + 1));
        let help = match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart => {
                Some("YAML is indented with spaces, never with tabs".to_owned())
            }
            ErrorKind::UnexpectedCharacter { character } => {
                Some(format!("a value that begins with `{character}` has to be quoted"))
            }
            ErrorKind::RecursionLimitExceeded => return too_deep(span),
            _ => None,
        };
        TextError { span, message: format!("this is not YAML: {}", error.info()), help }
    }
}

fn too_deep(span: Span) -> TextError {
    TextError { span, message: format!("more than {DEPTH_LIMIT} levels of lists and maps"), help: None }
}

/// Whether a key carries the tag `!ignore`: Envoy leaves the entry out, which makes it a place for
/// anchors.
fn is_ignored(event: &Event<'_>) -> bool {
    event.tag().is_some_and(|tag| tag.parts() == ("!", "ignore"))
}

fn scalar_kind<'a>(text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>) -> NodeKind<'a> {
    // To yaml-cpp, a quoted scalar without a tag has the tag `!`. Any other tag makes it a plain one.
    let string = match tag {
        None => style != ScalarStyle::Plain,
        Some(tag) => matches!(tag.parts(), ("!", "") | ("", "!")),
    };
    if string { NodeKind::Text(text) } else { scalar::decide(text, tag.is_some()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> NodeKind<'_> {
        parse(text, 0).unwrap().root.into_kind()
    }

    fn value(text: &str) -> NodeKind<'_> {
        match kind(text) {
            NodeKind::Map(entries) => entries.into_iter().next().unwrap().1.into_kind(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tags_and_quotes_decide_scalars() {
        assert_eq!(value("a: 5"), NodeKind::Number("5".into()));
        assert_eq!(value("a: \"5\""), NodeKind::Text("5".into()));
        assert_eq!(value("a: ! 5"), NodeKind::Text("5".into()));
        assert_eq!(value("a: !!str 5"), NodeKind::Number("5".into()));
        assert_eq!(value("a: !!int \"5\""), NodeKind::Number("5".into()));
        assert_eq!(value("a: !foo abc"), NodeKind::Text("abc".into()));
        assert_eq!(value("a: |\n  5\n"), NodeKind::Text("5\n".into()));
        assert_eq!(value("a:"), NodeKind::Null);
        assert_eq!(value("a: ''"), NodeKind::Text("".into()));
    }

    #[test]
    fn ignored_keys_are_dropped_but_their_anchors_stay() {
        let NodeKind::Map(entries) = kind("!ignore x: &x 1s\nb: *x\n") else { panic!() };
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].1.as_text(), Some("1s"));
    }

    #[test]
    fn the_last_of_two_keys_wins_and_is_told() {
        let parsed = parse("a: 1\nb: 2\na: 3\n", 0).unwrap();
        assert_eq!(parsed.root.get("a").unwrap().kind, NodeKind::Number("3".into()));
        let NodeKind::Map(entries) = &parsed.root.kind else { panic!() };
        assert_eq!(entries.len(), 2);
        let [TextWarning::DuplicateKey { key, first, last }] = parsed.warnings.as_slice() else { panic!() };
        assert_eq!((key.as_str(), first.start, last.start), ("a", 0, 10));
        let many = (0..20).map(|i| format!("k{}: {i}\n", i % 10)).collect::<String>();
        let parsed = parse(&many, 0).unwrap();
        assert_eq!(parsed.warnings.len(), 10);
        assert_eq!(parsed.root.get("k3").unwrap().kind, NodeKind::Number("13".into()));
    }

    #[test]
    fn only_the_first_document_is_read() {
        let parsed = parse("a: 1\n---\n}}} : [", 0).unwrap();
        assert!(matches!(parsed.warnings.as_slice(), [TextWarning::SecondDocument { .. }]));
        assert_eq!(parse("---\na: 1\n...\n", 0).unwrap().warnings, []);
        assert!(parse("a: 1\n...\n}}} : :\n", 0).is_err());
    }

    #[test]
    fn keys_are_text() {
        let NodeKind::Map(entries) = kind("5: a\ntrue: b\n~: c\n\"q\": d\n") else { panic!() };
        let keys: Vec<_> = entries.iter().map(|(key, _)| &*key.text).collect();
        assert_eq!(keys, ["5", "true", "null", "q"]);
        assert!(parse("{a: {{b}}}", 0).is_err());
        assert_eq!(kind("x: &k name\n*k : v\n"), {
            let NodeKind::Map(entries) = kind("x: &k name\n*k : v\n") else { panic!() };
            assert_eq!(&*entries[1].0.text, "name");
            NodeKind::Map(entries)
        });
    }

    #[test]
    fn hostile_nesting_ends_in_an_error() {
        assert!(parse(&"[".repeat(100_000), 0).is_err());
        assert!(parse(&"- ".repeat(10_000), 0).is_err());
        assert!(parse("a: &x [*x]", 0).is_err());
    }

    #[test]
    fn a_flow_list_may_stand_below_its_key() {
        let text = "a:\n  b:\n  []\n  c: 1\n";
        let error = parse(text, 0).unwrap_err();
        let mended = mend(text, error.span.start as usize).unwrap();
        assert_eq!(mended.len(), text.len());
        let parsed = parse(&mended, 0).unwrap();
        let inner = parsed.root.get("a").unwrap();
        assert_eq!(inner.get("b").unwrap().kind, NodeKind::List(Vec::new()));
        assert_eq!(mend("a: [", 3), None);
        assert_eq!(mend("a:\n    [", 8), None);
    }

    #[test]
    fn spans_are_bytes() {
        let parsed = parse("é: {b: 'c'}", 7).unwrap();
        let inner = parsed.root.get("é").unwrap().get("b").unwrap();
        assert_eq!(inner.span, Span { start: 7 + 8, end: 7 + 11 });
    }
}
