//! What becomes of a folder full of configurations: which load, and what the others miss.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use causeway_envoy::{Kind, LoadOptions, Loaded, Severity, Source, load};

use crate::Failure;

/// What became of one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Loads,
    WithAllowUnsupported,
    Unsupported,
    Rejected,
}

impl Outcome {
    const fn text(self) -> &'static str {
        match self {
            Self::Loads => "loads",
            Self::WithAllowUnsupported => "loads with --allow-unsupported",
            Self::Unsupported => "needs what is not implemented",
            Self::Rejected => "rejected",
        }
    }
}

/// Loads every file of a folder and prints a table.
pub(crate) fn run(directory: &Path) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            matches!(path.extension().and_then(|e| e.to_str()), Some("yaml" | "yml" | "json" | "pb"))
        })
        .filter(|path| path.file_name().is_none_or(|name| name != "index.json"))
        .collect();
    files.sort();
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    let mut rejections: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let source = Source::read(file)?;
        // The files that others name are not here.
        let strict = load(&source, &LoadOptions::default());
        let lenient = load(&source, &LoadOptions { allow_unsupported: true, ..LoadOptions::default() });
        let outcome = outcome(&strict, &lenient);
        *outcomes.entry(outcome).or_default() += 1;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!("{:<31} {name}: {}", outcome.text(), strict.diagnostics.summary());
        count(&strict, Kind::Unsupported, &mut missing);
        if outcome == Outcome::Rejected {
            count(&strict, Kind::Rejected, &mut rejections);
        }
    }
    println!("\n{} files", files.len());
    for (outcome, count) in outcomes {
        println!("{count:>5} {}", outcome.text());
    }
    table("files that miss", missing);
    table("files rejected because", rejections);
    Ok(())
}

fn outcome(strict: &Loaded, lenient: &Loaded) -> Outcome {
    if strict.bootstrap.is_some() {
        Outcome::Loads
    } else if lenient.bootstrap.is_some() {
        Outcome::WithAllowUnsupported
    } else if strict.diagnostics.iter().any(|d| d.severity == Severity::Error && d.kind == Kind::Rejected) {
        Outcome::Rejected
    } else {
        Outcome::Unsupported
    }
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
