//! What is printed.

#![expect(clippy::print_stdout, reason = "a test program talks to who runs it")]

use std::path::Path;
use std::time::Duration;

use causeway_testkit::Peer;
use serde_json::Value;

use crate::args::{Args, Mode};
use crate::compare::{Comparison, Unequal};
use crate::run::Seen;

/// The first differences of a case tell the cause; the others follow from it.
const SHOWN: usize = 8;

/// How a case went.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) name: String,
    pub(crate) comparison: Comparison,
    pub(crate) oracle: Seen,
    pub(crate) subject: Seen,
    /// The case itself went wrong.
    pub(crate) panic: Option<String>,
    /// What was not equal the first time, though it was the second.
    pub(crate) unsteady: Vec<Unequal>,
    pub(crate) took: Duration,
}

impl Verdict {
    pub(crate) fn failed(&self) -> bool {
        self.panic.is_some() || !self.comparison.unequal.is_empty()
    }
}

pub(crate) fn header(args: &Args, count: usize, oracle: &Path, subject: Option<&Path>) {
    let against = match (args.mode, subject) {
        (Mode::OracleOnly, _) => String::new(),
        (Mode::SelfTest, _) => " against itself".into(),
        (Mode::Compare, subject) => subject.map(|s| format!(" against {}", s.display())).unwrap_or_default(),
    };
    println!("\nrunning {count} cases on {}{against}", oracle.display());
    if let Some(folder) = &args.record {
        let how = match args.mode {
            Mode::Compare => "Envoy is not asked again for what is in",
            Mode::OracleOnly | Mode::SelfTest => "what Envoy shows is kept in",
        };
        println!("{how} {}", folder.display());
    }
}

pub(crate) fn verdict(verdict: &Verdict, mode: Mode, verbose: bool) {
    let name = &verdict.name;
    let took = verdict.took.as_secs_f64();
    if let Some(panic) = &verdict.panic {
        println!("case {name} ... FAILED ({took:.1} s)\n    the case went wrong: {panic}");
        return;
    }
    if mode == Mode::OracleOnly {
        println!("case {name} ({took:.1} s)\n{:#}", Value::from(verdict.oracle.leaves.clone()));
        if verdict.oracle.leaves.len() == 1 {
            println!("    {}", errors_in(&verdict.oracle.log));
        }
        return;
    }
    let word = match (verdict.failed(), verdict.unsteady.as_slice(), verdict.comparison.on_purpose.as_slice())
    {
        (true, _, _) => "FAILED".into(),
        (false, [_, ..], _) => "ok, the second time; the first time it was not".into(),
        (false, [], []) => "ok".into(),
        (false, [], ids) => format!("ok, but for {}", ids.join(", ")),
    };
    println!("case {name} ... {word} ({took:.1} s)");
    let unequal = if verdict.failed() { &verdict.comparison.unequal } else { &verdict.unsteady };
    if unequal.iter().any(|u| u.path == "config") {
        // Everything else follows from it.
        unequal.iter().filter(|u| u.path == "config").for_each(|u| print_unequal(u, mode));
        println!("    {}", errors_in(&verdict.subject.log));
    } else {
        let shown = if verbose { usize::MAX } else { SHOWN };
        unequal.iter().take(shown).for_each(|u| print_unequal(u, mode));
        if let Some(more) = unequal.len().checked_sub(shown).filter(|more| *more > 0) {
            println!("    … and {more} more");
        }
    }
    if verbose {
        println!("{:#}", Value::from(verdict.oracle.leaves.clone()));
    }
}

fn print_unequal(unequal: &Unequal, mode: Mode) {
    let show = |value: &Option<Value>| value.as_ref().map_or_else(|| "(nothing)".into(), Value::to_string);
    let (left, right) = match (mode, unequal.id) {
        (_, Some(id)) => (format!("{id} says"), "causeway".into()),
        (Mode::SelfTest, None) => ("envoy, first".into(), "envoy, second".into()),
        (_, None) => ("envoy".to_owned(), "causeway".to_owned()),
    };
    println!("    {}", unequal.path);
    println!("        {left:<13} {}", show(&unequal.oracle));
    println!("        {right:<13} {}", show(&unequal.subject));
}

/// The last line is the one that programs read: its form is that of cargo's own test programs.
pub(crate) fn summary(verdicts: &[Verdict], faults: &[String], mode: Mode, took: Duration) {
    self::faults(faults);
    let failed: Vec<_> = verdicts.iter().filter(|v| v.failed()).collect();
    if !failed.is_empty() {
        println!("\nfailed:");
        failed.iter().for_each(|v| println!("    {}", v.name));
    }
    let passed = verdicts.len() - failed.len();
    let count = |test: fn(&Verdict) -> bool| verdicts.iter().filter(|v| !v.failed() && test(v)).count();
    let on_purpose = count(|v| !v.comparison.on_purpose.is_empty());
    let leaves: usize = verdicts.iter().map(|v| v.comparison.leaves).sum();
    let wrong: usize = verdicts.iter().map(|v| v.comparison.unequal.len()).sum();
    if mode != Mode::OracleOnly {
        println!(
            "\n{} equal, {on_purpose} different on purpose, {} failed; {} of {leaves} observed values equal; {} unsteady",
            passed - on_purpose,
            failed.len(),
            leaves.saturating_sub(wrong),
            count(|v| !v.unsteady.is_empty()),
        );
    }
    let ok = failed.is_empty() && faults.is_empty();
    println!(
        "\ntest result: {}. {passed} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if ok { "ok" } else { "FAILED" },
        failed.len() + faults.len(),
        took.as_secs_f64()
    );
}

/// What is wrong with the cases themselves, or with the table they point to.
pub(crate) fn faults(faults: &[String]) {
    for fault in faults {
        println!("\nFAILED: {fault}");
    }
}

pub(crate) fn skipped(count: usize, faults: usize, peer: Peer, why: &str) {
    println!(
        "\nSKIPPED all {count} conformance cases: {why}; run them with {}=<path> cargo test -p causeway-conformance",
        peer.variable()
    );
    let word = if faults == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. 0 passed; {faults} failed; {count} ignored; 0 measured; 0 filtered out\n"
    );
}

pub(crate) fn list(names: &[String]) {
    names.iter().for_each(|name| println!("{name}: test"));
}

/// The lines of a log that say why it ended; the last ones if none sounds like it.
fn errors_in(log: &str) -> String {
    let is_error = |line: &&str| line.contains("error") || line.contains("panicked");
    let mut lines: Vec<&str> = log.lines().filter(is_error).take(3).collect();
    if lines.is_empty() {
        lines = log.lines().collect();
        lines.drain(..lines.len().saturating_sub(4));
    }
    lines.join("\n    ")
}
