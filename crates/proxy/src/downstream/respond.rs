//! Answering: heads to the client, and the answers that the proxy gives by itself.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use causeway_http::h1::{BodyDecoder, BodyFraming, HeadWriter, KeyFormat, TrailerLimits};
use causeway_http::h2::Code;
use causeway_http::{Known, Method, Version, forwarding};
use causeway_model::{DrainType, OverloadActionKind};
use causeway_reason::{Failure, Reason};
use causeway_upstream::ClusterStat;

use super::http2::Lost;
use super::manager::with_context;
use super::{After, Client, Downstream};
use crate::buffer::FOR_HEAD;
use crate::deadlines::Timer;
use crate::exchange::{Exchange, Next, ResponseDetails};
use crate::header_rules;
use crate::local_reply::{self, LocalReply};
use crate::proxy_status;
use crate::pump::{Going, Pump};
use crate::reason_header;
use crate::record::ActiveRequest;
use crate::router::Copies;
use crate::spelling::{self, Spelling};
use crate::stats::HttpStat;
use crate::timer::Millis;

/// A client that nobody has waited for is watched once an answer takes this long, in milliseconds: with most of them
/// that never is. One that leaves before is noticed then, or when the answer comes.
const WATCH_AFTER: Millis = 10;

/// How the body of a response is written to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyToClient {
    /// There is none, or the head says its length.
    Plain,
    /// In chunks.
    Chunked,
    /// As it is, up to the end of the connection.
    UntilClose,
    /// In frames of its stream.
    Stream,
}

impl Downstream {
    /// Answers a request that the codec refuses: the connection ends behind the answer.
    pub(super) async fn refuse(&mut self, request: ActiveRequest, failure: Failure) -> After {
        let http = &self.listener.shards.http;
        if failure.reason == Reason::OverloadedDispatch {
            http.inc(HttpStat::DownstreamRqOverloadClose);
        } else {
            let late = matches!(
                failure.reason,
                Reason::RequestHeadersTimeout | Reason::RequestTimeout | Reason::RequestMaxDuration
            );
            // One that is late breaks no protocol.
            if late {
                self.info.course.speaks_http.set(true);
            } else {
                self.note_broken_protocol();
            }
            http.inc(HttpStat::DownstreamRqResponseBeforeRqComplete);
            http.inc(HttpStat::DownstreamRqRxReset);
        }
        let mut reply = LocalReply::failed(failure);
        reply.close = true;
        self.reply(request, reply).await
    }

    /// Gives an answer of the proxy's own to a request of which nothing was sent on.
    pub(crate) async fn reply(&mut self, mut request: ActiveRequest, reply: LocalReply) -> After {
        // Nobody will read the rest of the request, so nobody can find the next one behind it.
        let unread = request.is_open_ended();
        // Of a stream it is known in the end.
        if unread && matches!(self.client, Client::Http1 { .. }) {
            self.count_early_answer();
        }
        self.local_answer(&mut request, reply, unread).await
    }

    /// Gives an answer of the proxy's own once all of the request has arrived, so that the connection can
    /// serve the next one.
    pub(super) async fn reply_at_end(&mut self, mut request: ActiveRequest, reply: LocalReply) -> After {
        match self.read_to_end(&mut request).await {
            Ok(()) => self.local_answer(&mut request, reply, false).await,
            Err(failure) if failure.reason == Reason::ClientDisconnected => {
                self.note_gone(&mut request);
                After::Gone
            }
            Err(failure) => self.reply(request, LocalReply::failed(failure)).await,
        }
    }

    /// Reads the body of a request that nobody wants.
    async fn read_to_end(&mut self, request: &mut ActiveRequest) -> Result<(), Failure> {
        if let Client::Http2(_) = &self.client {
            return self.read_stream_to_end(request).await;
        }
        let framing = request.head.as_ref().map_or(BodyFraming::None, |head| head.framing);
        let mut decoder = self.request_body(framing);
        poll_fn(|cx| {
            loop {
                while !decoder.is_done() && !self.client.unread().is_empty() {
                    let found = decoder.decode(self.client.unread())?;
                    request.facts.bytes_received += (found.data_end - found.data_start) as u64;
                    request.facts.body_read += found.consumed as u64;
                    self.client.consume(found.consumed);
                }
                if decoder.is_done() {
                    return Poll::Ready(Ok(()));
                }
                if let Poll::Ready(failure) = self.poll_timeout(cx, false, request) {
                    return Poll::Ready(Err(failure));
                }
                self.client.make_room(&self.worker.buffers, FOR_HEAD);
                match self.poll_client(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(0) | Err(_)) => {
                        let evidence = request.facts.so_far();
                        let gone = Failure::new(Reason::ClientDisconnected).with_evidence(evidence);
                        return Poll::Ready(Err(gone));
                    }
                    Poll::Ready(Ok(_)) => {
                        self.touch();
                    }
                }
            }
        })
        .await
    }

    async fn read_stream_to_end(&mut self, request: &mut ActiveRequest) -> Result<(), Failure> {
        poll_fn(|cx| {
            loop {
                let Client::Http2(stream) = &mut self.client else { return Poll::Ready(Ok(())) };
                match stream.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) => {
                        stream.release(data.len());
                        request.facts.bytes_received += data.len() as u64;
                        self.touch();
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Ready(Some(Err(_))) => {
                        return Poll::Ready(Err(Failure::new(Reason::ClientDisconnected)));
                    }
                    Poll::Pending => return self.poll_timeout(cx, false, request).map(Err),
                }
            }
        })
        .await
    }

    /// Whether the client has reset its stream.
    pub(crate) fn has_reset(&self) -> bool {
        match &self.client {
            Client::Http1 { .. } => false,
            Client::Http2(stream) => matches!(stream.lost(), Some(Lost::Reset(_))),
        }
    }

    /// Notes that the client is gone, and why.
    pub(crate) fn note_gone(&self, request: &mut ActiveRequest) {
        let so_far = request.facts.so_far();
        self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
        let lost = match &self.client {
            Client::Http1 { .. } => Lost::Connection,
            Client::Http2(stream) => stream.lost().unwrap_or(Lost::Connection),
        };
        self.client.count_into(&mut request.facts);
        match lost {
            // Nothing is wrong: the client says so itself.
            Lost::Reset(Code::NO_ERROR) => {
                request.facts.details = ResponseDetails::None;
                request.facts.finished = true;
                return;
            }
            Lost::Reset(_) | Lost::Connection | Lost::Refused(_) => request.fail(lost.failure(so_far)),
        }
        if let Lost::Reset(Code::REFUSED_STREAM) = lost {
            request.facts.details = ResponseDetails::from("http2.remote_refuse");
        }
    }

    /// Gives an answer of the proxy's own.
    pub(crate) async fn local_answer(
        &mut self,
        request: &mut ActiveRequest,
        reply: LocalReply,
        unread: bool,
    ) -> After {
        if !unread {
            request.facts.request_end.get_or_insert(self.worker.moment());
        }
        self.note_wire_bytes(request, unread);
        let faulty = reply.is_bad_request()
            && matches!(self.client, Client::Http1 { .. })
            && !self.listener.manager.config.http1.stream_error_on_invalid_message;
        self.draining |= reply.close || faulty;
        let body = self.put_together(request, reply);
        self.filter_response(request);
        let close = self.write_head(request, body.is_empty(), unread) == BodyToClient::UntilClose;
        if request.method() != Method::Head {
            request.facts.bytes_sent = body.len() as u64;
            request.to_client.bytes().extend_from_slice(&body);
        }
        if let Client::Http2(_) = &self.client {
            self.wait_for_reader(request);
        }
        let ends = unread || close || self.ends_behind(request);
        let sent = self.flush_before(if ends { Next::Close } else { Next::More }, request).await;
        request.facts.finished = true;
        request.facts.reply_end = Some(self.worker.moment());
        self.client.count_into(&mut request.facts);
        match sent {
            Err(()) => After::Gone,
            Ok(()) if unread || close || self.draining => After::Linger,
            Ok(()) if self.ends_behind(request) => After::Close,
            Ok(()) => After::KeepAlive,
        }
    }

    fn put_together(&self, request: &mut ActiveRequest, reply: LocalReply) -> Vec<u8> {
        let reason = reply.reason();
        let (viewer, random) = (request.viewer(), request.random());
        let body = local_reply::prepare(reply, request, &self.listener.manager, &viewer, random);
        if self.listener.manager.options.reason_header.is_some()
            && reason.is_some()
            && let Some(failure) = request.facts.failure.take()
        {
            let all = request.facts.may_know_all;
            reason_header::tell(&mut request.response, &failure, random, all);
            request.facts.failure = Some(failure);
        }
        body
    }

    /// Writes the head of the response to the client's side, with the fields that every response gets,
    /// and says how the body has to be written.
    pub(crate) fn write_head(
        &mut self,
        request: &mut ActiveRequest,
        empty: bool,
        unread: bool,
    ) -> BodyToClient {
        // What has not arrived of the request is no longer waited for, even if it still comes.
        if self.deadlines.is_set(Timer::Request) {
            self.deadlines.set(Timer::Request, None);
        }
        if !request.facts.tunnel {
            // Whoever added them: what is said of this connection is for the proxy to say.
            request.response.remove_all(forwarding::OF_THE_NEXT_CONNECTION);
        }
        let config = &self.listener.manager.config;
        header_rules::apply_to_response(request, config, || self.worker.date());
        if let Some(proxy_status) = &self.listener.manager.config.proxy_status {
            proxy_status::apply(request, proxy_status, &self.listener.manager.shared().proxy_name);
        }
        let exchange = &mut **request;
        let version = exchange.facts.protocol.unwrap_or(Version::Http11);
        let status = exchange.facts.status;
        let is_head = exchange.head.as_ref().is_some_and(|head| head.method == Method::Head);
        let bodiless = exchange.facts.tunnel || matches!(status, 100..=199 | 204 | 304);
        let has_length = exchange.response.has(Known::ContentLength);
        let body = match (version, has_length || bodiless || empty || is_head) {
            (Version::Http2, true) if !(bodiless || empty || is_head) => BodyToClient::Stream,
            (_, true) => BodyToClient::Plain,
            (Version::Http11, false) => BodyToClient::Chunked,
            (Version::Http10, false) => BodyToClient::UntilClose,
            (Version::Http2, false) => BodyToClient::Stream,
        };
        // Envoy tells the end of what an old client gets by a length, or else by the close, also where there is no
        // body, and where it is the codec that says so.
        let endless = version == Version::Http10 && !has_length;
        if endless || unread || exchange.head.is_none() {
            self.draining = true;
        }
        let drains = self.begins_to_drain();
        self.draining |= drains;
        if let Client::Http2(stream) = &mut self.client {
            if drains {
                stream.drain_connection();
            }
            // What an upgrade of HTTP/1 answers 101 to, is a CONNECT that HTTP/2 answers 200 to (RFC 8441 §5).
            let shown = if status == 101 { 200 } else { status };
            let ends = body == BodyToClient::Plain && !exchange.facts.tunnel;
            stream.send_head(shown, &exchange.response, ends);
            exchange.facts.reply_begin = Some(self.worker.moment());
            return body;
        }
        let keeps_alive =
            !self.draining && exchange.head.as_ref().is_some_and(causeway_http::h1::RequestHead::keeps_alive);
        let most = self.listener.manager.config.max_requests_per_connection;
        let enough = most.is_some_and(|most| self.served.saturating_add(1) >= most);
        if enough && !self.draining {
            self.listener.shards.http.inc(HttpStat::DownstreamCxMaxRequestsReached);
            self.draining = true;
        }
        let before = exchange.to_client.pending();
        let spelling = exchange.facts.spelling.as_deref();
        let format = self.key_format(spelling);
        let mut head = HeadWriter::response(exchange.to_client.bytes(), format, version, status);
        let line_end = head.position();
        head.fields(&exchange.response, |known| known != Some(Known::ContentLength) || status != 204);
        // The back-end may have said it already, for a switch of protocols.
        let said = if status == 101 {
            // Envoy writes it so where it was no answer of HTTP/1.
            let stream = exchange.facts.upstream_count.is_some();
            let own = if stream { "upgrade" } else { "Upgrade" };
            Some(own).filter(|_| !exchange.response.has(Known::Connection))
        } else if exchange.facts.tunnel && status == 200 {
            // What `connection` says would be about a connection that is no longer one of HTTP.
            None
        } else if !keeps_alive || enough || exchange.facts.tunnel {
            Some("close")
        } else if version == Version::Http10 {
            Some("keep-alive")
        } else {
            None
        };
        if let Some(said) = said {
            head.field(spelling::connection(spelling), said.as_bytes());
        }
        exchange.facts.connection_said = said;
        if !has_length && !bodiless {
            if body == BodyToClient::Chunked || (is_head && version == Version::Http11) {
                head.field(spelling::transfer_encoding(spelling), b"chunked");
            } else if empty && !is_head {
                head.field("content-length", b"0");
            }
        }
        let fields = head.position() - line_end;
        head.end();
        exchange.facts.response_field_bytes = fields as u64;
        exchange.facts.response_head_bytes = (exchange.to_client.pending() - before) as u64;
        exchange.facts.reply_begin = Some(self.worker.moment());
        body
    }

    /// How the names of a response are written that were spelled like this.
    fn key_format(&self, spelling: Option<&Spelling>) -> KeyFormat {
        spelling.map_or(self.listener.manager.shared().key_format, |_| KeyFormat::Preserve)
    }

    /// Whether the connection has to end behind this response, and nothing has said so before.
    fn begins_to_drain(&self) -> bool {
        let draining = match &self.client {
            Client::Http1 { .. } => self.draining,
            Client::Http2(stream) => stream.is_draining(),
        };
        if draining {
            return false;
        }
        let http = &self.listener.shards.http;
        let failing = self.worker.is_failing() && self.listener.config.drain_type == DrainType::Default;
        let ends = self.slot.ends_behind_response(&self.worker);
        let overloaded = !failing && !ends && self.may_not_keep_alive();
        if overloaded {
            http.inc(HttpStat::DownstreamCxOverloadDisableKeepalive);
        }
        let drains = failing || overloaded || ends;
        if drains {
            http.inc(HttpStat::DownstreamCxDrainClose);
        }
        drains
    }

    /// Whether the overload manager wants the connection to end behind this response.
    fn may_not_keep_alive(&self) -> bool {
        self.overload().is_some_and(|overload| {
            overload.shared.acts(OverloadActionKind::DisableHttpKeepalive, self.worker.random())
        })
    }

    /// Sends an interim response with the fields of the exchange's response.
    pub(crate) async fn interim(&mut self, request: &mut ActiveRequest, status: u16) {
        if let Client::Http2(stream) = &mut self.client {
            stream.send_head(status, &request.response, false);
            self.listener.shards.response_completed(status);
            return;
        }
        let format = self.key_format(request.facts.spelling.as_deref());
        let exchange = &mut **request;
        let mut head = HeadWriter::response(exchange.to_client.bytes(), format, Version::Http11, status);
        head.fields(&exchange.response, |_| true);
        head.end();
        self.listener.shards.response_completed(status);
        // A client that is gone is found out by whoever reads or writes next.
        let _ = self.flush(request).await;
    }

    /// Writes what waits for the client. Fails where the client is gone or takes too long.
    pub(crate) async fn flush(&mut self, request: &mut ActiveRequest) -> Result<(), ()> {
        self.flush_before(Next::More, request).await
    }

    async fn flush_before(&mut self, next: Next, request: &mut ActiveRequest) -> Result<(), ()> {
        if let Client::Http2(_) = &self.client {
            return self.send_rest(request).await;
        }
        let bytes = request.to_client.pending() as u64;
        let result =
            poll_fn(|cx| match self.client.sink(&mut request.to_client).poll_flush_before(next, cx) {
                Poll::Ready(result) => Poll::Ready(result.map_err(|_| ())),
                Poll::Pending => self.poll_write_deadline(cx).map(Err),
            })
            .await;
        request.facts.wire_sent += bytes;
        self.count_sent(bytes);
        result
    }

    /// Sends what waits for the client on its stream, which ends with it.
    async fn send_rest(&mut self, request: &mut ActiveRequest) -> Result<(), ()> {
        poll_fn(|cx| {
            while request.to_client.pending() > 0 {
                let Client::Http2(stream) = &mut self.client else { break };
                match stream.poll_room(cx, request.to_client.pending()) {
                    Poll::Ready(Ok(room)) => {
                        let ends = room == request.to_client.pending();
                        stream.send(request.to_client.take(room), ends);
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                    Poll::Pending => return self.poll_reader(cx).map(Err),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    pub(super) fn poll_write_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.deadlines.poll(cx, || self.worker.timers.now()) {
                Poll::Ready(
                    Timer::StreamIdle | Timer::StreamDuration | Timer::UpstreamDuration | Timer::Close,
                ) => {
                    return Poll::Ready(());
                }
                Poll::Ready(Timer::ConnectionDuration) => self.grow_old_in_request(),
                Poll::Ready(Timer::AccessLog) => self.log_later(),
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The same as [`Self::grow_old`], with a request that is served to its end.
    pub(super) fn grow_old_in_request(&mut self) {
        self.grow_old();
        self.deadlines.set(Timer::Close, None);
    }

    /// Whether the connection ends behind this request.
    pub(crate) fn ends_behind(&self, request: &Exchange) -> bool {
        self.draining || !request.head.as_ref().is_some_and(causeway_http::h1::RequestHead::keeps_alive)
    }

    /// Something moved: the stream idle timeout begins again.
    pub(crate) fn touch(&mut self) {
        self.deadlines.touch(self.worker.now());
    }

    /// Whether there are filters that may change trailers.
    pub(crate) fn has_filters(&self, request: &ActiveRequest) -> bool {
        !self.listener.manager.filters(request.facts.chain).is_empty()
    }

    /// Runs the filters over trailers of a request, or, in reverse order, of a response.
    pub(crate) fn filter_trailers(&self, request: &mut ActiveRequest, of_response: bool) {
        let (entry, target) = (request.facts.route.clone(), request.facts.target.clone());
        let chain = request.facts.chain;
        let filters = self.listener.manager.filters(chain);
        for step in 0..filters.len() {
            let at = if of_response { filters.len() - 1 - step } else { step };
            let Some(runtime) = filters.get(at) else { continue };
            let overrides = entry.as_ref().and_then(|entry| entry.overrides(target.as_deref(), chain, at));
            if overrides.and_then(|overrides| overrides.disabled).unwrap_or(runtime.disabled) {
                continue;
            }
            with_context(request, overrides, |context| match of_response {
                true => runtime.filter.on_response_trailers(context),
                false => runtime.filter.on_request_trailers(context),
            });
        }
    }

    /// Runs the filters over a response, in reverse order.
    pub(crate) fn filter_response(&self, request: &mut ActiveRequest) {
        if !self.has_filters(request) {
            return;
        }
        let (entry, target) = (request.facts.route.clone(), request.facts.target.clone());
        let chain = request.facts.chain;
        for (at, runtime) in self.listener.manager.filters(chain).iter().enumerate().rev() {
            let overrides = entry.as_ref().and_then(|entry| entry.overrides(target.as_deref(), chain, at));
            if !overrides.and_then(|overrides| overrides.disabled).unwrap_or(runtime.disabled) {
                with_context(request, overrides, |context| runtime.filter.on_response(context));
            }
        }
    }

    /// Whether the client has closed, which it does to say that it wants no answer any more. What else it
    /// sends belongs to its next request.
    pub(crate) fn poll_client_gone(&mut self, cx: &mut Context<'_>) -> bool {
        if let Client::Http2(stream) = &mut self.client {
            return stream.poll_lost(cx);
        }
        if self.client.is_unwatched() {
            // Most back-ends have answered before that is worth its while.
            if !self.deadlines.is_set(Timer::Watch) {
                self.deadlines.set(Timer::Watch, Some(self.worker.now() + WATCH_AFTER));
            }
            return false;
        }
        loop {
            // Nothing has come, mostly: no memory is taken to find that out.
            if self.client.poll_read_ready(cx).is_pending() {
                self.client.reclaim(&self.worker.buffers);
                return false;
            }
            if !self.client.make_room(&self.worker.buffers, FOR_HEAD) {
                return false;
            }
            match self.poll_client(cx) {
                Poll::Pending => {
                    self.client.reclaim(&self.worker.buffers);
                    return false;
                }
                Poll::Ready(Ok(0) | Err(_)) => return true,
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// Whether the client has left since [`Self::poll_client_gone`] was asked. To be asked before what the back-end says
    /// is looked at: a client that has left by then gets no answer, as with Envoy, and what both have done may be
    /// heard of at once.
    pub(crate) fn client_has_left(&mut self, cx: &mut Context<'_>) -> bool {
        if self.client.is_unwatched() {
            self.deadlines.is_set(Timer::Watch) && self.client.has_left_unwatched()
        } else {
            self.client.has_stirred() && self.poll_client_gone(cx)
        }
    }

    /// Whether one of the request's deadlines has passed: then, why it fails. `complete` says whether the
    /// client has sent everything: if not, it is the one who is late.
    pub(crate) fn poll_timeout(
        &mut self,
        cx: &mut Context<'_>,
        complete: bool,
        request: &ActiveRequest,
    ) -> Poll<Failure> {
        loop {
            let http = &self.listener.shards.http;
            let timer = match self.deadlines.poll(cx, || self.worker.timers.now()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(timer) => timer,
            };
            let reason = match timer {
                Timer::Route => Reason::RouteTimeout,
                Timer::PerTry => Reason::PerTryTimeout,
                Timer::PerTryIdle => Reason::PerTryIdleTimeout,
                Timer::StreamIdle => {
                    http.inc(HttpStat::DownstreamRqIdleTimeout);
                    if complete { Reason::StreamIdleTimeout } else { Reason::RequestIdleTimeout }
                }
                Timer::StreamDuration => {
                    http.inc(HttpStat::DownstreamRqMaxDurationReached);
                    if complete { Reason::MaxStreamDuration } else { Reason::RequestMaxDuration }
                }
                Timer::UpstreamDuration => {
                    if let Some(cluster) = &request.facts.cluster {
                        cluster.stats().inc(ClusterStat::UpstreamRqMaxDurationReached);
                    }
                    Reason::UpstreamMaxStreamDuration
                }
                Timer::Request => {
                    let more = self.more_time(&request.facts, self.worker.timers.now());
                    if more.is_some() {
                        self.deadlines.set(Timer::Request, more);
                        continue;
                    }
                    http.inc(HttpStat::DownstreamRqTimeout);
                    let evidence = request.facts.so_far() + self.by_default(Timer::Request);
                    return Poll::Ready(Failure::new(Reason::RequestTimeout).with_evidence(evidence));
                }
                Timer::ConnectionDuration => {
                    self.grow_old_in_request();
                    continue;
                }
                Timer::AccessLog => {
                    request.log_unfinished("DownstreamPeriodic");
                    self.log_later();
                    continue;
                }
                Timer::UpstreamLog => {
                    request.log_attempt_so_far();
                    self.log_attempt_later();
                    continue;
                }
                Timer::Watch => {
                    self.client.watch();
                    // It may have left meanwhile.
                    cx.waker().wake_by_ref();
                    continue;
                }
                Timer::Idle | Timer::RequestHeaders | Timer::Close => continue,
            };
            let so_far = request.facts.so_far();
            let limit = self.limit(timer, &request.facts);
            let evidence = if limit.is_empty() { so_far } else { format!("{so_far}; the limit is {limit}") };
            return Poll::Ready(Failure::new(reason).with_evidence(evidence));
        }
    }

    /// Throws away what has arrived of a request's body, and says whether some of it has not.
    pub(crate) fn discard_request_body(&mut self, request: &mut ActiveRequest) -> bool {
        self.discard_copied_body(request, None)
    }

    /// The same, of a body that is copied to these.
    pub(crate) fn discard_copied_body(
        &mut self,
        request: &mut ActiveRequest,
        copies: Option<Box<Copies>>,
    ) -> bool {
        let framing = request.head.as_ref().map_or(BodyFraming::None, |head| head.framing);
        if request.again.is_some() {
            return false;
        }
        if framing.is_none() {
            return request.facts.upgrade;
        }
        let mut pump = self.upload(framing, Going::Plain).copying(copies);
        let complete = pump.discard(&mut self.client.source());
        request.facts.bytes_received = pump.bytes;
        request.facts.body_read = pump.consumed;
        !complete
    }

    /// Whether all of a request's body is in the buffer already.
    pub(super) fn holds_whole_body(&self, request: &ActiveRequest) -> bool {
        let framing = request.head.as_ref().map_or(BodyFraming::None, |head| head.framing);
        let mut decoder = self.request_body(framing);
        let mut rest = self.client.unread();
        while !request.facts.upgrade && !decoder.is_done() && !rest.is_empty() {
            let Ok(found) = decoder.decode(rest) else { return false };
            rest = rest.get(found.consumed..).unwrap_or_default();
        }
        decoder.is_done()
    }

    /// Reads from the client once; 0 is the end.
    pub(super) fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = self.client.poll_read(cx);
        match &read {
            Poll::Ready(Ok(count)) => self.count_received(*count as u64),
            Poll::Ready(Err(_)) => self.info.course.was_reset.set(true),
            Poll::Pending => {}
        }
        read
    }

    /// Counts bytes from the client.
    pub(crate) fn count_received(&self, count: u64) {
        // What comes and goes on a stream is counted by its connection.
        if let Client::Http2(_) = &self.client {
            return;
        }
        self.listener.shards.http.add(HttpStat::DownstreamCxRxBytesTotal, count);
        let received = &self.info.course.received;
        received.set(received.get() + count);
    }

    /// Counts bytes to the client.
    pub(crate) fn count_sent(&self, count: u64) {
        if let Client::Http2(_) = &self.client {
            return;
        }
        self.listener.shards.http.add(HttpStat::DownstreamCxTxBytesTotal, count);
        let sent = &self.info.course.sent;
        sent.set(sent.get() + count);
    }

    /// What takes the body of a request from the client.
    pub(crate) fn upload(&self, framing: BodyFraming, going: Going) -> Pump {
        match &self.client {
            Client::Http1 { .. } => Pump::new(self.request_body(framing), going),
            Client::Http2(_) => Pump::of_stream(framing.is_none(), going),
        }
    }

    /// Whether trailers of the client's requests are passed on.
    pub(crate) fn takes_trailers(&self) -> bool {
        match &self.client {
            Client::Http1 { .. } => self.listener.manager.config.http1.enable_trailers,
            Client::Http2(_) => true,
        }
    }

    /// How the body of a response is written to the client, with trailers behind it where there are some.
    pub(crate) fn going(&self, body: BodyToClient, trailers: bool) -> Going {
        let http1 = &self.listener.manager.config.http1;
        match body {
            BodyToClient::Plain | BodyToClient::UntilClose => Going::Plain,
            BodyToClient::Chunked => Going::Chunked { trailers: trailers && http1.enable_trailers },
            BodyToClient::Stream => Going::Stream { trailers },
        }
    }

    /// A decoder for the body of a request.
    fn request_body(&self, framing: BodyFraming) -> BodyDecoder {
        let limits = self.listener.manager.shared().request_rules.limits;
        let kept = self.listener.manager.config.http1.enable_trailers;
        let limits = TrailerLimits { bytes: limits.bytes, fields: kept.then_some(limits.fields) };
        BodyDecoder::new(framing, Reason::RequestChunkMalformed, limits)
    }
}
