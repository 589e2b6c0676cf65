//! What the first bytes of a connection say: a PROXY header, or a TLS ClientHello.
//!
//! Both are written by strangers. They are read from slices, without I/O, and each reader says whether it
//! needs more bytes, has found what it looks for, or never will.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod http;
pub mod proxy;
pub mod tls;
