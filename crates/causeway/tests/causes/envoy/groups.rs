//! Lines of the log that stand for several causes, and how many of them were told apart.

use std::collections::{BTreeMap, BTreeSet};

use causeway_testkit::say_skipped;

use super::run::{Outcome, Verdict};

/// What a line says of how a request ended: status, flags and details.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line(String);

impl Line {
    /// The commonest line of a log about a request that failed. A client that goes away at the end of the case is no failure.
    pub(super) fn of_log(log: &str) -> Option<Self> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in log.lines().filter_map(Self::of) {
            *counts.entry(line).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(line, _)| Self(line))
    }

    /// `[TIME] "REQUEST" CODE FLAGS DETAILS …`
    fn of(line: &str) -> Option<String> {
        let mut words = line.splitn(3, '"').nth(2)?.split_ascii_whitespace();
        let (status, flags, details) = (words.next()?, words.next()?, words.next()?);
        // Addresses are different each time.
        let details = details.split("|remote_address:").next()?.split("_to_127.").next()?;
        let failed = flags != "-" || status.parse::<u16>().is_ok_and(|status| status >= 400);
        (failed && flags != "DC").then(|| format!("{status} {flags} {details}"))
    }
}

/// Says of each line that more than one cause gave how many of them were told apart.
pub(super) fn tell(outcomes: &[Outcome]) {
    let mut lines: BTreeMap<&Line, BTreeMap<String, bool>> = BTreeMap::new();
    for one in outcomes.iter().filter(|one| !one.expected.is_empty()) {
        let Some(line) = &one.line else { continue };
        let cause = one.expected.iter().cloned().collect::<Vec<_>>().join("+");
        let right = matches!(one.verdict, Verdict::Right);
        // A cause is told apart where every case of it is.
        let known = lines.entry(line).or_default().entry(cause).or_insert(true);
        *known &= right;
    }
    let (mut causes, mut apart) = (0, 0);
    for (line, of) in lines.iter().filter(|(_, of)| of.len() > 1) {
        let told: BTreeSet<_> =
            of.iter().filter(|(_, told)| **told).map(|(cause, _)| cause.as_str()).collect();
        let not: Vec<_> = of.iter().filter(|(_, told)| !**told).map(|(cause, _)| cause.as_str()).collect();
        let not = if not.is_empty() { String::new() } else { format!("; not {}", not.join(" ")) };
        let list: Vec<_> = told.into_iter().collect();
        say_skipped(&format!(
            "ENVOY LINE {}: {} of {} causes told apart: {}{not}",
            line.0,
            list.len(),
            of.len(),
            list.join(" ")
        ));
        causes += of.len();
        apart += list.len();
    }
    let groups = lines.values().filter(|of| of.len() > 1).count();
    say_skipped(&format!("ENVOY LINES: {groups} with several causes, {apart} of {causes} told apart"));
}
