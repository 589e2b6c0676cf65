//! Reading the answer to a health check: HTTP/1, as much of it as a check needs, and strictly.

/// Bytes of a head. Envoy allows 60 KiB to a response.
const MAX_HEAD: usize = 64 << 10;
/// Bytes of a body that are read so that the connection can be used again. A check of more than this is
/// answered; its connection is closed.
const MAX_BODY: u64 = 1 << 20;
const MAX_HEADERS: usize = 100;
/// Bytes of a chunk's first line, or of one trailer.
const MAX_LINE: usize = 4096;

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `x-envoy-degraded`.
    pub(crate) degraded: bool,
    /// `x-envoy-immediate-health-check-fail`.
    pub(crate) leave_alone: bool,
    /// Whether another check may use the connection.
    pub(crate) reusable: bool,
}

/// Why what came is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ended before anything came.
    Closed,
    /// It ended inside the answer.
    Cut,
    /// What came is not HTTP/1, with its beginning in words.
    NotHttp(String),
    /// It breaks HTTP/1 in this way.
    Broken(&'static str),
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Reader {
    /// What came and was not understood yet.
    buffer: Vec<u8>,
    state: State,
    /// Whether the request was HEAD, whose answer has no body.
    no_body: bool,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of the body are left.
    Length(u64),
    /// The body ends with the connection; so much of it came.
    UntilEnd(u64),
    /// A line with the size of the next chunk; so much of the body came.
    ChunkSize(u64),
    /// So many bytes of this chunk are left; so much of the body came with it.
    Chunk(u64, u64),
    /// The line end behind a chunk; so much of the body came.
    ChunkEnd(u64),
    Trailers,
    Done,
}

impl Reader {
    pub(crate) const fn new(head_request: bool) -> Self {
        Self { buffer: Vec::new(), state: State::Head, no_body: head_request, answer: None }
    }

    /// Whether anything came.
    pub(crate) fn has_begun(&self) -> bool {
        self.answer.is_some() || !self.buffer.is_empty()
    }

    /// Takes what came; gives the answer once it is complete.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Option<Answer>, Fault> {
        self.buffer.extend_from_slice(bytes);
        while self.step()? {}
        match (self.state, &mut self.answer) {
            (State::Done, Some(answer)) => {
                // What follows belongs to no request.
                answer.reusable &= self.buffer.is_empty();
                Ok(Some(*answer))
            }
            _ => Ok(None),
        }
    }

    /// Takes notice that the connection ended.
    pub(crate) fn end(&self) -> Result<Answer, Fault> {
        match (self.state, self.answer) {
            (State::UntilEnd(_) | State::Done, Some(answer)) => Ok(answer),
            _ if self.has_begun() => Err(Fault::Cut),
            _ => Err(Fault::Closed),
        }
    }

    /// One step on; says whether there may be another.
    fn step(&mut self) -> Result<bool, Fault> {
        let next = match self.state {
            State::Head => match self.head()? {
                Some(next) => next,
                None => return Ok(false),
            },
            State::Length(left) => match self.skip(left) {
                0 => State::Done,
                left => {
                    self.state = State::Length(left);
                    return Ok(false);
                }
            },
            State::UntilEnd(seen) => {
                let seen = seen.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX));
                self.buffer.clear();
                self.state = State::UntilEnd(seen);
                if seen <= MAX_BODY {
                    return Ok(false);
                }
                State::Done
            }
            State::ChunkSize(seen) => {
                let Some(line) = self.line()? else { return Ok(false) };
                match chunk_size(&line)? {
                    0 => State::Trailers,
                    size if seen.saturating_add(size) > MAX_BODY => self.enough(),
                    size => State::Chunk(size, seen + size),
                }
            }
            State::Chunk(left, seen) => match self.skip(left) {
                0 => State::ChunkEnd(seen),
                left => {
                    self.state = State::Chunk(left, seen);
                    return Ok(false);
                }
            },
            State::ChunkEnd(seen) => match self.buffer.get(..2) {
                Some(b"\r\n") => {
                    self.skip(2);
                    State::ChunkSize(seen)
                }
                Some(_) => return Err(Fault::Broken("a chunk is longer than its size")),
                None => return Ok(false),
            },
            State::Trailers => {
                let Some(line) = self.line()? else { return Ok(false) };
                if line.is_empty() { State::Done } else { State::Trailers }
            }
            State::Done => return Ok(false),
        };
        self.state = next;
        Ok(next != State::Done)
    }

    /// The body is too long to be read for the sake of the connection.
    fn enough(&mut self) -> State {
        if let Some(answer) = &mut self.answer {
            answer.reusable = false;
        }
        State::Done
    }

    /// Drops up to so many bytes; gives how many are left to drop.
    fn skip(&mut self, count: u64) -> u64 {
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.buffer.len());
        self.buffer.drain(..here);
        count - u64::try_from(here).unwrap_or(count)
    }

    /// Takes a line out of the buffer, without its end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
            return if self.buffer.len() > MAX_LINE {
                Err(Fault::Broken("an endless line"))
            } else {
                Ok(None)
            };
        };
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        line.strip_suffix(b"\r\n").map(|line| Some(line.to_vec())).ok_or(Fault::Broken("a bare line feed"))
    }

    fn head(&mut self) -> Result<Option<State>, Fault> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        // Something else shows itself in the first bytes, and may never send a line end.
        let beginning = self.buffer.iter().zip(b"HTTP/1.");
        if beginning.clone().any(|(a, b)| a != b) {
            return Err(Fault::NotHttp(first_bytes(&self.buffer)));
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(&self.buffer) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if self.buffer.len() > MAX_HEAD => {
                return Err(Fault::Broken("a head of more than 64 KiB"));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::Broken("more than 100 header fields")),
            Err(httparse::Error::Version | httparse::Error::Status | httparse::Error::Token) => {
                return Err(Fault::NotHttp(first_bytes(&self.buffer)));
            }
            Err(_) => return Err(Fault::Broken("a malformed header")),
        };
        let status = response.code.unwrap_or(0);
        let mut head = Head { keep_alive: response.version == Some(1), ..Head::default() };
        for header in response.headers.iter() {
            head.take(header)?;
        }
        // RFC 9110 §15.2: interim answers come before the one that counts. After 101 the connection
        // speaks something else, which is an answer too.
        if (100..200).contains(&status) && status != 101 {
            self.buffer.drain(..len);
            return Ok(Some(State::Head));
        }
        // RFC 9112 §6.3.
        let bodiless = self.no_body || status == 101 || status == 204 || status == 304;
        let state = match (head.chunked, head.length) {
            (true, Some(_)) => return Err(Fault::Broken("Content-Length beside Transfer-Encoding")),
            _ if bodiless => State::Done,
            (true, None) => State::ChunkSize(0),
            (false, Some(0)) => State::Done,
            (false, Some(length)) if length > MAX_BODY => {
                head.keep_alive = false;
                State::Done
            }
            (false, Some(length)) => State::Length(length),
            (false, None) => State::UntilEnd(0),
        };
        self.answer = Some(Answer {
            status,
            degraded: head.degraded,
            leave_alone: head.leave_alone,
            reusable: head.keep_alive && status != 101 && !matches!(state, State::UntilEnd(_)),
        });
        self.buffer.drain(..len);
        Ok(Some(state))
    }
}

/// The fields of a head that matter.
#[derive(Debug, Default)]
struct Head {
    keep_alive: bool,
    chunked: bool,
    length: Option<u64>,
    degraded: bool,
    leave_alone: bool,
}

impl Head {
    fn take(&mut self, header: &httparse::Header<'_>) -> Result<(), Fault> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let text = std::str::from_utf8(header.value).unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let length = digits.then(|| text.parse().ok()).flatten();
            if length.is_none() || self.length.is_some_and(|known| Some(known) != length) {
                return Err(Fault::Broken("a malformed or repeated Content-Length"));
            }
            self.length = length;
        } else if is("transfer-encoding") {
            if self.chunked || !header.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::Broken("a Transfer-Encoding other than chunked"));
            }
            self.chunked = true;
        } else if is("connection") {
            for option in header.value.split(|byte| *byte == b',') {
                let option = option.trim_ascii();
                if option.eq_ignore_ascii_case(b"close") {
                    self.keep_alive = false;
                }
            }
        } else if is("x-envoy-degraded") {
            self.degraded = true;
        } else if is("x-envoy-immediate-health-check-fail") {
            self.leave_alone = true;
        }
        Ok(())
    }
}

/// RFC 9112 §7.1: hexadecimal digits, then perhaps extensions.
fn chunk_size(line: &[u8]) -> Result<u64, Fault> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, rest) = line.split_at_checked(digits).unwrap_or_default();
    let text = std::str::from_utf8(size).unwrap_or_default();
    let good = rest.trim_ascii_start().first().is_none_or(|byte| *byte == b';');
    match u64::from_str_radix(text, 16) {
        Ok(size) if good => Ok(size),
        _ => Err(Fault::Broken("a malformed chunk size")),
    }
}

/// What came first, in words: by it people know what they talk to.
fn first_bytes(bytes: &[u8]) -> String {
    let shown = bytes.get(..24).unwrap_or(bytes);
    let kind = match bytes {
        [0x15 | 0x16, 3, ..] => "TLS: ",
        // A SETTINGS frame: three bytes of length, type 4, flags 0, stream 0.
        [_, _, _, 4, 0 | 1, 0, 0, 0, 0, ..] => "HTTP/2: ",
        _ => "",
    };
    format!("{kind}\"{}\"", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Answer = Answer { status: 200, degraded: false, leave_alone: false, reusable: true };

    /// Reads the text in one piece, byte by byte and in two pieces everywhere: the result is the same.
    fn read_as(text: &str, head_request: bool) -> Result<Option<Answer>, Fault> {
        let bytes = text.as_bytes();
        let pieces = |pieces: Vec<&[u8]>| {
            let mut reader = Reader::new(head_request);
            let mut found = Ok(None);
            for piece in pieces {
                if found == Ok(None) {
                    found = reader.read(piece);
                }
            }
            found
        };
        let whole = pieces(vec![bytes]);
        assert_eq!(pieces(bytes.chunks(1).collect()), whole, "{text:?} byte by byte");
        for at in 0..bytes.len() {
            assert_eq!(pieces(vec![&bytes[..at], &bytes[at..]]), whole, "{text:?} cut at {at}");
        }
        whole
    }

    fn read(text: &str) -> Result<Option<Answer>, Fault> {
        read_as(text, false)
    }

    #[test]
    fn complete_answers() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(read(text), Ok(Some(PLAIN)), "{text}");
        }
        assert_eq!(read_as("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", true), Ok(Some(PLAIN)));
        let status = |text| read(text).unwrap().unwrap().status;
        assert_eq!(status("HTTP/1.1 204 No Content\r\n\r\n"), 204);
        assert_eq!(status("HTTP/1.1 101 Switching\r\n\r\n"), 101);
    }

    #[test]
    fn headers_for_the_checker() {
        let text = "HTTP/1.1 503 Busy\r\nx-envoy-immediate-health-check-fail: true\r\nX-Envoy-Degraded:\r\n\
                    content-length: 0\r\nconnection: keep-alive, Close\r\n\r\n";
        let answer = Answer { status: 503, degraded: true, leave_alone: true, reusable: false };
        assert_eq!(read(text), Ok(Some(answer)));
    }

    #[test]
    fn connections_that_can_not_be_used_again() {
        let reusable = |text: &str| Reader::new(false).read(text.as_bytes()).unwrap().unwrap().reusable;
        assert!(!reusable("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(!reusable("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore"));
        assert!(!reusable("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"));
    }

    #[test]
    fn a_body_that_ends_with_the_connection() {
        let mut reader = Reader::new(false);
        assert_eq!(reader.read(b"HTTP/1.1 200 OK\r\n\r\nbody"), Ok(None));
        assert_eq!(reader.end().map(|answer| (answer.status, answer.reusable)), Ok((200, false)));
        let mut reader = Reader::new(false);
        assert_eq!(reader.read(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(None));
        let long = vec![b'x'; usize::try_from(MAX_BODY).unwrap() + 1];
        assert_eq!(reader.read(&long).unwrap().unwrap().status, 200);
    }

    #[test]
    fn connections_that_end_too_early() {
        let end = |text: &str| {
            let mut reader = Reader::new(false);
            assert_eq!(reader.read(text.as_bytes()), Ok(None), "{text}");
            reader.end().unwrap_err()
        };
        assert_eq!(end(""), Fault::Closed);
        assert_eq!(end("HTTP/1.1 200 OK\r\n"), Fault::Cut);
        assert_eq!(end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), Fault::Cut);
        assert_eq!(end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"), Fault::Cut);
    }

    #[test]
    fn what_is_not_http_says_what_it_is() {
        let fault = |bytes: &[u8]| Reader::new(false).read(bytes).unwrap_err();
        assert_eq!(fault(b"SSH-2.0-x\r\n"), Fault::NotHttp("\"SSH-2.0-x\\r\\n\"".to_owned()));
        assert_eq!(
            fault(b"\x15\x03\x01\0\x02\x02F"),
            Fault::NotHttp("TLS: \"\\x15\\x03\\x01\\x00\\x02\\x02F\"".to_owned())
        );
        assert!(
            matches!(fault(b"\0\0\x12\x04\0\0\0\0\0xx"), Fault::NotHttp(text) if text.starts_with("HTTP/2"))
        );
        assert!(matches!(fault(b"HTTP/1.1 abc\r\n\r\n"), Fault::NotHttp(_)));
        assert!(matches!(fault(b"HTTP/2.0 200 OK\r\n\r\n"), Fault::NotHttp(_)));
    }

    #[test]
    fn framing_is_strict() {
        for text in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\na\r\n",
            "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        ] {
            assert!(matches!(read(text), Err(Fault::Broken(_))), "{text}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert!(matches!(Reader::new(false).read(many.as_bytes()), Err(Fault::Broken(_))));
        let large = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(70_000));
        assert!(matches!(Reader::new(false).read(large.as_bytes()), Err(Fault::Broken(_))));
    }
}
