//! Compiled route tables: from a request's domain, path and headers to a route.
//!
//! [`RouteTable::compile`] turns a [`causeway_model::RouteConfiguration`] into a structure whose
//! look-ups cost the same with ten thousand routes as with one: exact domains are hashed, wildcard
//! domains and paths stand in radix tries, and of many regular expressions only those are asked whose
//! literal parts are in the path. What comes out is what Envoy's scan from top to bottom gives: the first route that
//! matches, in the order of the file.
//!
//! The crate is pure: no clock, no randomness (a request brings its own random number), no I/O. A
//! look-up does not allocate, unless an authority of more than 256 bytes in upper case, a path with
//! parameters that are to be ignored or more than six nested prefixes make it.
//!
//! What belongs to a route that was found is here too: the path and host that are sent on
//! ([`rewrite_path`], [`rewrite_host`]) and the target of a redirect ([`redirect_location`], [`redirect_path`]). Why
//! nothing was found is told by [`RouteTable::explain`], which takes its time and is asked only after
//! a failure; [`RouteTable::examine`] tells of every route why it was passed over.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod candidates;
mod conditions;
mod domains;
mod examine;
mod explain;
mod korean;
mod path;
mod paths;
mod redirect;
mod regexes;
mod request;
mod rewrite;
mod sample;
mod table;
mod trie;

pub use conditions::{Unmet, header_matches};
pub use examine::{Examined, Step};
pub use explain::{DomainHint, Miss, PathHint, PathWords};
pub use korean::Korean;
pub use redirect::{own_location, redirect_location, redirect_path, tls_redirect_location};
pub use request::{Certificate, RouteRequest, visit_field};
pub use rewrite::{Fill, rewrite_host, rewrite_path};
pub use sample::sample;
pub use table::{Found, Lookup, RouteTable};
