//! Redirects of a back-end that the proxy follows itself.

use std::sync::Arc;

use crate::HeaderName;

/// `config.route.v3.InternalRedirectPolicy`, also the deprecated `internal_redirect_action` and
/// `max_internal_redirects` of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalRedirectPolicy {
    /// How many redirects are followed for one request; 1 unless set (`max_internal_redirects`).
    pub max: u32,
    /// The statuses that are followed, out of 301, 302, 303, 307 and 308; 302 alone unless set
    /// (`redirect_response_codes`).
    pub statuses: Vec<u16>,
    /// What has to hold for the route that a redirect leads to, all of it (`predicates`).
    pub predicates: Vec<RedirectPredicate>,
    /// Whether a redirect may lead from http to https, or back (`allow_cross_scheme_redirect`).
    pub allow_cross_scheme: bool,
    /// Fields of the redirect that the next request gets, in place of its own; those that the redirect has
    /// not are taken from the request (`response_headers_to_copy`).
    pub response_headers_to_copy: Vec<HeaderName>,
}

/// `extensions.internal_redirect.*`: a condition on the route that a redirect leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectPredicate {
    /// The request has not been sent there from this route before (`previous_routes`).
    PreviousRoutes,
    /// It has one of these names (`allow_listed_routes`).
    AllowListedRoutes(Vec<Arc<str>>),
    /// It does not lead from http to https (`safe_cross_scheme`).
    SafeCrossScheme,
}
