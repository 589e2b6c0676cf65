//! One copy of a request, from the choice of a host to the end of an answer that nobody reads.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use causeway_http::h1::{BodyDecoder, LAST_CHUNK, ResponseHead, chunk_header};
use causeway_http::{HeaderBlock, Known, Version};
use causeway_model::RoutingPriority;
use causeway_reason::{Failure, Reason};
use causeway_upstream::{Ask, ClusterStat, HostResult, HostStat, Resource};

use super::feed::{Fed, Feed};
use crate::cluster::LocalCluster;
use crate::connection::ConnectionInfo;
use crate::exchange::{Exchange, ResponseDetails, UpstreamAnswer};
use crate::pool::Upstream;
use crate::pump::{Going, Pump, PumpError};
use crate::record::ActiveRequest;
use crate::router::answer::HeadReader;
use crate::router::relay::Running;
use crate::router::response::trailer_limits;
use crate::router::{outlier, stream, upstream_request};
use crate::shares::Counted;
use crate::timer::{Deadline, Millis};
use crate::way::Way;
use crate::worker::Worker;

/// A copy of a request.
pub(super) struct Mirrored {
    worker: Rc<Worker>,
    request: ActiveRequest,
    cluster: Rc<LocalCluster>,
    /// The cluster that its host is of: another one where the first has the hosts of others.
    hosts: Rc<LocalCluster>,
    /// Where the request itself goes.
    original: Rc<LocalCluster>,
    /// Its body; `None` where it has none, or once that is complete.
    feed: Option<Rc<Feed>>,
    /// How long an answer may take once the body is complete.
    timeout: Option<Millis>,
    client: Rc<ConnectionInfo>,
    /// The request waits for the copy, but no longer than this.
    waits_until: Option<Millis>,
}

/// How long a request waits for a mirror that does not take its body.
const PATIENCE: Millis = 1000;

/// Why there is no answer.
enum Ended {
    Failed(Failure),
    /// The request it is a copy of ended before its body did.
    Cut,
}

/// A copy that has a connection.
struct Sending<'m> {
    mirrored: &'m mut Mirrored,
    upstream: Upstream,
    /// The body goes in chunks.
    chunked: bool,
    /// What is being written of it, in HTTP/2; whether it is the last thing.
    piece: Option<(Bytes, bool)>,
    /// The back-end takes no more.
    deaf: bool,
    deadline: Deadline,
    /// How long the request waits for it.
    patience: Deadline,
    /// How far the head of the answer has been looked through.
    scanned: u32,
    answer: Option<(ResponseHead, Pump)>,
}

impl Mirrored {
    pub(super) fn new(
        request: ActiveRequest,
        cluster: Rc<LocalCluster>,
        original: Rc<LocalCluster>,
        feed: Option<Rc<Feed>>,
        timeout: Option<Millis>,
        client: Rc<ConnectionInfo>,
    ) -> Self {
        let worker = Rc::clone(request.worker());
        let hosts = Rc::clone(&cluster);
        Self { worker, request, cluster, hosts, original, feed, timeout, client, waits_until: None }
    }

    /// Sends it, and counts what comes of it.
    pub(super) async fn send(mut self) {
        self.worker.count_own_request();
        self.request.facts.cluster = Some(Rc::clone(&self.cluster));
        self.request.facts.attempts = 1;
        let ended = self.attempt().await;
        if let Some(feed) = &self.feed {
            feed.stop();
        }
        let status = match &ended {
            Ok(status) => *status,
            Err(Ended::Cut) => 0,
            Err(Ended::Failed(failure)) => {
                let (name, key) = (&self.cluster.config().name, failure.reason.key());
                let evidence = failure.evidence.as_deref().unwrap_or_default();
                tracing::debug!(target: "router", "a copy of a request to {name} failed: {key} ({evidence})");
                outlier::note_failure(&self.request, &self.hosts, failure);
                if failure.reason == Reason::RouteTimeout {
                    self.cluster.count_timeout(self.request.facts.host.as_deref());
                }
                failure.answer().status
            }
        };
        if status > 0 {
            self.cluster.count_status(status, true);
            self.request.facts.canary =
                self.request.response.get(Known::EnvoyUpstreamCanary) == Some(b"true");
            self.cluster.count_apart(&self.request.facts, Counted::Status(status));
        }
        if let Some(host) = &self.request.facts.host
            && self.request.facts.connect_end.is_some()
        {
            let well = if self.request.facts.grpc { self.request.grpc_went_well() } else { status < 500 };
            let stat = if ended.is_ok() && well { HostStat::RqSuccess } else { HostStat::RqError };
            self.hosts.cells(host).inc(stat);
        }
        let failure = match ended {
            Ok(_) => None,
            Err(Ended::Failed(failure)) => Some(failure),
            Err(Ended::Cut) => Some(Reason::ClientDisconnected.into()),
        };
        self.request.end_copy(failure);
    }

    async fn attempt(&mut self) -> Result<u16, Ended> {
        let priority = RoutingPriority::Default;
        let (hosts, forced) = self.cluster.member(&self.worker);
        self.hosts = hosts;
        // Of a copy, Envoy knows no connection.
        let destination = self.hosts.destination_of(&self.request, None);
        let chosen = self.hosts.choose(&Ask { forced, destination, ..Ask::default() });
        if chosen.is_err() && forced.is_some() {
            self.cluster.stats().inc(ClusterStat::UpstreamCxNoneHealthy);
        }
        let host = chosen.map_err(Ended::Failed)?;
        self.request.facts.host = Some(host.clone());
        self.request.facts.connect_begin = Some(self.worker.moment());
        let way = Way::of(&self.request, &self.client, &self.hosts, &host);
        let version = self.request.facts.protocol.unwrap_or(Version::Http11);
        let pool = self.hosts.pool(&self.worker, &host, priority, (&self.client, version), way);
        let patience = Deadline::new(&self.worker.timers);
        let upstream = match pool.take() {
            Some(upstream) => upstream,
            None => {
                let mut waiting = Box::pin(pool.wait());
                poll_fn(|cx| {
                    self.poll_patience(&patience, cx);
                    waiting.as_mut().poll(cx)
                })
                .await
                .map_err(Ended::Failed)?
            }
        };
        let Some(_permit) = self.hosts.acquire(priority, Resource::Requests) else {
            upstream.put_back();
            self.hosts.stats().inc(ClusterStat::UpstreamRqActiveOverflow);
            return Err(Ended::Failed(Reason::CircuitBreakerRequests.into()));
        };
        let _running = Running::new(&self.hosts, Some(host));
        let mut sending = Sending::begin(self, upstream, patience).map_err(Ended::Failed)?;
        let done = poll_fn(|cx| sending.poll(cx)).await;
        let facts = &mut sending.mirrored.request.facts;
        facts.take_count();
        if facts.upstream_count.is_none() {
            let sent = facts.upstream_wire_sent();
            sending.mirrored.hosts.stats().add(ClusterStat::UpstreamCxTxBytesTotal, sent);
        }
        let status = done?;
        sending.complete();
        Ok(status)
    }

    /// Lets the request go on, where it has waited for the copy for too long.
    fn poll_patience(&mut self, patience: &Deadline, cx: &mut Context<'_>) {
        let Some(feed) = &self.feed else { return };
        feed.listen(cx);
        if !feed.is_full() {
            self.waits_until = None;
            return;
        }
        let until = match self.waits_until {
            Some(until) => until,
            None => {
                let until = self.worker.now() + PATIENCE;
                patience.set(Some(until));
                *self.waits_until.insert(until)
            }
        };
        if patience.poll(cx).is_ready() || self.worker.now() >= until {
            feed.overflow();
        }
    }
}

impl<'m> Sending<'m> {
    fn begin(
        mirrored: &'m mut Mirrored,
        mut upstream: Upstream,
        patience: Deadline,
    ) -> Result<Self, Failure> {
        let now = mirrored.worker.moment();
        let facts = &mut mirrored.request.facts;
        facts.connect_end = Some(now);
        facts.upstream_connection = Some(upstream.id());
        facts.upstream_local = upstream.local();
        facts.upstream_tls = upstream.tls();
        facts.upstream_remote = Some(upstream.remote().clone());
        outlier::note(&mirrored.request, &mirrored.hosts, HostResult::Connected);
        let chunked = match &mut upstream {
            Upstream::Http1(connection) => {
                connection.begin_request();
                upstream_request::write_head(&mut mirrored.request, None)
            }
            Upstream::Http2(opened) => {
                let head = stream::request(&mut mirrored.request, None)?;
                let sent = opened.send(head, mirrored.feed.is_none());
                mirrored.request.facts.upstream_count = Some(Rc::clone(opened.count()));
                sent?;
                false
            }
        };
        let deadline = Deadline::new(&mirrored.worker.timers);
        let mut this = Self {
            mirrored,
            upstream,
            chunked,
            piece: None,
            deaf: false,
            deadline,
            patience,
            scanned: 0,
            answer: None,
        };
        if this.mirrored.feed.is_none() {
            this.request_complete();
        }
        Ok(this)
    }

    fn request_complete(&mut self) {
        self.mirrored.feed = None;
        self.mirrored.request.facts.upstream_request_end = Some(self.mirrored.worker.moment());
        if let Some(timeout) = self.mirrored.timeout {
            self.deadline.set(Some(self.mirrored.worker.now() + timeout));
        }
        if let Upstream::Http2(opened) = &self.upstream {
            opened.request_complete();
        }
    }

    /// Ready when the answer is complete.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<u16, Ended>> {
        if !self.deaf {
            match self.poll_upload(cx) {
                Poll::Ready(Err(ended)) => return Poll::Ready(Err(ended)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if self.deaf
            && let Some(feed) = &self.mirrored.feed
        {
            feed.stop();
        }
        self.mirrored.poll_patience(&self.patience, cx);
        if let Poll::Ready(answered) = self.poll_answer(cx) {
            return Poll::Ready(answered.map_err(Ended::Failed));
        }
        if self.deadline.poll(cx).is_ready() {
            let evidence = "the copy was not answered in time";
            let failure = Failure::new(Reason::RouteTimeout).with_evidence(evidence);
            return Poll::Ready(Err(Ended::Failed(failure)));
        }
        Poll::Pending
    }

    /// Sends what can be sent. A back-end that takes no more may have answered.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        loop {
            match ready!(self.poll_flush(cx)) {
                Ok(()) => {}
                Err(_) => {
                    self.deaf = true;
                    return Poll::Ready(Ok(()));
                }
            }
            let Some(feed) = self.mirrored.feed.clone() else { return Poll::Ready(Ok(())) };
            match ready!(feed.poll(cx)) {
                Fed::Piece(piece, last) => self.put(piece, last),
                Fed::End(trailers) => {
                    self.end(trailers.as_ref());
                    self.request_complete();
                }
                Fed::Cut => return Poll::Ready(Err(Ended::Cut)),
                Fed::Overflowed => {
                    self.mirrored.original.stats().inc(ClusterStat::RetryOrShadowAbandoned);
                    return Poll::Ready(Err(Ended::Cut));
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let out = &mut self.mirrored.request.to_upstream;
        match &mut self.upstream {
            Upstream::Http1(connection) => out.poll_flush(cx, &mut connection.stream),
            Upstream::Http2(opened) => {
                while let Some((piece, last)) = &mut self.piece {
                    let Some(mut sink) = opened.sink() else {
                        return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                    };
                    ready!(sink.poll_write_frame(cx, piece, *last))?;
                    if piece.is_empty() {
                        self.piece = None;
                    }
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Takes a piece of the body.
    fn put(&mut self, piece: Bytes, last: bool) {
        if self.upstream.is_http2() {
            self.piece = Some((piece, last));
            return;
        }
        let request = &mut self.mirrored.request;
        let before = request.to_upstream.pending();
        let out = request.to_upstream.bytes();
        if self.chunked {
            let (header, size) = chunk_header(piece.len());
            out.extend_from_slice(header.get(..size).unwrap_or_default());
        }
        out.extend_from_slice(&piece);
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
        request.facts.body_passed += (request.to_upstream.pending() - before) as u64;
    }

    /// The body is complete.
    fn end(&mut self, trailers: Option<&HeaderBlock>) {
        match &mut self.upstream {
            Upstream::Http1(_) if self.chunked => {
                self.mirrored.request.to_upstream.bytes().extend_from_slice(LAST_CHUNK);
            }
            Upstream::Http1(_) => {}
            // Where it fails, the answer says so.
            Upstream::Http2(opened) => {
                if let Some(mut sink) = opened.sink() {
                    let _ = sink.end_stream(trailers);
                }
            }
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<u16, Failure>> {
        while self.answer.is_none() {
            let head = ready!(self.poll_head(cx))?;
            if head.is_interim() {
                continue;
            }
            self.answered(head);
        }
        let Some((head, download)) = &mut self.answer else { return Poll::Pending };
        let status = head.status;
        let Some(mut source) = self.upstream.source() else { return Poll::Ready(Ok(status)) };
        let before = download.read;
        let done = download.poll_away(cx, &mut source, &self.mirrored.worker.buffers);
        let received = download.read - before;
        if !self.upstream.is_http2() {
            self.mirrored.received(received);
        }
        match ready!(done) {
            Ok(()) => {
                self.mirrored.request.response_trailers = download.trailers();
                Poll::Ready(Ok(status))
            }
            Err(PumpError::Malformed(failure)) => Poll::Ready(Err(failure)),
            Err(_) => {
                self.upstream.closed_by_peer();
                Poll::Ready(Err(Reason::UpstreamClosedInBody.into()))
            }
        }
    }

    /// The head of the answer has come.
    fn answered(&mut self, head: ResponseHead) {
        let mirrored = &mut *self.mirrored;
        outlier::note_answer(&mirrored.request, &mirrored.hosts, &head);
        let fields = mirrored.request.response.clone();
        let facts = &mut mirrored.request.facts;
        facts.status = head.status;
        facts.details = ResponseDetails::from("via_upstream");
        facts.response_begin.get_or_insert(mirrored.worker.moment());
        facts.answer = Some(Box::new(UpstreamAnswer { status: head.status, fields }));
        let download = if self.upstream.is_http2() {
            Pump::of_stream(head.framing.is_none(), Going::Nowhere)
        } else {
            let limits = trailer_limits(&mirrored.hosts.config().http);
            Pump::new(BodyDecoder::new(head.framing, Reason::UpstreamChunkMalformed, limits), Going::Nowhere)
        };
        self.answer = Some((head, download));
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        let Mirrored { worker, request, hosts, .. } = &mut *self.mirrored;
        let method = request.method();
        let Exchange { response, facts, .. } = &mut **request;
        let scanned = &mut self.scanned;
        HeadReader { worker, hosts, method, upgrade: false, response, facts, scanned }
            .poll(cx, &mut self.upstream)
    }

    /// The answer is complete: its connection serves others, where nothing is left on it.
    fn complete(self) {
        let now = self.mirrored.worker.moment();
        let facts = &mut self.mirrored.request.facts;
        facts.response_end = Some(now);
        if let Some(begin) = facts.connect_end {
            self.mirrored.cluster.count_time(now.millis_since(begin), true);
        }
        let reusable = self.answer.as_ref().is_some_and(|(head, _)| head.keeps_alive());
        if let Upstream::Http1(connection) = self.upstream {
            connection.end_request();
            if reusable && self.mirrored.feed.is_none() && !self.deaf && connection.buffer.is_empty() {
                connection.pool().give_back(connection);
            }
        }
    }
}

impl Mirrored {
    /// Counts bytes from the back-end.
    fn received(&mut self, count: u64) {
        self.request.facts.upstream_wire_received += count;
        self.hosts.stats().add(ClusterStat::UpstreamCxRxBytesTotal, count);
    }
}
