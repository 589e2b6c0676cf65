//! A client's connection from when it was taken until it is gone: counted, and logged by its listener.

use std::rc::Rc;

use crate::access_log::log_connection;
use crate::connection::ConnectionInfo;
use crate::snapshot::ListenerRuntime;
use crate::stats::HttpStat;
use crate::worker::Worker;

/// A client's connection, which is counted as long as this lives.
#[derive(Debug)]
pub(crate) struct Opened {
    worker: Rc<Worker>,
    info: Rc<ConnectionInfo>,
    /// The listener that took the connection, whose counters it is in.
    pub(crate) origin: Rc<ListenerRuntime>,
    /// The client closed it.
    pub(crate) closed_by_peer: bool,
    /// A request was served when it ended.
    pub(crate) with_request: bool,
    /// Something has come of a request.
    spoken: bool,
    /// It is as old as it may become, and is closed behind a response only.
    soft_drain: bool,
}

impl Opened {
    /// Counts a connection.
    pub(super) fn new(worker: &Rc<Worker>, info: &Rc<ConnectionInfo>, origin: &Rc<ListenerRuntime>) -> Self {
        origin.shards.connection_opened();
        worker.connection_opened(info);
        Self {
            worker: Rc::clone(worker),
            info: Rc::clone(info),
            origin: Rc::clone(origin),
            closed_by_peer: false,
            with_request: false,
            spoken: false,
            soft_drain: false,
        }
    }

    /// The client has begun to speak, which is when Envoy takes the connection for one of HTTP/1.
    pub(super) fn speaks_http1(&mut self) {
        if !std::mem::replace(&mut self.spoken, true) {
            self.origin.shards.http1_opened();
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
        let length = u64::try_from(self.info.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let shards = &self.origin.shards;
        shards.connection_closed(length, self.spoken);
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
        self.worker.connection_closed(&self.info);
        log_connection(&self.worker, &self.origin, &self.info);
    }
}
