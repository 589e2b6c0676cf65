//! What becomes of a folder full of configurations: which load, and what the others miss.
//!
//! Where the folder has an `index.json` (a list of objects with `file` and `envoy_1_40`, which is `accepts`
//! or `refuses`), the verdicts are compared with Envoy's, and a file that Envoy accepts and that is called
//! wrong here fails the survey.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use causeway_envoy::{Kind, LoadOptions, Loaded, Severity, Source, load};
use serde_json::Value;

use crate::Failure;

/// What became of one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Loads,
    WithWarnings,
    WithAllowUnsupported,
    Unsupported,
    Rejected,
    Panics,
}

impl Outcome {
    const ALL: [Self; 6] = [
        Self::Loads,
        Self::WithWarnings,
        Self::WithAllowUnsupported,
        Self::Unsupported,
        Self::Rejected,
        Self::Panics,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::Loads => "loads",
            Self::WithWarnings => "loads with warnings",
            Self::WithAllowUnsupported => "loads with --allow-unsupported",
            Self::Unsupported => "needs what is not implemented",
            Self::Rejected => "rejected",
            Self::Panics => "panics",
        }
    }
}

/// What Envoy says of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Envoy {
    Accepts,
    Refuses,
    Unknown,
}

impl Envoy {
    const fn text(self) -> &'static str {
        match self {
            Self::Accepts => "accepts",
            Self::Refuses => "refuses",
            Self::Unknown => "?",
        }
    }
}

/// Loads every file of a folder and prints tables.
pub(crate) fn run(directory: &Path) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            matches!(path.extension().and_then(|e| e.to_str()), Some("yaml" | "yml" | "json" | "pb"))
        })
        .filter(|path| path.file_name().is_none_or(|name| name != "index.json"))
        .collect();
    files.sort();
    let verdicts = verdicts(directory)?;
    let mut outcomes: BTreeMap<(Outcome, Envoy), usize> = BTreeMap::new();
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    let mut rejections: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let envoy = verdicts.get(&name).copied().unwrap_or(Envoy::Unknown);
        let (outcome, strict) = try_out(&Source::read(file)?);
        *outcomes.entry((outcome, envoy)).or_default() += 1;
        let summary = strict.as_ref().map_or_else(String::new, |loaded| loaded.diagnostics.summary());
        println!("{:<31} {:<8} {name}: {summary}", outcome.text(), envoy.text());
        if let Some(strict) = &strict {
            count(strict, Kind::Unsupported, &mut missing);
            if outcome == Outcome::Rejected {
                count(strict, Kind::Rejected, &mut rejections);
            }
        }
        if outcome == Outcome::Panics || (outcome == Outcome::Rejected && envoy == Envoy::Accepts) {
            wrong.push(name);
        }
    }
    println!("\n{} files\n\n{:<31} {:>8} {:>8} {:>8}", files.len(), "Envoy 1.40", "accepts", "refuses", "?");
    for outcome in Outcome::ALL {
        let of = |envoy| outcomes.get(&(outcome, envoy)).copied().unwrap_or(0);
        let [accepts, refuses, unknown] = [Envoy::Accepts, Envoy::Refuses, Envoy::Unknown].map(of);
        println!("{:<31} {accepts:>8} {refuses:>8} {unknown:>8}", outcome.text());
    }
    table("files that miss", missing);
    table("files rejected because", rejections);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("Envoy accepts what is rejected here, or there was a panic: {}", wrong.join(", ")).into())
    }
}

/// Loads a file in both ways. The files that others name are not here.
fn try_out(source: &Source) -> (Outcome, Option<Loaded>) {
    let load_with = |allow_unsupported| {
        let options = LoadOptions { allow_unsupported, ..LoadOptions::default() };
        catch_unwind(|| {
            let loaded = load(source, &options);
            // Nobody sees it; it has to be possible.
            let _shown =
                (loaded.diagnostics.render(false), loaded.diagnostics.to_json(), loaded.dump.bootstrap());
            loaded
        })
    };
    match (load_with(false), load_with(true)) {
        (Ok(strict), Ok(lenient)) => (outcome(&strict, &lenient), Some(strict)),
        _ => (Outcome::Panics, None),
    }
}

fn outcome(strict: &Loaded, lenient: &Loaded) -> Outcome {
    let has = |severity| strict.diagnostics.iter().any(|diagnostic| diagnostic.severity == severity);
    let rejected =
        strict.diagnostics.iter().any(|d| d.severity == Severity::Error && d.kind == Kind::Rejected);
    match (strict.bootstrap.is_some(), lenient.bootstrap.is_some()) {
        (true, _) if has(Severity::Warning) => Outcome::WithWarnings,
        (true, _) => Outcome::Loads,
        (false, true) => Outcome::WithAllowUnsupported,
        (false, false) if rejected => Outcome::Rejected,
        (false, false) => Outcome::Unsupported,
    }
}

/// What Envoy says of the files, where somebody asked it.
fn verdicts(directory: &Path) -> Result<BTreeMap<String, Envoy>, Failure> {
    let Ok(text) = std::fs::read_to_string(directory.join("index.json")) else {
        return Ok(BTreeMap::new());
    };
    let index: Vec<Value> = serde_json::from_str(&text)?;
    let verdict = |entry: &Value| {
        let verdict = match entry.get("envoy_1_40")?.as_str()? {
            "accepts" => Envoy::Accepts,
            "refuses" => Envoy::Refuses,
            _ => Envoy::Unknown,
        };
        Some((entry.get("file")?.as_str()?.to_owned(), verdict))
    };
    Ok(index.iter().filter_map(verdict).collect())
}

/// Counts each message once per file.
fn count(loaded: &Loaded, kind: Kind, counts: &mut BTreeMap<String, usize>) {
    let mut seen: Vec<&str> = Vec::new();
    for diagnostic in loaded.diagnostics.iter().filter(|diagnostic| diagnostic.kind == kind) {
        if !seen.contains(&diagnostic.message.as_str()) {
            seen.push(&diagnostic.message);
            *counts.entry(diagnostic.message.clone()).or_default() += 1;
        }
    }
}

fn table(title: &str, counts: BTreeMap<String, usize>) {
    if counts.is_empty() {
        return;
    }
    println!("\n{title}:");
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    for (text, count) in rows {
        println!("{count:>5} {text}");
    }
}
