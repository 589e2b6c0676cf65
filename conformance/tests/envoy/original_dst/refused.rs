//! What can't be said of such a cluster.

use causeway_conformance::Case;

fn file(name: &'static str, fields: &str) -> Case {
    let fields: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    Case::new(name).file(&format!(
        "admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}\nstatic_resources:\n  clusters:\n  - name: asked\n    connect_timeout: 1s\n{fields}"
    ))
}

fn of_type(name: &'static str, fields: &str) -> Case {
    file(name, &format!("type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\n{fields}"))
}

/// `load_balancing_policy` with this policy.
fn policy(folder: &str, kind: &str) -> String {
    format!(
        "load_balancing_policy: {{policies: [{{typed_extension_config: {{name: p, typed_config: {{'@type': type.googleapis.com/envoy.extensions.load_balancing_policies.{folder}.v3.{kind}}}}}}}]}}"
    )
}

pub(super) fn cases() -> Vec<Case> {
    let provided = policy("cluster_provided", "ClusterProvided");
    let round_robin = policy("round_robin", "RoundRobin");
    let extension = |fields: &str| {
        format!(
            "cluster_type: {{name: envoy.cluster.original_dst, typed_config: {{'@type': type.googleapis.com/envoy.extensions.clusters.original_dst.v3.OriginalDstCluster{fields}}}}}\nlb_policy: CLUSTER_PROVIDED\n"
        )
    };
    vec![
        of_type("nothing_more_is_needed", ""),
        file("it_has_to_choose_by_itself", "type: ORIGINAL_DST"),
        file("it_has_to_choose_by_itself_and_not_by_hashes", "type: ORIGINAL_DST\nlb_policy: RING_HASH"),
        file("a_policy_is_not_enough", &format!("type: ORIGINAL_DST\n{provided}")),
        of_type("a_policy_besides", &provided),
        of_type("another_policy_besides", &round_robin),
        file("a_static_cluster_provides_none", &format!("type: STATIC\n{provided}")),
        of_type("it_can_not_have_endpoints", "load_assignment: {cluster_name: asked}"),
        of_type("it_can_not_have_subsets", "lb_subset_config: {subset_selectors: [{keys: [a]}]}"),
        of_type("a_name_without_a_header", "original_dst_lb_config: {http_header_name: x}"),
        of_type("a_port_that_is_none", "original_dst_lb_config: {upstream_port_override: 65536}"),
        of_type("metadata_without_a_path", "original_dst_lb_config: {metadata_key: {key: a}}"),
        of_type("a_cleanup_interval_of_nothing", "cleanup_interval: 0s"),
        of_type(
            "checks_and_outliers",
            "outlier_detection: {}\nhealth_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]",
        ),
        file(
            "fields_of_no_use_elsewhere",
            "type: STATIC\ncleanup_interval: 1s\noriginal_dst_lb_config: {http_header_name: x}",
        ),
        file("the_extension", &extension(", use_http_header: true, http_header_name: x-a")),
        file(
            "the_extension_by_its_name",
            "cluster_type: {name: envoy.cluster.original_dst}\nlb_policy: CLUSTER_PROVIDED",
        ),
        file("the_extension_with_a_name_without_a_header", &extension(", http_header_name: x-a")),
        file(
            "the_extension_with_endpoints",
            &format!("{}load_assignment: {{cluster_name: asked}}", extension("")),
        ),
        file("the_extension_with_another_policy", &extension("").replace("CLUSTER_PROVIDED", "ROUND_ROBIN")),
    ]
}
