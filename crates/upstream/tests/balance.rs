//! Who gets the requests, and why nobody does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_model::{Cluster, HealthCheck, HealthStatus, LbPolicy, LocalityEndpoints};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterManager, LoadBalancer};
use support::{Backend, Behaviour, bootstrap, cluster, dead, http_check, manager, run, stat};

fn addresses(count: u16) -> Vec<SocketAddr> {
    (1..=count).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect()
}

fn balancer(manager: &ClusterManager, seed: u64) -> LoadBalancer {
    LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, seed)
}

/// How many of so many requests each port gets.
fn spread(balancer: &mut LoadBalancer, requests: usize) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let choice = balancer.choose(Instant::now).unwrap();
        *counts.entry(choice.host.address().ip().unwrap().port()).or_default() += 1;
    }
    counts
}

fn weighted(weights: &[u32]) -> Cluster {
    let mut config = cluster("a", &addresses(u16::try_from(weights.len()).unwrap()));
    for (endpoint, weight) in config.localities[0].endpoints.iter_mut().zip(weights) {
        endpoint.weight = *weight;
    }
    config
}

fn why(manager: &ClusterManager) -> Failure {
    balancer(manager, 1).choose(Instant::now).unwrap_err()
}

#[test]
fn turns_are_strict_and_begin_where_the_seed_says() {
    run(async {
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![cluster("a", &addresses(3))]));
        let mut firsts = BTreeMap::new();
        for seed in 0..60 {
            let mut balancer = balancer(&manager, seed);
            let mut next = || balancer.choose(Instant::now).unwrap().host.address().ip().unwrap().port();
            let turns: Vec<u16> = (0..9).map(|_| next()).collect();
            assert_eq!(turns[..3].repeat(3), turns);
            *firsts.entry(turns[0]).or_insert(0) += 1;
        }
        assert!(firsts.values().all(|count| *count > 8), "{firsts:?}");
    });
}

#[test]
fn weights_count_in_turns_and_not_by_chance() {
    run(async {
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![weighted(&[3, 1])]));
        assert_eq!(spread(&mut balancer(&manager, 9), 16), BTreeMap::from([(1, 12), (2, 4)]));
        let random = Cluster { lb_policy: LbPolicy::Random, ..weighted(&[9, 1]) };
        manager.apply(&bootstrap(vec![random]));
        let counts = spread(&mut balancer(&manager, 9), 2000);
        assert!((900..1100).contains(&counts[&1]), "{counts:?}");
    });
}

#[test]
fn what_half_a_priority_can_not_take_spills_over() {
    run(async {
        let well = Backend::start(Behaviour::status(200)).await;
        let other = Backend::start(Behaviour::status(200)).await;
        let mut config = Cluster {
            health_checks: vec![HealthCheck { interval: Duration::from_secs(9), ..http_check("/") }],
            ..cluster("a", &[well.address, dead()])
        };
        let second = cluster("b", &[other.address]).localities.remove(0);
        config.localities.push(LocalityEndpoints { priority: 1, ..second });
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![config]));
        manager.warm().await;
        let counts = spread(&mut balancer(&manager, 5), 4000);
        let share = |address: SocketAddr| counts[&address.port()];
        assert!((2650..2950).contains(&share(well.address)), "{counts:?}");
        assert!((1050..1350).contains(&share(other.address)), "{counts:?}");
        assert_eq!(stat(&registry, "cluster.a.lb_healthy_panic"), 0);
    });
}

#[test]
fn in_panic_everyone_is_asked_unless_that_is_refused() {
    run(async {
        let (manager, registry) = manager();
        let config = |fail_traffic_on_panic| Cluster {
            healthy_panic_threshold: 50.0,
            fail_traffic_on_panic,
            health_checks: vec![HealthCheck { interval: Duration::from_secs(9), ..http_check("/") }],
            ..cluster("a", &[dead(), dead()])
        };
        manager.apply(&bootstrap(vec![config(false)]));
        manager.warm().await;
        let mut balancer_ = balancer(&manager, 5);
        assert!(balancer_.choose(Instant::now).unwrap().panic);
        assert_eq!(spread(&mut balancer_, 10).len(), 2);
        assert_eq!(stat(&registry, "cluster.a.lb_healthy_panic"), 11);
        manager.apply(&bootstrap(vec![config(true)]));
        manager.warm().await;
        let failure = why(&manager);
        assert_eq!(failure.reason, Reason::ConnectRefused);
        let evidence = failure.evidence.unwrap();
        let begin = "fail_traffic_on_panic: fewer than 50 % of the hosts may be used; health check of ";
        assert!(evidence.starts_with(begin), "{evidence}");
        assert_eq!(stat(&registry, "cluster.a.lb_healthy_panic"), 12);
    });
}

#[test]
fn a_file_can_take_endpoints_out_of_use() {
    run(async {
        let mut config = cluster("a", &addresses(6));
        let statuses = [
            HealthStatus::Draining,
            HealthStatus::Unhealthy,
            HealthStatus::Timeout,
            HealthStatus::Degraded,
            HealthStatus::Healthy,
            HealthStatus::Unknown,
        ];
        for (endpoint, status) in config.localities[0].endpoints.iter_mut().zip(statuses) {
            endpoint.health_status = status;
        }
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![config.clone()]));
        let count = |name: &str| stat(&registry, &format!("cluster.a.membership_{name}"));
        assert_eq!([count("total"), count("healthy"), count("degraded"), count("excluded")], [6, 2, 1, 1]);
        let counts = spread(&mut balancer(&manager, 5), 3000);
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [4, 5, 6]);
        assert!((900..1100).contains(&counts[&4]), "{counts:?}");
        config.localities[0].endpoints.truncate(3);
        manager.apply(&bootstrap(vec![config]));
        let failure = why(&manager);
        assert_eq!(failure.reason, Reason::EndpointDisabled);
        assert_eq!(
            failure.evidence.as_deref(),
            Some("health_status of 10.0.0.1:1 is DRAINING in the file; 2 more with endpoint_disabled")
        );
    });
}

#[test]
fn the_most_frequent_cause_is_named_and_then_the_others() {
    run(async {
        let missing = Backend::start(Behaviour::status(404)).await;
        let also = Backend::start(Behaviour::status(404)).await;
        let slow = Backend::start(Behaviour::Hang).await;
        let check = HealthCheck {
            interval: Duration::from_secs(9),
            timeout: Duration::from_millis(60),
            ..http_check("/api/health")
        };
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![Cluster {
            health_checks: vec![check],
            ..cluster("a", &[slow.address, missing.address, also.address])
        }]));
        let pending = why(&manager);
        assert_eq!(pending.reason, Reason::HealthCheckPending);
        assert!(pending.evidence.unwrap().starts_with("no health check of 127.0.0.1:"));
        manager.warm().await;
        let failure = why(&manager);
        assert_eq!(failure.reason, Reason::HealthCheckNotFound);
        let evidence = failure.evidence.unwrap();
        let begin = format!("health check of {}: GET /api/health answered 404 after ", missing.address);
        assert!(evidence.starts_with(&begin), "{evidence}");
        assert!(evidence.contains(" ago, next in "), "{evidence}");
        let end = "; 1 more with health_check_not_found; 1 with health_check_timeout";
        assert!(evidence.ends_with(end), "{evidence}");
    });
}
