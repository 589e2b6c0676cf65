//! Whose turn it is among hosts: what one worker keeps of the hosts of a cluster, or of a part of them.

use std::sync::Arc;
use std::time::Instant;

use causeway_model::{LbPolicy, LeastRequest};

use super::slow_start::SlowStarts;
use crate::edf::{Edf, MovingEdf};
use crate::host::Host;
use crate::host_set::{Among, HostSet, Priority};
use crate::rng::Rng;

/// Turns among the hosts of a set.
#[derive(Debug)]
pub(super) struct Picker {
    /// Where each group's turns begin, and begin again when its hosts change.
    seed: u64,
    slow_starts: Option<SlowStarts>,
    /// For each priority, its groups of hosts.
    turns: Vec<Vec<Turns>>,
    /// For each priority, which of its localities has its turn: among healthy hosts, and among degraded ones.
    localities: Vec<[Option<MovingEdf>; 2]>,
}

#[derive(Debug)]
struct Turns {
    /// Number of turns taken.
    taken: u64,
    order: Order,
}

/// In which order hosts have their turns.
#[derive(Debug)]
enum Order {
    /// Not looked at since the hosts changed.
    Unknown,
    /// Their weights are equal: a strict rotation, or a draw.
    Equal,
    /// They are not.
    Fixed(Edf),
    /// And they change with time or load.
    Moving(MovingEdf),
}

/// What a choice depends on.
pub(super) struct Circumstances<'a> {
    pub(super) policy: &'a LbPolicy,
    pub(super) rng: &'a mut Rng,
    pub(super) now: &'a dyn Fn() -> Instant,
}

impl Picker {
    pub(super) fn new(policy: &LbPolicy, seed: u64) -> Self {
        let slow_start = match policy {
            LbPolicy::RoundRobin(config) => config.slow_start,
            LbPolicy::LeastRequest(config) => config.slow_start,
            LbPolicy::Random | LbPolicy::RingHash(_) | LbPolicy::Maglev(_) => None,
        };
        Self { seed, slow_starts: slow_start.map(SlowStarts::new), turns: Vec::new(), localities: Vec::new() }
    }

    /// The hosts have changed. As in Envoy the count of turns goes on, while weighted turns begin anew.
    pub(super) fn refresh(&mut self) {
        for turns in self.turns.iter_mut().flatten() {
            turns.order = Order::Unknown;
        }
        self.localities.clear();
    }

    /// The locality that has its turn, by weight; `None` where none has a weight.
    pub(super) fn locality(&mut self, set: &HostSet, priority: usize, which: Among) -> Option<Among> {
        let groups = set.priorities().get(priority)?.localities()?.groups();
        let degraded = which == Among::Degraded;
        let weight = |index: usize| {
            let group = groups.get(index);
            group.map_or(0.0, |group| if degraded { group.degraded_weight } else { group.healthy_weight })
        };
        if (0..groups.len()).all(|index| weight(index) <= 0.0) {
            return None;
        }
        if self.localities.len() <= priority {
            self.localities.resize_with(priority + 1, Default::default);
        }
        let slot = self.localities.get_mut(priority)?.get_mut(usize::from(degraded))?;
        let edf = slot.get_or_insert_with(|| MovingEdf::new(groups.len(), self.seed, weight));
        edf.next(weight).map(|locality| which.of(locality))
    }

    /// The index of the host that has its turn; `None` where there are none.
    pub(super) fn turn(
        &mut self,
        priority: (usize, &Priority),
        which: Among,
        at: &mut Circumstances<'_>,
    ) -> Option<usize> {
        let (priority, set) = priority;
        let hosts = set.among(which);
        let count = u64::try_from(hosts.len()).ok().filter(|count| *count > 0)?;
        if *at.policy == LbPolicy::Random {
            return usize::try_from(at.rng.below(count)).ok();
        }
        if self.turns.len() <= priority {
            self.turns.resize_with(priority + 1, Vec::new);
        }
        let groups = self.turns.get_mut(priority)?;
        while groups.len() <= which.slot() {
            groups.push(Turns { taken: self.seed, order: Order::Unknown });
        }
        let turns = groups.get_mut(which.slot())?;
        if matches!(turns.order, Order::Unknown) {
            if let Some(starts) = &mut self.slow_starts {
                starts.note(hosts, (at.now)());
            }
            turns.order = order(hosts, self.seed, self.slow_starts.as_ref(), at);
        }
        match &mut turns.order {
            Order::Fixed(edf) => edf.next(),
            Order::Moving(edf) => {
                let now = self.slow_starts.as_ref().map(|_| (at.now)());
                edf.next(|index| weight(hosts, index, at.policy, self.slow_starts.as_ref().zip(now)))
            }
            Order::Unknown | Order::Equal => {
                if let LbPolicy::LeastRequest(config) = at.policy {
                    return least(hosts, config, at.rng);
                }
                let turn = turns.taken % count;
                turns.taken = turns.taken.wrapping_add(1);
                usize::try_from(turn).ok()
            }
        }
    }
}

/// The order for hosts that were not looked at yet.
fn order(hosts: &[Arc<Host>], seed: u64, starts: Option<&SlowStarts>, at: &Circumstances<'_>) -> Order {
    let now = starts.map(|_| (at.now)());
    let slow = starts.zip(now).filter(|(starts, now)| starts.any(*now));
    if slow.is_none() && !weights_differ(hosts) || hosts.len() < 2 {
        return Order::Equal;
    }
    match at.policy {
        LbPolicy::RoundRobin(_) if slow.is_none() => {
            Order::Fixed(Edf::new(hosts.iter().map(|host| host.share()), seed))
        }
        _ => {
            let weight = |index| weight(hosts, index, at.policy, starts.zip(now));
            Order::Moving(MovingEdf::new(hosts.len(), seed, weight))
        }
    }
}

/// What a host's weight comes to at the moment.
fn weight(hosts: &[Arc<Host>], index: usize, policy: &LbPolicy, slow: Option<(&SlowStarts, Instant)>) -> f64 {
    let Some(host) = hosts.get(index) else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a weight of more than 2^53 need not be exact")]
    let mut weight = host.share() as f64;
    if let LbPolicy::LeastRequest(config) = policy {
        #[expect(clippy::cast_precision_loss, reason = "numbers of requests are small")]
        let active = host.active() as f64 + 1.0;
        weight /=
            if config.active_request_bias == 1.0 { active } else { active.powf(config.active_request_bias) };
    }
    match slow.filter(|(starts, now)| starts.any(*now)) {
        Some((starts, now)) => starts.weight(weight, host, now),
        None => weight,
    }
}

/// The host with the fewest requests of those that are drawn, or of all.
fn least(hosts: &[Arc<Host>], config: &LeastRequest, rng: &mut Rng) -> Option<usize> {
    let count = hosts.len() as u64;
    let active = |index: usize| hosts.get(index).map_or(u64::MAX, |host| host.active());
    if !config.full_scan {
        let mut draw = || usize::try_from(rng.below(count)).unwrap_or(0);
        let first = draw();
        let best = (1..config.choice_count).fold((first, active(first)), |best, _| {
            let other = draw();
            let active = active(other);
            if active < best.1 { (other, active) } else { best }
        });
        return Some(best.0);
    }
    let mut best = (0, active(0));
    let mut tied = 1;
    for index in 1..hosts.len() {
        let active = active(index);
        if active < best.1 {
            best = (index, active);
            tied = 1;
        } else if active == best.1 {
            // Each of those that are equal is as likely as any other.
            tied += 1;
            if rng.below(tied) == 0 {
                best.0 = index;
            }
        }
    }
    Some(best.0)
}

fn weights_differ(hosts: &[Arc<Host>]) -> bool {
    hosts.first().is_some_and(|first| hosts.iter().any(|host| host.share() != first.share()))
}
