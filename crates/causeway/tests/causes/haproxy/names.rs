//! Names that HAProxy looks up once, and names that it follows.

use std::fs;
use std::path::PathBuf;

use causeway_testkit::{DnsAnswer, Netns, Reply};

use super::case::Case;
use crate::world::Behind;

/// /etc/hosts of a namespace, as `ip netns exec` has it.
pub(super) struct HostsFile(PathBuf);

impl HostsFile {
    /// In it `app.test` has this address.
    pub(super) fn of(netns: &Netns, address: &str) -> Self {
        let folder = PathBuf::from("/etc/netns").join(netns.name());
        fs::create_dir_all(&folder).expect("a folder for the namespace");
        let file = Self(folder);
        file.write(address);
        file
    }

    /// In place, so that programs that run there see it.
    pub(super) fn write(&self, address: &str) {
        let text = format!("127.0.0.1 localhost\n{address} app.test\n");
        fs::write(self.0.join("hosts"), text).expect("a file of names");
    }
}

impl Drop for HostsFile {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) const RESOLVERS: &str = "resolvers dns\n  nameserver ns DNS\n  resolve_retries 1\n  timeout resolve 200ms\n  timeout retry 200ms\n  \
                         hold nx 200ms\n  hold other 200ms";

pub(super) fn cases() -> Vec<Case> {
    let followed = |name, codes| {
        Case::new(name, codes)
            .at("app.test:PORT")
            .server("check inter 500 resolvers dns init-addr none")
            .sections(RESOLVERS)
    };
    vec![
        // A container was made anew, and has another address; without `resolvers` HAProxy asks once.
        Case::new("the address has changed, and nobody is at the old one", &["D107"])
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.2:8000", "127.0.0.2:8000"))
            .hosts("127.0.0.3", "127.0.0.2")
            .at("app.test:8000")
            .server("check inter 500"),
        Case::new("the address has changed, and nothing is checked", &["D107"])
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.2:8000", "127.0.0.2:8000"))
            .hosts("127.0.0.3", "127.0.0.2")
            .at("app.test:8000"),
        Case::new("the address has changed, and somebody else is at the old one", &["D107"])
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.3:8000", "127.0.0.3:8000"))
            .hosts("127.0.0.3", "127.0.0.2")
            .at("app.test:8000")
            .backend("option httpchk GET /health")
            .backend("http-check expect status 418")
            .server("check inter 500"),
        followed("the name does not exist", &["D113"]).dns(DnsAnswer::NxDomain),
        followed("the name has no address", &["D113"]).dns(DnsAnswer::NoData),
        followed("the name server fails", &["D113"]).dns(DnsAnswer::ServFail),
        followed("the name server is silent", &["D105", "D113"]).dns(DnsAnswer::Silence),
        Case::new("a name that is followed has nobody behind it", &["T201"])
            .behind(Behind::Nobody)
            .at("app.test:PORT")
            .server("check inter 500 resolvers dns init-addr none")
            .sections(RESOLVERS)
            .dns(DnsAnswer::addresses(["127.0.0.1".parse().expect("an address")])),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    vec![
        Case::new("a name that is followed", &[])
            .plays(Reply::ok("ok"))
            .at("app.test:PORT")
            .server("check inter 500 resolvers dns init-addr none")
            .sections(RESOLVERS)
            .dns(DnsAnswer::addresses(["127.0.0.1".parse().expect("an address")])),
        Case::new("a name of the hosts file", &[])
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.2:8000", "127.0.0.2:8000"))
            .hosts("127.0.0.2", "127.0.0.2")
            .at("app.test:8000")
            .server("check inter 500"),
    ]
}
