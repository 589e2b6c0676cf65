//! What a header says.

use causeway_conformance::{Case, Reply, Request, Run, Script, exchange};

use super::{BY_HEADER, NAME, STATS, Wanted, all, case, routed, two};

/// An echo, so that it is seen what a back-end gets.
fn echo(name: &'static str) -> Case {
    Case::new(name).endpoint("a", Script::echo()).endpoint("b", Reply::ok("b"))
}

/// A header of this name is set to the address of `b`.
const SET: &str = "[{header: {key: x-envoy-original-dst-host, value: '127.0.0.1:{{b}}'}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]";

pub(super) fn cases() -> Vec<Case> {
    [values(), names(), ways()].into_iter().flatten().collect()
}

fn values() -> Vec<Case> {
    vec![
        case("a_header_says_where_a_request_goes", BY_HEADER)
            .to(NAME, &["127.0.0.1:{{a}}", "127.0.0.1:{{b}}", "127.0.0.1:{{a}}"])
            .stats(STATS)
            .clusters("asked"),
        case("without_the_header_there_is_no_host", BY_HEADER).get("/").stats(STATS).clusters("asked"),
        case("headers_that_are_no_address", BY_HEADER)
            .to(
                NAME,
                &[
                    "",
                    "localhost:{{a}}",
                    "127.0.0.1",
                    "127.0.0.1:",
                    "127.0.0.1:65536",
                    "127.0.0.1:-1",
                    "127.0.0.1:{{a}}x",
                    "127.0.0.1:{{a}}, 127.0.0.1:{{b}}",
                    "0127.0.0.1:{{a}}",
                    "127.1:{{a}}",
                    "::1:{{a}}",
                    "[::1]",
                    "[::1]:x",
                    "[127.0.0.1]:{{a}}",
                    "/tmp/a.sock",
                ],
            )
            .stats(STATS),
        case("odd_ways_to_write_an_address", BY_HEADER)
            .to(
                NAME,
                &["127.0.0.1:+{{a}}", "127.0.0.1: {{a}}", "127.0.0.1:0{{a}}", "[::ffff:127.0.0.1]:{{a}}"],
            )
            .stats(STATS),
        case("destinations_that_are_not_there", BY_HEADER)
            .to(NAME, &["127.0.0.1:0", "[::1]:{{a}}", "127.0.0.2:{{a}}"])
            .stats(STATS),
        case("an_address_with_an_interface", BY_HEADER)
            .without_log()
            .to(NAME, &["[fe80::1%lo]:{{a}}"])
            .differs("D-210", &["1 to \"[fe80::1%lo]:{{a}}\"", "body"], "no healthy upstream")
            .differs("D-210", &["1 to \"[fe80::1%lo]:{{a}}\"", "headers", "content-length"], "19"),
        case("the_first_of_several_headers_counts", BY_HEADER).step(async |run: &mut Run| {
            for first in ["127.0.0.1:{{a}}", "x"] {
                let request = Request::get("/")
                    .header(NAME, &run.fill(first))
                    .header(NAME, &run.fill("127.0.0.1:{{b}}"));
                let result = exchange(run.listener(), &request).await;
                run.note_response(format!("{first} and another"), &result);
            }
        }),
    ]
}

fn names() -> Vec<Case> {
    let by =
        |name: &str| format!("original_dst_lb_config: {{use_http_header: true, http_header_name: '{name}'}}");
    vec![
        case("another_header_may_say_it", &by("X-Where"))
            .to("x-where", &["127.0.0.1:{{a}}"])
            .to(NAME, &["127.0.0.1:{{b}}"]),
        case("the_host_may_say_it", &by(":authority"))
            .raw("GET / HTTP/1.1\r\nhost: 127.0.0.1:{{a}}\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nhost: test\r\n\r\n"),
        case("the_host_may_say_it_by_its_old_name", &by("host"))
            .raw("GET / HTTP/1.1\r\nhost: 127.0.0.1:{{a}}\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nhost: test\r\n\r\n"),
        case("a_path_says_nothing", &by(":path")).get("/").get("*").stats(STATS),
        case("a_name_that_no_header_has", &by("a b")).get("/").stats(STATS),
        case("no_header_is_looked_at_unless_it_is_said", "").to(NAME, &["127.0.0.1:{{a}}"]).stats(STATS),
        case(
            "the_port_may_be_another",
            "original_dst_lb_config: {use_http_header: true, upstream_port_override: {{b}}}",
        )
        .to(NAME, &["127.0.0.1:{{a}}", "127.0.0.1:1"])
        .clusters("asked"),
        two("the_extension_has_its_own_fields")
            .more_clusters(
                "
                - name: own
                  connect_timeout: 1s
                  lb_policy: CLUSTER_PROVIDED
                  original_dst_lb_config: {use_http_header: true}
                  cluster_type:
                    name: envoy.cluster.original_dst
                    typed_config:
                      '@type': type.googleapis.com/envoy.extensions.clusters.original_dst.v3.OriginalDstCluster
                      use_http_header: true
                      http_header_name: x-where
                - name: bare
                  connect_timeout: 1s
                  lb_policy: CLUSTER_PROVIDED
                  original_dst_lb_config: {use_http_header: true}
                  cluster_type: {name: envoy.cluster.original_dst}",
            )
            .routes(
                "
                - match: {prefix: /, headers: [{name: bare, present_match: true}]}
                  route: {cluster: bare}
                - match: {prefix: /}
                  route: {cluster: own}",
            )
            .to("x-where", &["127.0.0.1:{{a}}"])
            .to(NAME, &["127.0.0.1:{{b}}"])
            .step(async |run: &mut Run| {
                let request = Request::get("/").header("bare", "1").header(NAME, &run.fill("127.0.0.1:{{a}}"));
                let result = exchange(run.listener(), &request).await;
                run.note_response("without fields", &result);
            }),
    ]
}

/// What happens to such requests beside their choice of a host.
fn ways() -> Vec<Case> {
    let previous = "{name: p, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}";
    vec![
        all(echo("the_back_end_gets_the_header"), BY_HEADER).to(NAME, &["127.0.0.1:{{a}}"]),
        all(echo("the_back_end_gets_the_header_from_outside"), BY_HEADER)
            .hcm("use_remote_address: true")
            .to(NAME, &["127.0.0.1:{{a}}"]),
        routed(
            echo("the_name_of_a_host_is_made_of_cluster_and_address"),
            BY_HEADER,
            "  route: {cluster: asked, auto_host_rewrite: true}",
        )
        .to(NAME, &["127.0.0.1:{{a}}"]),
        routed(
            two("what_the_route_adds_is_in_time"),
            BY_HEADER,
            &format!("  request_headers_to_add: {SET}\n  route: {{cluster: asked}}"),
        )
        .get("/")
        .to(NAME, &["127.0.0.1:{{a}}"]),
        routed(
            Case::new("what_the_route_adds_holds_for_each_attempt")
                .endpoint("a", Reply::ok("a"))
                .endpoint("b", Reply::status(503).body("b")),
            BY_HEADER,
            &format!("  request_headers_to_add: {SET}\n  route: {{cluster: asked, retry_policy: {{retry_on: 5xx}}}}"),
        )
        .to(NAME, &["127.0.0.1:{{a}}"])
        .asked("a")
        .asked("b")
        .stats(STATS),
        routed(
            two("what_the_route_takes_off_says_nothing"),
            BY_HEADER,
            "  request_headers_to_remove: [x-envoy-original-dst-host]\n  route: {cluster: asked}",
        )
        .to(NAME, &["127.0.0.1:{{a}}"])
        .stats(STATS),
        case("what_a_filter_adds_is_in_time", BY_HEADER)
            .filters(&format!("- name: m\n  typed_config:\n    '@type': type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation\n    mutations: {{request_mutations: [{{append: {}}}]}}", &SET[1..SET.len() - 1]))
            .to(NAME, &["127.0.0.1:{{a}}"]),
        routed(
            two("there_is_no_other_host_for_the_next_attempt").dead("gone"),
            BY_HEADER,
            &format!("  route: {{cluster: asked, retry_policy: {{retry_on: connect-failure, num_retries: 2, retry_host_predicate: [{previous}]}}}}"),
        )
        .to(NAME, &["127.0.0.1:{{gone}}"])
        .stats(STATS)
        .clusters("asked"),
        case("what_logs_show", BY_HEADER)
            .log("log_format: {text_format_source: {inline_string: \"%UPSTREAM_HOST% %UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT% %UPSTREAM_CLUSTER% %UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_HOSTS_ATTEMPTED% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\\n\"}}")
            .to(NAME, &["127.0.0.1:{{a}}", "x"]),
        Case::new("copies_go_where_the_request_says")
            .backend("app", Reply::ok("app"))
            .endpoint("a", Reply::ok("a"))
            .more_clusters(&super::original(BY_HEADER))
            .routes("- match: {prefix: /}\n  route: {cluster: app, request_mirror_policies: [{cluster: asked}]}")
            .to(NAME, &["127.0.0.1:{{a}}"])
            .get("/")
            .stats(STATS)
            .asked("a"),
    ]
}
