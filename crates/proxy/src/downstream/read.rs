//! Reading the head of the next request.

use std::future::poll_fn;
use std::task::{Context, Poll};

use causeway_http::Version;
use causeway_http::h1::{Parsed, first_bytes, parse_request};
use causeway_http::h2::PREFACE;
use causeway_model::{CodecType, LoadShedPointKind};
use causeway_reason::{Failure, Reason};

use super::http2::tell;
use super::{After, Downstream};
use crate::buffer::FOR_HEAD;
use crate::deadlines::Timer;
use crate::record::ActiveRequest;
use crate::snapshot::timeout;
use crate::stats::HttpStat;
use crate::timer::Millis;

/// What a client speaks.
enum Spoken {
    Http1,
    Http2,
    /// Not what it has to.
    Neither,
    Gone,
}

/// Bytes of the preface of HTTP/2 by which Envoy tells it from HTTP/1: `PRI * HTTP/2`.
const PREFACE_TELLS: usize = 12;
/// A preface has this long to arrive, in milliseconds: as long as a head.
const PREFACE_TIME: Millis = 10_000;

/// What came of waiting for a head.
enum Head {
    /// It is there.
    Complete,
    /// The client closed in the middle.
    Cut,
    /// It is refused.
    Refused(Failure),
    /// Nothing of it is looked at: the connection is closed at once.
    Shed,
}

/// What waking up was for.
enum Woken {
    Bytes,
    Closed,
    Timer(Timer),
}

impl Downstream {
    /// Reads and serves one request; `None` where nothing of one is there yet. `woken` says that something has come
    /// since it was last read; what has come together with the last request is looked at in any case.
    pub(super) async fn request(&mut self, woken: bool) -> Option<After> {
        self.skip_empty_lines();
        if self.client.unread().is_empty() {
            if !woken {
                return None;
            }
            match poll_fn(|cx| Poll::Ready(self.poll_bytes(cx, FOR_HEAD))).await {
                Poll::Pending => return None,
                Poll::Ready(None) => return Some(After::Gone),
                Poll::Ready(Some(())) => self.skip_empty_lines(),
            }
            if self.client.unread().is_empty() {
                return None;
            }
        }
        if self.served == 0 {
            match self.spoken().await {
                Spoken::Http1 => {}
                Spoken::Http2 => return Some(After::Http2),
                Spoken::Neither => return Some(After::Linger),
                Spoken::Gone => return Some(After::Gone),
            }
        }
        if let Some(opened) = &mut self.opened {
            opened.speaks_http1();
        }
        if self.served == 0 && self.sheds(LoadShedPointKind::HcmOndataCreatingCodec) {
            self.listener.shards.http.inc(HttpStat::DownstreamRqOverloadClose);
            return Some(After::Close);
        }
        let mut request = ActiveRequest::new(&self.worker, &self.listener, &self.info);
        let head = self.read_head(&mut request).await;
        self.measure_round_trip();
        if !matches!(head, Head::Complete) {
            request.facts.wire_received = self.client.unread().len() as u64;
        }
        let after = match head {
            Head::Cut => {
                self.info.course.speaks_http.set(true);
                self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
                let evidence = self.unfinished_head();
                request.fail(Failure::new(Reason::ClientDisconnected).with_evidence(evidence));
                After::Gone
            }
            Head::Shed => After::Close,
            Head::Refused(failure) => {
                self.note_request(true);
                let failure = self.behind_others(failure);
                Box::pin(self.refuse(request, failure)).await
            }
            Head::Complete => {
                self.note_request(true);
                self.handle(request).await
            }
        };
        self.deadlines.clear_request();
        self.note_request(after == After::Gone);
        self.served = self.served.saturating_add(1);
        self.idle_since = self.worker.now();
        Some(after)
    }

    fn note_request(&mut self, is_there: bool) {
        if let Some(opened) = &mut self.opened {
            opened.with_request = is_there;
        }
    }

    /// What the client speaks: what was agreed on in its handshake of TLS, or else by its first bytes. HTTP/2 begins
    /// with a preface (RFC 9113 §3.4) that no request of HTTP/1 begins with.
    async fn spoken(&mut self) -> Spoken {
        let agreed = self.info.tls.get().and_then(|tls| tls.alpn.as_deref());
        let codec = match (self.listener.manager.config.codec_type, agreed) {
            (CodecType::Auto, Some(b"h2")) => CodecType::Http2,
            (CodecType::Auto, Some(_)) => CodecType::Http1,
            (configured, _) => configured,
        };
        if codec == CodecType::Http1 {
            return Spoken::Http1;
        }
        let begun = self.worker.now();
        loop {
            let held = self.client.unread();
            let like = held.iter().zip(PREFACE).take_while(|(byte, like)| byte == like).count();
            if like == PREFACE.len() {
                return Spoken::Http2;
            }
            if like < held.len() {
                // Behind its first line, it is one that is broken.
                if codec == CodecType::Auto && like < PREFACE_TELLS {
                    return Spoken::Http1;
                }
                self.refuse_preface();
                return Spoken::Neither;
            }
            self.deadlines.set(Timer::RequestHeaders, Some(begun + PREFACE_TIME));
            match self.more(held.len(), FOR_HEAD).await {
                Woken::Bytes => {}
                Woken::Closed => return if codec == CodecType::Auto { Spoken::Http1 } else { Spoken::Gone },
                Woken::Timer(Timer::RequestHeaders) if codec == CodecType::Auto => return Spoken::Http1,
                Woken::Timer(Timer::RequestHeaders) => return Spoken::Neither,
                Woken::Timer(Timer::ConnectionDuration) => self.grow_old_in_request(),
                Woken::Timer(_) => {}
            }
        }
    }

    /// What came is no preface, where there has to be one.
    fn refuse_preface(&mut self) {
        if let Some(opened) = &mut self.opened {
            opened.speaks_http2();
        }
        let http = &self.listener.shards.http;
        http.inc(HttpStat::DownstreamCxProtocolError);
        let failure = Failure::new(Reason::Http2ProtocolError)
            .with_evidence(format!("no preface of HTTP/2 came; {}", first_bytes(self.client.unread())));
        self.listener.shards.reasons.count(http, failure.reason);
        self.info.course.broke_protocol.set(true);
        tell(&self.info, &failure);
    }

    async fn read_head(&mut self, request: &mut ActiveRequest) -> Head {
        let manager = self.listener.clone();
        let rules = manager.manager.shared().request_rules;
        let mut scanned = 0;
        let mut waited = false;
        let overload = self.overload();
        let sheds =
            |point| overload.as_ref().is_some_and(|overload| overload.sheds(point, self.worker.random()));
        if sheds(LoadShedPointKind::Http2ServerGoAwayAndCloseOnDispatch) {
            return Head::Shed;
        }
        let (drains, aborts) = (
            sheds(LoadShedPointKind::Http2ServerGoAwayOnDispatch),
            sheds(LoadShedPointKind::Http1ServerAbortDispatch),
        );
        self.draining |= drains;
        self.begin(request);
        if aborts {
            return Head::Refused(self.overloaded(Reason::OverloadedDispatch));
        }
        loop {
            if self.client.unread().len() > scanned {
                let exchange = &mut **request;
                match parse_request(self.client.unread(), scanned, &rules, &mut exchange.request) {
                    Ok(Parsed::Complete { head, length }) => {
                        exchange.facts.request_field_bytes = head.field_bytes;
                        exchange.facts.wire_received = length as u64;
                        exchange.facts.protocol = Some(head.version);
                        exchange.path.extend_from_slice(head.path(&exchange.request));
                        exchange.head = Some(head);
                        self.client.consume(length);
                        self.deadlines.set(Timer::RequestHeaders, None);
                        return Head::Complete;
                    }
                    Ok(Parsed::Partial) => scanned = self.client.unread().len(),
                    Err(failure) => return Head::Refused(failure),
                }
            }
            if !std::mem::replace(&mut waited, true) {
                self.arm_head(&request.facts);
            }
            match self.more(scanned, rules.limits.bytes).await {
                Woken::Bytes => {}
                Woken::Closed => return Head::Cut,
                Woken::Timer(timer) => {
                    if let Some(head) = self.late(timer, request) {
                        return head;
                    }
                }
            }
        }
    }

    /// The evidence for a client that left before its head was complete.
    fn unfinished_head(&self) -> String {
        let held = self.client.unread();
        format!("{} bytes of the head had arrived, but not its end; {}", held.len(), first_bytes(held))
    }

    /// What stands where a request should begin is often the rest of the one before: then the evidence says
    /// that there was one.
    fn behind_others(&self, failure: Failure) -> Failure {
        let reason = failure.reason;
        if self.served == 0 || !matches!(reason, Reason::RequestNotHttp | Reason::RequestLineMalformed) {
            return failure;
        }
        let plural = if self.served == 1 { "" } else { "s" };
        let evidence = failure.evidence.as_deref().unwrap_or_default();
        let evidence = format!("{evidence}, behind {} request{plural} of the connection", self.served);
        failure.with_evidence(evidence)
    }

    fn begin(&mut self, request: &mut ActiveRequest) {
        request.facts.protocol = Some(Version::Http11);
        request.begin(self.worker.moment());
        self.log_later();
        self.arm_arrival();
    }

    /// Whether the overload manager lets nothing pass at this place.
    pub(crate) fn sheds(&self, point: LoadShedPointKind) -> bool {
        self.overload().is_some_and(|overload| overload.sheds(point, self.worker.random()))
    }

    /// Why the overload manager refuses a request.
    pub(crate) fn overloaded(&self, reason: Reason) -> Failure {
        let evidence = self.overload().map_or_else(String::new, |overload| overload.shared.evidence());
        Failure::new(reason).with_evidence(evidence)
    }

    /// Empty lines between requests are passed over (RFC 9112 §2.2).
    fn skip_empty_lines(&mut self) {
        let empty = self.client.unread().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        // A PROXY header of version 2 begins with them; left alone, it is recognised and named.
        if !self.client.unread().starts_with(b"\r\n\r\n\0") {
            self.client.consume(empty);
        }
    }

    /// Waits for more bytes, or for something else to happen.
    async fn more(&mut self, held: usize, most: usize) -> Woken {
        // Room grows with the head, up to what a head may be.
        let wanted = if held >= FOR_HEAD { (held * 2).min(most + FOR_HEAD) } else { FOR_HEAD };
        poll_fn(|cx| match self.poll_bytes(cx, wanted) {
            Poll::Ready(Some(())) => Poll::Ready(Woken::Bytes),
            Poll::Ready(None) => Poll::Ready(Woken::Closed),
            Poll::Pending => self.deadlines.poll(cx, || self.worker.timers.now()).map(Woken::Timer),
        })
        .await
    }

    /// Reads once; `None` is the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Option<()>> {
        self.client.make_room(&self.worker.buffers, wanted);
        self.poll_client(cx).map(|read| match read {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        })
    }

    /// The next line about the request, where lines are wanted while it is served.
    pub(crate) fn log_later(&mut self) {
        if let Some(interval) = timeout(self.listener.manager.config.access_log_options.interval) {
            self.deadlines.set(Timer::AccessLog, Some(self.worker.now() + interval.max(1)));
        }
    }

    /// The next line about the attempt, where the router's logs want lines while there is no answer.
    pub(crate) fn log_attempt_later(&mut self) {
        let manager = &self.listener.manager;
        if manager.shared().upstream_logs.is_empty() {
            return;
        }
        if let Some(interval) = timeout(manager.config.upstream_log_options.interval) {
            self.deadlines.set(Timer::UpstreamLog, Some(self.worker.now() + interval.max(1)));
        }
    }

    fn late(&mut self, timer: Timer, request: &ActiveRequest) -> Option<Head> {
        let since = request.facts.begun;
        let held = self.client.unread().len();
        let by_default = self.by_default(timer);
        let refused = |reason| {
            let took = since.map_or(0, |since| since.elapsed().as_millis());
            let evidence =
                format!("after {took} ms: {held} bytes of the head had arrived, but not its end{by_default}");
            Some(Head::Refused(Failure::new(reason).with_evidence(evidence)))
        };
        let count = |stat| self.listener.shards.http.inc(stat);
        match timer {
            Timer::RequestHeaders => {
                count(HttpStat::DownstreamRqHeaderTimeout);
                refused(Reason::RequestHeadersTimeout)
            }
            Timer::Request => {
                count(HttpStat::DownstreamRqTimeout);
                refused(Reason::RequestTimeout)
            }
            Timer::StreamDuration => {
                count(HttpStat::DownstreamRqMaxDurationReached);
                refused(Reason::RequestMaxDuration)
            }
            Timer::AccessLog => {
                request.log_unfinished("DownstreamPeriodic");
                self.log_later();
                None
            }
            // The request that has begun is answered first.
            Timer::ConnectionDuration => {
                self.grow_old_in_request();
                None
            }
            Timer::Close => {
                self.draining = true;
                None
            }
            Timer::Idle
            | Timer::Route
            | Timer::PerTry
            | Timer::PerTryIdle
            | Timer::StreamIdle
            | Timer::UpstreamDuration
            | Timer::UpstreamLog
            | Timer::Watch => None,
        }
    }
}
