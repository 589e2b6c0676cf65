//! One side goes before the other is done.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_client_that_does_not_wait")
            .backend("app", Answer::hang())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/gone")).await;
                run.backend("app").wait_for_requests(1).await;
                drop(connection);
            })
            .stats(&[
                "http.ingress.downstream_cx_destroy_remote_active_rq",
                "cluster.app.upstream_rq_tx_reset",
                "http.ingress.downstream_rq_rx_reset",
            ]),
        Case::new("a_client_that_resets")
            .backend("app", Answer::hang())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::post("/gone", "body")).await;
                run.backend("app").wait_for_requests(1).await;
                connection.reset();
            })
            .stats(&["http.ingress.downstream_cx_destroy_remote_active_rq"]),
        Case::new("a_client_that_goes_in_the_middle_of_its_body")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf").await;
                tokio::time::sleep(Duration::from_millis(150)).await;
                drop(connection);
            })
            .stats(&["http.ingress.downstream_cx_destroy_remote_active_rq", "http.ingress.downstream_rq_rx_reset"]),
        Case::new("a_client_that_leaves_before_its_request_has_a_connection")
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 1}]}")
            .backend("app", Answer::hang())
            .without_log()
            .step(async |run: &mut Run| {
                let mut first = run.connect().await;
                first.send(&Request::get("/first")).await;
                run.backend("app").wait_for_requests(1).await;
                let mut second = run.connect().await;
                second.send(&Request::get("/second")).await;
                run.wait_for("/stats", "cluster.app.upstream_rq_pending_active: 1").await;
                drop(second);
                run.wait_for("/stats", "cluster.app.upstream_rq_pending_active: 0").await;
                drop(first);
            })
            .wait_for("/stats", "http.ingress.downstream_cx_active: 0")
            .stats(&[
                "http.ingress.downstream_cx_destroy_remote_active_rq",
                "http.ingress.downstream_rq_rx_reset",
                "cluster.app.upstream_rq_cancelled",
                "cluster.app.upstream_rq_tx_reset",
            ]),
        Case::new("a_client_that_leaves_between_two_attempts")
            .backend("app", Script::always(Reply::status(503)))
            .routes(
                "{match: {prefix: /}, route: {cluster: app, retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 90000s, max_interval: 90000s}}}}",
            )
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/again")).await;
                run.wait_for("/stats", "cluster.app.upstream_rq_503: 1").await;
                drop(connection);
            })
            .wait_for("/stats", "http.ingress.downstream_cx_active: 0")
            .stats(&["http.ingress.downstream_cx_destroy_remote_active_rq", "http.ingress.downstream_rq_rx_reset"]),
        Case::new("a_client_that_goes_in_the_middle_of_a_body_that_nobody_wants")
            .routes("{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: own}}}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf").await;
                let response = connection.response("POST").await;
                run.note_response("own", &response);
                drop(connection);
            })
            .wait_for("/stats", "http.ingress.downstream_cx_active: 0")
            .stats(&["http.ingress.downstream_cx_destroy_remote_active_rq", "http.ingress.downstream_rq_rx_reset"]),
        Case::new("a_client_that_goes_in_the_middle_of_the_response")
            .backend(
                "app",
                Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst")
                    .then_pause(Duration::from_secs(5)),
            )
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/half")).await;
                connection.read(10).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                drop(connection);
            })
            .stats(&["http.ingress.downstream_cx_destroy_remote_active_rq"]),
        Case::new("an_upstream_that_goes_in_the_middle_of_the_response")
            .backend(
                "app",
                Script::by(|request| {
                    let head = "HTTP/1.1 200 OK\r\n";
                    match request.path() {
                        "/length" => {
                            Answer::raw(format!("{head}content-length: 100\r\n\r\nshort")).then_close()
                        }
                        "/length-reset" => Answer::raw(format!("{head}content-length: 100\r\n\r\nshort"))
                            .then_pause(Duration::from_millis(100))
                            .then_reset(),
                        "/chunked" => {
                            Answer::raw(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n"))
                                .then_close()
                        }
                        _ => Answer::raw(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n"))
                            .then_pause(Duration::from_millis(100))
                            .then_send("zz\r\n"),
                    }
                }),
            )
            .get("/length")
            .get("/length-reset")
            .get("/chunked")
            .get("/bad-chunk")
            .stats(&[
                "cluster.app.upstream_cx_destroy_remote_with_active_rq",
                "cluster.app.upstream_rq_rx_reset",
            ]),
        Case::new("an_answer_before_the_body_is_read")
            .backend("app", {
                let refusal = Answer::from(Reply::status(413).body("too large"));
                Script::always(refusal.then(Act::Hang)).early()
            })
            // How much of the body was taken by then is chance.
            .without_log()
            .step(async |run: &mut Run| {
                let request = Request::post("/", vec![b'x'; 2_000_000]);
                let response = run.connect().await.exchange(&request).await;
                run.note("answer", json!(response.map(|r| (r.status, r.text())).ok()));
            }),
        Case::new("an_answer_in_the_middle_of_the_body_ends_the_connection")
            .backend("app", Script::always(Reply::ok("early")).early())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection
                    .write("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nfirst part")
                    .await;
                let response = connection.response("POST").await;
                run.note_response("early", &response);
                let end = connection.end(Duration::from_secs(3)).await;
                run.note("then", json!(end.as_str()));
            }),
        Case::new("answers_before_the_body_is_there_are_counted")
            .backend("app", Script::always(Reply::ok("early")).early())
            .raw("POST /1 HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nabc")
            .stats(&[
                "http.ingress.downstream_rq_response_before_rq_complete",
                "http.ingress.downstream_rq_rx_reset",
                "cluster.app.upstream_cx_destroy_local_with_active_rq",
            ]),
        Case::new("a_body_that_is_none_is_no_fault_of_the_host")
            .backend("app", Answer::hang())
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED%")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection
                    .write("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
                    .await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                connection.write("2\r\nde\r\nzz\r\n").await;
                let response = connection.response("POST").await;
                run.note_response("refused", &response);
            })
            .stats(&[
                "http.ingress.downstream_cx_protocol_error",
                "http.ingress.downstream_rq_rx_reset",
                "http.ingress.downstream_rq_response_before_rq_complete",
                "cluster.app.upstream_rq_4xx",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_cx_protocol_error",
            ]),
        Case::new("a_client_that_leaves_is_no_fault_of_the_host")
            .backend("app", Answer::hang())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/gone")).await;
                run.wait_for("/stats", "cluster.app.upstream_rq_active: 1").await;
                drop(connection);
            })
            .wait_for("/stats", "cluster.app.upstream_rq_active: 0")
            .clusters("app")
            .stats(&["cluster.app.upstream_rq_completed"]),
        Case::new("a_client_that_has_said_all_it_will")
            .backend("app", Answer::from(Reply::ok("late")).after(Duration::from_millis(200)))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/fin")).await;
                connection.finish().await;
                let response = connection.response("GET").await;
                run.note_response("after our end", &response);
            })
            .stats(&["http.ingress.downstream_cx_destroy_remote_active_rq"]),
        // Sooner than the client of a new connection is watched for leaving.
        Case::new("a_client_that_has_said_all_it_will_to_a_quick_back_end")
            .backend("app", Answer::from(Reply::ok("soon")).after(Duration::from_millis(4)))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/first")).await;
                connection.finish().await;
                let response = connection.response("GET").await;
                run.note_response("on a new connection", &response);
                let mut connection = run.connect().await;
                let kept = connection.exchange(&Request::get("/kept")).await;
                run.note_response("kept", &kept);
                connection.send(&Request::get("/second")).await;
                connection.finish().await;
                let response = connection.response("GET").await;
                run.note_response("on one that was kept", &response);
            })
            .stats(&[
                "http.ingress.downstream_cx_destroy_remote_active_rq",
                "http.ingress.downstream_rq_rx_reset",
                "cluster.app.upstream_rq_tx_reset",
                "cluster.app.upstream_rq_completed",
            ]),
        Case::new("an_upstream_that_comes_back_is_used_at_once").get("/1").step(async |run: &mut Run| {
            let backend = run.take_backend("app");
            let address = backend.address();
            backend.stop().await;
            let down = run.connect().await.exchange(&Request::get("/2")).await;
            run.note_response("while it is down", &down);
            let _again = causeway_conformance::Backend::start_on(address, Reply::ok("back")).await;
            let up = run.connect().await.exchange(&Request::get("/3")).await;
            run.note_response("when it is back", &up);
        }),
    ]
}
