//! Statistics.

use std::time::Duration;

use causeway_stats::ScopeName;

use crate::eventually;
use crate::exposition::parse;
use crate::fake::{ClusterStat, Fake, HttpStat};
use crate::wire::{get, post};

fn busy() -> std::sync::Arc<Fake> {
    let process = Fake::new();
    {
        let shards = process.shards.lock().unwrap();
        let (cluster, http) = (&shards.0, &shards.1);
        cluster.add(ClusterStat::RqTotal, 3);
        cluster.set(ClusterStat::Healthy, 2);
        cluster.record(ClusterStat::RqTime, 4);
        cluster.dynamic("upstream_rq_200").inc();
        cluster.dynamic("upstream_rq_2xx").inc();
        http.add(HttpStat::RqTotal, 3);
        http.dynamic("reason.connect_refused").inc();
    }
    process
}

#[test]
fn text_json_and_selections() {
    let (_server, address) = busy().serve();
    let body = |target: &str| get(address, target).body;
    assert_eq!(
        body("/stats?filter=^cluster"),
        "cluster.a.membership_healthy: 2\n\
         cluster.a.upstream_cx_total: 0\n\
         cluster.a.upstream_rq_200: 1\n\
         cluster.a.upstream_rq_2xx: 1\n\
         cluster.a.upstream_rq_total: 3\n\
         cluster.a.upstream_rq_time: P0(nan,4.05) P25(nan,4.05) P50(nan,4.05) P75(nan,4.05) P90(nan,4.05) \
         P95(nan,4.05) P99(nan,4.05) P99.5(nan,4.05) P99.9(nan,4.05) P100(nan,4.05)\n"
    );
    assert_eq!(body("/stats?filter=^cluster&type=Gauges"), "cluster.a.membership_healthy: 2\n");
    assert_eq!(body("/stats?filter=^cluster.*cx&usedonly"), "");
    assert_eq!(body("/stats?type=TextReadouts"), "");
    assert!(!body("/stats?filter=^cluster&invert_filter").contains("cluster.a"));
    assert_eq!(
        body("/stats?filter=(cluster|http.in).*rq_(total|200)$&format=json&usedonly&filter=x"),
        "{\"stats\":[{\"name\":\"cluster.a.upstream_rq_200\",\"value\":1},\
         {\"name\":\"cluster.a.upstream_rq_total\",\"value\":3},\
         {\"name\":\"http.in.downstream_rq_total\",\"value\":3}]}"
    );
    assert_eq!(body("/stats?filter=nothing&format=json"), "{\"stats\":[]}");
    let json = get(address, "/stats?filter=^cluster&format=json");
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert!(json.body.ends_with(
        ",{\"histograms\":{\"supported_quantiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\"computed_quantiles\":\
         [{\"name\":\"cluster.a.upstream_rq_time\",\"values\":[{\"cumulative\":4.05,\"interval\":null},\
         {\"cumulative\":4.05,\"interval\":null},{\"cumulative\":4.05,\"interval\":null},\
         {\"cumulative\":4.05,\"interval\":null},{\"cumulative\":4.05,\"interval\":null},\
         {\"cumulative\":4.05,\"interval\":null},{\"cumulative\":4.05,\"interval\":null},\
         {\"cumulative\":4.05,\"interval\":null},{\"cumulative\":4.05,\"interval\":null},\
         {\"cumulative\":4.05,\"interval\":null}]}]}}]}"
    ));
    json.json();
    for (query, text) in [
        ("type=gauges", "invalid &type= param"),
        ("format=what", "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n"),
        ("filter=(", "Invalid re2 regex: unclosed group: ("),
    ] {
        let wrong = get(address, &format!("/stats?{query}"));
        assert_eq!((wrong.status, &*wrong.body), (400, text));
    }
}

#[test]
fn histograms_in_every_form() {
    let process = busy();
    {
        let shards = process.shards.lock().unwrap();
        for value in [0, 0, 0, 0] {
            shards.0.record(ClusterStat::RqTime, value);
        }
    }
    let (_server, address) = process.serve();
    let body = |query: &str| get(address, &format!("/stats?filter=upstream_rq_time&{query}")).body;
    // `cluster.good.upstream_rq_time` of Envoy 1.40 under the same values.
    assert_eq!(
        body("histogram_buckets=cumulative"),
        "cluster.a.upstream_rq_time: B0.5(0,4) B1(0,4) B5(0,5) B10(0,5) B25(0,5) B50(0,5) B100(0,5) B250(0,5) \
         B500(0,5) B1000(0,5) B2500(0,5) B5000(0,5) B10000(0,5) B30000(0,5) B60000(0,5) B300000(0,5) \
         B600000(0,5) B1.8e+06(0,5) B3.6e+06(0,5)\n"
    );
    assert!(
        body("histogram_buckets=disjoint")
            .starts_with("cluster.a.upstream_rq_time: B0.5(0,4) B1(0,0) B5(0,1) B10(0,0) ")
    );
    assert!(body("histogram_buckets=detailed").starts_with(
        "cluster.a.upstream_rq_time:\n  totals=0,0:4, 4,0.1:1\n  intervals=\n  summary=P0(nan,0) "
    ));
    assert!(body("histogram_buckets=detailed&format=json").starts_with(
        "{\"stats\":[{\"histograms\":{\"supported_percentiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\
         \"details\":[{\"name\":\"cluster.a.upstream_rq_time\",\"totals\":[{\"lower_bound\":0,\"width\":0,\"count\":4},\
         {\"lower_bound\":4,\"width\":0.1,\"count\":1}],\"intervals\":[],\"percentiles\":[{\"cumulative\":0,\"interval\":null},"
    ));
    assert!(body("histogram_buckets=cumulative&format=json").starts_with(
        "{\"stats\":[{\"histograms\":[{\"name\":\"cluster.a.upstream_rq_time\",\"buckets\":\
         [{\"upper_bound\":0.5,\"interval\":0,\"cumulative\":4},{\"upper_bound\":1,\"interval\":0,\"cumulative\":4},"
    ));
    for format in ["text", "json"] {
        for buckets in ["", "summary", "cumulative", "disjoint", "detailed"] {
            let answer = get(address, &format!("/stats?format={format}&histogram_buckets={buckets}"));
            assert_eq!(answer.status, 200);
            if format == "json" {
                answer.json();
            }
        }
    }
}

#[test]
fn intervals_are_those_of_the_last_flush() {
    let process = busy();
    let (_server, address) =
        process.serve_with(|options| options.stats_flush_interval = Duration::from_millis(100));
    let line = || get(address, "/stats?filter=^cluster.*rq_time&histogram_buckets=cumulative").body;
    eventually(|| line().contains(" B5(1,1) "));
    eventually(|| line().contains(" B5(0,1) "));
    process.shards.lock().unwrap().0.record(ClusterStat::RqTime, 3);
    // The total is there at once, the interval with the next flush.
    assert!(line().contains(",2) "));
    eventually(|| line().contains(" B5(1,2) "));
}

#[test]
fn prometheus_reads_it() {
    let process = busy();
    let odd = process.registry.scope::<ClusterStat>(
        ScopeName::root().then("cluster").tagged("envoy.cluster_name", "o\\d\"d\nname"),
    );
    odd.shard(0).inc(ClusterStat::RqTotal);
    let (_server, address) = process.serve();
    let answer = get(address, "/stats/prometheus");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    let families = parse(&answer.body).unwrap();
    let (kind, lines) = &families["envoy_cluster_upstream_rq_total"];
    assert_eq!((kind.as_str(), lines.len()), ("counter", 2));
    assert!(
        lines.iter().any(|line| line.labels["envoy_cluster_name"] == "o\\d\"d\nname" && line.value == 1.0)
    );
    assert_eq!(families["envoy_server_live"].0, "gauge");
    assert_eq!(families["envoy_cluster_upstream_rq_time"].0, "histogram");
    for line in [
        "# TYPE envoy_cluster_upstream_rq counter\nenvoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"a\"} 1\n",
        "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"a\"} 1\n",
        "envoy_http_downstream_rq_xx{envoy_response_code_class=\"2\",envoy_http_conn_manager_prefix=\"in\"} 0\n",
        "envoy_http_reason{causeway_reason=\"connect_refused\",envoy_http_conn_manager_prefix=\"in\"} 1\n",
        "envoy_server_live{} 1\n",
        "envoy_server_uptime{} 88\n",
        "envoy_server_days_until_first_cert_expiring{} 4294967295\n",
        "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"a\",le=\"5\"} 1\n",
        "envoy_cluster_upstream_rq_time_sum{envoy_cluster_name=\"a\"} 4.0493827160493829353526962222531\n",
    ] {
        assert!(answer.body.contains(line), "{line}");
    }
    let one = "# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n";
    assert_eq!(get(address, "/stats/prometheus?filter=server.live").body, one);
    assert_eq!(get(address, "/stats?format=prometheus&filter=server.live&type=Counters").body, one);
    let summary = get(address, "/stats/prometheus?histogram_buckets=summary").body;
    assert_eq!(parse(&summary).unwrap()["envoy_cluster_upstream_rq_time"].0, "summary");
    assert!(
        summary.contains("envoy_cluster_upstream_rq_time{envoy_cluster_name=\"a\",quantile=\"0.995\"} nan\n")
    );
    parse(&get(address, "/stats/prometheus?usedonly").body).unwrap();
    let wrong = get(address, "/stats/prometheus?histogram_buckets=detailed");
    assert_eq!((wrong.status, &*wrong.body), (400, "unsupported prometheus histogram bucket mode"));
}

#[test]
fn a_reset_leaves_gauges_and_what_was_used() {
    let (_server, address) = busy().serve();
    let answer = post(address, "/reset_counters");
    assert_eq!((answer.status, &*answer.body), (200, "OK\n"));
    assert_eq!(
        get(address, "/stats?usedonly&filter=^cluster.*(rq_total|membership)").body,
        "cluster.a.membership_healthy: 2\ncluster.a.upstream_rq_total: 0\n"
    );
}

#[test]
fn the_server_counts_itself() {
    let (_server, address) = Fake::new().serve();
    get(address, "/ready");
    get(address, "/nope");
    eventually(|| {
        let body = get(address, "/stats?filter=(http|listener).admin.*(active|destroy|_[24]xx)").body;
        body.contains("http.admin.downstream_cx_active: 1\n")
            && body.contains("http.admin.downstream_rq_4xx: 1\n")
            && body.contains("listener.admin.http.admin.downstream_rq_4xx: 1\n")
            && body.contains("http.admin.downstream_rq_active: 1\n")
    });
    let body = get(address, "/stats/prometheus?filter=listener.admin.downstream_cx_total").body;
    assert!(body.starts_with(
        "# TYPE envoy_listener_admin_downstream_cx_total counter\nenvoy_listener_admin_downstream_cx_total{} "
    ));
}
