//! Moving a request to a back-end and its response to the client, at the same time.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use causeway_http::h1::{
    BodyFraming, HeadLimits, LAST_CHUNK, Parsed, ResponseHead, ResponseRules, chunk_header, parse_response,
};
use causeway_http::{Method, Version, forwarding};
use causeway_model::SchemeTransformation;
use causeway_reason::{Failure, Met, Reason};
use causeway_upstream::{ClusterStat, Host, HostResult, HostStat};

use super::outlier;
use super::response::BodyEvent;
use super::retry::{self, Tried};
use super::stall::Direction;
use super::stream::to_resend;
use super::{Forwarding, Served, give_up, hedge, start_timeout, tunnel, upstream_request};
use crate::buffer::FOR_BODY;
use crate::cluster::LocalCluster;
use crate::deadlines::{Silence, Timer};
use crate::downstream::{After, Downstream};
use crate::exchange::{Exchange, UpstreamAnswer};
use crate::moment::Moment;
use crate::pool::Upstream;
use crate::pump::{Ends, Going, Kept, Pump, PumpError};
use crate::record::ActiveRequest;
use crate::spelling::Spelling;

/// A request and a response on their way.
pub(super) struct Relay<'d> {
    pub(super) downstream: &'d mut Downstream,
    pub(super) request: ActiveRequest,
    pub(super) forwarding: &'d mut Forwarding,
    pub(super) upstream: Upstream,
    /// The request's body; `None` once it is complete, or nobody takes it any more. It is boxed, since most requests
    /// have none and each future on the way would keep room for it.
    pub(super) upload: Option<Box<Pump>>,
    /// The back-end takes no more of the request.
    pub(super) upload_failed: bool,
    /// What is left to be sent, before all else, of a body that is sent once more by HTTP/2.
    pub(super) resend: Option<Box<Bytes>>,
    /// The request's body as it was, where it may be sent again.
    pub(super) kept: Option<Box<Kept>>,
    /// How far the response's head has been looked through.
    pub(super) scanned: u32,
    /// An answer has been looked for.
    asked: bool,
    /// Something of the response that is waited for has come.
    pub(super) answered: bool,
    /// Interim responses have come.
    interim: Interim,
    /// Held for its `Drop`.
    pub(super) running: Running,
}

// One is made for each request, and the C library has memory of up to that size at hand where many are made at a time.
const _: () = assert!(size_of::<Relay<'_>>() <= 120);

/// Counts a request for as long as a back-end works on it.
pub(super) struct Running {
    cluster: Rc<LocalCluster>,
    host: Option<Arc<Host>>,
}

/// What has become of the interim responses of the back-end (RFC 9110 §15.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Interim {
    /// There was none.
    None,
    /// There were some, none of which the client got.
    Kept,
    /// The client got one; it gets no other, as with Envoy.
    Passed,
}

/// What happens to the request's body.
pub(super) enum Upload {
    /// It goes on, or is done.
    Fine,
    /// The client left in the middle.
    ClientGone,
    /// It is malformed.
    Failed(Failure),
}

/// What happens while the head of a response is waited for.
enum HeadEvent {
    Head(ResponseHead),
    Failed(Failure),
    ClientGone,
}

/// The request was served.
pub(super) fn ended(after: After) -> Tried {
    Tried::Served(Served::Ended(after))
}

impl<'d> Relay<'d> {
    /// A request that has a connection. It is boxed here, and not a part of the future that serves the client, which
    /// would be moved with it, and has room for it while the client has yet to send its request: with thousands of slow
    /// clients others have waited twice as long.
    pub(super) fn new(
        downstream: &'d mut Downstream,
        request: ActiveRequest,
        forwarding: &'d mut Forwarding,
        upstream: Upstream,
        upload: Option<Box<Pump>>,
    ) -> Box<Self> {
        let running = Running::new(&forwarding.hosts, request.facts.host.clone());
        Self::with(downstream, request, forwarding, upstream, upload, running)
    }

    /// The same, where it is counted already.
    pub(super) fn with(
        downstream: &'d mut Downstream,
        request: ActiveRequest,
        forwarding: &'d mut Forwarding,
        upstream: Upstream,
        upload: Option<Box<Pump>>,
        running: Running,
    ) -> Box<Self> {
        // An attempt before this one, that waited, does so no more.
        forwarding.stalls = None;
        Box::new(Self {
            running,
            downstream,
            request,
            forwarding,
            upstream,
            upload,
            upload_failed: false,
            resend: None,
            kept: None,
            scanned: 0,
            asked: false,
            answered: false,
            interim: Interim::None,
        })
    }

    /// Serves the response to its end, once the request has begun.
    pub(super) async fn serve(mut self: Box<Self>) -> Tried {
        // What happens seldom is boxed: a future is as large as the largest it may wait for, and is moved.
        let head = loop {
            match poll_fn(|cx| self.poll_head(cx)).await {
                HeadEvent::ClientGone => return ended(self.client_gone()),
                HeadEvent::Failed(failure) if self.is_late(&failure) => {
                    if let Some(pause) = self.late(&failure) {
                        return self.leave_late(pause);
                    }
                }
                HeadEvent::Failed(failure) => return Box::pin(self.fail(failure)).await,
                HeadEvent::Head(head) if head.is_interim() => Box::pin(self.interim(head)).await,
                HeadEvent::Head(head) if self.opens_tunnel(&head) => {
                    self.make_websocket_accept();
                    outlier::note_answer(&self.request, &self.forwarding.hosts, &head);
                    if self.forwarding.hedge.is_some() {
                        self.win();
                    }
                    return ended(Box::pin(tunnel::tunnel(self, head)).await);
                }
                HeadEvent::Head(head) => break head,
            }
        };
        outlier::note_answer(&self.request, &self.forwarding.hosts, &head);
        if let Some(pause) = self.retries_response(&head) {
            return self.leave_response(&head, pause);
        }
        if self.forwarding.hedge.is_some() && self.is_unwanted() {
            return Box::pin(self.leave_unwanted(&head)).await;
        }
        if let Some(next) = self.follow(&head) {
            return Tried::Served(Served::Redirected(self.leave_for(next, &head)));
        }
        let mut passing = self.respond(&head);
        ended(match poll_fn(|cx| self.poll_body(cx, &mut passing)).await {
            BodyEvent::Complete => self.complete(&passing),
            BodyEvent::ClientGone => self.client_gone(),
            BodyEvent::NotTaken => self.not_taken(&passing),
            BodyEvent::Failed(failure) => Box::pin(self.cut(failure, passing)).await,
        })
    }

    /// Whether what follows the head of the response is no HTTP any more: the upgrade is made, or the tunnel
    /// is open (RFC 9110 §9.3.6).
    fn opens_tunnel(&self, head: &ResponseHead) -> bool {
        let connect = self.request.method() == Method::Connect;
        head.status == 101 || (connect && (200..300).contains(&head.status))
    }

    /// Begins with the request: its head is ready to be sent.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        let now = self.downstream.worker.moment();
        if let Upstream::Http1(connection) = &mut self.upstream {
            connection.begin_request();
        }
        if let Some(most) = self.forwarding.duration {
            let at = self.downstream.worker.now() + most;
            self.downstream.deadlines.set(Timer::UpstreamDuration, Some(at));
        }
        let facts = &mut self.request.facts;
        facts.connect_end = Some(now);
        facts.upstream_connection = Some(self.upstream.id());
        facts.upstream_local = self.upstream.local();
        facts.upstream_tls = self.upstream.tls();
        if let Some(SchemeTransformation::MatchUpstream) =
            self.downstream.listener.manager.config.scheme_transformation
        {
            facts.https = facts.upstream_tls.is_some();
        }
        facts.upstream_remote = Some(Rc::clone(self.upstream.remote()));
        outlier::note(&self.request, &self.forwarding.hosts, HostResult::Connected);
        self.request.log_connected();
        let framing = self.request.head.as_ref().map_or(BodyFraming::None, |head| head.framing);
        if self.downstream.upgrade.is_some() {
            self.make_websocket_key();
        }
        let http2 = self.upstream.is_http2();
        if http2 {
            self.request.facts.upstream_close = Some("Normal");
            self.begin_stream(framing)?;
        }
        let chunked = !http2
            && !self.forwarding.raw
            && upstream_request::write_head(&mut self.request, self.downstream.upgrade.as_deref());
        if self.request.again.is_some() {
            if !http2 {
                self.send_again(framing, chunked);
            }
            self.request_complete(now);
        } else if self.upload.is_some() {
            self.continue_upload(http2, chunked);
        } else if framing.is_none() {
            // A tunnel has no end before its connection has.
            if self.request.method() != Method::Connect {
                self.request_complete(now);
            }
            if http2 {
                self.request.facts.upstream_request_end = Some(now);
            }
        } else {
            let theirs = self.downstream.takes_trailers();
            let pump = self.downstream.upload(framing, self.going(http2, chunked));
            let show = theirs && self.downstream.has_filters(&self.request);
            self.upload = Some(Box::new(
                pump.showing_trailers(show).keeping(self.most_kept()).copying(self.forwarding.copies.take()),
            ));
        }
        Ok(())
    }

    /// How the body goes to the back-end.
    fn going(&self, http2: bool, chunked: bool) -> Going {
        let http = &self.forwarding.hosts.config().http;
        let theirs = self.downstream.takes_trailers();
        let trailers = http.enable_trailers && theirs;
        match (http2, chunked) {
            (true, _) => Going::Stream { trailers: theirs },
            (false, true) => Going::Chunked { trailers },
            (false, false) => Going::Plain,
        }
    }

    /// Begins with a body of which an attempt before this has sent some: that comes first.
    fn continue_upload(&mut self, http2: bool, chunked: bool) {
        let going = self.going(http2, chunked);
        let Some(pump) = &mut self.upload else { return };
        let sent = pump.begin_again(&mut self.downstream.client.source(), going);
        if sent.is_empty() {
            return;
        }
        if http2 {
            self.resend = to_resend(sent);
            return;
        }
        let before = self.request.to_upstream.pending();
        let out = self.request.to_upstream.bytes();
        if chunked {
            let (header, size) = chunk_header(sent.len());
            out.extend_from_slice(header.get(..size).unwrap_or_default());
        }
        out.extend_from_slice(&sent);
        if chunked {
            out.extend_from_slice(b"\r\n");
        }
        pump.written = (self.request.to_upstream.pending() - before) as u64;
    }

    /// How much of the body is kept, where the request may have to be sent again.
    fn most_kept(&self) -> Option<usize> {
        let entry = self.request.facts.route.as_ref()?;
        let replayed = self.upstream.is_reused() && retry::is_idempotent(self.request.method());
        if !self.is_kept_by_file() && !replayed {
            return None;
        }
        let said = entry.route.request_body_buffer_limit;
        let most = said
            .unwrap_or_else(|| u64::from(self.downstream.listener.config.per_connection_buffer_limit_bytes));
        Some(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Whether the file wants the request to be sent again, should it be.
    fn is_kept_by_file(&self) -> bool {
        let entry = self.request.facts.route.as_ref();
        let redirects = entry.and_then(|entry| entry.forward()?.internal_redirects.as_ref());
        redirects.is_some() || self.forwarding.retry.is_some()
    }

    /// Puts the body that was kept behind the head.
    fn send_again(&mut self, framing: BodyFraming, chunked: bool) {
        let Exchange { again, to_upstream, facts, .. } = &mut *self.request;
        let Some(again) = again else { return };
        let before = to_upstream.pending();
        let out = to_upstream.bytes();
        if chunked && !again.body.is_empty() {
            let (header, size) = chunk_header(again.body.len());
            out.extend_from_slice(header.get(..size).unwrap_or_default());
        }
        if !framing.is_none() {
            out.extend_from_slice(&again.body);
        }
        if chunked {
            if !again.body.is_empty() {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(LAST_CHUNK);
        }
        facts.body_passed = (to_upstream.pending() - before) as u64;
    }

    /// The request's body is complete. Bytes behind it are none of it: the back-end of a tunnel is told that there
    /// are no more.
    fn end_upload(&mut self, cx: &mut Context<'_>) {
        match &mut self.upstream {
            Upstream::Http1(connection) if self.forwarding.raw => connection.stream.shutdown_write(cx),
            Upstream::Http1(_) => {}
            Upstream::Http2(stream) => stream.request_complete(),
        }
    }

    /// The client has sent everything: from now on the back-end's time runs.
    fn request_complete(&mut self, now: Moment) {
        if self.forwarding.tried {
            self.request.facts.request_end.get_or_insert(now);
        } else {
            self.request.facts.request_end = Some(now);
        }
        self.downstream.deadlines.set(Timer::Request, None);
        start_timeout(self.downstream, self.forwarding);
        if let Some(per_try) = self.forwarding.per_try {
            let at = self.downstream.worker.now() + per_try;
            self.downstream.deadlines.set(Timer::PerTry, Some(at));
        }
        if self.forwarding.per_try_idle.is_some() {
            self.downstream.deadlines.limit_silence(Silence::PerTry, self.forwarding.per_try_idle);
            self.downstream.touch();
        }
    }

    /// Sends the request and reads the head of the response.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<HeadEvent> {
        if self.forwarding.hedge.is_some()
            && let Poll::Ready(answered) = self.poll_late(cx)
        {
            return Poll::Ready(answered.map_or_else(HeadEvent::Failed, HeadEvent::Head));
        }
        match self.poll_upload(cx) {
            Upload::Fine => {}
            Upload::ClientGone => return Poll::Ready(HeadEvent::ClientGone),
            Upload::Failed(failure) => return Poll::Ready(HeadEvent::Failed(failure)),
        }
        if self.upload.is_none() && self.downstream.client_has_left(cx) {
            return Poll::Ready(HeadEvent::ClientGone);
        }
        if let Poll::Ready(event) = self.poll_response_head(cx) {
            return Poll::Ready(event);
        }
        if self.upload.is_none() && self.downstream.poll_client_gone(cx) {
            return Poll::Ready(HeadEvent::ClientGone);
        }
        let complete = self.upload.is_none() && !self.request.facts.upgrade;
        self.downstream.poll_timeout(cx, complete, &self.request).map(HeadEvent::Failed)
    }

    /// Sends what can be sent of the request.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Upload {
        if self.upload.is_some() && self.resend.is_some() {
            self.poll_resend(cx, false);
            if self.resend.is_some() {
                return Upload::Fine;
            }
        }
        let Self { downstream, request, upstream, upload, .. } = self;
        let Some(pump) = upload else {
            let Upstream::Http1(upstream) = upstream else {
                self.poll_resend(cx, true);
                return Upload::Fine;
            };
            if request.to_upstream.pending() > 0 && !self.upload_failed {
                let written = request.to_upstream.poll_flush(cx, &mut upstream.stream);
                if written.is_ready() {
                    request.facts.upstream_request_end.get_or_insert(downstream.worker.moment());
                }
                self.upload_failed = matches!(written, Poll::Ready(Err(_)));
            }
            return Upload::Fine;
        };
        let before = (pump.read, pump.bytes);
        let Some(sink) = upstream.sink(&mut request.to_upstream) else { return Upload::Fine };
        let mut ends = Ends {
            source: downstream.client.source(),
            sink,
            pool: &downstream.worker.buffers,
            most: downstream.listener.config.per_connection_buffer_limit_bytes,
        };
        let result = pump.poll(cx, &mut ends);
        let moved = (pump.read, pump.bytes) != before;
        request.facts.bytes_received = pump.bytes;
        request.facts.body_read = pump.consumed;
        request.facts.body_passed = pump.written;
        downstream.count_received(pump.read - before.0);
        if moved {
            downstream.touch();
        }
        let (stalled, given_up) = (pump.stalled(), pump.has_given_up());
        self.note_stall(Direction::Up, stalled);
        if given_up {
            self.give_up_retries();
        }
        match result {
            Poll::Pending => Upload::Fine,
            Poll::Ready(Ok(())) if self.change_request_trailers() => self.poll_upload(cx),
            Poll::Ready(Ok(())) => {
                let pump = self.upload.take();
                if pump.as_ref().is_some_and(|pump| pump.trailers().is_some() && pump.is_kept()) {
                    // They are not kept, and the request would not be the same without.
                    self.give_up_retries();
                } else {
                    self.kept = pump.and_then(|mut pump| pump.take_kept()).map(Box::new);
                }
                self.end_upload(cx);
                let now = self.downstream.worker.moment();
                self.request.facts.upstream_request_end = Some(now);
                self.request_complete(now);
                Upload::Fine
            }
            // It may have answered before it closed: that is found out by reading.
            Poll::Ready(Err(PumpError::Sink)) => {
                self.upload_failed = true;
                Upload::Fine
            }
            Poll::Ready(Err(PumpError::SourceClosed | PumpError::Source(_) | PumpError::SourceStream(_))) => {
                Upload::ClientGone
            }
            Poll::Ready(Err(PumpError::Malformed(failure))) => {
                if failure.reason == Reason::RequestChunkMalformed
                    && let Some(pump) = &mut self.upload
                {
                    pump.forget_last_read();
                }
                Upload::Failed(failure)
            }
        }
    }

    /// There is more of the body than is kept: what has been sent of it can't be sent again.
    fn give_up_retries(&mut self) {
        if self.is_kept_by_file() {
            self.forwarding.cluster.stats().inc(ClusterStat::RetryOrShadowAbandoned);
        }
        self.forwarding.retry = None;
    }

    /// Has the filters change trailers of the request that wait for it; whether there were some.
    fn change_request_trailers(&mut self) -> bool {
        let Some(trailers) = self.upload.as_deref().and_then(Pump::trailers_to_change) else { return false };
        self.request.request_trailers = Some(trailers);
        self.downstream.filter_trailers(&mut self.request, false);
        let changed = self.request.request_trailers.take().unwrap_or_default();
        if let Some(pump) = &mut self.upload {
            pump.change_trailers(changed);
        }
        true
    }

    fn poll_response_head(&mut self, cx: &mut Context<'_>) -> Poll<HeadEvent> {
        if self.upstream.is_http2() {
            return self.poll_stream_head(cx).map(|head| match head {
                Ok(head) => {
                    self.keep_answer(&head);
                    HeadEvent::Head(head)
                }
                Err(failure) => HeadEvent::Failed(failure),
            });
        }
        let http = &self.forwarding.hosts.config().http;
        let kib = usize::try_from(http.max_response_headers_kb).unwrap_or(usize::MAX);
        let limits = HeadLimits {
            bytes: kib.saturating_mul(1024),
            fields: usize::try_from(http.max_headers_count).unwrap_or(usize::MAX),
        };
        let method = self.request.head.as_ref().map_or(Method::Get, |head| head.method);
        let rules = ResponseRules { limits, method, upgrade: self.downstream.upgrade.is_some() };
        loop {
            let Upstream::Http1(upstream) = &mut self.upstream else { return Poll::Pending };
            let held = upstream.buffer.filled().len();
            let scanned = self.scanned as usize;
            if held > scanned {
                let response = &mut self.request.response;
                match parse_response(upstream.buffer.filled(), scanned, &rules, response) {
                    Ok(Parsed::Complete { head, length }) => {
                        upstream.buffer.consume(length);
                        self.scanned = 0;
                        self.request.facts.upstream_fields_received += head.field_bytes;
                        self.keep_answer(&head);
                        return Poll::Ready(HeadEvent::Head(head));
                    }
                    // It is smaller by far: heads are limited.
                    Ok(Parsed::Partial) => self.scanned = u32::try_from(held).unwrap_or(u32::MAX),
                    Err(failure) => {
                        self.forwarding.hosts.stats().inc(ClusterStat::UpstreamCxProtocolError);
                        return Poll::Ready(HeadEvent::Failed(failure));
                    }
                }
            }
            // Who has only just been asked has not answered yet: no memory is taken for it.
            if !std::mem::replace(&mut self.asked, true) && upstream.stream.poll_read_ready(cx).is_pending() {
                return Poll::Pending;
            }
            let wanted = if held >= FOR_BODY { (held * 2).min(limits.bytes + FOR_BODY) } else { FOR_BODY };
            self.downstream.worker.buffers.make_room(&mut upstream.buffer, wanted);
            match upstream.stream.poll_read(cx, &mut upstream.buffer) {
                Poll::Pending => {
                    self.downstream.worker.buffers.reclaim(&mut upstream.buffer);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(HeadEvent::Failed(self.closed(None))),
                Poll::Ready(Ok(count)) => {
                    if !std::mem::replace(&mut self.answered, true) {
                        self.request.facts.response_begin = Some(self.downstream.worker.moment());
                    }
                    self.received(count);
                    self.downstream.touch();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(HeadEvent::Failed(self.closed(Some(&error)))),
            }
        }
    }

    /// Keeps what the back-end says for the router's logs, which show it unchanged, and for statistics of its size.
    fn keep_answer(&mut self, head: &ResponseHead) {
        let logged = !self.downstream.listener.manager.shared().upstream_logs.is_empty();
        if (logged || self.forwarding.cluster.sizes().is_some()) && !head.is_interim() {
            let answer = UpstreamAnswer { status: head.status, fields: self.request.response.clone() };
            self.request.facts.answer = Some(Box::new(answer));
        }
    }

    /// Counts bytes from the back-end.
    pub(super) fn received(&mut self, count: usize) {
        self.request.facts.upstream_wire_received += count as u64;
        self.forwarding.hosts.stats().add(ClusterStat::UpstreamCxRxBytesTotal, count as u64);
    }

    /// The back-end closed the connection before the head of its response was complete: why?
    fn closed(&mut self, error: Option<&io::Error>) -> Failure {
        let Upstream::Http1(upstream) = &self.upstream else { return Reason::UpstreamConnectionLost.into() };
        upstream.closed_by_peer();
        let reset = error.is_some();
        self.request.facts.upstream_close = Some(if reset { "RemoteReset" } else { "Normal" });
        if self.answered {
            self.forwarding.hosts.stats().inc(ClusterStat::UpstreamCxProtocolError);
        }
        let reused = upstream.served > 1 && self.interim == Interim::None;
        let reason = match (self.answered, reused, reset) {
            (true, _, _) => Reason::UpstreamClosedInHead,
            (false, true, _) => Reason::KeepaliveRace,
            (false, false, true) => Reason::UpstreamReset,
            (false, false, false) => Reason::UpstreamClosed,
        };
        let how = error.map_or_else(|| "closed".to_owned(), |error| format!("broke: {error}"));
        let evidence = format!(
            "the connection {how} after {} bytes of an answer; it was {} ms old, this was request {} on it, and it had been idle for {} ms",
            self.request.facts.upstream_wire_received,
            upstream.age().as_millis(),
            upstream.served,
            upstream.idle_for,
        );
        Failure::new(reason).with_evidence(evidence)
    }

    /// An interim response. Where the client is to hear `100` from the back-end it hears the first of those that
    /// Envoy passes on; an old client would take it for the final one (RFC 9110 §15.2).
    async fn interim(&mut self, head: ResponseHead) {
        // What came in one piece with it belongs to the next.
        self.answered = match &self.upstream {
            Upstream::Http1(connection) => !connection.buffer.is_empty(),
            Upstream::Http2(_) => false,
        };
        if matches!(head.status, 100 | 102..=104) {
            // The response has begun, whether or not the client hears of that: there is no way back.
            self.forwarding.retry = None;
            if self.forwarding.hedge.is_some() {
                self.win();
            }
            // One of them is counted, and then the final one; a failure behind it is none of an answer.
            if !std::mem::replace(&mut self.request.facts.uncounted, true) {
                self.request.charge(head.status);
            }
        }
        let wanted = self.downstream.listener.manager.config.proxy_100_continue
            && matches!(head.status, 100 | 102..=104)
            && self.request.head.as_ref().is_some_and(|head| head.version != Version::Http10);
        if !wanted || self.interim == Interim::Passed {
            self.interim = self.interim.max(Interim::Kept);
            return;
        }
        self.interim = Interim::Passed;
        self.note_spelling();
        forwarding::remove_hop_by_hop_response(&mut self.request.response, head.connection);
        self.downstream.interim(&mut self.request, head.status).await;
    }

    /// Notes how the back-end spells names, where its cluster keeps that.
    pub(super) fn note_spelling(&mut self) {
        let format = self.forwarding.hosts.config().http.header_key_format;
        self.request.facts.spelling = match &self.upstream {
            Upstream::Http1(_) => Spelling::of(&self.request.response, format),
            Upstream::Http2(_) => None,
        };
    }

    /// The client left.
    pub(super) fn client_gone(mut self) -> After {
        if self.forwarding.hedge.is_none() {
            self.request.facts.flags = causeway_reason::Flags::default();
        }
        hedge::outlive(&mut self.request, self.forwarding);
        self.downstream.note_gone(&mut self.request);
        After::Gone
    }

    /// It failed before the head of a response was there: the client is told.
    pub(super) async fn fail(mut self: Box<Self>, mut failure: Failure) -> Tried {
        if self.interim != Interim::None && failure.met == Met::Directly {
            failure.met = Met::AfterInterim;
        }
        if let Some(pause) = retry::after_failure(&mut self.request, self.forwarding, &failure) {
            outlier::note_failure(&self.request, &self.forwarding.hosts, &failure);
            return self.leave_failed(failure, pause);
        }
        if self.replays(&failure) {
            self.forwarding.fresh = true;
            return self.leave_failed(failure, 0);
        }
        outlier::note_failure(&self.request, &self.forwarding.hosts, &failure);
        if hedge::goes_on_after(self.forwarding, &failure) {
            return self.leave_lost(failure).await;
        }
        hedge::abandon(&mut self.request, self.forwarding, &failure);
        let Relay { downstream, request, upload, upload_failed, .. } = &mut *self;
        let unread = match upload {
            Some(pump) => {
                let complete = pump.discard(&mut downstream.client.source());
                request.facts.bytes_received = pump.bytes;
                request.facts.body_read = pump.consumed;
                request.facts.body_passed = pump.written;
                !complete
            }
            None => request.facts.upgrade || (*upload_failed && request.facts.request_end.is_none()),
        };
        let Relay { downstream, request, forwarding, upstream, running, .. } = *self;
        forwarding.give_back();
        drop((upstream, running));
        ended(give_up(downstream, request, failure, Some(unread)).await)
    }

    /// Whether interim responses have come.
    pub(super) fn has_interim(&self) -> bool {
        self.interim != Interim::None
    }
}

impl Running {
    pub(super) fn new(cluster: &Rc<LocalCluster>, host: Option<Arc<Host>>) -> Self {
        cluster.stats().inc(ClusterStat::UpstreamRqTotal);
        cluster.stats().adjust(ClusterStat::UpstreamRqActive, 1);
        if let Some(host) = &host {
            let cells = cluster.cells(host);
            cells.inc(HostStat::RqTotal);
            cells.inc(HostStat::RqActive);
        }
        Self { cluster: Rc::clone(cluster), host }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cluster.stats().adjust(ClusterStat::UpstreamRqActive, -1);
        if let Some(host) = &self.host {
            self.cluster.cells(host).dec(HostStat::RqActive);
        }
    }
}
