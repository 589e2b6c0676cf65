//! Certificates: whether those in use are those on the disk, and whether clients can believe them.

use std::time::{SystemTime, UNIX_EPOCH};

use causeway_reason::Condition;
use causeway_tls::certificate::Facts;

use super::cfg::Cfg;
use super::model;
use super::state::Observed;
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Severity, Subject};
use crate::foreign::disk::{on_disk, same_serial};
use crate::report::Report;
use crate::said;
use crate::said::Said;
use crate::time::date;

/// Who renews certificates by hand wants to know so many seconds before.
const SOON: i64 = 14 * 86_400;

/// What its dates are worth now.
fn of_dates(now: i64, file: &str, facts: &Facts) -> Option<Finding> {
    let (from, until) = (date(facts.not_before), date(facts.not_after));
    let (cause, severity, title) = if facts.not_after < now {
        (
            Condition::CertificateUnusable,
            Severity::Error,
            said!(
                "{file} has expired, on {until}: clients refuse it",
                "{file}의 인증서가 {until}에 만료되어 클라이언트가 거부합니다"
            ),
        )
    } else if facts.not_before > now {
        (
            Condition::CertificateUnusable,
            Severity::Error,
            said!(
                "{file} is not valid before {from}: clients refuse it",
                "{file}의 인증서가 {from}부터 유효해서 클라이언트가 거부합니다"
            ),
        )
    } else if facts.not_after < now + SOON {
        (
            Condition::CertificateExpiresSoon,
            Severity::Warning,
            said!("{file} expires on {until}", "{file}의 인증서가 {until}에 만료됩니다"),
        )
    } else {
        return None;
    };
    let seen =
        said!("valid from {from} until {until}, of {}", "{from}부터 {until}까지 유효, {}", facts.subject);
    let finding =
        Finding::new(cause, severity, title, Evidence::new(EvidenceKind::Host, Said::plain(file), seen));
    Some(finding.about(Subject { file: Some(file.to_owned()), ..Subject::default() }))
}

/// What is shown to servers matters to those that ask for it, which a probe finds out.
fn is_for_servers(cfg: Option<&Cfg>, file: &str) -> bool {
    let Some(cfg) = cfg else { return false };
    let of_binds =
        cfg.frontends().flat_map(|(_, frontend)| &frontend.binds).flat_map(|bind| &bind.certificates);
    let of_servers = cfg
        .backends()
        .flat_map(|(_, backend)| backend.servers())
        .filter_map(|(_, server)| server.value("crt"));
    let is = |other: &str| other == file || file.ends_with(&format!("/{other}"));
    of_servers.into_iter().any(is) && !of_binds.map(String::as_str).any(is)
}

/// Certificates that lie on the disk, and are not the ones in use.
pub(super) fn certificates(observed: &Observed, cfg: Option<&Cfg>, report: &mut Report) {
    let folder = model::folder(observed, cfg);
    let base = cfg.and_then(|cfg| cfg.global.crt_base.as_ref());
    let base = base.map_or_else(|| folder.clone(), |base| folder.join(base));
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let mut found = Vec::new();
    let mut unread = None;
    for shown in &observed.certificates {
        let facts = match on_disk(&base.join(&shown.file).display().to_string()) {
            Ok(facts) => facts,
            Err(why) => {
                unread = Some(why);
                continue;
            }
        };
        if same_serial(&facts.serial, &shown.serial) {
            found.extend(of_dates(now, &shown.file, &facts).filter(|_| !is_for_servers(cfg, &shown.file)));
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
    // A socket that does not show certificates leaves those that the file names.
    let named = cfg.into_iter().flat_map(Cfg::frontends).flat_map(|(_, frontend)| &frontend.binds);
    let named = named.flat_map(|bind| &bind.certificates);
    for file in named.filter(|_| observed.certificates.is_empty()) {
        if let Ok(facts) = on_disk(&base.join(file).display().to_string()) {
            found.extend(of_dates(now, file, &facts));
        }
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
