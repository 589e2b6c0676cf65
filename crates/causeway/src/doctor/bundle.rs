//! Writes what is known to a file for others.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use causeway_doctor::Report;
use causeway_doctor::bundle::{Admin, bundle};
use causeway_doctor::foreign::envoy;
use causeway_doctor::foreign::http::AdminServer;
use causeway_envoy::Source;
use causeway_reason::Language;

use crate::cli::Examine;
use crate::{remote, version};

/// Writes a bundle about what was examined; `source` is its file, where there is one. An admin server that answers is asked;
/// one that does not is left out.
///
/// # Errors
///
/// Where the file can't be written, or is there already, or nothing is known of any configuration.
pub(super) fn write(
    file: &Path,
    what: &Examine,
    source: Option<&Source>,
    report: &Report,
    language: Language,
) -> io::Result<()> {
    let server = match what {
        Examine::Config(path) => remote::admin(None, Some(path)).ok(),
        Examine::Foreign(foreign) => foreign.envoy.clone(),
        Examine::BackEnd(_) | Examine::List(_) | Examine::Schema => None,
    };
    // Without a file, what runs is all that there is to be sent.
    let runs = || server.as_ref().and_then(envoy::configuration_of);
    let Some(source) = source.cloned().or_else(runs) else {
        return Err(io::Error::other("there is no configuration to be sent: -c FILE names one"));
    };
    let admin = server.as_ref().map(ask).unwrap_or_default();
    let said = bundle(&source, report, &admin, &version::text(), language);
    // Nothing secret is in it, but it is for its owner to say who reads it.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{said:#}")
}

fn ask(server: &AdminServer) -> Admin {
    let get = |target: &str| match server.get(target) {
        Ok((200, body)) => Some(body),
        Ok(_) | Err(_) => None,
    };
    // Where the first is not answered, nobody is there, and nobody is waited for again.
    let Some(info) = get("/server_info") else { return Admin::default() };
    Admin {
        server: Some(info),
        // Envoy says less of its hosts, and keeps no failures.
        hosts: get("/hosts?format=json").or_else(|| get("/clusters?format=json")),
        failures: get("/why?format=json&last=50"),
    }
}
