//! TLS towards clients: a [`ServerContext`] for each filter chain that has a `DownstreamTlsContext`.
//!
//! What a context reads from files can be read again at any time ([`ServerContext::refresh`]): it is checked first,
//! and connections that come afterwards get it. What can't be used changes nothing.

mod choice;
mod client;
mod hello;
mod noted;
mod tickets;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use causeway_model::{CertificateValidation, DownstreamTls, Secret, TlsVersion};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};

use crate::certificate;
use crate::identity::{Authorities, Identity, IdentityError};
use crate::params;
use crate::source::{self, Unreadable};
use crate::verify::{LoadError, Role, Tally, Trust, Verifier};

pub use hello::{Hello, HelloError};
pub use noted::{Noted, Verdict, take as take_noted};
pub use tickets::{KEY_LENGTH, Tickets};

/// How long a session may be resumed where nothing is said (BoringSSL).
const SESSION_TIMEOUT: Duration = Duration::from_hours(2);

/// Sessions that are remembered for clients without tickets.
const SESSIONS: usize = 4096;

/// Tickets that a client gets with TLS 1.3, as with BoringSSL.
const TICKETS: usize = 2;

/// TLS towards the clients of a filter chain.
pub struct ServerContext {
    config: Arc<DownstreamTls>,
    /// What seals tickets where no keys are configured; it outlives certificates.
    own_key: [u8; KEY_LENGTH],
    state: ArcSwapOption<ServerState>,
}

/// What a context consists of at the moment.
pub struct ServerState {
    /// By whether the client takes OCSP responses, speaks TLS 1.3, and a protocol that is offered.
    configs: [Arc<ServerConfig>; 8],
    /// The certificates, in the order of the configuration.
    pub identities: Vec<Arc<Identity>>,
    /// Those who are trusted to sign certificates of clients.
    pub authorities: Authorities,
    alpn: Vec<Box<str>>,
}

/// Why a context can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerError {
    /// A certificate can't be used.
    Identity(IdentityError),
    /// What clients are to be verified with can't be used.
    Trust(LoadError),
    /// A key for session tickets can't be read.
    TicketKey(Unreadable),
    /// A key for session tickets has another length than 80 bytes.
    TicketKeyLength(String, usize),
    /// The combination of versions, suites and groups leaves nothing.
    Impossible(String),
    /// There is no chance.
    NoRandom,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
            Self::TicketKey(error) => error.fmt(f),
            Self::TicketKeyLength(path, length) => {
                write!(f, "a key for session tickets has {KEY_LENGTH} bytes; `{path}` has {length}")
            }
            Self::Impossible(error) => write!(f, "no TLS is possible with these `tls_params`: {error}"),
            Self::NoRandom => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for ServerError {}

impl ServerContext {
    /// Reads everything that the context names. A secret that is not there yet is no error: there are no
    /// connections until it is.
    ///
    /// # Errors
    ///
    /// Where something can't be read or used.
    pub fn new(config: &Arc<DownstreamTls>) -> Result<Self, ServerError> {
        let own_key = Tickets::random_key().ok_or(ServerError::NoRandom)?;
        let context = Self { config: Arc::clone(config), own_key, state: ArcSwapOption::empty() };
        context.state.store(context.read(config)?.map(Arc::new));
        Ok(context)
    }

    /// What it is made of.
    #[must_use]
    pub const fn config(&self) -> &Arc<DownstreamTls> {
        &self.config
    }

    /// What it consists of at the moment; `None` while a secret is missing.
    #[must_use]
    pub fn state(&self) -> Option<Arc<ServerState>> {
        self.state.load_full()
    }

    /// Reads everything again, with secrets that may have changed. Connections that come later get it.
    ///
    /// # Errors
    ///
    /// Where something can't be read or used; then nothing has changed.
    pub fn refresh(&self, config: &DownstreamTls) -> Result<(), ServerError> {
        if let Some(state) = self.read(config)? {
            self.state.store(Some(Arc::new(state)));
        }
        Ok(())
    }

    fn read(&self, config: &DownstreamTls) -> Result<Option<ServerState>, ServerError> {
        let mut identities = Vec::new();
        for secret in &config.common.certificates {
            let Secret { value: Some(certificate), .. } = secret else { return Ok(None) };
            let identity = Identity::load(certificate).map_err(ServerError::Identity)?;
            identities.push(Arc::new(identity));
        }
        let validation = match &config.common.validation {
            None => None,
            Some(validation) => match validation.merged() {
                Some(merged) => Some(merged),
                None => return Ok(None),
            },
        };
        let Some(keys) = self.ticket_keys(config)? else { return Ok(None) };
        Ok(Some(build(config, identities, validation.as_ref(), &keys)?))
    }

    fn ticket_keys(&self, config: &DownstreamTls) -> Result<Option<Vec<[u8; KEY_LENGTH]>>, ServerError> {
        let Some(secret) = &config.session_ticket_keys else { return Ok(Some(vec![self.own_key])) };
        let Some(sources) = &secret.value else { return Ok(None) };
        let mut keys = Vec::new();
        for source in sources {
            let bytes = source::read(source).map_err(ServerError::TicketKey)?;
            let key = <[u8; KEY_LENGTH]>::try_from(&*bytes)
                .map_err(|_| ServerError::TicketKeyLength(source::shown(Some(source)), bytes.len()))?;
            keys.push(key);
        }
        Ok(Some(keys))
    }
}

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").finish_non_exhaustive()
    }
}

impl ServerState {
    /// The configuration for a client.
    #[must_use]
    pub fn config_for(&self, hello: &Hello) -> Option<&Arc<ServerConfig>> {
        let overlap = self.alpn.iter().any(|own| hello.alpn.iter().any(|its| **its == *own.as_bytes()));
        self.configs.get(
            usize::from(hello.takes_ocsp) << 2 | usize::from(hello.speaks_tls13) << 1 | usize::from(overlap),
        )
    }
}

fn build(
    config: &DownstreamTls,
    identities: Vec<Arc<Identity>>,
    validation: Option<&CertificateValidation>,
    keys: &[[u8; KEY_LENGTH]],
) -> Result<ServerState, ServerError> {
    let params = &config.common.params;
    let schemes = params::signature_schemes(params);
    let impossible = |error: rustls::Error| ServerError::Impossible(error.to_string());
    let trust = match validation {
        Some(validation) => {
            Some(Arc::new(Trust::load(validation, Role::Client).map_err(ServerError::Trust)?))
        }
        None => None,
    };
    let certificates = Arc::new(choice::Certificates::new(
        identities.clone(),
        config.ocsp_staple_policy,
        config.full_scan_certs_on_sni_mismatch,
    ));
    let provider = Arc::new(params::provider(params));
    let base = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&params::versions(params, TlsVersion::V13))
        .map_err(impossible)?;
    // Without a validation context nobody asks for certificates.
    let base = if validation.is_some() || config.require_client_certificate {
        let tell = validation.is_none_or(|validation| !validation.suppress_client_ca_list);
        let mandatory = config.require_client_certificate;
        let verifier = Verifier::of_clients(trust.clone(), mandatory, tell, Arc::new(Tally::default()));
        let verifier = verifier.with_schemes(schemes.unwrap_or_default());
        base.with_client_cert_verifier(Arc::new(client::ClientVerifier { verifier, trust: trust.clone() }))
    } else {
        base.with_no_client_auth()
    };
    let chooser =
        |takes_ocsp| Arc::new(choice::Chooser { certificates: Arc::clone(&certificates), takes_ocsp });
    let mut base = base.with_cert_resolver(chooser(false));
    let lifetime = config.session_timeout.unwrap_or(SESSION_TIMEOUT);
    if config.disable_stateless_session_resumption {
        base.send_tls13_tickets = 0;
    } else if let Some(tickets) = Tickets::new(keys, demands(config, validation, trust.as_deref()), lifetime)
    {
        base.ticketer = Arc::new(tickets);
        base.send_tls13_tickets = TICKETS;
    }
    base.session_storage = if config.disable_stateful_session_resumption {
        Arc::new(NoServerSessionStorage {})
    } else {
        ServerSessionMemoryCache::new(SESSIONS)
    };
    let variant = |number: usize| {
        let mut variant = base.clone();
        variant.cert_resolver = chooser(number & 4 != 0);
        // In TLS 1.3 the client's order counts, as with BoringSSL; before that ours, which says what is strong.
        variant.ignore_client_order = number & 2 == 0 && !config.prefer_client_ciphers;
        if number & 1 != 0 {
            variant.alpn_protocols = config.common.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        }
        Arc::new(variant)
    };
    Ok(ServerState {
        configs: std::array::from_fn(variant),
        identities,
        authorities: validation.map(Authorities::of).unwrap_or_default(),
        alpn: config.common.alpn.clone(),
    })
}

/// What is demanded of clients, in short.
fn demands(
    config: &DownstreamTls,
    validation: Option<&CertificateValidation>,
    trust: Option<&Trust>,
) -> [u8; 32] {
    let mut text = format!("{}", config.require_client_certificate).into_bytes();
    if let Some(validation) = validation {
        let plain = CertificateValidation {
            position: causeway_model::SourcePosition::default(),
            ..validation.clone()
        };
        text.extend_from_slice(format!("{plain:?}").as_bytes());
    }
    for subject in trust.map(Trust::subjects).unwrap_or_default() {
        text.extend_from_slice(&subject);
    }
    certificate::sha256(&text)
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
