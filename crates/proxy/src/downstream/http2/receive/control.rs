//! Frames about windows, settings and the ends of streams (RFC 9113 §6.4, §6.5, §6.9), and what they do to the session.

use std::rc::Rc;

use causeway_http::h2::{Code, FRAME_HEADER, FrameHeader, Kind, Settings, flags};
use causeway_model::Http2Options;
use causeway_reason::{Failure, Reason};

use super::super::connection::was_early;
use super::super::limits::Limits;
use super::super::session::{LARGEST_WINDOW, Reset, Session, Stream};
use super::{FLOW, Fatal, PROTOCOL, SIZE};
use crate::stats::Http2Stat;

impl Session {
    /// Whether a DATA frame with so many bytes fits on a stream, and its content with what was promised.
    pub(super) fn may_take(&mut self, stream: &mut Stream, count: i64, length: usize, ends: bool) -> bool {
        stream.receive_window.left -= count;
        if stream.receive_window.left < 0 {
            let failure = Failure::new(Reason::Http2ProtocolError)
                .with_evidence("more was sent on a stream than it has room for");
            self.refuse_stream(stream, failure, Code::FLOW_CONTROL_ERROR);
            return false;
        }
        if let Some(promised) = &mut stream.promised {
            let left = promised.checked_sub(length as u64);
            if left.is_none() || (ends && left != Some(0)) {
                let how = if left.is_none() { "more" } else { "less" };
                let failure = Failure::new(Reason::Http2LengthMismatch)
                    .with_evidence(format!("the body is {how} than content-length says"));
                self.refuse_stream(stream, failure, Code::PROTOCOL_ERROR);
                return false;
            }
            *promised = left.unwrap_or(0);
        }
        true
    }

    /// Ends a stream whose client breaks the rules on it.
    pub(in super::super) fn refuse_stream(&mut self, stream: &mut Stream, failure: Failure, code: Code) {
        if stream.reset.is_some() {
            return;
        }
        self.reset(stream, code);
        stream.reset = Some(Reset::Refused(Rc::new(failure)));
        stream.wake();
    }

    /// Nothing more comes on a stream.
    pub(in super::super) fn client_ended(&mut self, stream: &mut Stream) {
        if stream.reset.is_some() || std::mem::replace(&mut stream.client_ended, true) {
            return;
        }
        if stream.ended {
            self.over();
        }
        stream.wake();
    }
}

pub(super) fn rst_stream(session: &mut Session, header: FrameHeader, payload: &[u8]) -> Result<(), Fatal> {
    let code: [u8; 4] = payload.try_into().map_err(|_| SIZE("a RST_STREAM frame has not 4 bytes"))?;
    if header.stream == 0 || header.stream > session.last_stream {
        return Err(PROTOCOL("a RST_STREAM frame is about no stream"));
    }
    session.worker.http2().inc(Http2Stat::RxReset);
    let Some(stream) = session.streams.get(&header.stream).cloned() else { return Ok(()) };
    let mut stream = stream.borrow_mut();
    if stream.is_over() {
        return Ok(());
    }
    let early = was_early(&stream, &session.worker);
    stream.wire_received += (FRAME_HEADER + payload.len()) as u64;
    stream.reset = Some(Reset::ByClient(Code(u32::from_be_bytes(code))));
    stream.wake();
    session.over();
    Ok(session.limits.closed(early)?)
}

pub(super) fn settings(session: &mut Session, header: FrameHeader, payload: &[u8]) -> Result<(), Fatal> {
    if header.stream != 0 {
        return Err(PROTOCOL("a SETTINGS frame is about a stream"));
    }
    if header.has(flags::ACK) {
        return if payload.is_empty() {
            Ok(())
        } else {
            Err(SIZE("an acknowledgement of SETTINGS is not empty"))
        };
    }
    let settings = Settings::read(payload).map_err(|code| match code {
        Code::FRAME_SIZE_ERROR => SIZE("a SETTINGS frame is cut"),
        code => Fatal::GoAway(code, "a setting has a value that it can't have"),
    })?;
    if let Some((last, least)) = settings.header_table_size {
        session.encoder.allow(usize::try_from(least).unwrap_or(usize::MAX));
        session.encoder.allow(usize::try_from(last).unwrap_or(usize::MAX));
    }
    if let Some(size) = settings.initial_window_size {
        let change = i64::from(size) - session.first_send_window;
        session.first_send_window = i64::from(size);
        for stream in session.streams.values() {
            let mut stream = stream.borrow_mut();
            stream.send_window += change;
            if stream.send_window > LARGEST_WINDOW {
                return Err(FLOW("a window is larger than windows are"));
            }
            if change > 0 {
                stream.wake();
            }
        }
    }
    session.frame(Kind::Settings, flags::ACK, 0, &[]);
    outbound(session)
}

pub(super) fn window_update(session: &mut Session, header: FrameHeader, payload: &[u8]) -> Result<(), Fatal> {
    let more: [u8; 4] = payload.try_into().map_err(|_| SIZE("a WINDOW_UPDATE frame has not 4 bytes"))?;
    let more = i64::from(u32::from_be_bytes(more) & 0x7FFF_FFFF);
    if more == 0 {
        return Err(PROTOCOL("a WINDOW_UPDATE frame says nothing"));
    }
    let options = Rc::clone(&session.options);
    session.limits.window_update(&options)?;
    if header.stream == 0 {
        session.send_window += more;
        if session.send_window > LARGEST_WINDOW {
            return Err(FLOW("the window of the connection is larger than windows are"));
        }
        session.wake_waiting();
        return Ok(());
    }
    if header.stream > session.last_stream {
        return Err(PROTOCOL("a WINDOW_UPDATE frame is about no stream"));
    }
    let Some(stream) = session.streams.get(&header.stream).cloned() else { return Ok(()) };
    let mut stream = stream.borrow_mut();
    stream.send_window += more;
    if stream.send_window > LARGEST_WINDOW {
        let failure = Failure::new(Reason::Http2ProtocolError)
            .with_evidence("the window of the stream is larger than windows are");
        session.refuse_stream(&mut stream, failure, Code::FLOW_CONTROL_ERROR);
        return Ok(session.limits.closed(true)?);
    }
    stream.wake();
    Ok(())
}

/// Whether more waits for the client to read than may.
pub(in super::super) fn outbound(session: &Session) -> Result<(), Fatal> {
    let (frames, control) = session.output.waiting_frames();
    let options: &Http2Options = &session.options;
    Ok(Limits::outbound(frames, control, options)?)
}
