//! What the proxy says about the client to the upstream, and what it believes.

use causeway_conformance::{Case, Reply, Request, Run};

pub(crate) fn cases() -> Vec<Case> {
    [addresses(), ids(), schemes(), others()].into_iter().flatten().collect()
}

/// What it was asked with: `https` or not.
fn schemes() -> Vec<Case> {
    let asked = "{scheme: '%REQ(:SCHEME)%'}";
    let case = |name: &'static str, hcm: &str| {
        Case::new(name).hcm(hcm).routes(&format!(
            "- match: {{prefix: /}}\n  direct_response: {{status: 200, body_format: {{json_format: {asked}}}}}"
        ))
    };
    let ask = |case: Case| {
        case.get("/")
            .get("http://a/")
            .get("https://a/")
            .send(Request::get("/").header("x-forwarded-proto", "https"))
            .send(Request::get("/").header("x-forwarded-proto", "HTTPS"))
            .send(Request::get("/").header("x-forwarded-proto", "wss"))
            .send(Request::get("http://a/").header("x-forwarded-proto", "https"))
            .send(Request::get("https://a/").header("x-forwarded-proto", "http"))
    };
    vec![
        ask(case("the_scheme_of_a_url_goes_before_what_a_proxy_says", "")),
        ask(case("https_is_not_asked_for_where_nobody_ends_it", "use_remote_address: true")),
        ask(case("a_proxy_in_front_may_end_tls", "use_remote_address: true\nxff_num_trusted_hops: 1")),
        ask(case("a_scheme_can_be_given", "scheme_header_transformation: {scheme_to_overwrite: https}")),
        ask(case(
            "the_scheme_of_the_back_end_comes_later",
            "scheme_header_transformation: {match_upstream: true}",
        )),
        Case::new("an_empty_scheme_is_none")
            .differs("D-360", &["1 GET /", "status"], 200)
            .differs("D-360", &["1 GET /", "reason"], "OK")
            .differs("D-360", &["1 GET /", "headers", "content-length"], "2")
            .differs("D-360", &["1 GET /", "headers", "content-type"], "text/plain")
            .differs("D-360", &["1 GET /", "body"], "ok")
            .routes("- match: {prefix: /}\n  direct_response: {status: 200, body: {inline_string: ok}}")
            .without_log()
            .send(Request::get("/").header("x-forwarded-proto", "")),
        Case::new("the_scheme_can_be_that_of_the_back_end")
            .hcm("scheme_header_transformation: {match_upstream: true}")
            .log("%REQ(:SCHEME)% %REQ(X-FORWARDED-PROTO)%")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "https")),
    ]
}

/// A request that claims as much as a client can.
fn claims() -> Request {
    Request::get("/")
        .header("X-Forwarded-For", "203.0.113.9, 198.51.100.7")
        .header("X-Forwarded-Proto", "https")
        .header("X-Request-Id", "my-own-id")
        .header("X-Envoy-Internal", "true")
        .header("X-Envoy-External-Address", "203.0.113.1")
        .header("X-Envoy-Retry-On", "5xx")
        .header("X-Envoy-Max-Retries", "5")
        .header("X-Envoy-Upstream-Rq-Timeout-Ms", "3000")
        .header("X-Envoy-Original-Path", "/evil")
        .header("X-Envoy-Decorator-Operation", "op")
        .header("X-Envoy-Force-Trace", "1")
        .header("X-Envoy-Foo", "bar")
        .header("X-Envoy-Attempt-Count", "9")
        .header("X-Envoy-Expected-Rq-Timeout-Ms", "1")
        .header("X-Forwarded-Client-Cert", "By=spiffe://x")
        .header("Forwarded", "for=1.2.3.4")
        .header("X-Real-Ip", "1.2.3.4")
}

fn addresses() -> Vec<Case> {
    vec![
        Case::new("inside_a_mesh_the_client_is_believed").get("/").send(claims()),
        Case::new("at_the_edge_the_client_is_not_believed")
            .hcm("use_remote_address: true")
            .get("/")
            .send(claims()),
        Case::new("one_trusted_hop_in_front")
            .hcm("use_remote_address: true\nxff_num_trusted_hops: 1")
            .get("/")
            .send(claims())
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9"))
            .send(Request::get("/").header("x-forwarded-for", "not an address"))
            .send(Request::get("/").header("x-forwarded-for", "2001:db8::1")),
        Case::new("trusted_hops_without_the_remote_address")
            .hcm("xff_num_trusted_hops: 1")
            .log("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%")
            .get("/")
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9, 198.51.100.7"))
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9")),
        Case::new("the_client_address_in_the_log_is_the_last_untrusted_one")
            .log("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%")
            .get("/")
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9, 198.51.100.7"))
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9, junk")),
        Case::new("an_address_that_nobody_named_is_not_internal")
            .hcm("internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-for", "junk"))
            .send(Request::get("/").header("x-forwarded-for", "127.0.0.1"))
            .send(Request::get("/").header("x-forwarded-for", "127.0.0.1, 127.0.0.1"))
            .send(Request::get("/").header("x-envoy-retry-on", "5xx")),
        Case::new("nothing_is_appended_if_that_is_asked")
            .hcm("use_remote_address: true\nskip_xff_append: true")
            .get("/")
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9")),
        Case::new("addresses_can_be_declared_internal")
            .hcm(
                "
                use_remote_address: true
                internal_address_config:
                  cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]",
            )
            .get("/")
            .send(claims()),
        Case::new("an_internal_client_behind_a_trusted_hop")
            .hcm(
                "
                internal_address_config:
                  cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]",
            )
            .send(Request::get("/").header("x-forwarded-for", "10.1.2.3"))
            .send(Request::get("/").header("x-forwarded-for", "10.1.2.3, 10.1.2.4"))
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9")),
    ]
}

fn ids() -> Vec<Case> {
    vec![
        Case::new("a_request_id_is_made_once")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let mut ids = std::collections::BTreeSet::new();
                for _ in 0..5 {
                    connection.exchange(&Request::get("/")).await.expect("an answer");
                }
                for request in run.backend("app").received() {
                    ids.insert(request.headers.get("x-request-id").expect("an id").to_owned());
                }
                let version_four = ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4');
                run.note("different ids", ids.len().into());
                run.note("all of version 4", version_four.into());
            })
            .log("%REQ(X-REQUEST-ID)%"),
        Case::new("the_id_of_an_external_client_can_be_kept")
            .hcm("use_remote_address: true\npreserve_external_request_id: true")
            .send(Request::get("/").header("x-request-id", "keep-me")),
        Case::new("the_id_can_be_told_to_the_client")
            .hcm("always_set_request_id_in_response: true")
            .send(Request::get("/").header("x-request-id", "keep-me"))
            .get("/")
            .routes(
                "
                - match: {path: /none}
                  direct_response: {status: 404}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/none"),
        Case::new("no_id_is_made_if_that_is_asked")
            .hcm("generate_request_id: false")
            .get("/")
            .send(Request::get("/").header("x-request-id", "own")),
    ]
}

fn others() -> Vec<Case> {
    vec![
        Case::new("the_scheme_can_be_overwritten")
            .hcm("scheme_header_transformation: {scheme_to_overwrite: https}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "http")),
        Case::new("via_is_appended_both_ways")
            .hcm("via: edge-1")
            .backend("app", Reply::echo().header("via", "1.1 origin"))
            .get("/")
            .send(Request::get("/").header("Via", "1.0 fred")),
        Case::new("server_is_overwritten")
            .hcm("server_name: nobody")
            .backend("app", Reply::ok("x").header("server", "origin/1"))
            .get("/"),
        Case::new("server_is_added_only_if_absent")
            .hcm("server_header_transformation: APPEND_IF_ABSENT")
            .backend("app", Reply::ok("x").header("server", "origin/1"))
            .backend("bare", Reply::ok("x"))
            .routes(
                "
                - match: {prefix: /bare}
                  route: {cluster: bare}
                - match: {path: /local}
                  direct_response: {status: 200}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/")
            .get("/bare")
            .get("/local"),
        Case::new("server_is_passed_through")
            .hcm("server_header_transformation: PASS_THROUGH")
            .backend("app", Reply::ok("x").header("server", "origin/1"))
            .backend("bare", Reply::ok("x"))
            .routes(
                "
                - match: {prefix: /bare}
                  route: {cluster: bare}
                - match: {path: /local}
                  direct_response: {status: 200}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/")
            .get("/bare")
            .get("/local"),
        Case::new("attempts_are_counted_in_headers")
            .virtual_host("include_request_attempt_count: true\ninclude_attempt_count_in_response: true")
            .get("/")
            .send(claims()),
        Case::new("envoy_headers_can_be_suppressed")
            .hcm(
                r#"
                http_filters:
                - name: router
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                    suppress_envoy_headers: true"#,
            )
            .get("/"),
        Case::new("the_original_host_can_be_passed_on")
            .routes(
                "
                - match: {prefix: /append}
                  route: {cluster: app, host_rewrite_literal: in.test, append_x_forwarded_host: true}
                - match: {prefix: /}
                  route: {cluster: app, host_rewrite_literal: in.test}",
            )
            .send(Request::get("/append").host("out.test"))
            .send(Request::get("/append").host("out.test").header("x-forwarded-host", "first.test"))
            .send(Request::get("/").host("out.test")),
        Case::new("the_original_host_is_not_passed_on_twice")
            .routes(
                "
                - match: {prefix: /same}
                  route: {cluster: app, host_rewrite_literal: out.test, append_x_forwarded_host: true}
                - match: {prefix: /}
                  route: {cluster: app, host_rewrite_literal: in.test, append_x_forwarded_host: true}",
            )
            .send(forwarded_hosts(&["out.test"]))
            .send(forwarded_hosts(&["a,out.test"]))
            .send(forwarded_hosts(&["a, out.test"]))
            .send(forwarded_hosts(&["a", "out.test"]))
            .send(forwarded_hosts(&["out.test", "a"]))
            .send(forwarded_hosts(&["out.test,"]))
            .send(forwarded_hosts(&["OUT.test"]))
            .send(forwarded_hosts(&["a.out.test"]))
            .send(forwarded_hosts(&["out.test:80"]))
            .send(forwarded_hosts(&[",,"]))
            .send(forwarded_hosts(&["", "a", ""]))
            .send(forwarded_hosts(&["", ""]))
            .send(forwarded_hosts(&[""]).host(""))
            .send(Request::get("/same").host("out.test")),
        Case::new("empty_lists_are_replaced_rather_than_extended")
            .hcm("use_remote_address: true\nvia: us")
            .backend("app", Reply::ok("x").header("via", ""))
            .send(Request::get("/").header("x-forwarded-for", "").header("via", ""))
            .send(Request::get("/").header("x-forwarded-for", "").header("x-forwarded-for", "192.0.2.1"))
            .send(Request::get("/").header("x-forwarded-for", "192.0.2.1").header("x-forwarded-for", ""))
            .send(Request::get("/").header("x-forwarded-for", ","))
            .send(Request::get("/").header("via", "1.1 a").header("via", ""))
            .send(Request::get("/").header("via", "").header("via", ""))
            .asked("app"),
        Case::new("the_order_in_which_fields_are_added")
            .hcm("use_remote_address: true\nvia: us\nadd_user_agent: true\nappend_x_forwarded_port: true")
            .send_in_order(Request::get("/"))
            .send_in_order(Request::get("/").header("via", "1.1 a").header("user-agent", "b")),
        Case::new("the_order_in_which_fields_are_added_for_an_internal_client")
            .hcm(
                "
                use_remote_address: true
                via: us
                add_user_agent: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}",
            )
            .send_in_order(Request::get("/"))
            .send_in_order(Request::get("/").header("x-envoy-downstream-service-cluster", "c")),
        Case::new("addresses_are_not_mapped")
            .hcm("use_remote_address: true\nrepresent_ipv4_remote_address_as_ipv4_mapped_ipv6: true")
            .log("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %REQ(x-forwarded-for)% %REQ(x-envoy-external-address)%")
            .get("/")
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.9")),
        Case::new("twenty_addresses_are_looked_at")
            .hcm(
                r#"
                original_ip_detection_extensions:
                - name: xff
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig
                    xff_trusted_cidrs:
                      cidrs: [{address_prefix: 127.0.0.0, prefix_len: 8}, {address_prefix: 10.0.0.0, prefix_len: 8}]"#,
            )
            .log("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
            .send(behind_proxies("192.0.2.1, ", 19))
            .send(behind_proxies("192.0.2.1, ", 20))
            .send(behind_proxies("", 20))
            .send(behind_proxies("", 21))
            .send(behind_proxies("junk, ", 19)),
        Case::new("a_date_of_the_upstream_is_kept")
            .backend("app", Reply::ok("x").header("date", "Tue, 01 Jan 2030 00:00:00 GMT").header("age", "5"))
            .step(async |run: &mut Run| {
                let response = run.connect().await.exchange(&Request::get("/")).await.expect("an answer");
                run.note("kept", response.headers.get("date").is_some_and(|d| d.contains("2030")).into());
                run.note("dates", response.headers.all("date").count().into());
            }),
    ]
}

/// A request with these lines of `x-forwarded-host`.
fn forwarded_hosts(values: &[&str]) -> Request {
    values
        .iter()
        .fold(Request::get("/").host("out.test"), |request, value| request.header("x-forwarded-host", value))
}

/// A request that came through so many trusted proxies.
fn behind_proxies(client: &str, count: usize) -> Request {
    Request::get("/").header("x-forwarded-for", &format!("{client}{}", vec!["10.0.0.1"; count].join(", ")))
}
