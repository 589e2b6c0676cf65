//! TLS with clients: the handshake, what is known from it, and what is counted.

mod handshake;
mod info;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{DownstreamTls, FilterChain, Listener};
use causeway_stats::Registry;
use causeway_tls::follow::{Followed, ReadSecrets, ShownCertificates, files_of_server};
use causeway_tls::server::ServerContext;

use crate::stats::scope_of_listener;
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
    context: ServerContext,
    scopes: TlsScopes,
    timeout: Option<Millis>,
    /// Name of the listener.
    listener: Arc<str>,
    /// The number of the cells that no worker has.
    main: usize,
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
        listener: &Listener,
        registry: &Registry,
    ) -> Result<Self, String> {
        let context =
            ServerContext::new(config).map_err(|error| format!("{}: {error}", config.common.position))?;
        let timeout = match chain.transport_socket_connect_timeout {
            None => Some(HANDSHAKE_TIMEOUT),
            Some(Duration::ZERO) => None,
            Some(set) => Some(set),
        };
        let snapshot = Self {
            context,
            scopes: TlsScopes::new(registry, &scope_of_listener(&listener.stat_name), config),
            timeout: timeout.map(millis),
            listener: Arc::clone(&listener.name),
            main: registry.main_shard(),
        };
        snapshot.show_expiry();
        Ok(snapshot)
    }

    /// The cells of one worker.
    pub(crate) fn shard(self: &Arc<Self>, worker: usize) -> TlsRuntime {
        TlsRuntime { shared: Arc::clone(self), shards: self.scopes.shard(worker) }
    }

    fn show_expiry(&self) {
        let Some(state) = self.context.state() else { return };
        self.scopes.show_expiry(&state, self.main);
    }
}

impl Followed for TlsSnapshot {
    fn what(&self) -> String {
        format!("listener {}", self.listener)
    }

    fn files(&self) -> Vec<Arc<str>> {
        files_of_server(&self.context.config())
    }

    fn renew(&self, secrets: &ReadSecrets<'_>) -> Result<(), String> {
        let by_secret = self.context.renew(secrets)?;
        self.scopes.renewed(by_secret, self.main);
        self.show_expiry();
        Ok(())
    }

    fn renewal_failed(&self) {
        self.scopes.renewal_failed(self.main);
    }

    fn certificates(&self) -> ShownCertificates {
        let state = self.context.state();
        state.map(|state| ShownCertificates::of(&state.identities, &state.authorities)).unwrap_or_default()
    }
}

/// TLS of a filter chain, as one worker has it.
#[derive(Debug)]
pub(crate) struct TlsRuntime {
    shared: Arc<TlsSnapshot>,
    shards: TlsShards,
}
