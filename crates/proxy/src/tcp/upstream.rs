//! The other half of a connection that is passed on: a connection to a back-end of its own, never used again.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{Address, RoutingPriority};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterStat, Host, HostStat, Resource};

use crate::buffer::Buffer;
use crate::cluster::{LocalCluster, Permit};
use crate::connect::{Connected, TlsFacts, connect};
use crate::connection::ConnectionInfo;
use crate::io::Transport;
use crate::moment::Moment;
use crate::pool::PoolKind;
use crate::way::Way;
use crate::worker::Worker;

/// A connection to a back-end, with everything that is counted while it exists.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) stream: Transport,
    /// What the back-end sent and the client has not yet.
    pub(super) buffer: Buffer,
    /// Its number, unique in the process.
    pub(super) id: u64,
    /// Our end, for IP.
    pub(super) local: Option<SocketAddr>,
    /// What is known of its TLS, where it speaks it.
    pub(super) tls: Option<Rc<TlsFacts>>,
    pub(super) remote: Rc<Address>,
    life: Life,
    /// Held for its `Drop`.
    _running: Running,
}

/// Why there is no connection.
pub(super) struct NotConnected {
    pub(super) failure: Failure,
    /// The host that was tried, where it came as far.
    pub(super) host: Option<Arc<Host>>,
}

impl Upstream {
    /// Connects to a host of a cluster.
    pub(super) async fn connect(
        worker: &Rc<Worker>,
        cluster: &Rc<LocalCluster>,
        host: &Arc<Host>,
        client: &ConnectionInfo,
    ) -> Result<Self, NotConnected> {
        let pending = match Pending::new(cluster, host) {
            Ok(pending) => pending,
            Err(failure) => return Err(NotConnected { failure, host: None }),
        };
        let permit = cluster.acquire_beyond(RoutingPriority::Default, Resource::Connections);
        let mut life = Life::begin(worker, cluster, host, permit);
        let address = host.address();
        let way = Way::of_connection(client, cluster, host);
        let connected = connect(&address, host, cluster, way.as_deref(), &[]).await;
        drop(pending);
        let stats = cluster.stats();
        match connected {
            Ok(Connected { stream, local, tls }) => {
                stats.record(ClusterStat::UpstreamCxConnectMs, Moment::now().millis_since(life.made));
                life.with_request = true;
                let running = Running::new(cluster, host);
                let id = worker.next_connection_id();
                Ok(Self {
                    stream,
                    buffer: Buffer::default(),
                    id,
                    local,
                    tls,
                    remote: Rc::new(Address::clone(&address)),
                    life,
                    _running: running,
                })
            }
            Err(failure) => {
                stats.inc(ClusterStat::UpstreamCxConnectFail);
                stats.inc(ClusterStat::UpstreamRqPendingFailureEject);
                cluster.cells(host).inc(HostStat::CxConnectFail);
                match failure.reason {
                    Reason::ConnectTimeout | Reason::UpstreamTlsTimeout => {
                        stats.inc(ClusterStat::UpstreamCxConnectTimeout);
                    }
                    // An option that can't be set is no error of binding, and has no words of Envoy's.
                    Reason::SourceBindFailed if failure.transport.is_some() => {
                        stats.inc(ClusterStat::BindErrors);
                    }
                    Reason::SourceBindFailed => {}
                    _ => life.closed_by_peer = true,
                }
                Err(NotConnected { failure, host: Some(Arc::clone(host)) })
            }
        }
    }

    /// The cluster that it belongs to.
    pub(super) const fn cluster(&self) -> &Rc<LocalCluster> {
        &self.life.cluster
    }

    /// The back-end was the one who closed it.
    pub(super) const fn closed_by_peer(&mut self) {
        self.life.closed_by_peer = true;
    }
}

/// Whether the circuit breaker of connections lets another be made.
pub(super) fn may_connect(cluster: &LocalCluster) -> Result<(), Failure> {
    let (open, most) = cluster.shared().usage(RoutingPriority::Default, Resource::Connections);
    if open < most {
        return Ok(());
    }
    cluster.stats().inc(ClusterStat::UpstreamCxOverflow);
    let evidence = format!("{open} connections are open, and max_connections is {most}");
    Err(Failure::new(Reason::CircuitBreakerConnections).with_evidence(evidence))
}

/// A connection that is being made counts as a request that waits.
struct Pending<'c> {
    cluster: &'c Rc<LocalCluster>,
    host: &'c Arc<Host>,
    /// Held for its `Drop`.
    _permit: Permit,
}

impl<'c> Pending<'c> {
    fn new(cluster: &'c Rc<LocalCluster>, host: &'c Arc<Host>) -> Result<Self, Failure> {
        let Some(permit) = cluster.acquire(RoutingPriority::Default, Resource::Pending) else {
            cluster.stats().inc(ClusterStat::UpstreamRqPendingOverflow);
            let most = cluster.limit(RoutingPriority::Default, Resource::Pending);
            return Err(Failure::new(Reason::CircuitBreakerPending).with_evidence(format!(
                "{most} connections wait to be made, which is max_pending_requests"
            )));
        };
        cluster.stats().inc(ClusterStat::UpstreamRqPendingTotal);
        cluster.stats().adjust(ClusterStat::UpstreamRqPendingActive, 1);
        cluster.cells(host).inc(HostStat::RqPendingActive);
        Ok(Self { cluster, host, _permit: permit })
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.cluster.stats().adjust(ClusterStat::UpstreamRqPendingActive, -1);
        self.cluster.cells(self.host).dec(HostStat::RqPendingActive);
    }
}

/// Counts the connection for as long as it exists, or is being made.
#[derive(Debug)]
struct Life {
    cluster: Rc<LocalCluster>,
    host: Arc<Host>,
    made: Moment,
    closed_by_peer: bool,
    /// It was made, and carries what counts as a request.
    with_request: bool,
    /// Held for its `Drop`.
    _permit: Permit,
}

impl Life {
    fn begin(worker: &Worker, cluster: &Rc<LocalCluster>, host: &Arc<Host>, permit: Permit) -> Self {
        cluster.note_connection(PoolKind::Raw);
        cluster.stats().adjust(ClusterStat::UpstreamCxActive, 1);
        let cells = cluster.cells(host);
        cells.inc(HostStat::CxTotal);
        cells.inc(HostStat::CxActive);
        Self {
            cluster: Rc::clone(cluster),
            host: Arc::clone(host),
            made: worker.moment(),
            closed_by_peer: false,
            with_request: false,
            _permit: permit,
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.cluster.cells(&self.host).dec(HostStat::CxActive);
        let stats = self.cluster.stats();
        stats.adjust(ClusterStat::UpstreamCxActive, -1);
        stats.inc(ClusterStat::UpstreamCxDestroy);
        let (by, with_request) = if self.closed_by_peer {
            (ClusterStat::UpstreamCxDestroyRemote, ClusterStat::UpstreamCxDestroyRemoteWithActiveRq)
        } else {
            (ClusterStat::UpstreamCxDestroyLocal, ClusterStat::UpstreamCxDestroyLocalWithActiveRq)
        };
        stats.inc(by);
        if self.with_request {
            stats.inc(ClusterStat::UpstreamCxDestroyWithActiveRq);
            stats.inc(with_request);
        }
        stats.record(ClusterStat::UpstreamCxLengthMs, Moment::now().millis_since(self.made));
    }
}

/// A connection that is made counts as a request that runs, however many of those there may be: Envoy asks the
/// circuit breaker for connections only.
#[derive(Debug)]
struct Running {
    cluster: Rc<LocalCluster>,
    host: Arc<Host>,
    /// Held for its `Drop`.
    _permit: Permit,
}

impl Running {
    fn new(cluster: &Rc<LocalCluster>, host: &Arc<Host>) -> Self {
        cluster.stats().inc(ClusterStat::UpstreamRqTotal);
        cluster.stats().adjust(ClusterStat::UpstreamRqActive, 1);
        let cells = cluster.cells(host);
        cells.inc(HostStat::RqTotal);
        cells.inc(HostStat::RqActive);
        Self {
            cluster: Rc::clone(cluster),
            host: Arc::clone(host),
            _permit: cluster.acquire_beyond(RoutingPriority::Default, Resource::Requests),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cluster.stats().adjust(ClusterStat::UpstreamRqActive, -1);
        self.cluster.cells(&self.host).dec(HostStat::RqActive);
    }
}
