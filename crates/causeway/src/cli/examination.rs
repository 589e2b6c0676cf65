//! Options that every examination of the doctor has.

use causeway_doctor::Selection;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Error, value_parser};

use super::language::language;
use super::{output, usage};

fn names(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("CHECK").action(ArgAction::Append).value_delimiter(',').help(help)
}

pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// Options of every examination: what is looked at, how often, and how it is told.
pub(super) fn about_reports() -> [Arg; 10] {
    [
        names("only", "Only these checks: a name of --list, or its beginning up to a dot"),
        names("skip", "Not these checks"),
        switch("list", "Prints the names of the checks"),
        switch("all", "Prints every check, also those that passed"),
        switch("quiet", "Prints errors only").short('q'),
        switch("strict", "Ends with 4 where there are warnings"),
        switch(
            "redact",
            "Replaces addresses, names of hosts and queries by tokens, leaves excerpts of files out",
        ),
        Arg::new("wait")
            .long("wait")
            .value_name("SECONDS")
            .value_parser(value_parser!(u64))
            .help("Examines again until all is well, for at most this long"),
        output(),
        language(),
    ]
}

/// Which checks are made, out of those with these names.
pub(super) fn selection(matches: &ArgMatches, known: &[String]) -> Result<Selection, Error> {
    let names = |name: &str| matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
    let selection = Selection { only: names("only"), skip: names("skip"), idle: None };
    match selection.unknown(known) {
        None => Ok(selection),
        Some(unknown) => {
            let what = format!("no check has the name '{unknown}'; --list prints all");
            Err(usage(ErrorKind::InvalidValue, what))
        }
    }
}
