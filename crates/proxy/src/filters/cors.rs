//! Cross-origin resource sharing (`envoy.filters.http.cors`).

use causeway_http::{Known, Method};
use causeway_model::{
    CorsPolicy, FilterSettings, PerFilterConfig, Runtime, RuntimeFraction, StringMatch, StringMatcher,
};

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

/// The policies for a request, from the most to the least specific place.
#[derive(Debug, Clone, Copy)]
struct Policies<'a> {
    places: &'a [PerFilterConfig],
    /// The deprecated ones are meant.
    deprecated: bool,
}

impl<'a> Policies<'a> {
    /// None where no place has one, and for what no back-end is asked about.
    fn of(context: &FilterContext<'a>) -> Option<Self> {
        context.exchange.facts.route.as_ref()?.forward()?;
        let places = context.overrides;
        [false, true]
            .into_iter()
            .map(|deprecated| Self { places, deprecated })
            .find(|policies| policies.all().next().is_some())
    }

    fn all(self) -> impl Iterator<Item = &'a CorsPolicy> {
        self.places.iter().filter_map(move |place| match place.settings.as_ref()? {
            FilterSettings::Cors(policy) if !self.deprecated => Some(&**policy),
            FilterSettings::DeprecatedCors(policy) if self.deprecated => Some(&**policy),
            FilterSettings::Cors(_)
            | FilterSettings::DeprecatedCors(_)
            | FilterSettings::HeaderMutation(_) => None,
        })
    }

    /// What the most specific place says that says anything.
    fn says<T>(self, what: impl Fn(&'a CorsPolicy) -> Option<T>) -> Option<T> {
        self.all().find_map(what)
    }

    fn text(self, what: impl Fn(&'a CorsPolicy) -> &'a str) -> Option<&'a [u8]> {
        self.says(|policy| Some(what(policy)).filter(|text| !text.is_empty())).map(str::as_bytes)
    }

    /// Whether an origin is allowed. A lone `*` allows all, as in the header that answers it.
    fn allow(self, origin: &[u8]) -> bool {
        let lists = self.says(|policy| Some(&policy.allow_origins).filter(|list| !list.is_empty()));
        lists.is_some_and(|list| list.iter().any(|allowed| allows(allowed, origin)))
    }
}

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
        let Some(policies) = Policies::of(context) else { return Verdict::Continue };
        let Some(first) = policies.all().next() else { return Verdict::Continue };
        let enabled = self.holds(first.enabled.as_ref(), context.random, true);
        let shadow = self.holds(first.shadow_enabled.as_ref(), context.random, false);
        if !enabled && !shadow {
            return Verdict::Continue;
        }
        let request = &context.exchange.request;
        let Some(origin) = request.get(Known::Origin).map(<[u8]>::to_vec) else { return Verdict::Continue };
        let preflight = context.exchange.method() == Method::Options
            && request.get("access-control-request-method").is_some_and(|method| !method.is_empty());
        let allowed = policies.allow(&origin);
        count(context, if allowed { CorsStat::OriginValid } else { CorsStat::OriginInvalid });
        let forwards = || policies.says(|policy| policy.forward_not_matching_preflights).unwrap_or(true);
        if !enabled || (!allowed && (!preflight || forwards())) {
            return Verdict::Continue;
        }
        let wants_private = context
            .exchange
            .request
            .get(Known::AccessControlRequestPrivateNetwork)
            .is_some_and(|value| value == b"true");
        if allowed {
            context.exchange.facts.filters.cors_origin = Some(origin);
        }
        if !preflight {
            return Verdict::Continue;
        }
        let mut reply = LocalReply::configured(200, "cors_response");
        // One that is allowed gets this with its origin.
        if !allowed && policies.says(|policy| policy.allow_credentials) == Some(true) {
            reply = reply.with_header("access-control-allow-credentials", b"true".to_vec());
        }
        for (name, value) in [
            ("access-control-allow-methods", policies.text(|policy| &policy.allow_methods)),
            ("access-control-allow-headers", policies.text(|policy| &policy.allow_headers)),
            ("access-control-max-age", policies.text(|policy| &policy.max_age)),
        ] {
            if let Some(value) = value {
                reply = reply.with_header(name, value.to_vec());
            }
        }
        if wants_private && policies.says(|policy| policy.allow_private_network_access) == Some(true) {
            reply = reply.with_header("access-control-allow-private-network", b"true".to_vec());
        }
        Verdict::Reply(Box::new(reply))
    }

    fn on_response(&self, context: &mut FilterContext<'_>) {
        let Some(origin) = context.exchange.facts.filters.cors_origin.take() else { return };
        let Some(policies) = Policies::of(context) else { return };
        let response = &mut context.exchange.response;
        response.set("access-control-allow-origin", &origin);
        if policies.says(|policy| policy.allow_credentials) == Some(true) {
            response.set("access-control-allow-credentials", b"true");
        }
        if let Some(exposed) = policies.text(|policy| &policy.expose_headers) {
            response.set("access-control-expose-headers", exposed);
        }
    }
}
