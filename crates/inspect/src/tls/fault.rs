//! Why a connection does not begin with a ClientHello.

use std::fmt;

/// Why a connection is taken for one without TLS. The text says what was found, without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A request of HTTP.
    HttpRequest,
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HttpRequest => f.write_str("it begins with a request of HTTP"),
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
