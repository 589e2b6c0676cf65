//! The connection of a health check: with what the cluster's transport socket puts around the bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use causeway_inspect::proxy::{Addresses, write_v1, write_v1_unknown, write_v2};
use causeway_model::{Address, BindConfig, HealthCheck, HealthChecker, ProxyProtocolVersion};
use causeway_reason::Failure;
use causeway_stats::Shard;
use causeway_tls::client::Wanted;
use causeway_tls::names;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::cluster::Cluster;
use crate::connect::{ConnectPhase, Stream, connect, connect_failure, probe};
use crate::handshake::{count_handshake, handshake_not_ready, stat_of};
use crate::health::request::{AGENT, Asked};
use crate::host::Host;
use crate::shake::{NotShaken, shake_hands};
use crate::sockets::{Socket, ready};
use crate::stats::ClusterSslStat;

/// A connection to a back-end with what the transport socket puts around the bytes: that of a health check, or of whoever
/// examines a back-end.
#[derive(Debug)]
pub enum Link {
    /// Nothing is put around them.
    Plain(Stream),
    /// TLS.
    Tls(Box<TlsStream<Stream>>),
}

/// What was agreed upon in a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The version, `TLSv1.2`.
    pub version: &'static str,
    /// The protocol by ALPN, where one was chosen.
    pub alpn: Option<String>,
    /// The back-end's certificates as DER, its own first.
    pub certificates: Vec<Vec<u8>>,
}

/// How connections of health checks of a host are made.
#[derive(Debug)]
pub(crate) struct Linker {
    config: Arc<HealthCheck>,
    cluster: Arc<Cluster>,
    host: Arc<Host>,
    ssl: Option<Shard<ClusterSslStat>>,
}

impl Linker {
    pub(crate) fn new(config: Arc<HealthCheck>, cluster: Arc<Cluster>, host: Arc<Host>) -> Self {
        let main = cluster.registry().main_shard();
        let ssl = cluster.sockets().ssl().map(|ssl| ssl.shard(main));
        Self { config, cluster, host, ssl }
    }

    fn source(&self) -> Option<&BindConfig> {
        self.cluster.config().upstream_bind_config.as_deref()
    }

    /// What is spoken with the host: the check may choose in place of the endpoint.
    fn socket(&self) -> Option<&Arc<Socket>> {
        match &self.config.transport_socket_match_criteria {
            Some(criteria) => self.cluster.sockets().of_criteria(criteria),
            None => self.cluster.sockets().of(&self.host),
        }
    }

    /// Who is asked, at this address.
    pub(crate) fn asked<'a>(&'a self, address: &'a Address) -> Asked<'a> {
        Asked {
            address,
            hostname: self.host.hostname(),
            metadata: self.host.metadata(),
            secure: self.socket().is_some_and(|socket| socket.tls.is_some()),
            agent: AGENT,
        }
    }

    /// Finds out whether the host takes connections; with TLS, whether it shakes hands. Without, no header is sent
    /// either, as with Envoy: it would go out with what is said first.
    pub(crate) async fn reach(&self, address: &Address) -> Result<(), Failure> {
        match self.socket().and_then(|socket| socket.tls.as_ref()) {
            Some(_) => self.connect(address).await.map(drop),
            None => probe(address, self.source()).await,
        }
    }

    /// Connects, says what is to be said first, and shakes hands.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Link, Failure> {
        let began = Instant::now();
        let mut stream = connect(address, None, self.source()).await?;
        let socket = self.socket();
        let of_socket = socket.and_then(|socket| socket.proxy_protocol.as_ref());
        let of_check = match &self.config.checker {
            HealthChecker::Tcp(tcp) => tcp.proxy_protocol.as_ref(),
            HealthChecker::Http(_) | HealthChecker::Grpc(_) => None,
        };
        let versions = [of_socket.map(|socket| socket.config.version), of_check.map(|config| config.version)];
        let mut header = Vec::new();
        for version in versions.into_iter().flatten() {
            write_proxy_header(&mut header, version, &stream);
        }
        if !header.is_empty() {
            stream.write_all(&header).await.map_err(|error| {
                connect_failure(address, &error, ConnectPhase::Delayed, began.elapsed(), None)
            })?;
        }
        match socket.and_then(|socket| socket.tls.as_ref()) {
            Some(tls) => self.shake_hands(stream, address, tls, began).await,
            None => Ok(Link::Plain(stream)),
        }
    }

    async fn shake_hands(
        &self,
        stream: Stream,
        address: &Address,
        tls: &crate::sockets::Tls,
        began: Instant,
    ) -> Result<Link, Failure> {
        let not_ready = |why| {
            let main = self.cluster.registry().main_shard();
            self.cluster.sockets().count_unusable(&why, main);
            handshake_not_ready(address, &why)
        };
        let state = tls.settings().map_err(not_ready)?;
        let Some(settings) = ready(&state) else {
            let why = crate::sockets::Unusable::Broken("the context is not ready".to_owned());
            return Err(not_ready(why));
        };
        let http = matches!(self.config.checker, HealthChecker::Http(_));
        let wanted = Wanted {
            hostname: self.host.hostname(),
            address: address.ip().map(|address| address.ip()),
            server_name: None,
            expected: None,
            alpn: if http { &["http/1.1"] } else { &[] },
            alpn_override: &self.config.alpn,
        };
        match shake_hands(stream, address, settings, &wanted, began).await {
            Ok(shaken) => {
                if let Some(ssl) = &self.ssl {
                    count_handshake(ssl, shaken.stream.get_ref().1, settings);
                }
                Ok(Link::Tls(shaken.stream))
            }
            Err(NotShaken { failure, counter, .. }) => {
                if let (Some(ssl), Some(counter)) = (&self.ssl, counter) {
                    ssl.inc(stat_of(counter));
                }
                Err(failure)
            }
        }
    }
}

/// The PROXY header of who speaks for nobody, such as a check: version 1 has the ends of the connection itself, as with
/// Envoy.
pub fn write_proxy_header(out: &mut Vec<u8>, version: ProxyProtocolVersion, stream: &Stream) {
    match (version, stream) {
        (ProxyProtocolVersion::V1, Stream::Tcp(tcp)) => match (tcp.local_addr(), tcp.peer_addr()) {
            (Ok(source), Ok(destination)) => write_v1(out, &Addresses { source, destination }),
            _ => write_v1_unknown(out),
        },
        (ProxyProtocolVersion::V1, Stream::Unix(_)) => write_v1_unknown(out),
        (ProxyProtocolVersion::V2, _) => {
            // Without TLVs it always fits.
            let _ = write_v2(out, None, [], false);
        }
    }
}

impl Link {
    /// What was agreed upon, where there was a handshake.
    #[must_use]
    pub fn agreed(&self) -> Option<Agreed> {
        let Self::Tls(stream) = self else { return None };
        let session = stream.get_ref().1;
        Some(Agreed {
            version: session.protocol_version().map_or("", names::version),
            alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            certificates: session
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
        })
    }

    /// Sends it all.
    ///
    /// # Errors
    ///
    /// As the connection fails.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Appends what comes; 0 is the end.
    ///
    /// # Errors
    ///
    /// As the connection fails.
    pub async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        into.reserve(4096);
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }

    /// Whether an idle connection is still open, and nothing came on it.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut room = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        match self {
            Self::Plain(stream) => stream.is_quiet(),
            // What TLS says for itself, such as tickets, is no answer to anything.
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(&mut cx, &mut room).is_pending(),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, room),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, room),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

impl Stream {
    fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let read = match self {
            Self::Tcp(stream) => stream.try_read(&mut byte),
            Self::Unix(stream) => stream.try_read(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, room),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
