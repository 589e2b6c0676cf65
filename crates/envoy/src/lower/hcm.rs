//! The HTTP connection manager.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    ArrivalTimeout, CidrSet, ClientCertDetails, CodecType, FilterConfig, ForwardClientCert, HeaderKeyFormat,
    HeaderMutation, Http1Options, Http2Options, HttpConnectionManager, OriginalIpDetection, ProxyName,
    ProxyStatus, RouteConfiguration, SchemeTransformation, ServerHeaderTransformation, StripPort,
    UnderscoreAction, UpgradeConfig,
};

use super::Cx;
use super::extension::{short_kind, type_place};
use super::filters::Chain;
use super::header_mutation::OF_REQUESTS;
use crate::diagnostic::Draft;
use crate::tree::Message;

const HOUR: Duration = Duration::from_secs(3600);

impl Cx<'_> {
    /// `HttpConnectionManager`; `None` where what is wrong with it leaves none.
    pub(super) fn http_connection_manager(&self, hcm: &Message<'_>) -> Option<HttpConnectionManager> {
        let codec_type = self.codec_type(hcm);
        self.not_implemented(hcm, "http3_protocol_options", "");
        self.request_id_extension(hcm);
        let chain = self.http_filters(hcm, "http_filters", None);
        let upgrades = self.upgrades(hcm, &chain);
        let of_upgrades = upgrades.iter().filter_map(|upgrade| upgrade.filters.as_ref()).flatten();
        let mut filters = chain.filters.iter().chain(of_upgrades);
        self.has_cors.set(filters.any(|filter| matches!(filter.config, FilterConfig::Cors(_))));
        let route_config = self.route_specifier(hcm);
        let common = hcm.message("common_http_protocol_options");
        if let Some(common) = common.filter(|common| common.has("max_response_headers_kb")) {
            let text = "`max_response_headers_kb` limits what back-ends answer, and stands in clusters only";
            self.reject(common.at_key("max_response_headers_kb"), "misplaced", text);
            common.settle("max_response_headers_kb");
        }
        let common_timeout = |field: &str, default| match common {
            Some(common) => self.timeout(common, field, default),
            None => default,
        };
        let common_number = |field: &str| common.and_then(|common| common.u32(field));
        let internal = hcm.message("internal_address_config");
        let max_connection_duration = common_timeout("max_connection_duration", None);
        let drain_timeout = self.duration(hcm, "drain_timeout").unwrap_or(Duration::from_secs(5));
        self.without_effect(hcm);
        let idle = self.timeout(hcm, "stream_idle_timeout", Some(Duration::from_secs(300)));
        let manager = HttpConnectionManager {
            position: self.position(hcm),
            stat_prefix: hcm.text("stat_prefix").into(),
            codec_type,
            route_config: Arc::new(route_config.unwrap_or_default()),
            http_filters: chain.filters,
            has_router: chain.has_router,
            suppress_envoy_headers: chain.router.suppress_envoy_headers,
            strict_check_headers: chain.router.strict_check_headers,
            respect_expected_rq_timeout: chain.router.respect_expected_rq_timeout,
            suppress_grpc_code_stats: chain.router.suppress_grpc_code_stats,
            dynamic_stats: chain.router.dynamic_stats,
            access_logs: self.access_logs(hcm, "access_log"),
            access_log_options: self.access_log_options(hcm),
            append_local_overload: hcm.bool("append_local_overload"),
            upstream_logs: chain.router.upstream_logs,
            upstream_log_options: chain.router.upstream_log_options,
            record_route_resolution_stats: hcm.bool("record_route_resolution_stats"),
            server_name: match hcm.text("server_name") {
                "" => "envoy".into(),
                name => name.into(),
            },
            server_header_transformation: match hcm.choice("server_header_transformation") {
                "APPEND_IF_ABSENT" => ServerHeaderTransformation::AppendIfAbsent,
                "PASS_THROUGH" => ServerHeaderTransformation::PassThrough,
                _ => ServerHeaderTransformation::Overwrite,
            },
            scheme_transformation: self.scheme_transformation(hcm),
            via: hcm.text("via").into(),
            add_user_agent: hcm.bool("add_user_agent"),
            use_remote_address: hcm.bool("use_remote_address"),
            xff_num_trusted_hops: hcm.u32("xff_num_trusted_hops").unwrap_or(0),
            skip_xff_append: hcm.bool("skip_xff_append"),
            original_ip_detection: self.original_ip_detection(hcm),
            internal_addresses: internal
                .map_or_else(CidrSet::default, |config| self.cidrs(config, "cidr_ranges")),
            internal_unix_sockets: internal.is_some_and(|config| config.bool("unix_sockets")),
            append_x_forwarded_port: hcm.bool("append_x_forwarded_port"),
            forward_client_cert: forward_client_cert(hcm),
            client_cert_details: self.client_cert_details(hcm),
            early_header_mutations: self.early_header_mutations(hcm),
            generate_request_id: hcm.bool_value("generate_request_id").unwrap_or(true),
            preserve_external_request_id: hcm.bool("preserve_external_request_id"),
            always_set_request_id_in_response: hcm.bool("always_set_request_id_in_response"),
            path: self.path_normalization(hcm),
            strip_port: self.strip_port(hcm),
            strip_trailing_host_dot: hcm.bool("strip_trailing_host_dot"),
            headers_with_underscores: match common
                .map(|common| common.choice("headers_with_underscores_action"))
            {
                Some("REJECT_REQUEST") => UnderscoreAction::RejectRequest,
                Some("DROP_HEADER") => UnderscoreAction::DropHeader,
                _ => UnderscoreAction::Allow,
            },
            max_request_headers_kb: hcm.u32("max_request_headers_kb").unwrap_or(60),
            max_headers_count: common_number("max_headers_count").unwrap_or(100),
            idle_timeout: common_timeout("idle_timeout", Some(HOUR)),
            max_connection_duration,
            max_connection_duration_jitter: self.jitter(
                common,
                "max_connection_duration_jitter",
                max_connection_duration.unwrap_or_default(),
            ),
            safe_max_connection_duration: hcm.bool("http1_safe_max_connection_duration"),
            max_requests_per_connection: common_number("max_requests_per_connection")
                .filter(|most| *most > 0),
            max_stream_duration: common_timeout("max_stream_duration", None),
            stream_idle_timeout: idle,
            stream_flush_timeout: self.timeout(hcm, "stream_flush_timeout", idle),
            request_timeout: self.arrival_timeout(hcm, "request_timeout"),
            request_headers_timeout: self.arrival_timeout(hcm, "request_headers_timeout"),
            drain_timeout,
            drain_timeout_jitter: self.jitter(Some(hcm), "drain_timeout_jitter", drain_timeout),
            delayed_close_timeout: self
                .duration(hcm, "delayed_close_timeout")
                .unwrap_or(Duration::from_secs(1)),
            http1: self.http1_options(hcm),
            http2: Arc::new(self.http2_options(hcm)),
            proxy_100_continue: hcm.bool("proxy_100_continue"),
            upgrades,
            local_reply: self.local_reply(hcm),
            proxy_status: hcm.message("proxy_status_config").map(proxy_status),
        };
        Some(manager)
    }

    /// A timeout that has another meaning where it is not set than where it is zero.
    fn arrival_timeout(&self, hcm: &Message<'_>, field: &str) -> ArrivalTimeout {
        match self.duration(hcm, field) {
            None => ArrivalTimeout::Unset,
            Some(Duration::ZERO) => ArrivalTimeout::Off,
            Some(time) => ArrivalTimeout::Within(time),
        }
    }

    fn codec_type(&self, hcm: &Message<'_>) -> CodecType {
        match hcm.choice("codec_type") {
            "HTTP1" => CodecType::Http1,
            "HTTP2" => CodecType::Http2,
            "HTTP3" => {
                self.reject(
                    hcm.at("codec_type"),
                    "invalid-codec",
                    "HTTP/3 needs a UDP listener with a QUIC transport socket",
                );
                CodecType::Auto
            }
            _ => CodecType::Auto,
        }
    }

    /// HTTP/2 towards clients. What holds for HTTP/1 holds here too, unless the settings of HTTP/2 say otherwise.
    fn http2_options(&self, hcm: &Message<'_>) -> Http2Options {
        let of_all = hcm.bool_value("stream_error_on_invalid_http_message").unwrap_or(false);
        let Some(options) = hcm.message("http2_protocol_options") else {
            return Http2Options { stream_error_on_invalid_message: of_all, ..Http2Options::default() };
        };
        let mut lowered = self.http2(options);
        let own = ["override_stream_error_on_invalid_http_message", "stream_error_on_invalid_http_messaging"];
        if !own.into_iter().any(|field| options.has(field)) {
            lowered.stream_error_on_invalid_message = of_all;
        }
        lowered
    }

    fn request_id_extension(&self, hcm: &Message<'_>) {
        let Some(extension) = hcm.message("request_id_extension") else { return };
        let kind = extension.any("typed_config").map(|any| any.inner_type_name().to_owned());
        match kind.as_deref().map(short_kind) {
            // The one there is. Its settings are about traces, which nobody makes.
            None | Some("UuidRequestIdConfig") => {}
            Some("") => {
                self.reject(type_place(extension), "missing-type", "this extension does not say what it is");
            }
            Some(other) => {
                self.unsupported(
                    type_place(extension),
                    format!("the request ID extension {other} is not implemented"),
                );
            }
        }
        extension.settle_all();
    }

    /// Where routes come from.
    fn route_specifier(&self, hcm: &Message<'_>) -> Option<RouteConfiguration> {
        match hcm.which("route_specifier")? {
            "route_config" => Some(self.route_configuration(hcm.message("route_config")?)),
            other => {
                self.not_implemented_vital(hcm, other, ": routes have to stand in the file");
                None
            }
        }
    }

    fn scheme_transformation(&self, hcm: &Message<'_>) -> Option<SchemeTransformation> {
        let transformation = hcm.message("scheme_header_transformation")?;
        let match_upstream = transformation.bool("match_upstream");
        match transformation.text_value("scheme_to_overwrite") {
            Some(scheme) => Some(SchemeTransformation::Overwrite(scheme.into())),
            None => match_upstream.then_some(SchemeTransformation::MatchUpstream),
        }
    }

    fn original_ip_detection(&self, hcm: &Message<'_>) -> Vec<OriginalIpDetection> {
        let mut found = Vec::new();
        for holder in hcm.messages("original_ip_detection_extensions") {
            let Some(config) = self.typed(holder) else { continue };
            match short_kind(config.schema.name()) {
                "XffConfig" => found.push(self.xff_detection(config)),
                "CustomHeaderConfig" => {
                    let trusted = config.bool("allow_extension_to_set_address_as_trusted");
                    let reject_with_status = config.message("reject_with_status").map(status);
                    let name = self.header_name(config.text("header_name"), config.at("header_name"), "");
                    found.extend(name.map(|name| OriginalIpDetection::CustomHeader {
                        name,
                        trusted,
                        reject_with_status,
                    }));
                }
                other => self.extension_not_implemented(holder, &format!("the extension {other}")),
            }
        }
        if hcm.has("original_ip_detection_extensions") {
            for field in ["use_remote_address", "xff_num_trusted_hops"] {
                let set = if field == "use_remote_address" { hcm.bool(field) } else { hcm.has(field) };
                if set {
                    self.push(
                        Draft::rejected(
                            "conflict",
                            format!("`original_ip_detection_extensions` and `{field}` exclude each other"),
                        )
                        .at(hcm.at_key(field))
                        .related(hcm.at_key("original_ip_detection_extensions").span, "set here"),
                    );
                }
            }
        }
        found
    }

    fn xff_detection(&self, config: &Message<'_>) -> OriginalIpDetection {
        let trusted_hops = config.u32("xff_num_trusted_hops").unwrap_or(0);
        let trusted_cidrs = config.message("xff_trusted_cidrs").map(|cidrs| self.cidrs(cidrs, "cidrs"));
        if trusted_hops > 0 && trusted_cidrs.is_some() {
            self.push(
                Draft::rejected(
                    "conflict",
                    "`xff_num_trusted_hops` and `xff_trusted_cidrs` exclude each other",
                )
                .at(config.at_key("xff_trusted_cidrs")),
            );
        }
        OriginalIpDetection::Xff {
            trusted_hops,
            trusted_cidrs,
            skip_append: config.bool_value("skip_xff_append").unwrap_or(true),
        }
    }

    /// `set_current_client_cert_details`.
    fn client_cert_details(&self, hcm: &Message<'_>) -> ClientCertDetails {
        let sets = matches!(
            forward_client_cert(hcm),
            ForwardClientCert::AppendForward | ForwardClientCert::SanitizeSet
        );
        if !sets {
            let why = "it says what is set with APPEND_FORWARD and SANITIZE_SET";
            self.has_no_effect(hcm, "set_current_client_cert_details", why);
            return ClientCertDetails::default();
        }
        let details = hcm.message("set_current_client_cert_details");
        details.map_or_else(ClientCertDetails::default, |details| ClientCertDetails {
            subject: details.bool_value("subject") == Some(true),
            cert: details.bool("cert"),
            chain: details.bool("chain"),
            dns: details.bool("dns"),
            uri: details.bool("uri"),
        })
    }

    /// Fields that change nothing here, as they would with Envoy.
    fn without_effect(&self, hcm: &Message<'_>) {
        self.has_no_effect(hcm, "path_normalization_options", "Envoy reads it and does nothing with it");
        self.has_no_effect(
            hcm,
            "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
            "Envoy has it, and shows addresses as they are",
        );
        self.has_no_effect(
            hcm,
            "forward_proto_config",
            "it is about connections whose address a PROXY header has changed",
        );
    }

    /// A percentage of a time, as the most that may be added to it.
    fn jitter(&self, message: Option<&Message<'_>>, field: &str, of: Duration) -> Duration {
        let percent = message.and_then(|message| message.message(field)).map(|percent| self.percent(percent));
        of.mul_f64(percent.unwrap_or(0.0).clamp(0.0, 100.0) / 100.0)
    }

    fn early_header_mutations(&self, hcm: &Message<'_>) -> Vec<Vec<HeaderMutation>> {
        let mut found = Vec::new();
        for holder in hcm.messages("early_header_mutation_extensions") {
            let Some(config) = self.typed(holder) else { continue };
            match config.schema.name() {
                "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation" => {
                    found.push(self.sequence(config, "mutations", OF_REQUESTS));
                }
                _ => self.extension_not_implemented(holder, "this early change of headers"),
            }
        }
        found
    }

    fn strip_port(&self, hcm: &Message<'_>) -> StripPort {
        match (hcm.bool("strip_any_host_port"), hcm.bool("strip_matching_host_port")) {
            (true, true) => {
                self.push(
                    Draft::rejected(
                        "conflict",
                        "`strip_any_host_port` and `strip_matching_host_port` exclude each other",
                    )
                    .at(hcm.at_key("strip_matching_host_port")),
                );
                StripPort::Any
            }
            (true, false) => StripPort::Any,
            (false, true) => StripPort::Matching,
            (false, false) => StripPort::No,
        }
    }

    fn http1_options(&self, hcm: &Message<'_>) -> Http1Options {
        let stream_error = hcm.bool_value("stream_error_on_invalid_http_message");
        let Some(options) = hcm.message("http_protocol_options") else {
            return Http1Options {
                stream_error_on_invalid_message: stream_error.unwrap_or(false),
                ..Http1Options::default()
            };
        };
        options.settle("use_balsa_parser");
        self.has_no_effect(
            options,
            "send_fully_qualified_url",
            "it is about requests that are sent, not about those that arrive",
        );
        Http1Options {
            allow_absolute_url: options.bool_value("allow_absolute_url").unwrap_or(true),
            accept_http_10: options.bool("accept_http_10"),
            default_host_for_http_10: options.text("default_host_for_http_10").into(),
            header_key_format: self.header_key_format(options),
            enable_trailers: options.bool("enable_trailers"),
            allow_chunked_length: options.bool("allow_chunked_length"),
            stream_error_on_invalid_message: options
                .bool_value("override_stream_error_on_invalid_http_message")
                .or(stream_error)
                .unwrap_or(false),
            allow_custom_methods: options.bool("allow_custom_methods"),
            ignored_upgrades: self.string_matchers(options, "ignore_http_11_upgrade"),
        }
    }

    /// `Http1ProtocolOptions.header_key_format`.
    pub(super) fn header_key_format(&self, options: &Message<'_>) -> HeaderKeyFormat {
        let Some(format) = options.message("header_key_format") else { return HeaderKeyFormat::LowerCase };
        match format.which("header_format") {
            Some("proper_case_words") => {
                format.settle("proper_case_words");
                HeaderKeyFormat::ProperCaseWords
            }
            Some(_) => {
                let Some(holder) = format.message("stateful_formatter") else {
                    return HeaderKeyFormat::LowerCase;
                };
                match self.typed(holder) {
                    Some(config) if short_kind(config.schema.name()) == "PreserveCaseFormatterConfig" => {
                        HeaderKeyFormat::PreserveCase
                    }
                    Some(_) => {
                        self.extension_not_implemented(holder, "this header formatter");
                        HeaderKeyFormat::LowerCase
                    }
                    None => HeaderKeyFormat::LowerCase,
                }
            }
            None => HeaderKeyFormat::LowerCase,
        }
    }

    fn upgrades(&self, hcm: &Message<'_>, main: &Chain) -> Vec<UpgradeConfig> {
        let mut upgrades: Vec<UpgradeConfig> = Vec::new();
        for config in hcm.messages("upgrade_configs") {
            let filters = config.has("filters");
            let filters = filters.then(|| self.http_filters(config, "filters", Some(&main.router)).filters);
            let upgrade_type = config.text("upgrade_type").to_ascii_lowercase().into_boxed_str();
            let enabled = config.bool_value("enabled").unwrap_or(true);
            if upgrades.iter().any(|other| other.upgrade_type == upgrade_type) {
                let text = format!("the upgrade `{upgrade_type}` is configured twice");
                self.reject(config.at("upgrade_type"), "duplicate-upgrade", text);
                continue;
            }
            upgrades.push(UpgradeConfig { upgrade_type, enabled, filters });
        }
        upgrades
    }
}

fn proxy_status(config: &Message<'_>) -> ProxyStatus {
    // Envoy knows no such details of a client's connection that is still there to be answered.
    config.settle("remove_connection_termination_details");
    ProxyStatus {
        name: match config.which("proxy_name") {
            Some("use_node_id") => {
                config.settle("use_node_id");
                ProxyName::NodeId
            }
            Some(_) => ProxyName::Literal(config.text("literal_proxy_name").into()),
            None => ProxyName::Server,
        },
        remove_details: config.bool("remove_details"),
        remove_response_flags: config.bool("remove_response_flags"),
        set_recommended_response_code: config.bool("set_recommended_response_code"),
    }
}

/// The code of a `type.v3.HttpStatus` that refuses; 403 where it does not.
fn status(status: &Message<'_>) -> u16 {
    let code = match status.get("code").map(|entry| &entry.value) {
        Some(crate::tree::Value::Enum(code)) => u16::try_from(*code).unwrap_or(0),
        _ => 0,
    };
    if (400..=511).contains(&code) { code } else { 403 }
}

/// `forward_client_cert_details`.
fn forward_client_cert(hcm: &Message<'_>) -> ForwardClientCert {
    match hcm.choice("forward_client_cert_details") {
        "FORWARD_ONLY" => ForwardClientCert::ForwardOnly,
        "APPEND_FORWARD" => ForwardClientCert::AppendForward,
        "SANITIZE_SET" => ForwardClientCert::SanitizeSet,
        "ALWAYS_FORWARD_ONLY" => ForwardClientCert::AlwaysForwardOnly,
        _ => ForwardClientCert::Sanitize,
    }
}
