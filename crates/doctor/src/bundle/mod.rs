//! A bundle to send to somebody else: everything that is known, and nothing that is secret.
//!
//! One JSON document: versions, the report with its evidence, the configuration as `/config_dump` has it, what the admin
//! server says of hosts and of the last failures. What the schema marks sensitive is replaced by the same code as
//! `/config_dump`; the rest of what may be secret is replaced by `scrub`, and addresses and names of hosts are tokens
//! ([`Redactor`]) that are the same in all parts.

mod scrub;

use causeway_envoy::{LoadOptions, Source, load};
use causeway_reason::Language;
use serde_json::{Value, json};

use crate::redact::Redactor;
use crate::report::Report;

/// Name of the form, in each bundle.
const NAME: &str = "causeway-bundle/1";

/// What an admin server said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admin {
    /// `/hosts?format=json`, or Envoy's `/clusters?format=json`.
    pub hosts: Option<String>,
    /// `/why?format=json`.
    pub failures: Option<String>,
    /// `/server_info`.
    pub server: Option<String>,
}

/// Puts a bundle together.
#[must_use]
pub fn bundle(source: &Source, report: &Report, admin: &Admin, version: &str, language: Language) -> Value {
    // Files that the configuration names are not looked into.
    let options = LoadOptions { allow_unsupported: true, allow_unknown: true, ..LoadOptions::default() };
    let loaded = load(source, &options);
    let dump = loaded.dump.bootstrap();
    let mut redactor = Redactor::of(&dump);
    let report = redactor.report(report);
    let configuration = scrub::configuration(dump, &mut redactor);
    let diagnostics: Vec<_> = loaded
        .diagnostics
        .iter()
        // Messages quote what is written.
        .map(|found| json!({"code": found.code, "line": found.place.as_ref().map(|place| place.line)}))
        .collect();
    let mut part = |text: &Option<String>| {
        let value = text.as_ref().and_then(|text| serde_json::from_str(text).ok())?;
        Some(scrub::answer(value, &mut redactor))
    };
    let (hosts, failures) = (part(&admin.hosts), part(&admin.failures));
    // Its command line may hold anything.
    let server = admin.server.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let server = server.map(|server| {
        let get = |name: &str| server.get(name).cloned();
        json!({"version": get("version"), "state": get("state"), "uptime": get("uptime_current_epoch")})
    });
    json!({
        "schema": NAME,
        "version": version,
        "report": report.to_json(language),
        "configuration": configuration,
        "diagnostics": diagnostics,
        "server": server,
        "hosts": hosts,
        "failures": failures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something secret in every place where somebody may have written it.
    const FILE: &str = r#"
admin: {address: {socket_address: {address: 10.1.1.1, port_value: 9901}}}
node: {id: n, metadata: {password: SECRET01}}
layered_runtime: {layers: [{name: s, static_layer: {api.token: SECRET02}}]}
static_resources:
  secrets:
  - name: cert
    tls_certificate:
      certificate_chain: {inline_string: SECRET03}
      private_key: {inline_string: SECRET04}
      password: {inline_string: SECRET05}
  - name: tickets
    session_ticket_keys: {keys: [{inline_string: SECRET06SECRET06SECRET06SECRET06SECRET06SECRET06SECRET06SECRET06SECRET06SECRET06}]}
  - name: generic
    generic_secret: {secret: {inline_string: SECRET07}}
  listeners:
  - name: web
    address: {socket_address: {address: 10.1.1.1, port_value: 80}}
    metadata: {filter_metadata: {a: {b: SECRET08}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          http_filters:
          - name: envoy.filters.http.lua
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              inline_code: 'token = "SECRET09"'
          - name: envoy.filters.http.basic_auth
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.basic_auth.v3.BasicAuth
              users: {inline_string: "user:SECRET10"}
          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
              mutations: {request_mutations: [{append: {header: {key: authorization, value: "Bearer SECRET11"}}}]}
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: [shop.example.com]
              request_headers_to_add: [{header: {key: x-api-key, value: SECRET12}}]
              response_headers_to_add: [{header: {key: set-cookie, raw_value: U0VDUkVUMTM=}}]
              routes:
              - match:
                  prefix: /a
                  headers: [{name: cookie, string_match: {contains: SECRET14}}]
                  query_parameters: [{name: token, string_match: {exact: SECRET15}}]
                redirect: {path_redirect: "/login?token=SECRET16"}
              - match: {prefix: /b}
                direct_response: {status: 200, body: {inline_string: SECRET17}}
              - match: {prefix: /c}
                route:
                  cluster: app
                  hash_policy: [{cookie: {name: c, attributes: [{name: x, value: SECRET18}]}}]
  clusters:
  - name: app
    connect_timeout: 1s
    type: STRICT_DNS
    metadata: {filter_metadata: {a: {list: [SECRET19]}}}
    load_assignment:
      cluster_name: app
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: billing, port_value: 80}}}}]}]
    health_checks:
    - timeout: 1s
      interval: 1s
      unhealthy_threshold: 1
      healthy_threshold: 1
      http_health_check: {path: "/health?key=SECRET20", request_headers_to_add: [{header: {key: x, value: SECRET21}}]}
    - timeout: 1s
      interval: 1s
      unhealthy_threshold: 1
      healthy_threshold: 1
      tcp_health_check: {send: {text: "5345435245543232"}, receive: [{text: "53454352"}]}
"#;

    #[test]
    fn nothing_secret_is_in_a_bundle_wherever_it_was_written() {
        let source = Source::new("envoy.yaml", FILE);
        let admin = Admin {
            failures: Some(
                r#"{"failures": [{"path": "/x?token=SECRET23", "client": "10.9.9.9:1", "authority": "shop.example.com",
                    "upstream_head": "HTTP/1.1 200 OK\r\nset-cookie: SECRET24"}]}"#
                    .to_owned(),
            ),
            hosts: Some(r#"{"clusters": [{"name": "app", "hosts": [{"address": "10.2.2.2:80"}]}]}"#.to_owned()),
            server: Some(r#"{"version": "v", "command_line_options": {"config_yaml": "SECRET25"}}"#.to_owned()),
        };
        let bundle = bundle(&source, &Report::default(), &admin, "v", Language::English);
        let text = bundle.to_string();
        assert!(!text.contains("SECRET"), "{bundle:#}");
        for secret in ["U0VDUkVU", "53454352", "10.1.1.1", "10.2.2.2", "10.9.9.9", "example.com", "billing"] {
            assert!(!text.contains(secret), "{secret}: {bundle:#}");
        }
        // What is left is worth sending.
        let clusters = &bundle["configuration"]["static_resources"]["clusters"];
        assert_eq!(clusters[0]["name"], "app");
        assert_eq!(clusters[0]["connect_timeout"], "1s");
        assert_eq!(bundle["failures"]["failures"][0]["authority"], "host-1", "{bundle:#}");
        assert_eq!(bundle["hosts"]["clusters"][0]["name"], "app");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_not_quoted() {
        let source = Source::new(
            "envoy.yaml",
            "static_resources: {clusters: [{name: SECRET, conect_timeout: SECRET}]}\nx: SECRET\n",
        );
        let text = bundle(&source, &Report::default(), &Admin::default(), "v", Language::English).to_string();
        let quoted = text.matches("SECRET").count();
        assert!(quoted <= 1, "the name of the cluster is no secret: {text}");
    }
}
