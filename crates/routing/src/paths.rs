//! The paths of one virtual host's routes.
//!
//! Every route is filed under the bytes that its path must begin with, in a trie. The nodes that a
//! request's path leads through hold all routes that can match, in at most one list per node; merged
//! by [`Candidates`] they come in the order of the file.

use std::collections::BTreeMap;

use causeway_model::{PathMatch, Regex, Route, RouteMatch};

use crate::candidates::Candidates;
use crate::conditions::is_conditional;
use crate::regexes::{FILTER_MIN, Filter, literal_prefix};
use crate::trie::{Key, Lower, Plain, Trie};

/// The routes of a virtual host, by path.
#[derive(Debug)]
pub(crate) struct Paths {
    exact_case: Tree,
    any_case: Tree,
    /// Routes for CONNECT.
    connect: List,
    /// The first route takes every path and asks for nothing else: that is all that many virtual hosts have.
    first_takes_all: bool,
    /// All lists, one behind the other.
    routes: Vec<u32>,
    filters: Vec<Filter>,
}

/// Routes under common beginnings of their paths.
#[derive(Debug)]
struct Tree {
    trie: Trie,
    places: Vec<Place>,
}

/// Stands for no filter.
const NONE: u32 = u32::MAX;

/// A node of the trie at which routes stand.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Routes that match whatever follows.
    inside: List,
    /// Those, and the ones that match where a slash follows.
    at_slash: List,
    /// Those, and the ones that match where nothing follows.
    at_end: List,
    /// Many regular expressions, by the number of their filter; `NONE` where there are not many.
    filter: u32,
}

/// A part of [`Paths::routes`].
#[derive(Debug, Default, Clone, Copy)]
struct List {
    start: u32,
    len: u32,
    /// Whether the last route has no condition beside the path.
    certain: bool,
}

/// What stands at a place while the trie is built.
#[derive(Debug, Default)]
struct Draft<'a> {
    inside: Vec<u32>,
    separated: Vec<u32>,
    exact: Vec<u32>,
    regexes: Vec<(u32, &'a Regex)>,
}

impl Paths {
    /// Files the routes. With `raw_templates` URI templates are compared with another form of the path
    /// than everything else, so they can't be filed by what they begin with.
    pub(crate) fn new(routes: &[impl AsRef<Route>], raw_templates: bool) -> Self {
        let mut exact_case: BTreeMap<Vec<u8>, Draft<'_>> = BTreeMap::new();
        let mut any_case: BTreeMap<Vec<u8>, Draft<'_>> = BTreeMap::new();
        let mut connect = Vec::new();
        for (index, route) in (0..).zip(routes) {
            let matcher = &route.as_ref().matcher;
            let (folded, key) = match &matcher.path {
                PathMatch::Prefix(text) | PathMatch::PathSeparatedPrefix(text) | PathMatch::Path(text) => {
                    let text = text.as_bytes();
                    let folded = !matcher.case_sensitive;
                    (folded, if folded { text.to_ascii_lowercase() } else { text.to_vec() })
                }
                // Expressions say themselves whether case matters.
                PathMatch::UriTemplate { .. } if raw_templates => (false, Vec::new()),
                PathMatch::Regex(regex) | PathMatch::UriTemplate { regex, .. } => {
                    (false, literal_prefix(regex))
                }
                PathMatch::Connect => {
                    connect.push(index);
                    continue;
                }
            };
            let draft = if folded { &mut any_case } else { &mut exact_case }.entry(key).or_default();
            match &matcher.path {
                PathMatch::PathSeparatedPrefix(_) => draft.separated.push(index),
                PathMatch::Path(_) => draft.exact.push(index),
                PathMatch::UriTemplate { .. } if raw_templates => draft.inside.push(index),
                PathMatch::Regex(regex) | PathMatch::UriTemplate { regex, .. } => {
                    draft.regexes.push((index, regex));
                }
                PathMatch::Prefix(_) | PathMatch::Connect => draft.inside.push(index),
            }
        }
        let mut build = Build { matchers: routes, routes: Vec::new(), filters: Vec::new() };
        let first = routes.first().map(|route| &route.as_ref().matcher);
        Self {
            first_takes_all: first.is_some_and(takes_everything),
            exact_case: build.tree(exact_case),
            any_case: build.tree(any_case),
            connect: build.list(connect),
            routes: build.routes,
            filters: build.filters,
        }
    }

    /// Whether the first route takes a path (without query), without a look at any other.
    pub(crate) fn first_takes(&self, path: &[u8], connect: bool) -> bool {
        self.first_takes_all && !connect && path.starts_with(b"/")
    }

    /// Adds the routes that match a path (without query), in the order of the file. Those with a regular
    /// expression still have to be asked by [`regex_matches`].
    pub(crate) fn candidates<'t>(&'t self, path: &[u8], connect: bool, candidates: &mut Candidates<'t>) {
        if connect {
            self.add(candidates, self.connect);
        }
        // A request without a path is nothing to any other route.
        if !path.is_empty() {
            self.collect(candidates, &self.exact_case, Plain(path));
            if !self.any_case.places.is_empty() {
                self.collect(candidates, &self.any_case, Lower(path));
            }
        }
    }

    /// A route whose path shares the longest beginning with this one, and the length of that beginning.
    pub(crate) fn nearest(&self, path: &[u8]) -> Option<(u32, usize)> {
        let nearest = |tree: &Tree, found: Option<(u32, usize)>| {
            let (place, len) = found?;
            let place = tree.places.get(place as usize)?;
            let first = self.list(place.at_end).first().copied();
            let filter = self.filters.get(place.filter as usize);
            Some((first.or(filter.map(Filter::first_route))?, len))
        };
        let exact = nearest(&self.exact_case, self.exact_case.trie.nearest(Plain(path)));
        let any = nearest(&self.any_case, self.any_case.trie.nearest(Lower(path)));
        exact.into_iter().chain(any).max_by_key(|(_, len)| *len)
    }

    fn collect<'t>(&'t self, candidates: &mut Candidates<'t>, tree: &'t Tree, path: impl Key) {
        for (place, consumed) in tree.trie.prefixes(path) {
            let Some(place) = tree.places.get(place as usize) else { continue };
            let list = match path.byte(consumed) {
                None => place.at_end,
                Some(b'/') => place.at_slash,
                Some(_) => place.inside,
            };
            self.add(candidates, list);
            if let Some(filter) = self.filters.get(place.filter as usize) {
                candidates.add_filter(filter);
            }
        }
    }

    fn add<'t>(&'t self, candidates: &mut Candidates<'t>, list: List) {
        candidates.add(self.list(list), list.certain);
    }

    fn list(&self, list: List) -> &[u32] {
        let start = list.start as usize;
        self.routes.get(start..start + list.len as usize).unwrap_or_default()
    }
}

/// Whether a route takes every path that begins with a slash, and asks for nothing else.
fn takes_everything(matcher: &RouteMatch) -> bool {
    let every_path = match &matcher.path {
        PathMatch::Prefix(text) => matches!(&**text, "" | "/"),
        _ => false,
    };
    every_path && !is_conditional(matcher)
}

/// Whether a route's own regular expression, where it has one, matches. `path` is without query;
/// `compared` is what paths are compared with, which a URI template is not.
pub(crate) fn regex_matches(matcher: &RouteMatch, path: &[u8], compared: &[u8]) -> bool {
    match &matcher.path {
        PathMatch::Regex(regex) => regex.is_full_match(compared),
        PathMatch::UriTemplate { regex, .. } => regex.is_full_match(path),
        PathMatch::Prefix(_)
        | PathMatch::Path(_)
        | PathMatch::PathSeparatedPrefix(_)
        | PathMatch::Connect => true,
    }
}

struct Build<'a, R> {
    matchers: &'a [R],
    routes: Vec<u32>,
    filters: Vec<Filter>,
}

impl<R: AsRef<Route>> Build<'_, R> {
    fn tree(&mut self, drafts: BTreeMap<Vec<u8>, Draft<'_>>) -> Tree {
        let mut keys = Vec::with_capacity(drafts.len());
        let mut places = Vec::with_capacity(drafts.len());
        for (number, (key, draft)) in (0..).zip(drafts) {
            keys.push((key, number));
            places.push(self.place(draft));
        }
        Tree { trie: Trie::new(keys), places }
    }

    fn place(&mut self, draft: Draft<'_>) -> Place {
        let mut inside = draft.inside;
        let (filter, unfiltered) = if draft.regexes.len() >= FILTER_MIN {
            Filter::new(&draft.regexes)
        } else {
            (None, draft.regexes.iter().map(|(route, _)| *route).collect())
        };
        inside.extend(unfiltered);
        let filter = filter.map_or(NONE, |filter| {
            self.filters.push(filter);
            u32::try_from(self.filters.len() - 1).unwrap_or(NONE)
        });
        let at_slash: Vec<u32> = inside.iter().chain(&draft.separated).copied().collect();
        let at_end = at_slash.iter().chain(&draft.exact).copied().collect();
        let differs = !draft.separated.is_empty();
        let inside = self.list(inside);
        let at_slash = if differs { self.list(at_slash) } else { inside };
        let at_end = if draft.exact.is_empty() { at_slash } else { self.list(at_end) };
        Place { inside, at_slash, at_end, filter }
    }

    /// Files a list, in order and without what stands behind a route that has no other condition.
    fn list(&mut self, mut list: Vec<u32>) -> List {
        list.sort_unstable();
        let certain = list.iter().position(|route| self.is_certain(*route));
        if let Some(at) = certain {
            list.truncate(at + 1);
        }
        let start = u32::try_from(self.routes.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.routes.append(&mut list);
        List { start, len, certain: certain.is_some() }
    }

    fn is_certain(&self, route: u32) -> bool {
        let Some(route) = self.matchers.get(route as usize) else { return false };
        let matcher = &route.as_ref().matcher;
        let by_regex = matches!(matcher.path, PathMatch::Regex(_) | PathMatch::UriTemplate { .. });
        !by_regex && !is_conditional(matcher)
    }
}
