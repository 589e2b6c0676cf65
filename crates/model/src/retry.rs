//! Sending a request to back-ends again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{HeaderMatcher, HeaderName, Value};

/// `config.route.v3.RetryPolicy` of a route or of its virtual host.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// What has to happen for another attempt (`retry_on`); nothing, where there is none.
    pub on: RetryOn,
    /// Attempts beside the first; 1 unless set.
    pub num_retries: u32,
    /// Each attempt may take this long, from the moment that the request is complete and the attempt has a
    /// connection; `None` without limit. One that is no shorter than the route's timeout does not hold.
    pub per_try_timeout: Option<Duration>,
    /// Nothing moves on an attempt for this time, counted as the one above.
    pub per_try_idle_timeout: Option<Duration>,
    /// Statuses that [`RetryOn::STATUSES`] is about (`retriable_status_codes`).
    pub statuses: Vec<u16>,
    /// Fields of a response that [`RetryOn::HEADERS`] is about; one has to fit (`retriable_headers`).
    pub response_headers: Vec<HeaderMatcher>,
    /// Only requests of which one of these is true are sent again; every request, where it is empty
    /// (`retriable_request_headers`).
    pub request_headers: Vec<HeaderMatcher>,
    /// The pause before the first retry is a share of this that chance draws; it doubles with each (`base_interval`);
    /// 25 ms unless set.
    pub base_interval: Duration,
    /// How far it doubles (`max_interval`); ten times the base unless set.
    pub max_interval: Duration,
    /// Pauses that back-ends ask for.
    pub rate_limited: Option<RateLimitedBackOff>,
    /// Hosts that are passed over for a retry (`retry_host_predicate`).
    pub host_predicates: Vec<HostPredicate>,
    /// How often another host is drawn in place of one that is passed over; 1 unless set
    /// (`host_selection_retry_max_attempts`).
    pub host_draws: u32,
    /// After so many retries each, priorities that were tried are left out (`retry_priority` with
    /// `PreviousPrioritiesConfig.update_frequency`).
    pub priority_update: Option<u32>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            on: RetryOn::default(),
            num_retries: 1,
            per_try_timeout: None,
            per_try_idle_timeout: None,
            statuses: Vec::new(),
            response_headers: Vec::new(),
            request_headers: Vec::new(),
            base_interval: Duration::from_millis(25),
            max_interval: Duration::from_millis(250),
            rate_limited: None,
            host_predicates: Vec::new(),
            host_draws: 1,
            priority_update: None,
        }
    }
}

/// Conditions for another attempt: any of them is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryOn(u32);

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal, $grpc:literal;)*) => {
        impl RetryOn {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// The condition of that name, and whether it is about gRPC.
            #[must_use]
            pub fn named(name: &[u8]) -> Option<(Self, bool)> {
                $(if name == $text.as_bytes() { return Some((Self::$name, $grpc)); })*
                None
            }

            /// The names of the conditions.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                [$(($text, Self::$name)),*].into_iter().filter(move |(_, one)| self.has(*one)).map(|(name, _)| name)
            }
        }
    };
}

conditions! {
    /// A status of 5xx, or no response at all.
    SERVER_ERROR = 0, "5xx", false;
    /// 502, 503, 504, or no response at all.
    GATEWAY_ERROR = 1, "gateway-error", false;
    /// No response at all.
    RESET = 2, "reset", false;
    /// No response, and nothing of the request was sent.
    RESET_BEFORE_REQUEST = 3, "reset-before-request", false;
    /// There was no connection.
    CONNECT_FAILURE = 4, "connect-failure", false;
    /// The back-end refused the stream (REFUSED_STREAM).
    REFUSED_STREAM = 5, "refused-stream", false;
    /// 409.
    CONFLICT = 6, "retriable-4xx", false;
    /// A response with a certain field.
    HEADERS = 7, "retriable-headers", false;
    /// A certain status.
    STATUSES = 8, "retriable-status-codes", false;
    /// A response with `x-envoy-ratelimited`.
    RATE_LIMITED = 9, "envoy-ratelimited", false;
    /// Of HTTP/3, which nobody speaks here: never.
    HTTP3_POST_CONNECT = 10, "http3-post-connect-failure", false;
    /// gRPC status 1.
    GRPC_CANCELLED = 11, "cancelled", true;
    /// gRPC status 4.
    GRPC_DEADLINE_EXCEEDED = 12, "deadline-exceeded", true;
    /// gRPC status 8.
    GRPC_RESOURCE_EXHAUSTED = 13, "resource-exhausted", true;
    /// gRPC status 14.
    GRPC_UNAVAILABLE = 14, "unavailable", true;
    /// gRPC status 13.
    GRPC_INTERNAL = 15, "internal", true;
}

impl RetryOn {
    /// No condition.
    pub const NOTHING: Self = Self(0);

    /// Whether one of the other's conditions is among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no condition.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and the other's.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// `RetryPolicy.RateLimitedRetryBackOff`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitedBackOff {
    /// Where back-ends say how long to wait; the first that says something sensible counts.
    pub headers: Vec<ResetHeader>,
    /// Longer pauses are not made; 300 s unless set.
    pub max_interval: Duration,
}

/// `RetryPolicy.ResetHeader`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetHeader {
    /// The field of the response.
    pub name: HeaderName,
    /// It holds seconds since 1970 rather than from now on (`UNIX_TIMESTAMP`).
    pub is_timestamp: bool,
}

/// `extensions.retry.host.*`: hosts that are passed over.
#[derive(Debug, Clone, PartialEq)]
pub enum HostPredicate {
    /// Those that were tried (`previous_hosts`).
    Previous,
    /// Those whose metadata calls them canaries (`omit_canary_hosts`).
    Canary,
    /// Those whose metadata under `envoy.lb` holds all of this (`omit_host_metadata`).
    Metadata(BTreeMap<Box<str>, Value>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_by_their_names() {
        assert_eq!(RetryOn::named(b"5xx"), Some((RetryOn::SERVER_ERROR, false)));
        assert_eq!(RetryOn::named(b"unavailable"), Some((RetryOn::GRPC_UNAVAILABLE, true)));
        assert_eq!(RetryOn::named(b"5XX"), None);
        let both = RetryOn::RESET.and(RetryOn::CONFLICT);
        assert!(both.names().eq(["reset", "retriable-4xx"]));
        assert!(both.has(RetryOn::CONFLICT) && !both.has(RetryOn::HEADERS) && !both.is_empty());
    }
}
