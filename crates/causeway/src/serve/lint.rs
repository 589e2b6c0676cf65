//! What a configuration that has come into force does not do although it seems to be meant: the doctor's rules about files, said
//! in the log when it is loaded, with their codes.
//!
//! They are applied on a thread of their own, since a very large file takes them a while and nobody waits for them.

use std::sync::Arc;

use causeway_doctor::{Finding, Report, Selection, Severity, lint};
use causeway_envoy::Spot;

use crate::process::Current;

/// Lines about one configuration; of more there is a number.
const MOST: usize = 40;

/// Says what the rules find, the worst first. Where the system gives no thread, nothing is said.
pub(super) fn tell(current: Arc<Current>) {
    let look = move || {
        let mut report = Report::default();
        lint::lint(&current.bootstrap, &Selection::default(), &mut report);
        drop(current);
        let mut findings = report.findings;
        findings.sort_by_key(|finding| finding.severity);
        findings.iter().take(MOST).for_each(tell_one);
        if let Some(rest) = findings.len().checked_sub(MOST).filter(|rest| *rest > 0) {
            tracing::info!(target: "config", "and {rest} more: causeway doctor -c FILE says them all");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("lint".to_owned()).spawn(look) {
        tracing::warn!(target: "config", "no rule was applied to the configuration: {error}");
    }
}

fn tell_one(finding: &Finding) {
    let (cause, title) = (finding.cause, &finding.title.en);
    let (place, field) = match &finding.spot {
        Some(Spot::Under(position, field)) => (format!("{position}: "), field.as_str()),
        Some(Spot::Path(field)) => (String::new(), field.as_str()),
        None => (String::new(), ""),
    };
    let field = if field.is_empty() { String::new() } else { format!(" (at {field})") };
    let line = format!("{place}{cause}: {title}{field}");
    match finding.severity {
        Severity::Error | Severity::Warning => tracing::warn!(target: "config", "{line}"),
        Severity::Note => tracing::info!(target: "config", "{line}"),
    }
}
