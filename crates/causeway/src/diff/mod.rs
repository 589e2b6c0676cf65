//! `causeway diff OLD NEW`: which requests two configurations would answer differently, and what has changed.
//!
//! Two things are said. What has changed, by Envoy's names: that is asked of the models, so that comments, order and
//! defaults that are written out are no changes. And what becomes of example requests: each of them goes through both
//! configurations on a stage, so that routes that stand in front of others count.

mod examples;
mod fields;
mod show;
mod things;
mod verdict;
mod words;

use std::process::ExitCode;

use causeway_doctor::said::Said;
use causeway_proxy::Stage;

use crate::cli::{DiffArguments, complain, print};
use crate::route::{Looked, UNUSABLE, look, stage};
use examples::{Example, Examples};
use things::ThingChange;
use verdict::{Verdict, verdict};

/// What is to be said about two configurations.
#[derive(Debug)]
struct Report {
    notes: Vec<Said>,
    things: Vec<ThingChange>,
    /// Examples that would be answered differently: as they were, and as they would be.
    examples: Vec<(Example, Verdict, Verdict)>,
    /// How many were tried.
    tried: usize,
    /// More could have been.
    cut: bool,
}

/// Prints what two configurations do differently.
pub(crate) fn run(arguments: &DiffArguments) -> ExitCode {
    let report = match report(arguments) {
        Ok(report) => report,
        Err(fault) => {
            complain(&fault);
            return ExitCode::from(UNUSABLE);
        }
    };
    let said = match arguments.json {
        true => format!("{:#}\n", show::json(&report)),
        false => show::text(&report, arguments.language),
    };
    print(&said);
    if report.things.is_empty() && report.examples.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(arguments: &DiffArguments) -> Result<Report, String> {
    let old = look(&arguments.old, &arguments.options)?;
    let new = look(&arguments.new, &arguments.options)?;
    let things = things::compare((&old.bootstrap, &old.dump), (&new.bootstrap, &new.dump));
    let (old_stage, new_stage) = (stage(&old.bootstrap)?, stage(&new.bootstrap)?);
    let mut examples = Examples::default();
    examples.of(&old.bootstrap);
    examples.of(&new.bootstrap);
    let Examples { all, cut, .. } = examples;
    let tried = all.len();
    let examples = all
        .into_iter()
        .filter_map(|example| {
            let (before, after) = compared((&old, &old_stage), (&new, &new_stage), &example);
            (before != after).then_some((example, before, after))
        })
        .collect();
    let notes = old.notes.into_iter().chain(new.notes).collect();
    Ok(Report { notes, things, examples, tried, cut })
}

/// What becomes of an example before and after, without what differs by itself, such as the time of day.
fn compared(old: (&Looked, &Stage), new: (&Looked, &Stage), example: &Example) -> (Verdict, Verdict) {
    let mut before = verdict(&old.0.bootstrap, old.1, example);
    let mut after = verdict(&new.0.bootstrap, new.1, example);
    // Where a rule stands, and how it is called, changes no answer.
    let (route_before, route_after) = (before.route.take(), after.route.take());
    if before == after {
        return (before, after);
    }
    let again = verdict(&old.0.bootstrap, old.1, example);
    let unsteady: Vec<String> = before
        .facts
        .iter()
        .filter(|(name, value)| again.facts.get(*name) != Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in unsteady {
        before.facts.remove(&name);
        after.facts.remove(&name);
    }
    if before != after {
        (before.route, after.route) = (route_before, route_after);
    }
    (before, after)
}
