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
