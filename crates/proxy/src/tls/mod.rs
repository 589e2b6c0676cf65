//! TLS with clients: the handshake, what is known from it, and what is counted.

mod handshake;
mod info;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{DownstreamTls, FilterChain};
use causeway_stats::{Registry, ScopeName};
use causeway_tls::server::ServerContext;

use crate::timer::{Millis, millis};

pub(crate) use handshake::{NoHandshake, shake_hands};
pub(crate) use info::TlsInfo;
use stats::{TlsScopes, TlsShards};

/// How long a handshake may take where `transport_socket_connect_timeout` says nothing. Envoy waits for ever; a few
/// thousand connections that say nothing would hold memory and descriptors for it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// TLS of a filter chain, as all workers share it.
#[derive(Debug)]
pub(crate) struct TlsSnapshot {
    pub(crate) context: Arc<ServerContext>,
    scopes: TlsScopes,
    timeout: Option<Millis>,
}

impl TlsSnapshot {
    /// Reads certificates and all else that the context names.
    ///
    /// # Errors
    ///
    /// A line that says what can't be used.
    pub(crate) fn new(
        config: &Arc<DownstreamTls>,
        chain: &FilterChain,
        listener: ScopeName,
        registry: &Registry,
    ) -> Result<Self, String> {
        let context =
            ServerContext::new(config).map_err(|error| format!("{}: {error}", config.common.position))?;
        let timeout = match chain.transport_socket_connect_timeout {
            None => Some(HANDSHAKE_TIMEOUT),
            Some(Duration::ZERO) => None,
            Some(set) => Some(set),
        };
        let scopes = TlsScopes::new(registry, listener);
        let snapshot = Self { context: Arc::new(context), scopes, timeout: timeout.map(millis) };
        snapshot.show_expiry(registry);
        Ok(snapshot)
    }

    /// The cells of one worker.
    pub(crate) fn shard(self: &Arc<Self>, worker: usize) -> TlsRuntime {
        TlsRuntime { shared: Arc::clone(self), shards: self.scopes.shard(worker) }
    }

    fn show_expiry(&self, _registry: &Registry) {}
}

/// TLS of a filter chain, as one worker has it.
#[derive(Debug)]
pub(crate) struct TlsRuntime {
    shared: Arc<TlsSnapshot>,
    shards: TlsShards,
}
