//! What is counted about TLS with clients, by Envoy's names.

use std::cell::RefCell;

use causeway_model::DownstreamTls;
use causeway_stats::{DynamicCounter, Registry, Scope, ScopeName, Shard, schema};
use causeway_tls::failure::FailureKind;
use causeway_tls::names;
use causeway_tls::server::{Noted, ServerState, Verdict};
use causeway_tls::verify::Counter;
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

schema! {
    /// `listener.<address>.ssl.certificate.<name>.`
    pub enum CertificateStat {
        /// When the certificate ends to be valid, in seconds since 1970.
        ExpirationUnixTimeSeconds = gauge "expiration_unix_time_seconds",
    }
}

schema! {
    /// `listener.<address>.ssl.causeway_certificates.`: not Envoy's.
    pub enum RenewalStat {
        /// Files that changed and are used.
        Renewed = counter "renewed",
        /// Files that changed and can't be used.
        RenewalFailed = counter "renewal_failed",
        /// 1 while what was there before is used in place of what is there now.
        Stale = gauge "stale",
    }
}

/// What Envoy calls a certificate that has no name: the beginning of the hash of nothing.
const UNNAMED: &str = "unnamed_cert_e3b0c442";
/// The same for authorities.
const UNNAMED_AUTHORITY: &str = "unnamed_ca_cert_e3b0c442";

/// The scopes of a context.
#[derive(Debug)]
pub(super) struct TlsScopes {
    ssl: Scope<SslStat>,
    factory: Scope<SslSocketFactoryStat>,
    renewal: Scope<RenewalStat>,
    /// For each certificate.
    own: Vec<Scope<CertificateStat>>,
    authority: Option<Scope<CertificateStat>>,
}

impl TlsScopes {
    pub(super) fn new(registry: &Registry, listener: &ScopeName, config: &DownstreamTls) -> Self {
        let ssl = || listener.clone().then("ssl");
        let named = |name: &str, otherwise: &str| {
            let name = if name.is_empty() { otherwise } else { name };
            registry.scope(ssl().then("certificate").then(name))
        };
        let common = &config.common;
        Self {
            ssl: registry.scope(ssl()),
            factory: registry.scope(listener.clone().then("server_ssl_socket_factory")),
            renewal: registry.scope(ssl().then("causeway_certificates")),
            own: common.certificates.iter().map(|secret| named(&secret.name, UNNAMED)).collect(),
            authority: common.validation.as_ref().map(|validation| {
                let name = validation.secret.as_ref().map(|secret| &*secret.name).unwrap_or_default();
                named(name, UNNAMED_AUTHORITY)
            }),
        }
    }

    /// Shows when certificates end to be valid; of several without a name the last, as Envoy does.
    pub(super) fn show_expiry(&self, state: &ServerState, shard: usize) {
        for (scope, identity) in self.own.iter().zip(&state.identities) {
            scope.shard(shard).set(CertificateStat::ExpirationUnixTimeSeconds, identity.expires());
        }
        if let (Some(scope), Some(first)) = (&self.authority, state.authorities.facts.first()) {
            scope.shard(shard).set(CertificateStat::ExpirationUnixTimeSeconds, first.not_after);
        }
    }

    /// What is on disk now is used.
    pub(super) fn renewed(&self, by_secret: bool, shard: usize) {
        let renewal = self.renewal.shard(shard);
        renewal.inc(RenewalStat::Renewed);
        renewal.set(RenewalStat::Stale, 0);
        if by_secret {
            self.factory.shard(shard).inc(SslSocketFactoryStat::SslContextUpdateBySds);
        }
    }

    /// What is on disk now can't be used.
    pub(super) fn renewal_failed(&self, shard: usize) {
        let renewal = self.renewal.shard(shard);
        renewal.inc(RenewalStat::RenewalFailed);
        renewal.set(RenewalStat::Stale, 1);
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
            self.ssl.inc(SslStat::OcspStapleFailed);
        }
        match kind {
            FailureKind::CertificateMissing => self.ssl.inc(SslStat::FailVerifyNoCert),
            FailureKind::CertificateRefused(counter) => self.refused(counter),
            FailureKind::NotTls
            | FailureKind::Version
            | FailureKind::NoSharedCipher
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
