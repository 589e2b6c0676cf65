//! A reader of HTTP/1.1 messages that follows the grammar of RFC 9112 and forgives nothing.
//!
//! It is written for these tests and shares no line with the codec of the proxy, so that a mistake in one is
//! not made by the other as well.

use std::fmt;

/// Why bytes are no HTTP/1.1 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A field line, its value without white space around it.
type Field = (String, Vec<u8>);

/// A request or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The three parts of the first line.
    pub(crate) line: [String; 3],
    pub(crate) fields: Vec<Field>,
    pub(crate) body: Vec<u8>,
}

/// How much of a message there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// All of it, in so many bytes.
    Whole(Message, usize),
    /// The head, and not all of the body.
    Head(Message),
    /// Not even the head.
    Begun,
}

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Message {
    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice())
    }

    /// The first value of a field as text; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.field(name).unwrap_or_default()).into_owned()
    }

    /// Whether the message says that it is the last of its connection.
    pub(crate) fn closes(&self) -> bool {
        self.values("connection")
            .any(|v| v.split(|b| *b == b',').any(|o| o.trim_ascii().eq_ignore_ascii_case(b"close")))
    }

    /// What the framing fields say. `None` where there are none.
    fn framing(&self) -> Result<Option<Framing>, Fault> {
        let lengths: Vec<_> = self.values("content-length").collect();
        let codings: Vec<_> = self.values("transfer-encoding").collect();
        match (&*lengths, &*codings) {
            ([], []) => Ok(None),
            ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Framing::Chunked)),
            ([length], []) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
                let number = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
                number.map(|n| Some(Framing::Length(n))).ok_or_else(|| fault("a length out of range", length))
            }
            _ => Err(Fault(format!("framing by lengths {lengths:?} and codings {codings:?}"))),
        }
    }
}

/// Reads a request.
pub(crate) fn request(bytes: &[u8]) -> Result<Read, Fault> {
    let mut reader = Reader { bytes, at: 0 };
    let Some(line) = reader.line()? else { return Ok(Read::Begun) };
    let parts: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = *parts else { return Err(fault("a request line", line)) };
    if !is_token(method) || version != b"HTTP/1.1" || !is_target(method, target) {
        return Err(fault("a request line", line));
    }
    let Some(mut message) = reader.head([method, target, version])? else { return Ok(Read::Begun) };
    if message.values("host").count() != 1 {
        return Err(fault("not one Host", line));
    }
    let framing = message.framing()?.unwrap_or(Framing::Length(0));
    reader.body(&mut message, framing, false)
}

/// Reads a response. `ended` says that nothing follows the bytes.
pub(crate) fn response(bytes: &[u8], to_head: bool, ended: bool) -> Result<Read, Fault> {
    let mut reader = Reader { bytes, at: 0 };
    let Some(line) = reader.line()? else { return Ok(Read::Begun) };
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (version, status, phrase) = (parts.next(), parts.next(), parts.next());
    let (Some(version), Some(status), Some(phrase)) = (version, status, phrase) else {
        return Err(fault("a status line", line));
    };
    let digits = status.len() == 3 && status.iter().all(u8::is_ascii_digit) && status >= b"100".as_slice();
    if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") || !digits || !is_value(phrase) {
        return Err(fault("a status line", line));
    }
    let bodiless = status.starts_with(b"1") || matches!(status, b"204" | b"304");
    let Some(mut message) = reader.head([version, status, phrase])? else { return Ok(Read::Begun) };
    let said = message.framing()?;
    if (status.starts_with(b"1") || status == b"204") && said.is_some() {
        return Err(fault("framing where there is no body", line));
    }
    let framing = if bodiless || to_head { Framing::Length(0) } else { said.unwrap_or(Framing::UntilClose) };
    reader.body(&mut message, framing, ended)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn rest(&self) -> &'b [u8] {
        &self.bytes[self.at..]
    }

    /// The next line without its CR LF; `None` where it has not ended.
    fn line(&mut self) -> Result<Option<&'b [u8]>, Fault> {
        let rest = self.rest();
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else { return Ok(None) };
        match rest[end..] {
            [b'\r', b'\n', ..] => {}
            [b'\r'] => return Ok(None),
            _ => return Err(fault("a line with a bare CR or LF", rest)),
        }
        self.at += end + 2;
        Ok(Some(&rest[..end]))
    }

    /// Field lines up to the empty line.
    fn fields(&mut self) -> Result<Option<Vec<Field>>, Fault> {
        let mut fields = Vec::new();
        while let Some(line) = self.line()? {
            if line.is_empty() {
                return Ok(Some(fields));
            }
            let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| fault("no colon", line))?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if !is_token(name) || !is_value(value) {
                return Err(fault("a field line", line));
            }
            fields.push((text(name), value.trim_ascii().to_vec()));
        }
        Ok(None)
    }

    fn head(&mut self, line: [&[u8]; 3]) -> Result<Option<Message>, Fault> {
        let fields = self.fields()?;
        Ok(fields.map(|fields| Message { line: line.map(text), fields, body: Vec::new() }))
    }

    fn body(mut self, message: &mut Message, framing: Framing, ended: bool) -> Result<Read, Fault> {
        let whole = match framing {
            Framing::Length(length) => self.take(length).inspect(|b| message.body.extend(*b)).is_some(),
            Framing::Chunked => self.chunks(&mut message.body)?,
            Framing::UntilClose => {
                message.body.extend(self.rest());
                self.at = self.bytes.len();
                ended
            }
        };
        let message = std::mem::take(message);
        Ok(if whole { Read::Whole(message, self.at) } else { Read::Head(message) })
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let taken = self.rest().get(..length)?;
        self.at += length;
        Some(taken)
    }

    /// A chunked body with its trailer section (RFC 9112 §7.1); whether it has ended.
    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<bool, Fault> {
        while let Some(line) = self.line()? {
            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let (size, extension) = line.split_at(digits);
            let begins = extension.trim_ascii_start().starts_with(b";");
            let plain = extension.is_empty() || (begins && is_value(extension));
            let size = usize::from_str_radix(&text(size), 16).ok().filter(|_| digits <= 16 && plain);
            let size = size.ok_or_else(|| fault("a chunk size", line))?;
            if size == 0 {
                return self.trailers();
            }
            let Some(data) = self.take(size) else { return Ok(false) };
            body.extend(data);
            match self.rest() {
                [b'\r', b'\n', ..] => self.at += 2,
                [] | [b'\r'] => return Ok(false),
                other => return Err(fault("what follows the data of a chunk", other)),
            }
        }
        Ok(false)
    }

    /// A trailer section; fields that frame or route may not stand in it (RFC 9110 §6.5.1).
    fn trailers(&mut self) -> Result<bool, Fault> {
        const FORBIDDEN: [&str; 8] = [
            "content-length",
            "transfer-encoding",
            "host",
            "connection",
            "upgrade",
            "te",
            "authorization",
            "content-encoding",
        ];
        let Some(fields) = self.fields()? else { return Ok(false) };
        match fields.iter().find(|(name, _)| FORBIDDEN.contains(&name.to_ascii_lowercase().as_str())) {
            Some((name, value)) => Err(fault(&format!("{name} in a trailer section"), value)),
            None => Ok(true),
        }
    }
}

/// A method or field name (RFC 9110 §5.6.2).
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// What may stand in a field value, a reason phrase or an extension: no control character but HTAB.
fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

/// A target in origin form, or what CONNECT and OPTIONS have instead.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let graphic = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    graphic && (target.starts_with(b"/") || method == b"CONNECT" || (method == b"OPTIONS" && target == b"*"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fault(what: &str, bytes: &[u8]) -> Fault {
    Fault(format!("{what}: \"{}\"", bytes[..bytes.len().min(80)].escape_ascii()))
}

#[test]
fn what_the_grammar_has_is_read() {
    for (text, body) in [
        ("GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n", ""),
        ("OPTIONS * HTTP/1.1\r\nhost:\t a \r\nX:\r\n\r\n", ""),
        ("POST /a HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        (
            "POST /a HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=\"y\"\r\nab\r\n0A\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
            "ab0123456789",
        ),
    ] {
        match request(text.as_bytes()) {
            Ok(Read::Whole(message, length)) => {
                assert_eq!((length, message.body.as_slice()), (text.len(), body.as_bytes()), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
        for end in 0..text.len() {
            let part = request(&text.as_bytes()[..end]).unwrap();
            assert!(!matches!(part, Read::Whole(..)), "{end} bytes of {text}: {part:?}");
        }
    }
}

#[test]
fn what_the_grammar_has_not_is_refused() {
    for text in [
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nhost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\rz\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 1\r\n\r\n",
    ] {
        assert!(request(text.as_bytes()).is_err(), "{text:?}");
    }
}
