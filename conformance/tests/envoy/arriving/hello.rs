//! ClientHellos, made by hand.

/// A ClientHello that asks for this name and speaks these protocols, in records of this size at most.
pub(super) fn hello(name: &str, protocols: &[&str], size: usize) -> Vec<u8> {
    let mut extensions = Vec::new();
    if !name.is_empty() {
        let entry = [&[0], with_length::<2>(name.as_bytes()).as_slice()].concat();
        extensions.extend(extension(0, &with_length::<2>(&entry)));
    }
    if !protocols.is_empty() {
        let list: Vec<u8> =
            protocols.iter().flat_map(|protocol| with_length::<1>(protocol.as_bytes())).collect();
        extensions.extend(extension(16, &with_length::<2>(&list)));
    }
    extensions.extend(extension(43, b"\x04\x03\x04\x03\x03"));
    extensions.extend(extension(10, b"\x00\x02\x00\x1d"));
    extensions.extend(extension(13, b"\x00\x02\x04\x03"));
    wrap(&extensions, size)
}

/// A ClientHello to which a server of TLS 1.3 answers with all that it has to say.
pub(crate) fn of_tls13() -> Vec<u8> {
    let share = [&[0, 0x1d][..], &with_length::<2>(&[9; 32])].concat();
    let extensions = [
        extension(43, b"\x02\x03\x04"),
        extension(10, b"\x00\x02\x00\x1d"),
        extension(13, b"\x00\x02\x04\x03"),
        extension(51, &with_length::<2>(&share)),
    ];
    wrap(&extensions.concat(), 16_000)
}

/// A ClientHello with so many bytes of filling.
pub(super) fn large(filling: usize) -> Vec<u8> {
    wrap(&extension(21, &vec![0; filling]), 16_000)
}

fn wrap(extensions: &[u8], size: usize) -> Vec<u8> {
    let body = [
        &[3, 3][..],
        &[7; 32],
        &with_length::<1>(b""),
        &with_length::<2>(&[0x13, 0x01, 0xc0, 0x2f]),
        &with_length::<1>(&[0]),
        &with_length::<2>(extensions),
    ]
    .concat();
    let message = [&[1], with_length::<3>(&body).as_slice()].concat();
    message.chunks(size).flat_map(|part| [&[22, 3, 1], with_length::<2>(part).as_slice()].concat()).collect()
}

fn with_length<const N: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[8 - N..], bytes].concat()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes(), with_length::<2>(content).as_slice()].concat()
}
