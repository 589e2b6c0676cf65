//! Several causes that would look the same, told apart by what to do next.

use causeway_reason::Cause;

use crate::finding::{Finding, Fix};
use crate::said;
use crate::said::Said;

/// Causes that are said one by one; of the others there are codes.
const SHOWN: usize = 7;
/// Codes that are said besides.
const CODES: usize = 12;

/// The finding, with the question for each cause that it alone would answer like that. One cause needs no question.
pub(crate) fn tell_apart(mut finding: Finding, causes: &[Cause]) -> Finding {
    if causes.len() < 2 {
        return finding;
    }
    finding.candidates = causes.to_vec();
    // Those that can be asked for come first: they are the commoner ones too.
    let (asked, others): (Vec<Cause>, Vec<Cause>) =
        causes.iter().partition(|cause| cause.told_apart_by().is_some());
    let mut causes = asked.into_iter().chain(others);
    for cause in causes.by_ref().take(SHOWN) {
        finding = finding.fix(Fix::manual(question(cause)));
    }
    let mut rest: Vec<_> = causes.by_ref().take(CODES).map(Cause::code).collect();
    if rest.is_empty() {
        return finding;
    }
    if causes.next().is_some() {
        rest.push("…");
    }
    let rest = rest.join(", ");
    finding.fix(Fix::manual(said!("or {rest}: causeway explain CODE", "또는 {rest}: causeway explain 코드")))
}

/// How a cause is told from the others.
fn question(cause: Cause) -> Said {
    match cause.told_apart_by() {
        Some(text) => Said::new(format!("{cause}, if {}", text.en), format!("{cause}: {}", text.ko)),
        None => {
            let sentence = cause.sentence();
            Said::new(
                format!("{cause}: {}", sentence.en.trim_end_matches('.')),
                format!("{cause}: {}", sentence.ko.trim_end_matches('.')),
            )
        }
    }
}
