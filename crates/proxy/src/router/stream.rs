//! A request and its response on a stream of HTTP/2.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use causeway_http::h1::{BodyFraming, ConnectionOptions, ResponseHead};
use causeway_http::{HeaderBlock, Known, Method, Version, forwarding};
use causeway_model::ClusterHttpOptions;
use causeway_reason::{Failure, Reason};
use h2::ext::Protocol;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Uri};

use super::relay::Relay;
use crate::exchange::Exchange;
use crate::http2;
use crate::pool::{Head, Upstream, UpstreamStream};
use crate::pump::Pump;

/// The head of a request as HTTP/2 has it (RFC 9113 §8.3.1); `upgrade` is the protocol that is asked for, which
/// makes it an extended CONNECT (RFC 8441 §4).
///
/// # Errors
///
/// Where no message of HTTP/2 can have that authority or path.
pub(super) fn request(exchange: &mut Exchange, upgrade: Option<&[u8]>) -> Result<Request<()>, Failure> {
    let unsendable = |what: &str, value: &[u8]| {
        let evidence = format!("no message of HTTP/2 can have the {what} \"{}\"", value.escape_ascii());
        Failure::new(Reason::RequestUnsendable).with_evidence(evidence)
    };
    let Some(head) = exchange.head.clone() else { return Err(unsendable("method", b"")) };
    // Whatever was done to the fields: a length that is not the body's own breaks the message (RFC 9113 §8.1.1).
    if !head.framing.fits(&exchange.request) {
        exchange.request.remove(Known::ContentLength);
    }
    let method = match upgrade {
        Some(_) => http::Method::CONNECT,
        None => {
            let method = head.method_name(&exchange.request);
            http::Method::try_from(method).map_err(|_| unsendable("method", method.as_bytes()))?
        }
    };
    let host = exchange.request.get(Known::Host).unwrap_or_default();
    let authority = match host {
        b"" => None,
        host => Some(Authority::try_from(host).map_err(|_| unsendable("authority", host))?),
    };
    let tunnel = head.method == Method::Connect && upgrade.is_none();
    let mut parts = http::uri::Parts::default();
    if !tunnel {
        // A URL without an authority has no scheme either; the codec takes it for `http`.
        let scheme = if exchange.facts.https { Scheme::HTTPS } else { Scheme::HTTP };
        parts.scheme = authority.is_some().then_some(scheme);
        parts.path_and_query = Some(path(&exchange.path).ok_or_else(|| unsendable("path", &exchange.path))?);
    }
    parts.authority = authority;
    let uri = Uri::from_parts(parts).map_err(|_| unsendable("path", &exchange.path))?;
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = fields(&exchange.request);
    if let Some(protocol) = upgrade {
        let protocol = String::from_utf8_lossy(protocol);
        request.extensions_mut().insert(Protocol::from(&*protocol));
    }
    Ok(request)
}

/// The path as it is. The codec takes nothing that may not stand in a URL, so that is percent-encoded.
fn path(path: &[u8]) -> Option<PathAndQuery> {
    // What follows a `#` would be left out in silence.
    if memchr::memchr(b'#', path).is_none()
        && let Ok(path) = PathAndQuery::try_from(path)
    {
        return Some(path);
    }
    let mut encoded = Vec::with_capacity(path.len() + 16);
    for byte in path {
        if matches!(byte, 0x21..=0x7E) && !b"\"#<>\\^`{|}".contains(byte) {
            encoded.push(*byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |at: u8| DIGITS.get(usize::from(at & 15)).copied().unwrap_or_default();
            encoded.extend_from_slice(&[b'%', digit(byte >> 4), digit(*byte)]);
        }
    }
    PathAndQuery::try_from(encoded).ok()
}

/// The fields as they are sent: what is about one connection, or has a pseudo header, is none of them.
fn fields(block: &HeaderBlock) -> HeaderMap {
    http2::fields_where(block, |field| match field.known {
        Some(Known::Host) => false,
        Some(Known::Te) => field.value.eq_ignore_ascii_case(b"trailers"),
        Some(known) => !forwarding::is_hop_by_hop(known),
        None => true,
    })
}

/// What is left to be sent of a body that is sent once more, where that is anything.
pub(super) fn to_resend(body: Vec<u8>) -> Option<Box<Bytes>> {
    (!body.is_empty()).then(|| Box::new(Bytes::from(body)))
}

impl Relay<'_> {
    /// Sends the head of the request, and its body too where that is known already.
    pub(super) fn begin_stream(&mut self, framing: BodyFraming) -> Result<(), Failure> {
        let request = request(&mut self.request, self.downstream.upgrade.as_deref())?;
        let again = self.request.again.as_ref().map(|again| again.body.clone());
        let tunnel = self.downstream.upgrade.is_some() || self.request.method() == Method::Connect;
        let ends = match &again {
            Some(body) => body.is_empty() || framing.is_none(),
            None => framing.is_none() && !tunnel,
        };
        let Upstream::Http2(stream) = &mut self.upstream else { return Ok(()) };
        let sent = stream.send(request, ends);
        self.request.facts.upstream_count = Some(Rc::clone(stream.count()));
        if !ends {
            self.resend = to_resend(again.unwrap_or_default());
        }
        sent
    }

    /// Sends what is left of a body that is sent once more; `ends` where that is all of it.
    pub(super) fn poll_resend(&mut self, cx: &mut Context<'_>, ends: bool) {
        while let Some(left) = self.resend.as_deref_mut().filter(|_| !self.upload_failed) {
            let Some(mut sink) = self.upstream.sink(&mut self.request.to_upstream) else { return };
            match sink.poll_write_frame(cx, left, ends) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => self.upload_failed = true,
                Poll::Pending => return,
            }
            if !left.is_empty() {
                continue;
            }
            self.resend = None;
            if ends && let Upstream::Http2(stream) = &self.upstream {
                stream.request_complete();
            }
        }
    }

    /// The stream failed behind the head of the response. Where the response was complete before, that changes
    /// nothing: a back-end that needs no more of the request says so with a reset (RFC 9113 §8.1).
    pub(super) fn stream_failed(&mut self, error: &h2::Error, download: &mut Pump) -> Option<Failure> {
        let Upstream::Http2(stream) = &self.upstream else { return None };
        if error.is_remote() && stream.has_ended() {
            download.source_ended();
            return None;
        }
        let failure = stream.failure(error);
        let evidence = failure.evidence.as_deref().unwrap_or_default();
        let evidence = format!("{} bytes of the body had come; {evidence}", download.bytes);
        Some(failure.with_evidence(evidence))
    }

    /// The head of a response.
    pub(super) fn poll_stream_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        let Upstream::Http2(stream) = &mut self.upstream else { return Poll::Pending };
        let head = ready!(stream.poll_head(cx));
        self.downstream.touch();
        let head = head?;
        self.request.facts.response_begin.get_or_insert_with(|| self.downstream.worker.moment());
        let (response, interim) = match head {
            Head::Interim(response) => (response, true),
            Head::Final(response) => (response, false),
        };
        let status = response.status().as_u16();
        check_head(&response, stream, &self.forwarding.hosts.config().http)?;
        let plain = http2::read_response(response.headers(), &mut self.request.response) + ":status200".len();
        self.request.facts.plain_answer += u32::try_from(plain).unwrap_or(u32::MAX);
        let ends = !interim && stream.is_headers_only();
        // What answers an extended CONNECT with 200 has made the upgrade (RFC 8441 §5).
        let status = if self.downstream.upgrade.is_some() && status == 200 { 101 } else { status };
        Poll::Ready(Ok(head_of(status, BodyFraming::of_stream(ends, &self.request.response))))
    }
}

/// Looks whether the head of a response is one that may be passed on.
///
/// # Errors
///
/// It is too large, says its length more than once, or has a status that has no place in HTTP/2.
pub(super) fn check_head(
    response: &http::Response<()>,
    stream: &UpstreamStream,
    limits: &ClusterHttpOptions,
) -> Result<(), Failure> {
    let too_large = |evidence| Err(Failure::new(Reason::UpstreamHeadOverflow).with_evidence(evidence));
    let most = usize::try_from(limits.max_headers_count).unwrap_or(usize::MAX);
    // To Envoy, `:status` is one of them.
    let fields = response.headers().len() + 1;
    if fields > most {
        stream.overflowed(true);
        return too_large(format!("it has {fields} fields with :status, and {most} are allowed"));
    }
    let most = u64::from(limits.max_response_headers_kb_of_http2) * 1024;
    let size: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size as u64 > most {
        stream.overflowed(false);
        return too_large(format!("its head has {size} bytes, and {most} are allowed"));
    }
    // The codec reads the first.
    let lengths = response.headers().get_all(http::header::CONTENT_LENGTH).iter().count();
    if lengths > 1 {
        let evidence = format!("content-length is there {lengths} times");
        return Err(Failure::new(Reason::UpstreamFraming).with_evidence(evidence));
    }
    if response.status().as_u16() == 101 {
        let evidence = "status 101 has no place in HTTP/2 (RFC 9113 §8.6)";
        return Err(Failure::new(Reason::UpstreamSwitchedUnasked).with_evidence(evidence));
    }
    Ok(())
}

/// What the head of a response says, as it would be read in HTTP/1.
pub(super) fn head_of(status: u16, framing: BodyFraming) -> ResponseHead {
    ResponseHead {
        status,
        version: Version::Http2,
        framing,
        connection: ConnectionOptions::default(),
        field_bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_sent_as_it_is_where_that_can_be() {
        let cases: [(&[u8], &str); 7] = [
            (b"/a/b?c=%20&d", "/a/b?c=%20&d"),
            (b"*", "*"),
            (b"/{a}|b", "/{a}|b"),
            ("/\u{e9}".as_bytes(), "/\u{e9}"),
            (b"/\xe9", "/%E9"),
            (b"/a#b", "/a%23b"),
            (b"/<a>", "/%3Ca%3E"),
        ];
        for (given, sent) in cases {
            let sent_path = path(given);
            assert_eq!(sent_path.as_ref().map(PathAndQuery::as_str), Some(sent), "{}", given.escape_ascii());
        }
    }
}
