//! Where a message ends, and what is refused because nobody could be sure.

use causeway_conformance::{Answer, Case, Request, Run, Script};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("ambiguous_lengths_are_refused")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n")
            .stats(&["http.ingress.downstream_cx_protocol_error"]),
        Case::new("transfer_codings_other_than_chunked_are_refused")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Case::new("broken_chunks_are_refused")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
        Case::new("bytes_that_belong_to_no_chunk")
            .without_log()
            .step(async |run: &mut Run| {
                for (label, chunks) in [
                    ("behind the data", "3\r\nabcd\r\n0\r\n\r\n"),
                    ("in place of CR LF", "3\r\nabc\n0\r\n\r\n"),
                    ("a control in an extension", "3;\u{1}\r\nabc\r\n0\r\n\r\n"),
                ] {
                    let mut connection = run.connect().await;
                    let head = "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
                    connection.write(format!("{head}{chunks}")).await;
                    let response = connection.response("POST").await;
                    run.note(label, json!(response.map(|response| response.status).ok()));
                }
            })
            .differs("D-325", &["behind the data"], 400)
            .differs("D-325", &["in place of CR LF"], 400)
            .differs("D-325", &["a control in an extension"], 400),
        Case::new("malformed_heads_are_refused")
            .raw("GARBAGE\r\n\r\n")
            .raw("GET /\r\n\r\n")
            .raw("GET / HTTP/1.1 extra\r\nHost: a\r\n\r\n")
            .raw("G@T / HTTP/1.1\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nX A: 1\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nX-A: \u{1}\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: a\r\nX-A: a\u{0}b\r\n\r\n")
            .stats(&["http.ingress.downstream_cx_protocol_error", "http.ingress.downstream_rq_4xx"]),
        Case::new("the_host_must_be_there")
            .raw("GET / HTTP/1.1\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"),
        Case::new("versions")
            .raw("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/0.9\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/2.0\r\nHost: a\r\n\r\n")
            .raw("GET / http/1.1\r\nHost: a\r\n\r\n"),
        Case::new("versions_that_are_none")
            .raw("GET / HTTP/2\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/3.0\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/11\r\nHost: a\r\n\r\n")
            .raw("GET / HTTP/x.1\r\nHost: a\r\n\r\n"),
        Case::new("what_is_no_http_is_refused")
            .hcm("codec_type: HTTP1")
            .raw("\x16\x03\x01\x02\x00\x01\x00\x01\x00\x03\x03")
            .raw("\x15\x03\x01\x00\x02\x02\x28")
            .raw("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .raw("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .raw("SSH-2.0-OpenSSH_9.2\r\n")
            .raw("EHLO there\r\n")
            .raw("*1\r\n$4\r\nPING\r\n")
            .raw("\x05\x01\x00")
            .raw("\x00\x01\x02 garbage")
            .stats(&["http.ingress.downstream_cx_protocol_error", "http.ingress.downstream_rq_4xx"]),
        Case::new("http_1_0_can_be_accepted")
            .hcm("http_protocol_options: {accept_http_10: true, default_host_for_http_10: default.test}")
            .raw("GET /a HTTP/1.0\r\n\r\n")
            .raw("GET /b HTTP/1.0\r\nHost: own.test\r\nConnection: keep-alive\r\n\r\n")
            .raw("POST /c HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"),
        Case::new("request_targets")
            .raw("GET http://b.test:81/p?q HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            .raw("GET https://b.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            .raw("GET http://b.test HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            .raw("GET relative HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
            .raw("GET /a#fragment HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("empty_lines_before_a_request_mean_nothing")
            .raw("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("too_many_and_too_large_headers")
            .send((0..120).fold(Request::get("/"), |r, i| r.header(&format!("x-{i}"), "v")))
            .send(Request::get("/").header("x-big", &"v".repeat(70_000)))
            .send((0..90).fold(Request::get("/"), |r, i| r.header(&format!("x-{i}"), "v")))
            .stats(&["http.ingress.downstream_rq_4xx", "http.ingress.downstream_rq_too_large"]),
        Case::new("the_limits_of_headers_can_be_set")
            .hcm("max_request_headers_kb: 2\ncommon_http_protocol_options: {max_headers_count: 5}")
            .send(Request::get("/").header("x-big", &"v".repeat(1500)))
            .send(Request::get("/").header("x-big", &"v".repeat(2500)))
            .send((0..6).fold(Request::get("/"), |r, i| r.header(&format!("x-{i}"), "v"))),
        Case::new("responses_that_cannot_be_read_are_not_passed_on")
            .backend(
                "app",
                Script::by(|request| {
                    Answer::raw(match request.path() {
                        "/garbage" => "this is not http\r\n\r\n",
                        "/both" => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                        "/twice" => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
                        "/header" => "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
                        "/nul" => "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
                        "/version" => "HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n",
                        _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                    })
                    .then_close()
                }),
            )
            .get("/garbage")
            .get("/both")
            .get("/twice")
            .get("/header")
            .get("/version")
            .get("/nul")
            .get("/fine")
            .stats(&["cluster.app.upstream_cx_protocol_error", "cluster.app.upstream_rq_502"]),
        Case::new("a_status_of_five_digits")
            .differs("D-06", &["status"], 502)
            .backend("app", Answer::raw("HTTP/1.1 99999 What\r\n\r\n").then_close())
            .without_log()
            .step(async |run: &mut Run| {
                let response = run.connect().await.exchange(&Request::get("/")).await;
                run.note("status", json!(response.map(|r| r.status).ok()));
            }),
    ]
}
