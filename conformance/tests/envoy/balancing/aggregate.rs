//! Aggregate clusters: the next of a row of clusters, where those before it can't take everything.

use std::time::Duration;

use causeway_conformance::{Case, Request};
use causeway_testkit::Reply;

use super::shares::shares;
use super::{cluster, cluster_of, endpoint};

/// An aggregate of these clusters, with more fields.
fn aggregate(name: &str, members: &str, fields: &str) -> String {
    let fields: String = fields.lines().map(|line| format!("\n  {line}")).collect();
    format!(
        "- name: {name}
  connect_timeout: 2s
  lb_policy: CLUSTER_PROVIDED
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
      clusters: [{members}]{fields}\n"
    )
}

const STATS: &[&str] = &[
    "cluster.all.upstream_rq_total",
    "cluster.all.upstream_rq_2xx",
    "cluster.all.upstream_rq_5xx",
    "cluster.all.upstream_rq_completed",
    "cluster.all.upstream_rq_retry",
    "cluster.all.upstream_rq_timeout",
    "cluster.all.upstream_rq_active_overflow",
    "cluster.all.upstream_cx_total",
    "cluster.all.upstream_cx_none_healthy",
    "cluster.all.membership_total",
    "cluster.all.membership_healthy",
    "cluster.first.upstream_rq_total",
    "cluster.first.upstream_rq_5xx",
    "cluster.first.upstream_cx_none_healthy",
    "cluster.first.upstream_rq_active_overflow",
    "cluster.first.lb_healthy_panic",
    "cluster.second.upstream_rq_total",
    "cluster.second.upstream_rq_2xx",
    "cluster.second.upstream_rq_retry",
    "cluster.second.upstream_cx_total",
    "cluster.second.upstream_cx_none_healthy",
];

fn case(name: &'static str, clusters: &[String], aggregate: String) -> Case {
    let case = Case::new(name)
        .named(&["a", "b", "c"])
        .more_clusters(&aggregate)
        .routes("- match: {prefix: /}\n  route: {cluster: all}");
    clusters.iter().fold(case, |case, cluster| case.more_clusters(cluster))
}

pub(crate) fn cases() -> Vec<Case> {
    let well = |name: &str| endpoint(name, "");
    let sick = |name: &str| endpoint(name, "health_status: UNHEALTHY");
    let all = || aggregate("all", "first, second", "");
    let calm = "common_lb_config: {healthy_panic_threshold: {value: 0}}";
    vec![
        case(
            "the_first_cluster_is_used_while_it_can_take_everything",
            &[cluster("first", &[well("a")], ""), cluster("second", &[well("b")], "")],
            all(),
        )
        .get("/1")
        .get("/2")
        .stats(STATS)
        .clusters("all"),
        case(
            "the_next_cluster_is_used_where_the_first_is_sick",
            &[cluster("first", &[sick("a")], ""), cluster("second", &[well("b")], "")],
            all(),
        )
        .get("/1")
        .get("/2")
        .stats(STATS),
        case(
            "what_the_first_cluster_can_not_take_spills_over",
            &[cluster("first", &[well("a"), sick("b")], ""), cluster("second", &[well("c")], "")],
            all(),
        )
        .without_log()
        .step(shares("/", &[('a', 70.0), ('b', 0.0), ('c', 30.0)])),
        case(
            "each_member_has_its_own_overprovisioning_factor",
            &[
                cluster("first", &[well("a"), sick("b")], "").replace(
                    "    cluster_name: first",
                    "    cluster_name: first\n    policy: {overprovisioning_factor: 100}",
                ),
                cluster("second", &[well("c")], ""),
            ],
            all(),
        )
        .without_log()
        .step(shares("/", &[('a', 50.0), ('b', 0.0), ('c', 50.0)])),
        case(
            "priorities_of_members_stand_in_a_row",
            &[
                cluster_of("first", &[("priority: 0", &[sick("a")]), ("priority: 1", &[well("b")])], ""),
                cluster("second", &[well("c")], ""),
            ],
            all(),
        )
        .get("/1")
        .get("/2")
        .stats(STATS),
        case(
            "degraded_hosts_of_members_come_behind_all_healthy_ones",
            &[
                cluster("first", &[endpoint("a", "health_status: DEGRADED")], ""),
                cluster("second", &[well("b")], ""),
            ],
            all(),
        )
        .get("/1")
        .get("/2")
        .stats(STATS),
        case(
            "where_nobody_is_well_the_aggregate_panics",
            &[cluster("first", &[sick("a")], ""), cluster("second", &[sick("b")], "")],
            all(),
        )
        .without_log()
        .step(shares("/", &[('a', 50.0), ('b', 50.0)])),
        case(
            "where_nobody_is_well_and_nobody_panics_there_is_no_answer",
            &[cluster("first", &[sick("a")], calm), cluster("second", &[sick("b")], calm)],
            aggregate("all", "first, second", calm),
        )
        .get("/1")
        .stats(STATS),
        case(
            "members_that_do_not_exist_are_passed_over",
            &[cluster("second", &[well("b")], "")],
            aggregate("all", "nobody, second", ""),
        )
        .get("/1"),
        case(
            "an_aggregate_may_have_aggregates",
            &[
                cluster("first", &[sick("a")], ""),
                cluster("second", &[well("b")], ""),
                aggregate("both", "first, second", ""),
                cluster("third", &[well("c")], ""),
            ],
            aggregate("all", "both, third", ""),
        )
        .get("/1")
        .stats(STATS),
        case(
            "breakers_are_those_of_the_member",
            &[
                cluster("first", &[well("a")], "circuit_breakers: {thresholds: [{max_requests: 0}]}"),
                cluster("second", &[well("b")], ""),
            ],
            all(),
        )
        .get("/1")
        .stats(STATS),
        case(
            "retries_and_timeouts_are_those_of_the_aggregate",
            &[cluster("first", &[endpoint("late", "")], ""), cluster("second", &[well("b")], "")],
            all(),
        )
        .endpoint("late", causeway_testkit::Answer::from(Reply::ok("late")).after(Duration::from_millis(900)))
        .routes(
            "
            - match: {prefix: /retry}
              route:
                cluster: all
                timeout: 2s
                retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s}
            - match: {prefix: /}
              route: {cluster: all, timeout: 0.2s}",
        )
        .send(Request::get("/retry"))
        .send(Request::get("/"))
        .stats(STATS),
        Case::new("an_aggregate_chooses_by_itself")
            .named(&["a"])
            .more_clusters(&aggregate("all", "a", "").replace("CLUSTER_PROVIDED", "ROUND_ROBIN")),
    ]
}
