//! One request and its response: what they are, and what is known about them.

mod again;
mod attempt;
mod facts;

use std::cell::RefCell;
use std::io;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use causeway_http::h1::RequestHead;
use causeway_http::{HeaderBlock, Known, Method};
use causeway_journal::Attempts;
use causeway_upstream::Host;

use crate::io::Transport;

pub(crate) use again::{Again, Beside, Held};
pub(crate) use facts::{Facts, Remote, Rerouted, ResponseDetails, Subject, TrailerBytes, UpstreamAnswer};

/// A request, its response, and what is known about them. Used again for the next request.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Fields of the request, as they are sent on.
    pub(crate) request: HeaderBlock,
    /// What its first line says; `None` while, or because, it could not be read.
    pub(crate) head: Option<RequestHead>,
    /// Its path with the query, as it is routed and sent on.
    pub(crate) path: Vec<u8>,
    /// Fields of the response, as they are sent to the client.
    pub(crate) response: HeaderBlock,
    /// Trailers of the request.
    pub(crate) request_trailers: Option<HeaderBlock>,
    /// Trailers of the response.
    pub(crate) response_trailers: Option<HeaderBlock>,
    /// Body of a local answer, for formats of answers that print it.
    pub(crate) local_body: Vec<u8>,
    /// What is known.
    pub(crate) facts: Facts,
    /// The connections to back-ends that it was sent on: their hosts and numbers.
    pub(crate) attempted: Vec<(Arc<Host>, Option<u64>)>,
    /// How the attempts before the last have failed, where there were some.
    pub(crate) failed_attempts: Option<Box<Attempts>>,
    /// What it brings along where it is the next request of a redirect that the proxy followed.
    pub(crate) again: Option<Box<Again>>,
    /// Bytes on their way to the client.
    pub(crate) to_client: Outgoing,
    /// Bytes on their way to the back-end.
    pub(crate) to_upstream: Outgoing,
    /// Room for whatever has to be put together.
    pub(crate) scratch: Vec<u8>,
}

/// What an exchange keeps of each of its buffers for the next request, in bytes …
const KEEP: usize = 8 * 1024;
/// … as long as no more than these are unused. With the next ones there are many requests at a time, and what
/// nearly all of them need is enough.
const FEW: usize = 64;
/// What those keep.
const KEEP_OF_MANY: usize = 2 * 1024;
/// Most exchanges that a worker keeps: some 8 MiB at worst.
const MANY: usize = 8 * FEW;

impl Exchange {
    /// The request's method; GET while it is not known.
    pub(crate) fn method(&self) -> Method {
        self.head.as_ref().map_or(Method::Get, |head| head.method)
    }

    /// Whether all of the request has to have arrived for its end to be known: it has a body, or is the
    /// beginning of something that goes on.
    pub(crate) fn is_open_ended(&self) -> bool {
        // All of it was there before its first back-end answered, or with its head.
        if self.again.is_some() || self.facts.sent_whole {
            return false;
        }
        self.facts.upgrade
            || self
                .head
                .as_ref()
                .is_some_and(|head| head.method == Method::Connect || !head.framing.is_none())
    }

    /// What the trailers of the response, or its head where there are none, say of a call of gRPC.
    pub(crate) fn grpc_status(&self) -> Option<&[u8]> {
        let trailers = self.response_trailers.as_ref().and_then(|trailers| trailers.get(Known::GrpcStatus));
        trailers.or_else(|| self.response.get(Known::GrpcStatus))
    }

    /// Whether a call of gRPC went well, as far as a back-end is to blame: its status stands for none of 5xx.
    pub(crate) fn grpc_went_well(&self) -> bool {
        // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS are server errors, and so is
        // what no version of gRPC knows.
        let number = self.grpc_status().and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        number.is_some_and(|number| number <= 16 && !matches!(number, 2 | 4 | 12..=15))
    }

    /// Exchanges the attempt that the request shows for another.
    pub(crate) fn swap_attempt(&mut self, beside: &mut Beside) {
        self.facts.swap_attempt(&mut beside.facts);
        std::mem::swap(&mut self.response, &mut beside.response);
    }

    fn clear(&mut self, keep: usize) {
        self.request.clear(keep);
        self.head = None;
        self.path.clear();
        self.path.shrink_to(keep);
        self.response.clear(keep);
        self.request_trailers = None;
        self.response_trailers = None;
        self.local_body.clear();
        self.local_body.shrink_to(keep);
        self.attempted.clear();
        self.failed_attempts = None;
        self.again = None;
        self.to_client.clear(keep);
        self.to_upstream.clear(keep);
        self.scratch.clear();
        self.scratch.shrink_to(keep);
        self.facts = Facts::default();
    }
}

/// Exchanges of one worker that are not in use.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "an exchange is taken and given back by its box; a move would copy it whole"
)]
pub(crate) struct ExchangePool(RefCell<Vec<Box<Exchange>>>);

impl ExchangePool {
    pub(crate) fn take(&self) -> Box<Exchange> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Lets go of those that nobody uses.
    pub(crate) fn shrink(&self) {
        self.0.take();
    }

    pub(crate) fn give(&self, mut exchange: Box<Exchange>) {
        let mut pool = self.0.borrow_mut();
        if pool.len() < MANY {
            exchange.clear(if pool.len() < FEW { KEEP } else { KEEP_OF_MANY });
            pool.push(exchange);
        }
    }
}

/// What happens with a stream behind what is written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It stays open.
    More,
    /// It is closed at once, or its writing side is.
    Close,
}

/// Bytes to be written, and how far they are.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    /// The end of what is to be written. Only to be appended to.
    pub(crate) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes that wait.
    pub(crate) const fn pending(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Takes the first of the bytes that wait, as if they were written.
    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.written;
        self.written = (from + count).min(self.bytes.len());
        self.bytes.get(from..self.written).unwrap_or_default()
    }

    /// Whether nothing of what waits has been written.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.written == 0 && !self.bytes.is_empty()
    }

    /// Forgets what waits.
    pub(crate) fn forget(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }

    fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep);
        self.written = 0;
    }

    /// Writes what waits.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Transport,
    ) -> Poll<io::Result<()>> {
        self.poll_flush_before(Next::More, cx, stream)
    }

    /// Writes what waits, of a stream with which this happens next.
    pub(crate) fn poll_flush_before(
        &mut self,
        next: Next,
        cx: &mut Context<'_>,
        stream: &mut Transport,
    ) -> Poll<io::Result<()>> {
        while self.pending() > 0 {
            let rest = self.bytes.get(self.written..).unwrap_or_default();
            let count = ready!(match next {
                Next::More => stream.poll_write(cx, rest),
                Next::Close => stream.poll_write_last(cx, rest),
            })?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.bytes.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Writes what waits, and then bytes that lie elsewhere, as far as they go; says how many of those
    /// were written.
    pub(crate) fn poll_write_behind(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Transport,
        behind: &[u8],
    ) -> Poll<io::Result<usize>> {
        let waiting = self.pending();
        let rest = self.bytes.get(self.written..).unwrap_or_default();
        let count = if waiting == 0 {
            ready!(stream.poll_write(cx, behind))?
        } else {
            ready!(stream.poll_write_vectored(cx, &[IoSlice::new(rest), IoSlice::new(behind)]))?
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += count.min(waiting);
        if self.pending() == 0 {
            self.bytes.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(count.saturating_sub(waiting)))
    }
}
