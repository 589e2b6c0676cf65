//! HTTP without I/O.
//!
//! A message is its [`HeaderBlock`]: the bytes of the head as they arrived, and what was changed since.
//! [`h1`] reads and writes HTTP/1 messages (RFC 9112), strictly: whatever could be read in two ways is
//! refused. [`h2`] reads and writes what messages of HTTP/2 are made of (RFC 9113). The rest are rules that hold for every version: paths, authorities, hop-by-hop fields,
//! forwarding headers.
//!
//! Nothing here touches a socket or a clock, and nothing that a peer sends makes it panic.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod authority;
pub mod date;
pub mod forwarding;
pub mod h1;
pub mod h2;
mod header_block;
mod known;
mod method;
pub mod path;
mod request_id;
mod status;
mod url;

pub use header_block::{Field, HeaderBlock, Name};
pub use known::{Known, KnownSet};
pub use method::Method;
pub use request_id::{RequestIdSource, is_uuid};
pub use status::reason_phrase;
pub use url::AbsoluteUrl;

/// Version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// As `%PROTOCOL%` prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}
