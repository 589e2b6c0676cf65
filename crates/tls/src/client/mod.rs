//! TLS towards back-ends: a [`ClientContext`] for each `UpstreamTlsContext`.
//!
//! As on the other side, what it reads from files can be read again at any time ([`ClientContext::renew`]), and what
//! can't be used changes nothing.

mod shown;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use arc_swap::ArcSwap;
use causeway_model::{Curve, TlsParams, TlsVersion, UpstreamTls};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::{ClientConfig, CommonState, NamedGroup};
use rustls_pki_types::{DnsName, ServerName};

use crate::follow::{ReadSecrets, with_secrets};
use crate::identity::{Authorities, Identity, IdentityError};
use crate::names;
use crate::params;
use crate::verify::{Expected, LoadError, Role, Tally, Trust, Verifier};

pub use shown::take_asked;

/// TLS towards the back-ends of a cluster, or some of them.
pub struct ClientContext {
    config: ArcSwap<UpstreamTls>,
    state: ArcSwap<ClientState>,
}

/// What a context consists of at the moment.
#[derive(Debug)]
pub enum ClientState {
    /// Connections can be made.
    Ready(Box<ClientSettings>),
    /// They can't, and why not.
    NotReady(NotReady),
}

/// Why no connection can be made for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// A secret is not there yet: its name.
    SecretMissing(Arc<str>),
    /// The least version is newer than the most.
    NoVersion,
}

/// What connections are made with.
pub struct ClientSettings {
    config: Arc<UpstreamTls>,
    /// The certificate has to fit what is configured.
    plain: ClientConfig,
    /// The certificate has to bear the name that is asked for.
    by_name: ClientConfig,
    trust: Option<Arc<Trust>>,
    schemes: Vec<rustls::SignatureScheme>,
    tally: Arc<Tally>,
    /// The group of the last key exchange; 0 before the first.
    last_group: AtomicU16,
    /// What is shown to back-ends that ask for a certificate.
    pub identity: Option<Arc<Identity>>,
    /// Whom certificates of back-ends have to come from.
    pub authorities: Authorities,
}

/// What a connection needs that the context does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The endpoint's `hostname`.
    pub hostname: &'a str,
    /// The endpoint's address, which tells sessions apart where there is no name.
    pub address: Option<IpAddr>,
    /// The name to ask for in place of the configured one (`auto_sni`).
    pub server_name: Option<&'a str>,
    /// The name that the certificate has to bear in place of the configured ones (`auto_san_validation`).
    pub expected: Option<&'a str>,
    /// Protocols to offer where the context names none.
    pub alpn: &'a [&'a str],
    /// Protocols to offer whatever the context names; empty where it decides.
    pub alpn_override: &'a [Box<str>],
}

/// Why a context can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientError {
    /// The certificate can't be used.
    Identity(IdentityError),
    /// Whom to trust can't be read.
    Trust(LoadError),
    /// The combination of suites and groups leaves nothing.
    Impossible(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::Impossible(error) => write!(f, "no TLS is possible with these `tls_params`: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretMissing(name) => write!(f, "the secret `{name}` is not there yet"),
            Self::NoVersion => {
                f.write_str("tls_minimum_protocol_version is newer than tls_maximum_protocol_version (TLSv1_2 unless set)")
            }
        }
    }
}

impl ClientContext {
    /// Reads everything that the context names.
    ///
    /// # Errors
    ///
    /// Where something can't be read or used. A secret that is not there yet is no error.
    pub fn new(config: &Arc<UpstreamTls>) -> Result<Self, ClientError> {
        Ok(Self { state: ArcSwap::from_pointee(read(config)?), config: ArcSwap::new(Arc::clone(config)) })
    }

    /// What it was made of, with the secrets that it has now.
    #[must_use]
    pub fn config(&self) -> Arc<UpstreamTls> {
        self.config.load_full()
    }

    /// Reads everything again, also secrets. Connections that come later get it. Whether a secret has changed is told.
    ///
    /// # Errors
    ///
    /// Where something can't be read or used; then nothing has changed.
    pub fn renew(&self, secrets: &ReadSecrets<'_>) -> Result<bool, String> {
        let before = self.config();
        let common = with_secrets(&before.common, secrets)?;
        let config = Arc::new(UpstreamTls { common, ..UpstreamTls::clone(&before) });
        self.state.store(Arc::new(read(&config).map_err(|error| error.to_string())?));
        let changed = config != before;
        self.config.store(config);
        Ok(changed)
    }

    /// What it consists of at the moment.
    #[must_use]
    pub fn state(&self) -> Arc<ClientState> {
        self.state.load_full()
    }
}

impl fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientContext")
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSettings")
    }
}

impl ClientSettings {
    /// What handshakes came to that nobody else is told of.
    #[must_use]
    pub const fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// The group of a session's key exchange, by its name. A session of TLS 1.2 that is resumed has none; as BoringSSL
    /// does, it is said to have that of the session which it resumes, which is the last one.
    #[must_use]
    pub fn group_of(&self, session: &CommonState) -> Option<&'static str> {
        let group = match session.negotiated_key_exchange_group() {
            Some(group) => {
                self.last_group.store(u16::from(group.name()), Ordering::Relaxed);
                group.name()
            }
            None => match self.last_group.load(Ordering::Relaxed) {
                0 => return None,
                last => NamedGroup::from(last),
            },
        };
        Some(names::curve(group))
    }

    /// Whether anything is looked at in certificates of back-ends.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.trust.as_ref().is_some_and(|trust| trust.verifies())
    }

    /// What a new connection needs, and the name that it asks for; empty where it asks for none.
    #[must_use]
    pub fn connection(&self, wanted: &Wanted<'_>) -> (Arc<ClientConfig>, ServerName<'static>, Box<str>) {
        let own = &self.config;
        let name = match wanted.server_name {
            Some(name) => name,
            None if own.auto_host_sni && !wanted.hostname.is_empty() => wanted.hostname,
            None => &own.sni,
        };
        let server_name = server_name(name);
        let by_name = own.auto_sni_san_validation && server_name.is_some();
        let mut config = if by_name { self.by_name.clone() } else { self.plain.clone() };
        if let Some(expected) = wanted.expected {
            // Sessions are not shared with connections that expect something else.
            let verifier = self.verifier(Expected::Name(expected.into()));
            config.dangerous().set_certificate_verifier(verifier);
            config.resumption = Resumption::disabled();
        }
        let texts = |names: &mut dyn Iterator<Item = &str>| -> Vec<Vec<u8>> {
            names.map(|name| name.as_bytes().to_vec()).collect()
        };
        config.alpn_protocols = if !wanted.alpn_override.is_empty() {
            texts(&mut wanted.alpn_override.iter().map(|name| &**name))
        } else if !own.common.alpn.is_empty() {
            texts(&mut own.common.alpn.iter().map(|name| &**name))
        } else {
            texts(&mut wanted.alpn.iter().copied())
        };
        config.enable_sni = server_name.is_some();
        let shown = if server_name.is_some() { name } else { "" };
        let address = wanted.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        (Arc::new(config), server_name.unwrap_or_else(|| ServerName::from(address)), shown.into())
    }

    fn verifier(&self, expected: Expected) -> Arc<Verifier> {
        verifier(self.trust.as_ref(), expected, &self.schemes, &self.tally)
    }
}

/// A name that can be asked for: of addresses TLS has no notion (RFC 6066 §3), and neither of what no name is.
#[must_use]
pub fn server_name(name: &str) -> Option<ServerName<'static>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    DnsName::try_from(name.to_owned()).ok().map(ServerName::DnsName)
}

fn verifier(
    trust: Option<&Arc<Trust>>,
    expected: Expected,
    schemes: &[rustls::SignatureScheme],
    tally: &Arc<Tally>,
) -> Arc<Verifier> {
    Arc::new(Verifier::new(trust.cloned(), expected, schemes, Arc::clone(tally)))
}

/// Envoy's groups where none are named; the first is for TLS 1.3 alone.
const CURVES: &[Curve] = &[Curve::X25519MlKem768, Curve::X25519, Curve::P256];

/// Sessions that a cluster keeps at most: their places are made before there is one.
const MOST_SESSIONS: usize = 1 << 14;

fn read(config: &Arc<UpstreamTls>) -> Result<ClientState, ClientError> {
    let not_ready = |reason| Ok(ClientState::NotReady(reason));
    let mut identity = None;
    for secret in &config.common.certificates {
        let Some(certificate) = &secret.value else {
            return not_ready(NotReady::SecretMissing(Arc::clone(&secret.name)));
        };
        identity = Some(Arc::new(Identity::load(certificate).map_err(ClientError::Identity)?));
    }
    let mut authorities = Authorities::default();
    let trust = match &config.common.validation {
        None => None,
        Some(validation) => match validation.merged() {
            Some(merged) => {
                authorities = Authorities::of(&merged);
                Some(Arc::new(Trust::load(&merged, Role::Server).map_err(ClientError::Trust)?))
            }
            None => {
                let name = validation.secret.as_ref().map(|secret| Arc::clone(&secret.name));
                return not_ready(NotReady::SecretMissing(name.unwrap_or_default()));
            }
        },
    };
    let own = &config.common.params;
    let with_groups = TlsParams {
        curves: if own.curves.is_empty() { CURVES.to_vec() } else { own.curves.clone() },
        ..own.clone()
    };
    let versions = params::versions(&with_groups, TlsVersion::V12);
    if versions.is_empty() {
        return not_ready(NotReady::NoVersion);
    }
    let schemes = params::signature_schemes(own).unwrap_or_default();
    let tally = Arc::default();
    let provider = Arc::new(params::provider(&with_groups));
    let base = |expected: Expected| -> Result<ClientConfig, ClientError> {
        let verifier: Arc<dyn ServerCertVerifier> = verifier(trust.as_ref(), expected, &schemes, &tally);
        let mut base = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|error| ClientError::Impossible(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(shown::Shown::new(identity.as_deref())));
        base.resumption = match usize::try_from(config.max_session_keys).unwrap_or(usize::MAX) {
            0 => Resumption::disabled(),
            most => Resumption::in_memory_sessions(most.min(MOST_SESSIONS)),
        };
        Ok(base)
    };
    Ok(ClientState::Ready(Box::new(ClientSettings {
        plain: base(Expected::Configured)?,
        by_name: base(Expected::ServerName)?,
        config: Arc::clone(config),
        trust,
        schemes,
        tally,
        last_group: AtomicU16::new(0),
        identity,
        authorities,
    })))
}
