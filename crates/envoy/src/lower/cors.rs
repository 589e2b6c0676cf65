//! CORS policies, today's and the deprecated ones of routes and virtual hosts.

use causeway_model::{CorsPolicy, FilterSettings, PerFilterConfig};

use super::Cx;
use crate::diagnostic::At;
use crate::tree::Message;

/// The filter that deprecated policies speak to.
const FILTER: &str = "envoy.filters.http.cors";

impl Cx<'_> {
    /// `CorsPolicy` of either kind: the fields are the same.
    pub(super) fn cors_policy(&self, policy: &Message<'_>) -> CorsPolicy {
        CorsPolicy {
            allow_origins: self.string_matchers(policy, "allow_origin_string_match"),
            allow_methods: policy.text("allow_methods").into(),
            allow_headers: policy.text("allow_headers").into(),
            expose_headers: policy.text("expose_headers").into(),
            max_age: policy.text("max_age").into(),
            allow_credentials: policy.bool_value("allow_credentials"),
            enabled: self.runtime_fraction(policy, "filter_enabled"),
            shadow_enabled: self.runtime_fraction(policy, "shadow_enabled"),
            allow_private_network_access: policy.bool_value("allow_private_network_access"),
            forward_not_matching_preflights: policy
                .bool_value("forward_not_matching_preflights")
                .unwrap_or(true),
        }
    }

    /// Says so where there is no CORS filter that could use a policy.
    pub(super) fn cors_needs_filter(&self, at: &At) {
        if !self.has_cors.get() {
            self.push(
                self.suspicious(
                    at.clone(),
                    "no-cors-filter",
                    "there is no CORS filter that could use this policy",
                )
                .label("has no effect")
                .suggestion(
                    "http_filters:\n- name: envoy.filters.http.cors\n  typed_config:\n    \"@type\": \
                         type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors",
                ),
            );
        }
    }

    /// The deprecated `cors` of a route or virtual host. Today's form, where it is there too, wins.
    pub(super) fn deprecated_cors(&self, message: &Message<'_>, configs: &mut Vec<PerFilterConfig>) {
        let Some(policy) = message.message("cors") else { return };
        self.cors_needs_filter(&message.at_key("cors"));
        let policy = FilterSettings::Cors(Box::new(self.cors_policy(policy)));
        match configs.iter_mut().find(|config| &*config.filter == FILTER) {
            Some(config) if config.settings.is_some() => {}
            Some(config) => config.settings = Some(policy),
            None => {
                let settings = Some(policy);
                configs.push(PerFilterConfig { filter: FILTER.into(), disabled: false, settings });
            }
        }
    }
}
