//! Header fields that the configuration adds, changes and removes.

use causeway_conformance::{Case, Reply, Request, Script};

use crate::http2::HTTP2;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("every_append_action_on_requests")
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-append, value: new}, append_action: APPEND_IF_EXISTS_OR_ADD}
                  - {header: {key: x-absent, value: new}, append_action: ADD_IF_ABSENT}
                  - {header: {key: x-over, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-only, value: new}, append_action: OVERWRITE_IF_EXISTS}
                  - {header: {key: x-default, value: new}}",
            )
            .get("/")
            .send(
                Request::get("/")
                    .header("x-append", "old")
                    .header("x-absent", "old")
                    .header("x-over", "old")
                    .header("x-over", "older")
                    .header("x-only", "old")
                    .header("x-default", "old"),
            ),
        Case::new("every_append_action_on_responses")
            .backend(
                "app",
                Reply::ok("x")
                    .header("x-append", "old")
                    .header("x-absent", "old")
                    .header("x-over", "old")
                    .header("x-over", "older")
                    .header("x-only", "old"),
            )
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  response_headers_to_add:
                  - {header: {key: x-append, value: new}, append_action: APPEND_IF_EXISTS_OR_ADD}
                  - {header: {key: x-absent, value: new}, append_action: ADD_IF_ABSENT}
                  - {header: {key: x-over, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-only, value: new}, append_action: OVERWRITE_IF_EXISTS}
                  - {header: {key: x-missing, value: new}, append_action: OVERWRITE_IF_EXISTS}
                  - {header: {key: x-first, value: new}, append_action: ADD_IF_ABSENT}",
            )
            .get("/"),
        Case::new("the_deprecated_append_flag")
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-a, value: new}, append: false}
                  - {header: {key: x-b, value: new}, append: true}",
            )
            .send(Request::get("/").header("x-a", "old").header("x-b", "old")),
        Case::new("levels_go_from_route_to_table")
            .route_config(
                "
                request_headers_to_add: [{header: {key: x-level, value: table}}]
                response_headers_to_add: [{header: {key: x-level, value: table}}]
                request_headers_to_remove: [x-gone]",
            )
            .virtual_host(
                "
                request_headers_to_add: [{header: {key: x-level, value: vhost}}]
                response_headers_to_add: [{header: {key: x-level, value: vhost}}]
                response_headers_to_remove: [x-from-app]",
            )
            .backend("app", Reply::echo().header("x-from-app", "1"))
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add: [{header: {key: x-level, value: route}}]
                  response_headers_to_add: [{header: {key: x-level, value: route}}]",
            )
            .send(Request::get("/").header("x-gone", "1")),
        Case::new("the_most_specific_level_can_win")
            .route_config(
                "
                most_specific_header_mutations_wins: true
                request_headers_to_add:
                - {header: {key: x-level, value: table}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                response_headers_to_add:
                - {header: {key: x-level, value: table}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}",
            )
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-level, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  response_headers_to_add:
                  - {header: {key: x-level, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}",
            )
            .get("/"),
        Case::new("the_least_specific_level_wins_by_default")
            .route_config(
                "
                request_headers_to_add:
                - {header: {key: x-level, value: table}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}",
            )
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-level, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}",
            )
            .get("/"),
        Case::new("removal_ignores_case_and_takes_all_of_a_name")
            .backend("app", Reply::echo().header("X-Out", "1").header("x-out", "2").header("x-stays", "3"))
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_remove: [X-In, user-agent]
                  response_headers_to_remove: [X-OUT]",
            )
            .send(Request::get("/").header("X-IN", "1").header("x-in", "2").header("User-Agent", "u").header("X-Ok", "3")),
        Case::new("operators_in_request_headers")
            .routes(
                r#"
                - match: {prefix: /}
                  name: the-route
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-protocol, value: "%PROTOCOL%"}}
                  - {header: {key: x-peer, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}
                  - {header: {key: x-peer-port, value: "%DOWNSTREAM_REMOTE_ADDRESS%"}}
                  - {header: {key: x-local, value: "%DOWNSTREAM_LOCAL_ADDRESS%"}}
                  - {header: {key: x-local-port, value: "%DOWNSTREAM_LOCAL_PORT%"}}
                  - {header: {key: x-method, value: "%REQ(:METHOD)%"}}
                  - {header: {key: x-path, value: "<%REQ(:PATH)%>"}}
                  - {header: {key: x-alt, value: "%REQ(X-NONE?X-SOME)%"}}
                  - {header: {key: x-short, value: "%REQ(X-SOME):3%"}}
                  - {header: {key: x-percent, value: "100%%"}}
                  - {header: {key: x-route, value: "%ROUTE_NAME%"}}
                  - {header: {key: x-vhost, value: "%VIRTUAL_CLUSTER_NAME%"}}
                  - {header: {key: x-year, value: "%START_TIME(%Y-%m-%dT%H:%M:%SZ)%"}}
                  - {header: {key: x-missing, value: "%REQ(X-NONE)%"}}"#,
            )
            .send(Request::get("/p?q=1").header("X-Some", "abcdef")),
        Case::new("operators_in_response_headers")
            .backend("app", Reply::status(201).header("x-own", "o").body("x"))
            .routes(
                r#"
                - match: {prefix: /}
                  name: the-route
                  route: {cluster: app}
                  response_headers_to_add:
                  - {header: {key: x-code, value: "%RESPONSE_CODE%"}}
                  - {header: {key: x-details, value: "%RESPONSE_CODE_DETAILS%"}}
                  - {header: {key: x-flags, value: "%RESPONSE_FLAGS%"}}
                  - {header: {key: x-cluster, value: "%UPSTREAM_CLUSTER%"}}
                  - {header: {key: x-host, value: "%UPSTREAM_HOST%"}}
                  - {header: {key: x-upstream, value: "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}
                  - {header: {key: x-route, value: "%ROUTE_NAME%"}}
                  - {header: {key: x-copy, value: "%RESP(X-OWN)%"}}
                  - {header: {key: x-asked, value: "%REQ(X-ASK)%"}}
                  - {header: {key: x-missing, value: "%RESP(X-NONE)%"}}"#,
            )
            .send(Request::get("/").header("x-ask", "a")),
        Case::new("all_fields_of_a_level_are_made_of_what_was_there_before")
            .backend("app", Reply::echo().header("x-gone", "g").header("x-res", "1"))
            .routes(
                r#"
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_remove: [x-gone]
                  request_headers_to_add:
                  - {header: {key: x-a, value: "1"}}
                  - {header: {key: x-b, value: "%REQ(x-a)%"}}
                  - {header: {key: x-c, value: "1"}, append_action: ADD_IF_ABSENT}
                  - {header: {key: x-c, value: "2"}, append_action: ADD_IF_ABSENT}
                  - {header: {key: x-d, value: add}}
                  - {header: {key: x-d, value: over}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-e, value: add}}
                  - {header: {key: x-e, value: over}, append_action: OVERWRITE_IF_EXISTS}
                  - {header: {key: x-f, value: over1}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-f, value: over2}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-g, value: "<%REQ(x-gone)%>"}}
                  - {header: {key: x-old, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: user-agent, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  response_headers_to_remove: [x-gone]
                  response_headers_to_add:
                  - {header: {key: x-a, value: "1"}}
                  - {header: {key: x-b, value: "%RESP(x-a)%"}}
                  - {header: {key: x-d, value: add}}
                  - {header: {key: x-d, value: over}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-g, value: "<%RESP(x-gone)%>"}}
                  - {header: {key: x-res, value: "%RESP(x-res)%2"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}"#,
            )
            .send_in_order(
                Request::get("/")
                    .header("x-gone", "1")
                    .header("x-old", "old")
                    .header("user-agent", "old")
                    .header("x-last", "1"),
            ),
        Case::new("what_is_added_to_a_list_stays_one_field")
            .backend("app", Reply::echo().header("vary", "a").header("location", "/l").header("x-own", "1"))
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: user-agent, value: new}}
                  - {header: {key: accept, value: b/c}}
                  - {header: {key: via, value: v2}}
                  - {header: {key: cookie, value: c2}}
                  - {header: {key: x-envoy-original-url, value: u1}}
                  - {header: {key: x-envoy-original-url, value: u2}}
                  - {header: {key: etag, value: e1}}
                  - {header: {key: etag, value: e2}}
                  response_headers_to_add:
                  - {header: {key: vary, value: b}}
                  - {header: {key: location, value: /m}}
                  - {header: {key: etag, value: e1}}
                  - {header: {key: etag, value: e2}}
                  - {header: {key: set-cookie, value: s1}}
                  - {header: {key: set-cookie, value: s2}}
                  - {header: {key: accept, value: a1}}
                  - {header: {key: accept, value: a2}}",
            )
            .send(
                Request::get("/")
                    .header("user-agent", "old")
                    .header("accept", "t/a")
                    .header("via", "v1")
                    .header("cookie", "c1"),
            ),
        Case::new("raw_values_are_not_looked_at")
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-raw, raw_value: aGVsbG8=}}
                  - {header: {key: x-kept, raw_value: /yBh}, keep_empty_value: true}
                  response_headers_to_add: [{header: {key: x-raw, raw_value: aGVsbG8=}}]",
            )
            .get("/"),
        Case::new("an_empty_value_is_kept_only_if_asked")
            .routes(
                r#"
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-empty, value: ""}}
                  - {header: {key: x-kept, value: ""}, keep_empty_value: true}
                  - {header: {key: x-dash, value: "%REQ(X-NONE)%"}, keep_empty_value: true}"#,
            )
            .get("/"),
        Case::new("local_replies_get_the_response_headers_too")
            .dead("app")
            .route_config("response_headers_to_add: [{header: {key: x-table, value: t}}]")
            .routes(
                "
                - match: {prefix: /a}
                  route: {cluster: app}
                  response_headers_to_add: [{header: {key: x-route, value: r}}]",
            )
            .get("/a")
            .get("/nothing"),
        Case::new("the_header_mutation_filter")
            .filters(
                r#"
                - name: mutate
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                    mutations:
                      request_mutations:
                      - append: {header: {key: x-filter, value: f}, append_action: APPEND_IF_EXISTS_OR_ADD}
                      - remove: x-drop
                      response_mutations:
                      - append: {header: {key: x-back, value: b}, append_action: APPEND_IF_EXISTS_OR_ADD}"#,
            )
            .send(Request::get("/").header("x-drop", "1").header("x-filter", "own")),
        Case::new("order_is_that_of_the_client_then_what_was_added")
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add:
                  - {header: {key: x-added, value: '1'}}
                  - {header: {key: x-second, value: '2'}}",
            )
            .backend("app", Reply::echo().header("z-first", "1").header("a-second", "2"))
            .send_in_order(
                Request::get("/").header("Z-Own", "1").header("Accept", "*/*").header("A-Own", "2").header("Z-Own", "3"),
            ),
        Case::new("names_can_keep_their_case")
            .hcm(
                r#"
                http_protocol_options:
                  header_key_format:
                    stateful_formatter:
                      name: preserve_case
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"#,
            )
            .backend("app", Reply::echo().header("X-Mixed-CASE", "1"))
            .cluster(
                "app",
                r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    explicit_http_config:
                      http_protocol_options:
                        header_key_format:
                          stateful_formatter:
                            name: preserve_case
                            typed_config:
                              "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"#,
            )
            .send(Request::get("/").header("X-My-HEADER", "1").header("x-lower", "2")),
        Case::new("repeated_fields_of_requests_are_joined")
            .hcm(
                "
                use_remote_address: true
                skip_xff_append: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}
                forward_client_cert_details: ALWAYS_FORWARD_ONLY",
            )
            .send(repeated(&[
                "x-forwarded-client-cert",
                "if-range",
                "if-unmodified-since",
                "access-control-request-private-network",
                "x-envoy-external-address",
                "x-envoy-ip-tags",
                "x-envoy-original-host",
                "x-envoy-original-url",
                "x-envoy-is-timeout-retry",
                "x-envoy-upstream-alt-stat-name",
                "x-envoy-downstream-service-node",
                "accept",
                "accept-language",
                "forwarded",
                "range",
            ])),
        Case::new("repeated_fields_of_responses_are_joined")
            .hcm("server_header_transformation: PASS_THROUGH")
            .backend("app", repetitive())
            .backend("second", Script::from(repetitive()).http2())
            .cluster("second", HTTP2)
            .routes("- {match: {prefix: /2}, route: {cluster: second}}\n- {match: {prefix: /}, route: {cluster: app}}")
            .get("/1")
            .get("/2"),
        Case::new("a_server_that_is_there_stays")
            .hcm("server_header_transformation: APPEND_IF_ABSENT")
            .backend("app", Reply::ok("x").header("Server", "a").header("server", "b"))
            .get("/"),
        Case::new("names_can_be_made_proper")
            .hcm("http_protocol_options: {header_key_format: {proper_case_words: {}}}")
            .backend("app", Reply::ok("x").header("x-my-HEADER", "1").header("etag", "2").header("x_under-score", "3"))
            .get("/"),
    ]
}

/// A request that has each field twice, with others between.
fn repeated(names: &[&str]) -> Request {
    let once = |request: Request, value: &str| {
        names.iter().fold(request, |request, name| request.header(name, value))
    };
    once(once(Request::get("/"), "1"), "2")
}

/// An answer with fields that stand twice, of which some are joined.
fn repetitive() -> Reply {
    let names = [
        "server",
        "x-envoy-ratelimited",
        "x-envoy-upstream-canary",
        "x-envoy-upstream-healthchecked-cluster",
        "access-control-allow-private-network",
        "etag",
        "vary",
        "via",
        "set-cookie",
        "link",
        "x-own",
    ];
    let once = |reply: Reply, value: &str| names.iter().fold(reply, |reply, name| reply.header(name, value));
    once(once(Reply::ok("x"), "1"), "2")
}
