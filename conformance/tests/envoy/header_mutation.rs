//! The filter that changes header fields, the query and trailers.

use causeway_conformance::{Case, Reply, Request, Run, Script};
use serde_json::Value;

/// The filter with these mutations.
fn filter(mutations: &str) -> String {
    let mutations = mutations.replace("\n", "\n      ");
    format!("- name: mutate\n  typed_config:\n    \"@type\": {TYPE}HeaderMutation\n    mutations:{mutations}")
}

const TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("each_change_sees_those_before_it")
            .backend("app", Reply::echo().header("x-resp", "1").header("x-multi", "a"))
            .filters(&filter(
                r#"
request_mutations:
- append: {header: {key: x-copy, value: "%REQ(x-orig)%"}}
- remove: x-orig
- append: {header: {key: x-path, value: "%REQ(:path)%"}}
- append: {header: {key: x-empty, value: ""}}
- append: {header: {key: x-kept, value: ""}, keep_empty_value: true}
- append: {header: {key: x-over, value: "new"}, append_action: OVERWRITE_IF_EXISTS}
- append: {header: {key: x-once, value: "1"}, append_action: ADD_IF_ABSENT}
- append: {header: {key: x-once, value: "2"}, append_action: ADD_IF_ABSENT}
- append: {header: {key: x-last, value: "%REQ(x-once)%%REQ(x-copy)%"}}
response_mutations:
- append: {header: {key: x-made, value: "%REQ(x-copy)% %RESP(x-resp)% %RESPONSE_CODE%"}}
- append: {header: {key: x-multi, value: c}}
- remove: x-resp"#,
            ))
            .send(Request::get("/a?b").header("x-orig", "o").header("x-over", "old"))
            .send_in_order(Request::get("/").header("x-orig", "o")),
        Case::new("fields_are_removed_by_patterns")
            .backend("app", Reply::echo().header("x-rm-1", "1").header("X-Rm-2", "2").header("x-stays", "3"))
            .filters(&filter(
                r#"
request_mutations:
- remove_on_match: {key_matcher: {prefix: x-rm}}
- remove_on_match: {key_matcher: {exact: X-Case, ignore_case: true}}
- remove_on_match: {key_matcher: {exact: X-Other}}
- remove_on_match: {key_matcher: {safe_regex: {regex: "x-[0-9]+"}}}
response_mutations:
- remove_on_match: {key_matcher: {contains: rm}}"#,
            ))
            .send(
                Request::get("/")
                    .header("x-rm-1", "1")
                    .header("X-Rm-2", "2")
                    .header("x-case", "3")
                    .header("x-other", "4")
                    .header("x-12", "5")
                    .header("x-12a", "6"),
            ),
        Case::new("a_length_of_a_response_that_is_not_the_bodys")
            .backend("app", Reply::ok("abcHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))
            .filters(&filter(
                r#"
response_mutations:
- append: {header: {key: content-length, value: "3"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}"#,
            ))
            .get("/")
            .without_log()
            .differs("D-300", &["1 GET /", "headers", "content-length"], Value::Null)
            .differs("D-300", &["1 GET /", "headers", "transfer-encoding"], "chunked")
            .differs("D-300", &["1 GET /", "body"], "abcHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        Case::new("query_parameters_are_changed_and_the_query_is_written_anew")
            .filters(&filter(
                r#"
query_parameter_mutations:
- append: {record: {key: q, value: "a b&c~%%/"}}
- append: {record: {key: exist, value: over}, action: OVERWRITE_IF_EXISTS}
- append: {record: {key: set, value: "%REQ(x-set)%"}, action: OVERWRITE_IF_EXISTS_OR_ADD}
- append: {record: {key: absent, value: "1"}, action: ADD_IF_ABSENT}
- remove: gone"#,
            ))
            .get("/a?x=1&gone=2&gone=3&exist=3&exist=4&e=%41%zz%2&set=1")
            .get("/")
            .get("/a?")
            .get("/?B=1&a=1&A=2&flag&=v&&c==d=&absent=")
            .get("/x?a=1?b=2+3")
            .send(Request::get("/").header("x-set", "v/w")),
        Case::new("white_space_in_a_query_stays_encoded")
            .filters(&filter("\nquery_parameter_mutations: [{append: {record: {key: q, value: '1'}}}]"))
            .without_log()
            .get("/?a=b%20c")
            .differs("D-19", &["1 GET /?a=b%20c", "body", "target"], "/?a=b%20c&q=1")
            .differs("D-19", &["1 GET /?a=b%20c", "body", "version"], "HTTP/1.1")
            .differs("D-19", &["1 GET /?a=b%20c", "headers", "content-length"], "228"),
        Case::new("every_place_has_its_own_changes")
            .filters(&filter("\nrequest_mutations: [{append: {header: {key: x-by, value: filter}}}]"))
            .route_config(&place("mutate", "table"))
            .virtual_host(&place("mutate", "host"))
            .routes(&format!(
                "- match: {{prefix: /a}}\n  route: {{cluster: app}}\n{}\n- match: {{prefix: /}}\n  route: {{cluster: app}}",
                indented(&place("mutate", "route"))
            ))
            .get("/a")
            .get("/b")
            .get("/nothing"),
        Case::new("the_most_specific_place_can_have_the_last_word")
            .filters(&format!(
                "{}\n    most_specific_header_mutations_wins: true",
                filter("\nrequest_mutations: [{append: {header: {key: x-by, value: filter}}}]")
            ))
            .route_config(&place("mutate", "table"))
            .virtual_host(&place("mutate", "host"))
            .routes(&format!(
                "- match: {{prefix: /}}\n  route: {{cluster: app}}\n{}",
                indented(&place("mutate", "route"))
            ))
            .get("/"),
        Case::new("a_place_can_switch_the_filter_off_or_on")
            .filters(&format!(
                "{}\n  disabled: true",
                filter("\nrequest_mutations: [{append: {header: {key: x-by, value: filter}}}]")
            ))
            .virtual_host(
                r#"
                typed_per_filter_config:
                  mutate: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}"#,
            )
            .routes(
                r#"
                - match: {prefix: /on}
                  route: {cluster: app}
                  typed_per_filter_config:
                    mutate: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}
                - match: {prefix: /with}
                  route: {cluster: app}
                  typed_per_filter_config:
                    mutate:
                      "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
                      config:
                        "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
                        mutations: {request_mutations: [{append: {header: {key: x-by, value: route}}}]}
                - match: {prefix: /}
                  route: {cluster: app}"#,
            )
            .get("/on")
            .get("/with")
            .get("/off"),
        Case::new("answers_of_the_proxy_are_changed_too")
            .filters(&filter("\nresponse_mutations: [{append: {header: {key: x-by, value: filter}}}]"))
            .virtual_host(&place("mutate", "host"))
            .routes("- match: {prefix: /direct}\n  direct_response: {status: 200}")
            .get("/direct")
            .get("/nothing"),
        trailers("trailers_are_changed_where_there_are_some", true, true),
        trailers("trailers_that_clients_may_not_send", false, true),
        trailers("trailers_that_back_ends_may_not_send", true, false),
        trailers("without_trailers_there_is_nothing_to_change", false, false),
        Case::new("trailers_are_changed_by_the_nearest_place_last")
            .backend("app", Reply::ok("x").chunked().trailer("x-t", "1"))
            .hcm("http_protocol_options: {enable_trailers: true}")
            .cluster("app", "http_protocol_options: {enable_trailers: true}")
            .filters(&filter("\nresponse_trailers_mutations:\n- append: {header: {key: x-t, value: filter}}"))
            .routes(&format!(
                "
                - match: {{prefix: /}}
                  route: {{cluster: app}}
                  typed_per_filter_config:
                    mutate:
                      \"@type\": {TYPE}HeaderMutationPerRoute
                      mutations: {{response_trailers_mutations: [{{append: {{header: {{key: x-t, value: route}}, append_action: OVERWRITE_IF_EXISTS}}}}]}}",
            ))
            .get("/"),
        Case::new("a_pseudo_header_is_no_trailer")
            .filters(&filter("\nresponse_trailers_mutations:\n- append: {header: {key: ':status', value: x}}"))
            .get("/"),
    ]
}

/// Settings for the filter in one place.
fn place(filter: &str, value: &str) -> String {
    format!(
        "typed_per_filter_config:\n  {filter}:\n    \"@type\": {TYPE}HeaderMutationPerRoute\n    mutations:\n      \
         request_mutations: [{{append: {{header: {{key: x-by, value: {value}}}}}}}]\n      \
         response_mutations: [{{append: {{header: {{key: x-by, value: {value}}}}}}}]"
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn trailers(name: &'static str, from_clients: bool, from_back_ends: bool) -> Case {
    Case::new(name)
        .backend(
            "app",
            Script::by(|request| {
                let reply = Reply::ok("hello");
                let with = reply.clone().chunked().trailer("x-t", "t").trailer("x-rm", "1");
                if request.path() == "/with" { with.into() } else { reply.into() }
            }),
        )
        .hcm(&format!("http_protocol_options: {{enable_trailers: {from_clients}}}"))
        .cluster("app", &format!("http_protocol_options: {{enable_trailers: {from_back_ends}}}"))
        .router("suppress_envoy_headers: true")
        .log("%REQ(:PATH)% %TRAILER(x-t)% %TRAILER(x-made)% %TRAILER(x-rm)% %RESPONSE_TRAILERS_BYTES% %DOWNSTREAM_HEADER_BYTES_SENT%")
        .filters(&filter(
            r#"
request_trailers_mutations:
- append: {header: {key: x-made, value: "%REQ(:path)% %RESPONSE_CODE%"}}
- append: {header: {key: x-empty, value: "%REQ(x-none)%"}}
- remove: x-rm
response_trailers_mutations:
- append: {header: {key: x-made, value: "%TRAILER(x-t)% %RESPONSE_CODE% %RESP(x-own)%"}}
- append: {header: {key: x-t, value: more}}
- remove: x-rm"#,
        ))
        .raw("POST /with HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-q: 1\r\nx-rm: 2\r\n\r\n")
        .raw("POST /without HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .get("/with")
        .step(async |run: &mut Run| {
            let received = run.backend("app").received();
            let trailers = received.iter().map(|request| request.trailers.to_json());
            run.note("trailers", trailers.collect());
        })
}
