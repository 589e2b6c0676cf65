//! Which hosts a request to a cluster with subsets may get, from the rules alone: every host is looked at.

use std::sync::Arc;

use causeway_model::{SubsetConfig, SubsetCriteria, SubsetFallback, Value};

use crate::host::Host;

/// Who may be chosen.
#[derive(Debug)]
pub(super) enum Fitting {
    /// Nobody, whatever happens.
    Nobody,
    /// These, by their health.
    Some(Vec<Arc<Host>>),
    /// This one, whatever its health.
    One(Arc<Host>),
}

/// Who fits what a request asks for.
pub(super) fn fitting(config: &SubsetConfig, hosts: &[Arc<Host>], asked: &SubsetCriteria) -> Fitting {
    let with = |criteria: &SubsetCriteria| -> Vec<Arc<Host>> {
        let has = |host: &Host| criteria.iter().all(|(key, wanted)| fits(config, host, key, wanted));
        hosts.iter().filter(|host| has(host)).cloned().collect()
    };
    let fallback = |fallback| match fallback {
        SubsetFallback::None | SubsetFallback::Keys => Fitting::Nobody,
        SubsetFallback::Any => Fitting::Some(hosts.to_vec()),
        SubsetFallback::Default => Fitting::Some(with(&config.default_subset)),
    };
    let keys: Vec<&Box<str>> = asked.keys().collect();
    let selector = config.selectors.iter().find(|selector| selector.keys.iter().collect::<Vec<_>>() == keys);
    let Some(selector) = selector.filter(|_| !asked.is_empty()) else { return fallback(config.fallback) };
    let those = with(asked);
    match (those.first(), selector.fallback) {
        (Some(first), _) if selector.single_host => Fitting::One(Arc::clone(first)),
        (Some(_), _) => Fitting::Some(those),
        (None, Some(SubsetFallback::Keys)) => {
            let kept = asked.iter().filter(|(key, _)| selector.fallback_keys.contains(key));
            let fewer = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
            fitting(config, hosts, &fewer)
        }
        (None, Some(own)) => fallback(own),
        (None, None) => fallback(config.fallback),
    }
}

fn fits(config: &SubsetConfig, host: &Host, key: &str, wanted: &Value) -> bool {
    match host.metadata().get("envoy.lb", &[key.into()]) {
        Some(Value::List(items)) if config.list_as_any => items.contains(wanted),
        found => found == Some(wanted),
    }
}
