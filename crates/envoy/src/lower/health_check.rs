//! Active health checks.

use std::time::Duration;

use causeway_model::{
    GrpcHealthCheck, HeaderMutations, HealthCheck, HealthChecker, HttpHealthCheck, StatusRange,
    TcpHealthCheck,
};

use super::Cx;
use super::extension::{short_kind, type_place};
use super::value::value_of;
use crate::diagnostic::{Draft, Kind};
use crate::tree::Message;

impl Cx<'_> {
    /// `Cluster.health_checks`.
    ///
    /// `tls` says whether any of its connections speak TLS, `alpn` whether all do.
    pub(super) fn health_checks(&self, cluster: &Message<'_>, tls: bool, alpn: bool) -> Vec<HealthCheck> {
        /// As many as Envoy takes (`ClusterValidationError`).
        const MOST: usize = 8;
        let checks: Vec<_> = cluster.messages("health_checks").collect();
        if checks.len() > MOST {
            let text = format!("a cluster has at most {MOST} health checks");
            self.reject(cluster.at_item("health_checks", MOST), "invalid-value", text);
        }
        let by_alpn = checks.iter().filter_map(|check| check.message("http_health_check"));
        for check in by_alpn.filter(|check| !alpn && check.bool("use_alpn_protocol")) {
            let text = "ALPN is part of TLS, which this cluster does not speak on all of its connections";
            self.reject(check.at_key("use_alpn_protocol"), "conflict", text);
        }
        if checks.len() > 1 {
            for check in checks.iter().filter(|check| check.text("name").is_empty()) {
                self.push(
                    Draft::new(Kind::Lenient, "missing-field", "one of several health checks has no name")
                        .at(check.here())
                        .label("Envoy 1.40 wants a `name` here; Causeway does not need it"),
                );
            }
        }
        checks.into_iter().filter_map(|check| self.health_check(check, tls)).collect()
    }

    fn health_check(&self, check: &Message<'_>, tls: bool) -> Option<HealthCheck> {
        check.settle("name");
        if check.has("tls_options") && !tls {
            let text = "`tls_options` is for TLS towards back-ends, which this cluster does not speak";
            self.ignored(check.at_key("tls_options"), text);
            check.settle("tls_options");
        }
        let tls_options = check.message("tls_options").filter(|_| tls);
        let alpn = tls_options.map(|options| self.alpn(options, "alpn_protocols"));
        self.not_implemented(check, "event_service", "");
        let checker = self.checker(check);
        let event_log_path = self.event_log(check);
        let timeout = self.duration(check, "timeout");
        let interval = self.duration(check, "interval");
        let alt_port = check.u32("alt_port");
        let alt_port = alt_port.and_then(|port| match u16::try_from(port) {
            Ok(port) => Some(port),
            Err(_) => {
                self.unsupported(check.at("alt_port"), format!("{port} is not a port"));
                None
            }
        });
        let duration = |field: &str| self.duration(check, field);
        let lowered = HealthCheck {
            position: self.position(check),
            initial_jitter: duration("initial_jitter").unwrap_or(Duration::ZERO),
            interval_jitter: duration("interval_jitter").unwrap_or(Duration::ZERO),
            interval_jitter_percent: check.u32("interval_jitter_percent").unwrap_or(0),
            unhealthy_threshold: check.u32("unhealthy_threshold").unwrap_or(1).max(1),
            healthy_threshold: check.u32("healthy_threshold").unwrap_or(1).max(1),
            reuse_connection: check.bool_value("reuse_connection").unwrap_or(true),
            no_traffic_interval: duration("no_traffic_interval"),
            no_traffic_healthy_interval: duration("no_traffic_healthy_interval"),
            unhealthy_interval: duration("unhealthy_interval"),
            unhealthy_edge_interval: duration("unhealthy_edge_interval"),
            healthy_edge_interval: duration("healthy_edge_interval"),
            alt_port,
            event_log_path,
            always_log_failures: check.bool("always_log_health_check_failures"),
            always_log_success: check.bool("always_log_health_check_success"),
            alpn: alpn.unwrap_or_default(),
            transport_socket_match_criteria: check.json("transport_socket_match_criteria").map(value_of),
            checker: checker?,
            timeout: timeout?,
            interval: interval?,
        };
        Some(lowered)
    }

    fn checker(&self, check: &Message<'_>) -> Option<HealthChecker> {
        match check.which("health_checker")? {
            "http_health_check" => {
                self.http_health_check(check.message("http_health_check")?).map(HealthChecker::Http)
            }
            "tcp_health_check" => {
                Some(HealthChecker::Tcp(self.tcp_health_check(check.message("tcp_health_check")?)))
            }
            "grpc_health_check" => {
                let grpc = check.message("grpc_health_check")?;
                Some(HealthChecker::Grpc(GrpcHealthCheck {
                    service_name: grpc.text("service_name").into(),
                    authority: grpc.text("authority").into(),
                    initial_metadata: HeaderMutations {
                        remove: Vec::new(),
                        add: self.headers_to_add(grpc, "initial_metadata"),
                    },
                }))
            }
            other => {
                self.not_implemented(check, other, "");
                None
            }
        }
    }

    /// A gRPC check needs back-ends that are spoken to in HTTP/2, also for requests.
    pub(super) fn check_grpc_checks(&self, cluster: &Message<'_>, http2: bool) {
        for check in
            cluster.messages("health_checks").filter(|check| check.has("grpc_health_check") && !http2)
        {
            self.push(
                Draft::rejected("conflict", "a gRPC health check needs a cluster that speaks HTTP/2")
                    .at(check.at_key("grpc_health_check"))
                    .help("set explicit_http_config.http2_protocol_options in the cluster's HttpProtocolOptions"),
            );
        }
    }

    fn http_health_check(&self, check: &Message<'_>) -> Option<HttpHealthCheck> {
        let codec = check.choice("codec_client_type");
        if codec == "HTTP3" {
            self.unsupported(check.at("codec_client_type"), "health checks over HTTP/3 are not implemented");
        }
        self.has_no_effect(check, "use_alpn_protocol", "ALPN is part of TLS");
        self.has_no_effect(check, "response_buffer_size", "bodies of answers are not looked at");
        let headers = HeaderMutations {
            remove: self.mutations(check, "request").remove,
            add: self.headers_to_add(check, "request_headers_to_add"),
        };
        let path = check.text("path");
        if !path.is_empty() && !path.starts_with('/') {
            self.push(
                self.suspicious(
                    check.at("path"),
                    "path-without-slash",
                    format!("the path `{path}` does not begin with a slash"),
                )
                .label(format!("write `/{path}`")),
            );
        }
        let mut expected_statuses = self.statuses(check, "expected_statuses");
        if expected_statuses.is_empty() {
            expected_statuses.push(StatusRange { start: 200, end: 201 });
        }
        Some(HttpHealthCheck {
            host: check.text("host").into(),
            path: path.into(),
            method: match check.choice("method") {
                "METHOD_UNSPECIFIED" | "" => "GET".into(),
                method => method.into(),
            },
            expected_statuses,
            retriable_statuses: self.statuses(check, "retriable_statuses"),
            headers,
            http2: codec == "HTTP2",
        })
    }

    /// Half-open ranges of statuses.
    fn statuses(&self, check: &Message<'_>, field: &str) -> Vec<StatusRange> {
        let mut ranges = Vec::new();
        for range in check.messages(field) {
            let (start, end) = (range.i64("start"), range.i64("end"));
            let wrong = if start >= end {
                Some(format!("this range is empty: its end, {end}, is not part of it"))
            } else if start < 100 {
                Some(format!("a status is at least 100, but this range begins at {start}"))
            } else if end > 600 {
                Some(format!("a status is at most 599, but this range ends before {end}"))
            } else {
                None
            };
            if let Some(wrong) = wrong {
                self.reject(range.here(), "invalid-status-range", wrong);
                continue;
            }
            // 200–299 is what people write who mean all of 2xx.
            if end % 100 == 99 && start % 100 == 0 {
                self.push(
                    self.suspicious(
                        range.at("end"),
                        "exclusive-end",
                        format!("status {end} is not among the {}", field.replace('_', " ")),
                    )
                    .label(format!("the end is not part of the range; write {} to include {end}", end + 1)),
                );
            }
            if let (Ok(start), Ok(end)) = (u16::try_from(start), u16::try_from(end)) {
                ranges.push(StatusRange { start, end });
            }
        }
        ranges
    }

    fn tcp_health_check(&self, check: &Message<'_>) -> TcpHealthCheck {
        TcpHealthCheck {
            proxy_protocol: self.proxy_protocol_config(check, "proxy_protocol_config"),
            send: check.message("send").and_then(|payload| self.payload(payload)).unwrap_or_default(),
            receive: check.messages("receive").filter_map(|payload| self.payload(payload)).collect(),
        }
    }

    /// `HealthCheck.Payload`: hexadecimal digits, or bytes.
    fn payload(&self, payload: &Message<'_>) -> Option<Vec<u8>> {
        if payload.which("payload")? == "binary" {
            return Some(payload.bytes("binary").to_vec());
        }
        let text = payload.text("text");
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
                _ => None,
            })
            .collect();
        if bytes.is_none() {
            self.push(
                Draft::rejected("invalid-payload", format!("`{text}` is not hexadecimal"))
                    .at(payload.at("text"))
                    .label("two hexadecimal digits for each byte, without `0x`")
                    .suggestion(format!("text: \"{}\"", hex(text))),
            );
        }
        bytes
    }

    fn event_log(&self, check: &Message<'_>) -> Option<std::sync::Arc<str>> {
        let mut path = match check.text("event_log_path") {
            "" => None,
            path => Some((path.to_owned(), check.at("event_log_path"))),
        };
        for holder in check.messages("event_logger") {
            let Some(config) = self.typed(holder) else { continue };
            if short_kind(config.schema.name()) != "HealthCheckEventFileSink" {
                self.unsupported(type_place(holder), "this sink for health check events is not implemented");
                holder.settle_all();
                continue;
            }
            let file = config.text("event_log_path");
            if path.as_ref().is_some_and(|(first, _)| first != file) {
                self.unsupported(
                    config.at("event_log_path"),
                    "more than one file for health check events is not implemented",
                );
                continue;
            }
            path = Some((file.to_owned(), config.at("event_log_path")));
        }
        let (path, at) = path.filter(|(path, _)| !path.is_empty())?;
        self.check_log_path(&path, at);
        Some(path.into())
    }
}

/// The bytes of a text in hexadecimal.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
