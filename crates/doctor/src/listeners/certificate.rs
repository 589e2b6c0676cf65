//! Certificates that the proxy shows: to clients, and to back-ends that want one.

use std::sync::Arc;

use causeway_model::{
    Bootstrap, Cluster, CommonTls, DataSource, DownstreamSocket, FilterChain, TlsCertificate, UpstreamTls,
};
use causeway_reason::{Cause, Condition};
use causeway_tls::certificate::Facts;
use causeway_tls::client::ClientContext;
use causeway_tls::identity::Identity;
use causeway_tls::server::ServerContext;
use causeway_tls::verify::dns_name_matches;

use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject, under};
use crate::report::Report;
use crate::said;
use crate::selection::Selection;
use crate::time::date;
use crate::world::Verdict;

/// Who renews certificates by hand wants to know so many days before.
const SOON: i64 = 14;
const DAY: i64 = 24 * 60 * 60;

/// Whom a certificate is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Clients,
    BackEnds,
}

/// Checks the certificates of each listener and cluster.
pub(super) fn check(now: i64, bootstrap: &Bootstrap, selection: &Selection, report: &mut Report) {
    let told = report.findings.iter().any(|finding| finding.cause == Condition::CertificateUnusable.into());
    for listener in &bootstrap.listeners {
        let id = format!("listeners.{}.certificate", listener.name);
        let chains =
            listener.chains().filter(|chain| matches!(chain.transport_socket, DownstreamSocket::Tls(_)));
        let found: Vec<_> =
            chains.map(|chain| of_chain(now, chain, &Subject::listener(&listener.name), told)).collect();
        if !found.is_empty() && selection.takes(&id) {
            all(found).report(id, report);
        }
    }
    for cluster in &bootstrap.clusters {
        let id = format!("certificates.{}", cluster.name);
        let contexts = contexts(cluster).filter(|tls| !tls.common.certificates.is_empty());
        let found: Vec<_> =
            contexts.map(|tls| of_context(now, tls, &Subject::cluster(&cluster.name), told)).collect();
        if !found.is_empty() && selection.takes(&id) {
            all(found).report(id, report);
        }
    }
}

/// Files that hold certificates, keys and authorities.
pub(crate) fn files(bootstrap: &Bootstrap) -> Vec<String> {
    let of_listeners =
        bootstrap.listeners.iter().flat_map(|listener| listener.chains()).filter_map(|chain| {
            match &chain.transport_socket {
                DownstreamSocket::Tls(tls) => Some(&tls.common),
                DownstreamSocket::RawBuffer => None,
            }
        });
    let of_clusters = bootstrap.clusters.iter().flat_map(|cluster| contexts(cluster)).map(|tls| &tls.common);
    let sources = of_listeners.chain(of_clusters).flat_map(|common| {
        let certificates = written(common).flat_map(|c| [c.chain.clone(), c.private_key.clone()]);
        let trusted = common.validation.as_ref().and_then(|v| v.merged()).and_then(|v| v.trusted_ca);
        certificates.flatten().chain(trusted).collect::<Vec<_>>()
    });
    let mut files: Vec<_> = sources
        .filter_map(|source| match source {
            DataSource::File(path) => Some(path.to_string()),
            DataSource::Inline(_) => None,
        })
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Its TLS towards endpoints, whatever chooses among several.
fn contexts(cluster: &Cluster) -> impl Iterator<Item = &Arc<UpstreamTls>> {
    let sockets = cluster.transport_socket_matches.iter().map(|several| &several.socket);
    sockets.chain([&cluster.transport_socket]).filter_map(|socket| socket.tls.as_ref())
}

/// Certificates that are there.
fn written(common: &CommonTls) -> impl Iterator<Item = &Arc<TlsCertificate>> {
    common.certificates.iter().filter_map(|secret| secret.value.as_ref())
}

/// One verdict of several: all findings, or the last words.
fn all(verdicts: Vec<Verdict>) -> Verdict {
    let mut findings = Vec::new();
    let mut rest = None;
    for verdict in verdicts {
        match verdict {
            Verdict::Failed(found) => findings.extend(found),
            Verdict::Inconclusive(_) => rest = Some(verdict),
            Verdict::Passed(_) => rest = rest.or(Some(verdict)),
        }
    }
    if findings.is_empty() {
        rest.unwrap_or_else(|| Verdict::Passed(said!("", "")))
    } else {
        Verdict::Failed(findings)
    }
}

fn of_chain(now: i64, chain: &FilterChain, subject: &Subject, told: bool) -> Verdict {
    let DownstreamSocket::Tls(tls) = &chain.transport_socket else { return Verdict::Passed(said!("", "")) };
    if let Err(error) = ServerContext::new(tls) {
        return unusable(&tls.common, subject, &error.to_string(), told);
    }
    let identities: Vec<_> = read(&tls.common);
    let mut findings = dates(now, &identities, subject, To::Clients);
    findings.extend(
        identities.iter().filter_map(|(certificate, identity)| order(certificate, identity, subject)),
    );
    findings.extend(names(chain, &identities, subject));
    verdict(now, &identities, findings)
}

fn of_context(now: i64, tls: &Arc<UpstreamTls>, subject: &Subject, told: bool) -> Verdict {
    if let Err(error) = ClientContext::new(tls) {
        return unusable(&tls.common, subject, &error.to_string(), told);
    }
    let identities: Vec<_> = read(&tls.common);
    let findings = dates(now, &identities, subject, To::BackEnds);
    verdict(now, &identities, findings)
}

type Shown<'a> = (&'a TlsCertificate, Identity);

fn read(common: &CommonTls) -> Vec<Shown<'_>> {
    written(common)
        .filter_map(|certificate| Some((&**certificate, Identity::load(certificate).ok()?)))
        .collect()
}

fn verdict(now: i64, identities: &[Shown<'_>], findings: Vec<Finding>) -> Verdict {
    if !findings.is_empty() {
        return Verdict::Failed(findings);
    }
    let first = identities.iter().map(|(_, identity)| identity.expires()).min();
    Verdict::Passed(match first {
        Some(until) => {
            let days = (until - now) / DAY;
            said!("valid for {days} days", "{days}일 유효")
        }
        None => said!("discovered while it runs", "실행 중에 받음"),
    })
}

fn unusable(common: &CommonTls, subject: &Subject, error: &str, told: bool) -> Verdict {
    if told {
        return Verdict::Inconclusive(said!(
            "a file of its certificates is not as it should be, see `config`",
            "인증서 파일에 문제가 있습니다. `config` 항목을 보세요"
        ));
    }
    let title = said!("its certificates can't be used: {error}", "인증서를 사용할 수 없습니다: {error}");
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("read as the proxy does", "프록시와 같은 방식으로 읽음"),
        said!("{error}", "{error}"),
    );
    let words = said!("Envoy does not start with it", "Envoy가 이 설정으로 시작하지 않습니다");
    let finding = Finding::new(Condition::CertificateUnusable, Severity::Error, title, seen)
        .about(subject.clone())
        .at(under(&common.position, ""), said!("this TLS", "이 TLS"))
        .effect(Effect { words: Some(words), ..Effect::default() });
    Verdict::Failed(vec![finding])
}

/// When they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Good,
    NotYet,
    Over,
    /// It is over in so many days.
    Soon(i64),
}

impl Time {
    const fn of(now: i64, facts: &Facts) -> Self {
        if now < facts.not_before {
            Self::NotYet
        } else if now > facts.not_after {
            Self::Over
        } else if facts.not_after - now < SOON * DAY {
            Self::Soon((facts.not_after - now) / DAY)
        } else {
            Self::Good
        }
    }
}

/// Of each identity the first certificate that is not valid, or not for long.
fn dates(now: i64, identities: &[Shown<'_>], subject: &Subject, to: To) -> Vec<Finding> {
    let found = identities.iter().filter_map(|(certificate, identity)| {
        let times = identity.facts.iter().map(|facts| (facts, Time::of(now, facts)));
        let mut bad: Vec<_> = times.filter(|(_, time)| *time != Time::Good).collect();
        bad.sort_by_key(|(_, time)| matches!(time, Time::Soon(_)));
        let (facts, time) = bad.into_iter().next()?;
        Some(
            date_finding(certificate, &identity.path, facts, time, to)
                .about(Subject { file: Some(identity.path.clone()), ..subject.clone() }),
        )
    });
    found.collect()
}

fn date_finding(certificate: &TlsCertificate, path: &str, facts: &Facts, time: Time, to: To) -> Finding {
    let (from, until, name) = (date(facts.not_before), date(facts.not_after), &facts.subject);
    let cause: Cause = match (time, to) {
        (Time::Soon(_), _) => Condition::CertificateExpiresSoon.into(),
        (Time::Over, To::BackEnds) => Condition::ClientCertificateExpired.into(),
        (Time::Good | Time::NotYet | Time::Over, _) => Condition::CertificateUnusable.into(),
    };
    let (title, severity) = match time {
        Time::Soon(0) => (
            said!("the certificate of {name} expires today", "{name}의 인증서가 오늘 만료됩니다"),
            Severity::Warning,
        ),
        Time::Soon(days) => (
            said!(
                "the certificate of {name} expires in {days} days",
                "{name}의 인증서가 {days}일 뒤 만료됩니다"
            ),
            Severity::Warning,
        ),
        Time::NotYet => (
            said!(
                "the certificate of {name} is not valid before {from}",
                "{name}의 인증서는 {from} 전에는 유효하지 않습니다"
            ),
            Severity::Error,
        ),
        Time::Over | Time::Good => (
            said!(
                "the certificate of {name} expired on {until}",
                "{name}의 인증서가 {until}에 만료되었습니다"
            ),
            Severity::Error,
        ),
    };
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("dates in {path}", "{path}의 유효 기간"),
        said!("{from} to {until}", "{from} ~ {until}"),
    );
    let seen = if path.starts_with('<') {
        seen
    } else {
        seen.command(format!("openssl x509 -noout -subject -dates -in {path}"))
    };
    let effect = match (time, to) {
        (Time::Soon(_) | Time::Good, _) => None,
        (_, To::Clients) => Some(Effect {
            status: Some(0),
            words: Some(said!("clients refuse the handshake", "클라이언트가 핸드셰이크를 거부합니다")),
            ..Effect::default()
        }),
        (_, To::BackEnds) => Some(Effect {
            status: Some(503),
            flags: "UF".to_owned(),
            details: "SSLV3_ALERT_CERTIFICATE_EXPIRED".to_owned(),
            words: Some(said!(
                "from TLS 1.3 on it may be UC without a reason",
                "TLS 1.3에서는 사유 없는 UC일 수 있습니다"
            )),
        }),
    };
    let mut finding = Finding::new(cause, severity, title, seen)
        .at(under(&certificate.position, "certificate_chain"), said!("this certificate", "이 인증서"));
    finding.effect = effect;
    finding
}

/// Certificates above the first that do not lead up from it.
fn order(certificate: &TlsCertificate, identity: &Identity, subject: &Subject) -> Option<Finding> {
    let pairs = identity.facts.iter().zip(identity.facts.iter().skip(1));
    let (below, above) = pairs.into_iter().find(|(below, above)| below.issuer != above.subject)?;
    let (path, issuer, next) = (&identity.path, &below.issuer, &above.subject);
    let title = said!(
        "the certificates in {path} do not lead up from one to the next",
        "{path}의 인증서들이 순서대로 이어지지 않습니다"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("chain in {path}", "{path}의 체인"),
        said!(
            "issued by {issuer}, but the next one is that of {next}",
            "발급자는 {issuer}인데 다음 인증서는 {next}의 것입니다"
        ),
    );
    Some(
        Finding::new(Condition::CertificateUnusable, Severity::Warning, title, seen)
            .about(Subject { file: Some(path.clone()), ..subject.clone() })
            .at(under(&certificate.position, "certificate_chain"), said!("this chain", "이 체인"))
            .effect(Effect {
                words: Some(said!(
                    "strict clients refuse the handshake",
                    "엄격한 클라이언트는 핸드셰이크를 거부합니다"
                )),
                ..Effect::default()
            }),
    )
}

/// Names for which the chain is chosen and that none of its certificates bears.
fn names(chain: &FilterChain, identities: &[Shown<'_>], subject: &Subject) -> Option<Finding> {
    let borne: Vec<String> = identities.iter().flat_map(|(_, identity)| identity.server_names()).collect();
    let covered = |wanted: &str| match wanted.strip_prefix('.') {
        Some(rest) => borne.iter().any(|name| name.strip_prefix("*.") == Some(rest)),
        None => borne.iter().any(|name| dns_name_matches(wanted, name)),
    };
    let shown = |name: &str| if name.starts_with('.') { format!("*{name}") } else { name.to_owned() };
    let missing: Vec<_> =
        chain.matcher.server_names.iter().filter(|name| !covered(name)).map(|name| shown(name)).collect();
    if missing.is_empty() || identities.is_empty() {
        return None;
    }
    let (missing, has) = (missing.join(", "), borne.join(", "));
    let title = said!(
        "clients that ask for {missing} are shown a certificate for other names",
        "{missing}을(를) 요청한 클라이언트가 다른 이름의 인증서를 받습니다"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("names in the certificates of this chain", "이 필터 체인 인증서의 이름"),
        said!("{has}", "{has}"),
    );
    Some(
        Finding::new(Condition::CertificateUnusable, Severity::Warning, title, seen)
            .grade(Grade::Proven)
            .about(subject.clone())
            .at(under(&chain.position, "filter_chain_match.server_names"), said!("these names", "이 이름들"))
            .effect(Effect {
                words: Some(said!(
                    "clients that verify refuse the handshake",
                    "검증하는 클라이언트는 핸드셰이크를 거부합니다"
                )),
                ..Effect::default()
            }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(not_before: i64, not_after: i64) -> Facts {
        Facts {
            subject: "CN=a".into(),
            common_name: None,
            issuer: "CN=b".into(),
            serial: "1".into(),
            names: Vec::new(),
            not_before,
            not_after,
        }
    }

    #[test]
    fn a_certificate_is_valid_between_its_dates_and_needs_two_weeks() {
        let time = |now| Time::of(now, &facts(10 * DAY, 100 * DAY));
        assert_eq!(time(9 * DAY), Time::NotYet);
        assert_eq!(time(50 * DAY), Time::Good);
        assert_eq!(time(87 * DAY), Time::Soon(13));
        assert_eq!(time(100 * DAY), Time::Soon(0));
        assert_eq!(time(101 * DAY), Time::Over);
    }

    #[test]
    fn who_is_shown_an_expired_certificate_decides_what_it_is_called() {
        let certificate = TlsCertificate {
            position: causeway_model::SourcePosition::default(),
            chain: None,
            private_key: None,
            password: None,
            ocsp_staple: None,
            watched_directory: None,
        };
        let code = |time, to| date_finding(&certificate, "a.pem", &facts(0, DAY), time, to).cause.code();
        assert_eq!(code(Time::Over, To::Clients), "K919");
        assert_eq!(code(Time::Over, To::BackEnds), "S308");
        assert_eq!(code(Time::NotYet, To::Clients), "K919");
        assert_eq!(code(Time::Soon(3), To::Clients), "S316");
    }
}
