//! Making connections to back-ends.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_model::{Address, Cluster, TcpKeepalive};
use causeway_reason::Failure;
use causeway_upstream::{ConnectError, connect_failure};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpStream, UnixStream};

use crate::io::Transport;

/// A connection that was made.
pub(crate) struct Connected {
    pub(crate) stream: Transport,
    /// Our end, for IP.
    pub(crate) local: Option<SocketAddr>,
}

/// Connects within the cluster's `connect_timeout`.
pub(crate) async fn connect(address: &Address, cluster: &Cluster) -> Result<Connected, Failure> {
    let begun = Instant::now();
    let fail = |error: ConnectError| connect_failure(address, error, begun.elapsed());
    let connecting = async {
        match address {
            Address::Ip(at) => connect_tcp(*at, cluster.tcp_keepalive.as_ref()).await,
            Address::Pipe { path, .. } => match UnixStream::connect(&**path).await {
                Ok(stream) => Ok(Connected { stream: Transport::Unix(stream), local: None }),
                Err(error) => Err(ConnectError::immediate(error)),
            },
        }
    };
    match tokio::time::timeout(cluster.connect_timeout, connecting).await {
        Ok(result) => result.map_err(fail),
        Err(_) => Err(fail(ConnectError::timeout(cluster.connect_timeout))),
    }
}

async fn connect_tcp(address: SocketAddr, keepalive: Option<&TcpKeepalive>) -> Result<Connected, ConnectError> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))
        .map_err(ConnectError::socket)?;
    // Messages leave in one write each; nothing is gained by waiting for more.
    socket.set_tcp_nodelay(true).map_err(ConnectError::socket)?;
    if let Some(keepalive) = keepalive {
        set_keepalive(&socket, keepalive).map_err(ConnectError::socket)?;
    }
    // A refusal by ICMP comes from a firewall, one by RST from the host: the error queue tells them apart.
    let watched = causeway_sys::watch_icmp_errors(&socket, address.is_ipv4()).is_ok();
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc_einprogress()) => {}
        Err(error) => return Err(ConnectError::immediate(error)),
    }
    let stream = TcpStream::from_std(socket.into()).map_err(ConnectError::socket)?;
    stream.writable().await.map_err(ConnectError::socket)?;
    if let Some(error) = stream.take_error().map_err(ConnectError::socket)? {
        let icmp = if watched { causeway_sys::take_icmp_error(&stream) } else { None };
        return Err(ConnectError::delayed(error, icmp));
    }
    if watched {
        // On an established connection the option would turn passing troubles into errors.
        let _ = causeway_sys::unwatch_icmp_errors(&stream, address.is_ipv4());
    }
    let local = stream.local_addr().ok();
    Ok(Connected { stream: Transport::Tcp(stream), local })
}

const fn libc_einprogress() -> i32 {
    115
}

fn set_keepalive(socket: &Socket, keepalive: &TcpKeepalive) -> io::Result<()> {
    let mut options = socket2::TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        options = options.with_time(time.max(Duration::from_secs(1)));
    }
    if let Some(interval) = keepalive.interval {
        options = options.with_interval(interval.max(Duration::from_secs(1)));
    }
    if let Some(probes) = keepalive.probes {
        options = options.with_retries(probes);
    }
    socket.set_tcp_keepalive(&options)
}
