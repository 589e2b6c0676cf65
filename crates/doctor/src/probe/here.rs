//! What is on this host itself: sockets that listen, addresses, and the way out of a container.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use causeway_sys::sockets;

/// Sockets of this host that listen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sockets(sockets::Sockets);

/// Ports from here on are handed out by the system, unless it is told otherwise (ip(7)).
const EPHEMERAL: u16 = 32_768;

impl Sockets {
    /// Those of the network namespace that this thread is in; `None` where they can't be read.
    #[must_use]
    pub fn read() -> Option<Self> {
        sockets::Sockets::read().map(Self)
    }

    /// Out of the texts of the kernel's two tables.
    #[must_use]
    pub fn parse(four: &str, six: &str) -> Self {
        Self(sockets::Sockets::parse(four, six))
    }

    /// Whether one takes connections to that address.
    #[must_use]
    pub fn takes(&self, address: SocketAddr) -> bool {
        self.of(address).is_some()
    }

    /// How many connections to that address wait to be accepted; `None` where nobody listens.
    #[must_use]
    pub fn waiting(&self, address: SocketAddr) -> Option<u32> {
        self.of(address).map(|socket| socket.waiting)
    }

    /// Addresses that listen on that port.
    #[must_use]
    pub fn on_port(&self, port: u16) -> Vec<SocketAddr> {
        self.0.on_port(port).map(|socket| socket.local).collect()
    }

    /// A port that looks like that of the address and takes connections to it: ten away at most, or the same with digits in
    /// front, as 8080 is of 80. `None` where there are several or none. Those that are `taken` by somebody else are not
    /// meant, and neither are those that the system hands out.
    #[must_use]
    pub fn near(&self, address: SocketAddr, taken: &[SocketAddr]) -> Option<u16> {
        let wanted = address.port();
        let (text, fixed) = (wanted.to_string(), 1..EPHEMERAL);
        let alike = |port: u16| {
            let other = port.to_string();
            // Every tenth port ends with the same digit.
            let longer = |long: &str, short: &str| short.len() > 1 && long.ends_with(short);
            let meant = port.abs_diff(wanted) <= 10 || longer(&other, &text) || longer(&text, &other);
            meant && fixed.contains(&port) && fixed.contains(&wanted)
        };
        let mut ports: Vec<u16> = self
            .0
            .listening()
            .map(|socket| socket.local)
            .filter(|candidate| alike(candidate.port()))
            .filter(|candidate| covers(*candidate, SocketAddr::new(address.ip(), candidate.port())))
            .filter(|candidate| !taken.iter().any(|taken| covers(*candidate, *taken)))
            .map(|candidate| candidate.port())
            .collect();
        ports.sort_unstable();
        ports.dedup();
        if let [only] = ports.as_slice() { Some(*only) } else { None }
    }

    fn of(&self, address: SocketAddr) -> Option<&sockets::Socket> {
        self.0.listening().find(|socket| covers(socket.local, address))
    }
}

/// Whether a socket that listens there takes connections to the other address. One of `::` takes those of IPv4 too, as it
/// does unless it was told otherwise.
fn covers(listening: SocketAddr, address: SocketAddr) -> bool {
    listening.port() == address.port()
        && match (listening.ip(), address.ip()) {
            (ip, other) if ip == other => true,
            (IpAddr::V4(ip), IpAddr::V4(_)) => ip.is_unspecified(),
            (IpAddr::V6(ip), _) => ip.is_unspecified(),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
}

/// Whether an address is one of this host: a socket can be bound to it.
#[must_use]
pub fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// The way out of this container, behind which its host is; `None` where this is no container.
#[must_use]
pub fn gateway_of_container() -> Option<IpAddr> {
    let is_container =
        ["/.dockerenv", "/run/.containerenv"].iter().any(|path| std::path::Path::new(path).exists());
    let routes = std::fs::read_to_string("/proc/thread-self/net/route").ok().filter(|_| is_container)?;
    gateway(&routes)
}

/// The gateway of the default route, out of `/proc/net/route`.
fn gateway(routes: &str) -> Option<IpAddr> {
    routes.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (destination, gateway) = (words.next()?, words.next()?);
        // A word of 32 bits as this host stores it.
        let address = u32::from_str_radix(gateway, 16).ok().map(u32::to_ne_bytes)?;
        (destination == "00000000" && address != [0; 4]).then(|| Ipv4Addr::from(address).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:480C 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:1F91 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
";
    const SIX: &str = "\
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4
";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read() {
        let sockets = Sockets::parse(FOUR, SIX);
        assert_eq!(sockets.waiting(at("127.0.0.1:18444")), Some(3));
        assert!(!sockets.takes(at("10.0.0.1:18444")) && sockets.takes(at("10.0.0.1:8080")));
        assert!(sockets.takes(at("10.0.0.1:80")), "a socket of :: takes IPv4");
        assert!(!sockets.takes(at("127.0.0.1:8081")), "a connection does not listen");
        assert_eq!(sockets.on_port(18444), [at("127.0.0.1:18444")]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_route_leads_to_the_host() {
        let routes =
            "Iface Destination Gateway Flags\neth0 000200C0 00000000 0001\neth0 00000000 010200C0 0003\n";
        assert_eq!(gateway(routes), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(gateway("Iface\neth0 000200C0 00000000 0001\n"), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_port_that_looks_alike_is_found_where_there_is_one() {
        let sockets = Sockets::parse(FOUR, "");
        assert_eq!(sockets.near(at("127.0.0.1:18443"), &[]), Some(18444));
        assert_eq!(sockets.near(at("10.0.0.1:18443"), &[]), None, "it listens on loopback only");
        assert_eq!(sockets.near(at("10.0.0.1:8081"), &[]), Some(8080));
        assert_eq!(sockets.near(at("10.0.0.1:8081"), &[at("10.0.0.1:8080")]), None, "it is somebody else's");
        assert_eq!(Sockets::parse("", SIX).near(at("10.0.0.1:8080"), &[]), Some(80));
    }
}
