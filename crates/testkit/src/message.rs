//! HTTP/1 messages as they are on the wire: order, case and oddities kept.

use std::fmt;

use serde_json::{Value, json};

/// Bytes as a string in which every byte is one character.
///
/// Header values may hold any byte; this way they can be compared, printed and put into JSON
/// without losing one.
#[must_use]
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

/// The way back from [`latin1`]; characters beyond it become UTF-8.
#[must_use]
pub fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(b) => bytes.push(b),
            Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// Header fields in the order and the case in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a field, whatever the case of its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// All values of a field, in order.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Whether one of the comma-separated members of a field is this one, as in `Connection: close`.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a list of pairs, which keeps order and repetition.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.iter().map(|(n, v)| json!([n, v])).collect()
    }

    /// Writes the fields as they stand in a message.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.extend(to_bytes(name));
            out.extend(b": ");
            out.extend(to_bytes(value));
            out.extend(b"\r\n");
        }
    }

    /// Reads the lines of a header section. A line without a colon stays, as a name without value:
    /// what a proxy made of a malformed field is what a test may want to see.
    pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        Self(
            lines
                .map(|line| match line.iter().position(|&b| b == b':') {
                    Some(at) => (latin1(&line[..at]), latin1(line[at + 1..].trim_ascii())),
                    None => (latin1(line), String::new()),
                })
                .collect(),
        )
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(fields: T) -> Self {
        Self(fields.into_iter().map(|(n, v)| (n.into(), v.into())).collect())
    }
}

impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(n, v)| writeln!(f, "{n}: {v}"))
    }
}

/// A start line and the header fields under it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) headers: Headers,
}

impl Head {
    /// Takes apart a header section, which ends with an empty line.
    pub(crate) fn parse(section: &[u8]) -> Self {
        let mut lines = section
            .split(|&b| b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.is_empty());
        let line = lines.next().map(latin1).unwrap_or_default();
        Self { line, headers: Headers::parse(lines) }
    }
}

/// How the end of a message body is found (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    pub(crate) fn of_request(headers: &Headers) -> Self {
        if headers.has_token("transfer-encoding", "chunked") {
            Self::Chunked
        } else {
            Self::length(headers).unwrap_or(Self::Empty)
        }
    }

    /// `method` is that of the request: the answer to HEAD has the framing fields but no body.
    pub(crate) fn of_response(method: &str, status: u16, headers: &Headers) -> Self {
        let connected = method == "CONNECT" && (200..300).contains(&status);
        if method == "HEAD" || (100..200).contains(&status) || matches!(status, 204 | 304) || connected {
            Self::Empty
        } else if headers.has_token("transfer-encoding", "chunked") {
            Self::Chunked
        } else {
            Self::length(headers).unwrap_or(Self::UntilClose)
        }
    }

    fn length(headers: &Headers) -> Option<Self> {
        headers.get("content-length").and_then(|v| v.parse().ok()).map(Self::Length)
    }
}

/// A body as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Headers,
    /// False if the connection ended, or went wrong, before the body did.
    pub(crate) complete: bool,
}

/// A request as a back-end saw it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection of the back-end it came on, counted from 0.
    pub connection: usize,
    /// Which request of the back-end it is, counted from 0.
    pub number: usize,
    /// The method.
    pub method: String,
    /// The request target, as it was sent.
    pub target: String,
    /// `HTTP/1.1`.
    pub version: String,
    /// The header fields.
    pub headers: Headers,
    /// The body without its framing; empty for a script that answers early.
    pub body: Vec<u8>,
    /// The fields after a chunked body.
    pub trailers: Headers,
    /// Whether the body came whole.
    pub complete: bool,
}

impl Received {
    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What [`crate::Reply::echo`] answers with. Nothing that differs from run to run is in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "method": self.method,
            "target": self.target,
            "version": self.version,
            "headers": self.headers.to_json(),
            "body": latin1(&self.body),
        });
        if !self.trailers.is_empty() {
            json["trailers"] = self.trailers.to_json();
        }
        if !self.complete {
            json["complete"] = Value::Bool(false);
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(to_bytes(&latin1(&all)), all);
    }

    #[test]
    fn heads_keep_order_case_and_oddities() {
        let head = Head::parse(b"GET / HTTP/1.1\r\nHost: a\r\nX-B:  1 \r\nnonsense\r\nx-b: 2\r\n\r\n");
        assert_eq!(head.line, "GET / HTTP/1.1");
        let fields: Vec<_> = head.headers.iter().collect();
        assert_eq!(fields, [("Host", "a"), ("X-B", "1"), ("nonsense", ""), ("x-b", "2")]);
        assert_eq!(head.headers.all("X-B").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn framing_follows_method_and_status() {
        let length: Headers = [("Content-Length", "5")].into_iter().collect();
        let chunked: Headers =
            [("Transfer-Encoding", "Chunked"), ("Content-Length", "5")].into_iter().collect();
        assert_eq!(Framing::of_response("HEAD", 200, &length), Framing::Empty);
        assert_eq!(Framing::of_response("GET", 304, &length), Framing::Empty);
        assert_eq!(Framing::of_response("GET", 200, &length), Framing::Length(5));
        assert_eq!(Framing::of_response("GET", 200, &chunked), Framing::Chunked);
        assert_eq!(Framing::of_response("GET", 200, &Headers::default()), Framing::UntilClose);
        assert_eq!(Framing::of_response("CONNECT", 200, &length), Framing::Empty);
        assert_eq!(Framing::of_request(&Headers::default()), Framing::Empty);
    }
}
