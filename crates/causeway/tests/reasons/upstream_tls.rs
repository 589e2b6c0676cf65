//! Handshakes with back-ends that come to nothing.

use causeway_reason::Reason;
use causeway_testkit::{Answer, Authority, Identity, Pki, Script, TlsServer, Wish};

use crate::case::Case;

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = certificates();
    cases.extend(parameters());
    cases.extend(first_bytes());
    cases
}

/// The back-end's certificate is not as it should be.
fn certificates() -> Vec<Case> {
    let root = &Pki::get().authority;
    let wish = || Wish::server("lab.test");
    let between = root.intermediate("between");
    // The same name and another key: what it signs does not fit the root that is trusted.
    let twin = Authority::new("test root");
    vec![
        shown(Reason::UpstreamTlsExpired, &root.issue(&wish().valid(2020, 2021)), "").evidence("2021"),
        shown(Reason::UpstreamTlsNotYetValid, &root.issue(&wish().valid(2090, 2091)), "").evidence("2090"),
        shown(Reason::UpstreamTlsUnknownIssuer, &between.issue(&wish()), "").evidence("between"),
        shown(Reason::UpstreamTlsSelfSigned, &Identity::self_signed(&wish()), "").evidence("lab.test"),
        shown(Reason::UpstreamTlsRevoked, &root.issue(&wish().serial(0x77)), &list(root, &[0x77]))
            .evidence("77"),
        shown(
            Reason::UpstreamTlsRevocationUnknown,
            &root.issue(&wish()),
            &list(&Authority::new("other root"), &[]),
        )
        .evidence("test root"),
        shown(Reason::UpstreamTlsPurpose, &root.issue(&wish().client_only()), "").evidence("lab.test"),
        shown(
            Reason::UpstreamTlsNameMismatch,
            &root.issue(&wish()),
            ", match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: other.test}}]",
        )
        .evidence("lab.test"),
        shown(
            Reason::UpstreamTlsPinMismatch,
            &root.issue(&wish()),
            &format!(", verify_certificate_hash: [\"{}\"]", "00".repeat(32)),
        )
        .evidence("lab.test"),
        shown(Reason::UpstreamTlsBadCertificate, &twin.issue(&wish()), "").evidence("lab.test"),
    ]
}

/// Both sides find no way to speak.
fn parameters() -> Vec<Case> {
    let only = |demands, version| TlsServer::with(Pki::get().identity("server"), demands, &[], &[version]);
    let rogue = Pki::get().identity("rogue");
    let showing = format!(
        "common_tls_context: {{tls_certificates: [{{certificate_chain: {{inline_string: {}}}, private_key: \
         {{inline_string: {}}}}}]}}",
        quoted(&rogue.certificate),
        quoted(&rogue.key)
    );
    vec![
        of(Reason::UpstreamTlsClientCertificateMissing, "sni: lab.test")
            .secure(only(true, &rustls::version::TLS12))
            .evidence("none is configured"),
        of(Reason::UpstreamTlsClientCertificateRefused, &showing)
            .secure(only(true, &rustls::version::TLS12))
            .evidence("got ours"),
        of(Reason::UpstreamTlsVersion, "sni: lab.test")
            .secure(only(false, &rustls::version::TLS13))
            .evidence("\"protocol version\" (70)"),
        of(
            Reason::UpstreamTlsNotReady,
            "common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3}}",
        )
        .secure(only(false, &rustls::version::TLS13))
        .evidence("version"),
    ]
}

/// What the back-end says in place of a handshake.
fn first_bytes() -> Vec<Case> {
    let says = |reason, answer| of(reason, "sni: lab.test").plays(Script::echo().greeting(answer));
    let alert = |reason, number| says(reason, Answer::raw([21, 3, 3, 0, 2, 2, number]).then_close());
    vec![
        alert(Reason::UpstreamTlsNoCommonParameters, 40).evidence("\"handshake failure\" (40)"),
        alert(Reason::UpstreamTlsServerName, 112).evidence("for \"lab.test\""),
        alert(Reason::UpstreamTlsAlpn, 120).evidence("(120)"),
        alert(Reason::UpstreamTlsAlert, 80).evidence("\"internal error\" (80)"),
        says(Reason::UpstreamTlsPlain, Answer::raw(*b"HTTP/1.1 400 Bad Request\r\n\r\n").then_close())
            .evidence("no TLS"),
        // A ServerHello without anything in it.
        says(Reason::UpstreamTlsBroken, Answer::raw([22, 3, 3, 0, 4, 2, 0, 0, 0]).then_close())
            .evidence("for \"lab.test\""),
        says(Reason::UpstreamTlsClosed, Answer::close()).evidence("was closed"),
        says(Reason::UpstreamTlsReset, Answer::reset()).evidence("reset"),
        says(Reason::UpstreamTlsTimeout, Answer::hang())
            .cluster("connect_timeout: 0.2s")
            .evidence("connected, but"),
    ]
}

/// The back-end shows this, and our root is trusted; with more of the validation context.
fn shown(reason: Reason, identity: &Identity, more: &str) -> Case {
    let root = quoted(&Pki::get().authority.certificate());
    let context = format!(
        "sni: lab.test, common_tls_context: {{validation_context: {{trusted_ca: {{inline_string: {root}}}{more}}}}}"
    );
    of(reason, &context).secure(TlsServer::with(identity, false, &[], rustls::ALL_VERSIONS))
}

/// A cluster with TLS.
fn of(reason: Reason, context: &str) -> Case {
    Case::of(reason).cluster(format!(
        "transport_socket: {{name: tls, typed_config: {{\"@type\": {CONTEXT}, {context}}}}}"
    ))
}

fn list(authority: &Authority, serials: &[u64]) -> String {
    format!(", crl: {{inline_string: {}}}", quoted(&authority.revokes(serials)))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\n', "\\n"))
}
