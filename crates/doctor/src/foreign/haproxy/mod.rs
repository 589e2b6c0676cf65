//! An HAProxy that runs: its stats socket is asked what it sees, and its servers what it asks them.

mod cfg;
mod judge;
mod model;
mod process;
mod socket;
mod state;
mod time;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use cfg::Cfg;
pub use socket::StatsSocket;

use causeway_reason::Condition;

use crate::finding::Grade;
use crate::logs;
use crate::probe::{self, Progress};
use crate::report::Report;
use crate::said;
use crate::said::Said;
use crate::selection::Selection;
use state::Observed;

/// What an examination of an HAProxy needs besides its socket.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its file, where somebody names it: the socket does not show timeouts and checks.
    pub cfg: Option<&'a Cfg>,
    /// Time between the two readings of its counters, at least.
    pub interval: Duration,
    /// Which checks are made.
    pub selection: &'a Selection,
}

/// Names of all checks, with `*` in place of a name.
pub fn names() -> impl Iterator<Item = String> {
    [
        "haproxy.process",
        "haproxy.*",
        "haproxy.*.counters",
        "haproxy.resolvers",
        "haproxy.errors",
        "haproxy.certificates",
    ]
    .into_iter()
    .map(str::to_owned)
}

/// Examines an HAProxy by what it says, and its servers by the probes that examine those of a file.
///
/// # Errors
///
/// The socket does not answer.
pub async fn examine(
    socket: &StatsSocket,
    question: Question<'_>,
    progress: &Progress,
) -> Result<Report, String> {
    let began = Instant::now();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut observed = Observed::ask(socket)?;
    let mut report = Report { target: socket.to_string(), started, ..Report::default() };
    if let Some(bootstrap) = model::bootstrap(&observed, question.cfg) {
        probe::probe(&bootstrap, question.selection, progress, &mut report).await;
        model::in_words_of_haproxy(&mut report);
    }
    tokio::time::sleep(question.interval.saturating_sub(began.elapsed())).await;
    observed.again(socket, began.elapsed());
    if question.cfg.is_none() {
        report.inconclusive(
            "haproxy.cfg",
            said!(
                "timeouts and checks stand in the file only: --haproxy-cfg FILE names it",
                "타임아웃과 체크 설정은 파일에만 있습니다. --haproxy-cfg FILE로 알려 주십시오"
            ),
        );
    }
    judge::judge(&observed, question.cfg, &mut report);
    report.checks.retain(|check| !check.id.starts_with("haproxy.") || question.selection.takes(&check.id));
    logs::settle(&mut report);
    explain_by_stale_addresses(&mut report);
    report.took = began.elapsed();
    Ok(report)
}

/// That nobody answers at an address which its name has left is no fault of its own: it speaks for the other.
fn explain_by_stale_addresses(report: &mut Report) {
    let (mut stale, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(|finding| {
            finding.cause == Condition::AddressStale.into() && finding.grade == Grade::Proven
        });
    for finding in others {
        let connects = finding.cause.code().starts_with('T');
        match stale.iter_mut().find(|stale| connects && stale.subject == finding.subject) {
            Some(stale) => {
                stale.evidence.extend(finding.evidence);
                stale.effect = stale.effect.take().or(finding.effect);
            }
            None => report.findings.push(finding),
        }
    }
    report.findings.extend(stale);
}

/// What HAProxy's log says where no server could be chosen.
fn no_server() -> crate::Effect {
    crate::Effect {
        status: Some(503),
        flags: String::new(),
        details: "SC--".to_owned(),
        words: Some(Said::plain("<NOSRV>")),
    }
}

#[cfg(test)]
mod tests {
    use causeway_reason::{Cause, Reason};

    use super::*;
    use crate::finding::{Evidence, Finding, Severity, Subject};

    fn finding(cause: impl Into<Cause>, endpoint: &str) -> Finding {
        let evidence = Evidence::file(Said::plain("seen"));
        Finding::new(cause, Severity::Error, Said::plain("it fails"), evidence)
            .about(Subject::cluster("apps").endpoint(endpoint))
    }

    #[test]
    fn a_stale_address_explains_why_nobody_answers_there_and_nothing_else() {
        let findings = vec![
            finding(Reason::ConnectRefused, "10.0.0.100:5002"),
            finding(Reason::ConnectRefused, "10.0.0.7:5002"),
            finding(Reason::HealthCheckStatus, "10.0.0.100:5002"),
            finding(Condition::AddressStale, "10.0.0.100:5002"),
        ];
        let mut report = Report { findings, ..Report::default() };
        explain_by_stale_addresses(&mut report);
        let left: Vec<_> = report.findings.iter().map(|one| (one.cause.code(), one.evidence.len())).collect();
        assert_eq!(left, [("T201", 1), ("H522", 1), ("D107", 2)]);
    }
}
