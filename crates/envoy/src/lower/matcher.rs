//! Conditions: `StringMatcher`, `RegexMatcher`, `HeaderMatcher`, `QueryParameterMatcher`.

use causeway_model::{
    HeaderMatch, HeaderMatcher, HeaderName, QueryParameterMatcher, Regex, StringMatch, StringMatcher,
    ValueMatch,
};

use super::Cx;
use crate::diagnostic::{At, Draft};
use crate::re2;
use crate::tree::Message;

/// A condition on a header.
pub(super) enum HeaderCondition {
    /// It depends on the request.
    Depends(HeaderMatcher),
    /// The header can't exist, so that the outcome is known.
    Always(bool),
}

impl Cx<'_> {
    /// A regular expression.
    pub(super) fn regex(&self, pattern: &str, at: &At) -> Option<Regex> {
        match re2::compile(pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let at = self.part(at, pattern, error.range);
                self.push(
                    Draft::rejected("invalid-regex", format!("`{pattern}` is not a regular expression"))
                        .at(at)
                        .label(error.message),
                );
                None
            }
        }
    }

    /// `RegexMatcher`.
    pub(super) fn regex_matcher(&self, message: &Message<'_>, field: &str) -> Option<Regex> {
        let matcher = message.message(field)?;
        // RE2 is the only engine, and its limits are no concern of ours.
        matcher.settle("google_re2");
        let pattern = matcher.text("regex");
        // An empty one was reported with the rules.
        (!pattern.is_empty()).then(|| self.regex(pattern, &matcher.at("regex")))?
    }

    /// `RegexMatchAndSubstitute`.
    pub(super) fn regex_substitution(&self, message: &Message<'_>, field: &str) -> Option<(Regex, Box<str>)> {
        let rewrite = message.message(field)?;
        let substitution = rewrite.text("substitution").into();
        Some((self.regex_matcher(rewrite, "pattern")?, substitution))
    }

    /// `StringMatcher`.
    pub(super) fn string_matcher(&self, matcher: &Message<'_>) -> Option<StringMatcher> {
        let ignore_case = matcher.bool("ignore_case");
        let pattern = match matcher.which("match_pattern")? {
            "exact" => StringMatch::Exact(matcher.text("exact").into()),
            "prefix" => StringMatch::Prefix(matcher.text("prefix").into()),
            "suffix" => StringMatch::Suffix(matcher.text("suffix").into()),
            "contains" => StringMatch::Contains(matcher.text("contains").into()),
            "safe_regex" => {
                if ignore_case {
                    self.push(
                        Draft::rejected("conflict", "`ignore_case` has no effect on `safe_regex`")
                            .at(matcher.at_key("ignore_case"))
                            .help("write `(?i)` at the beginning of the expression"),
                    );
                }
                StringMatch::Regex(self.regex_matcher(matcher, "safe_regex")?)
            }
            other => {
                self.not_implemented_vital(matcher, other, "");
                return None;
            }
        };
        Some(StringMatcher::new(pattern, ignore_case))
    }

    /// Several `StringMatcher`s.
    pub(super) fn string_matchers(&self, message: &Message<'_>, field: &str) -> Vec<StringMatcher> {
        message.messages(field).filter_map(|matcher| self.string_matcher(matcher)).collect()
    }

    /// A header name; one that is none is reported as something that can't be sent.
    pub(super) fn header_name(&self, name: &str, at: At, what: &str) -> Option<HeaderName> {
        match HeaderName::new(name) {
            Ok(name) => Some(name),
            Err(_) => {
                self.push(
                    self.suspicious(
                        at,
                        "invalid-header-name",
                        format!("`{}` is not a header name", name.escape_debug()),
                    )
                    .label(what)
                    .help(
                        "names of headers are made of letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 §5.6.2)",
                    ),
                );
                None
            }
        }
    }

    /// `HeaderMatcher`.
    pub(super) fn header_matcher(&self, matcher: &Message<'_>) -> Option<HeaderCondition> {
        let invert = matcher.bool("invert_match");
        let treat_missing_as_empty = matcher.bool("treat_missing_header_as_empty");
        let condition = self.header_condition(matcher);
        let name = matcher.text("name");
        let named = self.header_name(name, matcher.at("name"), "no request has such a header");
        let condition = condition?;
        match named {
            Some(name) => Some(HeaderCondition::Depends(HeaderMatcher {
                name,
                condition,
                invert,
                treat_missing_as_empty,
            })),
            None => {
                let absent = HeaderMatcher {
                    name: HeaderName::new("x").ok()?,
                    condition,
                    invert,
                    treat_missing_as_empty,
                };
                Some(HeaderCondition::Always(absent.matches(None)))
            }
        }
    }

    /// Several `HeaderMatcher`s that all have to hold, but for those that always do; and whether one of
    /// the others never does.
    pub(super) fn header_conditions(&self, message: &Message<'_>, field: &str) -> (Vec<HeaderMatcher>, bool) {
        let (mut headers, mut never) = (Vec::new(), false);
        for matcher in message.messages(field) {
            match self.header_matcher(matcher) {
                Some(HeaderCondition::Depends(matcher)) => headers.push(matcher),
                Some(HeaderCondition::Always(holds)) => never |= !holds,
                None => {}
            }
        }
        (headers, never)
    }

    /// Several `HeaderMatcher`s of which one has to hold; and whether one of them always does.
    pub(super) fn header_alternatives(
        &self,
        message: &Message<'_>,
        field: &str,
    ) -> (Vec<HeaderMatcher>, bool) {
        let (mut headers, mut always) = (Vec::new(), false);
        for matcher in message.messages(field) {
            match self.header_matcher(matcher) {
                Some(HeaderCondition::Depends(matcher)) => headers.push(matcher),
                Some(HeaderCondition::Always(holds)) => always |= holds,
                None => {}
            }
        }
        (headers, always)
    }

    fn header_condition(&self, matcher: &Message<'_>) -> Option<HeaderMatch> {
        let string = |pattern| Some(HeaderMatch::String(StringMatcher::new(pattern, false)));
        match matcher.which("header_match_specifier") {
            None => Some(HeaderMatch::Present(true)),
            Some("present_match") => Some(HeaderMatch::Present(matcher.bool("present_match"))),
            Some("range_match") => {
                let range = matcher.message("range_match")?;
                let (start, end) = (range.i64("start"), range.i64("end"));
                if start >= end {
                    self.push(
                        self.suspicious(range.here(), "empty-range", "no number lies in this range")
                            .label("the end is not part of it"),
                    );
                }
                Some(HeaderMatch::Range { start, end })
            }
            Some("string_match") => {
                self.string_matcher(matcher.message("string_match")?).map(HeaderMatch::String)
            }
            // The deprecated field without a text asks for nothing but that there is a value.
            Some("exact_match") if matcher.text("exact_match").is_empty() => {
                string(StringMatch::Prefix("".into()))
            }
            Some("exact_match") => string(StringMatch::Exact(matcher.text("exact_match").into())),
            Some("prefix_match") => string(StringMatch::Prefix(matcher.text("prefix_match").into())),
            Some("suffix_match") => string(StringMatch::Suffix(matcher.text("suffix_match").into())),
            Some("contains_match") => string(StringMatch::Contains(matcher.text("contains_match").into())),
            Some(_) => string(StringMatch::Regex(self.regex_matcher(matcher, "safe_regex_match")?)),
        }
    }

    /// `QueryParameterMatcher`.
    pub(super) fn query_matcher(&self, matcher: &Message<'_>) -> Option<QueryParameterMatcher> {
        let name = matcher.text("name").into();
        let condition = match matcher.which("query_parameter_match_specifier") {
            None => ValueMatch::Present(true),
            Some("present_match") => ValueMatch::Present(matcher.bool("present_match")),
            Some(_) => ValueMatch::String(self.string_matcher(matcher.message("string_match")?)?),
        };
        Some(QueryParameterMatcher { name, condition })
    }
}
