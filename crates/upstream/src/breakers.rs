//! Circuit breakers: how much of a cluster may be in use at once, over all workers.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed, Ordering::SeqCst};

use causeway_model::{CircuitBreakers, RetryBudget, RoutingPriority, Thresholds};
use causeway_stats::{Registry, Scope, ScopeName, Shard};

use crate::stats::{ClusterStat, RemainingStat, open_gauge, pool_gauge, remaining_gauge};

/// What a breaker counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Connections (`max_connections`).
    Connections,
    /// Requests that wait for a connection (`max_pending_requests`).
    Pending,
    /// Requests (`max_requests`).
    Requests,
    /// Retries (`max_retries`).
    Retries,
}

impl Resource {
    const ALL: [Self; 4] = [Self::Connections, Self::Pending, Self::Requests, Self::Retries];
}

/// The breakers of a cluster. Shared by all workers; each takes and gives back through its
/// [`BreakerShard`].
#[derive(Debug)]
pub(crate) struct Breakers {
    default: PriorityBreakers,
    high: PriorityBreakers,
}

#[derive(Debug)]
struct PriorityBreakers {
    connections: Breaker,
    pending: Breaker,
    requests: Breaker,
    retries: Breaker,
    /// What holds in place of the limit of `retries`.
    budget: Option<RetryBudget>,
    /// Where `track_remaining` is set.
    remaining: Option<Scope<RemainingStat>>,
}

#[derive(Debug)]
struct Breaker {
    max: u32,
    /// Whether the gauge of what is left follows it: not where a budget takes the place of `max`.
    shown: bool,
    used: AtomicU32,
    /// Whether the gauge says that it is open. Whoever changes this adjusts the gauge, so that the sum
    /// over all workers is 0 or 1.
    open: AtomicBool,
}

/// One worker's cells for the gauges of a cluster's breakers.
#[derive(Debug)]
pub(crate) struct BreakerShard {
    default: Option<Shard<RemainingStat>>,
    high: Option<Shard<RemainingStat>>,
}

impl Breakers {
    /// The breakers of the cluster whose statistics have this name.
    pub(crate) fn new(config: &CircuitBreakers, registry: &Registry, cluster: &ScopeName) -> Self {
        let breakers = |config: &Thresholds, name| {
            let scope = cluster.clone().then("circuit_breakers").then(name);
            PriorityBreakers::new(config, config.track_remaining.then(|| registry.scope(scope)))
        };
        let this =
            Self { default: breakers(&config.default, "default"), high: breakers(&config.high, "high") };
        this.show_all_remaining(registry.main_shard());
        this
    }

    /// A worker's cells.
    pub(crate) fn shard(&self, worker: usize) -> BreakerShard {
        let shard = |breakers: &PriorityBreakers| Some(breakers.remaining.as_ref()?.shard(worker));
        BreakerShard { default: shard(&self.default), high: shard(&self.high) }
    }

    /// Sets the gauges of what is left to all there is; workers add to that what they take and give.
    fn show_all_remaining(&self, main: usize) {
        for breakers in [&self.default, &self.high] {
            let Some(scope) = &breakers.remaining else { continue };
            let shard = scope.shard(main);
            for resource in Resource::ALL {
                // How much a budget leaves changes with every request; Envoy shows none then.
                let breaker = breakers.of(resource);
                shard.set(remaining_gauge(resource), i64::from(if breaker.shown { breaker.max } else { 0 }));
            }
            // A gauge holds 62 bits.
            shard.set(RemainingStat::CxPools, i64::MAX >> 1);
        }
    }

    /// Takes one, unless the breaker is open.
    pub(crate) fn try_acquire(
        &self,
        stats: &Shard<ClusterStat>,
        shard: &BreakerShard,
        priority: RoutingPriority,
        resource: Resource,
    ) -> bool {
        let breakers = self.at(priority);
        let (breaker, max) = (breakers.of(resource), breakers.limit(resource));
        let taken = breaker.used.fetch_update(SeqCst, Relaxed, |used| (used < max).then(|| used + 1));
        if let Ok(used) = taken {
            breaker.changed(stats, shard, priority, resource, used, used + 1);
        }
        taken.is_ok()
    }

    /// Takes one though the breaker may be open.
    pub(crate) fn acquire(
        &self,
        stats: &Shard<ClusterStat>,
        shard: &BreakerShard,
        priority: RoutingPriority,
        resource: Resource,
    ) {
        let breaker = self.at(priority).of(resource);
        let used = breaker.used.fetch_add(1, SeqCst);
        breaker.changed(stats, shard, priority, resource, used, used.wrapping_add(1));
    }

    /// Gives one back.
    pub(crate) fn release(
        &self,
        stats: &Shard<ClusterStat>,
        shard: &BreakerShard,
        priority: RoutingPriority,
        resource: Resource,
    ) {
        let breaker = self.at(priority).of(resource);
        // More given back than taken would be a defect of the caller; it must not open the breaker for
        // ever by going below zero.
        let given = breaker.used.fetch_update(SeqCst, Relaxed, |used| used.checked_sub(1));
        debug_assert!(given.is_ok(), "{resource:?} given back twice");
        if let Ok(used) = given {
            breaker.changed(stats, shard, priority, resource, used, used - 1);
        }
    }

    /// How many are taken, and how many may be.
    pub(crate) fn usage(&self, priority: RoutingPriority, resource: Resource) -> (u32, u32) {
        let breakers = self.at(priority);
        (breakers.of(resource).used.load(Relaxed), breakers.limit(resource))
    }

    const fn at(&self, priority: RoutingPriority) -> &PriorityBreakers {
        match priority {
            RoutingPriority::Default => &self.default,
            RoutingPriority::High => &self.high,
        }
    }
}

impl PriorityBreakers {
    const fn new(config: &Thresholds, remaining: Option<Scope<RemainingStat>>) -> Self {
        Self {
            connections: Breaker::new(config.max_connections),
            pending: Breaker::new(config.max_pending_requests),
            requests: Breaker::new(config.max_requests),
            retries: Breaker { shown: config.retry_budget.is_none(), ..Breaker::new(config.max_retries) },
            budget: config.retry_budget,
            remaining,
        }
    }

    /// How many there may be: of retries, a share of what runs and waits where there is a budget.
    fn limit(&self, resource: Resource) -> u32 {
        match (resource, &self.budget) {
            (Resource::Retries, Some(budget)) => {
                let [running, waiting] =
                    [&self.requests, &self.pending].map(|breaker| breaker.used.load(Relaxed));
                budget.limit(running.saturating_add(waiting))
            }
            _ => self.of(resource).max,
        }
    }

    const fn of(&self, resource: Resource) -> &Breaker {
        match resource {
            Resource::Connections => &self.connections,
            Resource::Pending => &self.pending,
            Resource::Requests => &self.requests,
            Resource::Retries => &self.retries,
        }
    }
}

impl Breaker {
    const fn new(max: u32) -> Self {
        Self { max, shown: true, used: AtomicU32::new(0), open: AtomicBool::new(false) }
    }

    /// Brings the gauges up to date after `before` became `after`.
    fn changed(
        &self,
        stats: &Shard<ClusterStat>,
        shard: &BreakerShard,
        priority: RoutingPriority,
        resource: Resource,
        before: u32,
        after: u32,
    ) {
        let remaining = match priority {
            RoutingPriority::Default => &shard.default,
            RoutingPriority::High => &shard.high,
        };
        if let Some(remaining) = remaining
            && self.shown
        {
            let left = |used: u32| i64::from(self.max.saturating_sub(used));
            remaining.adjust(remaining_gauge(resource), left(after) - left(before));
        }
        if before == 0 {
            // Envoy says with each use that it is not open.
            stats.adjust(open_gauge(priority, resource), 0);
            if resource == Resource::Connections {
                stats.adjust(pool_gauge(priority), 0);
            }
        }
        if before.max(after) < self.max {
            return;
        }
        // Another worker may take or give between the two looks at the counter; then the gauge is put
        // right here or by that worker.
        loop {
            let open = self.used.load(SeqCst) >= self.max;
            if self.open.swap(open, SeqCst) == open {
                return;
            }
            stats.adjust(open_gauge(priority, resource), if open { 1 } else { -1 });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Setup {
        breakers: Breakers,
        registry: Arc<Registry>,
        name: ScopeName,
    }

    impl Setup {
        fn new(thresholds: Thresholds) -> Self {
            let config = CircuitBreakers { default: thresholds, high: Thresholds::default() };
            let registry = Registry::new(4);
            let name = ScopeName::root().then("cluster").tagged("envoy.cluster_name", "a");
            Self { breakers: Breakers::new(&config, &registry, &name), registry, name }
        }

        fn shards(&self, worker: usize) -> (Shard<ClusterStat>, BreakerShard) {
            (self.registry.scope(self.name.clone()).shard(worker), self.breakers.shard(worker))
        }
    }

    const LOW: RoutingPriority = RoutingPriority::Default;

    #[test]
    fn a_breaker_opens_at_its_limit_and_closes_again() {
        let setup = Setup::new(Thresholds { max_requests: 2, ..Thresholds::default() });
        let (stats, shard) = setup.shards(0);
        let open =
            || setup.registry.scope::<ClusterStat>(setup.name.clone()).gauge(ClusterStat::DefaultRqOpen);
        let take = || setup.breakers.try_acquire(&stats, &shard, LOW, Resource::Requests);
        assert!(take());
        assert_eq!(open(), 0);
        assert!(take() && !take());
        assert_eq!(open(), 1);
        assert_eq!(setup.breakers.usage(LOW, Resource::Requests), (2, 2));
        setup.breakers.release(&stats, &shard, LOW, Resource::Requests);
        assert_eq!(open(), 0);
        assert!(setup.breakers.try_acquire(&stats, &shard, RoutingPriority::High, Resource::Requests));
    }

    #[test]
    fn a_limit_of_zero_is_open_from_the_first_try_to_force_it() {
        let setup = Setup::new(Thresholds { max_connections: 0, ..Thresholds::default() });
        let (stats, shard) = setup.shards(0);
        assert!(!setup.breakers.try_acquire(&stats, &shard, LOW, Resource::Connections));
        setup.breakers.acquire(&stats, &shard, LOW, Resource::Connections);
        assert_eq!(setup.breakers.usage(LOW, Resource::Connections), (1, 0));
        setup.breakers.release(&stats, &shard, LOW, Resource::Connections);
        assert_eq!(setup.breakers.usage(LOW, Resource::Connections), (0, 0));
    }

    #[test]
    fn what_is_left_is_shown_where_asked() {
        let setup =
            Setup::new(Thresholds { max_connections: 2, track_remaining: true, ..Thresholds::default() });
        let (stats, shard) = setup.shards(0);
        let scope = setup
            .registry
            .scope::<RemainingStat>(setup.name.clone().then("circuit_breakers").then("default"));
        assert_eq!(scope.gauge(RemainingStat::Cx), 2);
        for left in [1, 0, 0] {
            setup.breakers.acquire(&stats, &shard, LOW, Resource::Connections);
            assert_eq!(scope.gauge(RemainingStat::Cx), left);
        }
        for left in [0, 1, 2] {
            setup.breakers.release(&stats, &shard, LOW, Resource::Connections);
            assert_eq!(scope.gauge(RemainingStat::Cx), left);
        }
        assert!(setup.shards(0).1.high.is_none());
    }

    #[test]
    fn workers_that_race_leave_the_gauge_right() {
        let setup = Setup::new(Thresholds { max_requests: 3, ..Thresholds::default() });
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let setup = &setup;
                scope.spawn(move || {
                    let (stats, shard) = setup.shards(worker);
                    for _ in 0..20_000 {
                        if setup.breakers.try_acquire(&stats, &shard, LOW, Resource::Requests) {
                            setup.breakers.release(&stats, &shard, LOW, Resource::Requests);
                        }
                    }
                });
            }
        });
        assert_eq!(setup.breakers.usage(LOW, Resource::Requests).0, 0);
        let scope = setup.registry.scope::<ClusterStat>(setup.name.clone());
        assert_eq!(scope.gauge(ClusterStat::DefaultRqOpen), 0);
    }
}
