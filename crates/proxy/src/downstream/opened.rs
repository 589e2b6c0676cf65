//! A client's connection as its connection manager counts it.

use std::rc::Rc;

use causeway_http::Version;

use crate::listener::OpenConnection;
use crate::snapshot::HttpRuntime;
use crate::stats::HttpStat;

/// A client's connection, which is counted as long as this lives.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The connection manager that it began with, whose counters it is in.
    pub(crate) origin: Rc<HttpRuntime>,
    /// The connection itself.
    open: OpenConnection,
    /// The client closed it.
    pub(crate) closed_by_peer: bool,
    /// A request was served when it ended.
    pub(crate) with_request: bool,
    /// What the client speaks, once that is known.
    spoken: Option<Version>,
    /// It is as old as it may become, and is closed behind a response only.
    soft_drain: bool,
}

impl Opened {
    /// Counts a connection.
    pub(super) fn new(open: OpenConnection, origin: &Rc<HttpRuntime>) -> Self {
        origin.shards.connection_opened();
        if open.info().is_encrypted() {
            origin.shards.tls_opened();
        }
        Self {
            origin: Rc::clone(origin),
            open,
            closed_by_peer: false,
            with_request: false,
            spoken: None,
            soft_drain: false,
        }
    }

    /// The client has begun to speak, which is when Envoy takes the connection for one of HTTP/1.
    pub(super) fn speaks_http1(&mut self) {
        if self.spoken.is_none() {
            self.spoken = Some(Version::Http11);
            self.origin.shards.http1_opened();
        }
    }

    /// The client speaks HTTP/2.
    pub(super) fn speaks_http2(&mut self) {
        if self.spoken.is_none() {
            self.spoken = Some(Version::Http2);
            self.origin.shards.http2_opened();
        }
    }

    /// It ends behind its next response, whenever that is.
    pub(super) fn drain_softly(&mut self) {
        if !std::mem::replace(&mut self.soft_drain, true) {
            self.origin.shards.http.adjust(HttpStat::DownstreamCxHttp1SoftDrain, 1);
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let shards = &self.origin.shards;
        shards.connection_closed(self.open.age(), self.spoken);
        if self.open.info().is_encrypted() {
            shards.tls_closed();
        }
        let (by, with_request) = if self.closed_by_peer {
            (HttpStat::DownstreamCxDestroyRemote, HttpStat::DownstreamCxDestroyRemoteActiveRq)
        } else {
            (HttpStat::DownstreamCxDestroyLocal, HttpStat::DownstreamCxDestroyLocalActiveRq)
        };
        shards.http.inc(by);
        if self.soft_drain {
            shards.http.adjust(HttpStat::DownstreamCxHttp1SoftDrain, -1);
        }
        if self.with_request {
            shards.http.inc(HttpStat::DownstreamCxDestroyActiveRq);
            shards.http.inc(with_request);
        }
    }
}
