//! What is wrong with a header.

use std::fmt;
use std::net::IpAddr;

/// Why a header is refused. The text says what was found, without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Version 1: the line has no end within 107 bytes.
    LineTooLong,
    /// Version 1: the line does not end with CR LF.
    LineEnd,
    /// Version 1: the fields of the line are not `TCP4` or `TCP6`, two addresses and two ports, with one space
    /// between them, or `UNKNOWN`.
    Fields,
    /// Version 1: an address is none of its family.
    Address,
    /// Version 1: a port is no decimal number from 0 to 65535, or begins with a zero.
    Port,
    /// An address that no TCP connection has.
    NoHost(IpAddr),
    /// Version 2: the number of the version is another one.
    Version(u8),
    /// Version 2: a command that does not exist.
    Command(u8),
    /// Version 2: anything but TCP over IP: the byte for family and protocol.
    Protocol(u8),
    /// Version 2: shorter than its addresses.
    Short(usize),
    /// Version 2: a TLV that is longer than what is left; its type.
    Tlv(u8),
    /// Version 2: bytes behind the last TLV that are none.
    TlvHead,
    /// Version 2: the checksum has another length, or stands there twice.
    ChecksumForm,
    /// Version 2: the checksum is another one.
    Checksum {
        /// What the header says.
        told: u32,
        /// What it comes to.
        found: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong => f.write_str("its line has no end within 107 bytes"),
            Self::LineEnd => f.write_str("its line does not end with CR LF"),
            Self::Fields => f.write_str("its line does not have the fields that it should have"),
            Self::Address => f.write_str("an address in its line is none"),
            Self::Port => f.write_str("a port in its line is none"),
            Self::NoHost(ip) => write!(f, "no connection has the address {ip}"),
            Self::Version(version) => write!(f, "it has the version {version}"),
            Self::Command(command) => write!(f, "there is no command {command}"),
            Self::Protocol(byte) => match (byte >> 4, byte & 0xf) {
                (0, 0) => f.write_str("it names no family and protocol"),
                (1 | 2, 2) => f.write_str("it is for datagrams (UDP)"),
                (3, 1 | 2) => f.write_str("it is for Unix sockets"),
                _ => write!(f, "its family and protocol are {byte:#04x}"),
            },
            Self::Short(length) => write!(f, "{length} bytes are too few for its addresses"),
            Self::Tlv(kind) => write!(f, "the TLV {kind:#04x} is longer than what is left of it"),
            Self::TlvHead => f.write_str("it ends in the middle of a TLV"),
            Self::ChecksumForm => f.write_str("its checksum has the wrong length, or stands there twice"),
            Self::Checksum { told, found } => {
                write!(f, "its checksum is {told:08x} and should be {found:08x}")
            }
        }
    }
}

impl std::error::Error for Fault {}
