//! What the stats socket says of the process, its name servers and the last answer that was broken.

use causeway_reason::{Cause, Condition, Reason};

use super::state::Observed;
use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::foreign::disk::{on_disk, same_serial};
use crate::report::Report;
use crate::said;
use crate::said::Said;

pub(super) fn process(observed: &Observed, report: &mut Report) {
    let value = |name: &str| observed.info.get(name).map_or("", String::as_str);
    let number = |name: &str| value(name).parse::<u64>().unwrap_or(0);
    if observed.info.is_empty() {
        return;
    }
    let (current, most) = (number("CurrConns"), number("Maxconn"));
    let version = value("Version");
    let mut found = Vec::new();
    if most > 0 && current * 10 >= most * 9 {
        found.push(
            Finding::new(
                Condition::GlobalConnectionLimit,
                if current >= most { Severity::Error } else { Severity::Warning },
                said!(
                    "{current} of {most} connections are in use: beyond that nobody is accepted",
                    "연결 {most}개 중 {current}개를 쓰고 있습니다. 넘으면 새 연결을 받지 않습니다"
                ),
                Evidence::new(
                    EvidenceKind::Admin,
                    Said::plain("show info"),
                    Said::plain(format!(
                        "CurrConns {current}, Maxconn {most}, Ulimit-n {}",
                        value("Ulimit-n")
                    )),
                ),
            )
            .fix(Fix::manual(said!(
                "raise `maxconn` in global, and the limit of descriptors (ulimit -n) with it",
                "global의 `maxconn`과 파일 디스크립터 한도(ulimit -n)를 함께 올리십시오"
            ))),
        );
    }
    if value("Stopping") == "1" {
        found.push(Finding::new(
            Reason::DrainDeadline,
            Severity::Warning,
            said!(
                "this process is stopping: a newer one has taken over",
                "이 프로세스는 종료 중이고 새 프로세스가 대신합니다"
            ),
            Evidence::new(EvidenceKind::Admin, Said::plain("show info"), Said::plain("Stopping: 1")),
        ));
    }
    if found.is_empty() {
        let uptime = value("Uptime");
        report.passed("haproxy.process", Said::plain(format!("HAProxy {version} {uptime} {current}/{most}")));
    } else {
        report.failed("haproxy.process", found);
    }
}

/// Name servers that never answered.
pub(super) fn resolvers(observed: &Observed, report: &mut Report) {
    let mut section = "";
    let mut server = "";
    let mut sent = 0_u64;
    let mut found = Vec::new();
    let mut answers = 0_u64;
    let mut end = |section: &str, server: &str, sent: u64, answers: u64| {
        if sent > 2 && answers == 0 && !server.is_empty() {
            found.push(
                Finding::new(
                    Reason::DnsTimeout,
                    Severity::Error,
                    said!(
                        "name server {server} of resolvers `{section}` has not answered one of {sent} questions",
                        "resolvers `{section}`의 네임 서버 {server}가 질의 {sent}건에 한 번도 응답하지 않았습니다"
                    ),
                    Evidence::new(
                        EvidenceKind::Admin,
                        Said::plain("show resolvers"),
                        Said::plain(format!("{section}/{server}: sent {sent}, answered 0")),
                    ),
                )
                .fix(Fix::manual(said!(
                    "correct the address of the nameserver line; in Docker it is 127.0.0.11:53",
                    "nameserver 줄의 주소를 고치십시오. Docker에서는 127.0.0.11:53입니다"
                ))),
            );
        }
    };
    for line in observed.resolvers.lines() {
        if let Some(name) = line.strip_prefix("Resolvers section ") {
            end(section, server, sent, answers);
            (section, server, sent, answers) = (name, "", 0, 0);
        } else if let Some(name) = line.trim().strip_prefix("nameserver ") {
            end(section, server, sent, answers);
            (server, sent, answers) = (name.trim_end_matches(':'), 0, 0);
        } else if let Some((name, value)) = line.trim().split_once(':') {
            let value: u64 = value.trim().parse().unwrap_or(0);
            match name {
                "sent" => sent = value,
                "valid" | "update" | "nx" | "refused" | "other" | "any_err" | "truncated" | "too_big" => {
                    answers += value;
                }
                _ => {}
            }
        }
    }
    end(section, server, sent, answers);
    if !observed.resolvers.is_empty() && found.is_empty() {
        report.passed("haproxy.resolvers", said!("", ""));
    } else {
        report.failed("haproxy.resolvers", found);
    }
}

/// The last answer that was no HTTP, with its bytes.
pub(super) fn errors(observed: &Observed, report: &mut Report) {
    /// Bytes of it that are shown.
    const SHOWN: usize = 200;
    let text = &observed.errors;
    let Some(at) = text.find("invalid response") else { return };
    let first = text.lines().find(|line| line.contains("invalid response")).unwrap_or_default().trim();
    let behind = text.get(at..).unwrap_or_default();
    let raw = behind.lines().find(|line| line.trim_start().starts_with("00000"));
    let raw: String = raw.unwrap_or_default().trim().chars().take(SHOWN).collect();
    let causes: &[Cause] = if behind.contains("HTTP/1.") {
        &[
            Cause::Reason(Reason::UpstreamHeadersTooLarge),
            Cause::Reason(Reason::UpstreamHeaderMalformed),
            Cause::Reason(Reason::UpstreamFraming),
        ]
    } else {
        &[
            Cause::Reason(Reason::UpstreamNotHttp),
            Cause::Reason(Reason::UpstreamSpeaksTls),
            Cause::Reason(Reason::UpstreamSpeaksHttp2),
        ]
    };
    let cause = causes.first().copied().unwrap_or(Cause::Reason(Reason::UpstreamNotHttp));
    let finding = Finding::new(
        cause,
        Severity::Warning,
        said!("an answer of a server was no valid HTTP", "서버의 응답이 올바른 HTTP가 아니었습니다"),
        Evidence::new(EvidenceKind::Admin, Said::plain("show errors"), Said::plain(first)),
    )
    .and(Evidence::new(EvidenceKind::Admin, Said::plain("show errors"), Said::plain(raw)))
    .grade(Grade::Possible)
    .effect(Effect { status: Some(502), details: "PH--".to_owned(), ..Effect::default() });
    report.failed("haproxy.errors", [tell_apart(finding, causes)]);
}

/// Certificates that lie on the disk, and are not the ones in use.
pub(super) fn certificates(observed: &Observed, report: &mut Report) {
    let mut found = Vec::new();
    let mut unread = None;
    for shown in &observed.certificates {
        let facts = match on_disk(&shown.file) {
            Ok(facts) => facts,
            Err(why) => {
                unread = Some(why);
                continue;
            }
        };
        if same_serial(&facts.serial, &shown.serial) {
            continue;
        }
        let (file, in_use, on_disk) = (&shown.file, &shown.serial, &facts.serial);
        found.push(
            Finding::new(
                Condition::CertificateNotReloaded,
                Severity::Error,
                said!(
                    "{file} holds another certificate than HAProxy uses",
                    "{file}의 인증서가 HAProxy가 쓰는 것과 다릅니다"
                ),
                Evidence::new(
                    EvidenceKind::Admin,
                    Said::plain(format!("show ssl cert {file}")),
                    said!("serial {in_use}, until {}", "일련번호 {in_use}, {}까지", shown.not_after),
                ),
            )
            .and(Evidence::new(
                EvidenceKind::Host,
                Said::plain(file),
                said!("serial {on_disk}", "일련번호 {on_disk}"),
            ))
            .about(Subject { file: Some(file.clone()), ..Subject::default() })
            .fix(Fix::manual(said!(
                "reload HAProxy, or `set ssl cert` and `commit ssl cert` on its socket",
                "HAProxy를 reload하거나 소켓에서 `set ssl cert`와 `commit ssl cert`를 실행하십시오"
            ))),
        );
    }
    if !observed.denied.is_empty() {
        let commands = observed.denied.join("`, `");
        report.inconclusive(
            "haproxy.permissions",
            said!(
                "the socket's level does not permit `{commands}`; one with `level admin` does",
                "이 소켓의 level로는 `{commands}`를 쓸 수 없습니다. `level admin` 소켓이면 됩니다"
            ),
        );
    }
    let count = observed.certificates.len();
    match (found.is_empty(), unread) {
        (false, _) => report.failed("haproxy.certificates", found),
        (true, Some(why)) => report.inconclusive(
            "haproxy.certificates",
            said!("not compared with the files: {why}", "파일과 비교하지 못했습니다: {why}"),
        ),
        (true, None) if count > 0 => {
            report
                .passed("haproxy.certificates", said!("{count} as on the disk", "{count}개가 디스크와 같음"));
        }
        (true, None) => {}
    }
}
