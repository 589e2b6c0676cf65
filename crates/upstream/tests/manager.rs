//! Applying configurations: what stays, what is replaced and when.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{CircuitBreakers, Cluster, HealthCheck, RoutingPriority, Thresholds};
use causeway_reason::Reason;
use causeway_upstream::{HostStat, LoadBalancer, Resource};
use support::dns::{NameServer, named};
use support::{
    Backend, Behaviour, bootstrap, cluster, cluster_of, dead, http_check, manager, run, stat, until,
};

fn names(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

fn checked(name: &str, addresses: &[std::net::SocketAddr]) -> Cluster {
    Cluster { health_checks: vec![http_check("/hc")], ..cluster(name, addresses) }
}

#[test]
fn what_did_not_change_stays_as_it_is() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let (manager, registry) = manager();
        let config = || vec![checked("a", &[backend.address]), cluster("b", &[dead()])];
        let report = manager.apply(&bootstrap(config()));
        assert_eq!(names(&report.added), ["a", "b"]);
        manager.warm().await;
        let before = manager.clusters().get("a").unwrap();
        let host = before.host_set().hosts().next().unwrap().clone();
        host.cells(0).inc(HostStat::RqTotal);
        let mut changed = config();
        changed.remove(1);
        changed.push(cluster("c", &[dead()]));
        let report = manager.apply(&bootstrap(changed));
        assert_eq!(names(&report.unchanged), ["a"]);
        assert_eq!(names(&report.added), ["c"]);
        assert_eq!(names(&report.removed), ["b"]);
        let after = manager.clusters().get("a").unwrap();
        assert!(Arc::ptr_eq(&before, &after));
        assert_eq!(after.host_set().hosts().next().unwrap().total(HostStat::RqTotal), 1);
        assert!(manager.clusters().get("b").is_none());
        assert_eq!(stat(&registry, "cluster_manager.active_clusters"), 2);
        assert_eq!(stat(&registry, "cluster_manager.cluster_added"), 3);
        assert_eq!(stat(&registry, "cluster_manager.cluster_removed"), 1);
    });
}

#[test]
fn a_change_that_leaves_the_checks_alone_keeps_health() {
    run(async {
        let well = Backend::start(Behaviour::status(200)).await;
        let sick = Backend::start(Behaviour::status(500)).await;
        let (manager, _) = manager();
        let slow = HealthCheck { interval: Duration::from_secs(60), ..http_check("/hc") };
        let config = |timeout| Cluster {
            health_checks: vec![slow.clone()],
            connect_timeout: Duration::from_secs(timeout),
            ..cluster("a", &[well.address, sick.address])
        };
        manager.apply(&bootstrap(vec![config(1)]));
        manager.warm().await;
        let before = manager.clusters().get("a").unwrap();
        let report = manager.apply(&bootstrap(vec![config(2)]));
        assert_eq!(names(&report.changed), ["a"]);
        // Nothing has to be found out again, so it is there at once.
        let after = manager.clusters().get("a").unwrap();
        assert!(!Arc::ptr_eq(&before, &after) && after.is_warm());
        assert_eq!(after.config().connect_timeout, Duration::from_secs(2));
        let flags: Vec<String> = after.host_set().hosts().map(|host| host.flags().to_string()).collect();
        assert_eq!(flags, ["healthy", "/failed_active_hc"]);
        let sick_host = after.host_set().hosts().nth(1).unwrap().clone();
        assert_eq!(sick_host.check_reports()[0].status, Some(500));
        assert_eq!((well.requests.borrow().len(), sick.requests.borrow().len()), (1, 1));
    });
}

#[test]
fn a_successor_takes_over_when_it_is_warm() {
    run(async {
        let (one, two) = (dead(), Backend::start(Behaviour::Hang).await);
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![cluster("a", &[one])]));
        let before = manager.clusters().get("a").unwrap();
        let generation = manager.clusters().generation();
        let slow = HealthCheck { timeout: Duration::from_millis(100), ..http_check("/") };
        let successor = || Cluster { health_checks: vec![slow.clone()], ..cluster("a", &[two.address]) };
        manager.apply(&bootstrap(vec![successor()]));
        assert!(Arc::ptr_eq(&before, &manager.clusters().get("a").unwrap()));
        // The same again is no further change.
        assert_eq!(names(&manager.apply(&bootstrap(vec![successor()])).unchanged), ["a"]);
        manager.warm().await;
        let after = manager.clusters().get("a").unwrap();
        assert!(!Arc::ptr_eq(&before, &after));
        assert!(manager.clusters().generation() > generation);
        assert_eq!(after.host_set().hosts().next().unwrap().address().ip(), Some(two.address));
    });
}

#[test]
fn a_change_that_is_taken_back_in_time_never_happened() {
    run(async {
        let hangs = Backend::start(Behaviour::Hang).await;
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![cluster("a", &[dead()])]));
        let before = manager.clusters().get("a").unwrap();
        let original = before.config().clone();
        let slow = HealthCheck { timeout: Duration::from_millis(60), ..http_check("/") };
        manager
            .apply(&bootstrap(vec![Cluster { health_checks: vec![slow], ..cluster("a", &[hangs.address]) }]));
        let report = manager.apply(&bootstrap(vec![(*original).clone()]));
        assert_eq!(names(&report.unchanged), ["a"]);
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert!(Arc::ptr_eq(&before, &manager.clusters().get("a").unwrap()));
    });
}

#[test]
fn nobody_waits_for_a_cluster_that_is_gone() {
    run(async {
        let hangs = Backend::start(Behaviour::Hang).await;
        let (manager, _) = manager();
        let slow = HealthCheck { timeout: Duration::from_secs(60), ..http_check("/") };
        let config = Cluster { health_checks: vec![slow], ..cluster("a", &[hangs.address]) };
        manager.apply(&bootstrap(vec![config]));
        let warm = manager.warm();
        manager.apply(&bootstrap(Vec::new()));
        warm.await;
    });
}

#[test]
fn a_changed_cluster_keeps_what_its_names_stood_for() {
    run(async {
        let server = NameServer::start().await;
        server.addresses("app.test", &["10.0.0.1"]);
        let (manager, _) = manager();
        let config = |timeout| Cluster {
            connect_timeout: Duration::from_secs(timeout),
            ..cluster_of("a", server.strict(), vec![named("app.test", 80)])
        };
        manager.apply(&bootstrap(vec![config(1)]));
        manager.warm().await;
        // The name service fails just when the configuration is loaded again.
        server.set("app.test", support::dns::Reply::Silence);
        manager.apply(&bootstrap(vec![config(2)]));
        manager.warm().await;
        let after = manager.clusters().get("a").unwrap();
        assert_eq!(after.config().connect_timeout, Duration::from_secs(2));
        assert_eq!(after.host_set().hosts().count(), 1);
    });
}

#[test]
fn removed_clusters_are_not_checked_any_more() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![checked("a", &[backend.address])]));
        manager.warm().await;
        let kept = manager.clusters().get("a").unwrap();
        manager.apply(&bootstrap(Vec::new()));
        tokio::time::sleep(Duration::from_millis(30)).await;
        let count = backend.requests.borrow().len();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(backend.requests.borrow().len(), count);
        // Who still holds it finds its hosts.
        assert_eq!(kept.host_set().hosts().count(), 1);
        manager.shutdown();
    });
}

#[test]
fn workers_notice_changes_and_rotate() {
    run(async {
        let (one, two) =
            (Backend::start(Behaviour::status(200)).await, Backend::start(Behaviour::status(200)).await);
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![checked("a", &[one.address, two.address])]));
        manager.warm().await;
        let cluster = manager.clusters().get("a").unwrap();
        let mut balancer = LoadBalancer::new(Arc::clone(&cluster), 0, 3);
        let mut choose = || balancer.choose(Instant::now).map(|choice| choice.host.address().ip().unwrap());
        let turns: Vec<_> = (0..6).map(|_| choose().unwrap()).collect();
        assert!(turns[0] != turns[1] && turns[..2].repeat(3) == turns);
        let generation = cluster.generation();
        one.behave(Behaviour::Close);
        until("a new generation", || cluster.generation() > generation).await;
        assert!((0..6).all(|_| choose().unwrap() == two.address));
        two.behave(Behaviour::status(404));
        until("nobody", || cluster.host_set().healthy_count() == 0).await;
        let failure = choose().unwrap_err();
        assert_eq!(failure.reason, Reason::HealthCheckClosed);
        let evidence = failure.evidence.unwrap();
        assert!(evidence.ends_with("; 1 with health_check_not_found"), "{evidence}");
        assert_eq!(stat(&registry, "cluster.a.upstream_cx_none_healthy"), 1);
    });
}

#[test]
fn breakers_are_shared_by_workers() {
    run(async {
        let limits = Thresholds { max_requests: 2, track_remaining: true, ..Thresholds::default() };
        let config = Cluster {
            circuit_breakers: CircuitBreakers { default: limits, high: Thresholds::default() },
            ..cluster("a", &[dead()])
        };
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![config]));
        let cluster = manager.clusters().get("a").unwrap();
        let (one, two) = (cluster.worker(0), cluster.worker(0));
        let priority = RoutingPriority::Default;
        assert!(
            one.try_acquire(priority, Resource::Requests) && two.try_acquire(priority, Resource::Requests)
        );
        assert!(!two.try_acquire(priority, Resource::Requests));
        assert!(two.try_acquire(RoutingPriority::High, Resource::Requests));
        assert_eq!(stat(&registry, "cluster.a.circuit_breakers.default.rq_open"), 1);
        assert_eq!(stat(&registry, "cluster.a.circuit_breakers.default.remaining_rq"), 0);
        one.release(priority, Resource::Requests);
        assert_eq!(stat(&registry, "cluster.a.circuit_breakers.default.rq_open"), 0);
        assert_eq!(stat(&registry, "cluster.a.circuit_breakers.default.remaining_rq"), 1);
        assert_eq!(cluster.usage(priority, Resource::Requests), (1, 2));
    });
}

#[test]
fn a_cluster_without_endpoints_says_so() {
    run(async {
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![cluster("a", &[])]));
        manager.warm().await;
        let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 3);
        let failure = balancer.choose(Instant::now).unwrap_err();
        assert_eq!(failure.reason, Reason::NoEndpoints);
        assert_eq!(failure.answer().status, 503);
    });
}

#[test]
fn clusters_can_be_read_from_other_threads() {
    run(async {
        let (manager, _) = manager();
        let clusters = manager.clusters();
        let reader = std::thread::spawn(move || {
            for _ in 0..1000 {
                for cluster in clusters.load().values() {
                    assert!(cluster.host_set().hosts().count() <= 1);
                    let _ = (cluster.names(), cluster.why_none(Instant::now()), cluster.is_warm());
                }
            }
        });
        for timeout in 1..50 {
            let connect_timeout = Duration::from_secs(timeout);
            manager.apply(&bootstrap(vec![Cluster { connect_timeout, ..checked("a", &[dead()]) }]));
            tokio::task::yield_now().await;
        }
        reader.join().unwrap();
    });
}
