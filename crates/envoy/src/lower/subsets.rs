//! Subsets of clusters, and what routes ask of them.

use std::sync::Arc;

use causeway_model::{SubsetConfig, SubsetCriteria, SubsetFallback, SubsetSelector, Value};

use super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `LbSubsetConfig` or `Subset`; `None` where it says nothing. `weighted` says whether localities have weights.
    pub(super) fn subsets(&self, config: &Message<'_>, weighted: bool) -> Option<Arc<SubsetConfig>> {
        let selectors: Vec<_> = config
            .messages("subset_selectors")
            .filter_map(|selector| self.subset_selector(selector))
            .collect();
        let default_subset = config.json("default_subset").map(super::value::value_of);
        let locality_weight_aware = config.bool("locality_weight_aware");
        if locality_weight_aware && !weighted {
            let text = "`locality_weight_aware` needs `locality_weighted_lb_config`";
            self.reject(config.at("locality_weight_aware"), "invalid-lb-policy", text);
        }
        let scale_locality_weight = config.bool("scale_locality_weight");
        if scale_locality_weight && !locality_weight_aware {
            let text = "without `locality_weight_aware` there is nothing to scale";
            self.ignored(config.at_key("scale_locality_weight"), text);
        }
        let lowered = SubsetConfig {
            fallback: match config.choice("fallback_policy") {
                "ANY_ENDPOINT" => SubsetFallback::Any,
                "DEFAULT_SUBSET" => SubsetFallback::Default,
                _ => SubsetFallback::None,
            },
            default_subset: match default_subset {
                Some(Value::Object(fields)) => fields,
                _ => SubsetCriteria::new(),
            },
            locality_weight_aware,
            scale_locality_weight,
            panic_mode_any: config.bool("panic_mode_any"),
            list_as_any: config.bool("list_as_any"),
            metadata_fallback_list: config.choice("metadata_fallback_policy") == "FALLBACK_LIST",
            selectors,
        };
        // As in Envoy, whose cluster is one like any other then.
        if lowered.selectors.is_empty() {
            self.ignored(config.here(), "without `subset_selectors` there are no subsets");
            return None;
        }
        Some(Arc::new(lowered))
    }

    /// `LbSubsetSelector`; `None` without keys, which Envoy leaves out.
    fn subset_selector(&self, selector: &Message<'_>) -> Option<SubsetSelector> {
        if selector.items("keys").is_empty() {
            self.ignored(selector.here(), "without `keys` there are no subsets");
            selector.settle_all();
            return None;
        }
        let texts = |field: &str| -> Vec<Box<str>> {
            let mut texts: Vec<Box<str>> = selector.texts(field).map(Into::into).collect();
            texts.sort_unstable();
            texts.dedup();
            texts
        };
        let (keys, fallback_keys) = (texts("keys"), texts("fallback_keys_subset"));
        let fallback = match selector.choice("fallback_policy") {
            "NO_FALLBACK" => Some(SubsetFallback::None),
            "ANY_ENDPOINT" => Some(SubsetFallback::Any),
            "DEFAULT_SUBSET" => Some(SubsetFallback::Default),
            "KEYS_SUBSET" => Some(SubsetFallback::Keys),
            _ => None,
        };
        let wrong = |text: &str| self.reject(selector.at("fallback_keys_subset"), "invalid-lb-policy", text);
        if fallback != Some(SubsetFallback::Keys) {
            if !fallback_keys.is_empty() {
                wrong("`fallback_keys_subset` belongs to the `fallback_policy` KEYS_SUBSET");
            }
        } else if fallback_keys.is_empty() {
            self.reject(selector.here(), "missing-field", "KEYS_SUBSET needs `fallback_keys_subset`");
        } else if fallback_keys.iter().any(|key| !keys.contains(key)) {
            wrong("`fallback_keys_subset` can only have some of the `keys`");
        } else if fallback_keys == keys {
            wrong("`fallback_keys_subset` can't be all of the `keys`");
        }
        let single_host = selector.bool("single_host_per_subset");
        Some(SubsetSelector { keys, fallback, fallback_keys, single_host })
    }

    /// `metadata_match` of a route, a weighted cluster or a TCP proxy.
    pub(super) fn metadata_match(&self, holder: &Message<'_>) -> SubsetCriteria {
        let mut metadata = self.metadata(holder, "metadata_match");
        match metadata.0.remove("envoy.lb") {
            Some(Value::Object(fields)) => fields,
            _ => SubsetCriteria::new(),
        }
    }
}
