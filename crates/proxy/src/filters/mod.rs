//! HTTP filters.
//!
//! A filter sees the head of a request before it is routed to a back-end, and the head of its response
//! before it goes to the client. It goes on, answers by itself, or waits for something; only a filter
//! that waits costs an allocation. The router is not a filter here: it is what comes after them.

mod cors;
mod header_mutation;
mod health_check;
mod original_src;
mod query;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use causeway_model::{FilterConfig, HttpFilter, PerFilterConfig, Runtime};

use crate::exchange::Exchange;
use crate::local_reply::LocalReply;
use crate::record::Viewer;
use crate::stats::HttpShards;
use crate::worker::Worker;

pub(crate) use health_check::KeptAnswer;

/// What a filter does with a request.
pub(crate) enum Verdict {
    /// It goes on to the next filter.
    Continue,
    /// It is answered. The filters see the answer on its way out.
    Reply(Box<LocalReply>),
    /// It waits; then this is the verdict.
    #[expect(dead_code, reason = "the shape for filters that ask elsewhere; none of those is built yet")]
    Wait(Pin<Box<dyn Future<Output = Self>>>),
}

/// What a filter sees of a request.
pub(crate) struct FilterContext<'a> {
    /// The request and its response.
    pub(crate) exchange: &'a mut Exchange,
    /// What the route says to this filter, from the most to the least specific place.
    pub(crate) overrides: &'a [PerFilterConfig],
    /// Random for this request.
    pub(crate) random: u64,
    /// The worker, which knows the clusters and whether the process says that it is not to be used.
    pub(crate) worker: &'a Worker,
    /// Counters of the listener.
    pub(crate) shards: &'a HttpShards,
    /// Shows the exchange to templates.
    pub(crate) viewer: Viewer,
}

/// An HTTP filter: its configuration, shared by all requests of a worker.
pub(crate) trait Filter: std::fmt::Debug {
    /// The head of a request.
    fn on_request(&self, context: &mut FilterContext<'_>) -> Verdict;

    /// The head of its response, also of one the proxy gives by itself.
    fn on_response(&self, context: &mut FilterContext<'_>);

    /// Trailers of a request, which are in the exchange. There are none of most requests.
    fn on_request_trailers(&self, _context: &mut FilterContext<'_>) {}

    /// Trailers of a response, which are in the exchange.
    fn on_response_trailers(&self, _context: &mut FilterContext<'_>) {}
}

/// What filters remember from the request to its response.
#[derive(Debug, Default)]
pub(crate) struct FilterState {
    /// The origin that the CORS policy allows, and the policy's place among the overrides.
    pub(crate) cors_origin: Option<Vec<u8>>,
    /// The health check filters, by their place in the chain, that take the request for one of theirs.
    pub(crate) health_checks: Vec<usize>,
}

/// What the filters of a chain have in common on all workers.
#[derive(Debug)]
pub(crate) struct SharedByFilters {
    runtime: Arc<Runtime>,
    /// `node.cluster`.
    own_cluster: Box<str>,
    /// For each filter, the answer that it keeps, where it does.
    kept: Vec<Option<Arc<KeptAnswer>>>,
}

impl SharedByFilters {
    pub(crate) fn new(filters: &[HttpFilter], runtime: &Arc<Runtime>, own_cluster: &str) -> Self {
        let kept = |filter: &HttpFilter| match &filter.config {
            FilterConfig::HealthCheck(config) => {
                config.cache_time.map(|time| Arc::new(KeptAnswer::new(time)))
            }
            FilterConfig::Cors(_)
            | FilterConfig::HeaderMutation { .. }
            | FilterConfig::OriginalSrc { .. } => None,
        };
        Self {
            runtime: Arc::clone(runtime),
            own_cluster: own_cluster.into(),
            kept: filters.iter().map(kept).collect(),
        }
    }
}

impl SharedByFilters {}

/// Makes the filter of a configuration. `at` is its place in the chain.
pub(crate) fn build(filter: &HttpFilter, at: usize, shared: &SharedByFilters) -> Box<dyn Filter> {
    match &filter.config {
        FilterConfig::Cors(_) => Box::new(cors::CorsFilter::new((*shared.runtime).clone())),
        FilterConfig::HeaderMutation { mutations, most_specific_wins } => {
            Box::new(header_mutation::HeaderMutationFilter::new(mutations.clone(), *most_specific_wins))
        }
        FilterConfig::OriginalSrc { mark } => Box::new(original_src::OriginalSrcFilter::new(*mark)),
        FilterConfig::HealthCheck(config) => {
            let kept = shared.kept.get(at).cloned().flatten();
            Box::new(health_check::HealthChecks::new(config.clone(), at, kept, &shared.own_cluster))
        }
    }
}
