//! Merging lists of routes, so that candidates come in the order of the file.

use crate::regexes::Filter;

/// Sources that are merged without allocating: nested prefixes of one path, and the like.
const INLINE: usize = 6;

/// Something that gives route numbers in ascending order.
#[derive(Debug)]
enum Source<'t> {
    /// A list.
    List(&'t [u32]),
    /// Many regular expressions: the next route is not before this one.
    Unasked(&'t Filter, u32),
    /// Many regular expressions, whose next route is this one.
    Asked(&'t Filter, u32),
}

impl Source<'_> {
    /// The next route, or one that is not behind it.
    fn head(&self) -> Option<u32> {
        match self {
            Self::List(list) => list.first().copied(),
            Self::Unasked(_, route) | Self::Asked(_, route) => Some(*route),
        }
    }
}

/// The routes whose paths match, from several sources, in the order of the file.
#[derive(Debug)]
pub(crate) struct Candidates<'t> {
    inline: [Source<'t>; INLINE],
    used: usize,
    spilled: Vec<Source<'t>>,
    /// The first route that is known to match without further conditions: nothing behind it counts.
    bound: u32,
}

impl<'t> Candidates<'t> {
    pub(crate) fn new() -> Self {
        Self { inline: [const { Source::List(&[]) }; INLINE], used: 0, spilled: Vec::new(), bound: u32::MAX }
    }

    /// Adds a list of routes. `certain` says that the last of them has no condition beside the path.
    pub(crate) fn add(&mut self, list: &'t [u32], certain: bool) {
        let (Some(first), Some(last)) = (list.first(), list.last()) else { return };
        if *first < self.bound {
            self.push(Source::List(list));
            if certain {
                self.bound = self.bound.min(*last);
            }
        }
    }

    /// Adds many regular expressions.
    pub(crate) fn add_filter(&mut self, filter: &'t Filter) {
        if filter.first_route() < self.bound {
            self.push(Source::Unasked(filter, filter.first_route()));
        }
    }

    fn push(&mut self, source: Source<'t>) {
        match self.inline.get_mut(self.used) {
            Some(slot) => {
                *slot = source;
                self.used += 1;
            }
            None => self.spilled.push(source),
        }
    }

    /// The next route whose path matches, or whose regular expression is worth asking about `path`.
    pub(crate) fn next(&mut self, path: &[u8]) -> Option<u32> {
        loop {
            let inline = self.inline.get_mut(..self.used).unwrap_or_default();
            let sources = inline.iter_mut().chain(&mut self.spilled);
            let (route, source) = sources
                .filter_map(|source| source.head().map(|route| (route, source)))
                .min_by_key(|(route, _)| *route)?;
            match *source {
                Source::List(list) => *source = Source::List(list.get(1..).unwrap_or_default()),
                Source::Unasked(filter, from) => {
                    *source = match filter.next_route(path, from) {
                        Some(route) => Source::Asked(filter, route),
                        None => Source::List(&[]),
                    };
                    continue;
                }
                Source::Asked(filter, route) => *source = Source::Unasked(filter, route + 1),
            }
            return Some(route);
        }
    }
}

#[cfg(test)]
mod tests {
    use causeway_model::Regex;

    use super::*;

    fn all(mut candidates: Candidates<'_>, path: &[u8]) -> Vec<u32> {
        std::iter::from_fn(|| candidates.next(path)).collect()
    }

    #[test]
    fn lists_are_merged() {
        let mut candidates = Candidates::new();
        candidates.add(&[4, 9], false);
        candidates.add(&[], false);
        candidates.add(&[1, 5, 6], false);
        assert_eq!(all(candidates, b""), [1, 4, 5, 6, 9]);
    }

    #[test]
    fn what_lies_behind_a_certain_match_is_not_looked_at() {
        let mut candidates = Candidates::new();
        candidates.add(&[2, 3], true);
        candidates.add(&[7], true);
        candidates.add(&[1], true);
        candidates.add(&[2], true);
        assert_eq!(candidates.used, 2);
        assert_eq!(candidates.next(b""), Some(1));
    }

    #[test]
    fn more_lists_than_there_is_room_for_are_merged_too() {
        let lists: Vec<[u32; 1]> = (0..40).rev().map(|n| [n]).collect();
        let mut candidates = Candidates::new();
        for list in &lists {
            candidates.add(list, false);
        }
        assert_eq!(all(candidates, b""), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn expressions_are_asked_when_their_turn_has_come() {
        let texts = ["/.*/aa", "/.*/bb", "/.*/aa.*", "/.?/aa"];
        let regexes: Vec<Regex> = texts.iter().map(|text| Regex::new(text).unwrap()).collect();
        let routes: Vec<(u32, &Regex)> = [2, 3, 6, 8].into_iter().zip(&regexes).collect();
        let filter = Filter::new(&routes).0.unwrap();
        let mut candidates = Candidates::new();
        candidates.add(&[1, 5, 7], false);
        candidates.add_filter(&filter);
        assert_eq!(all(candidates, b"/x/aa"), [1, 2, 5, 6, 7, 8]);
    }
}
