//! ClientHellos: whatever arrives, in whatever pieces and records.

use causeway_inspect::tls::{ClientHello, Parsed, ja3, ja4, parse};

/// What there is to say of a ClientHello.
fn said(hello: &ClientHello<'_>) -> (Option<Vec<u8>>, Vec<Vec<u8>>, String, String) {
    let protocols = hello.application_protocols().map(<[u8]>::to_vec).collect();
    let ja4 = ja4(hello).join(|text| format!("{:012x}", text.len()));
    (hello.server_name.map(<[u8]>::to_vec), protocols, ja3(hello), ja4)
}

/// A ClientHello is not complete before its end, is found whatever follows it, and says the same in records of any
/// size.
pub fn client_hello(data: &[u8]) {
    let mut scratch = Vec::new();
    let Ok(Parsed::Complete(hello)) = parse(data, &mut scratch) else { return };
    let (length, whole) = (hello.length, said(&hello));
    assert!(length <= data.len());
    let own = data.get(..length).unwrap_or_default();
    let step = (length / 64).max(1);
    let mut scratch = Vec::new();
    for end in (0..length).step_by(step) {
        let part = parse(own.get(..end).unwrap_or_default(), &mut scratch);
        assert!(matches!(part, Ok(Parsed::NeedMore(wanted)) if wanted > end), "{part:?} after {end}");
    }
    // The message without its records, in others.
    let mut message = Vec::new();
    let mut rest = own;
    while let Some(([_, _, _, high, low], content)) = rest.split_first_chunk() {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, behind) = content.split_at(size.min(content.len()));
        message.extend_from_slice(content);
        rest = behind;
    }
    for size in [1, 7, 1_000] {
        let mut again = Vec::new();
        for part in message.chunks(size) {
            again.extend_from_slice(&[22, 3, 1]);
            again.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            again.extend_from_slice(part);
        }
        let mut scratch = Vec::new();
        match parse(&again, &mut scratch) {
            Ok(Parsed::Complete(hello)) => assert_eq!(said(&hello), whole, "in records of {size}"),
            other => panic!("{other:?} in records of {size}"),
        }
    }
}
