//! Very many connections that all do the same little: slow clients, idle ones, ones that read nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many connections are being opened at a time: who opens thousands in a moment measures queues.
const AT_ONCE: usize = 64;

/// What each of them does.
#[derive(Clone, Debug)]
pub struct Crowd {
    to: SocketAddr,
    words: Arc<[u8]>,
    drip: Option<(Arc<[u8]>, Duration)>,
    reads: bool,
}

/// A crowd that is there. Dropping it closes all connections.
#[derive(Debug)]
pub struct Gathered {
    members: JoinSet<Fate>,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    ready: AtomicUsize,
    answered: AtomicUsize,
    ended: AtomicUsize,
}

/// What became of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Whether it was opened at all.
    pub opened: bool,
    /// The status of the first response, if one came.
    pub status: Option<u16>,
    /// Whether the other side closed it.
    pub closed: bool,
    /// How long it took from the first byte that was sent to the first that came, or to the end.
    pub took: Duration,
}

impl Crowd {
    /// Connections that say nothing and read whatever comes.
    #[must_use]
    pub fn to(to: SocketAddr) -> Self {
        Self { to, words: Arc::from(&b""[..]), drip: None, reads: true }
    }

    /// What each says first.
    #[must_use]
    pub fn says(mut self, words: impl AsRef<[u8]>) -> Self {
        self.words = words.as_ref().into();
        self
    }

    /// What each says again and again behind that, and how often.
    #[must_use]
    pub fn drips(mut self, drop: impl AsRef<[u8]>, every: Duration) -> Self {
        self.drip = Some((drop.as_ref().into(), every));
        self
    }

    /// Nobody reads a byte, and the kernel takes few.
    #[must_use]
    pub fn reads_nothing(mut self) -> Self {
        self.reads = false;
        self
    }

    /// So many of them. They come one after the other, and each goes on by itself.
    #[must_use]
    pub fn gather(&self, count: usize) -> Gathered {
        let (seen, turns) = (Arc::new(Seen::default()), Arc::new(Semaphore::new(AT_ONCE)));
        let mut members = JoinSet::new();
        for number in 0..count {
            let (crowd, seen, turns) = (self.clone(), Arc::clone(&seen), Arc::clone(&turns));
            members.spawn(async move {
                let fate = crowd.member(number, &seen, &turns).await;
                seen.ended.fetch_add(1, Ordering::AcqRel);
                fate
            });
        }
        Gathered { members, seen }
    }

    async fn member(&self, number: usize, seen: &Seen, turns: &Semaphore) -> Fate {
        let mut turn = turns.acquire().await.ok();
        let opened = self.open().await;
        let Some(mut stream) = opened else { return Fate::default() };
        let mut fate = Fate { opened: true, ..Fate::default() };
        let start = Instant::now();
        let said = stream.write_all(&self.words).await;
        // Who waits for an answer keeps the turn until it is there: otherwise a slow machine decides how many
        // requests there are at the same time.
        if self.words.is_empty() || self.drip.is_some() || !self.reads {
            drop(turn.take());
        }
        seen.ready.fetch_add(1, Ordering::AcqRel);
        if said.is_err() {
            return Fate { closed: true, took: start.elapsed(), ..fate };
        }
        if !self.reads {
            return std::future::pending().await;
        }
        // Not all in the same moment.
        let mut next = self.drip.as_ref().map(|(_, every)| {
            let share = u32::try_from(number % 100).unwrap_or(0);
            start + *every + *every * share / 100
        });
        let mut buffer = Vec::with_capacity(256);
        loop {
            let drip = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = stream.read_buf(&mut buffer) => {
                    if fate.status.is_none() {
                        fate.took = start.elapsed();
                    }
                    match count {
                        Ok(0) | Err(_) => return Fate { closed: true, ..fate },
                        Ok(_) => {
                            if fate.status.is_none() && buffer.len() >= 12 {
                                fate.status = status_of(&buffer);
                                seen.answered.fetch_add(1, Ordering::AcqRel);
                                next = None;
                                drop(turn.take());
                            }
                            if fate.status.is_some() {
                                buffer.clear();
                                buffer.shrink_to(256);
                            }
                        }
                    }
                }
                () = drip => {
                    if let Some((drop, every)) = &self.drip {
                        // Whether it is still wanted is found out by reading.
                        let _ = stream.try_write(drop);
                        next = Some(Instant::now() + *every);
                    }
                }
            }
        }
    }

    async fn open(&self) -> Option<TcpStream> {
        let socket = if self.to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.ok()?;
        if !self.reads {
            socket.set_recv_buffer_size(4096).ok()?;
        }
        socket.connect(self.to).await.ok()
    }
}

impl Gathered {
    /// Connections that are open and have said what they say first.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.seen.ready.load(Ordering::Acquire)
    }

    /// Connections on which a response has begun.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.seen.answered.load(Ordering::Acquire)
    }

    /// Connections that have come to their end.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.seen.ended.load(Ordering::Acquire)
    }

    /// Waits for the end of all connections, at most so long, and says what became of those that ended.
    pub async fn fates(mut self, limit: Duration) -> Vec<Fate> {
        let end = Instant::now() + limit;
        let mut fates = Vec::new();
        while let Ok(Some(fate)) = tokio::time::timeout_at(end.into(), self.members.join_next()).await {
            fates.extend(fate.ok());
        }
        fates
    }
}

/// The status of an HTTP/1.1 response that begins with these bytes.
fn status_of(bytes: &[u8]) -> Option<u16> {
    std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Backend, Reply, eventually};

    #[tokio::test]
    async fn each_is_answered_and_counted() {
        let backend = Backend::start(Reply::ok("x")).await;
        let crowd = Crowd::to(backend.address()).says("GET / HTTP/1.1\r\nHost: a\r\n\r\n").gather(100);
        assert!(eventually(Duration::from_secs(5), async || crowd.answered() == 100).await);
        assert_eq!((crowd.ready(), crowd.ended(), backend.open_connections()), (100, 0, 100));
        drop(crowd);
        assert!(eventually(Duration::from_secs(5), async || backend.open_connections() == 0).await);
    }

    #[tokio::test]
    async fn drops_complete_a_request_and_fates_are_told() {
        let backend = Backend::start(Answer::from(Reply::status(408)).then_close()).await;
        let crowd = Crowd::to(backend.address()).says("GET / HTTP/1.1\r\nHost: a\r\n");
        let crowd = crowd.drips("\r\n", Duration::from_millis(50)).gather(3);
        let fates = crowd.fates(Duration::from_secs(5)).await;
        assert_eq!(fates.len(), 3);
        let right = |fate: &Fate| fate.status == Some(408) && fate.closed && fate.took.as_millis() >= 50;
        assert!(fates.iter().all(right), "{fates:?}");
    }

    #[tokio::test]
    async fn who_reads_nothing_stops_the_sender() {
        let backend = Backend::start(Answer::fill(64 << 20)).await;
        let crowd = Crowd::to(backend.address()).says("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let crowd = crowd.reads_nothing().gather(2);
        assert!(eventually(Duration::from_secs(5), async || backend.requests() == 2).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((backend.open_connections(), crowd.ended()), (2, 0));
    }
}
