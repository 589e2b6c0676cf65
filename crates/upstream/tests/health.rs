//! Health checks against real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod support;

use std::time::{Duration, Instant};

use causeway_model::{Cluster, HealthCheck, HealthChecker, StatusRange};
use causeway_reason::Reason;
use causeway_stats::Registry;
use causeway_upstream::{ClusterManager, Host, LoadBalancer, ManagerOptions};
use std::sync::Arc;
use support::log::Lines;
use support::{
    Backend, Behaviour, bootstrap, cluster, dead, http_check, manager, run, stat, tcp_check, until,
};

fn checked(name: &str, address: std::net::SocketAddr, check: HealthCheck) -> Cluster {
    Cluster { health_checks: vec![check], ..cluster(name, &[address]) }
}

/// The host of a cluster with one.
fn host(manager: &ClusterManager, name: &str) -> Arc<Host> {
    manager.clusters().get(name).unwrap().host_set().hosts().next().unwrap().clone()
}

/// Checks a back-end once; gives flags, reason and words.
async fn first_check(address: std::net::SocketAddr, check: HealthCheck) -> (String, Option<Reason>, String) {
    let (manager, _) = manager();
    manager.apply(&bootstrap(vec![checked("a", address, check)]));
    manager.warm().await;
    let host = host(&manager, "a");
    let report = host.check_reports().remove(0);
    let failure = report.failure.as_ref();
    let words = failure.and_then(|failure| failure.evidence.clone()).unwrap_or_default();
    (host.flags().to_string(), failure.map(|failure| failure.reason), words.into())
}

/// More hosts than descriptors: their checks wait for one another, and all of them are well.
#[test]
fn checks_take_no_more_descriptors_than_there_are() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let hosts: Vec<_> = (0..20).map(|_| backend.address).collect();
        let options = ManagerOptions { seed: 1, descriptors: Some(8) };
        let manager = ClusterManager::new(Registry::new(1), options);
        let config = Cluster { health_checks: vec![http_check("/hc")], ..cluster("a", &hosts) };
        manager.apply(&bootstrap(vec![config]));
        manager.warm().await;
        assert_eq!(manager.clusters().get("a").unwrap().host_set().healthy_count(), 20);
        // Two keep their connections, and the others make new ones.
        until("each was asked three times", || backend.requests.borrow().len() >= 60).await;
        assert!(backend.connections.get() >= 40, "{} connections", backend.connections.get());
        // Two that wait for an answer are all that there can be.
        backend.behave(Behaviour::Hang);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = backend.requests.borrow().len();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(backend.requests.borrow().len(), asked);
    });
}

#[test]
fn statuses_have_their_reasons() {
    run(async {
        for (status, reason) in [
            (200, None),
            (201, Some(Reason::HealthCheckStatus)),
            (204, Some(Reason::HealthCheckStatus)),
            (301, Some(Reason::HealthCheckRedirect)),
            (401, Some(Reason::HealthCheckUnauthorized)),
            (403, Some(Reason::HealthCheckUnauthorized)),
            (404, Some(Reason::HealthCheckNotFound)),
            (500, Some(Reason::HealthCheckServerError)),
            (503, Some(Reason::HealthCheckServerError)),
        ] {
            let backend = Backend::start(Behaviour::status(status)).await;
            let (flags, found, words) = first_check(backend.address, http_check("/hc")).await;
            assert_eq!(found, reason, "{status}");
            assert_eq!(flags, if reason.is_none() { "healthy" } else { "/failed_active_hc" }, "{status}");
            if reason.is_some() {
                assert!(words.starts_with(&format!("GET /hc answered {status} after ")), "{words}");
            }
        }
    });
}

#[test]
fn expected_statuses_are_half_open() {
    run(async {
        for (status, healthy) in [(200, true), (298, true), (299, false), (404, true), (405, false)] {
            let backend = Backend::start(Behaviour::status(status)).await;
            let mut check = http_check("/");
            let HealthChecker::Http(http) = &mut check.checker else { unreachable!() };
            http.expected_statuses =
                vec![StatusRange { start: 200, end: 299 }, StatusRange { start: 404, end: 405 }];
            let (flags, ..) = first_check(backend.address, check).await;
            assert_eq!(flags == "healthy", healthy, "{status}");
        }
    });
}

#[test]
fn what_is_no_answer_has_its_reason_too() {
    run(async {
        let fast = || HealthCheck { timeout: Duration::from_millis(60), ..http_check("/hc") };
        let check = |reason| if reason == Reason::HealthCheckTimeout { fast() } else { http_check("/hc") };
        let closing = |text: &str| Behaviour::AnswerAndClose(text.to_owned());
        for (behaviour, reason, part) in [
            (Behaviour::Hang, Reason::HealthCheckTimeout, "connected, but no answer within"),
            (Behaviour::Close, Reason::HealthCheckClosed, "closed without an answer"),
            (closing("HTTP/1.1 200 OK\r\n"), Reason::HealthCheckClosed, "closed inside the answer"),
            (
                closing("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"),
                Reason::HealthCheckClosed,
                "closed inside the answer",
            ),
            (closing("junk\r\n\r\n"), Reason::HealthCheckProtocol, "it begins \"junk\\r\\n"),
            (closing("SSH-2.0-OpenSSH_9.2\r\n"), Reason::HealthCheckProtocol, "SSH-2.0"),
            (
                closing(
                    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                ),
                Reason::HealthCheckProtocol,
                "Content-Length beside Transfer-Encoding",
            ),
            (
                Behaviour::Answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab".to_owned()),
                Reason::HealthCheckTimeout,
                "not complete within",
            ),
        ] {
            let backend = Backend::start(behaviour.clone()).await;
            let (flags, found, words) = first_check(backend.address, check(reason)).await;
            assert_eq!(found, Some(reason), "{behaviour:?}");
            assert!(words.contains(part), "{words}");
            let timeout = reason == Reason::HealthCheckTimeout;
            assert_eq!(flags.contains("active_hc_timeout"), timeout, "{flags}");
        }
        let (_, found, words) = first_check(dead(), http_check("/hc")).await;
        assert_eq!(found, Some(Reason::ConnectRefused));
        assert!(words.starts_with("connection refused by the host after "), "{words}");
    });
}

#[test]
fn tcp_checks_connect_or_compare() {
    run(async {
        let listens = Backend::start(Behaviour::Hang).await;
        assert_eq!(first_check(listens.address, tcp_check(b"", &[])).await.0, "healthy");
        assert_eq!(first_check(dead(), tcp_check(b"", &[])).await.1, Some(Reason::ConnectRefused));
        let answers = Backend::start(Behaviour::Answer("xxHELLOyyWORLDzz".to_owned())).await;
        let hello = || tcp_check(b"hi\r\n\r\n", &[b"HELLO", b"WORLD"]);
        assert_eq!(first_check(answers.address, hello()).await.0, "healthy");
        assert_eq!(answers.requests.borrow().first().map(String::as_str), Some("hi\r\n\r\n"));
        let wrong = Backend::start(Behaviour::AnswerAndClose("HELLO".to_owned())).await;
        let (_, reason, words) = first_check(wrong.address, hello()).await;
        assert_eq!(reason, Some(Reason::HealthCheckProtocol));
        assert!(words.contains("\"HELLO\""), "{words}");
        let silent = Backend::start(Behaviour::Hang).await;
        let slow = HealthCheck { timeout: Duration::from_millis(50), ..hello() };
        assert_eq!(first_check(silent.address, slow).await.0, "/failed_active_hc/active_hc_timeout");
    });
}

#[test]
fn the_request_is_envoys_and_the_connection_is_kept() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let (manager, _) = manager();
        manager.apply(&bootstrap(vec![checked("backend", backend.address, http_check("/hc?x=1"))]));
        until("three checks", || backend.requests.borrow().len() >= 3).await;
        let expected = "GET /hc?x=1 HTTP/1.1\r\nhost: backend\r\nuser-agent: Envoy/HC\r\n\r\n";
        assert!(backend.requests.borrow().iter().all(|request| request == expected));
        assert_eq!(backend.connections.get(), 1);
        let fresh = Backend::start(Behaviour::status(200)).await;
        let check = HealthCheck { reuse_connection: false, ..http_check("/") };
        manager.apply(&bootstrap(vec![checked("fresh", fresh.address, check)]));
        until("three checks", || fresh.requests.borrow().len() >= 3).await;
        assert!(fresh.connections.get() >= 3);
    });
}

#[test]
fn a_back_end_that_closes_idle_connections_is_healthy() {
    run(async {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned();
        let backend = Backend::start(Behaviour::AnswerAndClose(answer)).await;
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![checked("a", backend.address, http_check("/"))]));
        until("five checks", || backend.requests.borrow().len() >= 5).await;
        assert_eq!(stat(&registry, "cluster.a.health_check.failure"), 0);
        assert_eq!(host(&manager, "a").flags().to_string(), "healthy");
    });
}

#[test]
fn each_change_is_one_line_with_its_cause() {
    run(async {
        let (lines, _guard) = Lines::catch();
        let backend = Backend::start(Behaviour::status(200)).await;
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![checked("backend_cluster", backend.address, http_check("/hc"))]));
        manager.warm().await;
        let host = host(&manager, "backend_cluster");
        let wait = async |flags: &str| until(flags, || host.flags().to_string() == flags).await;
        backend.behave(Behaviour::status(404));
        wait("/failed_active_hc").await;
        tokio::time::sleep(Duration::from_millis(80)).await;
        let degraded = "HTTP/1.1 200 OK\r\nx-envoy-degraded: 1\r\ncontent-length: 0\r\n\r\n";
        backend.behave(Behaviour::Answer(degraded.to_owned()));
        wait("/degraded_active_hc").await;
        backend.behave(Behaviour::status(200));
        wait("healthy").await;
        let address = backend.address;
        let found: Vec<String> = lines.of("hc").iter().map(|line| without_times(line)).collect();
        assert_eq!(
            found,
            [
                format!(
                    "INFO backend_cluster {address} is up: GET /hc answered 200 after …; 1 of 1 hosts healthy"
                ),
                format!(
                    "WARN backend_cluster {address} is down: health_check_not_found (GET /hc answered 404 after \
                     …); 0 of 1 hosts healthy"
                ),
                format!(
                    "INFO backend_cluster {address} is degraded: GET /hc answered 200 after …; 0 of 1 hosts healthy"
                ),
                format!(
                    "INFO backend_cluster {address} is up: GET /hc answered 200 after …; 1 of 1 hosts healthy"
                ),
            ]
        );
        assert!(stat(&registry, "cluster.backend_cluster.health_check.failure") >= 2);
        assert_eq!(stat(&registry, "cluster.backend_cluster.membership_healthy"), 1);
        assert_eq!(stat(&registry, "cluster.backend_cluster.health_check.healthy"), 1);
    });
}

/// The line with its durations left out.
fn without_times(line: &str) -> String {
    let Some((head, tail)) = line.split_once(" after ") else { return line.to_owned() };
    let rest = tail.find([')', ';']).map_or("", |at| &tail[at..]);
    format!("{head} after …{rest}")
}

#[test]
fn a_refused_connection_is_told_apart() {
    run(async {
        let (lines, _guard) = Lines::catch();
        let (manager, registry) = manager();
        let address = dead();
        manager.apply(&bootstrap(vec![checked("a", address, http_check("/hc"))]));
        manager.warm().await;
        let line = lines.of("hc").remove(0);
        let expected =
            format!("WARN a {address} is down: connect_refused (connection refused by the host after ");
        assert!(line.starts_with(&expected) && line.ends_with("; 0 of 1 hosts healthy"), "{line}");
        assert!(stat(&registry, "cluster.a.health_check.network_failure") > 0);
        let mut balancer = LoadBalancer::new(manager.clusters().get("a").unwrap(), 0, 1);
        let failure = balancer.choose(Instant::now).unwrap_err();
        assert_eq!(failure.reason, Reason::ConnectRefused);
        let evidence = failure.evidence.unwrap();
        let expected = format!("health check of {address}: connection refused by the host after ");
        assert!(evidence.starts_with(&expected) && evidence.contains(" ago, next in "), "{evidence}");
        assert_eq!(stat(&registry, "cluster.a.upstream_cx_none_healthy"), 1);
    });
}

#[test]
fn all_checks_of_a_cluster_have_to_pass() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let (manager, _) = manager();
        let broken = HealthCheck { alt_port: Some(dead().port()), ..http_check("/two") };
        let config =
            Cluster { health_checks: vec![http_check("/one"), broken], ..cluster("a", &[backend.address]) };
        manager.apply(&bootstrap(vec![config]));
        manager.warm().await;
        let host = host(&manager, "a");
        assert_eq!(host.flags().to_string(), "/failed_active_hc");
        let failed: Vec<bool> = host.check_reports().iter().map(|report| report.failure.is_some()).collect();
        assert_eq!(failed, [false, true]);
    });
}

#[test]
fn endpoints_may_be_checked_elsewhere_under_another_name_or_not_at_all() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let mut elsewhere = checked("a", dead(), http_check("/"));
        let endpoint = &mut elsewhere.localities[0].endpoints[0];
        endpoint.health_check_port = Some(backend.address.port());
        endpoint.health_check_hostname = "ep.test".into();
        let mut unchecked = checked("b", dead(), http_check("/"));
        unchecked.localities[0].endpoints[0].disable_active_health_check = true;
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![elsewhere, unchecked]));
        manager.warm().await;
        assert_eq!(host(&manager, "a").flags().to_string(), "healthy");
        assert!(backend.requests.borrow()[0].contains("host: ep.test\r\n"));
        assert_eq!(host(&manager, "b").flags().to_string(), "healthy");
        assert_eq!(stat(&registry, "cluster.b.health_check.attempt"), 0);
    });
}

#[test]
fn a_response_can_take_its_host_out_of_use() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let slow = HealthCheck { interval: Duration::from_millis(150), ..http_check("/") };
        let (manager, registry) = manager();
        manager.apply(&bootstrap(vec![checked("a", backend.address, slow)]));
        manager.warm().await;
        let (cluster, host) = (manager.clusters().get("a").unwrap(), host(&manager, "a"));
        cluster.note_immediate_health_check_fail(&host);
        let out = "/failed_active_hc/excluded_via_immediate_hc_fail";
        until(out, || host.flags().to_string() == out).await;
        assert_eq!(stat(&registry, "cluster.a.health_check.passive_failure"), 1);
        assert_eq!(stat(&registry, "cluster.a.membership_excluded"), 1);
        let failure = cluster.why_none(Instant::now());
        assert!(failure.evidence.unwrap().contains("x-envoy-immediate-health-check-fail"));
        until("healthy", || host.flags().to_string() == "healthy").await;
    });
}

#[test]
fn without_traffic_the_interval_holds_all_the_same() {
    run(async {
        let backend = Backend::start(Behaviour::status(200)).await;
        let (manager, _) = manager();
        let slow = HealthCheck { no_traffic_interval: Some(Duration::from_secs(60)), ..http_check("/slow") };
        manager.apply(&bootstrap(vec![
            checked("a", backend.address, http_check("/fast")),
            checked("b", backend.address, slow),
        ]));
        manager.warm().await;
        let count =
            |path: &str| backend.requests.borrow().iter().filter(|request| request.contains(path)).count();
        until("checks without traffic", || count("/fast") >= 4).await;
        assert_eq!(count("/slow"), 1);
    });
}

#[test]
fn events_are_written_to_their_file() {
    run(async {
        let path = std::env::temp_dir().join(format!("causeway-hc-{}.log", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let read = || std::fs::read_to_string(&path).unwrap_or_default();
        let backend = Backend::start(Behaviour::status(500)).await;
        let (manager, _) = manager();
        let event_log_path = Some(path.to_str().unwrap().into());
        let check = HealthCheck { event_log_path, ..http_check("/") };
        manager.apply(&bootstrap(vec![checked("five", backend.address, check)]));
        manager.warm().await;
        until("a line", || read().contains("\"failure_type\":\"ACTIVE\",\"first_check\":true")).await;
        let moved = path.with_extension("old");
        std::fs::rename(&path, &moved).unwrap();
        manager.reopen_logs();
        backend.behave(Behaviour::status(200));
        until("a line in the new file", || read().contains("\"add_healthy_event\"")).await;
        assert_eq!(read().lines().count(), 1);
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(&moved).unwrap();
    });
}

#[test]
fn many_hosts_are_checked_side_by_side() {
    run(async {
        let mut addresses = Vec::new();
        for _ in 0..40 {
            addresses.push(Backend::start(Behaviour::Hang).await.address);
        }
        let (manager, _) = manager();
        let config = Cluster {
            health_checks: vec![HealthCheck { timeout: Duration::from_millis(100), ..http_check("/") }],
            ..cluster("a", &addresses)
        };
        let began = Instant::now();
        manager.apply(&bootstrap(vec![config]));
        manager.warm().await;
        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
        let failure = manager.clusters().get("a").unwrap().why_none(Instant::now());
        assert_eq!(failure.reason, Reason::HealthCheckTimeout);
        assert!(failure.evidence.unwrap().ends_with("; 39 more with health_check_timeout"));
    });
}
