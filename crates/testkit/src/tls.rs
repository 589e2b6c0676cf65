//! TLS for clients and back-ends of tests.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, DigitallySignedStruct, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::client::Connection;
use crate::pki::{Identity, Pki};
use crate::streams::Streams;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that speaks TLS. It believes every server, and tells what it saw.
///
/// Clones share their memory of sessions.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: Option<String>,
}

/// What a handshake came to, seen from the side that is played by a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// `TLSv1.3`.
    pub version: String,
    /// Its cipher suite, as rustls calls it.
    pub cipher: String,
    /// Its group for the key exchange, as rustls calls it.
    pub group: String,
    /// The application protocol that was agreed on.
    pub alpn: Option<String>,
    /// The name that the client sent.
    pub server_name: Option<String>,
    /// The other side's certificates.
    pub peer: Vec<Vec<u8>>,
    /// An earlier session was taken up again.
    pub resumed: bool,
}

impl Handshake {
    /// The name of an identity of [`Pki`] whose certificate the other side has shown; `?` for another.
    #[must_use]
    pub fn peer_name(&self) -> Option<String> {
        let first = self.peer.first()?;
        let known = ["server", "a", "b", "rsa", "client", "other", "rogue", "old"];
        let is = |name: &&&str| Pki::get().identity(name).chain().first().is_some_and(|der| **der == **first);
        Some(known.iter().find(is).map_or_else(|| "?".to_owned(), |name| (*name).to_owned()))
    }
}

/// Everything about a [`TlsClient`] that can be chosen.
#[derive(Clone, Debug)]
pub struct TlsWish {
    name: Option<String>,
    versions: Vec<&'static SupportedProtocolVersion>,
    ciphers: Option<Vec<rustls::CipherSuite>>,
    alpn: Vec<Vec<u8>>,
    identity: Option<Identity>,
    only: Option<Vec<SignatureScheme>>,
    resumes: bool,
    doubts: bool,
}

impl Default for TlsWish {
    fn default() -> Self {
        Self {
            name: None,
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            ciphers: None,
            alpn: Vec::new(),
            identity: None,
            only: None,
            resumes: false,
            doubts: false,
        }
    }
}

impl TlsWish {
    /// A client that sends this name.
    #[must_use]
    pub fn to(name: &str) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// TLS 1.2 and nothing else.
    #[must_use]
    pub fn only_tls12(mut self) -> Self {
        self.versions = vec![&rustls::version::TLS12];
        self
    }

    /// TLS 1.3 and nothing else.
    #[must_use]
    pub fn only_tls13(mut self) -> Self {
        self.versions = vec![&rustls::version::TLS13];
        self
    }

    /// These cipher suites and no others, the dearest first.
    #[must_use]
    pub fn ciphers(mut self, suites: &[rustls::CipherSuite]) -> Self {
        self.ciphers = Some(suites.to_vec());
        self
    }

    /// Application protocols, the dearest first.
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// With a certificate of [`Pki`].
    #[must_use]
    pub fn certificate(self, name: &str) -> Self {
        self.identity(Pki::get().identity(name))
    }

    /// With a certificate.
    #[must_use]
    pub fn identity(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Takes no other signatures of servers.
    #[must_use]
    pub fn signatures(mut self, schemes: &[SignatureScheme]) -> Self {
        self.only = Some(schemes.to_vec());
        self
    }

    /// Takes up earlier sessions again.
    #[must_use]
    pub fn resumes(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Believes no server, and says so.
    #[must_use]
    pub fn doubts(mut self) -> Self {
        self.doubts = true;
        self
    }

    /// The client.
    ///
    /// # Panics
    /// If no TLS is possible that way.
    #[must_use]
    pub fn client(self) -> TlsClient {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(ciphers) = &self.ciphers {
            provider.cipher_suites.retain(|suite| ciphers.contains(&suite.suite()));
            provider.cipher_suites.sort_by_key(|suite| ciphers.iter().position(|one| *one == suite.suite()));
        }
        let believing = Arc::new(Believing {
            only: self.only.clone(),
            provider: aws_lc_rs::default_provider(),
            doubts: self.doubts,
        });
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .expect("versions that fit the cipher suites")
            .dangerous()
            .with_custom_certificate_verifier(believing);
        let mut config = match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain(), identity.private_key())
                .expect("a key that belongs to the certificate"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        config.enable_sni = self.name.is_some();
        if !self.resumes {
            config.resumption = rustls::client::Resumption::disabled();
        }
        TlsClient { config: Arc::new(config), name: self.name }
    }
}

impl TlsClient {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// Those of the handshake, in the words of rustls.
    pub async fn open(&self, to: SocketAddr) -> Result<Connection, String> {
        let socket = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
        self.over(socket).await
    }

    /// Shakes hands on a connection that is there already.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub async fn over(&self, socket: TcpStream) -> Result<Connection, String> {
        let (socket, seen) = self.shaken(socket).await?;
        Ok(Connection::over_tls(socket, seen))
    }

    /// Connects, shakes hands and speaks HTTP/2, whatever was agreed on.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub async fn streams(&self, to: SocketAddr) -> Result<Streams, String> {
        let socket = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
        let (socket, _) = self.shaken(socket).await?;
        Streams::over(socket).await
    }

    async fn shaken(&self, socket: TcpStream) -> Result<(Socket, Handshake), String> {
        let _ = socket.set_nodelay(true);
        let name = self.name.clone().unwrap_or_else(|| "nobody.invalid".to_owned());
        let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.config));
        match tokio::time::timeout(PATIENCE, connector.connect(name, socket)).await {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let seen = handshake(session, self.name.clone());
                Ok((Socket::Tls(Box::new(stream.into())), seen))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("time is up".to_owned()),
        }
    }
}

/// How a back-end speaks TLS.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    pub(crate) seen: Arc<Mutex<Vec<Result<Handshake, String>>>>,
}

impl TlsServer {
    /// A server with an identity of [`Pki`]; with `client_ca` it demands certificates of clients.
    ///
    /// # Panics
    /// If there is no such identity.
    #[must_use]
    pub fn new(identity: &str, client_ca: bool, alpn: &[&str]) -> Self {
        Self::with(Pki::get().identity(identity), client_ca, alpn, rustls::ALL_VERSIONS)
    }

    /// A server with any identity and versions of TLS.
    ///
    /// # Panics
    /// If no TLS is possible that way.
    #[must_use]
    pub fn with(
        identity: &Identity,
        client_ca: bool,
        alpn: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions that fit the cipher suites");
        let builder = if client_ca {
            let mut roots = RootCertStore::empty();
            roots.add(Pki::get().authority.root()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a root to verify with"))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(identity.chain(), identity.private_key())
            .expect("a key that belongs to the certificate");
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), seen: Arc::default() }
    }

    /// What came of each handshake, in order.
    #[must_use]
    pub fn handshakes(&self) -> Vec<Result<Handshake, String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shakes hands as the server; what comes of it is kept.
    pub(crate) async fn accept(&self, socket: TcpStream) -> Option<Socket> {
        let _ = socket.set_nodelay(true);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config));
        let result = tokio::time::timeout(PATIENCE, acceptor.accept(socket)).await;
        let (socket, seen) = match result {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let name = session.server_name().map(str::to_owned);
                let seen = handshake(session, name);
                (Some(Socket::Tls(Box::new(stream.into()))), Ok(seen))
            }
            Ok(Err(error)) => (None, Err(error.to_string())),
            Err(_) => (None, Err("time is up".to_owned())),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        socket
    }
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsServer")
    }
}

fn handshake(session: &rustls::CommonState, server_name: Option<String>) -> Handshake {
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    };
    Handshake {
        version,
        cipher: session
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()))
            .unwrap_or_default(),
        group: session
            .negotiated_key_exchange_group()
            .map(|group| format!("{:?}", group.name()))
            .unwrap_or_default(),
        alpn: session.alpn_protocol().map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
        server_name,
        peer: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect(),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    }
}

/// Takes every certificate, or none.
#[derive(Debug)]
struct Believing {
    only: Option<Vec<SignatureScheme>>,
    provider: CryptoProvider,
    doubts: bool,
}

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.doubts {
            return Err(rustls::CertificateError::UnknownIssuer.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.only
            .clone()
            .unwrap_or_else(|| self.provider.signature_verification_algorithms.supported_schemes())
    }
}

/// A connection with or without TLS.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::TlsStream<TcpStream>>),
}

impl Socket {
    /// What lies below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Whether HTTP/2 may be spoken on it: with TLS both sides have to have chosen it.
    pub(crate) fn agreed_on_http2(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    fn as_stream(&mut self) -> Pin<&mut (dyn Duplex + Unpin)> {
        match self {
            Self::Tcp(socket) => Pin::new(socket),
            Self::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Duplex for T {}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().as_stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().as_stream().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().as_stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().as_stream().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Reply, Request};

    #[tokio::test]
    async fn both_sides_tell_what_the_handshake_came_to() {
        let tls = TlsServer::new("server", true, &["h2", "http/1.1"]);
        let backend = Backend::start_tls(tls, Reply::ok("over TLS")).await;
        let client = TlsWish::to("x.lab.test").alpn(&["http/1.1"]).certificate("client").client();
        let mut connection = client.open(backend.address()).await.unwrap();
        assert_eq!(connection.exchange(&Request::get("/")).await.unwrap().text(), "over TLS");
        let seen = connection.handshake().unwrap();
        assert_eq!((seen.version.as_str(), seen.alpn.as_deref()), ("TLSv1.3", Some("http/1.1")));
        assert_eq!(seen.peer_name().as_deref(), Some("server"));
        let there = backend.handshakes().remove(0).unwrap();
        assert_eq!(there.server_name.as_deref(), Some("x.lab.test"));
        assert_eq!(there.peer_name().as_deref(), Some("client"));
        let stranger = TlsWish::to("x.lab.test").certificate("rogue").client();
        let mut refused = stranger.open(backend.address()).await.unwrap();
        assert!(refused.exchange(&Request::get("/")).await.is_err(), "told behind the handshake (RFC 8446)");
        assert!(backend.handshakes().remove(1).is_err());
    }
}
