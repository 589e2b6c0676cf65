//! What `/stats` is asked for.

use regex::Regex;

use crate::filter::{FilterError, filter};
use crate::query::Query;

/// The parameters of `/stats` and `/stats/prometheus`.
#[derive(Debug, Default)]
pub(crate) struct StatsParams {
    pub(crate) format: Format,
    pub(crate) used_only: bool,
    /// Only metrics that are hidden are meant, of which there are none.
    pub(crate) hidden_only: bool,
    pub(crate) filter: Option<Regex>,
    pub(crate) invert_filter: bool,
    pub(crate) kind: Kind,
    pub(crate) buckets: Buckets,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Prometheus,
    Html,
}

/// Which kinds of statistics are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    All,
    Counters,
    Gauges,
    Histograms,
    TextReadouts,
}

/// What is told of a histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Buckets {
    /// Not asked for: quantiles, and buckets for Prometheus.
    #[default]
    Unset,
    /// Quantiles.
    Summary,
    Cumulative,
    Disjoint,
    Detailed,
    /// Asked for, though it needs Prometheus' binary form.
    Native,
}

/// A parameter that makes no sense, in Envoy's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadParam(pub(crate) String);

impl From<FilterError> for BadParam {
    fn from(FilterError(text): FilterError) -> Self {
        Self(format!("Invalid re2 regex: {text}"))
    }
}

impl StatsParams {
    /// Reads the parameters of `/stats`.
    pub(crate) fn new(query: &Query) -> Result<Self, BadParam> {
        let buckets = buckets(query)?;
        let filter = query.value("filter").map(filter).transpose()?;
        let kind = match query.value("type") {
            None | Some("All") => Kind::All,
            Some("Counters") => Kind::Counters,
            Some("Gauges") => Kind::Gauges,
            Some("Histograms") => Kind::Histograms,
            Some("TextReadouts") => Kind::TextReadouts,
            Some(_) => return Err(BadParam("invalid &type= param".to_owned())),
        };
        let format = match query.value("format") {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            Some("prometheus") => Format::Prometheus,
            Some("html" | "active-html") => Format::Html,
            Some(_) => {
                return Err(BadParam(
                    "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n".to_owned(),
                ));
            }
        };
        let params = Self {
            format,
            used_only: query.has("usedonly"),
            hidden_only: hidden_only(query)?,
            filter,
            invert_filter: query.has("invert_filter"),
            kind,
            buckets,
        };
        match format {
            Format::Prometheus => params.for_prometheus(),
            Format::Text | Format::Json | Format::Html if buckets == Buckets::Native => {
                Err(BadParam("Invalid histogram_buckets type for non prometheus stats type".to_owned()))
            }
            Format::Text | Format::Json | Format::Html => Ok(params),
        }
    }

    /// Reads the parameters of `/stats/prometheus`.
    pub(crate) fn prometheus(query: &Query) -> Result<Self, BadParam> {
        let params = Self {
            format: Format::Prometheus,
            used_only: query.has("usedonly"),
            hidden_only: hidden_only(query)?,
            filter: query.value("filter").map(filter).transpose()?,
            invert_filter: query.has("invert_filter"),
            kind: Kind::All,
            buckets: buckets(query)?,
        };
        params.for_prometheus()
    }

    /// Prometheus knows no selection of kinds, and buckets or summaries only.
    fn for_prometheus(self) -> Result<Self, BadParam> {
        match self.buckets {
            Buckets::Unset | Buckets::Cumulative | Buckets::Summary => Ok(Self { kind: Kind::All, ..self }),
            Buckets::Disjoint | Buckets::Detailed => {
                Err(BadParam("unsupported prometheus histogram bucket mode".to_owned()))
            }
            Buckets::Native => Err(BadParam(
                "unsupported prometheusnative histogram type when not using protobuf exposition format"
                    .to_owned(),
            )),
        }
    }
}

fn hidden_only(query: &Query) -> Result<bool, BadParam> {
    match query.value("hidden") {
        None | Some("include" | "exclude") => Ok(false),
        Some("only") => Ok(true),
        Some(_) => Err(BadParam("usage: /stats?hidden=(include|only|exclude)\n\n".to_owned())),
    }
}

fn buckets(query: &Query) -> Result<Buckets, BadParam> {
    match query.value("histogram_buckets") {
        None | Some("none") => Ok(Buckets::Unset),
        Some("summary") => Ok(Buckets::Summary),
        Some("cumulative") => Ok(Buckets::Cumulative),
        Some("disjoint") => Ok(Buckets::Disjoint),
        Some("detailed") => Ok(Buckets::Detailed),
        Some("prometheusnative") => Ok(Buckets::Native),
        Some(_) => Err(BadParam(
            "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(query: &str) -> String {
        StatsParams::new(&Query::parse(query)).unwrap_err().0
    }

    #[test]
    fn parameters_are_envoys() {
        let params = StatsParams::new(&Query::parse(
            "usedonly&filter=a%2eb&invert_filter&type=Gauges&format=json&histogram_buckets=disjoint",
        ))
        .unwrap();
        assert!(params.used_only && params.invert_filter);
        assert_eq!(params.filter.unwrap().as_str(), "a.b");
        assert_eq!((params.kind, params.format), (Kind::Gauges, Format::Json));
        assert_eq!(params.buckets, Buckets::Disjoint);
        let empty = StatsParams::new(&Query::parse("filter=&format=&type=")).unwrap();
        assert!(empty.filter.is_none() && empty.format == Format::Text);
    }

    #[test]
    fn faults_are_told_in_envoys_words() {
        assert_eq!(error("type=gauges"), "invalid &type= param");
        assert_eq!(error("format=JSON"), "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n");
        assert_eq!(error("hidden=x"), "usage: /stats?hidden=(include|only|exclude)\n\n");
        assert!(error("histogram_buckets=x").starts_with("usage: /stats?histogram_buckets=("));
        assert_eq!(error("filter=("), "Invalid re2 regex: unclosed group: (");
        let detailed = Query::parse("histogram_buckets=detailed");
        let wrong = "unsupported prometheus histogram bucket mode";
        assert_eq!(StatsParams::prometheus(&detailed).unwrap_err().0, wrong);
        assert_eq!(error("histogram_buckets=detailed&format=prometheus"), wrong);
        assert!(error("histogram_buckets=prometheusnative&format=prometheus").contains("protobuf"));
        assert!(error("histogram_buckets=prometheusnative").starts_with("Invalid histogram_buckets type"));
    }
}
