//! Reading frames (RFC 9113 §4, §6), and what each does.
//!
//! A client that breaks the rules of frames is told so by GOAWAY, with the code of the RFC, before its connection ends.

mod control;

pub(super) use control::outbound;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use causeway_http::h2::hpack::Malformed;
use causeway_http::h2::{Code, FRAME_HEADER, FrameHeader, Kind, flags};

use super::heads::Block;
use super::limits::Flood;
use super::session::{Reset, Session, Stream};
use control::{rst_stream, settings, window_update};

/// Largest frame that is taken: what holds where nothing else was said (RFC 9113 §6.5.2).
const LARGEST_FRAME: usize = 16_384;
/// A head as it is sent may be this much larger than the limit of one that is read.
const BESIDE_HEAD: usize = 64 * 1024;

/// Why the connection can't go on.
#[derive(Debug)]
pub(super) enum Fatal {
    /// The client broke the rules; it is told by this code.
    GoAway(Code, &'static str),
    /// A message breaks the rules, for which Envoy ends the connection without a word, or no code is right.
    Silent(&'static str),
    /// It asks too much.
    Flood(Flood),
}

impl From<Flood> for Fatal {
    fn from(flood: Flood) -> Self {
        Self::Flood(flood)
    }
}

impl From<Malformed> for Fatal {
    fn from(_: Malformed) -> Self {
        Self::GoAway(Code::COMPRESSION_ERROR, "a block of fields can't be read (RFC 7541)")
    }
}

const SIZE: fn(&'static str) -> Fatal = |what| Fatal::GoAway(Code::FRAME_SIZE_ERROR, what);
const FLOW: fn(&'static str) -> Fatal = |what| Fatal::GoAway(Code::FLOW_CONTROL_ERROR, what);
const PROTOCOL: fn(&'static str) -> Fatal = |what| Fatal::GoAway(Code::PROTOCOL_ERROR, what);

/// What has come.
#[derive(Debug)]
pub(super) enum Event {
    /// Nothing that anybody else has to know of.
    Nothing,
    /// Fields are complete.
    Fields(Block),
    /// The answer to a PING.
    Pong,
}

/// What is known of the frames that come.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// A DATA frame that is not complete.
    data: Option<Data>,
    /// Fields that are not complete.
    block: Option<Block>,
    /// The first frame was the SETTINGS that it has to be (RFC 9113 §3.4).
    begun: bool,
    /// The client was told the last stream that will be served; later ones are passed over.
    pub(super) last_served: Option<u32>,
    /// Bytes that the fields of a head may have as they are sent.
    largest_block: usize,
}

/// A DATA frame whose payload is coming.
#[derive(Debug)]
struct Data {
    stream: Option<Rc<RefCell<Stream>>>,
    /// Bytes of it that are still to come.
    left: usize,
    /// Bytes of padding behind it.
    padding: usize,
    ends: bool,
}

impl Receiver {
    /// For heads of at most that many bytes.
    pub(super) fn new(largest_block: usize) -> Self {
        Self { largest_block, ..Self::default() }
    }

    /// Whether nothing is there of a head or frame whose rest has to come soon.
    pub(super) const fn is_between(&self) -> bool {
        self.block.is_none()
    }

    /// Takes in what it can of the bytes that have come. Says how many it has used up, and what was in them; with
    /// none used up, more are needed: so many in all.
    pub(super) fn take(
        &mut self,
        session: &Rc<RefCell<Session>>,
        input: &[u8],
    ) -> Result<(usize, Event), Fatal> {
        if self.data.is_some() {
            return Ok((self.take_data(session, input), Event::Nothing));
        }
        let Some(header) = FrameHeader::read(input) else { return Ok((0, Event::Nothing)) };
        if header.length > LARGEST_FRAME {
            return Err(SIZE("a frame is larger than 16384 bytes"));
        }
        if !std::mem::replace(&mut self.begun, true)
            && (header.kind != Kind::Settings || header.has(flags::ACK))
        {
            return Err(PROTOCOL("the first frame is no SETTINGS frame"));
        }
        if let Some(block) = &self.block
            && (header.kind != Kind::Continuation || header.stream != block.stream)
        {
            return Err(PROTOCOL("another frame stands between those of a head"));
        }
        if header.kind == Kind::Data {
            return self.begin_data(session, header, input);
        }
        let Some(payload) = input.get(FRAME_HEADER..FRAME_HEADER + header.length) else {
            return Ok((0, Event::Nothing));
        };
        let used = FRAME_HEADER + header.length;
        let event = self.frame(&mut session.borrow_mut(), header, payload)?;
        Ok((used, event))
    }

    /// How many bytes are needed for the frame that these begin.
    pub(super) fn needed(&self, input: &[u8]) -> usize {
        match FrameHeader::read(input) {
            Some(header) if self.data.is_none() && header.kind != Kind::Data => FRAME_HEADER + header.length,
            _ => FRAME_HEADER + 1,
        }
    }

    fn frame(&mut self, session: &mut Session, header: FrameHeader, payload: &[u8]) -> Result<Event, Fatal> {
        match header.kind {
            Kind::Headers => return self.headers(session, header, payload),
            Kind::Continuation => return self.continuation(session, header, payload),
            Kind::Priority => {
                let [a, b, c, d, _] =
                    *<&[u8; 5]>::try_from(payload).map_err(|_| SIZE("a PRIORITY frame has not 5 bytes"))?;
                if header.stream == 0 {
                    return Err(PROTOCOL("a PRIORITY frame is about no stream"));
                }
                if dependency([a, b, c, d]) == header.stream {
                    return Err(PROTOCOL("a stream depends on itself"));
                }
                let options = Rc::clone(&session.options);
                session.limits.priority(&options)?;
            }
            Kind::RstStream => rst_stream(session, header, payload)?,
            Kind::Settings => settings(session, header, payload)?,
            Kind::PushPromise => return Err(PROTOCOL("a client has promised something")),
            Kind::Ping => {
                let ping: [u8; 8] = payload.try_into().map_err(|_| SIZE("a PING frame has not 8 bytes"))?;
                if header.stream != 0 {
                    return Err(PROTOCOL("a PING frame is about a stream"));
                }
                if header.has(flags::ACK) {
                    return Ok(Event::Pong);
                }
                session.frame(Kind::Ping, flags::ACK, 0, &ping);
                outbound(session)?;
            }
            Kind::GoAway => {
                if payload.len() < 8 {
                    return Err(SIZE("a GOAWAY frame has less than 8 bytes"));
                }
                if header.stream != 0 {
                    return Err(PROTOCOL("a GOAWAY frame is about a stream"));
                }
            }
            Kind::WindowUpdate => window_update(session, header, payload)?,
            Kind::Data | Kind::Unknown(_) => {}
        }
        Ok(Event::Nothing)
    }

    fn headers(
        &mut self,
        session: &mut Session,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<Event, Fatal> {
        let id = header.stream;
        if id.is_multiple_of(2) {
            return Err(PROTOCOL("a HEADERS frame is about no stream of a client"));
        }
        let (mut fragment, _) = unpadded(header, payload)?;
        let mut refused = None;
        if header.has(flags::PRIORITY) {
            let (priority, rest) = fragment
                .split_first_chunk::<5>()
                .ok_or_else(|| SIZE("a HEADERS frame is too short for its priority"))?;
            let [a, b, c, d, _] = *priority;
            if dependency([a, b, c, d]) == id {
                return Err(PROTOCOL("a stream depends on itself"));
            }
            fragment = rest;
        }
        let ends = header.has(flags::END_STREAM);
        let options = Rc::clone(&session.options);
        session.limits.content(payload.is_empty() && !ends, &options)?;
        session.limits.head_begins();
        let mut trailers = false;
        let mut ignored = false;
        if id > session.last_stream {
            match self.last_served {
                Some(last) if id > last => ignored = true,
                _ => {
                    session.last_stream = id;
                    session.limits.opened();
                }
            }
        } else if let Some(stream) = session.streams.get(&id).map(|stream| stream.borrow()) {
            match (&stream.reset, stream.client_ended) {
                (Some(Reset::Refused(_)), _) => ignored = true,
                (None, false) => trailers = true,
                _ if session.was_reset_here(id) => ignored = true,
                _ => {
                    return Err(Fatal::GoAway(
                        Code::STREAM_CLOSED,
                        "a HEADERS frame is about a stream that has ended",
                    ));
                }
            }
            if trailers && !ends {
                refused = Some("trailers do not end the stream");
            }
        } else if session.was_reset_here(id) || self.last_served.is_some_and(|last| id > last) {
            ignored = true;
        } else {
            // Whether it ever was there, and so which code is right, nobody remembers.
            return Err(Fatal::Silent("a HEADERS frame is about a stream that has ended"));
        }
        let wire = (FRAME_HEADER + payload.len()) as u64;
        let block = Block { stream: id, bytes: fragment.to_vec(), ends, wire, trailers, ignored, refused };
        if header.has(flags::END_HEADERS) {
            return Ok(Event::Fields(block));
        }
        self.block = Some(block);
        Ok(Event::Nothing)
    }

    fn continuation(
        &mut self,
        session: &mut Session,
        header: FrameHeader,
        payload: &[u8],
    ) -> Result<Event, Fatal> {
        let Some(mut block) = self.block.take() else {
            return Err(PROTOCOL("a CONTINUATION frame continues nothing"));
        };
        let bytes = block.bytes.len() + payload.len();
        session.limits.continuation(payload.is_empty(), bytes, self.largest_block + BESIDE_HEAD)?;
        block.bytes.extend_from_slice(payload);
        // Envoy counts no header but the first.
        block.wire += payload.len() as u64;
        if header.has(flags::END_HEADERS) {
            return Ok(Event::Fields(block));
        }
        self.block = Some(block);
        Ok(Event::Nothing)
    }

    fn begin_data(
        &mut self,
        session: &Rc<RefCell<Session>>,
        header: FrameHeader,
        input: &[u8],
    ) -> Result<(usize, Event), Fatal> {
        let padded = header.has(flags::PADDED);
        let Some(padding) = padding(header, input)? else { return Ok((0, Event::Nothing)) };
        let mut shared = session.borrow_mut();
        let id = header.stream;
        if id == 0 || id > shared.last_stream {
            return Err(PROTOCOL("a DATA frame is about no stream"));
        }
        let overhead = usize::from(padded) + padding;
        let length = header.length - overhead;
        let ends = header.has(flags::END_STREAM);
        let options = Rc::clone(&shared.options);
        shared.limits.content(length == 0 && !ends, &options)?;
        let count = i64::try_from(header.length).unwrap_or(i64::MAX);
        shared.receive_window.left -= count;
        if shared.receive_window.left < 0 {
            return Err(Fatal::GoAway(
                Code::FLOW_CONTROL_ERROR,
                "more was sent than the connection has room for",
            ));
        }
        let stream = shared.streams.get(&id).cloned();
        let stream = match stream {
            Some(stream) if stream.borrow().reset.is_none() && !stream.borrow().client_ended => Some(stream),
            _ if shared.was_reset_here(id) => None,
            Some(stream) if matches!(stream.borrow().reset, Some(Reset::Refused(_))) => None,
            _ => {
                return Err(Fatal::GoAway(
                    Code::STREAM_CLOSED,
                    "a DATA frame is about a stream that has ended",
                ));
            }
        };
        let before = stream.is_some();
        let stream = stream.filter(|stream| shared.may_take(&mut stream.borrow_mut(), count, length, ends));
        if before && stream.is_none() {
            // The client has it reset, as if it did so itself.
            shared.limits.closed(true)?;
        }
        if stream.is_none() {
            shared.taken_of_connection(u32::try_from(length).unwrap_or(u32::MAX));
        }
        // Padding is nobody's.
        shared.taken_of_connection(u32::try_from(overhead).unwrap_or(u32::MAX));
        drop(shared);
        let data = Data { stream, left: length, padding, ends };
        if let Some(stream) = &data.stream {
            stream.borrow_mut().wire_received += FRAME_HEADER as u64 + header.length as u64;
        }
        let begun = FRAME_HEADER + usize::from(padded);
        self.data = Some(data);
        let rest = input.get(begun..).unwrap_or_default();
        Ok((begun + self.take_data(session, rest), Event::Nothing))
    }

    fn take_data(&mut self, session: &Rc<RefCell<Session>>, input: &[u8]) -> usize {
        let Some(data) = &mut self.data else { return 0 };
        let count = data.left.min(input.len());
        let skipped = data.padding.min(input.len() - count);
        if let Some(stream) = &data.stream {
            let mut stream = stream.borrow_mut();
            if count > 0 && stream.reset.is_none() && !stream.client_ended {
                stream.body.push_back(Bytes::copy_from_slice(input.get(..count).unwrap_or_default()));
                stream.wake();
            } else if count > 0 {
                session.borrow_mut().taken_of_connection(u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
        data.left -= count;
        if data.left == 0 {
            data.padding -= skipped;
        }
        if data.left == 0 && data.padding == 0 {
            if let Some(stream) = &data.stream
                && data.ends
            {
                session.borrow_mut().client_ended(&mut stream.borrow_mut());
            }
            self.data = None;
        }
        count + skipped
    }
}

/// The stream that another one depends on (RFC 7540 §6.3): nobody prefers streams by that any more, but one that
/// depends on itself is an error still (§5.3.1).
const fn dependency(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & 0x7FFF_FFFF
}

/// The content of a frame that may be padded, and the length of the padding.
fn unpadded(header: FrameHeader, payload: &[u8]) -> Result<(&[u8], usize), Fatal> {
    if !header.has(flags::PADDED) {
        return Ok((payload, 0));
    }
    let (padding, rest) = payload.split_first().ok_or_else(|| SIZE("a padded frame is empty"))?;
    let padding = usize::from(*padding);
    let content = rest.len().checked_sub(padding).and_then(|end| rest.get(..end));
    Ok((content.ok_or_else(|| PROTOCOL("there is more padding than frame"))?, padding))
}

/// The length of the padding of a DATA frame; `None` where it has not come yet.
fn padding(header: FrameHeader, input: &[u8]) -> Result<Option<usize>, Fatal> {
    if !header.has(flags::PADDED) {
        return Ok(Some(0));
    }
    if header.length == 0 {
        return Err(SIZE("a padded frame is empty"));
    }
    let Some(padding) = input.get(FRAME_HEADER).copied().map(usize::from) else { return Ok(None) };
    if padding >= header.length {
        Err(PROTOCOL("there is more padding than frame"))
    } else {
        Ok(Some(padding))
    }
}
