//! HTTP towards the back-ends of a cluster: `HttpProtocolOptions`, and the fields that it took the place of.

use causeway_model::{
    ClusterHttpOptions, Http2Options, HttpOptionsForm, ServerNameOptions, UpstreamProtocol,
};

use super::Cx;
use crate::diagnostic::Draft;
use crate::tree::{Body, Message};

/// The names under which HTTP options of a cluster may stand.
const HTTP_OPTIONS_KEYS: &[&str] =
    &["envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "envoy.upstreams.http.http_protocol_options"];

/// The fields of a cluster that HttpProtocolOptions took the place of.
const DEPRECATED_HTTP: &[&str] = &[
    "http_protocol_options",
    "http2_protocol_options",
    "common_http_protocol_options",
    "upstream_http_protocol_options",
    "max_requests_per_connection",
    "protocol_selection",
];

impl Cx<'_> {
    /// HTTP towards the back-ends.
    pub(super) fn cluster_http(&self, message: &Message<'_>, tls: bool) -> ClusterHttpOptions {
        let mut http = ClusterHttpOptions::default();
        let mut modern = None;
        for item in message.map("typed_extension_protocol_options") {
            let crate::tree::Value::Any(any) = &item.item.value else { continue };
            let mut at = message.at("typed_extension_protocol_options");
            at.span = any.type_span.or(item.key_span);
            if any.body == Body::Empty {
                self.reject(at, "missing-type", "these protocol options do not say what they are");
                continue;
            }
            let Some(config) = any.message() else { continue };
            match config.schema.name() {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions" => {
                    let key = item.key.to_text();
                    if !HTTP_OPTIONS_KEYS.contains(&&*key) {
                        at.span = item.key_span;
                        self.push(
                            Draft::rejected(
                                "unknown-extension",
                                format!("there are no protocol options `{key}`"),
                            )
                            .at(at)
                            .label(format!(
                                "write `{}`",
                                HTTP_OPTIONS_KEYS.first().copied().unwrap_or_default()
                            )),
                        );
                    }
                    modern = Some(config);
                }
                _ => {
                    let name = config.schema.short_name();
                    self.unsupported(at, format!("protocol options {name} are not implemented"));
                    config.settle_all();
                }
            }
        }
        match modern {
            Some(options) => {
                // Today's form wins; what is set beside it has no effect in Envoy either.
                for field in DEPRECATED_HTTP {
                    if message.has(field) {
                        self.ignored(
                            message.at_key(field),
                            format!("`{field}` counts only where there are no HttpProtocolOptions"),
                        );
                        message.settle(field);
                    }
                }
                http.written = HttpOptionsForm::Message(self.position(options));
                self.http_protocol_options(options, tls, &mut http);
                http.error_matcher = self.error_matcher(options, message.has("outlier_detection"));
            }
            None => {
                if DEPRECATED_HTTP.iter().any(|field| message.has(field)) {
                    http.written = HttpOptionsForm::Cluster;
                }
                self.deprecated_http(message, tls, &mut http);
            }
        }
        http
    }

    fn http_protocol_options(&self, options: &Message<'_>, tls: bool, http: &mut ClusterHttpOptions) {
        if let Some(common) = options.message("common_http_protocol_options") {
            self.common_http(common, http);
        }
        self.server_name_options(options, tls, http);
        match options.which("upstream_protocol_options") {
            Some("explicit_http_config") => {
                let Some(explicit) = options.message("explicit_http_config") else { return };
                match explicit.which("protocol_config") {
                    Some("http_protocol_options") => {
                        if let Some(http1) = explicit.message("http_protocol_options") {
                            self.http1(http1, http);
                        }
                    }
                    Some("http2_protocol_options") => {
                        if let Some(http2) = explicit.message("http2_protocol_options") {
                            http.protocol = UpstreamProtocol::Http2(Box::new(self.upstream_http2(http2)));
                        }
                    }
                    Some(other) => self.no_http3(explicit, other),
                    None => {}
                }
            }
            Some("use_downstream_protocol_config") => {
                let Some(downstream) = options.message("use_downstream_protocol_config") else { return };
                let http2 =
                    downstream.message("http2_protocol_options").map(|http2| self.upstream_http2(http2));
                http.protocol = UpstreamProtocol::Downstream(Box::new(http2.unwrap_or_default()));
                if downstream.has("http3_protocol_options") {
                    let text = "HTTP/3 needs QUIC, which this cluster's `transport_socket` does not speak";
                    self.reject(downstream.at_key("http3_protocol_options"), "conflict", text);
                    downstream.settle("http3_protocol_options");
                }
                if let Some(http1) = downstream.message("http_protocol_options") {
                    self.http1(http1, http);
                }
            }
            Some("auto_config") if tls => {
                let Some(auto) = options.message("auto_config") else { return };
                let http2 = auto.message("http2_protocol_options").map(|http2| self.upstream_http2(http2));
                http.protocol = UpstreamProtocol::Auto(Box::new(http2.unwrap_or_default()));
                if let Some(http1) = auto.message("http_protocol_options") {
                    self.http1(http1, http);
                }
                self.not_implemented(auto, "http3_protocol_options", "");
                self.has_no_effect(auto, "alternate_protocols_cache_options", "it is about HTTP/3");
            }
            Some("auto_config") => {
                self.reject(
                    options.at_key("auto_config"),
                    "conflict",
                    "ALPN is part of TLS, and this cluster has no TLS `transport_socket`",
                );
                options.settle("auto_config");
            }
            Some(other) => self.not_implemented(options, other, ""),
            None => {}
        }
    }

    /// `UpstreamHttpProtocolOptions`.
    fn server_name_options(&self, holder: &Message<'_>, tls: bool, http: &mut ClusterHttpOptions) {
        let field = "upstream_http_protocol_options";
        let Some(options) = holder.message(field) else { return };
        if !tls {
            self.ignored(
                holder.at_key(field),
                "these settings are for TLS towards back-ends, which this cluster does not speak",
            );
            options.settle_all();
            return;
        }
        let header = match options.text("override_auto_sni_header") {
            "" => None,
            name => self.header_name(name, options.at("override_auto_sni_header"), "no request has it"),
        };
        http.server_name = ServerNameOptions {
            auto_sni: options.bool("auto_sni"),
            auto_san_validation: options.bool("auto_san_validation"),
            header,
        };
    }

    /// `Http2ProtocolOptions`, towards back-ends.
    fn upstream_http2(&self, options: &Message<'_>) -> Http2Options {
        for field in ["max_outbound_frames", "max_outbound_control_frames"] {
            self.has_no_effect(
                options,
                field,
                "frames don't pile up: nothing is read while one waits to be sent",
            );
        }
        self.http2(options)
    }

    fn no_http3(&self, message: &Message<'_>, field: &str) {
        self.unsupported(message.at_key(field), "HTTP/3 towards back-ends is not implemented");
        message.settle(field);
    }

    fn deprecated_http(&self, message: &Message<'_>, tls: bool, http: &mut ClusterHttpOptions) {
        let downstream = message.choice("protocol_selection") == "USE_DOWNSTREAM_PROTOCOL";
        if message.has("http_protocol_options") && message.has("http2_protocol_options") && !downstream {
            self.push(
                Draft::rejected(
                    "conflict",
                    "`http_protocol_options` and `http2_protocol_options` exclude each other",
                )
                .at(message.at_key("http2_protocol_options"))
                .related(message.at_key("http_protocol_options").span, "set here already"),
            );
        }
        let http2 =
            message.message("http2_protocol_options").map(|http2| Box::new(self.upstream_http2(http2)));
        http.protocol = match (downstream, http2) {
            (true, http2) => UpstreamProtocol::Downstream(http2.unwrap_or_default()),
            (false, Some(http2)) => UpstreamProtocol::Http2(http2),
            (false, None) => UpstreamProtocol::Http1,
        };
        self.server_name_options(message, tls, http);
        if let Some(common) = message.message("common_http_protocol_options") {
            self.common_http(common, http);
        }
        if let Some(most) = message.u32("max_requests_per_connection").filter(|most| *most > 0) {
            http.max_requests_per_connection = Some(most);
        }
        if let Some(http1) = message.message("http_protocol_options") {
            self.http1(http1, http);
        }
    }

    fn common_http(&self, common: &Message<'_>, http: &mut ClusterHttpOptions) {
        http.idle_timeout = self.timeout(common, "idle_timeout", http.idle_timeout);
        http.max_connection_duration = self.timeout(common, "max_connection_duration", None);
        self.has_no_effect(
            common,
            "max_connection_duration_jitter",
            "connections to back-ends get none, with Envoy neither",
        );
        http.max_stream_duration = self.timeout(common, "max_stream_duration", None);
        http.max_requests_per_connection = common
            .u32("max_requests_per_connection")
            .filter(|most| *most > 0)
            .or(http.max_requests_per_connection);
        http.max_headers_count = common.u32("max_headers_count").unwrap_or(http.max_headers_count);
        if let Some(kib) = common.u32("max_response_headers_kb") {
            http.max_response_headers_kb = kib;
            http.max_response_headers_kb_of_http2 = kib;
        }
    }

    fn http1(&self, options: &Message<'_>, http: &mut ClusterHttpOptions) {
        http.header_key_format = self.header_key_format(options);
        http.enable_trailers = options.bool("enable_trailers");
        http.send_fully_qualified_url = options.bool("send_fully_qualified_url");
        for field in
            ["allow_absolute_url", "accept_http_10", "default_host_for_http_10", "ignore_http_11_upgrade"]
        {
            self.has_no_effect(
                options,
                field,
                "it is about requests that arrive, not about those that are sent",
            );
        }
        options.settle("use_balsa_parser");
    }
}
