//! Clients that do not read what they have asked for.

use std::time::Duration;

use causeway_conformance::frames::{Frame, Frames};
use causeway_conformance::{Case, Reply, Run};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

const LARGE: usize = 20 * 1024 * 1024;
const SMALL: usize = 300 * 1024;

/// A client that asks, and looks at the answer two seconds later.
fn asks_and_waits(name: &'static str, size: usize) -> Case {
    Case::new(name)
        .backend("app", Reply::ok("x".repeat(size)))
        .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%")
        .listener("per_connection_buffer_limit_bytes: 65536")
        .step(async move |run: &mut Run| {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(4096).expect("a small buffer");
            let mut stream = socket.connect(run.listener()).await.expect("a connection");
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
                .await
                .expect("a request");
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            run.note("all of it came", json!(answer.len() > size));
        })
}

/// A stream whose client takes a thousand bytes, and the rest after a second.
fn takes_its_time(name: &'static str, size: usize) -> Case {
    Case::new(name)
        .backend("app", Reply::ok("x".repeat(size)))
        .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_SENT%")
        .step(async move |run: &mut Run| {
            let mut client = Frames::open(run.listener()).await.expect("a connection");
            client.send(&[Frame::setting(4, 1000), Frame::get(1, "/")]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.send(&[Frame::window(1, 1 << 20), Frame::window(0, 1 << 20)]).await;
            let (seen, _) = client.patience(Duration::from_millis(400)).rest().await;
            let body: usize =
                seen.iter().filter(|frame| frame.kind == 0).map(|frame| frame.payload.len()).sum();
            let reset = seen.iter().find(|frame| frame.kind == 3).and_then(Frame::code);
            run.note("bytes", json!(body));
            run.note("reset", json!(reset));
        })
}

/// Times of all kinds that are over before the client goes on.
const OVER: &str = "
    - match: {prefix: /}
      route:
        cluster: app
        timeout: 0.4s
        idle_timeout: 0.4s
        max_stream_duration: {max_stream_duration: 0.4s}
        retry_policy: {retry_on: 5xx, per_try_timeout: 0.3s, per_try_idle_timeout: 0.3s}";

/// An answer of the proxy's own that is longer than the client takes at once.
fn direct() -> String {
    let body = "x".repeat(3000);
    format!("- match: {{prefix: /}}\n  direct_response: {{status: 200, body: {{inline_string: {body}}}}}")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        takes_its_time("a_stream_that_the_back_end_has_ended_may_be_read_slowly", 3000).routes(OVER),
        takes_its_time("a_stream_that_is_not_read_is_reset_and_nothing_has_failed", 3000)
            .hcm("stream_idle_timeout: 0.4s")
            .stats(&[
                "http2.tx_flush_timeout",
                "http2.tx_reset",
                "http.ingress.downstream_rq_idle_timeout",
                "http.ingress.downstream_rq_tx_reset",
            ]),
        takes_its_time("the_manager_says_how_long_the_end_of_a_stream_may_take", 3000)
            .hcm("stream_flush_timeout: 0.4s")
            .stats(&["http2.tx_flush_timeout"]),
        takes_its_time("the_route_says_how_long_the_end_of_a_stream_may_take", 3000)
            .hcm("stream_idle_timeout: 0.4s")
            .routes("- match: {prefix: /}\n  route: {cluster: app, flush_timeout: 0s}"),
        takes_its_time("an_answer_of_the_proxy_may_be_read_slowly", 0)
            .hcm("common_http_protocol_options: {max_stream_duration: 0.4s}")
            .routes(&direct()),
        takes_its_time("an_answer_of_the_proxy_that_is_not_read_is_reset", 0)
            .hcm("stream_flush_timeout: 0.4s")
            .routes(&direct())
            .stats(&["http2.tx_flush_timeout"]),
        takes_its_time("a_large_stream_that_is_read_slowly", 200_000)
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.4s}")
            .mask_log(|line| line.split(" response_timeout").next().unwrap_or_default().to_owned())
            .differs("D-321", &["bytes"], 1000)
            .differs("D-321", &["reset"], 2)
            .differs("D-321", &["log", "0"], "200 UT"),
        asks_and_waits("what_stands_still_is_cut", LARGE).hcm("stream_idle_timeout: 1s").stats(&[
            "http.ingress.downstream_rq_idle_timeout",
            "http.ingress.downstream_rq_tx_reset",
            "http.ingress.downstream_rq_rx_reset",
        ]),
        asks_and_waits("what_has_been_written_is_not_waited_for", SMALL).hcm("stream_idle_timeout: 1s"),
        asks_and_waits("a_flush_timeout_of_the_manager_is_not_for_http_1", LARGE)
            .hcm("stream_flush_timeout: 1s"),
        asks_and_waits("a_flush_timeout_of_a_route_is_not_for_http_1", LARGE)
            .routes("- match: {prefix: /}\n  route: {cluster: app, flush_timeout: 1s}"),
        asks_and_waits("the_time_of_the_route_runs_until_all_is_passed_on", LARGE)
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 1s}")
            .stats(&["cluster.app.upstream_rq_timeout"]),
    ]
}
