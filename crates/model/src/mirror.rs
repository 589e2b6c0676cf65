//! Copies of requests that go to another cluster.

use crate::{ClusterName, HeaderMutation, RuntimeFraction};

/// `config.route.v3.RouteAction.RequestMirrorPolicy`: requests are sent to another cluster as well, whose answers nobody
/// waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorPolicy {
    /// Where to. A request without the header that names it is not mirrored.
    pub cluster: ClusterName,
    /// Which share of the requests; all unless set.
    pub fraction: Option<RuntimeFraction>,
    /// The host of the copy ends in `-shadow` (unless `disable_shadow_host_suffix_append`).
    pub appends_suffix: bool,
    /// Changes to the copy (`request_headers_mutations`).
    pub headers: Vec<HeaderMutation>,
    /// Another host for the copy (`host_rewrite_literal`).
    pub host_rewrite: Option<Box<str>>,
}
