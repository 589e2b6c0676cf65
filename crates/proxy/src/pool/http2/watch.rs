//! What is known of a connection from the frames on it: the codec has its own view, and does not tell all of it.
//!
//! It is where bytes are counted for each stream, where frames that carry nothing are limited, and where it is
//! known why a stream or the connection ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use causeway_model::Http2Options;

use super::frames::{END_STREAM, Frame, Frames, Seen, kind};

/// Bytes of the first answer that are kept, to tell what a peer speaks that does not speak HTTP/2.
const FIRST: usize = 16;

/// What is known of a connection.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Empty frames, PRIORITY frames for each stream, WINDOW_UPDATE frames for each DATA frame.
    limits: [u64; 3],
    inbound: RefCell<Frames>,
    outbound: RefCell<Frames>,
    streams: RefCell<foldhash::HashMap<u32, Rc<StreamCount>>>,
    first: Cell<[u8; FIRST]>,
    received: Cell<u64>,
    sent: Cell<u64>,
    goaway: Cell<Option<(u32, u32)>>,
    goaway_sent: Cell<Option<u32>>,
    flood: Cell<Option<Flood>>,
    resets_received: Cell<u64>,
    resets_sent: Cell<u64>,
    settings: Cell<u64>,
    empty: Cell<u64>,
    priorities: Cell<u64>,
    window_updates: Cell<u64>,
    data_sent: Cell<u64>,
    opened: Cell<u64>,
}

/// What passed on a stream, in bytes of frames with their heads.
#[derive(Debug, Default)]
pub(crate) struct StreamCount {
    /// All that was sent.
    pub(crate) sent: Cell<u64>,
    /// What was sent of heads and trailers.
    pub(crate) head_sent: Cell<u64>,
    /// All that was received.
    pub(crate) received: Cell<u64>,
    /// What was received of heads and trailers.
    pub(crate) head_received: Cell<u64>,
    /// The peer has said everything (`END_STREAM`).
    pub(crate) ended: Cell<bool>,
    /// What it said last were fields: a head without a body, or trailers.
    pub(crate) ended_with_fields: Cell<bool>,
    /// We have, or have given it to the codec.
    pub(crate) end_sent: Cell<bool>,
}

/// Frames of which there were too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// Without content, one after the other.
    Empty,
    /// PRIORITY.
    Priority,
    /// WINDOW_UPDATE.
    WindowUpdate,
}

impl Flood {
    /// What there was too much of, and which field says how much may be.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Empty => {
                "more frames without content followed each other than max_consecutive_inbound_frames_with_empty_payload"
            }
            Self::Priority => {
                "there were more PRIORITY frames than max_inbound_priority_frames_per_stream allows"
            }
            Self::WindowUpdate => {
                "there were more WINDOW_UPDATE frames than max_inbound_window_update_frames_per_data_frame_sent allows"
            }
        }
    }
}

/// What has passed since somebody looked last.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) resets_received: u64,
    pub(crate) resets_sent: u64,
    /// SETTINGS frames of the peer.
    pub(crate) settings: u64,
}

impl Watch {
    pub(super) fn new(options: &Http2Options) -> Self {
        Self {
            limits: [
                u64::from(options.max_consecutive_inbound_frames_with_empty_payload),
                u64::from(options.max_inbound_priority_frames_per_stream),
                u64::from(options.max_inbound_window_update_frames_per_data_frame_sent),
            ],
            inbound: RefCell::default(),
            outbound: RefCell::default(),
            streams: RefCell::default(),
            first: Cell::default(),
            received: Cell::new(0),
            sent: Cell::new(0),
            goaway: Cell::new(None),
            goaway_sent: Cell::new(None),
            flood: Cell::new(None),
            resets_received: Cell::new(0),
            resets_sent: Cell::new(0),
            settings: Cell::new(0),
            empty: Cell::new(0),
            priorities: Cell::new(0),
            window_updates: Cell::new(0),
            data_sent: Cell::new(0),
            opened: Cell::new(0),
        }
    }

    /// Counts what passes on this stream from now on.
    pub(super) fn follow(&self, stream: u32) -> Rc<StreamCount> {
        let count = Rc::new(StreamCount::default());
        self.streams.borrow_mut().insert(stream, Rc::clone(&count));
        add(&self.opened, 1);
        count
    }

    /// The stream is nobody's any more.
    pub(super) fn forget(&self, stream: u32) {
        self.streams.borrow_mut().remove(&stream);
    }

    /// The last stream that a GOAWAY of the peer leaves, and its error code.
    pub(crate) const fn goaway(&self) -> Option<(u32, u32)> {
        self.goaway.get()
    }

    /// The error code of a GOAWAY that we sent.
    pub(crate) const fn goaway_sent(&self) -> Option<u32> {
        self.goaway_sent.get()
    }

    /// Why the peer is not listened to any more.
    pub(crate) const fn flood(&self) -> Option<Flood> {
        self.flood.get()
    }

    /// What the peer began with, as far as it came.
    pub(crate) fn first(&self) -> Vec<u8> {
        let count = usize::try_from(self.received.get()).unwrap_or(FIRST).min(FIRST);
        self.first.get().get(..count).unwrap_or_default().to_vec()
    }

    /// Bytes received so far.
    pub(crate) const fn received(&self) -> u64 {
        self.received.get()
    }

    /// Everything that has passed so far.
    pub(super) const fn passed(&self) -> Passed {
        Passed {
            received: self.received.get(),
            sent: self.sent.get(),
            resets_received: self.resets_received.get(),
            resets_sent: self.resets_sent.get(),
            settings: self.settings.get(),
        }
    }

    /// Bytes that were sent.
    pub(super) fn sent(&self, bytes: &[u8]) {
        self.outbound.borrow_mut().pass(bytes, |seen| match seen {
            Seen::Head(frame) => self.frame_sent(frame),
            Seen::Content(frame, content) if frame.kind == kind::GOAWAY => {
                self.goaway_sent.set(Some(error_of(content)));
            }
            Seen::Content(..) => {}
        });
        self.note_sent(bytes.len());
    }

    /// Bytes that were sent and are no frames.
    pub(super) fn note_sent(&self, count: usize) {
        add(&self.sent, count as u64);
    }

    /// Bytes that were received. Afterwards there may be a flood.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let before = usize::try_from(self.received.get()).unwrap_or(FIRST);
        if before < FIRST {
            let mut first = self.first.get();
            first.iter_mut().skip(before).zip(bytes).for_each(|(room, byte)| *room = *byte);
            self.first.set(first);
        }
        add(&self.received, bytes.len() as u64);
        self.inbound.borrow_mut().pass(bytes, |seen| match seen {
            Seen::Head(frame) => self.frame_received(frame),
            Seen::Content(frame, content) if frame.kind == kind::GOAWAY => {
                let [a, b, c, d, ..] = content;
                let last = u32::from_be_bytes([a, b, c, d]) & 0x7FFF_FFFF;
                self.goaway.set(Some((last, error_of(content))));
            }
            // One for a stream that has ended says nothing.
            Seen::Content(frame, _) if self.streams.borrow().contains_key(&frame.stream) => {
                add(&self.resets_received, 1);
            }
            Seen::Content(..) => {}
        });
    }

    fn frame_sent(&self, frame: Frame) {
        match frame.kind {
            kind::DATA => add(&self.data_sent, 1),
            kind::RST_STREAM => add(&self.resets_sent, 1),
            _ => {}
        }
        if frame.stream == 0 {
            return;
        }
        if let Some(count) = self.streams.borrow().get(&frame.stream) {
            add(&count.sent, frame.size());
            match frame.kind {
                kind::HEADERS | kind::CONTINUATION => add(&count.head_sent, frame.size()),
                _ => {}
            }
        }
    }

    fn frame_received(&self, frame: Frame) {
        // As Envoy counts and limits them.
        let [empty, priorities, window_updates] = self.limits;
        match frame.kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => {
                if frame.length == 0 && !ends_stream(frame) {
                    add(&self.empty, 1);
                    self.limit(self.empty.get() > empty, Flood::Empty);
                } else {
                    self.empty.set(0);
                }
            }
            kind::PRIORITY => {
                add(&self.priorities, 1);
                let most = priorities.saturating_mul(1 + self.opened.get());
                self.limit(self.priorities.get() > most, Flood::Priority);
            }
            kind::WINDOW_UPDATE => {
                add(&self.window_updates, 1);
                let each = window_updates.saturating_mul(self.data_sent.get());
                let most = (self.opened.get() + each).saturating_mul(2) + 5;
                self.limit(self.window_updates.get() > most, Flood::WindowUpdate);
            }
            kind::SETTINGS if frame.flags & END_STREAM == 0 => add(&self.settings, 1),
            _ => {}
        }
        if frame.stream == 0 {
            return;
        }
        if let Some(count) = self.streams.borrow().get(&frame.stream) {
            add(&count.received, frame.size());
            if matches!(frame.kind, kind::HEADERS | kind::CONTINUATION) {
                add(&count.head_received, frame.size());
            }
            if ends_stream(frame) {
                count.ended.set(true);
                count.ended_with_fields.set(frame.kind == kind::HEADERS);
            }
        }
    }

    fn limit(&self, exceeded: bool, flood: Flood) {
        if exceeded && self.flood.get().is_none() {
            self.flood.set(Some(flood));
        }
    }
}

const fn ends_stream(frame: Frame) -> bool {
    matches!(frame.kind, kind::DATA | kind::HEADERS) && frame.flags & END_STREAM != 0
}

fn add(to: &Cell<u64>, count: u64) {
    to.set(to.get() + count);
}

const fn error_of(content: [u8; 8]) -> u32 {
    let [.., a, b, c, d] = content;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn bytes_are_counted_for_each_stream() {
        let watch = Watch::new(&Http2Options::default());
        let count = watch.follow(1);
        watch.sent(&frame(kind::HEADERS, 4, 1, b"head"));
        watch.sent(&frame(kind::DATA, END_STREAM, 1, b"body"));
        watch.receive(&frame(kind::HEADERS, 4, 1, b"ok"));
        assert!(!count.ended.get());
        watch.receive(&frame(kind::HEADERS, 5, 1, b"trailers"));
        watch.receive(&frame(kind::HEADERS, 5, 3, b"somebody else"));
        let all = (count.sent.get(), count.head_sent.get(), count.received.get(), count.head_received.get());
        assert_eq!(all, (26, 13, 28, 28));
        assert!(count.ended.get());
        assert_eq!(watch.first()[..9], frame(kind::HEADERS, 4, 1, b"ok")[..9]);
    }

    #[test]
    fn frames_that_carry_nothing_are_limited() {
        let floods: [(Vec<u8>, usize, Flood); 3] = [
            (frame(kind::DATA, 0, 1, b""), 1, Flood::Empty),
            (frame(kind::PRIORITY, 0, 1, &[0; 5]), 200, Flood::Priority),
            (frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), 7, Flood::WindowUpdate),
        ];
        for (bytes, allowed, flood) in floods {
            let watch = Watch::new(&Http2Options::default());
            watch.follow(1);
            for _ in 0..allowed {
                watch.receive(&bytes);
                assert_eq!(watch.flood(), None, "{flood:?}");
            }
            watch.receive(&bytes);
            assert_eq!(watch.flood(), Some(flood));
        }
        let watch = Watch::new(&Http2Options::default());
        for _ in 0..10 {
            watch.receive(&frame(kind::DATA, 0, 1, b""));
            watch.receive(&frame(kind::DATA, 0, 1, b"x"));
        }
        assert_eq!(watch.flood(), None);
    }

    #[test]
    fn a_goaway_is_remembered() {
        let watch = Watch::new(&Http2Options::default());
        assert_eq!(watch.goaway(), None);
        watch.receive(&frame(kind::GOAWAY, 0, 0, b"\0\0\0\x05\0\0\0\x0Bbye"));
        assert_eq!(watch.goaway(), Some((5, 11)));
    }
}
