//! Questions about names, one at a time: for whoever wants to know which server says what.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use causeway_model::DnsResolver;
use hickory_resolver::proto::rr::{Name, RecordType};

use super::files::{HostsFile, ResolvConf};
use super::lookup::Miss;
use super::resolver::{HOSTS, RESOLV_CONF, Resolver};

/// The name servers that a cluster asks, each by itself.
#[derive(Debug)]
pub struct NameServers {
    servers: Vec<(SocketAddr, Resolver)>,
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// The name as the file has it.
    pub name: &'a str,
    /// What is wanted.
    pub kind: AddressKind,
}

/// Kinds of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// IPv4: `A`.
    V4,
    /// IPv6: `AAAA`.
    V6,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The name exists, without such an address.
    NoData,
    /// There is no such name, nor those that it was completed to.
    NoName,
    /// It failed, or refuses: `SERVFAIL`.
    Failure(String),
    /// Nothing, for this reason.
    Silence(String),
}

impl AddressKind {
    /// The type of the record.
    #[must_use]
    pub const fn record(self) -> &'static str {
        match self {
            Self::V4 => "A",
            Self::V6 => "AAAA",
        }
    }
}

impl NameServers {
    /// Those of a cluster; those of `/etc/resolv.conf` where it names none. Each is asked once, and waited for this long.
    ///
    /// # Errors
    ///
    /// Why none can be asked.
    pub fn of(config: &DnsResolver, patience: Duration) -> Result<Self, String> {
        let mut system = ResolvConf::new(Path::new(RESOLV_CONF));
        system.refresh();
        let addresses: Vec<SocketAddr> = if config.servers.is_empty() {
            system.parsed().servers.iter().map(|server| SocketAddr::new(server.ip, 53)).collect()
        } else {
            config.servers.clone()
        };
        let mut servers = Vec::with_capacity(addresses.len());
        for address in addresses {
            let one = DnsResolver {
                servers: vec![address],
                query_timeout: Some(patience),
                query_tries: Some(1),
                ..config.clone()
            };
            servers.push((address, Resolver::new(&one, system.parsed().clone())?));
        }
        Ok(Self { servers })
    }

    /// Their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().map(|(address, _)| *address)
    }

    /// The names that a name may mean there: with the search domains of this host where it has few dots.
    #[must_use]
    pub fn completed(&self, name: &str) -> Vec<String> {
        let first = self.servers.first().map(|(_, resolver)| resolver.names(name));
        first.unwrap_or_default().iter().map(Name::to_string).collect()
    }

    /// Asks one of them, for one name behind the other as resolv.conf(5) completes it, until one has addresses. Tells how
    /// long it took.
    pub async fn ask(&self, server: SocketAddr, question: Question<'_>) -> (Told, Duration) {
        let began = Instant::now();
        let Some((_, resolver)) = self.servers.iter().find(|(address, _)| *address == server) else {
            return (Told::Silence("it is not among the servers".to_owned()), Duration::ZERO);
        };
        let record = match question.kind {
            AddressKind::V4 => RecordType::A,
            AddressKind::V6 => RecordType::AAAA,
        };
        let mut worst: Option<Miss> = None;
        for name in resolver.names(question.name) {
            match resolver.ask_one(&name, record).await {
                Ok((addresses, _)) => return (Told::Addresses(addresses), began.elapsed()),
                Err(miss) => {
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
        let told = match worst {
            None | Some(Miss::NoName) => Told::NoName,
            Some(Miss::NoData) => Told::NoData,
            Some(Miss::Server(code)) => Told::Failure(code),
            Some(Miss::Silence(words)) => Told::Silence(words),
        };
        (told, began.elapsed())
    }
}

/// The addresses that `/etc/hosts` has for a name.
#[must_use]
pub fn hosts_file(name: &str) -> Vec<IpAddr> {
    HostsFile::new(Path::new(HOSTS)).addresses(name).to_vec()
}
