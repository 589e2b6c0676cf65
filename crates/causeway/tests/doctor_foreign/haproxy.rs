//! An HAProxy that runs, asked by its stats socket.

use causeway_testkit::{Answer, Backend, Peer, Port, Proxy, Reply, Scratch, Script};

use super::{check, doctor, evidence, findings};

const HOW: &str = "apt-get install haproxy; cargo test -p causeway --test doctor_foreign";

#[tokio::test]
async fn an_haproxy_that_runs_is_examined() {
    let haproxy = match Peer::Haproxy.find() {
        Ok(haproxy) => haproxy,
        Err(missing) => causeway_testkit::skip!("an_haproxy_that_runs_is_examined", missing, HOW),
    };
    // GET is answered, OPTIONS is not: what a servlet's filter does.
    let app = Backend::start(Script::by(|request| {
        let fails = request.method == "OPTIONS" || request.target == "/missing";
        Answer::from(Reply::status(if !fails {
            200
        } else if request.method == "OPTIONS" {
            500
        } else {
            404
        }))
    }))
    .await;
    let hung = Backend::start(Script::always(Answer::hang())).await;
    let (listener, dead) = (Port::reserve(), Port::reserve());
    let scratch = Scratch::new();
    let socket = scratch.file("h.sock").display().to_string();
    let (app, hung, dead_port, listen) = (app.port(), hung.port(), dead.number(), listener.number());
    let text = format!(
        "global\n  stats socket {socket} mode 600 level user\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  \
         timeout server 5s\nfrontend fe\n  bind 127.0.0.1:{listen}\n  default_backend well\nbackend well\n  option httpchk GET /ok\n  \
         server w1 127.0.0.1:{app} check inter 200\nbackend missing\n  option httpchk GET /missing\n  server m1 127.0.0.1:{app} check \
         inter 200\nbackend options\n  option httpchk\n  server o1 127.0.0.1:{app} check inter 200\nbackend dead\n  server d1 \
         127.0.0.1:{dead_port} check inter 200\nbackend hung\n  option httpchk GET /ok\n  server h1 127.0.0.1:{hung} check inter \
         300\nbackend names\n  server n1 nosuch.invalid:80 check resolvers none init-addr none\nresolvers none\n  nameserver a \
         127.0.0.1:{dead_port}\n"
    );
    let started =
        Proxy::build(Peer::Haproxy, &haproxy, &text).listener(listen).directory(scratch).start().await;
    let proxy = started.unwrap_or_else(|fault| panic!("{fault}"));
    let cfg = proxy.directory().file("haproxy.cfg").display().to_string();
    let arguments = ["--haproxy", &socket, "--haproxy-cfg", &cfg, "--interval", "3"].map(str::to_owned);
    let (report, code) = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        doctor(&arguments, "")
    })
    .await
    .unwrap();
    let found = findings(&report);
    assert_eq!(code, 1, "{report:#}");
    let has = |start: &str| found.iter().any(|line| line.starts_with(start));
    assert!(has("H501 missing error proven"), "{found:?}");
    assert!(has("O822 hung error proven"), "{found:?}");
    assert!(has("D113 names error"), "{found:?}");
    assert!(has("T201 dead error proven") || has("T215 dead error"), "{found:?}");
    assert!(has("H517 options error") || has("H504 options error"), "{found:?}");
    assert!(!found.iter().any(|line| line.contains(" well ")), "{found:?}");
    // A socket of the lowest level shows no certificates, which is said.
    assert_eq!(check(&report, "haproxy.permissions"), "inconclusive", "{report:#}");
    assert!(evidence(&report, "H501").contains("L7STS 404"), "{report:#}");
}

#[test]
fn what_is_no_stats_socket_is_unreachable() {
    assert_eq!(doctor(&["--haproxy", "/nonexistent.sock"], "").1, 3);
}
