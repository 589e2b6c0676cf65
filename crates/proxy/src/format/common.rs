//! What nearly every line of a log has: printed without being a value in between.

use causeway_model::{DurationPoint, DurationUnit, HeaderName, OperatorKind};

use super::View;
use super::decimal::write_number;
use super::field_size::first_line;
use super::operator::{Operand, evaluate};
use crate::exchange::Subject;
use crate::moment::Moment;

/// Prints the value of an operator for one request, and says whether there is one.
pub(super) fn print(kind: &OperatorKind, view: &View<'_>, out: &mut Vec<u8>) -> bool {
    match kind {
        OperatorKind::ResponseCode
        | OperatorKind::BytesReceived
        | OperatorKind::BytesSent
        | OperatorKind::Duration { .. } => {
            number(kind, view).map(|number| write_number(out, number)).is_some()
        }
        OperatorKind::RequestHeader { .. } | OperatorKind::Protocol => {
            text(kind, view).map(|text| out.extend_from_slice(text)).is_some()
        }
        _ => match evaluate(kind, view) {
            Operand::Absent => false,
            operand => {
                operand.write(out);
                true
            }
        },
    }
}

/// The value of an operator that is a number in nearly every line.
pub(super) fn number(kind: &OperatorKind, view: &View<'_>) -> Option<u64> {
    let facts = &view.exchange.facts;
    match kind {
        OperatorKind::ResponseCode => Some(u64::from(facts.status)),
        OperatorKind::BytesReceived => Some(facts.bytes_received),
        OperatorKind::BytesSent => Some(facts.bytes_sent),
        OperatorKind::Duration { from, to, unit } => duration(view, *from, *to, *unit),
        _ => None,
    }
}

/// The value of an operator that is text in nearly every line.
pub(super) fn text<'a>(kind: &OperatorKind, view: &View<'a>) -> Option<&'a [u8]> {
    match kind {
        OperatorKind::RequestHeader { name, alternative } => {
            request_header(view, name).or_else(|| request_header(view, alternative.as_ref()?))
        }
        OperatorKind::Protocol => view.exchange.facts.protocol.map(|version| version.as_str().as_bytes()),
        _ => None,
    }
}

/// A field of the request, or a part of its first line.
pub(super) fn request_header<'a>(view: &View<'a>, name: &HeaderName) -> Option<&'a [u8]> {
    let exchange = view.exchange;
    if name.is_pseudo() {
        return first_line(exchange, name.as_str());
    }
    exchange.request.get(name.as_str())
}

fn duration(view: &View<'_>, from: DurationPoint, to: DurationPoint, unit: DurationUnit) -> Option<u64> {
    let facts = &view.exchange.facts;
    let at = |point| match point {
        DurationPoint::DownstreamRxBegin => facts.begun,
        DurationPoint::DownstreamRxEnd => facts.request_end,
        DurationPoint::UpstreamConnectBegin => facts.connect_begin,
        DurationPoint::UpstreamConnectEnd => facts.connect_end,
        // Of what is passed on as it is, Envoy knows no beginning.
        DurationPoint::UpstreamTxBegin => facts.connect_end.filter(|_| facts.subject == Subject::Request),
        DurationPoint::UpstreamTxEnd => facts.upstream_request_end,
        DurationPoint::UpstreamRxBegin => facts.response_begin,
        DurationPoint::UpstreamRxBodyBegin => facts.response_body_begin,
        DurationPoint::UpstreamRxEnd => facts.response_end,
        DurationPoint::DownstreamTxBegin => facts.reply_begin,
        DurationPoint::DownstreamTxEnd => facts.reply_end,
        DurationPoint::End => facts.ended.or(view.unfinished).or(view.now),
    };
    between(at(from), at(to), unit)
}

/// How long it was from one moment to another, where there were both.
pub(super) fn between(from: Option<Moment>, to: Option<Moment>, unit: DurationUnit) -> Option<u64> {
    let nanos = to?.nanos_since(from?);
    Some(match unit {
        DurationUnit::Milliseconds => nanos / 1_000_000,
        DurationUnit::Microseconds => nanos / 1_000,
        DurationUnit::Nanoseconds => nanos,
    })
}
