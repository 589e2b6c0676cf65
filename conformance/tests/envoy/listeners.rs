//! Options of listeners that clients or operators can see.

use causeway_conformance::{Case, Connection, Request, Run};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("connections_are_kept_alive_by_probes")
            .listener("tcp_keepalive: {keepalive_time: 100, keepalive_interval: 7, keepalive_probes: 4}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let _ = connection.exchange(&Request::get("/")).await;
                note_timer(run, &connection);
            }),
        Case::new("connections_are_not_probed_unasked").step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            let _ = connection.exchange(&Request::get("/")).await;
            note_timer(run, &connection);
        }),
        Case::new("a_listener_that_does_not_drain_with_the_process")
            .listener("drain_type: MODIFY_ONLY")
            .ask_admin(Request::new("POST", "/healthcheck/fail"))
            .on_one_connection([Request::get("/a"), Request::get("/b")]),
        Case::new("bodies_pass_small_buffers")
            .listener("per_connection_buffer_limit_bytes: 1024")
            .echoes(&["app"])
            .cluster("app", "per_connection_buffer_limit_bytes: 1024")
            .step(async |run: &mut Run| {
                let body = "x".repeat(300_000);
                let response = run.connect().await.exchange(&Request::post("/", body)).await;
                run.note(
                    "the echo",
                    json!(response.map(|response| (response.status, response.body.len())).ok()),
                );
            }),
        Case::new("a_limit_of_nothing_is_none")
            .listener("per_connection_buffer_limit_bytes: 0")
            .send(Request::post("/", "body")),
    ]
}

/// Whether the kernel has a timer for probes of the proxy's end of a connection: the state `02` in the column
/// for timers (proc_net_tcp.rst).
fn note_timer(run: &mut Run, connection: &Connection) {
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (proxy, client) = (port(run.listener()), connection.local().map(port).unwrap_or_default());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let timer = table.lines().find_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let ours = columns.get(1)?.ends_with(&proxy) && columns.get(2)?.ends_with(&client);
        ours.then(|| columns.get(5).is_some_and(|timer| timer.starts_with("02:")))
    });
    run.note("there is a timer for probes", json!(timer));
}
