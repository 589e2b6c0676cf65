//! The operators there are: Envoy 1.40's, and two of Causeway's own.

use causeway_model::{
    AddressPart, Attempted, DurationPoint, DurationUnit, FieldSection, MetadataSource, OperatorKind, Peer,
    TimeZone,
};

use super::parameters::{
    any_metadata, common_duration, filter_state, header, metadata, network, path, requested_server_name,
    time_format, upstream_metadata,
};
use super::{Command, tls};
use crate::suggest;

/// Why an operator can't be used.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// What stands in its place, where Envoy knows it and only Causeway does not.
    pub(super) absent: Option<OperatorKind>,
}

impl Wrong {
    pub(super) fn new(message: String) -> Self {
        Self { message, help: None, absent: None }
    }

    fn unsupported(command: &Command<'_>) -> Self {
        Self {
            message: format!("the operator `{}` is not implemented", command.text),
            help: None,
            absent: Some(OperatorKind::Absent(command.text.into())),
        }
    }
}

/// What may stand behind the name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// Nothing.
    Bare,
    /// Parameters, or none.
    Optional,
    /// Parameters, or none, and a length.
    OptionalLength,
    /// Parameters.
    Required,
    /// Parameters and a length.
    RequiredLength,
}

/// What an operator prints here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Support {
    /// What it prints in Envoy.
    Full,
    /// Nothing: it speaks of what can't be here (TLS, tracing, filter state, internal listeners).
    Absent,
    /// Not implemented.
    Missing,
}

use Support::{Absent, Full, Missing};
use Syntax::{Bare, Optional, OptionalLength, Required, RequiredLength};

const OPERATORS: &[(&str, Syntax, Support)] = &[
    ("ACCESS_LOG_TYPE", Bare, Full),
    ("BYTES_RECEIVED", Bare, Full),
    ("BYTES_RETRANSMITTED", Bare, Full),
    ("BYTES_SENT", Bare, Full),
    ("CAUSEWAY_EVIDENCE", Bare, Full),
    ("CAUSEWAY_REASON", Bare, Full),
    ("CEL", RequiredLength, Missing),
    ("CLUSTER_METADATA", Required, Full),
    ("COALESCE", RequiredLength, Full),
    ("COMMON_DURATION", Required, Full),
    ("CONNECTION_ID", Bare, Full),
    ("CONNECTION_TERMINATION_DETAILS", Bare, Full),
    ("CUSTOM_FLAGS", Bare, Full),
    ("DOWNSTREAM_CX_RTT", Bare, Full),
    ("DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", Bare, Full),
    ("DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", Bare, Full),
    ("DOWNSTREAM_DETECTED_CLOSE_TYPE", Bare, Full),
    ("DOWNSTREAM_DIRECT_LOCAL_ADDRESS", Bare, Full),
    ("DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID", Bare, Full),
    ("DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", Optional, Full),
    ("DOWNSTREAM_DIRECT_LOCAL_PORT", Bare, Full),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Bare, Full),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Optional, Full),
    ("DOWNSTREAM_DIRECT_REMOTE_PORT", Bare, Full),
    ("DOWNSTREAM_HANDSHAKE_DURATION", Bare, Full),
    ("DOWNSTREAM_HEADER_BYTES_RECEIVED", Bare, Full),
    ("DOWNSTREAM_HEADER_BYTES_SENT", Bare, Full),
    ("DOWNSTREAM_LOCAL_ADDRESS", Bare, Full),
    ("DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", Bare, Full),
    ("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Optional, Full),
    ("DOWNSTREAM_LOCAL_CLOSE_REASON", Bare, Full),
    ("DOWNSTREAM_LOCAL_DNS_SAN", Bare, Full),
    ("DOWNSTREAM_LOCAL_EMAIL_SAN", Bare, Full),
    ("DOWNSTREAM_LOCAL_IP_SAN", Bare, Full),
    ("DOWNSTREAM_LOCAL_OTHERNAME_SAN", Bare, Full),
    ("DOWNSTREAM_LOCAL_PORT", Bare, Full),
    ("DOWNSTREAM_LOCAL_SUBJECT", Bare, Full),
    ("DOWNSTREAM_LOCAL_URI_SAN", Bare, Full),
    ("DOWNSTREAM_PEER_CERT", Bare, Full),
    ("DOWNSTREAM_PEER_CERT_V_END", Optional, Full),
    ("DOWNSTREAM_PEER_CERT_V_START", Optional, Full),
    ("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", Bare, Full),
    ("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", Bare, Full),
    ("DOWNSTREAM_PEER_CHAIN_SERIALS", Bare, Full),
    ("DOWNSTREAM_PEER_DNS_SAN", Bare, Full),
    ("DOWNSTREAM_PEER_EMAIL_SAN", Bare, Full),
    ("DOWNSTREAM_PEER_FINGERPRINT_1", Bare, Full),
    ("DOWNSTREAM_PEER_FINGERPRINT_256", Bare, Full),
    ("DOWNSTREAM_PEER_IP_SAN", Bare, Full),
    ("DOWNSTREAM_PEER_ISSUER", Bare, Full),
    ("DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", Bare, Full),
    ("DOWNSTREAM_PEER_ISSUER_SERIAL", Bare, Full),
    ("DOWNSTREAM_PEER_OTHERNAME_SAN", Bare, Full),
    ("DOWNSTREAM_PEER_SERIAL", Bare, Full),
    ("DOWNSTREAM_PEER_SUBJECT", Bare, Full),
    ("DOWNSTREAM_PEER_URI_SAN", Bare, Full),
    ("DOWNSTREAM_REMOTE_ADDRESS", Bare, Full),
    ("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Optional, Full),
    ("DOWNSTREAM_REMOTE_PORT", Bare, Full),
    ("DOWNSTREAM_TLS_CIPHER", Bare, Full),
    ("DOWNSTREAM_TLS_GROUP", Bare, Full),
    ("DOWNSTREAM_TLS_SESSION_ID", Bare, Full),
    ("DOWNSTREAM_TLS_VERSION", Bare, Full),
    ("DOWNSTREAM_TRANSPORT_FAILURE_REASON", Bare, Full),
    ("DOWNSTREAM_WIRE_BYTES_RECEIVED", Bare, Full),
    ("DOWNSTREAM_WIRE_BYTES_SENT", Bare, Full),
    ("DURATION", Bare, Full),
    ("DYNAMIC_METADATA", RequiredLength, Full),
    ("EMIT_TIME", Optional, Full),
    ("EMIT_TIME_LOCAL", Optional, Full),
    ("ENVIRONMENT", RequiredLength, Full),
    ("FILTER_CHAIN_NAME", Bare, Full),
    ("FILTER_STATE", RequiredLength, Full),
    ("GRPC_STATUS", Optional, Full),
    ("GRPC_STATUS_NUMBER", Bare, Full),
    ("HOSTNAME", Bare, Full),
    ("LISTENER_NAME", Bare, Full),
    ("LOCAL_REPLY_BODY", Bare, Full),
    ("METADATA", RequiredLength, Full),
    ("PACKETS_RETRANSMITTED", Bare, Full),
    ("PATH", OptionalLength, Full),
    // What headers used to call filter state.
    ("PER_REQUEST_STATE", Required, Absent),
    ("PROTOCOL", Bare, Full),
    ("QUERY_PARAM", RequiredLength, Full),
    ("QUERY_PARAMS", OptionalLength, Full),
    ("REQ", RequiredLength, Full),
    ("REQUESTED_SERVER_NAME", Optional, Full),
    ("REQUEST_DURATION", Bare, Full),
    ("REQUEST_HEADER", RequiredLength, Full),
    ("REQUEST_HEADERS_BYTES", Bare, Full),
    ("REQUEST_TX_DURATION", Bare, Full),
    // Of a formatter that files have to name; it is built in here.
    ("REQ_WITHOUT_QUERY", RequiredLength, Full),
    ("RESP", RequiredLength, Full),
    ("RESPONSE_CODE", Bare, Full),
    ("RESPONSE_CODE_DETAILS", Optional, Full),
    ("RESPONSE_DURATION", Bare, Full),
    ("RESPONSE_FLAGS", Bare, Full),
    ("RESPONSE_FLAGS_LONG", Bare, Full),
    ("RESPONSE_HEADER", RequiredLength, Full),
    ("RESPONSE_HEADERS_BYTES", Bare, Full),
    ("RESPONSE_TRAILER", RequiredLength, Full),
    ("RESPONSE_TRAILERS_BYTES", Bare, Full),
    ("RESPONSE_TX_DURATION", Bare, Full),
    ("ROUNDTRIP_DURATION", Bare, Absent),
    ("ROUTE_NAME", Bare, Full),
    ("ROUTE_RESOLUTION_COUNT", Bare, Full),
    ("ROUTE_RESOLUTION_TIME_US", Bare, Full),
    ("SPAN_ID", Bare, Absent),
    ("START_TIME", Optional, Full),
    ("START_TIME_LOCAL", Optional, Full),
    ("STREAM_ID", Bare, Full),
    ("TLS_JA3_FINGERPRINT", Bare, Full),
    ("TLS_JA4_FINGERPRINT", Bare, Full),
    ("TRACE_ID", Bare, Absent),
    ("TRAILER", RequiredLength, Full),
    ("UNIQUE_ID", Bare, Full),
    ("UPSTREAM_CLUSTER", Bare, Full),
    ("UPSTREAM_CLUSTER_RAW", Bare, Full),
    ("UPSTREAM_CONNECTION_ID", Bare, Full),
    ("UPSTREAM_CONNECTION_IDS_ATTEMPTED", Bare, Full),
    ("UPSTREAM_CONNECTION_POOL_READY_DURATION", Bare, Full),
    ("UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", Bare, Full),
    ("UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", Bare, Full),
    ("UPSTREAM_DETECTED_CLOSE_TYPE", Bare, Full),
    ("UPSTREAM_FILTER_STATE", RequiredLength, Absent),
    ("UPSTREAM_HEADER_BYTES_RECEIVED", Bare, Full),
    ("UPSTREAM_HEADER_BYTES_SENT", Bare, Full),
    ("UPSTREAM_HOST", Bare, Full),
    ("UPSTREAM_HOSTS_ATTEMPTED", Bare, Full),
    ("UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", Bare, Full),
    ("UPSTREAM_HOST_NAME", Bare, Full),
    ("UPSTREAM_HOST_NAMES_ATTEMPTED", Bare, Full),
    ("UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", Bare, Full),
    ("UPSTREAM_HOST_NAME_WITHOUT_PORT", Bare, Full),
    ("UPSTREAM_LOCAL_ADDRESS", Bare, Full),
    ("UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Optional, Full),
    ("UPSTREAM_LOCAL_CLOSE_REASON", Bare, Full),
    ("UPSTREAM_LOCAL_DNS_SAN", Bare, Full),
    ("UPSTREAM_LOCAL_IP_SAN", Bare, Full),
    ("UPSTREAM_LOCAL_PORT", Bare, Full),
    ("UPSTREAM_LOCAL_URI_SAN", Bare, Full),
    ("UPSTREAM_METADATA", Required, Full),
    ("UPSTREAM_PEER_CERT", Bare, Full),
    ("UPSTREAM_PEER_CERT_V_END", Optional, Full),
    ("UPSTREAM_PEER_CERT_V_START", Optional, Full),
    ("UPSTREAM_PEER_DNS_SAN", Bare, Full),
    ("UPSTREAM_PEER_IP_SAN", Bare, Full),
    ("UPSTREAM_PEER_ISSUER", Bare, Full),
    ("UPSTREAM_PEER_SUBJECT", Bare, Full),
    ("UPSTREAM_PEER_URI_SAN", Bare, Full),
    ("UPSTREAM_PROTOCOL", Bare, Full),
    ("UPSTREAM_REMOTE_ADDRESS", Bare, Full),
    ("UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", Bare, Full),
    ("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Optional, Full),
    ("UPSTREAM_REMOTE_PORT", Bare, Full),
    ("UPSTREAM_REQUEST_ATTEMPT_COUNT", Bare, Full),
    ("UPSTREAM_SERVER_NAME", Bare, Full),
    ("UPSTREAM_TLS_CIPHER", Bare, Full),
    ("UPSTREAM_TLS_GROUP", Bare, Full),
    ("UPSTREAM_TLS_SESSION_ID", Bare, Absent),
    ("UPSTREAM_TLS_VERSION", Bare, Full),
    ("UPSTREAM_TRANSPORT_FAILURE_REASON", Bare, Full),
    ("UPSTREAM_WIRE_BYTES_RECEIVED", Bare, Full),
    ("UPSTREAM_WIRE_BYTES_SENT", Bare, Full),
    ("VIRTUAL_CLUSTER_NAME", Bare, Full),
    // Not Envoy's, but obvious.
    ("VIRTUAL_HOST_NAME", Bare, Full),
    ("WHY", Bare, Full),
    ("WHY_CODE", Bare, Full),
    ("WHY_ID", Bare, Full),
];

/// Whether there is an operator of that name.
pub(super) fn is_known(name: &str) -> bool {
    OPERATORS.iter().any(|(known, ..)| *known == name)
}

/// What an operator prints. Some have other forms in headers, which Envoy translates before it reads them.
pub(super) fn operator(command: &Command<'_>, in_header: bool) -> Result<OperatorKind, Wrong> {
    let name = command.name;
    let Some((_, syntax, support)) = OPERATORS.iter().find(|(known, ..)| *known == name) else {
        return Err(unknown(name));
    };
    check_syntax(command, *syntax)?;
    check_parameter(command)?;
    match name {
        "PER_REQUEST_STATE" if !in_header => {
            let mut wrong = Wrong::new(format!("`%{name}%` is an operator of headers alone"));
            wrong.help = Some("`%FILTER_STATE(…:PLAIN)%` prints the same everywhere".to_owned());
            return Err(wrong);
        }
        "UPSTREAM_METADATA" if in_header => {
            return Ok(upstream_metadata(command.parameter.unwrap_or_default()));
        }
        _ => {}
    }
    match support {
        Full => known(command),
        Absent => Ok(OperatorKind::Absent(command.text.into())),
        Missing => Err(Wrong::unsupported(command)),
    }
}

fn unknown(name: &str) -> Wrong {
    let names: Vec<_> = OPERATORS.iter().map(|(known, ..)| *known).collect();
    let mut wrong = Wrong::new(format!("there is no operator `%{name}%`"));
    wrong.help = suggest::among(name, &names).map(|meant| format!("did you mean `%{meant}%`?"));
    wrong
}

fn check_syntax(command: &Command<'_>, syntax: Syntax) -> Result<(), Wrong> {
    let name = command.name;
    let (parameter, length) = (command.parameter.is_some(), command.max_length.is_some());
    let complaint = match syntax {
        Bare if parameter && length => "takes neither parameters nor a length",
        Bare if parameter => "takes no parameters",
        Bare | Optional | Required if length => "takes no length",
        Required | RequiredLength if !parameter => "needs parameters",
        _ => return Ok(()),
    };
    Err(Wrong::new(format!("`%{name}%` {complaint}")))
}

/// The checks of parameters that Envoy makes for operators that print nothing here.
fn check_parameter(command: &Command<'_>) -> Result<(), Wrong> {
    let Some(parameter) = command.parameter else { return Ok(()) };
    let parts: Vec<_> = parameter.split(':').collect();
    match command.name {
        "UPSTREAM_FILTER_STATE" => filter_state(parameter).map(drop),
        "REQUESTED_SERVER_NAME" => {
            let first = parts
                .first()
                .is_none_or(|part| matches!(*part, "" | "SNI_ONLY" | "SNI_FIRST" | "HOST_FIRST"));
            let second =
                parts.get(1).is_none_or(|part| matches!(*part, "" | "ORIG" | "HOST" | "ORIG_OR_HOST"));
            if first && second {
                return Ok(());
            }
            Err(Wrong::new(
                "its parameters are SNI_ONLY, SNI_FIRST or HOST_FIRST, then ORIG, HOST or ORIG_OR_HOST"
                    .to_owned(),
            ))
        }
        "QUERY_PARAMS" if !matches!(parameter, "ORIG" | "DECODED") => {
            Err(Wrong::new("its parameter is ORIG or DECODED".to_owned()))
        }
        _ => Ok(()),
    }
}

fn known(command: &Command<'_>) -> Result<OperatorKind, Wrong> {
    use OperatorKind as K;
    if let Some(kind) = tls::operator(command)? {
        return Ok(kind);
    }
    let parameter = command.parameter.unwrap_or_default();
    let address = |peer, part| K::Address { peer, part };
    let decompressed = |upstream, sent| K::DecompressedFieldBytes { upstream, sent };
    let duration = |from, to| K::Duration { from, to, unit: DurationUnit::Milliseconds };
    Ok(match command.name {
        "ACCESS_LOG_TYPE" => K::AccessLogType,
        "BYTES_RECEIVED" => K::BytesReceived,
        "BYTES_SENT" => K::BytesSent,
        "CAUSEWAY_EVIDENCE" => K::Evidence,
        "CAUSEWAY_REASON" => K::Reason,
        "WHY" => K::Why,
        "WHY_CODE" => K::WhyCode,
        "WHY_ID" => K::WhyId,
        "DYNAMIC_METADATA" => metadata(MetadataSource::Dynamic, parameter),
        "CLUSTER_METADATA" => metadata(MetadataSource::Cluster, parameter),
        "UPSTREAM_METADATA" => metadata(MetadataSource::UpstreamHost, parameter),
        "METADATA" => return any_metadata(parameter),
        "COMMON_DURATION" => return common_duration(command, parameter),
        "CONNECTION_ID" => K::ConnectionId,
        "CONNECTION_TERMINATION_DETAILS" => K::ConnectionTerminationDetails,
        "DOWNSTREAM_DETECTED_CLOSE_TYPE" => K::DetectedCloseType { upstream: false },
        "UPSTREAM_DETECTED_CLOSE_TYPE" => K::DetectedCloseType { upstream: true },
        "BYTES_RETRANSMITTED" | "PACKETS_RETRANSMITTED" => K::Retransmitted,
        "COALESCE" => super::coalesce::read(parameter)?,
        "DOWNSTREAM_CX_RTT" => K::RoundTripTime,
        "DOWNSTREAM_LOCAL_CLOSE_REASON" => K::LocalCloseReason { upstream: false },
        "UPSTREAM_LOCAL_CLOSE_REASON" => K::LocalCloseReason { upstream: true },
        "QUERY_PARAMS" => K::QueryParams { decoded: parameter == "DECODED" },
        "ROUTE_RESOLUTION_COUNT" => K::RouteResolutionCount,
        "ROUTE_RESOLUTION_TIME_US" => K::RouteResolutionTime,
        "UPSTREAM_CONNECTION_IDS_ATTEMPTED" => K::UpstreamAttempted(Attempted::ConnectionId),
        "UPSTREAM_CONNECTION_POOL_READY_DURATION" => K::PoolReadyDuration,
        "UPSTREAM_HOSTS_ATTEMPTED" => K::UpstreamAttempted(Attempted::Host { without_port: false }),
        "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT" => {
            K::UpstreamAttempted(Attempted::Host { without_port: true })
        }
        "UPSTREAM_HOST_NAMES_ATTEMPTED" => K::UpstreamAttempted(Attempted::HostName { without_port: false }),
        "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT" => {
            K::UpstreamAttempted(Attempted::HostName { without_port: true })
        }
        "DOWNSTREAM_HEADER_BYTES_RECEIVED" => K::DownstreamHeaderBytesReceived,
        "DOWNSTREAM_HEADER_BYTES_SENT" => K::DownstreamHeaderBytesSent,
        "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED" => decompressed(false, false),
        "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT" => decompressed(false, true),
        "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED" => decompressed(true, false),
        "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT" => decompressed(true, true),
        "REQUESTED_SERVER_NAME" => K::RequestedServerName(requested_server_name(parameter)),
        "DOWNSTREAM_WIRE_BYTES_RECEIVED" => K::DownstreamWireBytesReceived,
        "DOWNSTREAM_WIRE_BYTES_SENT" => K::DownstreamWireBytesSent,
        "CUSTOM_FLAGS" => K::CustomFlags,
        "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID" => address(Peer::DownstreamLocal, AddressPart::EndpointId),
        "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID" => {
            address(Peer::DownstreamDirectLocal, AddressPart::EndpointId)
        }
        "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID" => address(Peer::UpstreamRemote, AddressPart::EndpointId),
        "DOWNSTREAM_LOCAL_ADDRESS" => address(Peer::DownstreamLocal, AddressPart::Whole),
        "DOWNSTREAM_LOCAL_PORT" => address(Peer::DownstreamLocal, AddressPart::Port),
        "DOWNSTREAM_DIRECT_LOCAL_ADDRESS" => address(Peer::DownstreamDirectLocal, AddressPart::Whole),
        "DOWNSTREAM_DIRECT_LOCAL_PORT" => address(Peer::DownstreamDirectLocal, AddressPart::Port),
        "DOWNSTREAM_REMOTE_ADDRESS" => address(Peer::DownstreamRemote, AddressPart::Whole),
        "DOWNSTREAM_REMOTE_PORT" => address(Peer::DownstreamRemote, AddressPart::Port),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" => address(Peer::DownstreamDirectRemote, AddressPart::Whole),
        "DOWNSTREAM_DIRECT_REMOTE_PORT" => address(Peer::DownstreamDirectRemote, AddressPart::Port),
        "UPSTREAM_HOST" => address(Peer::UpstreamHost, AddressPart::Whole),
        "UPSTREAM_LOCAL_ADDRESS" => address(Peer::UpstreamLocal, AddressPart::Whole),
        "UPSTREAM_LOCAL_PORT" => address(Peer::UpstreamLocal, AddressPart::Port),
        "UPSTREAM_REMOTE_ADDRESS" => address(Peer::UpstreamRemote, AddressPart::Whole),
        "UPSTREAM_REMOTE_PORT" => address(Peer::UpstreamRemote, AddressPart::Port),
        name if name.ends_with("_ADDRESS_WITHOUT_PORT") => {
            let peer = match name {
                "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => Peer::DownstreamLocal,
                "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT" => Peer::DownstreamDirectLocal,
                "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Peer::DownstreamRemote,
                "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT" => Peer::DownstreamDirectRemote,
                "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => Peer::UpstreamLocal,
                _ => Peer::UpstreamRemote,
            };
            address(peer, network(parameter))
        }
        "DURATION" => duration(DurationPoint::DownstreamRxBegin, DurationPoint::End),
        "REQUEST_DURATION" => duration(DurationPoint::DownstreamRxBegin, DurationPoint::DownstreamRxEnd),
        "REQUEST_TX_DURATION" => duration(DurationPoint::DownstreamRxBegin, DurationPoint::UpstreamTxEnd),
        "RESPONSE_DURATION" => duration(DurationPoint::DownstreamRxBegin, DurationPoint::UpstreamRxBegin),
        "RESPONSE_TX_DURATION" => duration(DurationPoint::UpstreamRxBegin, DurationPoint::DownstreamTxEnd),
        "EMIT_TIME" => K::EmitTime(time_format(command, TimeZone::Utc)?),
        "EMIT_TIME_LOCAL" => K::EmitTime(time_format(command, TimeZone::Local)?),
        "START_TIME" => K::StartTime(time_format(command, TimeZone::Utc)?),
        "START_TIME_LOCAL" => K::StartTime(time_format(command, TimeZone::Local)?),
        "ENVIRONMENT" => K::Environment(std::env::var(parameter).ok().map(String::into_boxed_str)),
        "FILTER_CHAIN_NAME" => K::FilterChainName,
        "FILTER_STATE" => filter_state(parameter)?,
        "GRPC_STATUS" => match parameter {
            "" | "CAMEL_STRING" => K::GrpcStatus { number: false, snake_case: false },
            "SNAKE_STRING" => K::GrpcStatus { number: false, snake_case: true },
            "NUMBER" => K::GrpcStatus { number: true, snake_case: false },
            _ => {
                let text = "`%GRPC_STATUS%` is printed as CAMEL_STRING, SNAKE_STRING or NUMBER";
                return Err(Wrong::new(text.to_owned()));
            }
        },
        "GRPC_STATUS_NUMBER" => K::GrpcStatus { number: true, snake_case: false },
        "HOSTNAME" => K::Hostname,
        "LISTENER_NAME" => K::ListenerName,
        "LOCAL_REPLY_BODY" => K::LocalReplyBody,
        "PATH" => return path(parameter),
        "PROTOCOL" => K::Protocol,
        "QUERY_PARAM" => K::QueryParam(parameter.into()),
        "REQ" | "REQUEST_HEADER" => {
            header(command, parameter, |name, alternative| K::RequestHeader { name, alternative })?
        }
        "RESP" | "RESPONSE_HEADER" => {
            header(command, parameter, |name, alternative| K::ResponseHeader { name, alternative })?
        }
        "TRAILER" | "RESPONSE_TRAILER" => {
            header(command, parameter, |name, alternative| K::ResponseTrailer { name, alternative })?
        }
        "REQ_WITHOUT_QUERY" => header(command, parameter, |name, alternative| {
            K::RequestHeaderWithoutQuery { name, alternative }
        })?,
        "REQUEST_HEADERS_BYTES" => K::FieldBytes(FieldSection::RequestHeaders),
        "RESPONSE_HEADERS_BYTES" => K::FieldBytes(FieldSection::ResponseHeaders),
        "RESPONSE_TRAILERS_BYTES" => K::FieldBytes(FieldSection::ResponseTrailers),
        "RESPONSE_CODE" => K::ResponseCode,
        "RESPONSE_CODE_DETAILS" => K::ResponseCodeDetails,
        "RESPONSE_FLAGS" => K::ResponseFlags,
        "RESPONSE_FLAGS_LONG" => K::ResponseFlagsLong,
        "ROUTE_NAME" => K::RouteName,
        "STREAM_ID" => K::StreamId,
        "UNIQUE_ID" => K::UniqueId,
        "UPSTREAM_CLUSTER" => K::UpstreamCluster,
        "UPSTREAM_CLUSTER_RAW" => K::UpstreamClusterRaw,
        "UPSTREAM_CONNECTION_ID" => K::UpstreamConnectionId,
        "UPSTREAM_HEADER_BYTES_RECEIVED" => K::UpstreamHeaderBytesReceived,
        "UPSTREAM_HEADER_BYTES_SENT" => K::UpstreamHeaderBytesSent,
        "UPSTREAM_WIRE_BYTES_RECEIVED" => K::UpstreamWireBytesReceived,
        "UPSTREAM_WIRE_BYTES_SENT" => K::UpstreamWireBytesSent,
        "UPSTREAM_HOST_NAME" => K::UpstreamHostName { without_port: false },
        "UPSTREAM_HOST_NAME_WITHOUT_PORT" => K::UpstreamHostName { without_port: true },
        "UPSTREAM_PROTOCOL" => K::UpstreamProtocol,
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => K::UpstreamRequestAttemptCount,
        "TLS_JA3_FINGERPRINT" => K::Ja3Fingerprint,
        "TLS_JA4_FINGERPRINT" => K::Ja4Fingerprint,
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => K::UpstreamTransportFailureReason,
        "VIRTUAL_CLUSTER_NAME" => K::VirtualClusterName,
        "VIRTUAL_HOST_NAME" => K::VirtualHostName,
        _ => return Err(Wrong::unsupported(command)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{parse, parse_header};
    use super::*;

    /// What Envoy 1.40 says of these, as access log formats.
    #[test]
    fn envoy_accepts_and_refuses_the_same() {
        for text in [
            "%REQ(A?)%",
            "%REQ(?A)%",
            "%REQ(A):0%",
            "%REQ(:PATH)%",
            "%START_TIME(%)%",
            "%START_TIME(%Q)%",
            "%START_TIME( )%",
            "%PATH%",
            "%PATH(:ORIG)%",
            "%PATH(WQ:ORIG:X)%",
            "%GRPC_STATUS(NUMBER)%",
            "%COMMON_DURATION(DS_RX_BEG:DS_TX_END)%",
            "%COMMON_DURATION(foo:DS_TX_END:ms)%",
            "%METADATA(ROUTE)%",
            "%METADATA(DYNAMIC:a)%",
            "%CLUSTER_METADATA(a:b)%",
            "%DYNAMIC_METADATA(a:b):3%",
            "%FILTER_STATE(a:PLAIN)%",
            "%UPSTREAM_METADATA([\"a\",\"b\"])%",
            "%REQUESTED_SERVER_NAME(SNI_FIRST:ORIG)%",
            "%PROTOCOL()%",
            "%RESPONSE_CODE_DETAILS(X)%",
            "%DOWNSTREAM_TLS_VERSION%",
            "%TRACE_ID%",
            "%UNIQUE_ID%",
            "%ENVIRONMENT(X):3%",
            "%QUERY_PARAMS%",
            "%QUERY_PARAMS(DECODED):3%",
            "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)%",
            "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%",
            "%METADATA(LISTENER_FILTER_CHAIN)%",
            "%COMMON_DURATION(US_RX_BEG:US_RX_BODY_BEG:us)%",
            r#"%COALESCE({"operators": [{"command": "REQ", "param": "X", "max_length": 3}, "PROTOCOL"]}):9%"#,
        ] {
            assert_eq!(parse(text).faults, [], "{text}");
        }
        for text in [
            "%REQ%",
            "%REQ()%",
            "%REQ(A?B?C)%",
            "%REQ(a b)%",
            "%REQ(é)%",
            "%REQ(a:b)%",
            "%REQ( a )%",
            "%PROTOCOL(a)%",
            "%PROTOCOL:5%",
            "%START_TIME():5%",
            "%START_TIME(%n)%",
            "%PATH(wq)%",
            "%PATH(NQ:X)%",
            "%GRPC_STATUS(camel)%",
            "%GRPC_STATUS_NUMBER(NUMBER)%",
            "%COMMON_DURATION(a)%",
            "%COMMON_DURATION(a:b:s)%",
            "%METADATA%",
            "%METADATA(route:a)%",
            "%CLUSTER_METADATA(a:b):3%",
            "%FILTER_STATE(a:X)%",
            "%FILTER_STATE(a:FIELD)%",
            "%REQUESTED_SERVER_NAME(HOST_FIRST:X)%",
            "%QUERY_PARAMS(a)%",
            "%0REQ%",
            "%FOO(a)%",
            "%COALESCE%",
            "%COALESCE(x)%",
            "%COALESCE({})%",
            r#"%COALESCE({"operators": []})%"#,
            r#"%COALESCE({"operators": [1]})%"#,
            r#"%COALESCE({"operators": ["NOPE"]})%"#,
            r#"%COALESCE({"operators": [{"command": "REQ"}]})%"#,
            r#"%COALESCE({"operators": [{"command": "REQ", "param": "X", "max_length": -3}]})%"#,
            "%UPSTREAM_HOSTS_ATTEMPTED:3%",
        ] {
            let faults = parse(text).faults;
            assert!(faults.iter().any(|fault| !fault.unsupported), "{text}: {faults:?}");
        }
        let faults = parse("%CEL(request.path)%").faults;
        assert!(faults.iter().all(|fault| fault.unsupported) && faults.len() == 1, "{faults:?}");
    }

    #[test]
    fn headers_have_forms_of_their_own() {
        assert_ne!(parse("%PER_REQUEST_STATE(a)%").faults, []);
        assert_eq!(parse_header("%PER_REQUEST_STATE(a)%").faults, []);
        let list = r#"%UPSTREAM_METADATA(["a", "b"])%"#;
        assert_eq!(parse_header(list).template, parse("%UPSTREAM_METADATA(a:b)%").template);
        assert_ne!(parse(list).template, parse("%UPSTREAM_METADATA(a:b)%").template);
    }

    #[test]
    fn names_are_sorted_and_every_full_one_prints_something() {
        assert!(OPERATORS.is_sorted_by_key(|(name, ..)| *name));
        for (name, syntax, support) in OPERATORS {
            let parameter = match (*syntax, *name) {
                (Bare | Optional | OptionalLength, _) => "",
                (_, "COMMON_DURATION") => "(DS_RX_BEG:DS_TX_END:ms)",
                (_, "METADATA") => "(ROUTE:a:b)",
                (_, "COALESCE") => r#"({"operators": ["PROTOCOL"]})"#,
                _ => "(a)",
            };
            let parsed = parse_header(&format!("%{name}{parameter}%"));
            let absent = matches!(
                parsed.template.0.as_slice(),
                [causeway_model::TemplatePart::Operator(operator)] if matches!(operator.kind, OperatorKind::Absent(_))
            );
            assert_eq!(absent, *support != Full, "{name}");
            assert_eq!(parsed.faults.is_empty(), *support != Missing, "{name}");
        }
    }
}
