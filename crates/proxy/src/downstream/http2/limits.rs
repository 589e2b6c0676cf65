//! How much a client may ask of a connection without asking for anything: floods of frames.
//!
//! Each costs the sender nearly nothing and a server work or memory. The limits are those of Envoy.

use causeway_http::h2::Code;
use causeway_model::Http2Options;
use causeway_reason::{Failure, Reason};

use crate::stats::Http2Stat;

/// Streams that may be reset early before it is looked at how many of all they are.
const FEW_STREAMS: u64 = 500;
/// Frames that may follow a HEADERS frame.
const CONTINUATIONS: u32 = 64;
/// Of those, empty ones.
const EMPTY_CONTINUATIONS: u32 = 8;

/// What has been counted on a connection.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Streams that the client opened.
    streams: u64,
    /// Streams that are over, and how many of them were reset before anything was answered.
    over: u64,
    early_resets: u64,
    data_frames_sent: u64,
    window_updates: u64,
    priorities: u64,
    empty_frames: u32,
    continuations: u32,
    empty_continuations: u32,
}

/// A limit that was passed.
#[derive(Debug)]
pub(super) struct Flood {
    pub(super) failure: Failure,
    /// What counts it; `None` where Envoy has no counter.
    pub(super) stat: Option<Http2Stat>,
}

impl Flood {
    /// The error code that the client is told (RFC 9113 §7).
    pub(super) const CODE: Code = Code::ENHANCE_YOUR_CALM;

    fn new(reason: Reason, stat: Option<Http2Stat>, evidence: String) -> Self {
        Self { failure: Failure::new(reason).with_evidence(evidence), stat }
    }
}

impl Limits {
    /// A stream was opened.
    pub(super) const fn opened(&mut self) {
        self.streams += 1;
    }

    /// A DATA frame was sent.
    pub(super) const fn data_sent(&mut self) {
        self.data_frames_sent += 1;
    }

    /// A stream is over; `early` says that it was reset before anything was answered, and soon. A client that does
    /// nothing else makes a server work for nothing (CVE-2023-44487, and by way of errors CVE-2025-8671).
    pub(super) fn closed(&mut self, early: bool) -> Result<(), Flood> {
        self.over += 1;
        self.early_resets += u64::from(early);
        let of = self.over.max(FEW_STREAMS);
        if self.early_resets == 0 || self.early_resets * 2 < of {
            return Ok(());
        }
        let evidence =
            format!("{} of {} streams were reset before they were answered", self.early_resets, self.over);
        Err(Flood::new(Reason::Http2ResetFlood, None, evidence))
    }

    /// A WINDOW_UPDATE frame came.
    pub(super) fn window_update(&mut self, options: &Http2Options) -> Result<(), Flood> {
        self.window_updates += 1;
        let for_data = u64::from(options.max_inbound_window_update_frames_per_data_frame_sent);
        let most = 5 + 2 * (self.streams + for_data * self.data_frames_sent);
        if self.window_updates <= most {
            return Ok(());
        }
        let evidence =
            format!("{} WINDOW_UPDATE frames for {} DATA frames", self.window_updates, self.data_frames_sent);
        Err(Flood::new(Reason::Http2WindowFlood, Some(Http2Stat::InboundWindowUpdateFramesFlood), evidence))
    }

    /// A PRIORITY frame came.
    pub(super) fn priority(&mut self, options: &Http2Options) -> Result<(), Flood> {
        self.priorities += 1;
        if self.priorities <= u64::from(options.max_inbound_priority_frames_per_stream) * (1 + self.streams) {
            return Ok(());
        }
        let evidence = format!("{} PRIORITY frames on {} streams", self.priorities, self.streams);
        Err(Flood::new(Reason::Http2PriorityFlood, Some(Http2Stat::InboundPriorityFramesFlood), evidence))
    }

    /// A DATA, HEADERS or CONTINUATION frame came; `empty` says that there is nothing in it, not even the end of a
    /// stream (CVE-2019-9518).
    pub(super) fn content(&mut self, empty: bool, options: &Http2Options) -> Result<(), Flood> {
        if !empty {
            self.empty_frames = 0;
            return Ok(());
        }
        self.empty_frames += 1;
        if self.empty_frames <= options.max_consecutive_inbound_frames_with_empty_payload {
            return Ok(());
        }
        let evidence = format!("{} frames in a row had nothing in them", self.empty_frames);
        Err(Flood::new(Reason::Http2EmptyFrameFlood, Some(Http2Stat::InboundEmptyFramesFlood), evidence))
    }

    /// A HEADERS frame came, which may go on.
    pub(super) const fn head_begins(&mut self) {
        self.continuations = 0;
        self.empty_continuations = 0;
    }

    /// A CONTINUATION frame came; with it, the head has that many bytes as they are sent (CVE-2024-27316).
    pub(super) fn continuation(&mut self, empty: bool, bytes: usize, most: usize) -> Result<(), Flood> {
        self.continuations += 1;
        self.empty_continuations += u32::from(empty);
        if self.continuations <= CONTINUATIONS
            && self.empty_continuations <= EMPTY_CONTINUATIONS
            && bytes <= most
        {
            return Ok(());
        }
        let evidence =
            format!("a head of {bytes} bytes and {} CONTINUATION frames has no end", self.continuations);
        Err(Flood::new(Reason::Http2ContinuationFlood, None, evidence))
    }

    /// So many frames wait to be read by the client, and so many of them are answers to frames of its own
    /// (CVE-2019-9512, CVE-2019-9515).
    pub(super) fn outbound(frames: usize, control: u32, options: &Http2Options) -> Result<(), Flood> {
        let most = usize::try_from(options.max_outbound_frames).unwrap_or(usize::MAX);
        if control > options.max_outbound_control_frames {
            let evidence =
                format!("{control} PING, SETTINGS, RST_STREAM and other such frames wait to be read");
            return Err(Flood::new(
                Reason::Http2ControlFlood,
                Some(Http2Stat::OutboundControlFlood),
                evidence,
            ));
        }
        if frames > most {
            let evidence = format!("{frames} frames wait to be read");
            return Err(Flood::new(Reason::Http2OutboundFlood, Some(Http2Stat::OutboundFlood), evidence));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut step: impl FnMut() -> Result<(), Flood>) -> u32 {
        (1..100_000).find(|_| step().is_err()).unwrap()
    }

    #[test]
    fn floods_end_early() {
        let options = Http2Options::default();
        let mut limits = Limits::default();
        assert_eq!(after(|| limits.closed(true)), 250, "half of the first 500");
        let mut limits = Limits::default();
        assert_eq!(after(|| limits.priority(&options)), 101);
        assert_eq!(after(|| limits.window_update(&options)), 6);
        assert_eq!(after(|| limits.content(true, &options)), 2);
        assert_eq!(after(|| limits.continuation(true, 0, 100)), 9);
        limits.head_begins();
        assert_eq!(after(|| limits.continuation(false, 0, 100)), 65);
        limits.head_begins();
        assert!(limits.continuation(false, 101, 100).is_err());
    }

    #[test]
    fn what_clients_do_is_no_flood() {
        let options = Http2Options::default();
        let mut limits = Limits::default();
        for number in 0..100_000_u32 {
            limits.opened();
            limits.data_sent();
            assert!(limits.window_update(&options).is_ok() && limits.priority(&options).is_ok());
            assert!(limits.content(number % 2 == 0, &options).is_ok());
            assert!(limits.closed(number % 3 == 0).is_ok(), "a third of all is given up");
        }
        assert!(Limits::outbound(10_000, 1000, &options).is_ok());
        assert!(
            Limits::outbound(0, 1001, &options).is_err() && Limits::outbound(10_001, 0, &options).is_err()
        );
    }
}
