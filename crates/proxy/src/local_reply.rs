//! The one door for answers that the proxy gives by itself.
//!
//! A [`LocalReply`] can be made from a failure, whose reason says everything about it, or from what the
//! configuration tells the proxy to answer. Nothing else in this crate chooses a status.

use std::borrow::Cow;

use causeway_http::{Known, KnownSet};
use causeway_model::{BodyFormat, LocalReplyMapper};
use causeway_reason::{Answer, Body, Failure, Flag, Reason, grpc_status};

use crate::access_log::Decide;
use crate::exchange::{Exchange, ResponseDetails};
use crate::format::{Absent, Decimal, render, render_json};
use crate::header_mutations::{Message, add_all, mutate};
use crate::record::Viewer;
use crate::snapshot::ManagerRuntime;

/// An answer that the proxy gives by itself.
#[derive(Debug)]
pub(crate) struct LocalReply {
    status: u16,
    body: Cow<'static, [u8]>,
    format: Option<Box<BodyFormat>>,
    headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    cause: Cause,
    /// Details that say more than those of the reason.
    details: Option<String>,
    /// The connection is closed behind it.
    pub(crate) close: bool,
    /// It is not given before all of the request has arrived.
    pub(crate) at_end: bool,
    /// The request had come as far as the router.
    pub(crate) by_router: bool,
}

#[derive(Debug)]
enum Cause {
    /// The request failed.
    Failure(Box<Failure>),
    /// The configuration says so; Envoy's details.
    Configured(&'static str),
}

impl LocalReply {
    /// The answer to a request that failed.
    pub(crate) fn failed(failure: Failure) -> Self {
        let answer = failure.answer();
        let Answer { status, body, overloaded, close, .. } = answer;
        let body = match body {
            Body::Empty => Cow::Borrowed(&b""[..]),
            Body::Text(text) => Cow::Borrowed(text.as_bytes()),
            body @ Body::Reset(_) => Cow::Owned(body.to_string().into_bytes()),
        };
        let mut headers = Vec::new();
        if overloaded {
            headers.push((Cow::Borrowed(Known::EnvoyOverloaded.as_str()), b"true".to_vec()));
        }
        Self {
            status,
            body,
            format: None,
            headers,
            cause: Cause::Failure(Box::new(failure)),
            details: None,
            close,
            at_end: false,
            by_router: false,
        }
    }

    /// The same, where there have been other attempts before: Envoy says so where a reset is what it tells of.
    pub(crate) fn after_retries(mut self) -> Self {
        if let Cause::Failure(failure) = &self.cause
            && let Some(text) = failure.answer().body.after_retries()
        {
            self.body = Cow::Owned(text.into_bytes());
        }
        self
    }

    /// An answer that the configuration asks for.
    pub(crate) fn configured(status: u16, details: &'static str) -> Self {
        Self {
            status,
            body: Cow::Borrowed(b""),
            format: None,
            headers: Vec::new(),
            cause: Cause::Configured(details),
            details: None,
            close: false,
            at_end: false,
            by_router: false,
        }
    }

    /// The same, with a body.
    pub(crate) fn with_body(mut self, body: Vec<u8>, format: Option<BodyFormat>) -> Self {
        self.body = Cow::Owned(body);
        self.format = format.map(Box::new);
        self
    }

    /// The same, with a status of the configuration in place of the reason's own.
    pub(crate) const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same, where it is the client who is late: its request has not come whole.
    pub(crate) const fn of_late_client(self) -> Self {
        self.with_status(408)
    }

    /// Whether Envoy takes the request for one whose end is not to be trusted, as it does behind every 400 of its own.
    pub(crate) const fn is_bad_request(&self) -> bool {
        self.status == 400
    }

    /// The same, with details that say more than those of its reason.
    pub(crate) fn with_details(mut self, details: String) -> Self {
        self.details = Some(details);
        self
    }

    /// The same, with a header field.
    pub(crate) fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: Vec<u8>) -> Self {
        self.headers.push((name.into(), value));
        self
    }

    /// Why the request failed, where it did.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match &self.cause {
            Cause::Failure(failure) => Some(failure.reason),
            Cause::Configured(_) => None,
        }
    }

    /// All that is known of why it failed, where it did.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.cause {
            Cause::Failure(failure) => Some(failure),
            Cause::Configured(_) => None,
        }
    }

    /// Its status.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }
}

/// Notes why a request failed, where nothing was noted before.
pub(crate) fn note_failure(exchange: &mut Exchange, failure: Box<Failure>) {
    let facts = &mut exchange.facts;
    if facts.failure.is_some() {
        return;
    }
    if let Some(flag) = failure.flag() {
        facts.flags.set(flag);
    }
    facts.details = ResponseDetails::from(failure.details().to_string());
    facts.failure = Some(failure);
}

/// Puts a local reply together: status and fields go to the exchange's response, the body is returned.
/// `date`, `server` and the like are added behind, as for any response.
pub(crate) fn prepare(
    reply: LocalReply,
    exchange: &mut Exchange,
    manager: &ManagerRuntime,
    viewer: &Viewer,
    random: u64,
) -> Vec<u8> {
    let overloaded = reply.reason() == Some(Reason::Overloaded) && !reply.by_router;
    let LocalReply { status, body, format, mut headers, cause, details, .. } = reply;
    if manager.config.suppress_envoy_headers {
        headers.retain(|(name, _)| **name != *Known::EnvoyOverloaded.as_str());
    }
    if overloaded && manager.config.append_local_overload {
        headers.push((Cow::Borrowed("x-envoy-local-overloaded"), b"true".to_vec()));
    }
    let mut reply = Shape { status, body: body.into_owned(), content_type: None };
    // It is a part of the route's own answer: nobody has said yet what became of the request.
    if let Some(format) = &format {
        reply.format(format, exchange, viewer);
    }
    match cause {
        Cause::Failure(failure) => {
            note_failure(exchange, failure);
            if let Some(details) = details {
                exchange.facts.details = ResponseDetails::from(details);
            }
        }
        Cause::Configured(details) => {
            exchange.facts.details = ResponseDetails::from(details);
            if status >= 500 && exchange.facts.failure.is_none() {
                exchange.facts.failure = Some(Box::new(Failure::new(Reason::DirectResponse)));
            }
        }
    }
    exchange.response.clear(usize::MAX);
    for (name, value) in &headers {
        exchange.response.append(&**name, value);
    }
    if let Some(entry) = exchange.facts.route.clone() {
        let target = exchange.facts.target.clone();
        let levels = target.as_ref().map_or(&entry.response_levels, |target| &target.response_levels);
        for level in levels {
            mutate(exchange, Message::Response, level, viewer);
        }
    }
    // With Envoy, what a codec refuses is flagged behind its answer.
    let flag = exchange.facts.failure.as_ref().and_then(|failure| failure.flag());
    let later = flag == Some(Flag::DownstreamProtocolError);
    let flags = later.then(|| std::mem::take(&mut exchange.facts.flags));
    apply_mappers(&mut reply, exchange, manager, viewer, random);
    if let Some(flags) = flags {
        exchange.facts.flags = flags;
    }
    if exchange.facts.grpc {
        return grpc_reply(&reply, exchange);
    }
    exchange.facts.status = reply.status;
    if !reply.body.is_empty() {
        let length = Decimal::new(reply.body.len() as u64);
        exchange.response.set(Known::ContentLength, length.as_bytes());
        // What the route says of the content goes before what the proxy would say.
        match &reply.content_type {
            Some(content_type) => exchange.response.set(Known::ContentType, content_type.as_bytes()),
            None if exchange.response.has(Known::ContentType) => {}
            None => exchange.response.append(Known::ContentType, b"text/plain"),
        }
    } else {
        exchange.response.remove_all(OF_A_BODY);
    }
    exchange.local_body.clear();
    exchange.local_body.extend_from_slice(&reply.body);
    reply.body
}

/// What says something about a body only.
const OF_A_BODY: KnownSet = KnownSet::of(&[Known::ContentLength, Known::ContentType]);

/// What a reply looks like so far.
struct Shape {
    status: u16,
    body: Vec<u8>,
    content_type: Option<Cow<'static, str>>,
}

impl Shape {
    fn format(&mut self, format: &BodyFormat, exchange: &mut Exchange, viewer: &Viewer) {
        exchange.local_body.clear();
        exchange.local_body.extend_from_slice(&self.body);
        let mut body = Vec::new();
        let (default_type, content_type) = match format {
            BodyFormat::Text { template, content_type, omit_empty } => {
                let absent = Absent::in_text(*omit_empty);
                viewer.view(exchange, |view| render(template, view, absent, &mut body));
                ("text/plain", content_type)
            }
            BodyFormat::Json { object, content_type, omit_empty } => {
                viewer.view(exchange, |view| render_json(object, *omit_empty, view, &mut body));
                body.push(b'\n');
                ("application/json", content_type)
            }
        };
        self.body = body;
        self.content_type = Some(match content_type {
            Some(content_type) => Cow::Owned(content_type.to_string()),
            None => Cow::Borrowed(default_type),
        });
    }
}

fn apply_mappers(
    reply: &mut Shape,
    exchange: &mut Exchange,
    manager: &ManagerRuntime,
    viewer: &Viewer,
    random: u64,
) {
    let config = &manager.config.local_reply;
    if config.mappers.is_empty() && config.body_format.is_none() {
        return;
    }
    // Filters of mappers look at the status that would be sent.
    exchange.facts.status = reply.status;
    let mapper = manager
        .shared()
        .reply_filters
        .iter()
        .zip(&config.mappers)
        .find(|(filter, _)| viewer.view(exchange, |view| filter.takes(view, random)))
        .map(|(_, mapper)| mapper);
    let mut own_type = false;
    if let Some(LocalReplyMapper { status, body, headers_to_add, .. }) = mapper {
        if let Some(body) = body {
            reply.body = body.as_bytes().to_vec();
        }
        // What is added knows the status that would have been sent.
        let before = exchange.response.get(Known::ContentType).map(<[u8]>::to_vec);
        add_all(exchange, Message::Response, headers_to_add, viewer);
        own_type = exchange.response.get(Known::ContentType) != before.as_deref();
        if let Some(status) = status {
            reply.status = *status;
            exchange.facts.status = *status;
        }
    }
    let format = mapper.and_then(|mapper| mapper.body_format.as_ref()).or(config.body_format.as_ref());
    if let Some(format) = format {
        reply.format(format, exchange, viewer);
    }
    if own_type {
        reply.content_type = None;
    }
}

/// A gRPC client is told in its own terms: status 200, and the outcome in `grpc-status`.
fn grpc_reply(reply: &Shape, exchange: &mut Exchange) -> Vec<u8> {
    let failure = exchange.facts.failure.as_ref().filter(|failure| failure.answer().status == reply.status);
    let code = failure.map_or_else(|| grpc_status(reply.status), |failure| failure.spec().grpc);
    exchange.facts.status = 200;
    exchange.facts.own_status = Some(reply.status);
    exchange.response.set(Known::ContentType, b"application/grpc");
    exchange.response.set(Known::GrpcStatus, code.to_string().as_bytes());
    if !reply.body.is_empty() {
        exchange.response.set(Known::GrpcMessage, &percent_encode(&reply.body));
    }
    exchange.local_body.clear();
    Vec::new()
}

/// `grpc-message` is percent-encoded (gRPC over HTTP/2, "Responses").
fn percent_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if matches!(byte, 0x20..=0x7E) && *byte != b'%' {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_encoded() {
        assert_eq!(percent_encode(b"a b%\n"), b"a b%25%0A");
    }
}
