//! TLS towards clients: a [`ServerContext`] for each filter chain that has a `DownstreamTlsContext`.
//!
//! What a context reads from files can be read again at any time ([`ServerContext::renew`]): it is checked first,
//! and connections that come afterwards get it. What can't be used changes nothing.

mod choice;
mod client;
mod hello;
mod noted;
mod sessions;
mod tickets;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};
use causeway_model::{
    CertificateValidation, CipherSuite, DownstreamTls, OcspStaplePolicy, Secret, TlsVersion, Validation,
};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, StoresServerSessions};

use crate::certificate;
use crate::failure::HandshakeFailure;
use crate::follow::{ReadSecrets, server_with_secrets};
use crate::identity::{Authorities, Identity, IdentityError, KeyKind};
use crate::params::{self, LIKINGS, Liking};
use crate::source::{self, Unreadable};
use crate::verify::{LoadError, Rejection, Role, Trust};

pub use hello::{Hello, HelloError};
pub use noted::{Noted, take as take_noted};
pub use tickets::{KEY_LENGTH, Tickets};

use sessions::Sessions;

/// How long a session may be resumed where nothing is said (BoringSSL).
const SESSION_TIMEOUT: Duration = Duration::from_hours(2);

/// Sessions that are remembered for clients without tickets.
const SESSIONS: usize = 4096;

/// Tickets that a client gets with TLS 1.3, as with BoringSSL.
const TICKETS: usize = 2;

/// TLS towards the clients of a filter chain.
pub struct ServerContext {
    config: ArcSwap<DownstreamTls>,
    state: ArcSwapOption<ServerState>,
}

/// What a context consists of at the moment.
pub struct ServerState {
    /// By what is different between clients ([`Variant`]).
    configs: Vec<Arc<ServerConfig>>,
    /// Whether TLS 1.3 is spoken.
    has_tls13: bool,
    /// The certificates, in the order of the configuration.
    pub identities: Vec<Arc<Identity>>,
    /// Those who are trusted to sign certificates of clients.
    pub authorities: Arc<Authorities>,
    alpn: Vec<Box<str>>,
}

/// Why a context can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerError {
    /// A certificate can't be used.
    Identity(IdentityError),
    /// A certificate, by its place, has no OCSP response, and needs one.
    NoStaple {
        /// Where the certificate comes from.
        certificate: String,
        /// It demands one itself (RFC 7633); else `ocsp_staple_policy` does.
        itself: bool,
    },
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
            Self::NoStaple { certificate, itself: true } => {
                write!(
                    f,
                    "the certificate in `{certificate}` demands an `ocsp_staple` (RFC 7633), and has none"
                )
            }
            Self::NoStaple { certificate, itself: false } => write!(
                f,
                "with `ocsp_staple_policy: MUST_STAPLE` the certificate in `{certificate}` needs an `ocsp_staple`"
            ),
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
        let state = read(config)?.map(Arc::new);
        Ok(Self { config: ArcSwap::new(Arc::clone(config)), state: ArcSwapOption::new(state) })
    }

    /// What it is made of, with secrets as they were read last.
    #[must_use]
    pub fn config(&self) -> Arc<DownstreamTls> {
        self.config.load_full()
    }

    /// What it consists of at the moment; `None` while a secret is missing.
    #[must_use]
    pub fn state(&self) -> Option<Arc<ServerState>> {
        self.state.load_full()
    }

    /// Reads everything again. Connections that come later get it. Says whether secrets were among what has changed.
    ///
    /// # Errors
    ///
    /// Where something can't be read or used; then nothing has changed.
    pub fn renew(&self, secrets: &ReadSecrets<'_>) -> Result<bool, String> {
        let before = self.config();
        let config = server_with_secrets(&before, secrets)?;
        if let Some(state) = read(&config).map_err(|error| error.to_string())? {
            self.state.store(Some(Arc::new(state)));
        }
        let changed = config != *before;
        self.config.store(Arc::new(config));
        Ok(changed)
    }
}

fn read(config: &DownstreamTls) -> Result<Option<ServerState>, ServerError> {
    let mut identities = Vec::new();
    for secret in &config.common.certificates {
        let Secret { value: Some(certificate), .. } = secret else { return Ok(None) };
        let identity = Identity::load(certificate).map_err(ServerError::Identity)?;
        identities.push(Arc::new(identity));
    }
    let validation = match config.common.validation.as_ref().map(Validation::merged) {
        Some(None) => return Ok(None),
        other => other.flatten(),
    };
    let Some(keys) = ticket_keys(config)? else { return Ok(None) };
    Ok(Some(build(config, identities, validation.as_ref(), &keys)?))
}

/// The keys that seal and open tickets; where none are configured one of the process's own, which outlives
/// certificates and configurations.
fn ticket_keys(config: &DownstreamTls) -> Result<Option<Vec<[u8; KEY_LENGTH]>>, ServerError> {
    static OWN: OnceLock<Option<[u8; KEY_LENGTH]>> = OnceLock::new();
    let Some(secret) = &config.session_ticket_keys else {
        let own = OWN.get_or_init(Tickets::random_key).ok_or(ServerError::NoRandom)?;
        return Ok(Some(vec![own]));
    };
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

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").finish_non_exhaustive()
    }
}

impl ServerState {
    /// The configuration for a client; `None` where no version of TLS is left by `tls_params`.
    #[must_use]
    pub fn config_for(&self, hello: &Hello) -> Option<&Arc<ServerConfig>> {
        let variant = Variant {
            takes_ocsp: hello.takes_ocsp,
            overlaps: self.alpn.iter().any(|own| hello.alpn.iter().any(|its| **its == *own.as_bytes())),
            order: if self.has_tls13 && hello.speaks_tls13 {
                Order::OfClient
            } else {
                Order::Ours(hello.liking)
            },
        };
        self.configs.get(variant.number())
    }

    /// Why a handshake has failed with a client that said this first.
    #[must_use]
    pub fn failure(
        &self,
        error: &rustls::Error,
        rejection: Option<Rejection>,
        hello: &Hello,
    ) -> HandshakeFailure {
        if self.has_tls13 && hello.speaks_tls13 {
            return HandshakeFailure::of(error, rejection);
        }
        let on_curves = self.identities.iter().all(|one| matches!(one.kind, KeyKind::Ecdsa(_)));
        HandshakeFailure::before_tls13(error, rejection, on_curves)
    }
}

/// What is different between clients, and has to be known before rustls begins.
#[derive(Clone, Copy)]
struct Variant {
    /// The client takes OCSP responses.
    takes_ocsp: bool,
    /// It speaks a protocol that is offered. Where it does not, none is agreed on, as with BoringSSL; rustls
    /// would end the connection.
    overlaps: bool,
    order: Order,
}

/// Whose order of cipher suites counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// In TLS 1.3 the client's, as with BoringSSL.
    OfClient,
    /// Before that ours; where we have none, that of clients with this one of [`LIKINGS`].
    Ours(usize),
}

impl Variant {
    /// All of them, by their numbers.
    fn all() -> impl Iterator<Item = Self> {
        let ours = (0..LIKINGS.len()).map(Order::Ours);
        std::iter::once(Order::OfClient).chain(ours).flat_map(|order| {
            [(false, false), (false, true), (true, false), (true, true)]
                .into_iter()
                .map(move |(takes_ocsp, overlaps)| Self { takes_ocsp, overlaps, order })
        })
    }

    const fn number(self) -> usize {
        let order = match self.order {
            Order::OfClient => 0,
            Order::Ours(liking) => liking + 1,
        };
        4 * order + 2 * self.takes_ocsp as usize + self.overlaps as usize
    }

    /// Whether the other one is different in nothing but how the client likes ciphers.
    const fn differs_in_liking(self, other: Self) -> bool {
        let ours = matches!((self.order, other.order), (Order::Ours(_), Order::Ours(_)));
        ours && self.takes_ocsp == other.takes_ocsp && self.overlaps == other.overlaps
    }

    /// How a client likes ciphers whose order does not count before ours.
    fn liking(self) -> Liking {
        let place = match self.order {
            Order::OfClient => 0,
            Order::Ours(liking) => liking,
        };
        let [first, ..] = LIKINGS;
        LIKINGS.get(place).copied().unwrap_or(first)
    }
}

fn build(
    config: &DownstreamTls,
    identities: Vec<Arc<Identity>>,
    validation: Option<&CertificateValidation>,
    keys: &[[u8; KEY_LENGTH]],
) -> Result<ServerState, ServerError> {
    let policy = config.ocsp_staple_policy;
    let needs = |one: &&Arc<Identity>| one.must_staple || policy == OcspStaplePolicy::MustStaple;
    if let Some(one) = identities.iter().filter(needs).find(|one| one.ocsp.is_none()) {
        return Err(ServerError::NoStaple { certificate: one.path.clone(), itself: one.must_staple });
    }
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
    let versions = params::versions(params, TlsVersion::V13);
    // Without a validation context clients are not asked for certificates, whatever is required, as with Envoy.
    let verifier = validation.map(|validation| {
        let tell = !validation.suppress_client_ca_list;
        let mandatory = config.require_client_certificate || validation.demands_certificate();
        let schemes = schemes.unwrap_or_default();
        Arc::new(client::ClientVerifier::new(trust.clone(), mandatory, tell, &schemes))
    });
    let lifetime = config.session_timeout.unwrap_or(SESSION_TIMEOUT);
    let tickets = Tickets::new(keys, demands(config, validation, trust.as_deref()), lifetime)
        .filter(|_| !config.disable_stateless_session_resumption)
        .map(Arc::new);
    let sessions: Arc<dyn StoresServerSessions> = if config.disable_stateful_session_resumption {
        Arc::new(NoServerSessionStorage {})
    } else {
        Sessions::new(SESSIONS)
    };
    let alpn: Vec<_> = config.common.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let of_variant = |variant: Variant| {
        let provider = match variant.order {
            Order::Ours(_) => params::provider_for(params, variant.liking()),
            Order::OfClient => params::provider(params),
        };
        let base = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)
            .map_err(impossible)?;
        let base = match &verifier {
            Some(verifier) => base.with_client_cert_verifier(Arc::<client::ClientVerifier>::clone(verifier)),
            None => base.with_no_client_auth(),
        };
        let chooser =
            choice::Chooser { certificates: Arc::clone(&certificates), takes_ocsp: variant.takes_ocsp };
        let mut of_variant = base.with_cert_resolver(Arc::new(chooser));
        of_variant.send_tls13_tickets = if tickets.is_some() { TICKETS } else { 0 };
        if let Some(tickets) = &tickets {
            of_variant.ticketer = Arc::<Tickets>::clone(tickets);
        }
        of_variant.session_storage = Arc::clone(&sessions);
        of_variant.ignore_client_order = variant.order != Order::OfClient && !config.prefer_client_ciphers;
        if variant.overlaps {
            of_variant.alpn_protocols.clone_from(&alpn);
        }
        Ok(Arc::new(of_variant))
    };
    // Where the least version is above the most, the file holds, and no client is let in.
    let mut configs: Vec<Arc<ServerConfig>> = Vec::new();
    let mut made: Vec<(Variant, Vec<CipherSuite>)> = Vec::new();
    for variant in Variant::all().filter(|_| !versions.is_empty()) {
        let suites =
            params::suites(params, matches!(variant.order, Order::Ours(_)).then(|| variant.liking()));
        // Most likings come to the same order.
        let known =
            made.iter().position(|(other, order)| other.differs_in_liking(variant) && *order == suites);
        configs.push(match known.and_then(|at| configs.get(at)) {
            Some(known) => Arc::clone(known),
            None => of_variant(variant)?,
        });
        made.push((variant, suites));
    }
    Ok(ServerState {
        configs,
        has_tls13: versions.iter().any(|version| **version == rustls::version::TLS13),
        identities,
        authorities: Arc::new(validation.map(Authorities::of).unwrap_or_default()),
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
