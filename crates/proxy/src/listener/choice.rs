//! Which filter chain a connection gets.
//!
//! The conditions are looked at one after the other, in Envoy's order. With each, what fits best is kept: a
//! port or name before no condition, a narrow range before a wide one. There is no way back: a chain that fits
//! less well in an earlier condition is not found where those that fit better fail in a later one.

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use causeway_model::{Address, CidrRange, FilterChainMatch, Listener, SourceType};

/// What is known of a connection when its filter chain is chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// Where the client connected to.
    pub(crate) local: &'a Address,
    /// Where the client is.
    pub(crate) remote: &'a Address,
    /// The machine that is connected: another one where a PROXY header speaks for the client.
    pub(crate) direct_remote: &'a Address,
    /// The name that the client asks for, in lower case; empty where none is known.
    pub(crate) server_name: &'a str,
    /// The transport protocol that was found; empty where none was looked for.
    pub(crate) transport_protocol: &'a str,
    /// The application protocols that were found, those that the client likes best first.
    pub(crate) application_protocols: &'a [Box<str>],
}

/// All that filter chains are chosen by, for people.
impl fmt::Display for Arrival<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.remote, self.local)?;
        if self.direct_remote != self.remote {
            write!(f, " by {}", self.direct_remote)?;
        }
        if !self.transport_protocol.is_empty() {
            write!(f, ", {}", self.transport_protocol)?;
        }
        if !self.server_name.is_empty() {
            write!(f, ", for {}", self.server_name.escape_debug())?;
        }
        for protocol in self.application_protocols {
            write!(f, ", {}", protocol.escape_debug())?;
        }
        Ok(())
    }
}

/// Finds the filter chain of a connection.
#[derive(Debug)]
pub(crate) struct ChainChoice {
    /// The first chain, where it takes every connection.
    only: Option<usize>,
    steps: DestinationPort,
    default: Option<usize>,
}

impl ChainChoice {
    /// For the chains of a listener, by their number in [`Listener::chains`].
    pub(crate) fn new(listener: &Listener) -> Self {
        let mut steps = DestinationPort::default();
        for (number, chain) in listener.filter_chains.iter().enumerate() {
            steps.add(number, &chain.matcher);
        }
        let takes_all = match listener.filter_chains.as_slice() {
            [only] => only.matcher == FilterChainMatch::default(),
            _ => false,
        };
        Self {
            only: takes_all.then_some(0),
            steps,
            default: listener.default_filter_chain.as_ref().map(|_| listener.filter_chains.len()),
        }
    }

    /// The number of the chain; `None` where there is none for it.
    pub(crate) fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        self.only.or_else(|| self.steps.find(of)).or(self.default)
    }
}

/// One condition and those behind it.
trait Step: Debug + Default {
    /// Takes in a chain.
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch);

    /// Finds the chain of a connection.
    fn find(&self, of: &Arrival<'_>) -> Option<usize>;
}

/// A condition on a value, and what comes behind it.
#[derive(Debug)]
struct ByValue<K, S> {
    values: HashMap<K, S>,
    any: Option<S>,
}

impl<K, S> Default for ByValue<K, S> {
    fn default() -> Self {
        Self { values: HashMap::new(), any: None }
    }
}

impl<K: Eq + Hash, S: Step> ByValue<K, S> {
    fn add(&mut self, value: Option<K>, chain: usize, conditions: &FilterChainMatch) {
        let next = match value {
            Some(value) => self.values.entry(value).or_default(),
            None => self.any.get_or_insert_default(),
        };
        next.add(chain, conditions);
    }
}

impl<S: Step> ByValue<Box<str>, S> {
    /// An empty text stands for any, as an empty list does.
    fn add_texts(&mut self, texts: &[Box<str>], chain: usize, conditions: &FilterChainMatch) {
        if texts.is_empty() {
            self.add(None, chain, conditions);
        }
        for text in texts {
            self.add(Some(text.clone()).filter(|text| !text.is_empty()), chain, conditions);
        }
    }
}

/// A condition on an address, and what comes behind it.
#[derive(Debug)]
struct ByRange<S> {
    /// The narrow ones first.
    ranges: Vec<(CidrRange, S)>,
    any: Option<S>,
}

impl<S> Default for ByRange<S> {
    fn default() -> Self {
        Self { ranges: Vec::new(), any: None }
    }
}

impl<S: Step> ByRange<S> {
    fn add(&mut self, ranges: &[CidrRange], chain: usize, conditions: &FilterChainMatch) {
        if ranges.is_empty() {
            self.any.get_or_insert_default().add(chain, conditions);
        }
        for range in ranges {
            if let Some((_, next)) = self.ranges.iter_mut().find(|(known, _)| known == range) {
                next.add(chain, conditions);
                continue;
            }
            let mut next = S::default();
            next.add(chain, conditions);
            let at = self.ranges.partition_point(|(known, _)| known.prefix_len() >= range.prefix_len());
            self.ranges.insert(at, (*range, next));
        }
    }

    fn find(&self, address: &Address, of: &Arrival<'_>) -> Option<usize> {
        let ip = ip_of(address);
        let next = self.ranges.iter().find(|(range, _)| range.contains(ip)).map(|(_, next)| next);
        next.or(self.any.as_ref())?.find(of)
    }
}

/// The address that a Unix socket counts as in conditions on addresses: one that no machine has.
pub(super) fn ip_of(address: &Address) -> IpAddr {
    address.ip().map_or(IpAddr::V4(Ipv4Addr::BROADCAST), |address| address.ip())
}

#[derive(Debug, Default)]
struct DestinationPort(ByValue<u16, Destination>);

impl Step for DestinationPort {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        self.0.add(conditions.destination_port, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        let port = of.local.ip().map(|address| address.port());
        let next = port.and_then(|port| self.0.values.get(&port));
        next.or(self.0.any.as_ref())?.find(of)
    }
}

#[derive(Debug, Default)]
struct Destination(ByRange<ServerName>);

impl Step for Destination {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        self.0.add(&conditions.prefix_ranges, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        self.0.find(of.local, of)
    }
}

#[derive(Debug, Default)]
struct ServerName(ByValue<Box<str>, TransportProtocol>);

impl Step for ServerName {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        self.0.add_texts(&conditions.server_names, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        let names = &self.0.values;
        // The whole name, then its endings from each dot on, but for a first and a last one.
        let next = names.get(of.server_name).or_else(|| {
            let endings = of.server_name.match_indices('.').filter_map(|(at, _)| {
                let ending = of.server_name.get(at..)?;
                (at > 0 && ending.len() > 1).then_some(ending)
            });
            endings.into_iter().find_map(|ending| names.get(ending))
        });
        next.or(self.0.any.as_ref())?.find(of)
    }
}

#[derive(Debug, Default)]
struct TransportProtocol(ByValue<Box<str>, ApplicationProtocol>);

impl Step for TransportProtocol {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        let protocol = Some(conditions.transport_protocol.clone()).filter(|protocol| !protocol.is_empty());
        self.0.add(protocol, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        self.0.values.get(of.transport_protocol).or(self.0.any.as_ref())?.find(of)
    }
}

#[derive(Debug, Default)]
struct ApplicationProtocol(ByValue<Box<str>, DirectSource>);

impl Step for ApplicationProtocol {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        self.0.add_texts(&conditions.application_protocols, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        let next = of.application_protocols.iter().find_map(|protocol| self.0.values.get(protocol));
        next.or(self.0.any.as_ref())?.find(of)
    }
}

#[derive(Debug, Default)]
struct DirectSource(ByRange<Source>);

impl Step for DirectSource {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        self.0.add(&conditions.direct_source_prefix_ranges, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        self.0.find(of.direct_remote, of)
    }
}

/// Whether the client is on this machine.
#[derive(Debug, Default)]
struct Source {
    same_ip_or_loopback: Option<SourceRange>,
    external: Option<SourceRange>,
    any: Option<SourceRange>,
}

impl Step for Source {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        let next = match conditions.source_type {
            SourceType::Any => &mut self.any,
            SourceType::SameIpOrLoopback => &mut self.same_ip_or_loopback,
            SourceType::External => &mut self.external,
        };
        next.get_or_insert_default().add(chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        let next = if is_same_ip_or_loopback(of) { &self.same_ip_or_loopback } else { &self.external };
        next.as_ref().or(self.any.as_ref())?.find(of)
    }
}

pub(super) fn is_same_ip_or_loopback(of: &Arrival<'_>) -> bool {
    // One address of each family counts as loopback, as in Envoy, and not the rest of 127.0.0.0/8.
    const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let Some(remote) = of.remote.ip() else { return true };
    LOOPBACK.contains(&remote.ip()) || of.local.ip().is_some_and(|local| local.ip() == remote.ip())
}

#[derive(Debug, Default)]
struct SourceRange(ByRange<SourcePort>);

impl Step for SourceRange {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        self.0.add(&conditions.source_prefix_ranges, chain, conditions);
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        self.0.find(of.remote, of)
    }
}

/// The last condition.
#[derive(Debug, Default)]
struct SourcePort {
    ports: HashMap<u16, usize>,
    any: Option<usize>,
}

impl Step for SourcePort {
    fn add(&mut self, chain: usize, conditions: &FilterChainMatch) {
        // No two chains have the same conditions, so nothing is replaced.
        if conditions.source_ports.is_empty() {
            self.any = Some(chain);
        }
        self.ports.extend(conditions.source_ports.iter().map(|port| (*port, chain)));
    }

    fn find(&self, of: &Arrival<'_>) -> Option<usize> {
        let port = of.remote.ip().map(|address| address.port());
        port.and_then(|port| self.ports.get(&port).copied()).or(self.any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(chains: &[FilterChainMatch]) -> DestinationPort {
        let mut steps = DestinationPort::default();
        for (number, chain) in chains.iter().enumerate() {
            steps.add(number, chain);
        }
        steps
    }

    fn ip(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    fn range(text: &str, len: u8) -> CidrRange {
        CidrRange::new(text.parse().unwrap(), len)
    }

    fn named(names: &[&str]) -> FilterChainMatch {
        let server_names = names.iter().map(|name| (*name).into()).collect();
        FilterChainMatch { server_names, ..FilterChainMatch::default() }
    }

    /// The chain of a connection from 10.0.0.1:40000 to 10.0.0.9:443 that asks for this name over TLS.
    fn found(chains: &[FilterChainMatch], name: &str, protocols: &[&str]) -> Option<usize> {
        let (local, remote) = (ip("10.0.0.9:443"), ip("10.0.0.1:40000"));
        let protocols: Vec<Box<str>> = protocols.iter().map(|protocol| (*protocol).into()).collect();
        let arrival = Arrival {
            local: &local,
            remote: &remote,
            direct_remote: &remote,
            server_name: name,
            transport_protocol: "tls",
            application_protocols: &protocols,
        };
        steps(chains).find(&arrival)
    }

    #[test]
    fn the_name_that_fits_best_counts() {
        let chains = [named(&["a.test"]), named(&[".a.test", "b.test"]), named(&[".test"]), named(&[])];
        let find = |name| found(&chains, name, &[]);
        assert_eq!(find("a.test"), Some(0));
        assert_eq!(find("x.a.test"), Some(1));
        assert_eq!(find("y.x.a.test"), Some(1));
        assert_eq!(find("b.test"), Some(1));
        assert_eq!(find("c.test"), Some(2));
        assert_eq!(find("test"), Some(3));
        assert_eq!(find(""), Some(3));
        assert_eq!(find("a."), Some(3));
    }

    #[test]
    fn the_narrow_range_comes_first_and_there_is_no_way_back() {
        let within = |range| FilterChainMatch { prefix_ranges: vec![range], ..FilterChainMatch::default() };
        let wide = within(range("10.0.0.0", 8));
        let narrow = within(range("10.0.0.0", 24));
        assert_eq!(found(&[wide.clone(), narrow.clone(), named(&[])], "", &[]), Some(1));
        let picky = FilterChainMatch { source_ports: vec![1], ..narrow };
        assert_eq!(found(&[wide, picky, named(&[])], "", &[]), None);
    }

    #[test]
    fn the_protocol_that_the_client_likes_best_counts() {
        let speaks = |protocol: &str| FilterChainMatch {
            application_protocols: vec![protocol.into()],
            ..FilterChainMatch::default()
        };
        let chains = [speaks("http/1.1"), speaks("h2"), named(&[])];
        assert_eq!(found(&chains, "", &["h2", "http/1.1"]), Some(1));
        assert_eq!(found(&chains, "", &["x", "http/1.1", "h2"]), Some(0));
        assert_eq!(found(&chains, "", &["x"]), Some(2));
    }

    #[test]
    fn one_address_counts_as_loopback() {
        let of = |source_type| FilterChainMatch { source_type, ..FilterChainMatch::default() };
        let chains = [of(SourceType::SameIpOrLoopback), of(SourceType::External)];
        let find = |remote: &str, local: &str| {
            let (local, remote) = (ip(local), ip(remote));
            let arrival = Arrival {
                local: &local,
                remote: &remote,
                direct_remote: &remote,
                server_name: "",
                transport_protocol: "",
                application_protocols: &[],
            };
            steps(&chains).find(&arrival)
        };
        assert_eq!(find("127.0.0.1:1", "10.0.0.1:80"), Some(0));
        assert_eq!(find("127.0.0.2:1", "127.0.0.1:80"), Some(1));
        assert_eq!(find("[::1]:1", "[::2]:80"), Some(0));
        assert_eq!(find("10.0.0.1:1", "10.0.0.1:80"), Some(0));
        assert_eq!(find("10.0.0.2:1", "10.0.0.1:80"), Some(1));
    }

    #[test]
    fn a_unix_socket_is_of_this_machine_and_has_no_port() {
        let pipe = Address::Pipe { path: "/x".into(), mode: 0 };
        let arrival = Arrival {
            local: &pipe,
            remote: &pipe,
            direct_remote: &pipe,
            server_name: "",
            transport_protocol: "",
            application_protocols: &[],
        };
        let local = FilterChainMatch {
            source_type: SourceType::SameIpOrLoopback,
            source_prefix_ranges: vec![range("0.0.0.0", 0)],
            ..FilterChainMatch::default()
        };
        let port = FilterChainMatch { source_ports: vec![1], ..local.clone() };
        assert_eq!(steps(&[port, local]).find(&arrival), Some(1));
    }
}
