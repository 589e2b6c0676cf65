//! A page in Chromium, over HTTP/2, which opens a WebSocket: on the same connection by extended CONNECT (RFC 8441) where
//! that is allowed, and else on one of HTTP/1.

use std::path::Path;

use causeway_testkit::{Backend, Pki, Port, Process, ProcessBuilder, Reply, Scratch, Script, eventually};
use serde_json::{Value, json};

use super::site::{Listener, Site};
use super::websockets::{all_is_over, back_end, python};
use super::{PATIENCE, WITH_WEBSOCKETS, cluster, find, run, start, tls};

const PAGE: &str = include_str!("page.html");

#[tokio::test]
async fn a_page_opens_a_websocket() {
    const TEST: &str = "a_page_opens_a_websocket";
    let (Some(browser), Some(python)) = (find(TEST, "chromium", "chromium"), python(TEST)) else { return };
    let (folder, port) = (Pki::get().folder(), Port::reserve());
    let (_sockets, _scratch) = back_end(&python, &port).await;
    for (manager, connections_of_http1) in
        [(WITH_WEBSOCKETS, 0), ("upgrade_configs: [{upgrade_type: websocket}]\n", 1)]
    {
        let script = Script::by(|request| match request.target.as_str() {
            "/" => Reply::ok(PAGE).header("content-type", "text/html").into(),
            target => Reply::ok(format!("{} {target}", request.method)).into(),
        });
        let backend = Backend::start(script).await;
        let listener = Listener {
            manager: manager.to_owned(),
            chain: tls(folder.path()),
            routes: "- match: {path: /echo}\n  route: {cluster: sockets}\n- match: {prefix: /}\n  route: {cluster: app}\n"
                .to_owned(),
            ..Listener::default()
        };
        let clusters = cluster("app", backend.port()) + &cluster("sockets", port.number());
        let site = start(&listener, &clusters).await;
        let profile = Scratch::new();
        let chromium = open(&browser, &site, folder.path(), &profile).await;

        let report = || backend.received().into_iter().find(|request| request.target == "/report");
        assert!(eventually(PATIENCE, async || report().is_some()).await, "{}", chromium.stderr());
        let seen: Value = serde_json::from_slice(&report().unwrap().body).unwrap();
        let expected = json!({"page": "h2", "items": 20, "item": "h2", "messages": ["text", 300_000, 4002]});
        assert_eq!(seen, expected, "{}", site.proxy.log());
        assert_eq!(site.stat("http.ingress.downstream_cx_http1_total").await, connections_of_http1);
        assert!(site.stat("http.ingress.downstream_cx_http2_total").await > 0);
        all_is_over(&site, 1).await;
    }
}

/// Chromium, without a window, with the page of a site.
async fn open(browser: &Path, site: &Site, certificates: &Path, profile: &Scratch) -> Process {
    let own = certificates.join("server.pem").display().to_string();
    let hash = format!(
        "openssl x509 -in {own} -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
    );
    let hash = run("sh".as_ref(), &["-c", &hash]).await;
    ProcessBuilder::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        // It stays until it is ended, and asks nobody but the site.
        .args(["--remote-debugging-port=0", "--disable-background-networking", "--disable-component-update"])
        .arg("--host-resolver-rules=MAP * 127.0.0.1")
        .arg(format!("--ignore-certificate-errors-spki-list={}", hash.trim()))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .env("HOME", profile.path())
        .arg(format!("https://lab.test:{}/", site.address.port()))
        .start(profile.path())
        .unwrap()
}
