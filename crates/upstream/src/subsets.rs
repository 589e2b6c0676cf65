//! Parts of a cluster: its hosts by what their metadata says of them, so that a request can ask for some.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use causeway_model::{Locality, SubsetConfig, SubsetCriteria, SubsetFallback, SubsetSelector, Value};

use crate::hashing::xxh64;
use crate::host::Host;
use crate::host_set::{HostSet, Layout};

/// The namespace in which hosts say what they are.
const NAMESPACE: &str = "envoy.lb";

/// The name under which criteria come in several forms.
const FALLBACK_LIST: &str = "fallback_list";

/// What a request asks of hosts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubsetKey {
    criteria: SubsetCriteria,
    hash: u64,
    /// What is asked in turn, where the cluster takes a list.
    forms: Vec<Self>,
}

/// Hosts by priority, from 0 on.
type ByPriority = Vec<Vec<Arc<Host>>>;

/// The subsets of a cluster.
#[derive(Debug)]
pub(crate) struct Subsets {
    config: Arc<SubsetConfig>,
    all: Vec<Subset>,
    /// Those that can be asked for, by the hash of what they have.
    by_hash: HashMap<u64, Vec<usize>>,
    /// All hosts, where something falls back on them.
    any: Option<usize>,
    /// The default subset, where something falls back on it.
    default: Option<usize>,
}

/// A subset.
#[derive(Debug)]
pub(crate) struct Subset {
    criteria: SubsetCriteria,
    pub(crate) hosts: SubsetHosts,
}

/// Its hosts.
#[derive(Debug)]
pub(crate) enum SubsetHosts {
    /// Hosts like those of a whole cluster.
    Set(HostSet),
    /// One, whatever its health (`single_host_per_subset`).
    Single(Arc<Host>),
}

impl SubsetKey {
    /// What a route asks for; `None` where it asks for nothing.
    #[must_use]
    pub fn new(criteria: &SubsetCriteria) -> Option<Self> {
        if criteria.is_empty() {
            return None;
        }
        let mut own = criteria.clone();
        let forms = match own.remove(FALLBACK_LIST) {
            Some(Value::List(forms)) => forms,
            _ => Vec::new(),
        };
        let forms = forms.into_iter().map(|form: Value| {
            let mut merged = own.clone();
            if let Value::Object(fields) = form {
                merged.extend(fields);
            }
            Self::plain(merged)
        });
        let mut forms: Vec<Self> = forms.collect();
        if forms.is_empty() && own.len() < criteria.len() {
            forms.push(Self::plain(own));
        }
        Some(Self { forms, ..Self::plain(criteria.clone()) })
    }

    fn plain(criteria: SubsetCriteria) -> Self {
        Self { hash: hash(&criteria), criteria, forms: Vec::new() }
    }

    /// The same with these keys only.
    pub(crate) fn only(&self, keys: &[Box<str>]) -> Self {
        let kept = self.criteria.iter().filter(|(key, _)| keys.contains(key));
        Self::plain(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// The forms in which it may be asked, where there are several.
    pub(crate) fn forms(&self) -> &[Self] {
        &self.forms
    }
}

impl Subsets {
    /// The subsets of these hosts, by priority from 0 on.
    pub(crate) fn new(hosts: &[Vec<Arc<Host>>], layout: &Layout<'_>, config: &Arc<SubsetConfig>) -> Self {
        let mut this = Self {
            config: Arc::clone(config),
            all: Vec::new(),
            by_hash: HashMap::new(),
            any: None,
            default: None,
        };
        for selector in &config.selectors {
            this.divide(hosts, layout, selector);
        }
        let wants = |fallback| {
            config.fallback == fallback
                || config.selectors.iter().any(|selector| selector.fallback == Some(fallback))
        };
        if wants(SubsetFallback::Any) || config.panic_mode_any {
            this.any = Some(this.add(SubsetCriteria::new(), hosts.to_vec(), hosts, layout));
        }
        if wants(SubsetFallback::Default) {
            let fits = |host: &Host| {
                config.default_subset.iter().all(|(key, value)| has(host, key, value, config.list_as_any))
            };
            let part = hosts.iter().map(|hosts| hosts.iter().filter(|host| fits(host)).cloned().collect());
            let part = part.collect();
            this.default = Some(this.add(config.default_subset.clone(), part, hosts, layout));
        }
        this
    }

    /// Adds the subsets of one selector.
    fn divide(&mut self, hosts: &[Vec<Arc<Host>>], layout: &Layout<'_>, selector: &SubsetSelector) {
        let mut parts: BTreeMap<String, (SubsetCriteria, ByPriority)> = BTreeMap::new();
        for (priority, hosts_of_priority) in hosts.iter().enumerate() {
            for host in hosts_of_priority {
                for criteria in criteria_of(host, &selector.keys, self.config.list_as_any) {
                    let (_, part) = parts
                        .entry(format!("{criteria:?}"))
                        .or_insert_with(|| (criteria, vec![Vec::new(); hosts.len()]));
                    if let Some(part) = part.get_mut(priority) {
                        part.push(Arc::clone(host));
                    }
                }
            }
        }
        for (criteria, part) in parts.into_values() {
            let hash = hash(&criteria);
            let at = match part.iter().flatten().next().filter(|_| selector.single_host) {
                Some(host) => {
                    let hosts = SubsetHosts::Single(Arc::clone(host));
                    self.all.push(Subset { criteria, hosts });
                    self.all.len() - 1
                }
                None => self.add(criteria, part, hosts, layout),
            };
            self.by_hash.entry(hash).or_default().push(at);
        }
    }

    fn add(
        &mut self,
        criteria: SubsetCriteria,
        part: ByPriority,
        whole: &[Vec<Arc<Host>>],
        layout: &Layout<'_>,
    ) -> usize {
        let config = &self.config;
        let count = |hosts: &[Arc<Host>], place: &Locality| {
            hosts.iter().filter(|host| host.locality() == place).count()
        };
        let weight = |priority: usize, place: &Locality, weight: u32| {
            if !config.locality_weight_aware {
                return 0;
            }
            let of = |hosts: &[Vec<Arc<Host>>]| hosts.get(priority).map_or(0, |hosts| count(hosts, place));
            match (config.scale_locality_weight, of(&part), of(whole)) {
                (true, here, all) if all > 0 => scaled(weight, here, all),
                _ => weight,
            }
        };
        let set = HostSet::with_weights(part.clone(), layout, &weight);
        self.all.push(Subset { criteria, hosts: SubsetHosts::Set(set) });
        self.all.len() - 1
    }

    /// The subset at that place.
    pub(crate) fn get(&self, at: usize) -> Option<&Subset> {
        self.all.get(at)
    }

    /// All of them, by their places.
    pub(crate) fn all(&self) -> &[Subset] {
        &self.all
    }

    /// What those that can be asked for have, in words.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let subsets = self.by_hash.values().flatten().filter_map(|at| self.get(*at));
        subsets.map(|subset| format!("{:?}", subset.criteria))
    }

    /// The subset that a request asks for.
    pub(crate) fn find(&self, key: &SubsetKey) -> Option<usize> {
        let same = |at: &&usize| self.get(**at).is_some_and(|subset| subset.criteria == key.criteria);
        self.by_hash.get(&key.hash)?.iter().find(same).copied()
    }

    /// What happens where a request asks for these keys and there is no such subset.
    pub(crate) fn selector(&self, key: &SubsetKey) -> Option<&SubsetSelector> {
        self.config.selectors.iter().find(|selector| selector.keys.iter().eq(key.criteria.keys()))
    }

    /// The subset that something falls back on.
    pub(crate) fn fallback(&self, fallback: SubsetFallback) -> Option<usize> {
        match fallback {
            SubsetFallback::None | SubsetFallback::Keys => None,
            SubsetFallback::Any => self.any,
            SubsetFallback::Default => self.default,
        }
    }

    /// What the file says of them.
    pub(crate) fn config(&self) -> &SubsetConfig {
        &self.config
    }
}

/// A weight in proportion to the hosts that are left, as Envoy rounds it.
fn scaled(weight: u32, here: usize, all: usize) -> u32 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no more than the weight"
    )]
    let scaled = (f64::from(weight) * here as f64 / all as f64).round() as u32;
    scaled
}

/// What a host has of these keys: nothing where one is missing, several where lists count as their items.
fn criteria_of(host: &Host, keys: &[Box<str>], list_as_any: bool) -> Vec<SubsetCriteria> {
    let mut all = vec![SubsetCriteria::new()];
    for key in keys {
        let Some(value) = host.metadata().get(NAMESPACE, std::slice::from_ref(key)) else {
            return Vec::new();
        };
        let values = match value {
            Value::List(items) if list_as_any => items.iter().collect(),
            value => vec![value],
        };
        let with = |criteria: &SubsetCriteria, value: &Value| {
            let mut criteria = criteria.clone();
            criteria.insert(key.clone(), value.clone());
            criteria
        };
        all = all
            .iter()
            .flat_map(|criteria| values.iter().map(|value| with(criteria, value)).collect::<Vec<_>>())
            .collect();
    }
    all.dedup();
    all
}

fn has(host: &Host, key: &str, wanted: &Value, list_as_any: bool) -> bool {
    match host.metadata().get(NAMESPACE, &[key.into()]) {
        Some(Value::List(items)) if list_as_any => items.contains(wanted),
        Some(value) => value == wanted,
        None => false,
    }
}

/// What is equal has the same hash.
fn hash(criteria: &SubsetCriteria) -> u64 {
    xxh64(format!("{criteria:?}").as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use causeway_model::Metadata;

    use super::*;
    use crate::host::HostSettings;
    use crate::host::tests::settings;

    fn host(port: u16, fields: &[(&str, Value)]) -> Arc<Host> {
        let mut metadata = Metadata::default();
        for (key, value) in fields {
            metadata.set(NAMESPACE, key, value.clone());
        }
        let address = causeway_model::Address::Ip(([10, 0, 0, 1], port).into());
        Arc::new(Host::new(address, HostSettings { metadata, ..settings() }, 0, false, 1))
    }

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn lists_are_their_items_where_that_is_asked_for() {
        let list = Value::List(vec![text("1"), text("2")]);
        let host = host(1, &[("v", list.clone()), ("s", text("prod"))]);
        let keys: [Box<str>; 2] = ["s".into(), "v".into()];
        assert_eq!(criteria_of(&host, &keys, false).len(), 1);
        assert_eq!(criteria_of(&host, &keys, true).len(), 2);
        assert_eq!(criteria_of(&host, &["none".into()], true), []);
        assert!(has(&host, "v", &text("2"), true) && !has(&host, "v", &text("2"), false));
        assert!(has(&host, "v", &list, false));
    }

    #[test]
    fn what_is_asked_for_may_have_several_forms() {
        let form = |value: &str| Value::Object([("v".into(), text(value))].into());
        let criteria: SubsetCriteria =
            [("s".into(), text("prod")), (FALLBACK_LIST.into(), Value::List(vec![form("1"), form("2")]))]
                .into();
        let key = SubsetKey::new(&criteria).unwrap();
        let forms: Vec<usize> = key.forms().iter().map(|form| form.criteria.len()).collect();
        assert_eq!(forms, [2, 2]);
        assert_eq!(SubsetKey::new(&SubsetCriteria::new()), None);
        assert_eq!(key.forms()[1].only(&["s".into()]).criteria.len(), 1);
    }

    #[test]
    fn weights_are_rounded() {
        assert_eq!([scaled(3, 1, 2), scaled(10, 1, 4), scaled(1, 1, 3)], [2, 3, 0]);
    }
}
