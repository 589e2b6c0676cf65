//! Accepting connections, and not keeping them for ever.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::bind::Bound;
use crate::state::Admin;

/// Connections at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1000;
/// A connection on which nothing moves for this long is closed.
const IDLE: Duration = Duration::from_secs(300);
/// The pause after a connection could not be accepted, for want of descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Gives one connection after the other to `axum`.
pub(crate) struct Acceptor {
    socket: Socket,
    free: Arc<Semaphore>,
    admin: Arc<Admin>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Acceptor {
    /// Has to be called on the runtime that is to serve.
    pub(crate) fn new(bound: Bound, admin: Arc<Admin>) -> io::Result<Self> {
        let socket = match bound {
            Bound::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)?),
            Bound::Unix(listener) => Socket::Unix(UnixListener::from_std(listener)?),
        };
        Ok(Self { socket, free: Arc::new(Semaphore::new(MAX_CONNECTIONS)), admin })
    }

    async fn try_accept(&self) -> io::Result<(Stream, Ends)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written as a whole; waiting to join them with more would only delay them.
                stream.set_nodelay(true)?;
                let ends = Ends { peer: Some(peer), local: Some(stream.local_addr()?) };
                Ok((Stream::Tcp(stream), ends))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Ends { peer: None, local: None }))
            }
        }
    }
}

impl Listener for Acceptor {
    type Io = Connection;
    type Addr = Ends;

    async fn accept(&mut self) -> (Connection, Ends) {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        loop {
            match self.try_accept().await {
                Ok((stream, ends)) => {
                    return (Connection::new(stream, permit, Arc::clone(&self.admin)), ends);
                }
                Err(error) => {
                    tracing::warn!(target: "admin", "cannot accept a connection to the admin server: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Ends> {
        let local = match &self.socket {
            Socket::Tcp(listener) => Some(listener.local_addr()?),
            Socket::Unix(_) => None,
        };
        Ok(Ends { peer: None, local })
    }
}

/// The addresses of a connection; none where it is a Unix socket's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
}

impl Connected<IncomingStream<'_, Acceptor>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Acceptor>) -> Self {
        *stream.remote_addr()
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection that ends when nothing moves on it, and is counted.
pub(crate) struct Connection {
    stream: Stream,
    idle: Pin<Box<Sleep>>,
    since: Instant,
    admin: Arc<Admin>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: Stream, permit: Option<OwnedSemaphorePermit>, admin: Arc<Admin>) -> Self {
        admin.own.connected();
        Self { stream, idle: Box::pin(sleep(IDLE)), since: Instant::now(), admin, _permit: permit }
    }

    /// Something moved, or it did not and time may be up.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE);
            return poll;
        }
        match self.idle.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let length = self.since.elapsed().as_millis();
        self.admin.own.disconnected(u64::try_from(length).unwrap_or(u64::MAX));
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        self.watch(cx, poll)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        self.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
