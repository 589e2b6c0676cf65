//! Where lines go: datagrams over UDP, or a connection to a host of a cluster.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use causeway_model::{StatsReceiver, StatsSink};
use causeway_stats::{ScopeName, Shard};

use super::line::Style;
use crate::Process;

causeway_stats::schema! {
    /// `statsd.`: of sinks over TCP.
    enum TcpStat {
        /// Flushes that were lost because the receiver did not read.
        CxOverflow = counter "cx_overflow",
    }
}

/// A sink with its way to the receiver.
pub(super) struct Open {
    way: Way,
    pub(super) prefix: Box<str>,
    pub(super) style: Style,
}

enum Way {
    Datagrams {
        socket: UdpSocket,
        /// Lines share a datagram up to this many bytes.
        most: usize,
        datagram: Vec<u8>,
    },
    Cluster {
        name: Arc<str>,
        process: Arc<dyn Process>,
        /// It is made with the next flush where there is none.
        connection: Option<Box<dyn io::Write + Send>>,
        /// The lines of one flush.
        lines: Vec<u8>,
        stats: Shard<TcpStat>,
    },
}

impl Open {
    /// Takes what the sink needs. A connection is made later, since hosts may not be known yet.
    ///
    /// # Errors
    ///
    /// Where a socket for datagrams can't be had.
    pub(super) fn new(sink: &StatsSink, process: &Arc<dyn Process>) -> io::Result<Self> {
        let way = match &sink.to {
            StatsReceiver::Datagrams(address) => return Self::datagrams(sink, *address),
            StatsReceiver::Cluster(name) => {
                let registry = process.stats();
                let scope = registry.scope(ScopeName::root().then("statsd"));
                Way::Cluster {
                    name: Arc::clone(name),
                    connection: None,
                    lines: Vec::new(),
                    stats: scope.shard(registry.main_shard()),
                    process: Arc::clone(process),
                }
            }
        };
        Ok(Self { way, prefix: sink.prefix.clone(), style: Style::Statsd })
    }

    /// The same, of a sink for datagrams.
    ///
    /// # Errors
    ///
    /// As with [`Self::new`].
    pub(super) fn datagrams(sink: &StatsSink, address: SocketAddr) -> io::Result<Self> {
        let from = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(from)?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        let most = usize::try_from(sink.max_bytes_per_datagram).unwrap_or(usize::MAX);
        let way = Way::Datagrams { socket, most, datagram: Vec::new() };
        let style = if sink.tags { Style::DogStatsd } else { Style::Statsd };
        Ok(Self { way, prefix: sink.prefix.clone(), style })
    }

    /// Sends a line, or keeps it to be sent with others.
    pub(super) fn line(&mut self, line: &[u8]) {
        match &mut self.way {
            Way::Datagrams { socket, most, datagram } => {
                if !datagram.is_empty() && datagram.len() + 1 + line.len() > *most {
                    send(socket, datagram);
                }
                if !datagram.is_empty() {
                    datagram.push(b'\n');
                }
                datagram.extend_from_slice(line);
                if datagram.len() >= *most {
                    send(socket, datagram);
                }
            }
            Way::Cluster { lines, .. } => {
                lines.extend_from_slice(line);
                lines.push(b'\n');
            }
        }
    }

    /// Sends what is left of a flush. What can't be sent is lost, as the protocol has it; a connection that failed is
    /// made anew with the next flush.
    pub(super) fn flush(&mut self) {
        match &mut self.way {
            Way::Datagrams { socket, datagram, .. } => send(socket, datagram),
            Way::Cluster { name, process, connection, lines, stats } => {
                let lines = std::mem::take(lines);
                let open = connection.take().and_then(|mut stream| stream.flush().is_ok().then_some(stream));
                let mut stream = match open.map_or_else(|| process.connect_to(name), Ok) {
                    Ok(stream) => stream,
                    Err(error) => {
                        tracing::debug!(target: "stats", "cannot connect to cluster {name} to send statistics: {error}");
                        return;
                    }
                };
                match stream.write_all(&lines) {
                    Ok(()) => *connection = Some(stream),
                    Err(error) => {
                        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                            stats.inc(TcpStat::CxOverflow);
                        }
                        tracing::debug!(target: "stats", "cannot send statistics to cluster {name}: {error}");
                    }
                }
            }
        }
    }
}

fn send(socket: &UdpSocket, datagram: &mut Vec<u8>) {
    if !datagram.is_empty() {
        // Nobody listens, or the network is full: statsd is told again soon.
        if let Err(error) = socket.send(datagram) {
            tracing::debug!(target: "stats", "cannot send statistics: {error}");
        }
        datagram.clear();
    }
}
