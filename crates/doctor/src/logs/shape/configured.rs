//! Lines in a format that the configuration names.

use causeway_model::{
    AccessLogFormat, AddressPart, DurationPoint, DurationUnit, JsonTemplate, OperatorKind, Peer, Template,
    TemplatePart,
};
use serde_json::Value;

use super::json::text_of;
use crate::logs::entry::{Entry, Field};

/// A format, as far as it is needed to take lines apart.
#[derive(Debug, PartialEq)]
pub(super) enum Configured {
    /// Texts between which values stand.
    Text(Vec<Piece>),
    /// Where values stand in an object.
    Json(Vec<(Vec<Box<str>>, Field)>),
}

/// A part of a line of text.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// It stands there as it is.
    Literal(Box<str>),
    /// A value, up to the next literal.
    Value(Option<Field>),
}

impl Configured {
    /// A format; `None` where nothing in it says how requests end.
    pub(super) fn new(format: &AccessLogFormat) -> Option<Self> {
        match format {
            AccessLogFormat::Text { template, .. } => of_text(template),
            AccessLogFormat::Json { object, .. } => {
                let mut fields = Vec::new();
                of_object(object, &mut Vec::new(), &mut fields);
                tells(fields.iter().map(|(_, field)| *field)).then_some(Self::Json(fields))
            }
        }
    }

    /// Takes a line apart; `None` where it is of another format.
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<Entry<'a>> {
        match self {
            Self::Text(pieces) => pull_apart(pieces, text),
            Self::Json(fields) => {
                let object = serde_json::from_str::<Value>(text).ok()?;
                let mut entry = Entry::default();
                for (path, field) in fields {
                    let value = path.iter().try_fold(&object, |value, key| value.get(&**key));
                    if let Some(text) = value.and_then(text_of) {
                        entry.set(*field, text);
                    }
                }
                Some(entry)
            }
        }
    }
}

fn pull_apart<'a>(pieces: &[Piece], text: &'a str) -> Option<Entry<'a>> {
    let mut entry = Entry::default();
    let mut rest = text;
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(literal) => rest = rest.strip_prefix(&**literal)?,
            Piece::Value(field) => {
                let end = match pieces.get(at + 1) {
                    Some(Piece::Literal(literal)) => rest.find(&**literal)?,
                    // Two values without anything between them can't be told apart.
                    Some(Piece::Value(_)) => return None,
                    None => rest.len(),
                };
                let (value, behind) = rest.split_at_checked(end)?;
                if let Some(field) = field {
                    entry.set(*field, value);
                }
                rest = behind;
            }
        }
    }
    rest.is_empty().then_some(entry)
}

fn of_text(template: &Template) -> Option<Configured> {
    let mut pieces: Vec<_> = template
        .0
        .iter()
        .map(|part| match part {
            TemplatePart::Literal(text) => Piece::Literal(text.clone()),
            TemplatePart::Operator(operator) => Piece::Value(field(&operator.kind)),
        })
        .collect();
    // Lines come without their end.
    if let Some(Piece::Literal(last)) = pieces.last_mut() {
        *last = last.trim_end_matches(['\r', '\n']).into();
    }
    if matches!(pieces.last(), Some(Piece::Literal(last)) if last.is_empty()) {
        pieces.pop();
    }
    let fields = pieces.iter().filter_map(|piece| match piece {
        Piece::Value(field) => *field,
        Piece::Literal(_) => None,
    });
    tells(fields).then_some(Configured::Text(pieces))
}

fn of_object(object: &JsonTemplate, path: &mut Vec<Box<str>>, fields: &mut Vec<(Vec<Box<str>>, Field)>) {
    match object {
        JsonTemplate::Object(members) => {
            for (name, member) in members {
                path.push(name.clone());
                of_object(member, path, fields);
                path.pop();
            }
        }
        JsonTemplate::Text(Template(parts)) => {
            if let [TemplatePart::Operator(operator)] = &parts[..]
                && let Some(field) = field(&operator.kind)
            {
                fields.push((path.clone(), field));
            }
        }
        JsonTemplate::List(_) | JsonTemplate::Value(_) => {}
    }
}

fn tells(mut fields: impl Iterator<Item = Field>) -> bool {
    fields.any(|field| matches!(field, Field::Status | Field::Flags | Field::Details | Field::Why))
}

/// What an operator prints, where it matters here.
fn field(kind: &OperatorKind) -> Option<Field> {
    Some(match kind {
        OperatorKind::StartTime(_) | OperatorKind::EmitTime(_) => Field::Time,
        OperatorKind::ResponseCode => Field::Status,
        OperatorKind::WhyCode | OperatorKind::Reason => Field::Why,
        OperatorKind::ResponseFlags | OperatorKind::ResponseFlagsLong => Field::Flags,
        OperatorKind::ResponseCodeDetails => Field::Details,
        OperatorKind::UpstreamTransportFailureReason => Field::Transport,
        OperatorKind::Duration {
            from: DurationPoint::DownstreamRxBegin,
            to: DurationPoint::DownstreamTxEnd | DurationPoint::End,
            unit: DurationUnit::Milliseconds,
        } => Field::Duration,
        OperatorKind::UpstreamCluster | OperatorKind::UpstreamClusterRaw => Field::Cluster,
        OperatorKind::Address {
            peer: Peer::UpstreamHost | Peer::UpstreamRemote,
            part: AddressPart::Whole,
        } => Field::Host,
        // `REQ(X-ENVOY-ORIGINAL-PATH?:PATH)`: what found no route was not rewritten.
        OperatorKind::RequestHeader { name, alternative }
        | OperatorKind::RequestHeaderWithoutQuery { name, alternative } => {
            let last = alternative.as_ref().unwrap_or(name);
            match last.as_str() {
                ":method" => Field::Method,
                ":path" => Field::Path,
                ":authority" | "host" => Field::Authority,
                _ => return None,
            }
        }
        OperatorKind::ResponseHeader { name, .. } if name.as_str() == "x-envoy-upstream-service-time" => {
            Field::ServiceTime
        }
        OperatorKind::Coalesce(operators) => operators.iter().find_map(|operator| field(&operator.kind))?,
        _ => return None,
    })
}
