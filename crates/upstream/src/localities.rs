//! The hosts of a priority by where they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_model::Locality;

use crate::flags::Health;
use crate::host::Host;

/// Hosts by their localities: the own one first, where it has any, and the others in the order of their names, as in
/// Envoy.
#[derive(Debug)]
pub(crate) struct Localities {
    groups: Vec<Group>,
    /// The first is where this process is.
    has_own: bool,
}

/// The hosts of one locality.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) locality: Locality,
    /// Its share among those of the priority, before health.
    pub(crate) weight: u32,
    /// But those that agents have taken out of the choice.
    pub(crate) hosts: Vec<Arc<Host>>,
    pub(crate) healthy: Vec<Arc<Host>>,
    pub(crate) degraded: Vec<Arc<Host>>,
    /// Its weight, as far as healthy hosts can take its load.
    pub(crate) healthy_weight: f64,
    /// The same for degraded ones.
    pub(crate) degraded_weight: f64,
}

impl Localities {
    /// The hosts of one priority, for a process that is there. `weight` is told what the file says of a locality, and
    /// gives its weight.
    pub(crate) fn new(
        hosts: &[Arc<Host>],
        own: &Locality,
        overprovisioning_factor: u32,
        weight: &dyn Fn(&Locality, u32) -> u32,
    ) -> Self {
        let mut by_place: BTreeMap<&Locality, Vec<Arc<Host>>> = BTreeMap::new();
        for host in hosts {
            by_place.entry(host.locality()).or_default().push(Arc::clone(host));
        }
        let of_own = by_place.remove_entry(own);
        let has_own = of_own.is_some();
        let group = |(place, hosts): (&Locality, Vec<Arc<Host>>)| {
            Group::new(place.clone(), hosts, overprovisioning_factor, weight)
        };
        Self { groups: of_own.into_iter().chain(by_place).map(group).collect(), has_own }
    }

    /// The localities that have hosts.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The one where this process is, where it has hosts: the first.
    pub(crate) fn own(&self) -> Option<&Group> {
        self.groups.first().filter(|_| self.has_own)
    }
}

impl Group {
    fn new(
        locality: Locality,
        hosts: Vec<Arc<Host>>,
        overprovisioning_factor: u32,
        weight: &dyn Fn(&Locality, u32) -> u32,
    ) -> Self {
        let with = |health| -> Vec<Arc<Host>> {
            hosts.iter().filter(|host| host.health() == health).cloned().collect()
        };
        let (healthy, degraded) = (with(Health::Healthy), with(Health::Degraded));
        let counts = |host: &Host| !host.flags().is_excluded() && !host.is_withdrawn();
        let counted = hosts.iter().filter(|host| counts(host)).count();
        // The last that says something of a locality is right.
        let weight = weight(&locality, hosts.last().map_or(0, |host| host.locality_weight()));
        #[expect(clippy::cast_precision_loss, reason = "numbers of hosts are small")]
        let effective = |usable: usize| {
            if counted == 0 {
                return 0.0;
            }
            let share = usable as f64 / counted as f64;
            f64::from(weight) * (f64::from(overprovisioning_factor) / 100.0 * share).min(1.0)
        };
        Self {
            healthy_weight: effective(healthy.len()),
            degraded_weight: effective(degraded.len()),
            locality,
            weight,
            hosts: hosts.into_iter().filter(|host| !host.is_withdrawn()).collect(),
            healthy,
            degraded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostSettings;
    use crate::host::tests::settings;

    fn host(zone: &str, weight: u32) -> Arc<Host> {
        let place = Locality { zone: zone.into(), ..Locality::default() };
        let settings = HostSettings { locality: Arc::new(place), locality_weight: weight, ..settings() };
        let address = causeway_model::Address::Ip(([10, 0, 0, 1], 80).into());
        Arc::new(Host::new(address, settings, 0, false, 1))
    }

    #[test]
    fn the_own_locality_is_the_first_and_the_others_follow_by_name() {
        let hosts = [host("c", 1), host("a", 2), host("b", 3), host("a", 2)];
        let own = Locality { zone: "b".into(), ..Locality::default() };
        let names = |localities: &Localities| -> Vec<String> {
            localities.groups().iter().map(|group| group.locality.zone.to_string()).collect()
        };
        let localities = Localities::new(&hosts, &own, 140, &|_, weight| weight);
        assert_eq!(names(&localities), ["b", "a", "c"]);
        assert_eq!(localities.own().map(|group| group.weight), Some(3));
        assert_eq!(localities.groups()[1].healthy_weight, 2.0);
        let elsewhere = Localities::new(&hosts, &Locality::default(), 140, &|_, weight| weight);
        assert_eq!(names(&elsewhere), ["a", "b", "c"]);
        assert!(elsewhere.own().is_none());
    }
}
