//! Changes to header fields, to the query and to trailers, in the middle of a filter chain
//! (`envoy.filters.http.header_mutation`).

use std::sync::Arc;

use causeway_model::{FilterSettings, MessageMutations};

use super::query::mutate_query;
use super::{Filter, FilterContext, Verdict};
use crate::header_mutations::{Message, mutate_in_order};

/// Changes requests and responses: first as the filter says, then as the places say that have settings for it.
#[derive(Debug)]
pub(super) struct HeaderMutationFilter {
    mutations: Arc<MessageMutations>,
    /// The most specific place is the last.
    most_specific_wins: bool,
}

impl HeaderMutationFilter {
    pub(super) fn new(mutations: MessageMutations, most_specific_wins: bool) -> Self {
        Self { mutations: Arc::new(mutations), most_specific_wins }
    }

    /// Does something with each set of changes, in their order.
    fn each(
        &self,
        context: &mut FilterContext<'_>,
        mut then: impl FnMut(&mut FilterContext<'_>, &MessageMutations),
    ) {
        then(context, &self.mutations);
        let places = context.overrides;
        for at in 0..places.len() {
            let at = if self.most_specific_wins { places.len() - 1 - at } else { at };
            if let Some(FilterSettings::HeaderMutation(mutations)) =
                places.get(at).and_then(|place| place.settings.as_ref())
            {
                then(context, mutations);
            }
        }
    }
}

impl Filter for HeaderMutationFilter {
    fn on_request(&self, context: &mut FilterContext<'_>) -> Verdict {
        self.each(context, |context, mutations| {
            mutate_in_order(context.exchange, Message::Request, &mutations.request, &context.viewer);
            mutate_query(context.exchange, &mutations.query, &context.viewer);
        });
        Verdict::Continue
    }

    fn on_response(&self, context: &mut FilterContext<'_>) {
        self.each(context, |context, mutations| {
            mutate_in_order(context.exchange, Message::Response, &mutations.response, &context.viewer);
        });
    }

    fn on_request_trailers(&self, context: &mut FilterContext<'_>) {
        self.each(context, |context, mutations| {
            let trailers = &mutations.request_trailers;
            mutate_in_order(context.exchange, Message::RequestTrailers, trailers, &context.viewer);
        });
    }

    fn on_response_trailers(&self, context: &mut FilterContext<'_>) {
        self.each(context, |context, mutations| {
            let trailers = &mutations.response_trailers;
            mutate_in_order(context.exchange, Message::ResponseTrailers, trailers, &context.viewer);
        });
    }
}
