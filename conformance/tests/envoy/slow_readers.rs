//! Clients that do not read what they have asked for.

use std::time::Duration;

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

pub(crate) fn cases() -> Vec<Case> {
    vec![
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
