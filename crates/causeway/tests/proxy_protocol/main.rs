//! PROXY headers against the running program: what clients send, and what back-ends get.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod capture;
mod guide;
#[path = "../site/mod.rs"]
mod site;
mod vectors;
