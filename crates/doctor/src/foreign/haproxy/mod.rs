//! An HAProxy that runs: its stats socket is asked what it sees, and its servers what it asks them.

mod certificates;
mod cfg;
mod check;
mod counters;
mod errors;
mod file;
mod judge;
mod model;
mod names;
mod process;
mod settle;
mod shown;
mod socket;
mod state;
mod time;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use cfg::Cfg;
pub use settle::settle_log;
pub use socket::StatsSocket;

use crate::probe::{self, Progress};
use crate::report::Report;
use crate::said;
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
        "haproxy.file",
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
    match model::model(&observed, question.cfg) {
        Ok(Some(model)) => {
            probe::probe(&model.bootstrap, question.selection, progress, &mut report).await;
            model::in_words_of_haproxy(&model, &mut report);
            if question.cfg.is_none() {
                judge::believe_haproxy(&observed, &mut report);
            }
        }
        Ok(None) => {}
        Err(why) => {
            let words = said!("servers were not asked: {why}", "서버를 확인하지 못했습니다: {why}");
            report.inconclusive("haproxy.servers", words);
        }
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
    let counted = judge::judge(&observed, question.cfg, &mut report);
    report.checks.retain(|check| !check.id.starts_with("haproxy.") || question.selection.takes(&check.id));
    settle::settle(counted, &mut report);
    check::say_what_tells_nothing(&observed, question.cfg, &mut report);
    report.took = began.elapsed();
    Ok(report)
}
