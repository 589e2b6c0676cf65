//! How to select cases: as with the test programs that cargo knows, and by environment variables.

use std::env;
use std::path::PathBuf;

/// What to run and how.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) filters: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) exact: bool,
    pub(crate) list: bool,
    /// Only tests that are otherwise left out; there are none.
    pub(crate) ignored_only: bool,
    pub(crate) jobs: Option<usize>,
    pub(crate) mode: Mode,
    /// Where what Envoy shows is kept ([`crate::record`]).
    pub(crate) record: Option<PathBuf>,
    pub(crate) verbose: bool,
}

/// Who is compared with whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Causeway with Envoy.
    #[default]
    Compare,
    /// Envoy with nobody: shows what it does.
    OracleOnly,
    /// Envoy with itself, which finds cases that are not sure of themselves.
    SelfTest,
}

impl Args {
    pub(crate) fn read() -> Self {
        let mut args = Self::parse(env::args().skip(1));
        let set = |name: &str| env::var(name).is_ok_and(|v| !v.is_empty() && v != "0");
        if set("CONFORMANCE_ORACLE_ONLY") {
            args.mode = Mode::OracleOnly;
        } else if set("CONFORMANCE_SELF") {
            args.mode = Mode::SelfTest;
        }
        args.verbose |= set("CONFORMANCE_VERBOSE");
        args.record =
            env::var_os("CONFORMANCE_RECORD").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        if let Ok(jobs) = env::var("CONFORMANCE_JOBS") {
            args.jobs = jobs.parse().ok();
        }
        args
    }

    fn parse(words: impl Iterator<Item = String>) -> Self {
        let mut args = Self::default();
        let mut words = words;
        while let Some(word) = words.next() {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let mut value = || value.clone().or_else(|| words.next()).unwrap_or_default();
            match flag.as_str() {
                "--list" => args.list = true,
                "--exact" => args.exact = true,
                "--ignored" => args.ignored_only = true,
                "--nocapture" | "--no-capture" | "--show-output" => args.verbose = true,
                "--filter" => args.filters.push(value()),
                "--skip" => args.skip.push(value()),
                "--test-threads" => args.jobs = value().parse().ok(),
                "--format" | "--color" | "--logfile" | "--shuffle-seed" | "-Z" => drop(value()),
                // Flags of cargo's own test programs that mean nothing here.
                _ if flag.starts_with('-') => {}
                _ => args.filters.push(flag),
            }
        }
        args
    }

    pub(crate) fn selects(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        !self.ignored_only
            && (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skip.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn understands_what_cargo_passes_on() {
        let args = args("--test-threads=2 --format terse routing --skip cors --filter admin --nocapture -q");
        assert_eq!((args.jobs, args.verbose), (Some(2), true));
        assert!(args.selects("routing/x") && args.selects("admin/y"));
        assert!(!args.selects("routing/cors") && !args.selects("bodies/z"));
    }

    #[test]
    fn exact_names_and_lists() {
        let exact = args("--exact routing/x");
        assert!(exact.selects("routing/x") && !exact.selects("routing/xy"));
        assert!(!args("--list --ignored").selects("routing/x"));
        assert!(args("").selects("anything"));
    }
}
