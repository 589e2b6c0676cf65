//! Which checks are made.

use std::time::Duration;

/// Which checks are made: those that `only` names (all where it is empty) and `skip` does not. A name is the beginning of a
/// check's name up to one of its dots: `clusters` is `clusters.web.tcp` too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of those that are made.
    pub only: Vec<String>,
    /// Names of those that are not.
    pub skip: Vec<String>,
    /// How long a connection to each endpoint is held, to see when the back-end closes it; that is looked at only where this
    /// is set.
    pub idle: Option<Duration>,
}

impl Selection {
    /// A name that can't be that of a check, where there is one: whoever misspells one would take silence for health.
    /// `names` are those of all checks, with `*` in place of what files name.
    #[must_use]
    pub fn unknown(&self, names: &[String]) -> Option<&str> {
        let is_known = |given: &&String| names.iter().any(|name| may_begin(name, given));
        self.only.iter().chain(&self.skip).find(|given| !is_known(given)).map(String::as_str)
    }

    /// Whether a check is made.
    #[must_use]
    pub fn takes(&self, id: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| begins(id, name));
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }

    /// Whether anything is made whose name begins like that: whether it is worth while to look for what is in there.
    #[must_use]
    pub fn takes_some_of(&self, area: &str) -> bool {
        let wanted =
            self.only.is_empty() || self.only.iter().any(|name| begins(area, name) || begins(name, area));
        wanted && !self.skip.iter().any(|name| begins(area, name))
    }
}

fn begins(id: &str, name: &str) -> bool {
    id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether names like this one may begin as was given: behind a `*` anything goes, since names of clusters have dots.
fn may_begin(name: &str, given: &str) -> bool {
    let mut parts = name.split('.');
    for given in given.split('.') {
        match parts.next() {
            Some("*") => return true,
            Some(part) if part == given => {}
            Some(_) | None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_check_has_are_found() {
        let names = ["config", "lint.router", "clusters.*.dns"].map(str::to_owned);
        let unknown = |only: &str, skip: &str| {
            let selection = Selection {
                only: vec![only.to_owned()],
                skip: vec![skip.to_owned()],
                ..Selection::default()
            };
            selection.unknown(&names).map(str::to_owned)
        };
        assert_eq!(unknown("config", "lint"), None);
        assert_eq!(unknown("lint.router", "clusters.web.example.tcp"), None);
        assert_eq!(unknown("clusters", "lint.ruoter"), Some("lint.ruoter".to_owned()));
        assert_eq!(unknown("config.x", "lint"), Some("config.x".to_owned()));
    }

    #[test]
    fn names_are_beginnings_up_to_a_dot() {
        let selection = Selection {
            only: vec!["clusters".into()],
            skip: vec!["clusters.web.tcp".into()],
            ..Selection::default()
        };
        assert!(selection.takes("clusters") && selection.takes("clusters.web.dns"));
        assert!(!selection.takes("clusters.web.tcp") && !selection.takes("clustersx"));
        assert!(selection.takes("clusters.web.tcpx"));
        assert!(selection.takes_some_of("clusters") && !selection.takes_some_of("listeners"));
        let deep = Selection { only: vec!["clusters.web.tcp".into()], ..Selection::default() };
        assert!(deep.takes_some_of("clusters") && !deep.takes("clusters.web.dns"));
        assert!(Selection::default().takes("anything"));
    }
}
