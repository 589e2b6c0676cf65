//! A client that sends what it is told and reports what it got, byte for byte.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::message::{Body, Framing, Headers, latin1, to_bytes};
use crate::stream::{End, Stream, reset_on_close};
use crate::tls::{Handshake, Socket};

/// Longer than anything that is tested takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection that was announced to close may take: Envoy waits a second for the client.
const CLOSING: Duration = Duration::from_millis(2500);
/// How long to look whether a connection that should stay open does.
const STAYING: Duration = Duration::from_millis(15);

/// A request in the making.
///
/// It is sent as it stands here, with three additions that most tests would repeat: `Host`, unless
/// [`Request::without_host`]; `Content-Length` for a body; the chunks if [`Request::chunked`].
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    version: String,
    host: Option<String>,
    headers: Headers,
    body: Vec<u8>,
    chunked: bool,
    trailers: Headers,
}

impl Request {
    /// A request for host `test`.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            version: "HTTP/1.1".into(),
            host: Some("test".into()),
            headers: Headers::default(),
            body: Vec::new(),
            chunked: false,
            trailers: Headers::default(),
        }
    }

    /// `GET`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST` with a body.
    #[must_use]
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Another `Host`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// No `Host` but what [`Request::header`] adds.
    #[must_use]
    pub fn without_host(mut self) -> Self {
        self.host = None;
        self
    }

    /// Another version, as in `HTTP/1.0`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// One more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// A body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body as one chunk and the end, instead of with its length.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// A field after the chunks.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push(name, value);
        self.chunked()
    }

    /// The method, which decides how the response is framed.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The request target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn authority(&self) -> &str {
        self.host.as_deref().unwrap_or_default()
    }

    pub(crate) const fn fields(&self) -> &Headers {
        &self.headers
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.body
    }

    pub(crate) const fn is_chunked(&self) -> bool {
        self.chunked
    }

    pub(crate) const fn trailing(&self) -> &Headers {
        &self.trailers
    }

    /// The bytes that go over the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = to_bytes(&format!("{} {} {}\r\n", self.method, self.target, self.version));
        let mut head = Headers::default();
        if let Some(host) = &self.host {
            head.push("Host", host);
        }
        for (name, value) in self.headers.iter() {
            head.push(name, value);
        }
        if self.chunked {
            head.push("Transfer-Encoding", "chunked");
        } else if !self.body.is_empty() && head.get("content-length").is_none() {
            head.push("Content-Length", self.body.len().to_string());
        }
        head.write_to(&mut out);
        out.extend(b"\r\n");
        if self.chunked {
            if !self.body.is_empty() {
                out.extend(format!("{:x}\r\n", self.body.len()).bytes());
                out.extend(&self.body);
                out.extend(b"\r\n");
            }
            out.extend(b"0\r\n");
            self.trailers.write_to(&mut out);
            out.extend(b"\r\n");
        } else {
            out.extend(&self.body);
        }
        out
    }
}

/// A response as it came.
#[derive(Clone, Debug)]
pub struct Response {
    /// `HTTP/1.1`.
    pub version: String,
    /// The status.
    pub status: u16,
    /// The text after it.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The fields after a chunked body.
    pub trailers: Headers,
    /// Whether the body came whole, by its framing.
    pub complete: bool,
    /// The responses of class 1xx before it: status and fields.
    pub interim: Vec<(u16, Headers)>,
    /// The connection after it. One that was announced to close is given the time to.
    pub end: End,
}

impl Response {
    /// The body as text, one character for each byte.
    #[must_use]
    pub fn text(&self) -> String {
        latin1(&self.body)
    }

    /// Whether it says that the connection will close, or can only end that way.
    #[must_use]
    pub fn announces_close(&self) -> bool {
        self.headers.has_token("connection", "close")
            || (self.version == "HTTP/1.0" && !self.headers.has_token("connection", "keep-alive"))
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResponse {
    /// What came instead, if anything did.
    pub received: String,
    /// How the connection is; `Open` means that time ran out.
    pub end: End,
}

impl fmt::Display for NoResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no response: {}, after {:?}", self.end.as_str(), self.received)
    }
}

impl std::error::Error for NoResponse {}

/// One connection to what is tested.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    patience: Duration,
    handshake: Option<Handshake>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: Stream::new(TcpStream::connect(to).await?), patience: PATIENCE, handshake: None })
    }

    /// Connects from one of this machine's addresses.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn open_from(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(from, 0))?;
        Ok(Self { stream: Stream::new(socket.connect(to).await?), patience: PATIENCE, handshake: None })
    }

    /// A connection on which hands have been shaken.
    pub(crate) fn over_tls(socket: Socket, handshake: Handshake) -> Self {
        Self { stream: Stream::over(socket), patience: PATIENCE, handshake: Some(handshake) }
    }

    /// What the handshake of TLS came to, where there was one.
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// Another limit for waiting than 10 seconds.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Our address and port.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.stream.socket.tcp().local_addr()
    }

    /// Sends bytes. That the peer has closed shows when reading, so it is no error here: a server
    /// may answer and close before it has read everything.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = tokio::time::timeout(self.patience, self.stream.socket.write_all(bytes.as_ref())).await;
    }

    /// Sends a request.
    pub async fn send(&mut self, request: &Request) {
        self.write(request.to_bytes()).await;
    }

    /// Reads the response to a request of this method.
    ///
    /// # Errors
    /// When the connection ends, or time runs out, before a header section is complete.
    pub async fn response(&mut self, method: &str) -> Result<Response, NoResponse> {
        let mut response = self.response_at_once(method).await?;
        if response.complete {
            let limit = if response.announces_close() { CLOSING } else { STAYING };
            response.end = self.stream.watch(limit).await;
        }
        Ok(response)
    }

    /// Reads a response without looking what happens to the connection after it.
    pub(crate) async fn response_at_once(&mut self, method: &str) -> Result<Response, NoResponse> {
        let mut interim = Vec::new();
        loop {
            let Ok(Some(head)) = tokio::time::timeout(self.patience, self.stream.head()).await else {
                let received = latin1(&std::mem::take(&mut self.stream.buffer));
                return Err(NoResponse { received, end: self.stream.end });
            };
            let mut parts = head.line.splitn(3, ' ');
            let version = parts.next().unwrap_or_default().to_owned();
            let Some(status) = parts.next().and_then(|s| s.parse().ok()) else {
                let received = format!("{}\n{}", head.line, head.headers);
                return Err(NoResponse { received, end: self.stream.end });
            };
            let reason = parts.next().unwrap_or_default().to_owned();
            if (100..200).contains(&status) && status != 101 {
                interim.push((status, head.headers));
                continue;
            }
            let framing = Framing::of_response(method, status, &head.headers);
            let mut body = Body::default();
            // A body that never ends is an incomplete one on an open connection.
            let _ = tokio::time::timeout(self.patience, self.stream.body(framing, &mut body)).await;
            return Ok(Response {
                version,
                status,
                reason,
                headers: head.headers,
                body: body.bytes,
                trailers: body.trailers,
                complete: body.complete,
                interim,
                end: self.stream.end,
            });
        }
    }

    /// Sends a request and reads its response; both at once, because a server may answer, and stop
    /// reading, long before a large body is sent.
    ///
    /// # Errors
    /// As of [`Connection::response`].
    pub async fn exchange(&mut self, request: &Request) -> Result<Response, NoResponse> {
        let bytes = request.to_bytes();
        // What the kernel takes at once needs no second task.
        if bytes.len() <= 16 << 10 {
            self.write(&bytes).await;
            return self.response(request.method()).await;
        }
        let mut rest = bytes.as_slice();
        let send = async {
            while !rest.is_empty()
                && let Some(sent) = self.stream.write_or_fill(rest).await
            {
                rest = &rest[sent..];
            }
        };
        let _ = tokio::time::timeout(self.patience, send).await;
        self.response(request.method()).await
    }

    /// Everything until the end of the connection, or until nothing came for `quiet`.
    pub async fn rest(&mut self, quiet: Duration) -> (Vec<u8>, End) {
        while let Ok(true) = tokio::time::timeout(quiet, self.stream.fill()).await {}
        (std::mem::take(&mut self.stream.buffer), self.stream.end)
    }

    /// At least `count` bytes, unless the connection ends or time runs out first.
    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let limit = self.patience;
        let enough = async { while self.stream.buffer.len() < count && self.stream.fill().await {} };
        let _ = tokio::time::timeout(limit, enough).await;
        std::mem::take(&mut self.stream.buffer)
    }

    /// How the connection is; waits up to `limit` for an end.
    pub async fn end(&mut self, limit: Duration) -> End {
        self.stream.watch(limit).await
    }

    /// Says that we send no more, and keeps reading.
    pub async fn finish(&mut self) {
        // A peer that has closed already needs no telling.
        let _ = self.stream.socket.shutdown().await;
    }

    /// Cuts the connection.
    pub fn reset(self) {
        reset_on_close(self.stream.socket.tcp());
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// As of [`Connection::response`]; a refused connection is a reset one.
pub async fn exchange(to: SocketAddr, request: &Request) -> Result<Response, NoResponse> {
    let refused = |e: io::Error| NoResponse { received: format!("cannot connect: {e}"), end: End::Reset };
    Connection::open(to).await.map_err(refused)?.exchange(request).await
}
