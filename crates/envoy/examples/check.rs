//! Loads a file and prints what there is to say: `cargo run -p causeway-envoy --example check -- FILE`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::path::Path;
use std::process::ExitCode;

use causeway_envoy::{LoadOptions, Source, load};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let Some(file) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        eprintln!("usage: check [--allow-unsupported] [--no-files] [--json] FILE");
        return ExitCode::from(2);
    };
    let source = match Source::read(Path::new(file)) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::from(2);
        }
    };
    let options = LoadOptions {
        allow_unsupported: flag("--allow-unsupported"),
        check_files: !flag("--no-files"),
        ..LoadOptions::default()
    };
    let loaded = load(&source, &options);
    if flag("--json") {
        println!("{:#}", loaded.diagnostics.to_json());
    } else {
        print!("{}", loaded.diagnostics.render(false));
    }
    if loaded.bootstrap.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
