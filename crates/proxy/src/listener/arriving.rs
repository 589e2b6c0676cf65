//! The stages of a connection from being taken to being served: the listener filters look at what it sends, its
//! filter chain is chosen, and then it belongs to whatever the chain's network filter makes of it.
//!
//! Each stage that has to wait is a task of its own, which ends by starting the next one: what serves a
//! connection in the end holds nothing of how it came there.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use causeway_reason::{Failure, Reason};

use super::filter::{Look, Looked};
use super::{Arrival, ListenerFilter, ListenerSlot, OpenConnection};
use crate::access_log::log_connection;
use crate::buffer::Buffer;
use crate::connection::ConnectionInfo;
use crate::crew::Crew;
use crate::downstream::Downstream;
use crate::gate::Refused;
use crate::io::Transport;
use crate::snapshot::{ChainRuntime, ListenerRuntime, Service};
use crate::stats::ListenerStat;
use crate::tcp::TcpSession;
use crate::terminal;
use crate::timer::{Deadline, millis};
use crate::tls::{NoHandshake, shake_hands};
use crate::worker::Worker;

/// A connection that has no filter chain yet.
#[derive(Debug)]
pub(super) struct Arriving {
    worker: Rc<Worker>,
    slot: Rc<ListenerSlot>,
    listener: Rc<ListenerRuntime>,
    info: ConnectionInfo,
    stream: Transport,
    /// What was read from it so far and nobody used up.
    prefetched: Buffer,
}

/// What came of waiting for bytes.
enum Waited {
    Bytes,
    Late,
    Closed,
    Failed,
}

/// What becomes of a connection behind a filter.
enum Passed {
    /// The next filter has its turn.
    On,
    /// No other filter has: the chain is chosen by what is known.
    Chosen,
    /// It is closed.
    Closed(Option<Box<Failure>>),
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
        if self.listener.filters.is_empty() {
            self.choose_chain();
        } else {
            let worker = Rc::clone(&self.worker);
            worker.spawn(self.inspect());
        }
    }

    /// Has the listener filters look at it, one after the other.
    async fn inspect(mut self) {
        let listener = Rc::clone(&self.listener);
        let _counted = Inspecting::new(&listener);
        let mut deadline = Deadline::new(&self.worker.timers);
        let timeout = listener.config.listener_filters_timeout;
        deadline.set(timeout.map(|timeout| self.worker.now() + millis(timeout)));
        for filter in &listener.filters {
            match self.pass(filter, &mut deadline).await {
                Passed::On => {}
                Passed::Chosen => break,
                Passed::Closed(failure) => return self.close(failure),
            }
        }
        self.hand_over();
    }

    /// Gives the connection to the listener of the address that the client connected to, where there is another one and
    /// this one does so (`use_original_dst`).
    fn hand_over(mut self) {
        let restored = self.info.original_destination().is_some();
        let wanted = self.listener.config.use_original_dst && restored;
        let other = if wanted { self.worker.listener_at(&self.info.local) } else { None };
        match other.filter(|other| !Rc::ptr_eq(other, &self.slot)) {
            Some(slot) if let Some(listener) = slot.current() => {
                self.info.listener = Some(Arc::clone(&listener.config));
                self.listener = listener;
                self.slot = slot;
                self.begin();
            }
            _ => self.choose_chain(),
        }
    }

    /// Has one filter look at it until it has seen enough.
    async fn pass(&mut self, filter: &ListenerFilter, deadline: &mut Deadline) -> Passed {
        if !filter.is_for(&self.info) {
            return Passed::On;
        }
        loop {
            let mut looked =
                Looked { info: &mut self.info, bytes: &mut self.prefetched, stream: &self.stream };
            let wanted = match filter.look(&mut looked) {
                Look::Done => return Passed::On,
                Look::More(wanted) => wanted,
                Look::Close(failure) => return Passed::Closed(failure),
            };
            let waited = self.more(wanted, deadline).await;
            let count = |stat| self.listener.shards.listener.inc(stat);
            match waited {
                Waited::Bytes => continue,
                Waited::Late => {
                    count(ListenerStat::DownstreamPreCxTimeout);
                    return if self.listener.config.continue_on_listener_filters_timeout {
                        Passed::Chosen
                    } else {
                        Passed::Closed(Some(self.late()))
                    };
                }
                Waited::Closed => count(ListenerStat::DownstreamListenerFilterRemoteClose),
                Waited::Failed => count(ListenerStat::DownstreamListenerFilterError),
            }
            return Passed::Closed(None);
        }
    }

    /// Reads what comes next.
    async fn more(&mut self, wanted: usize, deadline: &mut Deadline) -> Waited {
        poll_fn(|cx| {
            self.worker.buffers.make_room(&mut self.prefetched, wanted);
            match self.stream.poll_read(cx, &mut self.prefetched) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Waited::Closed),
                Poll::Ready(Ok(_)) => return Poll::Ready(Waited::Bytes),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Waited::Failed),
                Poll::Pending => {}
            }
            deadline.poll(cx).map(|()| Waited::Late)
        })
        .await
    }

    /// Why a connection is closed that did not say enough in time.
    fn late(&self) -> Box<Failure> {
        let took = self.info.opened.elapsed().as_millis();
        let held = self.prefetched.filled();
        let what = match held.len() {
            0 => "nothing had arrived".to_owned(),
            length => format!("{length} bytes had arrived; {}", causeway_http::h1::first_bytes(held)),
        };
        Box::new(
            Failure::new(Reason::ListenerFiltersTimeout).with_evidence(format!("after {took} ms: {what}")),
        )
    }

    /// Closes the connection before it has a filter chain.
    fn close(mut self, failure: Option<Box<Failure>>) {
        if self.listener.snapshot().measures_round_trip {
            self.info.round_trip.set(self.stream.round_trip());
        }
        if !self.prefetched.is_empty() {
            // Envoy leaves in the kernel what it has seen, and so its end is a reset.
            self.stream.reset_on_close();
            self.prefetched.consume(self.prefetched.filled().len());
        }
        self.worker.buffers.reclaim(&mut self.prefetched);
        if let Some(failure) = failure {
            self.listener.shards.count_reason(failure.reason);
            let logged = self.listener.snapshot().logs_hold_failures;
            self.worker.failures.note_refused(&self.worker, &self.info, &failure, logged);
            self.info.course.ending().failure.replace(Some(failure));
        }
        log_connection(&self.worker, &self.listener, &self.info);
    }

    /// Finds the filter chain. Where there is none, the connection is closed.
    fn choose_chain(self) {
        let found = self.info.inspected.as_deref();
        let arrival = Arrival {
            local: &self.info.local,
            remote: &self.info.remote,
            direct_remote: self.info.direct_remote(),
            server_name: self.info.server_name().unwrap_or_default(),
            transport_protocol: match found {
                Some(found) if !found.transport_protocol.is_empty() => found.transport_protocol,
                _ => "raw_buffer",
            },
            application_protocols: found.map_or(&[], |found| &found.application_protocols),
        };
        match self.listener.chain_of(&arrival).cloned() {
            Some(chain) => self.serve(chain),
            None => {
                self.listener.shards.listener.inc(ListenerStat::NoFilterChainMatch);
                let failure = Failure::new(Reason::NoFilterChain).with_evidence(arrival.to_string());
                self.close(Some(Box::new(failure)));
            }
        }
    }

    /// Has the connection served by what its filter chain is for.
    fn serve(mut self, chain: Rc<ChainRuntime>) {
        self.info.id = self.worker.next_connection_id();
        self.info.chain = Some(Arc::clone(&chain.config));
        if self.listener.snapshot().measures_round_trip {
            self.info.round_trip.set(self.stream.round_trip());
        }
        let mut open = OpenConnection::new(&self.worker, &self.listener, self.info);
        match chain.gates.admit(&self.worker) {
            Ok(admitted) => open.admit(admitted),
            Err(refused) => {
                // With Envoy, what listener filters have looked at is unread, and closing is a reset then.
                if !self.prefetched.is_empty() {
                    self.stream.reset_on_close();
                }
                refuse(refused, &chain, &self.slot, open, self.stream);
                return;
            }
        }
        let opened = Opened { slot: self.slot, listener: self.listener, chain, open };
        if opened.chain.tls.is_some() {
            let worker = self.worker;
            worker.spawn(shake(opened, self.stream, self.prefetched));
        } else {
            opened.start(self.stream, self.prefetched);
        }
    }
}

/// A connection that has its filter chain, and is counted.
struct Opened {
    slot: Rc<ListenerSlot>,
    listener: Rc<ListenerRuntime>,
    chain: Rc<ChainRuntime>,
    open: OpenConnection,
}

/// Shakes hands before anything else happens.
async fn shake(opened: Opened, stream: Transport, prefetched: Buffer) {
    let worker = Rc::clone(opened.open.worker());
    let chain = Rc::clone(&opened.chain);
    let Some(tls) = &chain.tls else { return };
    match Box::pin(shake_hands(&worker, tls, stream, prefetched)).await {
        Ok((stream, info)) => {
            // It is set once.
            let _ = opened.open.info().tls.set(Box::new(info));
            opened.start(stream, Buffer::default());
        }
        Err(none) => opened.give_up(none),
    }
}

impl Opened {
    /// There was no handshake.
    fn give_up(self, none: NoHandshake) {
        let info = self.open.info();
        let course = &info.course;
        if none.late {
            course.ending().closed_because.set(Some("transport_socket_timeout"));
            course.ending().terminated_because.set(Some("transport socket timeout was reached"));
            self.listener.shards.listener.inc(ListenerStat::DownstreamCxTransportSocketConnectTimeout);
        }
        let _ = info.tls.set(Box::new(none.info));
        if let Some(words) = none.words {
            // It fails once.
            let _ = course.ending().transport_failure.set(words.into());
        }
        if let Service::Tcp(proxy) = &self.chain.service {
            TcpSession::without_handshake(proxy, self.open, none.failure);
            return;
        }
        let (worker, logged) = (self.open.worker(), self.listener.snapshot().logs_hold_failures);
        worker.failures.note_refused(worker, info, &none.failure, logged);
        match &self.chain.service {
            Service::Http(http) => http.shards.connection_failed(self.open.age(), none.failure.reason),
            Service::None | Service::Tcp(_) | Service::Echo | Service::DirectResponse(_) => {
                self.listener.shards.count_reason(none.failure.reason);
            }
        }
        course.ending().failure.replace(Some(Box::new(none.failure)));
    }

    /// Has the connection served by what its filter chain is for.
    fn start(self, stream: Transport, prefetched: Buffer) {
        let Self { slot, listener, chain, open } = self;
        let worker = Rc::clone(open.worker());
        match &chain.service {
            Service::None => {
                listener.shards.listener.inc(ListenerStat::NetworkExtensionConfigMissing);
                open.info().course.ending().closed_because.set(Some("no_filters"));
            }
            Service::Http(http) => {
                let http = Rc::clone(http);
                let connection = Downstream::new(&slot, http, open, stream, prefetched);
                Crew::serve(&worker, Box::new(connection));
            }
            Service::Tcp(proxy) => {
                let session = TcpSession::new(&slot, proxy, open, stream, prefetched);
                worker.spawn(Box::new(session).serve());
            }
            Service::Echo => {
                worker.spawn(terminal::echo(open, stream, prefetched));
            }
            Service::DirectResponse(response) => {
                let response = Arc::clone(response);
                worker.spawn(terminal::direct_response(open, stream, response));
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

/// A connection that listener filters look at, as the listener counts it.
struct Inspecting(Rc<ListenerRuntime>);

impl Inspecting {
    fn new(listener: &Rc<ListenerRuntime>) -> Self {
        listener.shards.listener.adjust(ListenerStat::DownstreamPreCxActive, 1);
        Self(Rc::clone(listener))
    }
}

impl Drop for Inspecting {
    fn drop(&mut self) {
        self.0.shards.listener.adjust(ListenerStat::DownstreamPreCxActive, -1);
    }
}
