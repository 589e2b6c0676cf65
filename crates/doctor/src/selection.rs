//! Which checks are made.

/// Which checks are made: those that `only` names (all where it is empty) and `skip` does not. A name is the beginning of a
/// check's name up to one of its dots: `clusters` is `clusters.web.tcp` too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of those that are made.
    pub only: Vec<String>,
    /// Names of those that are not.
    pub skip: Vec<String>,
}

impl Selection {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_beginnings_up_to_a_dot() {
        let selection = Selection { only: vec!["clusters".into()], skip: vec!["clusters.web.tcp".into()] };
        assert!(selection.takes("clusters") && selection.takes("clusters.web.dns"));
        assert!(!selection.takes("clusters.web.tcp") && !selection.takes("clustersx"));
        assert!(selection.takes("clusters.web.tcpx"));
        assert!(selection.takes_some_of("clusters") && !selection.takes_some_of("listeners"));
        let deep = Selection { only: vec!["clusters.web.tcp".into()], skip: Vec::new() };
        assert!(deep.takes_some_of("clusters") && !deep.takes("clusters.web.dns"));
        assert!(Selection::default().takes("anything"));
    }
}
