//! TLS ClientHellos: what a client says in the clear before anybody answers (RFC 8446 §4.1.2).
//!
//! What counts as TLS and what does not is decided as Envoy's TLS inspector decides it, which asks BoringSSL.

mod fault;
mod fingerprint;
mod hello;
mod md5;
mod record;

pub use fault::{Fault, REJECTED, name_of};
pub use fingerprint::{Ja4, ja3, ja4};
pub use hello::ClientHello;

/// What came of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// The ClientHello is not complete before there are this many bytes, and maybe not then.
    NeedMore(usize),
    /// It is complete.
    Complete(ClientHello<'a>),
}

/// Reads the ClientHello that a connection begins with. It may come in several records: then it is put together in
/// `scratch`, whose content before does not matter.
///
/// # Errors
///
/// Where the connection does not begin with a ClientHello that can be understood: with another protocol, mostly.
pub fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Parsed<'a>, Fault> {
    match record::message(bytes, scratch)? {
        record::Read::NeedMore(wanted) => Ok(Parsed::NeedMore(wanted)),
        record::Read::Message { body, length } => hello::parse(body, length).map(Parsed::Complete),
    }
}
