//! HTTP/2 for back-ends: what is asked is read by the `h2` crate, and so is what is answered, unless the answer is
//! made of frames that no well-behaved program sends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;

use crate::answer::{Act, Answer, Reply};
use crate::frames;
use crate::message::{Headers, Received};
use crate::stream::reset_on_close;
use crate::tls::Socket;

/// What a back-end of HTTP/2 says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Http2 {
    /// `SETTINGS_MAX_CONCURRENT_STREAMS`.
    pub(crate) streams: Option<u32>,
    /// `SETTINGS_ENABLE_CONNECT_PROTOCOL`.
    pub(crate) extended_connect: bool,
}

/// A frame of a back-end's answer, whether it may stand there or not: one of [`frames`], whose stream is that of the
/// request unless another is said.
#[derive(Clone, Debug)]
pub struct Frame {
    frame: frames::Frame,
    /// Its stream is that of the request that is answered.
    own: bool,
}

impl Frame {
    /// A frame of any type on the stream of the request.
    #[must_use]
    pub fn new(kind: u8, flags: u8, content: impl Into<Vec<u8>>) -> Self {
        Self { frame: frames::Frame::new(kind, flags, 0, content), own: true }
    }

    /// HEADERS, complete, with these fields as they are; the stream stays open.
    #[must_use]
    pub fn headers(fields: &[(&str, &str)]) -> Self {
        Self { frame: frames::Frame::headers(0, fields, false), own: true }
    }

    /// DATA; the stream stays open.
    #[must_use]
    pub fn data(bytes: impl Into<Vec<u8>>) -> Self {
        Self { frame: frames::Frame::data(0, bytes, false), own: true }
    }

    /// RST_STREAM with this error code.
    #[must_use]
    pub fn reset(code: u32) -> Self {
        Self { frame: frames::Frame::reset(0, code), own: true }
    }

    /// GOAWAY that leaves streams up to this one, with this error code.
    #[must_use]
    pub fn goaway(last: u32, code: u32) -> Self {
        Self::new(7, 0, [last.to_be_bytes(), code.to_be_bytes()].concat()).on(0)
    }

    /// The same, at the end of the stream.
    #[must_use]
    pub fn ending(mut self) -> Self {
        self.frame.flags |= 1;
        self
    }

    /// The same head, continued in CONTINUATION frames where it has more bytes than that.
    #[must_use]
    pub fn in_pieces(self, most: usize) -> Vec<Self> {
        let Self { frame, own } = self;
        let pieces = frame.payload.chunks(most).enumerate().map(|(at, piece)| {
            let (kind, flags) = if at == 0 { (frame.kind, frame.flags & !4) } else { (9, 0) };
            Self { frame: frames::Frame::new(kind, flags, frame.stream, piece), own }
        });
        let mut pieces: Vec<_> = pieces.collect();
        if let Some(last) = pieces.last_mut() {
            last.frame.flags |= 4;
        }
        pieces
    }

    /// The same, on another stream.
    #[must_use]
    pub const fn on(mut self, stream: u32) -> Self {
        self.frame.stream = stream;
        self.own = false;
        self
    }

    fn write_to(&self, own: u32, out: &mut Vec<u8>) {
        let stream = if self.own { own } else { self.frame.stream };
        self.frame.write_to(stream, out);
    }
}

/// Whoever serves connections: what is asked, and what is seen.
pub(crate) trait Service: Clone + Send + Sync + Unpin + 'static {
    /// A head has come: the number of the request, and whether its body is waited for.
    fn begun(&self) -> (usize, bool);
    /// A request has come.
    fn received(&self, request: Received) -> Answer;
    /// The first bytes of a connection have come.
    fn first_bytes(&self, bytes: &[u8]);
    /// The client reset the stream of that request.
    fn was_reset(&self, request: usize, code: u32);
}

/// Serves a connection to its end.
pub(crate) async fn serve(socket: Socket, connection: usize, settings: Http2, service: impl Service) {
    let shared = Shared { socket: Arc::new(Mutex::new(socket)), service: service.clone(), read: 0 };
    let socket = Arc::clone(&shared.socket);
    let mut builder = Builder::new();
    if let Some(streams) = settings.streams {
        builder.max_concurrent_streams(streams);
    }
    if settings.extended_connect {
        builder.enable_connect_protocol();
    }
    let Ok(mut server) = builder.handshake::<_, Bytes>(shared).await else { return };
    // They are aborted with the set, and it with the connection.
    let mut requests = JoinSet::new();
    while let Some(Ok((request, respond))) = server.accept().await {
        let stream = Serving { socket: Arc::clone(&socket), respond, sending: None };
        requests.spawn(stream.serve(request, connection, service.clone()));
        while requests.try_join_next().is_some() {}
    }
}

/// A request that is served.
struct Serving {
    socket: Arc<Mutex<Socket>>,
    respond: SendResponse<Bytes>,
    sending: Option<SendStream<Bytes>>,
}

impl Serving {
    async fn serve(mut self, request: Request<RecvStream>, connection: usize, service: impl Service) {
        let (parts, mut body) = request.into_parts();
        let (number, waits) = service.begun();
        let mut received = Received {
            connection,
            number,
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            version: "HTTP/2".into(),
            headers: head(&parts),
            body: Vec::new(),
            trailers: Headers::default(),
            complete: body.is_end_stream(),
        };
        if waits && parts.method != http::Method::CONNECT {
            read(&mut body, &mut received).await;
        }
        let head_only = parts.method == http::Method::HEAD;
        let answer = service.received(received.clone());
        for act in &answer.0 {
            if !self.perform(act, &received, head_only, &mut body, &service).await {
                break;
            }
        }
        // What the answer left open stays open until the client or the connection ends it.
        if let Ok(code) = poll_fn(|cx| self.respond.poll_reset(cx)).await {
            service.was_reset(number, code.into());
        }
    }

    /// Does what the answer says; false when nothing can follow.
    async fn perform(
        &mut self,
        act: &Act,
        request: &Received,
        head_only: bool,
        body: &mut RecvStream,
        service: &impl Service,
    ) -> bool {
        match act {
            Act::Reply(reply) => self.reply(reply, request, head_only).await.is_some(),
            Act::Frames(frames) => {
                let mut bytes = Vec::new();
                let own = u32::from(self.respond.stream_id());
                frames.iter().for_each(|frame| frame.write_to(own, &mut bytes));
                self.write(&bytes).await
            }
            Act::Send(bytes) => self.write(bytes).await,
            Act::Fill(length) => self.fill(*length).await.is_some(),
            Act::Pause(time) => {
                tokio::time::sleep(*time).await;
                true
            }
            Act::Hang => match poll_fn(|cx| self.poll_reset(cx)).await {
                Some(code) => {
                    service.was_reset(request.number, code);
                    false
                }
                None => false,
            },
            Act::EchoBytes => self.echo(body).await.is_some(),
            Act::Finish => self.end(),
            Act::Close => {
                self.shut();
                false
            }
            Act::Reset => {
                reset_on_close(lock(&self.socket).tcp());
                self.shut();
                false
            }
        }
    }

    async fn reply(&mut self, reply: &Reply, request: &Received, head_only: bool) -> Option<()> {
        let parts = reply.parts(Some(request));
        let mut response = Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(parts.status).ok()?;
        *response.headers_mut() = map(&parts.headers);
        if (100..200).contains(&parts.status) {
            return self.respond.send_informational(response).ok();
        }
        let bodiless = head_only || matches!(parts.status, 204 | 304);
        let ends = bodiless || (parts.body.is_empty() && parts.trailers.is_empty());
        let mut sending = self.respond.send_response(response, ends).ok()?;
        if ends {
            return Some(());
        }
        let last = parts.trailers.is_empty();
        send(&mut sending, parts.body.into(), last).await?;
        if !last {
            sending.send_trailers(map(&parts.trailers)).ok()?;
        }
        Some(())
    }

    /// Sends that many bytes, behind a head where there was none, and ends.
    async fn fill(&mut self, mut length: usize) -> Option<()> {
        static BYTES: [u8; 16 << 10] = [b'f'; 16 << 10];
        let sending = self.begun()?;
        while length > 0 {
            let count = length.min(BYTES.len());
            length -= count;
            send(sending, Bytes::from_static(BYTES.get(..count)?), length == 0).await?;
        }
        Some(())
    }

    async fn echo(&mut self, body: &mut RecvStream) -> Option<()> {
        let sending = self.begun()?;
        while let Some(Ok(bytes)) = body.data().await {
            let _ = body.flow_control().release_capacity(bytes.len());
            send(sending, bytes, false).await?;
        }
        sending.send_data(Bytes::new(), true).ok()
    }

    /// The stream behind a head with status 200.
    fn begun(&mut self) -> Option<&mut SendStream<Bytes>> {
        if self.sending.is_none() {
            self.sending = Some(self.respond.send_response(Response::new(()), false).ok()?);
        }
        self.sending.as_mut()
    }

    fn end(&mut self) -> bool {
        self.begun().is_some_and(|sending| sending.send_data(Bytes::new(), true).is_ok())
    }

    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        self.respond.poll_reset(cx).map(|code| code.ok().map(u32::from))
    }

    async fn write(&self, mut bytes: &[u8]) -> bool {
        // What the codec has to write stands in front of it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        while !bytes.is_empty() {
            let written = poll_fn(|cx| Pin::new(&mut *lock(&self.socket)).poll_write(cx, bytes)).await;
            let Ok(count) = written else { return false };
            bytes = bytes.get(count..).unwrap_or_default();
        }
        true
    }

    /// Ends the connection in both directions, which its reader hears.
    fn shut(&self) {
        let _ = socket2::SockRef::from(lock(&self.socket).tcp()).shutdown(std::net::Shutdown::Both);
    }
}

/// Sends bytes as the windows let.
async fn send(sending: &mut SendStream<Bytes>, mut bytes: Bytes, ends: bool) -> Option<()> {
    while !bytes.is_empty() {
        sending.reserve_capacity(bytes.len());
        let room = poll_fn(|cx| sending.poll_capacity(cx)).await?.ok()?;
        let piece = bytes.split_to(room.min(bytes.len()));
        sending.send_data(piece, ends && bytes.is_empty()).ok()?;
    }
    Some(())
}

async fn read(body: &mut RecvStream, received: &mut Received) {
    while let Some(piece) = body.data().await {
        let Ok(piece) = piece else { return };
        let _ = body.flow_control().release_capacity(piece.len());
        received.body.extend_from_slice(&piece);
    }
    if let Ok(trailers) = body.trailers().await {
        received.trailers = trailers.as_ref().map(fields).unwrap_or_default();
        received.complete = true;
    }
}

/// All fields, with the pseudo headers but method and path in front.
fn head(parts: &http::request::Parts) -> Headers {
    let mut headers = Headers::default();
    if let Some(scheme) = parts.uri.scheme_str() {
        headers.push(":scheme", scheme);
    }
    if let Some(authority) = parts.uri.authority() {
        headers.push(":authority", authority.as_str());
    }
    if let Some(protocol) = parts.extensions.get::<h2::ext::Protocol>() {
        headers.push(":protocol", protocol.as_str());
    }
    for (name, value) in &parts.headers {
        headers.push(name.as_str(), crate::message::latin1(value.as_bytes()));
    }
    headers
}

fn fields(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str(), crate::message::latin1(value.as_bytes()))).collect()
}

fn map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let name = http::HeaderName::try_from(name);
        let value = http::HeaderValue::from_bytes(&crate::message::to_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

/// A socket that the codec uses, and beside it whoever writes frames of his own.
struct Shared<S> {
    socket: Arc<Mutex<Socket>>,
    service: S,
    read: usize,
}

impl<S: Service + Unpin> AsyncRead for Shared<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        let result = Pin::new(&mut *lock(&self.socket)).poll_read(cx, room);
        let bytes = &room.filled()[before..];
        if self.read < 1024 && !bytes.is_empty() {
            self.service.first_bytes(bytes);
            self.read += bytes.len();
        }
        result
    }
}

impl<S: Unpin> AsyncWrite for Shared<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.socket)).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.socket)).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.socket)).poll_shutdown(cx)
    }
}

fn lock(socket: &Mutex<Socket>) -> std::sync::MutexGuard<'_, Socket> {
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}
