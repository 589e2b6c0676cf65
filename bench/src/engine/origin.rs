//! The server behind the proxies: it reads a request and sends one of three responses.

use std::os::fd::OwnedFd;

use memchr::memmem;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::client::content_length;
use super::socket::{self, Moved};

/// Which of the responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Small,
    Large,
    Missing,
}

/// The responses, whole.
#[derive(Debug)]
pub(super) struct Responses {
    small: Vec<u8>,
    large: Vec<u8>,
    missing: Vec<u8>,
}

impl Responses {
    pub(super) fn new() -> Self {
        let response = |status: &str, length: usize| {
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n");
            let mut bytes = head.into_bytes();
            bytes.resize(bytes.len() + length, b'x');
            bytes
        };
        Self {
            small: response("200 OK", 128),
            large: response("200 OK", 1 << 20),
            missing: response("404 Not Found", 0),
        }
    }

    fn bytes(&self, which: Which) -> &[u8] {
        match which {
            Which::Small => &self.small,
            Which::Large => &self.large,
            Which::Missing => &self.missing,
        }
    }
}

impl Which {
    fn of(head: &[u8]) -> Self {
        match head.split(|&b| b == b' ').nth(1) {
            Some(b"/large") => Self::Large,
            Some(b"/missing") => Self::Missing,
            _ => Self::Small,
        }
    }
}

/// One connection of a proxy.
#[derive(Debug)]
pub(super) struct Origin {
    socket: OwnedFd,
    /// What has come of a head that is not complete. It nearly always comes at once.
    head: Vec<u8>,
    body_left: usize,
    state: State,
    /// Whether the proxy has asked for the connection to be closed.
    last: bool,
    /// Whether the socket is watched for space to send.
    watched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Body(Which),
    Sending(Which, usize),
}

impl Origin {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket, head: Vec::new(), body_left: 0, state: State::Head, last: false, watched: false }
    }

    /// Goes on as far as it can; false when the connection is at its end.
    pub(super) fn event(
        &mut self,
        epoll: &OwnedFd,
        slot: usize,
        buffer: &mut [u8],
        responses: &Responses,
    ) -> bool {
        loop {
            let goes_on = match self.state {
                State::Head => self.read_head(buffer),
                State::Body(which) => self.read_body(buffer, which),
                State::Sending(which, sent) => self.send(epoll, slot, responses, which, sent),
            };
            match goes_on {
                // After a response the next request is not there yet; epoll tells when it is.
                Some(true) if self.state == State::Head => return !self.last,
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
    }

    /// Whether there was progress; nothing at the end of the connection.
    fn read_head(&mut self, buffer: &mut [u8]) -> Option<bool> {
        let count = match socket::receive(&self.socket, &mut buffer[..16 << 10]) {
            Moved::Bytes(count) => count,
            Moved::Later => return Some(false),
            Moved::End(_) => return None,
        };
        let bytes = &buffer[..count];
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
            return Some(false);
        };
        let (head, body) = whole.split_at(end + 4);
        let which = Which::of(head);
        self.last = memmem::find(head, b"onnection: close").is_some();
        self.body_left = content_length(head).unwrap_or(0).saturating_sub(body.len());
        self.head.clear();
        self.state = if self.body_left > 0 { State::Body(which) } else { State::Sending(which, 0) };
        Some(true)
    }

    fn read_body(&mut self, buffer: &mut [u8], which: Which) -> Option<bool> {
        match socket::discard(&self.socket, buffer, self.body_left) {
            Moved::Bytes(count) => {
                self.body_left -= count;
                if self.body_left == 0 {
                    self.state = State::Sending(which, 0);
                }
                Some(true)
            }
            Moved::Later => Some(false),
            Moved::End(_) => None,
        }
    }

    fn send(
        &mut self,
        epoll: &OwnedFd,
        slot: usize,
        responses: &Responses,
        which: Which,
        sent: usize,
    ) -> Option<bool> {
        let response = responses.bytes(which);
        let sent = match socket::send(&self.socket, &response[sent..]) {
            Moved::Bytes(count) => sent + count,
            Moved::Later => sent,
            Moved::End(_) => return None,
        };
        let done = sent == response.len();
        self.state = if done { State::Head } else { State::Sending(which, sent) };
        if self.watched == done {
            let flags = if done { EventFlags::IN } else { EventFlags::IN | EventFlags::OUT };
            epoll::modify(epoll, &self.socket, EventData::new_u64(slot as u64), flags).ok()?;
            self.watched = !done;
        }
        Some(done)
    }
}
