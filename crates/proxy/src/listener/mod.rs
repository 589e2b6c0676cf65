//! Listening sockets: bound once by the main thread, accepted on by every worker. What happens with a
//! connection before it is served: see [`arriving`].

mod accept;
mod arriving;
mod balance;
mod bind;
mod choice;
mod filter;
mod inspected;
mod misfit;
mod open;
mod stats;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use causeway_model::{Address, Listener, OverloadActionKind, SocketOption, TrafficDirection};

use crate::connection::ConnectionInfo;
use crate::snapshot::{HttpRuntime, ListenerRuntime};
use crate::timer::Millis;
use crate::worker::Worker;

pub(crate) use accept::{accept, take_over};
use arriving::Arriving;
pub(crate) use balance::{Balance, HandedOver, Turn};
pub use bind::BindError;
pub(crate) use bind::{Reservation, WorkerListener, WorkerSocket};
pub(crate) use choice::{Arrival, ChainChoice};
pub(crate) use filter::{ListenerFilter, ListenerFilterSnapshot};
pub(crate) use inspected::Inspected;
pub(crate) use misfit::misfits;
pub(crate) use open::OpenConnection;
pub(crate) use stats::{ListenerScopes, ListenerShards};

/// What makes one socket differ from another: where it is bound, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SocketKey {
    address: Address,
    reuse_port: bool,
    backlog: Option<u32>,
    ipv4_compat: bool,
    fast_open: Option<u32>,
    options: Vec<OptionKey>,
}

/// A socket option, comparable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OptionKey {
    pub(crate) level: i32,
    pub(crate) name: i32,
    pub(crate) value: Vec<u8>,
    /// 0 before binding, 1 after, 2 after listening began.
    pub(crate) stage: u8,
}

impl SocketKey {
    /// Where it is bound.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    /// The sockets of a listener: one for each of its addresses, where it is bound.
    pub(crate) fn of(listener: &Listener) -> Vec<Self> {
        if listener.bind_to_port { Self::as_if_bound(listener) } else { Vec::new() }
    }

    /// The same, whether it is bound or not.
    pub(crate) fn as_if_bound(listener: &Listener) -> Vec<Self> {
        let options: Vec<_> = listener.socket_options.iter().map(OptionKey::from).collect();
        let key = |address: &Address| Self {
            address: address.clone(),
            reuse_port: listener.enable_reuse_port && matches!(address, Address::Ip(_)),
            backlog: listener.tcp_backlog_size,
            ipv4_compat: listener.ipv4_compat,
            fast_open: listener.tcp_fast_open_queue_length,
            options: options.clone(),
        };
        listener.addresses.iter().map(key).collect()
    }
}

impl From<&SocketOption> for OptionKey {
    fn from(option: &SocketOption) -> Self {
        let stage = match option.state {
            causeway_model::SocketState::Prebind => 0,
            causeway_model::SocketState::Bound => 1,
            causeway_model::SocketState::Listening => 2,
        };
        Self { level: option.level, name: option.name, value: option.value.clone(), stage }
    }
}

/// Whether connections end behind their responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Draining {
    No,
    AtOnce,
    /// With a probability that grows from this moment, over this time.
    Over {
        since: Millis,
        over: Millis,
    },
}

/// A listening socket of one worker, and what its connections are for at the moment.
#[derive(Debug)]
pub(crate) struct ListenerSlot {
    key: SocketKey,
    current: RefCell<Option<Rc<ListenerRuntime>>>,
    /// How often that has changed, and once more.
    generation: Cell<u64>,
    draining: Cell<Draining>,
    closed: Cell<bool>,
    gone: Cell<bool>,
    /// Tells the accepting task that something has changed.
    changed: tokio::sync::Notify,
}

impl ListenerSlot {
    /// Begins to take connections.
    pub(crate) fn open(worker: &Rc<Worker>, socket: WorkerSocket, runtime: Rc<ListenerRuntime>) -> Rc<Self> {
        let slot = Rc::new(Self {
            key: socket.key,
            current: RefCell::new(Some(runtime)),
            generation: Cell::new(1),
            draining: Cell::new(Draining::No),
            closed: Cell::new(false),
            gone: Cell::new(false),
            changed: tokio::sync::Notify::new(),
        });
        worker.spawn(accept(Rc::clone(worker), Rc::clone(&slot), socket.listener));
        slot
    }

    /// A listener without a socket, which gets connections of others (`use_original_dst`).
    pub(crate) fn unbound(key: SocketKey, runtime: Rc<ListenerRuntime>) -> Rc<Self> {
        Rc::new(Self {
            key,
            current: RefCell::new(Some(runtime)),
            generation: Cell::new(1),
            draining: Cell::new(Draining::No),
            closed: Cell::new(false),
            gone: Cell::new(false),
            changed: tokio::sync::Notify::new(),
        })
    }

    pub(crate) const fn key(&self) -> &SocketKey {
        &self.key
    }

    /// The listener as the last configuration has it; `None` once it is gone.
    pub(crate) fn current(&self) -> Option<Rc<ListenerRuntime>> {
        self.current.borrow().clone()
    }

    /// The connection manager that serves the next request on a connection of another one, which a reload may
    /// have replaced; `None` once there is none for such connections.
    pub(crate) fn http_in_place_of(&self, before: &HttpRuntime) -> Option<Rc<HttpRuntime>> {
        self.current.borrow().as_ref()?.http_in_place_of(before).cloned()
    }

    /// A number that grows with each reload of the listener, from 1 on.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// A reload: what comes next is served by this.
    pub(crate) fn replace(&self, runtime: Rc<ListenerRuntime>) {
        self.generation.set(self.generation.get() + 1);
        *self.current.borrow_mut() = Some(runtime);
    }

    /// The listener is gone.
    pub(crate) fn close(&self) {
        self.gone.set(true);
        self.drain();
        self.stop_listening();
    }

    /// Connections end behind their next response.
    pub(crate) fn drain(&self) {
        self.draining.set(Draining::AtOnce);
    }

    /// More and more of them do, from this moment on, and all of them when that time is over.
    pub(crate) fn drain_over(&self, since: Millis, over: Millis) {
        if self.draining.get() == Draining::No {
            self.draining.set(Draining::Over { since, over });
        }
    }

    /// Whether a connection has to end behind the response that is about to be sent.
    pub(crate) fn ends_behind_response(&self, worker: &Worker) -> bool {
        match self.draining.get() {
            Draining::No => false,
            Draining::AtOnce => true,
            Draining::Over { since, over } => {
                let elapsed = worker.now().saturating_sub(since);
                elapsed >= over || elapsed > worker.random() % over.max(1)
            }
        }
    }

    /// No more connections are taken.
    pub(crate) fn stop_listening(&self) {
        self.closed.set(true);
        self.changed.notify_one();
    }

    /// Something has changed that decides whether connections are taken.
    pub(crate) fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Whether the overload manager lets no connections be taken.
    pub(crate) fn is_paused(&self, worker: &Worker) -> bool {
        let concerned = self.current().is_some_and(|runtime| !runtime.config.bypass_overload_manager);
        concerned
            && worker.overload().is_some_and(|overload| {
                overload.shared.is_saturated(OverloadActionKind::StopAcceptingConnections)
            })
    }

    /// Whether all of its connections have to end.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get() == Draining::AtOnce
    }

    /// Whether a reload took the listener away.
    pub(crate) const fn is_gone(&self) -> bool {
        self.gone.get()
    }

    pub(crate) fn is_inbound(&self) -> bool {
        self.current
            .borrow()
            .as_ref()
            .is_some_and(|runtime| runtime.config.traffic_direction == TrafficDirection::Inbound)
    }

    /// Whether a connection came by this socket.
    pub(crate) fn took(&self, connection: &ConnectionInfo) -> bool {
        connection.listener.as_ref().is_some_and(|listener| listener.addresses.contains(&self.key.address))
    }
}
