//! Connections that are passed on, or not let through.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Act, Answer, End, Script, eventually};

use crate::case::{Case, Seen, open};
use crate::limits::overload;
use crate::site::Site;

const FILTER: &str = "type.googleapis.com/envoy.extensions.filters.network";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        refused_second(
            Reason::ConnectionLimit,
            &format!(
                "- name: limit\n  typed_config:\n    \"@type\": {FILTER}.connection_limit.v3.ConnectionLimit\n    \
                 stat_prefix: one\n    max_connections: 1\n"
            ),
        )
        .evidence("connection_limit one: 1 connections are open"),
        refused_second(
            Reason::ConnectionRateLimited,
            &format!(
                "- name: rate\n  typed_config:\n    \"@type\": {FILTER}.local_ratelimit.v3.LocalRateLimit\n    \
                 stat_prefix: one\n    token_bucket: {{max_tokens: 1, fill_interval: 60s}}\n"
            ),
        )
        .evidence("local_ratelimit one: at most 1 connections at once"),
        overload(
            Reason::OverloadedConnection,
            "loadshed_points: [{name: envoy.load_shed_points.tcp_proxy_upstream_connect, triggers: [TRIGGER]}]",
        )
        .tcp("cluster: app")
        .client(async |site: &mut Site| {
            let pressure = "overload.envoy.resource_monitors.fixed_heap.pressure";
            assert!(eventually(Duration::from_secs(5), async || site.stat(pressure).await > 0).await);
            closed(End::Fin)(site).await
        }),
        Case::of(Reason::TcpIdleTimeout)
            .tcp("cluster: app\nidle_timeout: 0.2s")
            .plays(greets(Answer::raw("hello").then(Act::EchoBytes)))
            .evidence("nothing moved for 200ms; 0 bytes had come from the client and 5 had gone to it")
            .client(closed(End::Fin)),
        Case::of(Reason::TcpMaxDuration)
            .tcp("cluster: app\nmax_downstream_connection_duration: 0.2s")
            .plays(greets(Answer::raw("hello").then(Act::EchoBytes)))
            .evidence("max_downstream_connection_duration is 200ms")
            .client(closed(End::Fin)),
        Case::of(Reason::TcpUpstreamReset)
            .tcp("cluster: app")
            .plays(greets(Answer::raw("hello").then_pause(Duration::from_millis(100)).then_reset()))
            .evidence("5 had gone to it")
            .client(closed(End::Reset)),
        Case::of(Reason::TcpClientReset)
            .tcp("cluster: app")
            .plays(greets(Answer::raw("hello").then(Act::EchoBytes)))
            .evidence("2 bytes had come from the client and 7 had gone to it")
            .client(async |site: &mut Site| {
                let mut client = open(site).await;
                client.write("me").await;
                assert_eq!(client.read(7).await.len(), 7);
                client.reset();
                Seen::Nothing
            }),
    ]
}

/// A back-end that does this with each connection.
fn greets(answer: Answer) -> Script {
    Script::echo().greeting(answer)
}

/// The client says nothing, and its connection ends like that.
fn closed(how: End) -> impl AsyncFnOnce(&mut Site) -> Seen + 'static {
    async move |site: &mut Site| {
        let mut client = open(site).await;
        let (_, end) = client.rest(Duration::from_secs(5)).await;
        assert_eq!(end, how);
        Seen::Nothing
    }
}

/// The first connection is let through, the second is not.
fn refused_second(reason: Reason, gate: &str) -> Case {
    let case = Case::of(reason).tcp("cluster: app").gate(gate);
    case.plays(greets(Answer::raw("hello").then(Act::EchoBytes))).client(async |site: &mut Site| {
        let mut first = open(site).await;
        assert_eq!(first.read(5).await, b"hello");
        let seen = closed(End::Fin)(site).await;
        first.finish().await;
        assert_eq!(first.end(Duration::from_secs(5)).await, End::Fin);
        seen
    })
}
