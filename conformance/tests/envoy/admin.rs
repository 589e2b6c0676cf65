//! The admin interface: its pages, its forms and its numbers.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Connection, Reply, Request, Run, Script};
use serde_json::{Map, Value, json};

pub(crate) fn cases() -> Vec<Case> {
    [pages(), stats(), all_stats(), prometheus(), lenient()].into_iter().flatten().collect()
}

fn pages() -> Vec<Case> {
    vec![
        Case::new("readiness")
            .differs("D-20", &["2 admin HEAD /ready", "headers", "transfer-encoding"], Value::Null)
            .admin("/ready")
            .ask_admin(Request::new("HEAD", "/ready"))
            .ask_admin(Request::post("/ready", "")),
        Case::new("listeners_and_clusters_as_text").admin("/listeners").clusters("app"),
        Case::new("a_listener_without_a_name")
            .listener("name: ''")
            .admin("/listeners")
            .differs("D-302", &["1 admin GET /listeners", "body"], "127.0.0.1:<listen>::127.0.0.1:<listen>\n"),
        Case::new("listeners_and_clusters_as_json")
            .get("/")
            .admin("/listeners?format=json")
            .admin("/clusters?format=json"),
        Case::new("changes_need_post")
            .admin("/quitquitquit")
            .admin("/healthcheck/fail")
            .admin("/logging")
            .admin("/reset_counters")
            .admin("/drain_listeners")
            .admin("/reopen_logs")
            .admin("/runtime_modify"),
        Case::new("connections_end_one_after_the_other_when_they_are_to_end_gracefully")
            .hcm("common_http_protocol_options: {}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let before = connection.exchange(&Request::get("/before")).await;
                run.note_response("before", &before);
                let told = run.admin(&Request::post("/drain_listeners?graceful", "")).await;
                run.note_response("told", &told);
                let after = connection.exchange(&Request::get("/after")).await;
                run.note_response("after", &after);
            })
            .get("/new")
            .ask(Request::get("/stream")),
        Case::new("an_unknown_page").step(async |run: &mut Run| {
            let response = run.admin(&Request::get("/nothing-here")).await.expect("an answer");
            run.note("status", json!(response.status));
            run.note("type", json!(response.headers.get("content-type")));
            run.note("first line", json!(response.text().lines().next()));
        }),
        Case::new("the_home_page_is_html").step(async |run: &mut Run| {
            let response = run.admin(&Request::get("/")).await.expect("an answer");
            run.note("status", json!(response.status));
            run.note("type", json!(response.headers.get("content-type")));
            run.note("sniffing", json!(response.headers.get("x-content-type-options")));
            run.note(
                "names its pages",
                json!(
                    ["clusters", "listeners", "stats", "config_dump", "ready", "server_info"]
                        .map(|page| response.text().contains(page))
                ),
            );
        }),
        Case::new("draining_can_be_declared_and_taken_back")
            .differs("D-10", &["3 GET /", "end"], "fin")
            .ask_admin(Request::post("/healthcheck/fail", ""))
            .admin("/ready")
            .get("/")
            .ask_admin(Request::post("/healthcheck/ok", ""))
            .admin("/ready")
            .get("/"),
        Case::new("drained_listeners_are_counted")
            .listener("traffic_direction: INBOUND")
            .bootstrap("node: {id: n1, cluster: c1}")
            .ask_admin(Request::post("/drain_listeners?inboundonly", ""))
            .wait_for("/stats?filter=listener_stopped", "listener_manager.listener_stopped: 1"),
        Case::new("listeners_that_are_not_drained_are_not_counted")
            .ask_admin(Request::post("/drain_listeners?inboundonly", ""))
            .stats(&["listener_manager.listener_stopped"]),
        Case::new("the_log_of_the_admin_server_knows_the_client")
            .file(
                r#"
                admin:
                  address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}
                  access_log:
                  - name: file
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                      path: "{{dir}}/access.log"
                      log_format: {text_format_source: {inline_string: "%REQ(:PATH)% [%REQ(X-FORWARDED-FOR)%] %REQ(X-FORWARDED-PROTO)% %REQ(X-ENVOY-EXTERNAL-ADDRESS)% %REQ(X-ENVOY-INTERNAL)% %REQ(X-REQUEST-ID)% %RESPONSE_CODE%\n"}}"#,
            )
            .ask_admin(Request::get("/ready?1"))
            .ask_admin(Request::get("/ready?2").header("x-forwarded-for", "1.2.3.4").header("x-forwarded-proto", "https")),
        Case::new("what_the_server_says_of_itself").bootstrap("node: {id: n1, cluster: c1, metadata: {k: v, n: 1.5, l: [true, null], o: {p: q}}}").step(
            async |run: &mut Run| {
                let info: Value = serde_json::from_str(&run.page("/server_info").await).expect("JSON");
                let keys = |value: &Value| -> Vec<String> {
                    value.as_object().into_iter().flat_map(Map::keys).cloned().collect()
                };
                let mut names = keys(&info);
                names.sort();
                run.note("keys", json!(names));
                run.note("state", info["state"].clone());
                run.note("node", json!([info["node"]["id"], info["node"]["cluster"], info["node"]["metadata"]]));
                run.note("concurrency", info["command_line_options"]["concurrency"].clone());
                let uptime = info["uptime_current_epoch"].as_str().is_some_and(|t| t.ends_with('s'));
                run.note("uptime has its unit", json!(uptime));
            },
        ),
        Case::new("the_configuration_is_shown")
            .cluster("app", "connect_timeout: 0.25s\nlb_policy: ROUND_ROBIN")
            .backend("app", Reply::ok("x"))
            .step(async |run: &mut Run| {
                let dump: Value = serde_json::from_str(&run.page("/config_dump").await).expect("JSON");
                let kinds = dump["configs"].as_array().into_iter().flatten();
                run.note("kinds", kinds.map(|c| c["@type"].clone()).collect());
                let find = |kind: &str| {
                    let mut all = dump["configs"].as_array().into_iter().flatten();
                    all.find(|c| c["@type"].as_str().is_some_and(|t| t.ends_with(&format!(".{kind}"))))
                        .cloned()
                        .unwrap_or_default()
                };
                let mut clusters = find("ClustersConfigDump")["static_clusters"].clone();
                clusters[0]["last_updated"] = json!("-");
                run.note("clusters", clusters);
                let listener = find("ListenersConfigDump")["static_listeners"][0]["listener"].clone();
                run.note("listener", json!([listener["name"], listener["address"]]));
                let routes = find("RoutesConfigDump")["static_route_configs"][0]["route_config"].clone();
                run.note("routes", routes);
            }),
        Case::new("a_part_of_the_configuration")
            .admin("/config_dump?resource=static_clusters&mask=cluster.name")
            .step(async |run: &mut Run| {
                let wrong =
                    run.admin(&Request::get("/config_dump?resource=nonsense")).await.expect("an answer");
                run.note("a wrong resource", json!(wrong.status));
            }),
        Case::new("the_configuration_with_endpoints").step(async |run: &mut Run| {
            let page = run.page("/config_dump?resource=static_endpoint_configs&include_eds").await;
            run.note("endpoints", serde_json::from_str(&page).expect("JSON"));
        }),
        Case::new("small_pages")
            .differs("D-21", &["3 admin GET /hot_restart_version", "body"], "disabled")
            .admin("/certs")
            .admin("/runtime")
            .admin("/hot_restart_version")
            .step(async |run: &mut Run| {
                let memory: Value = serde_json::from_str(&run.page("/memory").await).expect("JSON");
                let mut keys: Vec<String> =
                    memory.as_object().into_iter().flat_map(Map::keys).cloned().collect();
                keys.sort();
                run.note("memory", json!(keys));
            }),
        Case::new("runtime_layers")
            .bootstrap(
                "
                layered_runtime:
                  layers:
                  - {name: base, static_layer: {some: {key: 5, flag: true}, text: t}}
                  - {name: admin, admin_layer: {}}",
            )
            .admin("/runtime")
            .ask_admin(Request::post("/runtime_modify?some.key=7", ""))
            .admin("/runtime"),
        Case::new("logging_levels").step(async |run: &mut Run| {
            let all = run.admin(&Request::post("/logging?level=warning", "")).await.expect("an answer");
            run.note("status", json!(all.status));
            run.note("first line", json!(all.text().lines().next()));
            let wrong = run.admin(&Request::post("/logging?nonsense=debug", "")).await.expect("an answer");
            run.note("a wrong name", json!([wrong.status]));
        }),
        Case::new("only_some_pages_can_be_allowed")
            .file(
                "
                admin:
                  address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}
                  allow_paths: [{exact: /ready}, {prefix: /stats}]",
            )
            .admin("/ready")
            .admin("/clusters")
            .step(async |run: &mut Run| {
                let stats = run.admin(&Request::get("/stats?filter=server.live")).await.expect("an answer");
                run.note("stats", json!([stats.status, stats.text()]));
            }),
    ]
}

/// A case about the names of all counters, gauges and histograms with this prefix.
fn names_below(name: &'static str, prefix: &'static str) -> Case {
    Case::new(name).get("/").step(async move |run: &mut Run| {
        let page = run.page("/stats").await;
        let mut names = Map::new();
        for line in page.lines() {
            if let Some((name, _)) = line.split_once(": ")
                && name.starts_with(prefix)
            {
                names.insert(name.to_owned(), json!("there"));
            }
        }
        run.note(format!("names below {prefix}"), names.into());
    })
}

/// Parts of names that only one of the two has, and why.
const ONLY_ONE_HAS: &[(&str, &str)] = &[
    (".reason.", "ours: D-27"),
    ("dns.cares.", "Envoy has them once a cluster has to be looked up, and we always"),
    ("overload", "Envoy counts a feature that is off"),
    ("server.hot_restart_generation", "a matter of how Envoy is started"),
    (".upstream_rq_time", "Envoy makes them with the first answer of a back-end, and we with any answer"),
];

/// Parts of names whose values differ, and why.
const OF_ANOTHER_VALUE: &[(&str, &str)] = &[
    ("buffered", "Envoy counts what lies in buffers that are kept for the next bytes"),
    ("downstream_cx_idle_timeout", "Envoy lets a connection that was idle live for its drain_timeout"),
    ("downstream_cx_delayed_close_timeout", "we end our side behind the answer, so clients close in time"),
    ("downstream_cx_destroy_local", "as downstream_cx_delayed_close_timeout"),
    ("downstream_cx_destroy_remote", "as downstream_cx_delayed_close_timeout"),
    ("downstream_cx_tx_bytes_total", "the digits of x-envoy-upstream-service-time are chance"),
    ("length_ms", "chance"),
    ("connections_accepted_per_socket_event", "chance"),
];

/// Requests of many kinds: answered by a back-end and by the proxy, failing on either side.
fn mixed_traffic(case: Case) -> Case {
    case.dead("dead")
        .backend(
            "app",
            Script::by(|request| match request.target.as_str() {
                "/app/late" => Answer::hang(),
                "/app/404" => Reply::status(404).into(),
                "/app/503" => Reply::status(503).into(),
                _ => Reply::ok("0123456789").into(),
            }),
        )
        .routes(
            "
            - match: {path: /here}
              direct_response: {status: 204}
            - match: {path: /moved}
              redirect: {path_redirect: /app}
            - match: {prefix: /dead}
              route: {cluster: dead}
            - match: {path: /app/late}
              route: {cluster: app, timeout: 0.3s}
            - match: {prefix: /app}
              route: {cluster: app}",
        )
        .on_one_connection((0..3).map(|i| Request::post(&format!("/app/{i}"), "12345")))
        .get("/app/404")
        .get("/app/503")
        .get("/app/late")
        .get("/here")
        .get("/moved")
        .get("/dead")
        .get("/none")
        .send(Request::get("/app").header("connection", "upgrade").header("upgrade", "unknown"))
        .raw("GET /app HTTP/1.0\r\n\r\n")
        .raw("GET /app HTTP/1.1\r\n\r\n")
        .raw("nonsense\r\n\r\n")
}

/// A case about the names that are left where some are excluded.
fn names_left(name: &'static str, matcher: &str) -> Case {
    Case::new(name).bootstrap(&format!("stats_config: {{stats_matcher: {matcher}}}")).get("/").step(
        async |run: &mut Run| {
            let page = run.page("/stats").await;
            let names = page.lines().filter_map(|line| Some(line.split_once(": ")?.0));
            let names = names.filter(|name| !ONLY_ONE_HAS.iter().any(|(part, _)| name.contains(part)));
            let names: Map<String, Value> = names.map(|name| (name.to_owned(), json!("there"))).collect();
            run.note("names", names.into());
            let page = run.page("/stats/prometheus").await;
            let is_of_cluster = |line: &&str| line.starts_with("envoy_cluster_upstream_rq_total");
            run.note("for Prometheus", json!(page.lines().filter(is_of_cluster).count()));
        },
    )
}

fn all_stats() -> Vec<Case> {
    vec![
        mixed_traffic(Case::new("the_names_of_all_statistics")).step(async |run: &mut Run| {
            let page = run.page("/stats").await;
            let names = page.lines().filter_map(|line| Some(line.split_once(": ")?.0));
            let names = names.filter(|name| !ONLY_ONE_HAS.iter().any(|(part, _)| name.contains(part)));
            let names: Map<String, Value> = names.map(|name| (name.to_owned(), json!("there"))).collect();
            run.note("names", names.into());
        }),
        names_left(
            "statistics_that_are_included",
            "{inclusion_list: {patterns: [{prefix: cluster.app.upstream_rq_2}, {exact: server.live}, {suffix: rq_total}]}}",
        ),
        names_left(
            "statistics_that_are_excluded",
            r#"{exclusion_list: {patterns: [{prefix: cluster.}, {contains: downstream}, {safe_regex: {regex: "server\\..*"}}]}}"#,
        ),
        names_left("no_statistics_at_all", "{reject_all: true}"),
        mixed_traffic(Case::new("the_values_of_all_statistics")).step(async |run: &mut Run| {
            // Connections are gone a little after their clients.
            let quiet = "listener.127.0.0.1_{{listen}}.downstream_cx_active: 0\n";
            run.wait_for("/stats", quiet).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let values = run.stats().await.into_iter().filter(|(name, _)| {
                ["cluster.", "http.ingress.", "listener.127"].iter().any(|start| name.starts_with(start))
                    && !ONLY_ONE_HAS.iter().chain(OF_ANOTHER_VALUE).any(|(part, _)| name.contains(part))
            });
            let values: Map<String, Value> = values.map(|(name, value)| (name, json!(value))).collect();
            run.note("values", values.into());
        }),
    ]
}

fn stats() -> Vec<Case> {
    vec![
        names_below("names_of_a_cluster", "cluster.app."),
        names_below("names_of_a_connection_manager", "http.ingress."),
        names_below("names_of_a_listener", "listener."),
        names_below("names_of_the_listener_manager", "listener_manager."),
        names_below("names_of_the_cluster_manager", "cluster_manager."),
        Case::new("values_after_some_traffic")
            .dead("dead")
            .backend("app", Reply::ok("0123456789"))
            .routes(
                "
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /app}
                  route: {cluster: app}",
            )
            .on_one_connection((0..3).map(|i| Request::post(&format!("/app/{i}"), "12345")))
            .get("/dead")
            .get("/none")
            .stats(&[
                "http.ingress.downstream_cx_total",
                "http.ingress.downstream_cx_active",
                "http.ingress.downstream_cx_http1_total",
                "http.ingress.downstream_cx_destroy",
                "http.ingress.downstream_cx_destroy_remote",
                "http.ingress.downstream_rq_total",
                "http.ingress.downstream_rq_http1_total",
                "http.ingress.downstream_rq_active",
                "http.ingress.downstream_rq_completed",
                "http.ingress.downstream_rq_2xx",
                "http.ingress.downstream_rq_4xx",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.no_route",
                "http.ingress.rq_total",
                "cluster.app.upstream_rq_total",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_rq_active",
                "cluster.app.upstream_rq_200",
                "cluster.app.upstream_rq_2xx",
                "cluster.app.external.upstream_rq_200",
                "cluster.app.upstream_cx_total",
                "cluster.app.upstream_cx_active",
                "cluster.app.upstream_cx_http1_total",
                "cluster.app.upstream_rq_pending_total",
                "cluster.dead.upstream_rq_503",
                "cluster.dead.upstream_rq_5xx",
                "cluster.dead.upstream_cx_connect_fail",
                "listener.127.0.0.1_{{listen}}.downstream_cx_total",
                "listener.127.0.0.1_{{listen}}.downstream_cx_active",
                "listener.127.0.0.1_{{listen}}.http.ingress.downstream_rq_2xx",
                "server.live",
                "server.state",
                "server.concurrency",
                "cluster_manager.active_clusters",
                "listener_manager.total_listeners_active",
            ]),
        Case::new("bytes_are_counted")
            .backend("app", Reply::ok("0123456789"))
            .raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345")
            .stats(&["http.ingress.downstream_cx_rx_bytes_total", "cluster.app.upstream_cx_rx_bytes_total"]),
        Case::new("counters_can_be_reset")
            .get("/")
            .stats(&["cluster.app.upstream_rq_total", "cluster.app.membership_total"])
            .ask_admin(Request::post("/reset_counters", ""))
            .stats(&["cluster.app.upstream_rq_total", "cluster.app.membership_total"]),
        Case::new("stats_can_be_filtered")
            .get("/")
            .admin("/stats?filter=^cluster\\.app\\.upstream_rq_2")
            .admin("/stats?filter=cluster.app.upstream_rq_(200|total)&format=json")
            .admin("/stats?usedonly&filter=^cluster\\.app\\.membership")
            .admin("/stats?type=Gauges&filter=^cluster\\.app\\.membership")
            .admin("/stats?hidden=only")
            .admin("/stats?hidden=exclude&filter=^cluster\\.app\\.membership")
            .admin("/stats?hidden=nonsense")
            .admin("/stats?histogram_buckets=none&filter=^cluster\\.app\\.membership")
            .step(async |run: &mut Run| {
                let wrong = run.admin(&Request::get("/stats?filter=(")).await.expect("an answer");
                run.note("a wrong expression", json!(wrong.status));
                let wrong = run.admin(&Request::get("/stats?format=nonsense")).await.expect("an answer");
                run.note("a wrong format", json!(wrong.status));
            }),
    ]
}

/// The first line of what the admin server answers to these bytes.
async fn ask_raw(run: &mut Run, label: &str, bytes: &str) {
    let mut connection = Connection::open(run.admin_address()).await.expect("a connection");
    connection.write(bytes).await;
    let (answer, _) = connection.rest(Duration::from_millis(400)).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    run.note(label, json!(text.lines().next()));
}

/// What Envoy's admin server refuses.
fn lenient() -> Vec<Case> {
    const ASKED: [(&str, &str, &str); 6] = [
        ("no host", "GET /ready HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        ("an old version", "GET /ready HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"),
        ("a fragment", "GET /ready#a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 200 OK"),
        ("a method", "BREW /ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 200 OK"),
        ("a whole URL", "GET http://127.0.0.1/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (
            "both lengths",
            "POST /reset_counters HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
    ];
    let heads = Case::new("requests_that_the_admin_server_takes").step(async |run: &mut Run| {
        for (label, bytes, _) in ASKED {
            ask_raw(run, label, bytes).await;
        }
    });
    let heads = ASKED.iter().fold(heads, |case, (label, _, answer)| case.differs("D-305", &[label], *answer));
    let pages = ["/stats?filter=%FF", "/stats?filter=a%7B1001%7D", "/logging?level=warn"];
    let queries = Case::new("queries_that_the_admin_server_takes").step(async move |run: &mut Run| {
        for page in pages {
            let request =
                if page.starts_with("/logging") { Request::post(page, "") } else { Request::get(page) };
            let answer = run.admin(&request).await.map(|answer| answer.status).ok();
            run.note(page, json!(answer));
        }
    });
    let queries = pages.iter().fold(queries, |case, page| case.differs("D-306", &[page], 200));
    vec![heads, queries]
}

fn prometheus() -> Vec<Case> {
    vec![
        Case::new("names_with_dots")
            .more_clusters("- {name: api.example.com, type: STATIC}")
            .step(async |run: &mut Run| {
                let page = run.page("/stats/prometheus?filter=^cluster\\.api.*membership_total$").await;
                run.note("line", json!(page.lines().find(|line| !line.starts_with('#'))));
            })
            .differs(
                "D-301",
                &["line"],
                "envoy_cluster_membership_total{envoy_cluster_name=\"api.example.com\"} 0",
            ),
        Case::new("lines_for_prometheus").get("/").step(async |run: &mut Run| {
            let response = run.admin(&Request::get("/stats/prometheus")).await.expect("an answer");
            run.note("type", json!(response.headers.get("content-type")));
            let text = response.text();
            let wanted = [
                "envoy_cluster_upstream_rq{",
                "envoy_cluster_upstream_rq_xx{",
                "envoy_cluster_membership_healthy{",
                "envoy_http_downstream_rq_xx{",
                "envoy_http_downstream_rq_total{",
                "envoy_listener_downstream_cx_total{",
                "envoy_server_live{",
                "# TYPE envoy_cluster_upstream_rq_total ",
                "# TYPE envoy_cluster_membership_total ",
                "# TYPE envoy_cluster_upstream_cx_length_ms ",
            ];
            for start in wanted {
                let mut lines: Vec<String> =
                    text.lines().filter(|line| line.starts_with(start)).map(without_count_of_admin).collect();
                lines.sort_unstable();
                run.note(start, json!(lines));
            }
        }),
        Case::new("every_line_is_one_of_prometheus").get("/").step(async |run: &mut Run| {
            let page = run.page("/stats/prometheus").await;
            let is_name = |name: &str| {
                name.starts_with("envoy_")
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
            };
            let fits = |line: &str| match line.strip_prefix("# ") {
                Some(comment) => comment.starts_with("TYPE envoy_") || comment.starts_with("HELP envoy_"),
                None => line.split_once('{').is_some_and(|(name, rest)| is_name(name) && rest.contains("} ")),
            };
            let wrong = page.lines().filter(|line| !line.is_empty() && !fits(line)).count();
            run.note("lines of another form", json!(wrong));
            run.note("some lines", json!(page.lines().count() > 100));
        }),
        Case::new("buckets_of_a_histogram").get("/").step(async |run: &mut Run| {
            // Histograms are merged every five seconds.
            run.wait_for("/stats/prometheus", "envoy_cluster_upstream_rq_time_bucket").await;
            let page = run.page("/stats/prometheus").await;
            let bounds: Vec<&str> = page
                .lines()
                .filter(|line| line.starts_with("envoy_cluster_upstream_rq_time_bucket"))
                .filter_map(|line| line.split("le=\"").nth(1)?.split('"').next())
                .collect();
            run.note("bounds", json!(bounds));
        }),
    ]
}

/// How often a busy machine makes the run ask whether the program is ready is chance.
fn without_count_of_admin(line: &str) -> String {
    match line.rsplit_once("} ") {
        Some((labels, _)) if labels.contains("=\"admin\"") => format!("{labels}}} <any>"),
        _ => line.to_owned(),
    }
}
