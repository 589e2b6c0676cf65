//! Regular expressions that come in a query.

use regex::{Regex, RegexBuilder};

/// Bytes a compiled expression may take; what needs more would be slow on a thread that has to answer.
const SIZE_LIMIT: usize = 1 << 20;

/// What is wrong with an expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilterError(pub(crate) String);

/// An expression that may match anywhere.
pub(crate) fn filter(text: &str) -> Result<Regex, FilterError> {
    RegexBuilder::new(text).size_limit(SIZE_LIMIT).build().map_err(|error| {
        // The library prints a drawing; its last line says what is wrong.
        let error = error.to_string();
        let what = error.lines().last().unwrap_or_default();
        FilterError(format!("{}: {text}", what.trim_start_matches("error: ")))
    })
}

/// An expression that has to match all of a name.
pub(crate) fn full_filter(text: &str) -> Result<Regex, FilterError> {
    // Compiled alone first: `a)(b` must not become valid between the parentheses.
    filter(text)?;
    filter(&format!("^(?:{text})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_take_one_line() {
        assert_eq!(filter("a(").unwrap_err(), FilterError("unclosed group: a(".to_owned()));
        assert!(!filter(r"\p{L}{1000}{1000}").unwrap_err().0.contains('\n'));
        assert!(filter("b").unwrap().is_match("abc"));
    }

    #[test]
    fn a_full_filter_matches_all() {
        assert!(full_filter("a|ab").unwrap().is_match("ab"));
        assert!(!full_filter("a|ab").unwrap().is_match("abc"));
        assert!(full_filter("a)(b").is_err());
    }
}
