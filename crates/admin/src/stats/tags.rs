//! The Prometheus name and labels of a metric.
//!
//! The tags of a scope are known from where it was made ([`ScopeName`]). Some metrics have one more in
//! the last part of their name: `upstream_rq_200`. Labels stand in Envoy's order: the last part's first,
//! then the scope's from the inside out.

use causeway_stats::ScopeName;

/// Metrics that are a family: the part in front of the last dot, and the tag whose value is behind it.
const FAMILIES: &[(&str, &str)] = &[
    ("reason", "causeway.reason"),
    ("ssl.ciphers", "envoy.ssl_cipher"),
    ("ssl.curves", "envoy.ssl_curve"),
    ("ssl.sigalgs", "envoy.ssl_sigalg"),
    ("ssl.versions", "envoy.ssl_version"),
];

/// A metric's name without its tags, and the tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tagged<'a> {
    pub(crate) name: String,
    pub(crate) tags: Vec<(&'static str, &'a str)>,
}

impl<'a> Tagged<'a> {
    /// Takes the tags out of a metric's name.
    pub(crate) fn new(scope: &'a ScopeName, metric: &'a str) -> Self {
        let (stem, own) = split(metric);
        let mut name = String::with_capacity(scope.tagless().len() + stem.len() + 4);
        name.push_str(scope.tagless());
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(stem);
        if let Some(("envoy.response_code_class", _)) = own {
            name.push_str("_xx");
        }
        let of_scope = scope.tags().iter().rev().map(|(tag, value)| (*tag, value.as_str()));
        Self { name, tags: own.into_iter().chain(of_scope).collect() }
    }
}

/// Splits `upstream_rq_200` into `upstream_rq` and its response code, and so on.
fn split(metric: &str) -> (&str, Option<(&'static str, &str)>) {
    if let Some((stem, code)) = metric.rsplit_once('_')
        && stem.ends_with("_rq")
    {
        let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        if digits(code, 3) {
            return (stem, Some(("envoy.response_code", code)));
        }
        if let Some(class) = code.strip_suffix("xx")
            && digits(class, 1)
        {
            return (stem, Some(("envoy.response_code_class", class)));
        }
    }
    for (family, tag) in FAMILIES {
        if let Some(value) = metric.strip_prefix(family).and_then(|rest| rest.strip_prefix('.')) {
            return (family, Some((tag, value)));
        }
    }
    (metric, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scope: &ScopeName, metric: &str) -> String {
        let tagged = Tagged::new(scope, metric);
        let tags: Vec<_> = tagged.tags.iter().map(|(tag, value)| format!("{tag}={value}")).collect();
        format!("{} {}", tagged.name, tags.join(","))
    }

    #[test]
    fn tags_stand_in_envoys_order() {
        let cluster = ScopeName::root().then("cluster").tagged("envoy.cluster_name", "a");
        assert_eq!(
            of(&cluster, "upstream_rq_200"),
            "cluster.upstream_rq envoy.response_code=200,envoy.cluster_name=a"
        );
        assert_eq!(
            of(&cluster, "external.upstream_rq_5xx"),
            "cluster.external.upstream_rq_xx envoy.response_code_class=5,envoy.cluster_name=a"
        );
        assert_eq!(of(&cluster, "upstream_rq_total"), "cluster.upstream_rq_total envoy.cluster_name=a");
        let listener = ScopeName::root().then("listener").tagged("envoy.listener_address", "0.0.0.0_80");
        let http = listener.clone().then("http").tagged("envoy.http_conn_manager_prefix", "in");
        assert_eq!(
            of(&http, "downstream_rq_2xx"),
            "listener.http.downstream_rq_xx envoy.response_code_class=2,envoy.http_conn_manager_prefix=in,envoy.listener_address=0.0.0.0_80"
        );
        let worker = listener.clone().tagged_with_prefix("worker_", "envoy.worker_id", "0");
        assert_eq!(
            of(&worker, "downstream_cx_total"),
            "listener.worker.downstream_cx_total envoy.worker_id=0,envoy.listener_address=0.0.0.0_80"
        );
        assert_eq!(
            of(&listener, "ssl.versions.TLSv1.3"),
            "listener.ssl.versions envoy.ssl_version=TLSv1.3,envoy.listener_address=0.0.0.0_80"
        );
        let http = ScopeName::root().then("http").tagged("envoy.http_conn_manager_prefix", "in");
        assert_eq!(
            of(&http, "reason.connect_refused"),
            "http.reason causeway.reason=connect_refused,envoy.http_conn_manager_prefix=in"
        );
    }

    #[test]
    fn what_only_looks_like_a_tag_is_none() {
        let root = ScopeName::root();
        for name in [
            "uptime",
            "rq_200",
            "upstream_rq_2000",
            "upstream_rq_20x",
            "upstream_cx_200",
            "upstream_rq_xx",
            "ssl.ciphers",
        ] {
            assert_eq!(of(&root, name), format!("{name} "));
        }
    }
}
