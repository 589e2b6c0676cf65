//! Conditions on a response, made of others.

use crate::HeaderMatcher;

/// `config.common.matcher.v3.MatchPredicate`, where only the head of a response is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponsePredicate {
    /// Every response (`any_match`).
    Any,
    /// None: what the condition is about is not looked at, such as the request, or the body.
    Never,
    /// All but these (`not_match`).
    Not(Box<Self>),
    /// Those that all of these fit (`and_match`).
    And(Vec<Self>),
    /// Those that one of these fits (`or_match`).
    Or(Vec<Self>),
    /// Those of whose header fields all of these hold, `:status` among them (`http_response_headers_match`).
    Headers(Vec<HeaderMatcher>),
}

impl ResponsePredicate {
    /// Whether it fits a response, whose header fields `holds` knows.
    #[must_use]
    pub fn fits(&self, holds: &impl Fn(&HeaderMatcher) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Never => false,
            Self::Not(inner) => !inner.fits(holds),
            Self::And(all) => all.iter().all(|one| one.fits(holds)),
            Self::Or(some) => some.iter().any(|one| one.fits(holds)),
            Self::Headers(matchers) => matchers.iter().all(holds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderMatch, HeaderName};

    fn header(name: &str) -> ResponsePredicate {
        ResponsePredicate::Headers(vec![HeaderMatcher {
            name: HeaderName::new(name).unwrap(),
            condition: HeaderMatch::Present(true),
            invert: false,
            treat_missing_as_empty: false,
        }])
    }

    #[test]
    fn conditions_are_made_of_others() {
        use ResponsePredicate::{And, Any, Headers, Never, Not, Or};
        let fits = |predicate: ResponsePredicate| predicate.fits(&|matcher| matcher.name.as_str() == "x-a");
        assert!(fits(header("x-a")) && !fits(header("x-b")));
        assert!(fits(Any) && !fits(Never) && fits(Headers(Vec::new())));
        assert!(fits(Not(Box::new(Never))) && !fits(Not(Box::new(header("x-a")))));
        assert!(fits(And(vec![header("x-a"), Any])) && !fits(And(vec![header("x-a"), header("x-b")])));
        assert!(fits(Or(vec![header("x-b"), header("x-a")])) && !fits(Or(vec![header("x-b"), Never])));
        let nested = And(vec![Not(Box::new(header("x-b"))), Or(vec![Never, header("x-a")])]);
        assert!(fits(nested));
    }
}
