//! JSON, as the parser in protobuf takes it: single quotes, keys without quotes and a comma before a
//! closing bracket are understood, and keys may stand twice.

use std::borrow::Cow;

use super::{DEPTH_LIMIT, Key, Node, NodeKind, Parsed, TextError};
use crate::source::Span;

/// Reads a text whose bytes begin at `base`.
pub(crate) fn parse(text: &str, base: u32) -> Result<Parsed<'_>, TextError> {
    let mut reader = Reader { text, at: 0, base, depth: 0 };
    reader.space();
    let root = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error(reader.at, "something follows the end of the JSON value"));
    }
    Ok(Parsed { root, warnings: Vec::new() })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    base: u32,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character is not what it has to be.
    fn unexpected(&self, wanted: &str) -> TextError {
        match self.rest().chars().next() {
            Some(c) => {
                self.error(self.at, &format!("found `{}` where {wanted} has to stand", c.escape_default()))
            }
            None => self.error(self.at, &format!("the text ends where {wanted} has to stand")),
        }
    }

    fn error(&self, at: usize, message: &str) -> TextError {
        TextError { span: self.span(at, at + 1), message: format!("this is not JSON: {message}"), help: None }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let offset =
            |at: usize| self.base.saturating_add(u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX));
        Span { start: offset(start), end: offset(end) }
    }

    fn value(&mut self) -> Result<Node<'a>, TextError> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::map)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"' | b'\'') => NodeKind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => NodeKind::Number(self.number()?.into()),
            _ => self.word()?,
        };
        Ok(Node { span: self.span(start, self.at), kind })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<NodeKind<'a>, TextError>,
    ) -> Result<NodeKind<'a>, TextError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(self.error(self.at, &format!("more than {DEPTH_LIMIT} levels of lists and maps")));
        }
        self.at += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn map(&mut self) -> Result<NodeKind<'a>, TextError> {
        let mut entries = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(NodeKind::Map(entries));
            }
            let start = self.at;
            let text = match self.peek() {
                Some(b'"' | b'\'') => self.string()?,
                _ => self.bare_key()?.into(),
            };
            let key = Key { span: self.span(start, self.at), text };
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            self.space();
            entries.push((key, self.value()?));
            self.separator(b'}', "`,` or `}`")?;
        }
    }

    fn list(&mut self) -> Result<NodeKind<'a>, TextError> {
        let mut items = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(NodeKind::List(items));
            }
            items.push(self.value()?);
            self.separator(b']', "`,` or `]`")?;
        }
    }

    /// A comma, or the closing bracket, which stays.
    fn separator(&mut self, close: u8, wanted: &str) -> Result<(), TextError> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(())
            }
            Some(byte) if byte == close => Ok(()),
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn bare_key(&mut self) -> Result<&'a str, TextError> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len());
        match rest.get(..end) {
            Some(key) if key.starts_with(|c: char| !c.is_ascii_digit()) => {
                self.at += end;
                Ok(key)
            }
            _ => Err(self.unexpected("a key")),
        }
    }

    fn word(&mut self) -> Result<NodeKind<'a>, TextError> {
        for (word, kind) in
            [("null", NodeKind::Null), ("true", NodeKind::Bool(true)), ("false", NodeKind::Bool(false))]
        {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn number(&mut self) -> Result<&'a str, TextError> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let first = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at > first
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let first = self.at;
        if !digits(self) {
            return Err(self.unexpected("a digit"));
        }
        if zero && self.at > first + 1 {
            return Err(self.error(first, "a number can't begin with an extra zero"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !digits(self) {
                return Err(self.unexpected("a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !digits(self) {
                return Err(self.unexpected("a digit"));
            }
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err(self.unexpected("the end of the number"));
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, TextError> {
        let quote = self.peek();
        let start = self.at + 1;
        self.at = start;
        let mut decoded: Option<String> = None;
        let mut plain = start;
        loop {
            match self.peek() {
                None => return Err(self.error(start - 1, "this string does not end")),
                byte if byte == quote => {
                    let tail = self.text.get(plain..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(match decoded {
                        None => tail.into(),
                        Some(text) => (text + tail).into(),
                    });
                }
                Some(b'\\') => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(self.text.get(plain..self.at).unwrap_or_default());
                    let c = self.escape()?;
                    decoded.get_or_insert_default().push(c);
                    plain = self.at;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, TextError> {
        let at = self.at;
        self.at += 2;
        Ok(match self.text.as_bytes().get(at + 1) {
            Some(quoted @ (b'"' | b'\\' | b'/' | b'\'')) => char::from(*quoted),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex(at)?;
                let code = if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
                    self.at += 2;
                    let second = self.hex(at)?;
                    0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.error(at, "half of a surrogate pair"))?
            }
            _ => return Err(self.error(at, "an escape that JSON does not have")),
        })
    }

    fn hex(&mut self, at: usize) -> Result<u32, TextError> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.error(at, "four hexadecimal digits have to follow `\\u`"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> NodeKind<'_> {
        parse(text, 0).unwrap().root.kind
    }

    #[test]
    fn takes_what_protobuf_takes() {
        for text in ["{a: 1}", "{'a': 1}", "{\"a\": 1,}", " {\"a\"\n:1} \t", "{\"\\u0061\": 1}"] {
            let NodeKind::Map(entries) = ok(text) else { panic!("{text}") };
            assert_eq!(&*entries[0].0.text, "a", "{text}");
            assert_eq!(entries[0].1.kind, NodeKind::Number("1".into()), "{text}");
        }
        assert_eq!(ok("null"), NodeKind::Null);
        assert_eq!(ok("\"\\ud83d\\ude00\\n\\'\""), NodeKind::Text("😀\n'".into()));
        assert_eq!(ok("-1.5e+3"), NodeKind::Number("-1.5e+3".into()));
        assert_eq!(ok("\"a\tb\""), NodeKind::Text("a\tb".into()));
    }

    #[test]
    fn refuses_what_protobuf_refuses() {
        for text in [
            "",
            "{",
            "[1",
            "01",
            "+1",
            ".5",
            "1.",
            "0x10",
            "NaN",
            "True",
            "{a 1}",
            "{} x",
            "// c\n{}",
            "\"\\q\"",
            "\"\\ud83d\"",
            "\"\\x41\"",
            "\"a",
            "{1: 2}",
            "[1 2]",
            "1a",
            "\u{feff}{}",
        ] {
            assert!(parse(text, 0).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000), 0).is_err());
    }

    #[test]
    fn an_error_names_its_place() {
        let error = parse("{\"a\": tru}", 100).unwrap_err();
        assert_eq!(error.span.start, 106);
        assert!(error.message.contains("`t`"), "{}", error.message);
    }
}
