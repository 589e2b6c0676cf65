//! `Http2ProtocolOptions`, towards clients and back-ends.

use std::time::Duration;

use causeway_model::{Http2Keepalive, Http2Options};

use super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `config.core.v3.Http2ProtocolOptions`.
    pub(super) fn http2(&self, options: &Message<'_>) -> Http2Options {
        let default = Http2Options::default();
        let number = |field: &str, otherwise: u32| options.u32(field).unwrap_or(otherwise);
        let lowered = Http2Options {
            max_concurrent_streams: number("max_concurrent_streams", default.max_concurrent_streams),
            initial_stream_window_size: number(
                "initial_stream_window_size",
                default.initial_stream_window_size,
            ),
            initial_connection_window_size: number(
                "initial_connection_window_size",
                default.initial_connection_window_size,
            ),
            hpack_table_size: number("hpack_table_size", default.hpack_table_size),
            allow_connect: options.bool("allow_connect"),
            max_consecutive_inbound_frames_with_empty_payload: number(
                "max_consecutive_inbound_frames_with_empty_payload",
                default.max_consecutive_inbound_frames_with_empty_payload,
            ),
            max_inbound_priority_frames_per_stream: number(
                "max_inbound_priority_frames_per_stream",
                default.max_inbound_priority_frames_per_stream,
            ),
            max_inbound_window_update_frames_per_data_frame_sent: number(
                "max_inbound_window_update_frames_per_data_frame_sent",
                default.max_inbound_window_update_frames_per_data_frame_sent,
            ),
            max_outbound_frames: number("max_outbound_frames", default.max_outbound_frames),
            max_outbound_control_frames: number(
                "max_outbound_control_frames",
                default.max_outbound_control_frames,
            ),
            stream_error_on_invalid_message: self.stream_error(options),
            keepalive: options
                .message("connection_keepalive")
                .and_then(|keepalive| self.http2_keepalive(keepalive)),
            custom_settings: self.custom_settings(options),
        };
        self.not_implemented(options, "allow_metadata", ": METADATA frames are known to Envoy only");
        self.has_no_effect(options, "max_metadata_size", "there are no METADATA frames");
        self.not_implemented(options, "max_header_field_size_kb", "");
        self.has_no_effect(options, "use_oghttp2_codec", "there is one codec");
        if options.bool_value("enable_huffman_encoding") == Some(false) {
            self.ignored(
                options.at_key("enable_huffman_encoding"),
                "heads are always compressed with Huffman codes where that makes them shorter",
            );
        }
        options.settle("enable_huffman_encoding");
        lowered
    }

    /// Today's field wins over the deprecated one, as with Envoy.
    fn stream_error(&self, options: &Message<'_>) -> bool {
        let modern = options.bool_value("override_stream_error_on_invalid_http_message");
        if modern.is_some() && options.has("stream_error_on_invalid_http_messaging") {
            self.ignored(
                options.at_key("stream_error_on_invalid_http_messaging"),
                "`override_stream_error_on_invalid_http_message` is what counts",
            );
            options.settle("stream_error_on_invalid_http_messaging");
        }
        modern.unwrap_or_else(|| options.bool("stream_error_on_invalid_http_messaging"))
    }

    fn http2_keepalive(&self, keepalive: &Message<'_>) -> Option<Http2Keepalive> {
        let interval = self.duration(keepalive, "interval").filter(|interval| !interval.is_zero());
        let idle = self.duration(keepalive, "connection_idle_interval");
        Some(Http2Keepalive {
            interval,
            interval_jitter: keepalive
                .message("interval_jitter")
                .map_or(15.0, |percent| self.percent(percent)),
            connection_idle_interval: idle.filter(|idle| *idle > Duration::ZERO),
            timeout: self.duration(keepalive, "timeout")?,
        })
    }

    /// `custom_settings_parameters`. Envoy refuses those that have a field of their own with another value.
    fn custom_settings(&self, options: &Message<'_>) -> Vec<(u16, u32)> {
        let mut settings = Vec::new();
        for parameter in options.messages("custom_settings_parameters") {
            let (Some(identifier), Some(value)) = (parameter.u32("identifier"), parameter.u32("value"))
            else {
                continue;
            };
            let field = match identifier {
                1 => "hpack_table_size",
                3 => "max_concurrent_streams",
                4 => "initial_stream_window_size",
                8 => "allow_connect",
                _ => "",
            };
            let twice = settings.iter().any(|(known, _)| u32::from(*known) == identifier);
            if identifier == 2 {
                self.reject(parameter.here(), "conflict", "server push is never enabled");
            } else if !field.is_empty() {
                self.unsupported(parameter.here(), format!("set `{field}` rather than setting {identifier}"));
            } else if twice {
                self.reject(parameter.here(), "conflict", format!("setting {identifier} stands here twice"));
            } else if let Ok(identifier) = u16::try_from(identifier) {
                settings.push((identifier, value));
            }
        }
        settings
    }
}
