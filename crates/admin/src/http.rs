//! Requests as handlers see them, answers as they give them, and the way of an answer to the wire.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use http_body::Frame;

use crate::RequestRecord;
use crate::query::Query;
use crate::state::Admin;

/// Answers leave in pieces of this size: hyper then sends them chunked, as Envoy does.
const PIECE: usize = 64 << 10;

/// A request, as handlers see it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET`, `POST`, …
    pub(crate) method: String,
    /// Its parameters: those of the URL, or, where it has none, those of a form.
    pub(crate) query: Query,
    /// When it arrived.
    pub(crate) now: SystemTime,
}

impl Request {
    pub(crate) fn is_post(&self) -> bool {
        self.method == "POST"
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) media: Media,
    pub(crate) body: String,
}

/// What kind of document an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Text,
    /// Envoy leaves the charset out in some of its faults.
    BareText,
    Json,
    Html,
    Css,
}

impl Reply {
    /// 200, text.
    pub(crate) fn text(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, media: Media::Text, body: body.into() }
    }

    /// 200, JSON.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, media: Media::Json, body: body.into() }
    }

    /// 200, HTML.
    pub(crate) fn html(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, media: Media::Html, body: body.into() }
    }

    /// What most mutations answer.
    pub(crate) fn ok() -> Self {
        Self::text("OK\n")
    }

    /// A fault, as text.
    pub(crate) fn fault(status: StatusCode, body: impl Into<String>) -> Self {
        Self { status, media: Media::Text, body: body.into() }
    }

    /// The same answer with another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The answer with Envoy's header fields in Envoy's order; the record is handed on when its body
    /// is out.
    pub(crate) fn into_response(self, receipt: Receipt) -> Response<Body> {
        let media = match self.media {
            Media::Text => "text/plain; charset=UTF-8",
            Media::BareText => "text/plain",
            Media::Json => "application/json",
            Media::Html => "text/html; charset=UTF-8",
            Media::Css => "text/css; charset=UTF-8",
        };
        let receipt = receipt.answered(self.status.as_u16());
        let date = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()));
        let mut response = Response::new(Body::new(Pieces { rest: Bytes::from(self.body), receipt }));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(date) = date {
            headers.insert(header::DATE, date);
        }
        headers.insert(header::SERVER, HeaderValue::from_static("envoy"));
        if self.media == Media::Html {
            for (name, value) in HTML_HEADERS {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }
}

/// What a page may do: be styled by us, and send its forms to us.
const HTML_HEADERS: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Forms need an Origin to be let in; `no-referrer` would take it away.
    (header::REFERRER_POLICY, "same-origin"),
];

/// A body that leaves in pieces.
struct Pieces {
    rest: Bytes,
    receipt: Receipt,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            self.receipt.complete = true;
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.receipt.sent(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// Hands the record of a request on when its answer is out, or given up.
pub(crate) struct Receipt {
    admin: Arc<Admin>,
    record: RequestRecord,
    arrived: Instant,
    complete: bool,
}

impl Receipt {
    pub(crate) const fn new(admin: Arc<Admin>, record: RequestRecord, arrived: Instant) -> Self {
        Self { admin, record, arrived, complete: false }
    }

    /// The bytes of the request's body are known.
    pub(crate) const fn received(&mut self, bytes: usize) {
        self.record.bytes_received = bytes as u64;
    }

    fn answered(mut self, status: u16) -> Self {
        self.record.status = status;
        // The answer to HEAD ends before its body begins.
        self.complete = self.record.method == "HEAD";
        self
    }

    const fn sent(&mut self, bytes: usize) {
        self.record.bytes_sent += bytes as u64;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.record.duration = self.arrived.elapsed();
        self.record.cut_short = !self.complete;
        let time = u64::try_from(self.record.duration.as_millis()).unwrap_or(u64::MAX);
        self.admin.own.answered(self.record.status, self.record.cut_short, time);
        self.admin.process.request_done(&self.record);
    }
}
