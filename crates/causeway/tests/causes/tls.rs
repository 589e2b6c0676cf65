//! TLS towards back-ends.

use std::time::Duration;

use causeway_testkit::{Answer, Authority, Identity, Pki, Reply, Script, TlsServer, Wish};

use crate::case::Case;

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

/// The back-end's certificate is trusted.
pub(crate) fn trusting(more: &str) -> String {
    let root = quoted(&Pki::get().authority.certificate());
    context(&format!(
        "sni: lab.test, common_tls_context: {{validation_context: {{trusted_ca: {{inline_string: {root}}}}}{more}}}"
    ))
}

/// A cluster with TLS.
pub(crate) fn context(fields: &str) -> String {
    format!("transport_socket: {{name: tls, typed_config: {{\"@type\": {CONTEXT}, {fields}}}}}")
}

/// The client certificate that is shown.
pub(crate) fn showing(identity: &Identity) -> String {
    format!(
        ", tls_certificates: [{{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}]",
        quoted(&identity.certificate),
        quoted(&identity.key)
    )
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\n', "\\n"))
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = certificates();
    cases.extend(clients());
    cases.extend(parameters());
    cases
}

fn certificates() -> Vec<Case> {
    let root = &Pki::get().authority;
    let wish = || Wish::server("lab.test");
    let between = root.intermediate("between");
    let twin = Authority::new("test root");
    let shown = |name, codes, identity: &Identity| {
        Case::new(name, codes)
            .secure(TlsServer::with(identity, false, &[], rustls::ALL_VERSIONS), Script::echo())
            .cluster(trusting(""))
    };
    let root_text = quoted(&root.certificate());
    let matching = |more: &str| {
        context(&format!(
            "sni: lab.test, common_tls_context: {{validation_context: {{trusted_ca: {{inline_string: {root_text}}}{more}}}}}"
        ))
    };
    let server = || TlsServer::with(&root.issue(&wish()), false, &[], rustls::ALL_VERSIONS);
    let of = |name, codes, more: &str| {
        Case::new(name, codes).secure(server(), Script::echo()).cluster(matching(more))
    };
    let revoked = quoted(&root.revokes(&[0x77]));
    vec![
        shown("the certificate has expired", &["S304"], &root.issue(&wish().valid(2020, 2021))),
        shown("the certificate is of the future", &["S320"], &root.issue(&wish().valid(2090, 2091))),
        shown("the chain is not complete", &["S303"], &between.issue(&wish())),
        shown("the certificate has signed itself", &["S321"], &Identity::self_signed(&wish())),
        shown("the certificate is for clients", &["S324"], &root.issue(&wish().client_only())),
        shown("the certificate is forged", &["S326"], &twin.issue(&wish())),
        of(
            "the certificate has another name",
            &["S305"],
            ", match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: other.test}}]",
        ),
        of(
            "the certificate is not the one that was pinned",
            &["S325"],
            &format!(", verify_certificate_hash: [\"{}\"]", "00".repeat(32)),
        ),
        Case::new("the certificate is revoked", &["S322"])
            .secure(
                TlsServer::with(&root.issue(&wish().serial(0x77)), false, &[], rustls::ALL_VERSIONS),
                Script::echo(),
            )
            .cluster(matching(&format!(", crl: {{inline_string: {revoked}}}"))),
        of(
            "the list of revoked ones is of somebody else",
            &["S323"],
            &format!(", crl: {{inline_string: {}}}", quoted(&Authority::new("other root").revokes(&[]))),
        ),
    ]
}

/// The back-end wants a certificate.
fn clients() -> Vec<Case> {
    let pki = Pki::get();
    let demanding = |version: &'static rustls::SupportedProtocolVersion| {
        TlsServer::with(pki.identity("server"), true, &[], &[version])
    };
    let both = ", tls_params: {tls_maximum_protocol_version: TLSv1_3}";
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    let case = |name, codes, version, more: &str| {
        Case::new(name, codes).secure(demanding(version), Script::echo()).cluster(trusting(more))
    };
    vec![
        case("no client certificate, TLS 1.2", &["S306"], old, ""),
        case("no client certificate, TLS 1.3", &["S306"], new, both),
        case("a client certificate of a stranger, TLS 1.2", &["S307"], old, &showing(pki.identity("rogue"))),
        case(
            "a client certificate of a stranger, TLS 1.3",
            &["S307"],
            new,
            &format!("{both}{}", showing(pki.identity("rogue"))),
        ),
        case("an expired client certificate, TLS 1.2", &["S308"], old, &showing(pki.identity("old"))),
        case(
            "an expired client certificate, TLS 1.3",
            &["S308"],
            new,
            &format!("{both}{}", showing(pki.identity("old"))),
        ),
        case("no client certificate, and no alert", &["S306"], old, "").tacit(),
        case(
            "a client certificate of a stranger, and no alert",
            &["S307"],
            old,
            &showing(pki.identity("rogue")),
        )
        .tacit(),
        case("an expired client certificate, and no alert", &["S308"], old, &showing(pki.identity("old")))
            .tacit(),
        case("no client certificate for a TCP proxy", &["S306"], new, both).tcp(),
    ]
}

fn parameters() -> Vec<Case> {
    let only = |version| TlsServer::with(Pki::get().identity("server"), false, &[], &[version]);
    let says = |name, codes, answer: Answer| {
        Case::new(name, codes).plays(Script::echo().greeting(answer)).cluster(context("sni: lab.test"))
    };
    let alert =
        |name, codes, number| says(name, codes, Answer::raw([21, 3, 3, 0, 2, 2, number]).then_close());
    vec![
        Case::new("TLS to a plain port", &["S301"])
            .plays(Reply::ok("plain"))
            .cluster(context("sni: lab.test"))
            .fixed_by("transport_socket"),
        Case::new("plain to a TLS port", &["S302"]).secure(only(&rustls::version::TLS13), Script::echo()),
        Case::new("plain to a TLS port of version 1.2", &["S302"])
            .secure(only(&rustls::version::TLS12), Script::echo()),
        Case::new("plain to a TLS port that wants a certificate", &["S302"])
            .secure(TlsServer::new("server", true, &[]), Script::echo()),
        Case::new("plain to a TLS port, and no alert", &["S302"])
            .secure(only(&rustls::version::TLS13), Script::echo())
            .tacit(),
        Case::new("TLS 1.3 alone", &["S310"])
            .secure(only(&rustls::version::TLS13), Script::echo())
            .cluster(context("sni: lab.test"))
            .fixed_by("TLSv1_3"),
        Case::new("TLS 1.3 alone, and no alert", &["S310"])
            .secure(only(&rustls::version::TLS13), Script::echo())
            .tacit()
            .cluster(context("sni: lab.test")),
        Case::new("h2 without ALPN on the other side", &["S313"])
            .secure(only(&rustls::version::TLS12), Script::echo())
            .cluster(context("sni: lab.test"))
            .cluster("http2_protocol_options: {}"),
        Case::new("versions that exclude each other", &["S332"])
            .secure(only(&rustls::version::TLS13), Script::echo())
            .cluster(context("common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3}}")),
        alert("no cipher in common", &["S311"], 40),
        alert("the name is unknown", &["S309"], 112),
        alert("no protocol in common", &["S313"], 120),
        alert("another alert", &["S327"], 80),
        says("a handshake that is broken", &["S328"], Answer::raw([22, 3, 3, 0, 4, 2, 0, 0, 0]).then_close()),
        Case::new("a handshake that is closed", &["S329"]).hangs_up().cluster(context("sni: lab.test")),
        says(
            "a handshake that is reset",
            &["S330"],
            Answer::default().then_pause(Duration::from_millis(50)).then_reset(),
        ),
        says("a handshake that is silent", &["S331"], Answer::hang()),
    ]
}
