//! Rules about a configuration: what loads, and does not do what was meant.
//!
//! A rule sees the model and nothing else. Where it has something to say, it names the field by where the message that
//! holds it is written ([`crate::under`]), so that the report can underline it. It says only what is certain, or says
//! how likely it is; an ordinary file gives nothing.

mod admin;
mod answers;
mod breakers;
mod checks;
mod cors;
mod domains;
mod downloads;
mod edge;
mod grpc;
mod host;
mod mixed;
mod preflight;
mod redirect;
mod rewrite;
mod router;
mod shadow;
mod timeouts;
mod tls;
mod twice;
mod walk;

#[cfg(test)]
mod testing;

use causeway_envoy::Spot;
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
const RULES: &[Rule] = &[
    Rule { name: "router", look: router::missing },
    Rule { name: "domains", look: domains::look },
    Rule { name: "shadow", look: shadow::look },
    Rule { name: "rewrite", look: rewrite::look },
    Rule { name: "host", look: host::look },
    Rule { name: "preflight", look: preflight::look },
    Rule { name: "cors", look: cors::look },
    Rule { name: "redirect", look: redirect::look },
    Rule { name: "answers", look: answers::look },
    Rule { name: "timeouts", look: timeouts::look },
    Rule { name: "downloads", look: downloads::look },
    Rule { name: "grpc", look: grpc::look },
    Rule { name: "tls", look: tls::look },
    Rule { name: "twice", look: twice::look },
    Rule { name: "checks", look: checks::look },
    Rule { name: "breakers", look: breakers::look },
    Rule { name: "admin", look: admin::look },
    Rule { name: "mixed", look: mixed::look },
    Rule { name: "edge", look: edge::look },
];

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
        let findings = once((rule.look)(bootstrap));
        if findings.is_empty() {
            report.passed(id, said!("", ""));
        } else {
            report.failed(id, findings);
        }
    }
}

/// What an anchor puts into several places is written once, and said once.
fn once(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for finding in findings {
        let place = match &finding.spot {
            Some(Spot::Under(position, rest)) if position.line > 0 => {
                Some((finding.cause, position.file.clone(), position.line, position.column, rest.clone()))
            }
            _ => None,
        };
        if place.is_none() || !seen.contains(&place) {
            seen.push(place);
            kept.push(finding);
        }
    }
    kept
}
