//! Conditions beside path, headers and query, and actions that a filter would have to take.

use causeway_conformance::{Case, Request, Run};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let cookie = |cookie: &'static str| Request::get("/").header("cookie", cookie);
    vec![
        Case::new("cookies_are_told_by_their_values")
            .named(&["one", "two", "other"])
            .routes(
                r#"
                - match: {prefix: /, cookies: [{name: a, string_match: {exact: "1"}}]}
                  route: {cluster: one}
                - match:
                    prefix: /
                    cookies:
                    - {name: x, string_match: {safe_regex: {regex: "[0-9]*"}}}
                    - {name: b, string_match: {prefix: v, ignore_case: true}, invert_match: true}
                  route: {cluster: two}
                - match: {prefix: /}
                  route: {cluster: other}"#,
            )
            .send(cookie("a=1"))
            .send(cookie("z=1; a=1"))
            .send(cookie("z=1;a=1"))
            .send(cookie("z=1;a=1 ;"))
            .send(cookie("a=2; a=1"))
            .send(cookie("a=1; a=2"))
            .send(cookie("a=\"1\""))
            .send(cookie("a = 1"))
            .send(cookie("A=1"))
            .send(cookie("a"))
            .send(cookie("q, a=1"))
            .send(cookie("=1; a=1"))
            .send(Request::get("/").header("cookie", "z=1").header("cookie", "a=1"))
            .send(Request::get("/").header("cookie", "a=2").header("cookie", "a=1"))
            .send(cookie("x="))
            .send(cookie("x=9; b=VX"))
            .send(cookie("x=9; b=w"))
            .get("/"),
        Case::new("headers_that_are_empty_or_taken_for_it")
            .named(&["holds", "other"])
            .routes(
                "
                - {match: {prefix: /a, headers: [{name: x, exact_match: ''}]}, route: {cluster: holds}}
                - {match: {prefix: /b, headers: [{name: x, exact_match: '', invert_match: true}]}, route: {cluster: holds}}
                - {match: {prefix: /c, headers: [{name: x, exact_match: '', treat_missing_header_as_empty: true}]}, route: {cluster: holds}}
                - {match: {prefix: /d, headers: [{name: x, present_match: true, treat_missing_header_as_empty: true}]}, route: {cluster: holds}}
                - {match: {prefix: /e, headers: [{name: x, present_match: true, treat_missing_header_as_empty: true, invert_match: true}]}, route: {cluster: holds}}
                - {match: {prefix: /f, headers: [{name: x, present_match: false, treat_missing_header_as_empty: true}]}, route: {cluster: holds}}
                - {match: {prefix: /g, headers: [{name: x, treat_missing_header_as_empty: true}]}, route: {cluster: holds}}
                - {match: {prefix: /h, headers: [{name: x, string_match: {exact: ''}, treat_missing_header_as_empty: true}]}, route: {cluster: holds}}
                - {match: {prefix: /i, headers: [{name: x, safe_regex_match: {regex: 'v|'}}]}, route: {cluster: holds}}
                - {match: {prefix: /}, route: {cluster: other}}",
            )
            .without_log()
            .step(async |run: &mut Run| {
                for path in ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i"] {
                    for values in [&[][..], &[""], &["v"], &["", "v"]] {
                        let request = values.iter().fold(Request::get(path), |request, value| request.header("x", value));
                        let response = run.connect().await.exchange(&request).await;
                        let body = response.map(|response| String::from_utf8_lossy(&response.body).into_owned());
                        run.note(format!("{path} {values:?}"), json!(body.ok()));
                    }
                }
            }),
        Case::new("nobody_shows_a_certificate_on_a_plain_connection")
            .named(&["yes", "no"])
            .routes(
                &"
                - {match: {prefix: /1, tls_context: {presented: true}}, route: {cluster: yes}}
                - {match: {prefix: /2, tls_context: {presented: false}}, route: {cluster: yes}}
                - {match: {prefix: /3, tls_context: {validated: true}}, route: {cluster: yes}}
                - {match: {prefix: /4, tls_context: {validated: false}}, route: {cluster: yes}}
                - {match: {prefix: /5, tls_context: {presented: false, validated: true}}, route: {cluster: yes}}
                - {match: {prefix: /6, tls_context: {}}, route: {cluster: yes}}
                - {match: {prefix: /}, route: {cluster: no}}"
                    .replace("cluster: yes", "cluster: 'yes'")
                    .replace("cluster: no", "cluster: 'no'"),
            )
            .get("/1")
            .get("/2")
            .get("/3")
            .get("/4")
            .get("/5")
            .get("/6"),
        Case::new("nothing_has_set_metadata_or_state_before_the_route_is_found")
            .named(&["met", "other"])
            .routes(
                "
                - match: {prefix: /1, dynamic_metadata: [{filter: f, path: [{key: a}], value: {string_match: {exact: x}}}]}
                  route: {cluster: met}
                - match: {prefix: /2, dynamic_metadata: [{filter: f, path: [{key: a}], value: {string_match: {exact: x}}, invert: true}]}
                  route: {cluster: met}
                - match: {prefix: /3, dynamic_metadata: [{filter: f, path: [{key: a}], value: {null_match: {}}}]}
                  route: {cluster: met}
                - match: {prefix: /4, dynamic_metadata: [{filter: f, path: [{key: a}], value: {present_match: false}}]}
                  route: {cluster: met}
                - match: {prefix: /5, filter_state: [{key: f, string_match: {exact: x}}]}
                  route: {cluster: met}
                - match: {prefix: /}
                  route: {cluster: other}",
            )
            .get("/1")
            .get("/2")
            .get("/3")
            .get("/4")
            .get("/5"),
        Case::new("actions_for_filters_lead_to_no_cluster")
            .routes(
                "
                - {match: {prefix: /a}, filter_action: {}}
                - {match: {prefix: /b}, non_forwarding_action: {}}
                - {match: {prefix: /}, route: {cluster: app}}",
            )
            .get("/a")
            .get("/b")
            .get("/c")
            .stats(&["http.ingress.no_cluster"]),
        Case::new("routes_match_paths_without_their_parameters")
            .named(&["one", "two", "other"])
            .route_config("ignore_path_parameters_in_path_matching: true")
            .routes(
                "
                - {match: {path: /a/b}, route: {cluster: one}}
                - {match: {prefix: /pre/}, route: {cluster: two, prefix_rewrite: /new/}}
                - {match: {prefix: /}, route: {cluster: other}}",
            )
            .get("/a;x=1/b;y")
            .get("/a/b;y?q")
            .get("/pre;v=1/x")
            .get("/pre/x;v=1"),
        Case::new("a_virtual_host_may_have_no_routes")
            .virtual_hosts(
                r#"
                - {name: none, domains: [none.test]}
                - {name: rest, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}"#,
            )
            .send(Request::get("/").host("none.test"))
            .send(Request::get("/").host("other.test")),
    ]
}
