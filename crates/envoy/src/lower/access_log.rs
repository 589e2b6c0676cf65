//! Access logs and their filters.

use causeway_model::{
    AccessLog, AccessLogFilter, AccessLogFormat, AccessLogOptions, AccessLogSink, Comparison, ComparisonOp,
    RuntimeFraction,
};

use super::Cx;
use super::extension::short_kind;
use super::matcher::HeaderCondition;
use super::value::fraction_of;
use crate::diagnostic::Draft;
use crate::extension::Category;
use crate::schema::Kind;
use crate::template::default_access_log_format;
use crate::tree::{Message, Value};

impl Cx<'_> {
    /// A list of `AccessLog`.
    pub(super) fn access_logs(&self, message: &Message<'_>, field: &str) -> Vec<AccessLog> {
        message.messages(field).filter_map(|log| self.access_log(log)).collect()
    }

    fn access_log(&self, log: &Message<'_>) -> Option<AccessLog> {
        let filter = log.message("filter").map(|filter| self.log_filter(filter));
        let extension = self.extension(log, Category::AccessLogger)?;
        let config = &*extension.config;
        let (sink, format) = match short_kind(extension.kind) {
            "FileAccessLog" => {
                let path = config.text("path");
                if !path.is_empty() {
                    self.check_log_path(path, config.at("path"));
                }
                (AccessLogSink::File(path.into()), self.file_format(config))
            }
            "StdoutAccessLog" => (AccessLogSink::Stdout, self.stream_format(config)),
            "StderrAccessLog" => (AccessLogSink::Stderr, self.stream_format(config)),
            _ => {
                self.extension_not_implemented(log, &format!("the access logger {}", extension.name));
                return None;
            }
        };
        // A filter that was not understood would let everything through.
        let filter = match filter {
            None => None,
            Some(filter) => Some(filter?),
        };
        Some(AccessLog { filter, sink, format: format? })
    }

    fn file_format(&self, config: &Message<'_>) -> Option<AccessLogFormat> {
        match config.which("access_log_format") {
            Some("log_format") => self.log_format(config, "log_format"),
            Some("format") if !config.text("format").is_empty() => {
                let template = self.template(config.text("format"), &config.at("format"));
                Some(AccessLogFormat::Text { template, omit_empty: false })
            }
            Some(field @ ("json_format" | "typed_json_format")) => {
                let object = self.json_template(config.json(field)?, &config.at(field));
                Some(AccessLogFormat::Json { object, omit_empty: false })
            }
            _ => Some(default_format()),
        }
    }

    fn stream_format(&self, config: &Message<'_>) -> Option<AccessLogFormat> {
        match config.which("access_log_format") {
            Some(_) => self.log_format(config, "log_format"),
            None => Some(default_format()),
        }
    }

    /// `AccessLogFilter`.
    pub(super) fn log_filter(&self, filter: &Message<'_>) -> Option<AccessLogFilter> {
        let field = filter.which("filter_specifier")?;
        Some(match field {
            "status_code_filter" => AccessLogFilter::StatusCode(self.comparison(filter.message(field)?)?),
            "duration_filter" => AccessLogFilter::Duration(self.comparison(filter.message(field)?)?),
            "not_health_check_filter" => {
                filter.settle(field);
                AccessLogFilter::NotHealthCheck
            }
            "traceable_filter" => {
                filter.settle(field);
                AccessLogFilter::Traceable
            }
            "runtime_filter" => {
                let filter = filter.message(field)?;
                let runtime_key = filter.text("runtime_key");
                self.uses_runtime_key(runtime_key);
                let (numerator, denominator) =
                    filter.message("percent_sampled").map_or((0, 100), fraction_of);
                let fraction = RuntimeFraction { numerator, denominator, runtime_key: runtime_key.into() };
                let independent = filter.bool("use_independent_randomness");
                AccessLogFilter::Runtime { fraction, independent }
            }
            "and_filter" => AccessLogFilter::And(self.log_filters(filter.message(field)?)?),
            "or_filter" => AccessLogFilter::Or(self.log_filters(filter.message(field)?)?),
            "header_filter" => match self.header_matcher(filter.message(field)?.message("header")?)? {
                HeaderCondition::Depends(matcher) => AccessLogFilter::Header(matcher),
                HeaderCondition::Always(true) => AccessLogFilter::And(Vec::new()),
                HeaderCondition::Always(false) => AccessLogFilter::Or(Vec::new()),
            },
            "response_flag_filter" => AccessLogFilter::ResponseFlags(
                filter.message(field)?.texts("flags").map(Into::into).collect(),
            ),
            "grpc_status_filter" => {
                let filter = filter.message(field)?;
                let exclude = filter.bool("exclude");
                AccessLogFilter::GrpcStatus { codes: grpc_codes(filter), exclude }
            }
            "log_type_filter" => {
                let filter = filter.message(field)?;
                AccessLogFilter::LogType { types: log_types(filter), exclude: filter.bool("exclude") }
            }
            "metadata_filter" => {
                // Filters would set the metadata, and none does: no request has the key.
                let filter = filter.message(field)?;
                filter.settle("matcher");
                match filter.bool_value("match_if_key_not_found").unwrap_or(true) {
                    true => AccessLogFilter::And(Vec::new()),
                    false => AccessLogFilter::Or(Vec::new()),
                }
            }
            other => {
                self.not_implemented(filter, other, "");
                return None;
            }
        })
    }

    /// `access_log_options`, or the fields of the connection manager that it has taken the place of.
    pub(super) fn access_log_options(&self, hcm: &Message<'_>) -> AccessLogOptions {
        let old = ["access_log_flush_interval", "flush_access_log_on_new_request"];
        let options = hcm.message("access_log_options");
        if options.is_some() {
            for field in old.into_iter().filter(|field| hcm.has(field)) {
                let what = format!("`access_log_options` and `{field}` exclude each other");
                self.push(Draft::rejected("conflict", what).at(hcm.at_key(field)));
                hcm.settle(field);
            }
        }
        let from = options.unwrap_or(hcm);
        AccessLogOptions {
            on_new_request: from.bool("flush_access_log_on_new_request"),
            interval: self.duration(from, "access_log_flush_interval"),
            on_tunnel: options
                .is_some_and(|options| options.bool("flush_log_on_tunnel_successfully_established")),
        }
    }

    fn log_filters(&self, filter: &Message<'_>) -> Option<Vec<AccessLogFilter>> {
        // All of them are looked at before any that fails counts.
        let filters: Vec<_> = filter.messages("filters").map(|filter| self.log_filter(filter)).collect();
        filters.into_iter().collect()
    }

    fn comparison(&self, filter: &Message<'_>) -> Option<Comparison> {
        let comparison = filter.message("comparison")?;
        let op = match comparison.choice("op") {
            "GE" => ComparisonOp::Ge,
            "LE" => ComparisonOp::Le,
            "NE" => ComparisonOp::Ne,
            _ => ComparisonOp::Eq,
        };
        let value = comparison.message("value")?;
        let runtime_key = value.text("runtime_key");
        self.uses_runtime_key(runtime_key);
        Some(Comparison {
            op,
            value: value.u32("default_value").unwrap_or(0),
            runtime_key: runtime_key.into(),
        })
    }
}

/// The codes of a `GrpcStatusFilter`; its enum counts as gRPC does.
fn grpc_codes(filter: &Message<'_>) -> Vec<u8> {
    let has_names = matches!(filter.schema.field("statuses").map(|field| field.kind()), Some(Kind::Enum(_)));
    debug_assert!(has_names, "statuses of a GrpcStatusFilter are an enum");
    filter
        .items("statuses")
        .iter()
        .filter_map(|item| match item.value {
            Value::Enum(number) => u8::try_from(number).ok(),
            _ => None,
        })
        .collect()
}

/// The names of an `AccessLogType` list, which are those that `%ACCESS_LOG_TYPE%` prints.
fn log_types(filter: &Message<'_>) -> Vec<Box<str>> {
    let Some(Kind::Enum(kind)) = filter.schema.field("types").map(|field| field.kind()) else {
        return Vec::new();
    };
    let names = filter.items("types").iter().filter_map(|item| match item.value {
        Value::Enum(number) => kind.value_by_number(number).map(|value| value.name().into()),
        _ => None,
    });
    names.collect()
}

/// What a line looks like where nothing is said of it.
pub(super) fn default_format() -> AccessLogFormat {
    AccessLogFormat::Text { template: default_access_log_format(), omit_empty: false }
}
