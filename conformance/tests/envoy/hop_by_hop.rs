//! Header fields that are for one connection only.

use serde_json::Value;

use causeway_conformance::{Case, Reply, Request};

pub(crate) fn cases() -> Vec<Case> {
    [of_clients(), added(), lengths()].into_iter().flatten().collect()
}

/// What the proxy adds itself, beside what a client says of its connection.
fn added() -> Vec<Case> {
    vec![
        Case::new("what_the_proxy_adds_is_not_the_clients_to_remove")
            .hcm("use_remote_address: true\nappend_x_forwarded_port: true\nvia: edge")
            .routes(
                "
                - match: {prefix: /}
                  request_headers_to_add: [{header: {key: x-tenant, value: mine}}]
                  route: {cluster: app, prefix_rewrite: /new/}",
            )
            .send(
                Request::get("/old")
                    .header("Connection", "x-tenant, x-forwarded-port, via, x-request-id, x-envoy-original-path")
                    .header("X-Tenant", "theirs"),
            )
            .send(Request::get("/old").header("Connection", "x-envoy-external-address, x-envoy-expected-rq-timeout-ms")),
        Case::new("they_are_gone_before_anything_looks_at_them")
            .routes(
                "
                - match: {prefix: /, headers: [{name: connection, present_match: true}]}
                  direct_response: {status: 200, body: {inline_string: connection}}
                - match: {prefix: /, headers: [{name: keep-alive, present_match: true}]}
                  direct_response: {status: 200, body: {inline_string: keep-alive}}
                - match: {prefix: /, headers: [{name: upgrade, present_match: true}]}
                  direct_response: {status: 200, body: {inline_string: upgrade}}
                - match: {prefix: /, headers: [{name: te, string_match: {contains: gzip}}]}
                  direct_response: {status: 200, body: {inline_string: te}}
                - match: {prefix: /, headers: [{name: transfer-encoding, present_match: true}]}
                  direct_response: {status: 200, body: {inline_string: transfer-encoding}}
                - match: {prefix: /, headers: [{name: x-named, present_match: true}]}
                  direct_response: {status: 200, body: {inline_string: named}}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .send(Request::get("/").header("Connection", "keep-alive").header("Keep-Alive", "5"))
            .send(Request::get("/").header("Connection", "X-Named").header("X-Named", "1"))
            .send(Request::get("/").header("Upgrade", "foo"))
            .send(Request::get("/").header("TE", "gzip"))
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\n\r\n"),
        Case::new("those_that_the_route_adds_go_on_in_requests_only")
            .routes(
                "
                - match: {prefix: /}
                  request_headers_to_add:
                  - {header: {key: connection, value: v}}
                  - {header: {key: keep-alive, value: v}}
                  - {header: {key: te, value: v}}
                  - {header: {key: upgrade, value: v}}
                  response_headers_to_add:
                  - {header: {key: connection, value: v}}
                  - {header: {key: proxy-connection, value: v}}
                  - {header: {key: upgrade, value: v}}
                  - {header: {key: keep-alive, value: v}}
                  - {header: {key: transfer-encoding, value: chunked}}
                  route: {cluster: app}",
            )
            .get("/")
            .send(Request::post("/", "body")),
    ]
}

/// A length that is not the body's own would have the next reader find another request behind it.
fn lengths() -> Vec<Case> {
    let with = |name: &'static str, fields: &str| {
        Case::new(name).routes(&format!("- match: {{prefix: /}}\n  {fields}\n  route: {{cluster: app}}"))
    };
    let smuggled = "abcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    vec![
        with("a_length_that_is_removed_becomes_chunks", "request_headers_to_remove: [content-length]")
            .on_one_connection([Request::post("/", smuggled), Request::get("/")])
            .asked("app"),
        with("a_length_that_is_added_to_nothing", "request_headers_to_add: [{header: {key: content-length, value: '3'}, append_action: ADD_IF_ABSENT}]")
            .send(Request::post("/", "abc"))
            .asked("app"),
        with(
            "a_length_that_is_not_the_bodys",
            "request_headers_to_add: [{header: {key: content-length, value: '2'}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]",
        )
        .send(Request::post("/", "abc"))
        .differs("D-300", &["1 POST /", "body", "headers", "content-length"], Value::Null)
        .differs("D-300", &["1 POST /", "body", "headers", "transfer-encoding"], "chunked")
        .differs("D-300", &["1 POST /", "body", "body"], "abc")
        .differs("D-300", &["1 POST /", "headers", "content-length"], "252")
        .without_log()
        .asked("app"),
        with(
            "a_length_of_a_response_that_is_removed_becomes_chunks",
            "response_headers_to_remove: [content-length]",
        )
        .on_one_connection([Request::get("/"), Request::get("/")]),
    ]
}

fn of_clients() -> Vec<Case> {
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
