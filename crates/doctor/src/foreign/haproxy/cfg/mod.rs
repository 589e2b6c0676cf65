//! As much of haproxy.cfg as is needed to understand what runs: frontends, servers, their checks, timeouts.
//!
//! This reads, it does not judge: a line that it does not know is left alone.

mod backend;
mod check;
mod frontend;
mod other_check;
mod server;
mod words;

use std::collections::BTreeMap;
use std::time::SystemTime;

pub(super) use backend::Backend;
pub(super) use check::{Expected, HttpCheck};
pub(super) use frontend::Frontend;
pub(super) use other_check::OtherCheck;
pub(super) use server::{At, Server};
use words::words;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cfg {
    /// Name of the file.
    pub name: String,
    /// When it was written, where that is known: a process that is older does not run it.
    pub written: Option<SystemTime>,
    /// What holds for all.
    pub(super) global: Global,
    backends: BTreeMap<String, Backend>,
    frontends: BTreeMap<String, Frontend>,
}

/// The `global` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Global {
    /// `ca-base`
    pub(super) ca_base: Option<String>,
    /// `crt-base`
    pub(super) crt_base: Option<String>,
    /// `ssl-server-verify none`
    pub(super) verifies_nothing: bool,
    /// `ssl-default-server-options`
    pub(super) server_options: Vec<String>,
    /// `tune.bufsize`, in bytes.
    pub(super) buffer: Option<u32>,
    /// `tune.http.maxhdr`
    pub(super) fields: Option<u32>,
}

enum Section {
    Global,
    Defaults,
    Backend(String),
    Frontend(String),
    Listen(String),
    Other,
}

impl Cfg {
    /// Reads a file's text.
    #[must_use]
    pub fn read(name: &str, text: &str) -> Self {
        let mut cfg = Self { name: name.to_owned(), ..Self::default() };
        let mut defaults = Backend::default();
        let mut section = Section::Other;
        for (at, line) in text.lines().enumerate() {
            let words = words(line);
            let Some(first) = words.first() else { continue };
            let name = || words.get(1).cloned().unwrap_or_default();
            match &**first {
                "global" => section = Section::Global,
                "defaults" => {
                    defaults = Backend::default();
                    section = Section::Defaults;
                }
                "backend" => {
                    cfg.backends.insert(name(), defaults.clone());
                    section = Section::Backend(name());
                }
                "frontend" => {
                    cfg.frontends.insert(name(), Frontend::default());
                    section = Section::Frontend(name());
                }
                "listen" => {
                    cfg.backends.insert(name(), defaults.clone());
                    cfg.frontends.insert(name(), Frontend::default());
                    section = Section::Listen(name());
                }
                "resolvers" | "peers" | "userlist" | "cache" | "program" | "ring" | "mailers"
                | "http-errors" | "fcgi-app" | "log-forward" | "crt-store" => section = Section::Other,
                _ => cfg.take(&section, &mut defaults, &words, at + 1),
            }
        }
        cfg
    }

    fn take(&mut self, section: &Section, defaults: &mut Backend, words: &[String], line: usize) {
        match section {
            Section::Global => self.global.take(words),
            Section::Defaults => defaults.take(words, line),
            Section::Backend(name) | Section::Frontend(name) | Section::Listen(name) => {
                if let Some(backend) =
                    self.backends.get_mut(name).filter(|_| !matches!(section, Section::Frontend(_)))
                {
                    backend.take(words, line);
                }
                if let Some(frontend) =
                    self.frontends.get_mut(name).filter(|_| !matches!(section, Section::Backend(_)))
                {
                    frontend.take(words);
                }
            }
            Section::Other => {}
        }
    }

    pub(super) fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends.get(name)
    }

    /// All backends with their names.
    pub(super) fn backends(&self) -> impl Iterator<Item = (&str, &Backend)> {
        self.backends.iter().map(|(name, backend)| (&**name, backend))
    }

    /// All frontends with their names.
    pub(super) fn frontends(&self) -> impl Iterator<Item = (&str, &Frontend)> {
        self.frontends.iter().map(|(name, frontend)| (&**name, frontend))
    }

    /// Names of sites whose requests come to a backend, as rules about `Host` have them.
    pub(super) fn hosts<'a>(&'a self, backend: &'a str) -> impl Iterator<Item = &'a str> {
        self.frontends.values().flat_map(move |frontend| frontend.hosts_of(backend))
    }
}

impl Global {
    fn take(&mut self, words: &[String]) {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "ca-base" => self.ca_base = Some(word(1).to_owned()),
            "crt-base" => self.crt_base = Some(word(1).to_owned()),
            "ssl-server-verify" => self.verifies_nothing = word(1) == "none",
            "ssl-default-server-options" => self.server_options = words.get(1..).unwrap_or_default().to_vec(),
            "tune.bufsize" => self.buffer = word(1).parse().ok(),
            "tune.http.maxhdr" => self.fields = word(1).parse().ok(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
defaults
  timeout connect 5s
  default-server inter 3s
backend app  # the application
  option httpchk GET /health HTTP/1.1\\r\\nHost:\\ www.example.com
  server a1 10.0.0.1:80 check
  server a2 app2:5002 check inter 500 resolvers docker
listen other
  mode tcp
  timeout check 4s
  option httpchk
  http-check send meth HEAD uri /x hdr Host h.example
  server b1 10.0.0.2:80 check ssl verify none
";

    #[test]
    fn servers_and_checks_are_read_with_their_defaults() {
        let cfg = Cfg::read("haproxy.cfg", FILE);
        let app = cfg.backend("app").unwrap();
        assert_eq!((app.timeout_connect, app.timeout_check), (Some(5000), None));
        let check = app.http_check.as_ref().unwrap();
        assert_eq!(
            (&*check.method, &*check.path, check.host.as_deref()),
            ("GET", "/health", Some("www.example.com"))
        );
        let (a1, a2) = (app.server("a1").unwrap(), app.server("a2").unwrap());
        assert_eq!((a1.inter(), a2.inter(), a2.host(), a2.line), (3000, 500, "app2", 8));
        assert!(a2.has("resolvers") && !a1.has("resolvers"));
        let other = cfg.backend("other").unwrap();
        let check = other.http_check.as_ref().unwrap();
        assert_eq!((&*check.method, &*check.path, check.host.as_deref()), ("HEAD", "/x", Some("h.example")));
        assert!(other.tcp && other.timeout_check == Some(4000));
        assert_eq!(other.server("b1").unwrap().value("verify"), Some("none"));
    }

    #[test]
    fn a_bare_httpchk_asks_options() {
        let cfg = Cfg::read("h", "backend b\n option httpchk\nbackend c\n option httpchk /x\n");
        let of = |name: &str| cfg.backend(name).unwrap().http_check.clone().unwrap();
        assert_eq!((&*of("b").method, &*of("b").path), ("OPTIONS", "/"));
        assert_eq!((&*of("c").method, &*of("c").path), ("OPTIONS", "/x"));
    }
}
