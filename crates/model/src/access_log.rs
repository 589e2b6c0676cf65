//! Access logs.

use std::sync::Arc;
use std::time::Duration;

use crate::{HeaderMatcher, JsonTemplate, OperatorKind, RuntimeFraction, Template};

/// One access log (`config.accesslog.v3.AccessLog`).
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// Which requests it holds; `None` for all.
    pub filter: Option<AccessLogFilter>,
    /// Where it is written.
    pub sink: AccessLogSink,
    /// What a line looks like.
    pub format: AccessLogFormat,
}

/// When lines are written beside the one at the end of a request (`HcmAccessLogOptions`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccessLogOptions {
    /// A line when its head has been read and its route was looked for (`flush_access_log_on_new_request`).
    pub on_new_request: bool,
    /// A line each time so much has passed (`access_log_flush_interval`), at least a millisecond.
    pub interval: Option<Duration>,
    /// A line when an upgrade was accepted (`flush_log_on_tunnel_successfully_established`).
    pub on_tunnel: bool,
}

/// When the router writes lines beside the one at the end of an attempt (`Router.UpstreamAccessLogOptions`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpstreamLogOptions {
    /// A line when there is a connection to the host (`flush_upstream_log_on_upstream_stream`).
    pub on_connection: bool,
    /// A line each time so much has passed (`upstream_log_flush_interval`), at least a millisecond.
    pub interval: Option<Duration>,
}

/// Where an access log goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessLogSink {
    /// A file, appended to and reopened on SIGUSR1 (`FileAccessLog.path`).
    File(Arc<str>),
    /// `StdoutAccessLog`.
    Stdout,
    /// `StderrAccessLog`.
    Stderr,
}

/// What a line looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessLogFormat {
    /// A text.
    Text {
        /// The text; the line end is part of it where there is to be one.
        template: Template,
        /// Whether nothing rather than `-` stands for a value that is absent (`omit_empty_values`).
        omit_empty: bool,
    },
    /// One JSON object a line.
    Json {
        /// The object.
        object: JsonTemplate,
        /// Whether fields without a value are left out rather than printed as `null`
        /// (`omit_empty_values`).
        omit_empty: bool,
    },
}

impl AccessLogFormat {
    /// Whether an operator is one of those.
    pub fn any_operator(&self, wanted: &dyn Fn(&OperatorKind) -> bool) -> bool {
        match self {
            Self::Text { template, .. } => template.any_operator(wanted),
            Self::Json { object, .. } => object.any_operator(wanted),
        }
    }
}

/// `config.accesslog.v3.AccessLogFilter`.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessLogFilter {
    /// `status_code_filter`.
    StatusCode(Comparison),
    /// `duration_filter`: milliseconds.
    Duration(Comparison),
    /// `not_health_check_filter`: not what the health check filter takes for a health check.
    NotHealthCheck,
    /// `traceable_filter`: the request is traced. Nothing is, as long as there is no tracer.
    Traceable,
    /// `runtime_filter`: a share of requests.
    Runtime {
        /// Which share.
        fraction: RuntimeFraction,
        /// Whether it is drawn for this log alone (`use_independent_randomness`), rather than told from the
        /// id of the request, which makes all logs of all proxies on its way choose the same requests.
        independent: bool,
    },
    /// `log_type_filter`: lines of these types, as `%ACCESS_LOG_TYPE%` prints them, or, with `exclude`, all
    /// others.
    LogType {
        /// The types.
        types: Vec<Box<str>>,
        /// Whether the types are those left out.
        exclude: bool,
    },
    /// `and_filter`.
    And(Vec<Self>),
    /// `or_filter`.
    Or(Vec<Self>),
    /// `header_filter`: on the request's headers.
    Header(HeaderMatcher),
    /// `response_flag_filter`: any of these short names; an empty list means any flag at all.
    ResponseFlags(Vec<Box<str>>),
    /// `grpc_status_filter`: any of these codes, or, with `exclude`, none of them.
    GrpcStatus {
        /// The codes.
        codes: Vec<u8>,
        /// Whether the codes are those left out.
        exclude: bool,
    },
}

/// `config.accesslog.v3.ComparisonFilter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How to compare.
    pub op: ComparisonOp,
    /// With what, unless the runtime key is set.
    pub value: u32,
    /// The runtime key that overrides the value; empty where there is none.
    pub runtime_key: Box<str>,
}

/// Ways to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonOp {
    /// Equal.
    Eq,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// Not equal.
    Ne,
}

impl ComparisonOp {
    /// Whether `left` compares with `right` that way.
    #[must_use]
    pub const fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ge => left >= right,
            Self::Le => left <= right,
            Self::Ne => left != right,
        }
    }
}
