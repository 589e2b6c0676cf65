//! Which requests a log holds, and which local replies a mapper changes.

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
    Fraction(u64, u64),
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
            AccessLogFilter::Runtime(fraction) => {
                let (numerator, denominator) = fraction.resolve(runtime);
                Kind::Fraction(numerator, denominator)
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
                let (Some(from), Some(to)) = (facts.begun, facts.reply_end) else { return false };
                let millis = to.saturating_duration_since(from).as_millis();
                op.holds(u64::try_from(millis).unwrap_or(u64::MAX), *value)
            }
            Kind::NotHealthCheck => !facts.health_check,
            Kind::Never => false,
            Kind::Fraction(numerator, denominator) => random % denominator < *numerator,
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
                let status = crate::format::grpc_status_of(view);
                codes.iter().any(|code| Some(u64::from(*code)) == status) != *exclude
            }
        }
    }
}
