//! How long the back-end keeps a connection that nobody uses, where it does not say so itself: a connection is held after an
//! answer, and its end is waited for. That takes as long as it takes, so it is done only where somebody asks for it.

use std::time::Duration;

use causeway_reason::{Condition, Reason};

use super::diagnosis::{Diagnosis, Remedy};
use super::observations::Observations;
use super::trial::{Again, Ask, Got, Seen, Trial};
use crate::probe::plan::Target;

/// How an idle connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The back-end closed it after this time.
    Closed(Duration),
    /// It was still there after this time.
    Stood(Duration),
}

/// The trial that finds out; `None` where no connection of HTTP/1 stays open, or its time is known from `Keep-Alive`.
pub(crate) fn trial(target: &Target, seen: &Observations, limit: Duration) -> Option<Trial> {
    let (main, came) = seen.trials.first()?;
    let answer = came.answer().filter(|answer| !answer.http2 && answer.keep_alive.is_none())?;
    let stays = matches!(answer.again, Some(Again::Answered(_)));
    let ask = Ask::Hold { host: target.host.clone(), path: target.path.clone(), limit };
    stays.then(|| Trial { ask, ..main.clone() })
}

/// What came of it.
pub(crate) fn held(limit: Duration, seen: &Seen) -> Option<Held> {
    match &seen.got {
        Got::Answer(answer) => Some(answer.idle.map_or(Held::Stood(limit), Held::Closed)),
        _ => None,
    }
}

/// What is wrong with that; `at` is the place of the trial.
pub(crate) fn judge(target: &Target, held: Held, at: usize) -> Option<Diagnosis> {
    let Held::Closed(theirs) = held else { return None };
    too_long(target, theirs, at)
}

/// The proxy keeps idle connections at least as long as the back-end, which closes them after `theirs`.
pub(super) fn too_long(target: &Target, theirs: Duration, at: usize) -> Option<Diagnosis> {
    let ours = target.cluster.http.idle_timeout;
    ours.is_none_or(|ours| ours >= theirs).then(|| {
        Diagnosis::of(Condition::KeepaliveTooLong, at)
            .meets(Reason::KeepaliveRace)
            .warning()
            .helps(Remedy::IdleTimeout(shorter(theirs)))
    })
}

/// Milliseconds that are safely less, in whole seconds where there are some.
fn shorter(theirs: Duration) -> u64 {
    let millis = u64::try_from(theirs.as_millis()).unwrap_or(u64::MAX);
    if millis > 2000 { (millis - 500) / 1000 * 1000 } else { millis / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::target;

    #[test]
    fn who_closes_first_is_compared() {
        let closed = |seconds| Held::Closed(Duration::from_secs(seconds));
        let options = ", common_http_protocol_options: {idle_timeout: 10s}";
        let found = |fields: &str, held| judge(&target(fields), held, 0).map(|found| found.remedies);
        assert_eq!(found("", closed(75)), Some(vec![Remedy::IdleTimeout(74_000)]), "an hour is the default");
        assert_eq!(found(options, closed(75)), None);
        assert_eq!(found(options, closed(10)), Some(vec![Remedy::IdleTimeout(9000)]));
        assert_eq!(found("", Held::Stood(Duration::from_secs(60))), None);
        assert_eq!(
            found(", common_http_protocol_options: {idle_timeout: 0s}", closed(1)).map(|all| all.len()),
            Some(1)
        );
    }

    #[test]
    fn what_is_proposed_is_less() {
        for (theirs, ours) in
            [(500, 250), (2000, 1000), (2001, 1000), (4004, 3000), (5000, 4000), (75_000, 74_000)]
        {
            assert_eq!(shorter(Duration::from_millis(theirs)), ours, "{theirs}");
        }
    }
}
