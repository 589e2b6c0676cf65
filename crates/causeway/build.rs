//! Tells the program which revision of the source it was built from.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CAUSEWAY_REVISION");
    println!("cargo:rerun-if-env-changed=CAUSEWAY_SOURCE_STATUS");
    // Written by every commit and checkout; the index is written by every `git status` as well.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    // A package is built from an archive that has no history; it says both by itself.
    let revision = std::env::var("CAUSEWAY_REVISION").ok().or_else(|| git(&["rev-parse", "HEAD"]));
    let status = std::env::var("CAUSEWAY_SOURCE_STATUS").ok().or_else(|| {
        let changed = git(&["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"])?;
        Some(if changed.is_empty() { "Clean" } else { "Modified" }.to_owned())
    });
    println!("cargo:rustc-env=CAUSEWAY_REVISION={}", revision.unwrap_or_else(|| "0".repeat(40)));
    println!(
        "cargo:rustc-env=CAUSEWAY_SOURCE_STATUS={}",
        status.unwrap_or_else(|| "Distribution".to_owned())
    );
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
