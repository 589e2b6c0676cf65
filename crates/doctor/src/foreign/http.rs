//! A client of admin servers: one `GET` on a connection of its own, and nothing that changes anything.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long an admin server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer: a thousand failures, or a large `/config_dump`, are some five million.
const MOST: u64 = 256 << 20;

/// Where an admin server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminServer(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Address or name, and port.
    Tcp(String),
    /// Path of a socket.
    Unix(String),
}

impl AdminServer {
    /// A URL without a path, an address with a port, or the path of a socket.
    ///
    /// # Errors
    ///
    /// What is wrong with it: admin servers do not speak TLS.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self(Place::Unix(text.to_owned())));
        }
        if text.starts_with("https://") {
            return Err(format!("{text}: admin servers speak plain HTTP"));
        }
        let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        match bare.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self(Place::Tcp(bare.to_owned())))
            }
            _ => Err(format!("{text} is no address and port, such as http://127.0.0.1:9901")),
        }
    }

    /// Its host, where it is not a socket of this one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.0 {
            Place::Tcp(address) => address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']'])),
            Place::Unix(_) => None,
        }
    }

    /// Status and body of what it answers.
    ///
    /// # Errors
    ///
    /// It can't be connected to, is silent too long, or says what is no HTTP.
    pub fn get(&self, target: &str) -> io::Result<(u16, String)> {
        match &self.0 {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                exchange(stream, "localhost", target)
            }
            Place::Tcp(address) => {
                let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "it is no address");
                for one in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&one, PATIENCE) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(PATIENCE))?;
                            return exchange(stream, address, target);
                        }
                        Err(error) => failure = error,
                    }
                }
                Err(failure)
            }
        }
    }
}

impl fmt::Display for AdminServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Tcp(address) => write!(f, "http://{address}"),
            Place::Unix(path) => f.write_str(path),
        }
    }
}

/// Asks by HTTP/1.1, since Envoy answers nothing older, on a connection that ends with the answer.
fn exchange(mut stream: impl Read + Write, host: &str, target: &str) -> io::Result<(u16, String)> {
    let agent = crate::probe::AGENT;
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {agent}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    let no_http = || io::Error::new(io::ErrorKind::InvalidData, "what it says is no HTTP");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(no_http)?;
    let (head, body) = answer.split_at_checked(end + 4).ok_or_else(no_http)?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head
        .strip_prefix("http/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok())
        .ok_or_else(no_http)?;
    let chunked = head.lines().any(|line| line.starts_with("transfer-encoding:") && line.contains("chunked"));
    let body = if chunked { unchunked(body).ok_or_else(no_http)? } else { body.to_vec() };
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A body out of its chunks (RFC 9112 §7.1); `None` where it is cut off.
fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(body.get(..end)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let begin = end + 2;
        whole.extend_from_slice(body.get(begin..begin.checked_add(size)?)?);
        body = body.get(begin.checked_add(size)?.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_urls_addresses_and_sockets() {
        let shown = |text: &str| AdminServer::parse(text).map(|server| server.to_string());
        assert_eq!(shown("http://127.0.0.1:9901/").unwrap(), "http://127.0.0.1:9901");
        assert_eq!(shown("[::1]:15000").unwrap(), "http://[::1]:15000");
        assert_eq!(AdminServer::parse("[::1]:15000").unwrap().host(), Some("::1"));
        assert_eq!(shown("/run/admin.sock").unwrap(), "/run/admin.sock");
        assert!(shown("https://a:1").is_err() && shown("a").is_err() && shown(":80").is_err());
    }

    #[test]
    fn chunks_are_joined_and_cut_bodies_refused() {
        assert_eq!(unchunked(b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n").unwrap(), b"abcde");
        assert_eq!(unchunked(b"0\r\n\r\n").unwrap(), b"");
        assert_eq!(unchunked(b"5\r\nab"), None);
        assert_eq!(unchunked(b"zz\r\n"), None);
    }
}
