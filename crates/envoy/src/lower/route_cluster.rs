//! Which cluster a route sends to.

use causeway_model::{ClusterName, ClusterSpecifier, HeaderName, WeightedCluster};

use super::Cx;
use crate::diagnostic::{At, Draft};
use crate::suggest;
use crate::tree::Message;

impl Cx<'_> {
    /// Says so where a cluster does not exist, unless that is allowed.
    pub(super) fn known_cluster(&self, name: &str, at: At) {
        if self.any_cluster.get() || name.is_empty() || self.clusters.contains(name) {
            return;
        }
        let names: Vec<_> = self.clusters.iter().map(String::as_str).collect();
        let mut draft = Draft::rejected("unknown-cluster", format!("there is no cluster `{name}`")).at(at);
        if let Some(meant) = suggest::among(name, &names) {
            draft = draft.label(format!("did you mean `{meant}`?"));
        } else if names.is_empty() {
            draft = draft.help("`static_resources.clusters` is empty");
        }
        self.push(draft);
    }

    /// `RouteAction.cluster_specifier`.
    pub(super) fn cluster_specifier(&self, action: &Message<'_>) -> Option<ClusterSpecifier> {
        match action.which("cluster_specifier")? {
            "cluster" => {
                let name = action.text_value("cluster")?;
                self.known_cluster(name, action.at("cluster"));
                Some(ClusterSpecifier::Cluster(name.into()))
            }
            "cluster_header" => self.cluster_header(action).map(ClusterSpecifier::Header),
            "weighted_clusters" => self.weighted_clusters(action),
            other => {
                self.not_implemented_vital(action, other, "");
                None
            }
        }
    }

    fn weighted_clusters(&self, action: &Message<'_>) -> Option<ClusterSpecifier> {
        let weighted = action.message("weighted_clusters")?;
        // Envoy goes by the sum, too.
        weighted.settle("total_weight");
        let number_header = weighted.text_value("header_name").filter(|name| !name.is_empty());
        let number_header = number_header.and_then(|name| {
            self.header_name(name, weighted.at("header_name"), "chance decides: no request has such a header")
        });
        let by_hash = weighted.bool_value("use_hash_policy") == Some(true);
        if by_hash && !action.has("hash_policy") {
            self.has_no_effect(
                weighted,
                "use_hash_policy",
                "the route has no `hash_policy`, so that chance decides",
            );
        }
        let prefix = weighted.text("runtime_key_prefix");
        let all: Vec<_> =
            weighted.messages("clusters").map(|cluster| self.weighted_cluster(cluster)).collect();
        let clusters: Option<Vec<_>> = all.into_iter().collect();
        let clusters = clusters?;
        self.check_weights(weighted, prefix, &clusters);
        Some(ClusterSpecifier::Weighted {
            clusters,
            number_header,
            by_hash,
            runtime_key_prefix: prefix.into(),
        })
    }

    /// Refuses weights of which none, or one that can't be counted, comes out.
    fn check_weights(&self, weighted: &Message<'_>, prefix: &str, clusters: &[WeightedCluster]) {
        let runtime = self.runtime.borrow();
        let weights = clusters.iter().map(|cluster| {
            if prefix.is_empty() {
                return u64::from(cluster.weight);
            }
            let key = cluster.runtime_key(prefix);
            self.uses_runtime_key(&key);
            runtime.integer(&key).unwrap_or(u64::from(cluster.weight))
        });
        let total = weights.fold(0_u64, u64::saturating_add);
        if total == 0 && !clusters.is_empty() {
            let text = "the weights of these clusters come to 0, so that none is ever chosen";
            self.reject(weighted.at("clusters"), "invalid-weights", text);
        }
        if total > u64::from(u32::MAX) {
            let text =
                format!("the weights of these clusters come to {total}, which is more than {}", u32::MAX);
            self.reject(weighted.at("clusters"), "invalid-weights", text);
        }
    }

    fn weighted_cluster(&self, cluster: &Message<'_>) -> Option<WeightedCluster> {
        let chosen = self.weighted_cluster_name(cluster);
        if !cluster.has("weight") && !cluster.flawed {
            self.reject(cluster.here(), "missing-field", "a weighted cluster needs the field `weight`");
        }
        let host_rewrite = cluster.text_value("host_rewrite_literal").filter(|host| !host.is_empty());
        let weighted = |chosen| WeightedCluster {
            cluster: chosen,
            weight: cluster.u32("weight").unwrap_or(0),
            request_headers: self.mutations(cluster, "request"),
            response_headers: self.mutations(cluster, "response"),
            host_rewrite: host_rewrite.map(Into::into),
            metadata_match: self.metadata_match(cluster),
            per_filter: self.per_filter(cluster),
        };
        // What else is wrong with it is said all the same.
        let weighted = weighted(chosen.clone().unwrap_or_else(|| ClusterName::Fixed("".into())));
        chosen.is_some().then_some(weighted)
    }

    fn weighted_cluster_name(&self, cluster: &Message<'_>) -> Option<ClusterName> {
        let (name, header) = (cluster.text("name"), cluster.text("cluster_header"));
        if !header.is_empty() && !name.is_empty() {
            let text = "`name` and `cluster_header` exclude each other";
            self.reject(cluster.at_key("cluster_header"), "conflict", text);
        }
        if !header.is_empty() {
            return self.cluster_header(cluster).map(ClusterName::Header);
        }
        if name.is_empty() {
            let text = "a weighted cluster needs one of the fields `name` and `cluster_header`";
            self.reject(cluster.here(), "missing-field", text);
        }
        self.known_cluster(name, cluster.at("name"));
        Some(ClusterName::Fixed(name.into()))
    }

    /// The request header that names a cluster.
    fn cluster_header(&self, message: &Message<'_>) -> Option<HeaderName> {
        let text = message.text("cluster_header");
        let name = self.header_name(text, message.at("cluster_header"), "no request has such a header");
        name.or_else(|| HeaderName::of_nothing(text))
    }
}
