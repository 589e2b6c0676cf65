//! Hosts that may not be used.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, Frame, Reply, Request, Script, eventually, exchange};

use crate::case::{Case, Seen};
use crate::site::Site;

/// A check that is quick to find out and slow to forgive, and never late on a busy machine.
pub(crate) const CHECK: &str = "\
common_lb_config: {healthy_panic_threshold: {value: 0}}
health_checks:
- {timeout: 10s, interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1000, http_health_check: {path: /health}}";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::NoEndpoints).no_endpoints().evidence("no endpoints"),
        Case::of(Reason::NoSubset)
            .cluster("lb_subset_config: {subset_selectors: [{keys: [version]}]}")
            .evidence("metadata_match"),
        Case::of(Reason::NoOriginalDestination)
            .no_endpoints()
            .cluster("type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\noriginal_dst_lb_config: {use_http_header: true}")
            .evidence("there is no header x-envoy-original-dst-host"),
        Case::of(Reason::EndpointDisabled)
            .cluster(
                "common_lb_config: {healthy_panic_threshold: {value: 0}}\n\
                 load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{health_status: DRAINING, \
                 endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}",
            )
            .evidence("DRAINING"),
        ejected(),
        pending(),
        by_agent(Reason::AgentDown, "down # disk is full\n"),
        by_agent(Reason::AgentDrained, "drain\n"),
        checked(Reason::HealthCheckNotFound, Reply::status(404)).evidence("answered 404"),
        checked(Reason::HealthCheckRedirect, Reply::status(301).header("location", "/login"))
            .evidence("answered 301"),
        checked(Reason::HealthCheckUnauthorized, Reply::status(401)).evidence("answered 401"),
        checked(Reason::HealthCheckUnauthorized, Reply::status(403)).evidence("answered 403"),
        checked(Reason::HealthCheckServerError, Reply::status(503)).evidence("answered 503"),
        checked(Reason::HealthCheckStatus, Reply::status(204)).evidence("answered 204"),
        checked(Reason::HealthCheckTimeout, Answer::hang()).evidence("no answer within"),
        checked(Reason::HealthCheckClosed, Answer::close()).evidence("closed without an answer"),
        Case::of(Reason::HealthCheckNotServing)
            .plays(
                Script::always(Answer::frames([Frame::headers(&[
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", "12"),
                ])
                .ending()]))
                .http2(),
            )
            .cluster("http2_protocol_options: {}")
            .cluster(CHECK.replace("http_health_check: {path: /health}", "grpc_health_check: {}"))
            .evidence("no health service"),
        checked(Reason::HealthCheckProtocol, Answer::raw("SSH-2.0-OpenSSH_9.2\r\n")).evidence("SSH-2.0"),
    ]
    .into_iter()
    .map(Case::no_host_left)
    .collect()
}

/// A back-end that would serve, were it not for its health page.
fn checked(reason: Reason, health: impl Into<Answer>) -> Case {
    let health = health.into();
    let script = Script::by(move |request| match request.path() {
        "/health" => health.clone(),
        _ => Reply::ok("served").into(),
    });
    let late = reason == Reason::HealthCheckTimeout;
    Case::of(reason).plays(script).cluster(if late {
        CHECK.replace("timeout: 10s", "timeout: 0.3s")
    } else {
        CHECK.to_owned()
    })
}

/// A back-end that has failed one request too many: a call of gRPC, which is no failure of the proxy's.
fn ejected() -> Case {
    Case::of(Reason::OutlierEjected)
        .plays(Reply::ok("").header("content-type", "application/grpc").header("grpc-status", "14"))
        .cluster(
            "common_lb_config: {healthy_panic_threshold: {value: 0}}\n\
             outlier_detection: {consecutive_5xx: 1, max_ejection_percent: 100}",
        )
        .evidence("is ejected: consecutive_5xx (1 in a row, the last with status 503), for 30 s")
        .client(async |site: &mut Site| {
            let call = Request::post("/", "").header("content-type", "application/grpc");
            let _ = exchange(site.address, &call).await;
            let out = async || site.stat("cluster.app.outlier_detection.ejections_active").await > 0;
            assert!(eventually(Duration::from_secs(5), out).await);
            Seen::Answer(exchange(site.address, &Request::get("/")).await)
        })
}

/// The back-end is well again, but has not said so often enough.
fn pending() -> Case {
    let well_later = Script::by(|request| match request.number {
        0 => Reply::status(503).into(),
        _ => Answer::from(Reply::ok("")),
    });
    Case::of(Reason::HealthCheckPending).plays(well_later).cluster(CHECK).evidence("not yet").client(
        async |site: &mut Site| {
            let passed = async || site.stat("cluster.app.health_check.success").await > 0;
            assert!(eventually(Duration::from_secs(5), passed).await);
            Seen::Answer(exchange(site.address, &Request::get("/")).await)
        },
    )
}

/// A back-end that would serve, were it not for what the agent beside it says.
fn by_agent(reason: Reason, line: &'static str) -> Case {
    let agent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = agent.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for connection in agent.incoming() {
            // Who asks may be gone already.
            let _ = connection.and_then(|mut connection| connection.write_all(line.as_bytes()));
        }
    });
    Case::of(reason)
        .plays(Reply::ok("served"))
        .cluster(format!(
            "common_lb_config: {{healthy_panic_threshold: {{value: 0}}}}\n\
             metadata: {{filter_metadata: {{causeway: {{agent_check: {{port: {port}, interval: 0.1s, timeout: 5s}}}}}}}}"
        ))
        .evidence("the agent of")
        .client(async |site: &mut Site| {
            let out = async || site.stat("cluster.app.membership_healthy").await == 0;
            assert!(eventually(Duration::from_secs(5), out).await);
            Seen::Answer(exchange(site.address, &Request::get("/")).await)
        })
}
