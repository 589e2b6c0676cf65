//! Connections to hosts of clusters over which statistics are sent.

use std::io::{self, Read as _, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_stats::Shard;
use causeway_upstream::{Cluster, ClusterStat, LoadBalancer, Stream, connect, connect_timeout};

/// How long a write may take: a receiver that does not read must not hold up the others for ever.
const WRITE: Duration = Duration::from_secs(2);

/// Connects to a host of the cluster, from the thread of the sinks, which has no runtime of its own.
/// `main` is the shard of statistics that no worker counts in.
pub(crate) fn connect_to(
    cluster: &Arc<Cluster>,
    main: usize,
    seed: u64,
) -> io::Result<Box<dyn Write + Send>> {
    let mut balancer = LoadBalancer::new(Arc::clone(cluster), main, seed);
    let failed = |failure: causeway_reason::Failure| {
        io::Error::other(failure.evidence.map_or_else(|| failure.reason.key().to_owned(), String::from))
    };
    let address = balancer.choose(Instant::now).map_err(failed)?.host.address();
    let config = cluster.config();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let stream = runtime.block_on(async {
        let connecting =
            connect(&address, config.tcp_keepalive.as_ref(), config.upstream_bind_config.as_deref());
        match tokio::time::timeout(config.connect_timeout, connecting).await {
            Ok(stream) => Ok(Bare::new(stream.map_err(failed)?)?),
            Err(_) => Err(failed(connect_timeout(&address, config.connect_timeout))),
        }
    })?;
    Ok(Box::new(SinkConnection { stream, stats: cluster.stats().shard(main) }))
}

/// A connection that counts what is sent.
struct SinkConnection {
    stream: Bare,
    stats: Shard<ClusterStat>,
}

enum Bare {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Bare {
    fn new(stream: Stream) -> io::Result<Self> {
        Ok(match stream {
            Stream::Tcp(stream) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                stream.set_write_timeout(Some(WRITE))?;
                Self::Tcp(stream)
            }
            Stream::Unix(stream) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                stream.set_write_timeout(Some(WRITE))?;
                Self::Unix(stream)
            }
        })
    }
}

impl Write for SinkConnection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.stream {
            Bare::Tcp(stream) => stream.write(bytes),
            Bare::Unix(stream) => stream.write(bytes),
        }?;
        self.stats.add(ClusterStat::UpstreamCxTxBytesTotal, written as u64);
        Ok(written)
    }

    /// Nothing is held back. Fails where the receiver has closed: what were written then would be lost.
    fn flush(&mut self) -> io::Result<()> {
        let mut some = [0; 256];
        let read = match &mut self.stream {
            Bare::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                let read = stream.read(&mut some);
                stream.set_nonblocking(false)?;
                read
            }
            Bare::Unix(stream) => {
                stream.set_nonblocking(true)?;
                let read = stream.read(&mut some);
                stream.set_nonblocking(false)?;
                read
            }
        };
        match read {
            Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}
