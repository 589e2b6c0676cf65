//! Taking connections.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use causeway_model::{Address, LoadShedPointKind, OverloadActionKind};
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::SockRef;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

use super::balance::{Bare, HandedOver, Turn};
use super::{Arriving, ListenerSlot, WorkerListener};
use crate::connection::{ConnectionInfo, Course};
use crate::io::{Socket, Transport};
use crate::moment::Moment;
use crate::snapshot::ListenerRuntime;
use crate::stats::ListenerStat;
use crate::waker_cell::WakerCell;
use crate::worker::{Place, Worker};

/// Connections taken at one go, so that those that are open get their turn.
const AT_ONE_GO: u32 = 64;

/// When no connection can be taken for want of descriptors or memory, this long is waited: trying again
/// at once would only burn the processor.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(50);

/// As long as it lasts, that is said once in this time.
const SAY_AGAIN: Duration = Duration::from_secs(10);

struct Accepting {
    socket: AsyncFd<OwnedFd>,
    kind: Kind,
}

enum Kind {
    /// With the address that all its connections have on our side, where there is but one.
    Tcp(Option<SocketAddr>),
    Unix(std::sync::Arc<str>),
}

/// Takes connections until the listener is gone.
pub(crate) async fn accept(worker: Rc<Worker>, slot: Rc<ListenerSlot>, socket: WorkerListener) {
    let listening = match register(&slot, socket) {
        Ok(listening) => listening,
        Err(error) => {
            tracing::error!(target: "conn_handler", "cannot listen on {}: {error}", slot.key().address);
            return;
        }
    };
    let mut last_error: Option<Moment> = None;
    loop {
        let mut changed = Box::pin(slot.changed.notified());
        let mut taken = 0;
        let error = poll_fn(|cx| {
            if changed.as_mut().poll(cx).is_ready() || slot.closed.get() {
                return Poll::Ready(None);
            }
            if slot.is_paused(&worker) {
                return Poll::Pending;
            }
            take_some(&worker, &slot, &listening, &mut taken, cx).map(Some)
        })
        .await;
        match error {
            Some(error) => {
                if last_error.is_none_or(|last| last.elapsed() >= SAY_AGAIN) {
                    tracing::warn!(target: "conn_handler", "cannot take connections on {} for the moment: {error}", slot.key().address);
                    last_error = Some(Moment::now());
                }
                tokio::time::sleep(OUT_OF_RESOURCES).await;
            }
            None if slot.closed.get() => break,
            None => {}
        }
    }
    if slot.is_paused(&worker) {
        // They were not to be taken before, so they are not now.
        return;
    }
    listening.take_rest(|stream, remote, local| take(&worker, &slot, stream, remote, local));
}

fn register(slot: &ListenerSlot, socket: WorkerListener) -> io::Result<Accepting> {
    let (socket, kind) = match socket {
        WorkerListener::Tcp(listener) => {
            let own = only_address(&listener);
            (OwnedFd::from(listener), Kind::Tcp(own))
        }
        WorkerListener::Unix(listener) => {
            let Address::Pipe { path, .. } = &slot.key().address else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            (OwnedFd::from(listener), Kind::Unix(std::sync::Arc::clone(path)))
        }
    };
    Ok(Accepting { socket: causeway_sys::watch_readable(socket)?, kind })
}

impl Accepting {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Taken>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            if let Ok(taken) = ready.try_io(|socket| self.kind.accept(socket.as_fd())) {
                return Poll::Ready(taken);
            }
        }
    }

    /// Takes what the kernel has completed already, which belongs to us: closing the socket would reset it.
    /// The kernel itself is asked, because the runtime may not have heard of the last ones yet.
    fn take_rest(&self, mut take: impl FnMut(Transport, Address, Address)) {
        loop {
            match self.kind.accept(self.socket.as_fd()) {
                Ok((stream, remote, local)) => take(stream, remote, local),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => return,
            }
        }
    }
}

/// A connection, its other end and ours.
type Taken = (Transport, Address, Address);

impl Kind {
    fn accept(&self, socket: BorrowedFd<'_>) -> io::Result<Taken> {
        let (stream, remote) = acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        match self {
            Self::Tcp(own) => {
                let stream = TcpStream::from(stream);
                // One over TCP has an address; where it has ended already, the kernel gives this very error.
                let remote = remote.and_then(|remote| SocketAddr::try_from(remote).ok());
                let remote = remote.ok_or(io::ErrorKind::ConnectionAborted)?;
                let local = own.or_else(|| stream.local_addr().ok()).unwrap_or(remote);
                let transport = Transport::Tcp(Socket::unwatched(stream));
                Ok((transport, Address::Ip(canonical(remote)), Address::Ip(canonical(local))))
            }
            Self::Unix(path) => {
                let here = Address::Pipe { path: std::sync::Arc::clone(path), mode: 0 };
                let stream = UnixStream::from_std(stream.into())?;
                Ok((Transport::Unix(stream), here.clone(), here))
            }
        }
    }
}

/// The address that a listening socket is bound to, where its connections can have no other: asking each
/// of them costs a system call. One that takes connections for all addresses, or for those of others
/// (`IP_TRANSPARENT`), has to ask.
fn only_address(listener: &std::net::TcpListener) -> Option<SocketAddr> {
    let own = listener.local_addr().ok()?;
    let transparent = SockRef::from(listener).ip_transparent_v4().unwrap_or(true);
    (own.is_ipv4() && !own.ip().is_unspecified() && !transparent).then_some(own)
}

/// A socket that takes IPv4 and IPv6 shows IPv4 peers as IPv6; nobody else does.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Takes connections while there are some; ready with an error that has to be waited out.
fn take_some(
    worker: &Rc<Worker>,
    slot: &Rc<ListenerSlot>,
    listening: &Accepting,
    taken: &mut u64,
    cx: &mut Context<'_>,
) -> Poll<io::Error> {
    let most = slot
        .current()
        .and_then(|runtime| runtime.config.max_connections_to_accept_per_socket_event)
        .unwrap_or(AT_ONE_GO);
    for _ in 0..most.max(1) {
        match listening.poll_accept(cx) {
            Poll::Ready(Ok((stream, remote, local))) => {
                *taken += 1;
                take(worker, slot, stream, remote, local);
            }
            Poll::Ready(Err(error)) if is_of_one_connection(&error) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(error),
            Poll::Pending => {
                if *taken > 0
                    && let Some(runtime) = slot.current()
                {
                    runtime.shards.listener.record(ListenerStat::ConnectionsAcceptedPerSocketEvent, *taken);
                    *taken = 0;
                }
                return Poll::Pending;
            }
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Errors that concern the connection that was to be taken, not the socket (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Whether the overload manager wants a connection closed that has been taken.
fn is_refused(worker: &Worker, runtime: &ListenerRuntime) -> bool {
    if runtime.config.bypass_overload_manager {
        return false;
    }
    let Some(overload) = worker.overload() else { return false };
    overload.sheds(LoadShedPointKind::TcpListenerAccept, worker.random())
        || overload.shared.acts(OverloadActionKind::RejectIncomingConnections, worker.random())
}

fn take(worker: &Rc<Worker>, slot: &Rc<ListenerSlot>, stream: Transport, remote: Address, local: Address) {
    let Some(runtime) = slot.current() else { return };
    let place = if runtime.config.ignore_global_conn_limit {
        None
    } else {
        let Some(place) = worker.take_place() else {
            runtime.shards.listener.inc(ListenerStat::DownstreamGlobalCxOverflow);
            worker.refusals.note(worker.timers.now(), &runtime.config.name);
            return;
        };
        Some(place)
    };
    if is_refused(worker, &runtime) {
        runtime.shards.listener.inc(ListenerStat::DownstreamCxOverloadReject);
        return;
    }
    if runtime.config.connection_limit.is_some_and(|most| runtime.shards.open() >= most) {
        runtime.shards.listener.inc(ListenerStat::DownstreamCxOverflow);
        return;
    }
    // Those that are taken at one go are as old as each other.
    let opened = worker.moment();
    let Some(balance) = &runtime.snapshot().balance else {
        return serve(worker, slot, runtime, stream, (remote, local, opened), place, None);
    };
    let turn = balance.choose(worker.id);
    if turn.worker == worker.id {
        return serve(worker, slot, runtime, stream, (remote, local, opened), place, Some(turn));
    }
    match Bare::from_transport(stream) {
        Ok(stream) => {
            let to = turn.worker;
            let key = slot.key().clone();
            worker.hand_over(to, HandedOver { key, stream, remote, local, opened, place, turn });
        }
        // It is closed, as one that could not be taken.
        Err(error) => tracing::warn!(target: "conn_handler", "cannot hand a connection over: {error}"),
    }
}

/// Serves a connection that another worker took.
pub(crate) fn take_over(worker: &Rc<Worker>, slot: &Rc<ListenerSlot>, taken: HandedOver) {
    let Some(runtime) = slot.current() else { return };
    let HandedOver { stream, remote, local, opened, place, turn, .. } = taken;
    match stream.into_transport() {
        Ok(stream) => serve(worker, slot, runtime, stream, (remote, local, opened), place, Some(turn)),
        Err(error) => tracing::warn!(target: "conn_handler", "cannot take a connection over: {error}"),
    }
}

fn serve(
    worker: &Rc<Worker>,
    slot: &Rc<ListenerSlot>,
    runtime: Rc<ListenerRuntime>,
    stream: Transport,
    (remote, local, opened): (Address, Address, Moment),
    place: Option<Place>,
    turn: Option<Turn>,
) {
    let info = ConnectionInfo {
        id: 0,
        remote,
        local,
        opened,
        listener: Some(std::sync::Arc::clone(&runtime.config)),
        chain: None,
        inspected: None,
        round_trip: std::cell::Cell::default(),
        tls: std::cell::OnceCell::new(),
        course: Course::default(),
        _place: place,
        _turn: turn,
        waker: WakerCell::default(),
    };
    Arriving::new(worker, slot, runtime, info, stream).begin();
}
