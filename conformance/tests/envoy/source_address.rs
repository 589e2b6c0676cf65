//! Where connections to back-ends come from.

use causeway_conformance::Case;

const COUNTED: &[&str] = &[
    "cluster.app.bind_errors",
    "cluster.app.upstream_cx_connect_fail",
    "cluster.app.upstream_cx_destroy_local",
    "cluster.app.upstream_cx_destroy_remote",
    "cluster.app.upstream_rq_pending_failure_eject",
];

const FAILED: &str =
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%";
const FROM: &str = "%RESPONSE_CODE% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%";

/// The cluster manager's source.
const MANAGER: &str = "cluster_manager:
  upstream_bind_config: {source_address: {address: 127.0.0.7, port_value: 0}}";

fn bound(fields: &str) -> String {
    format!("upstream_bind_config: {{{fields}}}")
}

pub(crate) fn cases() -> Vec<Case> {
    let source = "source_address: {address: 127.0.0.5, port_value: 0}";
    vec![
        Case::new("the_cluster_says_it").echoes(&["app"])
.cluster("app", &bound(source)).log(FROM).get("/"),
        Case::new("the_cluster_manager_says_it_where_the_cluster_does_not").bootstrap(MANAGER).log(FROM).get("/"),
        Case::new("an_empty_message_of_the_cluster_takes_the_place_of_the_managers")
            .bootstrap(MANAGER)
            .echoes(&["app"])
.cluster("app", &bound(""))
            .log(FROM)
            .get("/"),
        Case::new("the_source_of_the_other_family_is_passed_over")
            .echoes(&["app"])
.cluster("app", &bound(
                "source_address: {address: \"::1\", port_value: 0}, extra_source_addresses: [{address: {address: 127.0.0.6, port_value: 0}}]",
            ))
            .log(FROM)
            .get("/"),
        Case::new("an_address_that_this_host_does_not_have")
            .echoes(&["app"])
.cluster("app", &bound("source_address: {address: 192.0.2.9, port_value: 0}"))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("a_source_of_the_wrong_family_fails")
            .echoes(&["app"])
.cluster("app", &bound("source_address: {address: \"::1\", port_value: 0}"))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("freebind_binds_to_what_is_not_there")
            .echoes(&["app"])
.cluster("app", &bound("source_address: {address: 192.0.2.9, port_value: 0}, freebind: true"))
            .log("%RESPONSE_FLAGS%")
            .get("/")
            .stats(&["cluster.app.bind_errors"]),
        Case::new("an_option_that_does_not_exist")
            .echoes(&["app"])
.cluster("app", &bound(&format!("{source}, socket_options: [{{level: 6, name: 9999, int_value: 1}}]")))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("options_for_later_are_not_set")
            .echoes(&["app"])
.cluster("app", &bound(&format!(
                "{source}, socket_options: [{{level: 6, name: 9999, int_value: 1, state: STATE_BOUND}}]"
            )))
            .log(FROM)
            .get("/"),
        Case::new("the_managers_freebind_holds_for_a_cluster_that_does_not_set_it")
            .bootstrap("cluster_manager:\n  upstream_bind_config: {freebind: true}")
            .echoes(&["app"])
            .cluster("app", &bound("source_address: {address: 192.0.2.9, port_value: 0}"))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("a_clusters_own_freebind_takes_the_place_of_the_managers")
            .bootstrap("cluster_manager:\n  upstream_bind_config: {freebind: true}")
            .echoes(&["app"])
            .cluster("app", &bound("source_address: {address: 192.0.2.9, port_value: 0}, freebind: false"))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("the_managers_options_hold_for_a_cluster_that_has_none")
            .bootstrap(
                "cluster_manager:\n  upstream_bind_config: {socket_options: [{level: 6, name: 9999, int_value: 1}]}",
            )
            .echoes(&["app"])
            .cluster("app", &bound(source))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("a_source_may_have_options_of_its_own")
            .echoes(&["app"])
            .cluster("app", &bound(
                "source_address: {address: \"::1\", port_value: 0}, socket_options: [{level: 6, name: 9999, int_value: 1}], extra_source_addresses: [{address: {address: 127.0.0.6, port_value: 0}, socket_options: {}}]",
            ))
            .log(FROM)
            .get("/"),
        Case::new("options_hold_without_a_source_too")
            .echoes(&["app"])
            .cluster("app", &bound("socket_options: [{level: 6, name: 9999, int_value: 1}]"))
            .log(FAILED)
            .get("/")
            .stats(COUNTED),
        Case::new("the_old_form_of_further_sources")
            .echoes(&["app"])
            .cluster("app", &bound(
                "source_address: {address: \"::1\", port_value: 0}, additional_source_addresses: [{address: 127.0.0.6, port_value: 0}]",
            ))
            .log(FROM)
            .get("/"),
        Case::new("a_port_can_be_asked_for")
            .echoes(&["app"])
            .cluster("app", &bound("source_address: {address: 127.0.0.5, port_value: {{port:source}}}"))
            .log("%RESPONSE_CODE% %UPSTREAM_LOCAL_ADDRESS%")
            .get("/"),
        Case::new("health_checks_come_from_there_too")
            .echoes(&["app"])
.cluster("app", &format!(
                "{}\nhealth_checks: [{{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {{}}}}]",
                bound("source_address: {address: 192.0.2.9, port_value: 0}")
            ))
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .get("/")
            .log("%RESPONSE_FLAGS%"),
    ]
}
