//! The language of texts.

use causeway_reason::Language;
use clap::{Arg, ArgMatches};

/// The option that names it.
pub(super) fn language() -> Arg {
    Arg::new("lang")
        .long("lang")
        .value_name("LANGUAGE")
        .value_parser(["en", "ko"])
        .help("Language of the texts [default: that of the locale where it is Korean, else English]")
}

/// The language that is asked for, else that of the locale.
pub(super) fn spoken(matches: &ArgMatches) -> Language {
    let locale = || {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"];
        set.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())
    };
    match matches.get_one::<String>("lang").cloned().or_else(locale) {
        Some(language) if language.starts_with("ko") => Language::Korean,
        _ => Language::English,
    }
}
