//! Hostile responses: whoever comes next gets the response to the own request.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::answers::{self, Answer};
use crate::client::{Heard, QUIET, talk};
use crate::origin::{Origin, Play};
use crate::site::{Options, Ports, Site, config};
use crate::strict::Message;
use crate::{cluster, listener, nothing_wrong};

/// Clusters, each with a back-end of its own, on which exchanges follow one another.
const LANES: usize = 24;

/// How long whoever comes next waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the proxy may take to see what comes on a connection that nobody uses.
const NOTICED: Duration = Duration::from_millis(100);

const MANAGER: &str = "upgrade_configs: [{upgrade_type: websocket}]\n";

#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    refused: usize,
    cut: usize,
    /// Connections that were used again behind the hostile response.
    reused: usize,
}

#[tokio::test]
async fn responses() {
    let all = Arc::new(answers::all());
    assert!(all.len() >= 200, "{} cases", all.len());
    let ports = Ports::reserve();
    let (mut clusters, mut routes, mut origins) = (String::new(), String::new(), Vec::new());
    for lane in 0..LANES {
        let answers = Arc::clone(&all);
        let origin = Origin::start(move |request| play(request, &answers)).await;
        clusters.push_str(&cluster(&format!("lane{lane}"), origin.address));
        routes.push_str(&format!("- match: {{prefix: /{lane}/}}\n  route: {{cluster: lane{lane}}}\n"));
        origins.push(origin);
    }
    let text = config(ports.admin(), &listener("edge", ports.listener(), MANAGER, &routes), &clusters);
    let _site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let mut running = JoinSet::new();
    for (lane, origin) in origins.into_iter().enumerate() {
        let (all, to) = (Arc::clone(&all), ports.listener());
        running.spawn(async move {
            let (mut counts, mut wrong) = (Counts::default(), Vec::new());
            for at in (lane..all.len()).step_by(LANES) {
                let answer = &all[at];
                let sends = |path: &str, method: &str| {
                    format!("{method} /{lane}/{path} HTTP/1.1\r\nhost: a.test\r\n\r\n")
                };
                // Nobody can know that a connection will be poisoned after it was given to the next.
                let second = if answer.play.later.is_empty() {
                    sends(&format!("a/{at}"), "GET")
                } else {
                    String::new()
                };
                let first = sends(&format!("hostile/{at}"), answer.method) + &second;
                let heard = talk(to, first.as_bytes(), None, answer.method == "HEAD", QUIET).await;
                if !answer.play.later.is_empty() {
                    let target = format!("/{lane}/hostile/{at}");
                    let sent = || {
                        origin.with_received(|all| {
                            all.iter().any(|one| {
                                one.late && one.requests.iter().any(|request| request.line[1] == target)
                            })
                        })
                    };
                    for _ in 0..500 {
                        if sent() {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    tokio::time::sleep(NOTICED).await;
                }
                // It waits for its response, which is the last of its connection.
                let next =
                    format!("GET /{lane}/b/{at} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n");
                let next = talk(to, next.as_bytes(), None, false, PATIENCE).await;
                let found = [
                    own(&heard, answer, at, &mut counts),
                    others(&next, at),
                    reuse(&origin, answer, lane, at, &mut counts),
                ];
                wrong.extend(
                    found
                        .into_iter()
                        .filter_map(Result::err)
                        .map(|what| format!("{at} {}: {what}", answer.name)),
                );
            }
            (counts, wrong)
        });
    }
    let (mut sum, mut wrong) = (Counts::default(), Vec::new());
    for (counts, found) in running.join_all().await {
        sum.passed += counts.passed;
        sum.refused += counts.refused;
        sum.cut += counts.cut;
        sum.reused += counts.reused;
        wrong.extend(found);
    }
    let Counts { passed, refused, cut, reused } = sum;
    eprintln!(
        "hostile responses: {} cases, {passed} passed, {refused} refused, {cut} cut; {reused} connections used again",
        all.len()
    );
    assert!(passed > 20 && refused > 100 && reused > 5, "one of them proves nothing");
    nothing_wrong(&wrong);
}

/// What the client of the hostile response may have heard.
fn own(heard: &Heard, answer: &Answer, at: usize, counts: &mut Counts) -> Result<(), String> {
    if let Some(fault) = &heard.fault {
        return Err(format!("its client was told {fault}"));
    }
    if heard.bytes.windows(6).any(|window| window == b"POISON") && !answer.has_poison_inside() {
        return Err(format!("its client was told \"{}\"", heard.bytes.escape_ascii()));
    }
    match heard.responses.first() {
        None => counts.cut += 1,
        Some(first) if first.line[1] == "502" || first.line[1] == "503" => counts.refused += 1,
        Some(_) => counts.passed += 1,
    }
    match heard.responses.get(1) {
        Some(second) if second.text("x-token") != format!("a{at}") => {
            Err(format!("the next response of its client is {second:?}"))
        }
        _ => Ok(()),
    }
}

/// What the next client has to hear.
fn others(next: &Heard, at: usize) -> Result<(), String> {
    let token = format!("b{at}");
    match &*next.responses {
        [one] if one.line[1] == "200" && one.text("x-token") == token && one.body == token.as_bytes() => {
            Ok(())
        }
        other => {
            Err(format!("the next client got {other:?}, {:?}, \"{}\"", next.fault, next.bytes.escape_ascii()))
        }
    }
}

/// Nothing may follow on a connection whose response had no clear end.
fn reuse(
    origin: &Origin,
    answer: &Answer,
    lane: usize,
    at: usize,
    counts: &mut Counts,
) -> Result<(), String> {
    let target = format!("/{lane}/hostile/{at}");
    origin.with_received(|connections| {
        let mut behind = connections.iter().filter_map(|connection| {
            let place = connection.requests.iter().position(|request| request.line[1] == target)?;
            connection.requests.get(place + 1)
        });
        match behind.next() {
            Some(_) if answer.ends_clearly() => counts.reused += 1,
            Some(next) => return Err(format!("its connection was used again for {:?}", next.line)),
            None => {}
        }
        Ok(())
    })
}

/// The hostile response, or one that says to whom it is.
fn play(request: &Message, all: &[Answer]) -> Play {
    let mut parts = request.line[1].rsplit('/');
    let number = parts.next().and_then(|number| number.parse::<usize>().ok()).unwrap_or_default();
    let who = parts.next().unwrap_or_default();
    if who == "hostile" {
        return all[number].play.clone();
    }
    let token = format!("{who}{number}");
    let text =
        format!("HTTP/1.1 200 OK\r\nx-token: {token}\r\ncontent-length: {}\r\n\r\n{token}", token.len());
    Play { now: text.into_bytes(), later: Vec::new() }
}
