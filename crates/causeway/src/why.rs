//! `causeway why`: asks the admin server of a running Causeway.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use causeway_envoy::{LoadOptions, Source, load};

use crate::cli::{WhyArguments, complain, print};

/// Where an admin server is, unless somebody says otherwise: the place that most files give it.
const USUAL: &str = "127.0.0.1:9901";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer: a thousand failures are some five million.
const MOST: u64 = 256 << 20;

/// Nobody answers.
const UNREACHABLE: u8 = 3;

/// Prints what a running Causeway says.
pub(crate) fn run(arguments: &WhyArguments) -> ExitCode {
    let admin = match admin(arguments) {
        Ok(admin) => admin,
        Err(fault) => return complain(&fault),
    };
    match ask(&admin, &target(arguments)) {
        Ok((200, body)) => print(&body),
        Ok((404, body)) if body.starts_with("invalid path") => {
            complain(&format!("what answers at {admin} is no Causeway: it has no /why"));
            ExitCode::from(UNREACHABLE)
        }
        Ok((_, body)) => complain(&body.trim_end()),
        Err(error) => {
            complain(&format!(
                "{admin} does not answer: {error}. Is Causeway running, and is that where its admin server listens? \
                 --admin ADDRESS or -c FILE names another."
            ));
            ExitCode::from(UNREACHABLE)
        }
    }
}

/// Where to ask.
fn admin(arguments: &WhyArguments) -> Result<String, String> {
    if let Some(admin) = &arguments.admin {
        let bare = admin.strip_prefix("http://").unwrap_or(admin).trim_end_matches('/');
        // A path is one of a socket.
        return Ok(if admin.starts_with(['/', '@']) { admin.clone() } else { bare.to_owned() });
    }
    let Some(path) = &arguments.config else { return Ok(USUAL.to_owned()) };
    let name = path.display();
    let source = Source::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    // What it names besides is not needed here, nor is what this version does not implement.
    let options = LoadOptions { allow_unsupported: true, allow_unknown: true, ..LoadOptions::default() };
    let loaded = load(&source, &options);
    let bootstrap =
        loaded.bootstrap.ok_or_else(|| format!("{name} can't be used; causeway validate {name} says why"))?;
    let admin = bootstrap.admin.ok_or_else(|| format!("{name} has no admin server"))?;
    Ok(reachable(&admin.address.to_string()))
}

/// Who listens everywhere is reached here.
fn reachable(address: &str) -> String {
    address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

/// What to ask for.
fn target(arguments: &WhyArguments) -> String {
    let mut target = String::from("/why");
    if let Some(id) = &arguments.id {
        let _ = write!(target, "/{}", escaped(id));
    }
    for (at, (name, value)) in arguments.parameters.iter().enumerate() {
        let sign = if at == 0 { '?' } else { '&' };
        let _ = write!(target, "{sign}{name}={}", escaped(value));
    }
    target
}

/// A text as it can stand anywhere in a URL.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Status and body of an answer.
fn ask(admin: &str, target: &str) -> io::Result<(u16, String)> {
    if admin.starts_with('/') {
        let stream = UnixStream::connect(admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        return exchange(stream, "localhost", target);
    }
    let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "it is no address");
    for address in admin.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                return exchange(stream, admin, target);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Asks by HTTP/1.0, where an answer ends with its connection.
fn exchange(mut stream: impl Read + Write, host: &str, target: &str) -> io::Result<(u16, String)> {
    write!(stream, "GET {target} HTTP/1.0\r\nhost: {host}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let parts = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        head.starts_with("HTTP/1.").then(|| (status, body.to_owned()))
    });
    parts.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it says is no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_can_hold_anything() {
        let arguments = WhyArguments {
            admin: Some("http://10.0.0.1:9901/".into()),
            config: None,
            id: Some("a/b?c".into()),
            parameters: vec![("cluster", "ä b&c".into()), ("last", "5".into())],
        };
        assert_eq!(target(&arguments), "/why/a%2Fb%3Fc?cluster=%C3%A4%20b%26c&last=5");
        assert_eq!(admin(&arguments).unwrap(), "10.0.0.1:9901");
        let socket = WhyArguments { admin: Some("/run/admin.sock".into()), ..arguments };
        assert_eq!(admin(&socket).unwrap(), "/run/admin.sock");
    }
}
