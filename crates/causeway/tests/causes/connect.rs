//! Names and connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use causeway_testkit::{DnsAnswer, Netns, Reply, Script};

use crate::case::Case;

fn route(netns: &Netns, route: &str) {
    let words: Vec<_> = ["ip", "route", "add"].into_iter().chain(route.split(' ')).collect();
    netns.command(&words).unwrap();
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = names();
    cases.extend(connections());
    cases
}

fn names() -> Vec<Case> {
    let here = || DnsAnswer::addresses([IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let six = || DnsAnswer::addresses([IpAddr::from(Ipv6Addr::LOCALHOST)]);
    let both =
        || DnsAnswer::addresses([IpAddr::from(Ipv6Addr::LOCALHOST), IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let named = |name, codes, answers: Vec<DnsAnswer>| Case::new(name, codes).named(answers, Script::echo());
    vec![
        named("no such name", &["D101"], vec![DnsAnswer::NxDomain]),
        named("only the other family", &["D102"], vec![six()])
            .cluster("dns_lookup_family: V4_ONLY")
            .fixed_by("dns_lookup_family"),
        named("no address at all", &["D102"], vec![DnsAnswer::NoData]),
        named("AUTO takes IPv6, the service has IPv4", &["D103"], vec![both()]).fixed_by("V4_PREFERRED"),
        named("the name server fails", &["D104"], vec![DnsAnswer::ServFail]),
        named("the name server is silent", &["D105"], vec![DnsAnswer::Silence]),
        named("the first of two is silent", &["D105"], vec![DnsAnswer::Silence, here()])
            .cluster("dns_lookup_family: V4_ONLY"),
        named("the first of two fails", &["D104"], vec![DnsAnswer::ServFail, here()])
            .cluster("dns_lookup_family: V4_ONLY"),
    ]
}

fn connections() -> Vec<Case> {
    vec![
        Case::new("nobody listens", &["T201"]).nobody(),
        Case::new("nobody listens on another host", &["T201"]).in_namespace(|_| {}).nobody(),
        Case::new("nobody listens, and it is checked", &["T201"]).nobody().checked("path: /health"),
        Case::new("it listens on loopback only", &["T202"])
            .in_namespace(|_| {})
            .within("127.0.0.1:8000", "SELF:8000"),
        Case::new("it listens on another port", &["T215"])
            .in_namespace(|_| {})
            .within("127.0.0.1:18444", "127.0.0.1:18443"),
        Case::new("a firewall rejects", &["T203"])
            .in_namespace(|netns| netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j REJECT"))
            .within("127.0.0.1:8000", "127.0.0.1:8000"),
        Case::new("a firewall rejects as a host does", &["T203"])
            .in_namespace(|netns| {
                netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j REJECT --reject-with tcp-reset");
            })
            .within("127.0.0.1:8000", "127.0.0.1:8000"),
        Case::new("a firewall prohibits", &["T203"])
            .in_namespace(|netns| {
                netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j REJECT --reject-with icmp-admin-prohibited");
            })
            .within("127.0.0.1:8000", "127.0.0.1:8000"),
        Case::new("a firewall drops what comes", &["T204"])
            .in_namespace(|netns| netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j DROP"))
            .within("127.0.0.1:8000", "127.0.0.1:8000"),
        Case::new("a firewall drops what goes", &["T204"])
            .in_namespace(|netns| netns.iptables("-A OUTPUT -p tcp --dport 8000 -j DROP"))
            .at("HOST", 8000),
        Case::new("nobody answers ARP", &["T205"])
            .in_namespace(|netns| {
                netns.command(&["ip", "addr", "add", "10.99.0.1/24", "dev", netns.device()]).unwrap();
            })
            .at("10.99.0.77", 80),
        Case::new("a route is unreachable", &["T206"])
            .in_namespace(|netns| route(netns, "unreachable 192.0.2.1"))
            .at("192.0.2.1", 80),
        Case::new("there is no route", &["T206"])
            .in_namespace(|netns| {
                netns.command(&["ip", "route", "del", "default"]).unwrap();
            })
            .at("192.0.2.1", 80),
        Case::new("a route prohibits", &["T220"])
            .in_namespace(|netns| route(netns, "prohibit 192.0.2.1"))
            .at("192.0.2.1", 80),
        Case::new("the accept queue is full", &["T207"]).full(),
        Case::new("the source is of another host", &["T210"])
            .plays(Script::echo())
            .cluster("upstream_bind_config: {source_address: {address: 192.0.2.9, port_value: 0}}"),
        Case::new("it accepts and resets", &["T212"])
            .in_namespace(|netns| {
                netns.iptables("-A INPUT -i lo -p tcp --dport 8000 --tcp-flags SYN,ACK ACK -j REJECT --reject-with tcp-reset");
            })
            .within("127.0.0.1:8000", "127.0.0.1:8000"),
        Case::new("the socket has no such path", &["T213"]).endpoint("pipe: {path: /nonexistent/app.sock}"),
        Case::new("nobody listens on the socket", &["T201"]).endpoint("pipe: {path: /tmp}"),
        Case::new("no endpoints", &["H520"]).nobody_at_all(),
        Case::new("a TCP proxy to nobody", &["T201"]).nobody().tcp(),
        Case::new("connecting takes longer than it may", &["T214"])
            .in_namespace(|netns| {
                // The first packet of each connection is lost: the second comes a second later. Whoever else connects, as a
                // proxy that runs, has its own.
                netns.iptables(
                    "-A OUTPUT ! -o lo -p tcp --syn -m hashlimit --hashlimit-upto 1/minute --hashlimit-burst 1 --hashlimit-mode \
                     srcip,srcport,dstip,dstport --hashlimit-name first -j DROP",
                );
            })
            .plays(Reply::ok("ok"))
            .cluster("connect_timeout: 0.1s")
            .fixed_by("connect_timeout"),
    ]
}
