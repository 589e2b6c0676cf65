//! Why a connection does not begin with a ClientHello.

use std::fmt;

/// Why a connection is taken for one without TLS. The text says what was found, without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A request of HTTP.
    HttpRequest,
    /// A CONNECT of HTTP.
    ProxyRequest,
    /// The version of a record is none of TLS: another protocol.
    RecordVersion,
    /// A record is longer than any may be (RFC 8446 §5.1, §5.2).
    RecordLength,
    /// Too many records with nothing inside.
    EmptyRecords,
    /// A record of another kind where one of the handshake should be: its type.
    RecordType(u8),
    /// Another message of the handshake: its type.
    MessageType(u8),
    /// The message is larger than a ClientHello may be: its length.
    MessageLength(usize),
    /// Something follows the ClientHello in the same record.
    Behind,
    /// It is malformed.
    Malformed,
    /// The name that it asks for is malformed (RFC 6066 §3).
    ServerName,
}

impl Fault {
    /// The number that BoringSSL has for it (`SSL_R_…`), by which logs of Envoy name it.
    #[must_use]
    pub const fn boring_ssl(&self) -> u16 {
        match self {
            Self::HttpRequest => 156,
            Self::ProxyRequest => 155,
            Self::RecordVersion => 247,
            Self::RecordLength => 146,
            Self::EmptyRecords => 219,
            Self::RecordType(_) => 225,
            Self::MessageType(_) => 223,
            Self::MessageLength(_) => 150,
            Self::Behind => 255,
            Self::Malformed => 131,
            Self::ServerName => 149,
        }
    }
}

/// BoringSSL's number of a version that is refused before anything else.
pub const REJECTED: u16 = 133;

/// The name that belongs to a number of [`Fault::boring_ssl`], or to [`REJECTED`].
#[must_use]
pub const fn name_of(number: u16) -> &'static str {
    match number {
        156 => "HTTP_REQUEST",
        155 => "HTTPS_PROXY_REQUEST",
        247 => "WRONG_VERSION_NUMBER",
        146 => "ENCRYPTED_LENGTH_TOO_LONG",
        219 => "TOO_MANY_EMPTY_FRAGMENTS",
        225 => "UNEXPECTED_RECORD",
        223 => "UNEXPECTED_MESSAGE",
        150 => "EXCESSIVE_MESSAGE_SIZE",
        255 => "EXCESS_HANDSHAKE_DATA",
        131 => "CLIENTHELLO_PARSE_FAILED",
        149 => "ERROR_PARSING_EXTENSION",
        REJECTED => "CONNECTION_REJECTED",
        _ => "unknown",
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HttpRequest => f.write_str("it begins with a request of HTTP"),
            Self::ProxyRequest => f.write_str("it begins with a CONNECT of HTTP"),
            Self::RecordVersion => f.write_str("it begins with no record of TLS"),
            Self::RecordLength => f.write_str("a record is longer than any may be"),
            Self::EmptyRecords => f.write_str("too many records are empty"),
            Self::RecordType(kind) => write!(f, "a record has the type {kind}, and 22 is a handshake's"),
            Self::MessageType(kind) => {
                write!(f, "the first message has the type {kind}, and 1 is a ClientHello's")
            }
            Self::MessageLength(length) => write!(f, "a ClientHello of {length} bytes is too large"),
            Self::Behind => f.write_str("something follows the ClientHello in its record"),
            Self::Malformed => f.write_str("the ClientHello is malformed"),
            Self::ServerName => f.write_str("the name that the ClientHello asks for is malformed"),
        }
    }
}

impl std::error::Error for Fault {}
