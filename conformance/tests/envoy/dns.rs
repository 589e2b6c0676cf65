//! Upstreams that have a name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_conformance::{Backend, Case, DnsAnswer, Reply, Request, Run, Script};
use serde_json::json;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 12));

/// A cluster of this type for `app.test`, asking the name server of the case twice a second.
fn named(kind: &str) -> String {
    format!(
        r#"
        type: {kind}
        dns_lookup_family: V4_ONLY
        dns_refresh_rate: 0.5s
        respect_dns_ttl: false
        typed_dns_resolver_config:
          name: cares
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
            resolvers: [{{socket_address: {{address: 127.0.0.1, port_value: {{{{dns}}}}}}}}]
            dns_resolver_options: {{no_default_search_domain: true}}
        load_assignment:
          cluster_name: app
          endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: app.test, port_value: {{{{port:up}}}}}}}}}}}}]}}]"#
    )
}

/// Answers with its own address.
async fn at(run: &Run, ip: IpAddr) -> Backend {
    let address = SocketAddr::new(ip, run.address("port:up").port());
    Backend::start_on(address, Reply::ok(ip.to_string())).await
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("localhost_as_every_address")
            .endpoint("up", Script::echo())
            .cluster(
                "app",
                "
                type: STRICT_DNS
                dns_lookup_family: V4_ONLY
                load_assignment:
                  cluster_name: app
                  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{up}}}}}}]}]",
            )
            .get("/")
            .clusters("app")
            .stats(&["cluster.app.membership_total", "cluster.app.update_failure"]),
        Case::new("localhost_as_one_address")
            .endpoint("up", Script::echo())
            .cluster(
                "app",
                "
                type: logical_dns
                dns_lookup_family: v4_only
                load_assignment:
                  cluster_name: app
                  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{up}}}}}}]}]",
            )
            .get("/")
            .clusters("app"),
        Case::new("the_new_form_of_a_dns_cluster")
            .endpoint("up", Script::echo())
            .cluster(
                "app",
                r#"
                cluster_type:
                  name: envoy.cluster.dns
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
                    dns_lookup_family: V4_ONLY
                load_assignment:
                  cluster_name: app
                  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{up}}}}}}]}]"#,
            )
            .get("/")
            .clusters("app"),
        Case::new("every_address_of_a_name_is_a_host")
            .names(&[("app.test", DnsAnswer::Addresses(vec![ONE, TWO], 1))])
            .cluster("app", &named("STRICT_DNS"))
            .sort_log()
            .step(async |run: &mut Run| {
                let (_one, _two) = (at(run, ONE).await, at(run, TWO).await);
                let mut seen = std::collections::BTreeMap::<String, usize>::new();
                for _ in 0..6 {
                    let response = run.connect().await.exchange(&Request::get("/")).await.expect("an answer");
                    *seen.entry(response.text()).or_default() += 1;
                }
                run.note("shares", json!(seen));
            })
            .clusters("app")
            .stats(&["cluster.app.membership_total", "cluster.app.membership_healthy"]),
        Case::new("a_logical_name_has_one_host")
            .names(&[("app.test", DnsAnswer::Addresses(vec![ONE], 1))])
            .cluster("app", &named("LOGICAL_DNS"))
            .step(async |run: &mut Run| {
                let _one = at(run, ONE).await;
                let response = run.connect().await.exchange(&Request::get("/")).await;
                run.note_response("through the name", &response);
            })
            .clusters("app"),
        Case::new("a_name_that_moves_is_followed")
            .names(&[("app.test", DnsAnswer::Addresses(vec![ONE], 1))])
            .cluster("app", &named("STRICT_DNS"))
            .step(async |run: &mut Run| {
                let (_one, _two) = (at(run, ONE).await, at(run, TWO).await);
                let before = run.connect().await.exchange(&Request::get("/before")).await;
                run.note_response("before", &before);
                run.dns().set("app.test", DnsAnswer::Addresses(vec![TWO], 1));
                let moved = run.wait_for("/clusters", "app::127.0.0.12:").await;
                run.note("moved", json!(moved));
                let after = run.connect().await.exchange(&Request::get("/after")).await;
                run.note_response("after", &after);
            }),
        Case::new("a_name_that_does_not_exist")
            .differs("D-22", &["2 /clusters of app", "app::dns::app.test"], "dns_name_not_found at=<any>")
            .names(&[("other.test", DnsAnswer::NxDomain)])
            .cluster("app", &named("STRICT_DNS"))
            .get("/")
            .clusters("app")
            .stats(&["cluster.app.membership_total", "http.ingress.downstream_rq_5xx"]),
        Case::new("a_name_without_an_address")
            .names(&[("app.test", DnsAnswer::NoData)])
            .cluster("app", &named("STRICT_DNS"))
            .get("/"),
        Case::new("a_logical_name_that_does_not_exist")
            .names(&[("other.test", DnsAnswer::NxDomain)])
            .cluster("app", &named("LOGICAL_DNS"))
            .get("/"),
        Case::new("a_name_server_that_fails_for_a_while")
            .names(&[("app.test", DnsAnswer::Addresses(vec![ONE], 1))])
            .cluster("app", &named("STRICT_DNS"))
            .step(async |run: &mut Run| {
                let _one = at(run, ONE).await;
                let before = run.connect().await.exchange(&Request::get("/before")).await;
                run.note_response("before", &before);
                run.dns().set("app.test", DnsAnswer::ServFail);
                let asked = run.dns().queries("app.test");
                let again = async || run.dns().queries("app.test") > asked + 1;
                let asked = causeway_conformance::eventually(Duration::from_secs(5), again).await;
                run.note("asked again", json!(asked));
                tokio::time::sleep(Duration::from_millis(200)).await;
                let during = run.connect().await.exchange(&Request::get("/during")).await;
                run.note_response("during", &during);
            }),
    ]
}
