//! What operators make of their parameters.

use causeway_model::{
    AddressPart, DurationPoint, DurationUnit, FilterStateForm, HeaderName, HostSource, MetadataSource,
    NameSource, OperatorKind, PathForm, RequestedServerName, TimeZone,
};

use super::operators::Wrong;
use super::{Command, time};

/// An address without its port, or the network that it is in. What is no number of bits, Envoy takes for none.
pub(super) fn network(parameter: &str) -> AddressPart {
    parameter
        .parse::<u32>()
        .map_or(AddressPart::WithoutPort, |bits| AddressPart::Network(u8::try_from(bits).unwrap_or(u8::MAX)))
}

pub(super) fn header(
    command: &Command<'_>,
    parameter: &str,
    make: impl FnOnce(HeaderName, Option<HeaderName>) -> OperatorKind,
) -> Result<OperatorKind, Wrong> {
    let (name, alternative) = parameter.split_once('?').unwrap_or((parameter, ""));
    if alternative.contains('?') {
        let text = format!("`%{}%` takes one header and one alternative, not more", command.name);
        return Err(Wrong::new(text));
    }
    let read = |name: &str| match name {
        "" => Ok(None),
        name => HeaderName::new(name)
            .map(Some)
            .map_err(|_| Wrong::new(format!("`{}` is not a header name", name.escape_debug()))),
    };
    Ok(match (read(name)?, read(alternative)?) {
        (Some(name), alternative) => make(name, alternative),
        // Of an empty name, Envoy finds no header.
        (None, Some(alternative)) => make(alternative, None),
        (None, None) => OperatorKind::Absent(command.text.into()),
    })
}

/// A key, and which form of its object is printed.
pub(super) fn filter_state(parameter: &str) -> Result<OperatorKind, Wrong> {
    let parts: Vec<_> = parameter.split(':').collect();
    let (key, form) = match parts.as_slice() {
        ["", ..] => return Err(Wrong::new("the key of a filter state can't be empty".to_owned())),
        [key] | [key, "TYPED"] | [key, "TYPED", _] => (key, FilterStateForm::Typed),
        [key, "PLAIN"] | [key, "PLAIN", _] => (key, FilterStateForm::Plain),
        [key, "FIELD", field, ..] => (key, FilterStateForm::Field((*field).into())),
        [_, "FIELD"] => return Err(Wrong::new("`FIELD` needs the name of a field behind it".to_owned())),
        _ => return Err(Wrong::new("filter state is printed as PLAIN, TYPED or FIELD".to_owned())),
    };
    Ok(OperatorKind::FilterState { key: (*key).into(), form })
}

/// The parameters of `REQUESTED_SERVER_NAME`, which have been checked.
pub(super) fn requested_server_name(parameter: &str) -> RequestedServerName {
    let (name, host) = parameter.split_once(':').unwrap_or((parameter, ""));
    RequestedServerName {
        name: match name {
            "SNI_FIRST" => NameSource::SniFirst,
            "HOST_FIRST" => NameSource::HostFirst,
            _ => NameSource::SniOnly,
        },
        host: match host {
            "ORIG" => HostSource::Original,
            "HOST" => HostSource::Current,
            _ => HostSource::OriginalOrCurrent,
        },
    }
}

pub(super) fn time_format(
    command: &Command<'_>,
    zone: TimeZone,
) -> Result<causeway_model::TimeFormat, Wrong> {
    match time::parse(command.parameter.unwrap_or_default(), zone) {
        Ok(format) => Ok(format),
        Err(time::Problem::Newline) => {
            Err(Wrong::new("a time format can't hold a line end (`%n`)".to_owned()))
        }
    }
}

pub(super) fn path(parameter: &str) -> Result<OperatorKind, Wrong> {
    let mut parts = parameter.split(':');
    let with_query = match parts.next() {
        None | Some("" | "WQ") => true,
        Some("NQ") => false,
        Some(_) => return Err(Wrong::new("the first parameter of `%PATH%` is WQ or NQ".to_owned())),
    };
    let form = match parts.next() {
        None | Some("" | "ORIG_OR_PATH") => PathForm::OriginalOrCurrent,
        Some("ORIG") => PathForm::Original,
        Some("PATH") => PathForm::Current,
        Some(_) => {
            return Err(Wrong::new(
                "the second parameter of `%PATH%` is ORIG, PATH or ORIG_OR_PATH".to_owned(),
            ));
        }
    };
    Ok(OperatorKind::Path { with_query, form })
}

pub(super) fn common_duration(command: &Command<'_>, parameter: &str) -> Result<OperatorKind, Wrong> {
    let parts: Vec<_> = parameter.split(':').collect();
    let (from, to, unit) = match parts.as_slice() {
        [from, to] => (*from, *to, "ms"),
        [from, to, unit] => (*from, *to, *unit),
        _ => return Err(Wrong::new("`%COMMON_DURATION%` takes two points and a unit: `a:b:ms`".to_owned())),
    };
    let unit = match unit {
        "ms" => DurationUnit::Milliseconds,
        "us" => DurationUnit::Microseconds,
        "ns" => DurationUnit::Nanoseconds,
        _ => return Err(Wrong::new(format!("`{unit}` is not a unit of `%COMMON_DURATION%`: ms, us, ns"))),
    };
    Ok(match (point(from), point(to)) {
        (Some(from), Some(to)) => OperatorKind::Duration { from, to, unit },
        // The end of a TLS handshake, or a point of a filter's own: never reached.
        _ => OperatorKind::Absent(command.text.into()),
    })
}

fn point(name: &str) -> Option<DurationPoint> {
    Some(match name {
        "DS_RX_BEG" => DurationPoint::DownstreamRxBegin,
        "DS_RX_END" => DurationPoint::DownstreamRxEnd,
        "US_CX_BEG" => DurationPoint::UpstreamConnectBegin,
        "US_CX_END" => DurationPoint::UpstreamConnectEnd,
        "US_TX_BEG" => DurationPoint::UpstreamTxBegin,
        "US_TX_END" => DurationPoint::UpstreamTxEnd,
        "US_RX_BEG" => DurationPoint::UpstreamRxBegin,
        "US_RX_BODY_BEG" => DurationPoint::UpstreamRxBodyBegin,
        "US_RX_END" => DurationPoint::UpstreamRxEnd,
        "DS_TX_BEG" => DurationPoint::DownstreamTxBegin,
        "DS_TX_END" => DurationPoint::DownstreamTxEnd,
        _ => return None,
    })
}

pub(super) fn metadata(source: MetadataSource, parameter: &str) -> OperatorKind {
    let mut parts = parameter.split(':');
    let namespace = parts.next().unwrap_or_default().into();
    OperatorKind::Metadata { source, namespace, path: parts.map(Into::into).collect() }
}

/// `a:b`, or, in headers alone, `["a", "b"]`.
pub(super) fn upstream_metadata(parameter: &str) -> OperatorKind {
    let list = parameter.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
    let names =
        list.map(|list| list.split(',').map(|name| name.trim().trim_matches('"')).collect::<Vec<_>>());
    match names {
        Some(names) => metadata(MetadataSource::UpstreamHost, &names.join(":")),
        None => metadata(MetadataSource::UpstreamHost, parameter),
    }
}

pub(super) fn any_metadata(parameter: &str) -> Result<OperatorKind, Wrong> {
    let (kind, rest) = parameter.split_once(':').unwrap_or((parameter, ""));
    let source = match kind {
        "ROUTE" => MetadataSource::Route,
        "VIRTUAL_HOST" => MetadataSource::VirtualHost,
        "CLUSTER" => MetadataSource::Cluster,
        "UPSTREAM_HOST" => MetadataSource::UpstreamHost,
        "LISTENER" => MetadataSource::Listener,
        "DYNAMIC" => MetadataSource::Dynamic,
        "LISTENER_FILTER_CHAIN" => MetadataSource::FilterChain,
        _ => {
            return Err(Wrong::new(format!(
                "`{kind}` is not a sort of metadata: DYNAMIC, CLUSTER, ROUTE, UPSTREAM_HOST, LISTENER, LISTENER_FILTER_CHAIN, VIRTUAL_HOST"
            )));
        }
    };
    Ok(metadata(source, rest))
}
