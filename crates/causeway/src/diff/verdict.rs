//! What becomes of an example, in facts that can be compared.

use std::collections::BTreeMap;

use causeway_doctor::said;
use causeway_doctor::said::Said;
use causeway_model::{
    Bootstrap, Cluster, ClusterType, EndpointAddress, NetworkFilter, SourcePosition, TcpTarget,
};
use causeway_proxy::{Answer, Heard, Outcome, Sent, Stage};
use causeway_reason::Language;

use super::examples::Example;
use crate::route::{End, end, listener_at, millis, share};

/// What becomes of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Verdict {
    /// Where it goes, or what it is answered, in a few words.
    pub(super) destination: Said,
    /// The route that takes it, and where that is.
    pub(super) route: Option<(String, SourcePosition)>,
    /// All that a client or a back-end would see of it.
    pub(super) facts: BTreeMap<String, String>,
}

/// Fields that are made anew for each request, or say what a fact of its own says.
const PASSED_OVER: [&str; 3] = ["x-request-id", "x-envoy-expected-rq-timeout-ms", "date"];

/// What becomes of an example under a configuration.
pub(super) fn verdict(bootstrap: &Bootstrap, stage: &Stage, example: &Example) -> Verdict {
    let nobody =
        || Verdict { destination: said!("nobody listens", "리스너 없음"), ..Verdict::default() };
    let Some(at) = listener_at(bootstrap, &example.caller.to) else { return nobody() };
    let Some(listener) = bootstrap.listeners.get(at) else { return nobody() };
    let Some(knock) = stage.knock(at, &example.caller) else { return nobody() };
    let of = |destination: Said| Verdict { destination, ..Verdict::default() };
    match end(stage, (at, listener), &knock, &example.caller, &example.question, None, false) {
        End::NoChain => of(said!("closed: no filter chain", "연결 닫음: 필터 체인 없음")),
        End::Transport(true) => of(said!("no answer: TLS is expected", "응답 없음: TLS를 기대함")),
        End::Transport(false) => of(said!("no answer: TLS is not expected", "응답 없음: TLS를 쓰지 않음")),
        End::NotHttp(NetworkFilter::None) => {
            of(said!("closed: no network filter", "연결 닫음: 네트워크 필터 없음"))
        }
        End::NotHttp(NetworkFilter::Echo) => of(Said::plain("echo")),
        End::NotHttp(NetworkFilter::DirectResponse(text)) => {
            let text = String::from_utf8_lossy(&text);
            of(said!("told {}", "정해진 내용 {}", text.escape_debug()))
        }
        End::NotHttp(NetworkFilter::TcpProxy(proxy)) => {
            let clusters = match &proxy.target {
                TcpTarget::Cluster(name) => to_cluster(name),
                TcpTarget::Weighted(clusters) => {
                    let each = clusters.iter().map(|one| format!("{} × `{}`", one.weight, one.name));
                    let each = each.collect::<Vec<_>>().join(", ");
                    said!("clusters {each}", "클러스터 {each}")
                }
            };
            let mut verdict = of(Said::new(
                format!("passed on to {}", clusters.en),
                format!("그대로 전달: {}", clusters.ko),
            ));
            let names = proxy.target.clusters();
            let known = names.filter_map(|name| bootstrap.cluster(name));
            let hosts: Vec<String> = known.map(|cluster| endpoints(cluster)).collect();
            verdict.facts.insert("endpoints".to_owned(), hosts.join("; "));
            verdict
        }
        End::NotHttp(NetworkFilter::HttpConnectionManager(_)) => of(Said::plain("HTTP")),
        End::Http(_, outcomes) => {
            let alone = outcomes.len() == 1;
            let mut verdict = Verdict::default();
            let mut destinations: BTreeMap<String, (Said, f64)> = BTreeMap::new();
            for (chance, heard) in &outcomes {
                let destination = destination(heard);
                let known = destinations.entry(destination.en.clone());
                known.or_insert_with(|| (destination.clone(), 0.0)).1 += chance.share;
                let prefix = if alone { String::new() } else { format!("{}: ", destination.en) };
                for (name, value) in facts(bootstrap, heard) {
                    verdict.facts.insert(format!("{prefix}{name}"), value);
                }
                if verdict.route.is_none() {
                    verdict.route = heard
                        .route
                        .as_ref()
                        .map(|route| (crate::route::route_name(route, heard.number), route.position.clone()));
                }
            }
            let about = outcomes.iter().any(|(chance, _)| chance.about);
            let each = destinations.into_values().map(|(destination, part)| match alone {
                true => destination,
                false => {
                    let chance = causeway_proxy::Chance { share: part, about, random: 0 };
                    let part = share(&chance);
                    Said::new(format!("{part} {}", destination.en), format!("{part} {}", destination.ko))
                }
            });
            let each: Vec<Said> = each.collect();
            let joined = |language| {
                let texts = each.iter().map(|said| said.get(language));
                texts.collect::<Vec<_>>().join(", ")
            };
            verdict.destination = Said::new(joined(Language::English), joined(Language::Korean));
            verdict
        }
    }
}

fn to_cluster(name: &str) -> Said {
    said!("cluster `{name}`", "클러스터 `{name}`")
}

fn destination(heard: &Heard) -> Said {
    match &heard.outcome {
        Outcome::Sent(sent) => to_cluster(&sent.cluster),
        Outcome::Answered(answer) => {
            let location = answer.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
            match (location, answer.reason) {
                (Some((_, to)), _) if (300..400).contains(&answer.status) => {
                    said!("{} to {to}", "{} → {to}", answer.status)
                }
                (_, Some(reason)) => Said::plain(format!("{} ({reason})", answer.status)),
                (_, None) => Said::plain(answer.status.to_string()),
            }
        }
    }
}

fn facts(bootstrap: &Bootstrap, heard: &Heard) -> Vec<(String, String)> {
    let mut facts = match &heard.outcome {
        Outcome::Sent(sent) => sent_facts(bootstrap, sent),
        Outcome::Answered(answer) => answer_facts(answer),
    };
    if !heard.filters.is_empty() {
        facts.push(("filters".to_owned(), heard.filters.join(", ")));
    }
    facts
}

fn sent_facts(bootstrap: &Bootstrap, sent: &Sent) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    if let Some(cluster) = bootstrap.cluster(&sent.cluster) {
        add("endpoints", endpoints(cluster));
    }
    let head = String::from_utf8_lossy(&sent.head);
    let mut lines = head.lines();
    add("sent", lines.next().unwrap_or_default().to_owned());
    let fields = lines.filter_map(|line| line.split_once(':'));
    for (name, value) in joined(fields) {
        add(&format!("sent {name}"), value);
    }
    if sent.host_names.len() > 1 {
        add("sent host", sent.host_names.join(" | "));
    }
    let time = |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), millis);
    add("timeout", time(sent.timeout));
    add("idle timeout", time(sent.idle_timeout));
    add("max_stream_duration", time(sent.stream_duration));
    let retries = if sent.retry_on.is_empty() { 0 } else { sent.retries };
    add(
        "retries",
        if retries == 0 { "none".to_owned() } else { format!("{retries} × {}", sent.retry_on.join(",")) },
    );
    add("per try timeout", time(sent.per_try_timeout));
    add("per try idle timeout", time(sent.per_try_idle_timeout));
    add("hedged", sent.hedged.to_string());
    add("priority", if sent.high_priority { "HIGH".to_owned() } else { "DEFAULT".to_owned() });
    let copies = sent.copies.iter().map(|copy| format!("{} ({} of {})", copy.cluster, copy.share, copy.of));
    add("copies", copies.collect::<Vec<_>>().join(", "));
    facts
}

fn answer_facts(answer: &Answer) -> Vec<(String, String)> {
    let mut facts = vec![("status".to_owned(), answer.status.to_string())];
    let fields = answer.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    facts.extend(joined(fields).into_iter().map(|(name, value)| (format!("answered {name}"), value)));
    facts.push(("body".to_owned(), String::from_utf8_lossy(&answer.body).into_owned()));
    facts
}

/// Fields by their names, with all values of one.
fn joined<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in fields.filter(|(name, _)| !PASSED_OVER.contains(name)) {
        let value = value.trim();
        all.entry(name.to_owned())
            .and_modify(|before| *before = format!("{before}, {value}"))
            .or_insert_with(|| value.to_owned());
    }
    all
}

/// Where a cluster's hosts are.
fn endpoints(cluster: &Cluster) -> String {
    if let ClusterType::Aggregate(clusters) = &cluster.kind {
        return clusters.iter().map(|name| format!("those of {name}")).collect::<Vec<_>>().join(", ");
    }
    let each = cluster.localities.iter().flat_map(|locality| &locality.endpoints);
    let mut all: Vec<String> = each
        .map(|endpoint| match &endpoint.address {
            EndpointAddress::Resolved(address) => address.to_string(),
            EndpointAddress::Name { host, port } => format!("{host}:{port}"),
        })
        .collect();
    all.sort();
    all.join(", ")
}
