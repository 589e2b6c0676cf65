//! Texts with values in them, in the languages of the catalogue.

use causeway_reason::{Language, Text};

/// A text in each language. Names, addresses, statuses and what programs print are the same in all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

impl Said {
    /// A text in both languages.
    #[must_use]
    pub fn new(en: impl Into<String>, ko: impl Into<String>) -> Self {
        Self { en: en.into(), ko: ko.into() }
    }

    /// What needs no translation: an address, a line of a program.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { en: text.clone(), ko: text }
    }

    /// The text in a language.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Korean => &self.ko,
        }
    }
}

impl From<Text> for Said {
    fn from(text: Text) -> Self {
        Self::new(text.en, text.ko)
    }
}

/// A text in both languages, formatted: `said!("{n} of {m}", "{m} 중 {n}")`.
#[macro_export]
macro_rules! said {
    ($en:literal, $ko:literal $(, $($arguments:tt)*)?) => {
        $crate::said::Said::new(
            ::std::format!($en $(, $($arguments)*)?),
            ::std::format!($ko $(, $($arguments)*)?),
        )
    };
}
