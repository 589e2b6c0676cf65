//! One choice: the host of a set that a request gets.

use std::time::Instant;

use causeway_model::{LocalityLb, SubsetFallback};
use causeway_stats::Shard;

use super::picker::{Circumstances, Picker};
use super::zones::{ZoneRouting, Zones};
use super::{Ask, Choice};
use crate::cluster::Cluster;
use crate::host_set::{Among, HostSet};
use crate::rng::Rng;
use crate::stats::ClusterStat;
use crate::subsets::{SubsetHosts, SubsetKey, Subsets};

/// A choice under way.
pub(super) struct Drawing<'d> {
    pub(super) cluster: &'d Cluster,
    pub(super) stats: &'d Shard<ClusterStat>,
    pub(super) rng: &'d mut Rng,
    /// Where zones matter.
    pub(super) zones: Option<&'d ZoneRouting>,
    /// The place of the subset whose hosts are drawn from, where it is not all of them.
    pub(super) subset: Option<usize>,
    pub(super) ask: &'d Ask<'d>,
    pub(super) now: &'d dyn Fn() -> Instant,
}

/// Why no host was chosen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Nobody {
    /// There is none.
    NoneLeft,
    /// The priority is in panic, and that is a reason to refuse.
    Refused,
    /// No host has what the request asks for.
    NoSubset,
}

/// A host's place: its priority, which of the hosts there, and its index among them.
struct Place {
    priority: usize,
    which: Among,
    index: usize,
}

impl Drawing<'_> {
    /// Chooses a host of a set. One that is passed over is drawn again, so often, and then taken all the same.
    pub(super) fn draw<'h>(&mut self, set: &'h HostSet, picker: &mut Picker) -> Result<Choice<'h>, Nobody> {
        let hashes = self.cluster.config().lb_policy.hashes();
        let hash = hashes.then(|| self.ask.hash.unwrap_or_else(|| self.rng.next()));
        let mut attempt = 0;
        loop {
            let place = match hash {
                Some(hash) => self.by_hash(set, hash, attempt)?,
                None => self.in_turn(set, picker)?,
            };
            let hosts = set.priorities().get(place.priority).map(|priority| priority.among(place.which));
            let host = hosts.and_then(|hosts| hosts.get(place.index)).ok_or(Nobody::NoneLeft)?;
            let passed_over = self.ask.passed_over.filter(|_| attempt < self.ask.draws);
            if !passed_over.is_some_and(|passed_over| passed_over(host)) {
                return Ok(Choice { host, panic: place.which == Among::All });
            }
            attempt += 1;
        }
    }

    /// The host that serves a hash.
    fn by_hash(&self, set: &HostSet, hash: u64, attempt: u32) -> Result<Place, Nobody> {
        let (at, _) = set.choose(|| hash);
        let priority = set.priorities().get(at).ok_or(Nobody::NoneLeft)?;
        if priority.in_panic() {
            self.stats.inc(ClusterStat::LbHealthyPanic);
        }
        let which = priority.hashed();
        let hosts = priority.among(which);
        let active = |index: usize| hosts.get(index).map_or(0, |host| host.active());
        let index = priority.table().and_then(|table| table.find(hash, attempt, active));
        Ok(Place { priority: at, which, index: index.ok_or(Nobody::NoneLeft)? })
    }

    /// The host that has its turn.
    fn in_turn(&mut self, set: &HostSet, picker: &mut Picker) -> Result<Place, Nobody> {
        let without = (!self.ask.left_out.is_empty())
            .then(|| set.choose_without(self.ask.left_out, self.cluster.spread(), self.rng.next()))
            .flatten();
        let forced = self.ask.forced.and_then(|forced| set.forced(forced));
        let (at, which) = forced.or(without).unwrap_or_else(|| set.choose(|| self.rng.next()));
        if which == Among::All {
            self.stats.inc(ClusterStat::LbHealthyPanic);
            if self.cluster.config().fail_traffic_on_panic {
                return Err(Nobody::Refused);
            }
        }
        let which = self.locality(set, picker, at, which)?;
        let priority = set.priorities().get(at).ok_or(Nobody::NoneLeft)?;
        let policy = &self.cluster.config().lb_policy;
        let mut circumstances = Circumstances { policy, rng: self.rng, now: self.now };
        let index = picker.turn((at, priority), which, &mut circumstances);
        Ok(Place { priority: at, which, index: index.ok_or(Nobody::NoneLeft)? })
    }

    /// Where localities matter, the hosts of one of them.
    fn locality(
        &mut self,
        set: &HostSet,
        picker: &mut Picker,
        at: usize,
        which: Among,
    ) -> Result<Among, Nobody> {
        if which == Among::All {
            return Ok(which);
        }
        let config = self.cluster.config();
        let routing = self.zones.map(|routing| (routing, routing.among(self.subset)));
        match (&config.locality_lb, routing) {
            (LocalityLb::Weighted, _) => Ok(picker.locality(set, at, which).unwrap_or(which)),
            (LocalityLb::ZoneAware(zone_aware), Some((routing, zones)))
                if at == 0 && *zones != Zones::None =>
            {
                if self.rng.below(100) >= zone_aware.routing_enabled {
                    return Ok(which);
                }
                let own = routing.own_hosts.as_ref().and_then(|set| set.priorities().first());
                let threshold = self.cluster.spread().panic_threshold;
                if own.is_none_or(|own| own.counts().in_panic(threshold)) {
                    self.stats.inc(ClusterStat::LbLocalClusterNotOk);
                    let refused = config.fail_traffic_on_panic;
                    return if refused { Err(Nobody::Refused) } else { Ok(which) };
                }
                let zone = zones.draw(self.rng, &mut |stat| self.stats.inc(stat));
                Ok(zone.map_or(which, |zone| which.of(zone)))
            }
            (LocalityLb::ZoneAware(_), _) => Ok(which),
        }
    }

    /// Chooses a host where the cluster has subsets; `pickers` are those of the subsets.
    pub(super) fn draw_of_subsets<'h>(
        &mut self,
        subsets: &'h Subsets,
        pickers: &mut [Picker],
    ) -> Result<Choice<'h>, Nobody> {
        let key = self.ask.subset;
        let forms = key.map_or(&[][..], SubsetKey::forms);
        if !subsets.config().metadata_fallback_list || forms.is_empty() {
            return self.of_key(key, subsets, pickers);
        }
        let mut nobody = Nobody::NoSubset;
        for form in forms {
            match self.of_key(Some(form), subsets, pickers) {
                Ok(choice) => return Ok(choice),
                Err(why) => nobody = why,
            }
        }
        Err(nobody)
    }

    fn of_key<'h>(
        &mut self,
        key: Option<&SubsetKey>,
        subsets: &'h Subsets,
        pickers: &mut [Picker],
    ) -> Result<Choice<'h>, Nobody> {
        if let Some(key) = key {
            if let Some(at) = subsets.find(key) {
                self.stats.inc(ClusterStat::LbSubsetsSelected);
                return self.within(at, subsets, pickers);
            }
            let selector = subsets.selector(key);
            match selector.and_then(|selector| Some((selector, selector.fallback?))) {
                Some((selector, SubsetFallback::Keys)) => {
                    let fewer = key.only(&selector.fallback_keys);
                    return self.of_key(Some(&fewer), subsets, pickers);
                }
                Some((_, fallback)) => {
                    let at = subsets.fallback(fallback).ok_or(Nobody::NoSubset)?;
                    return self.within(at, subsets, pickers);
                }
                None => {}
            }
        }
        let config = subsets.config();
        // Without a fallback there is no panic either, as in Envoy.
        let at = subsets.fallback(config.fallback).ok_or(Nobody::NoSubset)?;
        let nobody = match self.within(at, subsets, pickers) {
            Ok(choice) => {
                self.stats.inc(ClusterStat::LbSubsetsFallback);
                return Ok(choice);
            }
            Err(why) => why,
        };
        if let Some(at) = subsets.fallback(SubsetFallback::Any).filter(|_| config.panic_mode_any)
            && let Ok(choice) = self.within(at, subsets, pickers)
        {
            self.stats.inc(ClusterStat::LbSubsetsFallbackPanic);
            return Ok(choice);
        }
        Err(nobody)
    }

    /// Chooses a host of one subset.
    fn within<'h>(
        &mut self,
        at: usize,
        subsets: &'h Subsets,
        pickers: &mut [Picker],
    ) -> Result<Choice<'h>, Nobody> {
        match (subsets.get(at).map(|subset| &subset.hosts), pickers.get_mut(at)) {
            (Some(SubsetHosts::Single(host)), _) => Ok(Choice { host, panic: false }),
            (Some(SubsetHosts::Set(set)), Some(picker)) => {
                self.subset = Some(at);
                self.draw(set, picker)
            }
            (Some(SubsetHosts::Set(_)) | None, _) => Err(Nobody::NoneLeft),
        }
    }
}
