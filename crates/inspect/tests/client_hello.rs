//! ClientHellos: what Envoy 1.40 says of the same bytes, however they arrive.

use causeway_inspect::tls::{ClientHello, Fault, Parsed, ja3, ja4, parse};
use proptest::collection::vec;
use proptest::prelude::*;

fn with_length<const N: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[8 - N..], bytes].concat()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes(), with_length::<2>(content).as_slice()].concat()
}

fn name(name: &[u8]) -> Vec<u8> {
    extension(0, &with_length::<2>(&[&[0], with_length::<2>(name).as_slice()].concat()))
}

fn protocols(protocols: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = protocols.iter().flat_map(|protocol| with_length::<1>(protocol)).collect();
    extension(16, &with_length::<2>(&list))
}

/// A ClientHello in the making.
#[derive(Clone)]
struct Hello {
    version: [u8; 2],
    session: Vec<u8>,
    ciphers: Vec<u8>,
    compressions: Vec<u8>,
    extensions: Option<Vec<u8>>,
    behind: &'static [u8],
}

impl Hello {
    fn new(extensions: &[Vec<u8>]) -> Self {
        Self {
            version: [3, 3],
            session: Vec::new(),
            ciphers: vec![0x13, 0x01, 0xc0, 0x2f],
            compressions: vec![0],
            extensions: Some(extensions.concat()),
            behind: b"",
        }
    }

    fn message(&self) -> Vec<u8> {
        let body = [
            &self.version[..],
            &[b'r'; 32],
            &with_length::<1>(&self.session),
            &with_length::<2>(&self.ciphers),
            &with_length::<1>(&self.compressions),
            &self.extensions.as_deref().map(with_length::<2>).unwrap_or_default(),
            self.behind,
        ]
        .concat();
        [&[1], with_length::<3>(&body).as_slice()].concat()
    }

    fn bytes(&self) -> Vec<u8> {
        record(22, [3, 1], &self.message())
    }

    fn in_pieces(&self, size: usize) -> Vec<u8> {
        self.message().chunks(size).flat_map(|piece| record(22, [3, 1], piece)).collect()
    }
}

fn record(kind: u8, version: [u8; 2], content: &[u8]) -> Vec<u8> {
    [&[kind], &version[..], &with_length::<2>(content)].concat()
}

/// A client that says all that is looked at.
fn full() -> Hello {
    Hello::new(&[
        name(b"a.test"),
        protocols(&[b"h2", b"http/1.1"]),
        extension(43, b"\x04\x03\x04\x03\x03"),
        extension(10, b"\x00\x02\x00\x1d"),
        extension(13, b"\x00\x02\x04\x03"),
    ])
}

/// What there is to say of a ClientHello.
#[derive(Debug, PartialEq)]
struct Said {
    name: Option<Vec<u8>>,
    protocols: Vec<Vec<u8>>,
    ja3: String,
    ja4: String,
}

fn said(hello: &ClientHello<'_>) -> Said {
    Said {
        name: hello.server_name.map(<[u8]>::to_vec),
        protocols: hello.application_protocols().map(<[u8]>::to_vec).collect(),
        ja3: ja3(hello),
        ja4: ja4(hello).offer,
    }
}

fn read(bytes: &[u8]) -> Result<Option<Said>, Fault> {
    let mut scratch = Vec::new();
    match parse(bytes, &mut scratch)? {
        Parsed::NeedMore(wanted) => {
            assert!(wanted > bytes.len());
            Ok(None)
        }
        Parsed::Complete(hello) => Ok(Some(said(&hello))),
    }
}

fn understood(hello: &Hello) -> Said {
    read(&hello.bytes()).expect("a ClientHello").expect("it is complete")
}

#[test]
fn what_a_client_says() {
    let full = understood(&full());
    assert_eq!(full.name.as_deref(), Some(&b"a.test"[..]));
    assert_eq!(full.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!((full.ja3.as_str(), full.ja4.as_str()), ("601625b28fc38dc54a4b39e57d0e89cc", "t13d0205h2"));
    for (hello, ja3, ja4) in [
        (
            Hello::new(&[protocols(&[b"h2"]), extension(43, b"\x04\x03\x04\x03\x03")]),
            "adb9dce2e057fbc578d495a2df79275c",
            "t13i0202h2",
        ),
        (Hello::new(&[name(b"a.test")]), "349640b9e304f8ea23a8e0f71dde2248", "t12d020100"),
        (Hello { extensions: None, ..Hello::new(&[]) }, "6ac28f635e78b6e59638f7a1e035f458", "t12i020000"),
        (Hello::new(&[]), "6ac28f635e78b6e59638f7a1e035f458", "t12i020000"),
        (
            Hello { version: [3, 1], ..Hello::new(&[name(b"a.test")]) },
            "23352d3524e2d5dc815268ca1bc5f8d3",
            "t10d020100",
        ),
        (
            Hello::new(&[name(b"a.test"), protocols(&[b"\xff\0x"])]),
            "49cbdc1ae4567ba59ab722a6eed4184d",
            "t12d0202f8",
        ),
    ] {
        let said = understood(&hello);
        assert_eq!((said.ja3.as_str(), said.ja4.as_str()), (ja3, ja4));
    }
}

#[test]
fn the_texts_behind_a_fingerprint() {
    let (bytes, mut scratch) = (full().bytes(), Vec::new());
    let Ok(Parsed::Complete(hello)) = parse(&bytes, &mut scratch) else { panic!("it is complete") };
    let ja4 = ja4(&hello);
    assert_eq!(ja4.ciphers, "1301,c02f");
    assert_eq!(ja4.extensions, "000a,000d,002b_0403");
    assert_eq!(ja4.join(|_| "0123456789abcdef".to_owned()), "t13d0205h2_0123456789ab_0123456789ab");
}

#[test]
fn numbers_that_are_to_be_ignored_are() {
    let hello = Hello {
        ciphers: vec![0x0a, 0x0a, 0x13, 0x01, 0xc0, 0x2f],
        ..Hello::new(&[
            extension(0x1a1a, b""),
            name(b"a.test"),
            protocols(&[b"h2", b"http/1.1"]),
            extension(43, b"\x06\x2a\x2a\x03\x04\x03\x03"),
            extension(10, b"\x00\x04\x3a\x3a\x00\x1d"),
            extension(13, b"\x00\x02\x04\x03"),
        ])
    };
    assert_eq!(understood(&hello), understood(&full()));
}

#[test]
fn protocols_that_make_no_list_are_none() {
    for list in [&b"\0\0"[..], b"\0\x01\0", b"\0\x05\x02h2", b"\0\x03\x02h2\0"] {
        let said = understood(&Hello::new(&[name(b"a.test"), extension(16, list)]));
        assert_eq!(said.protocols, [] as [Vec<u8>; 0], "{list:?}");
    }
}

#[test]
fn names_that_are_none() {
    let list = |content: &[u8]| extension(0, &with_length::<2>(content));
    for extension in [
        name(b""),
        name(b"a\0b"),
        name(&[b'a'; 256]),
        list(b""),
        list(b"\x01\x00\x06a.test"),
        list(b"\x00\x00\x06a.test\x00\x00\x06b.test"),
        extension(0, b"\x00\x09\x00\x00\x06a.te"),
    ] {
        assert_eq!(read(&Hello::new(&[extension]).bytes()), Err(Fault::ServerName));
    }
    assert!(read(&Hello::new(&[name(&[b'a'; 255])]).bytes()).is_ok());
}

#[test]
fn what_is_no_hello() {
    let malformed = |change: fn(&mut Hello)| {
        let mut hello = full();
        change(&mut hello);
        assert_eq!(read(&hello.bytes()), Err(Fault::Malformed));
    };
    malformed(|hello| hello.ciphers.clear());
    malformed(|hello| hello.ciphers.truncate(1));
    malformed(|hello| hello.session = vec![0; 33]);
    malformed(|hello| hello.compressions.clear());
    malformed(|hello| hello.behind = b"zz");
    malformed(|hello| hello.extensions = Some([name(b"a.test"), name(b"a.test")].concat()));
    malformed(|hello| hello.extensions = Some(b"\0\0\0\x50aaa".to_vec()));
    let hello = full();
    let mut other = hello.message();
    other[0] = 2;
    for (bytes, fault) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Fault::HttpRequest),
        (b"CONNECT a:1 HTTP/1.1\r\n".to_vec(), Fault::ProxyRequest),
        (b"SSH-2.0-x\r\n".to_vec(), Fault::RecordVersion),
        (b"\x16\x02\x01\x00\x05hello".to_vec(), Fault::RecordVersion),
        (b"\x16\x03\x01\xff\xff".to_vec(), Fault::RecordLength),
        (b"\x16\x03\x01\0\0".repeat(33), Fault::EmptyRecords),
        (record(21, [3, 1], b"\x02\x28"), Fault::RecordType(21)),
        (record(23, [3, 1], b"hello"), Fault::RecordType(23)),
        (record(22, [3, 1], &other), Fault::MessageType(2)),
        (record(22, [3, 1], b"\x01\x00\x40\x01"), Fault::MessageLength(16_385)),
        (record(22, [3, 1], &[hello.message(), b"zz".to_vec()].concat()), Fault::Behind),
        ([&hello.in_pieces(40)[..45], b"GET / HTTP/1.1\r\n"].concat(), Fault::RecordVersion),
        ([&hello.in_pieces(40)[..45], &record(21, [3, 1], b"\x02\x28")].concat(), Fault::RecordType(21)),
    ] {
        assert_eq!(read(&bytes), Err(fault), "{}", bytes.escape_ascii());
    }
}

#[test]
fn whatever_comes_behind_the_hello_is_left_alone() {
    let hello = full();
    let bytes = [hello.bytes(), record(23, [3, 3], b"early"), b"junk".to_vec()].concat();
    let mut scratch = Vec::new();
    let Ok(Parsed::Complete(found)) = parse(&bytes, &mut scratch) else { panic!("it is complete") };
    assert_eq!(found.length, hello.bytes().len());
    assert_eq!(said(&found), understood(&hello));
}

/// A post-quantum key share (X25519MLKEM768) makes a ClientHello larger than a segment.
#[test]
fn a_hello_may_be_large() {
    let mut hello = full();
    hello.extensions.as_mut().unwrap().extend(extension(51, &vec![7; 1_220]));
    let bytes = hello.bytes();
    assert!(bytes.len() > 1_300);
    assert_eq!(read(&bytes[..1_200]), Ok(None));
    assert!(read(&bytes).unwrap().is_some());
    hello.extensions.as_mut().unwrap().extend(extension(21, &vec![0; 14_000]));
    assert!(read(&hello.bytes()).unwrap().is_some());
}

proptest! {
    #[test]
    fn records_may_cut_it_anywhere(size in 1_usize..130, empty in any::<bool>(), end in any::<prop::sample::Index>()) {
        let hello = full();
        let mut bytes = if empty { record(22, [3, 1], b"") } else { Vec::new() };
        bytes.extend(hello.in_pieces(size));
        prop_assert_eq!(read(&bytes), Ok(Some(understood(&hello))));
        prop_assert_eq!(read(&bytes[..end.index(bytes.len())]), Ok(None));
    }

    #[test]
    fn nothing_panics(at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 0..60), size in 1_usize..130) {
        let mut changed = full().in_pieces(size);
        let at = at.index(changed.len());
        let end = (at + bytes.len()).min(changed.len());
        changed.splice(at..end, bytes);
        let mut scratch = Vec::new();
        if let Ok(Parsed::Complete(hello)) = parse(&changed, &mut scratch) {
            let _ = said(&hello);
        }
    }
}
