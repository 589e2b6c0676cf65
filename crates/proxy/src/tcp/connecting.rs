//! How a connection that is passed on comes to a back-end: which cluster, which host, how often.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{LoadShedPointKind, NetworkGate, TcpHashPolicy, TcpTarget};
use causeway_reason::{Details, Failure, Flag, Reason, ResetReason};
use causeway_upstream::{Ask, ClusterStat, Host, HostResult, xxh64};

use super::session::{OVERLOADED, TcpSession};
use super::stats::TcpStat;
use super::upstream::{NotConnected, Upstream, may_connect};
use crate::cluster::LocalCluster;
use crate::timer::millis;

/// Why a connection is not connected to a back-end.
struct NoUpstream {
    failure: Failure,
    /// Behind those that are set.
    flags: &'static [Flag],
    /// `%DOWNSTREAM_LOCAL_CLOSE_REASON%`: the number is that of Envoy's `UpstreamFailureReason`.
    closed_because: &'static str,
}

const CONNECT_FAILED: &str = "tcp_initializion_failure:0";
const NO_HOST: &str = "tcp_initializion_failure:1";
const TOO_MANY: &str = "tcp_initializion_failure:2";
const NO_ROUTE: &str = "tcp_initializion_failure:3";

impl TcpSession {
    /// Connects to a back-end, as often as may be tried. Where that fails, the outcome is noted.
    pub(super) async fn connect(&mut self) -> Option<Box<Upstream>> {
        let mut pause = self.config().backoff.map_or(Duration::ZERO, |backoff| backoff.base);
        loop {
            let (cluster, host) = match self.choose() {
                Ok(chosen) => chosen,
                Err(no) => {
                    self.give_up(no);
                    return None;
                }
            };
            self.record.attempt(&host);
            let attempted = if self.is_shed(LoadShedPointKind::ConnectionPoolNewConnection) {
                cluster.stats().inc(ClusterStat::UpstreamRqPendingTotal);
                cluster.stats().inc(ClusterStat::UpstreamRqCancelled);
                let failure = self.overloaded(Reason::OverloadedPool);
                Ok(Err(NotConnected { failure, host: None }))
            } else {
                let worker = Rc::clone(&self.worker);
                let info = Rc::clone(&self.info);
                self.unless_cut(Upstream::connect(&worker, &cluster, &host, &info)).await
            };
            match attempted {
                Ok(Ok(upstream)) => return Some(self.connected(upstream, host)),
                Ok(Err(not)) => {
                    if let Some(no) = self.not_connected(not, &cluster) {
                        self.give_up(no);
                        return None;
                    }
                }
                Err(cut) => {
                    self.cut(&cut).await;
                    return None;
                }
            }
            let Some(backoff) = self.config().backoff else { continue };
            let waited = Duration::from_millis(self.worker.random() % millis(pause).max(1));
            pause = pause.saturating_mul(2).min(backoff.max);
            if let Err(cut) = self.unless_cut(tokio::time::sleep(waited)).await {
                self.cut(&cut).await;
                return None;
            }
        }
    }

    /// Chooses the cluster and one of its hosts.
    fn choose(&mut self) -> Result<(Rc<LocalCluster>, Arc<Host>), NoUpstream> {
        if self.is_shed(LoadShedPointKind::TcpProxyUpstreamConnect) {
            self.proxy.stats.inc(TcpStat::DownstreamCxOverloadClose);
            let failure = self.overloaded(Reason::OverloadedConnection);
            let flags = &[Flag::OverloadManagerTerminated];
            return Err(NoUpstream { failure, flags, closed_because: OVERLOADED });
        }
        let proxy = Rc::clone(&self.proxy);
        let target = &proxy.shared.config.target;
        let own = match target {
            TcpTarget::Cluster(_) => self.cluster_of_sni(),
            TcpTarget::Weighted(_) => None,
        };
        let drawn = || target.draw(self.worker.random()).map(|(name, place)| (&**name, place));
        let (name, place) = own.map(|name| (name, 0)).or_else(drawn).unwrap_or_default();
        let Some(cluster) = self.worker.cluster(name) else {
            self.proxy.stats.inc(TcpStat::DownstreamCxNoRoute);
            let failure =
                Failure::new(Reason::ClusterNotFound).with_evidence(format!("there is no cluster {name}"));
            return Err(NoUpstream { failure, flags: &[Flag::NoClusterFound], closed_because: NO_ROUTE });
        };
        let facts = self.record.facts();
        facts.cluster = Some(Rc::clone(&cluster));
        facts.connect_begin.get_or_insert_with(|| self.worker.moment());
        let (cluster, forced) = cluster.member(&self.worker);
        if let Err(failure) = may_connect(&cluster) {
            return Err(NoUpstream { failure, flags: &[Flag::UpstreamOverflow], closed_because: TOO_MANY });
        }
        let subset = proxy.shared.subsets.get(place).and_then(Option::as_ref);
        let destination = cluster.destination_of_connection(&self.info);
        match cluster.choose(&Ask { hash: self.hash(), forced, subset, destination, ..Ask::default() }) {
            Ok(host) => Ok((cluster, host)),
            Err(failure) => {
                let flags = &[Flag::NoHealthyUpstream];
                Err(NoUpstream { failure, flags, closed_because: NO_HOST })
            }
        }
    }

    /// The cluster that the filter `sni_cluster` in front makes of the name that a TLS client asks for.
    fn cluster_of_sni(&self) -> Option<&str> {
        let asked = self.info.chain.as_ref()?.gates.contains(&NetworkGate::SniCluster);
        let name = &*self.info.inspected.as_ref()?.server_name;
        (asked && !name.is_empty()).then_some(name)
    }

    /// What balancers that hash make of the connection.
    fn hash(&self) -> Option<u64> {
        match self.config().hash_policy.as_ref()? {
            // A Unix socket has none.
            TcpHashPolicy::SourceIp => {
                self.info.remote.ip().map(|at| xxh64(at.ip().to_string().as_bytes(), 0))
            }
        }
    }

    fn connected(&mut self, upstream: Upstream, host: Arc<Host>) -> Box<Upstream> {
        self.record.connected(upstream.id);
        upstream.cluster().shared().note_result(&host, HostResult::ConnectedAtLast);
        let facts = self.record.facts();
        facts.host = Some(host);
        facts.connect_end = Some(self.worker.moment());
        facts.upstream_local = upstream.local;
        facts.upstream_tls.clone_from(&upstream.tls);
        facts.upstream_remote = Some(Rc::clone(&upstream.remote));
        Box::new(upstream)
    }

    /// An attempt failed. Says why there is no other.
    fn not_connected(&mut self, not: NotConnected, cluster: &LocalCluster) -> Option<NoUpstream> {
        let NotConnected { mut failure, host } = not;
        let most = self.config().max_connect_attempts;
        let facts = self.record.facts();
        if host.is_some() {
            facts.host = host;
        }
        // What was not even tried is nobody's failure (Envoy's `onUpstreamEvent` and `onConnectTimeout`).
        if let Details::ResetBefore(ResetReason::RemoteConnectionFailure | ResetReason::ConnectionTimeout) =
            failure.answer().details
        {
            facts.flags.set(Flag::UpstreamConnectionFailure);
            if let Some(host) = &facts.host {
                let late = matches!(failure.reason, Reason::ConnectTimeout | Reason::UpstreamTlsTimeout);
                let result = if late { HostResult::TimedOut } else { HostResult::Failed };
                cluster.shared().note_result(host, result);
            }
        }
        facts.connect_failure = failure.transport.clone();
        if facts.attempts < most {
            return None;
        }
        cluster.stats().inc(ClusterStat::UpstreamCxConnectAttemptsExceeded);
        if most > 1 {
            let evidence = failure.evidence.as_deref().unwrap_or_default();
            failure.evidence = Some(format!("attempt {most}, the last: {evidence}").into());
        }
        Some(NoUpstream {
            failure,
            flags: &[Flag::UpstreamRetryLimitExceeded],
            closed_because: CONNECT_FAILED,
        })
    }

    fn give_up(&mut self, no: NoUpstream) {
        // With Envoy, what listener filters have looked at is unread, and closing a connection with unread bytes on it
        // is a reset. What it has waited for is read.
        if !self.inbound.is_empty() && self.record.facts().bytes_received == 0 {
            self.stream.reset_on_close();
        }
        self.record.closed_because(no.closed_because);
        self.record.fail(no.failure, no.flags);
    }
}
