//! Network filters that stand in front of the one that serves a connection, and decide whether it gets there.

use std::time::Duration;

use crate::Runtime;

/// A network filter in front of the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkGate {
    /// `extensions.filters.network.connection_limit.v3.ConnectionLimit`.
    ConnectionLimit(ConnectionLimit),
    /// `extensions.filters.network.local_ratelimit.v3.LocalRateLimit`.
    LocalRateLimit(ConnectionRateLimit),
    /// `extensions.filters.network.sni_cluster.v3.SniCluster`: the name that a TLS client asks for is the cluster that
    /// the TCP proxy behind passes its connection on to, in place of `cluster`.
    SniCluster,
}

/// So many connections may be open at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// The name in statistics (`stat_prefix`).
    pub stat_prefix: Box<str>,
    /// Most connections of all workers (`max_connections`, at least one).
    pub max_connections: u64,
    /// How long a connection beyond that is left open before it is closed (`delay`), so that clients which try again
    /// at once do not do so.
    pub delay: Duration,
    /// Whether it is on (`runtime_enabled`).
    pub enabled: RuntimeFlag,
}

/// So many connections may come in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRateLimit {
    /// The name in statistics (`stat_prefix`).
    pub stat_prefix: Box<str>,
    /// A connection takes a token, or is closed (`token_bucket`).
    pub bucket: TokenBucket,
    /// Filters of the same key and bucket have one bucket (`share_key`); empty for one of its own.
    pub share_key: Box<str>,
    /// Whether it is on (`runtime_enabled`).
    pub enabled: RuntimeFlag,
}

/// `type.v3.TokenBucket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenBucket {
    /// Most tokens that it holds, and what it holds in the beginning (`max_tokens`).
    pub max_tokens: u32,
    /// Tokens that are put in each time (`tokens_per_fill`, one unless set).
    pub tokens_per_fill: u32,
    /// How long that is (`fill_interval`).
    pub fill_interval: Duration,
}

/// `config.core.v3.RuntimeFeatureFlag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFlag {
    /// What holds unless the key is set.
    pub default: bool,
    /// The runtime key; empty where there is none.
    pub runtime_key: Box<str>,
}

impl RuntimeFlag {
    /// Always on.
    #[must_use]
    pub fn on() -> Self {
        Self { default: true, runtime_key: "".into() }
    }

    /// What holds under a runtime.
    #[must_use]
    pub fn resolve(&self, runtime: &Runtime) -> bool {
        runtime.boolean(&self.runtime_key).unwrap_or(self.default)
    }
}
