//! Reports for others: addresses, names of hosts and queries of paths are replaced by tokens that stay the same.
//!
//! `addr-1` is the same address wherever it stands, so that a report still says which things belong together. Addresses that
//! mean the same on every host, such as loopback ones, stay. Excerpts of files are left out altogether, since nobody knows
//! what else stands in their lines.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use crate::finding::{Finding, Subject};
use crate::report::Report;
use crate::said::Said;

/// Replaces what tells where something is.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Tokens that were given, by what they stand for.
    tokens: HashMap<String, String>,
    hosts: usize,
    addresses: usize,
    /// Names that are known to be those of hosts; others have to look like one.
    known: Vec<String>,
}

/// Fields that hold names of hosts.
const HOSTS: &[&str] = &[
    "address",
    "authority",
    "domains",
    "host",
    "hostname",
    "host_redirect",
    "host_rewrite_literal",
    "server_names",
    "sni",
];

/// Fields of requests and responses whose values are secret.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "x-api-key", "api-key", "token"];

/// What a last label is where the whole is a file and no host.
const EXTENSIONS: &[&str] = &[
    "yaml", "yml", "json", "pb", "pem", "crt", "key", "sock", "log", "conf", "txt", "cfg", "service", "proto",
];

/// What stands for something that is not even counted.
pub(crate) const REDACTED: &str = "[redacted]";

impl Redactor {
    /// One that knows the hosts of a configuration by their names, also those that have no dot in them. The configuration is
    /// one in JSON, as `/config_dump` has it, so that it need not be one that can be used.
    #[must_use]
    pub fn of(configuration: &Value) -> Self {
        let mut redactor = Self::default();
        redactor.learn(configuration, false);
        redactor
    }

    fn learn(&mut self, value: &Value, is_host: bool) {
        match value {
            Value::String(name) if is_host => self.know(name),
            Value::Array(items) => items.iter().for_each(|item| self.learn(item, is_host)),
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| self.learn(field, HOSTS.contains(&name.as_str())));
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn know(&mut self, name: &str) {
        let name = name.trim_start_matches(['*', '.']).trim_end_matches(['*', '.']);
        let name = name.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !name.is_empty() && name != "localhost" && name.parse::<IpAddr>().is_err() {
            self.known.push(name);
        }
    }

    /// A report that can be shown to others.
    #[must_use]
    pub fn report(&mut self, report: &Report) -> Report {
        let mut report = report.clone();
        // A diff has the lines around it, which may hold anything.
        report.patches.clear();
        if !report.ran_from.host.is_empty() {
            report.ran_from.host = self.host(&report.ran_from.host.clone());
            self.known.push(report.ran_from.host.to_ascii_lowercase());
        }
        report.target = self.text(&report.target);
        for check in &mut report.checks {
            check.id = self.addresses(&check.id);
            check.id = self.known_names(&check.id.clone());
            self.said(&mut check.words);
        }
        report.findings.iter_mut().for_each(|finding| self.finding(finding));
        report
    }

    fn finding(&mut self, finding: &mut Finding) {
        self.subject(&mut finding.subject);
        finding.also_explains.iter_mut().for_each(|subject| self.subject(subject));
        self.said(&mut finding.title);
        self.said(&mut finding.label);
        if let Some(words) = finding.effect.as_mut().and_then(|effect| effect.words.as_mut()) {
            self.said(words);
        }
        if let Some(effect) = &mut finding.effect {
            effect.details = self.text(&effect.details);
        }
        for evidence in &mut finding.evidence {
            self.said(&mut evidence.what);
            self.said(&mut evidence.observed);
            evidence.command = evidence.command.take().map(|command| self.text(&command));
        }
        finding.ruled_out.iter_mut().for_each(|said| self.said(said));
        for fix in &mut finding.fixes {
            self.said(&mut fix.what);
            for edit in &mut fix.edits {
                edit.value = edit.value.take().map(|value| self.text(&value));
            }
        }
        if let Some(place) = &finding.place {
            let field = self.text(&finding.field);
            finding.place = Some(place.with_text(&field));
        }
    }

    fn subject(&mut self, subject: &mut Subject) {
        let parts = [
            &mut subject.listener,
            &mut subject.virtual_host,
            &mut subject.route,
            &mut subject.cluster,
            &mut subject.endpoint,
            &mut subject.file,
        ];
        for part in parts.into_iter().flatten() {
            *part = self.text(part);
        }
    }

    fn said(&mut self, said: &mut Said) {
        said.en = self.text(&said.en);
        said.ko = self.text(&said.ko);
    }

    /// A text without what tells where something is, and without users and queries of URLs.
    #[must_use]
    pub fn text(&mut self, text: &str) -> String {
        let text = self.addresses(&without_credentials(&without_queries(&without_users(text))));
        self.names(&text, true)
    }

    /// Only names that are known, in what has dots of its own.
    fn known_names(&mut self, text: &str) -> String {
        let mut known = self.known.clone();
        known.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let dotted = known.into_iter().filter(|name| name.contains('.') && text.contains(name.as_str()));
        dotted.fold(text.to_owned(), |text, name| {
            let token = self.host(&name);
            text.replace(&name, &token)
        })
    }

    /// Addresses, wherever they stand.
    fn addresses(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let before = out.chars().next_back();
            if let Some((ip, length)) =
                ipv4(rest).filter(|_| before.is_none_or(|c| !c.is_ascii_alphanumeric()))
            {
                out.push_str(&self.address(ip.into()));
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            let starts = first.is_ascii_hexdigit() || first == ':';
            if let Some((ip, length)) = (starts
                && before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != ':'))
            .then(|| ipv6(rest))
            .flatten()
            {
                out.push_str(&self.address(ip));
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        out
    }

    /// Names of hosts: those that are known, and where wanted those that look like one.
    fn names(&mut self, text: &str, also_alike: bool) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        for character in text.chars().map(Some).chain([None]) {
            match character {
                Some(c) if is_part(c) => word.push(c),
                other => {
                    let taken = std::mem::take(&mut word);
                    out.push_str(&self.name(&taken, also_alike));
                    out.extend(other);
                }
            }
        }
        out
    }

    fn name(&mut self, word: &str, also_alike: bool) -> String {
        let bare = word.trim_end_matches(['.', '-']);
        let behind = word.get(bare.len()..).unwrap_or_default();
        let lower = bare.to_ascii_lowercase();
        if self.known.contains(&lower) {
            return self.host(&lower) + behind;
        }
        if let Some((stem, extension)) = bare.rsplit_once('.')
            && EXTENSIONS.contains(&extension)
        {
            return format!("{}.{extension}{behind}", self.name(stem, also_alike));
        }
        if also_alike && is_host(&lower) { self.host(&lower) + behind } else { word.to_owned() }
    }

    fn host(&mut self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        if let Some(token) = self.tokens.get(&name) {
            return token.clone();
        }
        self.hosts += 1;
        let token = format!("host-{}", self.hosts);
        self.tokens.insert(name, token.clone());
        token
    }

    fn address(&mut self, ip: IpAddr) -> String {
        let everywhere = ip.is_loopback() || ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        let text = ip.to_string();
        if everywhere {
            return text;
        }
        if let Some(token) = self.tokens.get(&text) {
            return token.clone();
        }
        self.addresses += 1;
        let token = format!("addr-{}", self.addresses);
        self.tokens.insert(text, token.clone());
        token
    }
}

/// Whether a word looks like the name of a host: labels with dots between them, the last of letters.
fn is_host(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = labels.last().copied().unwrap_or_default();
    // Envoy's and protobuf's own names look like hosts.
    let is_ours = ["envoy.", "type.googleapis.com", "google.protobuf", "xds.type", "udpa.type"]
        .iter()
        .any(|own| word.starts_with(own));
    labels.len() > 1
        && !is_ours
        && labels.iter().all(is_label)
        && (2..=24).contains(&last.len())
        && (last.bytes().all(|byte| byte.is_ascii_alphabetic()) || last.starts_with("xn--"))
}

/// The IPv4 address that a text begins with, and its length.
fn ipv4(text: &str) -> Option<(Ipv4Addr, usize)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let run = text.get(..end)?.trim_end_matches('.');
    let ip = run.parse().ok()?;
    Some((ip, run.len()))
}

/// The IPv6 address that a text begins with, and its length; one of two groups is a time or a port.
fn ipv6(text: &str) -> Option<(IpAddr, usize)> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.').unwrap_or(text.len());
    let mut run = text.get(..end)?;
    while run.len() > 2 {
        if run.matches(':').count() < 2 {
            return None;
        }
        if let Ok(ip) = run.parse::<IpAddr>() {
            return Some((ip, run.len()));
        }
        run = run.get(..run.rfind([':', '.'])?)?;
    }
    None
}

/// Without what stands between `://` and `@`.
fn without_users(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        rest = behind;
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`'));
        let authority = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if let Some(at) = authority.rfind('@') {
            out.push_str(REDACTED);
            rest = rest.get(at..).unwrap_or_default();
        }
    }
    out + rest
}

/// Without what stands behind `?` in paths.
fn without_queries(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('?') {
        out.push_str(before);
        out.push('?');
        rest = behind;
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ')' | '}' | ']'));
        let query = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if !query.is_empty() {
            out.push_str(REDACTED);
        }
        rest = rest.get(query.len()..).unwrap_or_default();
    }
    out + rest
}

/// Without what stands behind the names of fields that are secret, up to the end of their line.
fn without_credentials(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(colon) = lower.get(at..).and_then(|rest| rest.find(':')).map(|found| at + found) {
        let before = lower.get(at..colon).unwrap_or_default();
        out.push_str(text.get(at..=colon).unwrap_or_default());
        at = colon + 1;
        if CREDENTIALS.iter().any(|name| before.trim_end_matches(['"', '\'', '`']).ends_with(name)) {
            let rest = text.get(at..).unwrap_or_default();
            let end = rest.find(['\r', '\n', '\\']).unwrap_or(rest.len());
            if !rest.get(..end).unwrap_or_default().trim().is_empty() {
                out.push(' ');
                out.push_str(REDACTED);
            }
            at += end;
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(text: &str) -> String {
        Redactor::default().text(text)
    }

    #[test]
    fn addresses_are_tokens_that_stay_the_same() {
        assert_eq!(redacted("10.0.0.1:80, 10.0.0.2, 10.0.0.1."), "addr-1:80, addr-2, addr-1.");
        assert_eq!(redacted("[2001:db8::1]:443 and 2001:DB8::1"), "[addr-1]:443 and addr-1");
        assert_eq!(
            redacted("remote_address:10.1.2.3:80|x listener.10.1.2.3_80."),
            "remote_address:addr-1:80|x listener.addr-1_80."
        );
        assert_eq!(
            redacted("127.0.0.1 [::1]:80 0.0.0.0:443 [::]:80"),
            "127.0.0.1 [::1]:80 0.0.0.0:443 [::]:80"
        );
        assert_eq!(redacted("12:30:05 and 1.40.0"), "12:30:05 and 1.40.0");
    }

    #[test]
    fn names_of_hosts_are_tokens_and_those_of_files_and_types_are_not() {
        assert_eq!(
            redacted("WWW.Example.com, api.example.com:443, www.example.com"),
            "host-1, host-2:443, host-1"
        );
        assert_eq!(
            redacted("envoy.yaml:5 envoy.filters.http.router"),
            "envoy.yaml:5 envoy.filters.http.router"
        );
        assert_eq!(redacted("/etc/tls/www.example.com.pem"), "/etc/tls/host-1.pem");
        assert_eq!(redacted("static_resources.clusters[0].name"), "static_resources.clusters[0].name");
        assert_eq!(redacted("admin.example.com backend.local"), "host-1 host-2");
    }

    #[test]
    fn users_and_queries_of_urls_are_gone() {
        assert_eq!(
            redacted("https://me:pass@10.0.0.1/a?token=x&y=z 200"),
            "https://[redacted]@addr-1/a?[redacted] 200"
        );
        assert_eq!(
            redacted("HTTP/1.1 200\r\nSet-Cookie: a=b; c\r\nx: y"),
            "HTTP/1.1 200\r\nSet-Cookie: [redacted]\r\nx: y"
        );
        assert_eq!(redacted("curl -H 'Authorization: Bearer x'"), "curl -H 'Authorization: [redacted]");
        assert_eq!(redacted("Is it running?"), "Is it running?");
        assert_eq!(redacted("`/a?b=c`"), "`/a?[redacted]`");
    }

    #[test]
    fn diffs_are_left_out_for_what_stands_around_them() {
        let mut report = Report::default();
        report.patches.insert((0, 0), "-  a: 1\n+  a: 2\n   password: SECRET\n".to_owned());
        assert!(Redactor::default().report(&report).patches.is_empty());
    }

    #[test]
    fn names_without_a_dot_are_known_from_the_configuration() {
        let configuration =
            json!({"clusters": [{"socket_address": {"address": "billing"}, "sni": "10.0.0.1"}]});
        let mut redactor = Redactor::of(&configuration);
        assert_eq!(redactor.text("billing:80 of `app`"), "host-1:80 of `app`");
    }
}
