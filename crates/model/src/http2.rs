//! Settings of HTTP/2, towards clients and back-ends.

use std::time::Duration;

/// `config.core.v3.Http2ProtocolOptions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Http2Options {
    /// Streams that may be open at once on a connection; 1024 unless set, 1 to 2³¹−1. Clients are told; of a
    /// connection to a back-end no more are used, and fewer where the back-end says so.
    pub max_concurrent_streams: u32,
    /// Bytes of a body that may be under way before the receiver has taken any; 16 MiB unless set, at least 65535.
    pub initial_stream_window_size: u32,
    /// The same, of all bodies of a connection; 24 MiB unless set, at least 65535.
    pub initial_connection_window_size: u32,
    /// Bytes of the table with which the other side may compress heads; 4096 unless set.
    pub hpack_table_size: u32,
    /// Whether CONNECT with a `:protocol` (RFC 8441) is announced (`allow_connect`).
    pub allow_connect: bool,
    /// DATA and HEADERS frames without content that may follow each other; 1 unless set.
    pub max_consecutive_inbound_frames_with_empty_payload: u32,
    /// PRIORITY frames for each stream; 100 unless set.
    pub max_inbound_priority_frames_per_stream: u32,
    /// WINDOW_UPDATE frames for each DATA frame that was sent; 10 unless set, at least 1.
    pub max_inbound_window_update_frames_per_data_frame_sent: u32,
    /// Frames that may wait for the other side to read; 10000 unless set.
    pub max_outbound_frames: u32,
    /// Of those, PING, SETTINGS and RST_STREAM frames; 1000 unless set.
    pub max_outbound_control_frames: u32,
    /// A message that is malformed ends its stream alone, and not its connection
    /// (`override_stream_error_on_invalid_http_message`).
    pub stream_error_on_invalid_message: bool,
    /// Whether the other side is asked if it is still there.
    pub keepalive: Option<Http2Keepalive>,
    /// Settings to be sent as well (`custom_settings_parameters`): identifier and value.
    pub custom_settings: Vec<(u16, u32)>,
}

impl Default for Http2Options {
    fn default() -> Self {
        Self {
            max_concurrent_streams: 1024,
            initial_stream_window_size: 16 << 20,
            initial_connection_window_size: 24 << 20,
            hpack_table_size: 4096,
            allow_connect: false,
            max_consecutive_inbound_frames_with_empty_payload: 1,
            max_inbound_priority_frames_per_stream: 100,
            max_inbound_window_update_frames_per_data_frame_sent: 10,
            max_outbound_frames: 10_000,
            max_outbound_control_frames: 1000,
            stream_error_on_invalid_message: false,
            keepalive: None,
            custom_settings: Vec::new(),
        }
    }
}

/// `config.core.v3.KeepaliveSettings`: PING frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Http2Keepalive {
    /// Time from one PING to the next; `None` means none at regular times.
    pub interval: Option<Duration>,
    /// The answer has to be there within this time, or the connection is closed.
    pub timeout: Duration,
    /// A random part of up to this share of the interval, in per cent, is added; 15 unless set.
    pub interval_jitter: f64,
    /// A connection that has been idle for this long is asked before it is used again
    /// (`connection_idle_interval`).
    pub connection_idle_interval: Option<Duration>,
}
