//! Every conclusion about an endpoint, by what trials show: each row says what the back-end would answer to any trial, and
//! what has to be concluded of it.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_model::{Address, ProxyProtocolVersion};
use causeway_reason::{Failure, Reason};
use causeway_tls::certificate::Facts;

use super::decide::next;
use super::diagnosis::Remedy;
use super::observations::{Observations, Step, TRIALS};
use super::trial::{Again, Answer, Ask, BodyEnd, CheckAsk, Got, Security, Seen, TlsSeen, Trial};
use crate::finding::{Grade, Severity};
use crate::probe::here::Sockets;
use crate::probe::plan::Target;
use crate::probe::testing::target;

const NOW: i64 = 1_795_824_000;

const PLAIN: &str = "";
const TLS: &str = ", transport_socket: {name: tls, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: www.example.test}}";
const H2: &str = ", typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}";
const CHECK: &str = ", health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /health}}]";
const HEAD: &str = ", health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /health, method: HEAD}}]";

fn seen(got: Got) -> Seen {
    let connected = (!matches!(got, Got::NoConnection(_))).then_some(Duration::from_millis(1));
    Seen { connected, took: Duration::from_millis(2), tls: None, got }
}

fn no_connection(reason: Reason) -> Seen {
    seen(Got::NoConnection(reason.into()))
}

fn answer(status: u16) -> Seen {
    seen(Got::Answer(Box::new(Answer { status, ..Answer::default() })))
}

fn body(status: u16, body: &str) -> Seen {
    seen(Got::Answer(Box::new(Answer { status, body: body.to_owned(), ..Answer::default() })))
}

fn broken(reason: Reason) -> Seen {
    seen(Got::Broken(reason.into()))
}

/// A handshake that is complete, and what comes behind it.
fn secure(version: &str, asked: bool, got: Got) -> Seen {
    let tls = TlsSeen { version: version.to_owned(), asked, ..TlsSeen::default() };
    Seen { tls: Some(tls), ..seen(got) }
}

/// One that is not.
fn refused(reason: Reason, asked: bool) -> Seen {
    let tls = TlsSeen { asked, name: "www.example.test".to_owned(), ..TlsSeen::default() };
    Seen { tls: Some(tls), ..seen(Got::NoHandshake(reason.into())) }
}

/// Runs to the conclusion: codes, of errors without and of warnings with `!` behind them, and trials.
fn run(
    target: &Target,
    sockets: Option<&str>,
    world: impl Fn(&Trial) -> Seen,
) -> (Vec<String>, Observations) {
    let mut known = Observations { now: NOW, ..Observations::default() };
    loop {
        match next(target, &known) {
            Step::Conclude(found) => {
                let codes = found.iter().map(|one| {
                    assert!(one.trials.iter().all(|at| *at < known.trials.len()));
                    let mark = if one.severity == Severity::Warning { "!" } else { "" };
                    format!("{}{mark}", one.cause.code())
                });
                return (codes.collect(), known);
            }
            Step::Look => known.sockets = Some(sockets.map(|text| Sockets::parse(text, ""))),
            Step::Try(trial) => {
                assert!(known.trials.len() < TRIALS, "more trials than are allowed");
                let came = world(&trial);
                known.trials.push((*trial, came));
            }
        }
    }
}

type World = fn(&Trial) -> Seen;

fn is_get(trial: &Trial) -> bool {
    matches!(trial.ask, Ask::Get { .. })
}

fn is_http2(trial: &Trial) -> bool {
    matches!(trial.ask, Ask::GetHttp2 { .. })
}

fn check(trial: &Trial) -> Option<&CheckAsk> {
    if let Ask::Check(ask) = &trial.ask { Some(ask) } else { None }
}

#[test]
fn every_conclusion_has_its_trials() {
    let rows: &[(&str, &str, World, &[&str])] = &[
        ("healthy", PLAIN, |_| answer(200), &[]),
        ("refused", PLAIN, |_| no_connection(Reason::ConnectRefused), &["T201"]),
        ("rejected", PLAIN, |_| no_connection(Reason::ConnectRejected), &["T203"]),
        ("dropped", PLAIN, |_| no_connection(Reason::ConnectTimeout), &["T204"]),
        ("no ARP", PLAIN, |_| no_connection(Reason::HostUnreachable), &["T205"]),
        ("no route", PLAIN, |_| no_connection(Reason::NetworkUnreachable), &["T206"]),
        ("no ports", PLAIN, |_| no_connection(Reason::LocalPortsExhausted), &["T208"]),
        ("no descriptors", PLAIN, |_| no_connection(Reason::DescriptorsExhausted), &["T209"]),
        ("no source", PLAIN, |_| no_connection(Reason::SourceBindFailed), &["T210"]),
        ("reset at once", PLAIN, |_| no_connection(Reason::ConnectReset), &["T212"]),
        (
            "slow to connect",
            PLAIN,
            |_| Seen { connected: Some(Duration::from_secs(7)), ..answer(200) },
            &["T214"],
        ),
        ("not HTTP", PLAIN, |_| broken(Reason::UpstreamNotHttp), &["P401"]),
        ("two lengths", PLAIN, |_| broken(Reason::UpstreamFraming), &["P404"]),
        (
            "cut",
            PLAIN,
            |_| seen(Got::Answer(Box::new(Answer { status: 200, end: BodyEnd::Cut, ..Answer::default() }))),
            &["P408"],
        ),
        (
            "closes behind the first answer",
            PLAIN,
            |_| {
                seen(Got::Answer(Box::new(Answer {
                    status: 200,
                    again: Some(Again::Closed),
                    ..Answer::default()
                })))
            },
            &["P411"],
        ),
        (
            "short keep-alive",
            PLAIN,
            |_| {
                seen(Got::Answer(Box::new(Answer {
                    status: 200,
                    keep_alive: Some(Duration::from_secs(5)),
                    ..Answer::default()
                })))
            },
            &["P421!"],
        ),
        (
            "closes",
            PLAIN,
            |trial| {
                if trial.security == Security::Plain {
                    seen(Got::Closed)
                } else {
                    refused(Reason::UpstreamTlsClosed, false)
                }
            },
            &["P412"],
        ),
        (
            "resets",
            PLAIN,
            |trial| {
                if trial.security == Security::Plain {
                    seen(Got::Reset)
                } else {
                    refused(Reason::UpstreamTlsReset, false)
                }
            },
            &["P430"],
        ),
        (
            "silent",
            PLAIN,
            |trial| {
                if trial.security == Security::Plain {
                    seen(Got::Silence)
                } else {
                    refused(Reason::UpstreamTlsTimeout, false)
                }
            },
            &["O801!"],
        ),
        (
            "TLS behind a plain cluster",
            PLAIN,
            |trial| {
                if trial.security == Security::Plain {
                    seen(Got::Closed)
                } else {
                    secure("TLSv1.3", false, Got::Connected)
                }
            },
            &["S302"],
        ),
        (
            "TLS that says so",
            PLAIN,
            |trial| {
                if trial.security == Security::Plain {
                    broken(Reason::UpstreamSpeaksTls)
                } else {
                    secure("TLSv1.3", false, Got::Connected)
                }
            },
            &["S302"],
        ),
        (
            "TLS that says so in HTTP",
            PLAIN,
            |trial| {
                if trial.security == Security::Plain {
                    body(400, "sent to HTTPS port")
                } else {
                    secure("TLSv1.2", false, Got::Connected)
                }
            },
            &["S302"],
        ),
        (
            "PROXY header wanted",
            PLAIN,
            |trial| match (&trial.security, trial.header) {
                (Security::Plain, None) => seen(Got::Closed),
                (Security::Plain, Some(_)) => answer(200),
                _ => refused(Reason::UpstreamTlsClosed, false),
            },
            &["P413"],
        ),
        (
            "h2c",
            PLAIN,
            |trial| match (&trial.security, &trial.ask) {
                (Security::Plain, Ask::Http2) => seen(Got::Frames),
                (Security::Plain, _) => seen(Got::Closed),
                _ => refused(Reason::UpstreamTlsClosed, false),
            },
            &["P403"],
        ),
        (
            "h2c that says so",
            PLAIN,
            |trial| {
                if trial.ask == Ask::Http2 { seen(Got::Frames) } else { broken(Reason::UpstreamSpeaksHttp2) }
            },
            &["P403"],
        ),
        (
            "HTTP/1 behind h2",
            H2,
            |trial| if is_http2(trial) { broken(Reason::UpstreamSpeaksHttp1) } else { answer(200) },
            &["P402"],
        ),
        (
            "HTTP/1 behind h2, closing",
            H2,
            |trial| if is_http2(trial) { seen(Got::Closed) } else { answer(200) },
            &["P402"],
        ),
        ("h2 that is not answered", H2, |_| seen(Got::Unanswered), &["O801!"]),
        (
            "h2 that takes calls alone",
            H2,
            |trial| match &trial.ask {
                Ask::Grpc { .. } => seen(Got::Answer(Box::new(Answer {
                    status: 200,
                    http2: true,
                    grpc: Some(12),
                    ..Answer::default()
                }))),
                _ => broken(Reason::UpstreamFoundFault),
            },
            &[],
        ),
        ("h2 that is reset", H2, |_| broken(Reason::UpstreamStreamReset), &["P409"]),
        ("its own 500", PLAIN, |_| answer(500), &["P417!"]),
        ("404 at the root", PLAIN, |_| answer(404), &[]),
        (
            "another host",
            PLAIN,
            |trial| match &trial.ask {
                Ask::Get { host, .. } if host == "app" => answer(200),
                _ => answer(421),
            },
            &["P415"],
        ),
        (
            "another host is everybody's",
            PLAIN,
            |trial| match &trial.ask {
                Ask::Get { host, .. } if host == "www.example.test" => answer(404),
                _ => answer(200),
            },
            &[],
        ),
        (
            "plain behind TLS",
            TLS,
            |trial| {
                if trial.security == Security::Plain {
                    answer(200)
                } else {
                    refused(Reason::UpstreamTlsPlain, false)
                }
            },
            &["S301"],
        ),
        (
            "plain and silent behind TLS",
            TLS,
            |trial| {
                if trial.security == Security::Plain {
                    answer(200)
                } else {
                    refused(Reason::UpstreamTlsTimeout, false)
                }
            },
            &["S301"],
        ),
        ("expired", TLS, |_| refused(Reason::UpstreamTlsExpired, false), &["S304"]),
        ("unknown issuer", TLS, |_| refused(Reason::UpstreamTlsUnknownIssuer, false), &["S303"]),
        ("other name", TLS, |_| refused(Reason::UpstreamTlsNameMismatch, false), &["S305"]),
        ("certificate missing, 1.2", TLS, |_| refused(Reason::UpstreamTlsAlert, true), &["S306"]),
        ("certificate missing, 1.3", TLS, |_| secure("TLSv1.3", true, Got::Closed), &["S306"]),
        (
            "certificate missing, nginx",
            TLS,
            |_| Seen {
                got: body(400, "No required SSL certificate was sent").got,
                ..secure("TLSv1.2", true, Got::Closed)
            },
            &["S306"],
        ),
        (
            "version",
            TLS,
            |trial| match &trial.security {
                Security::Plain => seen(Got::Closed),
                Security::Any { .. } => secure("TLSv1.3", false, Got::Connected),
                Security::Configured => refused(Reason::UpstreamTlsVersion, false),
            },
            &["S310"],
        ),
        (
            "suites",
            TLS,
            |trial| match &trial.security {
                Security::Plain => seen(Got::Closed),
                Security::Any { .. } => secure("TLSv1.2", false, Got::Connected),
                Security::Configured => refused(Reason::UpstreamTlsNoCommonParameters, false),
            },
            &["S311"],
        ),
        (
            "server name",
            TLS,
            |trial| match &trial.security {
                Security::Plain => seen(Got::Closed),
                Security::Any { name: Some(name) } if name == "app" => {
                    secure("TLSv1.3", false, Got::Connected)
                }
                _ => refused(Reason::UpstreamTlsServerName, false),
            },
            &["S309"],
        ),
        (
            "PROXY header is a bad request",
            PLAIN,
            |trial| match (&trial.security, trial.header) {
                (Security::Plain, None) => seen(Got::Closed),
                (Security::Plain, Some(_)) => answer(400),
                _ => refused(Reason::UpstreamTlsClosed, false),
            },
            &["P412"],
        ),
        (
            "PROXY header in front of TLS",
            TLS,
            |trial| match (&trial.security, trial.header) {
                (Security::Configured, Some(_)) => secure("TLSv1.3", false, Got::Connected),
                (Security::Configured, None) => refused(Reason::UpstreamTlsClosed, false),
                (Security::Any { .. }, _) => refused(Reason::UpstreamTlsClosed, false),
                (Security::Plain, _) => seen(Got::Closed),
            },
            &["P413"],
        ),
        ("no protocol", TLS, |_| refused(Reason::UpstreamTlsAlpn, false), &["S313"]),
        (
            "certificate ends soon",
            TLS,
            |_| {
                let facts = Facts {
                    subject: String::new(),
                    common_name: None,
                    issuer: String::new(),
                    serial: String::new(),
                    names: Vec::new(),
                    not_before: 0,
                    not_after: NOW + 86_400,
                };
                let tls =
                    TlsSeen { version: "TLSv1.2".to_owned(), certificate: Some(facts), ..TlsSeen::default() };
                Seen { tls: Some(tls), ..answer(200) }
            },
            &["S316!"],
        ),
        ("check: 404", CHECK, |trial| answer(if is_get(trial) { 200 } else { 404 }), &["H501"]),
        ("check: 302", CHECK, |trial| answer(if is_get(trial) { 200 } else { 302 }), &["H502"]),
        ("check: 401", CHECK, |trial| answer(if is_get(trial) { 200 } else { 401 }), &["H503"]),
        ("check: 500", CHECK, |trial| answer(if is_get(trial) { 200 } else { 500 }), &["H504"]),
        ("check: 204", CHECK, |trial| answer(if is_get(trial) { 200 } else { 204 }), &["H522"]),
        (
            "check: host",
            CHECK,
            |trial| match check(trial) {
                Some(ask) if ask.host.is_none() => answer(404),
                _ => answer(200),
            },
            &["H505"],
        ),
        (
            "check: method",
            HEAD,
            |trial| match check(trial) {
                Some(ask) if !ask.by_get => answer(405),
                _ => answer(200),
            },
            &["H517"],
        ),
        (
            "check: late",
            CHECK,
            |trial| {
                if is_get(trial) { answer(200) } else { Seen { took: Duration::from_secs(2), ..answer(200) } }
            },
            &["H506"],
        ),
        (
            "check: silent",
            CHECK,
            |trial| {
                if is_get(trial) {
                    answer(200)
                } else {
                    Seen { took: Duration::from_secs(2), ..seen(Got::Silence) }
                }
            },
            &["H506"],
        ),
        (
            "check: closed",
            CHECK,
            |trial| match (&trial.security, is_get(trial)) {
                (Security::Plain, true) => answer(200),
                (Security::Plain, false) => seen(Got::Closed),
                _ => refused(Reason::UpstreamTlsClosed, false),
            },
            &["H523"],
        ),
        (
            "check: TLS there",
            CHECK,
            |trial| match (&trial.security, is_get(trial)) {
                (Security::Plain, true) => answer(200),
                (Security::Plain, false) => seen(Got::Closed),
                _ => secure("TLSv1.3", false, Got::Connected),
            },
            &["H507"],
        ),
        (
            "check: nobody there",
            CHECK,
            |trial| if is_get(trial) { answer(200) } else { no_connection(Reason::ConnectRefused) },
            &["T201"],
        ),
    ];
    for (what, fields, world, codes) in rows {
        let (found, known) = run(&target(fields), None, world);
        assert_eq!(found, *codes, "{what}: {:#?}", known.trials);
    }
}

/// proc(5): one socket that listens.
fn listening(address: &str, waiting: u8) -> String {
    let at: SocketAddr = address.parse().unwrap();
    let SocketAddr::V4(at) = at else { panic!() };
    let word = u32::from_ne_bytes(at.ip().octets());
    format!("0: {word:08X}:{:04X} 00000000:0000 0A 00000000:{waiting:08X} 00:0 0 0 0 1\n", at.port())
}

#[test]
fn sockets_of_this_host_tell_more() {
    let here = || Target { is_here: true, ..target(PLAIN) };
    let refused: World = |_| no_connection(Reason::ConnectRefused);
    let dropped: World = |_| no_connection(Reason::ConnectTimeout);
    for (what, world, sockets, code) in [
        ("nobody listens", refused, String::new(), "T201"),
        ("on loopback only", refused, listening("127.0.0.1:8080", 0), "T202"),
        ("on another port", refused, listening("0.0.0.0:8081", 0), "T215"),
        ("on both", refused, listening("0.0.0.0:8080", 0), "T203"),
        ("it does not accept", dropped, listening("0.0.0.0:8080", 4), "T207"),
        ("a firewall", dropped, listening("0.0.0.0:8080", 0), "T204"),
    ] {
        assert_eq!(run(&here(), Some(&sockets), world).0, [code], "{what}");
    }
    // What can't be read proves nothing.
    let (codes, known) = run(&here(), None, refused);
    assert_eq!(codes, ["T201"]);
    let Step::Conclude(found) = next(&here(), &known) else { panic!() };
    assert_eq!(found[0].grade, Grade::Likely);
}

#[test]
fn a_container_means_itself_by_loopback() {
    let own: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    let gateway = "172.17.0.1".parse().unwrap();
    let target = Target { is_here: true, address: Address::Ip(own), gateway: Some(gateway), ..target(PLAIN) };
    let world = |trial: &Trial| {
        if trial.to == Address::Ip(own) {
            no_connection(Reason::ConnectRefused)
        } else {
            seen(Got::Connected)
        }
    };
    assert_eq!(run(&target, Some(""), world).0, ["D110"]);
    assert_eq!(run(&target, Some(""), |_| no_connection(Reason::ConnectRefused)).0, ["T201"]);
}

#[test]
fn the_other_family_is_tried_where_ipv6_was_chosen() {
    let six: SocketAddr = "[fd00::1]:8080".parse().unwrap();
    let target = Target {
        address: Address::Ip(six),
        other_family: vec!["10.0.0.1".parse().unwrap()],
        ..target(PLAIN)
    };
    let world = |trial: &Trial| {
        if trial.to == Address::Ip(six) {
            no_connection(Reason::ConnectRefused)
        } else {
            seen(Got::Connected)
        }
    };
    let (codes, known) = run(&target, None, world);
    assert_eq!(codes, ["D103"]);
    let Step::Conclude(found) = next(&target, &known) else { panic!() };
    assert_eq!(found[0].remedies, [Remedy::LookupFamily("V4_PREFERRED")]);
}

#[test]
fn a_header_that_is_not_wanted_is_found() {
    let with_header = || Target { header: Some(ProxyProtocolVersion::V1), ..target(PLAIN) };
    let refusing = |trial: &Trial| answer(if trial.header.is_some() { 400 } else { 200 });
    let plain_only = |trial: &Trial| match trial.security {
        Security::Plain => refusing(trial),
        _ => refused(Reason::UpstreamTlsClosed, false),
    };
    assert_eq!(run(&with_header(), None, plain_only).0, ["P414"]);
}

#[test]
fn expired_client_certificates_are_named_before_those_that_are_refused() {
    let with = |until: i64| Target { identity: Some(until), ..target(TLS) };
    let world = |_: &Trial| secure("TLSv1.3", true, Got::Closed);
    assert_eq!(run(&with(NOW - 1), None, world).0, ["S308"]);
    assert_eq!(run(&with(NOW + 86_400), None, world).0, ["S307"]);
    let lost = |_: &Trial| refused(Reason::UpstreamTlsReset, true);
    assert_eq!(run(&with(NOW + 86_400), None, lost).0, ["S307"]);
    let old = |_: &Trial| refused(Reason::UpstreamTlsClientCertificateRefused, true);
    assert_eq!(run(&with(NOW - 1), None, old).0, ["S308"]);
    assert_eq!(run(&with(NOW + 86_400), None, old).0, ["S307"]);
}

/// A host that had other things to do at that moment is no back-end that wants a PROXY header.
#[test]
fn silence_for_once_proves_nothing() {
    let target = target(PLAIN);
    let busy_once = |trial: &Trial| match (&trial.security, trial.header, trial.repeated) {
        (Security::Plain, None, false) => seen(Got::Silence),
        (Security::Plain, ..) => answer(200),
        _ => refused(Reason::UpstreamTlsTimeout, false),
    };
    assert_eq!(run(&target, None, busy_once).0, Vec::<String>::new());
    let always = |trial: &Trial| match (&trial.security, trial.header) {
        (Security::Plain, None) => seen(Got::Silence),
        (Security::Plain, Some(_)) => answer(200),
        _ => refused(Reason::UpstreamTlsTimeout, false),
    };
    assert_eq!(run(&target, None, always).0, ["P413"]);
}

#[test]
fn what_helps_is_proven_too() {
    let moved = |trial: &Trial| match check(trial) {
        Some(ask) if ask.path.is_none() => {
            let location = Some("/health/".to_owned());
            seen(Got::Answer(Box::new(Answer { status: 301, location, ..Answer::default() })))
        }
        _ => answer(200),
    };
    let target = target(CHECK);
    let (codes, known) = run(&target, None, moved);
    assert_eq!(codes, ["H502"]);
    let Step::Conclude(found) = next(&target, &known) else { panic!() };
    assert_eq!(found[0].remedies.first(), Some(&Remedy::CheckPath("/health/".to_owned())));
    assert_eq!(found[0].trials.len(), 2);
}

/// Whatever a back-end does, there is an end to it.
#[test]
fn there_are_never_more_trials_than_are_allowed() {
    let answers: &[fn() -> Seen] = &[
        || seen(Got::Closed),
        || seen(Got::Silence),
        || answer(200),
        || answer(404),
        || answer(503),
        || broken(Reason::UpstreamSpeaksTls),
        || refused(Reason::UpstreamTlsClosed, true),
        || refused(Reason::UpstreamTlsTimeout, false),
        || secure("TLSv1.3", true, Got::Reset),
        || no_connection(Reason::ConnectTimeout),
    ];
    let mut number: usize = 7;
    for round in 0..2000 {
        let fields = [PLAIN, TLS, H2, CHECK, HEAD][round % 5];
        let numbers = std::cell::RefCell::new(&mut number);
        let (_, known) = run(&target(fields), Some(""), |_| {
            let mut number = numbers.borrow_mut();
            **number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            answers[(**number >> 33) % answers.len()]()
        });
        assert!(known.trials.len() <= TRIALS);
    }
}

#[test]
fn what_a_request_meets_is_said_in_envoys_words() {
    let target = target(PLAIN);
    let (_, known) = run(&target, None, |trial| match (&trial.security, trial.header) {
        (Security::Plain, None) => seen(Got::Closed),
        (Security::Plain, Some(_)) => answer(200),
        _ => refused(Reason::UpstreamTlsClosed, false),
    });
    let Step::Conclude(found) = next(&target, &known) else { panic!() };
    assert_eq!(found[0].met, Some(Failure::new(Reason::UpstreamClosed)));
}
