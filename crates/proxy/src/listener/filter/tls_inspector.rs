//! `envoy.filters.listener.tls_inspector`: whether a client speaks TLS, and what it says of itself before anybody
//! answers.

use causeway_inspect::tls::{ClientHello, Fault, Parsed, REJECTED, ja3, ja4, parse};
use causeway_model::TlsInspector;
use causeway_reason::{Failure, Reason};
use causeway_stats::{Registry, Scope, ScopeName, Shard, schema};
use causeway_tls::certificate::{hex, sha256};

use super::{Look, Looked};
use crate::listener::Inspected;

schema! {
    /// `tls_inspector.`
    pub(super) enum TlsInspectorStat {
        /// The client named protocols.
        AlpnFound = counter "alpn_found",
        /// It named none.
        AlpnNotFound = counter "alpn_not_found",
        /// Bytes that were looked at.
        BytesProcessed = histogram "bytes_processed",
        /// The ClientHello was larger than allowed.
        ClientHelloTooLarge = counter "client_hello_too_large",
        /// The client asked for a name.
        SniFound = counter "sni_found",
        /// It asked for none.
        SniNotFound = counter "sni_not_found",
        /// TLS.
        TlsFound = counter "tls_found",
        /// No TLS.
        TlsNotFound = counter "tls_not_found",
    }
}

/// Its statistics, which all inspectors share.
pub(super) type TlsInspectorScope = Scope<TlsInspectorStat>;

pub(super) fn scope(registry: &Registry) -> TlsInspectorScope {
    registry.scope(ScopeName::root().then("tls_inspector"))
}

/// Versions of TLS begin here; clients that offer less are refused by Envoy before anything else.
const TLS_1_0: u16 = 0x0301;

/// The filter as one worker has it.
#[derive(Debug)]
pub(super) struct TlsInspectorFilter {
    config: TlsInspector,
    stats: Shard<TlsInspectorStat>,
}

impl TlsInspectorFilter {
    pub(super) fn new(config: &TlsInspector, scope: &TlsInspectorScope, worker: usize) -> Self {
        Self { config: config.clone(), stats: scope.shard(worker) }
    }

    pub(super) fn look(&self, connection: &mut Looked<'_>) -> Look {
        let held = connection.bytes.filled();
        let most = usize::try_from(self.config.max_client_hello_size).unwrap_or(usize::MAX);
        let mut scratch = Vec::new();
        match parse(held, &mut scratch) {
            Ok(Parsed::NeedMore(_)) if held.len() >= most => {
                self.stats.inc(TlsInspectorStat::ClientHelloTooLarge);
                Look::Close(Some(no_tls(Fault::MessageLength(held.len()), held)))
            }
            Ok(Parsed::NeedMore(wanted)) => Look::More(wanted.min(most)),
            Ok(Parsed::Complete(hello)) if hello.length > most => {
                self.stats.inc(TlsInspectorStat::ClientHelloTooLarge);
                Look::Close(Some(no_tls(Fault::MessageLength(hello.length), held)))
            }
            Ok(Parsed::Complete(hello)) => {
                self.stats.record(TlsInspectorStat::BytesProcessed, hello.length as u64);
                let is_old = hello.version < TLS_1_0;
                let found = self.found(&hello);
                self.stats.inc(if is_old {
                    TlsInspectorStat::TlsNotFound
                } else {
                    TlsInspectorStat::TlsFound
                });
                if is_old {
                    connection.info.course.ending().no_tls.set(Some(REJECTED));
                    return Look::Close(None);
                }
                let inspected = connection.found();
                inspected.transport_protocol = "tls";
                inspected.server_name = found.server_name;
                inspected.application_protocols = found.application_protocols;
                inspected.ja3 = found.ja3;
                inspected.ja4 = found.ja4;
                Look::Done
            }
            Err(fault) => {
                self.stats.record(TlsInspectorStat::BytesProcessed, held.len() as u64);
                connection.info.course.ending().no_tls.set(Some(fault.boring_ssl()));
                let closes = self.config.close_connection_on_client_hello_parsing_errors;
                self.stats.inc(match fault {
                    Fault::MessageLength(_) if closes => TlsInspectorStat::ClientHelloTooLarge,
                    _ => TlsInspectorStat::TlsNotFound,
                });
                if closes { Look::Close(Some(no_tls(fault, held))) } else { Look::Done }
            }
        }
    }

    /// What a ClientHello says.
    fn found(&self, hello: &ClientHello<'_>) -> Inspected {
        let protocols: Vec<Box<str>> =
            hello.application_protocols().map(|protocol| String::from_utf8_lossy(protocol).into()).collect();
        let name = hello.server_name.map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
        self.stats.inc(match name {
            Some(_) => TlsInspectorStat::SniFound,
            None => TlsInspectorStat::SniNotFound,
        });
        if hello.version >= TLS_1_0 {
            self.stats.inc(if protocols.is_empty() {
                TlsInspectorStat::AlpnNotFound
            } else {
                TlsInspectorStat::AlpnFound
            });
        }
        let digits = |bytes: &[u8]| hex(&sha256(bytes));
        Inspected {
            server_name: name.unwrap_or_default().into(),
            application_protocols: protocols,
            ja3: self.config.enable_ja3_fingerprinting.then(|| ja3(hello).into()),
            ja4: self.config.enable_ja4_fingerprinting.then(|| ja4(hello).join(digits).into()),
            ..Inspected::default()
        }
    }
}

/// Why a connection is closed that TLS can't be spoken on.
fn no_tls(fault: Fault, held: &[u8]) -> Box<Failure> {
    let first = causeway_http::h1::first_bytes(held);
    Box::new(Failure::new(Reason::ClientHelloInvalid).with_evidence(format!("{fault}; {first}")))
}
