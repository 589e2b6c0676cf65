//! As much of haproxy.cfg as is needed to understand what runs: servers, their checks, timeouts.
//!
//! This reads, it does not judge: a line that it does not know is left alone.

use std::collections::BTreeMap;

use super::time::milliseconds;

/// What a file says of its backends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cfg {
    /// Name of the file.
    pub name: String,
    backends: BTreeMap<String, Backend>,
}

/// A `backend` or `listen` section, with what it has of `defaults`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Backend {
    /// `mode tcp`.
    pub(super) tcp: bool,
    /// `timeout check`, in milliseconds.
    pub(super) timeout_check: Option<u64>,
    /// `timeout connect`, in milliseconds.
    pub(super) timeout_connect: Option<u64>,
    /// `timeout queue`, in milliseconds.
    pub(super) timeout_queue: Option<u64>,
    /// `option httpchk`.
    pub(super) http_check: Option<HttpCheck>,
    /// `default-server`.
    default_server: Vec<String>,
    servers: BTreeMap<String, Server>,
}

/// `option httpchk` and `http-check send`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpCheck {
    /// `OPTIONS` unless set.
    pub(super) method: String,
    /// `/` unless set.
    pub(super) path: String,
    /// `Host`, where one is sent.
    pub(super) host: Option<String>,
    /// The line of the option.
    pub(super) line: usize,
}

/// A `server` line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Server {
    /// Address or name, without the port.
    pub(super) host: String,
    /// Its words.
    pub(super) words: Vec<String>,
    /// The line.
    pub(super) line: usize,
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
            match &**first {
                "defaults" => {
                    defaults = Backend::default();
                    section = Section::Defaults;
                }
                "backend" | "listen" => {
                    let name = words.get(1).cloned().unwrap_or_default();
                    cfg.backends.insert(name.clone(), defaults.clone());
                    section = Section::Backend(name);
                }
                "global" | "frontend" | "resolvers" | "peers" | "userlist" | "cache" | "program" | "ring"
                | "mailers" | "http-errors" | "fcgi-app" | "log-forward" | "crt-store" => {
                    section = Section::Other;
                }
                _ => match &section {
                    Section::Defaults => defaults.take(&words, at + 1),
                    Section::Backend(name) => {
                        if let Some(backend) = cfg.backends.get_mut(name) {
                            backend.take(&words, at + 1);
                        }
                    }
                    Section::Other => {}
                },
            }
        }
        cfg
    }

    pub(super) fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends.get(name)
    }
}

enum Section {
    Defaults,
    Backend(String),
    Other,
}

impl Backend {
    fn take(&mut self, words: &[String], line: usize) {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match (word(0), word(1)) {
            ("mode", mode) => self.tcp = mode == "tcp",
            ("timeout", "check") => self.timeout_check = milliseconds(word(2)),
            ("timeout", "connect") => self.timeout_connect = milliseconds(word(2)),
            ("timeout", "queue") => self.timeout_queue = milliseconds(word(2)),
            ("option", "httpchk") => {
                // One word is the path; the version behind it may hold a Host in old files.
                let (method, path, rest) = match words.get(2..).unwrap_or_default() {
                    [] => ("OPTIONS", "/", &[][..]),
                    [path] => ("OPTIONS", path.as_str(), &[][..]),
                    [method, path, rest @ ..] => (method.as_str(), path.as_str(), rest),
                };
                let host = rest.iter().find_map(|word| {
                    let at = word.to_ascii_lowercase().find("host:")?;
                    Some(word.get(at + 5..)?.trim().to_owned())
                });
                self.http_check =
                    Some(HttpCheck { method: method.to_owned(), path: path.to_owned(), host, line });
            }
            ("no", "option") if word(2) == "httpchk" => self.http_check = None,
            ("http-check", "send") => {
                if let Some(check) = &mut self.http_check {
                    check.send(words.get(2..).unwrap_or_default());
                }
            }
            ("default-server", _) => {
                self.default_server.extend(words.get(1..).unwrap_or_default().iter().cloned());
            }
            ("server", name) => {
                let address = word(2);
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let mut all = self.default_server.clone();
                all.extend(words.get(3..).unwrap_or_default().iter().cloned());
                let server = Server { host: host.to_owned(), words: all, line };
                self.servers.insert(name.to_owned(), server);
            }
            _ => {}
        }
    }

    pub(super) fn server(&self, name: &str) -> Option<&Server> {
        self.servers.get(name)
    }
}

impl HttpCheck {
    fn send(&mut self, words: &[String]) {
        for (at, word) in words.iter().enumerate() {
            let behind = |offset: usize| words.get(at + offset).cloned().unwrap_or_default();
            match &**word {
                "meth" => self.method = behind(1),
                "uri" => self.path = behind(1),
                "hdr" if behind(1).eq_ignore_ascii_case("host") => self.host = Some(behind(2)),
                _ => {}
            }
        }
    }
}

impl Server {
    /// Whether a word stands in its line.
    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|other| other == word)
    }

    /// The word behind another: the last one holds.
    pub(super) fn value(&self, word: &str) -> Option<&str> {
        let at = self.words.iter().rposition(|other| other == word)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// `inter`, in milliseconds; HAProxy's default is two seconds.
    pub(super) fn inter(&self) -> u64 {
        self.value("inter").and_then(milliseconds).unwrap_or(2_000)
    }
}

/// The words of a line: quotes, escapes and comments as HAProxy has them, without variables.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut open = false;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.extend(chars.next());
                open = true;
            }
            (c, Some(end)) if c == end => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                open = true;
            }
            ('#', None) => break,
            (c, None) if c.is_whitespace() => {
                if open {
                    words.push(std::mem::take(&mut word));
                    open = false;
                }
            }
            (c, _) => {
                word.push(c);
                open = true;
            }
        }
    }
    if open {
        words.push(word);
    }
    words
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
        assert_eq!((a1.inter(), a2.inter(), &*a2.host, a2.line), (3000, 500, "app2", 8));
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
