//! TLS towards servers.

use std::time::Duration;

use causeway_testkit::{Answer, Identity, Pki, Reply, Script, TlsServer, Wish};

use super::case::Case;

const TRUSTING: &str = "ssl verify required ca-file ca.pem sni str(lab.test)";

fn server(clients: bool) -> TlsServer {
    TlsServer::new("server", clients, &[])
}

fn only(version: &'static rustls::SupportedProtocolVersion) -> TlsServer {
    TlsServer::with(Pki::get().identity("server"), false, &[], &[version])
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = certificates();
    cases.extend(clients());
    cases.extend(parameters());
    cases
}

fn certificates() -> Vec<Case> {
    let root = &Pki::get().authority;
    let wish = || Wish::server("lab.test");
    let shown = |name, codes, identity: &Identity| {
        Case::new(name, codes)
            .secure(TlsServer::with(identity, false, &[], rustls::ALL_VERSIONS))
            .server(TRUSTING)
    };
    let stranger = causeway_testkit::Authority::new("somebody else's root");
    vec![
        shown("an authority that is not trusted", &["S303"], &stranger.issue(&wish())),
        shown("an authority that is not trusted, and it is checked", &["S303"], &stranger.issue(&wish()))
            .server("check inter 500"),
        shown("the certificate has signed itself", &["S321"], &Identity::self_signed(&wish())),
        shown("the certificate has expired", &["S304"], &root.issue(&wish().valid(2020, 2021))),
        shown(
            "the certificate has expired, and it is checked",
            &["S304"],
            &root.issue(&wish().valid(2020, 2021)),
        )
        .server("check inter 500"),
        shown("the certificate is of the future", &["S320"], &root.issue(&wish().valid(2090, 2091))),
        Case::new("the certificate has another name", &["S305"])
            .secure(server(false))
            .server("ssl verify required ca-file ca.pem verifyhost other.test"),
        Case::new("the certificate has another name than sni", &["S305"]).secure(server(false)).server(
            "ssl verify required ca-file ca.pem sni str(other.test) check inter 500 check-sni lab.test",
        ),
        Case::new("the certificate is revoked", &["S322"])
            .secure(TlsServer::with(&root.issue(&wish().serial(0x77)), false, &[], rustls::ALL_VERSIONS))
            .file("crl.pem", root.revokes(&[0x77]))
            .server(TRUSTING)
            .server("crl-file crl.pem"),
    ]
}

/// The server wants a certificate.
fn clients() -> Vec<Case> {
    let pki = Pki::get();
    let demanding = |version: &'static rustls::SupportedProtocolVersion| {
        TlsServer::with(pki.identity("server"), true, &[], &[version])
    };
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    let case = |name, codes, version| Case::new(name, codes).secure(demanding(version)).server(TRUSTING);
    let showing = |case: Case, name| case.pem("own.pem", pki.identity(name)).server("crt own.pem");
    vec![
        case("no client certificate, TLS 1.2", &["S306"], old),
        case("no client certificate, TLS 1.3", &["S306"], new),
        case("no client certificate, and the page is checked", &["S306"], new)
            .backend("option httpchk GET /health")
            .server("check inter 500"),
        showing(case("a client certificate of a stranger, TLS 1.2", &["S307"], old), "rogue"),
        showing(case("a client certificate of a stranger, TLS 1.3", &["S307"], new), "rogue"),
        showing(case("an expired client certificate, TLS 1.2", &["S308"], old), "old"),
        showing(case("an expired client certificate, TLS 1.3", &["S308"], new), "old"),
    ]
}

fn parameters() -> Vec<Case> {
    let says = |name, codes, answer: Answer| {
        Case::new(name, codes).plays(Script::echo().greeting(answer)).server(TRUSTING)
    };
    let alert =
        |name, codes, number| says(name, codes, Answer::raw([21, 3, 3, 0, 2, 2, number]).then_close());
    vec![
        Case::new("TLS to a plain port", &["S301"]).plays(Reply::ok("plain")).server("ssl verify none"),
        Case::new("TLS to a plain port, and it is checked", &["S301"])
            .plays(Reply::ok("plain"))
            .server("ssl verify none check inter 500"),
        Case::new("plain to a TLS port", &["S302"]).secure(server(false)),
        Case::new("plain to a TLS port of version 1.2", &["S302"]).secure(only(&rustls::version::TLS12)),
        Case::new("plain to a TLS port that wants a certificate", &["S302"]).secure(server(true)),
        Case::new("plain to a TLS port, and connecting is the check", &["S302"])
            .secure(server(false))
            .server("check inter 500"),
        Case::new("TLS 1.3 alone, and 1.2 is the most", &["S310"])
            .secure(only(&rustls::version::TLS13))
            .server(TRUSTING)
            .server("ssl-max-ver TLSv1.2"),
        Case::new("TLS 1.2 alone, and 1.3 is the least", &["S310"])
            .secure(only(&rustls::version::TLS12))
            .server(TRUSTING)
            .server("ssl-min-ver TLSv1.3"),
        alert("no cipher in common", &["S311"], 40),
        alert("the name is unknown", &["S309"], 112),
        alert("another alert", &["S327"], 80),
        says("a handshake that is closed", &["S329"], Answer::close()),
        says("a handshake that is silent", &["S331"], Answer::hang()).requests(1),
        says(
            "a handshake that is reset",
            &["S330"],
            Answer::default().then_pause(Duration::from_millis(50)).then_reset(),
        ),
        // An HAProxy in front of certificates of names alone: without sni it refuses.
        Case::new("the server wants a name, and sni is missing", &["S309"])
            .sections(
                "frontend names\n  bind 127.0.0.1:PORT ssl crt server.both strict-sni\n  http-request return status 200",
            )
            .pem("server.both", Pki::get().identity("server"))
            .behind(crate::world::Behind::Nobody)
            .frontend("http-request set-header Host lab.test")
            .server("ssl verify none"),
        Case::new("the server wants a name, and check-sni is missing", &["S309"])
            .sections(
                "frontend names\n  bind 127.0.0.1:PORT ssl crt server.both strict-sni\n  http-request return status 200",
            )
            .pem("server.both", Pki::get().identity("server"))
            .behind(crate::world::Behind::Nobody)
            .server("ssl verify none sni str(lab.test) check inter 500"),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    let well = |name, clients| Case::new(name, &[]).secure(server(clients)).server(TRUSTING);
    vec![
        well("TLS with its root", false),
        well("TLS with its root, and it is checked", false)
            .backend("option httpchk GET /health")
            .server("check inter 500 check-sni lab.test"),
        well("TLS of both sides", true).pem("own.pem", Pki::get().identity("client")).server("crt own.pem"),
        Case::new("TLS that verifies nothing", &[])
            .secure(server(false))
            .server("ssl verify none check inter 500"),
        Case::new("TLS without a name", &[])
            .secure(server(false))
            .server("ssl verify required ca-file ca.pem"),
        Case::new("TLS for the check alone", &[])
            .secure(server(false))
            .server("ssl verify none check check-ssl inter 500 port PORT"),
    ]
}
