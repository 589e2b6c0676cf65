//! Asking name servers.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use causeway_model::{DnsLookupFamily, DnsResolver};
use causeway_reason::{Failure, Reason};
use causeway_stats::{Registry, ScopeName, Shard};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RecordType};

use crate::dns::files::{HostsFile, ResolvConf};
use crate::dns::lookup::{Lookup, Miss};
use crate::stats::DnsStat;

/// Shown as the source of addresses of the hosts file.
pub(super) const HOSTS: &str = "/etc/hosts";
pub(super) const RESOLV_CONF: &str = "/etc/resolv.conf";

/// All resolvers that the clusters of a configuration ask, one for each way to ask. On the main thread.
#[derive(Debug)]
pub(crate) struct Resolvers {
    hosts: RefCell<HostsFile>,
    system: RefCell<ResolvConf>,
    made: RefCell<Vec<Made>>,
    stats: Shard<DnsStat>,
}

#[derive(Debug)]
struct Made {
    config: DnsResolver,
    version: u64,
    resolver: Resolver,
}

/// One way to ask.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    handle: TokioResolver,
    search: Arc<[Name]>,
    ndots: usize,
    /// The servers, as evidence names them.
    servers: Arc<str>,
}

/// Addresses, and how long they may be kept.
pub(super) type Found = (Vec<IpAddr>, Duration);

impl Resolvers {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self::with_files(registry, Path::new(HOSTS), Path::new(RESOLV_CONF))
    }

    pub(crate) fn with_files(registry: &Registry, hosts: &Path, resolv_conf: &Path) -> Self {
        let stats = registry.scope(ScopeName::root().then("dns").then("cares"));
        Self {
            hosts: RefCell::new(HostsFile::new(hosts)),
            system: RefCell::new(ResolvConf::new(resolv_conf)),
            made: RefCell::default(),
            stats: stats.shard(registry.main_shard()),
        }
    }

    /// Looks a name up.
    pub(crate) async fn lookup(&self, config: &DnsResolver, name: &str, family: DnsLookupFamily) -> Lookup {
        self.stats.inc(DnsStat::ResolveTotal);
        let began = Instant::now();
        if let Some((addresses, source)) = self.without_asking(name, family) {
            return Lookup { addresses, ttl: None, failure: None, source, took: began.elapsed() };
        }
        let resolver = match self.resolver(config) {
            Ok(resolver) => resolver,
            Err(words) => {
                let took = began.elapsed();
                let failure = Miss::Silence(words).failure(name, &[], types(family), RESOLV_CONF, took);
                self.stats.inc(DnsStat::GetAddrFailure);
                return Lookup::failed(failure, RESOLV_CONF.into(), took);
            }
        };
        self.stats.adjust(DnsStat::PendingResolutions, 1);
        let pending = Pending(&self.stats);
        let lookup = resolver.ask(name, family, began).await;
        drop(pending);
        match lookup.failure.as_ref().map(|failure| failure.reason) {
            None => {}
            Some(Reason::DnsNameNotFound | Reason::DnsNoAddress) => {
                self.stats.inc(DnsStat::NotFound);
            }
            Some(Reason::DnsTimeout) => self.stats.inc(DnsStat::Timeouts),
            Some(_) => self.stats.inc(DnsStat::GetAddrFailure),
        }
        lookup
    }

    /// Addresses that nobody has to be asked for: a literal, or one of the hosts file.
    fn without_asking(&self, name: &str, family: DnsLookupFamily) -> Option<(Vec<IpAddr>, Arc<str>)> {
        if let Ok(literal) = name.parse::<IpAddr>() {
            return Some((vec![literal], "the file itself".into()));
        }
        let mut hosts = self.hosts.borrow_mut();
        let addresses = wanted(hosts.addresses(name), family);
        (!addresses.is_empty()).then(|| (addresses, HOSTS.into()))
    }

    fn resolver(&self, config: &DnsResolver) -> Result<Resolver, String> {
        let mut system = self.system.borrow_mut();
        let version = system.refresh();
        let mut made = self.made.borrow_mut();
        let known = made.iter().position(|known| known.config == *config);
        if let Some(known) = known.and_then(|at| made.get(at)).filter(|known| known.version == version) {
            return Ok(known.resolver.clone());
        }
        let resolver = Resolver::new(config, system.parsed().clone())?;
        if let Some(outdated) = known {
            self.stats.inc(DnsStat::Reinits);
            made.swap_remove(outdated);
        }
        made.push(Made { config: config.clone(), version, resolver: resolver.clone() });
        Ok(resolver)
    }
}

/// Counts a look-up as pending for as long as it is: also one that is dropped halfway ends.
struct Pending<'a>(&'a Shard<DnsStat>);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.adjust(DnsStat::PendingResolutions, -1);
    }
}

impl Resolver {
    pub(super) fn new(config: &DnsResolver, system: crate::dns::files::Parsed) -> Result<Self, String> {
        let servers: Vec<NameServerConfig> = if config.servers.is_empty() {
            let ip_with =
                |server: &NameServerConfig| server_config(SocketAddr::new(server.ip, 53), config.use_tcp);
            system.servers.iter().map(ip_with).collect()
        } else {
            config.servers.iter().map(|server| server_config(*server, config.use_tcp)).collect()
        };
        let addresses = servers.iter().map(|server| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            SocketAddr::new(server.ip, port).to_string()
        });
        let shown = addresses.collect::<Vec<_>>().join(", ");
        let mut options = system.options;
        // Every look-up is a question: when to ask is decided here, not by a cache.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        if let Some(timeout) = config.query_timeout {
            options.timeout = timeout;
        }
        if let Some(tries) = config.query_tries {
            // The library counts what follows the first.
            options.attempts = usize::try_from(tries.saturating_sub(1)).unwrap_or(0);
        }
        let ndots = options.ndots;
        // Names are completed here, so that it is known which one failed how.
        let builder = TokioResolver::builder_with_config(
            ResolverConfig::from_name_servers(servers),
            TokioRuntimeProvider::default(),
        );
        let handle = builder.with_options(options).build().map_err(|error| error.to_string())?;
        let search = if config.no_default_search_domain { Vec::new() } else { system.search };
        Ok(Self { handle, search: search.into(), ndots, servers: shown.into() })
    }

    async fn ask(&self, name: &str, family: DnsLookupFamily, began: Instant) -> Lookup {
        let mut worst: Option<Miss> = None;
        let mut asked = Vec::new();
        let candidates = self.names(name);
        if candidates.is_empty() {
            let failure = Failure::no_host_left(Reason::DnsNameNotFound)
                .with_evidence(format!("{name} is not a domain name"));
            return Lookup::failed(failure, "the file itself".into(), began.elapsed());
        }
        for candidate in candidates {
            asked.push(candidate.to_string());
            match self.ask_families(&candidate, family).await {
                Ok((addresses, ttl)) => {
                    return Lookup {
                        addresses,
                        ttl: Some(ttl),
                        failure: None,
                        source: Arc::clone(&self.servers),
                        took: began.elapsed(),
                    };
                }
                Err(miss) => {
                    // Who does not answer for one name will not answer for the next.
                    let silent = matches!(miss, Miss::Silence(_));
                    if worst.as_ref().is_none_or(|worst| miss.weight() > worst.weight()) {
                        worst = Some(miss);
                    }
                    if silent {
                        break;
                    }
                }
            }
        }
        let took = began.elapsed();
        let miss = worst.unwrap_or(Miss::NoName);
        let failure = miss.failure(name, &asked, types(family), &self.servers, took);
        Lookup::failed(failure, Arc::clone(&self.servers), took)
    }

    /// The names that a name may mean, in the order of resolv.conf(5).
    pub(super) fn names(&self, name: &str) -> Vec<Name> {
        let Ok(parsed) = Name::from_str_relaxed(name) else { return Vec::new() };
        let mut absolute = parsed.clone();
        absolute.set_fqdn(true);
        if parsed.is_fqdn() || absolute.is_localhost() {
            return vec![absolute];
        }
        let completed = self.search.iter().filter_map(|domain| {
            let mut name = parsed.clone().append_domain(domain).ok()?;
            name.set_fqdn(true);
            Some(name)
        });
        let dots = usize::from(parsed.num_labels()).saturating_sub(1);
        let mut names: Vec<Name> = completed.collect();
        if dots >= self.ndots {
            names.insert(0, absolute);
        } else {
            names.push(absolute);
        }
        names
    }

    async fn ask_families(&self, name: &Name, family: DnsLookupFamily) -> Result<Found, Miss> {
        let (first, second) = match family {
            DnsLookupFamily::V4Only => return self.ask_one(name, RecordType::A).await,
            DnsLookupFamily::V6Only => return self.ask_one(name, RecordType::AAAA).await,
            DnsLookupFamily::Auto | DnsLookupFamily::All => (RecordType::AAAA, RecordType::A),
            DnsLookupFamily::V4Preferred => (RecordType::A, RecordType::AAAA),
        };
        // Both at once: a server, or something before it, that swallows one kind of question must not cost
        // a timeout each time. The second answer is not waited for where the first is enough.
        let enough = |one: &Result<Found, Miss>| one.is_ok() && family != DnsLookupFamily::All;
        let (one, two) = join(self.ask_one(name, first), self.ask_one(name, second), enough).await;
        match (one, two) {
            (Ok(one), Some(Ok(two))) if family == DnsLookupFamily::All => {
                Ok(([one.0, two.0].concat(), one.1.min(two.1)))
            }
            (Ok(found), _) | (Err(_), Some(Ok(found))) => Ok(found),
            // Envoy takes the second answer alone. A server that failed for one family may well have its
            // addresses, so that is no proof that there are none.
            (Err(one), Some(Err(two))) => Err(if one.weight() > two.weight() { one } else { two }),
            (Err(one), None) => Err(one),
        }
    }

    pub(super) async fn ask_one(&self, name: &Name, record: RecordType) -> Result<Found, Miss> {
        let answer = self.handle.lookup(name.clone(), record).await.map_err(|error| Miss::of(&error))?;
        let records = answer.answers();
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in records.iter().filter_map(|record| record.data.ip_addr()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(Miss::NoData);
        }
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        Ok((addresses, Duration::from_secs(u64::from(ttl))))
    }
}

/// Runs both, until both are done or the first is, with a result that is enough.
async fn join<A, B>(
    one: impl Future<Output = A>,
    two: impl Future<Output = B>,
    enough: impl Fn(&A) -> bool,
) -> (A, Option<B>) {
    let (mut one, mut two) = (pin!(one), pin!(two));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(done) = one.as_mut().poll(cx)
        {
            first = Some(done);
        }
        if second.is_none()
            && let Poll::Ready(done) = two.as_mut().poll(cx)
        {
            second = Some(done);
        }
        match first.take() {
            Some(done) if second.is_some() || enough(&done) => Poll::Ready((done, second.take())),
            other => {
                first = other;
                Poll::Pending
            }
        }
    })
    .await
}

fn server_config(server: SocketAddr, tcp_only: bool) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let mut connections = vec![at_port(ConnectionConfig::tcp())];
    if !tcp_only {
        connections.insert(0, at_port(ConnectionConfig::udp()));
    }
    NameServerConfig::new(server.ip(), true, connections)
}

/// The addresses of a list that a family takes.
fn wanted(addresses: &[IpAddr], family: DnsLookupFamily) -> Vec<IpAddr> {
    let v4 = || addresses.iter().copied().filter(IpAddr::is_ipv4).collect::<Vec<_>>();
    let v6 = || addresses.iter().copied().filter(IpAddr::is_ipv6).collect::<Vec<_>>();
    let or = |first: Vec<IpAddr>, second: Vec<IpAddr>| if first.is_empty() { second } else { first };
    match family {
        DnsLookupFamily::V4Only => v4(),
        DnsLookupFamily::V6Only => v6(),
        DnsLookupFamily::Auto => or(v6(), v4()),
        DnsLookupFamily::V4Preferred => or(v4(), v6()),
        DnsLookupFamily::All => addresses.to_vec(),
    }
}

/// The records that a family asks for.
const fn types(family: DnsLookupFamily) -> &'static str {
    match family {
        DnsLookupFamily::V4Only => "A",
        DnsLookupFamily::V6Only => "AAAA",
        DnsLookupFamily::Auto | DnsLookupFamily::V4Preferred | DnsLookupFamily::All => "A or AAAA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_their_addresses() {
        let (four, six): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        for (family, expected) in [
            (DnsLookupFamily::Auto, vec![six]),
            (DnsLookupFamily::V4Only, vec![four]),
            (DnsLookupFamily::V6Only, vec![six]),
            (DnsLookupFamily::V4Preferred, vec![four]),
            (DnsLookupFamily::All, vec![four, six]),
        ] {
            assert_eq!(wanted(&[four, six], family), expected, "{family:?}");
        }
        assert_eq!(wanted(&[four], DnsLookupFamily::Auto), [four]);
        assert!(wanted(&[four], DnsLookupFamily::V6Only).is_empty());
    }
}
