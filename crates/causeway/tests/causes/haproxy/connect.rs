//! Connections to servers that are not made.

use causeway_testkit::{Answer, Netns};

use super::case::Case;
use crate::world::Behind;

const REJECTED: &str = "-A INPUT -i lo -p tcp --dport 8000 -j REJECT";

/// A server in the namespace, behind this rule of its firewall.
fn behind_firewall(name: &'static str, codes: &'static [&'static str], prepare: fn(&Netns)) -> Case {
    Case::new(name, codes).in_namespace(prepare).behind(Behind::Inside("127.0.0.1:8000", "127.0.0.1:8000"))
}

fn route(netns: &Netns, words: &str) {
    let words: Vec<_> = ["ip", "route"].into_iter().chain(words.split(' ')).collect();
    netns.command(&words).expect("a route");
}

pub(super) fn cases() -> Vec<Case> {
    let dead = |name, codes| Case::new(name, codes).behind(Behind::Nobody);
    let elsewhere = |name, codes, prepare| {
        Case::new(name, codes)
            .in_namespace(prepare)
            .behind(Behind::Endpoint("socket_address: {address: 192.0.2.1, port_value: 80}".to_owned()))
    };
    vec![
        dead("nobody listens", &["T201"]),
        dead("nobody listens, and it is checked", &["T201"]).server("check inter 500"),
        dead("nobody listens, and the page is checked", &["T201"])
            .backend("option httpchk GET /health")
            .server("check inter 500"),
        dead("nobody listens, and it is tried again", &["T201"]).defaults("retries 1").requests(1),
        dead("nobody listens, and the backend is of TCP", &["T201"])
            .defaults("mode tcp")
            .defaults("option tcplog"),
        Case::new("nobody listens on one of two", &["T201"])
            .backend("server dead 127.0.0.1:1 check inter 500")
            .server("check inter 500"),
        Case::new("it listens on loopback only", &["T202"])
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.1:8000", "SELF:8000"))
            .server("check inter 500"),
        Case::new("it listens on another port", &["T215"])
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.1:18444", "127.0.0.1:18443"))
            .server("check inter 500"),
        behind_firewall("a firewall rejects", &["T203"], |netns| netns.iptables(REJECTED)),
        behind_firewall("a firewall rejects, and it is checked", &["T203"], |netns| netns.iptables(REJECTED))
            .server("check inter 500"),
        behind_firewall("a firewall rejects as a host does", &["T203"], |netns| {
            netns.iptables(&format!("{REJECTED} --reject-with tcp-reset"));
        }),
        behind_firewall("a firewall prohibits", &["T203"], |netns| {
            netns.iptables(&format!("{REJECTED} --reject-with icmp-host-prohibited"));
        })
        .server("check inter 500"),
        behind_firewall("a firewall drops what comes", &["T204"], |netns| {
            netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j DROP");
        })
        .requests(1),
        behind_firewall("a firewall drops what comes, and it is checked", &["T204"], |netns| {
            netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j DROP");
        })
        .server("check inter 500"),
        elsewhere("a firewall drops what goes", &["T204"], |netns| {
            netns.iptables("-A OUTPUT -p tcp --dport 80 -j DROP");
        })
        .requests(1),
        // HAProxy's connect has to wait longer than Linux does for an answer to ARP.
        Case::new("nobody answers ARP", &["T205"])
            .in_namespace(|netns| {
                netns
                    .command(&["ip", "addr", "add", "10.99.0.1/24", "dev", netns.device()])
                    .expect("an address");
            })
            .behind(Behind::Endpoint("socket_address: {address: 10.99.0.77, port_value: 80}".to_owned()))
            .defaults("timeout connect 4s")
            .requests(1),
        Case::new("nobody answers ARP, and it is checked", &["T205"])
            .in_namespace(|netns| {
                netns
                    .command(&["ip", "addr", "add", "10.99.0.1/24", "dev", netns.device()])
                    .expect("an address");
            })
            .behind(Behind::Endpoint("socket_address: {address: 10.99.0.77, port_value: 80}".to_owned()))
            .defaults("timeout connect 4s")
            .server("check inter 4s"),
        elsewhere("a route is unreachable", &["T206"], |netns| route(netns, "add unreachable 192.0.2.1"))
            .server("check inter 500"),
        elsewhere("there is no route", &["T206"], |netns| route(netns, "del default")),
        elsewhere("there is no route, and it is checked", &["T206"], |netns| route(netns, "del default"))
            .server("check inter 500"),
        elsewhere("a route prohibits", &["T220"], |netns| route(netns, "add prohibit 192.0.2.1")),
        Case::new("the accept queue is full", &["T207"]).behind(Behind::Full).requests(1),
        Case::new("the accept queue is full, and it is checked", &["T207"])
            .behind(Behind::Full)
            .server("check inter 500"),
        Case::new("the source is of another host", &["T210"]).server("source 192.0.2.9"),
        behind_firewall("it accepts and resets", &["T212"], |netns| {
            netns.iptables(
                "-A INPUT -i lo -p tcp --dport 8000 --tcp-flags SYN,ACK ACK -j REJECT --reject-with tcp-reset",
            );
        }),
        Case::new("the socket has no such path", &["T213"])
            .behind(Behind::Endpoint("pipe: {path: /nonexistent/app.sock}".to_owned())),
        Case::new("connecting takes longer than it may", &["T214"])
            .in_namespace(|netns| {
                // The first packet of each connection is lost: the second comes a second later.
                netns.iptables(
                    "-A OUTPUT ! -o lo -p tcp --syn -m hashlimit --hashlimit-upto 1/minute --hashlimit-burst 1 --hashlimit-mode \
                     srcip,srcport,dstip,dstport --hashlimit-name first -j DROP",
                );
            })
            .defaults("timeout connect 100ms")
            .plays(Answer::from(causeway_testkit::Reply::ok("ok"))),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    vec![
        Case::new("it answers", &[]),
        Case::new("it is checked by connecting", &[]).server("check inter 500"),
        Case::new("a Unix socket", &[]).behind(Behind::Pipe).server("check inter 500"),
        Case::new("a backend of TCP that says nothing by itself", &[])
            .defaults("mode tcp")
            .defaults("option tcplog")
            .server("check inter 500"),
        Case::new("by the namespace's own way", &[]).in_namespace(|_| {}).server("check inter 500"),
        Case::new("a server that is a spare one", &[])
            .server("check inter 500")
            .backend("server spare BEHIND check inter 500 backup"),
        Case::new("from an address of this host", &[]).server("source 127.0.0.1 check inter 500"),
    ]
}
