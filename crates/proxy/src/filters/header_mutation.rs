//! Changes to header fields, in the middle of a filter chain (`envoy.filters.http.header_mutation`).

use causeway_model::HeaderMutations;

use super::{Filter, FilterContext, Verdict};
use crate::header_rules::{mutate_request, mutate_response};

/// Adds and removes fields of requests and responses.
#[derive(Debug)]
pub(super) struct HeaderMutationFilter {
    request: HeaderMutations,
    response: HeaderMutations,
}

impl HeaderMutationFilter {
    pub(super) const fn new(request: HeaderMutations, response: HeaderMutations) -> Self {
        Self { request, response }
    }
}

impl Filter for HeaderMutationFilter {
    fn on_request(&self, context: &mut FilterContext<'_>) -> Verdict {
        mutate_request(context.exchange, &self.request, &context.viewer);
        Verdict::Continue
    }

    fn on_response(&self, context: &mut FilterContext<'_>) {
        mutate_response(context.exchange, &self.response, &context.viewer);
    }
}
