//! A connection of clients that speak HTTP/2, with TLS or without.

mod session;

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::client::Step;
use super::socket::{self, Moved};
use super::{STUCK, Tally};
use session::{Broken, Scheme, Session};

/// How requests go by HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Http2 {
    /// Over how many connections they go.
    pub(crate) connections: usize,
    pub(crate) path: &'static str,
}

/// Data that is decrypted at once.
const RECORD: usize = 16 << 10;

pub(super) struct Connection {
    to: SocketAddr,
    path: &'static str,
    streams: usize,
    config: Option<Arc<ClientConfig>>,
    /// What is there while there is a connection.
    open: Option<Open>,
}

struct Open {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
    session: Session,
    /// How much of what the session has to send is sent.
    sent: usize,
    /// Whether the socket is watched for space to send.
    watched: bool,
}

impl Connection {
    /// For so many requests at a time, with TLS where there is a configuration.
    pub(super) const fn new(
        to: SocketAddr,
        path: &'static str,
        streams: usize,
        config: Option<Arc<ClientConfig>>,
    ) -> Self {
        Self { to, path, streams, config, open: None }
    }

    /// How many requests have had no answer for so long that they will have none.
    pub(super) fn stuck(&self) -> u64 {
        let Some(open) = &self.open else { return 0 };
        let is_stuck = |start: Instant| start.elapsed() > STUCK;
        open.session.exchanges.iter().filter(|exchange| is_stuck(exchange.start)).count() as u64
    }

    /// Opens a connection, and sends as much of the requests as can be sent at once.
    pub(super) fn connect(&mut self, epoll: &OwnedFd, slot: usize, tally: &mut Tally) -> Step {
        self.open = None;
        let Some(open) = self.opened(epoll, slot) else {
            tally.errors.refused += 1;
            tally.refused_in_a_row += 1;
            return Step::Again;
        };
        self.open = Some(open);
        Step::GoOn
    }

    fn opened(&self, epoll: &OwnedFd, slot: usize) -> Option<Open> {
        let socket = socket::connect(self.to, true).ok()?;
        let tls = match &self.config {
            Some(config) => {
                let name = ServerName::try_from("lab.test").ok()?;
                Some(Box::new(ClientConnection::new(Arc::clone(config), name).ok()?))
            }
            None => None,
        };
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        let session = Session::new(scheme, self.path, self.streams);
        let mut open = Open { socket, tls, session, sent: 0, watched: false };
        open.watched = !open.push();
        epoll::add(epoll, &open.socket, EventData::new_u64(slot as u64), flags(open.watched)).ok()?;
        Some(open)
    }

    pub(super) fn event(
        &mut self,
        epoll: &OwnedFd,
        slot: usize,
        buffer: &mut [u8],
        tally: &mut Tally,
    ) -> Step {
        let Some(open) = &mut self.open else { return Step::GoOn };
        let received = open.receive(buffer, tally);
        let done = open.push();
        let watched = std::mem::replace(&mut open.watched, !done);
        let told = watched == open.watched
            || epoll::modify(epoll, &open.socket, EventData::new_u64(slot as u64), flags(!done)).is_ok();
        if received.is_ok() && told {
            return Step::GoOn;
        }
        // A proxy that takes connections only to cut them is not there either.
        tally.refused_in_a_row += 1;
        Step::Again
    }
}

const fn flags(watched: bool) -> EventFlags {
    if watched { EventFlags::IN.union(EventFlags::OUT) } else { EventFlags::IN }
}

impl Open {
    /// Sends what can be sent; false where something is left. If that is because the connection is at its end, the
    /// receiving side will know why.
    fn push(&mut self) -> bool {
        let Self { socket, tls, session, sent, .. } = self;
        if let Some(tls) = tls {
            // It takes what there is, since that is little.
            if tls.writer().write_all(&session.out).is_ok() {
                session.out.clear();
            }
            while tls.wants_write() {
                if tls.write_tls(&mut Wire(socket)).is_err() {
                    return false;
                }
            }
            return session.out.is_empty();
        }
        while let rest @ [_, ..] = &session.out[*sent..] {
            let Moved::Bytes(count) = socket::send(&*socket, rest) else { return false };
            *sent += count;
        }
        session.out.clear();
        *sent = 0;
        true
    }

    fn receive(&mut self, buffer: &mut [u8], tally: &mut Tally) -> Result<(), Broken> {
        loop {
            let count = match socket::receive(&self.socket, buffer) {
                Moved::Bytes(count) => count,
                Moved::Later => return Ok(()),
                Moved::End(_) => return Err(self.session.cut(tally)),
            };
            self.take(&buffer[..count], tally)?;
            // There is nothing more now: asking would cost a call that brings nothing.
            if count < buffer.len() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8], tally: &mut Tally) -> Result<(), Broken> {
        let Some(tls) = &mut self.tls else { return self.session.take(bytes, tally) };
        let mut record = [0; RECORD];
        while !bytes.is_empty() {
            if tls.read_tls(&mut bytes).is_err() || tls.process_new_packets().is_err() {
                return Err(self.session.cut(tally));
            }
            while let Ok(count @ 1..) = tls.reader().read(&mut record) {
                self.session.take(&record[..count], tally)?;
            }
        }
        Ok(())
    }
}

/// A socket that TLS writes to.
struct Wire<'a>(&'a OwnedFd);

impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match socket::send(self.0, bytes) {
            Moved::Bytes(count) => Ok(count),
            Moved::Later => Err(io::ErrorKind::WouldBlock.into()),
            Moved::End(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
