//! Hosts of a proxy that runs, beside the cases of names and checks: those that nobody is sent to (`503 UH
//! no_healthy_upstream`), and those that nobody should be sent to any more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use causeway_testkit::{Answer, DnsAnswer, Reply, Script};

use super::cases::Behind;
use crate::case::Case;

/// No host is asked that is not healthy.
pub(super) const NO_PANIC: &str = "common_lb_config: {healthy_panic_threshold: {value: 0}}";

/// The first requests get one answer, the others another.
fn turning(first: usize, one: &Reply, other: &Reply) -> Script {
    let (count, one, other) = (Arc::new(AtomicUsize::new(0)), one.clone(), other.clone());
    Script::by(move |_| {
        let before = count.fetch_add(1, Ordering::Relaxed) < first;
        Answer::from(if before { one.clone() } else { other.clone() })
    })
}

pub(super) fn cases() -> Vec<Behind> {
    let six = || DnsAnswer::addresses([IpAddr::from(Ipv6Addr::LOCALHOST)]);
    let disabled = "load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{health_status: UNHEALTHY, endpoint: \
                    {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}";
    let hosts = |case| Behind::new("hosts", case);
    vec![
        // Its first check came too early, and without traffic the next is a minute away.
        hosts(
            Case::new("not checked again yet", &["H516"])
                .plays(turning(1, &Reply::status(503), &Reply::ok("")))
                .cluster(NO_PANIC)
                .checked("path: /health"),
        ),
        hosts(
            Case::new("no subset matches", &["R607"])
                .plays(Script::echo())
                .cluster("lb_subset_config: {fallback_policy: NO_FALLBACK, subset_selectors: [{keys: [version]}]}")
                .routes(
                    "- match: {prefix: /}\n  route: {cluster: app, metadata_match: {filter_metadata: {envoy.lb: {version: v2}}}}\n",
                ),
        ),
        hosts(
            Case::new("ejected by outlier detection", &["H511"])
                .plays(turning(3, &Reply::status(503), &Reply::ok("")))
                .cluster(NO_PANIC)
                .cluster(
                    "outlier_detection: {consecutive_5xx: 3, interval: 0.1s, base_ejection_time: 300s, max_ejection_percent: 100, \
                     enforcing_consecutive_5xx: 100, enforcing_success_rate: 0}",
                ),
        ),
        // Somebody has made the container anew, and Envoy asks for the name once in five minutes.
        hosts(
            Case::new("it has gone to another address", &["D107"])
                .named([DnsAnswer::addresses([IpAddr::from(Ipv4Addr::new(127, 0, 0, 2))])], Script::echo())
                .cluster("dns_lookup_family: V4_ONLY")
                .cluster("dns_refresh_rate: 300s"),
        )
        .gone_to(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        hosts(Case::new("the file takes it out", &["H521"]).cluster(NO_PANIC).cluster(disabled)),
        hosts(
            Case::new("the back-end takes itself out", &["H512"])
                .plays(Script::by(|request| match request.path() {
                    "/health" => Reply::ok("").into(),
                    _ => Answer::from(Reply::ok("").header("x-envoy-immediate-health-check-fail", "1")),
                }))
                .cluster(NO_PANIC)
                .cluster(
                    "health_checks: [{timeout: 1s, interval: 60s, no_traffic_interval: 60s, unhealthy_threshold: 1, \
                     healthy_threshold: 1, http_health_check: {path: /health}}]",
                ),
        ),
        hosts(Case::new("no such name, for one address", &["D101"]).named([DnsAnswer::NxDomain], Script::echo()).logical()),
        hosts(
            Case::new("only the other family, for one address", &["D102"])
                .named([six()], Script::echo())
                .logical()
                .cluster("dns_lookup_family: V4_ONLY"),
        ),
        hosts(Case::new("the name server fails, for one address", &["D104"]).named([DnsAnswer::ServFail], Script::echo()).logical()),
    ]
}
