//! Hostile requests: what goes on to the back-end is what the grammar says, and nothing hidden is in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_testkit::{Port, eventually};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Heard, QUIET, talk};
use crate::corpus::{self, Case};
use crate::origin::{Origin, Play};
use crate::site::{Options, Ports, Site, config};
use crate::strict::Message;
use crate::{AT_ONCE, cluster, listener, nothing_wrong};

/// The recommendations for an edge.
const EDGE: &str = "normalize_path: true
merge_slashes: true
path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT
common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}
";

/// Everything that can be allowed.
const LENIENT: &str = "http_protocol_options:
  accept_http_10: true
  allow_chunked_length: true
  enable_trailers: true
  allow_custom_methods: true
  allow_absolute_url: true
upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: foo}]
";

const ROUTES: &str = "- match: {prefix: /}\n  route: {cluster: app}\n";

/// What became of the requests.
#[derive(Debug, Default)]
struct Counts {
    refused: usize,
    forwarded: usize,
    /// Neither: the proxy waited for more.
    unanswered: usize,
}

#[tokio::test]
async fn requests() {
    let cases = corpus::cases();
    assert!(cases.len() >= 1000, "{} cases", cases.len());
    let hostile = cases.iter().filter(|case| case.by_grammar().is_none()).count();
    let origin = Origin::start(echo).await;
    let (ports, second) = (Ports::reserve(), Port::reserve());
    let lenient = (ports.listener().ip(), second.number()).into();
    let listeners =
        listener("edge", ports.listener(), EDGE, ROUTES) + &listener("lenient", lenient, LENIENT, ROUTES);
    let text = config(ports.admin(), &listeners, &cluster("app", origin.address));
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();

    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (at, case) in cases.iter().enumerate() {
        for (letter, to) in [('e', ports.listener()), ('l', lenient)] {
            let (case, turns) = (case.clone(), Arc::clone(&turns));
            running.spawn(async move {
                let _turn = turns.acquire().await;
                let id = format!("{letter}{at:04}");
                let bytes = case.bytes(&id);
                // Cut somewhere on one of them, so that no reader sees everything at once.
                let split = (letter == 'l').then(|| at * 7 % bytes.len().min(400));
                (id, case.clone(), talk(to, &bytes, split, case.is_head(), QUIET).await)
            });
        }
    }
    let answered = running.join_all().await;
    let log = settled_log(&site).await;
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<char, Counts> = BTreeMap::new();
    let wire = on_the_wire(&origin, &mut wrong);
    for (id, case, heard) in &answered {
        let counts = counts.entry(id.chars().next().unwrap_or_default()).or_default();
        let logged = log.get(id).copied().unwrap_or_default();
        let smuggled = log.get(&format!("smuggled-{id}")).copied().unwrap_or_default();
        if let Err(what) = judge(id, case, heard, &wire, (logged, smuggled), counts) {
            wrong.push(format!("{id} {}: {what}", case.name));
        }
    }
    let stranger = log.keys().find(|key| !key.starts_with("smuggled-") && key.len() != 5 && *key != "-");
    wrong.extend(stranger.map(|key| format!("logged, and nobody's: {key}")));
    for (letter, name) in [('e', "edge"), ('l', "lenient")] {
        let Counts { refused, forwarded, unanswered } = &counts[&letter];
        eprintln!(
            "hostile requests, {name}: {} cases ({hostile} by no grammar), {refused} refused, {forwarded} forwarded, \
             {unanswered} incomplete for ever",
            cases.len()
        );
        // A proxy that refuses everything, or nothing, proves nothing.
        assert!(*refused > cases.len() / 4 && *forwarded > 50, "{counts:?}");
    }
    nothing_wrong(&wrong);
}

/// What is wrong with what became of a case.
fn judge(
    id: &str,
    case: &Case,
    heard: &Heard,
    wire: &BTreeMap<String, Seen>,
    (logged, smuggled): (Logged, Logged),
    counts: &mut Counts,
) -> Result<(), String> {
    if let Some(fault) = &heard.fault {
        return Err(format!("the client was told {fault}"));
    }
    let seen = wire.get(id).copied().unwrap_or_default();
    let hidden = wire.get(&format!("smuggled-{id}")).copied().unwrap_or_default();
    if hidden.whole + hidden.cut > 0 && !case.follows() {
        return Err(format!("the hidden request went on; the client was told {:?}", heard.codes()));
    }
    // A request that turns out to be malformed may be refused before anything of it has gone on.
    for (seen, logged) in [(seen, logged), (hidden, smuggled)] {
        if seen.whole < logged.passed || seen.whole + seen.cut > logged.sent {
            return Err(format!("logged {logged:?}, on the wire {seen:?}"));
        }
    }
    let passed = heard.responses.iter().filter(|response| response.line[1] == "200");
    let passed: Vec<_> = passed.map(|response| response.text("x-case")).collect();
    if passed.iter().any(|token| !token.ends_with(id) && !token.is_empty()) {
        return Err(format!("the response is that to {passed:?}"));
    }
    if passed.len() > seen.whole + hidden.whole && !passed.iter().any(String::is_empty) {
        return Err(format!("{} responses, {seen:?} + {hidden:?} on the wire", passed.len()));
    }
    match heard.responses.first() {
        Some(first) if first.line[1] == "200" => counts.forwarded += 1,
        Some(first) if first.line[1].starts_with('4') || first.line[1] == "307" || first.line[1] == "501" => {
            counts.refused += 1;
        }
        Some(first) => return Err(format!("answered {:?}", first.line)),
        None if heard.closed => counts.refused += 1,
        None => counts.unanswered += 1,
    }
    Ok(())
}

/// How often a request was logged.
#[derive(Debug, Clone, Copy, Default)]
struct Logged {
    /// With a host.
    sent: usize,
    /// With the response of that host.
    passed: usize,
}

/// How often a request came to the back-end.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    whole: usize,
    /// Its body was not complete when the connection ended.
    cut: usize,
}

/// What came to the back-end, by the field that names the case.
fn on_the_wire(origin: &Origin, wrong: &mut Vec<String>) -> BTreeMap<String, Seen> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let key = |message: &Message| match message.field("x-case") {
        Some(_) => message.text("x-case"),
        None => "-".to_owned(),
    };
    origin.with_received(|connections| {
        for connection in connections {
            for request in &connection.requests {
                let key = key(request);
                if request.line[1].starts_with("/smuggled/") && !key.starts_with("smuggled-") {
                    wrong.push(format!("part of a hidden request went on: {:?}, {key}", request.line));
                }
                seen.entry(key).or_default().whole += 1;
                let alias = request.fields.iter().find(|(name, _)| name.contains('_'));
                let edge = request.text("x-case").starts_with('e');
                wrong.extend(alias.filter(|_| edge).map(|(name, _)| format!("{name} in {:?}", request.line)));
            }
            if let Some(cut) = &connection.unfinished {
                seen.entry(key(cut)).or_default().cut += 1;
            }
            if let Some(fault) = &connection.fault {
                let last = connection.requests.last().map(|request| &request.line);
                let bytes = &connection.bytes[connection.bytes.len().saturating_sub(300)..];
                wrong.push(format!("ambiguous: {fault}, behind {last:?}, at \"{}\"", bytes.escape_ascii()));
            }
        }
    });
    seen
}

/// Answers with the name of the case.
fn echo(request: &Message) -> Play {
    let body = if request.line[0] == "HEAD" { "" } else { "ok" };
    let (line, case) = ("HTTP/1.1 200 OK", request.text("x-case"));
    let fields = if request.line[0] == "CONNECT" { "" } else { "content-length: 2\r\n" };
    Play { now: format!("{line}\r\nx-case: {case}\r\n{fields}\r\n{body}").into_bytes(), later: Vec::new() }
}

/// How many requests of each name were logged as sent to a back-end, once the logs are complete.
async fn settled_log(site: &Site) -> BTreeMap<String, Logged> {
    let read = || ["edge.log", "lenient.log"].map(|name| site.proxy.directory().read(name)).concat();
    let before = std::cell::RefCell::new(String::new());
    eventually(Duration::from_secs(3), async || {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = read();
        let same = *before.borrow() == now;
        *before.borrow_mut() = now;
        same
    })
    .await;
    let mut log = BTreeMap::new();
    for line in read().lines() {
        let mut columns = line.split('\t');
        let (case, host, code) = (columns.next(), columns.next(), columns.next());
        if let (Some(case), Some(host), Some(code)) = (case, host, code)
            && host != "-"
        {
            let logged: &mut Logged = log.entry(case.to_owned()).or_default();
            logged.sent += 1;
            logged.passed += usize::from(code == "200");
        }
    }
    log
}
