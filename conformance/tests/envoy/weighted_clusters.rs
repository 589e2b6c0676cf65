//! Several clusters behind one route.

use causeway_conformance::{Case, Request};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the_number_can_stand_in_a_header")
            .named(&["a", "b"])
            .routes(
                "
                - match: {prefix: /}
                  route:
                    weighted_clusters:
                      header_name: x-number
                      clusters:
                      - {name: a, weight: 10}
                      - {name: b, weight: 20}",
            )
            .send(Request::get("/").header("x-number", "0"))
            .send(Request::get("/").header("x-number", "9"))
            .send(Request::get("/").header("x-number", "10"))
            .send(Request::get("/").header("x-number", "29"))
            .send(Request::get("/").header("x-number", "30"))
            .send(Request::get("/").header("x-number", "+15"))
            .send(Request::get("/").header("x-number", "015"))
            .send(Request::get("/").header("x-number", "18446744073709551615")),
        Case::new("a_weighted_cluster_can_be_named_by_a_header")
            .named(&["a", "b"])
            .routes(
                "
                - match: {prefix: /}
                  route:
                    weighted_clusters:
                      header_name: x-number
                      clusters:
                      - {name: a, weight: 1}
                      - cluster_header: x-cluster
                        weight: 1
                        response_headers_to_add: [{header: {key: x-by, value: header}}]",
            )
            .send(Request::get("/").header("x-number", "0").header("x-cluster", "b"))
            .send(Request::get("/").header("x-number", "1").header("x-cluster", "b"))
            .send(Request::get("/").header("x-number", "1").header("x-cluster", "b").header("x-cluster", "a"))
            .send(Request::get("/").header("x-number", "1").header("x-cluster", "nobody"))
            .send(Request::get("/").header("x-number", "1"))
            .stats(&["http.ingress.no_cluster"]),
        Case::new("the_cluster_is_chosen_before_filters_change_headers")
            .named(&["a", "b"])
            .filters(
                r#"
                - name: mutate
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                    mutations:
                      request_mutations:
                      - append: {header: {key: x-cluster, value: b}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}"#,
            )
            .routes("- match: {prefix: /}\n  route: {cluster_header: x-cluster}")
            .send(Request::get("/").header("x-cluster", "a"))
            .get("/"),
        Case::new("runtime_keys_override_weights")
            .named(&["a", "b"])
            .bootstrap("layered_runtime: {layers: [{name: s, static_layer: {my.key.a: 0, my.key.b: 5}}]}")
            .routes(
                "
                - match: {prefix: /}
                  route:
                    weighted_clusters:
                      runtime_key_prefix: my.key
                      clusters: [{name: a, weight: 10}, {name: b, weight: 0}]",
            )
            .tally(10, Request::get("/")),
        Case::new("a_weighted_cluster_changes_headers_first_and_the_host_before_the_route")
            .route_config("request_headers_to_add: [{header: {key: x-order, value: table}}]")
            .virtual_host("response_headers_to_add: [{header: {key: x-order, value: host}}]")
            .routes(
                "
                - match: {prefix: /}
                  request_headers_to_add: [{header: {key: x-order, value: route}}]
                  response_headers_to_add: [{header: {key: x-order, value: route}}]
                  route:
                    host_rewrite_literal: by-route.test
                    append_x_forwarded_host: true
                    prefix_rewrite: /p
                    weighted_clusters:
                      clusters:
                      - name: app
                        weight: 1
                        host_rewrite_literal: by-cluster.test
                        request_headers_to_add: [{header: {key: x-order, value: cluster}}]
                        response_headers_to_add: [{header: {key: x-order, value: cluster}}]",
            )
            .send_in_order(Request::get("/a").host("own.test")),
        Case::new("a_weighted_cluster_stays_the_first_where_the_most_specific_wins")
            .route_config("most_specific_header_mutations_wins: true\nrequest_headers_to_add: [{header: {key: x-order, value: table}}]")
            .routes(
                "
                - match: {prefix: /}
                  request_headers_to_add: [{header: {key: x-order, value: route}}]
                  route:
                    weighted_clusters:
                      clusters:
                      - name: app
                        weight: 1
                        request_headers_to_add: [{header: {key: x-order, value: cluster}}]",
            )
            .get("/"),
        Case::new("filters_are_told_by_the_cluster_that_was_chosen")
            .echoes(&["a", "b", "c"])
            .filters(
                r#"
                - name: mutate
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                    mutations:
                      request_mutations: [{append: {header: {key: x-by, value: filter}}}]
                      response_mutations: [{append: {header: {key: x-by, value: filter}}}]"#,
            )
            .routes(
                r#"
                - match: {prefix: /}
                  typed_per_filter_config:
                    mutate:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
                      mutations: {request_mutations: [{append: {header: {key: x-by, value: route}}}]}
                  route:
                    weighted_clusters:
                      header_name: x-number
                      clusters:
                      - name: a
                        weight: 1
                        typed_per_filter_config:
                          mutate:
                            "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
                            mutations:
                              request_mutations: [{append: {header: {key: x-by, value: cluster}}}]
                              response_mutations: [{append: {header: {key: x-by, value: cluster}}}]
                      - name: b
                        weight: 1
                        typed_per_filter_config:
                          mutate: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}
                      - {name: c, weight: 1}"#,
            )
            .send(Request::get("/").header("x-number", "0"))
            .send(Request::get("/").header("x-number", "1"))
            .send(Request::get("/").header("x-number", "2")),
    ]
}
