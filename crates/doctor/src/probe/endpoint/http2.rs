//! HTTP/2 with a back-end: whether it is understood, a request, a call of gRPC's health service.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use causeway_model::{Address, HeaderMutations};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{Asked, GRPC_HEALTH, Http2Session, Link, grpc_health_question, http2_request};
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::trial::{Answer, BodyEnd, Got};
use crate::probe::{AGENT, PATIENCE};

/// Bytes of a body that are kept.
const KEPT: usize = 512;
/// Bytes that are read from a connection: who sends more has answered.
const MOST: usize = 1 << 20;
/// Bytes that tell what is spoken.
const FIRST: usize = 24;

/// Whether frames of HTTP/2 are understood: the back-end answers the preface with its settings (RFC 9113 §3.4).
pub(super) async fn frames(mut link: Link, most: Duration) -> Got {
    // The preface and an empty SETTINGS frame.
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut bytes = Vec::new();
    let exchanged = async {
        link.write_all(PREFACE).await?;
        while bytes.len() < 9 {
            if link.read(&mut bytes).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
        Ok(())
    };
    let end = timeout(PATIENCE.min(most), exchanged).await;
    match other(&bytes) {
        None if !bytes.is_empty() => Got::Frames,
        Some(failure) => Got::Broken(failure),
        None => match end {
            Ok(Err(error)) => Got::ended(&error),
            Ok(Ok(())) | Err(_) => Got::Silence,
        },
    }
}

/// What is spoken in place of HTTP/2, by the first bytes; `None` where there are none, or they are its settings.
fn other(bytes: &[u8]) -> Option<Failure> {
    let reason = match bytes {
        [] | [0, _, _, 4, ..] => return None,
        [b'H', b'T', b'T', b'P', b'/', ..] => Reason::UpstreamSpeaksHttp1,
        [0x15 | 0x16, 3, ..] => Reason::UpstreamSpeaksTls,
        _ => Reason::UpstreamNotHttp,
    };
    let seen = bytes.get(..FIRST).unwrap_or(bytes).escape_ascii();
    Some(Failure::new(reason).with_evidence(format!("the answer to the preface of HTTP/2 begins \"{seen}\"")))
}

/// A request without a body.
pub(super) async fn get(link: Link, to: &Address, host: &str, path: &str, most: Duration) -> Got {
    let asked = Asked::at(to, matches!(link, Link::Tls(_)), AGENT);
    let request = http2_request("GET", host, path, &HeaderMutations::default(), &asked);
    ask(link, request, None, most).await
}

/// A call of gRPC's health service: whoever takes nothing but calls answers that, and be it that there is no such service.
pub(super) async fn call(link: Link, to: &Address, host: &str, most: Duration) -> Got {
    let asked = Asked::at(to, matches!(link, Link::Tls(_)), AGENT);
    let request = http2_request("POST", host, GRPC_HEALTH, &HeaderMutations::default(), &asked);
    ask(link, request.map(of_grpc), Some(grpc_health_question("")), most).await
}

/// The request as one of gRPC.
pub(super) fn of_grpc(mut request: http::Request<()>) -> http::Request<()> {
    let fields = request.headers_mut();
    fields.insert("te", http::HeaderValue::from_static("trailers"));
    fields.insert("content-type", http::HeaderValue::from_static("application/grpc"));
    request
}

async fn ask(
    link: Link,
    request: Result<http::Request<()>, http::Error>,
    body: Option<Vec<u8>>,
    most: Duration,
) -> Got {
    // Where the name is one that no message of HTTP/2 can have, it is known all the same whether that is spoken.
    let Ok(request) = request else { return frames(link, most).await };
    let seen = Rc::new(RefCell::new(Passed::default()));
    let watched = Watched { link, passed: Rc::clone(&seen) };
    let head = RefCell::new(None);
    let asked = async {
        let mut session = Http2Session::begin(watched).await?;
        session
            .ask(request, body, KEPT, |parts| {
                *head.borrow_mut() = Some(answer_of(parts.status, &parts.headers));
            })
            .await
    };
    let end = timeout(most, asked).await;
    let head = head.into_inner();
    let passed = seen.borrow();
    if let Some(failure) = other(&passed.first) {
        return Got::Broken(failure);
    }
    let unread = |answer: Answer| Got::Answer(Box::new(Answer { end: BodyEnd::Unread, ..answer }));
    match (end, head) {
        (Ok(Ok(reply)), Some(answer)) => {
            let trailer = reply.trailers.as_ref().and_then(grpc_status);
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            Got::Answer(Box::new(Answer { grpc: trailer.or(answer.grpc), body, ..answer }))
        }
        (Ok(Err(_)), Some(answer)) if passed.count > MOST => unread(answer),
        (Err(_), Some(answer)) => unread(answer),
        (Ok(Err(error)), _) => {
            let words = error.to_string();
            let code = error.reason().map(|code| format!("{code:?}")).unwrap_or_default();
            if error.is_reset() && error.is_remote() {
                let reason = of_reset(error.reason().map(u32::from));
                Got::Broken(Failure::new(reason).with_evidence(format!("RST_STREAM with {code}")))
            } else if error.is_go_away() && error.is_remote() {
                Got::Broken(Failure::new(Reason::UpstreamGoaway).with_evidence(format!("GOAWAY with {code}")))
            } else if !error.is_io() && !passed.first.is_empty() {
                Got::Broken(Failure::new(Reason::UpstreamHttp2Broken).with_evidence(words))
            } else if passed.first.is_empty() {
                error.get_io().map_or(Got::Closed, Got::ended)
            } else {
                let words = "its settings came, and the connection ended without an answer";
                Got::Broken(Failure::new(Reason::UpstreamConnectionLost).with_evidence(words.to_owned()))
            }
        }
        (Ok(Ok(_)), None) | (Err(_), None) if passed.first.is_empty() => Got::Silence,
        (Ok(Ok(_)), None) | (Err(_), None) => Got::Unanswered,
    }
}

/// The reason that the proxy finds for such an error code (RFC 9113 §7).
const fn of_reset(code: Option<u32>) -> Reason {
    match code {
        Some(1) => Reason::UpstreamFoundFault,
        Some(7) => Reason::UpstreamStreamRefused,
        Some(10) => Reason::UpstreamTunnelFailed,
        _ => Reason::UpstreamStreamReset,
    }
}

fn answer_of(status: http::StatusCode, headers: &HeaderMap) -> Answer {
    let location =
        headers.get("location").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Answer { status: status.as_u16(), location, http2: true, grpc: grpc_status(headers), ..Answer::default() }
}

/// `grpc-status`, where it is there.
fn grpc_status(fields: &HeaderMap) -> Option<u16> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// What has come on a connection.
#[derive(Debug, Default)]
struct Passed {
    first: Vec<u8>,
    count: usize,
}

/// A connection of which is remembered how it began.
struct Watched {
    link: Link,
    passed: Rc<RefCell<Passed>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.passed.borrow().count > MOST {
            return Poll::Ready(Ok(()));
        }
        let before = room.filled().len();
        ready!(Pin::new(&mut self.link).poll_read(cx, room))?;
        let new = room.filled().get(before..).unwrap_or_default();
        let mut passed = self.passed.borrow_mut();
        passed.count += new.len();
        let wanted = FIRST.saturating_sub(passed.first.len()).min(new.len());
        passed.first.extend_from_slice(new.get(..wanted).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.link).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(cx)
    }
}
