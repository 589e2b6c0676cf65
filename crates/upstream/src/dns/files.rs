//! `/etc/hosts` and `/etc/resolv.conf`, read again when they change.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;

/// A file that is looked at again when it has changed.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// What tells two versions of a file apart.
type Stamp = (SystemTime, u64);

impl Watched {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: None }
    }

    /// The contents, where they are not those of last time. A file that can't be read is an empty one.
    fn changed(&mut self) -> Option<Vec<u8>> {
        let stamp = fs::metadata(&self.path)
            .and_then(|meta| Ok((meta.modified()?, meta.len())))
            .unwrap_or((SystemTime::UNIX_EPOCH, 0));
        if self.seen == Some(stamp) {
            return None;
        }
        self.seen = Some(stamp);
        Some(fs::read(&self.path).unwrap_or_default())
    }
}

/// `/etc/hosts`.
#[derive(Debug)]
pub(crate) struct HostsFile {
    file: Watched,
    names: HashMap<String, Vec<IpAddr>>,
}

impl HostsFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { file: Watched::new(path), names: HashMap::new() }
    }

    /// The addresses of a name, in the order of the file; none where the file does not have it.
    pub(crate) fn addresses(&mut self, name: &str) -> &[IpAddr] {
        if let Some(contents) = self.file.changed() {
            self.names = parse_hosts(&String::from_utf8_lossy(&contents));
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.names.get(&name).map_or(&[], Vec::as_slice)
    }
}

/// hosts(5): an address, then names, up to `#`.
fn parse_hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut names: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
        for name in words {
            let addresses = names.entry(name.trim_end_matches('.').to_ascii_lowercase()).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    names
}

/// `/etc/resolv.conf`.
#[derive(Debug)]
pub(crate) struct ResolvConf {
    file: Watched,
    parsed: Parsed,
    version: u64,
}

/// What the file says.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) servers: Vec<NameServerConfig>,
    pub(crate) search: Vec<Name>,
    pub(crate) options: ResolverOpts,
}

impl ResolvConf {
    pub(crate) fn new(path: &Path) -> Self {
        Self { file: Watched::new(path), parsed: Parsed::from(&[]), version: 0 }
    }

    /// Looks whether the file has changed. The number grows with every change.
    pub(crate) fn refresh(&mut self) -> u64 {
        if let Some(contents) = self.file.changed() {
            self.parsed = Parsed::from(&contents);
            self.version += 1;
        }
        self.version
    }

    /// What it said when it was last looked at.
    pub(crate) const fn parsed(&self) -> &Parsed {
        &self.parsed
    }
}

impl Parsed {
    fn from(contents: &[u8]) -> Self {
        let (config, mut options) = parse_resolv_conf(contents).unwrap_or_else(|_| {
            // resolv.conf(5): without servers the one of this machine is asked.
            let local = NameServerConfig::udp_and_tcp(IpAddr::from([127, 0, 0, 1]));
            (ResolverConfig::from_name_servers(vec![local]), ResolverOpts::default())
        });
        options.cache_size = 0;
        let (domain, mut search, servers) = config.into_parts();
        if search.is_empty() {
            search.extend(domain);
        }
        Self { servers, search, options }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("causeway-{name}-{}", std::process::id()))
    }

    #[test]
    fn hosts_are_read_again_when_the_file_changes() {
        let path = temporary("hosts");
        fs::write(
            &path,
            "127.0.0.1 localhost\n::1 localhost LocalHost # me\n10.0.0.1\tapp app.internal\nbad x\n",
        )
        .unwrap();
        let mut hosts = HostsFile::new(&path);
        assert_eq!(hosts.addresses("LOCALHOST.").len(), 2);
        assert_eq!(hosts.addresses("app.internal"), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        assert!(hosts.addresses("x").is_empty() && hosts.addresses("me").is_empty());
        fs::write(&path, "10.0.0.2 app\n").unwrap();
        assert_eq!(hosts.addresses("app"), ["10.0.0.2".parse::<IpAddr>().unwrap()]);
        assert!(hosts.addresses("localhost").is_empty());
        fs::remove_file(&path).unwrap();
        assert!(hosts.addresses("app").is_empty());
    }

    #[test]
    fn a_resolver_without_servers_asks_this_machine() {
        let path = temporary("resolv");
        fs::write(
            &path,
            "nameserver 10.0.0.53\nsearch a.test b.test\noptions ndots:2 timeout:1 attempts:3\n",
        )
        .unwrap();
        let mut conf = ResolvConf::new(&path);
        assert_eq!(conf.refresh(), 1);
        let parsed = conf.parsed();
        let server = |parsed: &Parsed| parsed.servers.first().map(|server| server.ip);
        assert_eq!(server(parsed), Some(IpAddr::from([10, 0, 0, 53])));
        assert_eq!(parsed.search.len(), 2);
        assert_eq!((parsed.options.ndots, parsed.options.attempts), (2, 3));
        assert_eq!(conf.refresh(), 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(conf.refresh(), 2);
        assert_eq!(server(conf.parsed()), Some(IpAddr::from([127, 0, 0, 1])));
    }
}
