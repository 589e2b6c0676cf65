//! Names, against a real name server on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{
    Cluster, ClusterType, DnsLookupFamily, DnsOptions, DnsResolver, Endpoint, EndpointAddress,
};
use causeway_reason::Reason;
use causeway_upstream::{ClusterManager, LoadBalancer};
use hickory_proto::op::ResponseCode;
use support::dns::{NameServer, Reply, named};
use support::log::Lines;
use support::{
    Backend, Behaviour, bootstrap, cluster_of, dead, endpoint, http_check, manager, run, stat, until,
};

fn hosts(manager: &ClusterManager, name: &str) -> Vec<String> {
    let hosts = manager.clusters().get(name).unwrap().host_set();
    hosts.hosts().map(|host| host.address().to_string()).collect()
}

fn why(manager: &ClusterManager, name: &str) -> (Reason, String) {
    let failure = manager.clusters().get(name).unwrap().why_none(Instant::now());
    (failure.reason, failure.evidence.unwrap().into())
}

#[test]
fn every_address_of_a_strict_name_is_a_host_and_is_followed() {
    run(async {
        let (lines, _guard) = Lines::catch();
        let server = NameServer::start().await;
        server.addresses("app.test", &["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![cluster_of("a", server.strict(), vec![named("app.test", 8080)])]));
        manager.warm().await;
        assert_eq!(hosts(&manager, "a"), ["10.0.0.1:8080", "10.0.0.2:8080"]);
        let set = manager.clusters().get("a").unwrap().host_set();
        let kept = set.hosts().nth(1).unwrap().clone();
        assert_eq!(kept.hostname(), "app.test");
        server.addresses("app.test", &["10.0.0.3", "10.0.0.2"]);
        until("the new address", || hosts(&manager, "a") == ["10.0.0.3:8080", "10.0.0.2:8080"]).await;
        let set = manager.clusters().get("a").unwrap().host_set();
        assert_eq!(set.hosts().nth(1).unwrap().id(), kept.id());
        let report = manager.clusters().get("a").unwrap().names()[0].clone();
        assert_eq!(report.ttl, Some(Duration::from_secs(60)));
        assert_eq!(&*report.source, server.address.to_string());
        assert_eq!(
            lines.of("dns"),
            [
                "INFO a: app.test stands for 10.0.0.1, 10.0.0.2",
                "INFO a: app.test stands for 10.0.0.3, 10.0.0.2, before for 10.0.0.1, 10.0.0.2",
            ]
        );
        assert_eq!(stat(&registry, "cluster.a.membership_total"), 2);
        assert_eq!(stat(&registry, "cluster.a.max_host_weight"), 1);
        let (attempts, rest) =
            (stat(&registry, "cluster.a.update_success"), stat(&registry, "cluster.a.update_no_rebuild"));
        assert_eq!(attempts - rest, 2, "two look-ups changed something");
    });
}

#[test]
fn a_name_that_is_gone_empties_a_strict_cluster_but_a_failure_does_not() {
    run(async {
        let server = NameServer::start().await;
        let (manager, registry) = manager();
        server.addresses("app.test", &["10.0.0.1"]);
        manager.apply(&bootstrap(vec![cluster_of("a", server.strict(), vec![named("app.test", 80)])]));
        manager.warm().await;
        for reply in [Reply::Code(ResponseCode::ServFail), Reply::Code(ResponseCode::Refused), Reply::Silence]
        {
            let failures = stat(&registry, "cluster.a.update_failure");
            server.set("app.test", reply);
            until("a failure", || stat(&registry, "cluster.a.update_failure") > failures).await;
            assert_eq!(hosts(&manager, "a"), ["10.0.0.1:80"]);
        }
        for (code, reason) in
            [(ResponseCode::NXDomain, Reason::DnsNameNotFound), (ResponseCode::NoError, Reason::DnsNoAddress)]
        {
            server.addresses("app.test", &["10.0.0.1"]);
            until("an address", || hosts(&manager, "a").len() == 1).await;
            server.set("app.test", Reply::Code(code));
            until("no address", || hosts(&manager, "a").is_empty()).await;
            assert_eq!(why(&manager, "a").0, reason);
        }
        assert!(stat(&registry, "dns.cares.not_found") > 0 && stat(&registry, "dns.cares.timeouts") > 0);
        assert!(stat(&registry, "dns.cares.get_addr_failure") > 0);
    });
}

#[test]
fn misses_say_who_answered_what() {
    run(async {
        let server = NameServer::start().await;
        let at = server.address;
        for (reply, family, reason, part) in [
            (
                Reply::Code(ResponseCode::NXDomain),
                DnsLookupFamily::V4Only,
                Reason::DnsNameNotFound,
                format!("app.test does not exist: NXDOMAIN from {at} after "),
            ),
            (
                Reply::Addresses(vec!["fd00::1".parse().unwrap()], 1),
                DnsLookupFamily::V4Only,
                Reason::DnsNoAddress,
                format!("app.test has no A record: empty answer from {at} after "),
            ),
            (
                Reply::Code(ResponseCode::ServFail),
                DnsLookupFamily::Auto,
                Reason::DnsServerFailure,
                format!("SERVFAIL from {at} for the A or AAAA record of app.test after "),
            ),
            (
                Reply::Silence,
                DnsLookupFamily::V4Preferred,
                Reason::DnsTimeout,
                format!("no answer from {at} for the A or AAAA record of app.test after "),
            ),
        ] {
            server.set("app.test", reply.clone());
            for logical in [false, true] {
                let options = DnsOptions { lookup_family: family, ..server.options() };
                let kind =
                    if logical { ClusterType::LogicalDns(options) } else { ClusterType::StrictDns(options) };
                let (manager, registry) = manager();
                manager.apply(&bootstrap(vec![cluster_of("a", kind, vec![named("app.test", 80)])]));
                manager.warm().await;
                let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 7);
                let failure = balancer.choose(Instant::now).unwrap_err();
                assert_eq!(failure.reason, reason, "{reply:?}");
                let evidence = failure.evidence.unwrap();
                assert!(evidence.starts_with(&part) && evidence.contains(" ago, next in "), "{evidence}");
                // A name without addresses is an answer for the one and a failure for the other.
                let nothing = matches!(reason, Reason::DnsNameNotFound | Reason::DnsNoAddress);
                let count = |stat_: &str| stat(&registry, &format!("cluster.a.{stat_}"));
                assert_eq!(count("update_success") > 0, nothing && !logical, "{reply:?}");
                assert_eq!(count("update_no_rebuild") > 0, nothing && !logical, "{reply:?}");
                assert_eq!(count("update_failure") > 0, !nothing || logical, "{reply:?}");
            }
        }
    });
}

#[test]
fn a_name_server_that_is_not_there_is_a_timeout() {
    run(async {
        let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let resolver = DnsResolver {
            servers: vec![dead],
            query_timeout: Some(Duration::from_millis(100)),
            query_tries: Some(1),
            no_default_search_domain: true,
            use_tcp: false,
        };
        let server = NameServer::start().await;
        let kind = ClusterType::StrictDns(DnsOptions { resolver, ..server.options() });
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![cluster_of("a", kind, vec![named("app.test", 80)])]));
        manager.warm().await;
        let (reason, evidence) = why(&manager, "a");
        assert_eq!(reason, Reason::DnsTimeout, "{evidence}");
        assert!(evidence.contains(&dead.to_string()), "{evidence}");
    });
}

#[test]
fn a_logical_host_keeps_its_identity_and_its_last_address() {
    run(async {
        let server = NameServer::start().await;
        server.addresses("app.test", &["10.0.0.1", "10.0.0.2"]);
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![cluster_of("a", server.logical(), vec![named("app.test", 80)])]));
        manager.warm().await;
        assert_eq!(hosts(&manager, "a"), ["10.0.0.1:80"]);
        let host = manager.clusters().get("a").unwrap().host_set().hosts().next().unwrap().clone();
        server.addresses("app.test", &["10.0.0.9"]);
        until("the new address", || hosts(&manager, "a") == ["10.0.0.9:80"]).await;
        assert_eq!(host.address().to_string(), "10.0.0.9:80");
        let failures = stat(&registry, "cluster.a.update_failure");
        server.set("app.test", Reply::Code(ResponseCode::NXDomain));
        until("a failure", || stat(&registry, "cluster.a.update_failure") > failures + 1).await;
        assert_eq!(hosts(&manager, "a"), ["10.0.0.9:80"]);
        assert_eq!(stat(&registry, "cluster.a.membership_change"), 1);
    });
}

#[test]
fn families_ask_for_what_they_want() {
    run(async {
        let server = NameServer::start().await;
        server.addresses("both.test", &["10.0.0.1", "fd00::1"]);
        server.addresses("four.test", &["10.0.0.1"]);
        let options = |lookup_family| DnsOptions { lookup_family, ..server.options() };
        for (family, name, expected) in [
            (DnsLookupFamily::Auto, "both.test", vec!["[fd00::1]:80"]),
            (DnsLookupFamily::Auto, "four.test", vec!["10.0.0.1:80"]),
            (DnsLookupFamily::V4Only, "both.test", vec!["10.0.0.1:80"]),
            (DnsLookupFamily::V6Only, "both.test", vec!["[fd00::1]:80"]),
            (DnsLookupFamily::V6Only, "four.test", vec![]),
            (DnsLookupFamily::V4Preferred, "both.test", vec!["10.0.0.1:80"]),
            (DnsLookupFamily::All, "both.test", vec!["[fd00::1]:80", "10.0.0.1:80"]),
            (DnsLookupFamily::All, "four.test", vec!["10.0.0.1:80"]),
        ] {
            let (manager, _) = manager();
            let kind = ClusterType::StrictDns(options(family));
            manager.apply(&bootstrap(vec![cluster_of("a", kind, vec![named(name, 80)])]));
            manager.warm().await;
            assert_eq!(hosts(&manager, "a"), expected, "{family:?} {name}");
        }
        // Who swallows one kind of question does not hide what the other gives.
        server.set("odd.test", Reply::SilenceForV6("10.0.0.1".parse().unwrap()));
        let (manager, _) = manager();
        let kind = ClusterType::StrictDns(options(DnsLookupFamily::Auto));
        manager.apply(&bootstrap(vec![cluster_of("a", kind, vec![named("odd.test", 80)])]));
        manager.warm().await;
        assert_eq!(hosts(&manager, "a"), ["10.0.0.1:80"]);
    });
}

#[test]
fn literals_and_the_hosts_file_need_no_server() {
    run(async {
        let server = NameServer::start().await;
        let literal = endpoint(EndpointAddress::Resolved("10.0.0.7:80".parse().map(address).unwrap()));
        let named_literal = named("10.0.0.8", 80);
        let local = named("localhost", 80);
        let (manager, registry) = manager();
        let endpoints = vec![literal, named_literal, local];
        manager.apply(&bootstrap(vec![cluster_of("a", server.strict(), endpoints)]));
        manager.warm().await;
        assert_eq!(hosts(&manager, "a"), ["10.0.0.7:80", "10.0.0.8:80", "127.0.0.1:80"]);
        let set = manager.clusters().get("a").unwrap().host_set();
        assert_eq!(set.hosts().next().unwrap().hostname(), "10.0.0.7");
        assert!(server.questions.borrow().is_empty());
        assert!(stat(&registry, "cluster.a.update_success") >= 3);
    });
}

fn address(ip: std::net::SocketAddr) -> causeway_model::Address {
    causeway_model::Address::Ip(ip)
}

#[test]
fn ttls_and_failures_have_their_own_pace() {
    run(async {
        let server = NameServer::start().await;
        let slow = DnsOptions {
            refresh_rate: Duration::from_secs(60),
            respect_ttl: true,
            failure_refresh_rate: Some((Duration::from_millis(10), Duration::from_millis(40))),
            ..server.options()
        };
        server.set("app.test", Reply::Code(ResponseCode::ServFail));
        let (manager, _) = manager();
        let kind = ClusterType::StrictDns(slow);
        manager.apply(&bootstrap(vec![cluster_of("a", kind, vec![named("app.test", 80)])]));
        until("several tries", || server.questions.borrow().len() >= 4).await;
        server.set("app.test", Reply::Addresses(vec!["10.0.0.1".parse().unwrap()], 1));
        until("an address", || hosts(&manager, "a").len() == 1).await;
        let report: Arc<_> = manager.clusters().get("a").unwrap().names()[0].clone();
        let pause = report.next.saturating_duration_since(report.at);
        assert_eq!(pause, Duration::from_secs(1));
    });
}

#[test]
fn a_host_that_passes_its_checks_outlives_its_name() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let server = NameServer::start().await;
        server.addresses("app.test", &["127.0.0.1"]);
        let endpoints: Vec<Endpoint> = vec![named("app.test", backend.address.port())];
        let config =
            Cluster { health_checks: vec![http_check("/")], ..cluster_of("a", server.strict(), endpoints) };
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![config]));
        manager.warm().await;
        let host = manager.clusters().get("a").unwrap().host_set().hosts().next().unwrap().clone();
        server.set("app.test", Reply::Code(ResponseCode::NXDomain));
        until("the flag", || host.flags().to_string() == "/pending_dynamic_removal").await;
        assert_eq!(hosts(&manager, "a").len(), 1);
        backend.behave(Behaviour::status(500));
        until("no host", || hosts(&manager, "a").is_empty()).await;
        assert_eq!(why(&manager, "a").0, Reason::DnsNameNotFound);
    });
}

#[test]
fn warming_waits_for_the_name_and_then_for_the_checks() {
    run(async {
        let server = NameServer::start().await;
        server.addresses("app.test", &["127.0.0.1"]);
        let slow = causeway_model::HealthCheck { timeout: Duration::from_millis(80), ..http_check("/") };
        let silent = Backend::start(Behaviour::Hang).await;
        let config = Cluster {
            health_checks: vec![slow],
            ..cluster_of("a", server.strict(), vec![named("app.test", silent.address.port())])
        };
        let other = cluster_of("b", server.strict(), vec![named("gone.test", dead().port())]);
        let (manager, registry) = manager();
        let began = Instant::now();
        manager.apply(&bootstrap(vec![config, other]));
        assert!(!manager.clusters().get("a").unwrap().is_warm());
        assert_eq!(stat(&registry, "cluster.a.warming_state"), 1);
        assert_eq!(stat(&registry, "cluster_manager.warming_clusters"), 2);
        manager.warm().await;
        assert!(began.elapsed() >= Duration::from_millis(80));
        assert_eq!(stat(&registry, "cluster.a.warming_state"), 0);
        until("all warm", || stat(&registry, "cluster_manager.warming_clusters") == 0).await;
    });
}
