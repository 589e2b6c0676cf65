//! Texts with command operators (`%START_TIME%`, `%REQUEST_HEADER(X)%`, …), parsed.
//!
//! Access logs, added headers and bodies of local replies are templates. The front-ends parse them, so
//! that an unknown operator is a fault of the file with a position; the proxy fills them in.

use crate::{HeaderName, TlsFact, Value};

/// A text with operators in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template(pub Vec<TemplatePart>);

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplatePart {
    /// Text that stands for itself.
    Literal(Box<str>),
    /// Something to be filled in.
    Operator(Operator),
}

impl Template {
    /// A template without operators.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        if text.is_empty() { Self::default() } else { Self(vec![TemplatePart::Literal(text.into())]) }
    }

    /// The text, where the template is nothing but text.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [TemplatePart::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

impl Template {
    /// Whether an operator is one of those, also within `COALESCE`.
    pub fn any_operator(&self, wanted: impl Fn(&OperatorKind) -> bool) -> bool {
        fn any(operator: &Operator, wanted: &dyn Fn(&OperatorKind) -> bool) -> bool {
            match &operator.kind {
                OperatorKind::Coalesce(operators) => operators.iter().any(|operator| any(operator, wanted)),
                kind => wanted(kind),
            }
        }
        self.0.iter().any(|part| match part {
            TemplatePart::Operator(operator) => any(operator, &wanted),
            TemplatePart::Literal(_) => false,
        })
    }
}

impl JsonTemplate {
    /// Whether an operator is one of those, at any depth.
    pub fn any_operator(&self, wanted: &dyn Fn(&OperatorKind) -> bool) -> bool {
        match self {
            Self::Object(fields) => fields.iter().any(|(_, field)| field.any_operator(wanted)),
            Self::List(items) => items.iter().any(|item| item.any_operator(wanted)),
            Self::Text(text) => text.any_operator(wanted),
            Self::Value(_) => false,
        }
    }
}

/// A template for a JSON object. Objects keep the order in which they are to be printed.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTemplate {
    /// An object.
    Object(Vec<(Box<str>, Self)>),
    /// A list.
    List(Vec<Self>),
    /// A text with operators. One that is a single operator keeps the type of its value: a number is
    /// printed as a number, an absent value as `null`.
    Text(Template),
    /// A value that stands for itself.
    Value(Value),
}

/// One operator: what it prints, cut to a length.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// What is printed.
    pub kind: OperatorKind,
    /// At most this many bytes of it (`%REQ(X):5%`).
    pub max_length: Option<usize>,
}

/// What an operator prints. The doc of each names Envoy's operator. An absent value is printed as `-`
/// in an access log and as nothing in a header.
#[derive(Debug, Clone, PartialEq)]
pub enum OperatorKind {
    /// `REQUEST_HEADER(NAME?ALTERNATIVE)`, `REQ(…)`.
    RequestHeader {
        /// The field.
        name: HeaderName,
        /// Printed where the first is absent.
        alternative: Option<HeaderName>,
    },
    /// `REQ_WITHOUT_QUERY(NAME?ALTERNATIVE)`: a field up to its first question mark.
    RequestHeaderWithoutQuery {
        /// The field.
        name: HeaderName,
        /// Printed where the first is absent.
        alternative: Option<HeaderName>,
    },
    /// `RESPONSE_HEADER(…)`, `RESP(…)`.
    ResponseHeader {
        /// The field.
        name: HeaderName,
        /// Printed where the first is absent.
        alternative: Option<HeaderName>,
    },
    /// `RESPONSE_TRAILER(…)`, `TRAILER(…)`.
    ResponseTrailer {
        /// The field.
        name: HeaderName,
        /// Printed where the first is absent.
        alternative: Option<HeaderName>,
    },
    /// `START_TIME(FORMAT)`: when the request began.
    StartTime(TimeFormat),
    /// `EMIT_TIME(FORMAT)`: when the line is written.
    EmitTime(TimeFormat),
    /// `PROTOCOL`: of the client's request.
    Protocol,
    /// `UPSTREAM_PROTOCOL`.
    UpstreamProtocol,
    /// `COALESCE({"operators": […]})`: the first of these that has a value.
    Coalesce(Vec<Operator>),
    /// `RESPONSE_CODE`: 0 where nothing was answered.
    ResponseCode,
    /// `RESPONSE_CODE_DETAILS`.
    ResponseCodeDetails,
    /// `CONNECTION_TERMINATION_DETAILS`.
    ConnectionTerminationDetails,
    /// `RESPONSE_FLAGS`.
    ResponseFlags,
    /// `RESPONSE_FLAGS_LONG`.
    ResponseFlagsLong,
    /// `BYTES_RECEIVED`: body bytes from the client.
    BytesReceived,
    /// `BYTES_SENT`: body bytes to the client.
    BytesSent,
    /// `DOWNSTREAM_WIRE_BYTES_RECEIVED`.
    DownstreamWireBytesReceived,
    /// `DOWNSTREAM_WIRE_BYTES_SENT`.
    DownstreamWireBytesSent,
    /// `DOWNSTREAM_HEADER_BYTES_RECEIVED`.
    DownstreamHeaderBytesReceived,
    /// `DOWNSTREAM_HEADER_BYTES_SENT`.
    DownstreamHeaderBytesSent,
    /// `UPSTREAM_WIRE_BYTES_RECEIVED`.
    UpstreamWireBytesReceived,
    /// `UPSTREAM_WIRE_BYTES_SENT`.
    UpstreamWireBytesSent,
    /// `UPSTREAM_HEADER_BYTES_RECEIVED`.
    UpstreamHeaderBytesReceived,
    /// `UPSTREAM_HEADER_BYTES_SENT`.
    UpstreamHeaderBytesSent,
    /// `DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT` and the like: of HTTP/2, names and values of the fields; of HTTP/1, what
    /// `DOWNSTREAM_HEADER_BYTES_SENT` is.
    DecompressedFieldBytes {
        /// Between the proxy and the back-end.
        upstream: bool,
        /// From the proxy.
        sent: bool,
    },
    /// `REQUEST_HEADERS_BYTES`, `RESPONSE_HEADERS_BYTES`, `RESPONSE_TRAILERS_BYTES`: names and values of
    /// the fields, with those that HTTP/2 writes with a colon.
    FieldBytes(FieldSection),
    /// Time between two points of the request's life: `DURATION`, `REQUEST_DURATION`,
    /// `RESPONSE_DURATION`, `RESPONSE_TX_DURATION`, `REQUEST_TX_DURATION`, `COMMON_DURATION(a:b:unit)`.
    Duration {
        /// From here.
        from: DurationPoint,
        /// To here.
        to: DurationPoint,
        /// In this unit, rounded down.
        unit: DurationUnit,
    },
    /// An address: `DOWNSTREAM_REMOTE_ADDRESS`, `UPSTREAM_HOST`, …
    Address {
        /// Whose.
        peer: Peer,
        /// Which part of it.
        part: AddressPart,
    },
    /// `UPSTREAM_CONNECTION_POOL_READY_DURATION`: milliseconds from asking for a connection to having it, or to
    /// knowing that there is none.
    PoolReadyDuration,
    /// `UPSTREAM_HOSTS_ATTEMPTED`, `UPSTREAM_HOST_NAMES_ATTEMPTED` and the like: of each connection that the
    /// request was sent on, in order, with commas between them.
    UpstreamAttempted(Attempted),
    /// `ROUTE_RESOLUTION_COUNT`: how often a route was looked for.
    RouteResolutionCount,
    /// `ROUTE_RESOLUTION_TIME_US`: microseconds that this took.
    RouteResolutionTime,
    /// `DOWNSTREAM_CX_RTT`: the kernel's estimate of the round trip to the client, in milliseconds.
    RoundTripTime,
    /// `BYTES_RETRANSMITTED`, `PACKETS_RETRANSMITTED`: known of QUIC only; 0 over TCP, as in Envoy.
    Retransmitted,
    /// `DOWNSTREAM_LOCAL_CLOSE_REASON`, `UPSTREAM_LOCAL_CLOSE_REASON`: why we closed the connection.
    LocalCloseReason {
        /// The upstream's connection rather than the client's.
        upstream: bool,
    },
    /// `UPSTREAM_HOST_NAME`, `UPSTREAM_HOST_NAME_WITHOUT_PORT`: the endpoint's host name, its address
    /// where it has none.
    UpstreamHostName {
        /// Whether the port is left out.
        without_port: bool,
    },
    /// `UPSTREAM_CLUSTER`: its `alt_stat_name`, or its name.
    UpstreamCluster,
    /// `UPSTREAM_CLUSTER_RAW`: its name.
    UpstreamClusterRaw,
    /// `UPSTREAM_TRANSPORT_FAILURE_REASON`.
    UpstreamTransportFailureReason,
    /// `TLS_JA3_FINGERPRINT`
    Ja3Fingerprint,
    /// `TLS_JA4_FINGERPRINT`
    Ja4Fingerprint,
    /// `UPSTREAM_REQUEST_ATTEMPT_COUNT`.
    UpstreamRequestAttemptCount,
    /// `UPSTREAM_CONNECTION_ID`: process-wide number of the upstream connection.
    UpstreamConnectionId,
    /// `CONNECTION_ID`: process-wide number of the client's connection.
    ConnectionId,
    /// `STREAM_ID`: as `x-request-id`; of a connection, a number of its own.
    StreamId,
    /// `ROUTE_NAME`.
    RouteName,
    /// `VIRTUAL_HOST_NAME`.
    VirtualHostName,
    /// `VIRTUAL_CLUSTER_NAME`: of the virtual cluster that the router found for the request.
    VirtualClusterName,
    /// `FILTER_CHAIN_NAME`.
    FilterChainName,
    /// `LISTENER_NAME` is not Envoy's: the name of the listener.
    ListenerName,
    /// `ACCESS_LOG_TYPE`.
    AccessLogType,
    /// `METADATA(TYPE:NAMESPACE:KEY…)`, `CLUSTER_METADATA(…)`, `DYNAMIC_METADATA(…)`.
    Metadata {
        /// Whose metadata.
        source: MetadataSource,
        /// Namespace.
        namespace: Box<str>,
        /// Keys below it.
        path: Vec<Box<str>>,
    },
    /// `FILTER_STATE(KEY:FORM)`: of the client's connection.
    FilterState {
        /// Which object.
        key: Box<str>,
        /// What is printed of it.
        form: FilterStateForm,
    },
    /// `HOSTNAME`: of this machine, read once.
    Hostname,
    /// `ENVIRONMENT(NAME)`: read when the configuration was loaded.
    Environment(Option<Box<str>>),
    /// `LOCAL_REPLY_BODY`.
    LocalReplyBody,
    /// `GRPC_STATUS`, `GRPC_STATUS(FORMAT)`, `GRPC_STATUS_NUMBER`.
    GrpcStatus {
        /// Whether the number is printed rather than the name.
        number: bool,
        /// Whether the name is in `SNAKE_CASE` rather than `CamelCase`.
        snake_case: bool,
    },
    /// `QUERY_PARAM(NAME)`.
    QueryParam(Box<str>),
    /// `QUERY_PARAMS(FORM)`: the whole query.
    QueryParams {
        /// Whether `%41` is printed as `A`.
        decoded: bool,
    },
    /// `PATH(FORM:WHICH)`: the path with or without its query.
    Path {
        /// Whether the query is part of it.
        with_query: bool,
        /// The path as it was sent, or as it is sent on.
        form: PathForm,
    },
    /// `UNIQUE_ID`: a random UUID.
    UniqueId,
    /// `UPSTREAM_DETECTED_CLOSE_TYPE`, `DOWNSTREAM_DETECTED_CLOSE_TYPE`: how the peer closed.
    DetectedCloseType {
        /// The upstream's connection rather than the client's.
        upstream: bool,
    },
    /// What is known of a connection with TLS: `DOWNSTREAM_TLS_VERSION`, `UPSTREAM_PEER_SUBJECT`, …
    Tls {
        /// The connection to the back-end, not that of the client.
        upstream: bool,
        /// What is printed of it.
        fact: TlsFact,
    },
    /// `REQUESTED_SERVER_NAME(WHICH:HOST)`: the name that the client asked for, in the handshake or in its request.
    RequestedServerName(RequestedServerName),
    /// `CAUSEWAY_REASON` is not Envoy's: the reason's key, absent where nothing failed.
    Reason,
    /// `CAUSEWAY_EVIDENCE` is not Envoy's: what was observed.
    Evidence,
    /// `WHY_CODE` is not Envoy's: the reason's code, absent where nothing failed.
    WhyCode,
    /// `WHY` is not Envoy's: what happened in a sentence, with what was observed.
    Why,
    /// `WHY_ID` is not Envoy's: the number by which a failure is found in `/why`.
    WhyId,
    /// `CUSTOM_FLAGS`: what filters flag by themselves; empty, as none does.
    CustomFlags,
    /// An operator about something this configuration can't have, such as TLS on a plain listener:
    /// its value is always absent. Holds the operator as it was written.
    Absent(Box<str>),
}

impl OperatorKind {
    /// Whether it says why a request failed.
    #[must_use]
    pub const fn tells_failures(&self) -> bool {
        matches!(self, Self::Reason | Self::WhyCode | Self::Why)
    }

    /// Whether its value has to be measured while the request is served, which is done only where an access
    /// log asks for it.
    #[must_use]
    pub const fn is_measured(&self) -> bool {
        matches!(self, Self::RouteResolutionTime | Self::RoundTripTime)
    }
}

/// What is printed of an object of the filter state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterStateForm {
    /// Its value, with its type in JSON (`TYPED`, or nothing).
    Typed,
    /// Its value as a text (`PLAIN`).
    Plain,
    /// One of its fields (`FIELD:NAME`).
    Field(Box<str>),
}

/// Which of two names `REQUESTED_SERVER_NAME` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameSource {
    /// The one of the handshake (`SNI_ONLY`).
    #[default]
    SniOnly,
    /// The one of the handshake, or the request's (`SNI_FIRST`).
    SniFirst,
    /// The request's, or the one of the handshake (`HOST_FIRST`).
    HostFirst,
}

/// Which of the request's names it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostSource {
    /// The one it came with, where it was changed (`ORIG`).
    Original,
    /// The one it is sent on with (`HOST`).
    Current,
    /// The one it came with (`ORIG_OR_HOST`).
    #[default]
    OriginalOrCurrent,
}

/// What `REQUESTED_SERVER_NAME` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestedServerName {
    /// Which name.
    pub name: NameSource,
    /// Which one of the request's.
    pub host: HostSource,
}

/// What is printed of each connection that a request was sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted {
    /// Its number.
    ConnectionId,
    /// The address of the host.
    Host {
        /// Whether the port is left out.
        without_port: bool,
    },
    /// The name of the host, its address where it has none.
    HostName {
        /// Whether the port is left out.
        without_port: bool,
    },
}

/// A section of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSection {
    /// Of the head of the request.
    RequestHeaders,
    /// Of the head of the response.
    ResponseHeaders,
    /// Behind the body of the response.
    ResponseTrailers,
}

/// Which metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataSource {
    /// Of the route.
    Route,
    /// Of the virtual host.
    VirtualHost,
    /// Of the cluster.
    Cluster,
    /// Of the endpoint.
    UpstreamHost,
    /// Of the listener.
    Listener,
    /// Of the filter chain of the listener.
    FilterChain,
    /// What filters have said.
    Dynamic,
}

/// Which path `PATH` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathForm {
    /// As the client sent it (`ORIG`).
    Original,
    /// As it is sent on (`PATH`).
    Current,
    /// The original where it was rewritten, else the current (`ORIG_OR_PATH`).
    OriginalOrCurrent,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The client as it is believed to be (`DOWNSTREAM_REMOTE_ADDRESS`).
    DownstreamRemote,
    /// The other end of the client's connection (`DOWNSTREAM_DIRECT_REMOTE_ADDRESS`).
    DownstreamDirectRemote,
    /// Our end of the client's connection (`DOWNSTREAM_LOCAL_ADDRESS`).
    DownstreamLocal,
    /// Our end as it is, before listener filters restored another (`DOWNSTREAM_DIRECT_LOCAL_ADDRESS`).
    DownstreamDirectLocal,
    /// The endpoint that was chosen (`UPSTREAM_HOST`).
    UpstreamHost,
    /// The other end of the upstream connection (`UPSTREAM_REMOTE_ADDRESS`).
    UpstreamRemote,
    /// Our end of the upstream connection (`UPSTREAM_LOCAL_ADDRESS`).
    UpstreamLocal,
}

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPart {
    /// Address and port.
    Whole,
    /// Without the port.
    WithoutPort,
    /// The network with a prefix of so many bits; at most as many as the address has (`127.0.0.0/8`).
    Network(u8),
    /// The port alone.
    Port,
    /// The endpoint of an internal address (`…_ENDPOINT_ID`): empty, as there are none.
    EndpointId,
}

/// A point in the life of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationPoint {
    /// `DS_RX_BEG`: the request's first byte.
    DownstreamRxBegin,
    /// `DS_RX_END`: its last byte.
    DownstreamRxEnd,
    /// `US_CX_BEG`: connecting began.
    UpstreamConnectBegin,
    /// `US_CX_END`: the connection was made.
    UpstreamConnectEnd,
    /// `US_TX_BEG`: the first byte was sent to the upstream.
    UpstreamTxBegin,
    /// `US_TX_END`: the last byte was sent to the upstream.
    UpstreamTxEnd,
    /// `US_RX_BEG`: the first byte of its response.
    UpstreamRxBegin,
    /// `US_RX_BODY_BEG`: the first byte of the response's body.
    UpstreamRxBodyBegin,
    /// `US_RX_END`: the last byte of its response.
    UpstreamRxEnd,
    /// `DS_TX_BEG`: the first byte was sent to the client.
    DownstreamTxBegin,
    /// `DS_TX_END`: the last byte was sent to the client.
    DownstreamTxEnd,
    /// Its end, whatever that is, or the moment of the line if it has none yet. `DURATION` alone speaks of it.
    End,
}

/// Units of `COMMON_DURATION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationUnit {
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// A format for a point in time (`START_TIME(%Y-%m-%dT%H:%M:%S.%3f%z)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    /// Its pieces; empty for Envoy's default, `%Y-%m-%dT%H:%M:%E3SZ`, where it is local with `%z` in place of `Z`.
    pub parts: Vec<TimePart>,
    /// In which time zone.
    pub zone: TimeZone,
}

impl TimeFormat {
    /// Whether it is Envoy's default, in UTC.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.parts.is_empty() && self.zone == TimeZone::Utc
    }
}

/// Time zones of `START_TIME` and `START_TIME_LOCAL`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeZone {
    /// UTC.
    #[default]
    Utc,
    /// That of this machine.
    Local,
}

/// A piece of a time format, `strftime` in Envoy's dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimePart {
    /// Text that stands for itself.
    Literal(Box<str>),
    /// `%Y`: year.
    Year,
    /// `%y`: year in two digits.
    YearShort,
    /// `%m`: month, 01–12.
    Month,
    /// `%b`: `Jan`.
    MonthAbbreviated,
    /// `%B`: `January`.
    MonthName,
    /// `%d`: day, 01–31.
    Day,
    /// `%e`: day, padded with a space.
    DayPadded,
    /// `%j`: day of the year, 001–366.
    DayOfYear,
    /// `%a`: `Mon`.
    WeekdayAbbreviated,
    /// `%A`: `Monday`.
    WeekdayName,
    /// `%H`: 00–23.
    Hour,
    /// `%I`: 01–12.
    Hour12,
    /// `%p`: `AM` or `PM`.
    AmPm,
    /// `%M`: minute.
    Minute,
    /// `%S`: second.
    Second,
    /// `%C`: the first two digits of the year.
    Century,
    /// `%G`: the year to which the ISO 8601 week belongs.
    IsoYear,
    /// `%g`: the same in two digits.
    IsoYearShort,
    /// `%V`: ISO 8601 week, 01–53.
    IsoWeek,
    /// `%U`: week of the year that begins on Sundays, 00–53.
    WeekFromSunday,
    /// `%W`: week of the year that begins on Mondays, 00–53.
    WeekFromMonday,
    /// `%w`: day of the week, 0–6, Sunday is 0.
    WeekdayNumber,
    /// `%u`: day of the week, 1–7, Monday is 1.
    WeekdayNumberIso,
    /// `%k`: hour, padded with a space.
    HourPadded,
    /// `%l`: hour of twelve, padded with a space.
    Hour12Padded,
    /// `%P`: `am` or `pm`.
    AmPmLower,
    /// `%s`: seconds since 1970.
    UnixSeconds,
    /// `%1f`–`%9f`, `%E4f`: this many digits of the fraction of the second; `%f` is nine.
    Fraction(u8),
    /// `%E*f`: the fraction of the second without the zeros at its end.
    FractionTrimmed,
    /// `%E1S`–`%E15S`: seconds, a point, and this many digits of the fraction; `%E0S` has no point.
    SecondWithFraction(u8),
    /// `%E*S`: the same without the zeros at its end.
    SecondTrimmed,
    /// `%Ez` and `%:z`: `+09:00`; `%E*z` and `%::z`: `+09:00:00`; `%:::z`: `+09`.
    OffsetWith(OffsetForm),
    /// `%-d`, `%_H`, `%^a`, `%5Y`: pieces in another shape.
    Shaped {
        /// What is shaped.
        parts: Vec<Self>,
        /// What is done about padding and letters.
        shape: TimeShape,
        /// Signs at least; 0 for as many as there are.
        width: u8,
    },
    /// `%z`: `+0900`.
    Offset,
    /// `%Z`: name of the time zone.
    ZoneName,
}

/// How the distance from UTC is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetForm {
    /// `+09:00`
    Colon,
    /// `+09:00:00`
    Seconds,
    /// `+09`, with minutes only where there are some.
    Short,
}

/// The flag of a `strftime` specifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeShape {
    /// None: only the width is another.
    #[default]
    Plain,
    /// `-`: no padding.
    Bare,
    /// `_`: padded with spaces.
    Spaces,
    /// `0`: padded with zeros.
    Zeros,
    /// `^`: in capitals.
    Upper,
    /// `#`: in the opposite letters: `AM` and time zones in small ones, names in capitals.
    Swapped,
}
