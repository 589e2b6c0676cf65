//! One request on one connection.

use std::rc::Rc;

use causeway_http::Version;
use causeway_http::h1::{Parsed, parse_request};
use causeway_http::h2::HeadReader;
use causeway_http::{Field, Known};
use causeway_reason::{Failure, Reason};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::{Answer, Caller, Heard, Outcome, Question, Stage, arrival};
use crate::buffer::Buffer;
use crate::connection::ConnectionInfo;
use crate::downstream::{Client, Course, Downstream, Rehearsed};
use crate::io::Transport;
use crate::listener::{ListenerSlot, SocketKey};
use crate::record::ActiveRequest;
use crate::snapshot::{HttpRuntime, Service};

/// Runs a request through the connection manager of a chain.
pub(super) async fn play(
    stage: &Stage,
    (listener, chain): (usize, usize),
    caller: &Caller,
    question: &Question,
    random: u64,
    mut course: Course,
) -> Option<Heard> {
    let (config, runtime) = (stage.listeners.get(listener)?, stage.runtimes.get(listener)?);
    let Service::Http(http) = &runtime.chain(chain)?.service else { return None };
    // What the file says of the connection's TLS counts, though it is not spoken.
    let info = arrival::connection(config, config.chains().nth(chain)?, caller);
    let key = SocketKey::as_if_bound(config).into_iter().next()?;
    let slot = ListenerSlot::unbound(key, Rc::clone(runtime));
    let (ours, mut theirs) = UnixStream::pair().ok()?;
    let client = Client::http1(Transport::Unix(ours), Buffer::default());
    let mut downstream =
        Downstream::of_stream(&stage.worker, slot, Rc::clone(http), Rc::clone(&info), client);
    let (request, refused) = request(stage, http, &info, caller, question, random);
    let rehearsed = async {
        let rehearsed = downstream.rehearse(request, refused, &mut course).await;
        // Who reads the answer sees its end.
        drop(downstream);
        rehearsed
    };
    let mut told = Vec::new();
    // An answer may be longer than what a pair of sockets holds.
    let (rehearsed, _) = tokio::join!(rehearsed, theirs.read_to_end(&mut told));
    let outcome = match rehearsed {
        Rehearsed::Sent(sent) => Outcome::Sent(sent),
        Rehearsed::Answered(by, failure) => {
            let (status, fields, body) = read(&told);
            let reason = failure.as_ref().map(|failure| failure.reason);
            let evidence = failure.and_then(|failure| failure.evidence).map(|text| text.to_string());
            Outcome::Answered(Box::new(Answer { by, status, fields, body, reason, evidence }))
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Heard {
        authority: text(&course.authority),
        path: text(&course.path),
        domain: course.domain,
        virtual_host: course.virtual_host,
        number: course.number,
        routes: course.routes,
        miss: course.miss,
        miss_in_korean: course.miss_in_korean,
        route: course.route.map(|entry| std::sync::Arc::clone(&entry.route)),
        filters: course.filters,
        chances: course.chances,
        outcome,
    })
}

/// Reads the request as if it had come by the network: what is wrong with it is the failure.
fn request(
    stage: &Stage,
    http: &Rc<HttpRuntime>,
    info: &Rc<ConnectionInfo>,
    caller: &Caller,
    question: &Question,
    random: u64,
) -> (ActiveRequest, Option<Failure>) {
    let mut request = ActiveRequest::rehearsed(&stage.worker, http, info, random);
    let read = if caller.http2 {
        from_stream(&mut request, http, caller, question)
    } else {
        from_text(&mut request, http, question)
    };
    let refused = read.err();
    (request, refused)
}

fn from_text(request: &mut ActiveRequest, http: &HttpRuntime, question: &Question) -> Result<(), Failure> {
    let mut text = format!("{} {} HTTP/1.1\r\n", question.method, question.target);
    if !question.authority.is_empty() {
        text = format!("{text}host: {}\r\n", question.authority);
    }
    for (name, value) in &question.fields {
        text = format!("{text}{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    request.facts.protocol = Some(Version::Http11);
    let rules = http.manager.shared().request_rules;
    let exchange = &mut **request;
    match parse_request(text.as_bytes(), 0, &rules, &mut exchange.request)? {
        Parsed::Complete { head, .. } => {
            exchange.facts.protocol = Some(head.version);
            exchange.path.extend_from_slice(head.path(&exchange.request));
            exchange.head = Some(head);
            Ok(())
        }
        Parsed::Partial => Err(Failure::new(Reason::RequestLineMalformed)),
    }
}

fn from_stream(
    request: &mut ActiveRequest,
    http: &HttpRuntime,
    caller: &Caller,
    question: &Question,
) -> Result<(), Failure> {
    let scheme = if caller.tls.is_some() { "https" } else { "http" };
    let connect = question.method == "CONNECT";
    let mut fields = vec![(":method", question.method.as_str())];
    if !connect {
        fields.extend([(":scheme", scheme), (":path", question.target.as_str())]);
    }
    if !question.authority.is_empty() {
        fields.push((":authority", question.authority.as_str()));
    }
    let lower: Vec<_> =
        question.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
    fields.extend(lower.iter().map(|(name, value)| (name.as_str(), *value)));
    request.facts.protocol = Some(Version::Http2);
    let shared = http.manager.shared();
    let exchange = &mut **request;
    let mut reader = HeadReader::new(
        &mut exchange.request,
        &mut exchange.path,
        shared.request_rules.limits,
        http.manager.config.http2.allow_connect,
    );
    for (name, value) in fields {
        let known = Known::from_bytes(name.as_bytes());
        reader.field(Field { name: name.as_bytes(), value: value.as_bytes(), known });
    }
    let refused = |fault: causeway_http::h2::Fault| {
        Failure::new(Reason::Http2MessageInvalid).with_evidence(format!("{fault:?}"))
    };
    let (head, https) = reader.finish(!connect).map_err(refused)?;
    request.facts.https = https;
    request.facts.sent_whole = !connect;
    request.head = Some(head);
    Ok(())
}

/// Status, fields and body of an answer, behind interim ones.
fn read(answer: &[u8]) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut rest = answer;
    loop {
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
            return (0, Vec::new(), Vec::new());
        };
        let head = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        rest = rest.get(end + 4..).unwrap_or_default();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        if !(100..200).contains(&status) {
            let field = |line: &str| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            };
            return (status, lines.filter_map(field).collect(), rest.to_vec());
        }
    }
}
