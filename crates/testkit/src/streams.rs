//! A well-behaved client of HTTP/2, for what is asked and answered; frames as they are sends
//! [`frames`](crate::frames).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::client::{NoResponse, Request, Response};
use crate::message::{Headers, latin1};
use crate::stream::End;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of HTTP/2 to what is tested.
#[derive(Debug)]
pub struct Streams {
    sender: SendRequest<Bytes>,
    driver: AbortHandle,
}

impl Streams {
    /// Connects, without asking whether HTTP/2 is spoken.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(to: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
        Self::over(stream).await
    }

    /// Speaks on a connection that is there already.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, String> {
        let (sender, connection) = h2::client::handshake(stream).await.map_err(|error| error.to_string())?;
        // How it ends is seen by those who wait for answers.
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, driver: driver.abort_handle() })
    }

    /// Asks, and waits for the answer. A request without a body ends with its head.
    ///
    /// # Errors
    /// Why there is no answer: a reset, with its code, or the end of the connection.
    pub async fn ask(&mut self, request: &Request) -> Result<Response, NoResponse> {
        match timeout(PATIENCE, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(none(&error)),
            Err(_) => Err(NoResponse { received: String::new(), end: End::Open }),
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Response, h2::Error> {
        poll_fn(|cx| self.sender.poll_ready(cx)).await?;
        let (body, trailers) = (request.content().to_vec(), fields(request.trailing()));
        let ends = body.is_empty() && trailers.is_empty() && !request.is_chunked();
        let (answer, mut sending) = self.sender.send_request(head(request), ends)?;
        if !ends {
            // Who has answered may take no more: that is no fault of the request.
            let sent = if trailers.is_empty() {
                send(&mut sending, body, true).await
            } else {
                match send(&mut sending, body, false).await {
                    Ok(()) => sending.send_trailers(trailers),
                    failed => failed,
                }
            };
            drop(sent);
        }
        read(answer).await
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn send(to: &mut h2::SendStream<Bytes>, body: Vec<u8>, ends: bool) -> Result<(), h2::Error> {
    let mut body = Bytes::from(body);
    if body.is_empty() {
        return if ends { to.send_data(body, true) } else { Ok(()) };
    }
    while !body.is_empty() {
        to.reserve_capacity(body.len());
        match poll_fn(|cx| to.poll_capacity(cx)).await {
            Some(Ok(room)) => {
                let piece = body.split_to(room.min(body.len()));
                to.send_data(piece, ends && body.is_empty())?;
            }
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
    Ok(())
}

async fn read(mut answer: ResponseFuture) -> Result<Response, h2::Error> {
    let mut interim = Vec::new();
    while let Some(early) = poll_fn(|cx| answer.poll_informational(cx)).await {
        let early = early?;
        interim.push((early.status().as_u16(), headers(early.headers())));
    }
    let (head, mut stream) = answer.await?.into_parts();
    let mut body = Vec::new();
    let mut complete = true;
    while let Some(data) = stream.data().await {
        match data {
            Ok(data) => {
                let _ = stream.flow_control().release_capacity(data.len());
                body.extend_from_slice(&data);
            }
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    let trailers = if complete { stream.trailers().await? } else { None };
    Ok(Response {
        version: "HTTP/2".into(),
        status: head.status.as_u16(),
        reason: String::new(),
        headers: headers(&head.headers),
        body,
        trailers: trailers.as_ref().map(headers).unwrap_or_default(),
        complete,
        interim,
        end: End::Open,
    })
}

fn head(request: &Request) -> http::Request<()> {
    let uri = if request.method() == "CONNECT" {
        request.authority().to_owned()
    } else {
        format!("http://{}{}", request.authority(), request.target())
    };
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().parse().expect("a method");
    *head.uri_mut() = uri.parse::<Uri>().expect("a URI");
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = fields(request.fields());
    head
}

fn fields(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let name: http::HeaderName = name.parse().expect("a header name");
        map.append(name, value.parse().expect("a header value"));
    }
    map
}

fn headers(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes()))).collect()
}

fn none(error: &h2::Error) -> NoResponse {
    let received = match error.reason() {
        Some(reason) if error.is_reset() => format!("RST_STREAM {reason:?}"),
        Some(reason) if error.is_go_away() => format!("GOAWAY {reason:?}"),
        _ => String::new(),
    };
    NoResponse { received, end: if error.is_reset() { End::Open } else { End::Fin } }
}
