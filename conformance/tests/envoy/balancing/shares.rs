//! How requests are shared out among hosts: by chance, so that shares are compared, and not turns.

use std::time::Duration;

use causeway_conformance::{Case, Request, Run};
use causeway_testkit::{Answer, Reply};
use serde_json::json;

use super::{cluster, cluster_of, endpoint, typed};

/// Sends requests one after the other, and notes which back-ends do not get their share of them, in per cent, give or
/// take one. There are as many requests as `CONFORMANCE_REQUESTS` says; with a hundred thousand, nothing is left to
/// chance.
pub(super) fn shares(
    path: &'static str,
    expected: &'static [(char, f64)],
) -> impl AsyncFn(&mut Run) + Send + Sync {
    async move |run: &mut Run| {
        let asked = std::env::var("CONFORMANCE_REQUESTS").ok().and_then(|text| text.parse::<u32>().ok());
        let count = asked.unwrap_or(8000);
        let hosts = super::ask(run, (0..count).map(|_| Request::get(path))).await;
        // With fewer requests chance has more to say: four standard deviations of the widest share.
        let tolerance = f64::max(1.0, 200.0 / f64::from(count).sqrt());
        let share = |name: char| 100.0 * hosts.matches(name).count() as f64 / f64::from(count);
        let wrong: Vec<String> = expected
            .iter()
            .filter(|(name, expected)| (share(*name) - expected).abs() > tolerance)
            .map(|(name, _)| format!("{name} has {:.1} %", share(*name)))
            .collect();
        run.note(format!("shares at {path}"), json!(wrong));
    }
}

/// Endpoints by their letters and weights.
pub(super) fn weighted(endpoints: &[(&str, u32)]) -> Vec<String> {
    let one = |(name, weight): &(&str, u32)| endpoint(name, &format!("load_balancing_weight: {weight}"));
    endpoints.iter().map(one).collect()
}

pub(super) fn route(name: &str) -> String {
    format!("- match: {{prefix: /{name}}}\n  route: {{cluster: {name}}}\n")
}

/// A case with these clusters, each behind the path of its name.
pub(super) fn case(name: &'static str, backends: &[&str], clusters: &[(&str, String)]) -> Case {
    let routes: String = clusters.iter().map(|(name, _)| route(name)).collect();
    let case = Case::new(name).named(backends).routes(&routes).without_log();
    clusters.iter().fold(case, |case, (_, cluster)| case.more_clusters(cluster))
}

pub(crate) fn cases() -> Vec<Case> {
    let equal = weighted(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let unequal = weighted(&[("a", 5), ("b", 3), ("c", 1), ("d", 1)]);
    let least = |fields: &str| format!("lb_policy: LEAST_REQUEST\nleast_request_lb_config: {{{fields}}}");
    let quarters = &[('a', 25.0), ('b', 25.0), ('c', 25.0), ('d', 25.0)];
    let by_weight = &[('a', 50.0), ('b', 30.0), ('c', 10.0), ('d', 10.0)];
    vec![
        case(
            "least_request_without_load_shares_by_weight",
            &["a", "b", "c", "d"],
            &[
                ("equal", cluster("equal", &equal, &least("choice_count: 3"))),
                ("unequal", cluster("unequal", &unequal, &least("active_request_bias: {default_value: 0.5, runtime_key: k}"))),
                ("scan", cluster("scan", &equal, &typed("least_request.LeastRequest", "selection_method: FULL_SCAN"))),
                ("old", cluster("old", &equal, &typed("least_request.LeastRequest", "enable_full_scan: true"))),
            ],
        )
        .step(shares("/equal", quarters))
        .step(shares("/unequal", by_weight))
        .step(shares("/scan", quarters))
        .step(shares("/old", quarters)),
        case(
            "round_robin_and_random_share_as_envoy_does",
            &["a", "b", "c", "d"],
            &[
                ("turns", cluster("turns", &unequal, "lb_policy: ROUND_ROBIN")),
                ("typed", cluster("typed", &unequal, &typed("round_robin.RoundRobin", ""))),
                ("random", cluster("random", &unequal, "lb_policy: RANDOM")),
                ("random_too", cluster("random_too", &unequal, &typed("random.Random", ""))),
            ],
        )
        .step(shares("/turns", by_weight))
        .step(shares("/typed", by_weight))
        .step(shares("/random", quarters)),
        case(
            "localities_share_by_their_weights",
            &["a", "b", "c", "d"],
            &[
                (
                    "classic",
                    cluster_of(
                        "classic",
                        &[
                            ("locality: {zone: x}\nload_balancing_weight: 3", &weighted(&[("a", 1)])),
                            ("locality: {zone: w}\nload_balancing_weight: 1", &weighted(&[("b", 3), ("c", 1)])),
                            ("locality: {zone: z}", &weighted(&[("d", 1)])),
                        ],
                        "common_lb_config: {locality_weighted_lb_config: {}}",
                    ),
                ),
                (
                    "typed",
                    cluster_of(
                        "typed",
                        &[
                            ("locality: {zone: x}\nload_balancing_weight: 3", &weighted(&[("a", 1)])),
                            ("locality: {zone: w}\nload_balancing_weight: 1", &weighted(&[("b", 3), ("c", 1)])),
                        ],
                        &typed("least_request.LeastRequest", "locality_lb_config: {locality_weighted_lb_config: {}}"),
                    ),
                ),
                (
                    "without",
                    cluster_of(
                        "without",
                        &[
                            ("locality: {zone: x}", &weighted(&[("a", 1)])),
                            ("locality: {zone: w}", &weighted(&[("b", 1), ("c", 2)])),
                        ],
                        "common_lb_config: {locality_weighted_lb_config: {}}",
                    ),
                ),
                (
                    "sick",
                    cluster_of(
                        "sick",
                        &[
                            (
                                "locality: {zone: x}\nload_balancing_weight: 1",
                                &[endpoint("a", ""), endpoint("d", "health_status: UNHEALTHY")],
                            ),
                            ("locality: {zone: w}\nload_balancing_weight: 1", &weighted(&[("b", 1)])),
                        ],
                        "common_lb_config: {locality_weighted_lb_config: {}}",
                    ),
                ),
            ],
        )
        .step(shares("/classic", &[('a', 75.0), ('b', 18.75), ('c', 6.25), ('d', 0.0)]))
        .step(shares("/typed", &[('a', 75.0), ('b', 18.75), ('c', 6.25)]))
        .step(shares("/without", &[('a', 25.0), ('b', 25.0), ('c', 50.0)]))
        // Half of x is healthy: 1.4 · 0.5 of its weight.
        .step(shares("/sick", &[('a', 41.2), ('b', 58.8), ('d', 0.0)])),
        Case::new("a_full_scan_finds_the_host_with_the_fewest_requests")
            .routes("- match: {prefix: /}\n  route: {cluster: a}")
            .endpoint("a", slow())
            .endpoint("b", slow())
            .endpoint("c", slow())
            .cluster("a", &typed("least_request.LeastRequest", "selection_method: FULL_SCAN"))
            .pool("a", &["a", "b", "c"])
            .without_log()
            .step(async |run: &mut Run| {
                let mut waiting = Vec::new();
                let names = ["a", "b", "c"];
                for count in 1..=9 {
                    let mut connection = run.connect().await;
                    connection.send(&Request::get("/")).await;
                    waiting.push(connection);
                    let received = || names.iter().map(|name| run.backend(name).requests()).sum::<usize>();
                    let came = async || received() == count;
                    assert!(causeway_testkit::eventually(Duration::from_secs(5), came).await);
                }
                let seen = names.map(|name| run.backend(name).requests());
                run.note("requests that each host got", json!(seen));
            }),
        case(
            "slow_start_begins_when_a_host_is_new",
            &["a", "b"],
            &[
                (
                    "turns",
                    cluster(
                        "turns",
                        &weighted(&[("a", 3), ("b", 1)]),
                        "round_robin_lb_config: {slow_start_config: {slow_start_window: 60s, aggression: {default_value: 2, runtime_key: k}}}",
                    ),
                ),
                (
                    "least",
                    cluster(
                        "least",
                        &weighted(&[("a", 1), ("b", 1)]),
                        "lb_policy: LEAST_REQUEST\nleast_request_lb_config: {slow_start_config: {slow_start_window: 60s, min_weight_percent: {value: 5}}}",
                    ),
                ),
            ],
        )
        .step(shares("/turns", &[('a', 75.0), ('b', 25.0)]))
        .step(shares("/least", &[('a', 50.0), ('b', 50.0)])),
        warmed(),
    ]
}

fn slow() -> Answer {
    Answer::from(Reply::ok("x")).after(Duration::from_secs(2))
}

/// Of two hosts, one has been well for longer.
fn warmed() -> Case {
    let fields = "
lb_policy: ROUND_ROBIN
round_robin_lb_config: {slow_start_config: {slow_start_window: 20s}}
common_lb_config: {healthy_panic_threshold: {value: 0}, update_merge_window: 0s}
health_checks:
- timeout: 1s
  interval: 0.1s
  no_traffic_interval: 0.1s
  unhealthy_threshold: 1
  healthy_threshold: 1
  http_health_check: {path: /health}";
    case(
        "a_host_that_is_well_again_begins_slowly",
        &["a", "b"],
        &[("pool", cluster("pool", &weighted(&[("a", 1), ("b", 1)]), fields.trim_start()))],
    )
    .step(async |run: &mut Run| {
        run.backend("b").play(Reply::status(503));
    })
    .wait_for("/clusters", "failed_active_hc")
    .pause(Duration::from_secs(4))
    .step(async |run: &mut Run| {
        run.backend("b").play(Reply::ok("b"));
    })
    .wait_for("/stats?filter=pool.membership_healthy", "membership_healthy: 2")
    .step(async |run: &mut Run| {
        let hosts = super::ask(run, (0..200).map(|_| Request::get("/pool"))).await;
        let seen = hosts.matches('b').count();
        run.note("the other has a smaller share, but one", json!((10..80).contains(&seen)));
    })
}
