//! Conditions on strings, header fields and query parameters.

use std::fmt;

use crate::HeaderName;

/// A regular expression in RE2's language (`type.matcher.v3.RegexMatcher`) that has to match the whole
/// value. Works on bytes, because header values need not be UTF-8.
#[derive(Clone)]
pub struct Regex {
    pattern: Box<str>,
    whole: regex::bytes::Regex,
    anywhere: regex::bytes::Regex,
}

impl Regex {
    /// Compiles the pattern; the error says what is wrong with it, in words for the operator. A program
    /// larger than 1 MiB is refused, so that no pattern of a file can eat the machine.
    pub fn new(pattern: &str) -> Result<Self, String> {
        Self::translated(pattern, pattern)
    }

    /// The same for a pattern that was written in another dialect: `written` is what
    /// [`Regex::pattern`] gives back, `pattern` is what is compiled.
    pub fn translated(written: &str, pattern: &str) -> Result<Self, String> {
        let compile = |text: &str| {
            regex::bytes::RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| match error {
                regex::Error::CompiledTooBig(limit) => {
                    format!("the compiled expression is larger than {limit} bytes")
                }
                other => other.to_string(),
            })
        };
        Ok(Self {
            pattern: written.into(),
            anywhere: compile(pattern)?,
            whole: compile(&format!(r"\A(?:{pattern})\z"))?,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn is_full_match(&self, value: &[u8]) -> bool {
        self.whole.is_match(value)
    }

    /// What the groups hold where the whole value matches, from group 1 on; a group that took no part
    /// holds nothing.
    #[must_use]
    pub fn groups<'v>(&self, value: &'v [u8]) -> Option<Vec<&'v [u8]>> {
        let captures = self.whole.captures(value)?;
        Some(captures.iter().skip(1).map(|group| group.map_or(&[][..], |found| found.as_bytes())).collect())
    }

    /// Replaces every match inside the value (`RegexMatchAndSubstitute`), with `\1`…`\9` of the
    /// substitution standing for groups and `\0` for the match. A reference to a group that does not
    /// exist becomes nothing.
    #[must_use]
    pub fn replace_all(&self, value: &[u8], substitution: &str) -> Vec<u8> {
        self.anywhere
            .replace_all(value, |captures: &regex::bytes::Captures<'_>| {
                let mut out = Vec::with_capacity(substitution.len());
                let mut bytes = substitution.bytes();
                while let Some(byte) = bytes.next() {
                    match (byte, (byte == b'\\').then(|| bytes.next()).flatten()) {
                        (b'\\', Some(digit @ b'0'..=b'9')) => {
                            if let Some(group) = captures.get(usize::from(digit - b'0')) {
                                out.extend_from_slice(group.as_bytes());
                            }
                        }
                        (b'\\', Some(other)) => out.push(other),
                        (byte, _) => out.push(byte),
                    }
                }
                out
            })
            .into_owned()
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.pattern, f)
    }
}

/// `type.matcher.v3.StringMatcher`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringMatcher {
    /// What the value is compared with; in lower case already where `ignore_case`.
    pub pattern: StringMatch,
    /// Whether ASCII case does not matter; has no effect on regular expressions.
    pub ignore_case: bool,
}

/// The kinds of comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringMatch {
    /// The whole value.
    Exact(Box<str>),
    /// Its beginning.
    Prefix(Box<str>),
    /// Its end.
    Suffix(Box<str>),
    /// Any part of it.
    Contains(Box<str>),
    /// A regular expression over the whole value.
    Regex(Regex),
}

impl StringMatcher {
    /// A matcher; the pattern is put in lower case where case is ignored.
    #[must_use]
    pub fn new(pattern: StringMatch, ignore_case: bool) -> Self {
        let lower = |text: Box<str>| if ignore_case { text.to_ascii_lowercase().into() } else { text };
        let pattern = match pattern {
            StringMatch::Exact(text) => StringMatch::Exact(lower(text)),
            StringMatch::Prefix(text) => StringMatch::Prefix(lower(text)),
            StringMatch::Suffix(text) => StringMatch::Suffix(lower(text)),
            StringMatch::Contains(text) => StringMatch::Contains(lower(text)),
            regex @ StringMatch::Regex(_) => regex,
        };
        Self { pattern, ignore_case }
    }

    /// Whether the value matches.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        let same = |a: &[u8], b: &[u8]| if self.ignore_case { a.eq_ignore_ascii_case(b) } else { a == b };
        match &self.pattern {
            StringMatch::Exact(text) => same(value, text.as_bytes()),
            StringMatch::Prefix(text) => {
                value.get(..text.len()).is_some_and(|head| same(head, text.as_bytes()))
            }
            StringMatch::Suffix(text) => value
                .len()
                .checked_sub(text.len())
                .and_then(|at| value.get(at..))
                .is_some_and(|tail| same(tail, text.as_bytes())),
            StringMatch::Contains(text) => {
                text.is_empty() || value.windows(text.len()).any(|part| same(part, text.as_bytes()))
            }
            StringMatch::Regex(regex) => regex.is_full_match(value),
        }
    }
}

/// A condition on one value, or on its being there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMatch {
    /// Whether the value is there (`true`) or absent (`false`).
    Present(bool),
    /// The value is there and matches.
    String(StringMatcher),
}

/// `config.route.v3.QueryParameterMatcher`: compares the first parameter of that name, as it was sent,
/// not percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParameterMatcher {
    /// Name of the parameter; case matters.
    pub name: Box<str>,
    /// The condition; a parameter without `=` is there with an empty value.
    pub condition: ValueMatch,
}

/// `config.route.v3.CookieMatcher`: compares the first cookie of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieMatcher {
    /// Name of the cookie; case matters.
    pub name: Box<str>,
    /// What its value is compared with.
    pub value: StringMatcher,
    /// Whether the result is turned round; an absent cookie matches then.
    pub invert: bool,
}

impl CookieMatcher {
    /// Whether the condition holds for a request with these values of `cookie`.
    #[must_use]
    pub fn matches_each(&self, visit: impl FnOnce(&mut dyn FnMut(&[u8]))) -> bool {
        let mut found = None;
        visit(&mut |header| {
            if found.is_none() {
                found = cookie(header, self.name.as_bytes()).map(|value| self.value.matches(value));
            }
        });
        found.unwrap_or(false) != self.invert
    }
}

/// The value of the first cookie of that name in a `cookie` field, read as Envoy does: without the quotes
/// around it, but with any white space.
#[must_use]
pub fn cookie<'h>(header: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| {
        let begin = pair.iter().position(|byte| *byte != b' ')?;
        let pair = pair.get(begin..)?;
        let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
        let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        Some(quoted.unwrap_or(value))
    })
}

/// `config.route.v3.HeaderMatcher`. Values of a repeated field are compared one by one: a single one that
/// matches is enough, and with `invert` none may. (Envoy 1.40; older ones joined them by `,`.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMatcher {
    /// Name of the field; pseudo names stand for parts of the request line.
    pub name: HeaderName,
    /// The condition.
    pub condition: HeaderMatch,
    /// Whether the result is turned round. A condition on the value of an absent field does not match
    /// even then, unless `treat_missing_as_empty`.
    pub invert: bool,
    /// Whether an absent field is taken for one with an empty value (`treat_missing_header_as_empty`), which is there.
    pub treat_missing_as_empty: bool,
}

/// Conditions on a header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderMatch {
    /// Whether the field is there (`true`) or absent (`false`).
    Present(bool),
    /// The value matches.
    String(StringMatcher),
    /// The value is a decimal number in `start..end` (end exclusive).
    Range {
        /// First number that matches.
        start: i64,
        /// First number that does not match any more.
        end: i64,
    },
}

impl HeaderMatcher {
    /// Whether the condition holds for a field, whose values `visit` shows one by one to the function it
    /// is given.
    #[must_use]
    pub fn matches_each(&self, visit: impl FnOnce(&mut dyn FnMut(&[u8]))) -> bool {
        let mut present = false;
        let mut any = false;
        visit(&mut |value| {
            present = true;
            any = any || self.matches(Some(value)) != self.invert;
        });
        if present { any != self.invert } else { self.matches(None) }
    }

    /// Whether the condition holds for a field with one value, `None` where the field is absent.
    #[must_use]
    pub fn matches(&self, value: Option<&[u8]>) -> bool {
        if let HeaderMatch::Present(wanted) = self.condition {
            let present = value.is_some() || self.treat_missing_as_empty;
            return (present == wanted) != self.invert;
        }
        let value = match value {
            Some(value) => value,
            None if self.treat_missing_as_empty => b"",
            None => return false,
        };
        let matches = match &self.condition {
            HeaderMatch::Present(_) => true,
            HeaderMatch::String(matcher) => matcher.matches(value),
            HeaderMatch::Range { start, end } => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse::<i64>().ok())
                .is_some_and(|number| (*start..*end).contains(&number)),
        };
        matches != self.invert
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regex_matches_the_whole_value() {
        let regex = Regex::new("a|ab").unwrap();
        assert!(regex.is_full_match(b"ab"));
        assert!(!regex.is_full_match(b"abc"));
        assert!(Regex::new("(").is_err());
    }

    #[test]
    fn groups_are_those_of_the_whole_value() {
        let regex = Regex::new("/(a+)(b)?").unwrap();
        assert_eq!(regex.groups(b"/aa"), Some(vec![&b"aa"[..], b""]));
        assert_eq!(regex.groups(b"/aac"), None);
    }

    #[test]
    fn substitution_knows_groups() {
        let regex = Regex::new("/(a)(b)").unwrap();
        assert_eq!(regex.replace_all(b"/ab/ab", r"<\2\1\0\\>"), b"<ba/ab\\><ba/ab\\>".to_vec());
        assert_eq!(regex.replace_all(b"/ab", r"\3x"), b"x".to_vec());
    }

    #[test]
    fn an_absent_field_never_matches_by_value() {
        let exact = |invert, missing| HeaderMatcher {
            name: HeaderName::new("x").unwrap(),
            condition: HeaderMatch::String(StringMatcher::new(StringMatch::Exact("v".into()), false)),
            invert,
            treat_missing_as_empty: missing,
        };
        assert!(!exact(true, false).matches(None));
        assert!(exact(true, true).matches(None));
        assert!(exact(false, false).matches(Some(b"v")));
    }

    #[test]
    fn a_field_that_is_taken_for_an_empty_one_is_there() {
        let present = |wanted, invert, missing| HeaderMatcher {
            name: HeaderName::new("x").unwrap(),
            condition: HeaderMatch::Present(wanted),
            invert,
            treat_missing_as_empty: missing,
        };
        assert!(present(true, false, true).matches(None) && !present(true, true, true).matches(None));
        assert!(!present(false, false, true).matches(None) && present(false, true, true).matches(None));
        assert!(!present(true, false, false).matches(None) && present(false, false, false).matches(None));
    }

    #[test]
    fn values_of_a_repeated_field_are_compared_one_by_one() {
        let exact = |text: &str, invert| HeaderMatcher {
            name: HeaderName::new("x").unwrap(),
            condition: HeaderMatch::String(StringMatcher::new(StringMatch::Exact(text.into()), false)),
            invert,
            treat_missing_as_empty: false,
        };
        let two = |visit: &mut dyn FnMut(&[u8])| {
            visit(b"1");
            visit(b"2");
        };
        assert!(exact("2", false).matches_each(two) && !exact("1,2", false).matches_each(two));
        assert!(!exact("2", true).matches_each(two) && exact("3", true).matches_each(two));
        assert!(!exact("2", true).matches_each(|_| {}));
    }

    /// What Envoy 1.40 says of these.
    #[test]
    fn the_first_cookie_of_a_name_counts() {
        let one = |invert| CookieMatcher {
            name: "a".into(),
            value: StringMatcher::new(StringMatch::Exact("1".into()), false),
            invert,
        };
        let meets = |matcher: CookieMatcher, cookies: &[&'static str]| {
            matcher.matches_each(|visit| cookies.iter().for_each(|cookie| visit(cookie.as_bytes())))
        };
        for cookies in [
            &["a=1"][..],
            &["z=1; a=1"],
            &["z=1;a=1"],
            &["z=1", "a=1"],
            &["a=1; a=2"],
            &["a=\"1\""],
            &["=1; a=1"],
        ] {
            assert!(meets(one(false), cookies) && !meets(one(true), cookies), "{cookies:?}");
        }
        for cookies in [
            &["z=1;a=1 ;"][..],
            &["a=2; a=1"],
            &["a=2", "a=1"],
            &["a = 1"],
            &["A=1"],
            &["a"],
            &["q, a=1"],
            &["aa=1"],
            &[],
        ] {
            assert!(!meets(one(false), cookies) && meets(one(true), cookies), "{cookies:?}");
        }
    }

    #[test]
    fn case_is_ignored_where_asked() {
        let suffix = StringMatcher::new(StringMatch::Suffix("Ab".into()), true);
        assert!(suffix.matches(b"xAB") && !suffix.matches(b"b"));
        let contains = StringMatcher::new(StringMatch::Contains("Bc".into()), true);
        assert!(contains.matches(b"abCd") && !contains.matches(b"b"));
    }
}
