//! Who holds a port, for the message that says that it can't be had.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use causeway_sys::sockets::Sockets;

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
    Sockets::read()?.in_the_way(address).find_map(|socket| holder(Path::new("/proc"), socket.inode))
}

/// The process that has the socket open.
fn holder(proc: &Path, inode: u64) -> Option<PortHolder> {
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
