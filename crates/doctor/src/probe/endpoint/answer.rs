//! Reading an answer of HTTP/1 as the proxy would, with everything that a doctor wants to know of it.

use std::time::Duration;

use causeway_http::h1::{
    BodyDecoder, BodyFraming, HeadLimits, Parsed, ResponseRules, TrailerLimits, parse_response,
};
use causeway_http::{HeaderBlock, Method};
use causeway_reason::{Failure, Reason};

use super::trial::{Answer, BodyEnd};

/// Bytes of a body that are read, so that a second request can be sent on the connection.
const MAX_BODY: usize = 1 << 20;
/// Bytes of a body that are kept.
const KEPT: usize = 512;

/// Reads one answer, piece by piece.
pub(super) struct Reader {
    rules: ResponseRules,
    buffer: Vec<u8>,
    answer: Option<Box<Answer>>,
    decoder: Option<BodyDecoder>,
    keeps_alive: bool,
    until_close: bool,
    read: usize,
}

/// What came of reading.
pub(super) enum Read {
    /// More bytes are needed.
    More,
    /// It is complete, or long enough; whether another request may follow.
    Done(Box<Answer>, bool),
    /// It is no answer.
    Broken(Failure),
}

impl Reader {
    pub(super) fn new(method: &str, limits: HeadLimits) -> Self {
        let rules = ResponseRules { limits, method: Method::from_name(method), upgrade: false };
        Self {
            rules,
            buffer: Vec::new(),
            answer: None,
            decoder: None,
            keeps_alive: false,
            until_close: false,
            read: 0,
        }
    }

    /// Takes what came.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Read {
        self.buffer.extend_from_slice(bytes);
        while self.answer.is_none() {
            let mut block = HeaderBlock::new();
            match parse_response(&self.buffer, 0, &self.rules, &mut block) {
                Err(failure) => return Read::Broken(failure),
                Ok(Parsed::Partial) => return Read::More,
                Ok(Parsed::Complete { head, length }) => {
                    self.buffer.drain(..length.min(self.buffer.len()));
                    if head.is_interim() {
                        continue;
                    }
                    let text = |name: &str| {
                        block
                            .iter()
                            .find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))
                            .map(|field| String::from_utf8_lossy(field.value).into_owned())
                    };
                    self.answer = Some(Box::new(Answer {
                        status: head.status,
                        location: text("location"),
                        keep_alive: text("keep-alive").and_then(|value| timeout_of(&value)),
                        ..Answer::default()
                    }));
                    self.keeps_alive = head.keeps_alive();
                    self.until_close = matches!(head.framing, BodyFraming::UntilClose);
                    let limits = TrailerLimits { bytes: 64 << 10, fields: None };
                    self.decoder =
                        Some(BodyDecoder::new(head.framing, Reason::UpstreamChunkMalformed, limits));
                }
            }
        }
        self.body()
    }

    fn body(&mut self) -> Read {
        let (Some(answer), Some(decoder)) = (&mut self.answer, &mut self.decoder) else { return Read::More };
        while !decoder.is_done() {
            let decoded = match decoder.decode(&self.buffer) {
                Ok(decoded) => decoded,
                Err(failure) => return Read::Broken(failure),
            };
            let data = self.buffer.get(decoded.data_start..decoded.data_end).unwrap_or_default();
            self.read += data.len();
            let room = KEPT.saturating_sub(answer.body.len()).min(data.len());
            answer.body.push_str(&String::from_utf8_lossy(data.get(..room).unwrap_or_default()));
            self.buffer.drain(..decoded.consumed.min(self.buffer.len()));
            if decoded.done {
                break;
            }
            if self.read > MAX_BODY {
                answer.end = BodyEnd::Unread;
                return Read::Done(answer.clone(), false);
            }
            if decoded.consumed == 0 || self.buffer.is_empty() {
                return Read::More;
            }
        }
        Read::Done(answer.clone(), self.keeps_alive && self.buffer.is_empty())
    }

    /// The connection has ended. `None` where it was before anything came.
    pub(super) fn end(&mut self) -> Option<Result<Box<Answer>, Failure>> {
        match self.answer.take() {
            Some(mut answer) => {
                if !self.until_close {
                    answer.end = BodyEnd::Cut;
                }
                Some(Ok(answer))
            }
            None if self.buffer.is_empty() => None,
            None => {
                let seen = self.buffer.get(..24).unwrap_or(&self.buffer).escape_ascii().to_string();
                let words = format!("it closed inside the head of its answer, which begins \"{seen}\"");
                Some(Err(Failure::new(Reason::UpstreamClosedInHead).with_evidence(words)))
            }
        }
    }

    /// No more is waited for. `None` where nothing came at all.
    pub(super) fn give_up(&mut self) -> Option<Result<Box<Answer>, Failure>> {
        match self.answer.take() {
            Some(mut answer) => {
                answer.end = BodyEnd::Unread;
                Some(Ok(answer))
            }
            None if self.buffer.is_empty() => None,
            None => {
                let seen = self.buffer.get(..24).unwrap_or(&self.buffer).escape_ascii().to_string();
                let foreign = !self.buffer.starts_with(b"HTTP/");
                let reason = if foreign { Reason::UpstreamNotHttp } else { Reason::UpstreamHeadUnterminated };
                Some(Err(Failure::new(reason).with_evidence(format!("what came begins \"{seen}\""))))
            }
        }
    }
}

/// What is wrong with the bytes of an answer that somebody else has kept; nothing where it may go on well.
pub(crate) fn fault_of(bytes: &[u8], limits: HeadLimits) -> Option<Failure> {
    match Reader::new("GET", limits).take(bytes) {
        Read::Broken(failure) => Some(failure),
        Read::More | Read::Done(..) => None,
    }
}

/// `timeout=5, max=100`
fn timeout_of(value: &str) -> Option<Duration> {
    let mut parts = value.split(',').map(str::trim);
    let seconds = parts.find_map(|part| part.strip_prefix("timeout="))?;
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Reader {
        let mut reader = Reader::new("GET", HeadLimits { bytes: 80 << 10, fields: 100 });
        assert!(matches!(reader.take(bytes), Read::More));
        reader
    }

    #[test]
    fn an_answer_and_its_keep_alive() {
        let mut reader =
            read(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 2\r\n\r\n");
        let Read::Done(answer, again) = reader.take(b"ok") else { panic!() };
        assert!(again);
        assert_eq!((answer.status, answer.keep_alive), (200, Some(Duration::from_secs(5))));
        assert_eq!((&*answer.body, answer.end), ("ok", BodyEnd::Complete));
    }

    #[test]
    fn a_body_that_ends_early_is_cut() {
        let mut reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
        assert_eq!(reader.end().unwrap().unwrap().end, BodyEnd::Cut);
        let mut reader = read(b"HTTP/1.1 200 OK\r\n\r\nok");
        assert_eq!(reader.end().unwrap().unwrap().end, BodyEnd::Complete);
        assert!(read(b"").end().is_none());
    }

    #[test]
    fn what_is_no_http_is_named() {
        let mut reader = Reader::new("GET", HeadLimits { bytes: 80 << 10, fields: 100 });
        let Read::Broken(failure) = reader.take(b"SSH-2.0-OpenSSH_9.2\r\n") else { panic!() };
        assert_eq!(failure.reason, Reason::UpstreamNotHttp);
    }
}
