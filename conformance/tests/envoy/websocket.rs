//! Connections that stop being HTTP.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

const ENABLED: &str = "upgrade_configs: [{upgrade_type: websocket}]";

fn upgrade(target: &str) -> Request {
    Request::get(target)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// What `Connection` says of an upgrade, besides the upgrade: on both sides it is passed on as it came.
fn connection_options() -> Vec<Case> {
    let request = |connection: &[&str]| {
        let request = Request::get("/ws").header("Upgrade", "websocket").header("X-Own", "1");
        connection.iter().fold(request, |request, line| request.header("Connection", line))
    };
    let case = |name, asked: &[&str], answered: &[&str]| {
        let switch = Reply::status(101).header("upgrade", "websocket").header("x-own", "2");
        let switch = answered.iter().fold(switch, |switch, line| switch.header("connection", line));
        let asked = request(asked);
        Case::new(name)
            .hcm(ENABLED)
            .backend("app", Answer::from(switch).then_pause(Duration::from_millis(50)).then_close())
            .step(async move |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&asked).await;
                run.note_response("switch", &response);
                let sent = run.backend("app").received();
                let lines: Vec<_> = sent.iter().map(|sent| sent.headers.to_json()).collect();
                run.note("upstream", json!(lines));
            })
    };
    vec![
        case("options_of_an_upgrade_keep_alive", &["keep-alive, Upgrade"], &["keep-alive, Upgrade"]),
        case("options_of_an_upgrade_in_capitals", &["UPGRADE"], &["UPGRADE"]),
        case("options_of_an_upgrade_that_closes", &["close, upgrade"], &["close, upgrade"]),
        case("options_of_an_upgrade_and_a_field", &["Upgrade, X-Own"], &["Upgrade, X-Own"]),
        case("options_of_an_upgrade_on_two_lines", &["keep-alive", "Upgrade"], &["keep-alive", "Upgrade"]),
        case("options_of_an_upgrade_without_an_answer", &["Upgrade"], &[])
            .differs("D-290", &["switch", "headers", "connection"], "Upgrade")
            .differs("D-290", &["switch", "headers", "upgrade"], "websocket")
            .differs("D-290", &["switch", "end"], "open")
            .differs(
                "D-290",
                &["log", "0"],
                "GET /ws HTTP/1.1 101 DC downstream_remote_disconnect received=0 sent=0 cluster=app host=127.0.0.1:<app>",
            ),
        case("options_of_an_upgrade_with_spaces", &["keep-alive ,  upgrade"], &["upgrade ,keep-alive"]),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = connection_options();
    cases.extend(upgrades());
    cases
}

fn upgrades() -> Vec<Case> {
    vec![
        Case::new("data_goes_both_ways_after_101")
            .hcm(ENABLED)
            .backend("app", Answer::websocket())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&upgrade("/ws")).await;
                run.note_response("switch", &response);
                connection.write("ping").await;
                let echo = connection.read(4).await;
                run.note_bytes("echo", &echo);
                let large = vec![b'w'; 300_000];
                connection.write(&large).await;
                let echo = connection.read(large.len()).await;
                run.note("large echo", json!(echo == large));
                let sent = run.backend("app").received();
                run.note("upgrade upstream", json!(sent[0].headers.get("upgrade")));
                run.note("connection upstream", json!(sent[0].headers.get("connection")));
            })
            .stats(&[
                "http.ingress.downstream_cx_upgrades_total",
                "http.ingress.downstream_cx_upgrades_active",
            ]),
        Case::new("bytes_right_after_the_request_wait_for_the_switch")
            .hcm(ENABLED)
            .backend("app", Answer::websocket().after(Duration::from_millis(100)))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let mut bytes = upgrade("/ws").to_bytes();
                bytes.extend(b"early");
                connection.write(bytes).await;
                let response = connection.response("GET").await;
                run.note("status", json!(response.map(|r| r.status).ok()));
                let echo = connection.read(5).await;
                run.note_bytes("echo", &echo);
            }),
        Case::new("the_upstream_may_refuse")
            .hcm(ENABLED)
            .backend("app", Reply::status(403).body("no"))
            .on_one_connection([upgrade("/ws"), Request::get("/after")])
            .stats(&[
                "http.ingress.downstream_cx_upgrades_total",
                "cluster.app.upstream_cx_active",
                "cluster.app.upstream_cx_destroy_local_with_active_rq",
                "cluster.app.upstream_rq_tx_reset",
            ]),
        Case::new("an_upgrade_that_is_not_enabled").send(upgrade("/ws")).asked("app").stats(&[
            "http.ingress.downstream_rq_ws_on_non_ws_route",
            "http.ingress.downstream_rq_4xx",
            "http.ingress.rq_total",
        ]),
        Case::new("another_type_than_the_one_that_is_enabled")
            .hcm(ENABLED)
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "other"))
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "WebSocket, other")),
        Case::new("routes_can_enable_it")
            .sort_log()
            .backend("app", Answer::websocket())
            .routes(
                "
                - match: {prefix: /ws}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: websocket}]}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .send(upgrade("/ws"))
            .send(upgrade("/other")),
        Case::new("routes_can_disable_it")
            .sort_log()
            .hcm(ENABLED)
            .backend("app", Answer::websocket())
            .routes(
                "
                - match: {prefix: /none}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: websocket, enabled: false}]}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .send(upgrade("/none"))
            .send(upgrade("/ws")),
        Case::new("a_type_can_be_known_but_off")
            .sort_log()
            .hcm("upgrade_configs: [{upgrade_type: websocket, enabled: false}]")
            .backend("app", Answer::websocket())
            .routes(
                "
                - match: {prefix: /on}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: websocket}]}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .send(upgrade("/on"))
            .send(upgrade("/off")),
        Case::new("the_upstream_ends_the_conversation")
            .hcm(ENABLED)
            .backend("app", {
                let switch =
                    Reply::status(101).header("upgrade", "websocket").header("connection", "upgrade");
                Answer::from(switch)
                    .then(Act::Send(b"bye".to_vec()))
                    .then_pause(Duration::from_millis(50))
                    .then_close()
            })
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&upgrade("/ws")).await;
                let status = connection.response("GET").await.map(|r| r.status).ok();
                let (rest, end) = connection.rest(Duration::from_secs(3)).await;
                run.note("status", json!(status));
                run.note_bytes("rest", &rest);
                run.note("end", json!(end.as_str()));
            })
            .stats(&[
                "cluster.app.upstream_cx_destroy_local_with_active_rq",
                "cluster.app.upstream_cx_destroy_remote_with_active_rq",
            ]),
        Case::new("the_client_ends_the_conversation")
            .hcm(ENABLED)
            .backend("app", Answer::websocket())
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&upgrade("/ws")).await;
                run.note("status", json!(response.map(|r| r.status).ok()));
                drop(connection);
                let gone = async || run.backend("app").open_connections() == 0;
                let gone = causeway_conformance::eventually(Duration::from_secs(3), gone).await;
                run.note("the upstream sees it", json!(gone));
            })
            .stats(&["http.ingress.downstream_cx_upgrades_active"]),
        Case::new("the_upstream_answers_as_if_nothing_was_asked")
            .hcm(ENABLED)
            .backend(
                "app",
                Reply::ok("body")
                    .header("content-type", "text/html")
                    .header("x-a", "1")
                    .header("etag", "e")
                    .header("cache-control", "c"),
            )
            .send(upgrade("/ws")),
        Case::new("the_upstream_leads_elsewhere")
            .hcm(ENABLED)
            .backend(
                "app",
                Script::by(|request| {
                    let status = request.path().trim_start_matches('/').parse().unwrap_or(200);
                    let reply = Reply::status(status).header("location", "/else").header("content-type", "text/html");
                    if status == 304 || status == 204 { reply.into() } else { reply.body("moved").into() }
                }),
            )
            .send(upgrade("/301"))
            .send(upgrade("/307"))
            .send(upgrade("/304"))
            .send(upgrade("/204"))
            .send(upgrade("/400"))
            .stats(&[
                "cluster.app.upstream_rq_2xx",
                "cluster.app.upstream_rq_3xx",
                "cluster.app.upstream_rq_4xx",
                "cluster.app.upstream_rq_completed",
                "http.ingress.downstream_rq_response_before_rq_complete",
                "http.ingress.downstream_rq_rx_reset",
            ]),
        Case::new("an_upgrade_that_has_no_name_or_more_than_one")
            .hcm(ENABLED)
            .raw("GET /two HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\nupgrade: websocket\r\n\r\n")
            .raw("GET /h2c HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: h2c\r\nupgrade: websocket\r\n\r\n")
            .raw("GET /none HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade:\r\n\r\n")
            .raw("GET /not HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\n\r\n"),
        Case::new("an_upgrade_of_an_old_client")
            .hcm("http_protocol_options: {accept_http_10: true}")
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&upgrade("/ws").version("HTTP/1.0")).await;
                let response = connection.response("GET").await;
                run.note("status", json!(response.map(|response| response.status).ok()));
            })
            .differs("D-322", &["status"], 200),
        Case::new("a_client_that_has_said_all_it_will")
            .hcm(ENABLED)
            .backend(
                "app",
                Script::by(|_| {
                    Answer::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
                        .then_pause(Duration::from_millis(400))
                        .then_send("late")
                        .then_close()
                }),
            )
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS%")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&upgrade("/ws")).await;
                run.note("status", json!(response.map(|r| r.status).ok()));
                connection.finish().await;
                let (rest, _) = connection.rest(Duration::from_secs(2)).await;
                run.note_bytes("rest", &rest);
            })
            .differs("D-323", &["rest"], "<any>"),
        Case::new("the_timeout_of_a_route_holds_until_the_switch")
            .hcm("upgrade_configs: [{upgrade_type: websocket}]\nstream_idle_timeout: 0.8s")
            .backend("app", Answer::hang())
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.3s}")
            .send(upgrade("/ws")),
        Case::new("fields_of_the_route_are_added_to_the_switch")
            .hcm(ENABLED)
            .virtual_host("response_headers_to_add: [{header: {key: x-back, value: here}}]")
            .backend("app", Answer::websocket())
            .send(upgrade("/ws")),
        Case::new("an_upgrade_to_a_dead_upstream").hcm(ENABLED).dead("app").send(upgrade("/ws")),
    ]
}
