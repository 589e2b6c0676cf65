//! `causeway diff`: its command line.

use std::path::PathBuf;

use causeway_envoy::LoadOptions;
use causeway_reason::Language;
use clap::{Arg, ArgMatches, Command, value_parser};

use super::language::{language, spoken};
use super::route::{lenient, options};
use super::{is_json, output};

/// `causeway diff OLD NEW`
#[derive(Debug, Clone)]
pub(crate) struct DiffArguments {
    pub(crate) old: PathBuf,
    pub(crate) new: PathBuf,
    pub(crate) options: LoadOptions,
    pub(crate) json: bool,
    pub(crate) language: Language,
}

pub(super) fn command() -> Command {
    let file = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).value_name(value).required(true).value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("diff")
        .about("Says which requests two configurations would answer differently, and what has changed")
        .after_help(
            "Example: causeway diff /etc/envoy/envoy.yaml envoy.new.yaml\n\n\
             It compares what the files mean, not their text. Examples are made of the domains, paths, headers and \
             methods of both files, and each goes through both, as with causeway route.\nEnds with 0 where nothing \
             has changed, with 1 where something has, and with 2 where a file or the command line can't be used.",
        )
        .arg(file("old", "OLD", "The configuration as it was"))
        .arg(file("new", "NEW", "The configuration as it would be"))
        .args(lenient())
        .arg(output())
        .arg(language())
}

pub(super) fn arguments(matches: &ArgMatches) -> DiffArguments {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    DiffArguments {
        old: path("old"),
        new: path("new"),
        options: options(matches),
        json: is_json(matches),
        language: spoken(matches),
    }
}
