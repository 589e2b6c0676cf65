//! A request's stream on a connection of HTTP/2.

use std::cell::Cell;
use std::future::Future as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use causeway_model::Address;
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterHttp2Stat, ClusterStat};
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::Response;

use super::failure;
use super::session::Session;
use super::watch::StreamCount;
use crate::connect::TlsFacts;
use crate::pump::{Sink, Source};
use crate::timer::Millis;

/// Bytes of an RST_STREAM frame.
const RST_STREAM: u64 = 13;

/// A place on a connection, and the stream once the request is sent.
#[derive(Debug)]
pub(crate) struct UpstreamStream {
    session: Rc<Session>,
    /// Which request of the connection it is; 1 for the first.
    served: u32,
    idle_for: Millis,
    sending: Option<SendStream<Bytes>>,
    response: Option<ResponseFuture>,
    receiving: Option<RecvStream>,
    count: Rc<StreamCount>,
    number: u32,
    /// What the connection had received before.
    received_before: u64,
    reset: Cell<bool>,
}

/// What comes of a response's head.
#[derive(Debug)]
pub(crate) enum Head {
    /// An interim one, behind which another comes.
    Interim(Response<()>),
    /// The final one.
    Final(Response<()>),
}

impl UpstreamStream {
    pub(super) fn new(session: Rc<Session>, served: u32, idle_for: Millis) -> Self {
        Self {
            received_before: session.watch.received(),
            session,
            served,
            idle_for,
            sending: None,
            response: None,
            receiving: None,
            count: Rc::default(),
            number: 0,
            reset: Cell::new(false),
        }
    }

    /// Number of the connection.
    pub(crate) fn connection(&self) -> u64 {
        self.session.id
    }

    /// Our end of it.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.session.local
    }

    /// What is known of its TLS, where it speaks it.
    pub(crate) fn tls(&self) -> Option<Rc<TlsFacts>> {
        self.session.tls.clone()
    }

    /// The other end.
    pub(crate) fn remote(&self) -> &Rc<Address> {
        &self.session.remote
    }

    /// What has passed.
    pub(crate) const fn count(&self) -> &Rc<StreamCount> {
        &self.count
    }

    /// Sends the head of the request; `ends` where nothing follows.
    pub(crate) fn send(&mut self, request: http::Request<()>, ends: bool) -> Result<(), Failure> {
        let sent = self.session.with_sender(|sender| sender.send_request(request, ends));
        match sent {
            Some(Ok((response, sending))) => {
                self.number = sending.stream_id().as_u32();
                self.count = self.session.watch.follow(self.number);
                self.count.end_sent.set(ends);
                self.response = Some(response);
                self.sending = Some(sending);
                Ok(())
            }
            Some(Err(error)) => Err(self.failure(&error)),
            None => Err(self.gone()),
        }
    }

    /// The head of the response.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Failure>> {
        let Some(response) = &mut self.response else { return Poll::Ready(Err(self.gone())) };
        if let Poll::Ready(Some(interim)) = response.poll_informational(cx) {
            return Poll::Ready(interim.map(Head::Interim).map_err(|error| self.failure(&error)));
        }
        match ready!(Pin::new(response).poll(cx)) {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                self.response = None;
                self.receiving = Some(body);
                Poll::Ready(Ok(Head::Final(Response::from_parts(parts, ()))))
            }
            Err(error) => Poll::Ready(Err(self.failure(&error))),
        }
    }

    /// Whether the response is complete with its head.
    pub(crate) fn is_headers_only(&self) -> bool {
        self.receiving.as_ref().is_some_and(RecvStream::is_end_stream)
    }

    /// Where the request's body goes to.
    pub(crate) fn sink(&mut self) -> Option<Sink<'_>> {
        self.sending.as_mut().map(Sink::Http2)
    }

    /// Everything of the request has been given to [`Self::sink`].
    pub(crate) fn request_complete(&self) {
        self.count.end_sent.set(true);
    }

    /// Where the response's body comes from.
    pub(crate) fn source(&mut self) -> Option<Source<'_>> {
        self.receiving.as_mut().map(Source::Http2)
    }

    /// Whether the stream failed behind its end: a back-end that needs no more of the request says so with a reset
    /// (RFC 9113 §8.1), which takes nothing from a response that is complete.
    pub(crate) fn has_ended(&self) -> bool {
        self.count.ended.get()
    }

    /// Says what is wrong with the stream, and counts it.
    pub(crate) fn failure(&self, error: &h2::Error) -> Failure {
        let seen = failure::Stream {
            number: self.number,
            served: self.served,
            idle_for: self.idle_for,
            received: self.count.received.get(),
            received_before: self.received_before,
            head_received: self.count.head_received.get(),
        };
        let failure = failure::of(error, &self.session, &seen);
        // A body that is not as long as its head says concerns its stream alone; a head and trailers are read with the
        // tables of the connection.
        let by_fields = self.receiving.is_none() || self.count.ended_with_fields.get();
        if failure::broke_message_rules(error, failure.reason) && by_fields {
            self.session.broke_message_rules();
        }
        if failure.reason == Reason::UpstreamHeadOverflow {
            self.overflowed(false);
        }
        self.note_reset(failure::counted(failure.reason));
        failure
    }

    /// The connection is gone.
    fn gone(&self) -> Failure {
        let error = h2::Error::from(h2::Reason::INTERNAL_ERROR);
        self.failure(&error)
    }

    fn note_reset(&self, stat: Option<ClusterStat>) {
        if !self.reset.replace(true)
            && let (Some(stat), Some(cluster)) = (stat, self.session.cluster())
        {
            cluster.stats().inc(stat);
        }
    }

    /// There are too many fields in the head of the response, which Envoy counts by itself, or it is too large.
    pub(crate) fn overflowed(&self, by_count: bool) {
        if by_count {
            self.session.count_http2(ClusterHttp2Stat::HeaderOverflow);
        }
        self.note_reset(Some(ClusterStat::UpstreamRqRxReset));
    }
}

impl UpstreamStream {
    /// Nobody wants the response, even if all of it has come: the stream is reset when it is dropped.
    pub(crate) fn abandon(&self) {
        self.count.ended.set(false);
    }
}

impl Drop for UpstreamStream {
    fn drop(&mut self) {
        if let Some(mut sending) = self.sending.take() {
            let complete = self.count.ended.get() && self.count.end_sent.get();
            if !complete {
                if !self.reset.get() && self.receiving.is_none() {
                    // It is sent when the request's record is written already.
                    self.count.sent.set(self.count.sent.get() + RST_STREAM);
                }
                self.note_reset(Some(ClusterStat::UpstreamRqTxReset));
                sending.send_reset(h2::Reason::INTERNAL_ERROR);
            }
            self.session.watch.forget(self.number);
        }
        self.receiving = None;
        self.response = None;
        self.session.release();
    }
}
