//! The admin server of a running proxy, asked from outside.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use causeway_envoy::{LoadOptions, Source, load};

/// Where an admin server is, unless somebody says otherwise: the place that most files give it.
const USUAL: &str = "127.0.0.1:9901";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer: a thousand failures are some five million.
const MOST: u64 = 256 << 20;

/// Nobody answers.
pub(crate) const UNREACHABLE: u8 = 3;

/// Where to ask: the address that is given, else that of the file, else the usual one.
///
/// # Errors
///
/// Where the file can't be used, or has no admin server.
pub(crate) fn admin(given: Option<&str>, config: Option<&Path>) -> Result<String, String> {
    if let Some(admin) = given {
        let bare = admin.strip_prefix("http://").unwrap_or(admin).trim_end_matches('/');
        // A path is one of a socket.
        return Ok(if admin.starts_with(['/', '@']) { admin.to_owned() } else { bare.to_owned() });
    }
    let Some(path) = config else { return Ok(USUAL.to_owned()) };
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

/// What is said where nobody answers.
pub(crate) fn silence(admin: &str, error: &io::Error) -> String {
    format!(
        "{admin} does not answer: {error}. Is it running, and is that where its admin server listens? \
         --admin ADDRESS or -c FILE names another."
    )
}

/// Status and body of what an admin server answers.
pub(crate) fn ask(admin: &str, target: &str) -> io::Result<(u16, String)> {
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

/// Asks by HTTP/1.1, which Envoy wants, for an answer behind which the connection ends.
fn exchange(mut stream: impl Read + Write, host: &str, target: &str) -> io::Result<(u16, String)> {
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it says is no HTTP"))
}

fn read(answer: &[u8]) -> Option<(u16, String)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(answer.get(..end)?).to_ascii_lowercase();
    let status = head.starts_with("http/1.").then(|| head.split(' ').nth(1)?.parse().ok()).flatten()?;
    let body = answer.get(end + 4..)?;
    let chunked =
        head.lines().any(|line| line.starts_with("transfer-encoding:") && line.ends_with("chunked"));
    let body = if chunked { unchunked(body)? } else { body.to_vec() };
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A body without its chunks (RFC 9112 §7.1); `None` where it is cut off.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = rest.get(line + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_server_is_an_address_or_a_socket() {
        assert_eq!(admin(Some("http://10.0.0.1:9901/"), None).unwrap(), "10.0.0.1:9901");
        assert_eq!(admin(Some("/run/admin.sock"), None).unwrap(), "/run/admin.sock");
        assert_eq!(admin(None, None).unwrap(), USUAL);
    }

    #[test]
    fn an_answer_may_come_in_chunks() {
        let chunked =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n1;x\r\ne\r\n0\r\n\r\n";
        assert_eq!(read(chunked), Some((200, "abcde".to_owned())));
        assert_eq!(read(b"HTTP/1.1 404 Not Found\r\n\r\nno"), Some((404, "no".to_owned())));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nab"), None);
        assert_eq!(read(b"SSH-2.0\r\n\r\n"), None);
    }
}
