//! Why a connection does not get a filter chain: for people who ask before a client does.
//!
//! The choice itself is [`super::ChainChoice`]. Here the same conditions are looked at in the same order, with all
//! chains side by side: with each condition, those that do not meet it drop out, and those that meet it less closely
//! than another one.

use std::net::IpAddr;

use causeway_model::{CidrRange, FilterChainMatch, Listener, SourceType};

use super::Arrival;
use super::choice::{ip_of, is_same_ip_or_loopback};

/// For each of the listener's chains that have conditions, in the order of the file, why a connection does not get it;
/// `None` for the one that it gets.
pub(crate) fn misfits(listener: &Listener, of: &Arrival<'_>) -> Vec<Option<String>> {
    let chains = &listener.filter_chains;
    let mut misfits: Vec<Option<String>> = vec![None; chains.len()];
    for condition in CONDITIONS {
        let ranks: Vec<Option<usize>> =
            chains.iter().map(|chain| (condition.rank)(&chain.matcher, of)).collect();
        let left = || misfits.iter().zip(&ranks).enumerate().filter(|(_, (misfit, _))| misfit.is_none());
        let best = left().filter_map(|(at, (_, rank))| Some(((*rank)?, at))).max_by_key(|(rank, _)| *rank);
        let found: Vec<(usize, String)> = left()
            .filter_map(|(at, (_, rank))| match (rank, best) {
                (None, _) => {
                    let wanted = (condition.wanted)(&chains.get(at)?.matcher);
                    let given = (condition.given)(of);
                    Some((at, format!("{} is {given}, and it asks for {wanted}", condition.name)))
                }
                (Some(rank), Some((best, closer))) if *rank < best => {
                    let name = chains.get(closer).map_or("", |chain| &*chain.name);
                    let name = if name.is_empty() { format!("number {closer}") } else { format!("`{name}`") };
                    Some((at, format!("filter chain {name} fits the {} more closely", condition.name)))
                }
                (Some(_), _) => None,
            })
            .collect();
        for (at, text) in found {
            if let Some(misfit) = misfits.get_mut(at) {
                *misfit = Some(text);
            }
        }
    }
    misfits
}

/// A condition of `filter_chain_match`.
struct Condition {
    name: &'static str,
    /// How closely a chain fits the connection: 0 where it asks for nothing, `None` where it does not fit.
    rank: fn(&FilterChainMatch, &Arrival<'_>) -> Option<usize>,
    wanted: fn(&FilterChainMatch) -> String,
    given: fn(&Arrival<'_>) -> String,
}

/// In Envoy's order.
const CONDITIONS: [Condition; 9] = [
    Condition {
        name: "destination port",
        rank: |chain, of| match chain.destination_port {
            None => Some(0),
            port => (of.local.ip().map(|local| local.port()) == port).then_some(1),
        },
        wanted: |chain| chain.destination_port.map(|port| port.to_string()).unwrap_or_default(),
        given: |of| of.local.ip().map_or_else(|| "none".into(), |local| local.port().to_string()),
    },
    Condition {
        name: "destination address",
        rank: |chain, of| in_ranges(&chain.prefix_ranges, ip_of(of.local)),
        wanted: |chain| ranges(&chain.prefix_ranges),
        given: |of| of.local.to_string(),
    },
    Condition {
        name: "server name",
        rank: |chain, of| name_rank(&chain.server_names, of.server_name),
        wanted: |chain| list(&chain.server_names),
        given: |of| text_or(of.server_name, "not known"),
    },
    Condition {
        name: "transport protocol",
        rank: |chain, of| match &*chain.transport_protocol {
            "" => Some(0),
            wanted => (wanted == of.transport_protocol).then_some(1),
        },
        wanted: |chain| chain.transport_protocol.to_string(),
        given: |of| text_or(of.transport_protocol, "not known"),
    },
    Condition {
        name: "application protocol",
        rank: |chain, of| {
            let wanted = &chain.application_protocols;
            let offered = of.application_protocols;
            let first = offered.iter().position(|protocol| wanted.contains(protocol));
            let any = wanted.is_empty() || wanted.iter().any(|text| text.is_empty());
            first.map(|at| offered.len() - at).or(any.then_some(0))
        },
        wanted: |chain| list(&chain.application_protocols),
        given: |of| text_or(&list(of.application_protocols), "not known"),
    },
    Condition {
        name: "machine that connects",
        rank: |chain, of| in_ranges(&chain.direct_source_prefix_ranges, ip_of(of.direct_remote)),
        wanted: |chain| ranges(&chain.direct_source_prefix_ranges),
        given: |of| of.direct_remote.to_string(),
    },
    Condition {
        name: "source",
        rank: |chain, of| match (chain.source_type, is_same_ip_or_loopback(of)) {
            (SourceType::Any, _) => Some(0),
            (SourceType::SameIpOrLoopback, true) | (SourceType::External, false) => Some(1),
            (SourceType::SameIpOrLoopback, false) | (SourceType::External, true) => None,
        },
        wanted: |chain| match chain.source_type {
            SourceType::Any => "any".into(),
            SourceType::SameIpOrLoopback => "SAME_IP_OR_LOOPBACK".into(),
            SourceType::External => "EXTERNAL".into(),
        },
        given: |of| if is_same_ip_or_loopback(of) { "this machine".into() } else { "another machine".into() },
    },
    Condition {
        name: "source address",
        rank: |chain, of| in_ranges(&chain.source_prefix_ranges, ip_of(of.remote)),
        wanted: |chain| ranges(&chain.source_prefix_ranges),
        given: |of| of.remote.to_string(),
    },
    Condition {
        name: "source port",
        rank: |chain, of| match &chain.source_ports[..] {
            [] => Some(0),
            ports => of.remote.ip().is_some_and(|remote| ports.contains(&remote.port())).then_some(1),
        },
        wanted: |chain| chain.source_ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        given: |of| of.remote.ip().map_or_else(|| "none".into(), |remote| remote.port().to_string()),
    },
];

fn in_ranges(ranges: &[CidrRange], ip: IpAddr) -> Option<usize> {
    if ranges.is_empty() {
        return Some(0);
    }
    let fitting = ranges.iter().filter(|range| range.contains(ip));
    fitting.map(|range| usize::from(range.prefix_len()) + 1).max()
}

/// The whole name, then its longest ending from a dot on, as [`super::ChainChoice`] has it.
fn name_rank(names: &[Box<str>], asked: &str) -> Option<usize> {
    let any = names.is_empty() || names.iter().any(|name| name.is_empty());
    let rank = |name: &str| {
        let whole = name == asked && !asked.is_empty();
        let ending = name.len() > 1 && name.starts_with('.') && asked.len() > name.len();
        match (whole, ending && asked.ends_with(name)) {
            (true, _) => Some(usize::MAX),
            (false, true) => Some(name.len()),
            (false, false) => None,
        }
    };
    names.iter().filter_map(|name| rank(name)).max().or(any.then_some(0))
}

fn list(texts: &[Box<str>]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

fn ranges(ranges: &[CidrRange]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn text_or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway_model::{
        Address, DownstreamSocket, DrainType, FilterChain, Metadata, NetworkFilter, SourcePosition,
        TrafficDirection,
    };

    use super::super::ChainChoice;
    use super::*;

    fn listener(matchers: Vec<FilterChainMatch>) -> Listener {
        let chain = |(at, matcher): (usize, FilterChainMatch)| {
            Arc::new(FilterChain {
                position: SourcePosition::default(),
                name: format!("c{at}").into(),
                metadata: Metadata::default(),
                matcher,
                transport_socket: DownstreamSocket::RawBuffer,
                transport_socket_connect_timeout: None,
                gates: Vec::new(),
                filter: NetworkFilter::None,
            })
        };
        Listener {
            position: SourcePosition::default(),
            name: "l".into(),
            addresses: Vec::new(),
            stat_name: "l".into(),
            filter_chains: matchers.into_iter().enumerate().map(chain).collect(),
            default_filter_chain: None,
            listener_filters: Vec::new(),
            use_original_dst: false,
            listener_filters_timeout: None,
            continue_on_listener_filters_timeout: false,
            per_connection_buffer_limit_bytes: 0,
            tcp_backlog_size: None,
            max_connections_to_accept_per_socket_event: None,
            enable_reuse_port: true,
            bind_to_port: true,
            ipv4_compat: false,
            tcp_fast_open_queue_length: None,
            connection_limit: None,
            ignore_global_conn_limit: false,
            bypass_overload_manager: false,
            exact_balance: false,
            socket_options: Vec::new(),
            traffic_direction: TrafficDirection::Unspecified,
            drain_type: DrainType::Default,
            access_logs: Vec::new(),
            metadata: Metadata::default(),
        }
    }

    fn address(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    /// Any conditions that two chains do not share, drawn by a number.
    fn matchers(seed: u64) -> Vec<FilterChainMatch> {
        let pick = |at: u64, choices: &[&[&str]]| -> Vec<Box<str>> {
            let chosen = choices[usize::try_from(at % choices.len() as u64).unwrap()];
            chosen.iter().map(|text| (*text).into()).collect()
        };
        let mut chains: Vec<FilterChainMatch> = Vec::new();
        for at in 0..6_u64 {
            let mut x =
                seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(at * 1_442_695_040_888_963_407);
            let mut next = || {
                x ^= x >> 29;
                x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
                x ^= x >> 32;
                x
            };
            let range = |at: u64| match at % 4 {
                0 => vec![CidrRange::new("10.0.0.0".parse().unwrap(), 8)],
                1 => vec![CidrRange::new("10.0.0.0".parse().unwrap(), 24)],
                _ => Vec::new(),
            };
            let chain = FilterChainMatch {
                destination_port: (next() % 3 == 0).then_some(443),
                prefix_ranges: range(next()),
                server_names: pick(
                    next(),
                    &[&[], &["a.test"], &[".test", "b.test"], &[".a.test"], &["", "x"]],
                ),
                transport_protocol: if next() % 3 == 0 { "tls".into() } else { "".into() },
                application_protocols: pick(next(), &[&[], &[], &["h2"], &["http/1.1", "h2"]]),
                source_prefix_ranges: range(next()),
                source_type: match next() % 5 {
                    0 => SourceType::External,
                    1 => SourceType::SameIpOrLoopback,
                    _ => SourceType::Any,
                },
                source_ports: if next() % 4 == 0 { vec![5] } else { Vec::new() },
                ..FilterChainMatch::default()
            };
            if !chains.iter().any(|known| known.overlaps(&chain)) {
                chains.push(chain);
            }
        }
        chains
    }

    #[test]
    fn what_has_no_misfit_is_what_is_chosen() {
        for seed in 0..4000_usize {
            let listener = listener(matchers(u64::try_from(seed).unwrap()));
            let choice = ChainChoice::new(&listener);
            let (local, remote) = (address(["10.0.0.9:443", "10.1.0.9:80"][seed % 2]), address("10.0.0.1:5"));
            let protocols: Vec<Box<str>> = vec!["h2".into(), "http/1.1".into()];
            let of = Arrival {
                local: &local,
                remote: &remote,
                direct_remote: &remote,
                server_name: ["a.test", "x.a.test", "b.test", "", "test"][seed % 5],
                transport_protocol: ["tls", "raw_buffer"][seed % 2],
                application_protocols: &protocols[..seed % 3],
            };
            let fitting: Vec<usize> = misfits(&listener, &of)
                .iter()
                .enumerate()
                .filter(|(_, misfit)| misfit.is_none())
                .map(|(at, _)| at)
                .collect();
            assert_eq!(
                fitting,
                choice.find(&of).into_iter().collect::<Vec<_>>(),
                "{seed}: {of} {listener:?}"
            );
        }
    }

    #[test]
    fn every_misfit_is_told_in_words() {
        let names = |names: &[&str]| FilterChainMatch {
            server_names: names.iter().map(|name| (*name).into()).collect(),
            ..FilterChainMatch::default()
        };
        let port = FilterChainMatch { destination_port: Some(8443), ..names(&[]) };
        let listener = listener(vec![port, names(&["a.test"]), names(&[".test"]), names(&[])]);
        let (local, remote) = (address("10.0.0.9:443"), address("10.0.0.1:5"));
        let of = Arrival {
            local: &local,
            remote: &remote,
            direct_remote: &remote,
            server_name: "b.test",
            transport_protocol: "tls",
            application_protocols: &[],
        };
        let said: Vec<_> = misfits(&listener, &of).into_iter().map(Option::unwrap_or_default).collect();
        assert_eq!(
            said,
            [
                "destination port is 443, and it asks for 8443",
                "server name is b.test, and it asks for `a.test`",
                "",
                "filter chain `c2` fits the server name more closely",
            ]
        );
    }
}
