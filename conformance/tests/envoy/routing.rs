//! Which route a request takes.

use causeway_conformance::{Case, Reply, Request, Run};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [virtual_hosts(), paths(), matchers(), clusters()].into_iter().flatten().collect()
}

fn virtual_hosts() -> Vec<Case> {
    vec![
        Case::new("the_most_specific_domain_wins_whatever_the_order")
            .named(&["any", "suffix", "longer", "prefix", "exact"])
            .virtual_hosts(
                r#"
                - {name: v1, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: any}}]}
                - {name: v2, domains: ["*.b.test"], routes: [{match: {prefix: /}, route: {cluster: suffix}}]}
                - {name: v3, domains: ["*.a.b.test"], routes: [{match: {prefix: /}, route: {cluster: longer}}]}
                - {name: v4, domains: ["www.*"], routes: [{match: {prefix: /}, route: {cluster: prefix}}]}
                - {name: v5, domains: ["www.b.test"], routes: [{match: {prefix: /}, route: {cluster: exact}}]}"#,
            )
            .send(Request::get("/").host("www.b.test"))
            .send(Request::get("/").host("WWW.B.Test"))
            .send(Request::get("/").host("x.b.test"))
            .send(Request::get("/").host("x.a.b.test"))
            .send(Request::get("/").host(".b.test"))
            .send(Request::get("/").host("b.test"))
            .send(Request::get("/").host("www.c.test"))
            .send(Request::get("/").host("www.")),
        Case::new("no_domain_matches")
            .virtual_hosts(
                r#"
                - {name: v, domains: [a.test, "*.b.test"], routes: [{match: {prefix: /}, route: {cluster: app}}]}"#,
            )
            .send(Request::get("/").host("a.test"))
            .send(Request::get("/").host("c.test"))
            .send(Request::get("/").host("a.test."))
            .stats(&["http.ingress.no_route", "http.ingress.downstream_rq_4xx"]),
        Case::new("a_port_in_the_host_counts")
            .named(&["with", "without"])
            .virtual_hosts(
                r#"
                - {name: v1, domains: ["a.test:8080"], routes: [{match: {prefix: /}, route: {cluster: with}}]}
                - {name: v2, domains: ["a.test"], routes: [{match: {prefix: /}, route: {cluster: without}}]}"#,
            )
            .send(Request::get("/").host("a.test:8080"))
            .send(Request::get("/").host("a.test:80"))
            .send(Request::get("/").host("a.test")),
        Case::new("a_port_in_the_host_can_be_ignored")
            .route_config("ignore_port_in_host_matching: true")
            .virtual_hosts(
                "
                - {name: v, domains: [a.test], routes: [{match: {prefix: /}, route: {cluster: app}}]}",
            )
            .send(Request::get("/").host("a.test:8080"))
            .send(Request::get("/").host("a.test"))
            .send(Request::get("/").host("a.test:x")),
        Case::new("a_port_in_the_host_can_be_stripped")
            .hcm("strip_any_host_port: true")
            .virtual_hosts(
                "
                - {name: v, domains: [a.test, \"[::1]\"], routes: [{match: {prefix: /}, route: {cluster: app}}]}",
            )
            .send(Request::get("/").host("a.test:8080"))
            .send(Request::get("/").host("[::1]:80"))
            .send(Request::get("/").host("b.test:80")),
        Case::new("all_routes_can_require_tls")
            .virtual_host("require_tls: ALL")
            .send(Request::get("/a?b=c").host("a.test"))
            .send(Request::get("/a").host("a.test:80"))
            .send(Request::post("/a", "x").host("a.test:8080"))
            .send(Request::get("/a").header("x-forwarded-proto", "https")),
    ]
}

fn paths() -> Vec<Case> {
    vec![
        Case::new("the_first_route_that_matches_is_taken")
            .named(&["one", "two"])
            .routes(
                "
                - match: {prefix: /a}
                  route: {cluster: one}
                - match: {prefix: /a/b}
                  route: {cluster: two}
                - match: {path: /c}
                  route: {cluster: two}",
            )
            .get("/a/b")
            .get("/c")
            .get("/c/d")
            .stats(&[
                "cluster.one.upstream_rq_total",
                "cluster.two.upstream_rq_total",
                "http.ingress.no_route",
            ]),
        Case::new("a_prefix_is_of_characters_and_an_exact_path_has_no_query")
            .named(&["exact", "prefix"])
            .routes(
                "
                - match: {path: /a}
                  route: {cluster: exact}
                - match: {prefix: /a}
                  route: {cluster: prefix}",
            )
            .get("/a")
            .get("/a?x=1")
            .get("/a/")
            .get("/ab")
            .get("/A")
            .get("/a%2f"),
        Case::new("a_separated_prefix_is_of_segments")
            .named(&["app"])
            .routes("- match: {path_separated_prefix: /api/v1}\n  route: {cluster: app}")
            .get("/api/v1")
            .get("/api/v1/x")
            .get("/api/v1?x")
            .get("/api/v1x")
            .get("/api/v1/"),
        Case::new("paths_without_case")
            .named(&["exact", "prefix"])
            .routes(
                "
                - match: {path: /Exact, case_sensitive: false}
                  route: {cluster: exact}
                - match: {prefix: /Pre, case_sensitive: false}
                  route: {cluster: prefix}",
            )
            .get("/eXACT")
            .get("/pRE/x")
            .get("/exactly"),
        Case::new("a_regular_expression_matches_the_whole_path_without_the_query")
            .named(&["app"])
            .routes(
                r"
                - match: {safe_regex: {regex: '/v[0-9]+/(users|groups)/\w+'}}
                  route: {cluster: app}
                - match: {safe_regex: {google_re2: {}, regex: '/old'}}
                  route: {cluster: app}",
            )
            .get("/v1/users/a_1")
            .get("/v12/groups/x?y=/")
            .get("/v1/users/")
            .get("/x/v1/users/a")
            .get("/v1/users/a/b")
            .get("/old"),
        Case::new("a_route_with_no_path_in_common_with_the_asterisk_form")
            .named(&["app"])
            .send(Request::new("OPTIONS", "*"))
            .send(Request::new("OPTIONS", "/x"))
            .raw("GET http://b.test/path?q HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"),
    ]
}

fn matchers() -> Vec<Case> {
    vec![
        Case::new("header_matchers_of_every_kind")
            .named(&["exact", "prefix", "suffix", "contains", "regex", "present", "range", "nocase", "other"])
            .routes(
                r"
                - match: {prefix: /, headers: [{name: x-a, string_match: {exact: yes-it-is}}]}
                  route: {cluster: exact}
                - match: {prefix: /, headers: [{name: x-a, string_match: {prefix: pre}}]}
                  route: {cluster: prefix}
                - match: {prefix: /, headers: [{name: x-a, string_match: {suffix: fix}}]}
                  route: {cluster: suffix}
                - match: {prefix: /, headers: [{name: x-a, string_match: {contains: mid}}]}
                  route: {cluster: contains}
                - match: {prefix: /, headers: [{name: x-a, string_match: {safe_regex: {regex: 'r+[0-9]'}}}]}
                  route: {cluster: regex}
                - match: {prefix: /, headers: [{name: x-a, string_match: {exact: CASE, ignore_case: true}}]}
                  route: {cluster: nocase}
                - match: {prefix: /, headers: [{name: x-n, range_match: {start: -5, end: 10}}]}
                  route: {cluster: range}
                - match: {prefix: /, headers: [{name: x-p, present_match: true}]}
                  route: {cluster: present}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .send(Request::get("/exact").header("X-A", "yes-it-is"))
            .send(Request::get("/prefix").header("X-A", "prefer"))
            .send(Request::get("/suffix").header("X-A", "suffix"))
            .send(Request::get("/contains").header("X-A", "amidst"))
            .send(Request::get("/regex").header("X-A", "rrr7"))
            .send(Request::get("/regex-part").header("X-A", "rrr77"))
            .send(Request::get("/nocase").header("X-A", "cAsE"))
            .send(Request::get("/range").header("X-N", "9"))
            .send(Request::get("/range-low").header("X-N", "-5"))
            .send(Request::get("/range-end").header("X-N", "10"))
            .send(Request::get("/range-text").header("X-N", "9x"))
            .send(Request::get("/present").header("X-P", ""))
            .send(Request::get("/other").header("X-A", "YES-IT-IS"))
            .get("/none"),
        Case::new("inverted_and_absent_headers")
            .named(&["notexact", "absent", "empty", "other"])
            .routes(
                "
                - match:
                    prefix: /not
                    headers: [{name: x-a, string_match: {exact: v}, invert_match: true}]
                  route: {cluster: notexact}
                - match: {prefix: /absent, headers: [{name: x-a, present_match: false}]}
                  route: {cluster: absent}
                - match:
                    prefix: /empty
                    headers: [{name: x-a, string_match: {exact: v}, invert_match: true, treat_missing_header_as_empty: true}]
                  route: {cluster: empty}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .get("/not")
            .send(Request::get("/not").header("x-a", "v"))
            .send(Request::get("/not").header("x-a", "w"))
            .get("/absent")
            .send(Request::get("/absent").header("x-a", "v"))
            .get("/empty")
            .send(Request::get("/empty").header("x-a", "v")),
        Case::new("matchers_see_method_host_and_repeated_headers")
            .named(&["posts", "host", "joined", "other"])
            .routes(
                r#"
                - match: {prefix: /, headers: [{name: ":method", string_match: {exact: POST}}]}
                  route: {cluster: posts}
                - match: {prefix: /, headers: [{name: ":authority", string_match: {exact: h.test}}]}
                  route: {cluster: host}
                - match: {prefix: /, headers: [{name: x-a, string_match: {exact: "1,2"}}]}
                  route: {cluster: joined}
                - match: {prefix: /}
                  route: {cluster: other}"#,
            )
            .send(Request::post("/", "x"))
            .send(Request::get("/").host("h.test"))
            .send(Request::get("/").header("x-a", "1").header("X-A", "2"))
            .send(Request::get("/").header("x-a", "1")),
        Case::new("deprecated_header_matchers_still_match")
            .named(&["exact", "prefix", "suffix", "contains", "regex"])
            .routes(
                "
                - match: {prefix: /, headers: [{name: x-a, exact_match: e}]}
                  route: {cluster: exact}
                - match: {prefix: /, headers: [{name: x-a, prefix_match: p}]}
                  route: {cluster: prefix}
                - match: {prefix: /, headers: [{name: x-a, suffix_match: s}]}
                  route: {cluster: suffix}
                - match: {prefix: /, headers: [{name: x-a, contains_match: c}]}
                  route: {cluster: contains}
                - match: {prefix: /, headers: [{name: x-a, safe_regex_match: {regex: 'r[0-9]'}}]}
                  route: {cluster: regex}",
            )
            .send(Request::get("/").header("x-a", "e"))
            .send(Request::get("/").header("x-a", "pz"))
            .send(Request::get("/").header("x-a", "zs"))
            .send(Request::get("/").header("x-a", "zcz"))
            .send(Request::get("/").header("x-a", "r1"))
            .send(Request::get("/").header("x-a", "zzz")),
        Case::new("query_parameters")
            .named(&["exact", "regex", "present", "other"])
            .routes(
                r"
                - match: {prefix: /, query_parameters: [{name: a, string_match: {exact: '1'}}]}
                  route: {cluster: exact}
                - match: {prefix: /, query_parameters: [{name: b, string_match: {safe_regex: {regex: '\d+'}}}]}
                  route: {cluster: regex}
                - match: {prefix: /, query_parameters: [{name: c, present_match: true}]}
                  route: {cluster: present}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .get("/?a=1")
            .get("/?x=2&a=1")
            .get("/?a=1&a=2")
            .get("/?a=2&a=1")
            .get("/?a=%31")
            .get("/?b=12")
            .get("/?b=12x")
            .get("/?c")
            .get("/?c=")
            .get("/?cc=1")
            .get("/a=1"),
        Case::new("a_share_of_the_requests")
            .named(&["never", "always"])
            .routes(
                "
                - match:
                    prefix: /
                    runtime_fraction: {default_value: {numerator: 0, denominator: HUNDRED}}
                  route: {cluster: never}
                - match:
                    prefix: /
                    runtime_fraction: {default_value: {numerator: 100}, runtime_key: r.k}
                  route: {cluster: always}",
            )
            .tally(5, Request::get("/")),
        Case::new("grpc_requests_can_be_told_from_others")
            .named(&["grpc", "other"])
            .routes(
                "
                - match: {prefix: /, grpc: {}}
                  route: {cluster: grpc}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .send(Request::post("/s/m", "x").header("content-type", "application/grpc"))
            .send(Request::post("/s/m", "x").header("content-type", "application/grpc+proto"))
            .send(Request::post("/s/m", "x").header("content-type", "application/json")),
    ]
}

fn clusters() -> Vec<Case> {
    vec![
        Case::new("weights_of_nothing_get_nothing")
            .named(&["all", "none"])
            .routes(
                "
                - match: {prefix: /}
                  route:
                    weighted_clusters:
                      clusters:
                      - {name: none, weight: 0}
                      - {name: all, weight: 7}",
            )
            .tally(10, Request::get("/")),
        Case::new("weights_are_shares")
            .named(&["few", "many"])
            .routes(
                "
                - match: {prefix: /}
                  route:
                    weighted_clusters:
                      clusters:
                      - {name: few, weight: 10}
                      - {name: many, weight: 90}",
            )
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let mut few = 0;
                for _ in 0..400 {
                    let response = connection.exchange(&Request::get("/")).await.expect("an answer");
                    few += usize::from(response.body == b"few");
                }
                // Within five standard deviations of forty.
                run.note("a tenth goes to the few", json!((10..=70).contains(&few)));
            }),
        Case::new("headers_belong_to_the_chosen_cluster")
            .routes(
                "
                - match: {prefix: /}
                  route:
                    weighted_clusters:
                      clusters:
                      - name: app
                        weight: 100
                        request_headers_to_add: [{header: {key: x-chosen, value: app}}]
                        request_headers_to_remove: [x-drop]
                        response_headers_to_add: [{header: {key: x-from, value: app}}]
                        host_rewrite_literal: chosen.test",
            )
            .send(Request::get("/").header("x-drop", "1")),
        Case::new("the_cluster_can_stand_in_a_header")
            .named(&["one", "two"])
            .routes("- match: {prefix: /}\n  route: {cluster_header: x-cluster}")
            .send(Request::get("/").header("x-cluster", "two"))
            .send(Request::get("/").header("x-cluster", "nobody"))
            .get("/")
            .stats(&["http.ingress.no_cluster"]),
        Case::new("the_cluster_can_stand_in_the_request_line")
            .named(&["one", "/two", "GET", "http"])
            .routes(
                r#"
                - match: {prefix: /host}
                  route: {cluster_header: ":authority", host_rewrite_literal: in.test}
                - match: {prefix: /old}
                  route: {cluster_header: host}
                - match: {prefix: /method}
                  route: {cluster_header: ":method"}
                - match: {prefix: /scheme}
                  route: {cluster_header: ":scheme"}
                - match: {prefix: /weighted}
                  route: {weighted_clusters: {clusters: [{cluster_header: ":authority", weight: 1}, {name: GET, weight: 0}]}}
                - match: {prefix: /number}
                  route: {weighted_clusters: {header_name: ":authority", clusters: [{name: one, weight: 3}, {name: GET, weight: 7}]}}
                - match: {prefix: /}
                  route: {cluster_header: ":path"}"#,
            )
            .send(Request::get("/host").host("one"))
            .send(Request::get("/host").host("none"))
            .send(Request::get("/old").host("one"))
            .get("/method")
            .send(Request::post("/method", "x"))
            .get("/scheme")
            .send(Request::get("/weighted").host("one"))
            .send(Request::get("/number").host("12"))
            .send(Request::get("/number").host("13"))
            .get("/two")
            .get("/two?x")
            .stats(&["http.ingress.no_cluster"]),
        Case::new("a_cluster_in_a_header_that_can_not_be")
            .named(&["one"])
            .routes("- match: {prefix: /}\n  route: {cluster_header: 'a b'}")
            .send(Request::get("/").header("a", "one").header("b", "one"))
            .stats(&["http.ingress.no_cluster"]),
        Case::new("the_cluster_can_stand_in_pseudo_headers")
            .named(&["one", "GET"])
            .routes(
                r#"
                - match: {prefix: /method}
                  route: {cluster_header: ":method"}
                - match: {prefix: /}
                  route: {cluster_header: ":authority"}"#,
            )
            .ask(Request::get("/").host("one"))
            .ask(Request::get("/").host("none"))
            .ask(Request::get("/method")),
        Case::new("a_cluster_that_is_not_there")
            .route_config("validate_clusters: false")
            .routes(
                "
                - match: {prefix: /404}
                  route: {cluster: nobody, cluster_not_found_response_code: NOT_FOUND}
                - match: {prefix: /500}
                  route: {cluster: nobody, cluster_not_found_response_code: INTERNAL_SERVER_ERROR}
                - match: {prefix: /}
                  route: {cluster: nobody}",
            )
            .get("/")
            .get("/404")
            .get("/500")
            .stats(&["http.ingress.no_cluster"]),
        Case::new("hosts_take_turns")
            .endpoint("h1", Reply::ok("h1"))
            .endpoint("h2", Reply::ok("h2"))
            .endpoint("h3", Reply::ok("h3"))
            .pool("app", &["h1", "h2", "h3"])
            .sort_log()
            .tally(9, Request::get("/"))
            .stats(&["cluster.app.membership_total", "cluster.app.membership_healthy"]),
        Case::new("the_same_header_finds_the_same_host")
            .endpoint("h1", Reply::ok("h1"))
            .endpoint("h2", Reply::ok("h2"))
            .endpoint("h3", Reply::ok("h3"))
            .pool("app", &["h1", "h2", "h3"])
            .cluster("app", "lb_policy: RING_HASH")
            .without_log()
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app, hash_policy: [{header: {header_name: x-user}}]}",
            )
            .step(async |run: &mut Run| {
                let mut hosts = std::collections::BTreeSet::new();
                for user in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
                    let mut connection = run.connect().await;
                    let mut own = std::collections::BTreeSet::new();
                    for _ in 0..4 {
                        let request = Request::get("/").header("x-user", user);
                        own.insert(connection.exchange(&request).await.expect("an answer").text());
                    }
                    run.note(format!("hosts of user {user}"), json!(own.len()));
                    hosts.extend(own);
                }
                run.note("users are spread", json!(hosts.len() > 1));
            }),
        Case::new("a_mirror_gets_a_copy_and_nobody_waits_for_it")
            .echoes(&["app", "mirror"])
            .routes(
                "
                - match: {prefix: /}
                  route:
                    cluster: app
                    request_mirror_policies: [{cluster: mirror}]",
            )
            .send(Request::post("/x", "body").host("a.test:80"))
            .step(async |run: &mut Run| {
                run.backend("mirror").wait_for_requests(1).await;
                let copies = run.backend("mirror").received();
                let seen = |name| copies[0].headers.get(name).unwrap_or("none").to_owned();
                let (host, internal) = (seen("host"), seen("x-envoy-internal"));
                run.note("mirrored host", json!([host, internal, copies[0].target]));
            }),
    ]
}
