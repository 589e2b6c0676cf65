//! Which requests a log holds, and which local replies a mapper changes.

use causeway_http::Known;
use causeway_model::{AccessLogFilter, Comparison, ComparisonOp, HeaderMatcher, Runtime};

use crate::format::{Operand, View, evaluate};

/// A filter with its runtime values filled in.
#[derive(Debug, Clone)]
pub(crate) struct CompiledFilter(Kind);

#[derive(Debug, Clone)]
enum Kind {
    StatusCode(ComparisonOp, u64),
    Duration(ComparisonOp, u64),
    NotHealthCheck,
    Never,
    Fraction { numerator: u64, denominator: u64, independent: bool },
    LogType { types: Vec<Box<str>>, exclude: bool },
    And(Vec<CompiledFilter>),
    Or(Vec<CompiledFilter>),
    Header(HeaderMatcher),
    ResponseFlags(Vec<Box<str>>),
    GrpcStatus { codes: Vec<u8>, exclude: bool },
}

/// Decides about one request.
pub(crate) trait Decide {
    /// Whether the filter takes the request. `random` is drawn once for each request.
    fn takes(&self, view: &View<'_>, random: u64) -> bool;
}

impl CompiledFilter {
    pub(crate) fn new(filter: &AccessLogFilter, runtime: &Runtime) -> Self {
        let value = |comparison: &Comparison| {
            runtime.integer(&comparison.runtime_key).unwrap_or_else(|| u64::from(comparison.value))
        };
        let all =
            |filters: &[AccessLogFilter]| filters.iter().map(|filter| Self::new(filter, runtime)).collect();
        Self(match filter {
            AccessLogFilter::StatusCode(comparison) => Kind::StatusCode(comparison.op, value(comparison)),
            AccessLogFilter::Duration(comparison) => Kind::Duration(comparison.op, value(comparison)),
            AccessLogFilter::NotHealthCheck => Kind::NotHealthCheck,
            AccessLogFilter::Traceable => Kind::Never,
            AccessLogFilter::Runtime { fraction, independent } => {
                // Envoy takes a number over the denominator of the file here, and no fraction at all.
                let numerator = runtime.integer(&fraction.runtime_key).unwrap_or(fraction.numerator.into());
                let denominator = fraction.denominator.into();
                Kind::Fraction { numerator, denominator, independent: *independent }
            }
            AccessLogFilter::LogType { types, exclude } => {
                Kind::LogType { types: types.clone(), exclude: *exclude }
            }
            AccessLogFilter::And(filters) => Kind::And(all(filters)),
            AccessLogFilter::Or(filters) => Kind::Or(all(filters)),
            AccessLogFilter::Header(matcher) => Kind::Header(matcher.clone()),
            AccessLogFilter::ResponseFlags(flags) => Kind::ResponseFlags(flags.clone()),
            AccessLogFilter::GrpcStatus { codes, exclude } => {
                Kind::GrpcStatus { codes: codes.clone(), exclude: *exclude }
            }
        })
    }
}

impl Decide for CompiledFilter {
    fn takes(&self, view: &View<'_>, random: u64) -> bool {
        let facts = &view.exchange.facts;
        match &self.0 {
            Kind::StatusCode(op, value) => op.holds(u64::from(facts.status), *value),
            Kind::Duration(op, value) => {
                let (Some(from), Some(to)) = (facts.begun, facts.ended.or(view.now)) else { return false };
                op.holds(to.millis_since(from), *value)
            }
            Kind::NotHealthCheck => !facts.health_check,
            Kind::Never => false,
            Kind::Fraction { numerator, denominator, independent } => {
                let by_id = if *independent { None } else { number_of_id(view) };
                // Shares that are drawn for one log alone must not be those of routes or of another log.
                let drawn = || random.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
                by_id.unwrap_or_else(drawn) % denominator < *numerator
            }
            Kind::LogType { types, exclude } => {
                types.iter().any(|wanted| **wanted == *view.log_type) != *exclude
            }
            Kind::And(filters) => filters.iter().all(|filter| filter.takes(view, random)),
            Kind::Or(filters) => filters.iter().any(|filter| filter.takes(view, random)),
            Kind::Header(matcher) => {
                let kind = causeway_model::OperatorKind::RequestHeader {
                    name: matcher.name.clone(),
                    alternative: None,
                };
                match evaluate(&kind, view) {
                    Operand::Absent => matcher.matches(None),
                    operand => {
                        let mut value = Vec::new();
                        operand.write(&mut value);
                        matcher.matches(Some(&value))
                    }
                }
            }
            Kind::ResponseFlags(wanted) if wanted.is_empty() => !facts.flags.is_empty(),
            Kind::ResponseFlags(wanted) => {
                facts.flags.iter().any(|flag| wanted.iter().any(|wanted| &**wanted == flag.short()))
            }
            Kind::GrpcStatus { codes, exclude } => {
                let status = crate::format::grpc_status_of_any(view);
                codes.iter().any(|code| i64::from(*code) == status) != *exclude
            }
        }
    }
}

/// The number in the id of a request, by which all proxies on its way choose the same requests: its first eight
/// hexadecimal digits, where it is a UUID.
fn number_of_id(view: &View<'_>) -> Option<u64> {
    let id = view.exchange.request.get(Known::XRequestId).filter(|id| id.len() >= 36)?;
    u64::from_str_radix(std::str::from_utf8(id.get(..8)?).ok()?, 16).ok()
}
