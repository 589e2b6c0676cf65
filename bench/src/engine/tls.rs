//! The load side of TLS: clients that encrypt, and an origin that does not, around one runtime in one thread.
//!
//! It spends more on a request than the loop that speaks plain HTTP, and on handshakes as much as the proxy. What is
//! compared is the proxy's own processor time for each request, which does not depend on that.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_testkit::Pki;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Errors, Outcome, Request};
use crate::histogram::Histogram;
use crate::usage::{Cpu, of_this_thread};

/// What the origin answers.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

/// How many connections are opened at the same time that are idle in the end.
const GROUP: usize = 32;

/// Clients of TLS, and an origin.
pub(crate) struct TlsEngine {
    runtime: Runtime,
    tasks: LocalSet,
    port: u16,
    connector: TlsConnector,
    /// Connections that are held.
    held: Vec<TlsStream<TcpStream>>,
}

/// What the clients count together.
struct Tally {
    requests: u64,
    errors: Errors,
    latencies: Histogram,
}

impl TlsEngine {
    /// An origin that listens, without clients.
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        tasks.spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(socket));
            }
        });
        let connector = Arc::new(client_config(&[])?).into();
        Ok(Self { runtime, tasks, port, connector, held: Vec::new() })
    }

    /// The port of the origin.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// So many clients that ask the proxy, for the warm-up and for the time that is measured.
    pub(crate) fn run(
        &mut self,
        proxy: SocketAddr,
        request: &Request,
        clients: usize,
        times: (Duration, Duration),
        pids: &[u32],
    ) -> Outcome {
        let tally = Rc::new(RefCell::new(Tally::new()));
        let asks: Vec<_> = (0..clients)
            .map(|_| {
                let (connector, request, tally) =
                    (self.connector.clone(), request.clone(), Rc::clone(&tally));
                self.tasks.spawn_local(ask(connector, proxy, request, tally))
            })
            .collect();
        let wait = |time: Duration| self.tasks.run_until(async move { tokio::time::sleep(time).await });
        self.runtime.block_on(wait(times.0));
        *tally.borrow_mut() = Tally::new();
        let (start, cpu, load) = (Instant::now(), Cpu::of(pids), of_this_thread());
        self.runtime.block_on(wait(times.1));
        let (wall, cpu, load) = (start.elapsed(), Cpu::of(pids).since(cpu), of_this_thread() - load);
        asks.iter().for_each(tokio::task::JoinHandle::abort);
        let tally = tally.borrow();
        Outcome {
            requests: tally.requests,
            errors: tally.errors,
            wall,
            cpu,
            load_busy: load / (wall.as_secs_f64() * 1e6),
            latencies: tally.latencies.clone(),
        }
    }

    /// So many more connections that have one response each and then say no more.
    pub(crate) fn idle(&mut self, proxy: SocketAddr, request: &Request, clients: usize) -> Errors {
        let mut errors = Errors::default();
        let mut left = clients;
        while left > 0 && errors.sum() == 0 {
            let wanted = GROUP.min(left);
            left -= wanted;
            let opens = (0..wanted).map(|_| {
                let (connector, request) = (self.connector.clone(), request.clone());
                self.tasks.spawn_local(async move {
                    let mut stream = open(&connector, proxy).await?;
                    exchange(&mut stream, &request).await.then_some(stream)
                })
            });
            let opens: Vec<_> = opens.collect();
            for open in opens {
                match self.runtime.block_on(self.tasks.run_until(open)) {
                    Ok(Some(stream)) => self.held.push(stream),
                    Ok(None) | Err(_) => errors.reset += 1,
                }
            }
        }
        errors
    }
}

impl Tally {
    fn new() -> Self {
        Self { requests: 0, errors: Errors::default(), latencies: Histogram::new() }
    }
}

/// Clients that believe the certificate, and offer these protocols.
pub(super) fn client_config(protocols: &[&[u8]]) -> std::io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(Pki::get().authority.root()).map_err(std::io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Each handshake is a full one: it is what is measured.
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Asks again and again.
async fn ask(connector: TlsConnector, proxy: SocketAddr, request: Request, tally: Rc<RefCell<Tally>>) {
    let mut stream = None;
    loop {
        let begun = Instant::now();
        let mut current = match stream.take() {
            Some(stream) => stream,
            None => match open(&connector, proxy).await {
                Some(stream) => stream,
                None => {
                    tally.borrow_mut().errors.refused += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
        };
        let answered = exchange(&mut current, &request).await;
        let mut tally = tally.borrow_mut();
        if answered {
            tally.requests += 1;
            tally.latencies.add(begun.elapsed());
            stream = (!request.reconnect).then_some(current);
        } else {
            tally.errors.short += 1;
        }
    }
}

async fn open(connector: &TlsConnector, proxy: SocketAddr) -> Option<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(proxy).await.ok()?;
    let _ = socket.set_nodelay(true);
    connector.connect(ServerName::try_from("lab.test").ok()?, socket).await.ok()
}

/// Sends a request and reads a complete response of status 200.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &Request) -> bool {
    if stream.write_all(&request.head).await.is_err() || stream.flush().await.is_err() {
        return false;
    }
    let mut read = Vec::with_capacity(1024);
    loop {
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
        if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
            // The body is the origin's two bytes.
            if read.len() >= end + 4 + 2 {
                return read.starts_with(b"HTTP/1.1 200");
            }
        }
    }
}

/// Answers every head.
async fn serve(mut socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let mut read = Vec::with_capacity(1024);
    while matches!(socket.read_buf(&mut read).await, Ok(1..)) {
        while let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
            read.drain(..end + 4);
            if socket.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}
