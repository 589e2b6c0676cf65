//! Which files are taken and which are refused.

use causeway_conformance::Case;

pub(crate) fn cases() -> Vec<Case> {
    [dialect(), deprecated(), mistakes(), constraints(), references(), unread(), untyped()]
        .into_iter()
        .flatten()
        .collect()
}

/// The forms in which the same thing may be written.
fn dialect() -> Vec<Case> {
    vec![
        Case::new("names_in_camel_case")
            .hcm("useRemoteAddress: true\nmaxRequestHeadersKb: 10")
            .cluster("app", "lbPolicy: ROUND_ROBIN\nload_assignment: {clusterName: app, endpoints: [{lbEndpoints: [{endpoint: {address: {socketAddress: {address: 127.0.0.1, portValue: 1}}}}]}]}"),
        Case::new("enumerations_in_small_letters").cluster("app", "type: static\nlb_policy: round_robin\nload_assignment: {cluster_name: app}"),
        Case::new("enumerations_as_numbers").cluster("app", "type: 0\nload_assignment: {cluster_name: app}"),
        Case::new("an_enumeration_that_is_none").cluster("app", "lb_policy: BEST\nload_assignment: {cluster_name: app}"),
        Case::new("durations_with_fractions").routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 1.5s}"),
        Case::new("durations_as_messages").routes("- match: {prefix: /}\n  route: {cluster: app, timeout: {seconds: 1, nanos: 5}}"),
        Case::new("durations_in_minutes").routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 1m}"),
        Case::new("durations_in_milliseconds").routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 250ms}"),
        Case::new("durations_without_a_unit").routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 5}"),
        Case::new("numbers_as_text").hcm("max_request_headers_kb: '10'"),
        Case::new("truth_as_text").hcm("use_remote_address: 'true'"),
        Case::new("truth_as_yes").hcm("use_remote_address: yes"),
        Case::new("wrapped_values_as_messages").hcm("use_remote_address: {value: true}\nmax_request_headers_kb: {value: 10}"),
        Case::new("one_value_for_a_list").virtual_hosts("- {name: v, domains: '*', routes: {match: {prefix: /}, route: {cluster: app}}}"),
        Case::new("nothing_for_a_value").hcm("server_name: null\naccess_log: ~"),
        Case::new("a_key_twice").hcm("server_name: a\nserver_name: b"),
        Case::new("anchors_and_aliases").routes("- &r {match: {prefix: /a}, route: {cluster: app}}\n- *r"),
        Case::new("merge_keys").file(
            "
            admin:
              <<: {profile_path: /dev/null}
              address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}",
        ),
        Case::new("a_part_that_is_to_be_ignored").file(
            "
            !ignore anything:
              address: &a {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}
            admin: {address: *a}",
        ),
        Case::new("several_documents").file(
            "
            admin: {address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}}
            ---
            no_such_field: 1",
        ),
        Case::new("names_of_extensions_are_free").filters(
            r#"
            - name: whatever.i.like
              typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}"#,
        ),
        Case::new("json_is_yaml").file(r#"{"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": {{admin}}}}}}"#),
        Case::new("an_empty_configuration_with_an_admin")
            .file("admin: {address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}}"),
    ]
}

/// What is old and still taken, and what is too old.
fn deprecated() -> Vec<Case> {
    vec![
        Case::new("the_old_log_of_the_admin").file(
            "
            admin:
              access_log_path: /dev/null
              address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}",
        ),
        Case::new("the_old_http_2_options_of_a_cluster")
            .cluster("app", "http2_protocol_options: {}\nload_assignment: {cluster_name: app}"),
        Case::new("the_old_regular_expression_engine")
            .routes("- match: {safe_regex: {google_re2: {}, regex: '/x'}}\n  route: {cluster: app}"),
        Case::new("the_old_path_of_logs").log("path: /dev/null\nformat: '%RESPONSE_CODE%'"),
        Case::new("hosts_of_version_two")
            .dead("app")
            .cluster("app", "hosts: [{socket_address: {address: 127.0.0.1, port_value: 1}}]"),
        Case::new("config_of_version_two").filters("- name: envoy.filters.http.cors\n  config: {}"),
        Case::new("types_of_version_two").filters(
            r#"
            - name: envoy.filters.http.cors
              typed_config: {"@type": type.googleapis.com/envoy.config.filter.http.cors.v2.Cors}"#,
        ),
    ]
}

/// What people get wrong.
fn mistakes() -> Vec<Case> {
    vec![
        Case::new("an_unknown_field").hcm("no_such_field: 1"),
        Case::new("an_unknown_field_deep_inside").cluster("app", "load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {adress: {}}}]}]}"),
        Case::new("a_field_in_the_wrong_message").hcm("append_x_forwarded_host: true"),
        Case::new("a_number_that_is_none").hcm("max_request_headers_kb: many"),
        Case::new("a_number_too_large_for_its_type").hcm("max_request_headers_kb: 99999999999"),
        Case::new("a_negative_number").hcm("max_request_headers_kb: -1"),
        Case::new("yaml_that_is_none").hcm("a: [1, 2"),
        Case::new("an_unknown_extension").filters("- name: x\n  typed_config: {'@type': type.googleapis.com/no.such.Message}"),
        Case::new("an_extension_without_its_type").filters("- name: x\n  typed_config: {a: 1}"),
        Case::new("a_regular_expression_that_is_none").routes("- match: {safe_regex: {regex: '('}}\n  route: {cluster: app}"),
        Case::new("a_log_format_that_is_none").log("%NO_SUCH_OPERATOR%"),
        Case::new("a_log_format_without_an_end").log("%REQ(X"),
        Case::new("a_header_format_that_is_none")
            .virtual_host("request_headers_to_add: [{header: {key: x, value: '%NOPE%'}}]"),
        Case::new("an_address_that_is_none").cluster(
            "app",
            "load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: not-an-ip, port_value: 1}}}}]}]}",
        ),
    ]
}

/// Rules about values.
fn constraints() -> Vec<Case> {
    vec![
        Case::new("a_port_beyond_the_last").cluster(
            "app",
            "load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 65536}}}}]}]}",
        ),
        Case::new("a_prefix_and_a_path").routes("- match: {prefix: /, path: /x}\n  route: {cluster: app}"),
        Case::new("a_match_of_nothing").routes("- match: {}\n  route: {cluster: app}"),
        Case::new("a_route_that_does_nothing").routes("- match: {prefix: /}"),
        Case::new("a_virtual_host_without_domains").virtual_hosts("- {name: v, routes: []}"),
        Case::new("a_virtual_host_without_a_name").virtual_hosts("- {domains: ['*']}"),
        Case::new("a_connection_manager_without_a_prefix").hcm("stat_prefix: ''"),
        Case::new("a_health_check_without_its_four").cluster("app", "health_checks: [{timeout: 1s, interval: 1s, http_health_check: {path: /}}]\nload_assignment: {cluster_name: app}"),
        Case::new("a_connect_timeout_of_nothing").cluster("app", "connect_timeout: 0s\nload_assignment: {cluster_name: app}"),
        Case::new("a_status_out_of_range").routes("- match: {prefix: /}\n  direct_response: {status: 99}"),
        Case::new("a_share_of_more_than_all").cluster("app", "common_lb_config: {healthy_panic_threshold: {value: 101}}\nload_assignment: {cluster_name: app}"),
        Case::new("weights_that_are_all_nothing").routes(
            "- match: {prefix: /}\n  route: {weighted_clusters: {clusters: [{name: app, weight: 0}]}}",
        ),
        Case::new("a_host_that_is_removed").virtual_host("request_headers_to_remove: [host]"),
        Case::new("a_pseudo_header_that_is_removed").virtual_host("request_headers_to_remove: [':path']"),
        Case::new("a_host_that_is_added").virtual_host("request_headers_to_add: [{header: {key: host, value: x}}]"),
        Case::new("a_name_that_no_header_can_have").virtual_host("request_headers_to_add: [{header: {key: 'a b', value: x}}]"),
        Case::new("a_value_that_no_header_can_have").virtual_host("request_headers_to_add: [{header: {key: a, value: \"x\\ny\"}}]"),
        Case::new("a_logical_name_with_two_hosts").cluster(
            "app",
            "
            type: LOGICAL_DNS
            load_assignment:
              cluster_name: app
              endpoints:
              - lb_endpoints:
                - endpoint: {address: {socket_address: {address: localhost, port_value: 1}}}
                - endpoint: {address: {socket_address: {address: localhost, port_value: 2}}}",
        ),
        Case::new("a_body_beyond_the_limit").routes(&format!(
            "- match: {{prefix: /}}\n  direct_response: {{status: 200, body: {{inline_string: '{}'}}}}",
            "x".repeat(5000)
        )),
    ]
}

/// Things that stand in relation to others.
fn references() -> Vec<Case> {
    vec![
        Case::new("a_route_to_nowhere").routes("- match: {prefix: /}\n  route: {cluster: nowhere}"),
        Case::new("a_weighted_route_to_nowhere")
            .routes("- match: {prefix: /}\n  route: {weighted_clusters: {clusters: [{name: nowhere, weight: 1}]}}"),
        Case::new("two_clusters_of_one_name").more_clusters("- {name: twin, type: STATIC}\n- {name: twin, type: STATIC}"),
        Case::new("two_virtual_hosts_of_one_name")
            .virtual_hosts("- {name: v, domains: [a], routes: []}\n- {name: v, domains: [b], routes: []}"),
        Case::new("two_virtual_hosts_of_one_domain")
            .virtual_hosts("- {name: v, domains: [a], routes: []}\n- {name: w, domains: [A], routes: []}"),
        Case::new("two_stars").virtual_hosts("- {name: v, domains: ['*'], routes: []}\n- {name: w, domains: ['*'], routes: []}"),
        Case::new("a_star_in_the_middle").virtual_hosts("- {name: v, domains: ['a.*.b'], routes: []}"),
        Case::new("a_filter_after_the_router").hcm(
            r#"
            http_filters:
            - {name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
            - {name: c, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}"#,
        ),
        Case::new("no_router").hcm(
            r#"
            http_filters:
            - {name: c, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}"#,
        ),
        Case::new("no_filters_at_all").hcm("http_filters: []"),
        Case::new("a_policy_for_a_filter_that_is_not_there").virtual_host(
            r#"
            typed_per_filter_config:
              envoy.filters.http.cors: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy}"#,
        ),
        Case::new("a_route_without_any_cluster")
            .more_clusters("- {name: unused, type: STATIC}")
            .routes("- match: {prefix: /}\n  direct_response: {status: 200}"),
    ]
}

/// Rules about what changes nothing here.
fn unread() -> Vec<Case> {
    vec![
        Case::new("a_negative_time_to_flush").routes("- match: {prefix: /}\n  route: {cluster: app, flush_timeout: -1s}"),
        Case::new("a_negative_window_of_updates")
            .cluster("app", "common_lb_config: {update_merge_window: -1s}\nload_assignment: {cluster_name: app}"),
        Case::new("a_window_of_updates_beyond_what_a_clock_has")
            .cluster("app", "common_lb_config: {update_merge_window: 9223372036s}\nload_assignment: {cluster_name: app}"),
        Case::new("a_window_of_updates_as_long_as_a_clock_has")
            .cluster("app", "common_lb_config: {update_merge_window: 9223372035s}\nload_assignment: {cluster_name: app}"),
        Case::new("a_negative_time_of_a_watchdog").bootstrap("watchdogs: {main_thread_watchdog: {miss_timeout: -1s}}"),
        Case::new("both_forms_of_watchdogs").bootstrap("watchdog: {}\nwatchdogs: {}"),
        Case::new("statistics_that_are_evicted_between_two_flushes").bootstrap("stats_eviction_interval: 7s"),
        Case::new("statistics_that_are_evicted_with_a_flush").bootstrap("stats_eviction_interval: 10s"),
        Case::new("a_limit_of_response_headers_at_the_listener")
            .hcm("common_http_protocol_options: {max_response_headers_kb: 64}"),
        Case::new("eight_health_checks").cluster("app", &format!("health_checks: [{}]\nload_assignment: {{cluster_name: app}}", checks(8))),
        Case::new("nine_health_checks").cluster("app", &format!("health_checks: [{}]\nload_assignment: {{cluster_name: app}}", checks(9))),
        Case::new("a_health_check_by_alpn_without_tls").cluster(
            "app",
            "
            health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /, use_alpn_protocol: true}}]
            load_assignment: {cluster_name: app}",
        ),
        Case::new("options_of_http_3_without_quic").cluster(
            "app",
            r#"
            typed_extension_protocol_options:
              envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                use_downstream_protocol_config: {http3_protocol_options: {}}
            load_assignment: {cluster_name: app}"#,
        ),
        Case::new("a_selector_of_subsets_without_keys").cluster(
            "app",
            "lb_subset_config: {subset_selectors: [{fallback_policy: KEYS_SUBSET}]}\nload_assignment: {cluster_name: app}",
        ),
        Case::new("a_certificate_of_nothing_towards_back_ends").cluster(
            "app",
            r#"
            transport_socket:
              name: tls
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
                max_session_keys: 2147483647
                common_tls_context: {tls_certificates: [{}]}
            load_assignment: {cluster_name: app}"#,
        ),
        Case::new("an_address_of_ipv4_that_takes_ipv4_too")
            .listener("address: {socket_address: {address: 127.0.0.1, port_value: {{listen}}, ipv4_compat: true}}"),
        Case::new("an_abstract_socket_with_a_mode").listener("address: {pipe: {path: '@causeway-{{listen}}', mode: 420}}"),
    ]
}

/// So many health checks.
fn checks(count: usize) -> String {
    let check = |at| {
        format!(
            "{{name: c{at}, timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {{}}}}"
        )
    };
    (0..count).map(check).collect::<Vec<_>>().join(", ")
}

/// Extensions that do not say what they are, and things that lack what they are for.
fn untyped() -> Vec<Case> {
    vec![
        Case::new("a_resource_monitor_of_nothing").bootstrap("overload_manager: {resource_monitors: [{name: nope}]}"),
        Case::new("a_match_of_sockets_without_one")
            .cluster("app", "transport_socket_matches: [{name: x, match: {}}]\nload_assignment: {cluster_name: app}"),
        Case::new("protocol_options_of_nothing")
            .cluster("app", "typed_extension_protocol_options: {k: {}}\nload_assignment: {cluster_name: app}"),
        Case::new("http_options_of_nothing").cluster(
            "app",
            "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {}}\nload_assignment: {cluster_name: app}",
        ),
        Case::new("a_request_id_extension_of_nothing").hcm("request_id_extension: {typed_config: {}}"),
        Case::new("a_request_id_extension_that_is_not_set").hcm("request_id_extension: {}"),
        Case::new("a_policy_of_early_data_that_is_none").routes(
            r#"
            - match: {prefix: /}
              route:
                cluster: app
                early_data_policy: {name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}"#,
        ),
        Case::new("a_policy_of_early_data").routes(
            r#"
            - match: {prefix: /}
              route:
                cluster: app
                early_data_policy: {name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.early_data.v3.DefaultEarlyDataPolicy}}"#,
        ),
        Case::new("a_resolver_that_is_not_named")
            .bootstrap("typed_dns_resolver_config: {name: x, typed_config: {}}"),
        Case::new("a_tlv_without_its_value").cluster(
            "app",
            r#"
            transport_socket:
              name: pp
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
                config: {added_tlvs: [{type: 1}]}
                transport_socket: {name: raw, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}
            load_assignment: {cluster_name: app}"#,
        ),
    ]
}
