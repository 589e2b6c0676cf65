//! A `frontend` section: where it listens, and which sites it leads where.

use std::collections::BTreeMap;

use super::At;

/// A `frontend` section, or the half of `listen` that is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Frontend {
    /// Where it listens.
    pub(in super::super) binds: Vec<Bind>,
    /// ACLs that are about the site's name.
    acls: BTreeMap<String, Vec<String>>,
    /// Sites, and the backends that they lead to.
    hosts: Vec<(String, String)>,
}

/// A `bind` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Bind {
    /// Each address.
    pub(in super::super) at: Vec<At>,
    /// Files of `crt`.
    pub(in super::super) certificates: Vec<String>,
}

/// Samples that give the name of a site.
const OF_HOST: &[&str] =
    &["hdr(host)", "req.hdr(host)", "hdr(Host)", "req.hdr(Host)", "ssl_fc_sni", "req.ssl_sni", "req_ssl_sni"];

impl Frontend {
    pub(super) fn take(&mut self, words: &[String]) {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "bind" => self.binds.push(Bind::read(words.get(1..).unwrap_or_default())),
            "acl" => {
                if let Some(names) = names(words.get(2..).unwrap_or_default()) {
                    self.acls.entry(word(1).to_owned()).or_default().extend(names);
                }
            }
            "use_backend" if word(2) == "if" => self.rule(word(1), words.get(3..).unwrap_or_default()),
            _ => {}
        }
    }

    /// A condition of ACLs, or of a sample between braces.
    fn rule(&mut self, backend: &str, condition: &[String]) {
        let mut found: Vec<String> = Vec::new();
        for (at, word) in condition.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| condition.get(at)).map_or("", String::as_str);
            if before == "!" || word.starts_with('!') {
                continue;
            }
            if word == "{" {
                let rest = condition.get(at + 1..).unwrap_or_default();
                let end = rest.iter().position(|word| word == "}").unwrap_or(rest.len());
                found.extend(names(rest.get(..end).unwrap_or_default()).unwrap_or_default());
            } else if let Some(names) = self.acls.get(word) {
                found.extend(names.iter().cloned());
            }
        }
        self.hosts.extend(found.into_iter().map(|host| (host, backend.to_owned())));
    }

    /// Sites that lead to a backend.
    pub(super) fn hosts_of<'a>(&'a self, backend: &'a str) -> impl Iterator<Item = &'a str> {
        self.hosts.iter().filter(move |(_, other)| other == backend).map(|(host, _)| &**host)
    }
}

impl Bind {
    fn read(words: &[String]) -> Self {
        let files = words.windows(2).filter_map(|two| match two {
            [word, file] if word == "crt" => Some(file.clone()),
            _ => None,
        });
        Self {
            at: words.first().map_or("", String::as_str).split(',').map(At::read).collect(),
            certificates: files.collect(),
        }
    }
}

/// The names that a sample is compared with; `None` where it is not about the name of the site.
fn names(words: &[String]) -> Option<Vec<String>> {
    let (first, rest) = words.split_first()?;
    if !OF_HOST.iter().any(|sample| first.starts_with(sample)) {
        return None;
    }
    let mut names = Vec::new();
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match &**word {
            "-m" if words.next().is_some_and(|how| how != "str") => return None,
            "-f" => return None,
            flag if flag.starts_with('-') => {}
            name if name.contains('.') => names.push(name.to_owned()),
            _ => {}
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn sites_lead_to_backends_by_rules_about_their_names() {
        let mut frontend = Frontend::default();
        for text in [
            "bind :80,[::]:80",
            "bind 10.0.0.1:443 ssl crt /etc/a.pem crt b.pem alpn h2 accept-proxy",
            "acl ours hdr(host) -i www.example.test example.test",
            "acl beta hdr(host) -m beg beta.",
            "use_backend app if ours",
            "use_backend api if { hdr(host) -i api.example.test } !ours",
            "use_backend beta if beta",
            "default_backend rest",
        ] {
            frontend.take(&words(text));
        }
        let of = |backend| frontend.hosts_of(backend).collect::<Vec<_>>();
        assert_eq!(of("app"), ["www.example.test", "example.test"]);
        assert_eq!(of("api"), ["api.example.test"]);
        assert!(of("beta").is_empty() && of("rest").is_empty());
        let bind = frontend.binds.get(1).unwrap();
        assert_eq!(bind.certificates, ["/etc/a.pem", "b.pem"]);
        assert_eq!(frontend.binds.first().map(|bind| bind.at.len()), Some(2));
    }
}
