//! What the stats socket says of the process and its name servers.

use causeway_reason::{Condition, Reason};

use super::state::Observed;
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Severity};
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
    // A question that is not answered at once is nothing, unless a server waits for the answer.
    let waits = observed.server_rows().any(|row| row.text("status").starts_with("MAINT (resolution)"));
    let enough = if waits { 0 } else { 2 };
    let mut section = "";
    let mut server = "";
    let mut sent = 0_u64;
    let mut found = Vec::new();
    let mut answers = 0_u64;
    let mut end = |section: &str, server: &str, sent: u64, answers: u64| {
        if sent > enough && answers == 0 && !server.is_empty() {
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
