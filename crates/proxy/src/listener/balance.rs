//! Sharing connections out exactly (`connection_balance_config.exact_balance`).
//!
//! The kernel shares connections out by their addresses, which for a few that live long may leave workers idle.
//! Here each goes to the worker with the fewest connections of its listener, whoever took it. A reload begins to
//! count anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use causeway_model::Address;
use tokio::net::UnixStream;

use super::SocketKey;
use crate::io::{Socket, Transport};
use crate::moment::Moment;
use crate::worker::Place;

/// How many connections of a listener each worker has.
#[derive(Debug)]
pub(crate) struct Balance(Box<[AtomicU64]>);

impl Balance {
    /// For so many workers, none of which has any.
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self((0..workers).map(|_| AtomicU64::new(0)).collect()))
    }

    /// The worker that is to have a connection which `own` took; itself, if no other has fewer.
    pub(super) fn choose(self: &Arc<Self>, own: usize) -> Turn {
        loop {
            let counts = || self.0.iter().map(|count| count.load(Relaxed)).enumerate();
            let least = counts().min_by_key(|(worker, count)| (*count, *worker != own));
            let Some((worker, count)) = least else { break Turn { balance: Arc::clone(self), worker: own } };
            // Where another worker was faster, the fewest may be elsewhere by now.
            let taken = self
                .0
                .get(worker)
                .is_some_and(|cell| cell.compare_exchange(count, count + 1, Relaxed, Relaxed).is_ok());
            if taken {
                break Turn { balance: Arc::clone(self), worker };
            }
        }
    }
}

/// One connection among those of its worker, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    balance: Arc<Balance>,
    /// Whose connection it is.
    pub(super) worker: usize,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(count) = self.balance.0.get(self.worker) {
            count.fetch_sub(1, Relaxed);
        }
    }
}

/// A connection on its way from the worker that took it to the one that serves it.
#[derive(Debug)]
pub(crate) struct HandedOver {
    /// The socket that it came by.
    pub(crate) key: SocketKey,
    pub(super) stream: Bare,
    pub(super) remote: Address,
    pub(super) local: Address,
    /// When it was taken.
    pub(super) opened: Moment,
    pub(super) place: Option<Place>,
    pub(super) turn: Turn,
}

/// A connection that no worker's runtime knows.
#[derive(Debug)]
pub(super) enum Bare {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Bare {
    /// Takes a connection away from the runtime of this thread. Fails where the runtime fails.
    pub(super) fn from_transport(stream: Transport) -> std::io::Result<Self> {
        Ok(match stream {
            Transport::Tcp(socket) => Self::Tcp(socket.into_std()?),
            Transport::Unix(stream) => Self::Unix(stream.into_std()?),
            // Its keys are of this worker; none is handed over behind its handshake.
            Transport::Tls(_) => return Err(std::io::ErrorKind::Unsupported.into()),
        })
    }

    /// Gives it to the runtime of this thread. Fails where the runtime fails.
    pub(super) fn into_transport(self) -> std::io::Result<Transport> {
        Ok(match self {
            Self::Tcp(stream) => Transport::Tcp(Socket::unwatched(stream)),
            Self::Unix(stream) => Transport::Unix(UnixStream::from_std(stream)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_goes_where_the_fewest_are_and_stays_where_it_can() {
        let balance = Balance::new(3);
        let turns: Vec<_> = (0..6).map(|_| balance.choose(1)).collect();
        let workers: Vec<_> = turns.iter().map(|turn| turn.worker).collect();
        assert_eq!(workers, [1, 0, 2, 1, 0, 2]);
        // Two of one worker have gone.
        drop(turns.into_iter().filter(|turn| turn.worker == 0).collect::<Vec<_>>());
        let turns: Vec<_> = (0..2).map(|_| balance.choose(1).worker).collect();
        assert_eq!(turns, [1, 1], "all of them have gone");
    }
}
