//! The Prometheus name and labels of a metric.
//!
//! The tags of a scope are known from where it was made ([`ScopeName`]). Some metrics have one more in
//! the last part of their name: `upstream_rq_200`. Labels stand in Envoy's order: the last part's first,
//! then the scope's from the inside out.

use causeway_stats::ScopeName;

/// Metrics that are a family: the part in front of the last dot, and the tag whose value is behind it.
const FAMILIES: &[(&str, &str)] = &[
    ("reason", "causeway.reason"),
    // Those of listeners, whose scope is `ssl`, and those of clusters.
    ("ciphers", "envoy.ssl_cipher"),
    ("curves", "envoy.ssl_curve"),
    ("sigalgs", "envoy.ssl_sigalg"),
    ("versions", "envoy.ssl_version"),
    ("ssl.ciphers", "envoy.ssl_cipher"),
    ("ssl.curves", "envoy.ssl_curve"),
    ("ssl.sigalgs", "envoy.ssl_sigalg"),
    ("ssl.versions", "envoy.ssl_version"),
];

/// The part of a metric's name that its scope does not give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OwnName<'a> {
    /// It, without the tag's value.
    stem: &'a str,
    /// `_xx`, where the value of the tag was inside.
    ending: &'static str,
    /// The tag.
    pub(crate) tag: Option<(&'static str, &'a str)>,
}

impl OwnName<'_> {
    /// Puts the name together that all metrics of the family have: `cluster.upstream_rq_xx`.
    pub(crate) fn full_name(&self, scope: &ScopeName, out: &mut String) {
        out.clear();
        out.push_str(scope.tagless());
        // Behind `worker_0.`, whose number is a tag, nothing is left to separate.
        if !out.is_empty() && !out.ends_with('_') {
            out.push('.');
        }
        out.push_str(self.stem);
        out.push_str(self.ending);
    }
}

/// Splits `upstream_rq_200` into `upstream_rq` and its response code, and so on.
pub(crate) fn split(metric: &str) -> OwnName<'_> {
    if let Some((stem, code)) = metric.rsplit_once('_')
        && stem.ends_with("_rq")
    {
        let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        if digits(code, 3) {
            return OwnName { stem, ending: "", tag: Some(("envoy.response_code", code)) };
        }
        if let Some(class) = code.strip_suffix("xx")
            && digits(class, 1)
        {
            return OwnName { stem, ending: "_xx", tag: Some(("envoy.response_code_class", class)) };
        }
    }
    for (family, tag) in FAMILIES {
        if let Some(value) = metric.strip_prefix(family).and_then(|rest| rest.strip_prefix('.')) {
            return OwnName { stem: family, ending: "", tag: Some((tag, value)) };
        }
    }
    OwnName { stem: metric, ending: "", tag: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metric: &str) -> String {
        let own = split(metric);
        let mut name = String::new();
        own.full_name(&ScopeName::root().then("cluster").tagged("envoy.cluster_name", "a"), &mut name);
        own.tag.map_or_else(|| name.clone(), |(tag, value)| format!("{name} {tag}={value}"))
    }

    #[test]
    fn tags_are_taken_out_of_names() {
        for (metric, taken) in [
            ("upstream_rq_200", "cluster.upstream_rq envoy.response_code=200"),
            ("external.upstream_rq_5xx", "cluster.external.upstream_rq_xx envoy.response_code_class=5"),
            ("ssl.versions.TLSv1.3", "cluster.ssl.versions envoy.ssl_version=TLSv1.3"),
            ("ciphers.TLS_AES_256_GCM_SHA384", "cluster.ciphers envoy.ssl_cipher=TLS_AES_256_GCM_SHA384"),
            ("reason.connect_refused", "cluster.reason causeway.reason=connect_refused"),
        ] {
            assert_eq!(of(metric), taken);
        }
    }

    #[test]
    fn what_only_looks_like_a_tag_is_none() {
        for name in [
            "upstream_rq_total",
            "rq_200",
            "upstream_rq_2000",
            "upstream_rq_20x",
            "upstream_cx_200",
            "upstream_rq_xx",
            "ssl.ciphers",
        ] {
            assert_eq!(of(name), format!("cluster.{name}"));
        }
    }
}
