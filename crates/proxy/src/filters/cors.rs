//! Cross-origin resource sharing (`envoy.filters.http.cors`).

use causeway_http::{Known, Method};
use causeway_model::{CorsPolicy, FilterSettings, Runtime, RuntimeFraction, StringMatch, StringMatcher};

use super::{Filter, FilterContext, Verdict};
use crate::local_reply::LocalReply;
use crate::stats::CorsStat;

/// Answers preflights and tells browsers who may read a response.
#[derive(Debug)]
pub(super) struct CorsFilter {
    runtime: Runtime,
}

impl CorsFilter {
    pub(super) const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    fn holds(&self, share: Option<&RuntimeFraction>, random: u64, unless_said: bool) -> bool {
        share.map_or(unless_said, |share| {
            let (numerator, denominator) = share.resolve(&self.runtime);
            random % denominator < numerator
        })
    }
}

/// The policy of the most specific place that has one.
fn policy<'a>(context: &FilterContext<'a>) -> Option<&'a CorsPolicy> {
    context.overrides.iter().find_map(|config| match config.settings.as_ref()? {
        FilterSettings::Cors(policy) => Some(&**policy),
        FilterSettings::HeaderMutation(_) => None,
    })
}

/// Whether an origin is allowed. A lone `*` allows all, as in the header that answers it.
fn allows(allowed: &StringMatcher, origin: &[u8]) -> bool {
    matches!(&allowed.pattern, StringMatch::Exact(text) if &**text == "*") || allowed.matches(origin)
}

fn count(context: &FilterContext<'_>, stat: CorsStat) {
    if let Some(cors) = &context.shards.cors {
        cors.inc(stat);
    }
}

impl Filter for CorsFilter {
    fn on_request(&self, context: &mut FilterContext<'_>) -> Verdict {
        let Some(policy) = policy(context) else { return Verdict::Continue };
        let enabled = self.holds(policy.enabled.as_ref(), context.random, true);
        let shadow = self.holds(policy.shadow_enabled.as_ref(), context.random, false);
        if !enabled && !shadow {
            return Verdict::Continue;
        }
        let request = &context.exchange.request;
        let Some(origin) = request.get(Known::Origin).map(<[u8]>::to_vec) else { return Verdict::Continue };
        let preflight = context.exchange.method() == Method::Options
            && request.get("access-control-request-method").is_some_and(|method| !method.is_empty());
        if !policy.allow_origins.iter().any(|allowed| allows(allowed, &origin)) {
            count(context, CorsStat::OriginInvalid);
            if enabled && preflight && !policy.forward_not_matching_preflights {
                return Verdict::Reply(Box::new(LocalReply::configured(200, "cors_response")));
            }
            return Verdict::Continue;
        }
        count(context, CorsStat::OriginValid);
        if !enabled {
            return Verdict::Continue;
        }
        let wants_private = context
            .exchange
            .request
            .get("access-control-request-private-network")
            .is_some_and(|value| value == b"true");
        context.exchange.facts.filters.cors_origin = Some(origin);
        if !preflight {
            return Verdict::Continue;
        }
        let mut reply = LocalReply::configured(200, "cors_response");
        for (name, value) in [
            ("access-control-allow-methods", &policy.allow_methods),
            ("access-control-allow-headers", &policy.allow_headers),
            ("access-control-max-age", &policy.max_age),
        ] {
            if !value.is_empty() {
                reply = reply.with_header(name, value.as_bytes().to_vec());
            }
        }
        if wants_private && policy.allow_private_network_access == Some(true) {
            reply = reply.with_header("access-control-allow-private-network", b"true".to_vec());
        }
        Verdict::Reply(Box::new(reply))
    }

    fn on_response(&self, context: &mut FilterContext<'_>) {
        let Some(policy) = policy(context) else { return };
        let Some(origin) = context.exchange.facts.filters.cors_origin.take() else { return };
        let response = &mut context.exchange.response;
        response.set("access-control-allow-origin", &origin);
        if policy.allow_credentials == Some(true) {
            response.set("access-control-allow-credentials", b"true");
        }
        if !policy.expose_headers.is_empty() {
            response.set("access-control-expose-headers", policy.expose_headers.as_bytes());
        }
    }
}
