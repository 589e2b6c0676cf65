//! Redirects of a back-end that the proxy follows itself.

use causeway_model::{HeaderName, InternalRedirectPolicy, RedirectPredicate};

use super::Cx;
use super::extension::short_kind;
use crate::tree::{Message, Value};

/// What Envoy follows of `redirect_response_codes`; other statuses in it are passed over.
const REDIRECTS: [u64; 5] = [301, 302, 303, 307, 308];

impl Cx<'_> {
    /// `RouteAction.internal_redirect_policy`, and the deprecated fields that it took the place of.
    pub(super) fn internal_redirects(&self, action: &Message<'_>) -> Option<InternalRedirectPolicy> {
        let handled = action.choice("internal_redirect_action") == "HANDLE_INTERNAL_REDIRECT";
        let most = action.u32("max_internal_redirects");
        if let Some(policy) = action.message("internal_redirect_policy") {
            return Some(self.internal_redirect_policy(policy));
        }
        handled.then(|| InternalRedirectPolicy {
            max: most.unwrap_or(1),
            statuses: vec![302],
            predicates: Vec::new(),
            allow_cross_scheme: false,
            response_headers_to_copy: Vec::new(),
        })
    }

    fn internal_redirect_policy(&self, policy: &Message<'_>) -> InternalRedirectPolicy {
        let statuses = policy.items("redirect_response_codes").iter().enumerate();
        let statuses = statuses.filter_map(|(index, item)| match item.value {
            Value::Uint(status) if REDIRECTS.contains(&status) => u16::try_from(status).ok(),
            Value::Uint(status) => {
                self.push(
                    self.suspicious(
                        policy.at_item("redirect_response_codes", index),
                        "no-redirect",
                        format!("a {status} is never followed"),
                    )
                    .label("has no effect: redirects are 301, 302, 303, 307 and 308"),
                );
                None
            }
            _ => None,
        });
        let statuses: Vec<u16> = statuses.collect();
        let listed = policy.has("redirect_response_codes");
        InternalRedirectPolicy {
            max: policy.u32("max_internal_redirects").unwrap_or(1),
            statuses: if listed { statuses } else { vec![302] },
            predicates: policy
                .messages("predicates")
                .filter_map(|predicate| self.redirect_predicate(predicate))
                .collect(),
            allow_cross_scheme: policy.bool("allow_cross_scheme_redirect"),
            response_headers_to_copy: self.headers_to_copy(policy),
        }
    }

    fn redirect_predicate(&self, holder: &Message<'_>) -> Option<RedirectPredicate> {
        let config = self.typed(holder)?;
        match short_kind(config.schema.name()) {
            "PreviousRoutesConfig" => Some(RedirectPredicate::PreviousRoutes),
            "SafeCrossSchemeConfig" => Some(RedirectPredicate::SafeCrossScheme),
            "AllowListedRoutesConfig" => Some(RedirectPredicate::AllowListedRoutes(
                config.texts("allowed_route_names").map(Into::into).collect(),
            )),
            other => {
                self.extension_not_implemented(
                    holder,
                    &format!("the condition {other} of internal redirects"),
                );
                None
            }
        }
    }

    fn headers_to_copy(&self, policy: &Message<'_>) -> Vec<HeaderName> {
        let mut names = Vec::new();
        for (index, name) in policy.texts("response_headers_to_copy").enumerate() {
            let at = policy.at_item("response_headers_to_copy", index);
            if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
                let text = format!("`{name}` of a redirect can't be copied: it is where the redirect leads");
                self.reject(at, "protected-header", text);
                continue;
            }
            names.extend(self.header_name(name, at, "no response has such a header"));
        }
        names
    }
}
