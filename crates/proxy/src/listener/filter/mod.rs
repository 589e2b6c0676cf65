//! Listener filters: they look at the first bytes of a connection, before its filter chain is chosen.

mod http_inspector;
mod original_dst;
mod original_src;
mod proxy_protocol;
mod tls_inspector;

use causeway_model::{ConnectionPredicate, Listener, ListenerFilterKind, OriginalSrc, TlsInspector};
use causeway_reason::Failure;
use causeway_stats::Registry;

use super::Inspected;
use crate::buffer::Buffer;
use crate::connection::ConnectionInfo;
use crate::io::Transport;

use http_inspector::{HttpInspector, HttpInspectorScope};
use proxy_protocol::{ProxyProtocolFilter, ProxyProtocolScopes};
use tls_inspector::{TlsInspectorFilter, TlsInspectorScope};

/// A connection as a listener filter sees it.
#[derive(Debug)]
pub(super) struct Looked<'a> {
    /// What is known of it.
    pub(super) info: &'a mut ConnectionInfo,
    /// What it sent and nobody used up.
    pub(super) bytes: &'a mut Buffer,
    /// The connection itself.
    pub(super) stream: &'a Transport,
}

impl Looked<'_> {
    /// What filters have found out.
    fn found(&mut self) -> &mut Inspected {
        self.info.inspected.get_or_insert_default()
    }
}

/// What a filter says.
#[derive(Debug)]
pub(super) enum Look {
    /// The next one may look.
    Done,
    /// It needs to see more, of which this many bytes in all are expected at least.
    More(usize),
    /// The connection is closed, for a reason or without one.
    Close(Option<Box<Failure>>),
}

/// A filter and its statistics, for all workers.
#[derive(Debug)]
pub(crate) struct ListenerFilterSnapshot {
    disabled: Option<ConnectionPredicate>,
    kind: Snapshot,
}

#[derive(Debug)]
enum Snapshot {
    Http(HttpInspectorScope),
    Tls(TlsInspector, TlsInspectorScope),
    OriginalDst,
    OriginalSrc(OriginalSrc),
    Proxy(Box<ProxyProtocolScopes>),
}

impl ListenerFilterSnapshot {
    /// The filters of a listener.
    pub(crate) fn all(listener: &Listener, registry: &Registry) -> Vec<Self> {
        let snapshot = |filter: &causeway_model::ListenerFilter| Self {
            disabled: filter.disabled.clone(),
            kind: match &filter.kind {
                ListenerFilterKind::HttpInspector => Snapshot::Http(http_inspector::scope(registry)),
                ListenerFilterKind::TlsInspector(config) => {
                    Snapshot::Tls(config.clone(), tls_inspector::scope(registry))
                }
                ListenerFilterKind::OriginalDst => Snapshot::OriginalDst,
                ListenerFilterKind::OriginalSrc(config) => Snapshot::OriginalSrc(*config),
                ListenerFilterKind::ProxyProtocol(config) => {
                    Snapshot::Proxy(Box::new(ProxyProtocolScopes::new(config, registry)))
                }
            },
        };
        listener.listener_filters.iter().map(snapshot).collect()
    }

    /// For one worker.
    pub(crate) fn for_worker(&self, worker: usize) -> ListenerFilter {
        ListenerFilter {
            disabled: self.disabled.clone(),
            kind: match &self.kind {
                Snapshot::Http(scope) => Kind::Http(HttpInspector::new(scope, worker)),
                Snapshot::Tls(config, scope) => Kind::Tls(TlsInspectorFilter::new(config, scope, worker)),
                Snapshot::OriginalDst => Kind::OriginalDst,
                Snapshot::OriginalSrc(config) => Kind::OriginalSrc(*config),
                Snapshot::Proxy(scopes) => Kind::Proxy(Box::new(scopes.for_worker(worker))),
            },
        }
    }
}

/// A filter as one worker has it.
#[derive(Debug)]
pub(crate) struct ListenerFilter {
    disabled: Option<ConnectionPredicate>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Http(HttpInspector),
    Tls(TlsInspectorFilter),
    OriginalDst,
    OriginalSrc(OriginalSrc),
    Proxy(Box<ProxyProtocolFilter>),
}

impl ListenerFilter {
    /// Whether it looks at a connection at all.
    pub(super) fn is_for(&self, connection: &ConnectionInfo) -> bool {
        let port = || connection.local.ip().map(|address| address.port());
        self.disabled.as_ref().is_none_or(|disabled| !disabled.fits(port()))
    }

    /// Looks at what there is of a connection: again whenever more of it has come.
    pub(super) fn look(&self, connection: &mut Looked<'_>) -> Look {
        match &self.kind {
            Kind::Http(filter) => filter.look(connection),
            Kind::Tls(filter) => filter.look(connection),
            Kind::OriginalDst => original_dst::look(connection),
            Kind::OriginalSrc(config) => original_src::look(config, connection),
            Kind::Proxy(filter) => filter.look(connection),
        }
    }
}
