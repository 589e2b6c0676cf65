//! `/hosts`: every host and name, and what was found out about it last. Envoy has no such view.

use std::fmt::Write as _;
use std::time::SystemTime;

use causeway_reason::{Language, Reason};
use serde_json::{Map, Value, json};

use super::clusters::{health_flags, selected};
use super::trouble;
use crate::http::{Reply, Request};
use crate::json::pretty;
use crate::state::Admin;
use crate::time::{between, human, timestamp};
use crate::view::{
    AgentStatus, CheckOutcome, ClusterStatus, DnsStatus, HealthCheckResult, HealthCheckStatus, HostChange,
    HostStatus,
};

pub(crate) fn hosts(admin: &Admin, request: &Request) -> Reply {
    let clusters = match selected(admin, request) {
        Ok(clusters) => clusters,
        Err(reply) => return reply,
    };
    let language = language(request);
    if request.query.value("format") == Some("json") {
        let clusters: Vec<_> = clusters.iter().map(|cluster| cluster_json(cluster, language)).collect();
        return Reply::json(pretty(&json!({"clusters": clusters})));
    }
    let mut page = Page { out: String::new(), now: request.now, language };
    for cluster in &clusters {
        page.cluster(cluster);
    }
    Reply::text(page.out)
}

/// The language that `lang` names.
pub(super) fn language(request: &Request) -> Language {
    match request.query.value("lang") {
        Some("ko") => Language::Korean,
        _ => Language::English,
    }
}

struct Page {
    out: String,
    now: SystemTime,
    language: Language,
}

impl Page {
    fn cluster(&mut self, cluster: &ClusterStatus) {
        let usable = cluster.hosts.iter().filter(|host| host.health.usable()).count();
        let _ = writeln!(self.out, "{}: {usable} of {} hosts usable", cluster.name, cluster.hosts.len());
        for dns in &cluster.dns {
            self.dns(dns);
        }
        for host in &cluster.hosts {
            self.host(host);
        }
    }

    fn host(&mut self, host: &HostStatus) {
        let _ = write!(self.out, "  {}", host.address);
        if !host.hostname.is_empty() {
            let _ = write!(self.out, " ({})", host.hostname);
        }
        let _ = writeln!(self.out, "  {}", health_flags(host.health));
        match &host.health_check {
            Some(check) => self.health_check(check),
            None => self.out.push_str("    no health checks\n"),
        }
        if let Some(agent) = &host.agent {
            self.agent(agent);
            if let Some(reason) = trouble::agent_reason(host.health) {
                self.explain(reason);
            }
        }
        self.changes(&host.changes);
    }

    /// `agent: 25 % of the weight, said "25%"; last ok, 2.1s ago, took 1ms; next in 2.9s`
    fn agent(&mut self, agent: &AgentStatus) {
        let _ = write!(self.out, "    agent: {} % of the weight", agent.percent);
        if let Some(line) = &agent.line {
            let _ = write!(self.out, ", said {line:?}");
        }
        if let Some(last) = &agent.check.last {
            self.out.push_str("; last ");
            self.result(last);
        }
        self.next(agent.check.next);
    }

    /// What became of the host, the newest first.
    fn changes(&mut self, changes: &[HostChange]) {
        for (at, change) in changes.iter().rev().enumerate() {
            self.out.push_str(if at == 0 { "    history: " } else { "             " });
            let ago = human(between(change.at, self.now));
            let _ = writeln!(self.out, "{ago} ago  {}  {}", health_flags(change.health), change.cause);
        }
    }

    fn health_check(&mut self, check: &HealthCheckStatus) {
        match &check.last {
            Some(last) => {
                let _ = write!(self.out, "    last check: ");
                self.result(last);
                let _ = write!(self.out, ", {} in a row", check.in_a_row);
            }
            None => self.out.push_str("    last check: none yet"),
        }
        self.next(check.next);
        if let Some(CheckOutcome::Failed { reason, .. }) = check.last.as_ref().map(|last| &last.outcome) {
            self.explain(*reason);
        }
        if let Some(failure) = trouble::earlier_failure(check) {
            self.out.push_str("    last failure: ");
            self.result(failure);
            self.out.push('\n');
        }
    }

    /// `connect_refused, HTTP 500, 2.1s ago, took 1ms, "evidence"`
    fn result(&mut self, check: &HealthCheckResult) {
        let (word, status, evidence) = match &check.outcome {
            CheckOutcome::Passed { status } => ("ok", status, None),
            CheckOutcome::Failed { reason, status, evidence } => (reason.key(), status, evidence.as_deref()),
        };
        self.out.push_str(word);
        if let Some(status) = status {
            let _ = write!(self.out, ", HTTP {status}");
        }
        let ago = human(between(check.at, self.now));
        let _ = write!(self.out, ", {ago} ago, took {}", human(check.took));
        if let Some(evidence) = evidence {
            let _ = write!(self.out, ", {evidence:?}");
        }
    }

    fn dns(&mut self, dns: &DnsStatus) {
        let _ = write!(self.out, "  name {}: ", dns.name);
        if let Some(failure) = &dns.failure {
            let ago = human(between(failure.at, self.now));
            let _ = write!(self.out, "{}, {ago} ago, {} in a row", failure.reason.key(), failure.in_a_row);
            if let Some(evidence) = &failure.evidence {
                let _ = write!(self.out, ", {evidence:?}");
            }
            self.out.push_str("; ");
        }
        match &dns.answer {
            Some(answer) => {
                let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
                let ago = human(between(answer.at, self.now));
                let _ = write!(self.out, "{}, answered {ago} ago", addresses.join(" "));
                if let Some(ttl) = answer.ttl {
                    let _ = write!(self.out, ", to be kept for {}", human(ttl));
                }
            }
            None => self.out.push_str("never answered"),
        }
        self.next(dns.next);
        if let Some(failure) = &dns.failure {
            self.explain(failure.reason);
        }
    }

    fn next(&mut self, next: Option<SystemTime>) {
        match next {
            Some(next) => {
                let _ = writeln!(self.out, "; next in {}", human(between(self.now, next)));
            }
            None => self.out.push_str("; next under way\n"),
        }
    }

    fn explain(&mut self, reason: Reason) {
        let spec = reason.spec();
        let (sentence, advice) = (spec.sentence.get(self.language), spec.advice.get(self.language));
        let _ = writeln!(self.out, "      {sentence}\n      {advice}");
    }
}

fn cluster_json(cluster: &ClusterStatus, language: Language) -> Value {
    let names: Vec<_> = cluster
        .dns
        .iter()
        .map(|dns| {
            let reason = dns.failure.as_ref().map(|failure| failure.reason);
            explained(trouble::dns_json(dns), reason, language)
        })
        .collect();
    let hosts: Vec<_> = cluster.hosts.iter().map(|host| host_json(host, language)).collect();
    json!({"name": &*cluster.name, "names": names, "hosts": hosts})
}

fn host_json(host: &HostStatus, language: Language) -> Value {
    let reason = trouble::check_failure(host);
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    set("address", host.address.to_string().into());
    set("hostname", (*host.hostname).into());
    set("usable", host.health.usable().into());
    set("health_flags", health_flags(host.health).into());
    set("history", host.changes.iter().map(change_json).collect());
    if let Some(agent) = &host.agent {
        let reason = trouble::agent_reason(host.health);
        set("agent", explained(trouble::agent_json(agent), reason, language));
    }
    set("health_check", host.health_check.as_ref().map_or(Value::Null, trouble::host_json));
    explained(Value::Object(object), reason, language)
}

fn change_json(change: &HostChange) -> Value {
    json!({"at": timestamp(change.at), "health_flags": health_flags(change.health), "cause": &*change.cause})
}

/// Adds what a reason means and what to do.
pub(super) fn explained(mut value: Value, reason: Option<Reason>, language: Language) -> Value {
    if let (Some(object), Some(reason)) = (value.as_object_mut(), reason) {
        let spec = reason.spec();
        object.insert("sentence".to_owned(), spec.sentence.get(language).into());
        object.insert("advice".to_owned(), spec.advice.get(language).into());
    }
    value
}
