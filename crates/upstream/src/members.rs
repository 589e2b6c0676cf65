//! Which hosts a cluster has: what the file names, and what its names resolve to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{
    Address, Cluster, ClusterType, DnsOptions, Endpoint, EndpointAddress, Locality, LocalityEndpoints,
    OutlierDetection,
};

use crate::dns::{Lookup, NameReport, Outcome, Schedule};
use crate::flags::HealthFlags;
use crate::host::{CheckTarget, Host, HostSettings};
use crate::rng::Rng;

/// The largest priority that Envoy takes.
const MAX_PRIORITY: u32 = 128;

/// The endpoints of a cluster, each with the hosts it stands for at the moment.
#[derive(Debug)]
pub(crate) struct Members {
    config: Arc<Cluster>,
    maker: Maker,
    targets: Vec<Target>,
    /// Hosts of a cluster that has those that requests are for (`ORIGINAL_DST`).
    destinations: Vec<Arc<Host>>,
}

/// What all hosts of the cluster have in common.
#[derive(Debug)]
pub(crate) struct Maker {
    checks: usize,
    pending: bool,
    workers: usize,
    outliers: Option<Arc<OutlierDetection>>,
    /// Their agents are asked.
    agents: bool,
}

/// One endpoint of the file.
#[derive(Debug)]
struct Target {
    settings: HostSettings,
    address: TargetAddress,
    hosts: Vec<Arc<Host>>,
}

#[derive(Debug)]
enum TargetAddress {
    Fixed(Address),
    Name(Box<Name>),
}

#[derive(Debug)]
struct Name {
    host: Arc<str>,
    port: u16,
    schedule: Schedule,
    report: Option<Arc<NameReport>>,
}

/// What became of the hosts.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    pub(crate) added: Vec<Arc<Host>>,
    pub(crate) removed: Vec<Arc<Host>>,
    /// Addresses of hosts that stay changed.
    pub(crate) changed: bool,
    /// Hosts that stay, of which it changed whether a name stands for them.
    pub(crate) marked: Vec<Arc<Host>>,
}

impl Delta {
    /// Whether the set of hosts is another.
    pub(crate) const fn is_new_set(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }

    fn mark(&mut self, host: &Arc<Host>, pending_removal: bool) {
        let before = host.flags();
        let after = before.with(HealthFlags::PENDING_DYNAMIC_REMOVAL, pending_removal);
        if before != after {
            host.set_flags(after);
            self.marked.push(Arc::clone(host));
        }
    }
}

impl Members {
    pub(crate) fn new(config: Arc<Cluster>, workers: usize) -> Self {
        let targets = config
            .localities
            .iter()
            .flat_map(|locality| {
                let place = Arc::new(locality.locality.clone());
                locality.endpoints.iter().map(move |endpoint| (locality, Arc::clone(&place), endpoint))
            })
            .map(|(locality, place, endpoint)| Target::new(&config, locality, place, endpoint))
            .collect();
        let maker = Maker::new(&config, workers);
        Self { config, maker, targets, destinations: Vec::new() }
    }

    /// Makes the hosts that need no look-up. Of `former` – the members of the cluster before it was changed
    /// – it takes over what names stood for: that is better than nothing until they are answered anew.
    pub(crate) fn start(&mut self, former: Option<&Self>) -> Vec<Arc<Host>> {
        let former = former.filter(|former| former.config.kind == self.config.kind);
        for target in &mut self.targets {
            let addresses = match &target.address {
                TargetAddress::Fixed(address) => vec![address.clone()],
                TargetAddress::Name(name) => {
                    former.and_then(|former| former.answers(&name.host, name.port)).unwrap_or_default()
                }
            };
            let hosts = addresses.into_iter().map(|address| self.maker.make(&target.settings, address));
            target.hosts = hosts.collect();
        }
        self.hosts()
    }

    /// The addresses that a name stood for.
    fn answers(&self, host: &str, port: u16) -> Option<Vec<Address>> {
        self.targets.iter().find_map(|target| match &target.address {
            TargetAddress::Name(name) if &*name.host == host && name.port == port => {
                Some(target.hosts.iter().map(|host| (*host.address()).clone()).collect())
            }
            TargetAddress::Name(_) | TargetAddress::Fixed(_) => None,
        })
    }

    /// The names to look up: their target's number and the name.
    pub(crate) fn names(&self) -> Vec<(usize, Arc<str>)> {
        let names = self.targets.iter().enumerate().filter_map(|(index, target)| match &target.address {
            TargetAddress::Name(name) => Some((index, Arc::clone(&name.host))),
            TargetAddress::Fixed(_) => None,
        });
        names.collect()
    }

    /// Whether hosts that were not checked yet are left out of everything.
    pub(crate) const fn are_pending_at_first(&self) -> bool {
        self.maker.pending
    }

    /// What is looked for in outliers, where anything is.
    pub(crate) fn outliers(&self) -> Option<Arc<OutlierDetection>> {
        self.maker.outliers.clone()
    }

    /// How names are looked up; `None` where the cluster is static.
    pub(crate) fn dns(&self) -> Option<&DnsOptions> {
        dns_options(&self.config)
    }

    /// Whether one host stands for a name, whatever its address.
    pub(crate) fn is_logical(&self) -> bool {
        matches!(self.config.kind, ClusterType::LogicalDns(_))
    }

    /// Takes the result of looking a target's name up. Gives what became of the hosts, and the time to the
    /// next look-up; `None` where the target has no name.
    pub(crate) fn resolved(
        &mut self,
        target: usize,
        lookup: &Lookup,
        now: Instant,
        rng: &mut Rng,
    ) -> Option<(Delta, Duration)> {
        let logical = self.is_logical();
        let options = dns_options(&self.config)?;
        let target = self.targets.get_mut(target)?;
        let TargetAddress::Name(name) = &mut target.address else { return None };
        let next = name.schedule.next(options, lookup.outcome(), lookup.ttl, logical, rng);
        let at = |ip: &IpAddr| Address::Ip(SocketAddr::new(*ip, name.port));
        let make = |address| self.maker.make(&target.settings, address);
        let delta = match (lookup.outcome(), logical) {
            // The last good answer stands.
            (Outcome::Failed, _) | (Outcome::Nothing, true) => Delta::default(),
            (Outcome::Found | Outcome::Nothing, false) => {
                replace(&mut target.hosts, lookup.addresses.iter().map(at), make)
            }
            (Outcome::Found, true) => readdress(&mut target.hosts, lookup.addresses.first().map(at), make),
        };
        let in_use = target.hosts.iter().filter_map(|host| host.address().ip()).map(|ip| ip.ip());
        let before = name.report.as_deref();
        let failed = lookup.failure.is_some();
        let report = NameReport {
            name: Arc::clone(&name.host),
            failure: lookup.failure.clone(),
            in_use: in_use.collect(),
            ttl: lookup.ttl,
            source: Arc::clone(&lookup.source),
            at: now,
            took: lookup.took,
            next: now + next,
            answered: if failed { before.and_then(|before| before.answered) } else { Some(now) },
            failures: if failed { before.map_or(0, |before| before.failures).saturating_add(1) } else { 0 },
        };
        name.report = Some(Arc::new(report));
        Some((delta, next))
    }

    /// What is known of a target's name.
    pub(crate) fn report(&self, target: usize) -> Option<&Arc<NameReport>> {
        match &self.targets.get(target)?.address {
            TargetAddress::Name(name) => name.report.as_ref(),
            TargetAddress::Fixed(_) => None,
        }
    }

    /// Addresses of a DNS cluster that need no look-up. Envoy counts them as looked up all the same.
    pub(crate) fn literals(&self) -> usize {
        let fixed = self.targets.iter().filter(|target| matches!(target.address, TargetAddress::Fixed(_)));
        if self.dns().is_some() { fixed.count() } else { 0 }
    }

    /// All hosts, in the order of the file.
    pub(crate) fn hosts(&self) -> Vec<Arc<Host>> {
        self.targets.iter().flat_map(|target| &target.hosts).chain(&self.destinations).cloned().collect()
    }

    /// The hosts that requests were for.
    pub(crate) const fn destinations(&mut self) -> &mut Vec<Arc<Host>> {
        &mut self.destinations
    }

    /// The hosts by priority, from 0 on.
    pub(crate) fn by_priority(&self) -> Vec<Vec<Arc<Host>>> {
        let at = |target: &Target| usize::try_from(target.settings.priority.min(MAX_PRIORITY)).unwrap_or(0);
        let count = self.targets.iter().map(at).max().map_or(1, |last| last + 1);
        let mut priorities = vec![Vec::new(); count];
        if let Some(first) = priorities.first_mut() {
            first.extend(self.destinations.iter().cloned());
        }
        for target in &self.targets {
            let at = at(target);
            if let Some(hosts) = priorities.get_mut(at) {
                hosts.extend(target.hosts.iter().cloned());
            }
        }
        priorities
    }

    /// What is known of the names.
    pub(crate) fn reports(&self) -> Vec<Arc<NameReport>> {
        let reports = self.targets.iter().filter_map(|target| match &target.address {
            TargetAddress::Name(name) => name.report.clone(),
            TargetAddress::Fixed(_) => None,
        });
        reports.collect()
    }
}

impl Target {
    fn new(
        config: &Cluster,
        locality: &LocalityEndpoints,
        place: Arc<Locality>,
        endpoint: &Endpoint,
    ) -> Self {
        let options = dns_options(config);
        let (address, written) = match (&endpoint.address, options) {
            (EndpointAddress::Name { host, port }, Some(options)) => {
                let schedule = Schedule::new(options);
                let name = Name { host: Arc::clone(host), port: *port, schedule, report: None };
                (TargetAddress::Name(Box::new(name)), Some(host.to_string()))
            }
            // A static cluster with a name is refused by the front-ends; it has nobody to ask.
            (EndpointAddress::Name { host, port }, None) => {
                let ip = host.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]));
                (TargetAddress::Fixed(Address::Ip(SocketAddr::new(ip, *port))), None)
            }
            (EndpointAddress::Resolved(address), options) => {
                // Envoy looks literals up too, and what it looks up becomes the host name.
                let written = options.and(address.ip()).map(|ip| ip.ip().to_string());
                (TargetAddress::Fixed(address.clone()), written)
            }
        };
        let hostname = if endpoint.hostname.is_empty() {
            written.unwrap_or_default()
        } else {
            endpoint.hostname.to_string()
        };
        let settings = HostSettings {
            hostname: hostname.into(),
            weight: endpoint.weight.max(1),
            locality: place,
            priority: locality.priority,
            locality_weight: locality.weight,
            metadata: endpoint.metadata.clone(),
            tlvs: endpoint.proxy_protocol_tlvs.clone(),
            status: endpoint.health_status,
            check: CheckTarget {
                address: endpoint.health_check_address,
                port: endpoint.health_check_port,
                hostname: endpoint.health_check_hostname.clone(),
                disabled: endpoint.disable_active_health_check,
            },
        };
        Self { settings, address, hosts: Vec::new() }
    }
}

impl Maker {
    pub(crate) fn new(config: &Cluster, workers: usize) -> Self {
        Self {
            checks: config.health_checks.len(),
            // Hosts that are written in the file are not new to Envoy, nor is the one that stands for a name.
            pending: config.ignore_new_hosts_until_first_health_check
                && matches!(config.kind, ClusterType::StrictDns(_)),
            workers,
            outliers: config.outlier_detection.clone().map(Arc::new),
            agents: config.agent_check.is_some(),
        }
    }

    pub(crate) fn make(&self, settings: &HostSettings, address: Address) -> Arc<Host> {
        let host = Host::new(address, settings.clone(), self.checks, self.pending, self.workers);
        Arc::new(host.watched(self.outliers.as_ref()).with_agent(self.agents))
    }
}

const fn dns_options(config: &Cluster) -> Option<&DnsOptions> {
    match &config.kind {
        ClusterType::Static | ClusterType::Aggregate(_) | ClusterType::OriginalDst(_) => None,
        ClusterType::StrictDns(options) | ClusterType::LogicalDns(options) => Some(options),
    }
}

/// `STRICT_DNS`: every address is a host. Hosts whose address stays, stay.
fn replace(
    hosts: &mut Vec<Arc<Host>>,
    addresses: impl Iterator<Item = Address>,
    make: impl Fn(Address) -> Arc<Host>,
) -> Delta {
    let mut delta = Delta::default();
    let mut old = std::mem::take(hosts);
    for address in addresses {
        let host = match old.iter().position(|host| *host.address() == address) {
            Some(at) => {
                let host = old.remove(at);
                delta.mark(&host, false);
                host
            }
            None => {
                let host = make(address);
                delta.added.push(Arc::clone(&host));
                host
            }
        };
        hosts.push(host);
    }
    for host in old {
        // A host that still passes its health checks stays, whatever the name service says.
        if host.is_checked() && !host.flags().any(HealthFlags::FAILED_ACTIVE_HC) {
            delta.mark(&host, true);
            hosts.push(host);
        } else {
            delta.removed.push(host);
        }
    }
    delta
}

/// `LOGICAL_DNS`: one host, at the first address. Connections that are open stay.
fn readdress(
    hosts: &mut Vec<Arc<Host>>,
    first: Option<Address>,
    make: impl Fn(Address) -> Arc<Host>,
) -> Delta {
    let mut delta = Delta::default();
    let Some(address) = first else { return delta };
    match hosts.first() {
        Some(host) if *host.address() == address => {}
        Some(host) => {
            host.set_address(address);
            delta.changed = true;
        }
        None => {
            let host = make(address);
            hosts.push(Arc::clone(&host));
            delta.added.push(host);
        }
    }
    delta
}
