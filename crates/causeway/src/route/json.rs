//! The report for tools.

use causeway_model::{Bootstrap, NetworkFilter, SourcePosition, TcpTarget};
use causeway_proxy::{Answer, Answerer, Chance, Heard, Outcome, Sent};
use causeway_reason::Language;
use causeway_routing::PathWords;
use serde_json::{Value, json};

use super::words::Words;
use super::{End, Looked, Report};

/// What is to be said about a request.
pub(super) fn report(looked: &Looked, report: &Report) -> Value {
    let caller = &report.caller;
    let chains = report.knock.misfits.iter().zip(&report.listener.filter_chains);
    let misfits: Vec<Value> = chains
        .filter_map(|(misfit, chain)| {
            Some(json!({"name": *chain.name, "place": place(&chain.position), "why": misfit.as_ref()?}))
        })
        .collect();
    let tls = caller.tls.as_ref().map(|hello| json!({"sni": *hello.server_name, "alpn": hello.protocols}));
    let (end, outcomes) = end(&looked.bootstrap, report);
    json!({
        "schema": "route/1",
        "taken": report.is_taken(),
        "notes": looked.notes.iter().map(|note| &note.en).collect::<Vec<_>>(),
        "request": {
            "method": report.question.method,
            "url": report.url.to_string(),
            "authority": report.question.authority,
            "headers": fields(&report.question.fields),
            "http": if caller.http2 { 2 } else { 1 },
            "from": caller.from.to_string(),
            "to": caller.to.to_string(),
            "tls": tls,
        },
        "listener": {
            "name": *report.listener.name,
            "place": place(&report.listener.position),
            "why": report.missing_port.map(|port| Words::of(Language::English).only_one(port)),
        },
        "filter_chain": report.chain().map(|chain| json!({"name": *chain.name, "place": place(&chain.position)})),
        "other_filter_chains": misfits,
        "end": end,
        "outcomes": outcomes,
    })
}

fn end(bootstrap: &Bootstrap, report: &Report) -> (&'static str, Vec<Value>) {
    match &report.end {
        End::NoChain => ("no_filter_chain", Vec::new()),
        End::Transport(true) => ("tls_expected", Vec::new()),
        End::Transport(false) => ("tls_not_expected", Vec::new()),
        End::NotHttp(NetworkFilter::None) => ("no_network_filter", Vec::new()),
        End::NotHttp(NetworkFilter::Echo) => ("echo", Vec::new()),
        End::NotHttp(NetworkFilter::DirectResponse(_)) => ("direct_response", Vec::new()),
        End::NotHttp(NetworkFilter::TcpProxy(proxy)) => {
            let to = |name: &str, weight: u32, total: u32| json!({"share": f64::from(weight) / f64::from(total), "cluster": cluster(bootstrap, name)});
            let clusters = match &proxy.target {
                TcpTarget::Cluster(name) => vec![to(name, 1, 1)],
                TcpTarget::Weighted(clusters) => {
                    let total = clusters.iter().map(|cluster| cluster.weight).sum();
                    clusters.iter().map(|cluster| to(&cluster.name, cluster.weight, total)).collect()
                }
            };
            ("tcp_proxy", clusters)
        }
        End::Http(_, outcomes) => {
            let outcome = |(chance, heard): &(Chance, Heard)| self::heard(bootstrap, chance, heard);
            ("http", outcomes.iter().map(outcome).collect())
        }
        End::NotHttp(NetworkFilter::HttpConnectionManager(_)) => ("http", Vec::new()),
    }
}

fn heard(bootstrap: &Bootstrap, chance: &Chance, heard: &Heard) -> Value {
    let routes: Vec<Value> = heard
        .routes
        .iter()
        .filter(|passed| !passed.taken && !passed.behind)
        .map(|passed| {
            json!({
                "number": passed.number,
                "name": *passed.route.name,
                "match": PathWords(&passed.route.matcher.path).to_string(),
                "place": place(&passed.route.position),
                "why": passed.words,
            })
        })
        .collect();
    json!({
        "share": chance.share,
        "share_is_exact": !chance.about,
        "random": chance.random,
        "authority": heard.authority,
        "path": heard.path,
        "virtual_host": heard.virtual_host.as_ref().map(|host| json!({
            "name": *host.name,
            "domain": heard.domain,
            "place": place(&host.position),
        })),
        "route": heard.route.as_ref().map(|route| json!({
            "number": heard.number,
            "name": *route.name,
            "match": PathWords(&route.matcher.path).to_string(),
            "place": place(&route.position),
        })),
        "other_routes": routes,
        "nearest_miss": heard.miss,
        "filters": heard.filters.iter().map(|name| &**name).collect::<Vec<_>>(),
        "sent": match &heard.outcome {
            Outcome::Sent(sent) => self::sent(bootstrap, sent),
            Outcome::Answered(_) => Value::Null,
        },
        "answer": match &heard.outcome {
            Outcome::Sent(_) => Value::Null,
            Outcome::Answered(answer) => self::answer(answer),
        },
    })
}

fn sent(bootstrap: &Bootstrap, sent: &Sent) -> Value {
    let head = String::from_utf8_lossy(&sent.head);
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let mut parts = first.split(' ');
    let headers: Vec<Value> = lines
        .filter_map(|line| line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))))
        .map(|(name, value)| json!([name, value]))
        .collect();
    let copies: Vec<Value> = sent
        .copies
        .iter()
        .map(|copy| json!({"cluster": copy.cluster, "numerator": copy.share, "denominator": copy.of}))
        .collect();
    json!({
        "cluster": cluster(bootstrap, &sent.cluster),
        "method": parts.next(),
        "path": parts.next(),
        "headers": headers,
        "possible_hosts": sent.host_names,
        "virtual_cluster": sent.virtual_cluster,
        "timeout_ms": sent.timeout,
        "idle_timeout_ms": sent.idle_timeout,
        "max_stream_duration_ms": sent.stream_duration,
        "retry_on": sent.retry_on,
        "num_retries": sent.retries,
        "per_try_timeout_ms": sent.per_try_timeout,
        "per_try_idle_timeout_ms": sent.per_try_idle_timeout,
        "hedged": sent.hedged,
        "priority": if sent.high_priority { "HIGH" } else { "DEFAULT" },
        "copies": copies,
    })
}

fn answer(answer: &Answer) -> Value {
    let (by, filter) = match &answer.by {
        Answerer::Manager => ("connection_manager", None),
        Answerer::NoRoute => ("no_route", None),
        Answerer::TlsRequired => ("require_tls", None),
        Answerer::Filter(name) => ("filter", Some(&**name)),
        Answerer::Redirect => ("redirect", None),
        Answerer::DirectResponse => ("direct_response", None),
        Answerer::Router => ("router", None),
    };
    json!({
        "by": by,
        "filter": filter,
        "status": answer.status,
        "headers": fields(&answer.fields),
        "body": String::from_utf8_lossy(&answer.body),
        "code": answer.reason.map(|reason| reason.code().to_string()),
        "reason": answer.reason.map(|reason| reason.key()),
        "evidence": answer.evidence,
    })
}

fn cluster(bootstrap: &Bootstrap, name: &str) -> Value {
    json!({"name": name, "place": bootstrap.cluster(name).map(|cluster| place(&cluster.position))})
}

fn fields(fields: &[(String, String)]) -> Vec<Value> {
    fields.iter().map(|(name, value)| json!([name, value])).collect()
}

/// A place in a file; nothing for what no file holds.
pub(crate) fn place(position: &SourcePosition) -> Value {
    match &position.file {
        Some(file) => json!({"file": **file, "line": position.line, "column": position.column}),
        None => Value::Null,
    }
}
