//! A TLS connection.
//!
//! While nothing moves, it holds its keys and no buffer: what arrives is read into room that all connections of the
//! thread share, and decrypted there. What is left over (half a record, or more data than somebody has asked for)
//! is kept until it is asked for.
//!
//! A write counts as written when the kernel has taken all of its records, so that whoever writes feels a slow
//! peer at once. One that has to wait is to be repeated with the same bytes at its beginning.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker, ready};

use rustls::{CommonState, Error};
use tokio::io::ReadBuf;

use super::Transport;
use super::session::{AROUND, RECORD, Sending, Session};

/// Data that is encrypted and written at once at most.
const AT_ONCE: usize = 4 * RECORD;

/// Least and most bytes of records that are read at once: a flight of a handshake, and as much as is written.
const READ: (usize, usize) = (4 * 1024, AT_ONCE);

/// Header of a record: type, version, length.
const HEADER: usize = 5;

thread_local! {
    /// Room to work in, for whoever works at the moment.
    static ROOM: RefCell<Room> = RefCell::default();
}

#[derive(Default)]
struct Room {
    /// Records on their way in; never shorter than it was.
    incoming: Vec<u8>,
    /// Records on their way out.
    outgoing: Vec<u8>,
    /// Data from several places that becomes one record.
    joined: Vec<u8>,
}

/// A TLS connection over another one.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: Transport,
    session: Session,
    /// Records, or pieces of one, that were read and not used up.
    records: Vec<u8>,
    /// Nothing can be made of them until more has come.
    stalled: bool,
    /// Data that was decrypted and not asked for yet, from `taken` on.
    data: Vec<u8>,
    taken: usize,
    /// Records that wait to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// Bytes of data in `out` of which the writer has not been told that they are written.
    untold: usize,
    /// Nothing more comes.
    ended: bool,
    /// The session is broken, or nothing more is to be said.
    finished: bool,
}

/// Why a TLS connection does not come to be, or does not go on.
#[derive(Debug)]
pub(crate) enum TlsError {
    /// One of the two sides refuses the other.
    Tls(Error),
    /// The peer closed, or the connection broke.
    Io(io::Error),
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Tls(error) => Self::new(io::ErrorKind::InvalidData, error),
            TlsError::Io(error) => error,
        }
    }
}

impl TlsStream {
    /// A connection whose handshake is to be done, with what has been read from it already.
    pub(crate) const fn new(socket: Transport, session: Session, read: Vec<u8>) -> Self {
        Self {
            socket,
            session,
            records: read,
            stalled: false,
            data: Vec::new(),
            taken: 0,
            out: Vec::new(),
            written: 0,
            untold: 0,
            ended: false,
            finished: false,
        }
    }

    /// What both sides know of each other.
    pub(crate) fn session(&self) -> &CommonState {
        self.session.common()
    }

    /// What lies below.
    pub(crate) const fn socket(&self) -> &Transport {
        &self.socket
    }

    /// Makes closing it a reset, behind which nothing is said.
    pub(crate) fn reset_on_close(&mut self) {
        self.finished = true;
        self.socket.reset_on_close();
    }

    /// Does the handshake, as far as it goes.
    ///
    /// # Errors
    ///
    /// Where there will be no connection. The peer has been told why, where it can be told.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        loop {
            ready!(self.poll_flush(cx)).map_err(TlsError::Io)?;
            // A client speaks first, and without having heard anything.
            if self.session().is_handshaking() && self.records.is_empty() && !self.session().wants_read() {
                self.process(0, &mut ReadBuf::new(&mut [])).map_err(TlsError::Tls)?;
                continue;
            }
            if !self.session().is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
            if self.ended && self.session().is_handshaking() {
                return Poll::Ready(Err(TlsError::Io(io::ErrorKind::UnexpectedEof.into())));
            }
        }
    }

    /// Reads data; nothing is the end of it.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        loop {
            self.take_data(room);
            if room.filled().len() > before || room.remaining() == 0 || self.ended {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx, room))?;
            if self.finished && self.ended {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Ready once there is something to read, or the end. May be ready too early.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.taken < self.data.len() || self.ended || (self.has_record() && !self.stalled) {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_read_ready(cx)
    }

    /// Writes some of the data of several slices; where it is `last`, what is written is its end, and the peer is
    /// told so.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        ready!(self.poll_flush(cx))?;
        if self.untold > 0 {
            return Poll::Ready(Ok(std::mem::take(&mut self.untold).min(all)));
        }
        ROOM.with_borrow_mut(|room| {
            room.outgoing.clear();
            let taken = match self.encrypt(slices, all, room) {
                Ok(taken) => taken,
                Err(error) => {
                    // What the peer is told of it.
                    self.out.append(&mut room.outgoing);
                    let _ = self.poll_flush(cx);
                    return Poll::Ready(Err(TlsError::Tls(error).into()));
                }
            };
            if last && taken == all && !std::mem::replace(&mut self.finished, true) {
                self.send(Sending::Close, &mut room.outgoing).map_err(TlsError::Tls)?;
            }
            let mut written = 0;
            while let Some(rest) = room.outgoing.get(written..).filter(|rest| !rest.is_empty()) {
                let result = if last {
                    self.socket.poll_write_last(cx, rest)
                } else {
                    self.socket.poll_write(cx, rest)
                };
                match result {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => written += count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.out.extend_from_slice(rest);
                        self.untold = taken;
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(taken))
        })
    }

    /// Writes what waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(self.socket.poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.written = 0;
        self.out = Vec::new();
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written. Never waits.
    pub(crate) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.finished, true) {
            let mut out = std::mem::take(&mut self.out);
            // During a handshake there is nothing to say.
            let _ = self.send(Sending::Close, &mut out);
            self.out = out;
        }
        // What the kernel does not take now, the peer does not get: nobody waits for it.
        let _ = self.poll_flush(cx);
        self.socket.shutdown_write(cx);
    }

    /// Puts some of the data behind `outgoing`, in records that are as full as can be, and says how much.
    fn encrypt(&mut self, slices: &[IoSlice<'_>], all: usize, room: &mut Room) -> Result<usize, Error> {
        let most = all.min(AT_ONCE);
        let mut taken = 0;
        // A head and the beginning of what follows it become one record.
        if slices.len() > 1 && slices.first().is_some_and(|first| first.len() < RECORD) {
            room.joined.clear();
            for slice in slices {
                let count = slice.len().min(RECORD - room.joined.len());
                room.joined.extend_from_slice(slice.get(..count).unwrap_or_default());
            }
            self.send(Sending::Data(&room.joined), &mut room.outgoing)?;
            taken = room.joined.len();
        }
        let mut at = 0;
        for slice in slices {
            let from = taken.saturating_sub(at).min(slice.len());
            at += slice.len();
            let rest = slice.get(from..).unwrap_or_default();
            let piece = rest.get(..rest.len().min(most - taken)).unwrap_or_default();
            if !piece.is_empty() {
                self.send(Sending::Data(piece), &mut room.outgoing)?;
                taken += piece.len();
            }
        }
        Ok(taken)
    }

    /// Puts something behind `out`, encrypted.
    fn send(&mut self, sending: Sending<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let data = &mut self.data;
        let mut sink = |piece: &[u8]| {
            data.extend_from_slice(piece);
            true
        };
        let progress = self.session.drive(&mut self.records, Some(sending), out, &mut sink);
        self.records.drain(..progress.used);
        self.ended |= progress.closed;
        match progress.error {
            Some(error) => {
                self.finished = true;
                Err(error)
            }
            None => Ok(()),
        }
    }

    /// Hands out data that is there already.
    fn take_data(&mut self, room: &mut ReadBuf<'_>) {
        let rest = self.data.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let count = rest.len().min(room.remaining());
        room.put_slice(rest.get(..count).unwrap_or_default());
        self.taken += count;
        if self.taken == self.data.len() {
            self.taken = 0;
            self.data = Vec::new();
        }
    }

    /// Whether a whole record has been read.
    fn has_record(&self) -> bool {
        match self.records.get(..HEADER) {
            Some([_, _, _, high, low]) => {
                self.records.len() >= HEADER + usize::from(u16::from_be_bytes([*high, *low]))
            }
            _ => false,
        }
    }

    /// Reads once, unless there is something to work on already, and works on it.
    fn poll_receive(&mut self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<Result<(), TlsError>> {
        let result = if self.has_record() && !self.stalled {
            self.process(0, room)
        } else {
            let wanted = (room.remaining() + AROUND).clamp(READ.0, READ.1);
            let held = self.records.len();
            let read = ready!(ROOM.with_borrow_mut(|shared| {
                if shared.incoming.len() < held + wanted {
                    shared.incoming.resize(held + wanted, 0);
                }
                let space = shared.incoming.get_mut(held..held + wanted).unwrap_or_default();
                let mut space = ReadBuf::new(space);
                self.socket.poll_read_buf(cx, &mut space).map_ok(|()| space.filled().len())
            }))
            .map_err(TlsError::Io)?;
            if read == 0 {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            self.process(read, room)
        };
        // Tickets, alerts and new keys leave with what is written next, if not now.
        if !self.out.is_empty()
            && let Poll::Ready(Err(_)) = self.poll_flush(cx)
        {
            self.out = Vec::new();
            self.written = 0;
        }
        Poll::Ready(result.map_err(TlsError::Tls))
    }

    /// Works on what has been read, of which `read` bytes lie in the room of the thread behind where the older ones
    /// belong.
    fn process(&mut self, read: usize, room: &mut ReadBuf<'_>) -> Result<(), Error> {
        ROOM.with_borrow_mut(|shared| {
            let held = self.records.len();
            let all = held + read;
            if shared.incoming.len() < all {
                shared.incoming.resize(all, 0);
            }
            let input = shared.incoming.get_mut(..all).unwrap_or_default();
            if let Some(front) = input.get_mut(..held) {
                front.copy_from_slice(&self.records);
            }
            let data = &mut self.data;
            let mut came = false;
            let mut sink = |piece: &[u8]| {
                came = true;
                let count = piece.len().min(room.remaining());
                let (now, later) = piece.split_at_checked(count).unwrap_or_default();
                room.put_slice(now);
                data.extend_from_slice(later);
                room.remaining() > 0
            };
            let progress = self.session.drive(input, None, &mut self.out, &mut sink);
            let rest = input.get(progress.used..).unwrap_or_default();
            if rest.is_empty() {
                self.records = Vec::new();
            } else {
                self.records.clear();
                self.records.extend_from_slice(rest);
            }
            self.stalled = progress.used == 0 && !came;
            self.ended |= progress.closed;
            match progress.error {
                Some(error) => {
                    self.finished = true;
                    Err(error)
                }
                None => Ok(()),
            }
        })
    }
}

impl Drop for TlsStream {
    /// Says that nothing more comes, if that can be said at once.
    fn drop(&mut self) {
        if self.finished || self.session().is_handshaking() || self.written < self.out.len() {
            return;
        }
        let mut bye = Vec::new();
        if self.send(Sending::Close, &mut bye).is_ok() {
            // Whoever does not take it now will see the end of the connection.
            let _ = self.socket.poll_write(&mut Context::from_waker(Waker::noop()), &bye);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use causeway_testkit::Pki;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::buffer::{Buffer, BufferPool};

    async fn sockets() -> (Transport, Transport) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Transport::Tcp(client.into()), Transport::Tcp(listener.accept().await.unwrap().0.into()))
    }

    fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
        let pki = Pki::get();
        let mut roots = RootCertStore::empty();
        roots.add(pki.authority.root()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let identity = pki.identity("server");
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.chain(), identity.private_key())
            .unwrap();
        (Arc::new(client), Arc::new(server))
    }

    fn client(socket: Transport, config: Arc<ClientConfig>, name: &'static str) -> TlsStream {
        let name = ServerName::try_from(name).unwrap();
        let session = rustls::client::UnbufferedClientConnection::new(config, name).unwrap();
        TlsStream::new(socket, Session::Client(session), Vec::new())
    }

    fn server(socket: Transport, config: Arc<ServerConfig>) -> TlsStream {
        let session = rustls::server::UnbufferedServerConnection::new(config).unwrap();
        TlsStream::new(socket, Session::Server(session), Vec::new())
    }

    async fn shaken() -> (TlsStream, TlsStream) {
        let ((there, here), (for_client, for_server)) = (sockets().await, configs());
        let mut client = client(there, for_client, "lab.test");
        let mut server = server(here, for_server);
        let (one, other) =
            tokio::join!(poll_fn(|cx| client.poll_handshake(cx)), poll_fn(|cx| server.poll_handshake(cx)));
        one.unwrap();
        other.unwrap();
        (client, server)
    }

    async fn write_all(stream: &mut TlsStream, mut data: &[u8]) {
        while !data.is_empty() {
            let slices =
                [IoSlice::new(&data[..data.len().min(100)]), IoSlice::new(&data[data.len().min(100)..])];
            let count = poll_fn(|cx| stream.poll_write(cx, &slices, false)).await.unwrap();
            assert!(count > 0);
            data = &data[count..];
        }
    }

    async fn read_all(stream: &mut Transport, room: usize) -> Vec<u8> {
        let (pool, mut buffer, mut all) = (BufferPool::default(), Buffer::default(), Vec::new());
        loop {
            pool.make_room(&mut buffer, room);
            let count = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await.unwrap();
            if count == 0 {
                return all;
            }
            all.extend_from_slice(buffer.filled());
            buffer.consume(count);
        }
    }

    #[tokio::test]
    async fn what_is_written_arrives_whatever_room_it_is_read_into() {
        for (length, room) in [(1, 4096), (100_000, 4096), (5_000_000, 48 * 1024), (RECORD + 1, 16 * 1024)] {
            let (mut client, server) = shaken().await;
            let data: Vec<u8> = (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
            let mut server = Transport::Tls(Box::new(server));
            let send = async {
                write_all(&mut client, &data).await;
                poll_fn(|cx| {
                    client.shutdown_write(cx);
                    Poll::Ready(())
                })
                .await;
            };
            let ((), arrived) = tokio::join!(send, read_all(&mut server, room));
            assert!(arrived == data, "{length} bytes into {room}");
        }
    }

    #[tokio::test]
    async fn a_quiet_connection_holds_no_buffer() {
        let (mut client, mut server) = shaken().await;
        write_all(&mut client, b"hello").await;
        let mut room = [0; 64];
        let mut room = ReadBuf::new(&mut room);
        poll_fn(|cx| server.poll_read(cx, &mut room)).await.unwrap();
        assert_eq!(room.filled(), b"hello");
        // The client has tickets to read.
        let mut nothing = [0; 64];
        let mut nothing = ReadBuf::new(&mut nothing);
        poll_fn(|cx| Poll::Ready(client.poll_read(cx, &mut nothing).is_pending())).await;
        for stream in [&client, &server] {
            let held = stream.records.capacity() + stream.data.capacity() + stream.out.capacity();
            assert_eq!(held, 0);
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_dropped_says_so() {
        let (client, mut server) = shaken().await;
        drop(client);
        let mut room = [0; 64];
        let mut room = ReadBuf::new(&mut room);
        poll_fn(|cx| server.poll_read(cx, &mut room)).await.unwrap();
        assert!(room.filled().is_empty() && server.ended);
    }

    /// rustls remembers where half a message lies: it must not be asked about sending without it.
    #[tokio::test]
    async fn half_a_message_does_not_stop_what_is_sent() {
        let (mut client, mut server) = shaken().await;
        // Records of garbage in the place of the next ones: the sessions part, but nothing panics.
        server.records = vec![22, 3, 3, 0, 4, 1, 0, 1, 0, 22, 3, 3];
        assert!(poll_fn(|cx| server.poll_write(cx, &[IoSlice::new(b"x")], false)).await.is_err());
        drop(server);
        let mut room = [0; 64];
        let mut room = ReadBuf::new(&mut room);
        assert!(poll_fn(|cx| client.poll_read(cx, &mut room)).await.is_err(), "it is told by an alert");
    }

    #[tokio::test]
    async fn a_client_that_believes_nobody_says_why() {
        let ((there, here), (for_client, for_server)) = (sockets().await, configs());
        let mut client = client(there, for_client, "elsewhere.test");
        let mut server = server(here, for_server);
        let (one, other) =
            tokio::join!(poll_fn(|cx| client.poll_handshake(cx)), poll_fn(|cx| server.poll_handshake(cx)));
        assert!(matches!(one, Err(TlsError::Tls(Error::InvalidCertificate(_)))), "{one:?}");
        assert!(matches!(other, Err(TlsError::Tls(Error::AlertReceived(_)))), "{other:?}");
    }
}
