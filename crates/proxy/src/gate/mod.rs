//! Network filters in front of the one that serves a connection: they let it through, or have it closed.

mod bucket;
mod shared;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use causeway_model::{ConnectionLimit, ConnectionRateLimit, NetworkGate};
use causeway_reason::{Failure, Reason};
use causeway_stats::{Scope, ScopeName, Shard};

use crate::connection::ConnectionInfo;
use crate::snapshot::Compile;
use crate::worker::Worker;
use bucket::Bucket;
pub use shared::GateStates;

causeway_stats::schema! {
    /// `connection_limit.<stat_prefix>.`
    pub(crate) enum ConnectionLimitStat {
        /// Connections that were let through and are open.
        ActiveConnections = gauge "active_connections",
        /// Connections that were closed.
        LimitedConnections = counter "limited_connections",
    }
}

causeway_stats::schema! {
    /// `local_rate_limit.<stat_prefix>.` of a network filter.
    pub(crate) enum ConnectionRateLimitStat {
        /// Connections that were closed.
        RateLimited = counter "rate_limited",
    }
}

/// The gates of a filter chain, compiled and shared by all workers.
#[derive(Debug)]
pub(crate) struct GatesSnapshot(Vec<Compiled>);

#[derive(Debug)]
enum Compiled {
    Limit { open: Arc<AtomicU64>, config: ConnectionLimit, on: bool, scope: Scope<ConnectionLimitStat> },
    Rate { bucket: Arc<Bucket>, config: ConnectionRateLimit, on: bool, scope: Scope<ConnectionRateLimitStat> },
}

/// The gates of a filter chain as one worker has them, in their order.
#[derive(Debug)]
pub(crate) struct Gates(Vec<Gate>);

#[derive(Debug)]
enum Gate {
    Limit { open: Arc<AtomicU64>, config: ConnectionLimit, shard: Rc<Shard<ConnectionLimitStat>> },
    Rate { bucket: Arc<Bucket>, config: ConnectionRateLimit, shard: Shard<ConnectionRateLimitStat> },
}

/// One of the connections that a limit lets be open, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    open: Arc<AtomicU64>,
    shard: Rc<Shard<ConnectionLimitStat>>,
}

/// Why a connection is closed.
#[derive(Debug)]
pub(crate) struct Refused {
    /// After this time.
    pub(crate) after: Duration,
    pub(crate) failure: Failure,
    /// `%DOWNSTREAM_LOCAL_CLOSE_REASON%`.
    pub(crate) closed_because: &'static str,
}

impl GatesSnapshot {
    /// Compiles gates. `place` names the filter chain, by which what they have let through before a reload is found.
    pub(crate) fn compile(gates: &[NetworkGate], place: &str, with: &Compile<'_>) -> Self {
        let Compile { runtime, registry, gates: states, .. } = with;
        let compiled = gates.iter().enumerate().filter_map(|(at, gate)| match gate {
            NetworkGate::ConnectionLimit(config) => {
                let scope = ScopeName::root().then("connection_limit");
                Some(Compiled::Limit {
                    open: states.limit(&format!("{place}/{at}"), config),
                    on: config.enabled.resolve(runtime),
                    scope: registry.scope(scope.tagged("envoy.connection_limit_prefix", &config.stat_prefix)),
                    config: config.clone(),
                })
            }
            NetworkGate::LocalRateLimit(config) => {
                let scope = ScopeName::root().then("local_rate_limit");
                let prefix = "envoy.local_network_ratelimit_prefix";
                Some(Compiled::Rate {
                    bucket: states.bucket(&format!("{place}/{at}"), config),
                    on: config.enabled.resolve(runtime),
                    scope: registry.scope(scope.tagged(prefix, &config.stat_prefix)),
                    config: config.clone(),
                })
            }
            // It closes nothing; the TCP proxy asks for it.
            NetworkGate::SniCluster => None,
        });
        Self(compiled.collect())
    }

    /// Makes a worker's own of them.
    pub(crate) fn runtime(&self, worker: usize) -> Gates {
        let gate = |compiled: &Compiled| match compiled {
            Compiled::Limit { open, config, on: true, scope } => Some(Gate::Limit {
                open: Arc::clone(open),
                config: config.clone(),
                shard: Rc::new(scope.shard(worker)),
            }),
            Compiled::Rate { bucket, config, on: true, scope } => Some(Gate::Rate {
                bucket: Arc::clone(bucket),
                config: config.clone(),
                shard: scope.shard(worker),
            }),
            Compiled::Limit { on: false, .. } | Compiled::Rate { on: false, .. } => None,
        };
        Gates(self.0.iter().filter_map(gate).collect())
    }
}

impl Gates {
    /// Lets a connection through, for as long as what is returned is held, or says why not.
    pub(crate) fn admit(&self, worker: &Worker) -> Result<Box<[Admitted]>, Refused> {
        let mut admitted = Vec::new();
        for gate in &self.0 {
            match gate {
                Gate::Limit { open, config, shard } => admitted.push(Admitted::new(open, config, shard)?),
                Gate::Rate { bucket, config, shard } => {
                    if !bucket.take(worker.moment()) {
                        shard.inc(ConnectionRateLimitStat::RateLimited);
                        return Err(rate_limited(config));
                    }
                }
            }
        }
        Ok(admitted.into())
    }
}

fn rate_limited(config: &ConnectionRateLimit) -> Refused {
    let bucket = &config.bucket;
    let evidence = format!(
        "local_ratelimit {}: at most {} connections at once, and {} each {:?} after that",
        config.stat_prefix, bucket.max_tokens, bucket.tokens_per_fill, bucket.fill_interval
    );
    Refused {
        after: Duration::ZERO,
        failure: Failure::new(Reason::ConnectionRateLimited).with_evidence(evidence),
        closed_because: "local_ratelimit_close_over_limit",
    }
}

impl Refused {
    /// Tells the application log, where no other log will hold it.
    pub(crate) fn tell(&self, worker: &Worker, info: &ConnectionInfo) {
        info.course.ending().closed_because.set(Some(self.closed_because));
        worker.failures.note_refused(worker, info, &self.failure, false);
    }

    /// Drops the connection when it is time.
    pub(crate) async fn close<T>(self, connection: T) {
        if self.after > Duration::ZERO {
            tokio::time::sleep(self.after).await;
        }
        drop(connection);
    }
}

impl Admitted {
    fn new(
        open: &Arc<AtomicU64>,
        config: &ConnectionLimit,
        shard: &Rc<Shard<ConnectionLimitStat>>,
    ) -> Result<Self, Refused> {
        if open.fetch_add(1, Relaxed) >= config.max_connections {
            open.fetch_sub(1, Relaxed);
            shard.inc(ConnectionLimitStat::LimitedConnections);
            let evidence = format!(
                "connection_limit {}: {} connections are open, which is max_connections",
                config.stat_prefix, config.max_connections
            );
            return Err(Refused {
                after: config.delay,
                failure: Failure::new(Reason::ConnectionLimit).with_evidence(evidence),
                closed_because: "over_connection_limit",
            });
        }
        shard.adjust(ConnectionLimitStat::ActiveConnections, 1);
        Ok(Self { open: Arc::clone(open), shard: Rc::clone(shard) })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
        self.shard.adjust(ConnectionLimitStat::ActiveConnections, -1);
    }
}
