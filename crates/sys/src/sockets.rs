//! TCP sockets of this network namespace, out of `/proc/net/tcp` and `/proc/net/tcp6` (proc(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// TCP sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sockets(Vec<Socket>);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Its own address; one of IPv4 is written as such, whatever family the socket has.
    pub local: SocketAddr,
    /// That of the other end.
    pub remote: SocketAddr,
    /// What it is doing.
    pub state: State,
    /// Of one that listens, connections that wait to be accepted; of others, bytes that wait to be read.
    pub waiting: u32,
    /// Whose it is.
    pub uid: u32,
    /// Its number, as `/proc/<pid>/fd` shows it; 0 where no process has it any more.
    pub inode: u64,
}

/// What a socket is doing, as far as it makes a difference here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is connected.
    Established,
    /// It waits until nothing late can arrive, and keeps its local port meanwhile.
    TimeWait,
    /// It listens.
    Listen,
    /// It is on the way from one to another of them.
    Changing,
}

impl Sockets {
    /// Those of the network namespace that this thread is in, which may be another than the process began in; `None` where
    /// they can't be read.
    #[must_use]
    pub fn read() -> Option<Self> {
        let table = |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        // A host without IPv6 has one table.
        Some(Self::parse(&table("tcp").ok()?, &table("tcp6").unwrap_or_default()))
    }

    /// Out of the texts of the two files; lines that are none are left out.
    #[must_use]
    pub fn parse(four: &str, six: &str) -> Self {
        Self(four.lines().chain(six.lines()).filter_map(line).collect())
    }

    /// Those that listen.
    pub fn listening(&self) -> impl Iterator<Item = &Socket> {
        self.0.iter().filter(|socket| socket.state == State::Listen)
    }

    /// Those that listen on a port.
    pub fn on_port(&self, port: u16) -> impl Iterator<Item = &Socket> {
        self.listening().filter(move |socket| socket.local.port() == port)
    }

    /// Those that keep an address from being bound: they listen on the same port, on this address or on all.
    pub fn in_the_way(&self, wanted: SocketAddr) -> impl Iterator<Item = &Socket> {
        let wanted_ip = wanted.ip().to_canonical();
        self.on_port(wanted.port()).filter(move |socket| {
            let bound = socket.local.ip();
            bound == wanted_ip || bound.is_unspecified() || wanted_ip.is_unspecified()
        })
    }

    /// How many of them have that other end, and how many of these only wait for what is late.
    #[must_use]
    pub fn towards(&self, remote: SocketAddr) -> (usize, usize) {
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let all = self.0.iter().filter(|socket| socket.state != State::Listen && socket.remote == remote);
        all.fold((0, 0), |(all, late), socket| (all + 1, late + usize::from(socket.state == State::TimeWait)))
    }
}

/// Reads `   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1678 …`.
fn line(text: &str) -> Option<Socket> {
    let mut fields = text.split_ascii_whitespace();
    let (local, remote) = (address(fields.nth(1)?)?, address(fields.next()?)?);
    let state = match fields.next()? {
        "01" => State::Established,
        "06" => State::TimeWait,
        "0A" => State::Listen,
        _ => State::Changing,
    };
    let (_, waiting) = fields.next()?.split_once(':')?;
    let uid = fields.nth(2)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Socket { local, remote, state, waiting: u32::from_str_radix(waiting, 16).ok()?, uid, inode })
}

/// Reads `0100007F:1F90`: the address as 32-bit words in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000007 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:A890 0200000A:1F90 06 00000000:00000000 03:0000144B 00000000     0        0 0 3 0000000000000000
   2: 0100007F:A891 0200000A:1F90 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0000000000000000 20 4 0 10 -1
";
    const SIX: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 815 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:A892 0000000000000000FFFF00000200000A:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000
";

    #[test]
    fn sockets_are_read_from_the_kernels_tables() {
        if !cfg!(target_endian = "little") {
            return;
        }
        let sockets = Sockets::parse(FOUR, SIX);
        let listening: Vec<_> =
            sockets.listening().map(|s| (s.local.to_string(), s.waiting, s.uid, s.inode)).collect();
        assert_eq!(
            listening,
            [("127.0.0.1:8080".to_owned(), 7, 1000, 4711), ("[::]:80".to_owned(), 0, 0, 815)]
        );
        assert_eq!(sockets.towards("10.0.0.2:8080".parse().unwrap()), (3, 2));
        assert_eq!(sockets.towards("10.0.0.3:8080".parse().unwrap()), (0, 0));
    }

    #[test]
    fn a_socket_on_all_addresses_is_in_the_way_of_each() {
        if !cfg!(target_endian = "little") {
            return;
        }
        let sockets = Sockets::parse(FOUR, SIX);
        let inode =
            |wanted: &str| sockets.in_the_way(wanted.parse().unwrap()).next().map(|socket| socket.inode);
        assert_eq!(inode("127.0.0.1:8080"), Some(4711));
        assert_eq!(inode("0.0.0.0:8080"), Some(4711));
        assert_eq!(inode("10.0.0.1:8080"), None);
        assert_eq!(inode("10.0.0.1:80"), Some(815));
        assert_eq!(inode("127.0.0.1:81"), None);
    }

    #[test]
    fn addresses_are_those_of_any_family() {
        if cfg!(target_endian = "little") {
            assert_eq!(address("0100007F:1F90"), "127.0.0.1:8080".parse().ok());
            assert_eq!(address("00000000000000000000000001000000:0050"), "[::1]:80".parse().ok());
        }
        for wrong in ["", "01:02", "zzzzzzzz:1F90", "0100007F", "0100007F:1F90F"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_table_is_nothing() {
        for text in [
            "",
            "x",
            "0: 01:02 03:04 0A 0:0 0:0 0 0 0 1",
            "0: zzzzzzzz:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1",
        ] {
            assert_eq!(Sockets::parse(text, text), Sockets::default(), "{text}");
        }
    }
}
