//! Fields of Envoy 1.40.0 that are younger than the protos the tables are made of.
//!
//! Found by comparing the tables with the descriptors inside the Envoy 1.40.0 program. What is missing
//! still belongs to extensions about which nobody would notice (the `mcp` and `ai` filters). To be
//! emptied when the source of the protos has caught up: the generator fails on a field that exists.

use super::model::{Field, Kind, Schema};
use crate::Failure;

/// Message, field, number, type, whether it is a list.
const FIELDS: &[(&str, &str, u32, &str, bool)] = &[
    ("envoy.config.core.v3.HealthCheck", "name", 27, "string", false),
    ("envoy.config.core.v3.HealthCheck.HttpHealthCheck", "use_alpn_protocol", 15, "bool", false),
    ("envoy.config.metrics.v3.DogStatsdSink", "scale_histogram_units_to_milliseconds", 5, "bool", false),
    ("envoy.config.metrics.v3.StatsdSink", "scale_histogram_units_to_milliseconds", 4, "bool", false),
    (
        "envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride",
        "unit_multiplier",
        3,
        "google.protobuf.UInt32Value",
        false,
    ),
    ("envoy.extensions.filters.http.basic_auth.v3.BasicAuth", "realm", 6, "string", false),
    ("envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute", "realm", 2, "string", false),
    ("envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", "clear_route_cache_headers", 34, "string", true),
    ("envoy.extensions.filters.http.gcp_authn.v3.Audience.AccessToken", "scopes", 1, "string", true),
    ("envoy.extensions.filters.http.gcp_authn.v3.Audience.BoundAccessToken", "scopes", 1, "string", true),
    (
        "envoy.extensions.filters.http.header_mutation.v3.Mutations",
        "formatters",
        6,
        "envoy.config.core.v3.TypedExtensionConfig",
        true,
    ),
    ("envoy.extensions.filters.http.lua.v3.Lua", "shared_vm_id", 9, "string", false),
    ("envoy.extensions.filters.http.lua.v3.LuaPerRoute", "shared_vm_id", 7, "string", false),
    (
        "envoy.extensions.filters.http.oauth2.v3.OAuth2Config",
        "token_cookie_chunking",
        34,
        "envoy.extensions.filters.http.oauth2.v3.TokenCookieChunking",
        false,
    ),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "record_route_resolution_stats",
        63,
        "bool",
        false,
    ),
    (
        "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig.UdpTunnelingConfig",
        "formatters",
        12,
        "envoy.config.core.v3.TypedExtensionConfig",
        true,
    ),
    (
        "envoy.extensions.stat_sinks.graphite_statsd.v3.GraphiteStatsdSink",
        "scale_histogram_units_to_milliseconds",
        5,
        "bool",
        false,
    ),
];

/// Adds the fields.
pub(super) fn add(schema: &mut Schema) -> Result<(), Failure> {
    for (message, name, number, kind, list) in FIELDS {
        let place =
            |name: &str| schema.messages.binary_search_by(|message| message.name.as_str().cmp(name)).ok();
        let kind = match *kind {
            "bool" => Kind::Scalar(12),
            "string" => Kind::Scalar(13),
            other => Kind::Message(place(other).ok_or_else(|| format!("there is no message {other}"))?),
        };
        let place = place(message).ok_or_else(|| format!("there is no message {message}"))?;
        let Some(message) = schema.messages.get_mut(place) else { continue };
        if message.fields.iter().any(|field| field.name == *name || field.number == *number) {
            return Err(format!(
                "{}.{name} is in the protos by now: remove it from the supplement",
                message.name
            )
            .into());
        }
        message.fields.push(Field {
            name: (*name).to_owned(),
            number: *number,
            kind,
            list: *list,
            map: false,
            presence: !list && matches!(kind, Kind::Message(_)),
            deprecated: false,
            disallowed: false,
            sensitive: false,
            oneof: None,
            rules: Vec::new(),
        });
        message.fields.sort_by_key(|field| field.number);
    }
    Ok(())
}
