//! From a block of fields to a request.

use std::rc::Rc;

use causeway_http::HeaderBlock;
use causeway_http::Version;
use causeway_http::h1::BodyFraming;
use causeway_http::h2::hpack::{Decoder, Malformed};
use causeway_http::h2::{Code, Fault, HeadReader, TrailerReader};
use causeway_model::UnderscoreAction;
use causeway_reason::{Failure, Reason};

use crate::connection::ConnectionInfo;
use crate::header_rules;
use crate::record::ActiveRequest;
use crate::snapshot::HttpRuntime;
use crate::stats::Http2Stat;
use crate::worker::Worker;

/// A block of fields that is complete.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) bytes: Vec<u8>,
    /// Nothing follows on the stream.
    pub(super) ends: bool,
    /// Bytes of its frames.
    pub(super) wire: u64,
    /// It stands behind a body.
    pub(super) trailers: bool,
    /// Nobody wants it, but it has to be read for those that follow.
    pub(super) ignored: bool,
    /// A stream that depends on itself, or trailers that do not end it: why it is refused, whatever it is.
    pub(super) refused: Option<&'static str>,
}

/// Why a stream is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// The client is told by this code.
    pub(super) code: Code,
    /// It breaks a rule of messages, for which Envoy ends the connection unless it is told not to.
    pub(super) breaks_rules: bool,
    pub(super) stat: Option<Http2Stat>,
}

impl Refused {
    fn of(fault: Fault) -> Self {
        let (reason, evidence, code, stat) = match fault {
            Fault::Field(what) => {
                (Reason::Http2FieldInvalid, what, Code::PROTOCOL_ERROR, Http2Stat::RxMessagingError)
            }
            Fault::Message(what) => {
                (Reason::Http2MessageInvalid, what, Code::PROTOCOL_ERROR, Http2Stat::RxMessagingError)
            }
            Fault::TooMany => (
                Reason::Http2TooManyFields,
                "there are more fields than max_headers_count, pseudo headers and pieces of cookies counted",
                Code::INTERNAL_ERROR,
                Http2Stat::HeaderOverflow,
            ),
            Fault::TooLarge => (
                Reason::Http2FieldsTooLarge,
                "names and values are larger than max_request_headers_kb",
                Code::INTERNAL_ERROR,
                Http2Stat::HeaderListSizeTooLarge,
            ),
        };
        Self {
            failure: Failure::new(reason).with_evidence(evidence),
            code,
            breaks_rules: matches!(fault, Fault::Field(_) | Fault::Message(_)),
            stat: Some(stat),
        }
    }
}

impl Refused {
    /// Trailers stand where content-length promises more of the body.
    pub(super) fn of_length() -> Self {
        Self {
            failure: Failure::new(Reason::Http2LengthMismatch)
                .with_evidence("the body is less than content-length says"),
            code: Code::PROTOCOL_ERROR,
            breaks_rules: false,
            stat: None,
        }
    }

    /// More streams than may be open at once.
    pub(super) fn too_many_streams(most: u32) -> Self {
        Self {
            failure: Failure::new(Reason::Http2TooManyStreams)
                .with_evidence(format!("{most} streams are open, which is max_concurrent_streams")),
            code: Code::REFUSED_STREAM,
            breaks_rules: false,
            stat: Some(Http2Stat::StreamRefusedErrors),
        }
    }
}

/// Reads the head of a request. The request is there even where it is refused, to be logged.
pub(super) fn read_head(
    decoder: &mut Decoder,
    block: &Block,
    worker: &Rc<Worker>,
    listener: &Rc<HttpRuntime>,
    info: &Rc<ConnectionInfo>,
) -> (ActiveRequest, Result<Result<(), Refused>, Malformed>) {
    let mut request = ActiveRequest::new(worker, listener, info);
    request.facts.protocol = Some(Version::Http2);
    request.begin(worker.moment());
    let shared = listener.manager.shared();
    let exchange = &mut *request;
    let mut reader = HeadReader::new(
        &mut exchange.request,
        &mut exchange.path,
        shared.request_rules.limits,
        listener.manager.config.http2.allow_connect,
    );
    if let Err(malformed) = decoder.decode(&block.bytes, |field| reader.field(field)) {
        drop(reader);
        return (request, Err(malformed));
    }
    let plain = reader.field_bytes();
    let read = match block.refused {
        Some(what) => Err(Fault::Message(what)),
        None => reader.finish(block.ends),
    };
    let taken = read.map_err(Refused::of).and_then(|(head, https)| {
        request.facts.https = https;
        request.facts.sent_whole = block.ends;
        request.facts.wire_received = block.wire;
        request.facts.request_field_bytes = block.wire;
        request.facts.plain_request = u32::try_from(plain).unwrap_or(u32::MAX);
        request.head = Some(head);
        underscores(&mut request, listener, worker)
    });
    if taken.is_err() {
        // To the codec of Envoy, it never was a request.
        request.head = None;
        request.path.clear();
        request.request.clear(usize::MAX);
    }
    (request, Ok(taken))
}

/// `headers_with_underscores_action`.
fn underscores(request: &mut ActiveRequest, listener: &HttpRuntime, worker: &Worker) -> Result<(), Refused> {
    let config = &listener.manager.config;
    if config.headers_with_underscores == UnderscoreAction::Allow {
        return Ok(());
    }
    match header_rules::underscores(request, config.headers_with_underscores) {
        Ok(dropped) => {
            worker.http2().add(Http2Stat::DroppedHeadersWithUnderscores, dropped);
            Ok(())
        }
        Err(name) => Err(Refused {
            failure: Failure::new(Reason::Http2UnderscoreHeader)
                .with_evidence(format!("the header name is \"{name}\"")),
            code: Code::INTERNAL_ERROR,
            breaks_rules: false,
            stat: Some(Http2Stat::RequestsRejectedWithUnderscoresInHeaders),
        }),
    }
}

/// Reads trailers.
pub(super) fn read_trailers(
    decoder: &mut Decoder,
    block: &Block,
    listener: &HttpRuntime,
) -> Result<Result<HeaderBlock, Refused>, Malformed> {
    let mut reader = TrailerReader::new(listener.manager.shared().request_rules.limits);
    decoder.decode(&block.bytes, |field| reader.field(field))?;
    Ok(match block.refused {
        Some(what) => Err(Refused::of(Fault::Message(what))),
        None => reader.finish().map_err(Refused::of),
    })
}

/// What content-length promises of a body.
pub(super) fn promised(request: &ActiveRequest) -> Option<u64> {
    match request.head.as_ref()?.framing {
        BodyFraming::Length(length) => Some(length),
        BodyFraming::None | BodyFraming::Chunked | BodyFraming::UntilClose => None,
    }
}
