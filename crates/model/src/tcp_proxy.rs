//! The TCP proxy: connections of clients passed on as they are, byte by byte.

use std::sync::Arc;
use std::time::Duration;

use crate::{AccessLog, SubsetCriteria};

/// `extensions.filters.network.tcp_proxy.v3.TcpProxy`.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpProxy {
    /// The name in statistics (`stat_prefix`).
    pub stat_prefix: Box<str>,
    /// Where connections go (`cluster_specifier`).
    pub target: TcpTarget,
    /// A connection on which nothing moves for so long is closed (`idle_timeout`); an hour unless set, `None` for
    /// never. It counts from the moment at which the back-end is connected.
    pub idle_timeout: Option<Duration>,
    /// A client's connection is closed at this age (`max_downstream_connection_duration`), at least a millisecond.
    pub max_connection_duration: Option<Duration>,
    /// By so many per cent at most, drawn for each connection, it may become older
    /// (`max_downstream_connection_duration_jitter_percentage`).
    pub max_connection_duration_jitter: f64,
    /// How often a connection to a back-end is tried (`max_connect_attempts`, at least one, one unless set).
    pub max_connect_attempts: u32,
    /// How long is waited between two attempts (`backoff_options`); not at all unless set.
    pub backoff: Option<Backoff>,
    /// When the back-end is connected (`upstream_connect_mode`).
    pub connect: TcpConnect,
    /// What hosts have to have, where their cluster has subsets (`metadata_match`, of `envoy.lb`).
    pub metadata_match: SubsetCriteria,
    /// What balancers that hash make of a connection (`hash_policy`); `None` leaves it to them.
    pub hash_policy: Option<TcpHashPolicy>,
    /// Whether a connection ends with the next bytes once its listener drains (`check_drain_close`).
    pub check_drain_close: bool,
    /// Logs of connections (`access_log`).
    pub access_logs: Vec<AccessLog>,
    /// When lines are written beside the last one (`access_log_options`).
    pub access_log_options: TcpAccessLogOptions,
}

/// Which cluster a connection goes to.
#[derive(Debug, Clone, PartialEq)]
pub enum TcpTarget {
    /// `cluster`; none of that name has to exist.
    Cluster(Arc<str>),
    /// `weighted_clusters`: one of these is drawn, each as often as its weight says; at least one, and no weight
    /// is 0.
    Weighted(Vec<WeightedTcpCluster>),
}

/// `TcpProxy.WeightedCluster.ClusterWeight`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedTcpCluster {
    /// `name`; none of that name has to exist.
    pub name: Arc<str>,
    /// `weight`, at least 1.
    pub weight: u32,
    /// What its hosts have to have beside what [`TcpProxy::metadata_match`] says, and in place of it where it says
    /// something else (`metadata_match`).
    pub metadata_match: SubsetCriteria,
}

impl TcpTarget {
    /// The names of all clusters.
    pub fn clusters(&self) -> impl Iterator<Item = &Arc<str>> {
        let (one, several) = match self {
            Self::Cluster(name) => (Some(name), [].as_slice()),
            Self::Weighted(clusters) => (None, clusters.as_slice()),
        };
        one.into_iter().chain(several.iter().map(|cluster| &cluster.name))
    }

    /// The cluster that a random number stands for, and its place among the weighted ones.
    #[must_use]
    pub fn draw(&self, random: u64) -> Option<(&Arc<str>, usize)> {
        match self {
            Self::Cluster(name) => Some((name, 0)),
            Self::Weighted(clusters) => {
                let total: u64 = clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
                let mut at = random % total.max(1);
                let place = clusters.iter().position(|cluster| match at.checked_sub(cluster.weight.into()) {
                    None => true,
                    Some(rest) => {
                        at = rest;
                        false
                    }
                });
                place.and_then(|place| Some((&clusters.get(place)?.name, place)))
            }
        }
    }
}

/// When a TCP proxy connects the back-end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TcpConnect {
    /// As soon as it has the connection: the back-end may be the first to speak.
    #[default]
    AtOnce,
    /// When something has come from the client, of which no more than so many bytes are read before
    /// (`max_early_data_bytes`).
    OnData {
        /// Most bytes.
        most: u32,
    },
}

/// `config.core.v3.BackoffStrategy`: before the n-th further attempt a random time passes that is below
/// `base` · 2ⁿ⁻¹ and below `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// `base_interval`, at least a millisecond.
    pub base: Duration,
    /// `max_interval`, not below `base`; ten times `base` unless set.
    pub max: Duration,
}

/// `type.v3.HashPolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpHashPolicy {
    /// The client's IP address (`source_ip`).
    SourceIp,
}

/// `TcpProxy.TcpAccessLogOptions`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpAccessLogOptions {
    /// A line when a client has connected (`flush_access_log_on_start`).
    pub on_start: bool,
    /// A line when a back-end has been connected (`flush_access_log_on_connected`).
    pub on_connected: bool,
    /// A line each time so much has passed (`access_log_flush_interval`), at least a millisecond.
    pub interval: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_drawn_by_their_weights() {
        let cluster = |name: &str, weight| WeightedTcpCluster {
            name: name.into(),
            weight,
            metadata_match: SubsetCriteria::new(),
        };
        let weighted = TcpTarget::Weighted(vec![cluster("a", 1), cluster("b", 3)]);
        let drawn = (0..5).filter_map(|random| weighted.draw(random));
        let drawn: Vec<_> = drawn.map(|(name, _)| &**name).collect();
        assert_eq!(drawn, ["a", "b", "b", "b", "a"]);
        assert_eq!(weighted.clusters().count(), 2);
        let one = TcpTarget::Cluster("a".into());
        assert_eq!((one.draw(7).map(|(name, _)| &**name), one.clusters().count()), (Some("a"), 1));
    }
}
