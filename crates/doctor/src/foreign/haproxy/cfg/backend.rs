//! A `backend` or `listen` section.

use std::collections::BTreeMap;

use super::super::time::milliseconds;
use super::{HttpCheck, OtherCheck, Server};

/// A `backend` or `listen` section, with what it has of `defaults`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Backend {
    /// `mode tcp`.
    pub(in super::super) tcp: bool,
    /// `timeout check`, in milliseconds.
    pub(in super::super) timeout_check: Option<u64>,
    /// `timeout connect`, in milliseconds.
    pub(in super::super) timeout_connect: Option<u64>,
    /// `option httpchk`.
    pub(in super::super) http_check: Option<HttpCheck>,
    /// A check that speaks another protocol: `option tcp-check`, `redis-check`, …
    pub(in super::super) other_check: Option<OtherCheck>,
    /// `http-request set-header Host NAME`, where the name is fixed and no condition stands behind it.
    pub(in super::super) host: Option<String>,
    /// `source ADDRESS`
    pub(in super::super) source: Option<String>,
    /// `default-server`.
    default_server: Vec<String>,
    servers: BTreeMap<String, Server>,
    /// Rules about checks that may stand before the option, or in `defaults`.
    rules: Vec<Vec<String>>,
}

/// Servers of a `server-template` that are thought of.
const MOST_OF_TEMPLATE: usize = 1024;
/// Checks that speak a protocol of their own.
const OTHER_CHECKS: &[&str] = &[
    "tcp-check",
    "mysql-check",
    "pgsql-check",
    "redis-check",
    "smtpchk",
    "ldap-check",
    "ssl-hello-chk",
    "spop-check",
    "external-check",
];

impl Backend {
    pub(super) fn take(&mut self, words: &[String], line: usize) {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match (word(0), word(1)) {
            ("mode", mode) => self.tcp = mode == "tcp",
            ("timeout", "check") => self.timeout_check = milliseconds(word(2)),
            ("timeout", "connect") => self.timeout_connect = milliseconds(word(2)),
            ("source", address) => self.source = Some(address.to_owned()),
            ("option", "httpchk") => {
                let mut check = HttpCheck::option(words.get(2..).unwrap_or_default());
                for rule in &self.rules {
                    check.rule(rule);
                }
                self.http_check = Some(check);
                self.other_check = None;
            }
            ("option", other) if OTHER_CHECKS.contains(&other) => {
                self.http_check = None;
                self.other_check = Some(OtherCheck::option(other));
            }
            ("tcp-check", _) => {
                if let Some(check) = &mut self.other_check {
                    check.rule(words);
                }
            }
            ("no", "option") if word(2) == "httpchk" => self.http_check = None,
            ("http-check", _) => {
                if let Some(check) = &mut self.http_check {
                    check.rule(words);
                }
                self.rules.push(words.to_vec());
            }
            ("http-request", "set-header") if word(2).eq_ignore_ascii_case("host") && words.len() == 4 => {
                self.host = Some(word(3).to_owned()).filter(|name| !name.contains('%'));
            }
            ("default-server", _) => {
                self.default_server.extend(words.get(1..).unwrap_or_default().iter().cloned());
            }
            ("server", name) => {
                let server = Server::new(word(2), self.server_words(words.get(3..)), line);
                self.servers.insert(name.to_owned(), server);
            }
            ("server-template", prefix) => {
                let (first, last) = word(2).split_once('-').unwrap_or(("1", word(2)));
                let server = Server::new(word(3), self.server_words(words.get(4..)), line);
                if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
                    let numbers = (first..=last).take(MOST_OF_TEMPLATE);
                    self.servers.extend(numbers.map(|number| (format!("{prefix}{number}"), server.clone())));
                }
            }
            _ => {}
        }
    }

    fn server_words(&self, own: Option<&[String]>) -> Vec<String> {
        [&*self.default_server, own.unwrap_or_default()].concat()
    }

    pub(in super::super) fn server(&self, name: &str) -> Option<&Server> {
        self.servers.get(name)
    }

    /// All servers with their names.
    pub(in super::super) fn servers(&self) -> impl Iterator<Item = (&str, &Server)> {
        self.servers.iter().map(|(name, server)| (&**name, server))
    }
}
