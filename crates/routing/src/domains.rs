//! From the authority of a request to a virtual host.
//!
//! Envoy's order: the exact domain, then the longest `*suffix`, then the longest `prefix*`, then `*`.
//! A wildcard stands for at least one character. Case does not matter, the port does.

use std::collections::HashMap;

use causeway_model::VirtualHost;

use crate::trie::{Plain, Reversed, Trie};

/// Authorities up to this length are put in lower case on the stack. RFC 1035 allows names of 255 bytes.
const SHORT: usize = 256;

/// All domains of a route table.
#[derive(Debug)]
pub(crate) struct Domains {
    // The standard hasher is keyed at random, so nobody outside can prepare names that collide.
    exact: HashMap<Box<[u8]>, u32>,
    /// What stands behind the `*`, from the end.
    suffixes: Trie,
    /// What stands before the `*`.
    prefixes: Trie,
    default: Option<u32>,
    /// There is no domain but `*`.
    only_default: bool,
    ignore_port: bool,
}

impl Domains {
    /// Where two virtual hosts have the same domain, which a front-end refuses, the first gets it.
    pub(crate) fn new<'a>(hosts: impl Iterator<Item = &'a VirtualHost>, ignore_port: bool) -> Self {
        let (mut suffixes, mut prefixes) = (Vec::new(), Vec::new());
        let mut this = Self {
            exact: HashMap::new(),
            suffixes: Trie::new(Vec::new()),
            prefixes: Trie::new(Vec::new()),
            default: None,
            only_default: false,
            ignore_port,
        };
        for (index, host) in (0..).zip(hosts) {
            for domain in &host.domains {
                let domain = domain.as_bytes();
                if domain == b"*" {
                    this.default.get_or_insert(index);
                } else if let Some(suffix) = domain.strip_prefix(b"*") {
                    suffixes.push((suffix.iter().rev().copied().collect(), index));
                } else if let Some(prefix) = domain.strip_suffix(b"*") {
                    prefixes.push((prefix.to_vec(), index));
                } else {
                    this.exact.entry(domain.into()).or_insert(index);
                }
            }
        }
        this.only_default = this.exact.is_empty() && suffixes.is_empty() && prefixes.is_empty();
        // The trie keeps the last of equal keys.
        suffixes.reverse();
        prefixes.reverse();
        this.suffixes = Trie::new(suffixes);
        this.prefixes = Trie::new(prefixes);
        this
    }

    /// Index of the virtual host for an authority.
    pub(crate) fn find(&self, authority: &[u8]) -> Option<u32> {
        if self.only_default {
            return self.default;
        }
        let host = if self.ignore_port { without_port(authority) } else { authority };
        if !host.iter().any(u8::is_ascii_uppercase) {
            return self.find_lower(host);
        }
        let mut short = [0; SHORT];
        match short.get_mut(..host.len()) {
            Some(lower) => {
                lower.copy_from_slice(host);
                lower.make_ascii_lowercase();
                self.find_lower(lower)
            }
            None => self.find_lower(&host.to_ascii_lowercase()),
        }
    }

    fn find_lower(&self, host: &[u8]) -> Option<u32> {
        if let Some(index) = self.exact.get(host) {
            return Some(*index);
        }
        let wildcard = |(_, len): &(u32, usize)| *len < host.len();
        let suffix = self.suffixes.prefixes(Reversed(host)).filter(wildcard).last();
        let found = suffix.or_else(|| self.prefixes.prefixes(Plain(host)).filter(wildcard).last());
        found.map(|(index, _)| index).or(self.default)
    }
}

/// The authority without its port; what stands in brackets is an IPv6 address and holds none. The port
/// need not be a number, as in Envoy.
pub(crate) fn without_port(authority: &[u8]) -> &[u8] {
    let bracket = memchr::memrchr(b']', authority);
    match memchr::memrchr(b':', authority) {
        Some(colon) if bracket.is_none_or(|bracket| bracket < colon) => {
            authority.get(..colon).unwrap_or(authority)
        }
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(hosts: &[&[&str]], ignore_port: bool) -> Domains {
        let hosts: Vec<VirtualHost> = hosts
            .iter()
            .map(|domains| VirtualHost {
                domains: domains.iter().map(|domain| (*domain).into()).collect(),
                ..VirtualHost::default()
            })
            .collect();
        Domains::new(hosts.iter(), ignore_port)
    }

    #[test]
    fn the_order_is_exact_suffix_prefix_any() {
        let domains = domains(
            &[
                &["*"],
                &["www.lab.test", "lab.test"],
                &["*.lab.test"],
                &["*.b.lab.test"],
                &["*-x.lab.test"],
                &["www.*"],
                &["www.lab.*"],
            ],
            false,
        );
        for (host, found) in [
            ("www.lab.test", 1),
            ("lab.test", 1),
            ("a.lab.test", 2),
            ("a.b.lab.test", 3),
            ("b.lab.test", 2),
            ("q-x.lab.test", 4),
            ("-x.lab.test", 2),
            (".lab.test", 0),
            ("www.foo", 5),
            ("www.lab.io", 6),
            ("www.", 0),
            ("WWW.LAB.TEST", 1),
            ("A.Lab.Test", 2),
            ("other", 0),
            ("lab.test.", 0),
            ("", 0),
        ] {
            assert_eq!(domains.find(host.as_bytes()), Some(found), "{host}");
        }
        let long = format!("{}.LAB.test", "A".repeat(300));
        assert_eq!(domains.find(long.as_bytes()), Some(2));
    }

    #[test]
    fn the_port_counts() {
        let domains = domains(&[&["lab.test"], &["lab.test:8080"], &["*.lab.test"], &["api.*"]], false);
        for (host, found) in [
            ("lab.test", Some(0)),
            ("lab.test:8080", Some(1)),
            ("lab.test:80", None),
            ("x.lab.test:8080", None),
            ("x.lab.test", Some(2)),
            ("api.lab:99", Some(3)),
            ("[::1]:80", None),
        ] {
            assert_eq!(domains.find(host.as_bytes()), found, "{host}");
        }
    }

    #[test]
    fn the_port_can_be_ignored() {
        let domains = domains(&[&["a.test", "*.b.test", "[::1]", "c.test:80", "d.*"]], true);
        for (host, found) in [
            ("a.test:8080", true),
            ("a.test:", true),
            ("a.test:x", true),
            ("a.test:80:90", false),
            ("x.b.test:1", true),
            ("[::1]:80", true),
            ("[::1]", true),
            ("::1", false),
            ("c.test:80", false),
            ("d.x:80", true),
            ("d.:80", false),
        ] {
            assert_eq!(domains.find(host.as_bytes()).is_some(), found, "{host}");
        }
    }
}
