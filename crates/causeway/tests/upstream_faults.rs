//! Whatever a back-end does wrong, the client hears of it in the right way, nothing of it reaches another request, and
//! the next one is served.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::time::Duration;

use causeway_testkit::{Act, Answer, Backend, Connection, Port, Reply, Request, Script};

use site::{Listener, Options, Ports, Site, config};

/// What a client gets for a request whose back-end did something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// This status, and all of its body.
    Status(u16),
    /// The head of a response, and not all of its body.
    Cut,
}

/// Twenty-one ways to do something wrong, and what is heard of each.
fn faults() -> Vec<(&'static str, Answer, Heard)> {
    let raw = |bytes: &str| Answer::raw(bytes.to_owned());
    let head = |fields: &str| raw(&format!("HTTP/1.1 200 OK\r\n{fields}\r\nbody"));
    let bad = Heard::Status(502);
    vec![
        ("closes", Answer::close(), Heard::Status(503)),
        ("resets", Answer::reset(), Heard::Status(503)),
        ("hangs", Answer::hang(), Heard::Status(504)),
        ("closes in the status line", raw("HTTP/1.1 20").then_close(), bad),
        ("closes in the head", raw("HTTP/1.1 200 OK\r\ncontent-").then_close(), bad),
        ("speaks something else", raw("220 mail.test ESMTP\r\n\r\n"), bad),
        ("speaks HTTP/0.9", raw("<html>old</html>").then_close(), bad),
        ("has a status of two digits", raw("HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n"), bad),
        ("has a status of four digits", raw("HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n"), bad),
        ("has a field without a colon", head("content-length: 4\r\nnothing\r\n"), bad),
        ("has NUL in a value", head("content-length: 4\r\nx-a: b\0c\r\n"), bad),
        (
            "has too large a head",
            head(&format!("content-length: 4\r\nx-a: {}\r\n", "b".repeat(100_000))),
            bad,
        ),
        ("has two lengths", head("content-length: 4\r\ncontent-length: 5\r\n"), bad),
        ("has a length and chunks", head("content-length: 4\r\ntransfer-encoding: chunked\r\n"), bad),
        ("has a coding that nobody knows", head("transfer-encoding: odd\r\n"), bad),
        (
            "switches unasked",
            raw("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            bad,
        ),
        (
            "closes in the body",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbody").then_close(),
            Heard::Cut,
        ),
        (
            "resets in the body",
            raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbody")
                .then_pause(Duration::from_millis(50))
                .then_reset(),
            Heard::Cut,
        ),
        (
            "has a chunk that is none",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n"),
            Heard::Cut,
        ),
        (
            "closes between chunks",
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n").then_close(),
            Heard::Cut,
        ),
        (
            "says more than it was asked",
            head("content-length: 4\r\n")
                .then(Act::Send(b"HTTP/1.1 500 Not Asked\r\ncontent-length: 3\r\n\r\nbad".to_vec())),
            Heard::Status(200),
        ),
    ]
}

/// One request on a connection of its own.
async fn ask(site: &Site, target: &str) -> Heard {
    let mut connection = Connection::open(site.address).await.unwrap().patience(Duration::from_secs(5));
    match connection.exchange(&Request::get(target)).await {
        Ok(answer) if answer.complete => Heard::Status(answer.status),
        Ok(answer) => {
            assert_eq!(answer.status, 200, "{target}");
            Heard::Cut
        }
        Err(none) => {
            assert!(none.received.starts_with("HTTP/1.1 200 "), "{target}: {none:?}");
            Heard::Cut
        }
    }
}

#[tokio::test]
async fn back_ends_do_everything_wrong_and_nobody_else_hears_of_it() {
    let faults = faults();
    assert_eq!(faults.len(), 21);
    let answers: Vec<Answer> = faults.iter().map(|(_, answer, _)| answer.clone()).collect();
    let script = Script::by(move |request| match request.path().strip_prefix("/fault/") {
        Some(number) => answers[number.parse::<usize>().unwrap()].clone(),
        None => Reply::ok(request.path().to_owned()).into(),
    });
    let backend = Backend::start(script).await;
    let down = Port::reserve();
    let cluster = |name: &str, port: u16| {
        format!(
            "- name: {name}\n  connect_timeout: 1s\n  load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: \
             [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
        )
    };
    let clusters = cluster("app", backend.port()) + &cluster("down", down.number());
    let routes = "- match: {prefix: /down}\n  route: {cluster: down}\n\
                  - match: {prefix: /}\n  route: {cluster: app, timeout: 0.4s}\n";
    let listener = Listener { routes: routes.into(), ..Listener::default() };
    let ports = Ports::reserve();
    let text = config(ports.admin(), &listener.yaml(ports.listener()), &clusters);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();

    assert_eq!(ask(&site, "/down").await, Heard::Status(503), "nobody listens");
    for (number, (what, _, expected)) in faults.iter().enumerate() {
        // There is a connection that the fault may happen on, and one that it must not be found on afterwards.
        for path in ["/before", "/again"] {
            assert_eq!(ask(&site, path).await, Heard::Status(200), "before a back-end that {what}");
        }
        assert_eq!(ask(&site, &format!("/fault/{number}")).await, *expected, "a back-end that {what}");
        let mut connection = Connection::open(site.address).await.unwrap();
        for n in 0..3 {
            let path = format!("/after/{number}/{n}");
            let answer = connection.exchange(&Request::get(&path)).await;
            let answer = answer.unwrap_or_else(|none| panic!("behind a back-end that {what}: {none:?}"));
            assert_eq!((answer.status, answer.text()), (200, path), "behind a back-end that {what}");
        }
    }
    assert_eq!(site.stat("cluster.app.upstream_rq_active").await, 0);
    assert_eq!(site.stat("http.ingress.downstream_rq_active").await, 0);
}
