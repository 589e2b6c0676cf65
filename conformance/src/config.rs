//! The configuration of a case, from the pieces that it says something about.

use std::fmt::Write;

use crate::text::{has_key, indent};

/// What every case logs unless it says otherwise: one line for each request, without anything that
/// differs from run to run. So each case also compares what the access log says of its requests.
const LOG_FORMAT: &str = "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% %RESPONSE_CODE% \
     %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% received=%BYTES_RECEIVED% sent=%BYTES_SENT% \
     cluster=%UPSTREAM_CLUSTER% host=%UPSTREAM_HOST%\\n";

const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const FILE_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";

/// The field of a listener with which it logs each connection in this format, into the log that is compared.
#[must_use]
pub fn listener_log(format: &str) -> String {
    format!(
        r#"access_log:
- name: file
  typed_config:
    "@type": {FILE_LOG}
    path: {{{{dir}}}}/access.log
    log_format: {{text_format_source: {{inline_string: "{format}\n"}}}}
"#
    )
}

/// The pieces. Each is YAML without indentation.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) whole: Option<String>,
    pub(crate) bootstrap: Vec<String>,
    pub(crate) listener: Vec<String>,
    pub(crate) chain: Vec<String>,
    pub(crate) hcm: Vec<String>,
    pub(crate) log: Option<String>,
    pub(crate) route_config: Vec<String>,
    pub(crate) virtual_host: Vec<String>,
    pub(crate) virtual_hosts: Vec<String>,
    pub(crate) routes: Vec<String>,
    pub(crate) filters: Vec<String>,
    pub(crate) router: Vec<String>,
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) more_clusters: Vec<String>,
}

/// A cluster with the fields that are not the usual ones.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) options: Vec<String>,
    /// The names of the back-ends it has; the one of its own name if none is said.
    pub(crate) endpoints: Option<Vec<String>>,
}

impl Config {
    pub(crate) fn cluster(&mut self, name: &str) -> &mut Cluster {
        let at = self.clusters.iter().position(|c| c.name == name).unwrap_or_else(|| {
            self.clusters.push(Cluster { name: name.into(), ..Cluster::default() });
            self.clusters.len() - 1
        });
        &mut self.clusters[at]
    }

    /// The file, with `{{name}}` where ports and paths go.
    pub(crate) fn render(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut out = String::from(
            "admin:\n  address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}\n",
        );
        put(&mut out, 0, &self.bootstrap);
        out.push_str("static_resources:\n  listeners:\n  - name: main\n");
        out.push_str("    address: {socket_address: {address: 127.0.0.1, port_value: {{listen}}}}\n");
        put(&mut out, 4, &self.listener);
        out.push_str("    filter_chains:\n    - filters:\n      - name: hcm\n        typed_config:\n");
        write_line(&mut out, 10, &format!("\"@type\": {HCM}"));
        if !self.hcm.iter().any(|piece| has_key(piece, "stat_prefix")) {
            write_line(&mut out, 10, "stat_prefix: ingress");
        }
        put(&mut out, 10, &self.hcm);
        self.render_log(&mut out);
        self.render_routes(&mut out);
        self.render_filters(&mut out);
        put(&mut out, 6, &self.chain);
        let none = self.clusters.is_empty() && self.more_clusters.is_empty();
        out.push_str(if none { "  clusters: []\n" } else { "  clusters:\n" });
        for cluster in &self.clusters {
            cluster.render(&mut out);
        }
        put(&mut out, 2, &self.more_clusters);
        out
    }

    fn render_log(&self, out: &mut String) {
        let format = match &self.log {
            // No log at all.
            Some(log) if log.is_empty() => return,
            // Several loggers, or one with a filter: the list as it is.
            Some(log) if log.starts_with('-') => {
                write_line(out, 10, "access_log:");
                out.push_str(&indent(log, 10));
                return;
            }
            Some(fields) => fields.clone(),
            None => format!("log_format: {{text_format_source: {{inline_string: \"{LOG_FORMAT}\"}}}}"),
        };
        write_line(out, 10, "access_log:");
        write_line(out, 10, "- name: log\n  typed_config:");
        write_line(out, 14, &format!("\"@type\": {FILE_LOG}\npath: {{{{dir}}}}/access.log"));
        out.push_str(&indent(&format, 14));
    }

    fn render_filters(&self, out: &mut String) {
        if self.hcm.iter().any(|piece| has_key(piece, "http_filters")) {
            return;
        }
        write_line(out, 10, "http_filters:");
        put(out, 10, &self.filters);
        write_line(out, 10, &format!("- name: router\n  typed_config:\n    \"@type\": {ROUTER}"));
        put(out, 14, &self.router);
    }

    fn render_routes(&self, out: &mut String) {
        if self.hcm.iter().any(|piece| has_key(piece, "route_config")) {
            return;
        }
        write_line(out, 10, "route_config:\n  name: local");
        put(out, 12, &self.route_config);
        write_line(out, 12, "virtual_hosts:");
        put(out, 12, &self.virtual_hosts);
        if !self.virtual_hosts.is_empty() {
            return;
        }
        write_line(out, 12, "- name: all");
        if !self.virtual_host.iter().any(|piece| has_key(piece, "domains")) {
            write_line(out, 14, "domains: [\"*\"]");
        }
        put(out, 14, &self.virtual_host);
        write_line(out, 14, "routes:");
        put(out, 14, &self.routes);
        if self.routes.is_empty() {
            let first = self.clusters.first().map_or("app", |c| c.name.as_str());
            write_line(out, 14, &format!("- match: {{prefix: /}}\n  route: {{cluster: {first}}}"));
        }
    }
}

impl Cluster {
    fn render(&self, out: &mut String) {
        let says = |key: &str| self.options.iter().any(|piece| has_key(piece, key));
        write_line(out, 2, &format!("- name: {}", self.name));
        if !says("connect_timeout") {
            write_line(out, 4, "connect_timeout: 2s");
        }
        if !says("type") && !says("cluster_type") {
            write_line(out, 4, "type: STATIC");
        }
        put(out, 4, &self.options);
        if says("load_assignment") || says("cluster_type") {
            return;
        }
        let own = [self.name.clone()];
        let endpoints = self.endpoints.as_deref().unwrap_or(&own);
        write_line(out, 4, &format!("load_assignment:\n  cluster_name: {}\n  endpoints:", self.name));
        write_line(out, 6, if endpoints.is_empty() { "- lb_endpoints: []" } else { "- lb_endpoints:" });
        for endpoint in endpoints {
            let address = format!("{{address: 127.0.0.1, port_value: {{{{{endpoint}}}}}}}");
            write_line(out, 8, &format!("- endpoint: {{address: {{socket_address: {address}}}}}"));
        }
    }
}

/// Puts pieces in, so many columns deep.
fn put(out: &mut String, columns: usize, pieces: &[String]) {
    for piece in pieces {
        out.push_str(&indent(piece, columns));
    }
}

fn write_line(out: &mut String, columns: usize, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", indent(text, columns));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stand_where_they_belong() {
        let mut config = Config::default();
        config.cluster("a").options.push("type: STRICT_DNS\nlb_policy: RANDOM".into());
        config.hcm.push("use_remote_address: true".into());
        config.routes.push("- match: {prefix: /x}\n  route: {cluster: a}".into());
        let text = config.render();
        for line in [
            "\n          use_remote_address: true\n",
            "\n              - match: {prefix: /x}\n                route: {cluster: a}\n",
            "\n    lb_policy: RANDOM\n",
            "\n        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("type: STATIC"));
    }

    #[test]
    fn a_whole_file_is_taken_as_it_is() {
        let config = Config { whole: Some("admin: {}".into()), ..Config::default() };
        assert_eq!(config.render(), "admin: {}");
    }
}
