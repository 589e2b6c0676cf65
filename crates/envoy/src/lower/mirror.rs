//! Copies of requests: `request_mirror_policies`.

use std::sync::Arc;

use causeway_model::{ClusterName, MirrorPolicy};

use super::Cx;
use super::header_mutation::OF_REQUESTS;
use crate::tree::Message;

impl Cx<'_> {
    /// `request_mirror_policies` of a route, a virtual host or a table; `None` where it says nothing.
    pub(super) fn mirror_policies(&self, holder: &Message<'_>) -> Option<Arc<[MirrorPolicy]>> {
        let policies = holder.messages("request_mirror_policies");
        let policies: Vec<_> = policies.filter_map(|policy| self.mirror_policy(policy)).collect();
        (!policies.is_empty()).then(|| policies.into())
    }

    fn mirror_policy(&self, policy: &Message<'_>) -> Option<MirrorPolicy> {
        self.has_no_effect(policy, "trace_sampled", "nothing is traced");
        let cluster = match (policy.text("cluster"), policy.text("cluster_header")) {
            ("", "") => {
                let text = "a copy needs to go somewhere: this has neither `cluster` nor `cluster_header`";
                self.reject(policy.here(), "missing-field", text);
                return None;
            }
            ("", name) => {
                let at = policy.at("cluster_header");
                ClusterName::Header(self.header_name(name, at, "no request has such a header")?)
            }
            (name, "") => {
                self.known_cluster(name, policy.at("cluster"));
                ClusterName::Fixed(name.into())
            }
            _ => {
                let text = "`cluster` and `cluster_header` exclude each other";
                self.reject(policy.at_key("cluster_header"), "conflict", text);
                return None;
            }
        };
        Some(MirrorPolicy {
            cluster,
            fraction: self.runtime_fraction(policy, "runtime_fraction"),
            appends_suffix: !policy.bool("disable_shadow_host_suffix_append"),
            headers: self.sequence(policy, "request_headers_mutations", OF_REQUESTS),
            host_rewrite: match policy.text("host_rewrite_literal") {
                "" => None,
                host => Some(host.into()),
            },
        })
    }
}
