//! What was concluded, as findings of a report.

use causeway_envoy::Spot;
use causeway_model::{Cluster, ClusterType, HealthChecker, HttpHealthCheck};
use causeway_reason::{Cause, Condition, Reason};

use super::dns::{Answered, Name, Wrong};
use super::endpoint::{Diagnosis, Observations, Remedy};
use super::plan::{self, Target};
use super::words;
use crate::finding::{Edit, Effect, Evidence, EvidenceKind, Finding, Fix, Severity, Subject, under};
use crate::http_options;
use crate::said;
use crate::said::Said;

/// A finding about an endpoint.
pub(super) fn of_endpoint(target: &Target, seen: &Observations, diagnosis: &Diagnosis) -> Finding {
    let name = &target.cluster.name;
    let label = target.label();
    let sentence = sentence(diagnosis.cause);
    let title = Said::new(
        format!("`{name}` at {label}: {}", lower(&sentence.en)),
        format!("`{name}`의 {label}: {}", sentence.ko),
    );
    let mut evidence = diagnosis
        .trials
        .iter()
        .filter_map(|at| seen.trials.get(*at))
        .map(|(trial, seen)| words::evidence(target, trial, seen))
        .chain(
            diagnosis
                .facts
                .iter()
                .map(|fact| Evidence::new(EvidenceKind::Host, Said::plain(""), fact.clone())),
        );
    let first = evidence.next().unwrap_or_else(|| Evidence::file(sentence.clone()));
    let mut finding = Finding::new(diagnosis.cause, diagnosis.severity, title, first).grade(diagnosis.grade);
    finding.evidence.extend(evidence);
    finding.ruled_out.clone_from(&diagnosis.ruled_out);
    let (spot, text) = spot(target, diagnosis);
    finding = finding.about(Subject::cluster(name).endpoint(&target.address)).at(spot, text);
    finding.effect = effect(target, diagnosis);
    for remedy in &diagnosis.remedies {
        finding = finding.fix(fix(target, diagnosis, remedy));
    }
    finding
}

/// A finding about a name.
pub(super) fn of_name(target: &NameOf<'_>, name: &Name, answers: &[Answered], wrong: &Wrong) -> Finding {
    let (cluster, host) = (&target.cluster.name, &name.name);
    let sentence = sentence(wrong.cause);
    let title = match wrong.server {
        Some(server) => Said::new(
            format!("name server {server}, asked for {host}: {}", lower(&sentence.en)),
            format!("네임 서버 {server} ({host} 질의): {}", sentence.ko),
        ),
        None => Said::new(
            format!("`{cluster}`: {host}: {}", lower(&sentence.en)),
            format!("`{cluster}`의 {host}: {}", sentence.ko),
        ),
    };
    let of_server = |answer: &&Answered| wrong.server.is_none_or(|server| answer.server == server);
    let mut evidence = answers.iter().filter(of_server).map(|answer| words::of_answer(name, answer)).chain(
        wrong.facts.iter().map(|fact| Evidence::new(EvidenceKind::Dns, Said::plain(""), fact.clone())),
    );
    let first = evidence.next().unwrap_or_else(|| Evidence::file(sentence.clone()));
    let mut finding = Finding::new(wrong.cause, wrong.severity, title, first).grade(wrong.grade);
    finding.evidence.extend(evidence);
    finding.subject = Subject::cluster(cluster).endpoint(host);
    let field = match wrong.cause {
        Cause::Reason(Reason::DnsNoAddress) => under(&target.cluster.position, "dns_lookup_family"),
        Cause::Condition(Condition::LogicalDnsUsesOne) => under(&target.cluster.position, "type"),
        Cause::Condition(Condition::ResolverMissed) => {
            under(&target.cluster.position, "typed_dns_resolver_config")
        }
        _ => under(target.position, "endpoint.address.socket_address.address"),
    };
    finding = finding.at(field, Said::plain(""));
    if let Some(met) = &wrong.met {
        finding.effect = Some(met_by(met));
    }
    for remedy in &wrong.remedies {
        if let Remedy::LookupFamily(family) = remedy {
            finding = finding.fix(lookup_family(&target.cluster.position, family));
        }
    }
    finding
}

/// A cluster that has nobody to send requests to, whatever the network does.
pub(super) fn without_hosts(cluster: &Cluster) -> Option<Finding> {
    if matches!(cluster.kind, ClusterType::Aggregate(_) | ClusterType::OriginalDst(_)) {
        return None;
    }
    let count = plan::endpoints(cluster).count();
    let reason = match count {
        0 => Reason::NoEndpoints,
        _ if plan::endpoints(cluster).any(plan::is_used) => return None,
        _ => Reason::EndpointDisabled,
    };
    let name = &cluster.name;
    let sentence = sentence(reason.into());
    let title = Said::new(format!("`{name}`: {}", lower(&sentence.en)), format!("`{name}`: {}", sentence.ko));
    let evidence = Evidence::file(said!(
        "{count} endpoints, none of which may be used",
        "엔드포인트 {count}개, 사용할 수 있는 것 없음"
    ));
    let met = causeway_reason::Failure::no_host_left(reason);
    Some(
        Finding::new(reason, Severity::Error, title, evidence)
            .about(Subject::cluster(name))
            .at(under(&cluster.position, "load_assignment"), Said::plain(""))
            .effect(met_by(&met)),
    )
}

/// Whose name it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameOf<'a> {
    /// The cluster.
    pub(super) cluster: &'a Cluster,
    /// Where the endpoint is written.
    pub(super) position: &'a causeway_model::SourcePosition,
}

/// The catalogue's sentence without its full stop.
fn sentence(cause: Cause) -> Said {
    let text = cause.sentence();
    Said::new(text.en.trim_end_matches('.'), text.ko.trim_end_matches('.'))
}

/// With a small letter at its beginning, unless it begins with a name.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_ascii_uppercase() && !second.is_ascii_uppercase() => {
            first.to_ascii_lowercase().to_string() + letters.as_str()
        }
        _ => text.to_owned(),
    }
}

fn met_by(failure: &causeway_reason::Failure) -> Effect {
    let answer = failure.answer();
    Effect {
        status: Some(answer.status),
        flags: failure.flag().map_or_else(|| "-".to_owned(), |flag| flag.short().to_owned()),
        details: failure.details().to_string(),
        words: None,
    }
}

fn effect(target: &Target, diagnosis: &Diagnosis) -> Option<Effect> {
    let met = diagnosis.met.as_ref()?;
    let mut effect = match met.reason {
        // The back-end's own answer goes through.
        Reason::UpstreamStatus => Effect { details: "via_upstream".to_owned(), ..Effect::default() },
        _ => met_by(met),
    };
    if diagnosis.check.is_some() && target.cluster.healthy_panic_threshold > 0.0 {
        let threshold = target.cluster.healthy_panic_threshold;
        effect.words = Some(said!(
            "while fewer than {threshold} % of the hosts are healthy, requests are sent to all of them whatever the checks say (healthy_panic_threshold)",
            "정상 호스트가 {threshold} % 미만이면 체크 결과와 관계없이 모든 호스트로 요청을 보냅니다(healthy_panic_threshold)"
        ));
    }
    Some(effect)
}

fn spot(target: &Target, diagnosis: &Diagnosis) -> (Spot, Said) {
    let cluster = &target.cluster.position;
    let of_cluster = |field: &str| under(cluster, field);
    if let Some(check) = diagnosis.check.and_then(|index| target.check(index)) {
        let field = match diagnosis.cause {
            Cause::Reason(Reason::HealthCheckTimeout) => "timeout",
            _ if matches!(check.checker, HealthChecker::Tcp(_)) => "tcp_health_check",
            _ if matches!(check.checker, HealthChecker::Grpc(_)) => "grpc_health_check",
            Cause::Condition(Condition::HealthCheckHost) => "http_health_check.host",
            Cause::Condition(Condition::HealthCheckMethod) => "http_health_check.method",
            _ => "http_health_check.path",
        };
        return (under(&check.position, field), Said::plain(""));
    }
    let letter = diagnosis.cause.code().chars().next();
    let spot = match (letter, diagnosis.cause) {
        (_, Cause::Condition(Condition::Ipv6Chosen)) => of_cluster("dns_lookup_family"),
        (_, Cause::Condition(Condition::ConnectTimeoutTooShort)) => of_cluster("connect_timeout"),
        (_, Cause::Reason(Reason::SourceBindFailed)) => of_cluster("upstream_bind_config"),
        (_, Cause::Reason(Reason::UpstreamTlsServerName)) => of_cluster(&tls_field(target, "sni")),
        (Some('S'), _) => of_cluster("transport_socket"),
        (_, Cause::Condition(Condition::KeepaliveTooLong)) => {
            http_options::common(&target.cluster, "idle_timeout")
        }
        (_, Cause::Condition(Condition::ProxyHeaderWanted | Condition::ProxyHeaderUnwanted)) => {
            of_cluster("transport_socket")
        }
        (_, Cause::Reason(Reason::UpstreamSpeaksHttp1 | Reason::UpstreamSpeaksHttp2)) => {
            http_options::spot(&target.cluster)
        }
        (_, Cause::Reason(Reason::SocketPathMissing)) => {
            under(&target.endpoint.position, "endpoint.address.pipe.path")
        }
        (Some('T'), _) => under(&target.endpoint.position, "endpoint.address.socket_address.port_value"),
        _ => under(&target.endpoint.position, "endpoint.address"),
    };
    (spot, Said::plain(""))
}

/// The path of a field of the TLS context, below the cluster.
fn tls_field(target: &Target, field: &str) -> String {
    let wrapper = if target.header.is_some() { "typed_config.transport_socket." } else { "" };
    format!("transport_socket.{wrapper}typed_config.{field}")
}

fn lookup_family(cluster: &causeway_model::SourcePosition, family: &str) -> Fix {
    Fix::set(
        said!(
            "take the addresses that there are: `{family}`",
            "실제로 있는 주소 체계를 사용하십시오: `{family}`"
        ),
        under(cluster, "dns_lookup_family"),
        family,
    )
}

fn fix(target: &Target, diagnosis: &Diagnosis, remedy: &Remedy) -> Fix {
    let cluster = &target.cluster.position;
    let of_check = |field: &str| {
        let check = diagnosis.check.and_then(|index| target.check(index));
        check.map_or_else(|| under(cluster, "health_checks"), |check| under(&check.position, field))
    };
    match remedy {
        Remedy::RemoveTls => Fix {
            what: said!("send requests in clear: remove the cluster's TLS", "평문으로 보내십시오. 클러스터의 TLS를 제거하면 됩니다"),
            edits: vec![Edit { spot: under(cluster, "transport_socket"), field: String::new(), value: None }],
            machine_applicable: target.header.is_none(),
        },
        Remedy::AddTls(name) => {
            let sni = name.as_ref().map_or_else(String::new, |name| format!(", sni: {name}"));
            Fix::set(
                said!("speak TLS (and say whom to trust in a validation_context)", "TLS를 사용하십시오(validation_context에 신뢰할 CA도 지정)"),
                under(cluster, "transport_socket"),
                format!(
                    "{{name: envoy.transport_sockets.tls, typed_config: {{\"@type\": \
                     type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext{sni}}}}}"
                ),
            )
            .to_be_considered()
        }
        Remedy::ServerName(name) => Fix::set(
            said!("ask for the name that the back-end knows: {name}", "백엔드가 아는 이름으로 요청하십시오: {name}"),
            under(cluster, &tls_field(target, "sni")),
            name.clone(),
        ),
        Remedy::AllowTls13 => Fix::set(
            said!("allow TLS 1.3, which Envoy does not towards back-ends unless it is told", "TLS 1.3을 허용하십시오. Envoy는 백엔드 쪽에서 기본으로 1.2까지만 씁니다"),
            under(cluster, &tls_field(target, "common_tls_context.tls_params.tls_maximum_protocol_version")),
            "TLSv1_3",
        ),
        Remedy::LookupFamily(family) => lookup_family(cluster, family),
        Remedy::ConnectTimeout(millis) => Fix::set(
            said!("give connections more time", "연결에 더 긴 시간을 주십시오"),
            under(cluster, "connect_timeout"),
            seconds(*millis),
        ),
        Remedy::IdleTimeout(millis) => http_options::set_common(
            said!("close idle connections before the back-end does, after {}, or retry on `reset-before-request`", "백엔드보다 먼저, {} 뒤에 유휴 연결을 닫거나 `reset-before-request`로 재시도하십시오", seconds(*millis)),
            &target.cluster,
            "idle_timeout",
            &seconds(*millis),
        )
        .to_be_considered(),
        Remedy::HeadersCount(count) => http_options::set_common(
            said!(
                "have the back-end send fewer fields, or allow more of them",
                "백엔드가 헤더를 덜 보내게 하거나 더 많이 허용하십시오"
            ),
            &target.cluster,
            "max_headers_count",
            &count.to_string(),
        )
        .to_be_considered(),
        Remedy::HeadersSize(kilobytes) => http_options::set_common(
            said!(
                "have the back-end send less in its head (cookies, mostly), or allow more",
                "백엔드가 보내는 헤더(대개 쿠키)를 줄이거나 더 크게 허용하십시오"
            ),
            &target.cluster,
            "max_response_headers_kb",
            &kilobytes.to_string(),
        )
        .to_be_considered(),
        Remedy::SpeakHttp1 => http_options::speak_http1(
            said!("speak HTTP/1.1 with it", "HTTP/1.1을 사용하십시오"),
            &target.cluster,
        )
        .to_be_considered(),
        Remedy::SpeakHttp2 => {
            http_options::speak_http2(said!("speak HTTP/2 with it", "HTTP/2를 사용하십시오"), &target.cluster)
        }
        Remedy::CheckPath(path) => {
            let fix = Fix::set(
                said!("check the path that passes: {path}", "통과하는 경로로 체크하십시오: {path}"),
                of_check("http_health_check.path"),
                format!("\"{path}\""),
            );
            let own = diagnosis.check.and_then(|index| target.check(index)).map(|check| &check.checker);
            let is_same = |http: &HttpHealthCheck| http.path.trim_end_matches('/') == path.trim_end_matches('/');
            // A page that a redirect leads to, such as a login, may say little about the health of what is behind it.
            if matches!(own, Some(HealthChecker::Http(http)) if is_same(http)) { fix } else { fix.to_be_considered() }
        }
        Remedy::CheckHost(host) => Fix::set(
            said!("check with the Host that the back-end knows: {host}", "백엔드가 아는 Host로 체크하십시오: {host}"),
            of_check("http_health_check.host"),
            host.clone(),
        ),
        Remedy::CheckStatuses(start, end) => Fix::set(
            said!("take such an answer for healthy: {start} up to before {end} (it proves no more than that something answers)", "이런 응답도 정상으로 보십시오: {start} 이상 {end} 미만(무언가 응답한다는 것만 증명합니다)"),
            of_check("http_health_check.expected_statuses"),
            format!("[{{start: {start}, end: {end}}}]"),
        )
        .to_be_considered(),
        Remedy::CheckByGet => Fix::set(
            said!("check with GET", "GET으로 체크하십시오"),
            of_check("http_health_check.method"),
            "GET",
        ),
        Remedy::CheckTimeout(millis) => Fix::set(
            said!("wait longer for the answer, and find out why it takes that long", "응답을 더 오래 기다리고, 왜 느린지도 확인하십시오"),
            of_check("timeout"),
            seconds(*millis),
        )
        .to_be_considered(),
        Remedy::Host(host) => Fix::manual(said!(
            "send the Host that the back-end knows: `host_rewrite_literal: {host}` in the route, or `auto_host_rewrite: true`",
            "백엔드가 아는 Host를 보내십시오. 라우트에 `host_rewrite_literal: {host}` 또는 `auto_host_rewrite: true`를 지정합니다"
        )),
        Remedy::Words(words) => Fix::manual(words.clone()),
    }
}

/// `0.5s`
fn seconds(millis: u64) -> String {
    if millis.is_multiple_of(1000) {
        format!("{}s", millis / 1000)
    } else {
        format!("{}.{:03}s", millis / 1000, millis % 1000).replace("00s", "s")
    }
}

#[cfg(test)]
mod tests {
    use causeway_envoy::LoadOptions;

    use super::*;
    use crate::probe::testing;
    use crate::report::Report;

    const TLS: &str = ", transport_socket: {name: tls, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: www.example.test}}";
    const H2: &str = ", http2_protocol_options: {}";
    const OPTIONS: &str = ", typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}";
    const CHECK: &str = ", health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /health, method: HEAD}}]";

    #[test]
    fn everything_that_is_proposed_loads() {
        let name = || "www.example.test".to_owned();
        let everywhere = [
            Remedy::AddTls(None),
            Remedy::AddTls(Some(name())),
            Remedy::LookupFamily("V4_ONLY"),
            Remedy::ConnectTimeout(2500),
            Remedy::IdleTimeout(4),
            Remedy::HeadersCount(200),
            Remedy::HeadersSize(160),
            Remedy::SpeakHttp2,
        ];
        let with_tls = [Remedy::RemoveTls, Remedy::ServerName(name()), Remedy::AllowTls13];
        let with_check = [
            Remedy::CheckPath("/health/".to_owned()),
            Remedy::CheckHost(name()),
            Remedy::CheckStatuses(200, 400),
            Remedy::CheckByGet,
            Remedy::CheckTimeout(1500),
        ];
        for fields in ["", TLS, H2, OPTIONS, CHECK] {
            let own: &[Remedy] = match fields {
                TLS => &with_tls,
                H2 | OPTIONS => &[Remedy::SpeakHttp1],
                CHECK => &with_check,
                _ => &[],
            };
            for remedy in own.iter().chain(&everywhere) {
                let target = testing::target(fields);
                let mut diagnosis = Diagnosis::for_test(remedy.clone());
                diagnosis.check = own.contains(remedy).then_some(0).filter(|_| fields == CHECK);
                let finding = of_endpoint(&target, &Observations::default(), &diagnosis);
                let mut report = Report { findings: vec![finding], ..Report::default() };
                report.locate(&testing::file(fields), &LoadOptions::default());
                assert_eq!(report.patches.len(), 1, "{remedy:?}: {fields}");
            }
        }
    }
}
