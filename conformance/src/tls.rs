//! Cases about TLS with clients.
//!
//! The certificates of [`Pki`] lie in `{{dir}}`: `server.pem` and `server.key`, and so on.

use causeway_testkit::{NoResponse, Pki, Request, TlsWish};
use serde_json::{Value, json};

use crate::case::Case;
use crate::run::Run;
use crate::text::yaml;

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/// What a connection came to where it is refused: with TLS 1.3 a client learns that late, or early, or by a reset.
const REFUSED: &str = "refused";

impl Case {
    /// TLS on the listener, with more fields of the context, and of `common_tls_context` beside the certificate
    /// `server`; without that one where they name another.
    #[must_use]
    pub fn tls(self, context: &str, common: &str) -> Self {
        let (context, common) = (yaml(context), yaml(common));
        let indented = |text: &str, by: usize| crate::text::indent(text, by);
        let own = if common.contains("tls_certificate") {
            ""
        } else {
            "      tls_certificates: [{certificate_chain: {filename: {{dir}}/server.pem}, private_key: {filename: {{dir}}/server.key}}]\n"
        };
        self.chain(&format!(
            "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n{}    common_tls_context:\n      \
             alpn_protocols: []\n{own}{}",
            indented(&context, 4),
            indented(&common, 6)
        ))
    }

    /// A client shakes hands and asks for `/`. What it agreed on with the proxy, whom it was shown, and the answer are
    /// compared.
    #[must_use]
    pub fn shake(self, label: &'static str, wish: TlsWish) -> Self {
        self.shake_and_ask(label, wish, Request::get("/"))
    }

    /// The same with any request.
    #[must_use]
    pub fn shake_and_ask(self, label: &'static str, wish: TlsWish, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let seen = shaken(run, &wish.clone().client(), &request).await;
            run.note(label, seen);
        })
    }

    /// One client after the other by the same wish, which may take up earlier sessions.
    #[must_use]
    pub fn shake_again(self, label: &'static str, wish: TlsWish, times: usize) -> Self {
        self.step(async move |run: &mut Run| {
            let client = wish.clone().client();
            for time in 0..times {
                let seen = shaken(run, &client, &Request::get("/")).await;
                run.note(format!("{label} {time}"), seen);
            }
        })
    }

    /// Like [`Self::shake_and_ask`], where the client speaks HTTP/2, whatever was agreed on.
    #[must_use]
    pub fn shake_and_stream(self, label: &'static str, wish: TlsWish, request: Request) -> Self {
        self.step(async move |run: &mut Run| {
            let mut streams = wish.clone().client().streams(run.listener()).await.expect("a connection");
            let result = streams.ask(&request).await;
            run.note_response(label.to_owned(), &result);
        })
    }
}

async fn shaken(run: &Run, client: &causeway_testkit::TlsClient, request: &Request) -> Value {
    let Ok(mut connection) = client.open(run.listener()).await else { return json!(REFUSED) };
    let Some(handshake) = connection.handshake().cloned() else { return json!(REFUSED) };
    let answer = match connection.exchange(request).await {
        Ok(response) => json!({"status": response.status, "body": response.text()}),
        Err(NoResponse { .. }) => return json!(REFUSED),
    };
    json!({
        "version": handshake.version,
        "cipher": handshake.cipher,
        "group": handshake.group,
        "alpn": handshake.alpn,
        "certificate": handshake.peer_name(),
        "resumed": handshake.resumed,
        "answer": answer,
    })
}

/// Writes the certificates where a case names them.
pub(crate) fn write_certificates(config: &str, directory: &std::path::Path) {
    if config.contains(".pem") {
        Pki::get().write_to(directory);
    }
}
