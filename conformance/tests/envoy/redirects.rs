//! Answers that the proxy gives because the route says so.

use causeway_conformance::{Case, Request};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_port_that_is_none_is_written_all_the_same")
            .routes(
                "
                - match: {prefix: /a}
                  redirect: {port_redirect: 65536}
                - match: {prefix: /b}
                  redirect: {port_redirect: 4294967295, host_redirect: other.test}",
            )
            .send(Request::get("/a").host("a.test:81"))
            .send(Request::get("/b").host("a.test:81")),
        Case::new("to_https")
            .routes(
                "
                - match: {prefix: /port}
                  redirect: {https_redirect: true, port_redirect: 8443}
                - match: {prefix: /}
                  redirect: {https_redirect: true}",
            )
            .send(Request::get("/a?b=c").host("a.test"))
            .send(Request::get("/a").host("a.test:80"))
            .send(Request::get("/a").host("a.test:8080"))
            .send(Request::get("/port/x").host("a.test:80"))
            .send(Request::post("/a", "body"))
            .send(Request::new("HEAD", "/a"))
            .stats(&["http.ingress.rq_redirect", "http.ingress.downstream_rq_3xx"]),
        Case::new("a_path_always_begins_with_a_slash")
            .log("%REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-PATH)% %RESPONSE_CODE%")
            .routes(
                r#"
                - {match: {prefix: /a}, redirect: {path_redirect: bare}}
                - {match: {prefix: /b}, redirect: {prefix_rewrite: bare}}
                - {match: {prefix: /c}, redirect: {regex_rewrite: {pattern: {regex: "/c/(.*)"}, substitution: "q/\\1"}}}
                - {match: {prefix: /d}, redirect: {regex_rewrite: {pattern: {regex: nothing}, substitution: q}}}
                - {match: {prefix: /e}, redirect: {regex_rewrite: {pattern: {regex: ".*"}, substitution: ""}}}"#,
            )
            .get("/a?q=1")
            .get("/b/x?q=1")
            .get("/c/x?q=1")
            .get("/d/x?q=1")
            .get("/e/x?q=1"),
        Case::new("to_a_path_made_of_operators")
            .log("%REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-PATH)% %RESPONSE_CODE%")
            .routes(
                r#"
                - {match: {prefix: /a}, redirect: {path_rewrite: "/r/%REQ(x-h)%%REQ(:path)%"}}
                - {match: {prefix: /b}, redirect: {path_rewrite: "%REQ(x-none)%", host_redirect: b.test}}
                - {match: {prefix: /c}, redirect: {path_rewrite: "bare?a=b", strip_query: true}}
                - {match: {prefix: /d}, redirect: {path_rewrite: "/x", strip_query: true}}
                - {match: {prefix: /e}, redirect: {path_rewrite: "/x"}}
                - match: {prefix: /f}
                  name: named
                  redirect: {path_rewrite: "/%REQ(:method)%/%ROUTE_NAME%/%PROTOCOL%/%RESPONSE_CODE%/%REQ(x-none)%"}"#,
            )
            .send(Request::get("/a?q=1").header("x-h", "hh"))
            .get("/a")
            .get("/b?q=1")
            .get("/c?q=1")
            .get("/d?q=1")
            .get("/e?q=1")
            .get("/f?q=1"),
        Case::new("to_another_host_port_and_scheme")
            .routes(
                "
                - match: {prefix: /host}
                  redirect: {host_redirect: b.test}
                - match: {prefix: /port}
                  redirect: {port_redirect: 81}
                - match: {prefix: /scheme}
                  redirect: {scheme_redirect: wss}
                - match: {prefix: /all}
                  redirect: {scheme_redirect: https, host_redirect: b.test, port_redirect: 1, path_redirect: /new}",
            )
            .send(Request::get("/host/x?y").host("a.test:8080"))
            .send(Request::get("/port").host("a.test:8080"))
            .send(Request::get("/scheme").host("a.test"))
            .send(Request::get("/all?q=1")),
        Case::new("to_another_path")
            .routes(
                r"
                - match: {prefix: /whole}
                  redirect: {path_redirect: /new}
                - match: {prefix: /query}
                  redirect: {path_redirect: '/new?own=1'}
                - match: {prefix: /prefix/}
                  redirect: {prefix_rewrite: /p/}
                - match: {path: /exact}
                  redirect: {prefix_rewrite: /e}
                - match: {prefix: /regex}
                  redirect: {regex_rewrite: {pattern: {regex: '^/regex/(\d+)/(\w+)$'}, substitution: '/\2/\1'}}
                - match: {prefix: /strip}
                  redirect: {path_redirect: /s, strip_query: true}
                - match: {prefix: /same}
                  redirect: {strip_query: true}",
            )
            .get("/whole?a=1")
            .get("/query?a=1")
            .get("/prefix/x/y?a=1")
            .get("/exact?a=1")
            .get("/regex/12/ab?a=1")
            .get("/regex/none")
            .get("/strip?a=1")
            .get("/same/x?a=1"),
        Case::new("codes")
            .routes(
                "
                - match: {path: /a}
                  redirect: {path_redirect: /x, response_code: MOVED_PERMANENTLY}
                - match: {path: /b}
                  redirect: {path_redirect: /x, response_code: FOUND}
                - match: {path: /c}
                  redirect: {path_redirect: /x, response_code: SEE_OTHER}
                - match: {path: /d}
                  redirect: {path_redirect: /x, response_code: TEMPORARY_REDIRECT}
                - match: {path: /e}
                  redirect: {path_redirect: /x, response_code: PERMANENT_REDIRECT}",
            )
            .get("/a")
            .get("/b")
            .get("/c")
            .get("/d")
            .get("/e"),
        Case::new("direct_responses")
            .with_file("page.txt", "from a file\n")
            .routes(
                "
                - match: {path: /text}
                  direct_response: {status: 200, body: {inline_string: hello}}
                - match: {path: /empty}
                  direct_response: {status: 403}
                - match: {path: /bytes}
                  direct_response: {status: 201, body: {inline_bytes: aGVsbG8=}}
                - match: {path: /file}
                  direct_response: {status: 200, body: {filename: '{{dir}}/page.txt'}}
                - match: {path: /204}
                  direct_response: {status: 204}
                - match: {path: /odd}
                  direct_response: {status: 599, body: {inline_string: odd}}",
            )
            .get("/text")
            .send(Request::new("HEAD", "/text"))
            .send(Request::post("/text", "ignored"))
            .get("/empty")
            .get("/bytes")
            .get("/file")
            .get("/204")
            .get("/odd")
            .stats(&["http.ingress.rq_direct_response", "http.ingress.downstream_rq_2xx"]),
        Case::new("direct_responses_carry_the_headers_of_their_level")
            .route_config("response_headers_to_add: [{header: {key: x-table, value: t}}]")
            .virtual_host("response_headers_to_add: [{header: {key: x-vhost, value: v}}]")
            .routes(
                "
                - match: {prefix: /json}
                  direct_response: {status: 200, body: {inline_string: '{}'}}
                  response_headers_to_add:
                  - {header: {key: content-type, value: application/json}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                - match: {prefix: /}
                  redirect: {path_redirect: /json}
                  response_headers_to_add: [{header: {key: x-route, value: r}}]
                  response_headers_to_remove: [x-vhost]",
            )
            .get("/json")
            .get("/else"),
        Case::new("a_large_request_body_does_not_stop_a_direct_response")
            .routes("- match: {prefix: /}\n  direct_response: {status: 413, body: {inline_string: 'no'}}")
            .send(Request::post("/", vec![b'x'; 300_000]))
            .send(Request::post("/", "chunked").chunked()),
    ]
}
