//! Sending requests to back-ends again: `RetryPolicy`.

use std::time::Duration;

use causeway_model::{
    HeaderMatch, HeaderMatcher, HeaderName, HostPredicate, Metadata, RateLimitedBackOff, ResetHeader,
    RetryOn, RetryPolicy, Value,
};

use super::Cx;
use super::extension::{short_kind, type_place};
use crate::tree::{Message, Value as Tree};

/// What Envoy waits at least.
const SHORTEST: Duration = Duration::from_millis(1);
/// The longest pause that back-ends may ask for, unless the file says otherwise.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

impl Cx<'_> {
    /// `retry_policy` of a route or a virtual host.
    pub(super) fn retry_policy(&self, holder: &Message<'_>) -> Option<RetryPolicy> {
        let why = "Envoy takes note of it and goes by `retry_policy` alone";
        self.has_no_effect(holder, "retry_policy_typed_config", why);
        let policy = holder.message("retry_policy")?;
        let known = RetryPolicy::default();
        let (base_interval, max_interval) = self.retry_back_off(policy);
        self.retry_options(policy);
        let (response_headers, any_response) = self.header_alternatives(policy, "retriable_headers");
        let (request_headers, any_request) = self.header_alternatives(policy, "retriable_request_headers");
        Some(RetryPolicy {
            on: self.retry_on(policy),
            num_retries: policy.u32("num_retries").unwrap_or(known.num_retries),
            per_try_timeout: self.timeout(policy, "per_try_timeout", None),
            per_try_idle_timeout: self.timeout(policy, "per_try_idle_timeout", None),
            statuses: policy
                .items("retriable_status_codes")
                .iter()
                .filter_map(|item| match item.value {
                    Tree::Uint(status) => u16::try_from(status).ok(),
                    _ => None,
                })
                .collect(),
            response_headers: if any_response { always() } else { response_headers },
            request_headers: if any_request { always() } else { request_headers },
            base_interval,
            max_interval,
            rate_limited: policy
                .message("rate_limited_retry_back_off")
                .map(|back_off| self.rate_limited(back_off)),
            host_predicates: policy
                .messages("retry_host_predicate")
                .filter_map(|predicate| self.host_predicate(predicate))
                .collect(),
            host_draws: policy
                .i64("host_selection_retry_max_attempts")
                .try_into()
                .ok()
                .filter(|draws| *draws > 0)
                .unwrap_or(known.host_draws),
            priority_update: policy
                .message("retry_priority")
                .and_then(|priority| self.retry_priority(priority)),
        })
    }

    /// `retry_options_predicates`: there are no extensions of this kind, in Envoy neither, which refuses whatever stands
    /// here.
    fn retry_options(&self, policy: &Message<'_>) {
        for predicate in policy.messages("retry_options_predicates") {
            let text = "there is no extension that changes options of retries, in Envoy neither";
            self.reject(type_place(predicate), "wrong-extension", text);
            predicate.settle_all();
        }
    }

    /// `hedge_policy` of a route or a virtual host: whether another attempt is made beside one that is late. A policy
    /// that says nothing says no.
    pub(super) fn hedge_policy(&self, holder: &Message<'_>) -> Option<bool> {
        let policy = holder.message("hedge_policy")?;
        for field in ["initial_requests", "additional_request_chance"] {
            self.has_no_effect(policy, field, "a request is sent to one back-end at first, as with Envoy");
        }
        Some(policy.bool("hedge_on_per_try_timeout"))
    }

    /// `retry_on`: the names that there are. Envoy passes over others, and so do we, but not in silence.
    fn retry_on(&self, policy: &Message<'_>) -> RetryOn {
        let mut on = RetryOn::default();
        for name in policy.text("retry_on").split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match RetryOn::named(name.as_bytes()) {
                Some((condition, _)) => on = on.and(condition),
                None => {
                    let text = format!("there is no condition `{name}` for retries");
                    self.push(
                        self.suspicious(policy.at("retry_on"), "unknown-retry-condition", text)
                            .label("it never holds"),
                    );
                }
            }
        }
        on
    }

    fn retry_back_off(&self, policy: &Message<'_>) -> (Duration, Duration) {
        let known = RetryPolicy::default();
        let Some(back_off) = policy.message("retry_back_off") else {
            return (known.base_interval, known.max_interval);
        };
        let base = self.duration(back_off, "base_interval").unwrap_or(known.base_interval).max(SHORTEST);
        let most = self.duration(back_off, "max_interval").map(|most| most.max(SHORTEST));
        if most.is_some_and(|most| most < base) {
            let text = "`max_interval` has to be at least as long as `base_interval`";
            self.reject(back_off.at("max_interval"), "invalid-back-off", text);
        }
        (base, most.unwrap_or_else(|| base.saturating_mul(10)))
    }

    fn rate_limited(&self, back_off: &Message<'_>) -> RateLimitedBackOff {
        let headers = back_off.messages("reset_headers").filter_map(|header| {
            let name = header.text("name");
            Some(ResetHeader {
                name: self.header_name(name, header.at("name"), "no response has such a header")?,
                is_timestamp: header.choice("format") == "UNIX_TIMESTAMP",
            })
        });
        RateLimitedBackOff {
            headers: headers.collect(),
            max_interval: self.duration(back_off, "max_interval").unwrap_or(LONGEST_ASKED),
        }
    }

    /// The configuration of an extension; its name alone says nothing.
    fn retry_extension<'m, 'a>(&self, holder: &'m Message<'a>) -> Option<&'m Message<'a>> {
        if !holder.has("typed_config") {
            let text = format!("`{}` needs `typed_config`, which says what it is", holder.text("name"));
            self.reject(holder.here(), "missing-field", text);
            return None;
        }
        self.typed(holder)
    }

    fn host_predicate(&self, holder: &Message<'_>) -> Option<HostPredicate> {
        let config = self.retry_extension(holder)?;
        match short_kind(config.schema.name()) {
            "PreviousHostsPredicate" => Some(HostPredicate::Previous),
            "OmitCanaryHostsPredicate" => Some(HostPredicate::Canary),
            "OmitHostMetadataConfig" => {
                let Metadata(mut all) = self.metadata(config, "metadata_match");
                match all.remove("envoy.lb") {
                    // With Envoy, nothing said means that no host is passed over.
                    Some(Value::Object(fields)) if !fields.is_empty() => {
                        Some(HostPredicate::Metadata(fields))
                    }
                    _ => None,
                }
            }
            other => {
                self.extension_not_implemented(holder, &format!("the condition {other} on hosts of retries"));
                None
            }
        }
    }

    fn retry_priority(&self, holder: &Message<'_>) -> Option<u32> {
        let config = self.retry_extension(holder)?;
        match short_kind(config.schema.name()) {
            "PreviousPrioritiesConfig" => Some(config.u32("update_frequency").unwrap_or(1).max(1)),
            other => {
                self.extension_not_implemented(
                    holder,
                    &format!("the choice {other} of priorities of retries"),
                );
                None
            }
        }
    }
}

/// A condition that always holds.
fn always() -> Vec<HeaderMatcher> {
    let Ok(name) = HeaderName::new("x-envoy-never") else { return Vec::new() };
    let condition = HeaderMatch::Present(false);
    let absent = HeaderMatcher { name, condition, invert: false, treat_missing_as_empty: false };
    let present = HeaderMatcher { condition: HeaderMatch::Present(true), ..absent.clone() };
    vec![absent, present]
}
