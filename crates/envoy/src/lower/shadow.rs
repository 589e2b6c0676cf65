//! Which routes no request ever gets to.

use std::collections::{BTreeSet, HashMap};

use causeway_model::{PathMatch, RouteMatch};

use crate::source::Span;

/// The routes before, as far as they take everything below a path.
#[derive(Default)]
pub(super) struct Shadow {
    /// Prefixes, and where they stand.
    prefixes: HashMap<Box<str>, Span>,
    /// Their lengths.
    lengths: BTreeSet<usize>,
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
        self.lengths
            .range(..=path.len())
            .find_map(|length| path.get(..*length).and_then(|prefix| self.prefixes.get(prefix)).copied())
    }

    /// Notes what a route takes; one that looks at more than the path may let anything pass.
    pub(super) fn add(&mut self, matcher: &RouteMatch, span: Span) {
        let RouteMatch { headers, query_parameters, runtime_fraction, grpc, .. } = matcher;
        if !headers.is_empty() || !query_parameters.is_empty() || runtime_fraction.is_some() || *grpc {
            return;
        }
        match &matcher.path {
            PathMatch::Prefix(prefix) if matches!(&**prefix, "" | "/") => {
                self.all.get_or_insert(span);
            }
            PathMatch::Prefix(prefix) => {
                self.lengths.insert(prefix.len());
                self.prefixes.entry(prefix.clone()).or_insert(span);
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
    fn a_path_that_stands_twice_is_hidden() {
        let mut shadow = Shadow::default();
        let span = Span { start: 1, end: 2 };
        shadow.add(&path(PathMatch::Path("/a".into())), span);
        assert_eq!(shadow.hides(&path(PathMatch::Path("/a".into()))), Some(span));
        assert_eq!(shadow.hides(&path(PathMatch::Path("/a/".into()))), None);
    }
}
