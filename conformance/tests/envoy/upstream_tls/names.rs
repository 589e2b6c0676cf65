//! Names that are asked for, and that certificates have to bear.

use causeway_conformance::{Case, Request, Run};
use serde_json::{Value, json};

use super::{asked, case, good, tls, trusting};

/// Names that the back-end was asked for.
fn names(case: Case) -> Case {
    case.step(async |run: &mut Run| {
        let names = run.backend("app").handshakes().into_iter().map(|seen| match seen {
            Ok(handshake) => json!(handshake.server_name),
            Err(_) => json!("refused"),
        });
        let names: Vec<Value> = names.collect();
        run.note("names", json!(names));
    })
}

const AUTO: &str = "
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        upstream_http_protocol_options: OPTIONS
        explicit_http_config: {http_protocol_options: {}}";

fn auto(options: &str) -> String {
    AUTO.replace("OPTIONS", options)
}

pub(crate) fn cases() -> Vec<Case> {
    let by_name = format!("sni: lab.test, auto_sni_san_validation: true, {}", trusting(""));
    let by_other = format!("sni: other.test, auto_sni_san_validation: true, {}", trusting(""));
    let from = |host: &str| Request::get("/").host(host);
    vec![
        names(asked("no_name_is_asked_for_where_none_is_set", good, &trusting(""))),
        names(asked("the_name_that_is_set_is_asked_for", good, &format!("sni: some.test, {}", trusting("")))),
        names(asked("the_certificate_bears_the_name_that_was_asked_for", good, &by_name)),
        names(asked("the_certificate_does_not_bear_the_name_that_was_asked_for", good, &by_other)),
        names(
            case("the_host_of_the_request_is_asked_for", good, &trusting(""))
                .cluster("app", &auto("{auto_sni: true, auto_san_validation: true}"))
                .send(from("lab.test"))
                .send(from("x.lab.test:8080"))
                .send(from("lab.test"))
                .send(from("bad.test"))
                .send(from("127.0.0.1"))
                .stats(&["cluster.app.upstream_cx_total", "cluster.app.ssl.fail_verify_san"]),
        ),
        case("an_address_is_no_name", good, "sni: 127.0.0.1")
            .log("log_format: {text_format_source: {inline_string: \"%UPSTREAM_SERVER_NAME% %RESPONSE_CODE%\\n\"}}")
            .get("/")
            .differs("D-168", &["log", "0"], "- 200"),
        names(
            case("a_field_has_the_name", good, &trusting(""))
                .cluster("app", &auto("{auto_sni: true, override_auto_sni_header: x-name}"))
                .send(from("lab.test").header("x-name", "one.test"))
                .send(from("lab.test").header("x-name", ""))
                .send(from("lab.test"))
                .stats(&["cluster.app.upstream_cx_total"]),
        ),
        names(
            case("the_host_is_asked_for_that_came_and_not_that_of_the_chosen_one", good, &trusting(""))
                .more_clusters(&format!(
                    "
                    - name: named
                      load_assignment: {{cluster_name: x, endpoints: [{{lb_endpoints: [{{endpoint: {{hostname: other.test, address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{app}}}}}}}}}}}}]}}]}}
                      typed_extension_protocol_options: {{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, upstream_http_protocol_options: {{auto_sni: true, auto_san_validation: true}}, explicit_http_config: {{http_protocol_options: {{}}}}}}}}
                      {}",
                    tls(&trusting(""))
                ))
                .routes("- {match: {prefix: /}, route: {cluster: named, auto_host_rewrite: true}}")
                .send(from("lab.test"))
                .send(from("x.lab.test"))
                .send(from("bad.test"))
                .stats(&["cluster.named.upstream_cx_total", "cluster.named.ssl.fail_verify_san"]),
        ),
        names(
            case("names_that_differ_in_capitals_share_a_connection", good, &trusting(""))
                .cluster("app", &auto("{auto_sni: true, auto_san_validation: true}"))
                .send(from("lab.test"))
                .send(from("LAB.test"))
                .stats(&["cluster.app.upstream_cx_total"]),
        ),
        names(
            case("the_host_is_asked_for_as_the_back_end_gets_it", good, &trusting(""))
                .cluster("app", &auto("{auto_sni: true}"))
                .routes("- {match: {prefix: /}, route: {cluster: app, host_rewrite_literal: rewritten.test}}")
                .send(from("lab.test")),
        ),
    ]
}
