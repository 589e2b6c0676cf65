//! Finding the programs that Causeway is compared with, and Causeway itself.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// Ours.
    Causeway,
    /// Envoy.
    Envoy,
    /// HAProxy.
    Haproxy,
    /// nginx.
    Nginx,
}

/// A proxy that is not there, and what to do about it.
#[derive(Clone, Debug)]
pub struct Missing {
    peer: Peer,
    detail: Option<String>,
}

impl Peer {
    /// Its name: `causeway`, `envoy`, `haproxy`, `nginx`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Causeway => "causeway",
            Self::Envoy => "envoy",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }

    /// The environment variable that names its binary.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Causeway => "CAUSEWAY_BIN",
            Self::Envoy => "CAUSEWAY_ENVOY",
            Self::Haproxy => "CAUSEWAY_HAPROXY",
            Self::Nginx => "CAUSEWAY_NGINX",
        }
    }

    /// Finds its binary: the one that the environment names, else the one of this repository (built
    /// by cargo, or installed by `conformance/install-envoy.sh`), else the first in `PATH`.
    ///
    /// # Errors
    /// When there is none. A variable that names no program is an error too, never passed over: who
    /// set it wants that binary measured and no other.
    pub fn find(self) -> Result<PathBuf, Missing> {
        if let Some(named) = env::var_os(self.variable()).filter(|v| !v.is_empty()) {
            let path = PathBuf::from(named);
            if is_program(&path) {
                // Tests run in other directories than the one in which the variable was set.
                return Ok(path.canonicalize().unwrap_or(path));
            }
            let detail = format!("{}={} is no program", self.variable(), path.display());
            return Err(Missing { peer: self, detail: Some(detail) });
        }
        self.of_this_repository()
            .or_else(|| find_in_path(self.name()))
            .ok_or(Missing { peer: self, detail: None })
    }

    fn of_this_repository(self) -> Option<PathBuf> {
        let names: &[&str] = match self {
            Self::Causeway => &["release/causeway", "debug/causeway"],
            Self::Envoy => &["envoy/envoy"],
            Self::Haproxy | Self::Nginx => &[],
        };
        // The running test is in target/debug/deps, or one deeper if it was built for a named target.
        let running = env::current_exe().ok()?;
        let folders = running.ancestors().skip(1).take(4);
        let candidates = folders.flat_map(|folder| names.iter().map(|name| folder.join(name)));
        // The one that was built last is the one that is being worked on.
        candidates.filter(|path| is_program(path)).max_by_key(|path| {
            fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        })
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(detail) = &self.detail {
            return write!(f, "{} is not there: {detail}", self.peer.name());
        }
        let how = match self.peer {
            Peer::Causeway => "cargo build --release",
            Peer::Envoy => "conformance/install-envoy.sh",
            Peer::Haproxy => "apt-get install haproxy",
            Peer::Nginx => "apt-get install nginx",
        };
        write!(f, "{} is not there: {how}, or name one with {}", self.peer.name(), self.peer.variable())
    }
}

impl std::error::Error for Missing {}

/// The first program of this name in `PATH`, or where Debian puts servers.
pub(crate) fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(servers).map(|d| d.join(name)).find(|p| is_program(p))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_and_says_what_to_do_without() {
        assert!(find_in_path("sh").is_some());
        assert!(find_in_path("no-such-program").is_none());
        let missing = Missing { peer: Peer::Envoy, detail: None }.to_string();
        assert!(missing.contains("conformance/install-envoy.sh") && missing.contains("CAUSEWAY_ENVOY"));
    }
}
