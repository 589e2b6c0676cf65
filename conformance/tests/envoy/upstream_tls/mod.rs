//! TLS with back-ends, and PROXY headers in front of it.

mod handshakes;
mod names;
mod proxy_protocol;
mod trust;

use std::sync::OnceLock;

use causeway_conformance::{Authority, Case, Identity, Pki, TlsServer, Wish};

pub(crate) fn cases() -> Vec<Case> {
    [handshakes::cases(), names::cases(), proxy_protocol::cases(), trust::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Identities of servers that are not as they should be.
struct Odd {
    expired: Identity,
    ahead: Identity,
    for_clients: Identity,
    below: Identity,
    own: Identity,
    rogue: Identity,
}

fn odd() -> &'static Odd {
    static ODD: OnceLock<Odd> = OnceLock::new();
    ODD.get_or_init(|| {
        let root = &Pki::get().authority;
        let between = root.intermediate("between");
        let server = || Wish::server("lab.test");
        Odd {
            expired: root.issue(&server().valid(2020, 2021)),
            ahead: root.issue(&server().valid(2090, 2091)),
            for_clients: root.issue(&server().client_only()),
            below: between.issue(&server()).with_chain(&[&between]),
            own: Identity::self_signed(&server()),
            rogue: Authority::new("rogue").issue(&server()),
        }
    })
}

fn with(identity: &Identity) -> TlsServer {
    TlsServer::with(identity, false, &[], rustls::ALL_VERSIONS)
}

/// A server as it should be.
fn good() -> TlsServer {
    TlsServer::new("server", false, &[])
}

/// What the log tells.
const LOG: &str = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %UPSTREAM_TLS_VERSION% %UPSTREAM_TLS_CIPHER% %UPSTREAM_TLS_GROUP% %UPSTREAM_PEER_SUBJECT% %UPSTREAM_PEER_ISSUER% %UPSTREAM_PEER_DNS_SAN% %UPSTREAM_PEER_IP_SAN% %UPSTREAM_LOCAL_URI_SAN%";

/// What is counted.
const COUNTED: &[&str] = &[
    "cluster.app.ssl.connection_error",
    "cluster.app.ssl.fail_verify_cert_hash",
    "cluster.app.ssl.fail_verify_error",
    "cluster.app.ssl.fail_verify_san",
    "cluster.app.ssl.handshake",
    "cluster.app.ssl.no_certificate",
    "cluster.app.ssl.session_reused",
    "cluster.app.upstream_cx_connect_fail",
    "cluster.app.upstream_cx_connect_timeout",
    "cluster.app.upstream_cx_destroy_local",
    "cluster.app.upstream_cx_destroy_remote",
];

const TYPE: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

/// A transport socket of TLS with this context, in one line.
fn tls(context: &str) -> String {
    format!("transport_socket: {{name: tls, typed_config: {{\"@type\": {TYPE}, {context}}}}}")
}

/// A context that trusts our root, with more of the validation context.
fn trusting(more: &str) -> String {
    format!(
        "common_tls_context: {{validation_context: {{trusted_ca: {{filename: '{{{{dir}}}}/ca.pem'}}{more}}}}}"
    )
}

/// A back-end that speaks TLS, a cluster with this context, and what is seen of one request.
fn case(name: &'static str, server: fn() -> TlsServer, context: &str) -> Case {
    files(Case::new(name).echoes(&["app"]).secure("app", server).cluster("app", &tls(context)).log(LOG))
}

/// The same with one request, and what is counted.
fn asked(name: &'static str, server: fn() -> TlsServer, context: &str) -> Case {
    case(name, server, context).get("/").stats(COUNTED)
}

/// The certificates lie in the folder of the run.
fn files(case: Case) -> Case {
    let pki = Pki::get();
    let (client, server, rogue) = (pki.identity("client"), pki.identity("server"), pki.identity("rogue"));
    case.with_file("ca.pem", &pki.authority.certificate())
        .with_file("client.pem", &client.certificate)
        .with_file("client.key", &client.key)
        .with_file("rogue.pem", &rogue.certificate)
        .with_file("rogue.key", &rogue.key)
        .with_file("server.pem", &server.certificate)
        .with_file("own.pem", &odd().own.certificate)
}

/// A certificate that is shown to back-ends.
fn showing(name: &str) -> String {
    format!(
        "tls_certificates: [{{certificate_chain: {{filename: '{{{{dir}}}}/{name}.pem'}}, private_key: {{filename: '{{{{dir}}}}/{name}.key'}}}}]"
    )
}
