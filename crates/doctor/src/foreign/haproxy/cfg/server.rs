//! A `server` line.

use super::super::time::milliseconds;

/// A `server` line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Server {
    /// Where it is.
    pub(in super::super) at: At,
    /// Its words, behind those of `default-server`.
    words: Vec<String>,
    /// The line.
    pub(in super::super) line: usize,
}

/// The address of a server line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum At {
    /// Address or name, and port; 0 for that of the client's connection.
    Host(String, u16),
    /// The path of a socket.
    Path(String),
}

impl Default for At {
    fn default() -> Self {
        Self::Host(String::new(), 0)
    }
}

impl At {
    /// An address as `server` and `bind` lines have it.
    pub(in super::super) fn read(text: &str) -> Self {
        let bare =
            ["ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let text = bare.unwrap_or(text);
        if let Some(path) = text.strip_prefix("unix@") {
            return Self::Path(path.to_owned());
        }
        if text.starts_with('/') {
            return Self::Path(text.to_owned());
        }
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        Self::Host(host.trim_matches(['[', ']']).to_owned(), port.parse().unwrap_or(0))
    }
}

impl Server {
    pub(super) fn new(address: &str, words: Vec<String>, line: usize) -> Self {
        Self { at: At::read(address), words, line }
    }

    /// Address or name; nothing where it is a path.
    pub(in super::super) fn host(&self) -> &str {
        match &self.at {
            At::Host(host, _) => host,
            At::Path(_) => "",
        }
    }

    /// Whether a word stands in its line, and is not taken back behind it.
    pub(in super::super) fn has(&self, word: &str) -> bool {
        let opposite = format!("no-{word}");
        self.words
            .iter()
            .rfind(|other| **other == word || **other == opposite)
            .is_some_and(|other| other == word)
    }

    /// The word behind another: the last one holds.
    pub(in super::super) fn value(&self, word: &str) -> Option<&str> {
        let at = self.words.iter().rposition(|other| other == word)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// `inter`, in milliseconds; HAProxy's default is two seconds.
    pub(in super::super) fn inter(&self) -> u64 {
        self.value("inter").and_then(milliseconds).unwrap_or(2_000)
    }

    /// A sample such as `str(name)` is the one form of a name that stands for itself.
    pub(in super::super) fn fixed(&self, word: &str) -> Option<&str> {
        self.value(word)?.strip_prefix("str(")?.strip_suffix(')')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_form_are_read() {
        let host = |host: &str, port| At::Host(host.to_owned(), port);
        for (text, expected) in [
            ("10.0.0.1:80", host("10.0.0.1", 80)),
            ("ipv4@10.0.0.1:80", host("10.0.0.1", 80)),
            ("[2001:db8::1]:80", host("2001:db8::1", 80)),
            ("app.internal", host("app.internal", 0)),
            ("unix@/run/app.sock", At::Path("/run/app.sock".to_owned())),
            ("/run/app.sock", At::Path("/run/app.sock".to_owned())),
        ] {
            assert_eq!(At::read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_that_is_taken_back_does_not_hold() {
        let server = |words: &str| Server::new("a:1", words.split(' ').map(str::to_owned).collect(), 1);
        assert!(server("check ssl").has("ssl") && !server("check ssl no-ssl").has("ssl"));
        assert!(server("no-check check").has("check"));
        assert_eq!(server("sni str(a.test)").fixed("sni"), Some("a.test"));
        assert_eq!(server("sni req.hdr(host)").fixed("sni"), None);
    }
}
