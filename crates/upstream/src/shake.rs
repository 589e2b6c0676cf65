//! A handshake with a back-end outside of a worker's pool: that of a health check, or of whoever examines a back-end.

use std::future::poll_fn;
use std::time::Instant;

use causeway_model::Address;
use causeway_reason::Failure;
use causeway_tls::client::{ClientSettings, Wanted, take_asked};
use causeway_tls::verify::{Counter, take_rejection};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::Stream;
use crate::handshake::{HandshakeError, HandshakeSeen, handshake_failure};

/// A handshake that is complete, as far as this side knows: with TLS 1.3 a back-end that does not take the client
/// certificate says so later.
#[derive(Debug)]
pub struct Shaken {
    /// The connection.
    pub stream: Box<TlsStream<Stream>>,
    /// The back-end has asked for a certificate.
    pub asked: bool,
    /// The name that was asked for; empty where none was.
    pub server_name: Box<str>,
}

/// Why there is none.
#[derive(Debug)]
pub struct NotShaken {
    /// The cause.
    pub failure: Failure,
    /// What is counted for it below `ssl.`.
    pub counter: Option<Counter>,
    /// The back-end has asked for a certificate.
    pub asked: bool,
    /// The name that was asked for; empty where none was.
    pub server_name: Box<str>,
}

/// Shakes hands on a connection that began to be made at `began`. There is no time limit: the caller has one.
///
/// # Errors
///
/// Why it failed.
pub async fn shake_hands(
    stream: Stream,
    address: &Address,
    settings: &ClientSettings,
    wanted: &Wanted<'_>,
    began: Instant,
) -> Result<Shaken, NotShaken> {
    let (config, name, shown) = settings.connection(wanted);
    let mut seen = HandshakeSeen {
        has_certificate: settings.identity.is_some(),
        server_name: shown,
        ..HandshakeSeen::default()
    };
    let mut connecting = Box::pin(TlsConnector::from(config).connect(name, stream));
    let result = poll_fn(|cx| {
        let _ = (take_asked(), take_rejection());
        let polled = connecting.as_mut().poll(cx);
        seen.asked |= take_asked();
        if let std::task::Poll::Ready(Err(_)) = &polled {
            seen.rejection = take_rejection();
        }
        polled
    })
    .await;
    match result {
        Ok(stream) => {
            Ok(Shaken { stream: Box::new(stream), asked: seen.asked, server_name: seen.server_name })
        }
        Err(error) => {
            seen.elapsed = began.elapsed();
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
            let error = inner.map_or(HandshakeError::Io(error), HandshakeError::Tls);
            let (failure, counter) = handshake_failure(address, &error, &seen);
            Err(NotShaken { failure, counter, asked: seen.asked, server_name: seen.server_name })
        }
    }
}
