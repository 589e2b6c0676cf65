//! The TLS handshake with a back-end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use causeway_model::Address;
use causeway_reason::Failure;
use causeway_tls::client::{Wanted, take_asked};
use causeway_tls::identity::Identity;
use causeway_tls::names;
use causeway_tls::verify::take_rejection;
use causeway_upstream::{
    HandshakeError, HandshakeSeen, Host, Tls, Unusable, count_handshake, handshake_failure,
    handshake_not_ready, ready, stat_of,
};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;

use crate::cluster::LocalCluster;
use crate::io::{Session, TlsError, TlsStream, Transport};
use crate::way::Way;

/// What is known of the TLS of a connection to a back-end, for logs.
#[derive(Debug)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3`
    pub(crate) version: Option<&'static str>,
    /// The suite, by its name in BoringSSL.
    pub(crate) cipher: Option<&'static str>,
    /// The group of the key exchange.
    pub(crate) group: Option<&'static str>,
    /// The back-end's certificate.
    pub(crate) peer: Option<CertificateDer<'static>>,
    /// The name that was asked for; empty where none was.
    pub(crate) server_name: Box<str>,
    /// What we have to show.
    pub(crate) identity: Option<Arc<Identity>>,
    /// HTTP/2 is what both agreed on by ALPN.
    pub(crate) http2: bool,
}

/// Does the handshake, and counts it.
pub(super) async fn shake_hands(
    stream: Transport,
    address: &Address,
    tls: &Tls,
    host: &Host,
    cluster: &LocalCluster,
    way: Option<&Way>,
    alpn: &[&str],
) -> Result<(Transport, TlsFacts), Failure> {
    let began = Instant::now();
    let state = tls.settings().map_err(|why| {
        cluster.count_tls_not_ready(&why);
        handshake_not_ready(address, &why)
    })?;
    let Some(settings) = ready(&state) else {
        let why = Unusable::Broken("the context is not ready".to_owned());
        return Err(handshake_not_ready(address, &why));
    };
    let (config, name, shown) = settings.connection(&Wanted {
        hostname: host.hostname(),
        address: address.ip().map(|address| address.ip()),
        server_name: way.and_then(|way| way.server_name.as_deref()),
        expected: way.and_then(|way| way.expected.as_deref()),
        alpn,
        alpn_override: &[],
    });
    let mut seen = HandshakeSeen {
        has_certificate: settings.identity.is_some(),
        server_name: shown,
        ..HandshakeSeen::default()
    };
    let failed = |error: HandshakeError, mut seen: HandshakeSeen| {
        seen.elapsed = began.elapsed();
        let (failure, counter) = handshake_failure(address, &error, &seen);
        if let (Some(ssl), Some(counter)) = (cluster.ssl(), counter) {
            ssl.inc(stat_of(counter));
        }
        failure
    };
    let session = match UnbufferedClientConnection::new(config, name) {
        Ok(session) => session,
        Err(error) => return Err(failed(HandshakeError::Tls(error), seen)),
    };
    let mut stream = TlsStream::new(stream, Session::Client(session), Vec::new());
    let result = poll_fn(|cx| {
        // What other handshakes on this thread have left is not about this one.
        let _ = (take_asked(), take_rejection());
        let polled = stream.poll_handshake(cx);
        seen.asked |= take_asked();
        if let Poll::Ready(Err(_)) = &polled {
            seen.rejection = take_rejection();
        }
        polled
    })
    .await;
    let common = stream.session();
    if let Err(error) = result {
        seen.answered = common.protocol_version().is_some();
        let error = match error {
            TlsError::Tls(error) => HandshakeError::Tls(error),
            TlsError::Io(error) => HandshakeError::Io(error),
        };
        return Err(failed(error, seen));
    }
    if let Some(ssl) = cluster.ssl() {
        count_handshake(ssl, common, settings);
    }
    let facts = TlsFacts {
        version: common.protocol_version().map(names::version),
        cipher: common.negotiated_cipher_suite().map(|suite| names::cipher(suite.suite())),
        group: settings.group_of(common),
        peer: common.peer_certificates().and_then(|chain| chain.first()).map(|it| it.clone().into_owned()),
        server_name: seen.server_name,
        identity: settings.identity.clone(),
        http2: common.alpn_protocol() == Some(b"h2"),
    };
    Ok((Transport::Tls(Box::new(stream)), facts))
}
