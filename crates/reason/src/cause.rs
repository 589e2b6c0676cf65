//! Everything that can be named as the cause of a failure: what requests meet, and what is found by looking.

use std::fmt;

use crate::{Blame, Condition, Reason, Text};

/// A cause, under a code that is unique and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Requests meet it: it stands in logs, metrics and the journal.
    Reason(Reason),
    /// It is found by looking: at the file, at the host, at what a back-end answers to other questions.
    Condition(Condition),
}

impl Cause {
    /// Every cause, reasons first.
    pub fn all() -> impl Iterator<Item = Self> {
        let reasons = Reason::ALL.iter().copied().map(Self::Reason);
        reasons.chain(Condition::ALL.iter().copied().map(Self::Condition))
    }

    /// Its code, as [`Reason::code`] has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Reason(reason) => reason.code(),
            Self::Condition(condition) => condition.code(),
        }
    }

    /// Its name, `snake_case`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Reason(reason) => reason.key(),
            Self::Condition(condition) => condition.key(),
        }
    }

    /// One sentence that says what is so.
    #[must_use]
    pub const fn sentence(self) -> Text {
        match self {
            Self::Reason(reason) => reason.spec().sentence,
            Self::Condition(condition) => condition.spec().sentence,
        }
    }

    /// The next thing to do.
    #[must_use]
    pub const fn advice(self) -> Text {
        match self {
            Self::Reason(reason) => reason.spec().advice,
            Self::Condition(condition) => condition.spec().advice,
        }
    }

    /// Who has to act.
    #[must_use]
    pub const fn blame(self) -> Blame {
        match self {
            Self::Reason(reason) => reason.spec().blame,
            Self::Condition(condition) => condition.spec().blame,
        }
    }

    /// The cause of that code or name, in any case.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        Self::all()
            .find(|cause| cause.code().eq_ignore_ascii_case(text) || cause.key().eq_ignore_ascii_case(text))
    }
}

/// As lines of logs have it: `C952 update_rejected`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(reason) => reason.fmt(f),
            Self::Condition(condition) => condition.fmt(f),
        }
    }
}

impl From<Reason> for Cause {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<Condition> for Cause {
    fn from(condition: Condition) -> Self {
        Self::Condition(condition)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_names_are_unique_over_reasons_and_conditions() {
        let (mut codes, mut keys) = (HashSet::new(), HashSet::new());
        for cause in Cause::all() {
            assert!(codes.insert(cause.code()), "{} twice", cause.code());
            assert!(keys.insert(cause.key()), "{} twice", cause.key());
            assert_eq!(Cause::find(cause.code()), Some(cause));
            assert_eq!(Cause::find(&cause.key().to_uppercase()), Some(cause));
        }
    }
}
