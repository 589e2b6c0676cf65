//! The client's side of a connection of HTTP/2 without the connection: bytes in, bytes out.
//!
//! It asks for the same thing again and again, on as many streams at a time as it is told. Heads are fixed blocks, as
//! are those of a client that has filled the table of fields with its first request; heads of responses are
//! decoded, bodies are counted. Windows are as large as those of browsers.

use std::time::Instant;

use causeway_http::h2::hpack::Decoder;
use causeway_http::h2::{FRAME_HEADER, FrameHeader, Kind, PREFACE, Setting, flags};

use crate::engine::Tally;

/// What a response may take up before anybody says more: larger than each of them.
const STREAM_WINDOW: u32 = 6 << 20;
/// What all of them may; it is opened when half of it is used up.
const CONNECTION_WINDOW: u32 = 15 << 20;
/// What it is at first (RFC 9113 §6.9.2).
const FIRST_WINDOW: u32 = 65_535;
/// The table of fields of responses (RFC 9113 §6.5.2).
const TABLE: usize = 4096;

/// The session is of no more use; what was wrong is counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// One request after the other, on one of the streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    stream: u32,
    pub(super) start: Instant,
    /// How much of the body is to come, once the head is there.
    left: Option<usize>,
}

/// A DATA frame whose payload is coming.
#[derive(Clone, Copy, Debug)]
struct Data {
    /// The place of its exchange.
    place: usize,
    left: usize,
    ends: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    /// The fields of the requests behind the first one.
    fields: Vec<u8>,
    pub(super) exchanges: Vec<Exchange>,
    next_stream: u32,
    decoder: Decoder,
    /// What is to be written.
    pub(super) out: Vec<u8>,
    /// What has come of a frame that is not complete.
    part: Vec<u8>,
    data: Option<Data>,
    /// What has come since the window was opened.
    received: u32,
}

impl Session {
    /// Begins, and asks for the path on so many streams.
    pub(super) fn new(scheme: Scheme, path: &str, streams: usize) -> Self {
        let mut out = PREFACE.to_vec();
        let mut settings = Vec::new();
        Setting(2).write(0, &mut settings);
        Setting::INITIAL_WINDOW_SIZE.write(STREAM_WINDOW, &mut settings);
        frame(&mut out, Kind::Settings, 0, 0, &settings);
        frame(&mut out, Kind::WindowUpdate, 0, 0, &(CONNECTION_WINDOW - FIRST_WINDOW).to_be_bytes());
        let mut session = Self {
            fields: fields(scheme, path, true),
            exchanges: Vec::with_capacity(streams),
            next_stream: 1,
            decoder: Decoder::new(TABLE),
            out,
            part: Vec::new(),
            data: None,
            received: 0,
        };
        for _ in 0..streams {
            let exchange = session.ask();
            session.exchanges.push(exchange);
            session.fields = fields(scheme, path, false);
        }
        session
    }

    fn ask(&mut self) -> Exchange {
        let stream = self.next_stream;
        self.next_stream += 2;
        frame(&mut self.out, Kind::Headers, flags::END_HEADERS | flags::END_STREAM, stream, &self.fields);
        Exchange { stream, start: Instant::now(), left: None }
    }

    /// Takes in bytes that have come; responses that are complete are counted, and the next ones asked for.
    pub(super) fn take(&mut self, mut bytes: &[u8], tally: &mut Tally) -> Result<(), Broken> {
        while !bytes.is_empty() {
            if let Some(data) = self.data {
                let count = data.left.min(bytes.len());
                bytes = &bytes[count..];
                self.take_data(Data { left: data.left - count, ..data }, tally)?;
                continue;
            }
            if self.part.is_empty() {
                bytes = &bytes[self.take_frame(bytes, tally)?..];
                if self.data.is_none() && !is_whole(bytes) {
                    self.part.extend_from_slice(bytes);
                    return Ok(());
                }
                continue;
            }
            let missing = missing(&self.part).min(bytes.len());
            self.part.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if is_whole(&self.part) {
                let part = std::mem::take(&mut self.part);
                self.take_frame(&part, tally)?;
            }
        }
        Ok(())
    }

    /// Takes the frame that the bytes begin with, of DATA only the header, and says how many bytes that were.
    fn take_frame(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<usize, Broken> {
        let Some(header) = FrameHeader::read(bytes) else { return Ok(0) };
        if header.kind == Kind::Data {
            self.begin_data(header, tally)?;
            return Ok(FRAME_HEADER);
        }
        let Some(payload) = bytes.get(FRAME_HEADER..FRAME_HEADER + header.length) else { return Ok(0) };
        match header.kind {
            Kind::Headers => self.take_head(header, payload, tally)?,
            Kind::Settings if !header.has(flags::ACK) => {
                frame(&mut self.out, Kind::Settings, flags::ACK, 0, &[]);
            }
            Kind::Ping if !header.has(flags::ACK) => frame(&mut self.out, Kind::Ping, flags::ACK, 0, payload),
            Kind::RstStream | Kind::GoAway => return Err(self.cut(tally)),
            _ => {}
        }
        Ok(FRAME_HEADER + header.length)
    }

    fn take_head(&mut self, header: FrameHeader, payload: &[u8], tally: &mut Tally) -> Result<(), Broken> {
        let (mut status, mut length) = (None, None);
        let read = self.decoder.decode(payload, |field| match field.name {
            b":status" => status = Some(field.value == b"200"),
            b"content-length" => {
                length = str::from_utf8(field.value).ok().and_then(|value| value.parse().ok());
            }
            _ => {}
        });
        if status == Some(false) {
            tally.errors.status += 1;
            return Err(Broken);
        }
        // The origin always says how long its response is, none is empty, and no head needs a second frame.
        let is_good = read.is_ok() && header.flags == flags::END_HEADERS && status.is_some();
        match self.place(header.stream) {
            Some(place) if is_good && length.is_some() && self.exchanges[place].left.is_none() => {
                self.exchanges[place].left = length;
                Ok(())
            }
            _ => Err(short(tally)),
        }
    }

    fn begin_data(&mut self, header: FrameHeader, tally: &mut Tally) -> Result<(), Broken> {
        let length = u32::try_from(header.length).unwrap_or(u32::MAX);
        self.received += length;
        if self.received >= CONNECTION_WINDOW / 2 {
            frame(&mut self.out, Kind::WindowUpdate, 0, 0, &self.received.to_be_bytes());
            self.received = 0;
        }
        let place = self.place(header.stream).filter(|_| !header.has(flags::PADDED));
        let Some(place) = place else { return Err(short(tally)) };
        let exchange = &mut self.exchanges[place];
        let left = exchange.left.and_then(|left| left.checked_sub(header.length));
        if left.is_none() {
            return Err(short(tally));
        }
        exchange.left = left;
        self.take_data(Data { place, left: header.length, ends: header.has(flags::END_STREAM) }, tally)
    }

    fn take_data(&mut self, data: Data, tally: &mut Tally) -> Result<(), Broken> {
        self.data = (data.left > 0).then_some(data);
        if data.left > 0 || !data.ends {
            return Ok(());
        }
        let Exchange { start, left, .. } = self.exchanges[data.place];
        if left != Some(0) {
            return Err(short(tally));
        }
        tally.requests += 1;
        tally.refused_in_a_row = 0;
        tally.latencies.add(start.elapsed());
        self.exchanges[data.place] = self.ask();
        Ok(())
    }

    /// There are few streams, so looking at all of them costs less than finding one.
    fn place(&self, stream: u32) -> Option<usize> {
        self.exchanges.iter().position(|exchange| exchange.stream == stream)
    }

    /// The proxy has cut a stream, or ends the connection.
    pub(super) fn cut(&self, tally: &mut Tally) -> Broken {
        for exchange in &self.exchanges {
            *(if exchange.left.is_some() { &mut tally.errors.short } else { &mut tally.errors.reset }) += 1;
        }
        Broken
    }
}

/// What stands in `:scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// The fields of a request (RFC 7541): of the first on a connection, which fills the table, or of the others.
fn fields(scheme: Scheme, path: &str, first: bool) -> Vec<u8> {
    // GET, and the scheme, are in the table that everybody has.
    let mut out = vec![0x82, if scheme == Scheme::Https { 0x87 } else { 0x86 }];
    let literal = |out: &mut Vec<u8>, begin: u8, value: &str| {
        out.push(begin);
        out.push(u8::try_from(value.len()).unwrap_or(0) & 0x7F);
        out.extend_from_slice(value.as_bytes());
    };
    match path {
        "/" => out.push(0x84),
        // Paths are hardly ever the same twice: no table gets them.
        _ => literal(&mut out, 0x04, path),
    }
    if first {
        literal(&mut out, 0x40 | 1, "bench.test");
        literal(&mut out, 0x40 | 19, "*/*");
    } else {
        out.extend_from_slice(&[0x80 | 63, 0x80 | 62]);
    }
    out
}

fn frame(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
    FrameHeader { length: payload.len(), kind, flags, stream }.write(out);
    out.extend_from_slice(payload);
}

/// Whether the bytes begin with a frame that can be taken.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() >= FRAME_HEADER && missing(bytes) == 0
}

/// How many bytes are missing of the frame, or of its header.
fn missing(bytes: &[u8]) -> usize {
    match FrameHeader::read(bytes) {
        None => FRAME_HEADER - bytes.len(),
        Some(header) if header.kind == Kind::Data => 0,
        Some(header) => (FRAME_HEADER + header.length).saturating_sub(bytes.len()),
    }
}

fn short(tally: &mut Tally) -> Broken {
    tally.errors.short += 1;
    Broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Errors;

    /// A response to a request on a stream.
    fn response(stream: u32, status: u8, length: usize, body: usize) -> Vec<u8> {
        let mut out = Vec::new();
        // From the static table: the status, then a name.
        let value = length.to_string();
        let mut head = vec![0x80 | status, 0x0F, 28 - 15, u8::try_from(value.len()).unwrap()];
        head.extend_from_slice(value.as_bytes());
        frame(&mut out, Kind::Settings, 0, 0, &[]);
        frame(&mut out, Kind::Headers, flags::END_HEADERS, stream, &head);
        frame(&mut out, Kind::Data, 0, stream, &vec![b'x'; body / 2]);
        frame(&mut out, Kind::Data, flags::END_STREAM, stream, &vec![b'x'; body - body / 2]);
        out
    }

    const OK: u8 = 8;
    const NOT_FOUND: u8 = 13;

    #[test]
    fn the_next_request_follows_a_response_however_it_is_cut() {
        for piece in [1, 7, 10_000] {
            let (mut session, mut tally) = (Session::new(Scheme::Http, "/", 2), Tally::default());
            assert!(session.out.starts_with(PREFACE));
            session.out.clear();
            let bytes = [response(3, OK, 100, 100), response(1, OK, 5, 5)].concat();
            for piece in bytes.chunks(piece) {
                assert_eq!(session.take(piece, &mut tally), Ok(()));
            }
            assert_eq!((tally.requests, tally.errors), (2, Errors::default()), "{piece}");
            let streams: Vec<u32> = session.exchanges.iter().map(|exchange| exchange.stream).collect();
            assert_eq!(streams, [7, 5]);
            // Two answers to SETTINGS, and two requests of five bytes of fields.
            assert_eq!(session.out.len(), 2 * FRAME_HEADER + 2 * (FRAME_HEADER + 5));
        }
    }

    #[test]
    fn what_is_no_complete_response_of_status_200_is_an_error() {
        let after = |bytes: Vec<u8>| {
            let (mut session, mut tally) = (Session::new(Scheme::Https, "/large", 1), Tally::default());
            assert_eq!(session.take(&bytes, &mut tally), Err(Broken));
            assert_eq!(tally.requests, 0);
            tally.errors
        };
        assert_eq!(after(response(1, NOT_FOUND, 5, 5)), Errors { status: 1, ..Errors::default() });
        for bytes in [response(1, OK, 6, 5), response(1, OK, 4, 5), response(3, OK, 5, 5)] {
            assert_eq!(after(bytes), Errors { short: 1, ..Errors::default() });
        }
        for kind in [Kind::RstStream, Kind::GoAway] {
            let mut bytes = Vec::new();
            frame(&mut bytes, kind, 0, 1, &[0; 8]);
            assert_eq!(after(bytes), Errors { reset: 1, ..Errors::default() });
        }
    }

    #[test]
    fn windows_are_opened_again() {
        let (mut session, mut tally) = (Session::new(Scheme::Http, "/large", 1), Tally::default());
        session.out.clear();
        for stream in (1..).step_by(2).take(16) {
            assert_eq!(session.take(&response(stream, OK, 1 << 20, 1 << 20), &mut tally), Ok(()));
        }
        let updates = session.out.windows(4).filter(|bytes| bytes == &[0, 0, 4, 8]).count();
        assert_eq!((tally.requests, updates), (16, 2));
    }
}
