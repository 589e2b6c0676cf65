//! Every file under `examples/` can be used: by Causeway without anything to say about it, and by Envoy.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_testkit::{Peer, ProcessBuilder, Scratch};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

/// Envoy needs a few seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").canonicalize().unwrap()
}

/// Configurations under a folder.
fn configurations(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            configurations(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
            found.push(path);
        }
    }
}

/// Runs a program over every file; gives what it printed about each that it refused.
async fn refused(program: &Path, words: impl Fn(&Path) -> Vec<String>) -> Vec<String> {
    let mut files = Vec::new();
    configurations(&examples(), &mut files);
    assert!(!files.is_empty());
    let mut refused = Vec::new();
    for file in files {
        let scratch = Scratch::new();
        let builder = ProcessBuilder::new(program).args(words(&file));
        let mut process = builder.start(scratch.path()).unwrap();
        let status = process.wait(PATIENCE).await.unwrap();
        let said = process.stdout() + &process.stderr();
        if !status.success() || said.contains("warning[") {
            refused.push(format!("{}: {said}", file.display()));
        }
    }
    refused
}

#[tokio::test]
async fn causeway_takes_every_example_and_has_nothing_to_say() {
    let words = |file: &Path| vec!["validate".to_owned(), file.display().to_string()];
    let refused = refused(Path::new(CAUSEWAY), words).await;
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[tokio::test]
async fn envoy_takes_every_example() {
    let envoy = match Peer::Envoy.find() {
        Ok(envoy) => envoy,
        Err(missing) => {
            causeway_testkit::skip!(
                "envoy_takes_every_example",
                missing,
                "cargo test -p causeway --test examples"
            )
        }
    };
    let words = |file: &Path| {
        let file = file.display().to_string();
        ["--mode", "validate", "-l", "error", "-c", &file].map(str::to_owned).to_vec()
    };
    let refused = refused(&envoy, words).await;
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
