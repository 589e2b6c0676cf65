//! Files of other shapes, and a doctor that is given less: what the other rooms make in one way is made in another.

use std::time::Duration;

use causeway_testkit::{Answer, DnsAnswer, Pki, Reply, Script, TlsServer};

use super::case::Case;
use super::names::RESOLVERS;
use crate::world::Behind;

fn here() -> DnsAnswer {
    DnsAnswer::addresses(["127.0.0.1".parse().expect("an address")])
}

fn tls() -> TlsServer {
    TlsServer::new("server", false, &[])
}

/// A page that says this, at a server that is well.
fn page(name: &'static str, codes: &'static [&'static str], health: Reply) -> Case {
    Case::new(name, codes).plays(Script::by(move |request| match request.path() {
        "/health" => health.clone().into(),
        _ => Answer::from(Reply::ok("")),
    }))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = files();
    cases.extend(checks());
    cases.extend(less());
    cases
}

fn files() -> Vec<Case> {
    vec![
        Case::new("a template whose servers are gone", &["T201"])
            .behind(Behind::Nobody)
            .no_server_line()
            .backend("server-template app 3 app.test:PORT check inter 500 resolvers dns init-addr none")
            .sections(RESOLVERS)
            .dns(here()),
        Case::new("a template of servers that speak TLS, which nobody has told it", &["S302"])
            .secure(tls())
            .no_server_line()
            .backend("server-template app 1-2 app.test:PORT resolvers dns init-addr none")
            .sections(RESOLVERS)
            .dns(here()),
        Case::new("a listen section with TLS to a plain port", &["S301"])
            .plays(Reply::ok(""))
            .frontend("default_backend both")
            .sections("listen both\n  bind unix@both.sock\n  server b1 BEHIND ssl verify none"),
        Case::new("TLS by default-server to a plain port", &["S301"])
            .plays(Reply::ok(""))
            .backend("default-server ssl verify none"),
        Case::new("a default-server that checks a page that is not there", &["H501"])
            .plays(Script::by(|request| Answer::from(Reply::status(if request.path() == "/health" { 404 } else { 200 }))))
            .defaults("default-server check inter 500")
            .defaults("option httpchk GET /health"),
        Case::new("two servers, each with its own fault", &["S302", "T201"])
            .secure(tls())
            .backend("server dead 127.0.0.1:1"),
        Case::new("two backends, and the same line for two faults", &["S303", "T201"])
            .secure(TlsServer::with(
                &causeway_testkit::Authority::new("a stranger").issue(&causeway_testkit::Wish::server("lab.test")),
                false,
                &[],
                rustls::ALL_VERSIONS,
            ))
            .server("ssl verify required ca-file ca.pem")
            .sections("frontend two\n  bind unix@two.sock\n  default_backend gone\nbackend gone\n  server g1 127.0.0.1:1"),
        Case::new("certificates in folders of their own", &["S305"])
            .secure(tls())
            .sections("global\n  ca-base .")
            .server("ssl verify required ca-file ca.pem verifyhost other.test"),
        Case::new("nobody at an address of IPv6", &["T201"]).at("[::1]:1").server("check inter 500"),
        Case::new("the spare one is used, since the other is gone", &["T201"])
            .backend("server main 127.0.0.1:1 check inter 500")
            .server("check inter 500 backup"),
        Case::new("another server is tried", &["T201"])
            .defaults("option redispatch 1")
            .defaults("retries 2")
            .backend("server dead 127.0.0.1:1"),
        Case::new("its only server has no weight", &["H521"]).server("weight 0 check inter 500"),
        Case::new("no address at the start, and nobody looks again", &["D113"])
            .at("nosuch.invalid:80")
            .server("init-addr none"),
        Case::new("one of two name servers is silent", &["D105"])
            .at("app.test:PORT")
            .server("check inter 500 resolvers two init-addr none")
            .sections("resolvers two\n  nameserver good DNS\n  nameserver bad 127.0.0.1:1\n  timeout resolve 200ms\n  timeout retry 200ms\n  hold valid 200ms")
            .dns(here())
            .until(|running| running.is_up() && running.tell("show resolvers").matches("sent:").count() == 2),
        Case::new("a connection of TCP is cut", &["P450"])
            .defaults("mode tcp")
            .defaults("option tcplog")
            .plays(Answer::raw("part of it").then_pause(Duration::from_millis(100)).then_reset()),
        Case::new("HTTP/2 by ALPN, from a server that closes", &["P412"])
            .plays(Answer::close())
            .server("alpn h2"),
        Case::new("a firewall drops, and it is tried three times", &["T204"])
            .in_namespace(|netns| netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j DROP"))
            .behind(Behind::Inside("127.0.0.1:8000", "127.0.0.1:8000"))
            .defaults("timeout connect 300ms")
            .defaults("retries 2")
            .requests(1),
    ]
}

fn checks() -> Vec<Case> {
    let tcp = |name, codes| Case::new(name, codes).defaults("mode tcp").defaults("option tcplog");
    vec![
        page("404, and the status has to match", &["H501"], Reply::status(404))
            .backend("option httpchk GET /health")
            .backend("http-check expect rstatus ^2")
            .server("check inter 500"),
        page("404 takes it out softly", &["H521"], Reply::status(404))
            .backend("option httpchk GET /health")
            .backend("http-check disable-on-404")
            .server("check inter 500")
            .until(|running| running.tell("show stat").contains(",NOLB,")),
        page("the text is not there", &["H522"], Reply::ok("all is broken"))
            .backend("option httpchk GET /health")
            .backend("http-check expect string well")
            .server("check inter 500"),
        tcp("no Redis answers", &["H507"])
            .plays(Script::echo().greeting(Answer::raw("-ERR nothing here\r\n")))
            .backend("option redis-check")
            .server("check inter 500"),
        tcp("Redis does not answer", &["O822"])
            .plays(Answer::hang())
            .backend("option redis-check")
            .server("check inter 500"),
        tcp("another word than the expected one", &["H507"])
            .plays(Script::echo().greeting(Answer::raw("220 mail\r\n")))
            .backend("option tcp-check")
            .backend("tcp-check expect string +PONG")
            .server("check inter 500"),
        Case::new("checked in TLS, and it is plain", &["S301"])
            .plays(Reply::ok(""))
            .server("check check-ssl verify none inter 500"),
        Case::new("checked by connecting to a port where nobody is", &["T201"])
            .server("check inter 500 port 1"),
        Case::new("the rule of the check connects elsewhere", &["T201"])
            .backend("option httpchk GET /health")
            .backend("http-check connect port 1")
            .server("check inter 500"),
    ]
}

/// The doctor is given less.
fn less() -> Vec<Case> {
    let dead = |name| Case::new(name, &["T201"]).behind(Behind::Nobody);
    vec![
        dead("nobody listens, and there is no file").without_cfg().server("check inter 500"),
        dead("nobody listens, and there is no log").without_log(),
        dead("nobody listens, and there is a socket of the lowest level alone")
            .without_cfg()
            .without_log()
            .level("user")
            .server("check inter 500"),
        dead("nobody listens, and there is a log and a socket of the lowest level")
            .without_cfg()
            .level("user"),
        page("404, and there is no file", &["H501"], Reply::status(404))
            .backend("option httpchk GET /health")
            .server("check inter 500")
            .without_cfg(),
        page("404, and there is a socket of the lowest level", &["H501"], Reply::status(404))
            .backend("option httpchk GET /health")
            .server("check inter 500")
            .level("user"),
        Case::new("it closes without an answer, and there is no log", &["P412"])
            .plays(Answer::close())
            .without_log(),
        Case::new("plain to a TLS port, and there is no file", &["S302"]).secure(tls()).without_cfg(),
        Case::new("TLS to a plain port, and there is no file", &["S301"])
            .plays(Reply::ok(""))
            .server("ssl verify none check inter 500")
            .without_cfg(),
        Case::new("the certificate for clients has expired, and the socket does not show it", &["K919"])
            .bind("ssl crt site.pem")
            .pem(
                "site.pem",
                &Pki::get().authority.issue(&causeway_testkit::Wish::server("lab.test").valid(2020, 2021)),
            )
            .level("user"),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    vec![
        Case::new("a template with slots that are free", &[])
            .no_server_line()
            .backend("server-template app 3 app.test:PORT check inter 500 resolvers dns init-addr none")
            .sections(RESOLVERS)
            .dns(here()),
        Case::new("a check by HEAD in the old form", &[])
            .backend("option httpchk HEAD / HTTP/1.0")
            .server("check inter 500"),
        Case::new("anything but 5xx is well", &[])
            .plays(Reply::status(404))
            .backend("option httpchk GET /health")
            .backend("http-check expect ! rstatus ^5")
            .server("check inter 500"),
        Case::new("a port of its own for the check", &[])
            .sections("frontend health\n  bind 127.0.0.2:PORT\n  no log\n  http-request return status 200")
            .backend("option httpchk GET /health")
            .server("check inter 500 addr 127.0.0.2"),
        Case::new("a name for requests, and one for checks", &[])
            .behind(Behind::Nobody)
            .sections("frontend names\n  bind 127.0.0.1:PORT ssl crt server.both strict-sni\n  no log\n  http-request return status 200")
            .pem("server.both", Pki::get().identity("server"))
            .server("ssl verify none sni str(lab.test) check inter 500 check-sni lab.test"),
        Case::new("a word is expected, and comes", &[])
            .defaults("mode tcp")
            .defaults("option tcplog")
            .plays(Script::echo().greeting(Answer::raw("+PONG\r\n")))
            .backend("option tcp-check")
            .backend("tcp-check expect string +PONG")
            .server("check inter 500"),
        Case::new("one of two has no weight", &[]).server("check inter 500").backend("server s2 BEHIND weight 0 check inter 500"),
        Case::new("HTTP/2 by ALPN, and the server has none", &[]).secure(tls()).server("ssl verify none alpn h2,http/1.1"),
        Case::new("HTTP/2 by ALPN, and the server has it", &[])
            .behind(Behind::Secure(TlsServer::new("server", false, &["h2"]), Script::echo().http2()))
            .server("ssl verify none alpn h2,http/1.1"),
        Case::new("a host that a rule sets", &[])
            .plays(Script::by(|request| match request.headers.get("host") {
                Some("www.example.test") => Reply::ok("").into(),
                _ => Answer::from(Reply::status(421)),
            }))
            .backend("http-request set-header Host www.example.test"),
        Case::new("it answers, and there is no file", &[]).without_cfg().server("check inter 500"),
        Case::new("it answers, and there is a socket of the lowest level alone", &[])
            .without_cfg()
            .without_log()
            .level("user"),
        Case::new("TLS, and there is no file", &[]).secure(tls()).server("ssl verify none check inter 500").without_cfg(),
        Case::new("TLS of both sides, and there is no file", &[])
            .secure(TlsServer::new("server", true, &[]))
            .pem("own.pem", Pki::get().identity("client"))
            .server("ssl verify none crt own.pem")
            .without_cfg(),
    ]
}
