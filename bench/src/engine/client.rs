//! One client: sends a request, reads the response, and again.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use memchr::{memchr, memmem};
use rustix::event::epoll::{self, EventData, EventFlags};

use super::socket::{self, Moved};
use super::{Request, Tally};

/// A body to send from; what is in it does not matter.
static BODY: [u8; 64 << 10] = [b'b'; 64 << 10];

/// What the engine is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// The connection is gone and a new one wanted.
    Again,
}

#[derive(Debug)]
pub(super) struct Client {
    to: SocketAddr,
    request: Request,
    /// After so many requests it only holds its connection.
    left: Option<u64>,
    socket: Option<OwnedFd>,
    /// Whether the socket is watched for space to send.
    watched: bool,
    sent: usize,
    /// What has come of a head that is not complete.
    head: Vec<u8>,
    /// How much of the body is to come, once the head is there.
    body_left: Option<usize>,
    /// The response is complete; the proxy has still to close the connection.
    closing: bool,
    start: Instant,
}

impl Client {
    pub(super) fn new(to: SocketAddr, request: Request, left: Option<u64>) -> Self {
        Self {
            to,
            request,
            left,
            socket: None,
            watched: false,
            sent: 0,
            head: Vec::new(),
            body_left: None,
            closing: false,
            start: Instant::now(),
        }
    }

    /// How long it has been waiting for a response.
    pub(super) fn waiting_for(&self) -> Duration {
        if self.closing || self.left == Some(0) { Duration::ZERO } else { self.start.elapsed() }
    }

    /// Opens a connection and sends as much of the request as can be sent at once.
    pub(super) fn connect(&mut self, epoll: &OwnedFd, slot: usize, tally: &mut Tally) -> Step {
        self.begin();
        self.closing = false;
        self.socket = None;
        let Ok(socket) = socket::connect(self.to, self.request.body > 0) else {
            tally.errors.refused += 1;
            tally.refused_in_a_row += 1;
            return Step::Again;
        };
        // On loopback the connection is there by now, and takes the request: then nobody needs to be
        // told when it can be written to.
        self.push(&socket);
        self.watched = !self.is_sent();
        let flags = if self.watched { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        // It fails when there is no memory left, and then nothing measured is worth anything.
        if epoll::add(epoll, &socket, EventData::new_u64(slot as u64), flags).is_err() {
            tally.errors.refused += 1;
            return Step::GoOn;
        }
        self.socket = Some(socket);
        Step::GoOn
    }

    pub(super) fn event(
        &mut self,
        epoll: &OwnedFd,
        slot: usize,
        flags: EventFlags,
        buffer: &mut [u8],
        tally: &mut Tally,
    ) -> Step {
        if flags.contains(EventFlags::OUT) && self.send(epoll, slot, tally) == Step::Again {
            return Step::Again;
        }
        if flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
            return self.receive(epoll, slot, buffer, tally);
        }
        Step::GoOn
    }

    fn begin(&mut self) {
        self.sent = 0;
        self.head.clear();
        self.body_left = None;
        self.start = Instant::now();
    }

    fn is_sent(&self) -> bool {
        self.sent == self.request.head.len() + self.request.body
    }

    /// Sends what can be sent. If that is nothing because the connection is at its end, the receiving
    /// side will know why.
    fn push(&mut self, socket: &OwnedFd) {
        while !self.is_sent() {
            let bytes = match self.request.head.get(self.sent..) {
                Some(head) if !head.is_empty() => head,
                _ => &BODY[..BODY.len().min(self.request.head.len() + self.request.body - self.sent)],
            };
            let Moved::Bytes(count) = socket::send(socket, bytes) else { return };
            self.sent += count;
        }
    }

    fn send(&mut self, epoll: &OwnedFd, slot: usize, tally: &mut Tally) -> Step {
        let Some(socket) = self.socket.take() else { return Step::GoOn };
        self.push(&socket);
        let done = self.is_sent();
        let mut step = Step::GoOn;
        if self.watched == done {
            let flags = if done { EventFlags::IN } else { EventFlags::IN | EventFlags::OUT };
            if epoll::modify(epoll, &socket, EventData::new_u64(slot as u64), flags).is_err() {
                step = self.failed(tally);
            }
            self.watched = !done;
        }
        self.socket = Some(socket);
        step
    }

    fn receive(&mut self, epoll: &OwnedFd, slot: usize, buffer: &mut [u8], tally: &mut Tally) -> Step {
        loop {
            let Some(socket) = &self.socket else { return Step::GoOn };
            let moved = match self.body_left {
                Some(left) if left > 0 => socket::discard(socket, buffer, left),
                _ => socket::receive(socket, &mut buffer[..16 << 10]),
            };
            let count = match moved {
                Moved::Bytes(count) => count,
                Moved::Later => return Step::GoOn,
                Moved::End(_) => return self.ended(tally),
            };
            if self.closing || self.left == Some(0) {
                // Nobody asked for these bytes.
                tally.errors.short += 1;
                return Step::Again;
            }
            match self.body_left {
                Some(left) => self.body_left = Some(left - count),
                None => match self.read_head(&buffer[..count]) {
                    Head::Incomplete => {}
                    Head::Wrong(status) => {
                        *(if status { &mut tally.errors.status } else { &mut tally.errors.short }) += 1;
                        return Step::Again;
                    }
                    Head::Body(left) => self.body_left = Some(left),
                },
            }
            if self.body_left == Some(0) {
                return self.complete(epoll, slot, tally);
            }
            // What is small came at once: asking for more would cost a call that brings nothing.
            if self.body_left.is_none() {
                return Step::GoOn;
            }
        }
    }

    fn complete(&mut self, epoll: &OwnedFd, slot: usize, tally: &mut Tally) -> Step {
        tally.requests += 1;
        tally.refused_in_a_row = 0;
        tally.latencies.add(self.start.elapsed());
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                return Step::GoOn;
            }
        }
        if self.request.reconnect {
            self.closing = true;
            return Step::GoOn;
        }
        self.begin();
        self.send(epoll, slot, tally)
    }

    /// The proxy has closed the connection.
    fn ended(&self, tally: &mut Tally) -> Step {
        if self.closing {
            return Step::Again;
        }
        self.failed(tally)
    }

    fn failed(&self, tally: &mut Tally) -> Step {
        if self.body_left.is_some() || !self.head.is_empty() {
            tally.errors.short += 1;
        } else {
            tally.errors.reset += 1;
        }
        // A proxy that takes connections only to cut them is not there either.
        tally.refused_in_a_row += 1;
        Step::Again
    }

    fn read_head(&mut self, bytes: &[u8]) -> Head {
        let whole = if self.head.is_empty() {
            bytes
        } else {
            self.head.extend_from_slice(bytes);
            &self.head
        };
        let Some(end) = memmem::find(whole, b"\r\n\r\n") else {
            if self.head.is_empty() {
                self.head.extend_from_slice(bytes);
            }
            return Head::Incomplete;
        };
        let (head, body) = whole.split_at(end + 4);
        if !head.starts_with(b"HTTP/1.1 200") {
            return Head::Wrong(true);
        }
        // The origin always says how long its response is, and a proxy has no reason not to.
        match content_length(head).and_then(|length| length.checked_sub(body.len())) {
            Some(left) => Head::Body(left),
            None => Head::Wrong(false),
        }
    }
}

enum Head {
    Incomplete,
    /// Another status, or something that cannot be read.
    Wrong(bool),
    /// So much is still to come.
    Body(usize),
}

/// The value of `Content-Length` in a head.
pub(super) fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut rest = head;
    while let Some(at) = memchr(b'\n', rest) {
        rest = &rest[at + 1..];
        if rest.len() > NAME.len() && rest[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let value = &rest[NAME.len()..];
            let end = memchr(b'\r', value)?;
            return str::from_utf8(&value[..end]).ok()?.trim().parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_found_whatever_the_case() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 12\r\n\r\n"), Some(12));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-length:7\r\n\r\n"), Some(7));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nx-content-length: 7\r\n\r\n"), None);
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), None);
    }
}
