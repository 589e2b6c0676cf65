//! What the first bytes of a connection say: the PROXY header in front of them, and the `ClientHello` of TLS. Both are
//! read from what has arrived, without I/O.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
