//! Running all cases, a few at a time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, available_parallelism};
use std::time::Instant;

use causeway_testkit::{Missing, Peer};
use serde_json::{Map, Value};

use crate::args::{Args, Mode};
use crate::case::Case;
use crate::compare::{Comparison, compare, refused};
use crate::differences;
use crate::record::Record;
use crate::report::{self, Verdict};
use crate::run::{Seen, run};

/// Runs the cases that were asked for; topics are given with their name.
pub fn main(topics: Vec<(&str, Vec<Case>)>) -> ExitCode {
    let args = Args::read();
    let all: Vec<(String, Case)> = topics
        .into_iter()
        .flat_map(|(topic, cases)| {
            cases.into_iter().map(move |c| (format!("{topic}/{}", c.name), c.complete()))
        })
        .collect();
    let refer: Vec<(String, &Case)> = all.iter().map(|(name, case)| (name.clone(), case)).collect();
    let mut faults = differences::faults(&differences::read(), &refer);
    faults.extend(twins(&refer));

    let selected: Vec<&(String, Case)> = all.iter().filter(|(name, _)| args.selects(name)).collect();
    if args.list {
        report::list(&selected.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    let binaries = match Binaries::find(&args) {
        Ok(binaries) => binaries,
        Err((peer, missing)) => {
            // The table of differences can be checked without anybody.
            report::faults(&faults);
            report::skipped(selected.len(), faults.len(), peer, &missing.to_string());
            return if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    let start = Instant::now();
    report::header(&args, selected.len(), &binaries.oracle, binaries.subject.as_deref());
    let verdicts = run_all(&selected, &args, &binaries);
    report::summary(&verdicts, &faults, args.mode, start.elapsed());
    if faults.is_empty() && !verdicts.iter().any(Verdict::failed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Binaries {
    oracle: PathBuf,
    subject: Option<PathBuf>,
    record: Option<Record>,
}

impl Binaries {
    fn find(args: &Args) -> Result<Self, (Peer, Missing)> {
        let find = |peer: Peer| peer.find().map_err(|missing| (peer, missing));
        let oracle = find(Peer::Envoy)?;
        let subject = match args.mode {
            Mode::Compare => Some(find(Peer::Causeway)?),
            Mode::OracleOnly | Mode::SelfTest => None,
        };
        Ok(Self { oracle, subject, record: args.record.clone().map(Record::new) })
    }
}

/// Names of cases that are used twice.
fn twins(cases: &[(String, &Case)]) -> Vec<String> {
    let mut names: Vec<&String> = cases.iter().map(|(name, _)| name).collect();
    names.sort();
    names
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| format!("two cases are named {}", pair[0]))
        .collect()
}

fn run_all(cases: &[&(String, Case)], args: &Args, binaries: &Binaries) -> Vec<Verdict> {
    let queue: Mutex<VecDeque<_>> = Mutex::new(cases.iter().copied().collect());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    // Cases mostly wait, for processes to start and for time-outs to pass.
    let cores = available_parallelism().map_or(2, usize::from);
    let jobs = args.jobs.unwrap_or(4 * cores).max(1);
    let (done, verdicts) = channel();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let done: Sender<Verdict> = done.clone();
            scope.spawn(move || {
                while let Some((name, case)) = next() {
                    // Whoever receives does so until all senders are gone.
                    let _ = done.send(judge(name, case, args.mode, binaries));
                }
            });
        }
        drop(done);
        let shown = verdicts.iter().inspect(|verdict| report::verdict(verdict, args.mode, args.verbose));
        let mut all: Vec<Verdict> = shown.collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    })
}

/// Runs one case on both sides. One that differs is run again: on a machine that does other things
/// too a time-out may pass where it should not, and a difference that is real comes back. Whether a
/// configuration is taken is no matter of time, though, and waiting twice for a proxy that does not
/// serve would take all day.
fn judge(name: &str, case: &Case, mode: Mode, binaries: &Binaries) -> Verdict {
    let record = binaries.record.as_ref();
    let kept = record.filter(|_| mode == Mode::Compare).and_then(|record| record.find(name));
    let asked = kept.is_none();
    let first = attempt(name, case, mode, binaries, kept);
    if let Some(record) = record.filter(|_| mode == Mode::SelfTest && !first.failed()) {
        record.keep(name, &first.oracle.leaves);
    }
    let taken = first.oracle.leaves.get("config") == first.subject.leaves.get("config");
    // What differs from what was kept says nothing before Envoy has been asked.
    let final_at_once = asked && (!taken || case.refused.is_some() || mode == Mode::OracleOnly);
    if !first.failed() || final_at_once {
        return first;
    }
    let mut second = attempt(name, case, mode, binaries, None);
    second.unsteady = first.comparison.unequal;
    second.took += first.took;
    second
}

/// `kept` is what Envoy has shown already.
fn attempt(
    name: &str,
    case: &Case,
    mode: Mode,
    binaries: &Binaries,
    kept: Option<Map<String, Value>>,
) -> Verdict {
    let start = Instant::now();
    let both = catch_unwind(AssertUnwindSafe(|| observe_both(case, mode, binaries, kept)));
    let (oracle, subject, panic) = match both {
        Ok((oracle, subject)) => (oracle, subject, None),
        Err(panic) => (Seen::default(), Seen::default(), Some(message_of(&*panic))),
    };
    // Envoy against itself must be equal everywhere, also where Causeway need not be.
    let comparison = match (mode, case.refused) {
        (Mode::OracleOnly, _) => Comparison::default(),
        (Mode::SelfTest, _) => compare(&oracle.leaves, &subject.leaves, &[]),
        (Mode::Compare, Some(refusal)) => refused(&oracle, &subject, refusal),
        (Mode::Compare, None) => compare(&oracle.leaves, &subject.leaves, &case.differs),
    };
    Verdict {
        name: name.into(),
        comparison,
        oracle,
        subject,
        panic,
        unsteady: Vec::new(),
        took: start.elapsed(),
    }
}

fn observe_both(
    case: &Case,
    mode: Mode,
    binaries: &Binaries,
    kept: Option<Map<String, Value>>,
) -> (Seen, Seen) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs no more than a few descriptors");
    let oracle = async || match kept.clone() {
        Some(leaves) => Seen { leaves, log: String::new() },
        None => run(case, Peer::Envoy, &binaries.oracle).await,
    };
    runtime.block_on(async {
        match (mode, &binaries.subject) {
            (Mode::OracleOnly, _) => (oracle().await, Seen::default()),
            (_, Some(subject)) => tokio::join!(oracle(), run(case, Peer::Causeway, subject)),
            (_, None) => tokio::join!(oracle(), oracle()),
        }
    })
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_differ() {
        let case = Case::new("a");
        let cases = [("t/a".to_owned(), &case), ("t/b".to_owned(), &case), ("t/a".to_owned(), &case)];
        assert_eq!(twins(&cases), ["two cases are named t/a"]);
    }

    #[test]
    fn who_is_known_is_not_asked() {
        let binaries = Binaries { oracle: PathBuf::from("/none"), subject: None, record: None };
        let kept = Map::from_iter([("config".to_owned(), "accepted".into())]);
        let ask =
            |kept| attempt("t/known", &Case::new("known").complete(), Mode::OracleOnly, &binaries, kept);
        assert_eq!(ask(Some(kept.clone())).oracle.leaves, kept);
        assert_ne!(ask(None).oracle.leaves, kept);
    }

    #[test]
    fn a_case_that_panics_has_failed_and_says_why() {
        let binaries = Binaries { oracle: PathBuf::from("/none"), subject: None, record: None };
        let broken = Case::new("broken").file("{{nobody}}");
        let verdict = attempt("t/broken", &broken, Mode::OracleOnly, &binaries, None);
        assert!(verdict.failed() && verdict.panic.is_some_and(|p| p.contains("nobody")));
    }
}
