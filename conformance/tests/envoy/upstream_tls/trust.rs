//! Whose certificates are taken.

use causeway_conformance::{Case, Pki, Request, Run, exchange};
use serde_json::json;

use super::{asked, case, files, good, odd, tls, trusting, with};

pub(crate) fn cases() -> Vec<Case> {
    let own = "common_tls_context: {validation_context: {trusted_ca: {filename: '{{dir}}/own.pem'}}}";
    let itself = "common_tls_context: {validation_context: {trusted_ca: {filename: '{{dir}}/server.pem'}}}";
    let pinned = |hash: &str| {
        format!("common_tls_context: {{validation_context: {{verify_certificate_hash: [\"{hash}\"]}}}}")
    };
    let san = |kind: &str, matcher: &str| {
        trusting(&format!(", match_typed_subject_alt_names: [{{san_type: {kind}, matcher: {{{matcher}}}}}]"))
    };
    let hash = Pki::get().identity("server").sha256();
    let other = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    vec![
        asked("a_certificate_of_a_trusted_root_is_taken", good, &trusting("")),
        asked("without_a_validation_context_any_is_taken", || with(&odd().rogue), "sni: lab.test"),
        asked("one_of_an_unknown_root_is_refused", || with(&odd().rogue), &trusting("")),
        asked("one_that_signed_itself_is_refused", || with(&odd().own), &trusting("")),
        asked("one_that_signed_itself_is_taken_where_it_is_named", || with(&odd().own), own),
        asked("one_that_is_named_itself_is_taken", good, itself),
        asked("one_below_an_intermediate_one_is_taken", || with(&odd().below), &trusting("")),
        asked("one_out_of_date_is_refused", || with(&odd().expired), &trusting("")),
        asked("one_out_of_date_may_be_allowed", || with(&odd().expired), &trusting(", allow_expired_certificate: true")),
        asked("one_that_is_not_valid_yet_is_refused", || with(&odd().ahead), &trusting("")),
        asked("one_for_clients_is_refused", || with(&odd().for_clients), &trusting("")),
        asked(
            "one_that_is_not_trusted_may_be_accepted",
            || with(&odd().rogue),
            &trusting(", trust_chain_verification: ACCEPT_UNTRUSTED"),
        ),
        asked("a_name_that_fits", good, &san("DNS", "exact: lab.test")),
        asked("a_wildcard_that_fits", good, &san("DNS", "exact: x.LAB.test")),
        asked("a_wildcard_stands_for_one_label", good, &san("DNS", "exact: y.x.lab.test")),
        asked("a_suffix_of_a_name", good, &san("DNS", "suffix: .lab.test")),
        asked("an_address_that_fits", good, &san("IP_ADDRESS", "exact: 127.0.0.1")),
        asked("a_name_of_another_kind_does_not_fit", good, &san("URI", "exact: lab.test")),
        asked("a_hash_that_is_pinned", good, &pinned(&hash)),
        asked("a_hash_that_is_not_pinned", good, &pinned(other)),
        case("names_of_old_are_of_any_kind", good, &trusting(", match_subject_alt_names: [{exact: 127.0.0.1}]"))
            .get("/"),
        case("the_roots_of_the_system_are_all_that_is_trusted", good, "common_tls_context: {validation_context: {system_root_certs: {}}}")
            .log("%RESPONSE_FLAGS%")
            .step(async |run: &mut Run| status(run).await)
            .differs("D-94", &["status"], 503)
            .differs("D-94", &["log", "0"], "UF"),
        case("the_way_to_the_root_may_be_limited", || with(&odd().below), &trusting(", max_verify_depth: 1"))
            .log("%RESPONSE_FLAGS%")
            .step(async |run: &mut Run| status(run).await)
            .differs("D-95", &["status"], 503)
            .differs("D-95", &["log", "0"], "UF"),
        case("some_endpoints_speak_tls_and_others_do_not", good, &trusting(""))
            .echoes(&["plain"])
            .pool("app", &["app"])
            .cluster("plain", &format!(
                "transport_socket_matches:\n- name: secure\n  match: {{mode: secure}}\n  {}", tls(&trusting(""))
            ))
            .routes("- {match: {path: /plain}, route: {cluster: plain}}\n- {match: {prefix: /}, route: {cluster: app}}")
            .get("/plain")
            .get("/tls")
            .stats(&["cluster.plain.default.total_match_count", "cluster.plain.ssl.handshake"]),
        files(Case::new("a_health_check_may_speak_tls_where_requests_do_not"))
            .echoes(&["app", "health"])
            .secure("health", good)
            .cluster("app", &format!(
                "
                transport_socket_matches:
                - name: secure
                  match: {{mode: secure}}
                  {}
                health_checks:
                - timeout: 1s
                  interval: 60s
                  unhealthy_threshold: 1
                  healthy_threshold: 1
                  transport_socket_match_criteria: {{mode: secure}}
                  http_health_check: {{path: /h}}
                load_assignment:
                  cluster_name: app
                  endpoints:
                  - lb_endpoints:
                    - endpoint:
                        address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{app}}}}}}}}
                        health_check_config: {{port_value: {{{{health}}}}}}",
                tls(&trusting(""))
            ))
            .wait_for("/clusters", "app::127.0.0.1:{{app}}::health_flags::healthy")
            .get("/x")
            .asked("health")
            .asked("app"),
    ]
}

/// The status of one request.
async fn status(run: &mut Run) {
    let answer = exchange(run.listener(), &Request::get("/")).await;
    run.note("status", json!(answer.map(|answer| answer.status).ok()));
}
