//! A connection of HTTP/2 to a back-end.
//!
//! The codec is driven by a task of its own, which ends with the connection. Everything else – who may have a stream on
//! it, when it is to end – is decided here, by whoever asks for a stream or gives one back.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use causeway_model::{Address, ClusterHttpOptions, Http2Keepalive, Http2Options};
use causeway_upstream::{ClusterHttp2Stat, ClusterStat};
use h2::client::{Builder, Connection, SendRequest};
use tokio::time::Sleep;

use super::preface::preface;
use super::stream::UpstreamStream;
use super::watch::{Flood, Passed, Watch};
use super::wire::Wire;
use crate::cluster::LocalCluster;
use crate::connect::TlsFacts;
use crate::io::Transport;
use crate::moment::Moment;
use crate::pool::HostPool;
use crate::pool::connection::Life;
use crate::timer::Millis;
use crate::waker_cell::WakerCell;

/// Most bytes of one stream that the codec takes before they are sent.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that were reset, of which frames may still come.
const RESET_STREAMS: usize = 64;

/// The connections of HTTP/2 to one host.
#[derive(Debug, Default)]
pub(in crate::pool) struct Sessions {
    /// The one made last is at the end, and used first.
    pub(in crate::pool) open: RefCell<Vec<Rc<Session>>>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number, unique in the process.
    pub(super) id: u64,
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: Rc<Address>,
    /// What is known of its TLS, where it speaks it.
    pub(super) tls: Option<Rc<TlsFacts>>,
    pub(super) watch: Rc<Watch>,
    pub(super) made: Moment,
    made_at: Millis,
    pool: Rc<HostPool>,
    sender: RefCell<Option<SendRequest<Bytes>>>,
    /// Streams that may be open at once (`max_concurrent_streams`).
    most: u32,
    /// Streams that may ever be opened (`max_requests_per_connection`).
    most_served: Option<u32>,
    active: Cell<u32>,
    served: Cell<u32>,
    idle_since: Cell<Millis>,
    /// No more requests are sent on it.
    draining: Cell<bool>,
    /// It is closed by us, now.
    closing: Cell<bool>,
    ping_failed: Cell<bool>,
    /// A PING is wanted before the next request.
    ping_wanted: Cell<bool>,
    driver: WakerCell,
    /// Held for its `Drop`, until the connection ends.
    life: RefCell<Option<Life>>,
}

impl Session {
    /// Begins to speak HTTP/2 on a connection.
    ///
    /// # Errors
    ///
    /// Never, unless the codec's first bytes can't be taken, of which none reach the network.
    pub(in crate::pool) async fn begin(
        pool: &Rc<HostPool>,
        stream: Transport,
        local: Option<SocketAddr>,
        remote: Rc<Address>,
        http: &ClusterHttpOptions,
        life: Life,
    ) -> Result<Rc<Self>, h2::Error> {
        let options = http.protocol.http2().cloned().unwrap_or_default();
        let watch = Rc::new(Watch::new(&options));
        let wire = Wire::new(stream, Rc::clone(&watch), preface(&options));
        let (sender, connection) = codec(&options, http).handshake(wire).await?;
        let made = life.made();
        let session = Rc::new(Self {
            id: pool.worker.next_connection_id(),
            local,
            remote,
            tls: life.tls(),
            watch,
            made,
            made_at: pool.worker.timers.at(made),
            pool: Rc::clone(pool),
            sender: RefCell::new(Some(sender)),
            most: options.max_concurrent_streams,
            most_served: http.max_requests_per_connection,
            active: Cell::new(0),
            served: Cell::new(0),
            idle_since: Cell::new(pool.worker.now()),
            draining: Cell::new(false),
            closing: Cell::new(false),
            ping_failed: Cell::new(false),
            ping_wanted: Cell::new(false),
            driver: WakerCell::default(),
            life: RefCell::new(Some(life)),
        });
        let lasts = http.max_connection_duration;
        pool.worker.spawn(Rc::clone(&session).drive(connection, options.keepalive, lasts));
        Ok(session)
    }

    /// Whether another request may be sent on it now.
    pub(in crate::pool) fn has_room(&self) -> bool {
        if self.draining.get() || self.closing.get() || self.watch.goaway().is_some() {
            return false;
        }
        let mut sender = self.sender.borrow_mut();
        let Some(sender) = sender.as_mut() else { return false };
        let theirs = u32::try_from(sender.current_max_send_streams()).unwrap_or(u32::MAX);
        let mut quiet = Context::from_waker(Waker::noop());
        self.active.get() < self.most.min(theirs)
            && matches!(sender.poll_ready(&mut quiet), Poll::Ready(Ok(())))
    }

    /// A place for a request on it.
    pub(in crate::pool) fn take(self: &Rc<Self>) -> Box<UpstreamStream> {
        let now = self.pool.worker.now();
        let idle = if self.active.get() == 0 && self.served.get() > 0 {
            now.saturating_sub(self.idle_since.get())
        } else {
            0
        };
        self.active.set(self.active.get() + 1);
        self.served.set(self.served.get() + 1);
        if let Some(life) = &*self.life.borrow() {
            life.begin(self.served.get());
        }
        if self.most_served.is_some_and(|most| self.served.get() >= most) {
            self.count(ClusterStat::UpstreamCxMaxRequests);
            self.draining.set(true);
        }
        self.adjust_streams(1);
        if self.asks_after(idle) {
            self.ping_wanted.set(true);
            self.wake();
        }
        Box::new(UpstreamStream::new(Rc::clone(self), self.served.get(), idle))
    }

    fn asks_after(&self, idle: Millis) -> bool {
        let Some(cluster) = self.pool.cluster.upgrade() else { return false };
        let keepalive = cluster.config().http.protocol.http2().and_then(|options| options.keepalive);
        keepalive
            .and_then(|keepalive| keepalive.connection_idle_interval)
            .is_some_and(|least| idle >= crate::timer::millis(least))
    }

    /// Runs something with the codec's side that opens streams.
    pub(super) fn with_sender<T>(&self, run: impl FnOnce(&mut SendRequest<Bytes>) -> T) -> Option<T> {
        self.sender.borrow_mut().as_mut().map(run)
    }

    /// A stream that was taken is done with.
    pub(super) fn release(&self) {
        self.active.set(self.active.get() - 1);
        self.adjust_streams(-1);
        if self.active.get() == 0 {
            if self.draining.get() {
                self.close();
            } else {
                if let Some(life) = &*self.life.borrow() {
                    life.end();
                }
                self.idle_since.set(self.pool.worker.now());
                self.pool.look_after_idle();
            }
        }
        self.pool.serve_waiting();
    }

    /// Whether it was made before that moment.
    pub(in crate::pool) const fn is_older_than(&self, moment: Millis) -> bool {
        self.made_at < moment
    }

    /// When it became idle, where it is.
    pub(in crate::pool) const fn idle_since(&self) -> Option<Millis> {
        if self.active.get() == 0 { Some(self.idle_since.get()) } else { None }
    }

    /// No more requests are sent on it: it ends with those that are.
    pub(in crate::pool) fn drain(&self) {
        self.draining.set(true);
        if self.active.get() == 0 {
            self.close();
        }
    }

    /// Closes it with whatever is on it.
    pub(in crate::pool) fn close(&self) {
        self.draining.set(true);
        self.closing.set(true);
        self.wake();
    }

    /// The back-end broke a rule for which the whole connection has to pay, unless the file says otherwise.
    pub(super) fn broke_message_rules(&self) {
        self.count_http2(ClusterHttp2Stat::RxMessagingError);
        let lenient = self.pool.cluster.upgrade().is_none_or(|cluster| {
            let http2 = cluster.config().http.protocol.http2();
            http2.is_none_or(|options| options.stream_error_on_invalid_message)
        });
        if !lenient {
            self.count(ClusterStat::UpstreamCxProtocolError);
            self.close();
        }
    }

    /// A PING was not answered in time.
    pub(super) const fn has_failed_ping(&self) -> bool {
        self.ping_failed.get()
    }

    fn wake(&self) {
        self.driver.wake();
    }

    /// Drives the codec for as long as the connection lives.
    async fn drive(
        self: Rc<Self>,
        mut connection: Connection<Wire, Bytes>,
        keepalive: Option<Http2Keepalive>,
        lasts: Option<Duration>,
    ) {
        let mut pings = keepalive.and_then(|keepalive| {
            let jitter = |most| self.pool.worker.jitter(most);
            Some(Pings::new(connection.ping_pong()?, keepalive, jitter))
        });
        let old = lasts.map(|lasts| tokio::time::sleep((self.made + lasts).since(Moment::now())));
        let mut old = pin!(old);
        let mut before = Passed::default();
        let ended = poll_fn(|cx| {
            self.driver.register(cx);
            let ended = Pin::new(&mut connection).poll(cx);
            self.note(&mut before);
            if ended.is_ready() || self.closing.get() {
                return Poll::Ready(ended);
            }
            if let Some(time) = old.as_mut().as_pin_mut()
                && time.poll(cx).is_ready()
            {
                old.set(None);
                self.count(ClusterStat::UpstreamCxMaxDurationReached);
                self.drain();
            }
            if let Some(pings) = &mut pings {
                if self.ping_wanted.take() {
                    pings.send();
                }
                if pings.poll(cx).is_ready() {
                    self.count_http2(ClusterHttp2Stat::KeepaliveTimeout);
                    self.ping_failed.set(true);
                    return Poll::Ready(Poll::Pending);
                }
                // What was sent just now has to be written.
                if pings.sent.take() {
                    cx.waker().wake_by_ref();
                }
            }
            if self.closing.get() { Poll::Ready(Poll::Pending) } else { Poll::Pending }
        })
        .await;
        self.ended(ended);
        // Streams that are left are told that the connection is gone.
        drop(connection);
        self.pool.session_ended(&self);
    }

    /// Counts what has passed, and does what frames ask for.
    fn note(&self, before: &mut Passed) {
        let now = self.watch.passed();
        let Some(cluster) = self.pool.cluster.upgrade() else { return };
        let stats = cluster.stats();
        stats.add(ClusterStat::UpstreamCxRxBytesTotal, now.received - before.received);
        stats.add(ClusterStat::UpstreamCxTxBytesTotal, now.sent - before.sent);
        let http2 = cluster.http2();
        http2.add(ClusterHttp2Stat::RxReset, now.resets_received - before.resets_received);
        http2.add(ClusterHttp2Stat::TxReset, now.resets_sent - before.resets_sent);
        let settings = now.settings != before.settings;
        *before = now;
        if self.watch.goaway().is_some() && !self.draining.get() {
            stats.inc(ClusterStat::UpstreamCxCloseNotify);
            self.drain();
            self.pool.serve_waiting();
        } else if settings {
            // There may be room for more streams than before.
            self.pool.serve_waiting();
        }
    }

    /// The connection is at its end: says how, to those who count.
    fn ended(&self, ended: Poll<Result<(), h2::Error>>) {
        self.draining.set(true);
        self.closing.set(true);
        let flood = self.watch.flood();
        if let Some(flood) = flood {
            self.count_http2(match flood {
                Flood::Empty => ClusterHttp2Stat::InboundEmptyFramesFlood,
                Flood::Priority => ClusterHttp2Stat::InboundPriorityFramesFlood,
                Flood::WindowUpdate => ClusterHttp2Stat::InboundWindowUpdateFramesFlood,
            });
        }
        if self.watch.goaway_sent().is_some_and(|code| code != 0) {
            self.count_http2(ClusterHttp2Stat::GoawaySent);
        }
        let broken = match &ended {
            Poll::Ready(Err(error)) => error.is_library() || flood.is_some(),
            Poll::Pending | Poll::Ready(Ok(())) => false,
        };
        if broken {
            self.count(ClusterStat::UpstreamCxProtocolError);
        }
        // What a GOAWAY leaves has been served, and then the connection is ours to close.
        let announced = self.watch.goaway().is_some();
        if let Some(life) = &*self.life.borrow() {
            if ended.is_ready() && !broken && !announced {
                life.closed_by_peer();
            }
            if self.active.get() == 0 || announced {
                life.end();
            }
        }
        self.sender.borrow_mut().take();
        let life = self.life.borrow_mut().take();
        drop(life);
    }

    fn count(&self, stat: ClusterStat) {
        if let Some(cluster) = self.pool.cluster.upgrade() {
            cluster.stats().inc(stat);
        }
    }

    pub(super) fn count_http2(&self, stat: ClusterHttp2Stat) {
        if let Some(cluster) = self.pool.cluster.upgrade() {
            cluster.http2().inc(stat);
        }
    }

    fn adjust_streams(&self, by: i64) {
        if let Some(cluster) = self.pool.cluster.upgrade() {
            cluster.http2().adjust(ClusterHttp2Stat::StreamsActive, by);
        }
    }

    /// The cluster, unless it is gone.
    pub(super) fn cluster(&self) -> Option<Rc<LocalCluster>> {
        self.pool.cluster.upgrade()
    }
}

/// The codec with the settings that a back-end was told.
fn codec(options: &Http2Options, http: &ClusterHttpOptions) -> Builder {
    // Envoy counts names and values, the codec 32 bytes more for each field (RFC 9113 §6.5.2). The exact limit is kept
    // by whoever reads the head.
    let head = http.max_response_headers_kb_of_http2.saturating_mul(1024);
    let head = head.saturating_add(http.max_headers_count.saturating_add(1).saturating_mul(32));
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .header_table_size(options.hpack_table_size)
        .initial_window_size(options.initial_stream_window_size)
        .initial_connection_window_size(options.initial_connection_window_size)
        .initial_max_send_streams(usize::try_from(options.max_concurrent_streams).unwrap_or(usize::MAX))
        .max_header_list_size(head)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .max_send_buffer_size(SEND_BUFFER);
    for (identifier, value) in &options.custom_settings {
        // `SETTINGS_MAX_FRAME_SIZE`, within the bounds of RFC 9113 §6.5.2.
        if *identifier == 5 && (1 << 14..1 << 24).contains(value) {
            builder.max_frame_size(*value);
        }
    }
    builder
}

/// PING frames that ask whether the back-end is still there.
struct Pings {
    ping_pong: h2::PingPong,
    timeout: Duration,
    interval: Option<Duration>,
    next: Option<Pin<Box<Sleep>>>,
    late: Option<Pin<Box<Sleep>>>,
    sent: Cell<bool>,
}

impl Pings {
    fn new(
        ping_pong: h2::PingPong,
        keepalive: Http2Keepalive,
        jitter: impl FnOnce(Duration) -> Millis,
    ) -> Self {
        let interval = keepalive.interval.map(|interval| {
            let most = interval.mul_f64((keepalive.interval_jitter / 100.0).clamp(0.0, 1.0));
            interval + Duration::from_millis(jitter(most))
        });
        Self {
            ping_pong,
            timeout: keepalive.timeout,
            interval,
            next: interval.map(|interval| Box::pin(tokio::time::sleep(interval))),
            late: None,
            sent: Cell::new(false),
        }
    }

    fn send(&mut self) {
        // It fails where one is under way already, which is as good.
        if self.late.is_none() && self.ping_pong.send_ping(h2::Ping::opaque()).is_ok() {
            self.late = Some(Box::pin(tokio::time::sleep(self.timeout)));
            self.next = None;
            self.sent.set(true);
        }
    }

    /// Ready once an answer is late.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(late) = &mut self.late {
                if self.ping_pong.poll_pong(cx).is_ready() {
                    self.late = None;
                    self.next = self.interval.map(|interval| Box::pin(tokio::time::sleep(interval)));
                    continue;
                }
                return late.as_mut().poll(cx);
            }
            let due = self.next.as_mut().is_some_and(|next| next.as_mut().poll(cx).is_ready());
            if !due {
                return Poll::Pending;
            }
            self.send();
        }
    }
}
