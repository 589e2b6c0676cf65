//! `hash_policy` of routes.

use std::time::Duration;

use causeway_model::{HashRule, HashSource};

use super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `hash_policy` of a route, or of a cluster.
    pub(super) fn hash_policy(&self, holder: &Message<'_>) -> Vec<HashRule> {
        let rules = holder.messages("hash_policy").filter_map(|policy| {
            let terminal = policy.bool("terminal");
            self.hash_source(policy).map(|source| HashRule { source, terminal })
        });
        rules.collect()
    }

    fn hash_source(&self, policy: &Message<'_>) -> Option<HashSource> {
        match policy.which("policy_specifier")? {
            "header" => {
                let header = policy.message("header")?;
                let rewrite = self.regex_substitution(header, "regex_rewrite");
                let why = "it is never a reason to go anywhere: no request has such a header";
                let name = self.header_name(header.text("header_name"), header.at("header_name"), why)?;
                Some(HashSource::Header { name, rewrite })
            }
            "cookie" => {
                let cookie = policy.message("cookie")?;
                let attributes = cookie.messages("attributes");
                let attributes =
                    attributes.map(|one| (one.text("name").into(), one.text("value").into())).collect();
                let ttl = self.duration(cookie, "ttl").map(|ttl| Duration::from_secs(ttl.as_secs()));
                if ttl.is_none() {
                    let why = "without `ttl` no cookie is made";
                    self.has_no_effect(cookie, "path", why);
                    self.has_no_effect(cookie, "attributes", why);
                }
                let (name, path) = (cookie.text("name").into(), cookie.text("path").into());
                Some(HashSource::Cookie { name, ttl, path, attributes })
            }
            "connection_properties" => {
                let properties = policy.message("connection_properties")?;
                if properties.bool("source_ip") {
                    return Some(HashSource::SourceIp);
                }
                let text = "this says nothing: `source_ip` is not set";
                self.ignored(policy.at_key("connection_properties"), text);
                None
            }
            "query_parameter" => {
                let name = policy.message("query_parameter")?.text("name");
                Some(HashSource::QueryParameter(name.into()))
            }
            "filter_state" => {
                // What no filter has set hashes to nothing, with Envoy too.
                self.has_no_effect(policy, "filter_state", "no filter sets such an object");
                None
            }
            other => {
                self.not_implemented(policy, other, "");
                None
            }
        }
    }
}
