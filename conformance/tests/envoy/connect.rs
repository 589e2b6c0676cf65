//! CONNECT: tunnels that end here, and tunnels that are passed on.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

const ENABLED: &str = "upgrade_configs: [{upgrade_type: CONNECT}]";
const ENDS_HERE: &str = "
    - match: {connect_matcher: {}}
      route: {cluster: app, timeout: 2s, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
    - match: {prefix: /}
      route: {cluster: app}";
const PASSED_ON: &str = "
    - match: {connect_matcher: {}}
      route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT}]}";

const STATS: &[&str] = &[
    "http.ingress.downstream_cx_upgrades_total",
    "http.ingress.downstream_cx_upgrades_active",
    "http.ingress.downstream_rq_2xx",
    "http.ingress.downstream_rq_5xx",
    "http.ingress.downstream_rq_ws_on_non_ws_route",
    "http.ingress.rq_total",
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_200",
    "cluster.app.upstream_rq_503",
    "cluster.app.upstream_rq_completed",
    "cluster.app.upstream_cx_total",
    "cluster.app.upstream_cx_http1_total",
    "cluster.app.upstream_rq_active",
    "cluster.app.upstream_cx_active",
    "cluster.app.upstream_cx_destroy_local_with_active_rq",
    "cluster.app.upstream_rq_tx_reset",
];

/// A server that says nothing first and sends back what it gets.
fn raw_echo() -> Script {
    Script::always(Answer::default()).greeting(Answer::raw("hello ").then(Act::EchoBytes))
}

fn connect(authority: &str) -> Request {
    Request::new("CONNECT", authority).host(authority)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_tunnel_that_ends_here")
            .hcm(ENABLED)
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% [%UPSTREAM_PROTOCOL%] %PROTOCOL% %BYTES_RECEIVED%")
            .backend("app", raw_echo())
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
                let greeting = connection.read(6).await;
                run.note_bytes("greeting", &greeting);
                connection.write("ping").await;
                let echo = connection.read(4).await;
                run.note_bytes("echo", &echo);
                let large = vec![b'w'; 300_000];
                connection.write(&large).await;
                let echo = connection.read(large.len()).await;
                run.note("large", json!(echo == large));
            })
            .stats(STATS),
        Case::new("bytes_right_behind_the_request")
            .hcm(ENABLED)
            .backend("app", raw_echo())
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let mut bytes = connect("db.test:5432").to_bytes();
                bytes.extend(b"early");
                connection.write(bytes).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
                let greeting = connection.read(11).await;
                run.note_bytes("greeting", &greeting);
            }),
        Case::new("the_back_end_closes_the_tunnel")
            .hcm(ENABLED)
            .backend("app", Script::always(Answer::default()).greeting(Answer::raw("bye").then_close()))
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let status = connection.response("CONNECT").await.map(|r| r.status).ok();
                run.note("status", json!(status));
                let (rest, end) = connection.rest(Duration::from_secs(3)).await;
                run.note_bytes("rest", &rest);
                run.note("end", json!(end.as_str()));
            })
            .stats(STATS),
        Case::new("the_client_closes_the_tunnel")
            .hcm(ENABLED)
            .backend("app", raw_echo())
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let status = connection.response("CONNECT").await.map(|r| r.status).ok();
                run.note("status", json!(status));
                let greeting = connection.read(6).await;
                run.note_bytes("greeting", &greeting);
                drop(connection);
                let gone = async || run.backend("app").open_connections() == 0;
                let gone = causeway_conformance::eventually(Duration::from_secs(3), gone).await;
                run.note("the back-end sees it", json!(gone));
            })
            .stats(STATS),
        Case::new("what_it_may_ask_for")
            .hcm(ENABLED)
            .backend("app", Reply::status(407))
            .routes(PASSED_ON)
            .send(connect("db.test:65535"))
            .send(connect("db.test:65536"))
            .send(connect("db.test:0443"))
            .send(connect("db.test:+80"))
            .send(connect("db.test:"))
            .send(connect(":443"))
            .send(connect("a:b:80"))
            .send(connect("[::1]:443"))
            .send(connect("[x]:443"))
            .send(connect("user@db.test:443"))
            .send(connect("db_1.test:443"))
            .send(connect("%41:443")),
        Case::new("it_has_no_body")
            .hcm(ENABLED)
            .backend("app", Reply::status(407))
            .routes(PASSED_ON)
            .raw("CONNECT a.test:1 HTTP/1.1\r\nhost: a.test:1\r\ncontent-length: 3\r\n\r\nabc")
            .raw("CONNECT b.test:1 HTTP/1.1\r\nhost: b.test:1\r\ncontent-length: 00\r\n\r\n")
            .raw("CONNECT c.test:1 HTTP/1.1\r\nhost: c.test:1\r\ncontent-length: 0\r\n\r\n")
            .raw("CONNECT d.test:1 HTTP/1.1\r\nhost: d.test:1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .stats(&["http.ingress.downstream_cx_protocol_error", "cluster.app.upstream_rq_total"]),
        Case::new("two_lengths_in_one")
            .hcm(ENABLED)
            .routes(PASSED_ON)
            .log("%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%")
            .raw("CONNECT a.test:1 HTTP/1.1\r\nhost: a.test:1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n")
            .differs("D-326", &["log", "0"], "DPE http1.content_length_and_chunked_not_allowed"),
        Case::new("what_asks_for_a_tunnel_and_an_upgrade")
            .hcm(ENABLED)
            .routes(PASSED_ON)
            .send(connect("db.test:443").header("connection", "upgrade").header("upgrade", "websocket")),
        Case::new("nobody_listens")
            .hcm(ENABLED)
            .dead("app")
            .routes(ENDS_HERE)
            .send(connect("db.test:5432"))
            .stats(STATS),
        Case::new("no_host_left")
            .hcm(ENABLED)
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: empty, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}")
            .more_clusters(
                "
            - name: empty
              connect_timeout: 1s
              type: STATIC
              load_assignment: {cluster_name: empty, endpoints: []}",
            )
            .send(connect("db.test:5432")),
        Case::new("fields_of_the_route")
            .hcm(ENABLED)
            .virtual_host("
                response_headers_to_add: [{header: {key: x-back, value: '%REQ(:authority)%'}}]
                include_attempt_count_in_response: true")
            .backend("app", raw_echo())
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
            }),
        Case::new("another_host_for_the_next_proxy")
            .hcm(ENABLED)
            .backend("app", Script::by(|_| Answer::from(Reply::status(299)).then(Act::EchoBytes)))
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: app, host_rewrite_literal: 'other.test:99', upgrade_configs: [{upgrade_type: CONNECT}]}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
                let asked = run.backend("app").received();
                run.note("asked", json!(asked.iter().map(|r| r.to_json()).collect::<Vec<_>>()));
            }),
        Case::new("a_path_that_is_rewritten")
            .differs("D-18", &["1 CONNECT db.test:5432", "status"], 200)
            .differs("D-18", &["1 CONNECT db.test:5432", "reason"], "OK")
            .differs("D-18", &["1 CONNECT db.test:5432", "body"], "")
            .differs("D-18", &["1 CONNECT db.test:5432", "end"], "open")
            .differs("D-18", &["1 CONNECT db.test:5432", "headers", "connection"], serde_json::Value::Null)
            .differs("D-18", &["1 CONNECT db.test:5432", "headers", "content-length"], "0")
            .differs("D-18", &["1 CONNECT db.test:5432", "headers", "content-type"], serde_json::Value::Null)
            .without_log()
            .hcm(ENABLED)
            .backend("app", Reply::status(200))
            .routes(
                "
                - match: {connect_matcher: {}}
                  route: {cluster: app, prefix_rewrite: /x, upgrade_configs: [{upgrade_type: CONNECT}]}",
            )
            .send(connect("db.test:5432")),
        Case::new("the_next_proxy_closes_the_tunnel")
            .hcm(ENABLED)
            .backend("app", Script::by(|_| Answer::from(Reply::status(200)).then_send("bye").then_close()))
            .routes(PASSED_ON)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let status = connection.response("CONNECT").await.map(|r| r.status).ok();
                run.note("status", json!(status));
                let (rest, end) = connection.rest(Duration::from_secs(3)).await;
                run.note_bytes("rest", &rest);
                run.note("end", json!(end.as_str()));
            })
            .stats(STATS),
        Case::new("the_next_proxy_says_nothing")
            .hcm("upgrade_configs: [{upgrade_type: CONNECT}]\nstream_idle_timeout: 0.8s")
            .backend("app", Answer::hang())
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: app, timeout: 0.3s, upgrade_configs: [{upgrade_type: CONNECT}]}")
            .send(connect("db.test:5432")),
        Case::new("a_config_for_another_upgrade")
            .routes("
                - match: {prefix: /}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: websocket, connect_config: {}}]}"),
        Case::new("without_anything")
            .send(connect("db.test:5432"))
            .stats(STATS),
        Case::new("a_route_and_no_permission")
            .routes(ENDS_HERE_NOT_ALLOWED)
            .send(connect("db.test:5432"))
            .stats(STATS),
        Case::new("permission_of_the_manager_alone")
            .hcm(ENABLED)
            .backend("app", Script::by(|_| Reply::status(200).into()))
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: app}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
                let asked = run.backend("app").received();
                run.note("asked", json!(asked.iter().map(|r| r.to_json()).collect::<Vec<_>>()));
            })
            .stats(STATS),
        Case::new("permission_of_the_route_alone")
            .backend("app", raw_echo())
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
            }),
        Case::new("switched_off_by_the_route")
            .hcm(ENABLED)
            .backend("app", raw_echo())
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT, enabled: false, connect_config: {}}]}")
            .send(connect("db.test:5432")),
        Case::new("passed_on_to_another_proxy")
            .hcm(ENABLED)
            .backend("app", Script::by(|_| Answer::from(Reply::status(200).header("x-proxy", "2")).then(Act::EchoBytes)))
            .routes(PASSED_ON)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432").header("x-a", "b")).await;
                let response = connection.response("CONNECT").await;
                run.note_response("opened", &response);
                connection.write("ping").await;
                let echo = connection.read(4).await;
                run.note_bytes("echo", &echo);
                let asked = run.backend("app").received();
                run.note("asked", json!(asked.iter().map(|r| r.to_json()).collect::<Vec<_>>()));
            })
            .stats(STATS),
        Case::new("refused_by_the_next_proxy")
            .hcm(ENABLED)
            .backend("app", Reply::status(403).body("no"))
            .routes(PASSED_ON)
            .send(connect("db.test:5432"))
            .stats(STATS),
        Case::new("early_bytes_wait_for_the_next_proxy")
            .hcm(ENABLED)
            .backend("app", Script::by(|_| Answer::from(Reply::status(200)).then(Act::EchoBytes).after(Duration::from_millis(100))))
            .routes(PASSED_ON)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let mut bytes = connect("db.test:5432").to_bytes();
                bytes.extend(b"early");
                connection.write(bytes).await;
                let response = connection.response("CONNECT").await;
                run.note("status", json!(response.map(|r| r.status).ok()));
                let echo = connection.read(5).await;
                run.note_bytes("echo", &echo);
            }),
        Case::new("by_authority_and_header")
            .hcm(ENABLED)
            .sort_log()
            .backend("app", raw_echo())
            .virtual_hosts("
                - name: db
                  domains: ['db.test:5432']
                  routes:
                  - match: {connect_matcher: {}, headers: [{name: x-key, string_match: {exact: '1'}}]}
                    route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
                - name: web
                  domains: ['web.test:80']
                  routes:
                  - match: {connect_matcher: {}}
                    direct_response: {status: 418}
                  - match: {prefix: /}
                    route: {cluster: app}")
            .step(async |run: &mut Run| {
                for (label, request) in [
                    ("key", connect("db.test:5432").header("x-key", "1")),
                    ("no key", connect("db.test:5432")),
                    ("other port", connect("db.test:1").header("x-key", "1")),
                    ("direct", connect("web.test:80")),
                    ("nowhere", connect("no.test:80")),
                    ("no port", connect("web.test")),
                ] {
                    let mut connection = run.connect().await;
                    connection.send(&request).await;
                    let response = connection.response("CONNECT").await;
                    run.note_response(label, &response);
                }
            }),
        Case::new("post_may_do_it_too")
            .hcm(ENABLED)
            .backend("app", raw_echo())
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {allow_post: true}}]}
                - match: {prefix: /}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {allow_post: true}}]}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n").await;
                tokio_pause().await;
                connection.write("0\r\n\r\n").await;
                let response = connection.response("POST").await;
                run.note_response("posted", &response);
            })
            .stats(STATS),
        Case::new("an_idle_tunnel")
            .hcm("upgrade_configs: [{upgrade_type: CONNECT}]\nstream_idle_timeout: 0.4s")
            .backend("app", raw_echo())
            .routes(ENDS_HERE)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let status = connection.response("CONNECT").await.map(|r| r.status).ok();
                run.note("status", json!(status));
                let (rest, end) = connection.rest(Duration::from_secs(3)).await;
                run.note_bytes("rest", &rest);
                run.note("end", json!(end.as_str()));
            })
            .stats(STATS),
        Case::new("a_tunnel_outlives_the_timeout_of_its_route")
            .hcm(ENABLED)
            .backend("app", raw_echo())
            .routes("
                - match: {connect_matcher: {}}
                  route: {cluster: app, timeout: 0.3s, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&connect("db.test:5432")).await;
                let status = connection.response("CONNECT").await.map(|r| r.status).ok();
                run.note("status", json!(status));
                let greeting = connection.read(6).await;
                run.note_bytes("greeting", &greeting);
                let (rest, end) = connection.rest(Duration::from_secs(1)).await;
                run.note_bytes("rest", &rest);
                run.note("end", json!(end.as_str()));
            }),
    ]
}

const ENDS_HERE_NOT_ALLOWED: &str = "
    - match: {connect_matcher: {}}
      route: {cluster: app}";

async fn tokio_pause() {
    causeway_conformance::eventually(Duration::from_millis(200), async || false).await;
}
