//! The stages of a connection from being taken to being served: the choice of its filter chain, then whatever
//! the chain's network filter makes of it.
//!
//! Each stage that has to wait is a task of its own, which ends by starting the next one: what serves a
//! connection in the end holds nothing of how it came there.

use std::rc::Rc;
use std::sync::Arc;

use super::{Arrival, ListenerSlot, OpenConnection};
use crate::access_log::log_connection;
use crate::buffer::Buffer;
use crate::connection::ConnectionInfo;
use crate::downstream::Downstream;
use crate::gate::Refused;
use crate::io::Transport;
use crate::snapshot::{ChainRuntime, ListenerRuntime, Service};
use crate::stats::ListenerStat;
use crate::tcp::TcpSession;
use crate::terminal;
use crate::worker::Worker;

/// A connection that has no filter chain yet.
#[derive(Debug)]
pub(super) struct Arriving {
    worker: Rc<Worker>,
    slot: Rc<ListenerSlot>,
    listener: Rc<ListenerRuntime>,
    info: ConnectionInfo,
    stream: Transport,
    /// What was read from it so far.
    prefetched: Buffer,
}

impl Arriving {
    /// A connection that has just been taken.
    pub(super) fn new(
        worker: &Rc<Worker>,
        slot: &Rc<ListenerSlot>,
        listener: Rc<ListenerRuntime>,
        info: ConnectionInfo,
        stream: Transport,
    ) -> Self {
        let prefetched = Buffer::default();
        Self { worker: Rc::clone(worker), slot: Rc::clone(slot), listener, info, stream, prefetched }
    }

    /// Starts with the first stage.
    pub(super) fn begin(self) {
        self.choose_chain();
    }

    /// Finds the filter chain. Where there is none, the connection is closed.
    fn choose_chain(self) {
        let arrival = Arrival {
            local: &self.info.local,
            remote: &self.info.remote,
            direct_remote: &self.info.remote,
            server_name: "",
            transport_protocol: "",
            application_protocols: &[],
        };
        if let Some(chain) = self.listener.chain_of(&arrival) {
            let chain = Rc::clone(chain);
            self.serve(&chain);
        } else {
            self.listener.shards.listener.inc(ListenerStat::NoFilterChainMatch);
            self.info.course.fits_no_chain.set(true);
            log_connection(&self.worker, &self.listener, &self.info);
        }
    }

    /// Has the connection served by what its filter chain is for.
    fn serve(mut self, chain: &ChainRuntime) {
        self.info.id = self.worker.next_connection_id();
        self.info.chain = Some(Arc::clone(&chain.config));
        let mut open = OpenConnection::new(&self.worker, &self.listener, self.info);
        match chain.gates.admit(&self.worker) {
            Ok(admitted) => open.admit(admitted),
            Err(refused) => {
                refuse(refused, chain, &self.slot, open, self.stream);
                return;
            }
        }
        match &chain.service {
            Service::None => {
                self.listener.shards.listener.inc(ListenerStat::NetworkExtensionConfigMissing);
                open.info().course.closed_because.set(Some("no_filters"));
            }
            Service::Http(http) => {
                let http = Rc::clone(http);
                let connection = Downstream::new(&self.slot, http, open, self.stream, self.prefetched);
                self.worker.spawn(Box::new(connection).serve());
            }
            Service::Tcp(proxy) => {
                let session = TcpSession::new(&self.slot, proxy, open, self.stream, self.prefetched);
                self.worker.spawn(Box::new(session).serve());
            }
            Service::Echo => {
                self.worker.spawn(terminal::echo(open, self.stream, self.prefetched));
            }
            Service::DirectResponse(response) => {
                let response = Arc::clone(response);
                self.worker.spawn(terminal::direct_response(open, self.stream, response));
            }
        }
    }
}

/// Closes a connection that a filter in front does not let through, as what would have served it does.
fn refuse(
    refused: Refused,
    chain: &ChainRuntime,
    slot: &Rc<ListenerSlot>,
    open: OpenConnection,
    stream: Transport,
) {
    let worker = Rc::clone(open.worker());
    match &chain.service {
        Service::Tcp(proxy) => {
            let session = TcpSession::new(slot, proxy, open, stream, Buffer::default());
            worker.spawn(Box::new(session).refuse(refused));
        }
        Service::Http(http) => {
            refused.tell(&worker, open.info());
            http.shards.reasons.count(&http.shards.http, refused.failure.reason);
            let connection = Downstream::new(slot, Rc::clone(http), open, stream, Buffer::default());
            worker.spawn(refused.close(connection));
        }
        Service::None | Service::Echo | Service::DirectResponse(_) => {
            refused.tell(&worker, open.info());
            worker.spawn(refused.close((stream, open)));
        }
    }
}
