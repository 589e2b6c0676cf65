//! Health checks.

use std::time::Duration;

use causeway_testkit::{Answer, Reply, Script, TlsServer};

use super::case::Case;

/// It serves, and its health page says this.
fn page(name: &'static str, codes: &'static [&'static str], health: impl Into<Answer>) -> Case {
    let health = health.into();
    Case::new(name, codes)
        .plays(Script::by(move |request| match request.path() {
            "/health" => health.clone(),
            _ => Reply::ok("served").into(),
        }))
        .backend("option httpchk GET /health")
        .server("check inter 500")
}

/// It knows requests by their method, as a servlet's filter does.
fn by_method(fails: &'static str, status: u16) -> Script {
    Script::by(move |request| Answer::from(Reply::status(if request.method == fails { status } else { 200 })))
}

pub(super) fn cases() -> Vec<Case> {
    let by_host = |status: u16| {
        Script::by(move |request| match request.headers.get("host") {
            Some("www.example.test") => Answer::from(Reply::ok("")),
            _ => Answer::from(Reply::status(status)),
        })
    };
    vec![
        page("404", &["H501"], Reply::status(404)),
        page("401", &["H503"], Reply::status(401)),
        page("403", &["H503"], Reply::status(403)),
        page("500 for the page", &["H504"], Reply::status(500)),
        page("503 for the page", &["H504"], Reply::status(503)),
        page("418 for the page", &["H522"], Reply::status(418)),
        page("a status that is not the expected one", &["H522"], Reply::ok(""))
            .backend("http-check expect status 204"),
        Case::new("OPTIONS fails", &["H517"])
            .plays(by_method("OPTIONS", 500))
            .backend("option httpchk")
            .server("check inter 500"),
        Case::new("OPTIONS is not allowed", &["H517"])
            .plays(by_method("OPTIONS", 405))
            .backend("option httpchk")
            .server("check inter 500"),
        Case::new("OPTIONS is forbidden", &["H517"])
            .plays(by_method("OPTIONS", 403))
            .backend("option httpchk /health")
            .server("check inter 500"),
        Case::new("HEAD is not allowed", &["H517"])
            .plays(by_method("HEAD", 405))
            .backend("option httpchk HEAD /health")
            .server("check inter 500"),
        Case::new("the host of the check is unknown", &["H505"])
            .plays(by_host(404))
            .backend("option httpchk GET /health HTTP/1.1\\r\\nHost:\\ old.example.test")
            .frontend("acl ours hdr(host) -i www.example.test")
            .frontend("use_backend app if ours")
            .server("check inter 500"),
        Case::new("the check has no host", &["H505"])
            .plays(by_host(400))
            .backend("option httpchk GET /health")
            .frontend("use_backend app if { hdr(host) -i www.example.test }")
            .server("check inter 500"),
        page(
            "the page is slow, and only inter says how slow it may be",
            &["O822"],
            Answer::from(Reply::ok("")).after(Duration::from_millis(800)),
        ),
        page("the page never answers, and only inter says how long it may take", &["O822"], Answer::hang()),
        page(
            "the page takes longer than HAProxy's two seconds",
            &["O822"],
            Answer::from(Reply::ok("")).after(Duration::from_secs(3)),
        )
        .server("inter 2s"),
        // 2.6 cuts a check at `inter` or `timeout connect` all the same, whichever is shorter.
        page("the page never answers within timeout check", &["H506"], Answer::hang())
            .backend("timeout check 300ms"),
        page("the page closes", &["H523"], Answer::close()),
        page("the page resets", &["H523"], Answer::reset()),
        Case::new("the check is sent to a port of something else", &["H507"])
            .plays(Script::echo().greeting(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n")))
            .sections("frontend inner\n  bind 127.0.0.2:PORT\n  no log\n  http-request return status 200")
            .at("127.0.0.2:PORT")
            .backend("option httpchk GET /health")
            .server("check inter 500 addr 127.0.0.1 port PORT"),
        Case::new("checked in clear on another port, where TLS is", &["H507"])
            .secure(TlsServer::new("server", false, &[]))
            .backend("option httpchk GET /health")
            .server("ssl verify none check inter 500 port PORT"),
        Case::new("all of it is TLS, and the page is checked in clear", &["S302"])
            .secure(TlsServer::new("server", false, &[]))
            .backend("option httpchk GET /health")
            .server("check inter 500"),
        Case::new("the check is sent to a port where nobody is", &["T201"])
            .backend("option httpchk GET /health")
            .server("check inter 500 port 1"),
        Case::new("connecting is the check, and every request fails", &["P417"])
            .noted(&["H510"])
            .plays(Reply::status(500))
            .server("check inter 500"),
        Case::new("all are checked, and all want something else", &["H501"])
            .plays(Script::by(|request| match request.path() {
                "/health" => Reply::status(404).into(),
                _ => Answer::from(Reply::ok("")),
            }))
            .backend("option httpchk GET /health")
            .backend("server s2 BEHIND check inter 500")
            .server("check inter 500"),
        Case::new("the agent says that it is down", &["H525"])
            .plays(Script::echo().greeting(Answer::raw("down\n").then_close()))
            .sections("frontend inner\n  bind unix@inner.sock\n  no log\n  http-request return status 200")
            .at("unix@inner.sock")
            .server("agent-check agent-inter 500 agent-addr 127.0.0.1 agent-port PORT"),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    vec![
        page("its page is checked", &[], Reply::ok("")),
        // HAProxy takes it for healthy; Envoy would not.
        page("its page redirects", &[], Reply::status(301).header("location", "/health/")),
        page("204 is expected", &[], Reply::status(204)).backend("http-check expect status 204"),
        page("401 is expected", &[], Reply::status(401)).backend("http-check expect status 401"),
        page("a text is expected", &[], Reply::ok("all is well")).backend("http-check expect string well"),
        page(
            "the page is slow, and may be",
            &[],
            Answer::from(Reply::ok("")).after(Duration::from_millis(500)),
        )
        .server("inter 1500"),
        Case::new("the check has the host", &[])
            .plays(Script::by(|request| match request.headers.get("host") {
                Some("www.example.test") => Reply::ok("").into(),
                _ => Answer::from(Reply::status(404)),
            }))
            .backend("option httpchk")
            .backend("http-check send meth GET uri /health hdr Host www.example.test")
            .server("check inter 500"),
    ]
}
