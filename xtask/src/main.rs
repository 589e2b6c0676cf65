//! Chores of the workspace: `cargo xtask <chore>`.
//!
//! What is generated here is committed, so that a normal build needs nothing but cargo; `--check` says
//! whether what is committed is current.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod deny;
mod docs;
mod schema;
#[cfg(feature = "front-end")]
mod survey;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a chore that failed has to say.
type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "\
cargo xtask <chore>

  gen-schema [--check]   write the tables of Envoy's schema (needs protoc; without it, nothing is checked)
  docs [--check]         write the generated pages under docs/
  deny                   check licences and banned crates against deny.toml
  survey DIR             load every configuration of a directory and count what is missing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["gen-schema"] => schema::generate(false),
        ["gen-schema", "--check"] => schema::generate(true),
        ["docs"] => docs::write(false),
        ["docs", "--check"] => docs::write(true),
        ["deny"] => deny::check(),
        #[cfg(feature = "front-end")]
        ["survey", directory] => survey::run(Path::new(directory)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Writes a generated file, or, where it is only to be checked, fails if it differs.
fn put(path: &Path, content: &str, check: bool) -> Result<(), Failure> {
    let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let current = std::fs::read_to_string(path).ok();
    if current.as_deref() == Some(content) {
        println!("{shown}: current");
        return Ok(());
    }
    if check {
        return Err(format!("{shown} is not current").into());
    }
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, content)?;
    println!("{shown}: written");
    Ok(())
}
