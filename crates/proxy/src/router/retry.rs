//! Attempts beside the first: a request is sent again as `retry_policy` says, and once more where the only
//! thing that was wrong is that the back-end had just closed the connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use causeway_http::h1::ResponseHead;
use causeway_http::{HeaderBlock, Known, KnownSet, Method};
use causeway_model::{HeaderName, HostPredicate, RateLimitedBackOff, RetryOn, RouteForward};
use causeway_reason::{Details, Failure, Flag, Reason, Retry as SafeToRetry};
use causeway_upstream::{
    Ask, Attempt, ClusterStat, Destination, Forced, Host, HostStat, Resource, Retries, RetryDecision,
    SubsetKey,
};

use super::envoy_headers::number;
use super::relay::Relay;
use super::{Forwarding, Served, attempt, give_up, hedge, predicate, rewrite};
use crate::cluster::{LocalCluster, Permit};
use crate::downstream::{After, Downstream};
use crate::format::Decimal;
use crate::pump::Pump;
use crate::record::ActiveRequest;
use crate::timer::{Deadline, Millis, millis};
use crate::traffic::TrafficStat;

/// What became of an attempt.
pub(super) enum Tried {
    /// The request was served to its end.
    Served(Served),
    /// There is another attempt.
    Again(Box<Again>),
}

/// A request that waits for its next attempt.
pub(super) struct Again {
    pub(super) request: ActiveRequest,
    /// The request's body, where some of it has yet to come.
    pub(super) upload: Option<Box<Pump>>,
    /// How long it waits.
    pub(super) pause: Millis,
}

/// The retries of one request, and what they have to know.
pub(super) struct Retry {
    retries: Retries,
    /// Names of response fields that the client wants to be reasons for another attempt.
    names: Vec<HeaderName>,
    /// There is one for as long as a retry is on its way, or waits.
    permit: Option<Permit>,
    /// The pause before it is one that a back-end asked for.
    asked: bool,
    /// Hosts that were tried.
    hosts: Vec<Arc<Host>>,
    /// Priorities that are left out.
    left_out: Vec<usize>,
}

impl Retry {
    /// What the route, its virtual host and the client say of retries. Fields of the client that say so go no
    /// further.
    pub(super) fn of(request: &mut ActiveRequest, route: &RouteForward) -> Option<Box<Self>> {
        const FIELDS: KnownSet = KnownSet::of(&[
            Known::EnvoyRetryOn,
            Known::EnvoyRetryGrpcOn,
            Known::EnvoyMaxRetries,
            Known::EnvoyRetriableHeaderNames,
            Known::EnvoyRetriableStatusCodes,
        ]);
        let asks = request.request.may_have_any(FIELDS);
        if !asks && route.retry.is_none() {
            return None;
        }
        let fields = &request.request;
        let asked = fields.has(Known::EnvoyRetryOn) || fields.has(Known::EnvoyRetryGrpcOn);
        let retry = (asked || route.retry.is_some()).then(|| Self::new(request, route)).flatten();
        request.request.remove_all(FIELDS);
        retry.map(Box::new)
    }

    fn new(request: &ActiveRequest, route: &RouteForward) -> Option<Self> {
        let policy = route.retry.clone().unwrap_or_default();
        let fields = &request.request;
        let seen = request.seen();
        let wanted = &policy.request_headers;
        if !wanted.is_empty()
            && !wanted.iter().any(|matcher| causeway_routing::header_matches(matcher, &seen))
        {
            return None;
        }
        let mut on = RetryOn::default();
        for (name, of_grpc) in [(Known::EnvoyRetryOn, false), (Known::EnvoyRetryGrpcOn, true)] {
            let named = items(fields, name).filter_map(RetryOn::named).filter(|(_, grpc)| *grpc == of_grpc);
            on = named.fold(on, |all, (one, _)| all.and(one));
        }
        let most = fields.get(Known::EnvoyMaxRetries).and_then(number);
        let most = most.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
        let statuses = items(fields, Known::EnvoyRetriableStatusCodes).filter_map(number);
        let statuses = statuses.filter_map(|status| u16::try_from(status).ok()).collect();
        let names = items(fields, Known::EnvoyRetriableHeaderNames)
            .filter_map(|name| HeaderName::new(std::str::from_utf8(name).ok()?).ok());
        Some(Self {
            names: names.collect(),
            retries: Retries::new(&policy, on, most, statuses)?,
            permit: None,
            asked: false,
            hosts: Vec::new(),
            left_out: Vec::new(),
        })
    }

    /// What it is that leads to another attempt, and how many there may be.
    pub(super) fn terms(&self) -> (RetryOn, u32) {
        (self.retries.on(), self.retries.left())
    }

    /// What the head of a response says to the policy.
    fn seen(&self, head: &ResponseHead, response: &HeaderBlock) -> Attempt {
        let policy = self.retries.policy();
        let fits = || {
            self.names.iter().any(|name| response.get(name.as_str()).is_some())
                || policy
                    .response_headers
                    .iter()
                    .any(|matcher| predicate::holds(matcher, head.status, response))
        };
        Attempt::Answered {
            status: head.status,
            rate_limited: response.has(Known::EnvoyRateLimited),
            grpc_status: response.get(Known::GrpcStatus).and_then(number),
            header_fits: self.retries.looks_at_headers() && fits(),
            wait: policy.rate_limited.as_ref().and_then(|limits| asked_pause(limits, response)),
        }
    }

    /// Counts the next attempt, now that its pause is over.
    fn count(&self, request: &ActiveRequest, cluster: &LocalCluster) {
        cluster.stats().inc(ClusterStat::UpstreamRqRetry);
        request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Retry));
        cluster.stats().inc(if self.asked {
            ClusterStat::UpstreamRqRetryBackoffRatelimited
        } else {
            ClusterStat::UpstreamRqRetryBackoffExponential
        });
    }

    /// A host for the next attempt.
    fn choose(
        &mut self,
        forwarding: &Forwarding,
        hash: Option<u64>,
        forced: Option<Forced>,
        subset: Option<&SubsetKey>,
        destination: Destination<'_>,
    ) -> Result<Arc<Host>, Failure> {
        let policy = Arc::clone(self.retries.policy());
        if let Some(every) = policy.priority_update
            && self.retries.made().is_multiple_of(every)
        {
            self.left_out = forwarding.hosts.priorities_of(&self.hosts);
        }
        let passed_over = |host: &Host| {
            policy.host_predicates.iter().any(|predicate| match predicate {
                HostPredicate::Previous => self.hosts.iter().any(|tried| tried.address() == host.address()),
                HostPredicate::Canary => host.is_canary(),
                HostPredicate::Metadata(fields) => fields.iter().all(|(key, value)| {
                    host.metadata().get("envoy.lb", std::slice::from_ref(key)) == Some(value)
                }),
            })
        };
        forwarding.choose(&Ask {
            hash,
            draws: policy.host_draws,
            passed_over: Some(&passed_over),
            left_out: &self.left_out,
            forced,
            subset,
            destination,
        })
    }
}

/// The items of a list in a field of the request.
fn items(fields: &HeaderBlock, name: Known) -> impl Iterator<Item = &[u8]> {
    let list = fields.get(name).unwrap_or_default();
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// How long a back-end asks to wait, in the first field that says so and asks for no more than is allowed.
fn asked_pause(limits: &RateLimitedBackOff, response: &HeaderBlock) -> Option<Duration> {
    limits.headers.iter().find_map(|header| {
        let said = number(response.get(header.name.as_str())?)?;
        let seconds = if header.is_timestamp {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            said.checked_sub(now).filter(|left| *left > 0)?
        } else {
            said
        };
        Some(Duration::from_secs(seconds)).filter(|pause| *pause <= limits.max_interval)
    })
}

/// Whether a failure is one of an attempt, as opposed to one of the whole request.
fn of_attempt(failure: &Failure, started: bool) -> Option<Attempt> {
    match failure.reason {
        Reason::PerTryTimeout | Reason::PerTryIdleTimeout | Reason::UpstreamMaxStreamDuration => {
            Some(Attempt::Reset { reset: None, started })
        }
        _ if failure.spec().retry == SafeToRetry::Never => None,
        _ => match failure.answer().details {
            Details::ResetBefore(reset) | Details::ResetAfter(reset) => {
                Some(Attempt::Reset { reset: Some(reset), started })
            }
            Details::Text(_) => None,
        },
    }
}

/// The pause before the next attempt, where there is one. Otherwise the request's flags say why not, if there might
/// have been one.
///
/// Without anything that became of the attempt, it goes on, but is late.
fn decide(
    request: &mut ActiveRequest,
    forwarding: &mut Forwarding,
    attempt: Option<&Attempt>,
) -> Option<Millis> {
    let random = request.worker().random();
    let Forwarding { retry, cluster, priority, .. } = forwarding;
    let retry = retry.as_mut()?;
    let held = std::cell::Cell::new(retry.permit.take());
    let mut permit = None;
    let breaker = || {
        // The one before makes room for it.
        held.take();
        permit = cluster.acquire(*priority, Resource::Retries);
        permit.is_some()
    };
    let decision = match attempt {
        Some(attempt) => retry.retries.decide(attempt, random, breaker),
        None => retry.retries.decide_late(random, breaker),
    };
    let count = |of_cluster, of_traffic| {
        cluster.stats().inc(of_cluster);
        request.facts.traffic().for_each(|traffic| traffic.inc(of_traffic));
    };
    match decision {
        RetryDecision::No => {
            if held.take().is_some() {
                count(ClusterStat::UpstreamRqRetrySuccess, TrafficStat::RetrySuccess);
            }
            None
        }
        RetryDecision::LimitExceeded => {
            count(ClusterStat::UpstreamRqRetryLimitExceeded, TrafficStat::RetryLimitExceeded);
            request.facts.flags.set(Flag::UpstreamRetryLimitExceeded);
            // It is about attempts that may still be on their way.
            retry.permit = held.take();
            None
        }
        RetryDecision::Overflow => {
            count(ClusterStat::UpstreamRqRetryOverflow, TrafficStat::RetryOverflow);
            request.facts.flags.set(Flag::UpstreamOverflow);
            None
        }
        RetryDecision::Yes { pause, rate_limited } => {
            retry.permit = permit;
            retry.asked = rate_limited;
            retry.hosts.extend(request.facts.host.clone());
            Some(millis(pause))
        }
    }
}

/// The pause before the next attempt of a request whose attempt failed, where there is one.
pub(super) fn after_failure(
    request: &mut ActiveRequest,
    forwarding: &mut Forwarding,
    failure: &Failure,
) -> Option<Millis> {
    let timed_out = match failure.reason {
        Reason::PerTryTimeout => Some(ClusterStat::UpstreamRqPerTryTimeout),
        Reason::PerTryIdleTimeout => Some(ClusterStat::UpstreamRqPerTryIdleTimeout),
        _ => None,
    };
    if let Some(stat) = timed_out {
        forwarding.cluster.stats().inc(stat);
        if let Some(host) = &request.facts.host {
            forwarding.cluster.cells(host).inc(HostStat::RqTimeout);
        }
    }
    request.facts.late = hedge::flag_of(failure.reason).or(request.facts.late);
    forwarding.timed_out = timed_out.is_some();
    forwarding.started |= request.facts.connect_end.is_some();
    let attempt = of_attempt(failure, forwarding.started)?;
    decide(request, forwarding, Some(&attempt))
}

/// The pause before another attempt is made beside one that is late, where there is one.
pub(super) fn after_late(request: &mut ActiveRequest, forwarding: &mut Forwarding) -> Option<Millis> {
    decide(request, forwarding, None)
}

/// Whether the response that the request shows is a reason for another attempt.
pub(super) fn wants(request: &ActiveRequest, forwarding: &Forwarding, head: &ResponseHead) -> bool {
    let wants = |retry: &Retry| retry.retries.wants(&retry.seen(head, &request.response));
    forwarding.retry.as_deref().is_some_and(wants)
}

/// Makes the next attempt.
pub(super) async fn again(downstream: &mut Downstream, forwarding: &mut Forwarding, again: Again) -> Tried {
    let Again { mut request, mut upload, pause } = again;
    if let Err(stopped) = rest(downstream, &mut request, forwarding, upload.is_none(), pause).await {
        return Tried::Served(Served::Ended(match stopped {
            Stopped::Late(event) => return hedge::settle(downstream, request, forwarding, event).await,
            Stopped::ClientGone => {
                hedge::outlive(&mut request, forwarding);
                downstream.note_gone(&mut request);
                After::Gone
            }
            Stopped::Failed(failure) => {
                hedge::abandon(&mut request, forwarding, &failure);
                let unread = unread(downstream, &mut request, upload.as_deref_mut())
                    .unwrap_or_else(|| downstream.discard_request_body(&mut request));
                give_up(downstream, request, failure, Some(unread)).await
            }
        }));
    }
    let (hosts, forced) = forwarding.cluster.member(&downstream.worker);
    forwarding.hosts = hosts;
    let hash = request.facts.route.clone().and_then(|entry| {
        forwarding.hosts.hash_of(&entry.forward()?.hash_policy, &mut request, &downstream.info)
    });
    let target = request.facts.target.clone();
    let subset = target.as_ref().and_then(|target| target.subset.as_deref());
    let mut retry = forwarding.retry.take();
    let host = match &mut retry {
        Some(retry) if !forwarding.fresh => {
            request.facts.attempts += 1;
            retry.count(&request, &forwarding.cluster);
            let destination = forwarding.hosts.destination_of(&request, Some(&downstream.info));
            retry.choose(forwarding, hash, forced, subset, destination)
        }
        Some(_) | None => {
            let destination = forwarding.hosts.destination_of(&request, Some(&downstream.info));
            forwarding.choose(&Ask { hash, forced, subset, destination, ..Ask::default() })
        }
    };
    forwarding.retry = retry;
    request.facts.resting = false;
    let host = match host {
        Ok(host) => host,
        Err(failure) => {
            hedge::abandon(&mut request, forwarding, &failure);
            let unread = unread(downstream, &mut request, upload.as_deref_mut());
            return Tried::Served(Served::Ended(give_up(downstream, request, failure, unread).await));
        }
    };
    if let Some(entry) = request.facts.route.clone() {
        let suppress = downstream.listener.manager.config.suppress_envoy_headers;
        if !forwarding.fresh {
            if entry.virtual_host.include_request_attempt_count {
                let attempts = Decimal::new(u64::from(request.facts.attempts));
                request.request.set(Known::EnvoyAttemptCount, attempts.as_bytes());
            }
            if entry.virtual_host.include_is_timeout_retry_header {
                let value: &[u8] = if forwarding.timed_out { b"true" } else { b"false" };
                request.request.set(Known::EnvoyIsTimeoutRetry, value);
            }
            forwarding.tell_time(downstream, &mut request, &entry);
        }
        rewrite::host_of_chosen(&mut request, &entry, host.hostname(), suppress);
    }
    attempt(downstream, request, forwarding, host, upload).await
}

enum Stopped {
    /// An attempt that was late decides.
    Late(hedge::Event),
    ClientGone,
    Failed(Failure),
}

/// Waits. Meanwhile the client may leave, and time may run out.
async fn rest(
    downstream: &mut Downstream,
    request: &mut ActiveRequest,
    forwarding: &mut Forwarding,
    complete: bool,
    pause: Millis,
) -> Result<(), Stopped> {
    if pause == 0 {
        return Ok(());
    }
    let deadline = Deadline::new(&downstream.worker.timers);
    deadline.set(Some(downstream.worker.now() + pause));
    poll_fn(|cx| {
        if deadline.poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(event) = hedge::poll(cx, request, forwarding, true) {
            return Poll::Ready(Err(Stopped::Late(event)));
        }
        if downstream.poll_client_gone(cx) {
            return Poll::Ready(Err(Stopped::ClientGone));
        }
        downstream.poll_timeout(cx, complete, request).map(|failure| Err(Stopped::Failed(failure)))
    })
    .await
}

/// Throws away what has arrived of a body that nobody wants any more, and says whether some of it has not;
/// `None` where nobody has looked at it yet.
pub(super) fn unread(
    downstream: &mut Downstream,
    request: &mut ActiveRequest,
    upload: Option<&mut Pump>,
) -> Option<bool> {
    let Some(pump) = upload else { return request.facts.request_end.map(|_| request.facts.upgrade) };
    let complete = pump.discard(&mut downstream.client.source());
    request.facts.bytes_received = pump.bytes;
    request.facts.body_read = pump.consumed;
    request.facts.body_passed = pump.written;
    Some(!complete)
}

impl Relay<'_> {
    /// The pause before the next attempt, where the response is a reason for one.
    pub(super) fn retries_response(&mut self, head: &ResponseHead) -> Option<Millis> {
        let retry = self.forwarding.retry.as_ref()?;
        let seen = retry.seen(head, &self.request.response);
        let wanted = hedge::has_late(self.forwarding) && retry.retries.wants(&seen);
        let pause = decide(&mut self.request, self.forwarding, Some(&seen));
        if pause.is_none() {
            match &mut self.forwarding.hedge {
                Some(hedge) if wanted => hedge.unwanted = true,
                // The response has begun: there is no way back.
                _ => self.forwarding.retry = None,
            }
        }
        pause
    }

    /// Whether the only thing wrong was the connection, and the request may be sent again whatever its route says:
    /// nobody can have begun with it, or it does no harm to begin twice (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    pub(super) fn replays(&self, failure: &Failure) -> bool {
        let method = self.request.method();
        let safe = is_idempotent(method) || self.request.to_upstream.is_untouched();
        let body = match (&self.upload, &self.kept) {
            (Some(pump), _) => pump.is_kept(),
            (None, Some(kept)) => !kept.overflowed(),
            (None, None) => {
                self.request.again.is_some()
                    || self.request.head.as_ref().is_some_and(|head| head.framing.is_none())
            }
        };
        failure.reason == Reason::KeepaliveRace
            && !self.forwarding.fresh
            && !self.has_interim()
            && safe
            && body
            && self.downstream.upgrade.is_none()
    }
}

/// Methods that may be sent twice (RFC 9110 §9.2.2).
pub(super) const fn is_idempotent(method: Method) -> bool {
    matches!(
        method,
        Method::Get | Method::Head | Method::Options | Method::Trace | Method::Put | Method::Delete
    )
}

#[cfg(test)]
mod tests {
    use causeway_model::ResetHeader;

    use super::*;

    #[test]
    fn back_ends_ask_for_pauses_in_seconds_or_by_the_clock() {
        let header = |name: &str, is_timestamp| ResetHeader {
            name: HeaderName::new(name).expect("a name"),
            is_timestamp,
        };
        let limits = RateLimitedBackOff {
            headers: vec![header("retry-after", false), header("x-ratelimit-reset", true)],
            max_interval: Duration::from_secs(20),
        };
        let pause = |fields: &[(&str, String)]| {
            let mut response = HeaderBlock::default();
            fields.iter().for_each(|(name, value)| response.append(*name, value.as_bytes()));
            asked_pause(&limits, &response)
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        assert_eq!(pause(&[("retry-after", "7".into())]), Some(Duration::from_secs(7)));
        assert_eq!(pause(&[("retry-after", "21".into())]), None);
        assert_eq!(pause(&[("retry-after", "soon".into())]), None);
        assert_eq!(pause(&[("x-ratelimit-reset", (now - 5).to_string())]), None);
        let by_clock = pause(&[("retry-after", "60".into()), ("x-ratelimit-reset", (now + 9).to_string())]);
        assert!(by_clock.is_some_and(|pause| (8..=9).contains(&pause.as_secs())));
    }

    #[test]
    fn what_may_be_sent_twice_is_idempotent() {
        assert!(is_idempotent(Method::Put) && is_idempotent(Method::Get));
        assert!(!is_idempotent(Method::Post) && !is_idempotent(Method::Connect));
    }

    #[test]
    fn only_what_happened_to_an_attempt_is_retried() {
        let seen = |reason: Reason| of_attempt(&reason.into(), false).is_some();
        assert!(seen(Reason::ConnectRefused) && seen(Reason::UpstreamReset) && seen(Reason::PerTryTimeout));
        assert!(!seen(Reason::RouteTimeout) && !seen(Reason::RequestChunkMalformed));
    }
}
