//! `cipher_suites`: what BoringSSL reads as a list of suites, and the suites that there are.

use std::ops::Range;

use causeway_model::CipherSuite;

use super::super::Cx;
use super::params::position;
use crate::diagnostic::{At, Draft};
use crate::suggest;
use crate::tree::Message;

/// What a name in the list stands for.
enum Suite {
    /// A suite that is spoken.
    Known(CipherSuite),
    /// One that is not, and why.
    Missing(At, String),
    /// Something that can't stand there. It has been reported.
    Wrong,
}

impl Cx<'_> {
    /// `cipher_suites`: names in OpenSSL's or the RFC's way, several in one text between `:`, of equal rank between
    /// `[`, `|` and `]`; or rules, such as `ECDHE+AESGCM`. What comes out is groups of equal rank, the best first.
    pub(super) fn cipher_suites(&self, params: &Message<'_>) -> Vec<Box<[CipherSuite]>> {
        let mut groups: Vec<Box<[CipherSuite]>> = Vec::new();
        let (mut missing, mut of_tls13, mut wrong) = (Vec::new(), Vec::new(), false);
        for (index, text) in params.texts("cipher_suites").enumerate() {
            let place = params.at_item("cipher_suites", index);
            let list = match read(text) {
                Ok(list) => list,
                Err((part, why)) => {
                    let at = self.part(&place, text, part);
                    self.reject(
                        at,
                        "invalid-cipher-suite",
                        format!("this is no list of cipher suites: {why}"),
                    );
                    return Vec::new();
                }
            };
            for names in list {
                let mut group = Vec::new();
                for name in names {
                    let at = self.part(&place, text, position(text, name));
                    if name.starts_with("TLS_AES_") || name.starts_with("TLS_CHACHA20_") {
                        of_tls13.push((at, name));
                        continue;
                    }
                    match self.suite(name, at) {
                        Suite::Known(suite) => group.push(suite),
                        Suite::Missing(at, why) => missing.push((at, why)),
                        Suite::Wrong => wrong = true,
                    }
                }
                // What is named again keeps its first place.
                group.retain(|suite| !groups.iter().any(|known| known.contains(suite)));
                if !group.is_empty() {
                    groups.push(group.into());
                }
            }
        }
        let none = groups.is_empty();
        let text = params.texts("cipher_suites").any(|text| !text.is_empty());
        if none && !wrong && missing.is_empty() && of_tls13.is_empty() && text {
            self.reject(params.at_key("cipher_suites"), "invalid-cipher-suite", "no cipher suite is named");
        }
        for (at, name) in of_tls13 {
            if none && missing.is_empty() {
                let text = format!(
                    "`{name}` alone is no choice: suites of TLS 1.3 can't be chosen, in Envoy neither"
                );
                self.reject(at, "invalid-cipher-suite", text);
            } else {
                let text =
                    format!("`{name}` changes nothing: suites of TLS 1.3 can't be chosen, in Envoy neither");
                self.ignored(at, text);
            }
        }
        if none && !wrong && !missing.is_empty() {
            // Left out, all would be offered, which is not what was asked for.
            self.vital(params.at_key("cipher_suites"), "none of these cipher suites is implemented");
        }
        self.left_out(missing, !none);
        groups
    }

    /// The suite that a name stands for.
    fn suite(&self, name: &str, at: At) -> Suite {
        if let Some((.., suite)) = SUITES.iter().find(|(open, rfc, _)| *open == name || *rfc == name) {
            return Suite::Known(*suite);
        }
        if OTHER_SUITES.contains(&name) {
            let why = if name.contains("GCM") || name.contains("POLY1305") {
                "without a key exchange of its own (ECDHE) what is recorded today can be read once the key leaks"
            } else {
                "CBC suites are broken in too many ways"
            };
            return Suite::Missing(at, format!("the cipher suite {name} is not implemented: {why}"));
        }
        let rule = name.trim_start_matches(['!', '-', '+']);
        let known = rule.split('+').all(|word| RULE_WORDS.contains(&word)) || rule.starts_with('@');
        if known {
            let text = format!("`{name}`: rules for cipher suites are not implemented; name them one by one");
            self.vital(at, text);
            return Suite::Wrong;
        }
        let names: Vec<_> = SUITES.iter().map(|(open, ..)| *open).collect();
        let draft =
            Draft::rejected("invalid-cipher-suite", format!("there is no cipher suite `{name}`")).at(at);
        self.push(match suggest::among(name, &names) {
            Some(meant) => draft.label(format!("did you mean `{meant}`?")),
            None => draft,
        });
        Suite::Wrong
    }
}

/// Splits a text into groups of names, as BoringSSL does where it is strict (`SSL_CTX_set_strict_cipher_list`): a name
/// outside of brackets is a group of its own.
///
/// # Errors
///
/// What can't be understood, and why.
fn read(text: &str) -> Result<Vec<Vec<&str>>, (Range<usize>, &'static str)> {
    let mut groups = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind = rest.get(first.len_utf8()..).unwrap_or_default();
        let here = position(text, rest).start;
        match (first, &mut open) {
            (':', None) | ('|', Some(_)) => rest = behind,
            ('[', None) => {
                open = Some(Vec::new());
                rest = behind;
            }
            (']', Some(group)) => {
                groups.push(std::mem::take(group));
                open = None;
                rest = behind;
            }
            (_, group) => {
                let is_rule = group.is_none() && matches!(first, '!' | '-' | '+' | '@');
                let start = if is_rule { behind } else { rest };
                let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '+');
                let length = start.find(|c| !of_name(c)).unwrap_or(start.len());
                if length == 0 {
                    let why = match (first, group) {
                        ('[', Some(_)) => "there is no group inside of a group",
                        (':', Some(_)) => "in a group names stand between `|`",
                        (']' | '|', None) => "there is no `[` before it",
                        _ => "this is not part of a name; names stand between `:`",
                    };
                    return Err((here..here + first.len_utf8(), why));
                }
                let (name, behind) = rest.split_at(rest.len() - start.len() + length);
                match group {
                    Some(group) => group.push(name),
                    None => groups.push(vec![name]),
                }
                rest = behind;
            }
        }
    }
    if open.is_some() {
        return Err((0..text.len(), "a `[` has no `]`"));
    }
    Ok(groups)
}

/// Suites by the names of OpenSSL and of the RFCs.
const SUITES: &[(&str, &str, CipherSuite)] = &[
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite::EcdsaAes128),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", CipherSuite::EcdsaAes256),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::EcdsaChacha20,
    ),
    ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::RsaAes128),
    ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::RsaAes256),
    ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::RsaChacha20),
];

/// What else BoringSSL knows by name.
const OTHER_SUITES: &[&str] = &[
    "DES-CBC3-SHA",
    "AES128-SHA",
    "AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "PSK-AES128-CBC-SHA",
    "PSK-AES256-CBC-SHA",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-PSK-AES128-CBC-SHA",
    "ECDHE-PSK-AES256-CBC-SHA",
    "ECDHE-PSK-CHACHA20-POLY1305",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// Words that rules of BoringSSL are made of.
const RULE_WORDS: &[&str] = &[
    "ALL", "DEFAULT", "kRSA", "RSA", "kECDHE", "kEECDH", "EECDH", "ECDHE", "kPSK", "PSK", "aRSA", "aECDSA",
    "ECDSA", "aPSK", "3DES", "AES128", "AES256", "AES", "AESGCM", "CHACHA20", "SHA1", "SHA", "SHA256",
    "SHA384", "SSLv3", "TLSv1", "TLSv1.2", "HIGH", "FIPS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_boring_ssl_reads_them() {
        let read = |text| read(text).map_err(|(part, _)| part);
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(read("A:B-C::D:"), Ok(vec![vec!["A"], vec!["B-C"], vec!["D"]]));
        assert_eq!(read("[A|B]:C"), Ok(vec![vec!["A", "B"], vec!["C"]]));
        assert_eq!(read("[|A|]B"), Ok(vec![vec!["A"], vec!["B"]]));
        assert_eq!(
            read("!A:-B:C+D:@STRENGTH"),
            Ok(vec![vec!["!A"], vec!["-B"], vec!["C+D"], vec!["@STRENGTH"]])
        );
        for (text, part) in [
            ("[A|B", 0..4),
            ("A|B", 1..2),
            ("A]", 1..2),
            ("[A:B]", 2..3),
            ("[[A]]", 1..2),
            ("A ", 1..2),
            (" A", 0..1),
            ("A,B", 1..2),
            ("A;B", 1..2),
            ("[A]\u{e9}", 3..5),
        ] {
            assert_eq!(read(text), Err(part), "{text}");
        }
    }
}
