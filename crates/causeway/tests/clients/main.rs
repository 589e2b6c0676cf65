//! Clients that others have written, against the program: curl, h2load, h2spec, the library `websockets` of Python,
//! Chromium, and HAProxy and nginx that stand in front and say by PROXY headers who their clients are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod browser;
mod fronts;
mod h2spec;
mod http;
#[path = "../site/mod.rs"]
mod site;
mod websockets;

use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_testkit::{ProcessBuilder, Scratch, say_skipped};

use site::{Listener, Options, Ports, Site, config};

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/// What a connection manager is told so that WebSockets pass, over HTTP/1 and HTTP/2.
const WITH_WEBSOCKETS: &str =
    "upgrade_configs: [{upgrade_type: websocket}]\nhttp2_protocol_options: {allow_connect: true}\n";

/// Fields of a filter chain that ends TLS, with the certificate for `lab.test` of a folder, and offers HTTP/2.
fn tls(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n    common_tls_context:\n      \
         alpn_protocols: [h2, http/1.1]\n      tls_certificates: [{{certificate_chain: {{filename: {at}/server.pem}}, \
         private_key: {{filename: {at}/server.key}}}}]\n"
    )
}

/// A cluster with one host on loopback.
fn cluster(name: &str, port: u16) -> String {
    format!(
        "- name: {name}\n  connect_timeout: 5s\n  load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: \
         [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
    )
}

async fn start(listener: &Listener, clusters: &str) -> Site {
    let ports = Ports::reserve();
    let text = config(ports.admin(), &listener.yaml(ports.listener()), clusters);
    let options = Options { workers: 2, ..Options::default() };
    let started = Site::start(&text, ports.listener(), ports.admin(), &options).await;
    started.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Finds a program in `PATH`, or says that the test is skipped.
fn find(test: &str, program: &str, package: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        say_skipped(&format!("SKIPPED {test}: there is no {program}; apt-get install {package}"));
    }
    found
}

/// Runs a program to its end and returns what it has printed, errors last.
async fn run(program: &Path, arguments: &[&str]) -> String {
    let scratch = Scratch::new();
    let mut process = ProcessBuilder::new(program).args(arguments).start(scratch.path()).unwrap();
    let status = process.wait(PATIENCE).await;
    let printed = process.stdout() + &process.stderr();
    assert!(status.is_some(), "{} {arguments:?} goes on: {printed}", program.display());
    printed
}
