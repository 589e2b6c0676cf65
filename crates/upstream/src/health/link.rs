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
use causeway_tls::client::{Wanted, take_asked};
use causeway_tls::verify::take_rejection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cluster::Cluster;
use crate::connect::{ConnectPhase, Stream, connect, connect_failure, probe};
use crate::handshake::{
    HandshakeError, HandshakeSeen, count_handshake, handshake_failure, handshake_not_ready, stat_of,
};
use crate::host::Host;
use crate::sockets::{Socket, ready};
use crate::stats::ClusterSslStat;

/// A connection of a health check.
#[derive(Debug)]
pub(crate) enum Link {
    Plain(Stream),
    Tls(Box<TlsStream<Stream>>),
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
            write_header(&mut header, version, &stream);
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
        let (config, name, shown) = settings.connection(&Wanted {
            hostname: self.host.hostname(),
            address: address.ip().map(|address| address.ip()),
            server_name: None,
            expected: None,
            alpn: if http { &["http/1.1"] } else { &[] },
            alpn_override: &self.config.alpn,
        });
        let mut seen = HandshakeSeen {
            has_certificate: settings.identity.is_some(),
            server_name: shown,
            ..HandshakeSeen::default()
        };
        let mut connecting = Box::pin(TlsConnector::from(config).connect(name, stream));
        let result = std::future::poll_fn(|cx| {
            let _ = (take_asked(), take_rejection());
            let polled = connecting.as_mut().poll(cx);
            seen.asked |= take_asked();
            if let Poll::Ready(Err(_)) = &polled {
                seen.rejection = take_rejection();
            }
            polled
        })
        .await;
        match result {
            Ok(stream) => {
                if let Some(ssl) = &self.ssl {
                    count_handshake(ssl, stream.get_ref().1, settings);
                }
                Ok(Link::Tls(Box::new(stream)))
            }
            Err(error) => {
                seen.elapsed = began.elapsed();
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
                let error = inner.map_or(HandshakeError::Io(error), HandshakeError::Tls);
                let (failure, counter) = handshake_failure(address, &error, &seen);
                if let (Some(ssl), Some(counter)) = (&self.ssl, counter) {
                    ssl.inc(stat_of(counter));
                }
                Err(failure)
            }
        }
    }
}

/// The header of a check, which speaks for nobody: version 1 has the ends of the connection itself, as with Envoy.
fn write_header(out: &mut Vec<u8>, version: ProxyProtocolVersion, stream: &Stream) {
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
    pub(crate) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Appends what comes; 0 is the end.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
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
