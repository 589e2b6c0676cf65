//! `causeway doctor --bundle` and `--redact`: what is sent to others has nothing secret in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use causeway_testkit::{Peer, Port, Proxy, Request, Scratch, exchange};

use site::{Listener, config};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

/// A proxy whose file and requests have secrets in them.
async fn start(peer: Peer, binary: &Path) -> (Proxy, SocketAddr, String) {
    let (listener, admin, gone) = (Port::reserve(), Port::reserve(), Port::reserve());
    let at = |port: &Port| SocketAddr::from(([127, 0, 0, 1], port.number()));
    let routes = "- match: {prefix: /, headers: [{name: x-key, string_match: {exact: SECRET-MATCH}}]}\n  direct_response: \
                  {status: 204}\n- match: {prefix: /}\n  request_headers_to_add: [{header: {key: authorization, value: Bearer \
                  SECRET-HEADER}}]\n  route: {cluster: gone}\n";
    let cluster = format!(
        "- name: gone\n  metadata: {{filter_metadata: {{a: {{b: SECRET-METADATA}}}}}}\n  load_assignment: {{cluster_name: gone, \
         endpoints: [{{lb_endpoints: [{{endpoint: {{hostname: shop.example.com, address: {{socket_address: {{address: \
         127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        gone.number()
    );
    let manager = Listener { routes: routes.to_owned(), ..Listener::default() }.yaml(at(&listener));
    let text = config(at(&admin), &manager, &cluster);
    let text = if peer == Peer::Envoy { without_own_operators(&text) } else { text };
    let proxy = Proxy::build(peer, binary, &text)
        .admin(at(&admin))
        .listener(listener.number())
        .start()
        .await
        .unwrap();
    (proxy, at(&listener), format!("http://{}", at(&admin)))
}

async fn start_causeway() -> (Proxy, SocketAddr, String) {
    start(Peer::Causeway, Path::new(CAUSEWAY)).await
}

/// Envoy knows some fields of logs only.
fn without_own_operators(text: &str) -> String {
    ["\\t%CAUSEWAY_REASON%", "\\t%CAUSEWAY_EVIDENCE%", "\\t%WHY_CODE%", "\\t%WHY_ID%"]
        .iter()
        .fold(text.to_owned(), |text, operator| text.replace(operator, ""))
}

/// What the doctor prints of its file.
async fn doctor(proxy: &Proxy, more: &[&str]) -> String {
    let scratch = Scratch::new();
    let file = scratch.path().join("envoy.yaml");
    std::fs::write(&file, proxy.config()).unwrap();
    let file = file.display().to_string();
    printed(&[&["--only", "config,listeners,admin,host", "-c", &file], more].concat()).await
}

async fn printed(arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(CAUSEWAY);
    command.arg("doctor").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_bundle_has_the_failures_and_nothing_secret() {
    let (proxy, address, _) = start_causeway().await;
    let request = Request::get("/pay?card=SECRET-QUERY")
        .header("authorization", "Bearer SECRET-CLIENT")
        .header("cookie", "session=SECRET-COOKIE");
    assert_eq!(exchange(address, &request).await.unwrap().status, 503);
    let scratch = Scratch::new();
    let file: PathBuf = scratch.path().join("bundle.json");
    let path = file.display().to_string();
    doctor(&proxy, &["--bundle", &path]).await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("SECRET") && !text.contains("example.com"), "{text}");
    let bundle: serde_json::Value = serde_json::from_str(&text).unwrap();
    let failures = bundle["failures"]["failures"].as_array().unwrap();
    assert_eq!(
        (failures[0]["code"].as_str(), failures[0]["path"].as_str()),
        (Some("T201"), Some("/pay")),
        "{text}"
    );
    assert_eq!(bundle["configuration"]["static_resources"]["clusters"][0]["name"], "gone");
    assert!(bundle["hosts"]["clusters"].is_array() && bundle["server"]["version"].is_string(), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = doctor(&proxy, &["--bundle", &path]).await;
    assert!(again.contains("cannot write"), "a file that is there is not replaced: {again}");
}

/// Of what runs, with no file at hand.
async fn bundle_of_what_runs(peer: Peer, binary: &Path) {
    let (_proxy, address, admin) = start(peer, binary).await;
    let request = Request::get("/pay?card=SECRET-QUERY").header("authorization", "Bearer SECRET-CLIENT");
    assert_eq!(exchange(address, &request).await.unwrap().status, 503);
    let scratch = Scratch::new();
    let file = scratch.path().join("bundle.json");
    let path = file.display().to_string();
    let said = printed(&["--envoy", &admin, "--interval", "0", "--bundle", &path]).await;
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(!text.contains("SECRET") && !text.contains("example.com"), "{text}");
    let bundle: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bundle["configuration"]["static_resources"]["clusters"][0]["name"], "gone");
    assert!(bundle["hosts"].is_object() && bundle["server"]["version"].is_string(), "{text}");
    assert_eq!(bundle["failures"].is_object(), peer == Peer::Causeway, "{text}");
}

#[tokio::test]
async fn a_running_causeway_is_bundled_without_its_file() {
    bundle_of_what_runs(Peer::Causeway, Path::new(CAUSEWAY)).await;
}

#[tokio::test]
async fn a_running_envoy_is_bundled_without_its_file() {
    match Peer::Envoy.find() {
        Ok(envoy) => bundle_of_what_runs(Peer::Envoy, &envoy).await,
        Err(missing) => causeway_testkit::skip!(
            "a_running_envoy_is_bundled_without_its_file",
            missing,
            "conformance/install-envoy.sh; cargo test -p causeway --test doctor_bundle"
        ),
    }
}

#[tokio::test]
async fn a_redacted_report_has_neither_excerpts_nor_addresses() {
    let (proxy, ..) = start_causeway().await;
    let text = proxy.config().replace("address: 127.0.0.1", "address: 203.0.113.9");
    proxy.replace_config(&text);
    let plain = doctor(&proxy, &[]).await;
    assert!(plain.contains("203.0.113.9"), "{plain}");
    for form in ["text", "json"] {
        let redacted = doctor(&proxy, &["--redact", "-o", form]).await;
        assert!(redacted.contains("addr-1") && redacted.contains("K916"), "{redacted}");
        assert!(!redacted.contains("203.0.113") && !redacted.contains("socket_address: {"), "{redacted}");
        assert!(!redacted.contains("SECRET"), "{redacted}");
    }
}
