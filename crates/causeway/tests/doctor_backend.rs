//! `causeway doctor backend`: what is found on the host of a back-end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use causeway_testkit::{Backend, Netns, Reply, TlsServer};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

/// The report about a port, as JSON.
fn report(arguments: &[&str]) -> serde_json::Value {
    let output =
        Command::new(CAUSEWAY).args(["doctor", "backend", "-o", "json"]).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn codes(report: &serde_json::Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

async fn examine(port: u16, more: &'static [&'static str]) -> serde_json::Value {
    let port = port.to_string();
    tokio::task::spawn_blocking(move || {
        let mut arguments = vec!["--port", &port];
        arguments.extend(more);
        report(&arguments)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_back_end_on_its_loopback_address_is_found_with_its_process() {
    let app = Backend::start(Reply::ok("fine")).await;
    let report = examine(app.port(), &["--health", "/health"]).await;
    assert_eq!(codes(&report), ["T202"], "{report:#}");
    let checks = report["checks"].as_array().unwrap();
    let words = |id: &str| {
        let check =
            checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}: {report:#}"));
        (check["result"].as_str().unwrap(), check["words"].as_str().unwrap())
    };
    assert!(words("backend.process").1.contains(&std::process::id().to_string()), "{report:#}");
    let answers = words(&format!("backend.answers.127.0.0.1:{}", app.port()));
    assert!(answers.0 == "pass" && answers.1.contains("200"), "{report:#}");
    assert_eq!(words("backend.queue").0, "pass");
}

#[tokio::test]
async fn a_health_check_that_is_not_answered_by_200_is_found() {
    for (status, code) in [(301, "H502"), (401, "H503"), (404, "H501"), (500, "H504")] {
        let app = Backend::start(Reply::status(status)).await;
        let report = examine(app.port(), &["--health", "/health"]).await;
        assert_eq!(codes(&report), ["T202", code], "{report:#}");
        let report = examine(app.port(), &[]).await;
        assert_eq!(codes(&report), ["T202"], "without a path any answer will do: {report:#}");
    }
}

#[tokio::test]
async fn tls_where_plain_text_is_wanted_is_found_and_the_other_way_round() {
    let server = Backend::start_tls(TlsServer::new("server", false, &[]), Reply::ok("")).await;
    let report = examine(server.port(), &["--health", "/health"]).await;
    assert_eq!(codes(&report), ["T202", "S302"], "{report:#}");
    let plain = Backend::start(Reply::ok("")).await;
    let report = examine(plain.port(), &["--tls"]).await;
    assert_eq!(codes(&report), ["T202", "S301"], "{report:#}");
}

#[test]
fn a_back_end_that_wants_a_proxy_header_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).unwrap_or(0);
            // Like nginx with `listen … proxy_protocol`: anything else is closed without a word.
            if bytes[..count].starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 ") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    let report = report(&["--port", &port, "--health", "/"]);
    assert_eq!(codes(&report), ["T202", "P413"], "{report:#}");
}

#[test]
fn a_port_that_nobody_listens_on_is_found() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let report = report(&["--port", &free.to_string()]);
    assert_eq!(codes(&report), ["T201"], "{report:#}");
}

#[tokio::test]
async fn checks_are_chosen_as_elsewhere() {
    let app = Backend::start(Reply::ok("fine")).await;
    let ids = |report: serde_json::Value| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let only = examine(app.port(), &["--only", "backend.queue,backend.answers", "--wait", "9"]).await;
    assert_eq!(codes(&only), [""; 0], "{only:#}");
    assert_eq!(ids(only), ["backend.queue".to_owned(), format!("backend.answers.127.0.0.1:{}", app.port())]);
    let skipped = ids(examine(app.port(), &["--skip", "backend.answers,backend.listens"]).await);
    assert!(!skipped.is_empty());
    assert!(skipped.iter().all(|id| !id.starts_with("backend.answers") && id != "backend.listens"));
    let run =
        |arguments: &[&str]| Command::new(CAUSEWAY).args(["doctor", "backend"]).args(arguments).output();
    let listed = String::from_utf8(run(&["--list"]).unwrap().stdout).unwrap();
    assert!(listed.lines().all(|name| name.starts_with("backend.")) && listed.lines().count() > 4);
    let unknown = run(&["--port", "1", "--only", "clusters"]).unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("'clusters'"));
}

#[tokio::test]
async fn a_back_end_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let mut child = Command::new(CAUSEWAY)
        .args(["doctor", "backend", "--wait", "30", "--only", "backend.answers,backend.listens", "--port"])
        .arg(at.port().to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(child.try_wait().unwrap().is_none(), "it did not wait");
    let listener = TcpListener::bind(("0.0.0.0", at.port())).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            if stream.read(&mut bytes).unwrap_or(0) > 0 {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_firewall_in_front_of_the_port_is_found() {
    if let Err(why) = Netns::available() {
        println!("SKIPPED: {why}");
        return;
    }
    let netns = Netns::new();
    netns.iptables("-A INPUT -p tcp --dport 8080 -i lo -j ACCEPT");
    netns.iptables("-A INPUT -p tcp --dport 8080 -j DROP");
    let _app = netns.settle(|| async { tokio::net::TcpListener::bind("0.0.0.0:8080").await.unwrap() });
    let line = format!("{CAUSEWAY} doctor backend --port 8080 -o json; true");
    let report: serde_json::Value =
        serde_json::from_str(&netns.command(&["sh", "-c", &line]).unwrap()).unwrap();
    // Nobody accepts either, which the two addresses of the host show.
    assert_eq!(codes(&report), ["T204", "O801"], "{report:#}");
}
