//! Another path or host for the upstream.

use causeway_conformance::{Case, Request};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_prefix_is_exchanged_as_text")
            .routes(
                "
                - match: {prefix: /a/}
                  route: {cluster: app, prefix_rewrite: /}
                - match: {prefix: /b}
                  route: {cluster: app, prefix_rewrite: /}
                - match: {prefix: /c}
                  route: {cluster: app, prefix_rewrite: /deep/er}
                - match: {path: /exact}
                  route: {cluster: app, prefix_rewrite: /other}
                - match: {path_separated_prefix: /seg}
                  route: {cluster: app, prefix_rewrite: /s}
                - match: {prefix: /D, case_sensitive: false}
                  route: {cluster: app, prefix_rewrite: /lower}",
            )
            .get("/a/x?q=1")
            .get("/b")
            .get("/b/x")
            .get("/bx")
            .get("/c/x?/c/x")
            .get("/exact?q")
            .get("/seg/x")
            .get("/seg")
            .get("/dX"),
        Case::new("a_regular_expression_rewrites_the_path_but_not_the_query")
            .routes(
                r"
                - match: {prefix: /service}
                  route:
                    cluster: app
                    regex_rewrite: {pattern: {regex: '^/service/([^/]+)(/.*)$'}, substitution: '\2/instance/\1'}
                - match: {prefix: /x}
                  route:
                    cluster: app
                    regex_rewrite: {pattern: {regex: 'x'}, substitution: 'yy'}
                - match: {prefix: /esc}
                  route:
                    cluster: app
                    regex_rewrite: {pattern: {regex: '(e)(s)(c)'}, substitution: '\\\0\3'}",
            )
            .get("/service/foo/v1/api?x=/service/foo/v1")
            .get("/service/foo")
            .get("/x/x/x?x=x")
            .get("/esc"),
        Case::new("a_route_with_a_regular_expression_can_be_rewritten")
            .routes(
                r"
                - match: {safe_regex: {regex: '/u/\d+'}}
                  route:
                    cluster: app
                    regex_rewrite: {pattern: {regex: '/u/(\d+)'}, substitution: '/user?id=\1'}",
            )
            .get("/u/12")
            .get("/u/12?x=1"),
        Case::new("a_rewrite_that_leaves_nothing_leaves_the_path")
            .routes(
                "
                - match: {prefix: /e}
                  route: {cluster: app, regex_rewrite: {pattern: {regex: '^/e'}, substitution: ''}}
                - match: {prefix: /q}
                  route: {cluster: app, regex_rewrite: {pattern: {regex: '^/q'}, substitution: '?y'}}
                - match: {prefix: /p}
                  route: {cluster: app, prefix_rewrite: '', regex_rewrite: {pattern: {regex: '/p'}, substitution: ''}}
                - match: {prefix: /r}
                  redirect: {regex_rewrite: {pattern: {regex: '^/r'}, substitution: ''}}
                - match: {prefix: /i}
                  redirect: {prefix_rewrite: '', host_redirect: x}",
            )
            .get("/e")
            .get("/e?x")
            .get("/e/x")
            .get("/q?z")
            .get("/p")
            .get("/p/x")
            .get("/r?x")
            .get("/r/y")
            .get("/i?x"),
        Case::new("the_host_is_exchanged")
            .routes(
                r"
                - match: {prefix: /literal}
                  route: {cluster: app, host_rewrite_literal: 'in.test:81'}
                - match: {prefix: /header}
                  route: {cluster: app, host_rewrite_header: x-host}
                - match: {prefix: /regex}
                  route:
                    cluster: app
                    host_rewrite_path_regex: {pattern: {regex: '^/regex/([^/]+).*$'}, substitution: '\1.test'}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .send(Request::get("/literal").host("out.test"))
            .send(Request::get("/header").host("out.test").header("x-host", "named.test"))
            .send(Request::get("/header").host("out.test"))
            .send(Request::get("/regex/who/else").host("out.test"))
            .send(Request::get("/").host("out.test")),
        Case::new("the_host_can_be_that_of_the_upstream")
            .cluster("app", "type: STRICT_DNS\ndns_lookup_family: V4_ONLY\nload_assignment:\n  cluster_name: app\n  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{origin}}}}}}]}]")
            .endpoint("origin", causeway_conformance::Script::echo())
            .routes("- match: {prefix: /}\n  route: {cluster: app, auto_host_rewrite: true}")
            .send(Request::get("/").host("out.test")),
        Case::new("paths_and_hosts_can_be_made_of_operators")
            .routes(
                r#"
                - {match: {prefix: /a}, route: {cluster: app, path_rewrite: "/new/%REQ(x-h)%"}}
                - {match: {prefix: /b}, route: {cluster: app, path_rewrite: "%PATH(NQ)%/x?z=%REQ(x-h)%"}}
                - {match: {prefix: /c}, route: {cluster: app, path_rewrite: "%REQ(x-none)%"}}
                - {match: {prefix: /d}, route: {cluster: app, host_rewrite: "%REQ(x-h)%.test"}}
                - {match: {prefix: /e}, route: {cluster: app, host_rewrite: "%REQ(x-none)%"}}
                - {match: {prefix: /f}, route: {cluster: app, host_rewrite: "%REQ(:path)%", append_x_forwarded_host: true}}
                - match: {prefix: /g}
                  request_headers_to_add: [{header: {key: x-new, value: v}}]
                  route:
                    cluster: app
                    path_rewrite: "/g/%REQ(x-new)%/%REQ(:authority)%"
                    host_rewrite: "%REQ(x-new)%.%RESPONSE_CODE%""#,
            )
            .send(Request::get("/a?q=1").header("x-h", "hh"))
            .send(Request::get("/b?q=1").header("x-h", "hh"))
            .get("/c?q=1")
            .send(Request::get("/d?q=1").host("out.test").header("x-h", "hh"))
            .send(Request::get("/e").host("out.test"))
            .send(Request::get("/f").host("out.test"))
            .send_in_order(Request::get("/g?q").host("out.test")),
        Case::new("white_space_in_a_path_made_of_operators_is_encoded")
            .routes(r#"- {match: {prefix: /}, route: {cluster: app, path_rewrite: "/%REQ(x-h)%"}}"#)
            .send(Request::get("/").header("x-h", "a b"))
            .without_log()
            .differs("D-19", &["1 GET /", "body", "target"], "/a%20b")
            .differs("D-19", &["1 GET /", "body", "version"], "HTTP/1.1")
            .differs("D-19", &["1 GET /", "headers", "content-length"], "265"),
        Case::new("host_and_path_leave_their_marks_in_order")
            .routes("- {match: {prefix: /}, route: {cluster: app, prefix_rewrite: /p, host_rewrite_literal: in.test, append_x_forwarded_host: true}}")
            .send_in_order(Request::get("/x").host("out.test")),
        Case::new("paths_are_left_alone_by_default")
            .get("/a/../b")
            .get("/a/./b")
            .get("//a///b")
            .get("/%61/%2F/%2e%2e/x")
            .get("/a%5cb\\c")
            .get("/%zz")
            .get("/a;b=c/d?e=f;g"),
        Case::new("paths_are_normalised_before_they_are_matched")
            .hcm("normalize_path: true")
            .named(&["b", "other"])
            .routes(
                "
                - match: {prefix: /b}
                  route: {cluster: b}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .get("/a/../b")
            .get("/a/./../b")
            .get("/%62")
            .get("/a/%2e%2e/b")
            .get("/..")
            .get("/../../b")
            .get("/a%2f..%2fb")
            .get("/a\\..\\b")
            .get("//b"),
        Case::new("what_is_normalised_is_sent")
            .hcm("normalize_path: true\nmerge_slashes: true")
            .get("//a///b/../%7Ec/%2f/d?x=//y/../z")
            .get("/%C3%A9/%c3%a9")
            .get("/a/b/..")
            .get("/a/b/.")
            .get("/%"),
        Case::new("what_may_not_stand_in_a_path_is_escaped")
            .hcm("normalize_path: true")
            .named(&["plain", "other"])
            .routes(
                "
                - match: {prefix: '/{'}
                  route: {cluster: plain}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .get("/{a}|b^c`d?{}|^`")
            .get("/\"<>?\"<>")
            .get("/%7b{/%2{/%{7b/%%{")
            .get("/{/../x")
            .get("/[x]!$&'()*+,:;=@~"),
        Case::new("what_may_not_stand_in_a_path_stays_where_paths_are_not_normalised")
            .hcm("merge_slashes: true")
            .get("/{a}//|b^c`d?{}|^`"),
        Case::new("bytes_of_paths_by_http2_are_escaped")
            .hcm("normalize_path: true")
            .ask(Request::get("/\u{e9}?\u{e9}"))
            .ask(Request::get("/{}?{}")),
        Case::new("slashes_alone_are_merged_into_two")
            .hcm("merge_slashes: true")
            .get("/")
            .get("//")
            .get("////?q=//")
            .get("//a//"),
        Case::new("slashes_alone_are_merged_into_two_behind_the_normalisation")
            .hcm("normalize_path: true\nmerge_slashes: true\npath_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT")
            .get("//..")
            .get("//.")
            .get("/a/..//\\")
            .get("/%2f")
            .get("/%2fa"),
        by_runtime("the_runtime_may_have_paths_normalised", "normalize_path: 100", ""),
        by_runtime("the_file_has_the_last_word_on_normalisation", "normalize_path: 100", "normalize_path: false"),
        by_runtime(
            "the_runtime_may_have_escaped_slashes_refused",
            "path_with_escaped_slashes_action: 2",
            "path_with_escaped_slashes_action: IMPLEMENTATION_SPECIFIC_DEFAULT",
        ),
        by_runtime("the_runtime_may_have_escaped_slashes_redirected", "path_with_escaped_slashes_action: 3", ""),
        by_runtime("the_runtime_may_have_escaped_slashes_forwarded", "path_with_escaped_slashes_action: 4", ""),
        by_runtime(
            "the_file_has_the_last_word_on_escaped_slashes",
            "path_with_escaped_slashes_action: 2",
            "path_with_escaped_slashes_action: KEEP_UNCHANGED",
        ),
        by_runtime(
            "the_runtime_may_switch_off_what_becomes_of_escaped_slashes",
            "path_with_escaped_slashes_action_enabled: 0",
            "path_with_escaped_slashes_action: REJECT_REQUEST",
        ),
        Case::new("escaped_slashes_are_refused")
            .hcm("normalize_path: true\npath_with_escaped_slashes_action: REJECT_REQUEST")
            .get("/a%2fb")
            .get("/a%5Cb")
            .get("/a?b=%2f"),
        Case::new("escaped_slashes_are_redirected")
            .hcm("normalize_path: true\npath_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT")
            .get("/a%2fb?c=%2f")
            .get("/a%2f..%2fb")
            .get("/a/b"),
        Case::new("escaped_slashes_are_unescaped_and_forwarded")
            .hcm("normalize_path: true\npath_with_escaped_slashes_action: UNESCAPE_AND_FORWARD")
            .get("/a%2fb?c=%2f")
            .get("/a%2F..%5cb"),
    ]
}

/// Paths with everything that normalisation changes, where the runtime has a key of the connection manager.
fn by_runtime(name: &'static str, key: &str, hcm: &str) -> Case {
    let layer = format!("{{name: l, static_layer: {{http_connection_manager: {{{key}}}}}}}");
    Case::new(name)
        .bootstrap(&format!("layered_runtime: {{layers: [{layer}]}}"))
        .hcm(hcm)
        .get("/a%2fb?c=%2f")
        .get("/a%5Cb")
        .get("/a/../b/{}")
}
