//! Certificates as the proxy has them, and as they lie on the disk.

use causeway_reason::Condition;
use jiff::Timestamp;
use serde_json::Value;

use super::fields::text;
use super::observed::Observed;
use crate::finding::{Evidence, EvidenceKind, Finding, Grade, Severity, Subject};
use crate::foreign::disk;
use crate::report::Report;
use crate::said;
use crate::said::Said;
use crate::time::date_and_time;

/// Who has less left is told: a renewal that works has happened by then.
const SOON: u64 = 14;

/// `/certs`, each of them.
pub(super) fn certificates(observed: &Observed, report: &mut Report) {
    let entries = observed.certificates.get("certificates").and_then(Value::as_array);
    let mut count = 0_usize;
    let mut found = Vec::new();
    let mut unread = None;
    for entry in entries.into_iter().flatten() {
        for (kind, is_authority) in [("cert_chain", false), ("ca_cert", true)] {
            for shown in entry.get(kind).and_then(Value::as_array).into_iter().flatten() {
                count += 1;
                found.extend(dates(shown, is_authority));
                if !is_authority {
                    match on_disk(shown) {
                        Disk::Differs(finding) => found.push(*finding),
                        Disk::Unreadable(why) => unread = Some(why),
                        Disk::Same | Disk::Inline => {}
                    }
                }
            }
        }
    }
    // The same file stands at every listener and cluster that uses it.
    let mut unique: Vec<Finding> = Vec::new();
    for finding in found {
        if !unique.contains(&finding) {
            unique.push(finding);
        }
    }
    unique.retain_mut(|finding| !is_known(finding, &mut report.findings));
    let id = "admin.certificates";
    match (unique.is_empty(), unread) {
        (false, _) => report.failed(id, unique),
        (true, Some(why)) => report.inconclusive(
            id,
            said!(
                "not compared with the files: {why}; run it on the proxy's host",
                "파일과 비교하지 못했습니다: {why}. 프록시 호스트에서 실행하십시오"
            ),
        ),
        (true, None) => {
            report.passed(id, said!("{count} certificates are valid", "인증서 {count}개 유효"));
        }
    }
}

/// Whether what runs was found to have that certificate already, which says too whom it is shown to. What is seen here is put
/// there.
fn is_known(finding: &Finding, known: &mut [Finding]) -> bool {
    const OF_DATES: [Condition; 3] = [
        Condition::CertificateUnusable,
        Condition::ClientCertificateExpired,
        Condition::CertificateExpiresSoon,
    ];
    let Some(seen) =
        finding.evidence.first().filter(|_| finding.cause != Condition::CertificateNotReloaded.into())
    else {
        return false;
    };
    // Several may be written into the configuration, and have no path then: the day tells them apart.
    let day = seen.observed.en.split_once("valid until ").and_then(|(_, rest)| rest.get(..10)).unwrap_or("?");
    let same = known.iter_mut().find(|other| {
        other.subject.file == finding.subject.file
            && OF_DATES.iter().any(|condition| other.cause == (*condition).into())
            && other.evidence.iter().any(|evidence| evidence.observed.en.contains(day))
    });
    if let Some(other) = same {
        other.evidence.push(seen.clone());
        return true;
    }
    false
}

fn dates(shown: &Value, is_authority: bool) -> Option<Finding> {
    let path = text(shown, &["path"]);
    let until = text(shown, &["expiration_time"]);
    let days = number(shown, "days_until_expiration")?;
    let evidence = Evidence::new(
        EvidenceKind::Admin,
        Said::plain("/certs"),
        said!("{path}: valid until {until}, {days} days", "{path}: {until}까지, {days}일 남음"),
    );
    let (condition, severity, title) = if days == 0 {
        (
            Condition::CertificateUnusable,
            Severity::Error,
            said!(
                "the certificate {path} is expired, or will be today",
                "인증서 {path}이(가) 만료되었거나 오늘 만료됩니다"
            ),
        )
    } else if days < SOON {
        (
            Condition::CertificateExpiresSoon,
            Severity::Warning,
            said!(
                "the certificate {path} expires in {days} days",
                "인증서 {path}이(가) {days}일 뒤 만료됩니다"
            ),
        )
    } else {
        return None;
    };
    let what = if is_authority { said!("it is a CA", "CA 인증서입니다") } else { said!("", "") };
    let finding = Finding::new(condition, severity, title, evidence)
        .about(Subject { file: Some(path.to_owned()), ..Subject::default() });
    Some(if is_authority { finding.ruled_out([what]) } else { finding })
}

/// What lies on the disk where the proxy read a certificate.
enum Disk {
    Same,
    /// It was written into the configuration.
    Inline,
    Unreadable(String),
    Differs(Box<Finding>),
}

fn on_disk(shown: &Value) -> Disk {
    let path = text(shown, &["path"]);
    let serial = text(shown, &["serial_number"]);
    if !path.starts_with('/') {
        return Disk::Inline;
    }
    let facts = match disk::on_disk(path) {
        Ok(facts) => facts,
        Err(why) => return Disk::Unreadable(why),
    };
    // Certificates that sign themselves often have the same number each time.
    let until = text(shown, &["expiration_time"]);
    let same_end = until.parse::<Timestamp>().map_or(true, |until| until.as_second() == facts.not_after);
    if disk::same_serial(&facts.serial, serial) && same_end {
        return Disk::Same;
    }
    let (on_disk, end) = (&facts.serial, date_and_time(facts.not_after));
    Disk::Differs(Box::new(
        Finding::new(
            Condition::CertificateNotReloaded,
            Severity::Error,
            said!(
                "{path} holds another certificate than the proxy uses",
                "{path}의 인증서가 프록시가 쓰는 것과 다릅니다"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain("/certs"),
                said!("serial {serial}, until {until}", "일련번호 {serial}, {until}까지"),
            ),
        )
        .and(Evidence::new(
            EvidenceKind::Host,
            Said::plain(path),
            said!("serial {on_disk}, until {end}", "일련번호 {on_disk}, {end}까지"),
        ))
        .about(Subject { file: Some(path.to_owned()), ..Subject::default() })
        .grade(Grade::Proven),
    ))
}

/// A number, which JSON of protobuf writes as a text where it has 64 bits.
fn number(value: &Value, name: &str) -> Option<u64> {
    let value = value.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_are_judged() {
        let observed = |days: &str| Observed {
            certificates: json!({"certificates": [{"cert_chain": [{"path": "<inline>", "serial_number": "01",
                "days_until_expiration": days, "expiration_time": "2026-12-01T00:00:00Z"}]}]}),
            ..Observed::default()
        };
        for (days, code) in [("0", Some("K919")), ("3", Some("S316")), ("90", None)] {
            let mut report = Report::default();
            certificates(&observed(days), &mut report);
            assert_eq!(report.findings.first().map(|finding| finding.cause.code()), code, "{days}");
        }
    }
}
