//! What is counted of requests of the proxy's own, under Envoy's names.

use causeway_stats::schema;

schema! {
    /// `http.async-client.`: requests of the proxy's own, which are copies for mirrors. Most never move.
    pub enum AsyncClientStat {
        #[doc = "`no_cluster`"]
        NoCluster = counter "no_cluster",
        #[doc = "`no_route`"]
        NoRoute = counter "no_route",
        #[doc = "`passthrough_internal_redirect_bad_location`"]
        PassthroughInternalRedirectBadLocation = counter "passthrough_internal_redirect_bad_location",
        #[doc = "`passthrough_internal_redirect_no_route`"]
        PassthroughInternalRedirectNoRoute = counter "passthrough_internal_redirect_no_route",
        #[doc = "`passthrough_internal_redirect_predicate`"]
        PassthroughInternalRedirectPredicate = counter "passthrough_internal_redirect_predicate",
        #[doc = "`passthrough_internal_redirect_too_many_redirects`"]
        PassthroughInternalRedirectTooManyRedirects = counter "passthrough_internal_redirect_too_many_redirects",
        #[doc = "`passthrough_internal_redirect_unsafe_scheme`"]
        PassthroughInternalRedirectUnsafeScheme = counter "passthrough_internal_redirect_unsafe_scheme",
        #[doc = "`rq_direct_response`"]
        RqDirectResponse = counter "rq_direct_response",
        #[doc = "`rq_overload_local_reply`"]
        RqOverloadLocalReply = counter "rq_overload_local_reply",
        #[doc = "`rq_redirect`"]
        RqRedirect = counter "rq_redirect",
        #[doc = "`rq_reset_after_downstream_response_started`"]
        RqResetAfterDownstreamResponseStarted = counter "rq_reset_after_downstream_response_started",
        #[doc = "`rq_total`"]
        RqTotal = counter "rq_total",
    }
}
