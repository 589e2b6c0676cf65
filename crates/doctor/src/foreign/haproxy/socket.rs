//! The stats socket: one command a connection, and only such as show.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long it may be silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const MOST: u64 = 64 << 20;

/// Where a stats socket is: a path, or an address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsSocket(String);

impl StatsSocket {
    /// A path, `unix@PATH`, `ipv4@ADDRESS:PORT` or `ADDRESS:PORT`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bare = ["unix@", "ipv4@", "ipv6@"].iter().find_map(|prefix| text.strip_prefix(prefix));
        Self(bare.unwrap_or(text).to_owned())
    }

    /// What it answers to a command.
    ///
    /// # Errors
    ///
    /// It can't be connected to, or is silent too long.
    pub(super) fn ask(&self, command: &str) -> io::Result<String> {
        if self.0.contains('/') || !self.0.contains(':') {
            let stream = UnixStream::connect(&self.0)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            return exchange(stream, command);
        }
        let stream = TcpStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        exchange(stream, command)
    }
}

impl fmt::Display for StatsSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn exchange(mut stream: impl Read + Write, command: &str) -> io::Result<String> {
    writeln!(stream, "{command}")?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
