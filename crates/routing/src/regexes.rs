//! Which of many regular expressions are worth asking.
//!
//! An expression says more than its author thinks: `/api/[^/]+/orders/[0-9]+` can only match a path that
//! begins with `/api/` and holds `/orders/`. Routes are filed under the first ([`literal_prefix`]), and
//! where many stand in one place, one scan of the path for the second leaves the few that are asked.

use aho_corasick::{AhoCorasick, MatchKind};
use causeway_model::Regex;
use regex_syntax::hir::{Hir, HirKind, Look};

/// From this many expressions in one place on, a scan for what they hold is cheaper than asking them.
pub(crate) const FILTER_MIN: usize = 4;

/// Shorter pieces are in every path.
const NEEDLE_MIN: usize = 2;

/// Expressions of one place, by a text that each of their matches holds.
#[derive(Debug)]
pub(crate) struct Filter {
    needles: AhoCorasick,
    /// For each text the routes of its expressions, ascending.
    routes: Vec<Vec<u32>>,
    first: u32,
}

impl Filter {
    /// A filter for the expressions of these routes, which ascend, and the routes whose expressions have
    /// nothing to be found by.
    pub(crate) fn new(expressions: &[(u32, &Regex)]) -> (Option<Self>, Vec<u32>) {
        let mut needles: Vec<Vec<u8>> = Vec::new();
        let mut by_needle = std::collections::HashMap::new();
        let mut routes: Vec<Vec<u32>> = Vec::new();
        let mut others = Vec::new();
        for (route, regex) in expressions {
            let Some(needle) = needle(regex) else {
                others.push(*route);
                continue;
            };
            let index = *by_needle.entry(needle.clone()).or_insert_with(|| {
                needles.push(needle);
                routes.push(Vec::new());
                routes.len() - 1
            });
            if let Some(routes) = routes.get_mut(index) {
                routes.push(*route);
            }
        }
        // No standard search of a text of the file's size exceeds the automaton's limits; if one does,
        // everything is asked.
        let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&needles);
        match (built, routes.iter().filter_map(|routes| routes.first()).min().copied()) {
            (Ok(needles), Some(first)) => (Some(Self { needles, routes, first }), others),
            _ => (None, expressions.iter().map(|(route, _)| *route).collect()),
        }
    }

    /// The first route of all; no match comes earlier.
    pub(crate) const fn first_route(&self) -> u32 {
        self.first
    }

    /// The first route from `from` on whose expression may match the path.
    pub(crate) fn next_route(&self, path: &[u8], from: u32) -> Option<u32> {
        let found = self.needles.find_overlapping_iter(path).filter_map(|found| {
            let routes = self.routes.get(found.pattern().as_usize())?;
            routes.get(routes.partition_point(|route| *route < from)).copied()
        });
        found.min()
    }
}

/// The literal that every match of an expression begins with; may be empty.
pub(crate) fn literal_prefix(regex: &Regex) -> Vec<u8> {
    let mut pieces = vec![Vec::new()];
    if let Some(hir) = parse(regex) {
        collect(&hir, &mut pieces);
    }
    pieces.swap_remove(0)
}

/// The longest literal that every match of an expression holds behind the one it begins with.
fn needle(regex: &Regex) -> Option<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    collect(&parse(regex)?, &mut pieces);
    pieces.into_iter().skip(1).max_by_key(Vec::len).filter(|needle| needle.len() >= NEEDLE_MIN)
}

pub(crate) fn parse(regex: &Regex) -> Option<Hir> {
    // As `regex::bytes` has it, in which the expression was compiled.
    regex_syntax::ParserBuilder::new().utf8(false).build().parse(regex.pattern()).ok()
}

/// Collects the literals that every match holds, in their order. A new piece begins where anything may
/// stand between.
fn collect(hir: &Hir, pieces: &mut Vec<Vec<u8>>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(Look::Start) => {}
        HirKind::Literal(literal) => {
            if let Some(piece) = pieces.last_mut() {
                piece.extend_from_slice(&literal.0);
            }
        }
        HirKind::Capture(capture) => collect(&capture.sub, pieces),
        HirKind::Concat(parts) => parts.iter().for_each(|part| collect(part, pieces)),
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => {
            pieces.push(Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found() {
        for (pattern, prefix, inside) in [
            ("/api/v[0-9]+/x", "/api/v", Some("/x")),
            ("^/api/(users)/.*", "/api/users/", None),
            ("/exact", "/exact", None),
            (r"/a\.b.*", "/a.b", None),
            (".*", "", None),
            ("/a?b", "/", None),
            ("/[^/]+/orders/[0-9]+/x", "/", Some("/orders/")),
            ("", "", None),
            ("(?:/x)+/yy", "", Some("/yy")),
            ("(?i)/api", "/", None),
        ] {
            let regex = Regex::new(pattern).unwrap();
            assert_eq!(literal_prefix(&regex), prefix.as_bytes(), "{pattern}");
            assert_eq!(needle(&regex).as_deref(), inside.map(str::as_bytes), "{pattern}");
        }
    }

    #[test]
    fn a_filter_leaves_what_may_match() {
        let texts = ["/.*/aa", "/.*", "/.*/bb/.*", "/x?/aa", "/.*/aab"];
        let regexes: Vec<Regex> = texts.iter().map(|text| Regex::new(text).unwrap()).collect();
        let routes: Vec<(u32, &Regex)> = [3, 5, 7, 8, 9].into_iter().zip(&regexes).collect();
        let (filter, others) = Filter::new(&routes);
        let filter = filter.unwrap();
        assert_eq!(others, [5]);
        assert_eq!(filter.first_route(), 3);
        let all = |path: &[u8]| {
            let mut routes = Vec::new();
            while let Some(route) = filter.next_route(path, routes.last().map_or(0, |last| last + 1)) {
                routes.push(route);
            }
            routes
        };
        assert_eq!(all(b"/x/aab"), [3, 8, 9]);
        assert_eq!(all(b"/x/bb/aa"), [3, 7, 8]);
        assert_eq!(all(b"/x"), []);
    }
}
