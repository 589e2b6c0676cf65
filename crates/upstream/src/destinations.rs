//! Clusters of type `ORIGINAL_DST`: a request or connection says which address it is for, and that is its host.
//!
//! A worker that meets an address for the first time makes the host itself, uses it at once, and tells the main thread,
//! which publishes it to all workers with the others of the cluster. Two workers may meet an address at the same moment:
//! the host that the main thread hears of first is the one that stays, and the other worker goes over to it with its next
//! request.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use causeway_model::{Address, ClusterType, HealthStatus, Locality, Metadata};
use causeway_reason::{Failure, Reason};
use causeway_stats::Shard;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::cluster::Cluster;
use crate::flags::HealthFlags;
use crate::host::{CheckTarget, Host, HostSettings};
use crate::host_set::HostSet;
use crate::members::Maker;
use crate::stats::ClusterStat;

/// What a request or connection says of where it goes.
#[derive(Debug, Clone, Copy, Default)]
pub enum Destination<'a> {
    /// Nothing.
    #[default]
    Unknown,
    /// To this address.
    To(SocketAddr),
    /// Something that is no address.
    NoAddress(&'a [u8]),
}

/// The way of hosts that a worker has made to the main thread.
#[derive(Debug, Default)]
pub(crate) struct Found(OnceLock<UnboundedSender<Arc<Host>>>);

impl Found {
    /// The other end of the way; there is one.
    pub(crate) fn receive(&self) -> Option<UnboundedReceiver<Arc<Host>>> {
        let (sender, receiver) = unbounded_channel();
        self.0.set(sender).ok().map(|()| receiver)
    }

    fn send(&self, host: &Arc<Host>) {
        if let Some(sender) = self.0.get() {
            // Nobody listens any more where the cluster was replaced: the host is for this request alone.
            let _ = sender.send(Arc::clone(host));
        }
    }
}

impl Destination<'_> {
    /// What a text says, as Envoy reads it (`parseInternetAddressAndPortNoThrow`): `192.0.2.1:80` or `[2001:db8::1]:80`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Destination<'_> {
        address(text).map_or(Destination::NoAddress(text), Destination::To)
    }
}

/// Chooses hosts of such a cluster for one worker.
#[derive(Debug)]
pub struct Destinations {
    cluster: Arc<Cluster>,
    stats: Shard<ClusterStat>,
    maker: Maker,
    generation: u64,
    hosts: Arc<HostSet>,
    /// Hosts that were made here and are in no snapshot yet.
    unpublished: HashMap<SocketAddr, Arc<Host>>,
}

impl Destinations {
    /// For a cluster of this type, and a worker by its number.
    #[must_use]
    pub fn new(cluster: &Arc<Cluster>, worker: usize) -> Option<Self> {
        let ClusterType::OriginalDst(_) = &cluster.config().kind else { return None };
        Some(Self {
            stats: cluster.stats().shard(worker),
            maker: Maker::new(cluster.config(), cluster.registry().main_shard() + 1),
            generation: cluster.generation(),
            hosts: cluster.host_set(),
            unpublished: HashMap::new(),
            cluster: Arc::clone(cluster),
        })
    }

    /// The host for a request or connection. Counts `upstream_cx_none_healthy` where there is none.
    ///
    /// # Errors
    ///
    /// It says nothing of where it goes, or nothing that can be read.
    pub fn choose(&mut self, destination: Destination<'_>) -> Result<Arc<Host>, Failure> {
        let ClusterType::OriginalDst(config) = &self.cluster.config().kind else {
            return Err(Reason::NoOriginalDestination.into());
        };
        let evidence = match destination {
            Destination::To(mut address) => {
                if let Some(port) = config.port {
                    address.set_port(port);
                }
                return Ok(self.host(address));
            }
            Destination::NoAddress(text) => {
                format!("\"{}\" is no address with a port", text.escape_ascii())
            }
            Destination::Unknown => match &config.header {
                Some(header) => {
                    format!("there is no header {}, and the connection came here directly", header.as_str())
                }
                None => "the connection came here directly".to_owned(),
            },
        };
        self.stats.inc(ClusterStat::UpstreamCxNoneHealthy);
        Err(Failure::no_host_left(Reason::NoOriginalDestination).with_evidence(evidence))
    }

    /// Whether a host, if it is of these, may still be used.
    pub fn has(&mut self, host: &Host) -> bool {
        self.refresh();
        let Some(address) = host.address().ip() else { return false };
        let found = self.hosts.destination(&address).or_else(|| self.unpublished.get(&address));
        found.is_some_and(|found| found.id() == host.id())
    }

    fn host(&mut self, address: SocketAddr) -> Arc<Host> {
        self.refresh();
        let known = self.hosts.destination(&address).or_else(|| self.unpublished.get(&address));
        let host = match known {
            Some(host) => Arc::clone(host),
            None => {
                let host = make(&self.cluster, &self.maker, address);
                self.unpublished.insert(address, Arc::clone(&host));
                self.cluster.found.send(&host);
                host
            }
        };
        host.note_chosen();
        host
    }

    fn refresh(&mut self) {
        let generation = self.cluster.generation();
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        // What was published by now is in the snapshot that is looked at next, or it has gone again.
        self.unpublished.retain(|_, host| !host.is_adopted());
        self.hosts = self.cluster.host_set();
        let (hosts, found) = (&self.hosts, &self.cluster.found);
        self.unpublished.retain(|address, host| {
            let is_alone = hosts.destination(address).is_none();
            if is_alone {
                // It may not be known yet, or there was another one at its address that has gone since.
                found.send(host);
            }
            is_alone
        });
    }
}

/// A host at an address, as Envoy makes it.
fn make(cluster: &Cluster, maker: &Maker, address: SocketAddr) -> Arc<Host> {
    let settings = HostSettings {
        hostname: format!("{}{address}", cluster.name()).into(),
        weight: 1,
        locality: Arc::new(Locality::default()),
        priority: 0,
        locality_weight: 0,
        metadata: Metadata::default(),
        tlvs: Vec::new(),
        status: HealthStatus::Unknown,
        check: CheckTarget::default(),
    };
    let host = maker.make(&settings, Address::Ip(address));
    // Nobody has found fault with it: requests do not wait for a check.
    host.set_flags(HealthFlags::NONE);
    host
}

fn address(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, port) = bracketed.rsplit_once("]:")?;
        let port = port_of(port)?;
        return Some(SocketAddr::new(ip.parse::<Ipv6Addr>().ok()?.into(), port));
    }
    let (ip, port) = text.rsplit_once(':')?;
    Some(SocketAddr::new(ip.parse::<Ipv4Addr>().ok()?.into(), port_of(port)?))
}

/// Envoy takes a sign and white space around the number.
fn port_of(text: &str) -> Option<u16> {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        match Destination::parse(text.as_bytes()) {
            Destination::To(address) => Some(address.to_string()),
            Destination::NoAddress(_) | Destination::Unknown => None,
        }
    }

    #[test]
    fn addresses_are_read_as_envoy_reads_them() {
        for (text, expected) in [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("127.0.0.1:+80", Some("127.0.0.1:80")),
            ("127.0.0.1: 80", Some("127.0.0.1:80")),
            ("127.0.0.1:080", Some("127.0.0.1:80")),
            ("127.0.0.1:0", Some("127.0.0.1:0")),
            ("[::1]:80", Some("[::1]:80")),
            ("[::ffff:127.0.0.1]:80", Some("[::ffff:127.0.0.1]:80")),
            ("[fe80::1%1]:80", None),
            ("[fe80::1%lo]:80", None),
            ("", None),
            ("127.0.0.1", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:-1", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:80, 127.0.0.2:80", None),
            ("0127.0.0.1:80", None),
            ("127.1:80", None),
            ("localhost:80", None),
            ("::1:80", None),
            ("[::1]", None),
            ("[127.0.0.1]:80", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text:?}");
        }
    }
}
