//! `envoy.filters.listener.http_inspector`: which version of HTTP a client speaks. Filter chains may ask for it as the
//! application protocol.

use causeway_inspect::http::{Spoken, spoken};
use causeway_stats::{Registry, Scope, ScopeName, Shard, schema};

use super::{Look, Looked};

/// A first line that is longer is no line.
const LONGEST: usize = 64 * 1024;

schema! {
    /// `http_inspector.`
    pub(super) enum HttpInspectorStat {
        /// HTTP/1.0.
        Http10Found = counter "http10_found",
        /// HTTP/1.1.
        Http11Found = counter "http11_found",
        /// HTTP/2.
        Http2Found = counter "http2_found",
        /// No HTTP.
        HttpNotFound = counter "http_not_found",
        /// The first line had no end.
        ReadError = counter "read_error",
    }
}

/// Its statistics, which all inspectors share.
pub(super) type HttpInspectorScope = Scope<HttpInspectorStat>;

pub(super) fn scope(registry: &Registry) -> HttpInspectorScope {
    registry.scope(ScopeName::root().then("http_inspector"))
}

/// The filter as one worker has it.
#[derive(Debug)]
pub(super) struct HttpInspector(Shard<HttpInspectorStat>);

impl HttpInspector {
    pub(super) fn new(scope: &HttpInspectorScope, worker: usize) -> Self {
        Self(scope.shard(worker))
    }

    pub(super) fn look(&self, connection: &mut Looked<'_>) -> Look {
        // Nobody but TLS tells what is inside of it.
        if connection.info.inspected.as_ref().is_some_and(|found| found.transport_protocol == "tls") {
            return Look::Done;
        }
        let held = connection.bytes.filled();
        let (stat, protocol) = match spoken(held) {
            Spoken::NeedMore if held.len() >= LONGEST => {
                self.0.inc(HttpInspectorStat::ReadError);
                return Look::Close(None);
            }
            Spoken::NeedMore => return Look::More(held.len() + 1),
            Spoken::Other => (HttpInspectorStat::HttpNotFound, None),
            Spoken::Http10 => (HttpInspectorStat::Http10Found, Some("http/1.0")),
            Spoken::Http11 => (HttpInspectorStat::Http11Found, Some("http/1.1")),
            Spoken::Http2 => (HttpInspectorStat::Http2Found, Some("h2c")),
        };
        self.0.inc(stat);
        if let Some(protocol) = protocol {
            connection.found().application_protocols = vec![protocol.into()];
        }
        Look::Done
    }
}
