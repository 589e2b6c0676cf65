//! The connection to the back-end comes from the address that the request is taken to come from
//! (`envoy.filters.http.original_src`): the client's, or what `x-forwarded-for` says where that is believed. The listener
//! filter of the same name knows the connection only.

use causeway_upstream::OriginalSource;

use super::{Filter, FilterContext, Verdict};

/// Takes note of the address.
#[derive(Debug)]
pub(super) struct OriginalSrcFilter {
    mark: u32,
}

impl OriginalSrcFilter {
    pub(super) const fn new(mark: u32) -> Self {
        Self { mark }
    }
}

impl Filter for OriginalSrcFilter {
    fn on_request(&self, context: &mut FilterContext<'_>) -> Verdict {
        // A client on a Unix socket has none.
        if let Some(remote) = context.exchange.facts.remote {
            let source = OriginalSource { address: (remote.ip, 0).into(), mark: self.mark };
            context.exchange.facts.source = Some(Box::new(source));
        }
        Verdict::Continue
    }

    fn on_response(&self, _context: &mut FilterContext<'_>) {}
}
