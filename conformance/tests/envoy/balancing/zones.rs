//! Zone aware routing: requests stay in their zone as far as that is fair to the others.

use causeway_conformance::Case;

use super::shares::{case, shares};
use super::{cluster_of, endpoint, typed};

const STATS: &[&str] = &[
    "cluster.pool.lb_recalculate_zone_structures",
    "cluster.pool.lb_zone_cluster_too_small",
    "cluster.pool.lb_zone_no_capacity_left",
    "cluster.pool.lb_zone_routing_all_directly",
    "cluster.pool.lb_local_cluster_not_ok",
    "cluster.pool.lb_healthy_panic",
];

fn place(name: &str) -> String {
    format!("locality: {{zone: {name}}}")
}

fn hosts(names: &str) -> Vec<String> {
    names.chars().map(|name| endpoint(&name.to_string(), "")).collect()
}

/// A proxy in zone u, whose own cluster has one member each in u and w; `pool` has these hosts there.
fn zoned(name: &'static str, (here, there): (&str, &str), fields: &str) -> Case {
    let pool = cluster_of("pool", &[(&place("u"), &hosts(here)), (&place("w"), &hosts(there))], fields);
    let own = cluster_of("own", &[(&place("u"), &hosts("a")), (&place("w"), &hosts("b"))], "");
    with_own(name, pool, own)
}

fn with_own(name: &'static str, pool: String, own: String) -> Case {
    case(name, &["a", "b", "c", "d"], &[("pool", pool)]).more_clusters(&own).bootstrap(
        "node: {id: one, cluster: proxies, locality: {zone: u}}\ncluster_manager: {local_cluster_name: own}",
    )
}

/// The same with subsets, of which the route asks for one: a, b and c have version 1, and d has version 2.
fn divided(name: &'static str, fallback: &str, asked: &str) -> Case {
    let host = |name: &str, version: u8| {
        endpoint(name, &format!("metadata: {{filter_metadata: {{envoy.lb: {{v: '{version}'}}}}}}"))
    };
    let fields = format!(
        "common_lb_config: {{zone_aware_lb_config: {{min_cluster_size: 2}}}}\nlb_subset_config: {{fallback_policy: {fallback}, subset_selectors: [{{keys: [v]}}]}}"
    );
    let here = [host("a", 1), host("d", 2)];
    let there = [host("b", 1), host("c", 1)];
    let pool = cluster_of("pool", &[(&place("u"), &here), (&place("w"), &there)], &fields);
    let own = cluster_of("own", &[(&place("u"), &hosts("a")), (&place("w"), &hosts("b"))], "");
    with_own(name, pool, own).routes(&format!(
        "- match: {{prefix: /part}}\n  route: {{cluster: pool, metadata_match: {{filter_metadata: {{envoy.lb: {{{asked}}}}}}}}}"
    ))
}

pub(crate) fn cases() -> Vec<Case> {
    let aware = |fields: &str| format!("common_lb_config: {{zone_aware_lb_config: {{{fields}}}}}");
    vec![
        zoned("all_requests_stay_in_a_zone_that_can_take_them", ("ab", "c"), &aware("min_cluster_size: 2"))
            .step(shares("/pool", &[('a', 50.0), ('b', 50.0), ('c', 0.0)]))
            .stats(STATS),
        zoned("others_take_what_a_zone_can_not", ("a", "bc"), &aware("min_cluster_size: 2"))
            .step(shares("/pool", &[('a', 66.7), ('b', 16.7), ('c', 16.7)]))
            .stats(STATS),
        zoned("small_clusters_are_not_routed_by_zones", ("a", "bc"), "")
            .step(shares("/pool", &[('a', 33.3), ('b', 33.3), ('c', 33.3)]))
            .stats(STATS),
        zoned(
            "a_share_of_requests_can_be_routed_by_zones",
            ("ab", "c"),
            &aware("min_cluster_size: 2, routing_enabled: {value: 40}"),
        )
        .step(shares("/pool", &[('a', 40.0), ('b', 40.0), ('c', 20.0)])),
        zoned(
            "the_own_zone_can_be_forced",
            ("a", "bcd"),
            &typed(
                "least_request.LeastRequest",
                "locality_lb_config: {zone_aware_lb_config: {min_cluster_size: 2, force_local_zone: {min_size: 1}}}",
            ),
        )
        .step(shares("/pool", &[('a', 100.0), ('b', 0.0)]))
        .stats(STATS),
        divided("subsets_are_routed_by_zones_of_their_own", "NO_FALLBACK", "v: '1'")
            .step(shares("/part", &[('a', 66.7), ('b', 16.7), ('c', 16.7), ('d', 0.0)]))
            .stats(STATS),
        divided("a_subset_that_all_fall_back_on_is_routed_by_zones", "ANY_ENDPOINT", "v: none")
            .step(shares("/part", &[('a', 50.0), ('d', 50.0), ('b', 0.0), ('c', 0.0)]))
            // Envoy reckons some of them twice when it starts.
            .stats(STATS.get(1..).unwrap_or_default()),
        with_own(
            "weights_can_be_the_size_of_a_zone",
            cluster_of(
                "pool",
                &[
                    (&place("u"), &[endpoint("a", "load_balancing_weight: 3")]),
                    (&place("w"), &hosts("bc")),
                ],
                &typed(
                    "round_robin.RoundRobin",
                    "locality_lb_config: {zone_aware_lb_config: {min_cluster_size: 2, locality_basis: HEALTHY_HOSTS_WEIGHT}}",
                ),
            ),
            cluster_of("own", &[(&place("u"), &hosts("a")), (&place("w"), &hosts("b"))], ""),
        )
        .step(shares("/pool", &[('a', 100.0), ('b', 0.0), ('c', 0.0)]))
        .stats(STATS),
        with_own(
            "zones_do_not_count_while_the_own_cluster_is_sick",
            cluster_of(
                "pool",
                &[(&place("u"), &hosts("ab")), (&place("w"), &hosts("c"))],
                &aware("min_cluster_size: 2"),
            ),
            cluster_of(
                "own",
                &[
                    (&place("u"), &[endpoint("a", ""), endpoint("b", "health_status: UNHEALTHY")]),
                    (&place("w"), &[endpoint("c", "health_status: UNHEALTHY")]),
                ],
                "",
            ),
        )
        .step(shares("/pool", &[('a', 33.3), ('b', 33.3), ('c', 33.3)])),
        with_own(
            "without_members_of_the_own_cluster_zones_do_not_count",
            cluster_of(
                "pool",
                &[(&place("u"), &hosts("ab")), (&place("w"), &hosts("c"))],
                &aware("min_cluster_size: 2"),
            ),
            "- {name: own, connect_timeout: 1s}".to_owned(),
        )
        .step(shares("/pool", &[('a', 33.3), ('b', 33.3), ('c', 33.3)]))
        .stats(STATS),
    ]
}
