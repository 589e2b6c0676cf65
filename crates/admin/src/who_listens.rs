//! Who holds a port, for the message that says that it can't be had.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Its number.
    pub pid: u32,
    /// Its command line, or its name where that is empty.
    pub command: String,
}

/// In words: `process 4711 (nginx -g daemon off;)`.
impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

/// The process whose TCP socket keeps an address from being bound: it listens on the same port, on the
/// same address or on all of them.
///
/// Asks `/proc`. `None` where nobody listens, and where the process is another user's and this one may
/// not look.
#[must_use]
pub fn who_listens(address: SocketAddr) -> Option<PortHolder> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| sockets(&table, address))
        .find_map(|inode| holder(Path::new("/proc"), &inode))
}

/// Inodes of the listening sockets in one of the kernel's tables that are in the way of an address.
fn sockets(table: &str, address: SocketAddr) -> Vec<String> {
    /// The state "listening".
    const LISTEN: &str = "0A";
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        (state == LISTEN && in_the_way(local_address(local)?, address)).then(|| inode.to_owned())
    });
    lines.collect()
}

/// Whether a listener on one address keeps another from being bound.
fn in_the_way(bound: SocketAddr, wanted: SocketAddr) -> bool {
    let (bound_ip, wanted_ip) = (bound.ip().to_canonical(), wanted.ip().to_canonical());
    bound.port() == wanted.port()
        && (bound_ip == wanted_ip || bound_ip.is_unspecified() || wanted_ip.is_unspecified())
}

/// Reads `0100007F:1F90`: the address as 32-bit words in the machine's order, then the port.
fn local_address(text: &str) -> Option<SocketAddr> {
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
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The process that has the socket open.
fn holder(proc: &Path, inode: &str) -> Option<PortHolder> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir(proc).ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut descriptors = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        descriptors
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str()))
            .then(|| PortHolder { pid, command: command(&entry.path()) })
    })
}

fn command(process: &Path) -> String {
    let read = |file: &str| fs::read(process.join(file)).unwrap_or_default();
    let words = read("cmdline").split(|b| *b == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let words =
        if words.trim().is_empty() { String::from_utf8_lossy(&read("comm")).into_owned() } else { words };
    words.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn addresses_are_read_from_the_kernels_tables() {
        if cfg!(target_endian = "little") {
            assert_eq!(local_address("0100007F:1F90"), "127.0.0.1:8080".parse().ok());
            assert_eq!(local_address("00000000000000000000000001000000:0050"), "[::1]:80".parse().ok());
        }
        for wrong in ["", "01:02", "zzzzzzzz:1F90", "0100007F", "0100007F:1F90F"] {
            assert_eq!(local_address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_socket_on_all_addresses_is_in_the_way_of_each() {
        let is = |bound: &str, wanted: &str| in_the_way(bound.parse().unwrap(), wanted.parse().unwrap());
        assert!(is("127.0.0.1:80", "127.0.0.1:80"));
        assert!(is("0.0.0.0:80", "127.0.0.1:80"));
        assert!(is("127.0.0.1:80", "0.0.0.0:80"));
        assert!(is("[::]:80", "127.0.0.1:80"));
        assert!(is("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
        assert!(!is("127.0.0.2:80", "127.0.0.1:80"));
        assert!(!is("127.0.0.1:81", "127.0.0.1:80"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = who_listens(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.command.contains("causeway_admin"), "{}", holder.command);
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(who_listens(address), None);
    }
}
