//! Both ways, and how long.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Request, Run};
use serde_json::json;

use super::{COUNTERS, echo, note_gone, note_rest, passed_on};

pub(super) fn both_ways() -> Vec<Case> {
    vec![
        passed_on("the_back_end_may_be_the_first_to_speak", "", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let hello = connection.read(5).await;
                run.note_bytes("hello", &hello);
                connection.write("ping").await;
                let echo = connection.read(4).await;
                run.note_bytes("echo", &echo);
            })
            .step(async |run: &mut Run| note_gone(run).await)
            .stats(COUNTERS),
        passed_on("what_is_open_is_counted", "", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("ping").await;
                connection.read(9).await;
                let page = run.page("/clusters").await;
                let mut counts: Vec<_> =
                    page.lines().filter(|line| line.contains("::cx_") || line.contains("::rq_")).collect();
                counts.sort_unstable();
                run.note("/clusters", json!(counts));
                let stats = run.stats().await;
                for name in [
                    "tcp.in.downstream_cx_rx_bytes_buffered",
                    "cluster.app.upstream_cx_active",
                    "cluster.app.upstream_rq_active",
                ] {
                    run.note(name, json!(stats.get(name)));
                }
            })
            .step(async |run: &mut Run| note_gone(run).await),
        passed_on("the_client_may_end_first", "", Answer::hang().then_send("never"))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("all").await;
                connection.finish().await;
                note_rest(run, "rest", &mut connection).await;
            })
            .stats(COUNTERS),
        passed_on("the_back_end_may_end_first", "", Answer::raw("first").then(Act::Finish).then(Act::Hang))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                note_rest(run, "rest", &mut connection).await;
                connection.write("late").await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                run.note("the back-end still listens", json!(run.backend("one").open_connections()));
                connection.finish().await;
                note_gone(run).await;
            })
            .stats(COUNTERS),
        passed_on("large_amounts_pass_whole", "", Answer::fill(3_000_000).then_close())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let (bytes, end) = connection.rest(Duration::from_secs(2)).await;
                run.note("received", json!([bytes.len(), end.as_str()]));
            })
            .stats(&["tcp.in.downstream_cx_tx_bytes_total", "cluster.app.upstream_cx_rx_bytes_total"]),
        passed_on(
            "a_client_that_does_not_read_holds_the_back_end_up",
            "",
            Answer::fill(20_000_000).then_close(),
        )
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            run.note("the back-end is not done", json!(run.backend("one").open_connections()));
            let (bytes, end) = connection.rest(Duration::from_secs(2)).await;
            run.note("received", json!([bytes.len(), end.as_str()]));
        }),
        passed_on("a_reset_of_the_client_is_passed_on", "", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("x").await;
                connection.read(6).await;
                connection.reset();
                note_gone(run).await;
            })
            .stats(COUNTERS),
        passed_on(
            "a_reset_of_the_back_end_is_passed_on",
            "",
            Answer::raw("hello").then_pause(Duration::from_millis(100)).then_reset(),
        )
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            note_rest(run, "rest", &mut connection).await;
        })
        .stats(COUNTERS),
    ]
}

pub(super) fn times() -> Vec<Case> {
    vec![
        passed_on("nothing_moves_for_idle_timeout", "idle_timeout: 0.3s", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                for _ in 0..3 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    connection.write(".").await;
                }
                note_rest(run, "rest", &mut connection).await;
            })
            .stats(COUNTERS),
        passed_on("idle_timeout_ends_half_a_connection_too", "idle_timeout: 0.3s", Answer::hang())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("x").await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                note_rest(run, "rest", &mut connection).await;
            }),
        passed_on("a_connection_becomes_too_old", "max_downstream_connection_duration: 0.4s", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("x").await;
                note_rest(run, "rest", &mut connection).await;
            })
            .stats(COUNTERS),
        passed_on(
            "lines_when_it_begins_and_is_connected_and_goes_on",
            "access_log_options: {flush_access_log_on_start: true, flush_access_log_on_connected: true, access_log_flush_interval: 0.5s}",
            echo(),
        )
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            connection.write("x").await;
            connection.read(6).await;
            tokio::time::sleep(Duration::from_millis(700)).await;
            drop(connection);
            note_gone(run).await;
        }),
        passed_on(
            "the_back_end_is_connected_when_something_comes",
            "upstream_connect_mode: ON_DOWNSTREAM_DATA\nmax_early_data_bytes: 100",
            echo(),
        )
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            run.note("before", json!(run.backend("one").connections()));
            connection.write("x").await;
            let answer = connection.read(6).await;
            run.note("answer", json!(String::from_utf8_lossy(&answer)));
            drop(connection);
            note_gone(run).await;
        })
        .stats(COUNTERS)
        .stats(&["tcp.in.early_data_received_count_total"]),
        passed_on(
            "what_came_before_a_back_end_that_is_not_there",
            "upstream_connect_mode: ON_DOWNSTREAM_DATA\nmax_early_data_bytes: 100",
            echo(),
        )
        .step(async |run: &mut Run| {
            run.take_backend("one").stop().await;
            let mut connection = run.connect().await;
            connection.write("hello").await;
            run.note("end", json!(connection.end(Duration::from_secs(1)).await.as_str()));
        })
        .stats(&["tcp.in.early_data_received_count_total"]),
        passed_on(
            "a_client_that_ends_before_it_has_said_anything",
            "upstream_connect_mode: ON_DOWNSTREAM_DATA\nmax_early_data_bytes: 100",
            echo(),
        )
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            connection.finish().await;
            run.note("end", json!({"is": connection.end(Duration::from_secs(1)).await.as_str()}));
            connection.reset();
            note_gone(run).await;
            run.note("asked", json!(run.backend("one").connections()));
        })
        .differs("D-171", &["end", "is"], "fin")
        .differs(
            "D-171",
            &["log", "0"],
            "TcpConnectionEnd flags=- code=0 details=- term=- fail=- cluster=- host=- tries=0,- rx=0 tx=0 up=0,0 down=0,0 closed=-,- seen=Normal,Normal proto=-,- route=- id=<uuid> method=- shaken=- tx=-",
        ),
        passed_on("connections_end_when_the_listener_drains", "check_drain_close: true", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("x").await;
                connection.read(6).await;
                let fail = Request::post("/healthcheck/fail", "");
                let _ = run.admin(&fail).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                connection.write("y").await;
                let (_, end) = connection.rest(Duration::from_secs(2)).await;
                run.note("ends with", json!(end.as_str()));
            })
            .stats(&["tcp.in.downstream_cx_drain_close", "tcp.in.downstream_cx_rx_bytes_total"]),
        passed_on("connections_go_on_when_the_listener_drains", "", echo())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.read(5).await;
                let fail = Request::post("/healthcheck/fail", "");
                let _ = run.admin(&fail).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                connection.write("y").await;
                let echo = connection.read(1).await;
                run.note_bytes("echo", &echo);
                drop(connection);
                note_gone(run).await;
            }),
    ]
}
