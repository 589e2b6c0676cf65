//! A connection over TCP, of which epoll learns only once somebody has to wait for it.
//!
//! Most clients that make a connection for one request have sent it by the time the connection is taken, and are gone
//! with its answer. Nobody waits for such a one, so telling epoll of it and telling it to forget it again would be a
//! quarter of the system calls that it costs.

use std::io::{self, IoSlice, Write as _};
use std::net::{self, Shutdown};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop;

/// A connection over TCP.
#[derive(Debug)]
pub(crate) struct Socket(State);

#[derive(Debug)]
enum State {
    /// Nobody has waited for it. `drained` says that the last read has found all there was.
    Unwatched { socket: net::TcpStream, drained: bool },
    /// The runtime tells who waits.
    Watched(TcpStream),
    /// The kernel had no memory to watch it, and so it was closed.
    Lost,
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self(State::Watched(stream))
    }
}

impl Socket {
    /// A connection that no runtime knows, and that does not block.
    pub(crate) const fn unwatched(socket: net::TcpStream) -> Self {
        Self(State::Unwatched { socket, drained: false })
    }

    /// Whether nobody would be woken by what happens to it.
    pub(crate) const fn is_unwatched(&self) -> bool {
        matches!(self.0, State::Unwatched { .. })
    }

    /// Has the runtime of this thread watch it from now on, where it does not already.
    ///
    /// # Errors
    ///
    /// Where the kernel can't: then the connection is closed.
    pub(crate) fn watch(&mut self) -> io::Result<&mut TcpStream> {
        if let State::Unwatched { .. } = self.0
            && let State::Unwatched { socket, .. } = std::mem::replace(&mut self.0, State::Lost)
        {
            self.0 = State::Watched(TcpStream::from_std(socket)?);
        }
        match &mut self.0 {
            State::Watched(stream) => Ok(stream),
            State::Unwatched { .. } | State::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Whether the peer has ended it, or it broke, where nobody watches it: the kernel is asked.
    pub(super) fn has_ended_unwatched(&self) -> bool {
        let State::Unwatched { socket, .. } = &self.0 else { return false };
        match rustix::io::retry_on_intr(|| recv(socket, &mut [0; 1], RecvFlags::PEEK)) {
            Ok((_, count)) => count == 0,
            Err(error) => error != Errno::AGAIN,
        }
    }

    /// Takes it away from the runtime. Fails where the runtime fails.
    pub(crate) fn into_std(self) -> io::Result<net::TcpStream> {
        match self.0 {
            State::Unwatched { socket, .. } => Ok(socket),
            State::Watched(stream) => stream.into_std(),
            State::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// What the kernel knows it by, for settings and questions.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            State::Unwatched { socket, .. } => Some(socket.as_fd()),
            State::Watched(stream) => Some(stream.as_fd()),
            State::Lost => None,
        }
    }

    /// Reads once; 0 is the end.
    ///
    /// The runtime is asked whether the socket is ready only where it is not known to be: most reads come when it has
    /// just said so. A read that fills all room may be followed by another at once, and so on for as long as the peer
    /// likes: such reads use up what a task may do before it has to let others run.
    ///
    /// The system call is made here and not by the C library, whose functions are points at which a thread may be
    /// cancelled, and prepare for that each time. So is that of [`Self::poll_write`]. Both are made for each message.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let wanted = room.len();
        loop {
            if coop::has_budget_remaining()
                && let Some(read) = self.once(Interest::READABLE, wanted, |socket| {
                    recv(socket, &mut *room, RecvFlags::empty()).map(|(count, _)| count)
                })
            {
                if matches!(read, Ok(count) if count == wanted)
                    && let Poll::Ready(used) = coop::poll_proceed(cx)
                {
                    used.made_progress();
                }
                return Poll::Ready(read);
            }
            ready!(self.watch()?.poll_read_ready(cx))?;
        }
    }

    /// Writes some of the bytes, as [`Self::poll_read`] reads. Whatever is written was read somewhere, so that this uses
    /// up nothing.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        flags: SendFlags,
    ) -> Poll<io::Result<usize>> {
        loop {
            if coop::has_budget_remaining()
                && let Some(written) =
                    self.once(Interest::WRITABLE, bytes.len(), |socket| send(socket, bytes, flags))
            {
                return Poll::Ready(written);
            }
            ready!(self.watch()?.poll_write_ready(cx))?;
        }
    }

    /// One system call that moves up to `wanted` bytes; `None` where it would have to wait. Where it moved fewer, the
    /// next one would have to wait, which is remembered: by the runtime, or until it is told of the connection.
    fn once(
        &mut self,
        interest: Interest,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        let mut call =
            |socket: BorrowedFd<'_>| rustix::io::retry_on_intr(|| call(socket)).map_err(io::Error::from);
        let moved = match &mut self.0 {
            State::Unwatched { drained: true, .. } if interest.is_readable() => return None,
            State::Unwatched { socket, drained } => {
                let moved = call(socket.as_fd());
                *drained |= interest.is_readable() && matches!(moved, Ok(1..) if is_short(&moved, wanted));
                moved
            }
            State::Watched(stream) => {
                let mut moved = Err(io::ErrorKind::WouldBlock.into());
                // What came of it is in `moved`.
                let _ = stream.try_io(interest, || {
                    moved = call(stream.as_fd());
                    if is_short(&moved, wanted) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
                });
                moved
            }
            State::Lost => return None,
        };
        match moved {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            moved => Some(moved),
        }
    }

    /// Reads once into room of any kind.
    pub(super) fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.watch()?).poll_read(cx, room)
    }

    /// Ready once there is something to read, or the end. Where nobody waits for it, a read tells whether there is.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            State::Watched(stream) => stream.poll_read_ready(cx),
            State::Unwatched { .. } | State::Lost => Poll::Ready(Ok(())),
        }
    }

    /// The same without waiting for it.
    pub(super) fn may_be_readable(&self) -> bool {
        match &self.0 {
            // Nothing is read, so nothing is known afterwards that was not before.
            State::Watched(stream) => stream.try_io(Interest::READABLE, || Ok(())).is_ok(),
            State::Unwatched { .. } | State::Lost => true,
        }
    }

    /// Writes some of the bytes of several slices.
    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_unwatched()
            && let moved @ Ok(_) = self.try_write_vectored(slices)
        {
            return Poll::Ready(moved);
        }
        Pin::new(self.watch()?).poll_write_vectored(cx, slices)
    }

    /// The same at once or not at all.
    pub(super) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.0 {
            State::Unwatched { socket, .. } => (&*socket).write_vectored(slices),
            State::Watched(stream) => stream.try_write_vectored(slices),
            State::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Says that nothing more will be written. Never waits.
    pub(super) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        match &mut self.0 {
            // It shuts down at once; an error means that the peer is gone already.
            State::Unwatched { socket, .. } => drop(socket.shutdown(Shutdown::Write)),
            State::Watched(stream) => drop(Pin::new(stream).poll_shutdown(cx)),
            State::Lost => {}
        }
    }
}

/// Whether a system call has moved fewer bytes than it could: the next one would have to wait.
fn is_short(moved: &io::Result<usize>, wanted: usize) -> bool {
    match moved {
        Ok(count) => *count != 0 && *count != wanted,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;

    /// A connection that nobody watches, and its client.
    fn pair() -> (Socket, net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (Socket::unwatched(socket), client)
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        let limited = async { tokio::time::timeout(Duration::from_secs(10), test).await };
        runtime.block_on(limited).expect("somebody who waits is not woken");
    }

    async fn read(socket: &mut Socket, room: usize) -> Vec<u8> {
        read_waiting(socket, room, || {}).await
    }

    /// Reads, and does this once nothing is there to be read.
    async fn read_waiting(socket: &mut Socket, room: usize, mut waiting: impl FnMut()) -> Vec<u8> {
        let mut bytes = vec![0; room];
        let reading = poll_fn(|cx| {
            let read = socket.poll_read(cx, &mut bytes);
            if read.is_pending() {
                waiting();
            }
            read
        });
        let count = reading.await.unwrap();
        bytes.truncate(count);
        bytes
    }

    async fn write(socket: &mut Socket, bytes: &[u8]) -> usize {
        poll_fn(|cx| socket.poll_write(cx, bytes, SendFlags::NOSIGNAL)).await.unwrap()
    }

    #[test]
    fn a_request_that_is_there_is_answered_without_being_waited_for() {
        run(async {
            let (mut socket, mut client) = pair();
            client.write_all(b"request").unwrap();
            assert_eq!(read(&mut socket, 4).await, b"requ");
            assert_eq!(read(&mut socket, 100).await, b"est");
            assert_eq!(write(&mut socket, b"answer").await, 6);
            assert!(socket.is_unwatched());
            drop(socket);
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "answer");
        });
    }

    #[test]
    fn who_waits_is_woken() {
        run(async {
            let (mut socket, mut client) = pair();
            for word in [&b"first"[..], b"second"] {
                let read = read_waiting(&mut socket, 100, || client.write_all(word).unwrap()).await;
                assert_eq!(read, word);
                assert!(!socket.is_unwatched());
            }
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read(&mut socket, 100).await, b"");
        });
    }

    #[test]
    fn what_comes_before_anybody_waits_is_not_missed() {
        run(async {
            let (mut socket, mut client) = pair();
            for word in [&b"first"[..], b"second", b"third"] {
                client.write_all(word).unwrap();
                assert_eq!(read(&mut socket, 100).await, word);
            }
        });
    }

    #[test]
    fn the_end_is_read_again_and_again() {
        run(async {
            let (mut socket, client) = pair();
            drop(client);
            for _ in 0..3 {
                assert_eq!(read(&mut socket, 100).await, b"");
            }
        });
    }

    #[test]
    fn who_writes_more_than_is_taken_waits_and_is_woken() {
        run(async {
            let (mut socket, client) = pair();
            let bytes = vec![7; 16 << 20];
            let (mut written, mut reader) = (0, None);
            while written < bytes.len() {
                let writing = poll_fn(|cx| {
                    let wrote = socket.poll_write(cx, &bytes[written..], SendFlags::NOSIGNAL);
                    if wrote.is_pending() && reader.is_none() {
                        let mut client = client.try_clone().unwrap();
                        reader =
                            Some(std::thread::spawn(move || client.read_to_end(&mut Vec::new()).unwrap()));
                    }
                    wrote
                });
                written += writing.await.unwrap();
            }
            assert!(!socket.is_unwatched());
            let mut cx = Context::from_waker(Waker::noop());
            socket.shutdown_write(&mut cx);
            assert_eq!(reader.unwrap().join().unwrap(), bytes.len());
        });
    }
}
