//! The first bytes that a back-end gets: the preface and our settings, as Envoy sends them.
//!
//! The codec would leave out settings that have no meaning to it, such as that of extended CONNECT, and tell the back-end
//! of limits of which Envoy does not speak.

use causeway_model::Http2Options;

/// What a connection of HTTP/2 begins with (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Identifiers of settings (RFC 9113 §6.5.2, RFC 8441 §3).
mod setting {
    pub(super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(super) const ENABLE_PUSH: u16 = 2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(super) const ENABLE_CONNECT_PROTOCOL: u16 = 8;
}

/// The preface and the SETTINGS frame behind it.
pub(super) fn preface(options: &Http2Options) -> Vec<u8> {
    let known = [
        (setting::ENABLE_PUSH, 0),
        (setting::HEADER_TABLE_SIZE, options.hpack_table_size),
        (setting::ENABLE_CONNECT_PROTOCOL, u32::from(options.allow_connect)),
        (setting::MAX_CONCURRENT_STREAMS, options.max_concurrent_streams),
        (setting::INITIAL_WINDOW_SIZE, options.initial_stream_window_size),
    ];
    let settings: Vec<u8> = options
        .custom_settings
        .iter()
        .chain(&known)
        .flat_map(|(identifier, value)| {
            let [a, b] = identifier.to_be_bytes();
            let [c, d, e, f] = value.to_be_bytes();
            [a, b, c, d, e, f]
        })
        .collect();
    let length = u32::try_from(settings.len()).unwrap_or(0).to_be_bytes();
    let mut bytes = PREFACE.to_vec();
    bytes.extend_from_slice(length.get(1..).unwrap_or_default());
    bytes.extend_from_slice(&[super::frames::kind::SETTINGS, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&settings);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_those_of_envoy_in_its_order() {
        let bytes = preface(&Http2Options::default());
        let frame = &bytes[PREFACE.len()..];
        assert_eq!(frame[..9], *b"\0\0\x1E\x04\0\0\0\0\0");
        let settings: Vec<_> = frame[9..]
            .chunks(6)
            .map(|setting| (setting[1], u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]])))
            .collect();
        assert_eq!(settings, [(2, 0), (1, 4096), (8, 0), (3, 1024), (4, 16 << 20)]);
    }
}
