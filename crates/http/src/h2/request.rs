//! The head of a request, from the fields of its HEADERS frame (RFC 9113 §8.2, §8.3), as strictly as Envoy takes it.
//!
//! What comes out is a head as HTTP/1 would have brought it: the method, path and authority in their places, nothing
//! that HTTP/1 could read in another way.

use crate::h1::{
    BodyFraming, ConnectionOptions, HeadLimits, PathSpan, RequestHead, Target, may_trail, parse_length,
};
use crate::header_block::Span;
use crate::known::JOINED_IN_REQUESTS;
use crate::{Field, HeaderBlock, Known, Method, Name, authority};

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A field that HTTP/2 does not allow, or not there.
    Field(&'static str),
    /// The fields together are no request.
    Message(&'static str),
    /// There are too many.
    TooMany,
    /// They are too large.
    TooLarge,
}

/// Takes in the fields of a request's head, one after the other.
#[derive(Debug)]
pub struct HeadReader<'b> {
    block: &'b mut HeaderBlock,
    path: &'b mut Vec<u8>,
    limits: HeadLimits,
    /// `:protocol` is understood (RFC 8441).
    connect_protocol: bool,
    counted: Counted,
    method: Option<(Method, Span)>,
    has_path: bool,
    scheme: Option<Scheme>,
    authority: bool,
    host: bool,
    protocol: Option<Vec<u8>>,
    length: Option<u64>,
    expect: bool,
    regular: bool,
    repeated: bool,
    cookie: Vec<u8>,
    fault: Option<Fault>,
}

/// How much there is so far.
#[derive(Debug, Default)]
struct Counted {
    bytes: usize,
    fields: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    Other,
}

impl<'b> HeadReader<'b> {
    /// A reader that fills these, which are empty.
    pub fn new(
        block: &'b mut HeaderBlock,
        path: &'b mut Vec<u8>,
        limits: HeadLimits,
        connect_protocol: bool,
    ) -> Self {
        Self {
            block,
            path,
            limits,
            connect_protocol,
            counted: Counted::default(),
            method: None,
            has_path: false,
            scheme: None,
            authority: false,
            host: false,
            protocol: None,
            length: None,
            expect: false,
            regular: false,
            repeated: false,
            cookie: Vec::new(),
            fault: None,
        }
    }

    /// Bytes of the names and values so far.
    pub const fn field_bytes(&self) -> usize {
        self.counted.bytes
    }

    /// Takes in a field. Behind a fault, they are only counted.
    pub fn field(&mut self, field: Field<'_>) {
        if self.fault.is_some() {
            return;
        }
        self.counted.fields += 1;
        self.counted.bytes += field.name.len() + field.value.len();
        let taken = if field.name.first() == Some(&b':') { self.pseudo(field) } else { self.regular(field) };
        // What can't be is told before what is too much.
        self.fault = match taken {
            Err(fault) => Some(fault),
            Ok(()) if self.counted.fields > self.limits.fields => Some(Fault::TooMany),
            Ok(()) if self.counted.bytes > self.limits.bytes => Some(Fault::TooLarge),
            Ok(()) => None,
        };
    }

    fn pseudo(&mut self, field: Field<'_>) -> Result<(), Fault> {
        let value = field.value;
        if self.regular {
            return Err(Fault::Field("a pseudo header stands behind other fields"));
        }
        let twice = |is: bool| if is { Err(Fault::Field("a pseudo header is there twice")) } else { Ok(()) };
        match field.name {
            b":method" => {
                twice(self.method.is_some())?;
                if value.is_empty() || !value.iter().all(|byte| is_token(*byte)) {
                    return Err(Fault::Field("the method is no token"));
                }
                let method = std::str::from_utf8(value).map_or(Method::Custom, Method::from_name);
                let name = if method == Method::Custom { self.block.hold(value) } else { Span::default() };
                self.method = Some((method, name));
            }
            b":path" => {
                twice(std::mem::replace(&mut self.has_path, true))?;
                if value.is_empty() || !value.iter().all(|byte| matches!(byte, 0x21..=0x7E | 0x80..)) {
                    return Err(Fault::Field(
                        "the path is empty, or holds white space or control characters",
                    ));
                }
                self.path.extend_from_slice(value);
            }
            b":scheme" => {
                twice(self.scheme.is_some())?;
                if !is_scheme(value) {
                    return Err(Fault::Field("the scheme is none"));
                }
                self.scheme = Some(match value {
                    _ if value.eq_ignore_ascii_case(b"http") => Scheme::Http,
                    _ if value.eq_ignore_ascii_case(b"https") => Scheme::Https,
                    _ => Scheme::Other,
                });
            }
            b":authority" => {
                twice(std::mem::replace(&mut self.authority, true))?;
                self.take_authority(value)?;
            }
            b":protocol" if self.connect_protocol => {
                twice(self.protocol.is_some())?;
                if value.is_empty() || !is_value(value) {
                    return Err(Fault::Field("the protocol is none"));
                }
                self.protocol = Some(value.to_vec());
            }
            _ => return Err(Fault::Field("a pseudo header that requests do not have")),
        }
        Ok(())
    }

    fn take_authority(&mut self, value: &[u8]) -> Result<(), Fault> {
        if !is_authority(value) {
            return Err(Fault::Field("the authority is none"));
        }
        self.block.append(Known::Host, value);
        Ok(())
    }

    fn regular(&mut self, field: Field<'_>) -> Result<(), Fault> {
        let Field { name, value, known } = field;
        self.regular = true;
        check_field(name, value)?;
        match known {
            Some(Known::Host) => {
                if std::mem::replace(&mut self.host, true) {
                    return Err(Fault::Field("there is more than one host"));
                }
                // The authority stands for it.
                if !self.authority {
                    return self.take_authority(value);
                }
                return if is_authority(value) { Ok(()) } else { Err(Fault::Field("the host is none")) };
            }
            Some(
                Known::Connection
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::TransferEncoding
                | Known::Upgrade,
            ) => return Err(Fault::Field("a field about a connection of HTTP/1 (RFC 9113 §8.2.2)")),
            Some(Known::Te) if !value.eq_ignore_ascii_case(b"trailers") => {
                return Err(Fault::Field("te says more than trailers (RFC 9113 §8.2.2)"));
            }
            // In other letters it may come, but goes no further.
            Some(Known::Te) if value != b"trailers" => return Ok(()),
            Some(Known::ContentLength) => {
                let length = parse_length(value).filter(|_| self.length.is_none());
                self.length =
                    Some(length.ok_or(Fault::Field("content-length is no number, or there twice"))?);
            }
            Some(Known::Expect) => {
                self.expect = value.eq_ignore_ascii_case(b"100-continue") && !self.block.has(Known::Expect);
            }
            None if name == b"cookie" => {
                // It may come in pieces (RFC 9113 §8.2.3).
                if !self.cookie.is_empty() {
                    self.cookie.extend_from_slice(b"; ");
                }
                self.cookie.extend_from_slice(value);
                return Ok(());
            }
            _ => {}
        }
        match known {
            Some(known) => {
                self.repeated |= self.block.has(known);
                self.block.append(known, value);
            }
            // It has been found to be ASCII.
            None => self.block.append(Name::Other(std::str::from_utf8(name).unwrap_or_default()), value),
        }
        Ok(())
    }

    /// The head, now that all its fields are there, and whether the scheme is https. `ends` says that nothing follows
    /// on the stream.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn finish(mut self, ends: bool) -> Result<(RequestHead, bool), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.cookie.is_empty() {
            let cookie = std::mem::take(&mut self.cookie);
            self.block.append(Name::Other("cookie"), &cookie);
        }
        let Some((method, method_name)) = self.method else {
            return Err(Fault::Message("there is no method"));
        };
        let tunnel = method == Method::Connect && self.protocol.is_none();
        if tunnel {
            if self.scheme.is_some() || self.has_path || !self.authority {
                return Err(Fault::Message("CONNECT has an authority, and neither scheme nor path"));
            }
        } else {
            if !self.has_path || self.scheme.is_none() {
                return Err(Fault::Message("there is no path, or no scheme"));
            }
            if !self.authority && !self.host {
                return Err(Fault::Message("there is neither authority nor host"));
            }
            let asterisk = method == Method::Options && self.path == b"*";
            if self.scheme != Some(Scheme::Other) && self.path.first() != Some(&b'/') && !asterisk {
                return Err(Fault::Message("the path does not begin with a slash"));
            }
        }
        if self.protocol.is_some() && (method != Method::Connect || !self.authority) {
            return Err(Fault::Message("a protocol is for CONNECT, with an authority"));
        }
        if ends && self.length.is_some_and(|length| length > 0) {
            return Err(Fault::Message("content-length promises a body that does not come"));
        }
        if self.repeated {
            self.block.join_repeated(JOINED_IN_REQUESTS);
        }
        let https = self.scheme == Some(Scheme::Https);
        Ok((self.head(method, method_name, tunnel, ends), https))
    }

    fn head(self, method: Method, method_name: Span, tunnel: bool, ends: bool) -> RequestHead {
        let mut connection = ConnectionOptions::default();
        let mut method = method;
        let mut framing = match self.length {
            _ if ends => BodyFraming::None,
            Some(length) => BodyFraming::Length(length),
            None => BodyFraming::Chunked,
        };
        if let Some(protocol) = &self.protocol {
            // RFC 8441 §5: what it asks for is an upgrade of HTTP/1.
            method = Method::Get;
            connection.upgrade = true;
            framing = BodyFraming::None;
            self.block.append(Known::Upgrade, protocol);
            self.block.append(Known::Connection, b"upgrade");
        }
        let target = if tunnel {
            framing = BodyFraming::None;
            let host = self.block.get(Known::Host).unwrap_or_default().to_vec();
            self.path.extend_from_slice(&host);
            Target::Authority(PathSpan::of(self.block.hold(&host)))
        } else {
            let path = PathSpan::of(self.block.hold(self.path));
            if self.path.first() == Some(&b'/') { Target::Origin(path) } else { Target::NotPath(path) }
        };
        RequestHead::over_http2(method, method_name, target, framing, connection, self.expect)
    }
}

/// Takes in the trailers of a request.
#[derive(Debug)]
pub struct TrailerReader {
    block: HeaderBlock,
    limits: HeadLimits,
    counted: Counted,
    fault: Option<Fault>,
}

impl TrailerReader {
    /// A reader with the limits of a head.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self { block: HeaderBlock::new(), limits, counted: Counted::default(), fault: None }
    }

    /// Takes in a field.
    pub fn field(&mut self, field: Field<'_>) {
        if self.fault.is_some() {
            return;
        }
        self.counted.fields += 1;
        self.counted.bytes += field.name.len() + field.value.len();
        if field.name.first() == Some(&b':') {
            self.fault = Some(Fault::Field("a pseudo header among trailers"));
        } else if let Err(fault) = check_field(field.name, field.value) {
            self.fault = Some(fault);
        } else if self.counted.fields > self.limits.fields {
            self.fault = Some(Fault::TooMany);
        } else if self.counted.bytes > self.limits.bytes {
            self.fault = Some(Fault::TooLarge);
        } else {
            // It has been found to be ASCII.
            let name = std::str::from_utf8(field.name).unwrap_or_default();
            if may_trail(name) {
                self.block.append(name, field.value);
            }
        }
    }

    /// The trailers.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn finish(self) -> Result<HeaderBlock, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.block),
        }
    }
}

/// RFC 9113 §8.2.1.
fn check_field(name: &[u8], value: &[u8]) -> Result<(), Fault> {
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte) && !byte.is_ascii_uppercase()) {
        return Err(Fault::Field("a name is empty, in upper case, or no token"));
    }
    if !is_value(value) {
        return Err(Fault::Field("a value holds a control character"));
    }
    // HTTP/1 would take it off, so that whoever looks at the field here sees another one.
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_space(value.first()) || is_space(value.last()) {
        return Err(Fault::Field("a value begins or ends with white space (RFC 9113 §8.2.1)"));
    }
    Ok(())
}

/// RFC 9113 §8.3.1: no user stands in front of it.
fn is_authority(value: &[u8]) -> bool {
    !value.is_empty() && authority::is_valid(value) && !value.contains(&b'@')
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E | 0x80..))
}

fn is_scheme(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic)
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1000, fields: 12 };

    fn read(fields: &[(&str, &str)], ends: bool) -> Result<(String, HeaderBlock, RequestHead), Fault> {
        let (mut block, mut path) = (HeaderBlock::new(), Vec::new());
        let mut reader = HeadReader::new(&mut block, &mut path, LIMITS, true);
        for (name, value) in fields {
            let known = Known::from_bytes(name.as_bytes());
            reader.field(Field { name: name.as_bytes(), value: value.as_bytes(), known });
        }
        let (head, _) = reader.finish(ends)?;
        Ok((String::from_utf8(path).unwrap(), block, head))
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/x?y")];

    fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&GET[..], more].concat()
    }

    #[test]
    fn a_head_becomes_what_http1_would_have_brought() {
        let more = [
            ("x-a", "1"),
            ("cookie", "a=1"),
            ("host", "other"),
            ("te", "trailers"),
            ("accept", "a"),
            ("cookie", "b=2"),
            ("accept", "b"),
        ];
        let (path, block, head) = read(&with(&more), false).unwrap();
        let shown: Vec<_> = block.iter().map(|field| format!("{field:?}")).collect();
        assert_eq!(shown, ["host: a.test", "x-a: 1", "te: trailers", "accept: a,b", "cookie: a=1; b=2"]);
        assert_eq!((path.as_str(), head.path(&block)), ("/x?y", &b"/x?y"[..]));
        assert_eq!((head.method_name(&block), head.framing), ("GET", BodyFraming::Chunked));
        assert_eq!(head.version, crate::Version::Http2);
    }

    #[test]
    fn the_end_of_a_body_is_known() {
        let framing = |more: &[(&'static str, &'static str)], ends| {
            read(&with(more), ends).map(|(_, _, head)| head.framing)
        };
        assert_eq!(framing(&[], true), Ok(BodyFraming::None));
        assert_eq!(framing(&[("content-length", "5")], false), Ok(BodyFraming::Length(5)));
        assert_eq!(framing(&[("content-length", "0")], true), Ok(BodyFraming::None));
        assert!(framing(&[("content-length", "5")], true).is_err(), "RFC 9113 §8.1.1");
    }

    #[test]
    fn tunnels_and_upgrades() {
        let (path, _, head) = read(&[(":method", "CONNECT"), (":authority", "a.test:80")], false).unwrap();
        assert_eq!(
            (head.method, path.as_str(), head.framing),
            (Method::Connect, "a.test:80", BodyFraming::None)
        );
        let mut extended = GET.to_vec();
        extended[0] = (":method", "CONNECT");
        extended.push((":protocol", "websocket"));
        let (_, block, head) = read(&extended, false).unwrap();
        assert_eq!((head.method, block.get(Known::Upgrade)), (Method::Get, Some(&b"websocket"[..])));
        assert!(head.connection.upgrade);
    }

    #[test]
    fn what_no_request_has_is_refused() {
        let long = "x".repeat(1000);
        let field: &[&[(&str, &str)]] = &[
            &[("X-Up", "1")],
            &[("", "1")],
            &[("x y", "1")],
            &[("x:y", "1")],
            &[("x", "a\r\nb: c")],
            &[("x", "a\0")],
            &[("x", "a\u{7f}")],
            &[("x", " a")],
            &[("x", "a\t")],
            &[(":foo", "1")],
            &[(":status", "200")],
            &[(":path", "/b")],
            &[("x", "1"), (":authority", "a")],
            &[("connection", "close")],
            &[("keep-alive", "1")],
            &[("proxy-connection", "1")],
            &[("transfer-encoding", "chunked")],
            &[("upgrade", "h2c")],
            &[("te", "gzip")],
            &[("content-length", "1"), ("content-length", "1")],
            &[("content-length", "+1")],
            &[("host", "a"), ("host", "a")],
            &[("host", "a b")],
        ];
        for more in field {
            assert!(matches!(read(&with(more), false), Err(Fault::Field(_))), "{more:?}");
        }
        for left_out in 0..4 {
            let mut some = GET.to_vec();
            some.remove(left_out);
            assert!(matches!(read(&some, true), Err(Fault::Message(_))), "{left_out}");
        }
        for (at, value, message) in [
            (0, "G T", false),
            (0, "", false),
            (1, "a b", false),
            (2, "", false),
            (2, "u@a", false),
            (3, "", false),
            (3, "/a b", false),
            (3, "x", true),
            (3, "*", true),
        ] {
            let mut bad = GET.to_vec();
            bad[at].1 = value;
            let fault = read(&bad, true).unwrap_err();
            assert_eq!(matches!(fault, Fault::Message(_)), message, "{bad:?}");
        }
        for (fields, expected) in [
            (with(&[("x", &long)]), Fault::TooLarge),
            (with(&[("x", "1"); 9]), Fault::TooMany),
            (with(&[("cookie", ""); 9]), Fault::TooMany),
        ] {
            assert_eq!(read(&fields, true).unwrap_err(), expected);
        }
    }

    #[test]
    fn dangerous_trailers_are_left_out() {
        let mut reader = TrailerReader::new(LIMITS);
        for (name, value) in [("x-sum", "1"), ("content-length", "5"), ("host", "a"), ("grpc-status", "0")] {
            reader.field(Field { name: name.as_bytes(), value: value.as_bytes(), known: None });
        }
        let trailers = reader.finish().unwrap();
        assert_eq!(
            trailers.iter().map(|field| field.name).collect::<Vec<_>>(),
            [&b"x-sum"[..], b"grpc-status"]
        );
        for bad in [(":path", "/"), ("X", "1"), ("x", "\n")] {
            let mut reader = TrailerReader::new(LIMITS);
            reader.field(Field { name: bad.0.as_bytes(), value: bad.1.as_bytes(), known: None });
            assert!(reader.finish().is_err());
        }
    }
}
