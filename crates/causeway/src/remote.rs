//! The admin server of a running proxy, asked from outside.

use std::io;
use std::path::Path;

use causeway_doctor::foreign::http::AdminServer;
use causeway_envoy::{LoadOptions, Source, load};

/// Where an admin server is, unless somebody says otherwise: the place that most files give it.
const USUAL: &str = "127.0.0.1:9901";

/// Nobody answers.
pub(crate) const UNREACHABLE: u8 = 3;

/// Where to ask: the address that is given, else that of the file, else the usual one.
///
/// # Errors
///
/// What is given is no address; the file can't be used, or has no admin server.
pub(crate) fn admin(given: Option<&str>, config: Option<&Path>) -> Result<AdminServer, String> {
    if let Some(admin) = given {
        return AdminServer::parse(admin);
    }
    let Some(path) = config else { return AdminServer::parse(USUAL) };
    let name = path.display();
    let source = Source::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    // What it names besides is not needed here, nor is what this version does not implement.
    let options = LoadOptions { allow_unsupported: true, allow_unknown: true, ..LoadOptions::default() };
    let loaded = load(&source, &options);
    let bootstrap =
        loaded.bootstrap.ok_or_else(|| format!("{name} can't be used; causeway validate {name} says why"))?;
    let admin = bootstrap.admin.ok_or_else(|| format!("{name} has no admin server"))?;
    AdminServer::parse(&reachable(&admin.address.to_string()))
}

/// Who listens everywhere is reached here.
fn reachable(address: &str) -> String {
    address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

/// What is said where nobody answers.
pub(crate) fn silence(admin: &AdminServer, error: &io::Error) -> String {
    format!(
        "{admin} does not answer: {error}. Is it running, and is that where its admin server listens? \
         --admin ADDRESS or -c FILE names another."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_server_is_an_address_or_a_socket() {
        let shown = |given| admin(given, None).unwrap().to_string();
        assert_eq!(shown(Some("10.0.0.1:9901")), "http://10.0.0.1:9901");
        assert_eq!(shown(Some("/run/admin.sock")), "/run/admin.sock");
        assert_eq!(shown(None), "http://127.0.0.1:9901");
    }
}
