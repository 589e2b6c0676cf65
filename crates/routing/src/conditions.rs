//! What a route asks beside the path.

use causeway_model::{HeaderMatcher, QueryParameterMatcher, RouteMatch, ValueMatch};

use crate::path;
use crate::request::{self, RouteRequest};

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
    unmet.map(Unmet::QueryParameter)
}

/// Whether a route asks for anything beside the path.
pub(crate) fn is_conditional(matcher: &RouteMatch) -> bool {
    matcher.grpc
        || matcher.runtime_fraction.is_some()
        || !matcher.headers.is_empty()
        || !matcher.query_parameters.is_empty()
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
