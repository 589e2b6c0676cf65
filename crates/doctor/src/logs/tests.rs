//! Whole logs, as they are met.

use causeway_envoy::{LoadOptions, Source, load};
use causeway_reason::{Cause, Condition, Reason};

use super::*;
use crate::finding::{Grade, Severity};
use crate::said;

fn read(lines: &[&str]) -> Report {
    read_with(None, lines)
}

fn read_with(bootstrap: Option<&Bootstrap>, lines: &[&str]) -> Report {
    let mut reader = Reader::new(bootstrap);
    lines.iter().for_each(|line| reader.line(line));
    let mut report = Report::default();
    reader.finish("access.log", &mut report);
    report
}

/// `count status flags` of each kind, with its subject and code.
fn kinds(report: &Report) -> Vec<String> {
    let line = |finding: &crate::Finding| {
        let subject = &finding.subject;
        let of = subject.cluster.as_deref().or(subject.endpoint.as_deref()).unwrap_or("-");
        format!("{} {of} {}", finding.title.en, finding.cause.code())
    };
    report.findings.iter().map(line).collect()
}

#[test]
fn envoy_s_default_format_and_istio_s_are_read() {
    let report = read(&[
        r#"[2026-11-28T17:31:26.161Z] "GET /dead HTTP/1.1" 503 UF 0 98 0 - "-" "curl/7.88.1" "id" "a:1" "127.0.0.1:29999""#,
        r#"[2026-11-28T17:31:27.161Z] "GET /dead HTTP/1.1" 503 UF 0 98 0 - "-" "curl/7.88.1" "id" "a:1" "127.0.0.1:29999""#,
        r#"[2026-11-28T17:31:26.195Z] "GET // HTTP/1.1" 200 - 0 392 1 1 "-" "curl/7.88.1" "id" "a:1" "127.0.0.1:29903""#,
        r#"[2026-11-28T17:31:26.195Z] "GET /5 HTTP/1.1" 500 - 0 392 1 1 "-" "UF UC" "id" "a:1" "127.0.0.1:29903""#,
        r#"[2026-11-28T17:31:26.195Z] "GET /x HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure,delayed_connect_error:_111} - "delayed_connect_error:_111" 0 145 2 - "-" "curl" "id" "orders" "10.0.0.4:80" outbound|80||orders - 10.0.0.9:80 10.0.0.7:1 - default"#,
    ]);
    assert_eq!(
        kinds(&report),
        [
            "2 requests to 127.0.0.1:29999 ended in 503 UF 127.0.0.1:29999 T201",
            "1 request to 127.0.0.1:29903 ended in 500 - 127.0.0.1:29903 P417",
            "1 request to `outbound|80||orders` ended in 503 UF upstream_reset_before_response_started outbound|80||orders T201",
        ]
    );
    let evidence = &report.findings.first().unwrap().evidence.first().unwrap().observed.en;
    assert!(
        evidence.starts_with("2 of 5 requests (40.0 %), first 2026-11-28T17:31:26.161Z, last"),
        "{evidence}"
    );
    assert!(
        report
            .checks
            .first()
            .unwrap()
            .words
            .en
            .contains("5 requests, 4 failed (80.0 %): 3 by the proxy, 1 by")
    );
}

#[test]
fn haproxy_s_lines_are_read() {
    let http = |backend: &str, times: &str, status: u16, state: &str| {
        format!(
            "<133>Nov 20 16:32:42 edge haproxy[8]: 10.0.0.1:4 [20/Nov/2026:16:32:43.163] fe {backend} {times} {status} 9 - - {state} 1/1/0/0/0 0/0 \"GET /x HTTP/1.1\""
        )
    };
    let lines = [
        http("be/s1", "0/0/0/5/5", 200, "----"),
        http("be/s1", "0/0/0/-1/10001", 504, "sH--"),
        http("be/s1", "0/0/0/-1/10002", 504, "sH--"),
        http("be/<NOSRV>", "0/-1/-1/-1/0", 503, "SC--"),
        http("be/s1", "0/0/0/5/5", 500, "----"),
        http("fe/<NOSRV>", "0/-1/-1/-1/0", 301, "LR--"),
    ];
    let report = read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let kinds = kinds(&report);
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(kinds.contains(&"2 requests to `be` ended in 504 sH-- be O807".to_owned()), "{kinds:?}");
    assert!(kinds.contains(&"1 request to `be` ended in 500 ---- be P417".to_owned()), "{kinds:?}");
    let timeout =
        report.findings.iter().find(|it| it.cause == Condition::HaproxyServerTimeout.into()).unwrap();
    assert_eq!(timeout.grade, Grade::Proven);
    assert!(
        timeout.evidence.iter().any(|it| it.observed.en.contains("end at 10000 ms")),
        "{:?}",
        timeout.evidence
    );
}

#[test]
fn json_and_lines_of_unknown_form_are_searched() {
    let report = read(&[
        r#"{"start_time":"2026-11-20T16:22:33.021Z","response_code":504,"response_flags":"UT","response_code_details":"response_timeout","duration":15003,"upstream_cluster":"slow"}"#,
        r#"{"level":"info","msg":"no request"}"#,
        r#"time="2026-11-20T16:22:34Z" status=404 flags=NR path="/a b" dur=1"#,
        r#"2026-11-20T16:22:34Z app1 GET /x 503 UH no_healthy_upstream"#,
        "starting up",
    ]);
    assert_eq!(report.findings.len(), 3, "{:?}", kinds(&report));
    let slow = report.findings.iter().find(|it| it.subject.cluster.as_deref() == Some("slow")).unwrap();
    assert_eq!((slow.cause, slow.grade), (Reason::RouteTimeout.into(), Grade::Proven));
    assert!(
        slow.evidence
            .iter()
            .any(|it| it.observed.en.contains("15000 ms: the route's timeout, Envoy's default"))
    );
    let none = report.findings.iter().find(|it| it.title.en.contains("503 UH")).unwrap();
    assert_eq!(none.grade, Grade::Possible);
    assert!(none.fixes.iter().any(|fix| fix.what.en.contains("H508")) || none.fixes.len() > 5);
    assert!(report.checks.first().unwrap().words.en.contains("3 requests"));
}

#[test]
fn clients_that_give_up_do_so_after_their_own_limit() {
    let lines: Vec<_> = (0..5)
        .map(|at| {
            format!(r#"[2026-11-28T17:31:2{at}.161Z] "GET /a HTTP/1.1" 0 DC 0 0 3000{at} - "-" "x" "id" "a" "10.0.0.1:80""#)
        })
        .collect();
    let report = read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let [finding] = &report.findings[..] else { panic!("{:?}", kinds(&report)) };
    assert_eq!((finding.cause, finding.severity), (Reason::ClientDisconnected.into(), Severity::Warning));
    assert!(finding.evidence.iter().any(|it| it.observed.en.contains("30000 ms after they began")));
}

const FILE: &str = r#"
static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 127.0.0.1, port_value: 80}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {text_format_source: {inline_string: "%PROTOCOL%;%UPSTREAM_HOST%;%RESPONSE_FLAGS%;%RESPONSE_CODE%;%DURATION%\n"}}
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: app
    load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.7, port_value: 80}}}}]}]}
"#;

#[test]
fn a_configuration_names_the_format_and_the_cluster_of_an_address() {
    let source = Source::new("envoy.yaml", FILE);
    let bootstrap = load(&source, &LoadOptions::default()).bootstrap.unwrap();
    let mut report = read_with(
        Some(&bootstrap),
        &["HTTP/1.1;10.0.0.7:80;UC;503;3", "HTTP/1.1;10.0.0.7:80;-;200;3", "HTTP/2;10.0.0.7:80;UC;503;3"],
    );
    assert_eq!(kinds(&report), ["2 requests to `app` ended in 503 UC app P412"]);
    // A probe that finds TLS behind the port says which of the causes of UC it was.
    let evidence = crate::Evidence::new(crate::EvidenceKind::Probe, said!("a", "a"), said!("b", "b"));
    let proven = crate::Finding::new(
        Cause::from(Reason::UpstreamSpeaksTls),
        Severity::Error,
        said!("10.0.0.7:80 speaks TLS", "10.0.0.7:80은 TLS입니다"),
        evidence,
    )
    .about(crate::Subject::cluster("app").endpoint("10.0.0.7:80"));
    report.findings.push(proven);
    settle(&mut report);
    let [settled] = &report.findings[..] else { panic!("{:?}", kinds(&report)) };
    assert_eq!((settled.cause.code(), settled.grade, settled.evidence.len()), ("S302", Grade::Proven, 2));
}

#[test]
fn what_is_no_access_log_is_said_to_be_none() {
    let report = read(&["hello", "world 500 miles"]);
    assert_eq!(report.exit_code(false), 3, "{:?}", report.checks);
}

#[test]
fn memory_does_not_grow_with_kinds() {
    let mut reader = Reader::new(None);
    for at in 0..3000 {
        reader.line(&format!("503 UF upstream_reset_before_response_started{{a_{at}}}"));
    }
    let mut report = Report::default();
    reader.finish("log", &mut report);
    assert!(
        report.findings.len() <= 20
            && report.checks.first().unwrap().words.en.contains("2980 requests, are not")
    );
}

#[test]
fn many_hosts_with_one_symptom_are_one_kind() {
    let line = |host: usize| {
        format!(
            r#"[2026-11-28T17:31:2{}.161Z] "GET /a HTTP/1.1" 503 UF 0 98 0 - "-" "c" "id" "a" "10.0.0.{host}:80""#,
            host % 10
        )
    };
    let read = |hosts: usize| {
        let lines: Vec<_> = (0..hosts).map(line).collect();
        read(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(read(3).findings.len(), 3);
    let report = read(12);
    let [finding] = &report.findings[..] else { panic!("{:?}", kinds(&report)) };
    assert_eq!((&*finding.title.en, &finding.subject.endpoint), ("12 requests ended in 503 UF", &None));
    let seen = &finding.evidence.first().unwrap().observed.en;
    assert!(seen.contains("first 2026-11-28T17:31:20.161Z, last 2026-11-28T17:31:29.161Z"), "{seen}");
    assert!(seen.contains("by host:") && seen.contains("… 4"), "{seen}");
}

/// Logs hold whatever clients send.
#[test]
fn no_line_is_too_strange_to_be_read() {
    const LINES: &[&str] = &[
        r#"[2026-11-28T17:31:26.161Z] "GET /a HTTP/1.1" 503 UF 0 98 0 - "-" "c" "id" "a:1" "10.0.0.1:80""#,
        r#"10.0.0.1:4 [20/Nov/2026:16:32:43.163] fe be/s1 0/0/0/-1/10001 504 198 - - sH-- 1/1/0/0/0 0/0 "GET / HTTP/1.1""#,
        r#"{"response_code":503,"response_flags":"UF","time":"2026-11-20T16:22:33.021Z","duration":1}"#,
        r#"time="2026-11-20T16:22:34Z" status=404 flags=NR path="/a b" dur=1 upstream_reset_{é"#,
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut reader = Reader::new(None);
    for _ in 0..4000 {
        let mut line: Vec<char> = LINES.get(random(LINES.len())).unwrap().chars().collect();
        for _ in 0..random(6) {
            if line.is_empty() {
                break;
            }
            let at = random(line.len());
            match random(3) {
                0 => drop(line.remove(at)),
                1 => {
                    line.insert(
                        at,
                        ['"', '[', '=', '/', ' ', '-', '{', 'é'].get(random(8)).copied().unwrap(),
                    );
                }
                _ => line.truncate(at.max(1)),
            }
        }
        reader.line(&line.iter().collect::<String>());
    }
    let mut report = Report::default();
    reader.finish("log", &mut report);
    assert!(!report.checks.is_empty());
}

#[test]
fn a_causeway_s_log_says_why_itself() {
    let report = read(&[
        r#"{"response_code": 503, "response_flags": "UF", "upstream_cluster": "app", "why_code": "T203"}"#,
        r#"{"response_code": 503, "response_flags": "UF", "upstream_cluster": "app", "why_code": "T201"}"#,
        r#"{"response_code": 503, "response_flags": null, "upstream_cluster": null, "why_code": "R609"}"#,
        r#"{"response_code": 301, "response_flags": null, "upstream_cluster": null, "why_code": "R609"}"#,
    ]);
    let mut known: Vec<_> = report.findings.iter().map(|one| (one.cause.code(), one.grade)).collect();
    known.sort_unstable_by_key(|(code, _)| *code);
    assert_eq!(known, [("R609", Grade::Proven), ("T201", Grade::Proven), ("T203", Grade::Proven)]);
}

#[test]
fn requests_without_a_route_are_told_apart_by_the_routes_there_are() {
    let file = "static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 127.0.0.1, port_value: 80}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          http_filters: [{name: router, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          route_config:
            virtual_hosts:
            - name: www
              domains: [www.example.test]
              routes:
              - {match: {prefix: /api, headers: [{name: ':method', string_match: {exact: PUT}}]}, direct_response: {status: 200}}
              - {match: {prefix: /own, headers: [{name: x-tenant, present_match: true}]}, direct_response: {status: 200}}
";
    let loaded = load(&Source::new("envoy.yaml", file), &LoadOptions::default());
    let bootstrap = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    for (request, host, code, grade) in [
        ("GET /api", "other.test", "R601", Grade::Proven),
        ("GET /api", "www.example.test:8443", "R602", Grade::Proven),
        ("GET /web?q=1", "www.example.test", "R603", Grade::Proven),
        ("GET /own", "www.example.test", "R603", Grade::Likely),
        ("OPTIONS /api", "www.example.test", "R615", Grade::Proven),
        ("OPTIONS /web", "www.example.test", "R603", Grade::Proven),
    ] {
        let line = format!(
            r#"[2026-11-28T17:31:26.161Z] "{request} HTTP/1.1" 404 NR 0 0 0 - "-" "curl/7.88.1" "id" "{host}" "-""#
        );
        let report = read_with(Some(&bootstrap), &[&line]);
        let finding = report.findings.first().unwrap();
        assert_eq!((finding.cause.code(), finding.grade), (code, grade), "{request} {host}");
    }
}

#[test]
fn a_counter_and_a_log_leave_what_both_allow() {
    let finding = |kind, of: &[Reason]| {
        let causes: Vec<_> = of.iter().copied().map(Cause::from).collect();
        let seen = crate::Evidence::new(kind, said!("seen", "seen"), said!("", ""));
        let finding = crate::Finding::new(*causes.first().unwrap(), Severity::Error, said!("", ""), seen)
            .about(crate::Subject::cluster("app"))
            .grade(Grade::Possible)
            .effect(crate::Effect { flags: "UR".to_owned(), ..crate::Effect::default() });
        crate::candidates::tell_apart(finding, &causes)
    };
    let (reset, refused, overflow) =
        (Reason::UpstreamStreamReset, Reason::UpstreamStreamRefused, Reason::UpstreamHeadOverflow);
    let counter = finding(crate::EvidenceKind::Admin, &[refused, reset]);
    let log = finding(crate::EvidenceKind::Log, &[reset, overflow]);
    let mut report = Report { findings: vec![counter, log], ..Report::default() };
    settle(&mut report);
    let [one] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!((one.cause, one.grade, one.evidence.len()), (reset.into(), Grade::Likely, 2));
    assert!(one.fixes.is_empty());
}
