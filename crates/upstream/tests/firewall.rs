//! Connections that a firewall, a router or nobody answers, in network namespaces of the test's own. Needs
//! root, `ip` and `iptables`; says so and does nothing where they are missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is a failed test, and what is skipped is said"
)]

mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use causeway_model::Address;
use causeway_reason::Reason;
use causeway_upstream::connect;

/// Set for the part of the test that runs inside the namespace.
const INSIDE: &str = "CAUSEWAY_TEST_INSIDE_NAMESPACE";

/// A client's and a server's namespace with a link between them.
struct Namespaces {
    client: String,
    server: String,
}

impl Namespaces {
    fn new() -> Option<Self> {
        let id = std::process::id();
        let this = Self { client: format!("cwc{id}"), server: format!("cws{id}") };
        let (client, server) = (&this.client, &this.server);
        let steps = [
            format!("ip netns add {client}"),
            format!("ip netns add {server}"),
            format!("ip -n {client} link add v0 type veth peer name v1 netns {server}"),
            format!("ip -n {client} addr add 10.77.0.1/24 dev v0"),
            format!("ip -n {server} addr add 10.77.0.2/24 dev v1"),
            format!("ip -n {client} link set v0 up"),
            format!("ip -n {server} link set v1 up"),
            format!("ip -n {client} link set lo up"),
        ];
        steps.iter().all(|step| sh(step)).then_some(this)
    }

    /// A rule of the server's firewall for a port.
    fn rule(&self, port: u16, what: &str) -> bool {
        sh(&format!("ip netns exec {} iptables -A INPUT -p tcp --dport {port} -j {what}", self.server))
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        sh(&format!("ip netns del {}", self.client));
        sh(&format!("ip netns del {}", self.server));
    }
}

fn sh(command: &str) -> bool {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn refusals_are_told_apart() {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let Some(namespaces) = Namespaces::new() else {
        println!("skipped: no network namespaces here (root and `ip` are needed)");
        return;
    };
    let rules = [
        (8001, "REJECT"),
        (8002, "REJECT --reject-with tcp-reset"),
        (8003, "REJECT --reject-with icmp-host-prohibited"),
        (8004, "REJECT --reject-with icmp-admin-prohibited"),
        (8005, "REJECT --reject-with icmp-host-unreachable"),
        (8006, "REJECT --reject-with icmp-net-unreachable"),
        (8007, "DROP"),
    ];
    if !rules.iter().all(|(port, rule)| namespaces.rule(*port, rule)) {
        println!("skipped: no iptables here");
        return;
    }
    let client = &namespaces.client;
    for route in ["unreachable 10.78.0.1", "prohibit 10.78.0.2", "blackhole 10.78.0.3"] {
        assert!(sh(&format!("ip -n {client} route add {route}")));
    }
    let test = std::env::current_exe().unwrap();
    let output = Command::new("ip")
        .args(["netns", "exec", client])
        .arg(test)
        .args(["--exact", "inside", "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "the other test runs it, inside a namespace"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    support::run(async {
        for (target, reason, transport, words) in [
            (
                "10.77.0.2:8000",
                Reason::ConnectRefused,
                "delayed connect error: Connection refused",
                "refused by the host",
            ),
            (
                "10.77.0.2:8001",
                Reason::ConnectRejected,
                "delayed connect error: Connection refused",
                "ICMP port unreachable (type 3, code 3) from 10.77.0.2",
            ),
            (
                "10.77.0.2:8002",
                Reason::ConnectRefused,
                "delayed connect error: Connection refused",
                "refused by the host",
            ),
            (
                "10.77.0.2:8003",
                Reason::ConnectRejected,
                "delayed connect error: No route to host",
                "ICMP administratively prohibited (type 3, code 10) from 10.77.0.2",
            ),
            (
                "10.77.0.2:8004",
                Reason::ConnectRejected,
                "delayed connect error: No route to host",
                "ICMP administratively prohibited (type 3, code 13) from 10.77.0.2",
            ),
            (
                "10.77.0.2:8005",
                Reason::ConnectRejected,
                "delayed connect error: No route to host",
                "ICMP host unreachable (type 3, code 1) from 10.77.0.2",
            ),
            (
                "10.77.0.2:8006",
                Reason::ConnectRejected,
                "delayed connect error: Network is unreachable",
                "ICMP network unreachable (type 3, code 0) from 10.77.0.2",
            ),
            (
                "10.78.0.1:80",
                Reason::NetworkUnreachable,
                "immediate connect error: No route to host|remote address:10.78.0.1:80",
                "a route of this host",
            ),
            (
                "10.78.0.2:80",
                Reason::ConnectNotPermitted,
                "immediate connect error: Permission denied|remote address:10.78.0.2:80",
                "Permission denied",
            ),
            (
                "10.78.0.3:80",
                Reason::ConnectFailed,
                "immediate connect error: Invalid argument|remote address:10.78.0.3:80",
                "Invalid argument",
            ),
            (
                "10.79.0.1:80",
                Reason::NetworkUnreachable,
                "immediate connect error: Network is unreachable|remote address:10.79.0.1:80",
                "this host has no route to it",
            ),
        ] {
            let address = Address::Ip(target.parse::<SocketAddr>().unwrap());
            let failure = connect(&address, None, None).await.map(drop).unwrap_err();
            assert_eq!(failure.reason, reason, "{target}: {:?}", failure.evidence);
            assert_eq!(failure.transport.as_deref(), Some(transport), "{target}");
            let evidence = failure.evidence.unwrap();
            assert!(evidence.starts_with(target) && evidence.contains(words), "{evidence}");
        }
        // Nobody answers at all: a firewall that drops, and an address that is not there. The kernel needs
        // three seconds to find out about the second.
        let dropped = Address::Ip("10.77.0.2:8007".parse().unwrap());
        let waited = tokio::time::timeout(Duration::from_millis(300), connect(&dropped, None, None)).await;
        assert!(waited.is_err());
        let began = Instant::now();
        let absent = Address::Ip("10.77.0.9:80".parse().unwrap());
        let failure = connect(&absent, None, None).await.map(drop).unwrap_err();
        assert_eq!(failure.reason, Reason::HostUnreachable, "{:?}", failure.evidence);
        assert!(began.elapsed() > Duration::from_secs(1), "{:?}", failure.evidence);
        assert!(failure.evidence.unwrap().contains("from 10.77.0.1 after 3."));
    });
}
