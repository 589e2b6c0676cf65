//! Writes what is known to a file for others.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use causeway_doctor::Report;
use causeway_doctor::bundle::{Admin, bundle};
use causeway_envoy::Source;
use causeway_reason::Language;

use crate::{remote, version};

/// Writes a bundle about a configuration. An admin server that answers is asked; one that does not is left out.
///
/// # Errors
///
/// Where the file can't be written, or is there already.
pub(super) fn write(
    file: &Path,
    config: &Path,
    source: &Source,
    report: &Report,
    language: Language,
) -> io::Result<()> {
    let said = bundle(source, report, &ask(config), &version::text(), language);
    // Nothing secret is in it, but it is for its owner to say who reads it.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{said:#}")
}

fn ask(config: &Path) -> Admin {
    let Ok(server) = remote::admin(None, Some(config)) else { return Admin::default() };
    let get = |target: &str| match server.get(target) {
        Ok((200, body)) => Some(body),
        Ok(_) | Err(_) => None,
    };
    // Where the first is not answered, nobody is there, and nobody is waited for again.
    let Some(server) = get("/server_info") else { return Admin::default() };
    Admin {
        server: Some(server),
        hosts: get("/hosts?format=json"),
        failures: get("/why?format=json&last=50"),
    }
}
