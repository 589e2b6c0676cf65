//! Statistics that are sent: to statsd and its relatives.
//!
//! A thread of its own reads the cells that workers write, so that no worker ever waits for a sink. What can't be
//! sent at once is lost, as the protocol has it.

mod line;
mod receiver;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use causeway_model::StatsSink;
use causeway_stats::{Reading, Registry};

use crate::Process;
use crate::schema::ServerStats;
use crate::stats::Intervals;
use line::{write_histogram, write_number};
use receiver::Open;

/// The thread that sends statistics; it ends when this goes.
#[derive(Debug)]
pub struct StatsSinks {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StatsSinks {
    /// Begins to send to these, once in every interval. `alone` says that there is no admin server, which would
    /// bring the metrics of the process up to date.
    ///
    /// # Errors
    ///
    /// Where a socket or the thread can't be had.
    pub fn start(
        process: Arc<dyn Process>,
        sinks: &[StatsSink],
        interval: Duration,
        alone: bool,
    ) -> io::Result<Self> {
        let mut open = Vec::with_capacity(sinks.len());
        for sink in sinks {
            open.push(Open::new(sink, &process)?);
        }
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("stats-sinks".into()).spawn(move || {
            let server = alone.then(|| ServerStats::new(process.stats()));
            let mut flushes = Flushes::default();
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                if let Some(server) = &server {
                    server.refresh(process.state(), &process.info(), &process.vitals());
                }
                flushes.flush(process.stats(), &mut open);
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for StatsSinks {
    fn drop(&mut self) {
        self.stop = None;
        // It ends by itself now; what it is sending is the last.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What was sent last.
#[derive(Debug, Default)]
struct Flushes {
    counters: HashMap<String, u64>,
    intervals: Intervals,
}

impl Flushes {
    /// Sends what has been used at all: what counters have counted since the last time, gauges, and the values of
    /// histograms.
    fn flush(&mut self, registry: &Registry, sinks: &mut [Open]) {
        self.intervals.flush(registry);
        let readings = registry.read();
        let mut name = String::new();
        let mut line = Vec::new();
        for reading in &readings {
            for sample in reading.samples.iter().filter(|sample| sample.used) {
                name.clear();
                name.push_str(reading.scope.path());
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&sample.name);
                match &sample.reading {
                    Reading::Counter(count) => {
                        let before = self.counters.insert(name.clone(), *count).unwrap_or(0);
                        // Where counters were reset, what there is has come since.
                        let grown = i128::from(count.checked_sub(before).unwrap_or(*count));
                        for sink in &mut *sinks {
                            write_number(&mut line, sink.style, &sink.prefix, reading, sample, grown, "c");
                            sink.line(&line);
                        }
                    }
                    Reading::Gauge(level, _) => {
                        for sink in &mut *sinks {
                            let level = i128::from(*level);
                            write_number(&mut line, sink.style, &sink.prefix, reading, sample, level, "g");
                            sink.line(&line);
                        }
                    }
                    Reading::Histogram(_) => {
                        let values = self.intervals.of(&name);
                        for sink in &mut *sinks {
                            let (style, prefix) = (sink.style, sink.prefix.clone());
                            write_histogram(&mut line, style, &prefix, reading, sample, &values, |line| {
                                sink.line(line);
                            });
                        }
                    }
                }
            }
        }
        sinks.iter_mut().for_each(Open::flush);
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use causeway_model::StatsReceiver;
    use causeway_stats::ScopeName;

    use super::*;

    causeway_stats::schema! {
        enum Stat {
            Total = counter "upstream_rq_200",
            Never = counter "never",
            Active = gauge "active",
            Time = histogram "time",
        }
    }

    /// A receiver, and a sink that sends to it.
    fn pair(tags: bool, max_bytes_per_datagram: u64) -> (UdpSocket, Open) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let address = receiver.local_addr().unwrap();
        let to = StatsReceiver::Datagrams(address);
        let sink = StatsSink { to, prefix: "p".into(), tags, max_bytes_per_datagram };
        (receiver, Open::datagrams(&sink, address).unwrap())
    }

    fn receive(receiver: &UdpSocket, datagrams: usize) -> Vec<String> {
        let mut buffer = [0; 2048];
        (0..datagrams)
            .map(|_| {
                let length = receiver.recv(&mut buffer).unwrap();
                String::from_utf8(buffer[..length].to_vec()).unwrap()
            })
            .collect()
    }

    #[test]
    fn what_was_used_is_sent_and_counters_say_what_is_new() {
        let registry = Registry::new(1);
        let scope = ScopeName::root().then("cluster").tagged("envoy.cluster_name", "a");
        let shard = registry.scope::<Stat>(scope).shard(0);
        let (receiver, sink) = pair(false, 0);
        let (mut sinks, mut flushes) = (vec![sink], Flushes::default());
        shard.add(Stat::Total, 3);
        shard.set(Stat::Active, 2);
        shard.record(Stat::Time, 7);
        shard.record(Stat::Time, 7);
        flushes.flush(&registry, &mut sinks);
        assert_eq!(
            receive(&receiver, 4),
            [
                "p.cluster.a.upstream_rq_200:3|c",
                "p.cluster.a.active:2|g",
                "p.cluster.a.time:7|ms",
                "p.cluster.a.time:7|ms"
            ]
        );
        shard.inc(Stat::Total);
        flushes.flush(&registry, &mut sinks);
        assert_eq!(receive(&receiver, 2), ["p.cluster.a.upstream_rq_200:1|c", "p.cluster.a.active:2|g"]);
    }

    #[test]
    fn lines_with_tags_share_a_datagram() {
        let registry = Registry::new(1);
        let scope = ScopeName::root().then("cluster").tagged("envoy.cluster_name", "a");
        let shard = registry.scope::<Stat>(scope).shard(0);
        let (receiver, sink) = pair(true, 200);
        let mut sinks = [sink];
        shard.add(Stat::Total, 3);
        shard.set(Stat::Active, 2);
        (0..20).for_each(|_| shard.record(Stat::Time, 7));
        Flushes::default().flush(&registry, &mut sinks);
        assert_eq!(
            receive(&receiver, 1),
            ["p.cluster.upstream_rq:3|c|#envoy.response_code:200,envoy.cluster_name:a\n\
              p.cluster.active:2|g|#envoy.cluster_name:a\n\
              p.cluster.time:7|ms|@0.05|#envoy.cluster_name:a"]
        );
    }
}
