//! The load side: clients and origin in one thread around one `epoll`.
//!
//! Both ends of the proxy are here because they share a processor anyway. Two threads would spend
//! several microseconds for each request on switching between each other; one loop takes the events
//! of both in one batch, so the load side stays cheaper than any proxy and leaves time over, which is
//! measured and printed. Bodies are sent from one buffer and thrown away inside the kernel
//! (`MSG_TRUNC`), heads are read and checked.

mod client;
mod http2;
mod origin;
mod socket;
mod tls;

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::time::Timespec;

use crate::histogram::Histogram;
use crate::usage::{Cpu, of_this_thread};
use client::{Client, Step};
pub(crate) use http2::Http2;
use origin::Origin;
pub(crate) use tls::TlsEngine;

/// The largest piece that is read or thrown away at once.
const PIECE: usize = 256 << 10;
/// A proxy that refuses so many connections in a row is not there.
const GIVE_UP: u64 = 1000;
/// A request that has had no answer for so long will have none.
const STUCK: Duration = Duration::from_secs(2);
/// How many idle connections are opened at a time.
const GROUP: usize = 64;
const SETTLE: Duration = Duration::from_millis(300);

/// What the clients ask for, again and again.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Vec<u8>,
    pub(crate) body: usize,
    /// A new connection for each.
    pub(crate) reconnect: bool,
    /// By HTTP/2, where it does not go by HTTP/1.
    pub(crate) http2: Option<Http2>,
    /// Whether the clients speak TLS.
    pub(crate) tls: bool,
}

/// What went wrong, by kind. Anything but a complete response of status 200 is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    /// Responses with another status.
    pub(crate) status: u64,
    /// Responses that ended early, or could not be read.
    pub(crate) short: u64,
    /// Connections that were reset, or closed without a response.
    pub(crate) reset: u64,
    /// Connections that were refused.
    pub(crate) refused: u64,
    /// Requests without an answer.
    pub(crate) stuck: u64,
}

impl Errors {
    pub(crate) fn sum(self) -> u64 {
        self.status + self.short + self.reset + self.refused + self.stuck
    }
}

/// What was measured between the end of the warm-up and the end.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) errors: Errors,
    pub(crate) wall: Duration,
    pub(crate) cpu: Cpu,
    /// The share of the time in which the load side was working.
    pub(crate) load_busy: f64,
    pub(crate) latencies: Histogram,
}

/// The counts that clients keep together.
#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    errors: Errors,
    refused_in_a_row: u64,
    latencies: Histogram,
}

enum Slot {
    Free,
    Listener(OwnedFd),
    Origin(Origin),
    Client(Client),
    Http2(Box<http2::Connection>),
}

pub(crate) struct Engine {
    epoll: OwnedFd,
    slots: Vec<Slot>,
    free: Vec<usize>,
    buffer: Vec<u8>,
    address: SocketAddr,
    responses: origin::Responses,
    tally: Tally,
}

impl Engine {
    /// An origin that listens, without clients.
    pub(crate) fn new() -> rustix::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let (listener, address) = socket::listen()?;
        let mut engine = Self {
            epoll,
            slots: Vec::new(),
            free: Vec::new(),
            buffer: vec![0; PIECE],
            address,
            responses: origin::Responses::new(),
            tally: Tally::default(),
        };
        epoll::add(&engine.epoll, &listener, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        engine.slots.push(Slot::Listener(listener));
        Ok(engine)
    }

    /// The port of the origin.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// So many clients that ask the proxy, for the warm-up and for the time that is measured; `pids`
    /// are the processes of the proxy.
    pub(crate) fn run(
        &mut self,
        proxy: SocketAddr,
        request: &Request,
        clients: usize,
        times: (Duration, Duration),
        pids: &[u32],
    ) -> rustix::io::Result<Outcome> {
        let own: Vec<usize> = match request.http2 {
            None => (0..clients).map(|_| self.add_client(proxy, request.clone(), None)).collect(),
            Some(http2) => self.add_connections(proxy, http2, request.tls, clients),
        };
        self.turn(Instant::now() + times.0, None)?;
        self.tally.requests = 0;
        self.tally.errors = Errors::default();
        self.tally.latencies.clear();
        let (start, cpu, load) = (Instant::now(), Cpu::of(pids), of_this_thread());
        self.turn(start + times.1, None)?;
        let (wall, cpu, load) = (start.elapsed(), Cpu::of(pids).since(cpu), of_this_thread() - load);
        for slot in own {
            self.tally.errors.stuck += match std::mem::replace(&mut self.slots[slot], Slot::Free) {
                Slot::Client(client) => u64::from(client.waiting_for() > STUCK),
                Slot::Http2(connection) => connection.stuck(),
                Slot::Free | Slot::Listener(_) | Slot::Origin(_) => 0,
            };
            self.free.push(slot);
        }
        Ok(Outcome {
            requests: self.tally.requests,
            errors: self.tally.errors,
            wall,
            cpu,
            load_busy: load / (wall.as_secs_f64() * 1e6),
            latencies: self.tally.latencies.clone(),
        })
    }

    /// So many more connections that have one response each and then say no more. They stay open until
    /// the engine is dropped.
    pub(crate) fn idle(
        &mut self,
        proxy: SocketAddr,
        request: &Request,
        clients: usize,
        limit: Duration,
    ) -> rustix::io::Result<Errors> {
        self.tally.requests = 0;
        self.tally.errors = Errors::default();
        let end = Instant::now() + limit;
        let mut wanted = 0;
        // Not all at once: who opens thousands of connections in a moment measures queues.
        while wanted < clients {
            let group = GROUP.min(clients - wanted);
            for _ in 0..group {
                self.add_client(proxy, request.clone(), Some(1));
            }
            wanted += group;
            self.turn(end, Some(wanted as u64))?;
        }
        // Responses are there; what the proxy does after them may take a moment.
        self.turn(Instant::now() + SETTLE, None)?;
        let missing = (clients as u64).saturating_sub(self.tally.requests);
        self.tally.errors.stuck += missing.saturating_sub(self.tally.errors.sum());
        Ok(self.tally.errors)
    }

    fn add_client(&mut self, proxy: SocketAddr, request: Request, limit: Option<u64>) -> usize {
        let slot = self.vacant();
        let mut client = Client::new(proxy, request, limit);
        let step = client.connect(&self.epoll, slot, &mut self.tally);
        self.slots[slot] = Slot::Client(client);
        if step == Step::Again {
            self.again(slot);
        }
        slot
    }

    /// Connections of HTTP/2 which so many requests share at a time.
    fn add_connections(&mut self, proxy: SocketAddr, http2: Http2, tls: bool, requests: usize) -> Vec<usize> {
        let config = tls.then(|| tls::client_config(&[b"h2"]).map(Arc::new)).and_then(Result::ok);
        let each = requests / http2.connections;
        let mut add = || {
            let slot = self.vacant();
            let connection = http2::Connection::new(proxy, http2.path, each, config.clone());
            self.slots[slot] = Slot::Http2(Box::new(connection));
            self.again(slot);
            slot
        };
        (0..http2.connections).map(|_| add()).collect()
    }

    /// Opens the connection of a client anew, unless the proxy seems not to be there.
    fn again(&mut self, slot: usize) {
        while self.tally.refused_in_a_row < GIVE_UP {
            let step = match &mut self.slots[slot] {
                Slot::Client(client) => client.connect(&self.epoll, slot, &mut self.tally),
                Slot::Http2(connection) => connection.connect(&self.epoll, slot, &mut self.tally),
                Slot::Free | Slot::Listener(_) | Slot::Origin(_) => return,
            };
            if step == Step::GoOn {
                return;
            }
        }
    }

    /// Takes events until a time, or until so many requests are done.
    fn turn(&mut self, end: Instant, requests: Option<u64>) -> rustix::io::Result<()> {
        let mut space = [const { MaybeUninit::<epoll::Event>::uninit() }; 256];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let enough = requests.is_some_and(|n| self.tally.requests + self.tally.errors.sum() >= n);
            if left.is_zero() || enough || self.tally.refused_in_a_row >= GIVE_UP {
                return Ok(());
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let events = match epoll::wait(&self.epoll, space.as_mut_slice(), Some(&timeout)) {
                Err(rustix::io::Errno::INTR) => continue,
                events => events?.0,
            };
            for event in events {
                let slot = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                self.event(slot, event.flags);
            }
        }
    }

    fn event(&mut self, slot: usize, flags: epoll::EventFlags) {
        match self.slots.get_mut(slot) {
            Some(Slot::Listener(_)) => self.accept(),
            Some(Slot::Origin(origin)) => {
                if !origin.event(&self.epoll, slot, &mut self.buffer, &self.responses) {
                    self.slots[slot] = Slot::Free;
                    self.free.push(slot);
                }
            }
            Some(Slot::Client(client)) => {
                if client.event(&self.epoll, slot, flags, &mut self.buffer, &mut self.tally) == Step::Again {
                    self.again(slot);
                }
            }
            Some(Slot::Http2(connection)) => {
                if connection.event(&self.epoll, slot, &mut self.buffer, &mut self.tally) == Step::Again {
                    self.again(slot);
                }
            }
            // The connection was closed by an earlier event of the same batch.
            Some(Slot::Free) | None => {}
        }
    }

    fn accept(&mut self) {
        while let Some(Slot::Listener(listener)) = self.slots.first()
            && let Ok(socket) = socket::accept(listener)
        {
            let slot = self.vacant();
            let data = epoll::EventData::new_u64(slot as u64);
            if epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN).is_ok() {
                self.slots[slot] = Slot::Origin(Origin::new(socket));
                // It usually brings its request along.
                self.event(slot, epoll::EventFlags::IN);
            } else {
                self.free.push(slot);
            }
        }
    }

    fn vacant(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            self.slots.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str, body: usize, reconnect: bool) -> Request {
        let close = if reconnect { "Connection: close\r\n" } else { "" };
        let length = if body > 0 { format!("Content-Length: {body}\r\n") } else { String::new() };
        Request {
            head: format!("{line} HTTP/1.1\r\nHost: a\r\n{close}{length}\r\n").into_bytes(),
            body,
            reconnect,
            http2: None,
            tls: false,
        }
    }

    fn measure(request: &Request) -> Outcome {
        let mut engine = Engine::new().unwrap();
        let origin = engine.address;
        let times = (Duration::from_millis(20), Duration::from_millis(150));
        engine.run(origin, request, 8, times, &[std::process::id()]).unwrap()
    }

    #[test]
    fn clients_and_origin_understand_each_other() {
        for (line, body, reconnect) in
            [("GET /", 0, false), ("GET /large", 0, false), ("POST /", 1 << 20, false), ("GET /", 0, true)]
        {
            let outcome = measure(&request(line, body, reconnect));
            assert!(outcome.requests > 20, "{line} {body} {reconnect}: {outcome:?}");
            assert_eq!(outcome.errors, Errors::default(), "{line} {body} {reconnect}");
            assert!(outcome.latencies.quantile(0.5) > 0.0 && outcome.load_busy > 0.0);
        }
    }

    #[test]
    fn another_status_is_an_error() {
        let outcome = measure(&request("GET /missing", 0, false));
        assert!(outcome.requests == 0 && outcome.errors.status > 0);
    }

    #[test]
    fn nobody_at_home_ends_at_once() {
        let mut engine = Engine::new().unwrap();
        let nobody = causeway_testkit::Port::reserve();
        let to = ([127, 0, 0, 1], nobody.number()).into();
        let times = (Duration::from_secs(5), Duration::from_secs(5));
        let start = Instant::now();
        let outcome = engine.run(to, &request("GET /", 0, false), 2, times, &[]).unwrap();
        assert!(outcome.requests == 0 && start.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn idle_connections_have_had_their_response() {
        let mut engine = Engine::new().unwrap();
        let errors =
            engine.idle(engine.address, &request("GET /", 0, false), 200, Duration::from_secs(5)).unwrap();
        assert_eq!((errors, engine.tally.requests), (Errors::default(), 200));
    }
}
