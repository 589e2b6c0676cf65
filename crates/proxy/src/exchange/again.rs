//! What a request brings along when it is served again, because the proxy followed a redirect.

use std::sync::Arc;

use causeway_http::HeaderBlock;

use super::Facts;
use crate::pool::UpstreamConnection;

/// What the next request of a redirect has from those before it.
#[derive(Debug, Default)]
pub(crate) struct Again {
    /// Redirects that were followed.
    pub(crate) redirects: u32,
    /// For routes with the condition `previous_routes`: from which route to which it has been sent.
    pub(crate) previous_routes: Vec<(Arc<str>, Arc<str>)>,
    /// The body, which is sent again.
    pub(crate) body: Vec<u8>,
    /// Attempts that end only because the request does, beside the one it shows: the router's logs are told of them
    /// behind it.
    pub(crate) outlived: Vec<Beside>,
    /// The connection that the redirect came on.
    pub(crate) held: Held,
}

/// What is known of an attempt that is, or was, on its way beside the one that the request shows.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// What is known; of the request itself, nothing.
    pub(crate) facts: Box<Facts>,
    /// Fields of its response.
    pub(crate) response: HeaderBlock,
}

/// A connection to a back-end that others may have once the next request has asked for its own. With Envoy
/// the redirect is followed before its connection is given back.
#[derive(Debug, Default)]
pub(crate) struct Held(pub(crate) Option<Box<UpstreamConnection>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.pool().give_back(connection);
        }
    }
}
