//! What each operator prints.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;

use causeway_http::{HeaderBlock, Known, Method, Version};
use causeway_model::{
    AddressPart, DurationUnit, FieldSection, HeaderName, MetadataSource, Operator, OperatorKind, PathForm,
    TimeFormat, Value,
};
use causeway_reason::Reason;

use super::View;
use super::address::{address, attempted, host_name, write_ip};
use super::common::{between, number, request_header, text};
use super::decimal::write_number;
use super::field_size::FieldSize;
use super::query::{query_param, query_params, without_query};
use super::time::{Clock, Stamp, WallTime, write_time};
use crate::connection::Ending;
use crate::exchange::{Exchange, Subject};
use crate::moment::Moment;
use crate::router::ends_tunnel;

/// The value of an operator.
#[derive(Debug, PartialEq)]
pub(crate) enum Operand<'a> {
    /// There is none.
    Absent,
    /// A number.
    Number(u64),
    /// Text, or bytes that came from a peer.
    Bytes(Cow<'a, [u8]>),
    /// A value of the configuration.
    Json(&'a Value),
    /// An address, or a part of it.
    Ip(IpAddr, u16, AddressPart),
    /// A point in time.
    Time(&'a TimeFormat, WallTime),
    /// The same in Envoy's own form.
    Stamp(Stamp),
}

impl Operand<'_> {
    /// Prints the value.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => {}
            Self::Number(number) => write_number(out, *number),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Ip(ip, port, part) => write_ip(out, *ip, *port, *part),
            Self::Stamp(stamp) => out.extend_from_slice(stamp),
            Self::Json(value) => write_json(out, value),
            Self::Time(format, at) => write_time(out, format, *at),
        }
    }
}

fn write_json(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        value => super::json::write_escaped(out, value),
    }
}

impl<'a> From<&'a [u8]> for Operand<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a str> for Operand<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Operand<'_> {
    fn from(text: String) -> Self {
        Self::Bytes(Cow::Owned(text.into_bytes()))
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Operand<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Operand::Absent, Into::into)
    }
}

/// The value of an operator for one request.
pub(crate) fn evaluate<'a>(kind: &'a OperatorKind, view: &View<'a>) -> Operand<'a> {
    let exchange = view.exchange;
    let facts = &exchange.facts;
    match kind {
        OperatorKind::RequestHeader { .. } | OperatorKind::Protocol => text(kind, view).into(),
        OperatorKind::ResponseCode
        | OperatorKind::BytesReceived
        | OperatorKind::BytesSent
        | OperatorKind::Duration { .. } => number(kind, view).map_or(Operand::Absent, Operand::Number),
        OperatorKind::RequestHeaderWithoutQuery { name, alternative } => {
            let value = request_header(view, name).or_else(|| request_header(view, alternative.as_ref()?));
            value.map(without_query).into()
        }
        OperatorKind::Coalesce(operators) => coalesce(operators, view),
        OperatorKind::ResponseHeader { name, alternative } => {
            either(name, alternative.as_ref(), |name| match name.as_str() {
                ":status" => status(facts.status),
                "connection" if facts.connection_said.is_some() => facts.connection_said.into(),
                _ => header(&exchange.response, name),
            })
        }
        OperatorKind::ResponseTrailer { name, alternative } => either(name, alternative.as_ref(), |name| {
            exchange.response_trailers.as_ref().map_or(Operand::Absent, |trailers| header(trailers, name))
        }),
        OperatorKind::StartTime(format) => match facts.begun.map(|begun| view.clock.wall(begun)) {
            Some(at) if format.is_default() => Operand::Stamp(view.clock.stamp(at)),
            Some(at) => Operand::Time(format, at),
            None => Operand::Absent,
        },
        OperatorKind::EmitTime(format) => Operand::Time(format, view.clock.wall(Moment::now())),
        // Envoy names a protocol from the first attempt on.
        OperatorKind::UpstreamProtocol => {
            let protocol = if facts.upstream_count.is_some() { "HTTP/2" } else { "HTTP/1.1" };
            let request = facts.subject == Subject::Request && !is_raw(exchange);
            facts.connect_end.filter(|_| request).map(|_| protocol).into()
        }
        OperatorKind::ResponseCodeDetails => facts.details.as_str().into(),
        OperatorKind::ConnectionTerminationDetails => {
            ending(view).and_then(|ending| ending.terminated_because.get()).into()
        }
        OperatorKind::Tls { upstream, fact } => super::tls::fact(*upstream, fact, view),
        OperatorKind::RequestedServerName(wanted) => super::tls::requested_server_name(*wanted, view),
        OperatorKind::ResponseFlags if facts.flags.is_empty() => "-".into(),
        OperatorKind::ResponseFlags => facts.flags.short().to_string().into(),
        OperatorKind::ResponseFlagsLong if facts.flags.is_empty() => "-".into(),
        OperatorKind::ResponseFlagsLong => facts.flags.long().to_string().into(),
        OperatorKind::DownstreamWireBytesReceived => {
            // The body is added when all of it has come.
            let body = if view.unfinished.is_some() { facts.body_read } else { 0 };
            Operand::Number(facts.wire_received + body)
        }
        OperatorKind::DownstreamWireBytesSent => Operand::Number(facts.wire_sent),
        OperatorKind::DownstreamHeaderBytesReceived => Operand::Number(facts.request_field_bytes),
        OperatorKind::DownstreamHeaderBytesSent => Operand::Number(facts.response_field_bytes),
        OperatorKind::UpstreamWireBytesReceived => Operand::Number(facts.shown_upstream_bytes().received),
        OperatorKind::UpstreamWireBytesSent => Operand::Number(facts.shown_upstream_bytes().sent),
        OperatorKind::UpstreamHeaderBytesReceived => {
            Operand::Number(facts.shown_upstream_bytes().fields_received)
        }
        OperatorKind::UpstreamHeaderBytesSent => Operand::Number(facts.shown_upstream_bytes().fields_sent),
        OperatorKind::DecompressedFieldBytes { upstream, sent } => {
            Operand::Number(decompressed(view, *upstream, *sent))
        }
        OperatorKind::FieldBytes(section) => Operand::Number(field_bytes(view, *section)),
        OperatorKind::Address { peer, part } => address(view, *peer, *part),
        OperatorKind::UpstreamHostName { without_port } => host_name(view, *without_port),
        OperatorKind::UpstreamCluster => {
            facts.shown_cluster().map(|cluster| cluster.config().stat_name.as_ref()).into()
        }
        OperatorKind::UpstreamClusterRaw => {
            facts.shown_cluster().map(|cluster| cluster.config().name.as_ref()).into()
        }
        OperatorKind::Ja3Fingerprint => {
            view.connection.inspected.as_ref().and_then(|found| found.ja3.as_deref()).into()
        }
        OperatorKind::Ja4Fingerprint => {
            view.connection.inspected.as_ref().and_then(|found| found.ja4.as_deref()).into()
        }
        OperatorKind::UpstreamTransportFailureReason => {
            let failure = facts.failure.as_ref().and_then(|failure| failure.transport.as_deref());
            failure.or(facts.connect_failure.as_deref()).map(one_word).into()
        }
        OperatorKind::UpstreamRequestAttemptCount => Operand::Number(u64::from(facts.attempts)),
        OperatorKind::UpstreamConnectionId => Operand::Number(facts.upstream_connection.unwrap_or_default()),
        OperatorKind::PoolReadyDuration => {
            let end = facts.connect_end.or(facts.reply_begin).or(facts.ended);
            let taken = between(facts.connect_begin, end, DurationUnit::Milliseconds);
            taken.map_or(Operand::Absent, Operand::Number)
        }
        OperatorKind::UpstreamAttempted(what) => attempted(view, *what),
        OperatorKind::RouteResolutionCount => Operand::Number(u64::from(facts.route_resolutions)),
        OperatorKind::RouteResolutionTime => {
            facts.route_resolution_micros.map_or(Operand::Absent, Operand::Number)
        }
        OperatorKind::RoundTripTime => view
            .connection
            .round_trip
            .get()
            .map_or(Operand::Absent, |micros| Operand::Number(u64::from(micros / 1000))),
        OperatorKind::Retransmitted => Operand::Number(0),
        // A request is logged before anything of ours closes a connection under it.
        OperatorKind::LocalCloseReason { upstream: true } => facts.upstream_closed_because.into(),
        OperatorKind::LocalCloseReason { upstream: false } => {
            ending(view).and_then(|ending| ending.closed_because.get()).into()
        }
        OperatorKind::ConnectionId => Operand::Number(view.connection.id),
        OperatorKind::StreamId => match facts.subject {
            Subject::RefusedConnection | Subject::Client => Operand::Absent,
            // The log of a router has none.
            _ if facts.attempt => Operand::Absent,
            Subject::Connection => uuid(view.unique),
            Subject::Request => exchange.request.get(Known::XRequestId).into(),
        },
        OperatorKind::RouteName => {
            facts.shown_route().map(|entry| &*entry.route.name).filter(|name| !name.is_empty()).into()
        }
        OperatorKind::VirtualHostName => facts.shown_route().map(|entry| &*entry.virtual_host.name).into(),
        OperatorKind::VirtualClusterName => {
            facts.virtual_cluster.as_ref().and_then(|cluster| cluster.name.as_deref()).into()
        }
        OperatorKind::FilterChainName => {
            Some(view.connection.filter_chain()).filter(|name| !name.is_empty()).into()
        }
        OperatorKind::ListenerName => view.connection.listener_name().into(),
        OperatorKind::AccessLogType => view.log_type.into(),
        OperatorKind::Metadata { source, namespace, path } => metadata(view, *source, namespace, path),
        OperatorKind::FilterState { key, form } => super::filter_state::state(view, key, form),
        OperatorKind::Hostname => hostname().into(),
        // Envoy prints the dash itself here, in headers too.
        OperatorKind::Environment(value) => value.as_deref().unwrap_or("-").into(),
        OperatorKind::LocalReplyBody => exchange.local_body.as_slice().into(),
        OperatorKind::GrpcStatus { number, snake_case } => grpc_status(view, *number, *snake_case),
        OperatorKind::QueryParam(name) => {
            query_param(&exchange.path, name.as_bytes()).map_or(Operand::Absent, Operand::Bytes)
        }
        OperatorKind::QueryParams { decoded } => {
            query_params(&exchange.path, *decoded).map_or(Operand::Absent, Operand::Bytes)
        }
        OperatorKind::Path { with_query, form } => path(view, *with_query, *form),
        OperatorKind::UniqueId => uuid(view.unique),
        OperatorKind::DetectedCloseType { upstream } => match upstream {
            true => facts.upstream_close.or(facts.was_attempted().then_some("Normal")).into(),
            // Also where nothing has closed it, as with Envoy.
            false => facts.client_close.unwrap_or("Normal").into(),
        },
        OperatorKind::Reason => facts.failure.as_ref().map(|failure| Reason::key(failure.reason)).into(),
        OperatorKind::Evidence => {
            facts.failure.as_ref().and_then(|failure| failure.evidence.as_deref()).into()
        }
        OperatorKind::WhyCode => facts.failure.as_ref().map(|failure| failure.reason.code()).into(),
        OperatorKind::Why => facts.failure.as_ref().map(|failure| failure.to_string()).into(),
        OperatorKind::WhyId => facts.failure.as_ref().map(|_| format!("{:016x}", view.unique)).into(),
        OperatorKind::CustomFlags => "".into(),
        OperatorKind::Absent(_) => Operand::Absent,
    }
}

/// The first operator that has a value, cut to its own length.
fn coalesce<'a>(operators: &'a [Operator], view: &View<'a>) -> Operand<'a> {
    for operator in operators {
        match (evaluate(&operator.kind, view), operator.max_length) {
            (Operand::Absent, _) => {}
            (value, None) => return value,
            (value, Some(most)) => {
                let mut text = Vec::new();
                value.write(&mut text);
                text.truncate(most);
                return Operand::Bytes(text.into());
            }
        }
    }
    Operand::Absent
}

fn either<'a>(
    name: &'a HeaderName,
    alternative: Option<&'a HeaderName>,
    mut value: impl FnMut(&'a HeaderName) -> Operand<'a>,
) -> Operand<'a> {
    match (value(name), alternative) {
        (Operand::Absent, Some(alternative)) => value(alternative),
        (found, _) => found,
    }
}

/// The first field of that name: Envoy prints no others.
fn header<'a>(block: &'a HeaderBlock, name: &'a HeaderName) -> Operand<'a> {
    block.get(name.as_str()).into()
}

/// Bytes of fields as they are before they are compressed, which HTTP/1 does not.
fn decompressed(view: &View<'_>, upstream: bool, sent: bool) -> u64 {
    let facts = &view.exchange.facts;
    let http2 = facts.protocol == Some(Version::Http2);
    let trailers = || field_bytes(view, FieldSection::ResponseTrailers);
    match (upstream, sent) {
        (false, false) if http2 && !facts.attempt => facts.plain_request.into(),
        (false, false) => facts.request_field_bytes,
        (false, true) if http2 && !facts.attempt => {
            field_bytes(view, FieldSection::ResponseHeaders) + trailers()
        }
        (false, true) => facts.response_field_bytes,
        (true, sent) if facts.upstream_count.is_some() || (facts.attempt && http2) => match sent {
            true => field_bytes(view, FieldSection::RequestHeaders),
            false if facts.plain_answer > 0 => u64::from(facts.plain_answer) + trailers(),
            false => 0,
        },
        (true, true) => facts.shown_upstream_bytes().fields_sent,
        (true, false) => facts.shown_upstream_bytes().fields_received,
    }
}

fn field_bytes(view: &View<'_>, section: FieldSection) -> u64 {
    let exchange = view.exchange;
    match section {
        FieldSection::RequestHeaders => FieldSize::of_request(exchange).bytes,
        FieldSection::ResponseHeaders if exchange.facts.status == 0 => 0,
        FieldSection::ResponseHeaders if exchange.facts.attempt => {
            FieldSize::of_response(&exchange.response).bytes
        }
        FieldSection::ResponseHeaders => FieldSize::of_reply(&exchange.response).bytes,
        FieldSection::ResponseTrailers => {
            exchange.response_trailers.as_ref().map_or(0, |trailers| FieldSize::of_trailers(trailers).bytes)
        }
    }
}

fn status<'a>(status: u16) -> Operand<'a> {
    if status == 0 { Operand::Absent } else { Operand::Number(u64::from(status)) }
}

fn metadata<'a>(view: &View<'a>, source: MetadataSource, namespace: &str, path: &[Box<str>]) -> Operand<'a> {
    let facts = &view.exchange.facts;
    let found = match source {
        MetadataSource::Route => {
            facts.shown_route().and_then(|entry| entry.route.metadata.get(namespace, path))
        }
        MetadataSource::VirtualHost => {
            let host = facts.shown_route().map(|entry| &entry.virtual_host);
            let host = host.or(facts.without_route.as_ref());
            host.and_then(|host| host.metadata.get(namespace, path))
        }
        MetadataSource::Cluster => {
            facts.shown_cluster().and_then(|cluster| cluster.config().metadata.get(namespace, path))
        }
        MetadataSource::UpstreamHost => {
            facts.host.as_ref().and_then(|host| host.metadata().get(namespace, path))
        }
        MetadataSource::FilterChain => {
            view.connection.filter_chain_metadata().and_then(|metadata| metadata.get(namespace, path))
        }
        MetadataSource::Dynamic => facts.dynamic_metadata.get(namespace, path),
        MetadataSource::Listener => {
            view.connection.metadata().and_then(|metadata| metadata.get(namespace, path))
        }
    };
    found.map_or(Operand::Absent, Operand::Json)
}

fn path<'a>(view: &View<'a>, with_query: bool, form: PathForm) -> Operand<'a> {
    let exchange = view.exchange;
    if exchange.head.is_none() {
        return Operand::Absent;
    }
    let original = exchange.request.get(Known::EnvoyOriginalPath);
    let whole = match form {
        PathForm::Current => Some(exchange.path.as_slice()),
        PathForm::Original => original,
        PathForm::OriginalOrCurrent => Some(original.unwrap_or(&exchange.path)),
    };
    whole.map(|path| if with_query { path } else { without_query(path) }).into()
}

/// Names of gRPC statuses, by number.
const GRPC_NAMES: [(&str, &str); 17] = [
    ("OK", "OK"),
    ("Canceled", "CANCELLED"),
    ("Unknown", "UNKNOWN"),
    ("InvalidArgument", "INVALID_ARGUMENT"),
    ("DeadlineExceeded", "DEADLINE_EXCEEDED"),
    ("NotFound", "NOT_FOUND"),
    ("AlreadyExists", "ALREADY_EXISTS"),
    ("PermissionDenied", "PERMISSION_DENIED"),
    ("ResourceExhausted", "RESOURCE_EXHAUSTED"),
    ("FailedPrecondition", "FAILED_PRECONDITION"),
    ("Aborted", "ABORTED"),
    ("OutOfRange", "OUT_OF_RANGE"),
    ("Unimplemented", "UNIMPLEMENTED"),
    ("Internal", "INTERNAL"),
    ("Unavailable", "UNAVAILABLE"),
    ("DataLoss", "DATA_LOSS"),
    ("Unauthenticated", "UNAUTHENTICATED"),
];

/// The gRPC status of a call: from the trailers of its response, or its head; of one that has none, the status that
/// stands for that of HTTP.
fn grpc_status_number(view: &View<'_>) -> Option<i64> {
    let answered = view.exchange.facts.grpc && view.exchange.facts.status > 0;
    answered.then(|| grpc_status_of_any(view))
}

/// The same of any response; what is no number, or does not fit, is -1, as with Envoy.
pub(crate) fn grpc_status_of_any(view: &View<'_>) -> i64 {
    match view.exchange.grpc_status().filter(|text| !text.is_empty()) {
        Some(text) => {
            let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
            number.map_or(-1, u64::cast_signed)
        }
        None => i64::from(causeway_reason::grpc_status(view.exchange.facts.status)),
    }
}

fn grpc_status<'a>(view: &View<'a>, number: bool, snake_case: bool) -> Operand<'a> {
    const NONE: &Value = &Value::Number(-1.0);
    let Some(status) = grpc_status_number(view) else { return Operand::Absent };
    if number {
        return u64::try_from(status).map_or(Operand::Json(NONE), Operand::Number);
    }
    // For names in capitals, Envoy looks at half of the number.
    let of = if snake_case { status & 0xffff_ffff } else { status };
    match usize::try_from(of).ok().and_then(|at| GRPC_NAMES.get(at)) {
        Some((_, snake)) if snake_case => (*snake).into(),
        Some((camel, _)) => (*camel).into(),
        None => status.to_string().into(),
    }
}

/// What is to be said of how the client's connection went wrong or was ended.
fn ending<'a>(view: &View<'a>) -> Option<&'a Ending> {
    view.connection.course.known_ending()
}

/// Whether the request is a tunnel that ends here: what is spoken in it is not HTTP.
fn is_raw(exchange: &Exchange) -> bool {
    let Some(method) = exchange.head.as_ref().map(|head| head.method) else { return false };
    if !matches!(method, Method::Connect | Method::Post) {
        return false;
    }
    let route = exchange.facts.shown_route().and_then(|entry| entry.forward());
    route.is_some_and(|route| ends_tunnel(route, method))
}

/// An id that follows from a number.
fn uuid(unique: u64) -> Operand<'static> {
    let mut source = causeway_http::RequestIdSource::new(unique);
    Operand::Bytes(source.uuid().to_vec().into())
}

/// Text in which white space is replaced, so that it stays one word of a log line.
pub(super) fn one_word(text: &str) -> String {
    text.replace(' ', "_")
}

/// This machine's name, read once.
fn hostname() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map_or_else(|_| "-".to_owned(), |name| name.trim().to_owned())
    })
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 1234, u64::MAX] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
