//! One request to a back-end, and what else it answers where that is no HTTP. Bounded in time and bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{CommonTls, SourcePosition, TlsParams, TlsVersion, UpstreamTls};
use causeway_tls::client::{ClientContext, ClientState, Wanted};
use rustls::{ClientConnection, StreamOwned};

use super::BackEnd;

/// What requests say that they are from.
const AGENT: &str = concat!("causeway-doctor/", env!("CARGO_PKG_VERSION"));
/// Time to connect; on the same host nothing takes longer that is well.
const CONNECT: Duration = Duration::from_secs(2);
/// Time for an answer.
const ANSWER: Duration = Duration::from_secs(3);
/// Bytes of an answer that are looked at.
const MOST: usize = 64 * 1024;

/// What was seen at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// What came of the request, as it was to be made.
    pub(super) answer: Answer,
    /// Where that was no HTTP: what else it answered.
    pub(super) instead: Option<Instead>,
    /// How long the request took.
    pub(super) took: Duration,
    /// How many connections were made.
    pub(super) connections: u32,
}

/// What a back-end answered where it did not answer what it was to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// The other of TLS and plain text.
    Other,
    /// The same behind a PROXY header.
    BehindProxyHeader,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    tls: bool,
    proxy_header: bool,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A head of HTTP.
    Http(Head),
    /// It could not be connected.
    NotConnected(io::ErrorKind),
    /// It was connected, and the handshake failed.
    NoHandshake(String),
    /// Nothing came.
    Silence,
    /// It closed without a byte.
    Closed,
    /// It ended the connection by a reset, without a byte.
    Reset,
    /// These were the first bytes.
    NotHttp(Vec<u8>),
}

/// What a response says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// `location`.
    pub(super) location: Option<String>,
    /// Seconds after which it closes a connection that is idle (`keep-alive: timeout=5`).
    pub(super) idle: Option<u64>,
    /// It closes the connection behind each response (`connection: close`).
    pub(super) closes: bool,
}

/// Asks, and where the answer is no HTTP, tries the other of TLS and plain text, and a PROXY header.
pub(super) fn ask(back_end: &BackEnd, address: SocketAddr) -> Seen {
    let began = Instant::now();
    let configured = Way { tls: back_end.tls, proxy_header: false };
    let answer = once(back_end, address, configured);
    let took = began.elapsed();
    let undecided = match &answer {
        // nginx and Go answer plain text on a port of TLS by a 400 that says so.
        Answer::Http(head) => head.status == 400 && !back_end.tls,
        Answer::NotConnected(_) => false,
        Answer::NoHandshake(_) | Answer::Silence | Answer::Closed | Answer::Reset | Answer::NotHttp(_) => {
            true
        }
    };
    let others = [
        (Instead::Other, Way { tls: !back_end.tls, proxy_header: false }),
        (Instead::BehindProxyHeader, Way { proxy_header: true, ..configured }),
    ];
    // Who answers at all does not wait for a header in front.
    let others = others.iter().filter(|(instead, _)| {
        undecided && (*instead == Instead::Other || !matches!(answer, Answer::Http(_) | Answer::NotHttp(_)))
    });
    let mut seen = Seen { answer: answer.clone(), instead: None, took, connections: 1 };
    for (instead, way) in others {
        seen.connections += 1;
        if matches!(once(back_end, address, *way), Answer::Http(_)) {
            seen.instead = Some(*instead);
            break;
        }
    }
    seen
}

fn once(back_end: &BackEnd, address: SocketAddr, way: Way) -> Answer {
    let mut stream = match TcpStream::connect_timeout(&address, CONNECT) {
        Ok(stream) => stream,
        Err(error) => return Answer::NotConnected(error.kind()),
    };
    let limits = stream.set_read_timeout(Some(ANSWER)).and_then(|()| stream.set_write_timeout(Some(ANSWER)));
    if let Err(error) = limits {
        return Answer::NotConnected(error.kind());
    }
    if way.proxy_header
        && let Err(error) = stream.write_all(proxy_header(&stream).as_bytes())
    {
        return ended(error.kind(), &[]);
    }
    let request = request(back_end, address);
    if !way.tls {
        return exchange(stream, &request);
    }
    match session(back_end, address) {
        Ok(mut session) => {
            if let Err(error) = session.complete_io(&mut stream) {
                return Answer::NoHandshake(error.to_string());
            }
            exchange(StreamOwned::new(session, stream), &request)
        }
        Err(error) => Answer::NoHandshake(error),
    }
}

/// A header of version 1 of the PROXY protocol that says what is so.
fn proxy_header(stream: &TcpStream) -> String {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(from), Ok(to)) => {
            let family = if to.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
        }
        _ => "PROXY UNKNOWN\r\n".to_owned(),
    }
}

fn request(back_end: &BackEnd, address: SocketAddr) -> String {
    let path = back_end.health.as_deref().unwrap_or("/");
    let own = address.to_string();
    let host = back_end.host.as_deref().unwrap_or(&own);
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {AGENT}\r\naccept: */*\r\n\r\n")
}

/// A session of TLS that verifies nobody: on the same host the question is what is spoken, not by whom.
fn session(back_end: &BackEnd, address: SocketAddr) -> Result<ClientConnection, String> {
    let params = TlsParams { maximum: Some(TlsVersion::V13), ..TlsParams::default() };
    let common = CommonTls {
        position: SourcePosition::default(),
        params,
        certificates: Vec::new(),
        validation: None,
        alpn: Vec::new(),
    };
    let sni =
        back_end.host.as_deref().map(|host| host.split(':').next().unwrap_or_default()).unwrap_or_default();
    let config = Arc::new(UpstreamTls {
        common,
        sni: sni.into(),
        auto_host_sni: false,
        auto_sni_san_validation: false,
        max_session_keys: 0,
    });
    let context = ClientContext::new(&config).map_err(|error| error.to_string())?;
    let wanted = Wanted { address: Some(address.ip()), alpn: &["http/1.1"], ..Wanted::default() };
    let state = context.state();
    let ClientState::Ready(settings) = &*state else { return Err("no version of TLS".to_owned()) };
    let (config, name, _) = settings.connection(&wanted);
    ClientConnection::new(config, name).map_err(|error| error.to_string())
}

/// Sends a request and reads the head of the answer.
fn exchange(mut stream: impl Read + Write, request: &str) -> Answer {
    let began = Instant::now();
    if let Err(error) = stream.write_all(request.as_bytes()).and_then(|()| stream.flush()) {
        return ended(error.kind(), &[]);
    }
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(head) = head(&bytes) {
            return Answer::Http(head);
        }
        if bytes.len() > MOST || began.elapsed() > ANSWER {
            return if bytes.is_empty() { Answer::Silence } else { Answer::NotHttp(bytes) };
        }
        match stream.read(&mut buffer) {
            Ok(0) => return ended(io::ErrorKind::UnexpectedEof, &bytes),
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) => return ended(error.kind(), &bytes),
        }
    }
}

fn ended(kind: io::ErrorKind, bytes: &[u8]) -> Answer {
    match kind {
        _ if !bytes.is_empty() => Answer::NotHttp(bytes.to_vec()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Answer::Silence,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Answer::Reset,
        _ => Answer::Closed,
    }
}

/// The head of a final response, where all of it is there.
fn head(bytes: &[u8]) -> Option<Head> {
    if !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    if (100..200).contains(&status) && status != 101 {
        return head(bytes.get(end + 4..)?);
    }
    let mut head = Head { status, ..Head::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "location" => head.location = Some(value.to_owned()),
            "connection" => head.closes |= value.eq_ignore_ascii_case("close"),
            "keep-alive" => {
                let timeout = value.split(',').find_map(|part| part.trim().strip_prefix("timeout="));
                head.idle = timeout.and_then(|seconds| seconds.parse().ok());
            }
            _ => {}
        }
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_there() {
        let text = b"HTTP/1.1 301 Moved\r\nLocation: /login\r\nKeep-Alive: timeout=5, max=100\r\n\r\nbody";
        let expected = Head { status: 301, location: Some("/login".into()), idle: Some(5), closes: false };
        assert_eq!(head(text), Some(expected));
        assert_eq!(head(b"HTTP/1.1 301 Moved\r\nLocation: /login\r\n"), None);
        assert_eq!(head(b"SSH-2.0-x\r\n\r\n\r\n\r\n"), None);
        let closing =
            head(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!((closing.status, closing.closes), (200, true));
    }

    #[test]
    fn what_ends_without_a_byte_is_told_apart() {
        assert_eq!(ended(io::ErrorKind::UnexpectedEof, &[]), Answer::Closed);
        assert_eq!(ended(io::ErrorKind::ConnectionReset, &[]), Answer::Reset);
        assert_eq!(ended(io::ErrorKind::WouldBlock, &[]), Answer::Silence);
        assert_eq!(ended(io::ErrorKind::UnexpectedEof, b"x"), Answer::NotHttp(b"x".to_vec()));
    }
}
