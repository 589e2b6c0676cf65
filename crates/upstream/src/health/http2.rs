//! Checks over HTTP/2: a connection, and one question at a time on it.

use std::future::poll_fn;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{Builder, SendRequest};
use http::response::Parts;
use http::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinHandle, spawn_local};

/// What Envoy tells a back-end of itself.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 24 << 20;
const STREAMS: u32 = 1024;

/// A connection, for one question at a time. It needs a `LocalSet` around it.
#[derive(Debug)]
pub struct Session {
    sender: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its first bytes.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Option<HeaderMap>,
}

impl Session {
    /// Begins to speak on a connection that was made.
    ///
    /// # Errors
    ///
    /// Where nothing can be sent on it.
    pub async fn begin<T>(stream: T) -> Result<Self, h2::Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .header_table_size(4096)
            .max_concurrent_streams(STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(stream)
            .await?;
        // How it ended is told to whoever asks a question on it.
        let driver = spawn_local(async move { _ = connection.await });
        Ok(Self { sender, driver })
    }

    /// Whether a question may be asked on it.
    pub(crate) async fn is_ready(&mut self) -> bool {
        !self.driver.is_finished() && poll_fn(|cx| self.sender.poll_ready(cx)).await.is_ok()
    }

    /// Asks, and waits for the end of the answer, of which no more than `most` bytes are kept. `begun` is called with
    /// the head when that is there.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or none that holds.
    pub async fn ask(
        &mut self,
        request: Request<()>,
        body: Option<Vec<u8>>,
        most: usize,
        begun: impl FnOnce(&Parts),
    ) -> Result<Reply, h2::Error> {
        let (response, sending) = self.sender.send_request(request, body.is_none())?;
        let mut question = Question(Some(sending));
        if let (Some(body), Some(sending)) = (body, &mut question.0) {
            sending.send_data(body.into(), true)?;
        }
        let (head, mut coming) = response.await?.into_parts();
        begun(&head);
        let mut kept = Vec::new();
        while let Some(piece) = coming.data().await {
            let piece = piece?;
            // Fails only where the stream is gone, and then nobody waits for room on it.
            let _ = coming.flow_control().release_capacity(piece.len());
            let room = most.saturating_sub(kept.len()).min(piece.len());
            kept.extend_from_slice(piece.get(..room).unwrap_or_default());
        }
        let trailers = coming.trailers().await?;
        question.0 = None;
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: kept, trailers })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A question that is not answered yet. Whoever does not wait for the answer says so, as Envoy says it.
struct Question(Option<SendStream<Bytes>>);

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(mut sending) = self.0.take() {
            sending.send_reset(h2::Reason::INTERNAL_ERROR);
        }
    }
}
