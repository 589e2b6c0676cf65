//! Conditions on the head of a response, as the policies of routes and clusters have them.

use causeway_http::HeaderBlock;
use causeway_model::{HeaderMatcher, ResponsePredicate};

use crate::format::Decimal;

/// Whether a response fits.
pub(super) fn fits(predicate: &ResponsePredicate, status: u16, fields: &HeaderBlock) -> bool {
    predicate.fits(&|matcher| holds(matcher, status, fields))
}

/// Whether a condition on a field of the head holds, where the status is one of the fields (`:status`).
pub(super) fn holds(matcher: &HeaderMatcher, status: u16, fields: &HeaderBlock) -> bool {
    match matcher.name.as_str() {
        ":status" => matcher.matches(Some(Decimal::new(u64::from(status)).as_bytes())),
        name => matcher.matches_each(|visit| fields.values(name).for_each(visit)),
    }
}
