//! What is counted about TLS with clients, by Envoy's names.

use std::cell::RefCell;

use causeway_model::DownstreamTls;
use causeway_stats::{DynamicCounter, Registry, Scope, ScopeName, Shard, schema};
use causeway_tls::failure::FailureKind;
use causeway_tls::names;
use causeway_tls::server::{Noted, ServerState};
use causeway_tls::verify::{Counter, Verdict};
use causeway_upstream::CertificateScopes;
use rustls::{CommonState, HandshakeKind};

schema! {
    /// `listener.<address>.ssl.`
    pub enum SslStat {
        /// Handshakes that failed for other reasons than the client's certificate.
        ConnectionError = counter "connection_error",
        /// Certificates without a hash that is asked for.
        FailVerifyCertHash = counter "fail_verify_cert_hash",
        /// Certificates that are not trusted.
        FailVerifyError = counter "fail_verify_error",
        /// Clients without the certificate that is demanded.
        FailVerifyNoCert = counter "fail_verify_no_cert",
        /// Certificates without a name that is asked for.
        FailVerifySan = counter "fail_verify_san",
        /// Handshakes.
        Handshake = counter "handshake",
        /// Handshakes of clients without a certificate.
        NoCertificate = counter "no_certificate",
        /// Handshakes that failed for want of an OCSP response.
        OcspStapleFailed = counter "ocsp_staple_failed",
        /// Handshakes without an OCSP response.
        OcspStapleOmitted = counter "ocsp_staple_omitted",
        /// Clients that take OCSP responses.
        OcspStapleRequests = counter "ocsp_staple_requests",
        /// Handshakes with an OCSP response.
        OcspStapleResponses = counter "ocsp_staple_responses",
        /// Handshakes that took up an earlier session.
        SessionReused = counter "session_reused",
    }
}

schema! {
    /// `listener.<address>.server_ssl_socket_factory.`
    pub enum SslSocketFactoryStat {
        /// Connections refused because a secret is missing.
        DownstreamContextSecretsNotReady = counter "downstream_context_secrets_not_ready",
        /// Secrets that came or changed.
        SslContextUpdateBySds = counter "ssl_context_update_by_sds",
        /// The same for back-ends.
        UpstreamContextSecretsNotReady = counter "upstream_context_secrets_not_ready",
    }
}

/// The scopes of a context.
#[derive(Debug)]
pub(super) struct TlsScopes {
    ssl: Scope<SslStat>,
    factory: Scope<SslSocketFactoryStat>,
    certificates: CertificateScopes,
}

impl TlsScopes {
    pub(super) fn new(registry: &Registry, listener: &ScopeName, config: &DownstreamTls) -> Self {
        let ssl = || listener.clone().then("ssl");
        Self {
            ssl: registry.scope(ssl()),
            factory: registry.scope(listener.clone().then("server_ssl_socket_factory")),
            certificates: CertificateScopes::new(registry, &ssl(), &config.common),
        }
    }

    /// Shows when certificates end to be valid.
    pub(super) fn show_expiry(&self, state: &ServerState, shard: usize) {
        self.certificates.show_expiry(&state.identities, &state.authorities, shard);
    }

    /// What is on disk now is used.
    pub(super) fn renewed(&self, by_secret: bool, shard: usize) {
        self.certificates.renewed(shard);
        if by_secret {
            self.factory.shard(shard).inc(SslSocketFactoryStat::SslContextUpdateBySds);
        }
    }

    /// What is on disk now can't be used.
    pub(super) fn renewal_failed(&self, shard: usize) {
        self.certificates.renewal_failed(shard);
    }

    /// The cells of one worker.
    pub(super) fn shard(&self, worker: usize) -> TlsShards {
        TlsShards {
            ssl: self.ssl.shard(worker),
            factory: self.factory.shard(worker),
            named: RefCell::default(),
        }
    }
}

/// One worker's cells of a context.
#[derive(Debug)]
pub(super) struct TlsShards {
    ssl: Shard<SslStat>,
    factory: Shard<SslSocketFactoryStat>,
    /// What is counted by name: kind and name.
    named: RefCell<Vec<(&'static str, &'static str, DynamicCounter)>>,
}

impl TlsShards {
    /// A handshake is over.
    pub(super) fn shaken(&self, session: &CommonState, noted: &Noted, asked_for_staple: bool) {
        self.ssl.inc(SslStat::Handshake);
        let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        if resumed {
            self.ssl.inc(SslStat::SessionReused);
        }
        if let Some(suite) = session.negotiated_cipher_suite() {
            self.count("ciphers", names::cipher(suite.suite()));
        }
        if let Some(group) = session.negotiated_key_exchange_group() {
            self.count("curves", names::curve(group.name()));
        }
        if let Some(scheme) = noted.signature {
            self.count("sigalgs", names::signature(scheme));
        }
        if let Some(version) = session.protocol_version() {
            self.count("versions", names::version(version));
        }
        if session.peer_certificates().is_none_or(<[_]>::is_empty) {
            self.ssl.inc(SslStat::NoCertificate);
        }
        if let Some(Verdict::Tolerated(counter)) = noted.verdict {
            self.refused(counter);
        }
        if asked_for_staple && !resumed {
            self.ssl.inc(SslStat::OcspStapleRequests);
            self.ssl.inc(if noted.stapled {
                SslStat::OcspStapleResponses
            } else {
                SslStat::OcspStapleOmitted
            });
        }
    }

    /// A handshake failed.
    pub(super) fn failed(&self, kind: FailureKind, noted: &Noted) {
        if noted.staple_failed {
            self.ssl.inc(SslStat::OcspStapleRequests);
            self.ssl.inc(SslStat::OcspStapleFailed);
        }
        match kind {
            FailureKind::CertificateMissing => self.ssl.inc(SslStat::FailVerifyNoCert),
            FailureKind::CertificateRefused(counter) => self.refused(counter),
            FailureKind::NotTls
            | FailureKind::Version
            | FailureKind::NoSharedCipher
            | FailureKind::NoStaple
            | FailureKind::Alert
            | FailureKind::Broken => self.ssl.inc(SslStat::ConnectionError),
        }
    }

    /// A secret is missing.
    pub(super) fn not_ready(&self) {
        self.factory.inc(SslSocketFactoryStat::DownstreamContextSecretsNotReady);
    }

    fn refused(&self, counter: Counter) {
        self.ssl.inc(match counter {
            Counter::VerifyError => SslStat::FailVerifyError,
            Counter::Name => SslStat::FailVerifySan,
            Counter::CertificateHash => SslStat::FailVerifyCertHash,
            Counter::ConnectionError => SslStat::ConnectionError,
        });
    }

    fn count(&self, kind: &'static str, name: &'static str) {
        let mut named = self.named.borrow_mut();
        if let Some((_, _, counter)) = named.iter().find(|known| (known.0, known.1) == (kind, name)) {
            counter.inc();
            return;
        }
        let counter = self.ssl.dynamic(&format!("{kind}.{name}"));
        counter.inc();
        named.push((kind, name, counter));
    }
}
