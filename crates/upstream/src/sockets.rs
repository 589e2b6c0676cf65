//! What is spoken below HTTP with the hosts of a cluster: one transport socket for all, or one for each sort of
//! endpoint (`transport_socket_matches`).

use std::fmt;
use std::sync::Arc;

use causeway_model::{Cluster as Config, Metadata, ProxyProtocolUpstream, UpstreamSocket, Value};
use causeway_stats::{Registry, Scope, ScopeName};
use causeway_tls::client::{ClientContext, ClientSettings, ClientState, NotReady};

use crate::certificates::CertificateScopes;
use crate::host::Host;
use crate::stats::{ClusterSslStat, ProxyProtocolStat, SocketFactoryStat};

/// Where endpoints say what they speak.
const NAMESPACE: &str = "envoy.transport_socket_match";

/// The transport sockets of a cluster.
#[derive(Debug)]
pub struct Sockets {
    /// Those that endpoints may ask for, in their order, and last the one for the rest.
    sockets: Vec<Matched>,
    ssl: Option<Scope<ClusterSslStat>>,
    factory: Option<Scope<SocketFactoryStat>>,
    proxy_protocol: Option<Scope<ProxyProtocolStat>>,
}

#[derive(Debug)]
struct Matched {
    criteria: Vec<(Box<str>, Value)>,
    socket: Arc<Socket>,
}

/// A transport socket.
#[derive(Debug)]
pub struct Socket {
    /// Its name among the matches; empty for the one that is for the rest.
    pub name: Arc<str>,
    /// The header that is sent first.
    pub proxy_protocol: Option<Arc<ProxyProtocolUpstream>>,
    /// TLS.
    pub tls: Option<Tls>,
}

impl Socket {
    /// Whether nothing is spoken below HTTP.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.proxy_protocol.is_none() && self.tls.is_none()
    }
}

/// TLS of a transport socket.
#[derive(Debug)]
pub struct Tls {
    /// What connections are made with, or why it can't be used.
    context: Result<ClientContext, String>,
    scopes: CertificateScopes,
}

/// Why no connection can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Not yet, or not with these versions.
    NotReady(NotReady),
    /// What is configured can't be used.
    Broken(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady(why) => why.fmt(f),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl Tls {
    /// What connections are made with at the moment.
    ///
    /// # Errors
    ///
    /// Why none can be made.
    pub fn settings(&self) -> Result<Arc<ClientState>, Unusable> {
        let context = self.context.as_ref().map_err(|why| Unusable::Broken(why.clone()))?;
        let state = context.state();
        match &*state {
            ClientState::Ready(_) => Ok(state),
            ClientState::NotReady(why) => Err(Unusable::NotReady(why.clone())),
        }
    }

    /// The context, where it could be made: whoever follows its files makes it read them again.
    pub(crate) fn context(&self) -> Option<&ClientContext> {
        self.context.as_ref().ok()
    }

    /// What is shown and counted of its certificates.
    pub(crate) const fn scopes(&self) -> &CertificateScopes {
        &self.scopes
    }

    /// Shows when its certificates end to be valid.
    pub(crate) fn show_expiry(&self, shard: usize) {
        let state = self.settings().ok();
        if let Some(settings) = state.as_deref().and_then(ready) {
            self.scopes.show_expiry(settings.identity.as_slice(), &settings.authorities, shard);
        }
    }
}

/// What the file has for an endpoint with this metadata.
#[must_use]
pub fn transport_socket<'c>(cluster: &'c Config, metadata: &Metadata) -> &'c UpstreamSocket {
    let value = |key: &str| metadata.get(NAMESPACE, &[key.into()]);
    let mut matches = cluster.transport_socket_matches.iter();
    matches
        .find(|entry| fits(&entry.criteria, &value))
        .map_or(&cluster.transport_socket, |entry| &entry.socket)
}

/// What the file has for a health check that chooses by itself (`transport_socket_match_criteria`).
#[must_use]
pub fn check_socket<'c>(cluster: &'c Config, criteria: &Value) -> &'c UpstreamSocket {
    let value = |key: &str| match criteria {
        Value::Object(fields) => fields.get(key),
        _ => None,
    };
    let mut matches = cluster.transport_socket_matches.iter();
    matches
        .find(|entry| fits(&entry.criteria, &value))
        .map_or(&cluster.transport_socket, |entry| &entry.socket)
}

/// Whether there is each of these values.
fn fits<'v>(criteria: &[(Box<str>, Value)], value: &impl Fn(&str) -> Option<&'v Value>) -> bool {
    criteria.iter().all(|(key, wanted)| value(key).is_some_and(|value| value == wanted))
}

/// The settings in a state that is ready.
#[must_use]
pub fn ready(state: &ClientState) -> Option<&ClientSettings> {
    match state {
        ClientState::Ready(settings) => Some(settings),
        ClientState::NotReady(_) => None,
    }
}

impl Sockets {
    /// Makes what the configuration asks for. What can't be used is spoken of once, and fails whoever needs it.
    pub(crate) fn new(config: &Config, registry: &Arc<Registry>, scope: &ScopeName) -> Self {
        let matches = config.transport_socket_matches.iter().map(|entry| Matched {
            criteria: entry.criteria.clone(),
            socket: Arc::new(Socket::new(&entry.name, &entry.socket, config, registry, scope)),
        });
        let rest = Matched {
            criteria: Vec::new(),
            socket: Arc::new(Socket::new("", &config.transport_socket, config, registry, scope)),
        };
        let sockets: Vec<_> = matches.chain([rest]).collect();
        let has_header = sockets.iter().any(|matched| matched.socket.proxy_protocol.is_some());
        let speaks_tls = sockets.iter().any(|matched| matched.socket.tls.is_some());
        let factory: Option<Scope<SocketFactoryStat>> = speaks_tls.then(|| registry.scope(scope.clone()));
        if let Some(factory) = &factory {
            let each = config.transport_socket_matches.iter().map(|entry| &entry.socket);
            let each = each.chain([&config.transport_socket]).filter_map(|socket| socket.tls.as_ref());
            let found = each.map(|tls| tls.common.discovered()).sum();
            factory.shard(registry.main_shard()).add(SocketFactoryStat::SslContextUpdateBySds, found);
        }
        Self {
            ssl: speaks_tls.then(|| registry.scope(scope.clone())),
            proxy_protocol: has_header.then(|| registry.scope(scope.clone())),
            factory,
            sockets,
        }
    }

    /// The one for a host.
    #[must_use]
    pub fn of(&self, host: &Host) -> Option<&Arc<Socket>> {
        self.of_metadata(host.metadata())
    }

    /// The one for an endpoint with this metadata.
    pub(crate) fn of_metadata(&self, metadata: &Metadata) -> Option<&Arc<Socket>> {
        if let [only] = self.sockets.as_slice() {
            return Some(&only.socket);
        }
        self.choose(|key| metadata.get(NAMESPACE, &[key.into()]))
    }

    /// The one that fits criteria of a health check.
    pub(crate) fn of_criteria(&self, criteria: &Value) -> Option<&Arc<Socket>> {
        self.choose(|key| match criteria {
            Value::Object(fields) => fields.get(key),
            _ => None,
        })
    }

    fn choose<'v>(&self, value: impl Fn(&str) -> Option<&'v Value>) -> Option<&Arc<Socket>> {
        let mut sockets = self.sockets.iter();
        sockets.find(|matched| fits(&matched.criteria, &value)).map(|matched| &matched.socket)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.sockets.iter().map(|matched| &matched.socket)
    }

    /// Counts a connection that can't be made.
    pub fn count_unusable(&self, why: &Unusable, worker: usize) {
        match why {
            Unusable::NotReady(NotReady::NoVersion) => {
                if let Some(ssl) = &self.ssl {
                    ssl.shard(worker).inc(ClusterSslStat::ConnectionError);
                }
            }
            Unusable::NotReady(NotReady::SecretMissing(_)) | Unusable::Broken(_) => {
                if let Some(factory) = &self.factory {
                    factory.shard(worker).inc(SocketFactoryStat::UpstreamContextSecretsNotReady);
                }
            }
        }
    }

    /// Counts a secret that has come or changed.
    pub(crate) fn count_update_by_secret(&self, worker: usize) {
        if let Some(factory) = &self.factory {
            factory.shard(worker).inc(SocketFactoryStat::SslContextUpdateBySds);
        }
    }

    /// Counts a header whose TLVs do not fit.
    pub fn count_tlvs_exceed(&self, worker: usize) {
        if let Some(stats) = &self.proxy_protocol {
            stats.shard(worker).inc(ProxyProtocolStat::TlvsExceedMaxLength);
        }
    }

    /// `cluster.<name>.ssl.`, where any of them speaks TLS.
    #[must_use]
    pub const fn ssl(&self) -> Option<&Scope<ClusterSslStat>> {
        self.ssl.as_ref()
    }
}

impl Socket {
    fn new(
        name: &str,
        config: &UpstreamSocket,
        cluster: &Config,
        registry: &Registry,
        scope: &ScopeName,
    ) -> Self {
        let tls = config.tls.as_ref().map(|tls| {
            let context = ClientContext::new(tls).map_err(|error| error.to_string());
            if let Err(error) = &context {
                tracing::error!(target: "connection", "cluster {}: {error}", cluster.name);
            }
            let verified = context.as_ref().is_ok_and(|context| {
                ready(&context.state()).is_none_or(ClientSettings::verifies)
            });
            if context.is_ok() && !verified {
                tracing::warn!(
                    target: "connection",
                    "cluster {}: certificates of back-ends are not verified, so that anybody can pass for one of them; set trusted_ca in the validation_context at {}",
                    cluster.name,
                    tls.common.position
                );
            }
            let scopes = CertificateScopes::new(registry, &scope.clone().then("ssl"), &tls.common);
            let tls = Tls { context, scopes };
            tls.show_expiry(registry.main_shard());
            tls
        });
        Self { name: name.into(), proxy_protocol: config.proxy_protocol.clone(), tls }
    }
}
