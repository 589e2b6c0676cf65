//! Making trials: the only place that touches a socket of a back-end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_http::h1::HeadLimits;
use causeway_model::{Address, HealthChecker, ProxyProtocolVersion, TlsParams, TlsVersion, UpstreamTls};
use causeway_reason::{Failure, Reason};
use causeway_tls::certificate::Facts;
use causeway_tls::client::{ClientContext, Wanted};
use causeway_upstream::{
    Asked, GRPC_HEALTH, Http2Session, Link, Unusable, connect, connect_timeout, grpc_health_question,
    handshake_not_ready, handshake_timeout, http2_request, judge_grpc_health, ready, shake_hands,
    write_check, write_proxy_header,
};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::answer::{Read, Reader};
use super::trial::{Again, Ask, CheckAsk, Got, Security, Seen, TlsSeen, Trial};
use super::{http2, tcp_check};
use crate::probe::plan::{Protocol, Target};
use crate::probe::{AGENT, PATIENCE};

/// How long a connection is waited for. Longer than the 3.1 s after which Linux gives up where nobody answers ARP.
const CONNECT: Duration = Duration::from_millis(3300);
/// The same where it is only to be known whether a host is there.
const NEIGHBOUR: Duration = Duration::from_millis(900);
/// Who wakes up that much later than was meant was kept from running.
const LATE: Duration = Duration::from_millis(200);
/// How long a handshake is waited for.
const HANDSHAKE: Duration = Duration::from_millis(1500);
/// How long an answer is waited for the second time: longer than the 3 s after which an HAProxy in between gives up its three
/// retries, and says so.
const AGAIN: Duration = Duration::from_millis(3400);
/// How long is waited for an alert behind a handshake that is complete for us (RFC 8446 §4.4.2).
const LATE_ALERT: Duration = Duration::from_millis(150);

/// Makes a trial, and tells what came of it and how much time was lost. It takes no longer than `most`, unless this host is
/// busy: who wakes up late from waiting has not waited for the back-end, and waits once more.
pub(crate) async fn make(target: &Target, trial: &Trial, most: Duration) -> (Seen, Duration) {
    let mut lost = Duration::ZERO;
    let mut repeats = 2;
    loop {
        let began = Instant::now();
        let mut seen = Seen { connected: None, took: Duration::ZERO, tls: None, got: Got::Silence };
        let mut due = most;
        seen.got = run(target, trial, began, most, &mut due, &mut seen).await;
        seen.took = began.elapsed();
        if repeats == 0 || !is_silence(&seen.got) || seen.took < due + LATE {
            return (seen, lost);
        }
        repeats -= 1;
        lost += seen.took;
    }
}

fn is_silence(got: &Got) -> bool {
    match got {
        Got::Silence | Got::Unanswered => true,
        Got::NoHandshake(failure) => failure.reason == Reason::UpstreamTlsTimeout,
        Got::NoConnection(failure) => failure.reason == Reason::ConnectTimeout,
        _ => false,
    }
}

/// `due` is when the last thing that was waited for should have been there.
async fn run(
    target: &Target,
    trial: &Trial,
    began: Instant,
    most: Duration,
    due: &mut Duration,
    seen: &mut Seen,
) -> Got {
    let is_neighbour = trial.to != target.address && trial.ask == Ask::Nothing;
    let limit = if is_neighbour { NEIGHBOUR } else { CONNECT }.min(most);
    let source = target.cluster.upstream_bind_config.as_deref();
    *due = limit;
    let stream = match timeout(limit, connect(&trial.to, None, source)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(failure)) => return Got::NoConnection(failure),
        Err(_) => return Got::NoConnection(connect_timeout(&trial.to, limit)),
    };
    seen.connected = Some(began.elapsed());
    let mut stream = stream;
    let mut header = Vec::new();
    for version in trial.header.into_iter().chain(header_of_check(target, trial)) {
        write_proxy_header(&mut header, version, &stream);
    }
    if !header.is_empty()
        && let Err(error) = stream.write_all(&header).await
    {
        return Got::ended(&error);
    }
    let left = |most: Duration| most.saturating_sub(began.elapsed());
    let mut link = match &trial.security {
        Security::Plain => Link::Plain(stream),
        security => {
            let context = match context(tls_of(target, trial), security) {
                Ok(context) => context,
                Err(got) => return got,
            };
            let state = context.state();
            let Some(settings) = ready(&state) else {
                let why = Unusable::Broken("a secret is not there yet".to_owned());
                return Got::NoHandshake(handshake_not_ready(&trial.to, &why));
            };
            let own = &target.cluster.health_checks;
            let alpn_override = match &trial.ask {
                Ask::Check(check) => own.get(check.index).map_or(&[][..], |check| &check.alpn[..]),
                _ => &[],
            };
            let wanted = Wanted {
                hostname: &target.hostname,
                address: trial.to.ip().map(|address| address.ip()),
                server_name: target
                    .cluster
                    .http
                    .server_name
                    .auto_sni
                    .then_some(&*target.host)
                    .filter(|_| *security == Security::Configured),
                expected: target
                    .cluster
                    .http
                    .server_name
                    .auto_san_validation
                    .then_some(&*target.host)
                    .filter(|_| *security == Security::Configured),
                alpn: protocols(target, trial),
                alpn_override,
            };
            let limit = HANDSHAKE.min(left(most));
            *due = began.elapsed() + limit;
            match timeout(limit, shake_hands(stream, &trial.to, settings, &wanted, began)).await {
                Ok(Ok(shaken)) => {
                    let link = Link::Tls(shaken.stream);
                    let agreed = link.agreed();
                    seen.tls = Some(TlsSeen {
                        version: agreed.as_ref().map_or("TLS", |agreed| agreed.version).to_owned(),
                        alpn: agreed.as_ref().and_then(|agreed| agreed.alpn.clone()),
                        name: shaken.server_name.into(),
                        asked: shaken.asked,
                        certificate: agreed
                            .and_then(|agreed| agreed.certificates.first().and_then(|der| Facts::of(der))),
                    });
                    link
                }
                Ok(Err(not)) => {
                    seen.tls = Some(TlsSeen {
                        name: not.server_name.into(),
                        asked: not.asked,
                        ..TlsSeen::default()
                    });
                    return Got::NoHandshake(not.failure);
                }
                Err(_) => return Got::NoHandshake(handshake_timeout(&trial.to, limit)),
            }
        }
    };
    let limit = left(most);
    let patience = patience_with(target, trial);
    *due = began.elapsed() + limit.min(patience_with(target, trial));
    match &trial.ask {
        Ask::Nothing => nothing(&mut link).await,
        Ask::Get { host, path } => get(target, &mut link, host, path, patience.min(limit)).await,
        Ask::Hold { host, path, limit } => hold(target, &mut link, host, path, *limit).await,
        Ask::Http2 => http2::frames(link, limit).await,
        Ask::GetHttp2 { host, path } => http2::get(link, &trial.to, host, path, patience.min(limit)).await,
        Ask::Grpc { host } => http2::call(link, &trial.to, host, patience.min(limit)).await,
        Ask::Auto { host, path } => {
            if seen.tls.as_ref().and_then(|tls| tls.alpn.as_deref()) == Some("h2") {
                http2::get(link, &trial.to, host, path, patience.min(limit)).await
            } else {
                get(target, &mut link, host, path, patience.min(limit)).await
            }
        }
        Ask::Check(check) => self::check(target, &trial.to, link, check, limit).await,
    }
}

/// The header that a TCP check sends by itself: where nothing is said, it is not said either.
fn header_of_check(target: &Target, trial: &Trial) -> Option<ProxyProtocolVersion> {
    let Ask::Check(ask) = &trial.ask else { return None };
    let HealthChecker::Tcp(tcp) = &target.check(ask.index)?.checker else { return None };
    let speaks = !tcp.receive.is_empty() || trial.security != Security::Plain;
    tcp.proxy_protocol.as_ref().filter(|_| speaks).map(|config| config.version)
}

/// What the file has for such a connection.
fn tls_of<'t>(target: &'t Target, trial: &Trial) -> Option<&'t Arc<UpstreamTls>> {
    match &trial.ask {
        Ask::Check(ask) => target.checks.iter().find(|check| check.index == ask.index)?.tls.as_ref(),
        _ => target.tls.as_ref(),
    }
}

/// TLS as the file has it, or any.
fn context(configured: Option<&Arc<UpstreamTls>>, security: &Security) -> Result<ClientContext, Got> {
    let config = match (security, configured) {
        (Security::Configured, Some(tls)) => Arc::clone(tls),
        (Security::Any { name }, _) => Arc::new(any(configured.map(|tls| &**tls), name.as_deref())),
        (Security::Plain | Security::Configured, _) => {
            return Err(Got::NotAsked("there is no TLS in the file".to_owned()));
        }
    };
    ClientContext::new(&config).map_err(|error| {
        let failure = Failure::new(Reason::UpstreamTlsNotReady).with_evidence(error.to_string());
        Got::NoHandshake(failure)
    })
}

/// TLS of every version that there is, without verification and without a certificate.
fn any(configured: Option<&UpstreamTls>, name: Option<&str>) -> UpstreamTls {
    let mut tls = configured.cloned().unwrap_or_else(|| UpstreamTls {
        common: causeway_model::CommonTls {
            position: causeway_model::SourcePosition::default(),
            params: TlsParams::default(),
            certificates: Vec::new(),
            validation: None,
            alpn: Vec::new(),
        },
        sni: "".into(),
        auto_host_sni: false,
        auto_sni_san_validation: false,
        max_session_keys: 0,
    });
    tls.common.validation = None;
    tls.common.certificates.clear();
    tls.common.params =
        TlsParams { minimum: Some(TlsVersion::V12), maximum: Some(TlsVersion::V13), ..TlsParams::default() };
    tls.sni = name.unwrap_or_default().into();
    tls.auto_host_sni = false;
    tls.auto_sni_san_validation = false;
    tls
}

/// What is offered by ALPN where the file says nothing, as requests and checks do it.
fn protocols(target: &Target, trial: &Trial) -> &'static [&'static str] {
    match (&trial.ask, target.protocol) {
        (Ask::Check(ask), _) => match target.check(ask.index).map(|check| &check.checker) {
            Some(HealthChecker::Http(_)) => &["http/1.1"],
            Some(HealthChecker::Grpc(_) | HealthChecker::Tcp(_)) | None => &[],
        },
        (Ask::Get { .. } | Ask::Hold { .. }, _) | (_, Protocol::Http1) => &["http/1.1"],
        (_, Protocol::Http2) => &["h2"],
        (_, Protocol::Auto) => &["h2", "http/1.1"],
        (_, Protocol::Unknown) => &[],
    }
}

/// How long an answer is waited for.
fn patience_with(target: &Target, trial: &Trial) -> Duration {
    match &trial.ask {
        Ask::Check(ask) => target.check(ask.index).map_or(PATIENCE, |check| of_check(check.timeout)),
        // Who was silent for once gets longer the second time.
        _ if trial.repeated => AGAIN,
        _ => PATIENCE,
    }
}

/// Longer than the check waits, so that it can be told how long the answer takes.
fn of_check(timeout: Duration) -> Duration {
    timeout.max(PATIENCE) + Duration::from_millis(300)
}

/// Waits for an alert that comes behind the handshake.
async fn nothing(link: &mut Link) -> Got {
    if matches!(link, Link::Plain(_)) {
        return Got::Connected;
    }
    match timeout(LATE_ALERT, link.read(&mut Vec::new())).await {
        Ok(Ok(0)) => Got::Closed,
        Ok(Err(error)) => Got::ended(&error),
        Ok(Ok(_)) | Err(_) => Got::Connected,
    }
}

/// A request, and the same again where the connection stays open. An answer is waited for this long.
async fn get(target: &Target, link: &mut Link, host: &str, path: &str, most: Duration) -> Got {
    let request = request(host, path);
    let (mut got, again) = exchange(target, link, request.as_bytes(), "GET", most).await;
    if let (Got::Answer(answer), true) = (&mut got, again) {
        let (second, _) = exchange(target, link, request.as_bytes(), "GET", most).await;
        answer.again = Some(match second {
            Got::Answer(second) => Again::Answered(second.status),
            Got::Silence => Again::Silence,
            _ => Again::Closed,
        });
    }
    got
}

/// A request, and then nothing: when is the connection closed?
async fn hold(target: &Target, link: &mut Link, host: &str, path: &str, limit: Duration) -> Got {
    let (mut got, stays) = exchange(target, link, request(host, path).as_bytes(), "GET", PATIENCE).await;
    if let (Got::Answer(answer), true) = (&mut got, stays) {
        let began = Instant::now();
        // Some say in an answer that they were not asked in time (408).
        answer.idle = timeout(limit, link.read(&mut Vec::new())).await.ok().map(|_| began.elapsed());
    }
    got
}

fn request(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {AGENT}\r\naccept: */*\r\n\r\n")
}

async fn exchange(
    target: &Target,
    link: &mut Link,
    request: &[u8],
    method: &str,
    most: Duration,
) -> (Got, bool) {
    let limits = HeadLimits {
        bytes: usize::try_from(target.cluster.http.max_response_headers_kb).unwrap_or(80) << 10,
        fields: usize::try_from(target.cluster.http.max_headers_count).unwrap_or(100),
    };
    let mut reader = Reader::new(method, limits);
    let mut broke = None;
    let exchanged = async {
        // Who answers and closes before the whole request was read has answered.
        let sent = link.write_all(request).await;
        loop {
            let mut bytes = Vec::new();
            match link.read(&mut bytes).await {
                Ok(0) => return Some(sent.is_err()),
                Ok(_) => match reader.take(&bytes) {
                    Read::More => {}
                    Read::Done(answer, again) => {
                        broke = Some((Got::Answer(answer), again));
                        return None;
                    }
                    Read::Broken(failure) => {
                        broke = Some((Got::Broken(failure), false));
                        return None;
                    }
                },
                Err(error) => return Some(!matches!(Got::ended(&error), Got::Closed)),
            }
        }
    };
    let end = timeout(most, exchanged).await;
    if let Some(done) = broke {
        return done;
    }
    let rest = |result: Result<Box<super::trial::Answer>, Failure>| match result {
        Ok(answer) => Got::Answer(answer),
        Err(failure) => Got::Broken(failure),
    };
    let got = match end {
        Ok(reset) => {
            let bare = if reset == Some(true) { Got::Reset } else { Got::Closed };
            reader.end().map_or(bare, rest)
        }
        Err(_) => reader.give_up().map_or(Got::Silence, rest),
    };
    (got, false)
}

async fn check(target: &Target, to: &Address, mut link: Link, ask: &CheckAsk, most: Duration) -> Got {
    let Some(config) = target.check(ask.index) else {
        return Got::NotAsked("there is no such check".to_owned());
    };
    let planned = target.checks.iter().find(|check| check.index == ask.index);
    let host = ask.host.clone().or_else(|| planned.map(|check| check.host.clone())).unwrap_or_default();
    let patience = of_check(config.timeout).min(most);
    let asked = Asked::at(to, matches!(link, Link::Tls(_)), AGENT);
    match &config.checker {
        HealthChecker::Http(http) => {
            let mut http = http.clone();
            if let Some(path) = &ask.path {
                http.path = path.as_str().into();
            }
            if ask.by_get {
                http.method = "GET".into();
            }
            if !matches!(&*http.method, "GET" | "HEAD" | "OPTIONS") {
                return Got::NotAsked(format!("{} may change something there", http.method));
            }
            if http.http2 {
                let request = http2_request(&http.method, &host, &http.path, &http.headers, &asked);
                return reply(link, request, None, patience)
                    .await
                    .map_or_else(|got| got, |reply| Got::Reply(reply.status));
            }
            let request = write_check(&http, &host, &asked);
            exchange(target, &mut link, &request, &http.method, patience).await.0
        }
        HealthChecker::Grpc(grpc) => {
            let request = http2_request("POST", &host, GRPC_HEALTH, &grpc.initial_metadata, &asked);
            let request = request.map(http2::of_grpc);
            let question = grpc_health_question(&grpc.service_name);
            let reply = match reply(link, request, Some(question), patience).await {
                Ok(reply) => reply,
                Err(got) => return got,
            };
            if reply.status != 200 {
                return Got::Grpc(Some(format!("the answer has HTTP status {}", reply.status)));
            }
            let trailers = reply.trailers.as_ref();
            let status = trailers.and_then(|trailers| trailers.get("grpc-status"));
            let status = status.or_else(|| reply.headers.get("grpc-status"));
            let kind = reply.headers.get("content-type").map(http::HeaderValue::as_bytes);
            Got::Grpc(judge_grpc_health(kind, status.map(http::HeaderValue::as_bytes), &reply.body).err())
        }
        HealthChecker::Tcp(tcp) if tcp.receive.is_empty() => Got::Connected,
        HealthChecker::Tcp(tcp) => tcp_check::exchange(&mut link, tcp, patience).await,
    }
}

async fn reply(
    link: Link,
    request: Result<http::Request<()>, http::Error>,
    body: Option<Vec<u8>>,
    patience: Duration,
) -> Result<causeway_upstream::Http2Reply, Got> {
    const KEPT: usize = 4 << 10;
    let request = request.map_err(|error| Got::NotAsked(error.to_string()))?;
    let asked = async {
        let mut session = Http2Session::begin(link).await?;
        session.ask(request, body, KEPT, |_| {}).await
    };
    match timeout(patience, asked).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) if error.is_io() => Err(Got::Closed),
        Ok(Err(error)) => {
            Err(Got::Broken(Failure::new(Reason::HealthCheckProtocol).with_evidence(error.to_string())))
        }
        Err(_) => Err(Got::Silence),
    }
}
