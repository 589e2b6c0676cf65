//! Rules about a configuration: what loads, and does not do what was meant.
//!
//! A rule sees the model and nothing else. Where it has something to say, it names the field by where the message that
//! holds it is written ([`crate::under`]), so that the report can underline it.

mod router;

use causeway_model::Bootstrap;

use crate::finding::Finding;
use crate::report::Report;
use crate::said;
use crate::selection::Selection;

/// A rule.
struct Rule {
    /// Last part of the check's name, `lint.router`.
    name: &'static str,
    look: fn(&Bootstrap) -> Vec<Finding>,
}

/// All of them, in the order in which they are made.
const RULES: &[Rule] = &[Rule { name: "router", look: router::missing }];

/// Names of all checks that there are.
pub fn names() -> impl Iterator<Item = String> {
    RULES.iter().map(|rule| format!("lint.{}", rule.name))
}

/// Applies the rules that are selected.
pub fn lint(bootstrap: &Bootstrap, selection: &Selection, report: &mut Report) {
    for rule in RULES {
        let id = format!("lint.{}", rule.name);
        if !selection.takes(&id) {
            continue;
        }
        let findings = (rule.look)(bootstrap);
        if findings.is_empty() {
            report.passed(id, said!("", ""));
        } else {
            report.failed(id, findings);
        }
    }
}
