//! A listener, compiled: what workers share of it, and what each of them makes of it.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{DownstreamSocket, FilterChain, Listener, NetworkFilter, OperatorKind};

use super::manager::{ManagerSnapshot, asks, tells_failures};
use super::{Compile, DataPlaneOptions, HttpRuntime, ManagerRuntime};
use crate::access_log::OpenLog;
use crate::cluster::LocalCluster;
use crate::gate::{Gates, GatesSnapshot};
use crate::listener::{
    Arrival, Balance, ChainChoice, ListenerFilter, ListenerFilterSnapshot, ListenerScopes, ListenerShards,
};
use crate::tcp::{TcpRuntime, TcpSnapshot};
use crate::tls::{TlsRuntime, TlsSnapshot};

/// A listener and its filter chains.
#[derive(Debug)]
pub(crate) struct ListenerSnapshot {
    pub(crate) config: Arc<Listener>,
    /// Logs of connections.
    pub(crate) logs: Vec<OpenLog>,
    /// One of them tells why connections fail, so the application log need not say it.
    pub(crate) logs_hold_failures: bool,
    /// One of them, or one of a TCP proxy, has the time of a round trip to the client.
    pub(crate) measures_round_trip: bool,
    /// For each of its chains ([`Listener::chains`]) what its connections are for.
    services: Vec<ServiceSnapshot>,
    /// For each of its chains TLS, where it is spoken.
    sockets: Vec<Option<Arc<TlsSnapshot>>>,
    /// For each of its chains what its connections have to pass before.
    gates: Vec<GatesSnapshot>,
    choice: ChainChoice,
    /// Where connections are shared out exactly: how many each worker has.
    pub(crate) balance: Option<Arc<Balance>>,
    filters: Vec<ListenerFilterSnapshot>,
    scopes: ListenerScopes,
}

/// What the connections of a filter chain are for.
#[derive(Debug)]
enum ServiceSnapshot {
    None,
    Http(Arc<ManagerSnapshot>),
    Tcp(Arc<TcpSnapshot>),
    Echo,
    DirectResponse(Arc<[u8]>),
}

impl ListenerSnapshot {
    /// Compiles a listener.
    ///
    /// # Errors
    ///
    /// One line for each log that can't be opened.
    pub(super) fn compile(config: &Arc<Listener>, with: &Compile<'_>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut services = Vec::new();
        let mut gates = Vec::new();
        let mut sockets = Vec::new();
        for (at, chain) in config.chains().enumerate() {
            match &chain.transport_socket {
                DownstreamSocket::RawBuffer => sockets.push(None),
                DownstreamSocket::Tls(tls) => match TlsSnapshot::new(tls, chain, config, with.registry) {
                    Ok(tls) => sockets.push(Some(Arc::new(tls))),
                    Err(of_tls) => faults.push(of_tls),
                },
            }
            match ServiceSnapshot::compile(config, chain, with) {
                Ok(service) => services.push(service),
                Err(of_service) => faults.extend(of_service),
            }
            let place = format!("{}/{}/{at}", config.name, chain.name);
            gates.push(GatesSnapshot::compile(&chain.gates, &place, with));
        }
        match OpenLog::open_all(&config.access_logs, with.runtime, with.files) {
            Ok(logs) if faults.is_empty() => Ok(Self {
                measures_round_trip: asks(&config.access_logs, &OperatorKind::RoundTripTime)
                    || services.iter().any(ServiceSnapshot::measures_round_trip),
                logs_hold_failures: config.access_logs.iter().any(tells_failures),
                logs,
                services,
                sockets,
                gates,
                choice: ChainChoice::new(config),
                balance: config.exact_balance.then(|| Balance::new(with.workers)),
                filters: ListenerFilterSnapshot::all(config, with.registry),
                scopes: ListenerScopes::new(with.registry, &config.stat_name, with.workers),
                config: Arc::clone(config),
            }),
            logs => {
                faults.extend(logs.err().into_iter().flatten());
                Err(faults)
            }
        }
    }
}

impl ListenerSnapshot {
    /// TLS of its filter chains.
    pub(super) fn tls(&self) -> impl Iterator<Item = &Arc<TlsSnapshot>> {
        self.sockets.iter().flatten()
    }
}

impl ServiceSnapshot {
    /// Whether the logs of a TCP proxy have the time of a round trip to the client.
    fn measures_round_trip(&self) -> bool {
        matches!(self, Self::Tcp(proxy) if proxy.measures_round_trip())
    }

    fn compile(
        listener: &Arc<Listener>,
        chain: &FilterChain,
        with: &Compile<'_>,
    ) -> Result<Self, Vec<String>> {
        Ok(match &chain.filter {
            NetworkFilter::None => Self::None,
            NetworkFilter::HttpConnectionManager(manager) => {
                Self::Http(Arc::new(ManagerSnapshot::compile(manager, listener, with)?))
            }
            NetworkFilter::TcpProxy(proxy) => Self::Tcp(Arc::new(TcpSnapshot::compile(proxy, with)?)),
            NetworkFilter::Echo => Self::Echo,
            NetworkFilter::DirectResponse(response) => Self::DirectResponse(Arc::clone(response)),
        })
    }
}

/// A listener as one worker has it.
#[derive(Debug)]
pub(crate) struct ListenerRuntime {
    pub(crate) config: Arc<Listener>,
    pub(crate) shards: ListenerShards,
    /// What looks at connections before their chain is chosen.
    pub(crate) filters: Vec<ListenerFilter>,
    snapshot: Arc<ListenerSnapshot>,
    chains: Vec<Rc<ChainRuntime>>,
}

/// A filter chain as one worker has it.
#[derive(Debug)]
pub(crate) struct ChainRuntime {
    pub(crate) config: Arc<FilterChain>,
    /// TLS, where it is spoken.
    pub(crate) tls: Option<TlsRuntime>,
    pub(crate) gates: Gates,
    pub(crate) service: Service,
}

/// What the connections of a filter chain are for, as one worker has it.
#[derive(Debug)]
pub(crate) enum Service {
    /// There is no network filter: they are closed.
    None,
    /// HTTP.
    Http(Rc<HttpRuntime>),
    /// They are passed on.
    Tcp(Rc<TcpRuntime>),
    /// They get back what they send.
    Echo,
    /// They are told this, and closed.
    DirectResponse(Arc<[u8]>),
}

impl ListenerRuntime {
    /// Makes a worker's own of a listener.
    pub(crate) fn new(
        snapshot: &Arc<ListenerSnapshot>,
        clusters: &HashMap<Arc<str>, Rc<LocalCluster>>,
        options: &DataPlaneOptions,
        worker: usize,
    ) -> Rc<Self> {
        let matched = snapshot.config.filter_chains.len();
        let chain = |(at, config): (usize, &Arc<FilterChain>)| {
            let service = match snapshot.services.get(at)? {
                ServiceSnapshot::None => Service::None,
                ServiceSnapshot::Http(manager) => {
                    let place = (at < matched).then(|| config.matcher.clone());
                    let listener = Arc::clone(&snapshot.config);
                    let manager = ManagerRuntime::new(manager, clusters, options, worker);
                    Service::Http(Rc::new(HttpRuntime::new(listener, place, manager, worker)))
                }
                ServiceSnapshot::Tcp(proxy) => Service::Tcp(Rc::new(proxy.runtime(worker))),
                ServiceSnapshot::Echo => Service::Echo,
                ServiceSnapshot::DirectResponse(response) => Service::DirectResponse(Arc::clone(response)),
            };
            let gates = snapshot.gates.get(at)?.runtime(worker);
            let tls = snapshot.sockets.get(at).and_then(Option::as_ref).map(|tls| tls.shard(worker));
            Some(Rc::new(ChainRuntime { config: Arc::clone(config), tls, gates, service }))
        };
        Rc::new(Self {
            config: Arc::clone(&snapshot.config),
            shards: snapshot.scopes.shard(worker),
            chains: snapshot.config.chains().enumerate().filter_map(chain).collect(),
            filters: snapshot.filters.iter().map(|filter| filter.for_worker(worker)).collect(),
            snapshot: Arc::clone(snapshot),
        })
    }

    /// The part that all workers share.
    pub(crate) fn snapshot(&self) -> &ListenerSnapshot {
        &self.snapshot
    }

    /// The filter chain of a connection; `None` where there is none for it.
    pub(crate) fn chain_of(&self, arrival: &Arrival<'_>) -> Option<&Rc<ChainRuntime>> {
        self.chains.get(self.snapshot.choice.find(arrival)?)
    }

    /// The number of a connection's filter chain among [`Listener::chains`].
    pub(crate) fn number_of_chain(&self, arrival: &Arrival<'_>) -> Option<usize> {
        self.snapshot.choice.find(arrival)
    }

    /// The filter chain of that number.
    pub(crate) fn chain(&self, number: usize) -> Option<&Rc<ChainRuntime>> {
        self.chains.get(number)
    }

    /// The connection manager that serves the connections of another one, which is this listener's or was
    /// so before a reload: the one of the chain for the same connections. `None` where there is none.
    pub(crate) fn http_in_place_of(&self, before: &HttpRuntime) -> Option<&Rc<HttpRuntime>> {
        let managers = || {
            self.chains.iter().filter_map(|chain| match &chain.service {
                Service::Http(http) => Some(http),
                Service::None | Service::Tcp(_) | Service::Echo | Service::DirectResponse(_) => None,
            })
        };
        managers()
            .find(|http| std::ptr::eq(&***http, before))
            .or_else(|| managers().find(|http| http.place == before.place))
    }
}
