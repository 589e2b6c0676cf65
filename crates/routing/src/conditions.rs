//! What a route asks beside the path.

use causeway_model::{
    CertificateMatch, CookieMatcher, FilterStateMatcher, HeaderMatcher, MoreConditions,
    QueryParameterMatcher, RouteMatch, ValueMatch,
};

use crate::path;
use crate::request::{self, Certificate, RouteRequest};

/// A condition of a route that a request does not fulfil.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unmet<'t> {
    /// It is not in the share of requests that `runtime_fraction` takes: so many of so many.
    Fraction(u64, u64),
    /// It is not a gRPC request.
    Grpc,
    /// A header field does not match.
    Header(&'t HeaderMatcher),
    /// A query parameter does not match.
    QueryParameter(&'t QueryParameterMatcher),
    /// A cookie does not match.
    Cookie(&'t CookieMatcher),
    /// The client's certificate is another.
    Certificate(CertificateMatch),
    /// Dynamic metadata of this namespace, which no request has when its route is looked for.
    DynamicMetadata(&'t str),
    /// Filter state is not there, or something else.
    FilterState(&'t FilterStateMatcher),
}

/// The first condition, in Envoy's order, that the request does not fulfil. `fraction` is what
/// `runtime_fraction` comes to under the runtime.
pub(crate) fn unmet<'t>(
    matcher: &'t RouteMatch,
    fraction: Option<(u64, u64)>,
    request: &impl RouteRequest,
) -> Option<Unmet<'t>> {
    if let Some((numerator, denominator)) = fraction
        && request.random() % denominator.max(1) >= numerator
    {
        return Some(Unmet::Fraction(numerator, denominator));
    }
    if matcher.grpc && !is_grpc(request) {
        return Some(Unmet::Grpc);
    }
    if let Some(header) = matcher.headers.iter().find(|header| !header_matches(header, request)) {
        return Some(Unmet::Header(header));
    }
    let unmet = matcher.query_parameters.iter().find(|parameter| !query_matches(parameter, request.path()));
    if let Some(parameter) = unmet {
        return Some(Unmet::QueryParameter(parameter));
    }
    matcher.more.as_ref().and_then(|more| unmet_of_few(more, request))
}

/// The first of the conditions that few routes have.
fn unmet_of_few<'t>(more: &'t MoreConditions, request: &impl RouteRequest) -> Option<Unmet<'t>> {
    let cookie = more
        .cookies
        .iter()
        .find(|cookie| !cookie.matches_each(|visit| request.visit_header("cookie", visit)));
    if let Some(cookie) = cookie {
        return Some(Unmet::Cookie(cookie));
    }
    if let Some(wanted) = more.certificate {
        let Certificate { presented, validated } = request.certificate();
        if wanted.presented.is_some_and(|wanted| wanted != presented)
            || wanted.validated.is_some_and(|wanted| wanted != validated)
        {
            return Some(Unmet::Certificate(wanted));
        }
    }
    if let Some(namespace) = more.dynamic_metadata.first() {
        return Some(Unmet::DynamicMetadata(namespace));
    }
    more.filter_state.iter().find(|matcher| !state_matches(matcher, request)).map(Unmet::FilterState)
}

fn state_matches(matcher: &FilterStateMatcher, request: &impl RouteRequest) -> bool {
    let found = matcher.value.as_ref().and_then(|value| Some((value, request.filter_state(&matcher.key)?)));
    found.is_some_and(|(value, state)| value.matches(&state))
}

/// Whether a route asks for anything beside the path.
pub(crate) fn is_conditional(matcher: &RouteMatch) -> bool {
    matcher.grpc
        || matcher.runtime_fraction.is_some()
        || !matcher.headers.is_empty()
        || !matcher.query_parameters.is_empty()
        || matcher.more.is_some()
}

/// Whether a condition on a header field holds, as in a route's `match`.
pub fn header_matches(matcher: &HeaderMatcher, request: &impl RouteRequest) -> bool {
    matcher.matches_each(|visit| request::visit(request, matcher.name.as_str(), visit))
}

fn query_matches(matcher: &QueryParameterMatcher, path: &[u8]) -> bool {
    let value = path::query_parameter(path, matcher.name.as_bytes());
    match &matcher.condition {
        ValueMatch::Present(wanted) => value.is_some() == *wanted,
        ValueMatch::String(matcher) => value.is_some_and(|value| matcher.matches(value)),
    }
}

/// `application/grpc` or `application/grpc+…`, in this case; `application/grpc-web` is something else.
fn is_grpc(request: &impl RouteRequest) -> bool {
    let mut first = None;
    request.visit_header("content-type", &mut |value| {
        first.get_or_insert_with(|| {
            value
                .strip_prefix(b"application/grpc")
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
        });
    });
    first == Some(true)
}

#[cfg(test)]
mod tests {
    use causeway_model::{HeaderMatch, HeaderName, PathMatch, RuntimeFraction, StringMatch, StringMatcher};

    use super::*;
    use crate::request::tests::TestRequest;

    fn matcher() -> RouteMatch {
        RouteMatch {
            path: PathMatch::Prefix("/".into()),
            case_sensitive: true,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            runtime_fraction: None,
            grpc: false,
            more: None,
        }
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let matcher = RouteMatch { grpc: true, ..matcher() };
        for (content_type, matches) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/grpc;charset=utf-8", false),
            ("Application/Grpc", false),
        ] {
            let request = TestRequest::get("a", "/").with("content-type", content_type);
            assert_eq!(unmet(&matcher, None, &request).is_none(), matches, "{content_type}");
        }
        assert_eq!(unmet(&matcher, None, &TestRequest::get("a", "/")), Some(Unmet::Grpc));
    }

    #[test]
    fn a_fraction_takes_its_share_of_the_random_numbers() {
        let fraction = RuntimeFraction { numerator: 30, denominator: 100, runtime_key: "".into() };
        let matcher = RouteMatch { runtime_fraction: Some(fraction), ..matcher() };
        let taken = (0..1000).filter(|random| {
            let request = TestRequest { random: *random, ..TestRequest::get("a", "/") };
            unmet(&matcher, Some((30, 100)), &request).is_none()
        });
        assert_eq!(taken.count(), 300);
    }

    #[test]
    fn one_of_several_values_is_enough_and_inverted_none_of_them() {
        let exact = |text: &str, invert| HeaderMatcher {
            name: HeaderName::new("x").unwrap(),
            condition: HeaderMatch::String(StringMatcher::new(StringMatch::Exact(text.into()), false)),
            invert,
            treat_missing_as_empty: false,
        };
        let request = TestRequest::get("a", "/").with("x", "1").with("x", "2");
        for (header, matches) in [
            (exact("1", false), true),
            (exact("2", false), true),
            (exact("1,2", false), false),
            (exact("1", true), false),
            (exact("2", true), false),
            (exact("3", true), true),
        ] {
            let matcher = RouteMatch { headers: vec![header.clone()], ..matcher() };
            assert_eq!(unmet(&matcher, None, &request).is_none(), matches, "{header:?}");
        }
    }

    #[test]
    fn conditions_that_few_routes_have_come_last() {
        let cookie = CookieMatcher {
            name: "c".into(),
            value: StringMatcher::new(StringMatch::Exact("v".into()), false),
            invert: false,
        };
        let certificate = CertificateMatch { presented: Some(false), validated: None };
        let few =
            MoreConditions { cookies: vec![cookie], certificate: Some(certificate), ..Default::default() };
        let with = |few: MoreConditions| RouteMatch { more: Some(Box::new(few)), ..matcher() };
        let plain = TestRequest::get("a", "/");
        let request = plain.clone().with("cookie", "b=1; c=v");
        assert_eq!(unmet(&with(few.clone()), None, &request), None);
        assert!(matches!(unmet(&with(few.clone()), None, &plain), Some(Unmet::Cookie(_))));
        let shown = CertificateMatch { presented: Some(true), validated: None };
        let shown = MoreConditions { certificate: Some(shown), ..few.clone() };
        assert!(matches!(unmet(&with(shown), None, &request), Some(Unmet::Certificate(_))));
        let metadata = MoreConditions { dynamic_metadata: vec!["n".into()], ..few.clone() };
        assert_eq!(unmet(&with(metadata), None, &request), Some(Unmet::DynamicMetadata("n")));
        let exact = StringMatcher::new(StringMatch::Exact("v".into()), false);
        for (key, value, met) in
            [("k", Some(exact.clone()), true), ("k", None, false), ("x", Some(exact), false)]
        {
            let wanted = FilterStateMatcher { key: key.into(), value };
            let state = MoreConditions { filter_state: vec![wanted.clone()], ..few.clone() };
            let matcher = with(state);
            let found = unmet(&matcher, None, &request);
            assert_eq!(found, (!met).then_some(Unmet::FilterState(&wanted)), "{wanted:?}");
        }
    }

    #[test]
    fn query_parameters_are_all_asked_for() {
        let parameter = |name: &str, condition| QueryParameterMatcher { name: name.into(), condition };
        let exact = StringMatcher::new(StringMatch::Exact("v".into()), false);
        let matcher = RouteMatch {
            query_parameters: vec![
                parameter("k", ValueMatch::String(exact)),
                parameter("gone", ValueMatch::Present(false)),
            ],
            ..matcher()
        };
        let met = |path| unmet(&matcher, None, &TestRequest::get("a", path)).is_none();
        assert!(met("/?k=v") && met("/?k=v&k=x"));
        assert!(!met("/?k=x&k=v") && !met("/?k=v&gone") && !met("/?k=%76") && !met("/"));
    }
}
