//! The first message of a client, read before it is known what it is answered with.

use std::io;

use rustls::server::{Acceptor, ClientHello};
use rustls::{CipherSuite, Error};

use crate::params::{Cipher, LIKINGS, Liking};

/// What of a client's first message decides how it is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name that it asks for, in lower case.
    pub server_name: Option<Box<str>>,
    /// The application protocols that it speaks, the dearest first.
    pub alpn: Vec<Box<[u8]>>,
    /// It speaks TLS 1.3.
    pub speaks_tls13: bool,
    /// How it likes the ciphers of TLS 1.2: a place in [`LIKINGS`].
    pub liking: usize,
    /// It takes OCSP responses (RFC 6066 §8).
    pub takes_ocsp: bool,
    /// The id of the session that it would take up again, in TLS 1.2 (RFC 5246 §7.4.1.2).
    pub session_id: Box<[u8]>,
}

/// What came is no first message of TLS.
#[derive(Debug)]
pub struct HelloError {
    /// What rustls says.
    pub error: Error,
    /// What the client is told.
    pub alert: Vec<u8>,
}

impl Hello {
    /// Reads the message from what has come; `None` where it is not complete.
    ///
    /// # Errors
    ///
    /// Where it will never be one.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, HelloError> {
        if !may_be_complete(bytes) {
            return Ok(None);
        }
        let mut acceptor = Acceptor::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            // Reading from bytes fails only where too much is there for one message.
            match acceptor.read_tls(&mut rest) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(too_much(&error)),
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => return Ok(Some(Self::of(&accepted.client_hello(), bytes))),
                Ok(None) => {}
                Err((error, mut alert)) => {
                    let mut told = Vec::new();
                    // Writing to memory does not fail.
                    let _ = alert.write_all(&mut told);
                    return Err(HelloError { error, alert: told });
                }
            }
        }
        Ok(None)
    }

    fn of(hello: &ClientHello<'_>, bytes: &[u8]) -> Self {
        let message = unwrapped(bytes);
        let versions = extension(&message, SUPPORTED_VERSIONS).unwrap_or_default();
        Self {
            session_id: session_id(&message).unwrap_or_default().into(),
            server_name: hello.server_name().map(|name| name.to_ascii_lowercase().into()),
            alpn: hello.alpn().into_iter().flatten().map(Into::into).collect(),
            speaks_tls13: versions
                .get(1..)
                .unwrap_or_default()
                .chunks_exact(2)
                .any(|version| version == TLS_13),
            liking: liking(hello.cipher_suites()),
            takes_ocsp: extension(&message, STATUS_REQUEST).is_some(),
        }
    }
}

/// Whether there may be a whole message, or something that will never be one: a client that sends byte by byte is
/// not to be listened to from the beginning with each of them.
fn may_be_complete(bytes: &[u8]) -> bool {
    let (mut rest, mut collected, mut wanted) = (bytes, 0, 4);
    while let Some((header, behind)) = rest.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if header[0] != HANDSHAKE || header[1] != 3 || length == 0 || length > LONGEST {
            return true;
        }
        let Some((content, behind)) = behind.split_at_checked(length) else { return false };
        if collected == 0
            && let [1, high, middle, low, ..] = content
        {
            wanted = 4 + (usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low));
        } else if collected == 0 {
            return true;
        }
        collected += content.len();
        if collected >= wanted {
            return true;
        }
        rest = behind;
    }
    false
}

/// The type of records of a handshake.
const HANDSHAKE: u8 = 22;

/// No record that is not encrypted is longer (RFC 8446 §5.1).
const LONGEST: usize = 1 << 14;

/// How a client likes ciphers that offers suites in this order. Those that it does not offer come last.
fn liking(suites: &[CipherSuite]) -> usize {
    let place = |wanted| suites.iter().position(|suite| cipher(*suite) == Some(wanted)).unwrap_or(usize::MAX);
    let fits = |liking: &Liking| liking.iter().map(|cipher| place(*cipher)).is_sorted();
    LIKINGS.iter().position(fits).unwrap_or_default()
}

const fn cipher(suite: CipherSuite) -> Option<Cipher> {
    match suite {
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => Some(Cipher::Aes128),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => Some(Cipher::Aes256),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => Some(Cipher::Chacha20),
        _ => None,
    }
}

fn too_much(error: &io::Error) -> HelloError {
    HelloError { error: Error::General(error.to_string()), alert: Vec::new() }
}

/// `status_request` (RFC 6066 §8).
const STATUS_REQUEST: u16 = 5;

/// `supported_versions` (RFC 8446 §4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

const TLS_13: [u8; 2] = [3, 4];

/// The message in its records, of which there may be several.
fn unwrapped(bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = bytes;
    while let Some((header, behind)) = rest.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let Some((content, behind)) = behind.split_at_checked(length) else { break };
        message.extend_from_slice(content);
        rest = behind;
    }
    message
}

/// What an extension of a message says that rustls has understood.
fn extension(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = extensions(message)?;
    while let Some((header, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let (content, behind) = behind.split_at_checked(length)?;
        if u16::from_be_bytes([header[0], header[1]]) == wanted {
            return Some(content);
        }
        rest = behind;
    }
    None
}

/// What stands in front of the id of the session: type, length, version, random.
const BEFORE_SESSION: usize = 4 + 2 + 32;

fn session_id(message: &[u8]) -> Option<&[u8]> {
    let (length, rest) = message.get(BEFORE_SESSION..)?.split_first()?;
    rest.get(..usize::from(*length))
}

/// The extensions of a message (RFC 8446 §4.1.2).
fn extensions(message: &[u8]) -> Option<&[u8]> {
    let rest = message.get(BEFORE_SESSION + 1 + session_id(message)?.len()..)?;
    let (suites, rest) = rest.split_first_chunk::<2>()?;
    let rest = rest.get(usize::from(u16::from_be_bytes(*suites))..)?;
    let (methods, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(*methods)..)?;
    rest.get(2..)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// The first message of a client, in one record.
    fn first_message(alpn: &[&str]) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("Lab.test").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    /// The same in records of so many bytes.
    fn in_pieces(message: &[u8], size: usize) -> Vec<u8> {
        let record = |piece: &[u8]| {
            let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
            [&[HANDSHAKE, 3, 1], &length[..], piece].concat()
        };
        message[5..].chunks(size).flat_map(record).collect()
    }

    #[test]
    fn a_message_is_read_however_it_comes() {
        let message = first_message(&["h2", "http/1.1"]);
        let hello = Hello::read(&message).unwrap().unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("lab.test"));
        assert_eq!(hello.alpn, [b"h2".as_slice().into(), b"http/1.1".as_slice().into()]);
        assert!(hello.speaks_tls13 && hello.takes_ocsp);
        assert_eq!(LIKINGS[hello.liking][0], Cipher::Aes256);
        for size in [1, 5, 100] {
            assert_eq!(Hello::read(&in_pieces(&message, size)).unwrap().unwrap(), hello, "{size}");
        }
        for length in 0..message.len() {
            assert_eq!(Hello::read(&message[..length]).unwrap(), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0..700_usize) {
            let _ = Hello::read(&bytes);
            let mut message = first_message(&["h2"]);
            if let Some(byte) = message.get_mut(at) {
                *byte ^= bytes.first().copied().unwrap_or(1);
            }
            let _ = Hello::read(&message);
        }
    }
}
