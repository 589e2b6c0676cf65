//! SETTINGS (RFC 9113 §6.5).

use super::Code;

/// What one side may be told, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting(pub u16);

impl Setting {
    /// `SETTINGS_HEADER_TABLE_SIZE`
    pub const HEADER_TABLE_SIZE: Self = Self(1);
    /// `SETTINGS_MAX_CONCURRENT_STREAMS`
    pub const MAX_CONCURRENT_STREAMS: Self = Self(3);
    /// `SETTINGS_INITIAL_WINDOW_SIZE`
    pub const INITIAL_WINDOW_SIZE: Self = Self(4);
    /// `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441 §3)
    pub const ENABLE_CONNECT_PROTOCOL: Self = Self(8);

    /// Writes the setting as a part of a SETTINGS frame.
    pub fn write(self, value: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// What a SETTINGS frame of a client changes for whoever answers it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// How large its table of fields may be: the last value, and the least.
    pub header_table_size: Option<(u32, u32)>,
    /// How much of a body it takes at first.
    pub initial_window_size: Option<u32>,
    /// Its largest frame.
    pub max_frame_size: Option<u32>,
}

impl Settings {
    /// Reads what is in a SETTINGS frame.
    ///
    /// # Errors
    ///
    /// Why the connection has to end: a value that is not allowed, or a frame of a length that it can't have.
    pub fn read(payload: &[u8]) -> Result<Self, Code> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Code::FRAME_SIZE_ERROR);
        }
        let mut read = Self::default();
        for [a, b, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            match u16::from_be_bytes([*a, *b]) {
                1 => {
                    let least = read.header_table_size.map_or(value, |(_, least)| least.min(value));
                    read.header_table_size = Some((value, least));
                }
                // Nothing is ever pushed, so nobody need be forbidden to; but it is yes or no.
                2 if value > 1 => return Err(Code::PROTOCOL_ERROR),
                4 if value > 0x7FFF_FFFF => return Err(Code::FLOW_CONTROL_ERROR),
                4 => read.initial_window_size = Some(value),
                5 if !(16_384..=0x00FF_FFFF).contains(&value) => return Err(Code::PROTOCOL_ERROR),
                5 => read.max_frame_size = Some(value),
                8 if value > 1 => return Err(Code::PROTOCOL_ERROR),
                _ => {}
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_checked() {
        let frame = |settings: &[(u16, u32)]| {
            let mut out = Vec::new();
            settings.iter().for_each(|(number, value)| Setting(*number).write(*value, &mut out));
            out
        };
        let read = Settings::read(&frame(&[(1, 0), (1, 100), (3, 5), (4, 7), (5, 20_000), (99, 1)]));
        let expected = Settings {
            header_table_size: Some((100, 0)),
            initial_window_size: Some(7),
            max_frame_size: Some(20_000),
        };
        assert_eq!(read, Ok(expected));
        assert_eq!(Settings::read(&frame(&[])), Ok(Settings::default()));
        for (number, value, code) in [
            (2, 2, Code::PROTOCOL_ERROR),
            (4, 0x8000_0000, Code::FLOW_CONTROL_ERROR),
            (5, 16_383, Code::PROTOCOL_ERROR),
            (5, 0x0100_0000, Code::PROTOCOL_ERROR),
            (8, 2, Code::PROTOCOL_ERROR),
        ] {
            assert_eq!(Settings::read(&frame(&[(number, value)])), Err(code), "{number}");
        }
        assert_eq!(Settings::read(&[0; 5]), Err(Code::FRAME_SIZE_ERROR));
    }
}
