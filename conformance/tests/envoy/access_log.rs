//! What is written about each request.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script, listener_log};
use serde_json::json;

/// Times of the day, which may be others when the second proxy is asked; their offsets stay.
fn mask_clock(line: &str) -> String {
    let is_clock =
        |word: &&str| word.contains(':') && word.bytes().all(|byte| byte == b':' || byte.is_ascii_digit());
    line.split(' ').map(|word| if is_clock(&word) { "<clock>" } else { word }).collect::<Vec<_>>().join(" ")
}

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
    [formats(), operators(), filters(), options()].into_iter().flatten().collect()
}

fn formats() -> Vec<Case> {
    vec![
        Case::new("bytes_and_times_of_a_request_that_nobody_reads")
            .routes("- match: {prefix: /}\n  direct_response: {status: 403, body: {inline_string: no}}")
            .log("%RESPONSE_CODE% %BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_RECEIVED% %REQUEST_DURATION%")
            .send(Request::post("/", "x".repeat(100)))
            .send(Request::post("/", "x".repeat(100)).chunked()),
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
        Case::new("what_is_empty_in_json_can_be_left_out")
            .log(&json_log(
                r#"{a: null, b: {}, c: [], d: [null, 1, {}, {x: null}, [], [null], [{}], "%REQ(X-MISSING)%", {y: "%REQ(X-MISSING)%"}],
                  e: {f: null}, g: {h: "%REQ(X-MISSING)%"}, i: ["%REQ(X-MISSING)%"], z: "", n: {o: {p: "%REQ(X-MISSING)%"}},
                  u: {v: []}, w: {x: ""}, y: "[%REQ(X-MISSING)%]", no: false, zero: 0}
  omit_empty_values: true"#,
            ))
            .get("/x"),
        Case::new("numbers_and_texts_in_json")
            .log(&json_log(
                r#"{code: "%RESPONSE_CODE%", status: "%RESP(:STATUS)%", or: "%RESP(X-MISSING?:STATUS)%", short: "%RESP(:STATUS):2%",
                  port: "%UPSTREAM_REMOTE_PORT%", none: "%REQ(X-MISSING)%", length: "%RESP(CONTENT-LENGTH)%"}"#,
            ))
            .get("/x")
            .raw("nonsense\r\n\r\n"),
        Case::new("lengths_of_what_is_not_there")
            .log("[%REQ(X-MISSING):0%] [%REQ(X-A):0%] [%REQ(X-A):2%] [%RESP(X-MISSING):3%]")
            .send(Request::get("/").header("x-a", "abc")),
        Case::new("text_without_values_can_be_empty")
            .log("log_format:\n  omit_empty_values: true\n  text_format_source: {inline_string: \"<%REQ(X-MISSING)%> <%UPSTREAM_HOST%>\\n\"}")
            .routes("- match: {prefix: /}\n  direct_response: {status: 200}")
            .get("/x"),
        Case::new("ports_are_numbers_in_json")
            .log(&json_log(
                "{a: '%DOWNSTREAM_LOCAL_PORT%', b: '%DOWNSTREAM_DIRECT_LOCAL_PORT%', c: '%UPSTREAM_REMOTE_PORT%', \
                 d: '%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%', e: '%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID%', \
                 f: '%UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID%', g: '%CUSTOM_FLAGS%', h: 'to %DOWNSTREAM_LOCAL_PORT%'}",
            ))
            .get("/"),
        Case::new("what_there_is_of_a_back_end_where_there_is_none")
            .log(&json_log(
                "{a: '%UPSTREAM_CONNECTION_ID%', b: 'number %UPSTREAM_CONNECTION_ID%', c: '%UPSTREAM_REMOTE_PORT%', \
                 d: '%UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID%', e: 'port %UPSTREAM_REMOTE_PORT%'}",
            ))
            .routes("- {match: {prefix: /}, direct_response: {status: 200}}")
            .get("/"),
        Case::new("names_of_hosts_have_no_port")
            .log("%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT% %UPSTREAM_HOST_NAMES_ATTEMPTED% %UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT% %UPSTREAM_HOSTS_ATTEMPTED%")
            .routes(
                "
                - {match: {prefix: /named}, route: {cluster: named}}
                - {match: {prefix: /ported}, route: {cluster: ported}}
                - {match: {prefix: /dns}, route: {cluster: dns}}
                - {match: {prefix: /}, route: {cluster: app}}",
            )
            .more_clusters(
                "
                - name: named
                  load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {hostname: h.test, address: {socket_address: {address: 127.0.0.1, port_value: {{app}}}}}}]}]}
                - name: ported
                  load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {hostname: 'h.test:99', address: {socket_address: {address: 127.0.0.1, port_value: {{app}}}}}}]}]}
                - name: dns
                  type: STRICT_DNS
                  dns_lookup_family: V4_ONLY
                  load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{app}}}}}}]}]}",
            )
            .get("/")
            .get("/named")
            .get("/ported")
            .get("/dns"),
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

/// The last three digits of nine, and what is behind them.
fn mask_micros(line: &str) -> String {
    line.split(' ')
        .map(|word| word.get(word.len().saturating_sub(5)..).unwrap_or(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A call whose back-end says so of its status.
fn grpc(name: &'static str, status: &str) -> Case {
    let format = "%GRPC_STATUS% %GRPC_STATUS(NUMBER)% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%";
    Case::new(name)
        .backend("app", Reply::ok("").header("content-type", "application/grpc").header("grpc-status", status))
        .log(&json_log(&format!(
            r#"{{text: "{format}", camel: "%GRPC_STATUS%", number: "%GRPC_STATUS(NUMBER)%", snake: "%GRPC_STATUS(SNAKE_STRING)%"}}"#
        )))
        .send(Request::get("/").header("content-type", "application/grpc"))
}

fn operators() -> Vec<Case> {
    vec![
        grpc("a_status_of_grpc", "5"),
        grpc("a_status_of_grpc_that_nobody_knows", "17"),
        grpc("a_status_of_grpc_that_is_text", "abc"),
        grpc("a_status_of_grpc_that_is_negative", "-3"),
        grpc("a_status_of_grpc_beyond_32_bits", "4294967296"),
        Case::new("a_status_of_grpc_that_is_none_is_no_unknown")
            .backend("app", Reply::ok("").header("content-type", "application/grpc").header("grpc-status", "abc"))
            .log(&filtered("grpc_status_filter: {statuses: [UNKNOWN]}"))
            .send(Request::get("/").header("content-type", "application/grpc")),
        Case::new("times_of_this_place")
            .log("%START_TIME_LOCAL%|%EMIT_TIME_LOCAL%|%START_TIME%|%EMIT_TIME%")
            .mask_log(mask_numbers)
            .get("/"),
        Case::new("times_have_microseconds")
            .log("%START_TIME(<%9f>.)% %START_TIME(<%E9f>.)% %EMIT_TIME(<%9f>.)%")
            .mask_log(mask_micros)
            .get("/")
            .get("/"),
        Case::new("connections_that_are_none")
            .dead("dead")
            .log("%REQ(:PATH)% %UPSTREAM_CONNECTION_ID%")
            .routes("- match: {prefix: /dead}\n  route: {cluster: dead}\n- match: {prefix: /direct}\n  direct_response: {status: 200}")
            .get("/dead")
            .get("/direct")
            .get("/none"),
        Case::new("when_a_request_without_a_body_was_sent_over_http_2")
            .backend("app", Script::always(Reply::ok("x")).http2())
            .cluster("app", "http2_protocol_options: {}")
            .log("%REQ(:METHOD)% %REQUEST_TX_DURATION% %COMMON_DURATION(DS_RX_BEG:US_TX_END:ms)%")
            .mask_log(mask_numbers)
            .get("/")
            .send(Request::post("/", "body")),
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
        Case::new("about_bytes_and_retransmissions")
            // How many digits it has is chance.
            .route_config("response_headers_to_remove: [x-envoy-upstream-service-time]")
            .backend("app", Reply::ok("hello").header("x-r", "v"))
            .log(
                "%BYTES_RETRANSMITTED% %PACKETS_RETRANSMITTED% %DOWNSTREAM_CX_RTT% \
                 %DOWNSTREAM_HEADER_BYTES_RECEIVED% %DOWNSTREAM_HEADER_BYTES_SENT% \
                 %DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED% %DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT% \
                 %UPSTREAM_HEADER_BYTES_SENT% %UPSTREAM_HEADER_BYTES_RECEIVED% \
                 %UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT% %UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED% \
                 %DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_SENT%",
            )
            .routes(
                "
                - match: {path: /local}
                  direct_response: {status: 200, body: {inline_string: here}}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/local")
            .send(Request::get("/app").header("x-a", "1").header("x-a", "2").header("x-forwarded-for", "192.0.2.1"))
            .send(Request::post("/app", "12345"))
            .send(Request::post("/app", "12345").chunked())
            .raw("GET /local HTTP/1.1\r\nHost:   a  \r\nx-empty:\r\nConnection: close\r\n\r\n")
            .raw("nonsense\r\n\r\n"),
        Case::new("connections_have_lines_of_their_own")
            .listener(&listener_log(
                "connection %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% \
                 %DOWNSTREAM_DETECTED_CLOSE_TYPE% %DOWNSTREAM_WIRE_BYTES_SENT%",
            ))
            .routes("- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: here}}}")
            .on_one_connection([Request::get("/a"), Request::post("/b", "12345")])
            .raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("\x16\x03 is no text\r\n\r\n")
            .raw("GET / HTTP/1.1\r\n\r\n"),
        Case::new("why_connections_were_closed_from_here")
            .listener(&listener_log("connection %DOWNSTREAM_LOCAL_CLOSE_REASON% %BYTES_RECEIVED%"))
            .hcm("common_http_protocol_options: {idle_timeout: 0.3s}\ndrain_timeout: 0.1s\ndelayed_close_timeout: 0.1s")
            .routes("- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: here}}}")
            .raw("")
            .raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .differs("D-37", &["log", "4"], "connection - 46"),
        Case::new("about_the_query")
            .log(
                "%QUERY_PARAMS% %QUERY_PARAMS(ORIG)% %QUERY_PARAMS(DECODED)% %QUERY_PARAMS:3% %QUERY_PARAM(a)%",
            )
            .get("/?a=%41&b=%20c%2f%22&c&e=%ff")
            .get("/?")
            .get("/"),
        Case::new("what_the_connection_field_says")
            .hcm(
                "
                http_protocol_options: {accept_http_10: true}
                common_http_protocol_options: {max_requests_per_connection: 2}",
            )
            .routes(
                "
                - match: {prefix: /direct}
                  direct_response: {status: 200}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .log("%RESP(connection)% %RESP(x-none?connection)%")
            .get("/")
            .send(Request::get("/").header("connection", "close"))
            .send(Request::get("/direct").header("connection", "close"))
            .raw("GET /direct HTTP/1.0\r\n\r\n")
            .raw("GET /direct HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .on_one_connection([Request::get("/1"), Request::get("/2")])
            .ask(Request::get("/")),
        Case::new("values_that_are_there_or_not")
            .hcm("generate_request_id: false")
            .cluster(
                "app",
                "
                load_assignment:
                  cluster_name: app
                  endpoints:
                  - lb_endpoints:
                    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{origin}}}}}
                      metadata: {filter_metadata: {ns: {k: host}}}",
            )
            .endpoint("origin", Script::echo())
            .virtual_hosts(
                r#"
                - name: v
                  domains: ["*"]
                  metadata: {filter_metadata: {ns: {k: vh}}}
                  response_headers_to_add: [{header: {key: x-k, value: '[%UPSTREAM_METADATA(["ns", "k"])%%CUSTOM_FLAGS%]'}}]
                  routes:
                  - match: {path: /}
                    route: {cluster: app}"#,
            )
            .log(
                r#"%UPSTREAM_METADATA(["ns","k"])% %UPSTREAM_METADATA(ns:k)% [%CUSTOM_FLAGS%] %STREAM_ID% %METADATA(VIRTUAL_HOST:ns:k)%"#,
            )
            .get("/")
            .send(Request::get("/").header("x-request-id", "mine"))
            .get("/none"),
        Case::new("queries_whose_escapes_are_none")
            .log("%QUERY_PARAMS(DECODED)% | %QUERY_PARAM(q)%")
            .get("/?q=%zz1")
            .get("/?q=%4")
            .get("/?q=%")
            .get("/?q=%%41")
            .get("/?q=%%%41")
            .get("/?q=%2%zz")
            .get("/?q=%41%zz%42"),
        Case::new("query_parameters_are_decoded")
            .routes(
                r#"
                - match: {prefix: /}
                  request_headers_to_add: [{header: {key: x-q, value: "[%QUERY_PARAM(q)%]"}}]
                  route: {cluster: app}"#,
            )
            .log("%QUERY_PARAM(q)% %QUERY_PARAM(q):2% %QUERY_PARAM(a b)% %QUERY_PARAM(a%20b)%")
            .get("/?q=a%20b")
            .get("/?%71=1&q=2")
            .get("/?q=%e2%82%ac")
            .get("/?q=%2B+%26q=%253d%09")
            .get("/?a%20b=1")
            .get("/?a+b=1"),
        Case::new("query_parameters_keep_escapes_of_control_characters")
            .differs("D-291", &["log", "0", "q"], "a%0d%0a%00%7fb")
            .log("log_format: {json_format: {q: '%QUERY_PARAM(q)%'}}")
            .get("/?q=a%0d%0a%00%7fb"),
        Case::new("about_finding_a_route_and_a_connection")
            .dead("dead")
            .backend("app", Reply::ok("hello"))
            .log(
                "%ROUTE_RESOLUTION_COUNT% %UPSTREAM_HOSTS_ATTEMPTED% %UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT% \
                 %UPSTREAM_HOST_NAMES_ATTEMPTED% %UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT% \
                 %UPSTREAM_CONNECTION_IDS_ATTEMPTED% %UPSTREAM_CONNECTION_POOL_READY_DURATION% \
                 %ROUTE_RESOLUTION_TIME_US% %COMMON_DURATION(US_RX_BEG:US_RX_BODY_BEG:ms)%",
            )
            .mask_log(mask_numbers)
            .routes(
                "
                - match: {path: /local}
                  direct_response: {status: 200}
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /app}
                  route: {cluster: app}",
            )
            .get("/local")
            .get("/app")
            .get("/dead")
            .get("/none")
            .raw("nonsense\r\n\r\n"),
        Case::new("how_often_routes_are_found_is_counted")
            .hcm("record_route_resolution_stats: true")
            .get("/")
            .step(async |run: &mut Run| {
                run.wait_for("/stats?filter=route_resolutions", "P0(").await;
                let page = run.page("/stats?filter=route_resolution").await;
                let names: Vec<&str> = page.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
                run.note("names", json!(names));
            }),
        Case::new("networks_of_addresses")
            .log(
                "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)% \
                 %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(33)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)% \
                 %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(24)% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(24)% \
                 %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(8)% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(9)%",
            )
            .hcm("use_remote_address: false")
            .get("/")
            .send(Request::get("/").header("x-forwarded-for", "203.0.113.77"))
            .send(Request::get("/").header("x-forwarded-for", "2001:db8::77")),
        Case::new("headers_without_their_query")
            .log(
                "log_format:
                  formatters:
                  - name: q
                    typed_config: {\"@type\": type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery}
                  text_format_source:
                    inline_string: \"%REQ_WITHOUT_QUERY(:PATH)% %REQ_WITHOUT_QUERY(X-LINK)% %REQ_WITHOUT_QUERY(X-NONE?X-LINK)% %REQ_WITHOUT_QUERY(X-LINK):2%\\n\"",
            )
            .get("/p?secret=1")
            .send(Request::get("/").header("x-link", "/l?secret=1").header("x-link", "second")),
        Case::new("the_first_that_has_a_value")
            .log(
                "log_format:
                  text_format_source:
                    inline_string: '%COALESCE({\"operators\": [{\"command\": \"REQ\", \"param\": \"X-A\"}, {\"command\": \"REQ\", \"param\": \"X-B\", \"max_length\": 2}, \"PROTOCOL\"]})% %COALESCE({\"operators\": [{\"command\": \"REQ\", \"param\": \"X-A\"}]}):3% '",
            )
            .get("/")
            .send(Request::get("/").header("x-a", "first"))
            .send(Request::get("/").header("x-b", "second"))
            .send(Request::get("/").header("x-a", "")),
        Case::new("metadata_of_filter_chains_and_listeners")
            .listener("metadata: {filter_metadata: {team: {name: listener}}}")
            .log("%METADATA(LISTENER:team:name)% %METADATA(LISTENER_FILTER_CHAIN:team:name)%")
            .get("/"),
        Case::new("parts_of_times")
            .log(
                "%START_TIME(%C %G %g %V %u %w %U %W %P %j %y %b %a %D %F %R %z %Z)% \
                 %START_TIME(%Ez %E*z %:z %::z %:::z %ET %E4Y %Om %Ey %EC)% \
                 %START_TIME(%^a %#a %^B %#p %5Y %-y %_5j %10A %12D %#c %^h)% \
                 %START_TIME(%+ %v %N %3N %Q %E %O %0 %3 %12 %Ed %OY)%",
            )
            .mask_log(mask_clock)
            .get("/"),
        Case::new("fractions_of_seconds")
            .log(
                "%START_TIME(%S %E0S %E3S %E15S %k %l %-H %_M %02d %E3f %1f %6f %f %s %9s %E0f %10f)%",
            )
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
        by_request_id(Case::new("by_a_number_of_the_runtime").log(&filtered(
            "runtime_filter: {runtime_key: number, percent_sampled: {numerator: 0, denominator: TEN_THOUSAND}}",
        ))),
        by_request_id(
            Case::new("by_a_fraction_of_the_runtime")
                .log(&filtered("runtime_filter: {runtime_key: fraction, percent_sampled: {numerator: 50}}")),
        ),
        some_traffic(
            Case::new("by_grpc_status").log(&filtered("grpc_status_filter: {statuses: [UNIMPLEMENTED]}")),
        ),
        some_traffic(
            Case::new("by_another_grpc_status")
                .log(&filtered("grpc_status_filter: {statuses: [UNIMPLEMENTED, OK], exclude: true}")),
        ),
        some_traffic(Case::new("by_metadata_that_nobody_sets").log(&filtered(
            "or_filter:
              filters:
              - metadata_filter: {matcher: {filter: f, path: [{key: a}], value: {bool_match: true}}, match_if_key_not_found: false}
              - and_filter:
                  filters:
                  - metadata_filter: {matcher: {filter: f, path: [{key: a}], value: {bool_match: true}}}
                  - header_filter: {header: {name: x-log, present_match: true}}",
        ))),
        some_traffic(Case::new("traced_requests_only").log(&filtered("traceable_filter: {}"))),
        by_request_id(
            Case::new("a_share_by_request_id")
                .log(&filtered("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 50}}")),
        ),
        some_traffic(Case::new("no_health_checks").log(&filtered("not_health_check_filter: {}"))),
    ]
}

/// Requests whose ids decide which of them are logged.
fn by_request_id(case: Case) -> Case {
    let case = case.hcm("preserve_external_request_id: true\nuse_remote_address: true").bootstrap(
        "layered_runtime: {layers: [{name: s, static_layer: {number: 100, fraction: {numerator: 0}}}]}",
    );
    (0..12).fold(case, |case, i| {
        let id = format!("0000{:04x}-0000-4000-8000-000000000000", i * 23);
        case.send(Request::get(&format!("/{i}")).header("x-request-id", &id))
    })
}

/// Lines of every type, with what is known of the request at that time.
const TYPED: &str = "%ACCESS_LOG_TYPE% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% \
    %ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_HOST% %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_DURATION%";

fn options() -> Vec<Case> {
    let routes = "
        - name: here
          match: {path: /local}
          direct_response: {status: 200}
        - name: moved
          match: {path: /moved}
          redirect: {path_redirect: /app}
        - name: dead
          match: {prefix: /dead}
          route: {cluster: dead}
        - name: app
          match: {prefix: /app}
          route: {cluster: app}";
    let traffic = |case: Case| {
        case.log(TYPED)
            .mask_log(mask_numbers)
            .dead("dead")
            .backend("app", Reply::ok("hello"))
            .routes(routes)
            .get("/local")
            .get("/moved")
            .send(Request::post("/app", "12345"))
            .get("/dead")
            .get("/none")
            .raw("nonsense\r\n\r\n")
            .raw("GET /without-a-host HTTP/1.1\r\n\r\n")
    };
    vec![
        traffic(
            Case::new("a_line_when_a_request_begins")
                .hcm("access_log_options: {flush_access_log_on_new_request: true}"),
        ),
        traffic(
            Case::new("a_line_when_a_request_begins_by_its_old_name")
                .hcm("flush_access_log_on_new_request: true"),
        ),
        Case::new("lines_while_a_request_takes_its_time")
            .hcm("access_log_options: {access_log_flush_interval: 1s}")
            .backend("app", Answer::from(Reply::ok("x")).after(Duration::from_millis(2500)))
            .log(TYPED)
            .mask_log(mask_numbers)
            .send(Request::post("/", "12345")),
        Case::new("lines_of_chosen_types")
            .hcm("access_log_options: {flush_access_log_on_new_request: true}")
            .log(&filtered("log_type_filter: {types: [DownstreamStart]}"))
            .get("/a"),
        Case::new("lines_of_all_but_chosen_types")
            .hcm("access_log_options: {flush_access_log_on_new_request: true}")
            .log(&filtered("log_type_filter: {types: [DownstreamStart], exclude: true}"))
            .get("/a"),
    ]
}
