//! What is written about each request.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run};
use serde_json::json;

/// Sizes of times and the like; the words and signs around them are compared.
fn mask_numbers(line: &str) -> String {
    let mut out = String::new();
    let mut last_was_digit = false;
    for c in line.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !last_was_digit {
            out.push('0');
        }
        last_was_digit = c.is_ascii_digit();
    }
    out
}

/// The default format has two times in it, the sixth and seventh number after the flags.
fn mask_default(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    // [time] "GET /path HTTP/1.1" code flags received sent duration service …
    for at in [8, 9] {
        if let Some(word) = words.get_mut(at)
            && word.parse::<u64>().is_ok()
        {
            *word = "<ms>";
        }
    }
    words.join(" ")
}

fn json_log(fields: &str) -> String {
    format!("log_format:\n  json_format:\n    {fields}")
}

pub(crate) fn cases() -> Vec<Case> {
    [formats(), operators(), filters()].into_iter().flatten().collect()
}

fn formats() -> Vec<Case> {
    vec![
        Case::new("the_default_format")
            .log(
                r#"
                - name: log
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                    path: "{{dir}}/access.log""#,
            )
            .mask_log(mask_default)
            .dead("dead")
            .backend("app", Reply::echo())
            .routes(
                "
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /rewritten}
                  route: {cluster: app, prefix_rewrite: /new}
                - match: {prefix: /app}
                  route: {cluster: app}",
            )
            .send(Request::post("/app?q=1", "body").header("User-Agent", "the \"agent\"").header("X-Forwarded-For", "203.0.113.9"))
            .get("/rewritten/x")
            .get("/dead")
            .get("/none")
            .raw("nonsense\r\n\r\n"),
        Case::new("a_format_as_text")
            .log("code=%RESPONSE_CODE% %REQ(:METHOD)% \"%REQ(USER-AGENT)%\" %REQ(X-MISSING)% 100%% {braces} tab\there")
            .send(Request::get("/").header("user-agent", "quote \" and \\ here"))
            .get("/"),
        Case::new("a_format_as_json")
            .log(&json_log(
                r#"code: "%RESPONSE_CODE%"
    sent: "%BYTES_SENT%"
    text: "code %RESPONSE_CODE%"
    method: "%REQ(:METHOD)%"
    missing: "%REQ(X-MISSING)%"
    agent: "%REQ(USER-AGENT)%"
    flags: "%RESPONSE_FLAGS%"
    constant: "yes"
    number: 5
    truth: true
    nested: {path: "%REQ(:PATH)%", list: ["%PROTOCOL%", two]}"#,
            ))
            .send(Request::get("/p?q").header("user-agent", "quote \" and \\ and \u{e9}"))
            .get("/"),
        Case::new("the_deprecated_forms_of_formats")
            .log(
                r#"
                format: "old %RESPONSE_CODE% %REQ(:PATH)%\n""#,
            )
            .get("/x"),
        Case::new("the_deprecated_json_form")
            .log("json_format: {code: '%RESPONSE_CODE%', path: '%REQ(:PATH)%'}")
            .get("/x"),
        Case::new("the_typed_json_form")
            .log("typed_json_format: {code: '%RESPONSE_CODE%', path: '%REQ(:PATH)%', fixed: 1}")
            .get("/x"),
        Case::new("fields_without_a_value_can_be_left_out")
            .log("log_format:\n  omit_empty_values: true\n  json_format: {a: '%REQ(X-MISSING)%', b: '%REQ(:PATH)%', c: '%UPSTREAM_HOST%'}")
            .routes("- match: {prefix: /}\n  direct_response: {status: 200}")
            .get("/x"),
        Case::new("text_without_values_can_be_empty")
            .log("log_format:\n  omit_empty_values: true\n  text_format_source: {inline_string: \"<%REQ(X-MISSING)%> <%UPSTREAM_HOST%>\\n\"}")
            .routes("- match: {prefix: /}\n  direct_response: {status: 200}")
            .get("/x"),
        Case::new("several_logs_at_once")
            .log(
                r#"
                - name: one
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                    path: "{{dir}}/access.log"
                    log_format: {text_format_source: {inline_string: "one %RESPONSE_CODE%\n"}}
                - name: two
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                    path: "{{dir}}/access.log"
                    log_format: {text_format_source: {inline_string: "two %RESPONSE_CODE%\n"}}"#,
            )
            .sort_log()
            .get("/"),
        Case::new("the_standard_output_as_a_log")
            .log(
                r#"
                - name: out
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                    log_format: {text_format_source: {inline_string: "line of %REQ(:PATH)%\n"}}"#,
            )
            .get("/to-stdout")
            .step(async |run: &mut Run| {
                run.proxy().stop(Duration::from_secs(10)).await;
                let printed = run.proxy().log().contains("line of /to-stdout\n");
                run.note("printed", json!(printed));
            }),
    ]
}

fn operators() -> Vec<Case> {
    vec![
        Case::new("about_the_request")
            .log(
                "%PROTOCOL% %REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(:SCHEME)% %REQ(X-LONG):5% \
                 %REQ(X-MISSING?X-LONG)% %REQ(X-MISSING?X-ALSO-MISSING)% %BYTES_RECEIVED% %REQUEST_HEADERS_BYTES% \
                 %REQUEST_HEADER(X-LONG)% %PATH(WQ)% %PATH(NQ)% %QUERY_PARAM(a)% %QUERY_PARAM(none)%",
            )
            .send(Request::post("/p/q?a=1&b=2", "12345").header("x-long", "abcdefgh").header("x-long", "second")),
        Case::new("about_the_response")
            .backend("app", Reply::status(404).header("x-own", "o").header("content-type", "text/x").body("12345"))
            .log(
                "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS% %BYTES_SENT% \
                 %RESP(X-OWN)% %RESP(X-MISSING)% %RESP(:STATUS)% %RESPONSE_HEADER(CONTENT-TYPE)% \
                 %CONNECTION_TERMINATION_DETAILS% %GRPC_STATUS%",
            )
            .get("/"),
        Case::new("about_the_way")
            .log(
                "%ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW% %UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS% \
                 %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_ADDRESS% \
                 %UPSTREAM_PROTOCOL% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %VIRTUAL_CLUSTER_NAME% \
                 %UPSTREAM_TRANSPORT_FAILURE_REASON% %UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%",
            )
            .dead("dead")
            .backend("app", Reply::ok("x"))
            .cluster("app", "alt_stat_name: other")
            .routes(
                "
                - name: the-dead
                  match: {prefix: /dead}
                  route: {cluster: dead}
                - name: the-app
                  match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/app")
            .get("/dead"),
        Case::new("about_the_connection")
            .log(
                "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% \
                 %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT% \
                 %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION% \
                 %DOWNSTREAM_PEER_SUBJECT% %FILTER_CHAIN_NAME%",
            )
            .get("/"),
        Case::new("times_have_their_form")
            .backend("app", Answer::from(Reply::ok("x")).after(Duration::from_millis(5)))
            .log(
                "[%START_TIME%] [%START_TIME(%s)%] [%START_TIME(%Y/%m/%d)%] [%START_TIME(%3f)%] [%START_TIME(%s.%6f)%] \
                 d=%DURATION% q=%REQUEST_DURATION% t=%REQUEST_TX_DURATION% r=%RESPONSE_DURATION% \
                 x=%RESPONSE_TX_DURATION% s=%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \
                 c=%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:ms)%",
            )
            .mask_log(mask_numbers)
            .get("/")
            .routes(
                "
                - match: {path: /local}
                  direct_response: {status: 200}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/local"),
        Case::new("about_the_process")
            .bootstrap("node: {id: the-node, cluster: the-cluster}")
            .log("%ENVIRONMENT(NOT_SET_ANYWHERE)% %CONNECTION_ID% %UPSTREAM_CONNECTION_ID%")
            .mask_log(mask_numbers)
            .get("/"),
        Case::new("metadata_that_is_not_there")
            .log("%DYNAMIC_METADATA(a:b)% %CLUSTER_METADATA(a:b)% %FILTER_STATE(a)% %METADATA(ROUTE:a:b)%")
            .get("/"),
        Case::new("metadata_of_routes_and_clusters")
            .cluster("app", "metadata: {filter_metadata: {team: {name: blue, size: 3}}}")
            .backend("app", Reply::ok("x"))
            .routes("- match: {prefix: /}\n  route: {cluster: app}\n  metadata: {filter_metadata: {team: {name: red}}}")
            .log("%CLUSTER_METADATA(team:name)% %CLUSTER_METADATA(team)% %METADATA(ROUTE:team:name)% %METADATA(CLUSTER:team:size)%")
            .get("/"),
    ]
}

/// A log with this filter, or part of one.
fn filtered(filter: &str) -> String {
    format!(
        r#"
        - name: log
          filter:
            {filter}
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
            path: "{{{{dir}}}}/access.log"
            log_format: {{text_format_source: {{inline_string: "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n"}}}}"#
    )
}

fn some_traffic(case: Case) -> Case {
    case.dead("dead")
        .backend("app", Reply::ok("x"))
        .routes(
            "
            - match: {prefix: /dead}
              route: {cluster: dead}
            - match: {path: /local}
              direct_response: {status: 404}
            - match: {prefix: /app}
              route: {cluster: app}",
        )
        .get("/app")
        .get("/dead")
        .get("/local")
        .get("/none")
        .send(Request::get("/app").header("x-log", "yes"))
}

fn filters() -> Vec<Case> {
    vec![
        some_traffic(Case::new("by_status").log(&filtered(
            "status_code_filter: {comparison: {op: GE, value: {default_value: 404, runtime_key: k}}}",
        ))),
        some_traffic(Case::new("by_flag").log(&filtered("response_flag_filter: {flags: [UF, NR]}"))),
        some_traffic(Case::new("by_any_flag").log(&filtered("response_flag_filter: {}"))),
        some_traffic(
            Case::new("by_header")
                .log(&filtered("header_filter: {header: {name: x-log, string_match: {exact: 'yes'}}}")),
        ),
        some_traffic(Case::new("by_both_and_by_either").log(&filtered(
            "or_filter:
              filters:
              - header_filter: {header: {name: x-log, present_match: true}}
              - and_filter:
                  filters:
                  - status_code_filter: {comparison: {op: EQ, value: {default_value: 404, runtime_key: k}}}
                  - response_flag_filter: {flags: [NR]}",
        ))),
        some_traffic(Case::new("by_duration").log(&filtered(
            "duration_filter: {comparison: {op: LE, value: {default_value: 5000, runtime_key: k}}}",
        ))),
        some_traffic(
            Case::new("never_and_always")
                .log(&filtered("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 0}}")),
        ),
        some_traffic(Case::new("no_health_checks").log(&filtered("not_health_check_filter: {}"))),
    ]
}
