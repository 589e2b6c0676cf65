//! `causeway clusters`, `endpoints`, `listeners`, `routes`, `secrets`: what a running proxy has, as tables.
//!
//! It is asked by its admin server, whose pages are Envoy's; so Envoy, and what is built on it, is listed as well.

mod clusters;
mod endpoints;
mod grid;
mod listeners;
mod messages;
mod routes;
mod secrets;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use causeway_doctor::foreign::http::AdminServer;
use serde_json::Value;

use crate::cli::{Form, Subject, TableArguments, complain, print};
use crate::remote::{UNREACHABLE, admin, silence};

/// Prints a table.
pub(crate) fn run(arguments: &TableArguments) -> ExitCode {
    let address = match admin(arguments.admin.as_deref(), arguments.config.as_deref()) {
        Ok(address) => address,
        Err(fault) => return complain(&fault),
    };
    let remote = Remote { address };
    let grid = match arguments.subject {
        Subject::Clusters => clusters::list(&remote, arguments),
        Subject::Endpoints => endpoints::list(&remote, arguments),
        Subject::Listeners => listeners::list(&remote, arguments),
        Subject::Routes => routes::list(&remote, arguments),
        Subject::Secrets => secrets::list(&remote, arguments),
    };
    let grid = match grid {
        Ok(grid) => grid,
        Err(fault) => {
            complain(&fault);
            return ExitCode::from(UNREACHABLE);
        }
    };
    let said = match arguments.form {
        Form::Json => format!("{:#}\n", grid.json()),
        Form::Table => grid.text(false, width()),
        Form::Wide => grid.text(true, width()),
    };
    print(&said);
    if grid.rows.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How wide a line may be: as wide as the terminal, where it goes to one.
fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// A running proxy.
struct Remote {
    address: AdminServer,
}

impl Remote {
    /// What it says on a page of JSON.
    fn page(&self, target: &str) -> Result<Value, String> {
        let (status, body) = self.address.get(target).map_err(|error| silence(&self.address, &error))?;
        let value = serde_json::from_str(&body).ok().filter(|_| status == 200);
        value.ok_or_else(|| {
            format!(
                "what answers at {} is no admin server of Causeway or Envoy: {target} is answered {status}, and not in JSON",
                self.address
            )
        })
    }

    /// The same, where it is welcome but not needed.
    fn page_if_any(&self, target: &str) -> Value {
        self.page(target).unwrap_or_default()
    }
}

/// Whether a name is asked for: all are, where nobody says; else those that hold the text, or fit the pattern.
fn fits(pattern: Option<&str>, name: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    if !pattern.contains('*') {
        return name.contains(pattern);
    }
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn names_are_found_by_parts_and_patterns() {
        for (pattern, name, expected) in [
            ("shop", "outbound|80||shop.svc", true),
            ("*.svc", "shop.svc", true),
            ("*.svc", "shop.svc.x", false),
            ("out*shop*", "outbound|80||shop.svc", true),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(Some(pattern), name), expected, "{pattern} {name}");
        }
        assert!(fits(None, "x"));
    }
}
