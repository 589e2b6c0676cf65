//! Traffic that goes on while something is reloaded, drained or broken.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::{Connection, NoResponse, Request};
use crate::stream::End;

/// A closed loop: each connection sends its next request when the response to the last is complete.
///
/// It counts what a user would notice. It is not for measuring speed; `causeway-bench` is.
#[derive(Clone, Debug)]
pub struct Load {
    to: SocketAddr,
    connections: usize,
    request: Request,
    pause: Duration,
    reconnect: bool,
}

/// Load that is being made.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<LoadReport>,
    stop: Arc<AtomicBool>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Complete responses by status.
    pub statuses: BTreeMap<u16, usize>,
    /// Responses that ended before they were complete.
    pub cut: usize,
    /// Requests whose connection was reset before the response.
    pub reset: usize,
    /// Requests whose connection was closed before the response: the server had closed it without
    /// having said so with `Connection: close`.
    pub closed: usize,
    /// Requests without a response in time.
    pub timed_out: usize,
    /// Connections that were refused.
    pub refused: usize,
    /// Connections that the server closed after it had said so.
    pub announced_closes: usize,
    /// How long complete responses took, sorted.
    pub latencies: Vec<Duration>,
}

impl Load {
    /// `GET /` on four connections.
    #[must_use]
    pub fn to(to: SocketAddr) -> Self {
        Self { to, connections: 4, request: Request::get("/"), pause: Duration::ZERO, reconnect: false }
    }

    /// So many connections at a time.
    #[must_use]
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count;
        self
    }

    /// Another request.
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.request = request;
        self
    }

    /// A pause between two requests of a connection.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// A new connection for each request.
    #[must_use]
    pub fn reconnect(mut self) -> Self {
        self.reconnect = true;
        self
    }

    /// Starts, in the runtime of the test.
    #[must_use]
    pub fn start(&self) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..self.connections {
            tasks.spawn(self.clone().work(Arc::clone(&stop)));
        }
        Running { tasks, stop }
    }

    /// Goes on for that long.
    pub async fn run(&self, time: Duration) -> LoadReport {
        let running = self.start();
        tokio::time::sleep(time).await;
        running.stop().await
    }

    async fn work(self, stop: Arc<AtomicBool>) -> LoadReport {
        let mut report = LoadReport::default();
        let mut open = None;
        while !stop.load(Ordering::Acquire) {
            let mut connection = match open.take() {
                Some(connection) => connection,
                None => match Connection::open(self.to).await {
                    Ok(connection) => connection,
                    Err(_) => {
                        report.refused += 1;
                        // A server that is not there must not be asked a million times.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                },
            };
            let start = Instant::now();
            connection.send(&self.request).await;
            let response = connection.response_at_once(self.request.method()).await;
            if report.note(response, start.elapsed()) && !self.reconnect {
                open = Some(connection);
            }
            tokio::time::sleep(self.pause).await;
        }
        report
    }
}

impl Running {
    /// Lets the requests that are under way finish, and reports.
    pub async fn stop(mut self) -> LoadReport {
        self.stop.store(true, Ordering::Release);
        let mut sum = LoadReport::default();
        while let Some(report) = self.tasks.join_next().await {
            sum.add(report.expect("a task of the load does not panic"));
        }
        sum.latencies.sort_unstable();
        sum
    }
}

impl LoadReport {
    /// Complete responses of class 2xx.
    #[must_use]
    pub fn ok(&self) -> usize {
        self.statuses.range(200..300).map(|(_, count)| count).sum()
    }

    /// Everything else that a user would call a failure.
    #[must_use]
    pub fn failed(&self) -> usize {
        let other: usize = self.statuses.values().sum::<usize>() - self.ok();
        other + self.cut + self.reset + self.closed + self.timed_out + self.refused
    }

    /// The time within which this share of the responses was complete.
    #[must_use]
    pub fn latency(&self, share: f64) -> Duration {
        let rank = share.clamp(0.0, 1.0) * self.latencies.len().saturating_sub(1) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of the list")]
        self.latencies.get(rank.round() as usize).copied().unwrap_or_default()
    }

    /// Counts one outcome; whether the connection can be used again.
    fn note(&mut self, response: Result<crate::Response, NoResponse>, took: Duration) -> bool {
        match response {
            Ok(response) if !response.complete => {
                self.cut += 1;
                false
            }
            Ok(response) => {
                *self.statuses.entry(response.status).or_default() += 1;
                self.latencies.push(took);
                self.announced_closes += usize::from(response.announces_close());
                !response.announces_close()
            }
            Err(none) => {
                match none.end {
                    End::Open => self.timed_out += 1,
                    End::Fin => self.closed += 1,
                    End::Reset => self.reset += 1,
                }
                false
            }
        }
    }

    fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.cut += other.cut;
        self.reset += other.reset;
        self.closed += other.closed;
        self.timed_out += other.timed_out;
        self.refused += other.refused;
        self.announced_closes += other.announced_closes;
        self.latencies.extend(other.latencies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Backend, Port, Reply, Script};

    #[tokio::test]
    async fn counts_what_became_of_each_request() {
        let outcomes = Script::in_turn([
            Answer::from(Reply::ok("fine")),
            Reply::status(503).into(),
            Reply::ok("last").header("connection", "close").into(),
            Answer::close(),
            Answer::reset(),
            Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut").then_close(),
            Reply::ok("fine").into(),
        ]);
        let backend = Backend::start(outcomes).await;
        let running = Load::to(backend.address()).connections(1).start();
        assert!(backend.wait_for_requests(8).await);
        let report = running.stop().await;
        assert!(report.ok() >= 3 && report.latency(0.5) > Duration::ZERO);
        assert_eq!((report.statuses[&503], report.closed, report.reset, report.cut), (1, 1, 1, 1));
        assert_eq!((report.announced_closes, report.failed()), (1, 4));
    }

    #[tokio::test]
    async fn refusals_are_failures() {
        let port = Port::reserve();
        let load = Load::to(([127, 0, 0, 1], port.number()).into()).reconnect();
        let report = load.run(Duration::from_millis(50)).await;
        assert_eq!(report.ok(), 0);
        assert!(report.refused > 0 && report.failed() == report.refused);
    }
}
