//! Which endpoint, which cluster.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Connection, End, Run};
use serde_json::json;

use super::{app, echo, gate, greets, site};

/// The endpoints `one`, `two` and `three`, each of which says its name; known to tables by keys of their own, since
/// ports differ from run to run.
fn three(policy: &str) -> String {
    let mut text = app(policy, &[]);
    text.push_str("  load_assignment:\n    cluster_name: app\n    endpoints:\n    - lb_endpoints:\n");
    for name in ["one", "two", "three"] {
        text.push_str(&format!(
            "      - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{{name}}}}}}}}}}}\n        \
             metadata: {{filter_metadata: {{envoy.lb: {{hash_key: key-{name}}}}}}}\n"
        ));
    }
    text
}

/// Which of three endpoints each of these source addresses gets.
fn by_source(name: &'static str, policy: &str, stats: &[&str]) -> Case {
    let says = |name: &str| greets(Answer::raw(name).then(Act::EchoBytes));
    Case::new(name)
        .file(&site("", "cluster: app\nhash_policy: [{source_ip: {}}]", &three(policy)))
        .endpoint("one", says("one"))
        .endpoint("two", says("two"))
        .endpoint("three", says("three"))
        .mask_log(|_| "a line".to_owned())
        .step(async |run: &mut Run| {
            let mut got = Vec::new();
            for last in 2..30 {
                let from = std::net::Ipv4Addr::new(127, 0, 0, last).into();
                let mut connection =
                    Connection::open_from(from, run.listener()).await.expect("the proxy listens");
                let name = connection.read(3).await;
                got.push(String::from_utf8_lossy(&name).into_owned());
            }
            run.note("by source", json!(got));
        })
        .stats(stats)
}

/// Three endpoints of which each says its name, and connections that go to some of them; `clusters` says which.
fn chosen(name: &'static str, proxy: &str, clusters: &str, stats: &[&str]) -> Case {
    let says = |name: &str| greets(Answer::raw(name).then(Act::EchoBytes));
    Case::new(name)
        .file(&site("", proxy, clusters))
        .endpoint("one", says("one"))
        .endpoint("two", says("two"))
        .endpoint("three", says("three"))
        .mask_log(|_| "a line".to_owned())
        .step(async |run: &mut Run| {
            let mut got = std::collections::BTreeSet::new();
            for _ in 0..6 {
                let name = run.connect().await.read(3).await;
                got.insert(String::from_utf8_lossy(&name).into_owned());
            }
            run.note("endpoints", json!(got));
        })
        .stats(stats)
}

/// Endpoints in two versions, the first of which has two.
fn versions(fields: &str) -> String {
    let text = three(fields).replace("hash_key: key-one", "v: '1'").replace("hash_key: key-two", "v: '1'");
    text.replace("hash_key: key-three", "v: '2'")
}

pub(super) fn choices() -> Vec<Case> {
    let subsets = "lb_subset_config: {fallback_policy: NO_FALLBACK, subset_selectors: [{keys: [v]}]}";
    let counted = &[
        "cluster.app.lb_subsets_selected",
        "cluster.app.upstream_cx_total",
        "cluster.app.upstream_cx_none_healthy",
        "cluster.all.upstream_cx_total",
        "cluster.all.upstream_cx_none_healthy",
    ];
    let all = "- name: all
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
      clusters: [sick, app]
- name: sick
  connect_timeout: 1s\n";
    vec![
        chosen(
            "connections_get_hosts_that_have_what_is_asked_for",
            "cluster: app\nmetadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "connections_get_no_host_where_none_has_it",
            "cluster: app\nmetadata_match: {filter_metadata: {envoy.lb: {v: '9'}}}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "a_weighted_cluster_asks_for_hosts_of_its_own",
            "weighted_clusters: {clusters: [{name: app, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}}]}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "a_weighted_cluster_asks_for_what_the_proxy_asks_for",
            "metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}\nweighted_clusters: {clusters: [{name: app, weight: 1}]}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "a_weighted_cluster_has_the_last_word",
            "metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}\nweighted_clusters: {clusters: [{name: app, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}}]}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "a_weighted_cluster_asks_for_more_than_the_proxy",
            "metadata_match: {filter_metadata: {envoy.lb: {w: '1'}}}\nweighted_clusters: {clusters: [{name: app, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}}]}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "metadata_of_another_name_is_nothing_that_is_asked_for",
            "metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}\nweighted_clusters: {clusters: [{name: app, weight: 1, metadata_match: {filter_metadata: {other: {v: '2'}}}}]}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "each_weighted_cluster_asks_for_its_own",
            "weighted_clusters: {clusters: [{name: app, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}}, {name: app, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}}]}",
            &versions(subsets),
            counted,
        ),
        chosen(
            "connections_go_to_the_next_cluster_of_an_aggregate",
            "cluster: all",
            &format!("{all}{}", app("", &["two"])),
            counted,
        ),
        by_source(
            "a_source_finds_its_place_on_the_ring",
            "lb_policy: RING_HASH",
            &[
                "cluster.app.ring_hash_lb.size",
                "cluster.app.ring_hash_lb.min_hashes_per_host",
                "cluster.app.ring_hash_lb.max_hashes_per_host",
            ],
        ),
        by_source(
            "a_ring_by_another_hash",
            "lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 50, hash_function: MURMUR_HASH_2}",
            &["cluster.app.ring_hash_lb.size"],
        ),
        by_source(
            "a_source_finds_its_place_in_the_table",
            "lb_policy: MAGLEV",
            &["cluster.app.maglev_lb.min_entries_per_host", "cluster.app.maglev_lb.max_entries_per_host"],
        ),
        by_source("a_small_table", "lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 101}", &[]),
        Case::new("a_tls_client_names_its_cluster")
            .file(&named_by_clients())
            .endpoint("one", greets(echo()))
            .endpoint("two", greets(Answer::raw("other").then(Act::EchoBytes)))
            .step(async |run: &mut Run| {
                for name in ["app", "two.test", "TWO.test", "none.test", ""] {
                    let hello = client_hello(name);
                    let mut connection = run.connect().await;
                    connection.write(&hello).await;
                    let (bytes, end) = connection.rest(Duration::from_millis(300)).await;
                    let greeting = String::from_utf8_lossy(&bytes[..bytes.len().min(5)]).into_owned();
                    let whole = bytes.len() > 5 && bytes[5..] == hello;
                    run.note(format!("{name:?}"), json!([greeting, whole, end != End::Reset]));
                    drop(connection);
                    // Lines of the log come one after the other.
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            })
            .stats(&["tcp.in.downstream_cx_no_route", "tcp.in.downstream_cx_total"]),
        Case::new("clusters_are_drawn_by_weight")
            .file(&site(
                "",
                "weighted_clusters: {clusters: [{name: app, weight: 1}, {name: none, weight: 1}]}",
                &(app("", &["one"]) + "- name: none\n"),
            ))
            .endpoint("one", greets(echo()))
            .mask_log(|_| "a line".to_owned())
            .step(async |run: &mut Run| {
                let mut seen = std::collections::BTreeSet::new();
                for _ in 0..20 {
                    let mut connection = run.connect().await;
                    let (bytes, _) = connection.rest(Duration::from_millis(50)).await;
                    seen.insert(String::from_utf8_lossy(&bytes).into_owned());
                }
                run.note("seen", json!(seen));
            })
            .stats(&["tcp.in.downstream_cx_total"]),
    ]
}

/// A TCP proxy whose cluster is what clients name, or `app`, where they name none.
fn named_by_clients() -> String {
    let inspector = "listener_filters:
    - name: tls
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector
    filter_chains:";
    let two = app("", &["two"]).replace("app", "two.test");
    let file = site(&gate("sni_cluster.v3.SniCluster", ""), "cluster: app", &(app("", &["one"]) + &two));
    file.replacen("filter_chains:", inspector, 1)
}

/// The first record of a TLS client that asks for this name (RFC 8446 §4.1.2, RFC 6066 §3), or for none.
fn client_hello(name: &str) -> Vec<u8> {
    let long =
        |bytes: &[u8]| [&u16::try_from(bytes.len()).expect("it is short").to_be_bytes(), bytes].concat();
    let mut extensions = Vec::new();
    if !name.is_empty() {
        let names = long(&[&[0], &*long(name.as_bytes())].concat());
        extensions = [&[0, 0], &*long(&names)].concat();
    }
    let random = [7; 32];
    let hello = [&[3, 3], &random[..], &[0], &long(&[0x13, 0x01]), &[1, 0], &long(&extensions)].concat();
    let length = u32::try_from(hello.len()).expect("it is short").to_be_bytes();
    let handshake = [&[1], &length[1..], &hello].concat();
    [&[22, 3, 1], &*long(&handshake)].concat()
}
