//! `causeway validate FILE`: everything there is to say about a configuration.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;

use causeway_envoy::{Loaded, Source, load};

use crate::cli::{ValidateArguments, complain};

/// Reads a configuration and says what there is to say.
pub(crate) fn run(arguments: &ValidateArguments) -> ExitCode {
    let name = arguments.path.display().to_string();
    let source = match Source::read(&arguments.path) {
        Ok(source) => source,
        Err(error) => return unreadable(arguments, &name, &error),
    };
    let Loaded { diagnostics, .. } = load(&source, &arguments.options);
    let usable = !diagnostics.has_errors();
    if arguments.json {
        print_json(&diagnostics.to_json());
    } else {
        let color =
            stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        print(&diagnostics.render(color));
        if usable {
            print(&format!("configuration '{name}' OK\n"));
        }
    }
    if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn unreadable(arguments: &ValidateArguments, name: &str, error: &std::io::Error) -> ExitCode {
    let message = format!("cannot read {name}: {error}");
    if arguments.json {
        print_json(
            &serde_json::json!({ "ok": false, "diagnostics": [{ "severity": "error", "code": "unreadable", "message": message }] }),
        );
    } else {
        complain(&message);
    }
    ExitCode::FAILURE
}

fn print_json(value: &serde_json::Value) {
    print(&format!("{value:#}\n"));
}

/// That nobody reads it is no failure of the configuration.
fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}
