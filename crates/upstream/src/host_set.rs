//! The hosts of a cluster at one moment.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use causeway_model::{LbPolicy, Locality, SubsetConfig};

use crate::aggregate::Forced;
use crate::flags::Health;
use crate::hashing::HashTable;
use crate::host::Host;
use crate::localities::Localities;
use crate::priority::{Counts, Load, spread};
use crate::subsets::Subsets;

/// An immutable snapshot: which hosts there are, and which may be used. Another is published whenever
/// anything changes.
#[derive(Debug)]
pub struct HostSet {
    priorities: Vec<Priority>,
    /// Parts of it that can be asked for, where the cluster has some.
    subsets: Option<Box<Subsets>>,
    /// The hosts by their addresses, where requests say which they are for.
    destinations: Option<HashMap<SocketAddr, Arc<Host>>>,
}

/// The hosts of one priority.
#[derive(Debug)]
pub struct Priority {
    hosts: Vec<Arc<Host>>,
    healthy: Vec<Arc<Host>>,
    degraded: Vec<Arc<Host>>,
    /// How many of those that are left in do not count for the share of healthy ones.
    excluded: u32,
    /// Those that panic may bring back, where agents have taken some out of the choice; all of them otherwise.
    left_in: Option<Vec<Arc<Host>>>,
    load: Load,
    /// The same hosts by their localities, where those matter.
    localities: Option<Localities>,
    /// Which host serves which hash, where the cluster's policy asks.
    table: Option<HashTable>,
}

/// Which hosts of a priority a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Among {
    Healthy,
    Degraded,
    /// Any: the priority is in panic.
    All,
    /// The healthy ones of a locality, by its index.
    HealthyOf(usize),
    /// The degraded ones of a locality.
    DegradedOf(usize),
}

/// What decides how load is spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) overprovisioning_factor: u32,
    pub(crate) panic_threshold: u32,
}

/// How hosts are arranged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout<'a> {
    pub(crate) spread: Spread,
    pub(crate) policy: &'a LbPolicy,
    /// Where this process is, where localities matter.
    pub(crate) own_locality: Option<&'a Locality>,
    /// Localities get shares by their weights.
    pub(crate) weighted: bool,
    /// How they are divided.
    pub(crate) subsets: Option<&'a Arc<SubsetConfig>>,
    /// Requests say which of them they are for.
    pub(crate) destinations: bool,
}

impl HostSet {
    /// A snapshot of these hosts, by priority from 0 on.
    pub(crate) fn new(hosts: Vec<Vec<Arc<Host>>>, layout: &Layout<'_>) -> Self {
        let subsets = layout.subsets.map(|config| Box::new(Subsets::new(&hosts, layout, config)));
        let destinations = layout.destinations.then(|| {
            let all = hosts.iter().flatten();
            all.filter_map(|host| Some((host.address().ip()?, Arc::clone(host)))).collect()
        });
        Self { subsets, destinations, ..Self::with_weights(hosts, layout, &|_, _, weight| weight) }
    }

    /// The same without subsets. `weight` is told priority, locality and what the file says of it, and gives the weight
    /// that a locality has.
    pub(crate) fn with_weights(
        hosts: Vec<Vec<Arc<Host>>>,
        layout: &Layout<'_>,
        weight: &dyn Fn(usize, &Locality, u32) -> u32,
    ) -> Self {
        let mut priorities: Vec<Priority> = hosts.into_iter().map(Priority::new).collect();
        if priorities.is_empty() {
            priorities.push(Priority::new(Vec::new()));
        }
        let counts: Vec<Counts> = priorities.iter().map(Priority::counts).collect();
        let Spread { overprovisioning_factor, panic_threshold } = layout.spread;
        let loads = spread(&counts, overprovisioning_factor, panic_threshold);
        for (at, (priority, load)) in priorities.iter_mut().zip(loads).enumerate() {
            let weight = |place: &Locality, of_file| weight(at, place, of_file);
            priority.load = load;
            priority.localities = layout
                .own_locality
                .map(|own| Localities::new(&priority.hosts, own, overprovisioning_factor, &weight));
            priority.table = HashTable::new(priority, layout);
        }
        Self { priorities, subsets: None, destinations: None }
    }

    /// Parts of it that can be asked for.
    pub(crate) fn subsets(&self) -> Option<&Subsets> {
        self.subsets.as_deref()
    }

    /// The host at an address, where requests say which they are for.
    pub(crate) fn destination(&self, address: &SocketAddr) -> Option<&Arc<Host>> {
        self.destinations.as_ref()?.get(address)
    }

    /// The priorities, from 0 on; at least one.
    #[must_use]
    pub fn priorities(&self) -> &[Priority] {
        &self.priorities
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.priorities.iter().flat_map(|priority| &priority.hosts)
    }

    /// Number of hosts that are healthy.
    #[must_use]
    pub fn healthy_count(&self) -> usize {
        self.priorities.iter().map(|priority| priority.healthy.len()).sum()
    }

    /// Where the next request goes: the priority's index, and which of its hosts. Every number is as good
    /// as any other, and none is needed where there is nothing to choose from.
    pub(crate) fn choose(&self, random: impl FnOnce() -> u64) -> (usize, Among) {
        if let [Priority { load: Load { healthy: 100, panic: false, .. }, .. }] = self.priorities.as_slice() {
            return (0, Among::Healthy);
        }
        draw(self.priorities.iter().map(|priority| priority.load), random())
    }

    /// The same where another cluster has decided.
    pub(crate) fn forced(&self, forced: Forced) -> Option<(usize, Among)> {
        let priority = self.priorities.get(forced.priority)?;
        let usable = if forced.degraded { Among::Degraded } else { Among::Healthy };
        Some((forced.priority, if priority.load.panic { Among::All } else { usable }))
    }

    /// The same where some priorities are left out; `None` where no host of the others may be used.
    pub(crate) fn choose_without(
        &self,
        left_out: &[usize],
        how: Spread,
        random: u64,
    ) -> Option<(usize, Among)> {
        let counts = self.priorities.iter().enumerate().map(|(index, priority)| {
            if left_out.contains(&index) { Counts::default() } else { priority.counts() }
        });
        let counts: Vec<Counts> = counts.collect();
        let usable = counts.iter().any(|counts| counts.healthy + counts.degraded > 0);
        usable.then(|| draw(spread(&counts, how.overprovisioning_factor, 0).into_iter(), random))
    }

    /// The priority that a host belongs to.
    #[must_use]
    pub fn priority_of(&self, host: &Host) -> Option<usize> {
        self.priorities.iter().position(|priority| priority.hosts.iter().any(|one| one.id() == host.id()))
    }
}

/// Draws a priority, and which of its hosts.
fn draw(loads: impl Iterator<Item = Load> + Clone, random: u64) -> (usize, Among) {
    // 1 to 100.
    let at = u32::try_from(random % 100).unwrap_or(0) + 1;
    let mut sum = 0;
    for (index, load) in loads.clone().enumerate() {
        sum += load.healthy;
        if at <= sum {
            return (index, if load.panic { Among::All } else { Among::Healthy });
        }
    }
    for (index, load) in loads.enumerate() {
        sum += load.degraded;
        if at <= sum {
            return (index, if load.panic { Among::All } else { Among::Degraded });
        }
    }
    // The loads add up to a hundred.
    (0, Among::Healthy)
}

impl Among {
    /// A number for each group, from 0 on.
    pub(crate) const fn slot(self) -> usize {
        match self {
            Self::Healthy => 0,
            Self::Degraded => 1,
            Self::All => 2,
            Self::HealthyOf(locality) => 3 + 2 * locality,
            Self::DegradedOf(locality) => 4 + 2 * locality,
        }
    }

    /// The same hosts, where they are in this locality.
    pub(crate) const fn of(self, locality: usize) -> Self {
        match self {
            Self::Degraded | Self::DegradedOf(_) => Self::DegradedOf(locality),
            Self::Healthy | Self::HealthyOf(_) | Self::All => Self::HealthyOf(locality),
        }
    }
}

impl Priority {
    fn new(hosts: Vec<Arc<Host>>) -> Self {
        let with = |health| hosts.iter().filter(|host| host.health() == health).cloned().collect();
        let left_in = || hosts.iter().filter(|host| !host.is_withdrawn());
        let excluded = left_in().filter(|host| host.flags().is_excluded()).count();
        Self {
            left_in: (left_in().count() < hosts.len()).then(|| left_in().cloned().collect()),
            healthy: with(Health::Healthy),
            degraded: with(Health::Degraded),
            excluded: u32::try_from(excluded).unwrap_or(u32::MAX),
            load: Load::default(),
            localities: None,
            table: None,
            hosts,
        }
    }

    /// All its hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }

    /// Those that are healthy.
    #[must_use]
    pub fn healthy(&self) -> &[Arc<Host>] {
        &self.healthy
    }

    /// Those that are degraded.
    #[must_use]
    pub fn degraded(&self) -> &[Arc<Host>] {
        &self.degraded
    }

    /// How many do not count for the share of healthy ones: those that checks have not heard of yet, or that want to be
    /// left alone, and those that agents have taken out of the choice.
    #[must_use]
    pub fn excluded(&self) -> u32 {
        let withdrawn = self.hosts.len() - self.left_in().len();
        self.excluded.saturating_add(u32::try_from(withdrawn).unwrap_or(u32::MAX))
    }

    /// Whether health is ignored, because too few hosts are usable.
    #[must_use]
    pub const fn in_panic(&self) -> bool {
        self.load.panic
    }

    /// Of a hundred requests, how many go to its healthy and its degraded hosts.
    #[must_use]
    pub const fn load(&self) -> (u32, u32) {
        (self.load.healthy, self.load.degraded)
    }

    /// Which host serves which hash.
    pub(crate) const fn table(&self) -> Option<&HashTable> {
        self.table.as_ref()
    }

    /// Its hosts by their localities, where those matter.
    pub(crate) const fn localities(&self) -> Option<&Localities> {
        self.localities.as_ref()
    }

    /// Which of its hosts serve hashes. Degraded ones serve none, as in Envoy.
    pub(crate) const fn hashed(&self) -> Among {
        if self.load.panic { Among::All } else { Among::Healthy }
    }

    /// Its hosts but those that agents have taken out of the choice: the share of healthy ones is reckoned among these.
    fn left_in(&self) -> &[Arc<Host>] {
        self.left_in.as_deref().unwrap_or(&self.hosts)
    }

    pub(crate) fn among(&self, which: Among) -> &[Arc<Host>] {
        let group = |locality| self.localities.as_ref().and_then(|all| all.groups().get(locality));
        match which {
            Among::Healthy => &self.healthy,
            Among::Degraded => &self.degraded,
            Among::All => self.left_in(),
            Among::HealthyOf(locality) => group(locality).map_or(&[], |group| &group.healthy),
            Among::DegradedOf(locality) => group(locality).map_or(&[], |group| &group.degraded),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Counts {
            hosts: small(self.left_in().len()),
            healthy: small(self.healthy.len()),
            degraded: small(self.degraded.len()),
            excluded: self.excluded,
        }
    }
}
