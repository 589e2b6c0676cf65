//! What an examination found: each check that was made, and each finding.

mod join;
mod json;
mod text;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_envoy::{LoadOptions, Source, locate};
use causeway_reason::Language;

use crate::finding::{Edit, Finding, Fix, Severity};
use crate::mend::trial::{Trial, Tried};
use crate::said::Said;

pub use json::SCHEMA;
pub use text::TextOptions;

/// Fixes that are shown as diffs; the others say which field gets which value.
const MOST_PATCHES: usize = 50;

/// What an examination found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was examined, `envoy.yaml`.
    pub target: String,
    /// Where from.
    pub ran_from: RanFrom,
    /// When it began, seconds since 1970.
    pub started: u64,
    /// How long it took.
    pub took: Duration,
    /// Connections and questions that were made for it.
    pub probes: u32,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What fixes would change in the file, as unified diffs, by the numbers of finding and fix; of the first few, where
    /// there are very many, since the whole file is read for each.
    pub patches: BTreeMap<(usize, usize), String>,
}

/// Where an examination was made: what it proves holds there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RanFrom {
    /// Name of the host.
    pub host: String,
    /// Number of the network namespace; `None` where the system does not say.
    pub network_namespace: Option<u64>,
    /// Whether it seems to be a container.
    pub container: bool,
}

/// A check that was made, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name: area, subject and what is checked, with dots between them.
    pub id: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen, in a few words: "1/1 healthy".
    pub words: Said,
    /// How long it took.
    pub took: Option<Duration>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Fine.
    Passed,
    /// There is a finding that says why not, of that severity.
    Failed(Severity),
    /// It could not be made; the words say why, and what would help.
    Inconclusive,
}

impl Report {
    /// A check that found nothing.
    pub fn passed(&mut self, id: impl Into<String>, words: Said) {
        self.checks.push(Check { id: id.into(), outcome: Outcome::Passed, words, took: None });
    }

    /// A check that could not be made.
    pub fn inconclusive(&mut self, id: impl Into<String>, why: Said) {
        self.checks.push(Check { id: id.into(), outcome: Outcome::Inconclusive, words: why, took: None });
    }

    /// A check that found something.
    pub fn failed(&mut self, id: impl Into<String>, findings: impl IntoIterator<Item = Finding>) {
        let mut worst = None;
        let mut words = None;
        for finding in findings {
            if worst.is_none_or(|worst| finding.severity < worst) {
                worst = Some(finding.severity);
                words = Some(finding.title.clone());
            }
            self.findings.push(finding);
        }
        let (Some(severity), Some(words)) = (worst, words) else { return };
        self.checks.push(Check { id: id.into(), outcome: Outcome::Failed(severity), words, took: None });
    }

    /// Fills in where the fields of findings are written.
    pub fn locate(&mut self, source: &Source, options: &LoadOptions) {
        let mut spots = Vec::new();
        for finding in &self.findings {
            spots.extend(finding.spot.clone());
            spots.extend(edits(finding).map(|edit| edit.spot.clone()));
        }
        let mut located = locate(source, options, &spots).into_iter();
        for finding in &mut self.findings {
            if finding.spot.is_some()
                && let Some(found) = located.next().flatten()
            {
                finding.field = found.path;
                finding.place = Some(found.place);
            }
            for edit in finding.fixes.iter_mut().flat_map(|fix| &mut fix.edits) {
                if let Some(found) = located.next().flatten() {
                    edit.field = found.path;
                }
            }
        }
        self.patch(source, options);
    }

    /// Makes diffs of what fixes write. A fix whose result does not load is none: its edits go, its words stay.
    fn patch(&mut self, source: &Source, options: &LoadOptions) {
        if self.findings.iter().all(|finding| edits(finding).next().is_none()) {
            return;
        }
        let trial = Trial::new(source, options);
        let mut rest = Vec::new();
        for (number, finding) in self.findings.iter_mut().enumerate() {
            for (at, fix) in finding.fixes.iter_mut().enumerate().filter(|(_, fix)| !fix.edits.is_empty()) {
                if self.patches.len() >= MOST_PATCHES {
                    rest.push(fix);
                    continue;
                }
                match trial.of(std::slice::from_ref(fix)) {
                    Tried::Loads(patch) => {
                        self.patches.insert((number, at), patch);
                    }
                    Tried::Breaks => fix.take_back(),
                    Tried::NotEdited => {}
                }
            }
        }
        // So many are tried together.
        let together: Vec<Fix> = rest.iter().map(|fix| (**fix).clone()).collect();
        if matches!(trial.of(&together), Tried::Breaks) {
            rest.into_iter().for_each(Fix::take_back);
        }
    }

    /// How many findings there are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// How many checks came out like that.
    #[must_use]
    pub fn count_checks(&self, outcome: Outcome) -> usize {
        self.checks.iter().filter(|check| check.outcome == outcome).count()
    }

    /// What a program should end with: 0 where all is well, 1 with errors, 3 where nothing could be checked, 4 with
    /// warnings where `strict`.
    #[must_use]
    pub fn exit_code(&self, strict: bool) -> u8 {
        let inconclusive = self.count_checks(Outcome::Inconclusive);
        if self.count(Severity::Error) > 0 {
            1
        } else if inconclusive == self.checks.len() {
            3
        } else if strict && self.count(Severity::Warning) > 0 {
            4
        } else {
            0
        }
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self, language: Language, options: &TextOptions) -> String {
        text::render(self, language, options)
    }

    /// For tools: as [`SCHEMA`] says. Fields may be added, none change.
    #[must_use]
    pub fn to_json(&self, language: Language) -> serde_json::Value {
        json::to_json(self, language)
    }
}

fn edits(finding: &Finding) -> impl Iterator<Item = &Edit> {
    finding.fixes.iter().flat_map(|fix| &fix.edits)
}
