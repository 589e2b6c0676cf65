//! Access logs.

use std::sync::Arc;

use crate::{HeaderMatcher, JsonTemplate, RuntimeFraction, Template};

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
    Runtime(RuntimeFraction),
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
