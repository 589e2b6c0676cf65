//! Which routes no request ever gets to, since one before takes all that they would match.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Included, Unbounded};

use crate::{PathMatch, RouteMatch};

/// The routes before, as far as it is certain what they take: everything below a path, or, where they ask for more
/// than the path, everything of the same path that fulfils the same and more.
///
/// `T` is what is known of a route, such as its place.
#[derive(Debug, Clone)]
pub struct RouteShadow<T> {
    /// Prefixes, and whose they are. None of them begins with another, so that only the last one in
    /// order that is not behind a path can be a prefix of it.
    prefixes: BTreeMap<Box<str>, T>,
    /// Prefixes that end at a slash.
    separated: HashMap<Box<str>, T>,
    /// Whole paths.
    paths: HashMap<Box<str>, T>,
    /// Routes that look at more than the path, by its text.
    conditional: HashMap<Box<str>, Vec<(RouteMatch, T)>>,
    /// A route that takes every path.
    all: Option<T>,
}

impl<T> Default for RouteShadow<T> {
    fn default() -> Self {
        Self {
            prefixes: BTreeMap::new(),
            separated: HashMap::new(),
            paths: HashMap::new(),
            conditional: HashMap::new(),
            all: None,
        }
    }
}

impl<T: Copy> RouteShadow<T> {
    /// The route that takes every request this one could get.
    #[must_use]
    pub fn hides(&self, matcher: &RouteMatch) -> Option<T> {
        let path = text(&matcher.path);
        let of_path = match &matcher.path {
            // Only CONNECT requests have no path.
            PathMatch::Connect => None,
            PathMatch::Regex(_) | PathMatch::UriTemplate { .. } => self.all,
            PathMatch::Path(_) | PathMatch::Prefix(_) | PathMatch::PathSeparatedPrefix(_) => {
                self.all.or_else(|| self.by_path(matcher, path))
            }
        };
        of_path.or_else(|| {
            let same_path = self.conditional.get(path)?.iter();
            same_path.clone().find(|(before, _)| asks_no_more(before, matcher)).map(|(_, of)| *of)
        })
    }

    fn by_path(&self, matcher: &RouteMatch, path: &str) -> Option<T> {
        if !matcher.case_sensitive {
            // It takes paths in other cases, which the route before lets pass.
            return None;
        }
        let whole = matches!(matcher.path, PathMatch::Path(_));
        let exact = whole.then(|| self.paths.get(path).copied()).flatten();
        exact.or_else(|| self.prefix(path)).or_else(|| {
            let at_slashes = path.match_indices('/').map(|(at, _)| at);
            // Behind a prefix that may go on in the middle of a name, not all begins with the name and a slash.
            let at_end = (!matches!(matcher.path, PathMatch::Prefix(_))).then_some(path.len());
            let mut heads = at_slashes.chain(at_end).filter_map(|end| path.get(..end));
            heads.find_map(|head| self.separated.get(head).copied())
        })
    }

    fn prefix(&self, path: &str) -> Option<T> {
        let (prefix, of) = self.prefixes.range::<str, _>((Unbounded, Included(path))).next_back()?;
        path.starts_with(&**prefix).then_some(*of)
    }

    /// Notes what a route takes.
    pub fn add(&mut self, matcher: &RouteMatch, of: T) {
        if is_conditional(matcher) {
            // Of a share of requests, each draws anew.
            if matcher.runtime_fraction.is_none() {
                self.conditional.entry(text(&matcher.path).into()).or_default().push((matcher.clone(), of));
            }
            return;
        }
        match &matcher.path {
            PathMatch::Prefix(prefix) if matches!(&**prefix, "" | "/") => {
                self.all.get_or_insert(of);
            }
            PathMatch::Regex(regex)
                if matches!(regex.pattern(), ".*" | "/.*" | "^.*$" | "^/.*$" | "^/.*") =>
            {
                self.all.get_or_insert(of);
            }
            PathMatch::Prefix(prefix) => {
                if self.prefix(prefix).is_none() {
                    let behind = self.prefixes.range::<str, _>((Included(&**prefix), Unbounded));
                    let longer = behind.map(|(key, _)| key).take_while(|key| key.starts_with(&**prefix));
                    for longer in longer.cloned().collect::<Vec<_>>() {
                        self.prefixes.remove(&longer);
                    }
                    self.prefixes.insert(prefix.clone(), of);
                }
            }
            PathMatch::PathSeparatedPrefix(prefix) => {
                self.separated.entry(prefix.clone()).or_insert(of);
            }
            PathMatch::Path(path) => {
                self.paths.entry(path.clone()).or_insert(of);
            }
            PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => {}
        }
    }
}

/// What stands for a path in the file.
fn text(path: &PathMatch) -> &str {
    match path {
        PathMatch::Prefix(text) | PathMatch::Path(text) | PathMatch::PathSeparatedPrefix(text) => text,
        PathMatch::Regex(regex) => regex.pattern(),
        PathMatch::UriTemplate { template, .. } => template,
        PathMatch::Connect => "",
    }
}

fn is_conditional(matcher: &RouteMatch) -> bool {
    matcher.grpc
        || matcher.runtime_fraction.is_some()
        || !matcher.headers.is_empty()
        || !matcher.query_parameters.is_empty()
        || matcher.more.is_some()
}

/// Whether a route of the same path asks for nothing that another does not ask for as well.
fn asks_no_more(before: &RouteMatch, other: &RouteMatch) -> bool {
    before.path == other.path
        && (before.case_sensitive == other.case_sensitive || other.case_sensitive)
        && (!before.grpc || other.grpc)
        && before.headers.iter().all(|header| other.headers.contains(header))
        && before.query_parameters.iter().all(|parameter| other.query_parameters.contains(parameter))
        && (before.more.is_none() || before.more == other.more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderMatch, HeaderMatcher, HeaderName, Regex, RuntimeFraction, StringMatch, StringMatcher};

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

    fn separated(text: &str) -> RouteMatch {
        path(PathMatch::PathSeparatedPrefix(text.into()))
    }

    fn whole(text: &str) -> RouteMatch {
        path(PathMatch::Path(text.into()))
    }

    fn header(name: &str, value: &str) -> HeaderMatcher {
        HeaderMatcher {
            name: HeaderName::new(name).unwrap(),
            condition: HeaderMatch::String(StringMatcher::new(StringMatch::Exact(value.into()), false)),
            invert: false,
            treat_missing_as_empty: false,
        }
    }

    #[test]
    fn what_stands_behind_a_catch_all_is_hidden() {
        let mut shadow = RouteShadow::default();
        shadow.add(&prefix("/a"), 1);
        assert_eq!(shadow.hides(&prefix("/ab/c")), Some(1));
        assert_eq!(shadow.hides(&prefix("/")), None);
        assert_eq!(shadow.hides(&whole("/a")), Some(1));
        assert_eq!(shadow.hides(&RouteMatch { case_sensitive: false, ..prefix("/ab") }), None);
        shadow.add(&RouteMatch { grpc: true, ..prefix("/") }, 2);
        assert_eq!(shadow.hides(&prefix("/x")), None);
        shadow.add(&prefix("/"), 3);
        assert_eq!(shadow.hides(&prefix("/x")), Some(3));
        assert_eq!(shadow.hides(&path(PathMatch::Connect)), None);
        let mut shadow = RouteShadow::default();
        shadow.add(&path(PathMatch::Regex(Regex::new(".*").unwrap())), 1);
        assert_eq!(shadow.hides(&whole("/x")), Some(1));
    }

    #[test]
    fn of_several_prefixes_any_hides() {
        let mut shadow = RouteShadow::default();
        for (text, number) in [("/ab", 1), ("/b", 2), ("/abc", 3), ("/a/", 4), ("/a", 5), ("/ad", 6)] {
            shadow.add(&prefix(text), number);
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
        let mut shadow = RouteShadow::default();
        shadow.add(&whole("/a"), 1);
        assert_eq!(shadow.hides(&whole("/a")), Some(1));
        assert_eq!(shadow.hides(&whole("/a/")), None);
    }

    #[test]
    fn a_prefix_that_ends_at_slashes_hides_what_is_behind_them() {
        let mut shadow = RouteShadow::default();
        shadow.add(&separated("/api"), 1);
        for (matcher, hidden) in [
            (whole("/api"), true),
            (whole("/api/x"), true),
            (whole("/apix"), false),
            (separated("/api"), true),
            (separated("/api/v1"), true),
            (prefix("/api/"), true),
            (prefix("/api/v1"), true),
            (prefix("/api"), false),
            (prefix("/"), false),
        ] {
            assert_eq!(shadow.hides(&matcher).is_some(), hidden, "{:?}", matcher.path);
        }
    }

    #[test]
    fn routes_that_ask_for_more_hide_only_those_that_ask_for_the_same() {
        let with = |headers: &[HeaderMatcher]| RouteMatch { headers: headers.to_vec(), ..prefix("/a") };
        let (get, canary) = (header(":method", "GET"), header("x-canary", "1"));
        let mut shadow = RouteShadow::default();
        shadow.add(&with(std::slice::from_ref(&get)), 1);
        assert_eq!(shadow.hides(&with(&[get.clone(), canary.clone()])), Some(1));
        assert_eq!(shadow.hides(&with(std::slice::from_ref(&get))), Some(1));
        assert_eq!(shadow.hides(&with(&[canary])), None);
        assert_eq!(shadow.hides(&prefix("/a")), None);
        let longer = RouteMatch { headers: vec![get.clone()], ..prefix("/ab") };
        assert_eq!(shadow.hides(&longer), None, "another path is not looked at");
        let share = RuntimeFraction { numerator: 1, denominator: 100, runtime_key: "".into() };
        let mut shadow = RouteShadow::default();
        shadow.add(&RouteMatch { runtime_fraction: Some(share), ..with(&[]) }, 1);
        assert_eq!(shadow.hides(&with(&[get])), None);
    }
}
