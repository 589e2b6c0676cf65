//! An upstream that plays a part.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::answer::{Act, Answer};
use crate::http2;
use crate::message::{Body, Framing, Received};
use crate::script::Script;
use crate::stream::{Stream, reset_on_close};
use crate::tls::{Handshake, TlsServer};
use crate::wait::eventually;

/// A server on a port of its own that does what its [`Script`] says and remembers what it was asked.
///
/// It lives in the runtime of the test and ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
    tls: Option<TlsServer>,
}

#[derive(Debug)]
struct Seen {
    script: Mutex<Script>,
    received: Mutex<Vec<Received>>,
    requests: AtomicUsize,
    connections: AtomicUsize,
    open: AtomicUsize,
    first_bytes: Mutex<Vec<u8>>,
    resets: Mutex<Vec<(usize, u32)>>,
}

impl http2::Service for Arc<Seen> {
    fn begun(&self) -> (usize, bool) {
        (self.requests.fetch_add(1, Ordering::AcqRel), !lock(&self.script).early)
    }

    fn received(&self, request: Received) -> Answer {
        let script = lock(&self.script).clone();
        lock(&self.received).push(request.clone());
        script.answer(&request)
    }

    fn first_bytes(&self, bytes: &[u8]) {
        lock(&self.first_bytes).extend_from_slice(bytes);
    }

    fn was_reset(&self, request: usize, code: u32) {
        lock(&self.resets).push((request, code));
    }
}

impl Backend {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(script: impl Into<Script>) -> Self {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), script).await
    }

    /// Starts on a free port of 127.0.0.1, with TLS.
    pub async fn start_tls(tls: TlsServer, script: impl Into<Script>) -> Self {
        Self::start_with((Ipv4Addr::LOCALHOST, 0).into(), Some(tls), script.into()).await
    }

    /// Starts on this address, for a back-end that comes back where it was or that has an address of
    /// its own.
    pub async fn start_on(address: SocketAddr, script: impl Into<Script>) -> Self {
        Self::start_with(address, None, script.into()).await
    }

    async fn start_with(address: SocketAddr, tls: Option<TlsServer>, script: Script) -> Self {
        // The one before may be about to go: its socket closes when its task is taken down.
        let end = Instant::now() + Duration::from_secs(5);
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(e) if e.kind() == ErrorKind::AddrInUse && Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(e) => panic!("back-end cannot listen on {address}: {e}"),
            }
        };
        let address = listener.local_addr().unwrap_or(address);
        let seen = Arc::new(Seen {
            script: Mutex::new(script),
            received: Mutex::default(),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            first_bytes: Mutex::default(),
            resets: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, tls.clone(), Arc::clone(&seen)));
        Self { address, seen, task, tls }
    }

    /// What came of each handshake, in order; nothing without TLS.
    #[must_use]
    pub fn handshakes(&self) -> Vec<Result<Handshake, String>> {
        self.tls.as_ref().map(TlsServer::handshakes).unwrap_or_default()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Another part from the next request on, also on connections that are open.
    pub fn play(&self, script: impl Into<Script>) {
        *lock(&self.seen.script) = script.into();
    }

    /// The number of connections it ever accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Acquire)
    }

    /// The number of connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.seen.open.load(Ordering::Acquire)
    }

    /// The first bytes of connections of HTTP/2, one after the other.
    #[must_use]
    pub fn first_bytes(&self) -> Vec<u8> {
        lock(&self.seen.first_bytes).clone()
    }

    /// Which requests were reset by the client, in HTTP/2, and with which error codes.
    #[must_use]
    pub fn resets(&self) -> Vec<(usize, u32)> {
        lock(&self.seen.resets).clone()
    }

    /// The requests it has read, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.seen.received).clone()
    }

    /// The number of requests whose header section it has read.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::Acquire)
    }

    /// Waits until that many requests have come; false if they do not come in five seconds.
    pub async fn wait_for_requests(&self, count: usize) -> bool {
        eventually(Duration::from_secs(5), async || self.requests() >= count).await
    }

    /// Stops listening and closes all connections.
    pub async fn stop(mut self) {
        self.task.abort();
        // Only when the task is gone are its sockets closed; that it was aborted is no news.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsServer>, seen: Arc<Seen>) {
    // The connections are aborted with the set, the set with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let number = seen.connections.fetch_add(1, Ordering::AcqRel);
        let open = Open::new(Arc::clone(&seen));
        let tls = tls.clone();
        let http2 = lock(&seen.script).http2;
        connections.spawn(async move {
            let stream = match tls {
                None => Stream::new(socket),
                Some(tls) => match tls.accept(socket).await {
                    Some(socket) => Stream::over(socket),
                    None => return,
                },
            };
            match http2.filter(|_| stream.socket.agreed_on_http2()) {
                Some(settings) => {
                    http2::serve(stream.socket, number, settings, Arc::clone(&open.0)).await;
                }
                None => serve(stream, number, &open.0).await,
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Counts a connection as open for as long as its task has it.
struct Open(Arc<Seen>);

impl Open {
    fn new(seen: Arc<Seen>) -> Self {
        seen.open.fetch_add(1, Ordering::AcqRel);
        Self(seen)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn serve(mut stream: Stream, connection: usize, seen: &Seen) {
    let greeting = lock(&seen.script).greeting.clone();
    if !perform(&mut stream, &greeting, None).await {
        return;
    }
    while let Some(head) = stream.head().await {
        let number = seen.requests.fetch_add(1, Ordering::AcqRel);
        let script = lock(&seen.script).clone();
        let mut body = Body::default();
        if !script.early {
            if head.headers.has_token("expect", "100-continue") {
                let _ = stream.socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            }
            stream.body(Framing::of_request(&head.headers), &mut body).await;
        }
        let mut line = head.line.splitn(3, ' ').map(str::to_owned);
        let mut next = || line.next().unwrap_or_default();
        let request = Received {
            connection,
            number,
            method: next(),
            target: next(),
            version: next(),
            headers: head.headers,
            body: body.bytes,
            trailers: body.trailers,
            complete: body.complete,
        };
        lock(&seen.received).push(request.clone());
        let asked_to_close = request.headers.has_token("connection", "close");
        if !perform(&mut stream, &script.answer(&request), Some(&request)).await || asked_to_close {
            return;
        }
    }
}

/// Does what the answer says; false when the connection is not to be used after it.
async fn perform(stream: &mut Stream, answer: &Answer, request: Option<&Received>) -> bool {
    for act in &answer.0 {
        let sent = match act {
            Act::Reply(reply) => stream.socket.write_all(&reply.to_bytes(request)).await,
            Act::Frames(_) => panic!("frames belong to a script that speaks HTTP/2"),
            Act::Send(bytes) => stream.socket.write_all(bytes).await,
            Act::Fill(length) => fill(stream, *length).await,
            Act::Pause(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Act::Finish => stream.socket.shutdown().await,
            Act::Close => return false,
            Act::Reset => {
                reset_on_close(stream.socket.tcp());
                return false;
            }
            Act::Hang => {
                while stream.fill().await {
                    stream.buffer.clear();
                }
                return false;
            }
            Act::EchoBytes => loop {
                let bytes = std::mem::take(&mut stream.buffer);
                if stream.socket.write_all(&bytes).await.is_err() || !stream.fill().await {
                    return false;
                }
            },
        };
        if sent.is_err() {
            return false;
        }
    }
    true
}

/// Sends so many bytes from a few.
async fn fill(stream: &mut Stream, mut length: usize) -> std::io::Result<()> {
    static BYTES: [u8; 16 << 10] = [b'f'; 16 << 10];
    while length > 0 {
        let count = length.min(BYTES.len());
        stream.socket.write_all(&BYTES[..count]).await?;
        length -= count;
    }
    Ok(())
}

/// A test that has failed while it held the lock must not hide behind a second panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connection, End, Reply, Request, exchange};

    #[tokio::test]
    async fn echoes_the_request_with_order_and_case() {
        let backend = Backend::start(Script::echo()).await;
        let request = Request::post("/x?q=1", "body").header("X-B", "2").header("x-a", "1");
        let response = exchange(backend.address(), &request).await.unwrap();
        let echo: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(echo["method"], "POST");
        assert_eq!(echo["target"], "/x?q=1");
        assert_eq!(echo["headers"][1], serde_json::json!(["X-B", "2"]));
        assert_eq!(echo["body"], "body");
        assert_eq!((backend.connections(), backend.requests(), response.end), (1, 1, End::Open));
    }

    #[tokio::test]
    async fn plays_answers_in_turn_and_can_change_its_mind() {
        let backend = Backend::start(Script::in_turn([Reply::status(503), Reply::ok("fine")])).await;
        let mut client = Connection::open(backend.address()).await.unwrap();
        let mut ask = async || client.exchange(&Request::get("/")).await.unwrap().status;
        assert_eq!((ask().await, ask().await, ask().await), (503, 200, 200));
        backend.play(Reply::status(404));
        assert_eq!(ask().await, 404);
        assert_eq!((backend.connections(), backend.open_connections()), (1, 1));
    }

    #[tokio::test]
    async fn closes_resets_and_hangs() {
        let ends = [(Answer::close(), End::Fin), (Answer::reset(), End::Reset), (Answer::hang(), End::Open)];
        for (answer, end) in ends {
            let backend = Backend::start(answer).await;
            let client = Connection::open(backend.address()).await.unwrap();
            let error =
                client.patience(Duration::from_millis(50)).exchange(&Request::get("/")).await.unwrap_err();
            assert_eq!(error.end, end);
        }
    }

    #[tokio::test]
    async fn switches_to_bytes() {
        let backend = Backend::start(Answer::websocket()).await;
        let mut client = Connection::open(backend.address()).await.unwrap();
        client.send(&Request::get("/").header("Upgrade", "websocket")).await;
        assert_eq!(client.response("GET").await.unwrap().status, 101);
        client.write("ping").await;
        assert_eq!(client.read(4).await, b"ping");
    }

    #[tokio::test]
    async fn speaks_http2_where_it_is_told_to() {
        use bytes::Bytes;
        let reply = Reply::ok("body").header("x-a", "1").trailer("x-t", "2");
        let backend = Backend::start(Script::always(reply).http2()).await;
        let socket = tokio::net::TcpStream::connect(backend.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::post("http://a.test/x?q").body(()).unwrap();
        let (response, mut sending) = client.send_request(request, false).unwrap();
        sending.send_data(Bytes::from_static(b"asked"), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().get("x-a").unwrap().as_bytes()),
            (200, &b"1"[..])
        );
        let mut body = response.into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "body");
        assert_eq!(body.trailers().await.unwrap().unwrap().get("x-t").unwrap(), "2");
        let received = backend.received().remove(0);
        assert_eq!((received.target.as_str(), received.body.as_slice()), ("/x?q", &b"asked"[..]));
        assert_eq!(received.headers.get(":authority"), Some("a.test"));

        backend.play(Answer::frames([crate::Frame::reset(7)]));
        let request = http::Request::get("http://a.test/").body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap_err().reason(), Some(h2::Reason::REFUSED_STREAM));
        connection.abort();
    }

    #[tokio::test]
    async fn is_gone_when_stopped_and_back_when_started() {
        let backend = Backend::start(Reply::ok("1")).await;
        let address = backend.address();
        let mut client = Connection::open(address).await.unwrap();
        client.exchange(&Request::get("/")).await.unwrap();
        backend.stop().await;
        assert_ne!(client.end(Duration::from_secs(5)).await, End::Open);
        assert_eq!(exchange(address, &Request::get("/")).await.unwrap_err().end, End::Reset);
        let _again = Backend::start_on(address, Reply::ok("2")).await;
        assert_eq!(exchange(address, &Request::get("/")).await.unwrap().text(), "2");
    }

    #[tokio::test]
    async fn an_early_answer_does_not_wait_for_the_body() {
        let backend =
            Backend::start(Script::always(Reply::status(413).header("connection", "close")).early()).await;
        let request = Request::post("/", vec![b'x'; 8 << 20]);
        let response = exchange(backend.address(), &request).await.unwrap();
        assert_eq!((response.status, backend.received()[0].body.len()), (413, 0));
    }
}
