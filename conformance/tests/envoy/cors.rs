//! Requests of other origins.

use causeway_conformance::{Case, Reply, Request};

const FILTER: &str = r#"
    - name: envoy.filters.http.cors
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}"#;

fn policy(fields: &str) -> String {
    format!(
        r#"
        typed_per_filter_config:
          envoy.filters.http.cors:
            "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
            {fields}"#
    )
}

fn preflight(origin: &str) -> Request {
    Request::new("OPTIONS", "/x")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "x-a")
}

fn simple(origin: &str) -> Request {
    Request::get("/x").header("Origin", origin)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_full_policy")
            .filters(FILTER)
            .virtual_host(&policy(
                "allow_origin_string_match: [{exact: 'https://a.test'}, {suffix: .b.test}]
            allow_methods: GET, PUT
            allow_headers: x-a, x-b
            expose_headers: x-seen
            max_age: '600'
            allow_credentials: true",
            ))
            .send(preflight("https://a.test"))
            .send(preflight("https://x.b.test"))
            .send(preflight("https://evil.test"))
            .send(simple("https://a.test"))
            .send(simple("https://evil.test"))
            .get("/x")
            .asked("app")
            .stats(&["http.ingress.cors.origin_valid", "http.ingress.cors.origin_invalid"]),
        Case::new("a_policy_says_what_a_more_specific_one_leaves_out")
            .filters(FILTER)
            .route_config(&policy(
                "allow_origin_string_match: [{exact: 'https://table.test'}]
            allow_methods: TABLE
            max_age: '7'
            allow_headers: x-table
            forward_not_matching_preflights: false",
            ))
            .virtual_host(&policy("expose_headers: x-host\n            max_age: '8'\n            allow_credentials: true"))
            .routes(
                r#"
                - match: {prefix: /x}
                  route: {cluster: app}
                  typed_per_filter_config:
                    envoy.filters.http.cors:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                      allow_methods: ROUTE"#,
            )
            .send(preflight("https://table.test"))
            .send(preflight("https://evil.test"))
            .send(simple("https://table.test"))
            .send(simple("https://evil.test"))
            .asked("app"),
        Case::new("deprecated_policies_hold_where_there_is_none_of_today_s_form")
            .filters(&FILTER.replace("name: envoy.filters.http.cors", "name: any-name"))
            .virtual_host("cors: {allow_origin_string_match: [{exact: 'https://a.test'}], expose_headers: x-host, max_age: '9'}")
            .routes(
                r#"
                - match: {prefix: /x}
                  route: {cluster: app, cors: {allow_methods: ROUTE}}
                - match: {prefix: /y}
                  route: {cluster: app, cors: {allow_methods: ROUTE}}
                  typed_per_filter_config:
                    any-name:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                      allow_origin_string_match: [{exact: 'https://a.test'}]"#,
            )
            .send(preflight("https://a.test"))
            .send(simple("https://a.test"))
            .send(Request::get("/y").header("Origin", "https://a.test"))
            .send(Request::new("OPTIONS", "/y").header("Origin", "https://a.test").header("Access-Control-Request-Method", "PUT")),
        Case::new("what_no_back_end_is_asked_about_has_no_policy")
            .filters(FILTER)
            .virtual_host(&policy("allow_origin_string_match: [{exact: 'https://a.test'}]"))
            .routes("- match: {path: /x}\n  direct_response: {status: 200}\n- match: {path: /r}\n  redirect: {path_redirect: /n}")
            .send(preflight("https://a.test"))
            .send(simple("https://a.test"))
            .send(Request::get("/r").header("Origin", "https://a.test"))
            .stats(&["http.ingress.cors.origin_valid", "http.ingress.cors.origin_invalid"]),
        Case::new("any_origin")
            .filters(FILTER)
            .virtual_host(&policy(
                "allow_origin_string_match: [{safe_regex: {regex: '.*'}}]
            allow_methods: GET",
            ))
            .send(preflight("https://a.test"))
            .send(simple("null")),
        Case::new("a_star")
            .filters(FILTER)
            .virtual_host(&policy("allow_origin_string_match: [{exact: '*'}]"))
            .send(preflight("https://a.test"))
            .send(simple("https://a.test")),
        Case::new("an_empty_policy_and_none")
            .filters(FILTER)
            .routes(&format!(
                "- match: {{prefix: /none}}\n  route: {{cluster: app}}\n- match: {{prefix: /}}\n  route: {{cluster: app}}\n  {}",
                causeway_conformance::yaml(&policy("allow_methods: GET")).replace('\n', "\n  ")
            ))
            .send(preflight("https://a.test"))
            .send(Request::new("OPTIONS", "/none").header("Origin", "https://a.test").header("Access-Control-Request-Method", "GET")),
        Case::new("what_looks_like_a_preflight_and_is_none")
            .filters(FILTER)
            .virtual_host(&policy("allow_origin_string_match: [{prefix: 'https://'}]"))
            .send(Request::new("OPTIONS", "/x").header("Origin", "https://a.test"))
            .send(Request::new("OPTIONS", "/x").header("Access-Control-Request-Method", "PUT"))
            .send(Request::get("/x").header("Origin", "https://a.test").header("Access-Control-Request-Method", "PUT")),
        Case::new("a_route_goes_before_its_virtual_host")
            .filters(FILTER)
            .virtual_host(&policy("allow_origin_string_match: [{exact: 'https://vhost.test'}]"))
            .routes(&format!(
                "- match: {{prefix: /}}\n  route: {{cluster: app}}\n  {}",
                causeway_conformance::yaml(&policy("allow_origin_string_match: [{exact: 'https://route.test'}]"))
                    .replace('\n', "\n  ")
            ))
            .send(simple("https://route.test"))
            .send(simple("https://vhost.test")),
        Case::new("headers_of_the_upstream_are_replaced")
            .filters(FILTER)
            .backend(
                "app",
                Reply::ok("x")
                    .header("access-control-allow-origin", "https://own.test")
                    .header("access-control-allow-methods", "TRACE"),
            )
            .virtual_host(&policy(
                "allow_origin_string_match: [{exact: 'https://a.test'}]
            allow_methods: GET",
            ))
            .send(simple("https://a.test"))
            .send(simple("https://evil.test")),
        Case::new("the_deprecated_policy_of_a_virtual_host")
            .filters(FILTER)
            .virtual_host(
                "
                cors:
                  allow_origin_string_match: [{prefix: 'https://a'}]
                  allow_methods: GET, POST
                  allow_headers: keep-alive,user-agent
                  max_age: '1728000'
                  expose_headers: custom-header-1
                  filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}",
            )
            .send(preflight("https://a.test"))
            .send(preflight("https://b.test"))
            .send(simple("https://a.test")),
        Case::new("a_policy_that_is_switched_off")
            .filters(FILTER)
            .virtual_host(&policy(
                "allow_origin_string_match: [{exact: 'https://a.test'}]
            filter_enabled: {default_value: {numerator: 0}}",
            ))
            .send(preflight("https://a.test"))
            .send(simple("https://a.test")),
        Case::new("a_policy_that_only_watches")
            .filters(FILTER)
            .virtual_host(&policy(
                "allow_origin_string_match: [{exact: 'https://a.test'}]
            filter_enabled: {default_value: {numerator: 0}}
            shadow_enabled: {default_value: {numerator: 100}}",
            ))
            .send(simple("https://a.test"))
            .send(simple("https://b.test"))
            .stats(&["http.ingress.cors.origin_valid", "http.ingress.cors.origin_invalid"]),
        Case::new("a_policy_without_the_filter")
            .virtual_host(
                "
                cors: {allow_origin_string_match: [{exact: 'https://a.test'}]}",
            )
            .send(preflight("https://a.test"))
            .send(simple("https://a.test")),
    ]
}
