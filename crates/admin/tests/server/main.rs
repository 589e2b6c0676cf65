//! The admin server as a whole: started on a port of its own, with a process that does what a test
//! tells it, and asked over raw sockets. What is in `expected` was printed by Envoy 1.40.

#![expect(clippy::unwrap_used, reason = "where a test fails, it panics")]

mod exposition;
mod fake;
mod ours;
mod stats;
mod why;
mod wire;

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use causeway_admin::{AdminServer, Options, Process, StartError};
use causeway_model::{Address, StringMatch, StringMatcher};
use fake::Fake;
use wire::{ask, exchange, get, post, take_apart, talk};

/// Waits for what another thread does.
fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came");
        std::thread::yield_now();
    }
}

/// Our own lines in the output of `/clusters`.
fn is_ours(line: &str) -> bool {
    ["::last_health_check::", "::last_failed_health_check::", "::dns::", "::agent::"]
        .iter()
        .any(|key| line.contains(key))
}

#[test]
fn an_answer_is_envoys_byte_for_byte() {
    let (_server, address) = Fake::new().serve();
    let text = exchange(address, b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (before, after) = text.split_once("date: ").unwrap();
    let (date, after) = after.split_once("\r\n").unwrap();
    assert_eq!(
        before,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncache-control: no-cache, max-age=0\r\n\
         x-content-type-options: nosniff\r\n"
    );
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    assert_eq!(
        after,
        "server: envoy\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nLIVE\n\r\n0\r\n\r\n"
    );
}

#[test]
fn every_endpoint_answers() {
    let (_server, address) = Fake::new().serve();
    let help = get(address, "/help");
    let mut asked = 0;
    for line in help.body.lines().filter_map(|line| line.strip_prefix("  /")) {
        let (path, _) = line.split_once(": ").unwrap();
        asked += 1;
        let answer = match path.strip_suffix(" (POST)") {
            Some(path) => {
                let refused = get(address, &format!("/{path}"));
                assert_eq!((refused.status, &*refused.body), (405, "Method GET not allowed, POST required."));
                post(address, &format!("/{path}"))
            }
            None => get(address, &format!("/{path}")),
        };
        assert!([200, 400, 500, 501].contains(&answer.status), "{path}: {answer:?}");
        let unsupported = path.contains("profiler")
            || path.contains("heap_dump")
            || path.contains("tcmalloc")
            || path.contains("lookups/enable")
            || path.starts_with("runtime_modify");
        assert_eq!(answer.status != 200, unsupported, "{path}: {answer:?}");
        assert_eq!(answer.header("server"), Some("envoy"));
    }
    assert!(asked > 35);
}

#[test]
fn clusters_and_listeners_are_envoys() {
    let (_server, address) = Fake::new().serve();
    let same = |target: &str, media: &str, expected: &str| {
        let answer = get(address, target);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media)));
        let body: String =
            answer.body.lines().filter(|line| !is_ours(line)).map(|line| format!("{line}\n")).collect();
        assert_eq!(body, expected, "{target}");
    };
    let (text, json) = ("text/plain; charset=UTF-8", "application/json");
    same("/clusters?filter=self", text, include_str!("expected/clusters_self.txt"));
    same("/clusters?filter=self&format=json", json, include_str!("expected/clusters_self.json"));
    same("/clusters?filter=%5edead$", text, include_str!("expected/clusters_dead.txt"));
    same("/clusters?filter=^nodns", text, include_str!("expected/clusters_nodns.txt"));
    same("/listeners", text, include_str!("expected/listeners.txt"));
    same("/listeners?format=json", json, include_str!("expected/listeners.json"));
    same("/listeners?format=what", text, include_str!("expected/listeners.txt"));
    assert_eq!(get(address, "/clusters?filter=none").body, "");
    assert_eq!(get(address, "/clusters?filter=none&format=json").body, "{}\n");
    let wrong = get(address, "/clusters?filter=(");
    assert_eq!((wrong.status, &*wrong.body), (400, "Invalid re2 regex: unclosed group: ("));

    // What is ours stands under a key of its own; without it, the rest is Envoy's.
    for name in ["dead", "nodns"] {
        let mut ours = get(address, &format!("/clusters?filter={name}&format=json")).json();
        let status = &mut ours["cluster_statuses"][0];
        let holder = if name == "dead" { &mut status["host_statuses"][0] } else { status };
        assert!(holder.as_object_mut().unwrap().remove("causeway").is_some());
        let expected = match name {
            "dead" => include_str!("expected/clusters_dead.json"),
            _ => include_str!("expected/clusters_nodns.json"),
        };
        assert_eq!(ours, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    }
}

#[test]
fn logging_is_envoys() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    let answer = post(address, "/logging");
    assert_eq!((answer.status, &*answer.body), (200, include_str!("expected/logging.txt")));
    for target in ["/logging?level=", "/logging?paths=", "/logging?level=info"] {
        assert_eq!(post(address, target).body, include_str!("expected/logging.txt"), "{target}");
    }
    let wrong = post(address, "/logging?nope=info");
    assert_eq!((wrong.status, &*wrong.body), (400, include_str!("expected/logging_error.txt")));
    for (query, error) in [
        ("level=nope", "unknown logger level"),
        ("admin=nope", "unknown logger level"),
        ("paths=admin:nope", "unknown logger level"),
        ("paths=nope:debug", "unknown logger name"),
        ("paths=admin:debug,nope:debug", "unknown logger name"),
        ("paths=admin", "empty logger name or empty logger level"),
        ("level=info&admin=debug", "invalid number of parameters"),
        ("group=admin:debug", "group parameter requires fine-grain logging to be enabled"),
    ] {
        let answer = post(address, &format!("/logging?{query}"));
        assert_eq!(answer.status, 400);
        assert!(answer.body.starts_with(&format!("error: {error}\n\nusage: ")), "{query}: {}", answer.body);
        // Nothing of it was done.
        assert!(answer.body.ends_with(include_str!("expected/logging.txt")), "{query}");
    }
    let changed = post(address, "/logging?paths=admin:debug,http:trace").body;
    assert!(changed.contains("\n  admin: debug\n") && changed.contains("\n  http: trace\n"));
    assert!(post(address, "/logging?router=off").body.contains("\n  router: off\n"));
    assert!(
        process
            .log()
            .levels()
            .any(|(component, level)| component.name() == "http" && level.name() == "trace")
    );
    let all = post(address, "/logging?level=warning").body;
    assert_eq!(all.matches(": warning\n").count(), 73);

    // Forms send their fields in the body, and empty ones too.
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    assert!(ask(address, "POST", "/logging", form, "paths=&level=error").body.contains("  admin: error\n"));
    assert!(ask(address, "POST", "/logging", "", "level=info").body.contains("  admin: error\n"));
    assert!(
        ask(address, "POST", "/logging?level=info", form, "level=error").body.contains("  admin: info\n")
    );
}

#[test]
fn the_process_is_told_what_to_do() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    for (target, call) in [
        ("/drain_listeners", "DrainRequest { graceful: false, skip_exit: false, inbound_only: false }"),
        (
            "/drain_listeners?graceful&inboundonly",
            "DrainRequest { graceful: true, skip_exit: false, inbound_only: true }",
        ),
        (
            "/drain_listeners?skip_exit",
            "DrainRequest { graceful: false, skip_exit: true, inbound_only: false }",
        ),
        ("/reopen_logs", "reopen"),
        ("/quitquitquit", "quit"),
        ("/runtime_modify?a=b&c=", "[(\"a\", \"b\"), (\"c\", \"\")]"),
    ] {
        assert_eq!(get(address, target).status, 405);
        let answer = post(address, target);
        assert_eq!((answer.status, &*answer.body), (200, "OK\n"), "{target}");
        assert_eq!(process.calls(), [call]);
    }
    let refused = post(address, "/runtime_modify?x=1");
    assert_eq!((refused.status, &*refused.body), (503, "No admin layer specified"));

    assert_eq!(post(address, "/healthcheck/fail").body, "OK\n");
    let ready = get(address, "/ready");
    assert_eq!((ready.status, &*ready.body), (503, "DRAINING\n"));
    assert_eq!(get(address, "/server_info").json()["state"], "DRAINING");
    assert_eq!(post(address, "/healthcheck/ok").body, "OK\n");
    assert_eq!(get(address, "/ready").status, 200);
}

#[test]
fn other_answers_have_envoys_form() {
    let (_server, address) = Fake::new().serve();
    let same = |target: &str, body: &str| assert_eq!(get(address, target).body, body, "{target}");
    same("/hot_restart_version", "disabled");
    same("/init_dump?mask=listener", "{}\n");
    same("/contention", "Mutex contention tracing is not enabled.");
    same(
        "/stats/recentlookups",
        "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n",
    );
    same(
        "/certs",
        "{\n \"certificates\": [\n  {\n   \"ca_cert\": [],\n   \"cert_chain\": [\n    {\n     \
         \"path\": \"/etc/c.pem\",\n     \"serial_number\": \"772f\",\n     \"subject_alt_names\": [\n      \
         {\n       \"dns\": \"edge.test\"\n      },\n      {\n       \"uri\": \"spiffe://x/y\"\n      },\n      \
         {\n       \"ip_address\": \"1.2.3.4\"\n      }\n     ],\n     \"days_until_expiration\": \"99\",\n     \
         \"valid_from\": \"2026-11-20T16:17:33Z\",\n     \"expiration_time\": \"E\"\n    }\n   ]\n  }\n ]\n}\n"
            .replace("\"E\"", &get(address, "/certs").json()["certificates"][0]["cert_chain"][0]["expiration_time"].to_string())
            .as_str(),
    );
    let runtime = get(address, "/runtime").json();
    assert_eq!(runtime["layers"], serde_json::json!(["st", "adm"]));
    assert_eq!(
        runtime["entries"],
        serde_json::json!({
            "a.b": {"layer_values": ["true", ""], "final_value": "true"},
            "a.n": {"layer_values": ["100", "7"], "final_value": "7"},
            "f": {"layer_values": ["{\"numerator\":3}", ""], "final_value": "{\"numerator\":3}"},
        })
    );
    let memory = get(address, "/memory").json();
    let keys: Vec<_> = memory.as_object().unwrap().keys().map(String::as_str).collect();
    let envoys = [
        "allocated",
        "heap_size",
        "pageheap_unmapped",
        "pageheap_free",
        "total_thread_cache",
        "total_physical_bytes",
    ];
    assert_eq!(keys, envoys);
    assert!(memory["total_physical_bytes"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    let info = get(address, "/server_info");
    assert!(info.body.starts_with("{\n \"version\": \"abc/1.40.0/Clean/RELEASE/rustls\",\n \"state\": \"LIVE\",\n \"uptime_current_epoch\": \"88s\",\n"));
    assert!(info.body.contains(" \"node\": {\n  \"id\": \"a\\u003cb\\u003e\",\n  \"cluster\": \"c\",\n  \"locality\": {\n   \"region\": \"\",\n   \"zone\": \"z\","));
    assert_eq!(info.json()["command_line_options"]["drain_time"], "600s");
    for (target, status, body) in [
        ("/cpuprofiler", 400, "?enable=<y|n>\n"),
        ("/cpuprofiler?enable=y", 500, "failure to start the profiler"),
        ("/cpuprofiler?enable=n", 200, "OK\n"),
        ("/heapprofiler", 501, "The current build does not support heap profiler"),
        ("/allocprofiler", 400, "?enable=<y|n>\n"),
    ] {
        let answer = post(address, target);
        assert_eq!((answer.status, &*answer.body), (status, body), "{target}");
    }
}

#[test]
fn what_is_not_there_is_told_with_the_list() {
    let (_server, address) = Fake::new().serve();
    let help = get(address, "/help").body;
    for path in ["/nope", "/ready/", "/READY", "/stats/?x", "/ready;", "/x/../ready"] {
        let answer = get(address, path);
        assert_eq!((answer.status, answer.body), (404, format!("invalid path. {help}")), "{path}");
    }
    for path in ["//ready", "/re%61dy", "/ready?x=%zz"] {
        assert_eq!(get(address, path).body, "LIVE\n", "{path}");
    }
    // Whoever reads may use any method, as with Envoy.
    for method in ["PUT", "DELETE", "OPTIONS", "POST"] {
        assert_eq!(ask(address, method, "/ready", "", "").body, "LIVE\n");
    }
    let put = ask(address, "PUT", "/quitquitquit", "", "");
    assert_eq!((put.status, &*put.body), (405, "Method PUT not allowed, POST required."));
    let head = ask(address, "HEAD", "/ready", "", "");
    assert_eq!((head.status, head.header("server")), (200, Some("envoy")));
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    let from = |fields: &str| ask(address, "POST", "/quitquitquit", fields, "").status;
    assert_eq!(from("origin: http://evil.example\r\n"), 403);
    assert_eq!(from("origin: null\r\n"), 403);
    assert_eq!(from("sec-fetch-site: cross-site\r\n"), 403);
    assert_eq!(process.calls(), Vec::<String>::new());
    assert_eq!(from(&format!("origin: http://{address}\r\nsec-fetch-site: same-origin\r\n")), 200);
    assert_eq!(from(""), 200);
    assert_eq!(ask(address, "POST", "/reload", "origin: null\r\n", "").status, 403);
    assert_eq!(process.calls(), ["quit", "quit"]);
    // A name that somebody turned to this machine.
    let rebound = exchange(
        address,
        b"POST /quitquitquit HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\nconnection: close\r\n\r\n",
    );
    assert!(rebound.starts_with("HTTP/1.1 403 "));
}

#[test]
fn allow_paths_is_honoured() {
    let allow = |pattern| StringMatcher::new(pattern, false);
    let (_server, address) = Fake::new().serve_with(|options| {
        options.allow_paths =
            vec![allow(StringMatch::Exact("/ready".into())), allow(StringMatch::Prefix("/stats".into()))];
    });
    assert_eq!(get(address, "/ready").status, 200);
    assert_eq!(get(address, "/stats?usedonly").status, 200);
    assert_eq!(get(address, "/statsx").status, 404);
    assert_eq!(get(address, "/stats/../quitquitquit").status, 404);
    let refused = get(address, "/clusters?x");
    assert_eq!((refused.status, &*refused.body), (403, "request to path /clusters?x not allowed"));
    // Matchers see the query, and a refusal comes before everything else.
    assert_eq!(get(address, "/ready?x").status, 403);
    assert_eq!(get(address, "/quitquitquit").status, 403);
    assert_eq!(post(address, "/quitquitquit").status, 403);
}

#[test]
fn a_handler_that_is_stuck_or_panics_holds_up_nobody() {
    let process = Fake::new();
    let (server, address) = process.serve();
    process.set_stuck(true);
    let mut stuck = TcpStream::connect(address).unwrap();
    stuck.write_all(b"GET /runtime HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(get(address, "/ready").body, "LIVE\n");
    process.panics.store(true, Ordering::Relaxed);
    let failed = get(address, "/clusters");
    assert_eq!(
        (failed.status, &*failed.body),
        (500, "This endpoint failed; the application log has more.\n")
    );
    process.panics.store(false, Ordering::Relaxed);
    assert_eq!(get(address, "/clusters").status, 200);
    process.set_stuck(false);
    assert_eq!(take_apart(&talk(&mut stuck, b"")).status, 200);
    // Nor does one whose client has gone away.
    process.set_stuck(true);
    process.records.lock().unwrap().clear();
    let mut gone = TcpStream::connect(address).unwrap();
    gone.write_all(b"GET /runtime HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // One who goes before the request was read has asked for nothing.
    eventually(|| process.hanging.load(Ordering::Relaxed) > 0);
    drop(gone);
    eventually(|| {
        process.records.lock().unwrap().iter().any(|record| record.status == 0 && record.cut_short)
    });
    process.set_stuck(false);
    // And one that stays stuck does not hold up the end of the process for ever.
    process.set_stuck(true);
    let mut stuck = TcpStream::connect(address).unwrap();
    stuck.write_all(b"GET /runtime HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    eventually(|| {
        get(address, "/stats?filter=^http.admin.downstream_rq_active").body
            == "http.admin.downstream_rq_active: 2\n"
    });
    assert!(!server.shut_down(Duration::from_millis(50)));
    process.set_stuck(false);
}

#[test]
fn requests_are_told_to_the_access_log() {
    let process = Fake::new();
    let (_server, address) = process.serve();
    ask(address, "POST", "/ready?a=b", "User-Agent: test\r\n", "12345");
    eventually(|| process.records.lock().unwrap().len() == 1);
    let record = process.records.lock().unwrap().remove(0);
    assert_eq!((&*record.method, &*record.path, record.protocol), ("POST", "/ready?a=b", "HTTP/1.1"));
    assert_eq!((record.status, record.bytes_received, record.bytes_sent), (200, 5, 5));
    assert!(!record.cut_short);
    assert_eq!(record.local, Some(address));
    assert!(record.peer.is_some_and(|peer| peer.ip() == address.ip()));
    assert!(record.headers.contains(&("user-agent".to_owned(), b"test".to_vec())));
    ask(address, "HEAD", "/ready", "", "");
    eventually(|| process.records.lock().unwrap().len() == 1);
    let record = process.records.lock().unwrap().remove(0);
    assert_eq!((record.status, record.bytes_sent, record.cut_short), (200, 0, false));
}

#[test]
fn large_requests_are_refused_and_many_are_served_on_one_connection() {
    let (_server, address) = Fake::new().serve();
    assert_eq!(ask(address, "POST", "/ready", "", &"x".repeat(70_000)).status, 413);
    let twice = exchange(
        address,
        b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\nGET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(twice.matches("LIVE").count(), 2);
    let http_1_0 = exchange(address, b"GET /ready HTTP/1.0\r\n\r\n");
    assert!(http_1_0.ends_with("\r\n\r\nLIVE\n"), "{http_1_0}");
}

#[test]
fn it_listens_on_unix_sockets_too() {
    let process = Fake::new();
    let name = format!("causeway-admin-{}", std::process::id());
    let path = std::env::temp_dir().join(&name);
    let address = Address::Pipe { path: path.to_str().unwrap().into(), mode: 0o660 };
    let (server, _) = process.serve_with(|options| options.address = address.clone());
    assert_eq!(server.address(), &address);
    let request = b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut stream = UnixStream::connect(&path).unwrap();
    assert_eq!(take_apart(&talk(&mut stream, request)).body, "LIVE\n");
    eventually(|| process.records.lock().unwrap().len() == 1);
    assert_eq!(process.records.lock().unwrap()[0].peer, None);
    assert!(server.shut_down(Duration::from_secs(5)));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn it_ends_when_it_is_told_and_the_address_is_free_again() {
    let process = Fake::new();
    let (server, address) = process.serve();
    let options = || Options {
        address: Address::Ip(address),
        allow_paths: vec![],
        stats_flush_interval: Duration::from_secs(5),
    };
    let again: Arc<dyn Process> = process;
    let error = AdminServer::start(options(), again.clone()).unwrap_err();
    assert!(matches!(error, StartError::AddressInUse { .. }), "{error:?}");
    // An idle connection does not hold it up.
    let _idle = TcpStream::connect(address).unwrap();
    assert_eq!(get(address, "/ready").status, 200);
    assert!(server.shut_down(Duration::from_secs(5)));
    let server = AdminServer::start(options(), again).unwrap();
    assert_eq!(get(address, "/ready").status, 200);
    drop(server);
    eventually(|| TcpStream::connect(address).is_err());
}
