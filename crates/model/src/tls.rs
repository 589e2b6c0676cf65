//! TLS towards clients and back-ends: `extensions.transport_sockets.tls.v3`.
//!
//! What is written in a file stays a path here: whoever needs the bytes reads them, and reads them again when the
//! file changes.

use std::sync::Arc;
use std::time::Duration;

use crate::{SourcePosition, StringMatcher};

/// `config.core.v3.DataSource`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum DataSource {
    /// `filename`: the path of a file.
    File(Arc<str>),
    /// `inline_bytes`, `inline_string`, and what `environment_variable` held when the file was read.
    Inline(Arc<[u8]>),
}

impl std::fmt::Debug for DataSource {
    /// Shows no bytes: some of them are private keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
        }
    }
}

/// Something that is written where it is used, or elsewhere and used by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret<T> {
    /// Its name (`SdsSecretConfig.name`); empty where it is written in place.
    pub name: Arc<str>,
    /// Where it is discovered; `None` where it stands in the configuration itself, in place or among
    /// `static_resources.secrets`.
    pub file: Option<SecretFile>,
    /// What it is; of a discovered one, what it was when the configuration was read. `None` where the
    /// file has no such secret yet: Envoy runs then, and refuses connections until it has.
    pub value: Option<T>,
}

impl<T> Secret<T> {
    /// Whether it was found in a file of its own.
    #[must_use]
    pub const fn is_discovered(&self) -> bool {
        self.file.is_some() && self.value.is_some()
    }

    /// One that is written in place.
    #[must_use]
    pub fn in_place(value: T) -> Self {
        Self { name: "".into(), file: None, value: Some(value) }
    }
}

/// A file of secrets (`SdsSecretConfig.sds_config` with `path_config_source` or the deprecated `path`): a
/// `service.discovery.v3.DiscoveryResponse` of `Secret`s.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretFile {
    /// The file.
    pub path: Arc<str>,
    /// The directory that is watched for moves instead (`path_config_source.watched_directory`).
    pub watched_directory: Option<Arc<str>>,
}

/// `Secret`, as `static_resources.secrets` and files of secrets have it.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedSecret {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub value: SecretValue,
}

/// What a secret is.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretValue {
    /// `tls_certificate`.
    Certificate(Arc<TlsCertificate>),
    /// `validation_context`.
    Validation(Arc<CertificateValidation>),
    /// `session_ticket_keys`.
    TicketKeys(Vec<DataSource>),
}

/// `CommonTlsContext`: what both sides have.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonTls {
    /// Where the context is written.
    pub position: SourcePosition,
    /// `tls_params`.
    pub params: TlsParams,
    /// `tls_certificates`, and `tls_certificate_sds_secret_configs` behind them.
    pub certificates: Vec<Secret<Arc<TlsCertificate>>>,
    /// `validation_context`, `validation_context_sds_secret_config`, `combined_validation_context`;
    /// without one nobody is verified.
    pub validation: Option<Validation>,
    /// `alpn_protocols`, the best first.
    pub alpn: Vec<Box<str>>,
}

impl CommonTls {
    /// How many of its secrets were found in files of their own.
    #[must_use]
    pub fn discovered(&self) -> u64 {
        let certificates = self.certificates.iter().map(Secret::is_discovered);
        let validation = self.validation.iter().filter_map(|validation| validation.secret.as_ref());
        let found = certificates.chain(validation.map(Secret::is_discovered)).filter(|found| *found);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    }
}

/// `DownstreamTlsContext`.
#[derive(Debug, Clone, PartialEq)]
pub struct DownstreamTls {
    /// What both sides have.
    pub common: CommonTls,
    /// Whether clients need a certificate (`require_client_certificate`).
    pub require_client_certificate: bool,
    /// Whether clients have to name a server (`require_sni`).
    pub require_sni: bool,
    /// `session_ticket_keys`, `session_ticket_keys_sds_secret_config`: the first seals, all open. Keys of
    /// the process's own where there are none.
    pub session_ticket_keys: Option<Secret<Vec<DataSource>>>,
    /// How long a session may be resumed (`session_timeout`); 2 h unless set.
    pub session_timeout: Option<Duration>,
    /// Whether sessions are not resumed from tickets (`disable_stateless_session_resumption`).
    pub disable_stateless_session_resumption: bool,
    /// Whether sessions are not resumed from this side's memory (`disable_stateful_session_resumption`).
    pub disable_stateful_session_resumption: bool,
    /// What happens without a fresh OCSP response (`ocsp_staple_policy`).
    pub ocsp_staple_policy: OcspStaplePolicy,
    /// Whether, where no certificate bears the name that the client asked for, all are tried rather than
    /// the first alone (`full_scan_certs_on_sni_mismatch`).
    pub full_scan_certs_on_sni_mismatch: bool,
    /// Whether the client's order of cipher suites counts (`prefer_client_ciphers`).
    pub prefer_client_ciphers: bool,
}

impl DownstreamTls {
    /// Whether clients are refused that show no certificate. Where what is asked of them is a secret that is not there
    /// yet, nobody is let in.
    #[must_use]
    pub fn demands_certificate(&self) -> bool {
        self.common.validation.as_ref().is_some_and(|validation| {
            self.require_client_certificate
                || validation.merged().is_some_and(|merged| merged.demands_certificate())
        })
    }
}

/// `UpstreamTlsContext`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamTls {
    /// What both sides have.
    pub common: CommonTls,
    /// The name to ask for (`sni`); none where empty.
    pub sni: Box<str>,
    /// Whether the endpoint's `hostname` is the name to ask for, where it has one (`auto_host_sni`).
    pub auto_host_sni: bool,
    /// Whether the certificate has to bear the name that was asked for (`auto_sni_san_validation`).
    pub auto_sni_san_validation: bool,
    /// Sessions that are kept to be resumed (`max_session_keys`); 1 unless set, 0 none.
    pub max_session_keys: u32,
}

/// `DownstreamTlsContext.OcspStaplePolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OcspStaplePolicy {
    /// A response that is fresh is stapled; without one the certificate is used all the same.
    #[default]
    Lenient,
    /// A certificate with a response that is not fresh is not used.
    Strict,
    /// A certificate without a fresh response is not used.
    MustStaple,
}

/// `TlsCertificate`.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsCertificate {
    /// Where it is written.
    pub position: SourcePosition,
    /// The certificate and those above it (`certificate_chain`), as PEM; `None` where `pkcs12` has all.
    pub chain: Option<DataSource>,
    /// `private_key`, as PEM.
    pub private_key: Option<DataSource>,
    /// What the private key is encrypted with (`password`).
    pub password: Option<DataSource>,
    /// An OCSP response as DER, to be stapled (`ocsp_staple`).
    pub ocsp_staple: Option<DataSource>,
    /// The directory that is watched for moves rather than the files themselves (`watched_directory`).
    pub watched_directory: Option<Arc<str>>,
}

/// Whom to trust.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// `validation_context`, `combined_validation_context.default_validation_context`.
    pub fixed: Option<Arc<CertificateValidation>>,
    /// `validation_context_sds_secret_config`, alone or combined with the former.
    pub secret: Option<Secret<Arc<CertificateValidation>>>,
}

impl Validation {
    /// Both as one, as Envoy merges them: what the secret says is added to lists, and replaces the rest.
    /// `None` as long as the secret is not there.
    #[must_use]
    pub fn merged(&self) -> Option<CertificateValidation> {
        match (&self.fixed, &self.secret) {
            (Some(fixed), None) => Some(CertificateValidation::clone(fixed)),
            (None, Some(secret)) => secret.value.as_deref().cloned(),
            (Some(fixed), Some(secret)) => Some(fixed.merge(secret.value.as_deref()?)),
            (None, None) => None,
        }
    }
}

/// `CertificateValidationContext`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CertificateValidation {
    /// Where it is written.
    pub position: SourcePosition,
    /// Certificates that are trusted, as PEM (`trusted_ca`).
    pub trusted_ca: Option<DataSource>,
    /// Whether the system's own are trusted (`system_root_certs`).
    pub system_root_certs: bool,
    /// Revoked certificates (`crl`), as PEM.
    pub crl: Option<DataSource>,
    /// The directory that is watched for moves rather than the files themselves (`watched_directory`).
    pub watched_directory: Option<Arc<str>>,
    /// SHA-256 of the certificate (`verify_certificate_hash`); one of these, or of the next.
    pub certificate_hashes: Vec<[u8; 32]>,
    /// SHA-256 of its public key (`verify_certificate_spki`).
    pub spki_hashes: Vec<[u8; 32]>,
    /// Names of which the certificate bears one (`match_typed_subject_alt_names`, and the deprecated
    /// `match_subject_alt_names` as a matcher for each kind of name).
    pub subject_alt_names: Vec<SanMatcher>,
    /// Whether certificates that are not trusted are taken (`trust_chain_verification:
    /// ACCEPT_UNTRUSTED`).
    pub accept_untrusted: bool,
    /// Whether certificates are taken whose time is over, or has not come (`allow_expired_certificate`).
    pub allow_expired_certificate: bool,
    /// Whether only the peer's own certificate is looked for in `crl` (`only_verify_leaf_cert_crl`).
    pub only_verify_leaf_cert_crl: bool,
    /// Certificates that may stand above the peer's own, the trusted one included (`max_verify_depth`); 100
    /// unless set.
    pub max_verify_depth: Option<u32>,
    /// Whether clients are not told whom we trust (`suppress_client_ca_list`).
    pub suppress_client_ca_list: bool,
}

impl CertificateValidation {
    /// Whether clients need a certificate even where `require_client_certificate` is not set: names and hashes are
    /// asked for, as Envoy understands them, of everybody. With `ACCEPT_UNTRUSTED` nobody needs one.
    #[must_use]
    pub const fn demands_certificate(&self) -> bool {
        let asks = !self.subject_alt_names.is_empty()
            || !self.certificate_hashes.is_empty()
            || !self.spki_hashes.is_empty();
        asks && !self.accept_untrusted
    }

    /// Another one merged over this one, as protobuf merges messages.
    #[must_use]
    pub fn merge(&self, over: &Self) -> Self {
        let list = |a: &[[u8; 32]], b: &[[u8; 32]]| a.iter().chain(b).copied().collect();
        Self {
            position: over.position.clone(),
            trusted_ca: over.trusted_ca.clone().or_else(|| self.trusted_ca.clone()),
            system_root_certs: self.system_root_certs || over.system_root_certs,
            crl: over.crl.clone().or_else(|| self.crl.clone()),
            watched_directory: over.watched_directory.clone().or_else(|| self.watched_directory.clone()),
            certificate_hashes: list(&self.certificate_hashes, &over.certificate_hashes),
            spki_hashes: list(&self.spki_hashes, &over.spki_hashes),
            subject_alt_names: self
                .subject_alt_names
                .iter()
                .chain(&over.subject_alt_names)
                .cloned()
                .collect(),
            accept_untrusted: self.accept_untrusted || over.accept_untrusted,
            allow_expired_certificate: self.allow_expired_certificate || over.allow_expired_certificate,
            only_verify_leaf_cert_crl: self.only_verify_leaf_cert_crl || over.only_verify_leaf_cert_crl,
            max_verify_depth: over.max_verify_depth.or(self.max_verify_depth),
            suppress_client_ca_list: self.suppress_client_ca_list || over.suppress_client_ca_list,
        }
    }
}

/// `SubjectAltNameMatcher`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanMatcher {
    /// Names of this kind are compared.
    pub kind: SanKind,
    /// What they are compared with.
    pub matcher: StringMatcher,
}

/// `SubjectAltNameMatcher.SanType`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SanKind {
    /// `dNSName`; an exact matcher takes a wildcard in the certificate for one label.
    Dns,
    /// `uniformResourceIdentifier`.
    Uri,
    /// `rfc822Name`.
    Email,
    /// `iPAddress`, compared as text.
    IpAddress,
    /// `otherName` of this type (`oid`, `1.3.6.1.4.1.311.20.2.3`).
    OtherName(Box<str>),
}

/// `TlsParameters`; lists are empty where the defaults count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsParams {
    /// `tls_minimum_protocol_version`; 1.2 unless set.
    pub minimum: Option<TlsVersion>,
    /// `tls_maximum_protocol_version`; unless set, 1.3 towards clients and 1.2 towards back-ends, as in Envoy.
    pub maximum: Option<TlsVersion>,
    /// Suites of TLS 1.2 (`cipher_suites`), the best first, those of equal rank together; those of 1.3 can't be chosen.
    pub cipher_suites: Vec<Box<[CipherSuite]>>,
    /// Groups for the key exchange (`ecdh_curves`), the best first.
    pub curves: Vec<Curve>,
    /// `signature_algorithms`, the best first.
    pub signature_algorithms: Vec<SignatureAlgorithm>,
}

/// `TlsParameters.TlsProtocol`, as far as there is a use for them: older versions are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// A cipher suite of TLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CipherSuite {
    /// `ECDHE-ECDSA-AES128-GCM-SHA256`.
    EcdsaAes128,
    /// `ECDHE-ECDSA-AES256-GCM-SHA384`.
    EcdsaAes256,
    /// `ECDHE-ECDSA-CHACHA20-POLY1305`.
    EcdsaChacha20,
    /// `ECDHE-RSA-AES128-GCM-SHA256`.
    RsaAes128,
    /// `ECDHE-RSA-AES256-GCM-SHA384`.
    RsaAes256,
    /// `ECDHE-RSA-CHACHA20-POLY1305`.
    RsaChacha20,
}

/// A group for the key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// `X25519`.
    X25519,
    /// `P-256`.
    P256,
    /// `P-384`.
    P384,
    /// `X25519MLKEM768`.
    X25519MlKem768,
}

/// An algorithm of signatures, by its name in RFC 8446 §4.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// `rsa_pkcs1_sha256`.
    RsaPkcs1Sha256,
    /// `rsa_pkcs1_sha384`.
    RsaPkcs1Sha384,
    /// `rsa_pkcs1_sha512`.
    RsaPkcs1Sha512,
    /// `rsa_pss_rsae_sha256`.
    RsaPssSha256,
    /// `rsa_pss_rsae_sha384`.
    RsaPssSha384,
    /// `rsa_pss_rsae_sha512`.
    RsaPssSha512,
    /// `ecdsa_secp256r1_sha256`.
    EcdsaP256,
    /// `ecdsa_secp384r1_sha384`.
    EcdsaP384,
    /// `ecdsa_secp521r1_sha512`.
    EcdsaP521,
    /// `ed25519`.
    Ed25519,
}
