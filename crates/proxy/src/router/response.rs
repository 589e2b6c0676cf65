//! A response on its way to the client.

use std::task::{Context, Poll};

use causeway_http::h1::{BodyDecoder, BodyFraming, ResponseHead, TrailerLimits};
use causeway_http::{Known, Method, Version, forwarding};
use causeway_model::ClusterHttpOptions;
use causeway_reason::{Failure, Met, Reason};
use causeway_upstream::ClusterStat;

use super::outlier;
use super::relay::{Relay, Upload};
use super::stall::Direction;
use crate::deadlines::Timer;
use crate::downstream::{After, BodyToClient, Client};
use crate::exchange::{Next, ResponseDetails, TrailerBytes};
use crate::format::Decimal;
use crate::header_mutations::{Message, mutate};
use crate::pool::Upstream;
use crate::pump::{Ends, Going, Pump, PumpError};
use crate::stats::HttpStat;
use crate::traffic::TrafficStat;

/// What happens while the body of a response passes.
pub(super) enum BodyEvent {
    Complete,
    Failed(Failure),
    ClientGone,
    /// The back-end is done, and the client does not take what is left.
    NotTaken,
}

/// A response that passes.
pub(super) struct Passing {
    download: Pump,
    /// How the body goes to the client.
    pub(super) body: BodyToClient,
    /// Trailers are passed on behind it.
    trailers: bool,
    /// The connection can serve another request behind it.
    reusable: bool,
    /// The back-end ends it by closing.
    until_close: bool,
    /// The back-end is done; what is left is for the client to take.
    left: bool,
}

/// What the trailer section of a response may have. Those that are thrown away are not counted.
pub(super) fn trailer_limits(http: &ClusterHttpOptions) -> TrailerLimits {
    let kib = usize::try_from(http.max_response_headers_kb).unwrap_or(usize::MAX);
    TrailerLimits {
        bytes: kib.saturating_mul(1024),
        fields: http.enable_trailers.then(|| usize::try_from(http.max_headers_count).unwrap_or(usize::MAX)),
    }
}

impl Relay<'_> {
    /// Begins to pass a response on: its head is what the client gets next.
    pub(super) fn respond(&mut self, head: &ResponseHead) -> Passing {
        let mut framing = head.framing;
        self.note_response(head);
        self.change_fields(head);
        self.downstream.deadlines.set(Timer::PerTry, None);
        let refused_upgrade = self.request.facts.upgrade;
        // The rest of the request would have to be read before the next one, and nobody wants it.
        self.downstream.draining |= self.upload.is_some();
        let old = head.version == Version::Http10 && !head.connection.keep_alive;
        if head.connection.close || old {
            self.forwarding.hosts.stats().inc(ClusterStat::UpstreamCxCloseNotify);
        }
        if refused_upgrade {
            self.downstream.draining = true;
            if self.downstream.upgrade.is_some() && (200..400).contains(&head.status) {
                // The client would take whatever follows for the new protocol.
                framing = BodyFraming::None;
                // The end of a stream is told by its head.
                match self.downstream.client {
                    Client::Http1 { .. } if !matches!(head.status, 204 | 304) => {
                        self.request.response.set(Known::ContentLength, b"0");
                    }
                    _ => _ = self.request.response.remove(Known::ContentLength),
                }
                self.request.response.remove(Known::ContentType);
                self.request.facts.details = ResponseDetails::from("websocket_handshake_unsuccessful");
                self.request.facts.uncounted = true;
            }
            if let Client::Http1 { .. } = &self.downstream.client {
                self.downstream.count_early_answer();
            }
        }
        let body = self.downstream.write_head(&mut self.request, framing.is_none(), false);
        let next = if self.downstream.ends_behind(&self.request) { Next::Close } else { Next::More };
        Passing {
            trailers: self.passes_trailers() && body == BodyToClient::Chunked,
            download: self.download(framing, body).before(next),
            body,
            reusable: head.keeps_alive() && framing == head.framing,
            until_close: framing == BodyFraming::UntilClose,
            left: false,
        }
    }

    pub(super) fn note_response(&mut self, head: &ResponseHead) {
        self.note_spelling();
        let canary = self.request.response.get(Known::EnvoyUpstreamCanary) == Some(b"true");
        let facts = &mut self.request.facts;
        facts.canary = canary;
        facts.uncounted = false;
        facts.status = head.status;
        facts.details = ResponseDetails::from("via_upstream");
        if head.status >= 500 {
            let evidence = match &facts.upstream_remote {
                Some(host) => format!("{host} answered {}", head.status),
                None => format!("the back-end answered {}", head.status),
            };
            facts.failure = Some(Box::new(Failure::new(Reason::UpstreamStatus).with_evidence(evidence)));
        }
    }

    /// Changes the fields of the response as filters, route and connection manager say.
    pub(super) fn change_fields(&mut self, head: &ResponseHead) {
        if head.status == 101 && head.connection.upgrade && !self.upstream.is_http2() {
            forwarding::remove_hop_by_hop_upgrade(&mut self.request.response);
        } else {
            forwarding::remove_hop_by_hop_response(&mut self.request.response, head.connection);
        }
        let facts = &self.request.facts;
        let complete = self.upload.is_none() && !self.request.facts.upgrade;
        if complete && !self.downstream.listener.manager.config.suppress_envoy_headers {
            let since =
                facts.request_end.or(facts.connect_end).unwrap_or_else(|| self.downstream.worker.moment());
            let taken = Decimal::new(facts.response_begin.map_or(0, |begin| begin.millis_since(since)));
            self.request.response.set(Known::EnvoyUpstreamServiceTime, taken.as_bytes());
        }
        for cookie in std::mem::take(&mut self.request.facts.set_cookies) {
            self.request.response.append("set-cookie", cookie.as_bytes());
        }
        if let Some(entry) = self.request.facts.route.clone() {
            if entry.virtual_host.include_attempt_count_in_response {
                let attempts = Decimal::new(u64::from(self.request.facts.attempts));
                self.request.response.set(Known::EnvoyAttemptCount, attempts.as_bytes());
            }
            if let Some(target) = self.request.facts.target.clone()
                && !target.response_levels.is_empty()
            {
                let viewer = self.request.viewer();
                for level in &target.response_levels {
                    mutate(&mut self.request, Message::Response, level, &viewer);
                }
            }
        }
        self.downstream.filter_response(&mut self.request);
        // Whoever changed it: a length that is not the body's own would have the client take a part of it for the next
        // response.
        if !head.framing.is_none() && !head.framing.fits(&self.request.response) {
            self.request.response.remove(Known::ContentLength);
        }
    }

    fn download(&self, framing: BodyFraming, body: BodyToClient) -> Pump {
        if self.upstream.is_http2() {
            let status = self.request.facts.status;
            let bodiless = self.request.method() == Method::Head || matches!(status, 204 | 304);
            let going = if bodiless { Going::Nowhere } else { self.downstream.going(body, true) };
            return Pump::of_stream(framing.is_none(), going)
                .showing_trailers(self.downstream.has_filters(&self.request));
        }
        let http = &self.forwarding.hosts.config().http;
        let limits = trailer_limits(http);
        let decoder = BodyDecoder::new(framing, Reason::UpstreamChunkMalformed, limits);
        let going = self.downstream.going(body, http.enable_trailers);
        let show = http.enable_trailers && self.downstream.has_filters(&self.request);
        Pump::new(decoder, if framing.is_none() { Going::Plain } else { going }).showing_trailers(show)
    }

    fn passes_trailers(&self) -> bool {
        self.forwarding.hosts.config().http.enable_trailers
            && self.downstream.listener.manager.config.http1.enable_trailers
    }

    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>, passing: &mut Passing) -> Poll<BodyEvent> {
        let download = &mut passing.download;
        match self.poll_upload(cx) {
            Upload::Fine => {}
            Upload::ClientGone => return Poll::Ready(BodyEvent::ClientGone),
            Upload::Failed(failure) => return Poll::Ready(BodyEvent::Failed(failure)),
        }
        let before = (download.read, download.bytes, self.request.to_client.pending());
        let Some(source) = self.upstream.source() else { return Poll::Ready(BodyEvent::Complete) };
        let mut ends = Ends {
            source,
            sink: self.downstream.client.sink(&mut self.request.to_client),
            pool: &self.downstream.worker.buffers,
            most: self.forwarding.hosts.config().per_connection_buffer_limit_bytes,
        };
        let result = download.poll(cx, &mut ends);
        self.note_stall(Direction::Down, download.stalled());
        self.request.facts.bytes_sent = download.bytes;
        if (download.read, download.bytes, self.request.to_client.pending()) != before {
            if download.bytes > 0 {
                let now = self.downstream.worker.moment();
                self.request.facts.response_body_begin.get_or_insert(now);
            }
            if !self.upstream.is_http2() {
                self.received(usize::try_from(download.read - before.0).unwrap_or(0));
            }
            self.downstream.touch();
        }
        match result {
            Poll::Ready(Ok(())) => {
                if let Some(trailers) = download.trailers_to_change() {
                    self.request.response_trailers = Some(trailers);
                    self.downstream.filter_trailers(&mut self.request, true);
                    download.change_trailers(self.request.response_trailers.take().unwrap_or_default());
                    return self.poll_body(cx, passing);
                }
                let http2 = self.upstream.is_http2();
                let seen = http2 || self.forwarding.hosts.config().http.enable_trailers;
                self.request.response_trailers = download.trailers().filter(|_| seen);
                return Poll::Ready(BodyEvent::Complete);
            }
            Poll::Ready(Err(PumpError::Sink)) => return Poll::Ready(BodyEvent::ClientGone),
            Poll::Ready(Err(PumpError::SourceClosed)) => {
                self.upstream.closed_by_peer();
                self.count_broken();
                self.request.facts.upstream_close = Some("Normal");
                return Poll::Ready(BodyEvent::Failed(self.short(
                    download,
                    Reason::UpstreamClosedInBody,
                    "closed",
                )));
            }
            Poll::Ready(Err(PumpError::Source(error))) => {
                self.upstream.closed_by_peer();
                if !passing.until_close {
                    self.count_broken();
                }
                self.request.facts.upstream_close = Some("RemoteReset");
                let how = format!("broke: {error}");
                return Poll::Ready(BodyEvent::Failed(self.short(
                    download,
                    Reason::UpstreamResetInBody,
                    &how,
                )));
            }
            Poll::Ready(Err(PumpError::SourceStream(error))) => {
                return match self.stream_failed(&error, download) {
                    Some(failure) => Poll::Ready(BodyEvent::Failed(failure)),
                    // What is left is to write the end.
                    None => self.poll_body(cx, passing),
                };
            }
            Poll::Ready(Err(PumpError::Malformed(failure))) => {
                self.count_broken();
                return Poll::Ready(BodyEvent::Failed(failure));
            }
            Poll::Pending => {}
        }
        if self.upload.is_none() && self.downstream.poll_client_gone(cx) {
            return Poll::Ready(BodyEvent::ClientGone);
        }
        if !passing.left && self.upstream_is_done(&passing.download) {
            passing.left = true;
            self.request.facts.response_end = Some(self.downstream.worker.moment());
            self.downstream.wait_for_reader(&self.request);
        }
        if passing.left {
            return self.downstream.poll_reader(cx).map(|()| BodyEvent::NotTaken);
        }
        self.downstream.poll_timeout(cx, self.upload.is_none(), &self.request).map(BodyEvent::Failed)
    }

    /// Whether all of the response is here.
    fn upstream_is_done(&self, download: &Pump) -> bool {
        match &self.upstream {
            Upstream::Http1(_) => download.has_come(),
            Upstream::Http2(stream) => download.has_come() || stream.has_ended(),
        }
    }

    /// The client has not taken the end of the response for too long. As with Envoy its stream is reset, and nothing has
    /// failed.
    pub(super) fn not_taken(mut self, passing: &Passing) -> After {
        self.request.facts.finished = true;
        let waiting = self.request.to_client.pending() as u64;
        let facts = &mut self.request.facts;
        facts.wire_received += facts.body_read;
        let to_client = facts.response_head_bytes + passing.download.written;
        facts.wire_sent += to_client - waiting.min(to_client);
        self.downstream.client.count_into(&mut self.request.facts);
        After::Close
    }

    /// Counts a connection that has ended in the middle of something, or has brought what belongs to nothing.
    fn count_broken(&self) {
        self.forwarding.hosts.stats().inc(ClusterStat::UpstreamCxProtocolError);
    }

    fn short(&self, download: &Pump, reason: Reason, how: &str) -> Failure {
        let promised =
            self.request.response.get(Known::ContentLength).map(|length| length.escape_ascii().to_string());
        let of = promised.map_or_else(String::new, |length| format!(" of {length}"));
        Failure::new(reason)
            .with_evidence(format!("the connection {how} after {}{of} bytes of the body", download.bytes))
    }

    /// The response has arrived: the connection to the back-end is kept where nothing is left on it.
    pub(super) fn complete(mut self, passing: &Passing) -> After {
        let now = self.downstream.worker.moment();
        let head_bytes = self.request.facts.response_head_bytes;
        let trailers = self.request.response_trailers.take();
        let facts = &mut self.request.facts;
        facts.response_end.get_or_insert(now);
        facts.reply_end = Some(now);
        facts.finished = true;
        if let Some(trailers) = &trailers {
            let text: usize = trailers.iter().map(|field| field.name.len() + field.value.len()).sum();
            let fields = trailers.iter().count();
            facts.upstream_fields_received += (text + fields * 3) as u64;
            if passing.trailers {
                let lines = (text + fields * ": \r\n".len()) as u64;
                facts.response_field_bytes += lines;
                let all = lines + "0\r\n\r\n".len() as u64;
                facts.response_trailer_bytes = TrailerBytes { fields: lines, all };
            }
        }
        let to_client = head_bytes + passing.download.written;
        facts.wire_sent += to_client;
        facts.wire_received += facts.body_read;
        self.downstream.count_sent(to_client);
        self.request.response_trailers = trailers;
        self.downstream.client.count_into(&mut self.request.facts);
        let upload_complete = self.upload.is_none() && !self.upload_failed;
        let Relay { downstream, request, upstream, forwarding, .. } = self;
        match upstream {
            // It has nothing left, or is reset.
            Upstream::Http2(stream) => drop(stream),
            // A request for an upgrade or a tunnel has no end, so its connection is not used again.
            Upstream::Http1(_) if request.facts.upgrade || !upload_complete => {}
            Upstream::Http1(upstream) => {
                upstream.end_request();
                if passing.until_close {
                    upstream.closed_by_peer();
                } else if !upstream.buffer.is_empty() {
                    forwarding.hosts.stats().inc(ClusterStat::UpstreamCxProtocolError);
                }
                // What follows on it would belong to no request, or the back-end said that it ends.
                if passing.reusable && upstream.buffer.is_empty() {
                    upstream.pool().give_back(upstream);
                }
            }
        }
        if !upload_complete {
            if matches!(&downstream.client, Client::Http1 { .. }) && !request.facts.upgrade {
                downstream.count_early_answer();
            }
            return After::Linger;
        }
        if passing.body == BodyToClient::UntilClose {
            return After::Linger;
        }
        if downstream.ends_behind(&request) { After::Close } else { After::KeepAlive }
    }

    /// It failed behind the head: the client has to see that the message is not complete.
    pub(super) async fn cut(mut self: Box<Self>, failure: Failure, passing: Passing) -> After {
        let http = &self.downstream.listener.shards.http;
        // Envoy waits with its judgement of a call of gRPC, and counts those that it can't judge.
        if self.request.facts.grpc {
            http.inc(HttpStat::RqResetAfterDownstreamResponseStarted);
        }
        // Envoy counts a response that it resets from both sides.
        http.inc(HttpStat::DownstreamRqTxReset);
        http.inc(HttpStat::DownstreamRqRxReset);
        if failure.reason == Reason::PerTryIdleTimeout {
            self.forwarding.cluster.stats().inc(ClusterStat::UpstreamRqPerTryIdleTimeout);
        }
        if failure.reason == Reason::RouteTimeout {
            self.forwarding.cluster.count_timeout(self.request.facts.host.as_deref());
            self.request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Timeout));
        }
        self.request.facts.failure = None;
        let mut failure = Failure { met: Met::AfterHead, ..failure };
        outlier::note_failure(&self.request, &self.forwarding.hosts, &failure);
        // What was meant for answers that are late has met one that is long.
        if failure.reason == Reason::RouteTimeout {
            failure.reason = Reason::RouteTimeoutAfterHead;
        }
        self.request.fail(failure);
        // What has arrived is the client's.
        let waiting = self.request.to_client.pending() as u64;
        let facts = &mut self.request.facts;
        facts.wire_received += facts.body_read;
        let to_client = facts.response_head_bytes + passing.download.written;
        facts.wire_sent += to_client - waiting.min(to_client);
        let _ = self.downstream.flush(&mut self.request).await;
        self.downstream.client.count_into(&mut self.request.facts);
        if passing.body == BodyToClient::UntilClose {
            self.downstream.client.break_off();
        }
        After::Close
    }
}
