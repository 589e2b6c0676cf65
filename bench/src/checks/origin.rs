//! One server that is every endpoint: it listens on all addresses of loopback, and says that all is well.

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Envoy makes all its checks at once, and the kernel lets 4096 connections wait for each who listens.
const LISTENERS: usize = 8;
const BACKLOG: u32 = 4096;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The server, for as long as the runtime is there that it was started in.
pub(super) struct Origin {
    pub(super) port: u16,
    requests: Arc<AtomicUsize>,
}

impl Origin {
    pub(super) async fn start() -> Result<Self, String> {
        let failed = |error| format!("the origin can't listen: {error}");
        let requests = Arc::new(AtomicUsize::new(0));
        let mut port = 0;
        for _ in 0..LISTENERS {
            let listener = listen(port).map_err(failed)?;
            port = listener.local_addr().map_err(failed)?.port();
            tokio::spawn(accept(listener, Arc::clone(&requests)));
        }
        Ok(Self { port, requests })
    }

    /// The number of checks over HTTP that it has answered.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// The kernel spreads connections over all that listen on a port.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind((Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, requests: Arc<AtomicUsize>) {
    loop {
        match listener.accept().await {
            // All of 127.0.0.0/8 is one network, so the others of the machine come in at this door too.
            Ok((stream, peer)) if peer.ip().is_loopback() => {
                tokio::spawn(serve(stream, Arc::clone(&requests)));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            // Without descriptors there is nothing to do until a connection ends.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
        }
    }
}

async fn serve(mut stream: TcpStream, requests: Arc<AtomicUsize>) {
    let mut request = Vec::with_capacity(256);
    // A check that only connects ends here without a word.
    while matches!(stream.read_buf(&mut request).await, Ok(1..)) {
        if request.ends_with(b"\r\n\r\n") {
            let closes =
                request.starts_with(b"OPTIONS") || memchr::memmem::find(&request, b"HTTP/1.0").is_some();
            requests.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(ANSWER).await.is_err() || closes {
                return;
            }
            request.clear();
        }
    }
}
