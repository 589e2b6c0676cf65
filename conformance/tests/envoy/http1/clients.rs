//! What clients send: pipelines, expectations, old versions, targets, hosts, heads at their limits.

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

use super::LOCAL;

pub(crate) fn cases() -> Vec<Case> {
    [pipelines(), expectations(), old_clients(), targets(), hosts(), borders()]
        .into_iter()
        .flatten()
        .collect()
}

fn pipelines() -> Vec<Case> {
    vec![
        Case::new("a_pipeline_with_local_answers")
            .routes(LOCAL)
            .dead("dead")
            .raw(
                "GET /local HTTP/1.1\r\nHost: a\r\n\r\nGET /app/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /redirect HTTP/1.1\r\nHost: a\r\n\r\n\
                 GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nGET /dead HTTP/1.1\r\nHost: a\r\n\r\n\
                 GET /app/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            )
            .asked("app"),
        Case::new("a_pipeline_with_bodies")
            .routes(LOCAL)
            .raw(
                "POST /app/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /app/2 HTTP/1.1\r\nHost: a\r\n\
                 Transfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\nPOST /local HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\
                 ghiPOST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\njkl\r\n0\r\n\r\n\
                 GET /app/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            )
            .asked("app"),
        Case::new("a_pipeline_behind_an_upgrade_that_is_refused").raw(
            "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\
             GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ),
        Case::new("a_pipeline_behind_an_upgrade_that_the_upstream_refuses")
            .differs("D-45", &["log", "0"], "/1 websocket_handshake_unsuccessful received=0")
            .log("%REQ(:PATH)% %RESPONSE_CODE_DETAILS% received=%BYTES_RECEIVED%")
            .hcm("upgrade_configs: [{upgrade_type: websocket}]")
            .backend("app", Script::by(|request| Reply::ok(request.path().to_owned()).into()))
            .raw(
                "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\
                 GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            )
            .asked("app"),
        Case::new("a_pipeline_that_goes_wrong").raw(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nbad line\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        Case::new("a_pipeline_behind_a_close").raw(
            "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        Case::new("a_local_answer_to_a_body_that_is_not_complete")
            .routes(LOCAL)
            .raw("POST /local HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
            .raw("POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
    ]
}

fn expectations() -> Vec<Case> {
    let refusing = |status: u16| {
        Script::by(move |request| {
            if request.path() == "/no" {
                Reply::status(status).body("no").into()
            } else {
                Reply::echo().into()
            }
        })
    };
    vec![
        Case::new("expect_with_the_body_in_one_piece")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, other\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"),
        Case::new("expect_before_a_local_answer")
            .routes(LOCAL)
            .raw("POST /local HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"),
        Case::new("expect_of_an_old_client")
            .differs("D-40", &["1 raw \"POST / HTTP/1.0\" 0", "interim"], serde_json::Value::Null)
            .hcm("http_protocol_options: {accept_http_10: true}")
            .raw("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody"),
        Case::new("expect_goes_to_the_upstream_if_that_is_asked_for")
            .hcm("proxy_100_continue: true")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/continue" => Answer::raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
                    "/refuse" => Reply::status(417).body("no").into(),
                    _ => Reply::echo().into(),
                }),
            )
            .raw("POST /continue HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: other\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
            .raw("GET /continue HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("an_expectation_that_the_upstream_refuses").backend("app", refusing(417)).raw(
            "POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbodyGET /yes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ),
    ]
}

fn old_clients() -> Vec<Case> {
    let upstream = || {
        Script::by(|request| match request.path() {
            "/chunked" => Reply::ok("in chunks").chunked().into(),
            "/close" => Reply::ok("until the end").until_close().into(),
            "/length" => Reply::ok("by length").into(),
            "/204" => Reply::status(204).into(),
            "/hints" => {
                Answer::raw("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx")
            }
            _ => Reply::echo().into(),
        })
    };
    let accepting = "http_protocol_options: {accept_http_10: true}";
    vec![
        Case::new("old_clients_get_bodies_that_they_can_read")
            .hcm(accepting)
            .backend("app", upstream())
            .raw("GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /close HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /length HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /204 HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /hints HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("HEAD /length HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("HEAD /chunked HTTP/1.0\r\nHost: a\r\n\r\n"),
        Case::new("old_clients_that_keep_their_connection")
            .hcm(accepting)
            .backend("app", upstream())
            .raw("GET /length HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /length HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /chunked HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /length HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /length HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\nGET /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("HEAD /chunked HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /length HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("HEAD /length HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /length HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /204 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /length HTTP/1.0\r\nHost: a\r\n\r\n"),
        Case::new("old_clients_and_local_answers")
            .hcm(accepting)
            .routes(LOCAL)
            .raw("GET /local HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET /local HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /nowhere HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("POST /local HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
            .raw("GET / HTTP/1.0\r\n\r\n")
            .raw("GET http://b.test/local HTTP/1.0\r\n\r\n")
            .raw("POST /app HTTP/1.0\r\nHost: a\r\n\r\n"),
        Case::new("old_clients_and_local_answers_without_a_body")
            .hcm("http_protocol_options: {accept_http_10: true}")
            .routes(
                "
            - match: {path: /empty}
              direct_response: {status: 200}
            - match: {path: /redirect}
              redirect: {path_redirect: /x}",
            )
            .raw("GET /empty HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            .raw("GET /redirect HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            .raw("GET /nowhere HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"),
        Case::new("a_default_host_for_old_clients_only")
            .hcm("http_protocol_options: {accept_http_10: true, default_host_for_http_10: default.test}")
            .raw("GET / HTTP/1.0\r\nHost:\r\n\r\n")
            .raw("GET http://url.test/ HTTP/1.0\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
    ]
}

fn targets() -> Vec<Case> {
    vec![
        Case::new("absolute_urls_in_all_their_forms")
            .raw("GET HTTP://b.test/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:81 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test?q=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test/?q=1#f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http:///path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:99999/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://[::1]:81/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://[::1/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:x/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:080/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:000080/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test:0/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://::1/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://[::1]x/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://[]/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://[x]/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://u:p@b.test/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET ftp://b.test/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test/ HTTP/1.1\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test/a b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("absolute_urls_can_be_left_alone")
            .hcm("http_protocol_options: {allow_absolute_url: false}")
            .raw("GET http://b.test/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("a_request_for_the_server_itself")
            .raw("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("OPTIONS http://b.test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("OPTIONS *a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("paths_with_odd_characters")
            .raw("GET /\"<>[]^`{|}\\ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET //double//slash HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /?? HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /%zz%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET ?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /\u{e9} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("several_spaces_in_the_request_line").differs("D-42", &["status"], 400).without_log().step(
            async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("GET  / HTTP/1.1\r\nHost: a\r\n\r\n").await;
                let response = connection.response("GET").await;
                run.note("status", json!(response.map(|r| r.status).ok()));
            },
        ),
        Case::new("very_long_urls")
            .step(async |run: &mut Run| {
                for length in [10_000, 50_000, 61_000, 61_500, 70_000] {
                    let mut connection = run.connect().await;
                    let response =
                        connection.exchange(&Request::get(&format!("/{}", "a".repeat(length)))).await;
                    let seen = response.map(|r| (r.status, r.text().len() > length)).ok();
                    run.note(format!("{length} bytes"), json!(seen));
                }
            })
            .without_log(),
    ]
}

fn hosts() -> Vec<Case> {
    vec![
        Case::new("hosts_with_odd_characters")
            .raw("GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a,b\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: u@a\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a:x\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a:99999\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a:\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a..b\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: A.Test\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a?b\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a#b\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: \u{e9}\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: \"a\"\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: \t a \t\r\nConnection: close\r\n\r\n"),
        Case::new("a_dot_at_the_end_of_a_host")
            .hcm("strip_trailing_host_dot: true\nstrip_any_host_port: true")
            .raw("GET / HTTP/1.1\r\nHost: a.test.\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test.:80\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test.:x\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test.:99999\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test.:\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test:80.\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test..\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: .\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: .:80\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: [::1.2.3.4]:80\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: ::1\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a.test:080\r\nConnection: close\r\n\r\n"),
    ]
}

fn borders() -> Vec<Case> {
    vec![
        Case::new("the_number_of_request_headers_at_its_border")
            .hcm("common_http_protocol_options: {max_headers_count: 10}")
            .without_log()
            .step(async |run: &mut Run| {
                for count in 7..=12 {
                    let request = (1..count).fold(Request::get("/"), |r, i| r.header(&format!("x-{i}"), "v"));
                    let response = run.connect().await.exchange(&request).await;
                    run.note(format!("{count} with Host"), json!(response.map(|r| r.status).ok()));
                }
            }),
        Case::new("the_size_of_request_headers_at_its_border")
            .hcm("max_request_headers_kb: 1")
            .without_log()
            .step(async |run: &mut Run| {
                // The size of the head as it is sent, with the empty line.
                for size in [900, 980, 1000, 1010, 1020, 1023, 1024, 1025, 1026, 1027, 1028, 1030, 1040, 1060, 1100] {
                    let (before, after) = ("GET / HTTP/1.1\r\nHost: a\r\nx-a: ", "\r\n\r\n");
                    let value = "v".repeat(size - before.len() - after.len());
                    let mut connection = run.connect().await;
                    connection.write(format!("{before}{value}{after}")).await;
                    let response = connection.response("GET").await;
                    run.note(format!("{size} bytes"), json!(response.map(|r| r.status).ok()));
                }
            }),
        Case::new("the_size_of_response_headers_at_its_border")
            .cluster(
                "app",
                r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    common_http_protocol_options: {max_response_headers_kb: 1}
                    explicit_http_config: {http_protocol_options: {}}"#,
            )
            .backend(
                "app",
                Script::by(|request| {
                    let size: usize = request.path().trim_start_matches('/').parse().unwrap_or(0);
                    let (before, after) = ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-a: ", "\r\n\r\n");
                    let value = "v".repeat(size.saturating_sub(before.len() + after.len()));
                    Answer::raw(format!("{before}{value}{after}"))
                }),
            )
            .without_log()
            .step(async |run: &mut Run| {
                for size in [900, 980, 1000, 1010, 1020, 1023, 1024, 1025, 1026, 1027, 1028, 1030, 1040, 1060, 1100] {
                    let response = run.connect().await.exchange(&Request::get(&format!("/{size}"))).await;
                    run.note(format!("{size} bytes"), json!(response.map(|r| r.status).ok()));
                }
            }),
        Case::new("the_number_of_response_headers_at_its_border")
            .cluster(
                "app",
                r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    common_http_protocol_options: {max_headers_count: 10}
                    explicit_http_config: {http_protocol_options: {}}"#,
            )
            .backend(
                "app",
                Script::by(|request| {
                    let count: usize = request.path().trim_start_matches('/').parse().unwrap_or(0);
                    (1..count).fold(Reply::ok("x"), |reply, i| reply.header(&format!("x-{i}"), "v")).into()
                }),
            )
            .without_log()
            .step(async |run: &mut Run| {
                for count in 7..=12 {
                    let response = run.connect().await.exchange(&Request::get(&format!("/{count}"))).await;
                    run.note(format!("{count} with content-length"), json!(response.map(|r| r.status).ok()));
                }
            }),
        Case::new("an_old_and_a_new_client_on_one_connection")
            .hcm("http_protocol_options: {accept_http_10: true}")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.0\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case::new("names_and_values_with_odd_characters")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx!#$%&'*+-.^_`|~9: v\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx-a: \u{e9}\u{ff}\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx-a: a\tb\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx(a): 1\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx-\u{e9}: 1\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx-a: \x7f\r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nx-a:\r\nx-b: \t \r\nConnection: close\r\n\r\n")
            .raw("GET / HTTP/1.1\r\n Host: a\r\nConnection: close\r\n\r\n"),
    ]
}
