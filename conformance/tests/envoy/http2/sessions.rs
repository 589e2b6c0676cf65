//! Connections that many requests share.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Script};

use super::{HTTP2, case, options};

fn slow(milliseconds: u64) -> Script {
    Script::always(Answer::from(Reply::ok("late")).after(Duration::from_millis(milliseconds)))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("one_connection_is_enough", slow(300))
            .at_once(5, Request::get("/"))
            .at_once(5, Request::get("/again"))
            .connected("app")
            .stats(&["cluster.app.upstream_cx_total", "cluster.app.upstream_rq_total"])
            .sort_log(),
        Case::new("more_connections_where_streams_are_limited")
            .backend("app", slow(300).http2())
            .cluster("app", &options("max_concurrent_streams: 1", ""))
            .at_once(3, Request::get("/"))
            .connected("app")
            .at_once(3, Request::get("/again"))
            .connected("app")
            .sort_log(),
        Case::new("a_connection_for_so_many_requests")
            .backend("app", Script::echo().http2())
            .cluster("app", &options("", "max_requests_per_connection: 2"))
            .get("/1")
            .get("/2")
            .get("/3")
            .get("/4")
            .get("/5")
            .connected("app")
            .stats(&["cluster.app.upstream_cx_max_requests", "cluster.app.upstream_cx_total"]),
        Case::new("idle_connections_are_closed")
            .backend("app", Script::echo().http2())
            .cluster("app", &options("", "idle_timeout: 0.3s"))
            .get("/1")
            .pause(Duration::from_millis(700))
            .get("/2")
            .connected("app")
            .stats(&["cluster.app.upstream_cx_idle_timeout", "cluster.app.upstream_cx_destroy_local"]),
        Case::new("old_connections_are_closed")
            .backend("app", Script::echo().http2())
            .cluster("app", &options("", "max_connection_duration: 0.3s"))
            .get("/1")
            .pause(Duration::from_millis(700))
            .stats(&["cluster.app.upstream_cx_max_duration_reached", "cluster.app.upstream_cx_active"])
            .get("/2")
            .connected("app"),
        Case::new("a_request_outlives_its_connection")
            .backend("app", slow(700).http2())
            .cluster("app", &options("", "max_connection_duration: 0.3s"))
            .get("/")
            .stats(&["cluster.app.upstream_cx_max_duration_reached"]),
        Case::new("requests_beyond_the_breaker")
            .backend("app", slow(500).http2())
            .cluster("app", &format!("{HTTP2}\ncircuit_breakers: {{thresholds: [{{max_requests: 2}}]}}"))
            .at_once(4, Request::get("/"))
            .stats(&["cluster.app.upstream_rq_pending_overflow", "cluster.app.upstream_rq_active_overflow"])
            .sort_log(),
        Case::new("connections_beyond_the_breaker")
            .backend("app", slow(300).http2())
            .cluster(
                "app",
                &format!(
                    "{}\ncircuit_breakers: {{thresholds: [{{max_connections: 1}}]}}",
                    options("max_concurrent_streams: 1", "")
                ),
            )
            .at_once(3, Request::get("/"))
            .connected("app")
            .sort_log(),
        Case::new("a_request_may_take_so_long")
            .backend("app", Script::always(Answer::hang()).http2())
            .cluster("app", &options("", "max_stream_duration: 0.3s"))
            .get("/")
            .stats(&["cluster.app.upstream_rq_max_duration_reached"]),
        Case::new("pings_that_are_answered")
            .backend("app", slow(700).http2())
            .cluster("app", &options("connection_keepalive: {interval: 0.2s, timeout: 0.1s}", ""))
            .get("/")
            .stats(&["cluster.app.http2.keepalive_timeout", "cluster.app.upstream_cx_total"]),
    ]
}
