//! Where connections to back-ends come from.

use std::net::SocketAddr;

use crate::SocketOption;

/// `config.core.v3.BindConfig`, of a cluster or of the cluster manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BindConfig {
    /// `source_address`, then those of other families; the system chooses where empty.
    pub sources: Vec<SourceAddress>,
    /// Whether an address may be used that no interface has (`freebind`).
    pub freebind: bool,
    /// Options of sockets that are not bound to one of `sources`.
    pub socket_options: Vec<SocketOption>,
}

/// `source_address`, `config.core.v3.ExtraSourceAddress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAddress {
    /// Address and port; port 0 is one that the system chooses.
    pub address: SocketAddr,
    /// Options of sockets that are bound to it.
    pub socket_options: Vec<SocketOption>,
}

impl BindConfig {
    /// The source of a connection to this address: the one of its family, or the first where there is none,
    /// though binding to that fails: as in Envoy, nobody is reached from an address that was not asked for.
    #[must_use]
    pub fn source_for(&self, target: SocketAddr) -> Option<&SourceAddress> {
        let same = |source: &&SourceAddress| source.address.is_ipv4() == target.is_ipv4();
        self.sources.iter().find(same).or_else(|| self.sources.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_of_the_targets_family_or_the_first() {
        let source =
            |address: &str| SourceAddress { address: address.parse().unwrap(), socket_options: Vec::new() };
        let (four, six) = (source("127.0.0.5:0"), source("[::1]:0"));
        let both = BindConfig { sources: vec![four.clone(), six.clone()], ..BindConfig::default() };
        assert_eq!(both.source_for("10.0.0.1:80".parse().unwrap()), Some(&four));
        assert_eq!(both.source_for("[::2]:80".parse().unwrap()), Some(&six));
        let one = BindConfig { sources: vec![four.clone()], ..BindConfig::default() };
        assert_eq!(one.source_for("[::2]:80".parse().unwrap()), Some(&four));
        assert_eq!(BindConfig::default().source_for("[::2]:80".parse().unwrap()), None);
    }
}
