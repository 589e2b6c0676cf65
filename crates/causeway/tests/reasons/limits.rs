//! Timeouts and limits of the file.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, End, Reply, Request, Script, eventually, exchange};

use crate::case::{Case, Seen, open};
use crate::site::Site;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::RouteTimeout)
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.2s}")
            .plays(Answer::hang())
            .evidence("the back-end had not answered; the limit is `timeout` of 200 ms ("),
        Case::of(Reason::RouteTimeoutAfterHead)
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.2s}")
            .plays(
                Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst")
                    .then_pause(Duration::from_secs(5)),
            )
            .after_head()
            .evidence("5 bytes of the answer's body"),
        Case::of(Reason::PerTryTimeout)
            .routes("- match: {prefix: /}\n  route: {cluster: app, retry_policy: {per_try_timeout: 0.2s}}")
            .plays(Answer::hang())
            .evidence(
                "the back-end had not answered; the limit is `per_try_timeout` of 200 ms of the route (",
            ),
        Case::of(Reason::PerTryIdleTimeout)
            .routes(
                "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {per_try_idle_timeout: 0.2s}}",
            )
            .plays(Answer::hang())
            .evidence("the back-end had not answered"),
        Case::of(Reason::StreamIdleTimeout)
            .manager("stream_idle_timeout: 0.2s")
            .plays(Answer::hang())
            .evidence("the back-end had not answered; the limit is `stream_idle_timeout` of 200 ms ("),
        Case::of(Reason::MaxStreamDuration)
            .manager("common_http_protocol_options: {max_stream_duration: 0.2s}")
            .plays(Answer::hang())
            .evidence("the back-end had not answered; the limit is `max_stream_duration` of 200 ms ("),
        Case::of(Reason::UpstreamMaxStreamDuration)
            .cluster("common_http_protocol_options: {max_stream_duration: 0.2s}")
            .plays(Answer::hang())
            .evidence("the back-end had not answered"),
        breaker(Reason::CircuitBreakerPending, "{max_connections: 1, max_pending_requests: 1}", 2)
            .evidence("max_pending_requests"),
        breaker(Reason::CircuitBreakerRequests, "{max_requests: 1}", 1).evidence("max_requests"),
        Case::of(Reason::CircuitBreakerConnections)
            .tcp("cluster: app")
            .cluster("circuit_breakers: {thresholds: [{max_connections: 0}]}")
            .evidence("0 connections are open, and max_connections is 0")
            .client(async |site: &mut Site| {
                let (_, end) = open(site).await.rest(Duration::from_secs(5)).await;
                assert_eq!(end, End::Fin);
                Seen::Nothing
            }),
        overload(
            Reason::Overloaded,
            "actions: [{name: envoy.overload_actions.stop_accepting_requests, triggers: [TRIGGER]}]",
        ),
        overload(
            Reason::OverloadedDispatch,
            "loadshed_points: [{name: envoy.load_shed_points.http1_server_abort_dispatch, triggers: [TRIGGER]}]",
        ),
        overload(
            Reason::OverloadedPool,
            "loadshed_points: [{name: envoy.load_shed_points.connection_pool_new_connection, triggers: [TRIGGER]}]",
        ),
    ]
}

/// The heap is full, whatever happens.
pub(crate) fn overload(reason: Reason, what: &str) -> Case {
    let heap = "envoy.resource_monitors.fixed_heap";
    let what = what.replace("TRIGGER", &format!("{{name: {heap}, threshold: {{value: 0.9}}}}"));
    let config = "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig";
    Case::of(reason)
        .top(format!(
            "overload_manager:\n  refresh_interval: 0.05s\n  resource_monitors: [{{name: {heap}, typed_config: \
             {{'@type': {config}, max_heap_size_bytes: 1000}}}}]\n  {what}\n"
        ))
        .evidence("of envoy.resource_monitors.fixed_heap are used")
        .client(async move |site: &mut Site| {
            let looked = async || site.stat(&format!("overload.{heap}.pressure")).await > 0;
            assert!(eventually(Duration::from_secs(5), looked).await);
            // The workers hear of it at the same moment.
            Seen::Answer(exchange(site.address, &Request::get("/")).await)
        })
}

/// As many requests run or wait as may.
fn breaker(reason: Reason, thresholds: &str, most: usize) -> Case {
    let slow = Script::by(|request| match request.path() {
        "/slow" => Answer::from(Reply::ok("slow")).after(Duration::from_millis(600)),
        _ => Reply::ok("").into(),
    });
    Case::of(reason).cluster(format!("circuit_breakers: {{thresholds: [{thresholds}]}}")).plays(slow).client(
        async move |site: &mut Site| {
            let mut running = Vec::new();
            for _ in 0..most {
                let mut one = open(site).await;
                one.send(&Request::get("/slow")).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                running.push(one);
            }
            let seen = exchange(site.address, &Request::get("/")).await;
            for mut one in running {
                assert_eq!(one.response("GET").await.unwrap().status, 200);
            }
            Seen::Answer(seen)
        },
    )
}
