//! A stream, as the task that serves its request has it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use causeway_http::HeaderBlock;
use causeway_http::h2::Code;
use causeway_reason::{Failure, Reason};

use super::session::{End, Reset, Session, Stream};

/// A stream of a client. Dropping it ends it: a response that is not complete is reset.
#[derive(Debug)]
pub(crate) struct ClientStream {
    session: Rc<RefCell<Session>>,
    stream: Rc<RefCell<Stream>>,
}

/// Why a client is gone.
#[derive(Debug, Clone)]
pub(crate) enum Lost {
    /// Its connection is.
    Connection,
    /// It reset the stream.
    Reset(Code),
    /// What it sent broke the rules.
    Refused(Rc<Failure>),
}

impl ClientStream {
    pub(super) const fn new(session: Rc<RefCell<Session>>, stream: Rc<RefCell<Stream>>) -> Self {
        Self { session, stream }
    }

    /// The next piece of the request's body, `None` behind the last.
    ///
    /// # Errors
    ///
    /// The client is gone.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut stream = self.stream.borrow_mut();
        if stream.reset.is_none()
            && let Some(data) = stream.body.pop_front()
        {
            return Poll::Ready(Some(Ok(data)));
        }
        if stream.reset.is_some() || self.session.borrow().end.is_some() {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        if stream.client_ended {
            return Poll::Ready(None);
        }
        stream.waker.register(cx);
        Poll::Pending
    }

    /// What stood behind the body.
    pub(crate) fn trailers(&mut self) -> Option<HeaderBlock> {
        self.stream.borrow_mut().trailers.take()
    }

    /// Whether nothing of the body is left and nothing stands behind it.
    pub(crate) fn is_at_end(&self) -> bool {
        let stream = self.stream.borrow();
        stream.client_ended && stream.body.is_empty() && stream.trailers.is_none()
    }

    /// Whether the client has sent all there is, read or not.
    pub(crate) fn client_has_ended(&self) -> bool {
        self.stream.borrow().client_ended
    }

    /// That much of the body has been taken, so the client may send more.
    pub(crate) fn release(&mut self, count: usize) {
        self.session.borrow_mut().taken(&mut self.stream.borrow_mut(), count);
    }

    /// Throws away what has arrived of the body: how much that is, and whether that is all of it.
    pub(crate) fn discard(&mut self) -> (usize, bool) {
        let mut stream = self.stream.borrow_mut();
        let count = stream.body.drain(..).map(|data| data.len()).sum();
        self.session.borrow_mut().taken(&mut stream, count);
        (count, stream.client_ended)
    }

    /// Waits until some of that many bytes can be sent, and says how many.
    ///
    /// # Errors
    ///
    /// The client is gone.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        let mut session = self.session.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        if stream.reset.is_some() || session.end.is_some() || stream.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match session.room(&mut stream, wanted) {
            0 => {
                stream.waker.register(cx);
                Poll::Pending
            }
            room => Poll::Ready(Ok(room)),
        }
    }

    /// Writes some of the data, `last` where the body ends with it; waits until some of it can be written.
    ///
    /// # Errors
    ///
    /// The client is gone.
    pub(crate) fn poll_write(
        &mut self,
        cx: &Context<'_>,
        data: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let mut session = self.session.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        if stream.reset.is_some() || session.end.is_some() || stream.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match session.write(&mut stream, data, last) {
            Ok(0) if !data.is_empty() => {
                stream.waker.register(cx);
                Poll::Pending
            }
            written => Poll::Ready(written),
        }
    }

    /// Whether it is worth to read much of a body at once, since the client takes it.
    pub(crate) fn takes_large_pieces(&self) -> bool {
        self.session.borrow().takes_large_pieces(&self.stream.borrow())
    }

    /// Sends bytes of the response's body for which there is room.
    pub(crate) fn send(&mut self, data: &[u8], ends: bool) {
        self.session.borrow_mut().data(&mut self.stream.borrow_mut(), data, ends);
    }

    /// Sends the head of a response; `ends` where nothing follows.
    pub(crate) fn send_head(&mut self, status: u16, block: &HeaderBlock, ends: bool) {
        let mut session = self.session.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        if stream.ended {
            return;
        }
        let bytes = session.fields(stream.id, Some(status), block, ends);
        stream.answered = true;
        stream.head_sent += bytes;
        stream.wire_sent += bytes;
        if ends {
            session.end(&mut stream);
        }
    }

    /// Sends what stands behind the body.
    pub(crate) fn send_trailers(&mut self, block: &HeaderBlock) {
        let mut session = self.session.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        if stream.ended {
            return;
        }
        let bytes = session.fields(stream.id, None, block, true);
        stream.wire_sent += bytes;
        stream.head_sent += bytes;
        session.end(&mut stream);
    }

    /// Says that the body is complete, where its last piece did not.
    pub(crate) fn end(&mut self) {
        let mut stream = self.stream.borrow_mut();
        if !stream.ended {
            self.session.borrow_mut().data(&mut stream, &[], true);
        }
    }

    /// Whether the client is gone; if not, it is told when that changes.
    pub(crate) fn poll_lost(&mut self, cx: &mut Context<'_>) -> bool {
        let stream = self.stream.borrow_mut();
        if stream.reset.is_some() || self.session.borrow().end.is_some() {
            return true;
        }
        stream.waker.register(cx);
        false
    }

    /// Why the client is gone; `None` while it is not.
    pub(crate) fn lost(&self) -> Option<Lost> {
        match &self.stream.borrow().reset {
            Some(Reset::ByClient(code)) => return Some(Lost::Reset(*code)),
            Some(Reset::Refused(failure)) => return Some(Lost::Refused(Rc::clone(failure))),
            None => {}
        }
        match &self.session.borrow().end {
            Some(End::Refused(failure)) => Some(Lost::Refused(Rc::clone(failure))),
            Some(End::Closed | End::Broken | End::Local) => Some(Lost::Connection),
            None => None,
        }
    }

    /// Whether the client has reset it because it needs it no more.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self.stream.borrow().reset, Some(Reset::ByClient(Code::CANCEL | Code::NO_ERROR)))
    }

    /// The connection has to end behind what is open on it; the client is told at once.
    pub(crate) fn drain_connection(&mut self) {
        self.session.borrow_mut().announce_end();
    }

    /// Whether that has been said already.
    pub(crate) fn is_draining(&self) -> bool {
        self.session.borrow().drain
    }

    /// Bytes of its frames so far: from the client, to the client, and how many of these were fields.
    pub(crate) fn wire(&self) -> (u64, u64, u64) {
        let stream = self.stream.borrow();
        (stream.wire_received, stream.wire_sent, stream.head_sent)
    }
}

impl ClientStream {
    /// Whether the response is complete, and the request is not: nobody reads the rest of it.
    pub(crate) fn is_answered_early(&self) -> bool {
        let stream = self.stream.borrow();
        stream.ended && !stream.client_ended && stream.reset.is_none()
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        let mut session = self.session.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        if stream.reset.is_none() {
            // It is no flood that somebody answers.
            let _ = session.limits.closed(false);
        }
        if !stream.is_over() && session.end.is_none() {
            // A client that goes on sending what nobody wants is told so (RFC 9113 §8.1).
            let code = if stream.ended { Code::NO_ERROR } else { Code::INTERNAL_ERROR };
            session.reset(&mut stream, code);
        } else if !stream.is_over() {
            session.over();
        }
        // What nobody has taken no longer counts against the connection.
        let unread: usize = stream.body.drain(..).map(|data| data.len()).sum();
        if unread > 0 && session.end.is_none() {
            session.taken_of_connection(u32::try_from(unread).unwrap_or(u32::MAX));
        }
        session.streams.remove(&stream.id);
        if session.streams.is_empty() {
            session.wake_driver();
        }
    }
}

impl Lost {
    /// Why a request fails whose client is gone; `so_far` says how far it had come.
    pub(crate) fn failure(&self, so_far: String) -> Failure {
        match self {
            Self::Connection => Failure::new(Reason::ClientDisconnected).with_evidence(so_far),
            Self::Reset(code) => Failure::new(Reason::ClientReset).with_evidence(format!(
                "the code is {} ({}); {so_far}",
                code.0,
                code.name()
            )),
            Self::Refused(failure) => Failure::clone(failure),
        }
    }
}
