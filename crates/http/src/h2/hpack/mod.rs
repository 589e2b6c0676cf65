//! HPACK: how HTTP/2 writes fields (RFC 7541).

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod table;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// What was read is no HPACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Known};

    fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, |field| fields.push((text(field.name), text(field.value))))?;
        Ok(fields)
    }

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn requests_of_the_rfc() {
        // RFC 7541 C.4: three requests on one connection.
        let mut decoder = Decoder::new(4096);
        let first = [
            0x82, 0x86, 0x84, 0x41, 0x8C, 0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4,
            0xFF,
        ];
        let head =
            [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        assert_eq!(read(&mut decoder, &first), Ok(fields(&head)));
        let second = [0x82, 0x86, 0x84, 0xBE, 0x58, 0x86, 0xA8, 0xEB, 0x10, 0x64, 0x9C, 0xBF];
        let mut more = head.to_vec();
        more.push(("cache-control", "no-cache"));
        assert_eq!(read(&mut decoder, &second), Ok(fields(&more)));
        let third = [
            0x82, 0x87, 0x85, 0xBF, 0x40, 0x88, 0x25, 0xA8, 0x49, 0xE9, 0x5B, 0xA9, 0x7D, 0x7F, 0x89, 0x25,
            0xA8, 0x49, 0xE9, 0x5B, 0xB8, 0xE8, 0xB4, 0xBF,
        ];
        let last = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        assert_eq!(read(&mut decoder, &third), Ok(fields(&last)));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new(4096));
        let long = "x".repeat(3000);
        for round in 0..500 {
            let round = round.to_string();
            let head = [
                (":status", if round.len() > 2 { "200" } else { "418" }),
                ("date", "Sat, 28 Nov 2026 08:00:00 GMT"),
                ("content-length", round.as_str()),
                ("x-round", round.as_str()),
                ("set-cookie", "a=1"),
                ("server", "envoy"),
                ("x-long", if round.ends_with('7') { long.as_str() } else { "\u{e9}" }),
                ("authorization", "secret"),
                ("cookie", "short"),
            ];
            if round.ends_with("50") {
                encoder.allow(round.len() * 100);
                encoder.allow(if round == "450" { 0 } else { 9000 });
            }
            let mut block = Vec::new();
            encoder.begin(&mut block);
            for (name, value) in head {
                let (name, value) = (name.as_bytes(), value.as_bytes());
                encoder.field(Field { name, value, known: Known::from_bytes(name) }, &mut block);
            }
            assert_eq!(read(&mut decoder, &block), Ok(fields(&head)));
            if round == "20" {
                assert!(block.len() < 60, "{} bytes: what was sent before is not sent again", block.len());
            }
        }
    }

    #[test]
    fn what_is_no_hpack_is_told() {
        for bad in [
            &[0x80][..],                              // place 0
            &[0xC0],                                  // a place that nothing is at
            &[0x40, 0x01],                            // a name that is cut
            &[0x40, 0x01, b'a'],                      // no value
            &[0x40, 0x01, b'a', 0x05, b'b'],          // a value that is cut
            &[0x82, 0x20],                            // a change of size behind a field
            &[0x3F, 0xE2, 0x1F],                      // 4097 bytes are more than allowed
            &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], // a number without end
        ] {
            assert_eq!(read(&mut Decoder::new(4096), bad), Err(Malformed), "{bad:x?}");
        }
        assert_eq!(read(&mut Decoder::new(4096), &[0x3F, 0xE1, 0x1F, 0x20]), Ok(Vec::new()));
    }
}
