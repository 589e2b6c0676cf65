//! Header fields that are for one connection only.

use serde_json::Value;

use causeway_conformance::{Case, Reply, Request};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("they_do_not_reach_the_upstream")
            .send(
                Request::get("/")
                    .header("Connection", "keep-alive, X-Mine")
                    .header("Keep-Alive", "timeout=5")
                    .header("Proxy-Connection", "keep-alive")
                    .header("X-Mine", "1")
                    .header("Proxy-Authorization", "Basic eA==")
                    .header("Proxy-Authenticate", "Basic"),
            )
            .send(Request::get("/").header("TE", "trailers"))
            .send(Request::get("/").header("TE", "gzip, trailers").header("Connection", "TE"))
            .send(Request::get("/").header("TE", "gzip")),
        Case::new("they_do_not_reach_the_client")
            .differs("D-07", &["1 GET /", "headers", "x-mine"], Value::Null)
            .backend(
                "app",
                Reply::ok("x")
                    .header("Connection", "keep-alive, X-Mine")
                    .header("Keep-Alive", "timeout=5")
                    .header("X-Mine", "1")
                    .header("Proxy-Connection", "keep-alive")
                    .header("Proxy-Authenticate", "Basic")
                    .header("Upgrade", "h2c"),
            )
            .get("/"),
        Case::new("connection_may_not_name_what_matters")
            .hcm("use_remote_address: true")
            .send(Request::get("/").header("Connection", "X-Forwarded-For"))
            .send(Request::get("/").header("Connection", "X-Forwarded-Host").header("X-Forwarded-Host", "a"))
            .send(Request::get("/").header("Connection", "Host"))
            .send(Request::get("/").header("Connection", "Cookie").header("Cookie", "a=b"))
            .send(Request::get("/").header("Connection", "close, X-A").header("X-A", "1")),
        Case::new("upgrade_to_http_2_is_not_taken")
            .send(
                Request::get("/")
                    .header("Connection", "Upgrade, HTTP2-Settings")
                    .header("Upgrade", "h2c")
                    .header("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            )
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "foo"))
            .send(Request::get("/").header("Upgrade", "foo")),
        Case::new("names_with_underscores_pass_by_default")
            .send(Request::get("/").header("x_under", "1").header("x-dash", "2")),
        Case::new("names_with_underscores_can_be_refused")
            .hcm("common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}")
            .send(Request::get("/").header("x_under", "1"))
            .get("/")
            .stats(&["http1.requests_rejected_with_underscores_in_headers"]),
        Case::new("names_with_underscores_can_be_dropped")
            .hcm("common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER}")
            .send(Request::get("/").header("x_under", "1").header("x-dash", "2"))
            .stats(&["http1.dropped_headers_with_underscores"]),
        Case::new("repeated_fields_stay_apart")
            .backend(
                "app",
                Reply::echo()
                    .header("set-cookie", "a=1")
                    .header("set-cookie", "b=2")
                    .header("vary", "x")
                    .header("vary", "y"),
            )
            .send(
                Request::get("/")
                    .header("Cookie", "a=1")
                    .header("Cookie", "b=2")
                    .header("Accept", "x")
                    .header("Accept", "y")
                    .header("X-Empty", ""),
            ),
    ]
}
