//! `causeway doctor` about the host: ports that are taken, addresses of others, certificates, routes, firewalls.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use causeway_testkit::{Identity, Netns, Scratch, Wish};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

/// A file with a listener, with the filter chain's TLS, and a cluster.
fn config(listener: &str, tls: &str, endpoint: &str) -> String {
    let address = |text: &str| {
        let (ip, port) = text.rsplit_once(':').unwrap();
        format!("{{socket_address: {{address: {ip}, port_value: {port}}}}}")
    };
    format!(
        "static_resources:\n  listeners:\n  - name: web\n    address: {listener}\n    filter_chains:\n    - filters:\n      - name: \
         tcp\n        typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: x, cluster: \
         app}}\n{tls}  clusters:\n  - name: app\n    connect_timeout: 1s\n    load_assignment: {{cluster_name: app, endpoints: \
         [{{lb_endpoints: [{{endpoint: {{address: {endpoint}}}}}]}}]}}\n",
        listener = address(listener),
        endpoint = address(endpoint)
    )
}

fn tls(chain: &Path, key: &Path) -> String {
    format!(
        "      transport_socket:\n        name: tls\n        typed_config:\n          \"@type\": \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n          \
         common_tls_context: {{tls_certificates: [{{certificate_chain: {{filename: {}}}, private_key: {{filename: \
         {}}}}}]}}\n",
        chain.display(),
        key.display()
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Codes and titles of what is found.
fn codes(json: &str) -> Vec<String> {
    let report: serde_json::Value =
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| format!("{} {}", finding["code"].as_str().unwrap(), finding["title"]))
        .collect()
}

/// What the doctor finds in these areas.
fn examine(text: &str, only: &str) -> Vec<String> {
    let scratch = Scratch::new();
    let file = scratch.path().join("envoy.yaml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(CAUSEWAY)
        .args(["doctor", "-o", "json", "--only", only, "-c"])
        .arg(&file)
        .output()
        .unwrap();
    codes(&String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_port_that_somebody_else_has_is_found_with_its_holder() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let found = examine(&config(&taken, "", "127.0.0.1:1"), "listeners");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("K916") && found[0].contains(&std::process::id().to_string()), "{found:?}");
    drop(holder);
    assert_eq!(examine(&config(&taken, "", "127.0.0.1:1"), "listeners"), [""; 0]);
}

#[test]
fn an_address_of_another_host_is_found() {
    let found = examine(&config("203.0.113.7:8080", "", "127.0.0.1:1"), "listeners");
    assert!(found.len() == 1 && found[0].starts_with("K916"), "{found:?}");
}

#[test]
fn certificates_that_clients_refuse_are_found() {
    let scratch = Scratch::new();
    let write = |name: &str, identity: &Identity| {
        let (chain, key) =
            (scratch.path().join(format!("{name}.pem")), scratch.path().join(format!("{name}.key")));
        std::fs::write(&chain, &identity.certificate).unwrap();
        std::fs::write(&key, &identity.key).unwrap();
        (chain, key)
    };
    let (good, good_key) = write("good", &Identity::self_signed(&Wish::server("www.test")));
    let (old, old_key) = write("old", &Identity::self_signed(&Wish::server("www.test").valid(2020, 2021)));
    let listener = format!("127.0.0.1:{}", free_port());
    let found = |chain: &Path, key: &Path| {
        let found = examine(&config(&listener, &tls(chain, key), "127.0.0.1:1"), "config,listeners");
        found.iter().map(|found| found[..4].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&good, &good_key), [""; 0]);
    assert_eq!(found(&old, &old_key), ["K919"], "its time is over");
    assert_eq!(found(&good, &old_key), ["K919"], "the key is another's");
    assert_eq!(found(&scratch.path().join("none"), &good_key), ["K919"], "it is not there");
}

#[test]
fn routes_and_rules_of_this_host_are_found() {
    if let Err(why) = Netns::available() {
        println!("SKIPPED: {why}");
        return;
    }
    let netns = Netns::new();
    netns.command(&["ip", "route", "add", "blackhole", "198.51.100.0/24"]).unwrap();
    netns.command(&["ip", "route", "add", "unreachable", "198.51.101.0/24"]).unwrap();
    netns.command(&["ip", "route", "add", "prohibit", "198.51.102.0/24"]).unwrap();
    netns.iptables("-A OUTPUT -p tcp --dport 8081 -j DROP");
    netns.iptables("-A INPUT -p tcp --dport 8443 -j REJECT");
    let scratch = Scratch::new();
    let file = scratch.path().join("envoy.yaml");
    let found = |listener: &str, endpoint: &str| {
        std::fs::write(&file, config(listener, "", endpoint)).unwrap();
        let path = file.display().to_string();
        // It ends with 1 where it finds something, which the helper takes for a failure.
        let line = format!("{CAUSEWAY} doctor -o json --only host -c {path}; true");
        let found = codes(&netns.command(&["sh", "-c", &line]).unwrap());
        found.iter().map(|found| found[..4].to_owned()).collect::<Vec<_>>()
    };
    let there = format!("{}:8080", netns.host_address());
    assert_eq!(found("0.0.0.0:8080", &there), [""; 0]);
    assert_eq!(found("0.0.0.0:8080", "198.51.100.1:80"), ["T206"]);
    assert_eq!(found("0.0.0.0:8080", "198.51.101.1:80"), ["T206"]);
    assert_eq!(found("0.0.0.0:8080", "198.51.102.1:80"), ["T220"]);
    assert_eq!(found("0.0.0.0:8080", &there.replace("8080", "8081")), ["T204"]);
    assert_eq!(found("0.0.0.0:8443", &there), ["T203"]);
}
