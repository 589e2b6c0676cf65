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
        Case::new("connections_are_shared_out_exactly")
            .workers(3)
            .listener("connection_balance_config: {exact_balance: {}}")
            .without_log()
            .step(async |run: &mut Run| {
                let mut connections = Vec::new();
                for _ in 0..12 {
                    let mut connection = run.connect().await;
                    let answered = connection.exchange(&Request::get("/")).await.is_ok();
                    connections.push((connection, answered));
                }
                let answered = connections.iter().filter(|(_, answered)| *answered).count();
                run.note("answered", json!(answered));
                note_workers(run, "twelve", 4).await;
                // Three of four go; whoever has the fewest gets the next ones.
                connections.truncate(3);
                note_workers(run, "three", 1).await;
                for _ in 0..3 {
                    connections.push((run.connect().await, true));
                }
                note_workers(run, "six", 2).await;
            }),
        Case::new("a_way_to_share_connections_out_has_to_be_named")
            .without_log()
            .listener("connection_balance_config: {}"),
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

/// Whether each worker comes to have so many connections.
async fn note_workers(run: &mut Run, label: &str, each: u64) {
    let names: Vec<String> = (0..3)
        .map(|worker| format!("listener.127.0.0.1_{{{{listen}}}}.worker_{worker}.downstream_cx_active"))
        .collect();
    let names: Vec<String> = names.iter().map(|name| run.fill(name)).collect();
    let mut counts = Vec::new();
    for _ in 0..40 {
        let stats = run.stats().await;
        counts = names
            .iter()
            .map(|name| stats.get(name).copied().map_or(-1, |count| i64::try_from(count).unwrap_or(-1)))
            .collect();
        if counts.iter().all(|count| u64::try_from(*count) == Ok(each)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    run.note(label, json!(counts));
}
