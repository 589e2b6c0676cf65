//! Configurations, back-ends and a place to run them for tests with real sockets.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod config;
pub(crate) mod dns;
pub(crate) mod log;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_stats::{Reading, Registry};
use causeway_upstream::{ClusterManager, ManagerOptions};
pub(crate) use config::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Runs a test on one thread, for at most ten seconds.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited =
        async { tokio::time::timeout(Duration::from_secs(10), test).await.expect("the test hangs") };
    LocalSet::new().block_on(&runtime, limited);
}

/// Waits until something is true, for at most five seconds.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < Duration::from_secs(5), "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn manager() -> (ClusterManager, Arc<Registry>) {
    let registry = Registry::new(1);
    (ClusterManager::new(Arc::clone(&registry), ManagerOptions { seed: 1, descriptors: None }), registry)
}

/// The value of a counter or gauge by its full name; 0 where there is none.
pub(crate) fn stat(registry: &Registry, name: &str) -> i64 {
    for scope in registry.read() {
        for sample in &scope.samples {
            if format!("{}.{}", scope.scope.path(), sample.name) == name {
                return match sample.reading {
                    Reading::Counter(count) => i64::try_from(count).unwrap(),
                    Reading::Gauge(value, _) => value,
                    Reading::Histogram(_) => 0,
                };
            }
        }
    }
    0
}

/// What a back-end does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Sends this and waits for the next request.
    Answer(String),
    /// Sends this and closes.
    AnswerAndClose(String),
    /// Closes.
    Close,
    /// Says nothing.
    Hang,
}

impl Behaviour {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(format!("HTTP/1.1 {status} Text\r\ncontent-length: 2\r\n\r\nok"))
    }
}

/// A server on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    behaviour: Rc<RefCell<Behaviour>>,
    pub(crate) requests: Rc<RefCell<Vec<String>>>,
    pub(crate) connections: Rc<Cell<usize>>,
}

impl Backend {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), behaviour).await
    }

    pub(crate) async fn start_at(address: SocketAddr, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            behaviour: Rc::new(RefCell::new(behaviour)),
            requests: Rc::default(),
            connections: Rc::default(),
        };
        let server = this.clone();
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.connections.set(server.connections.get() + 1);
                spawn_local(server.clone().serve(stream));
            }
        });
        this
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.borrow_mut() = behaviour;
    }

    async fn serve(self, mut stream: TcpStream) {
        loop {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_buf(&mut request).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
            self.requests.borrow_mut().push(String::from_utf8(request).unwrap());
            let behaviour = self.behaviour.borrow().clone();
            match behaviour {
                Behaviour::Answer(text) => drop(stream.write_all(text.as_bytes()).await),
                Behaviour::AnswerAndClose(text) => return drop(stream.write_all(text.as_bytes()).await),
                Behaviour::Close => return,
                Behaviour::Hang => std::future::pending().await,
            }
        }
    }
}

/// An address where nobody listens.
pub(crate) fn dead() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}
