//! Whom to trust: what a validation context says, applied to the certificates that a peer shows.
//!
//! rustls asks a [`Verifier`] about back-ends, and one of `server` about clients; both have a judge, who hands the
//! certificates to a [`Trust`], which knows nothing of connections. What
//! rustls can't carry – why, in the words of Envoy, with evidence – is left for whoever drives the handshake
//! ([`take_rejection`]).

mod chain;
mod judge;
mod names;
mod rejection;
mod revocation;
mod trust;
mod verifier;

pub use judge::{Verdict, take_rejection};
pub use names::dns_name_matches;
pub use rejection::{Counter, Rejection, RejectionKind};
pub use trust::{ExpectedName, LoadError, Role, Trust};
pub use verifier::{Expected, Tally, Verifier};

pub(crate) use judge::Judge;
