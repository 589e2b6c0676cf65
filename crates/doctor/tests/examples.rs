//! Files that are in order give no finding: a doctor that cries wolf is not asked again.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::path::{Path, PathBuf};

use causeway_doctor::{Report, Selection, lint};
use causeway_envoy::{LoadOptions, Source, load};

/// What rules may say of a file under `examples/`: its folder, and the codes. Nothing is expected of any.
const EXPECTED: &[(&str, &[&str])] = &[];

fn configurations(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            configurations(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
            found.push(path);
        }
    }
}

#[test]
fn rules_have_nothing_to_say_about_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").canonicalize().unwrap();
    let mut files = Vec::new();
    configurations(&examples, &mut files);
    assert!(!files.is_empty());
    for file in files {
        let source = Source::read(&file).unwrap();
        let loaded = load(&source, &LoadOptions::default());
        let mut report = Report::default();
        lint::lint(loaded.bootstrap.as_ref().unwrap(), &Selection::default(), &mut report);
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.cause.code()).collect();
        let folder = file.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
        let expected = EXPECTED.iter().find(|(name, _)| *name == folder).map_or(&[][..], |(_, codes)| codes);
        assert_eq!(codes, expected, "{}", file.display());
    }
}
