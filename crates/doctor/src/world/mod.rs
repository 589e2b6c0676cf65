//! The host that an examination runs on: facts, read once, and checks of them (`host.*`).
//!
//! What the kernel says is text, and is parsed without looking anywhere ([`kernel`], [`process`], [`firewall`]); [`World::read`] is all that looks. What can't be read is absent, and the checks that need it say what
//! would help.

mod checks;
pub mod firewall;
pub mod kernel;
pub(crate) mod overhear;
pub mod process;

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use causeway_sys::sockets::Sockets;

use crate::report::RanFrom;
use firewall::Firewall;
use kernel::{AcceptQueues, Conntrack, DescriptorLimit, SilentNeighbour};
use process::Holders;

pub(crate) use checks::{Verdict, unknown_firewall};
pub use checks::{check, names};

/// The bit of `CAP_NET_BIND_SERVICE` (capabilities(7)).
const NET_BIND_SERVICE: u64 = 1 << 10;

/// Facts about this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// Where this is.
    pub ran_from: RanFrom,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// Its TCP sockets.
    pub sockets: Sockets,
    /// Whose those are that listen.
    pub holders: Holders,
    /// Its addresses, where they could be read.
    pub addresses: Option<Vec<IpAddr>>,
    /// How many files this process may have open.
    pub descriptors: Option<DescriptorLimit>,
    /// First and last local port of connections.
    pub port_range: Option<(u16, u16)>,
    /// Connections that the kernel keeps track of; `None` where it keeps track of none.
    pub conntrack: Option<Conntrack>,
    /// What became of connections for which there was no room.
    pub accept_queues: Option<AcceptQueues>,
    /// The longest accept queue that there can be (`net.core.somaxconn`).
    pub longest_accept_queue: Option<u32>,
    /// IPv4 neighbours that do not answer; `None` where the table can't be read.
    pub silent_neighbours: Option<Vec<SilentNeighbour>>,
    /// Ports below it are for the privileged.
    pub first_unprivileged_port: u16,
    /// Whether this process may listen on those.
    pub is_privileged: bool,
    /// Rules for packets, or why they are not known.
    pub firewall: Firewall,
}

impl World {
    /// Looks at everything but the firewall, which takes a program of its own ([`World::with_firewall`]).
    #[must_use]
    pub fn read() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        // That of the thread, which may be in another network namespace than the process began in.
        let net = |file: &str| read(&format!("/proc/thread-self/net/{file}"));
        let sys = |file: &str| read(&format!("/proc/sys/net/{file}"));
        let sockets = Sockets::read().unwrap_or_default();
        let inodes: Vec<_> = sockets.listening().map(|socket| socket.inode).collect();
        let count = sys("netfilter/nf_conntrack_count").as_deref().and_then(kernel::number);
        let max = sys("netfilter/nf_conntrack_max").as_deref().and_then(kernel::number);
        let status = read("/proc/self/status").unwrap_or_default();
        let unprivileged = sys("ipv4/ip_unprivileged_port_start").as_deref().and_then(kernel::number);
        Self {
            ran_from: ran_from(),
            now: now(),
            holders: Holders::find(Path::new("/proc"), &inodes),
            sockets,
            addresses: if_addrs::get_if_addrs().ok().map(|found| found.iter().map(|i| i.ip()).collect()),
            descriptors: read("/proc/self/limits").as_deref().and_then(DescriptorLimit::parse),
            port_range: sys("ipv4/ip_local_port_range").as_deref().and_then(kernel::port_range),
            conntrack: count.zip(max).map(|(count, max)| Conntrack { count, max }),
            accept_queues: net("netstat").as_deref().and_then(AcceptQueues::parse),
            longest_accept_queue: sys("core/somaxconn")
                .as_deref()
                .and_then(kernel::number)
                .and_then(|most| u32::try_from(most).ok()),
            silent_neighbours: net("arp").as_deref().map(kernel::silent_neighbours),
            first_unprivileged_port: unprivileged.and_then(|port| u16::try_from(port).ok()).unwrap_or(1024),
            is_privileged: kernel::capabilities(&status).is_some_and(|bits| bits & NET_BIND_SERVICE != 0),
            firewall: Firewall::default(),
        }
    }

    /// The same, with the rules for packets.
    #[must_use]
    pub fn with_firewall(mut self) -> Self {
        self.firewall = Firewall::read();
        self
    }

    /// Whether an address is one of this host's; the unspecified ones are. `None` where they are not known.
    #[must_use]
    pub fn has_address(&self, ip: IpAddr) -> Option<bool> {
        let ip = ip.to_canonical();
        if ip.is_unspecified() || ip.is_loopback() {
            return Some(true);
        }
        self.addresses.as_ref().map(|addresses| addresses.contains(&ip))
    }
}

/// Where this process runs.
#[must_use]
pub fn ran_from() -> RanFrom {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let namespace = fs::read_link("/proc/thread-self/ns/net").ok();
    let number = namespace.as_deref().and_then(Path::to_str).and_then(|link| {
        // `net:[4026531840]`
        link.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
    });
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists());
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    RanFrom {
        host: name.trim().to_owned(),
        network_namespace: number,
        container: marked || process::is_container(&cgroup),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
