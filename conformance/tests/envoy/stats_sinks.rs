//! Statistics that are sent to statsd.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_conformance::{Case, Reply, Request, Run, exchange};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, timeout};

/// How long is listened: several flushes.
const LISTEN: Duration = Duration::from_millis(1800);

fn sink(kind: &str, fields: &str) -> String {
    format!(
        "stats_flush_interval: 0.3s
stats_sinks:
- name: sink
  typed_config:
    \"@type\": type.googleapis.com/envoy.config.metrics.v3.{kind}
    address: {{socket_address: {{protocol: UDP, address: 127.0.0.1, port_value: {{{{port:statsd}}}}}}}}
    {fields}"
    )
}

/// Listens while some requests are made, and gives every datagram.
async fn listen(run: &mut Run) -> Vec<String> {
    let socket = UdpSocket::bind(run.address("port:statsd")).await.expect("nobody else has the port");
    for target in ["/a", "/b", "/missing"] {
        let _ = exchange(run.listener(), &Request::get(target)).await;
    }
    let end = Instant::now() + LISTEN;
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(received) =
        timeout(end.saturating_duration_since(Instant::now()), socket.recv(&mut buffer)).await
    {
        let length = received.expect("a datagram");
        datagrams.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    datagrams
}

/// For each metric of these, what it is and what all its values come to.
fn sums(datagrams: &[String], wanted: &[&str]) -> BTreeMap<String, (String, i64)> {
    let mut sums: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for line in datagrams.iter().flat_map(|datagram| datagram.lines()) {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let mut parts = rest.split('|');
        let value: i64 = parts.next().and_then(|value| value.parse().ok()).unwrap_or(-1);
        let kind = parts.next().unwrap_or_default().to_owned();
        let tags = parts.next().unwrap_or_default();
        let key = format!("{name}{tags}");
        if wanted.iter().any(|wanted| name.ends_with(wanted)) {
            let entry = sums.entry(key).or_insert((kind.clone(), 0));
            // Gauges are levels, and times are chance.
            entry.1 = match kind.as_str() {
                "c" => entry.1 + value,
                "g" => value,
                _ => 0,
            };
        }
    }
    sums
}

fn case(name: &'static str, bootstrap: &str) -> Case {
    Case::new(name)
        .bootstrap(bootstrap)
        .backend("app", Reply::ok("hello"))
        .routes(
            "
            - match: {path: /missing}
              direct_response: {status: 404}
            - match: {prefix: /}
              route: {cluster: app}",
        )
        .without_log()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("counters_gauges_and_times_go_to_statsd", &sink("StatsdSink", "prefix: lab")).step(
            async |run: &mut Run| {
                let datagrams = listen(run).await;
                let wanted = [
                    "cluster.app.upstream_rq_total",
                    "cluster.app.upstream_rq_200",
                    "cluster.app.upstream_rq_2xx",
                    "cluster.app.upstream_rq_time",
                    "cluster.app.membership_total",
                    "http.ingress.downstream_rq_2xx",
                    "http.ingress.downstream_rq_4xx",
                    "http.ingress.downstream_rq_time",
                    "http.ingress.rq_direct_response",
                    "server.concurrency",
                    "server.live",
                    "cluster.app.upstream_rq_504",
                    "cluster.app.upstream_cx_overflow",
                ];
                run.note("metrics", json!(sums(&datagrams, &wanted)));
                run.note("one a datagram", json!(datagrams.iter().all(|datagram| !datagram.contains('\n'))));
            },
        ),
        case("the_prefix_is_envoy_unless_it_is_set", &sink("StatsdSink", "")).step(async |run: &mut Run| {
            let datagrams = listen(run).await;
            run.note("metrics", json!(sums(&datagrams, &["cluster.app.upstream_rq_total"])));
        }),
        case("dogstatsd_has_tags", &sink("DogStatsdSink", "max_bytes_per_datagram: 512")).step(
            async |run: &mut Run| {
                let datagrams = listen(run).await;
                let wanted = [
                    "cluster.upstream_rq",
                    "cluster.upstream_rq_xx",
                    "cluster.upstream_rq_total",
                    "cluster.upstream_rq_time",
                    "cluster.membership_total",
                    "http.downstream_rq_xx",
                    "listener.downstream_cx_total",
                    "listener.worker_downstream_cx_total",
                    "server.live",
                ];
                let mut sums = sums(&datagrams, &wanted);
                // Admin's own listener has more tags in one and fewer in the other.
                sums.retain(|name, _| !name.contains("admin"));
                run.note("metrics", json!(sums));
                run.note("size", json!(datagrams.iter().all(|datagram| datagram.len() <= 512)));
                run.note("several", json!(datagrams.iter().any(|datagram| datagram.lines().count() > 5)));
            },
        ),
        case("lines_go_over_tcp_to_a_host_of_a_cluster", &over_tcp("stats"))
            .more_clusters(STATS)
            .step(async |run: &mut Run| {
                let listener =
                    TcpListener::bind(run.address("port:statsd")).await.expect("nobody else has the port");
                for target in ["/a", "/b", "/missing"] {
                    let _ = exchange(run.listener(), &Request::get(target)).await;
                }
                let lines = lines(&listener).await;
                let wanted = [
                    "cluster.app.upstream_rq_total",
                    "cluster.app.upstream_rq_200",
                    "cluster.app.upstream_rq_time",
                    "cluster.app.membership_total",
                    "http.ingress.downstream_rq_4xx",
                ];
                run.note("metrics", json!(sums(&lines, &wanted)));
            })
            .stats(&[
                "cluster.stats.upstream_cx_total",
                "cluster.stats.upstream_cx_active",
                "statsd.cx_overflow",
            ]),
        case("a_connection_for_statistics_is_made_anew", &over_tcp("stats")).more_clusters(STATS).step(
            async |run: &mut Run| {
                let address = run.address("port:statsd");
                let listener = TcpListener::bind(address).await.expect("nobody else has the port");
                run.note("the first brings some", json!(!lines(&listener).await.is_empty()));
                // Every connection was closed with that.
                run.note("so does the next", json!(!lines(&listener).await.is_empty()));
                drop(listener);
                tokio::time::sleep(Duration::from_millis(700)).await;
                let listener = TcpListener::bind(address).await.expect("nobody else has the port");
                run.note(
                    "and one to a receiver that has come back",
                    json!(!lines(&listener).await.is_empty()),
                );
            },
        ),
        case("statistics_go_to_a_cluster_that_exists", &over_tcp("none")).more_clusters(STATS),
        Case::new("statistics_over_tcp_need_the_name_of_a_node")
            .bootstrap(&over_tcp("app").replace("node:", "#"))
            .without_log(),
    ]
}

const STATS: &str = "
- name: stats
  type: STATIC
  load_assignment:
    cluster_name: stats
    endpoints:
    - lb_endpoints:
      - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{port:statsd}}}}}";

fn over_tcp(cluster: &str) -> String {
    format!(
        "node: {{id: node-1, cluster: cluster-1}}
stats_flush_interval: 0.3s
stats_sinks:
- name: sink
  typed_config:
    \"@type\": type.googleapis.com/envoy.config.metrics.v3.StatsdSink
    tcp_cluster_name: {cluster}"
    )
}

/// What comes over connections that are taken within [`LISTEN`]; then they are closed.
async fn lines(listener: &TcpListener) -> Vec<String> {
    let end = Instant::now() + LISTEN;
    let mut connections = Vec::new();
    while let Ok(taken) = timeout(end.saturating_duration_since(Instant::now()), listener.accept()).await {
        let (mut stream, _) = taken.expect("a connection");
        connections.push(tokio::spawn(async move {
            let mut bytes = Vec::new();
            let _ = timeout(end.saturating_duration_since(Instant::now()), async {
                while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {}
            })
            .await;
            bytes
        }));
    }
    let mut text = Vec::new();
    for connection in connections {
        text.push(String::from_utf8_lossy(&connection.await.unwrap_or_default()).into_owned());
    }
    text.retain(|text| !text.is_empty());
    text
}
