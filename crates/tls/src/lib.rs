//! TLS: certificates and keys, whom to trust, sessions. Connections are the business of others: this crate makes what
//! they need.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod certificate;
pub mod client;
pub mod failure;
pub mod follow;
pub mod identity;
pub mod names;
pub mod params;
pub mod server;
pub mod source;
pub mod verify;
