//! Health checks of the proxy itself (`envoy.filters.http.health_check`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use causeway_http::Known;
use causeway_model::HealthCheckFilter;
use causeway_reason::{Failure, Reason};
use causeway_routing::header_matches;

use super::{Filter, FilterContext, Verdict};
use crate::local_reply::LocalReply;
use crate::moment::{Moment, nanos};
use crate::stats::HealthCheckFilterStat;

/// Answers those who ask whether the proxy is well, or lets them ask a back-end; and tells everybody else
/// when it is not.
#[derive(Debug)]
pub(super) struct HealthChecks {
    config: HealthCheckFilter,
    /// Its place in the chain.
    at: usize,
    kept: Option<Arc<KeptAnswer>>,
    /// `node.cluster`: who answered.
    own_cluster: Box<str>,
}

impl HealthChecks {
    pub(super) fn new(
        config: HealthCheckFilter,
        at: usize,
        kept: Option<Arc<KeptAnswer>>,
        own_cluster: &str,
    ) -> Self {
        Self { config, at, kept, own_cluster: own_cluster.into() }
    }

    fn is_health_check(&self, context: &FilterContext<'_>) -> bool {
        let seen = context.viewer.seen(context.exchange);
        let headers = self.config.headers.as_ref();
        headers.is_some_and(|headers| headers.iter().all(|header| header_matches(header, &seen)))
    }

    /// Whether the clusters that count have enough hosts: the details, or what to count and to say if they
    /// have not.
    fn clusters(
        &self,
        context: &FilterContext<'_>,
    ) -> Result<&'static str, (HealthCheckFilterStat, Failure)> {
        if self.config.min_healthy.is_empty() {
            return Ok("health_check_ok");
        }
        for (name, percent) in &self.config.min_healthy {
            let unwell = |stat, reason, evidence: String| {
                Err((stat, Failure::new(reason).with_evidence(format!("cluster {name}{evidence}"))))
            };
            let Some(cluster) = context.worker.cluster(name) else {
                let (stat, reason) =
                    (HealthCheckFilterStat::FailedClusterNotFound, Reason::OwnHealthClusterNotFound);
                return unwell(stat, reason, " does not exist".to_owned());
            };
            let hosts = cluster.shared().host_set();
            let all: usize = hosts.priorities().iter().map(|priority| priority.hosts().len()).sum();
            let usable: usize = hosts
                .priorities()
                .iter()
                .map(|priority| priority.healthy().len() + priority.degraded().len())
                .sum();
            if all == 0 && *percent > 0.0 {
                let (stat, reason) =
                    (HealthCheckFilterStat::FailedClusterEmpty, Reason::OwnHealthClusterEmpty);
                return unwell(stat, reason, " has no hosts".to_owned());
            }
            #[expect(clippy::cast_precision_loss, reason = "no cluster has that many hosts")]
            if 100.0 * (usable as f64) < all as f64 * percent {
                let (stat, reason) =
                    (HealthCheckFilterStat::FailedClusterUnhealthy, Reason::OwnHealthClusterUnhealthy);
                let evidence = format!(": {usable} of {all} hosts are usable, and {percent} % have to be");
                return unwell(stat, reason, evidence);
            }
        }
        Ok("health_check_ok_cluster_healthy")
    }
}

impl Filter for HealthChecks {
    fn on_request(&self, context: &mut FilterContext<'_>) -> Verdict {
        if !self.is_health_check(context) {
            return Verdict::Continue;
        }
        context.exchange.facts.health_check = true;
        context.exchange.facts.filters.health_checks.push(self.at);
        let failing = context.worker.is_failing();
        let kept = self.kept.as_ref().and_then(|kept| kept.get(context.worker.moment()));
        if self.config.pass_through && !failing && kept.is_none() {
            return Verdict::Continue;
        }
        count(context, HealthCheckFilterStat::RequestTotal);
        let mut reply = if failing {
            LocalReply::failed(
                Failure::new(Reason::DeclaredFailing).with_evidence("/healthcheck/fail was asked for"),
            )
        } else if let Some(Answer { status, degraded }) = kept {
            count(context, HealthCheckFilterStat::CachedResponse);
            if degraded {
                count(context, HealthCheckFilterStat::Degraded);
            }
            if is_well(status) {
                LocalReply::configured(status, "health_check_cached")
            } else {
                let evidence = format!("the kept answer is {status}");
                LocalReply::failed(Failure::new(Reason::OwnHealthKept).with_evidence(evidence))
                    .with_status(status)
            }
        } else {
            match self.clusters(context) {
                Ok(details) => LocalReply::configured(200, details),
                Err((stat, failure)) => {
                    count(context, stat);
                    LocalReply::failed(failure)
                }
            }
        };
        let well = is_well(reply.status());
        count(context, if well { HealthCheckFilterStat::Ok } else { HealthCheckFilterStat::Failed });
        if !failing && kept.is_some_and(|answer| answer.degraded) {
            reply = reply.with_header(Known::EnvoyDegraded.as_str(), Vec::new());
        }
        reply.at_end = true;
        Verdict::Reply(Box::new(reply))
    }

    fn on_response(&self, context: &mut FilterContext<'_>) {
        if context.exchange.facts.filters.health_checks.contains(&self.at) {
            if let Some(kept) = &self.kept {
                let status = context.exchange.facts.status;
                let degraded = context.exchange.response.has(Known::EnvoyDegraded);
                kept.set(context.worker.moment(), Answer { status, degraded });
            }
            let own_cluster = self.own_cluster.as_bytes();
            context.exchange.response.set(Known::EnvoyUpstreamHealthCheckedCluster, own_cluster);
        }
        if context.worker.is_failing() {
            context.exchange.response.set(Known::EnvoyImmediateHealthCheckFail, b"true");
        }
    }
}

fn is_well(status: u16) -> bool {
    (200..300).contains(&status)
}

fn count(context: &FilterContext<'_>, stat: HealthCheckFilterStat) {
    if let Some(stats) = &context.shards.health_check {
        stats.inc(stat);
    }
}

/// What a back-end said last, for all workers: they would ask it once each otherwise.
///
/// As with Envoy, time is cut into periods of `cache_time`, and an answer holds to the end of the period in
/// which it was given.
#[derive(Debug)]
pub(crate) struct KeptAnswer {
    begin: Moment,
    period: Duration,
    /// The period, counted from 1, above the status and, in bit 16, whether it was degraded; 0 is none.
    packed: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    status: u16,
    degraded: bool,
}

const DEGRADED: u64 = 1 << 16;
const PERIOD: u32 = 17;

impl KeptAnswer {
    /// None yet. `period` is at least a millisecond.
    pub(crate) fn new(period: Duration) -> Self {
        Self { begin: Moment::now(), period, packed: AtomicU64::new(0) }
    }

    fn period(&self, now: Moment) -> u64 {
        now.nanos_since(self.begin) / nanos(self.period).max(1) + 1
    }

    fn get(&self, now: Moment) -> Option<Answer> {
        let packed = self.packed.load(Relaxed);
        let status = u16::try_from(packed & 0xFFFF).unwrap_or(0);
        let answer = Answer { status, degraded: packed & DEGRADED != 0 };
        (packed >> PERIOD == self.period(now)).then_some(answer)
    }

    fn set(&self, now: Moment, answer: Answer) {
        let degraded = if answer.degraded { DEGRADED } else { 0 };
        self.packed.store(self.period(now) << PERIOD | degraded | u64::from(answer.status), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_to_the_end_of_its_period() {
        let kept = KeptAnswer::new(Duration::from_secs(10));
        let at = |seconds| kept.begin + Duration::from_secs(seconds);
        assert_eq!(kept.get(at(0)), None);
        let answer = Answer { status: 503, degraded: true };
        kept.set(at(7), answer);
        assert_eq!(kept.get(at(9)), Some(answer));
        assert_eq!(kept.get(at(10)), None);
        kept.set(at(12), Answer { degraded: false, ..answer });
        assert_eq!(kept.get(at(19)), Some(Answer { status: 503, degraded: false }));
    }
}
