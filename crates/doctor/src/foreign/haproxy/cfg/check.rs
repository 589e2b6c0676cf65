//! `option httpchk` and the rules of `http-check`.

/// `option httpchk` and `http-check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct HttpCheck {
    /// `OPTIONS` unless set.
    pub(in super::super) method: String,
    /// `/` unless set.
    pub(in super::super) path: String,
    /// `Host`, where one is sent.
    pub(in super::super) host: Option<String>,
    /// What is taken for healthy.
    pub(in super::super) expected: Expected,
    /// Words of `http-check connect`: `port`, `ssl`, `send-proxy`, `sni`.
    pub(in super::super) connect: Vec<String>,
}

/// What a check takes for healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) enum Expected {
    /// Every 2xx and 3xx.
    #[default]
    Usual,
    /// Statuses, each range with its ends.
    Statuses(Vec<(u16, u16)>),
    /// Something that only a reading of the answer tells.
    Text,
}

impl HttpCheck {
    /// One word is the path; the version behind it may hold a Host in old files.
    pub(super) fn option(words: &[String]) -> Self {
        let (method, path, rest) = match words {
            [] => ("OPTIONS", "/", &[][..]),
            [path] => ("OPTIONS", path.as_str(), &[][..]),
            [method, path, rest @ ..] => (method.as_str(), path.as_str(), rest),
        };
        let host = rest.iter().find_map(|word| {
            let at = word.to_ascii_lowercase().find("host:")?;
            Some(word.get(at + 5..)?.trim().to_owned())
        });
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            host,
            expected: Expected::Usual,
            connect: Vec::new(),
        }
    }

    /// A line of `http-check`.
    pub(super) fn rule(&mut self, words: &[String]) {
        match words.get(1).map(String::as_str) {
            Some("send") => self.send(words.get(2..).unwrap_or_default()),
            Some("connect") => words.get(2..).unwrap_or_default().clone_into(&mut self.connect),
            Some("expect") => self.expect(words.get(2..).unwrap_or_default()),
            _ => {}
        }
    }

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

    fn expect(&mut self, words: &[String]) {
        let mut words = words.iter().map(String::as_str).peekable();
        let not = words.next_if_eq(&"!").is_some();
        let is_status =
            words.find(|word| matches!(*word, "status" | "rstatus" | "string" | "rstring" | "hdr" | "fhdr"));
        let statuses = match (is_status, words.next()) {
            (Some("status"), Some(list)) => ranges(list),
            _ => None,
        };
        self.expected = match statuses {
            Some(statuses) if not => Expected::Statuses(others(&statuses)),
            Some(statuses) => Expected::Statuses(statuses),
            None => Expected::Text,
        };
    }
}

/// `200,301-399`
fn ranges(list: &str) -> Option<Vec<(u16, u16)>> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    list.split(',').map(range).collect()
}

/// All statuses but these.
fn others(ranges: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let is_in = |status: &u16| ranges.iter().any(|(first, last)| (first..=last).contains(&status));
    let mut others: Vec<(u16, u16)> = Vec::new();
    for status in (100..600).filter(|status| !is_in(status)) {
        match others.last_mut() {
            Some((_, last)) if *last + 1 == status => *last = status,
            _ => others.push((status, status)),
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expects(text: &str) -> Expected {
        let mut check = HttpCheck::option(&[]);
        let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        check.rule(&words);
        check.expected
    }

    #[test]
    fn expected_statuses_are_read_and_texts_are_known_to_be_texts() {
        assert_eq!(
            expects("http-check expect status 200,301-302"),
            Expected::Statuses(vec![(200, 200), (301, 302)])
        );
        assert_eq!(expects("http-check expect ! status 500-599"), Expected::Statuses(vec![(100, 499)]));
        assert_eq!(expects("http-check expect min-recv 9 status 204"), Expected::Statuses(vec![(204, 204)]));
        assert_eq!(expects("http-check expect string all"), Expected::Text);
        assert_eq!(expects("http-check expect rstatus ^2"), Expected::Text);
        assert_eq!(expects("http-check disable-on-404"), Expected::Usual);
    }
}
