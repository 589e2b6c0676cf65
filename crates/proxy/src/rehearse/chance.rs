//! What chance may make of a request: shares of requests (`runtime_fraction`) and weights of clusters.
//!
//! A request draws one number, and all that is left to chance hangs on it. So the ways in which it may end, and their
//! shares, are found by trying all numbers that make a difference.

use causeway_routing::RouteTable;

use super::Chance;
use crate::downstream::SeenByRouting;
use crate::record::ActiveRequest;
use crate::snapshot::ManagerRuntime;

/// Most numbers that are tried; where more make a difference, it is a sample of so many.
const TRIED: u64 = 100_000;

/// A route, and one of its clusters, by their numbers.
type Drawn = (Option<usize>, Option<usize>);

/// All that chance may make of a request; nothing where nothing is left to it.
pub(crate) fn chances(table: &RouteTable, manager: &ManagerRuntime, request: &ActiveRequest) -> Vec<Chance> {
    let possible = table.possible(&request.seen());
    let fractions = possible.iter().filter_map(|(_, fraction)| fraction.map(|(_, of)| of.max(1)));
    let entries = possible.iter().filter_map(|(route, _)| manager.entry(*route));
    let weights = entries.filter_map(|entry| {
        let mut shares = entry.shares();
        let (_, first) = shares.next()?;
        let rest: Vec<u64> = shares.map(|(_, weight)| weight).collect();
        (!rest.is_empty()).then(|| first + rest.iter().sum::<u64>()).filter(|total| *total > 0)
    });
    let all = fractions.chain(weights).try_fold(1, common_multiple);
    if all == Some(1) {
        return Vec::new();
    }
    let all = all.filter(|all| *all <= TRIED);
    let tried = all.unwrap_or(TRIED);
    let mut outcomes: Vec<(Drawn, u64, u64)> = Vec::new();
    for at in 0..tried {
        let random = if all.is_some() { at } else { scattered(at) };
        let outcome = outcome(&possible, manager, request, random);
        match outcomes.iter_mut().find(|(known, ..)| *known == outcome) {
            Some((_, count, _)) => *count += 1,
            None => outcomes.push((outcome, 1, random)),
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "both are small")]
    let share = |count: u64| count as f64 / tried as f64;
    let chance = |(_, count, random)| Chance { share: share(count), about: all.is_none(), random };
    let outcomes: Vec<_> = outcomes.into_iter().map(chance).collect();
    if outcomes.len() > 1 { outcomes } else { Vec::new() }
}

/// Which route takes a request that has drawn this number, and which of its clusters.
fn outcome(
    possible: &[(usize, Option<(u64, u64)>)],
    manager: &ManagerRuntime,
    request: &ActiveRequest,
    random: u64,
) -> Drawn {
    let takes = |fraction: &Option<(u64, u64)>| fraction.is_none_or(|(share, of)| random % of.max(1) < share);
    let Some((route, _)) = possible.iter().find(|(_, fraction)| takes(fraction)) else { return (None, None) };
    let seen = SeenByRouting { random, ..request.seen() };
    let target = manager.entry(*route).and_then(|entry| {
        let drawn = entry.draw(&seen)?;
        entry.shares().position(|(target, _)| std::rc::Rc::ptr_eq(target, drawn))
    });
    (Some(*route), target)
}

fn common_multiple(a: u64, b: u64) -> Option<u64> {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).checked_mul(b)
}

/// A number that looks like one of chance (SplitMix64).
const fn scattered(at: u64) -> u64 {
    let mut x = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::common_multiple;

    #[test]
    fn numbers_repeat_together_after_their_common_multiple() {
        assert_eq!(common_multiple(4, 6), Some(12));
        assert_eq!(common_multiple(1, 100), Some(100));
        assert_eq!(common_multiple(u64::MAX, u64::MAX - 1), None);
    }
}
