//! How a connection arrives: what listener filters would find out about it, and which filter chain it gets.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{DownstreamSocket, FilterChain, Listener, ListenerFilterKind};

use super::{Caller, Hello, Knock};
use crate::connection::{ConnectionInfo, Course};
use crate::listener::{Arrival, Inspected, misfits};
use crate::moment::Moment;
use crate::snapshot::ListenerRuntime;
use crate::tls::TlsInfo;
use crate::waker_cell::WakerCell;

/// Which filter chain a connection gets.
pub(super) fn knock(listener: &Listener, runtime: &ListenerRuntime, caller: &Caller) -> Option<Knock> {
    let found = inspected(listener, caller);
    let arrival = Arrival {
        local: &caller.to,
        remote: &caller.from,
        direct_remote: &caller.from,
        server_name: &found.server_name,
        transport_protocol: match found.transport_protocol {
            "" => "raw_buffer",
            protocol => protocol,
        },
        application_protocols: &found.application_protocols,
    };
    let chain = runtime.number_of_chain(&arrival);
    let mut misfits = misfits(listener, &arrival);
    if listener.filter_chains.len() == 1 && chain == Some(0) {
        misfits.iter_mut().for_each(|misfit| *misfit = None);
    }
    Some(Knock { chain, misfits, seen: arrival.to_string() })
}

/// What is known of a connection that got a chain.
pub(super) fn connection(
    listener: &Arc<Listener>,
    chain: &Arc<FilterChain>,
    caller: &Caller,
) -> Rc<ConnectionInfo> {
    let found = inspected(listener, caller);
    let info = ConnectionInfo {
        id: 1,
        remote: caller.from.clone(),
        local: caller.to.clone(),
        opened: Moment::now(),
        listener: Some(Arc::clone(listener)),
        chain: Some(Arc::clone(chain)),
        inspected: (!listener.listener_filters.is_empty()).then(|| Box::new(found)),
        round_trip: Cell::default(),
        tls: OnceCell::new(),
        course: Course::default(),
        _place: None,
        _turn: None,
        waker: WakerCell::default(),
    };
    if let (DownstreamSocket::Tls(tls), Some(hello)) = (&chain.transport_socket, &caller.tls) {
        let agreed = tls.common.alpn.iter().find(|ours| hello.protocols.contains(ours));
        let mut known = TlsInfo::default();
        known.version = Some("TLSv1.3");
        known.server_name = Some(name_of(hello)).filter(|name| !name.is_empty());
        known.alpn = agreed.map(|protocol| protocol.as_bytes().into());
        // It is set once.
        let _ = info.tls.set(Box::new(known));
    }
    Rc::new(info)
}

/// What the listener's filters find out about a connection.
fn inspected(listener: &Listener, caller: &Caller) -> Inspected {
    let mut found = Inspected::default();
    let port = caller.to.ip().map(|to| to.port());
    for filter in &listener.listener_filters {
        if filter.disabled.as_ref().is_some_and(|disabled| disabled.fits(port)) {
            continue;
        }
        match (&filter.kind, &caller.tls) {
            (ListenerFilterKind::TlsInspector(_), Some(hello)) => {
                found.transport_protocol = "tls";
                found.server_name = name_of(hello);
                found.application_protocols.clone_from(&hello.protocols);
            }
            (ListenerFilterKind::HttpInspector, None) => {
                let protocol = if caller.http2 { "h2c" } else { "http/1.1" };
                found.application_protocols = vec![protocol.into()];
            }
            // Addresses are those that the caller is said to have.
            (ListenerFilterKind::OriginalDst, _) => found.restored = true,
            (
                ListenerFilterKind::TlsInspector(_)
                | ListenerFilterKind::HttpInspector
                | ListenerFilterKind::OriginalSrc(_)
                | ListenerFilterKind::ProxyProtocol(_),
                _,
            ) => {}
        }
    }
    found
}

fn name_of(hello: &Hello) -> Box<str> {
    hello.server_name.to_ascii_lowercase().into()
}
