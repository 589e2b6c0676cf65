//! The demo does what it says: every command that it prints is run, and has the effect it is said to have.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

#[path = "support/demo.rs"]
mod support;

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use causeway_testkit::{Request, Scratch, Signal, eventually, exchange};
use support::{CAUSEWAY, Demo, USUAL, curl, start};

/// Longer than what the demo promises takes on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// The commands in what the demo prints.
fn commands(printed: &str) -> Vec<&str> {
    printed.lines().filter_map(|line| line.strip_prefix("    ")).collect()
}

#[tokio::test]
async fn every_command_that_is_printed_does_what_it_says() {
    if let Err(why) = curl().await {
        causeway_testkit::skip!("every_command_that_is_printed", why, "apt-get install curl");
    }
    let mut demo = Demo::start().await;
    let printed = demo.process.stdout();
    let commands = commands(&printed);
    let [round, stop, clusters, again, edit, reload, version, stop_all, ask] = commands[..] else {
        panic!("other commands than are tested: {commands:#?}")
    };

    let mut answers: Vec<_> = demo.shell(round).await.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), 6, "{answers:?}");
    assert_eq!(answers[..3], answers[3..], "not in turn");
    answers.sort();
    assert_eq!(answers, ["app 1", "app 1", "app 2", "app 2", "app 3", "app 3"]);

    let second = demo.usual(&demo.shell(stop).await);
    assert_eq!(second, "app 2 is stopped: nobody listens on 127.0.0.1:18442 any more\n");
    let down = async || {
        let shown = demo.usual(&demo.shell(clusters).await);
        shown.contains("backend_cluster::127.0.0.1:18442::health_flags::/failed_active_hc")
            && shown.contains("18442::last_health_check::connect_refused")
            && shown.contains("backend_cluster::127.0.0.1:18441::health_flags::healthy")
    };
    assert!(eventually(SOON, down).await, "{}", demo.shell(clusters).await);
    let log = demo.usual(&demo.process.stderr());
    assert!(log.contains("backend_cluster 127.0.0.1:18442 is down: connect_refused"), "{log}");
    assert!(log.contains("2 of 3 hosts healthy"), "{log}");
    let answers = demo.shell(round).await;
    assert!(!answers.contains("app 2") && answers.lines().count() == 6, "{answers}");

    assert_eq!(
        demo.usual(&demo.shell(again).await),
        "app 2 listens on 127.0.0.1:18442 again\n",
        "{}",
        demo.process.stderr()
    );
    let back = async || demo.shell(round).await.contains("app 2");
    assert!(eventually(SOON, back).await, "{}", demo.shell(clusters).await);
    assert!(demo.usual(&demo.process.stderr()).contains("backend_cluster 127.0.0.1:18442 is up"));

    assert_eq!(demo.shell(version).await, "version 1 of the file\n");
    demo.shell(edit).await;
    demo.shell(reload).await;
    let reloaded = async || demo.shell(version).await == "version 2 of the file\n";
    assert!(eventually(SOON, reloaded).await, "{}", demo.process.stderr());

    demo.shell(stop_all).await;
    let mut answer = String::new();
    let none = async || {
        answer = demo.shell(ask).await;
        answer.ends_with("no healthy upstream")
    };
    assert!(eventually(SOON, none).await, "{}", demo.process.stderr());
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("\r\nx-causeway-reason: connect_refused\r\n"), "{answer}");

    // What `Ctrl-C` in a terminal does.
    demo.process.signal(Signal::INT);
    let status = demo.process.wait(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", demo.process.stderr());
    let left: Vec<_> = std::fs::read_dir(demo.scratch().path())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.starts_with("causeway-demo"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn the_site_answers_in_time_and_ends_by_sigterm() {
    let begun = Instant::now();
    let mut demo = Demo::start().await;
    let site = (Ipv4Addr::LOCALHOST, USUAL[0] + demo.offset).into();
    let page = exchange(site, &Request::get("/")).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<title>Causeway demo</title>"));

    let health = exchange(site, &Request::get("/api/health")).await.unwrap();
    assert_eq!(health.headers.get("content-type"), Some("application/json"));
    let body = health.text();
    let expected = r#"{"status":"ok","db":"connected","libvirt":"connected","time":"20"#;
    assert!(body.starts_with(expected) && body.trim_end().ends_with("+09:00\"}"), "{body}");

    for (path, status) in [("/apps/4/stop", 404), ("/apps/x/start", 404), ("/apps/3/start", 200)] {
        let answer = exchange(site, &Request::new("POST", path)).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let path = exchange(site, &Request::get("/file")).await.unwrap().text();
    assert!(demo.process.stdout().contains(path.trim_end()), "{path}");
    let status = demo.process.terminate(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", demo.process.stderr());
    assert!(!std::path::Path::new(path.trim_end()).exists());
}

#[tokio::test]
async fn a_change_that_is_wrong_changes_nothing_and_is_told() {
    let demo = Demo::start().await;
    let site = (Ipv4Addr::LOCALHOST, USUAL[0] + demo.offset).into();
    let path = exchange(site, &Request::get("/file")).await.unwrap().text();
    let text = std::fs::read_to_string(path.trim_end()).unwrap();
    let broken = text.replace("version 1", "version 2").replacen("connect_timeout", "conect_timeout", 1);
    std::fs::write(path.trim_end(), broken).unwrap();
    demo.shell(&format!("kill -HUP {}", demo.process.pid())).await;
    let refused = async || demo.process.stderr().contains("is refused; the configuration stays as it was");
    assert!(eventually(SOON, refused).await, "{}", demo.process.stderr());
    assert!(demo.process.stderr().contains("did you mean `connect_timeout`?"), "{}", demo.process.stderr());
    let version = exchange(site, &Request::get("/version")).await.unwrap();
    assert_eq!(version.text(), "version 1 of the file\n");
}

#[tokio::test]
async fn a_port_in_use_is_told_with_who_has_it() {
    // An offset at which app 2 has a port that is taken.
    let (taken, offset) = (0..200)
        .find_map(|attempt| {
            let offset = 14_000 - u16::try_from(attempt).unwrap();
            let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL[4] + offset)).ok()?;
            Some((taken, offset))
        })
        .unwrap();
    let port = taken.local_addr().unwrap().port();
    let scratch = Scratch::new();
    let mut process = start(offset, &scratch);
    assert_eq!(process.wait(SOON).await.and_then(|status| status.code()), Some(1));
    let told = process.stderr();
    let expected =
        format!("causeway: demo: port {port} (app 2) is in use by process {} (", std::process::id());
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("causeway demo --port-offset "), "{told}");
    assert_eq!(process.stdout(), "");
}

#[tokio::test]
async fn the_largest_offset_is_one_that_works() {
    let scratch = Scratch::new();
    let told = support::shell(&format!("{CAUSEWAY} demo --port-offset 47001 2>&1"), scratch.path()).await;
    assert!(told.contains("47001 is not in 0..=47000"), "{told}");
}
