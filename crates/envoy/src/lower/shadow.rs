//! Which routes no request ever gets to.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Included, Unbounded};

use causeway_model::{PathMatch, RouteMatch};

use crate::source::Span;

/// The routes before, as far as they take everything below a path.
#[derive(Default)]
pub(super) struct Shadow {
    /// Prefixes, and where they stand. None of them begins with another, so that only the last one in
    /// order that is not behind a path can be a prefix of it.
    prefixes: BTreeMap<Box<str>, Span>,
    /// Whole paths.
    paths: HashMap<Box<str>, Span>,
    /// A route that takes every path.
    all: Option<Span>,
}

impl Shadow {
    /// The route that takes every request this one could get.
    pub(super) fn hides(&self, matcher: &RouteMatch) -> Option<Span> {
        match &matcher.path {
            // Only CONNECT requests have no path.
            PathMatch::Connect => None,
            PathMatch::Regex(_) | PathMatch::UriTemplate { .. } => self.all,
            PathMatch::Path(path) => {
                let exact = matcher.case_sensitive.then(|| self.paths.get(path).copied()).flatten();
                self.all.or_else(|| exact.or_else(|| self.prefix(path, matcher.case_sensitive)))
            }
            PathMatch::Prefix(path) | PathMatch::PathSeparatedPrefix(path) => {
                self.all.or_else(|| self.prefix(path, matcher.case_sensitive))
            }
        }
    }

    fn prefix(&self, path: &str, case_sensitive: bool) -> Option<Span> {
        if !case_sensitive {
            // It takes paths in other cases, which the route before lets pass.
            return None;
        }
        let (prefix, span) = self.prefixes.range::<str, _>((Unbounded, Included(path))).next_back()?;
        path.starts_with(&**prefix).then_some(*span)
    }

    /// Notes what a route takes; one that looks at more than the path may let anything pass.
    pub(super) fn add(&mut self, matcher: &RouteMatch, span: Span) {
        let RouteMatch { headers, query_parameters, runtime_fraction, grpc, more, .. } = matcher;
        if !headers.is_empty()
            || !query_parameters.is_empty()
            || runtime_fraction.is_some()
            || *grpc
            || more.is_some()
        {
            return;
        }
        match &matcher.path {
            PathMatch::Prefix(prefix) if matches!(&**prefix, "" | "/") => {
                self.all.get_or_insert(span);
            }
            PathMatch::Prefix(prefix) => {
                if self.prefix(prefix, true).is_none() {
                    let behind = self.prefixes.range::<str, _>((Included(&**prefix), Unbounded));
                    let longer = behind.map(|(key, _)| key).take_while(|key| key.starts_with(&**prefix));
                    for longer in longer.cloned().collect::<Vec<_>>() {
                        self.prefixes.remove(&longer);
                    }
                    self.prefixes.insert(prefix.clone(), span);
                }
            }
            PathMatch::Path(path) => {
                self.paths.entry(path.clone()).or_insert(span);
            }
            PathMatch::PathSeparatedPrefix(_)
            | PathMatch::Regex(_)
            | PathMatch::UriTemplate { .. }
            | PathMatch::Connect => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: PathMatch) -> RouteMatch {
        RouteMatch {
            path,
            case_sensitive: true,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            runtime_fraction: None,
            grpc: false,
            more: None,
        }
    }

    fn prefix(text: &str) -> RouteMatch {
        path(PathMatch::Prefix(text.into()))
    }

    #[test]
    fn what_stands_behind_a_catch_all_is_hidden() {
        let mut shadow = Shadow::default();
        let at = |start| Span { start, end: start };
        shadow.add(&prefix("/a"), at(1));
        assert_eq!(shadow.hides(&prefix("/ab/c")), Some(at(1)));
        assert_eq!(shadow.hides(&prefix("/")), None);
        assert_eq!(shadow.hides(&path(PathMatch::Path("/a".into()))), Some(at(1)));
        assert_eq!(shadow.hides(&RouteMatch { case_sensitive: false, ..prefix("/ab") }), None);
        shadow.add(&RouteMatch { grpc: true, ..prefix("/") }, at(2));
        assert_eq!(shadow.hides(&prefix("/x")), None);
        shadow.add(&prefix("/"), at(3));
        assert_eq!(shadow.hides(&prefix("/x")), Some(at(3)));
        assert_eq!(shadow.hides(&path(PathMatch::Connect)), None);
    }

    #[test]
    fn of_several_prefixes_any_hides() {
        let mut shadow = Shadow::default();
        let at = |start| Span { start, end: start };
        for (text, start) in [("/ab", 1), ("/b", 2), ("/abc", 3), ("/a/", 4), ("/a", 5), ("/ad", 6)] {
            shadow.add(&prefix(text), at(start));
        }
        assert_eq!(shadow.prefixes.len(), 2);
        for (text, hidden) in
            [("/aa", true), ("/ab", true), ("/a", true), ("/b/x", true), ("/c", false), ("/", false)]
        {
            assert_eq!(shadow.hides(&prefix(text)).is_some(), hidden, "{text}");
        }
    }

    #[test]
    fn a_path_that_stands_twice_is_hidden() {
        let mut shadow = Shadow::default();
        let span = Span { start: 1, end: 2 };
        shadow.add(&path(PathMatch::Path("/a".into())), span);
        assert_eq!(shadow.hides(&path(PathMatch::Path("/a".into()))), Some(span));
        assert_eq!(shadow.hides(&path(PathMatch::Path("/a/".into()))), None);
    }
}
