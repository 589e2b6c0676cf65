//! Making connections, and saying why one could not be made.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use causeway_model::{Address, BindConfig, SocketOption, TcpKeepalive};
use causeway_reason::{Failure, Reason};
use causeway_sys::{
    IcmpError, IcmpKind, bind_address_no_port, disable_recverr, enable_recverr, set_socket_option,
    take_icmp_error,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::words::Short;

/// Where connecting failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectPhase {
    /// No socket could be made: look at this process's limits.
    Socket,
    /// The call itself failed: the fault is on this host, in its routes, ports or permissions.
    Immediate,
    /// An answer came from the network: the fault is there.
    Delayed,
}

/// A connection to a host.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// Why a connection could not be made, from all that is known of it. The evidence names address, cause
/// and time; the transport failure is in Envoy's words. `icmp` is what [`take_icmp_error`] found.
#[must_use]
pub fn connect_failure(
    address: &Address,
    error: &io::Error,
    phase: ConnectPhase,
    elapsed: Duration,
    icmp: Option<IcmpError>,
) -> Failure {
    let (reason, words) = explain(address, error, phase, elapsed, icmp);
    let text = error_text(error);
    let failure = Failure::new(reason).with_evidence(format!("{address}: {words}"));
    match phase {
        ConnectPhase::Socket => failure.with_transport("socket creation failure"),
        ConnectPhase::Immediate => {
            failure.with_transport(format!("immediate connect error: {text}|remote address:{address}"))
        }
        ConnectPhase::Delayed => failure.with_transport(format!("delayed connect error: {text}")),
    }
}

/// Why a connection was given up: nobody answered for this long.
#[must_use]
pub fn connect_timeout(address: &Address, waited: Duration) -> Failure {
    Failure::new(Reason::ConnectTimeout).with_evidence(format!("{address}: {}", no_answer(waited)))
}

/// Where a connection comes from that is made in the name of a client (`original_src`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OriginalSource {
    /// The client's address; port 0 is one that the system chooses.
    pub address: SocketAddr,
    /// The mark of its packets; none where it is 0.
    pub mark: u32,
}

impl OriginalSource {
    /// This one, where another filter before it wanted `earlier`: what both say is as this one has it.
    #[must_use]
    pub fn over(self, earlier: Option<Self>) -> Self {
        let mark = if self.mark == 0 { earlier.map_or(0, |earlier| earlier.mark) } else { self.mark };
        Self { mark, ..self }
    }
}

/// Makes a connection. There is no time limit: the caller has one.
///
/// On TCP, `TCP_NODELAY` is set, an ICMP message that refuses the connection is taken notice of, and the
/// connection comes from where `source` says. A Unix socket comes from nowhere.
pub async fn connect(
    address: &Address,
    keepalive: Option<&TcpKeepalive>,
    source: Option<&BindConfig>,
) -> Result<Stream, Failure> {
    connect_from(address, keepalive, source, None).await
}

/// The same, but in the name of a client, whatever address `source` says; its options hold.
pub async fn connect_from(
    address: &Address,
    keepalive: Option<&TcpKeepalive>,
    source: Option<&BindConfig>,
    client: Option<&OriginalSource>,
) -> Result<Stream, Failure> {
    let settings = |socket: &Socket| {
        socket.set_tcp_nodelay(true)?;
        keepalive.map_or(Ok(()), |keepalive| set_keepalive(socket, keepalive))
    };
    let stream = reach(address, &settings, source, client).await?;
    if let (Stream::Tcp(tcp), Some(ip)) = (&stream, address.ip()) {
        // From here on a stray ICMP message must not end the connection.
        let _ = disable_recverr(tcp.as_fd(), ip.ip());
    }
    Ok(stream)
}

/// Finds out whether somebody listens there. The kernel is asked to put off the last step of the handshake, and the
/// attempt is reset before: the program behind the address never sees a connection on which nothing is said.
pub(crate) async fn probe(address: &Address, source: Option<&BindConfig>) -> Result<(), Failure> {
    let settings = |socket: &Socket| {
        socket.set_tcp_quickack(false)?;
        socket.set_linger(Some(Duration::ZERO))
    };
    reach(address, &settings, source, None).await.map(drop)
}

/// Makes a connection; `settings` are made on the socket if it is one of TCP.
async fn reach(
    address: &Address,
    settings: &dyn Fn(&Socket) -> io::Result<()>,
    source: Option<&BindConfig>,
    client: Option<&OriginalSource>,
) -> Result<Stream, Failure> {
    let began = Instant::now();
    let failed =
        |phase, error: &io::Error, icmp| connect_failure(address, error, phase, began.elapsed(), icmp);
    let at_once = |error: io::Error| failed(ConnectPhase::Immediate, &error, None);
    let (domain, protocol, target) = match address {
        Address::Ip(ip) => (Domain::for_address(*ip), Some(Protocol::TCP), SockAddr::from(*ip)),
        Address::Pipe { path, .. } => {
            // A leading NUL is how the kernel tells the abstract namespace.
            let path = path.strip_prefix('@').map_or_else(|| path.to_string(), |name| format!("\0{name}"));
            (Domain::UNIX, None, SockAddr::unix(path).map_err(at_once)?)
        }
    };
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), protocol)
        .map_err(|error| failed(ConnectPhase::Socket, &error, None))?;
    if let Some(ip) = address.ip() {
        // Without it a refusal by ICMP looks like one by the host, which is no reason to give up.
        let _ = enable_recverr(socket.as_fd(), ip.ip());
        settings(&socket).map_err(at_once)?;
        if let Some(source) = source {
            set_options(&socket, ip, source)?;
        }
        match (client, source) {
            (Some(client), _) => bind_as(&socket, ip, client)?,
            (None, Some(source)) => bind(&socket, ip, source)?,
            (None, None) => {}
        }
    }
    match socket.connect(&target) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(at_once(error)),
    }
    if protocol.is_none() {
        return UnixStream::from_std(socket.into()).map(Stream::Unix).map_err(at_once);
    }
    let stream = TcpStream::from_std(socket.into()).map_err(at_once)?;
    // An attempt that has not come to an end is neither writable nor in error.
    let ended = stream.ready(Interest::WRITABLE | Interest::ERROR).await;
    let error = match ended {
        Ok(ready) if !ready.is_error() && !ready.is_write_closed() => return Ok(Stream::Tcp(stream)),
        Ok(_) => stream.take_error(),
        Err(error) => Err(error),
    };
    // Without an error the peer has closed it since.
    let (Err(error) | Ok(Some(error))) = error else { return Ok(Stream::Tcp(stream)) };
    let icmp = take_icmp_error(stream.as_fd());
    Err(failed(ConnectPhase::Delayed, &error, icmp))
}

/// Sets what a socket has to be told before it is bound.
fn set_options(socket: &Socket, target: SocketAddr, config: &BindConfig) -> Result<(), Failure> {
    let failed =
        |words: String| Failure::new(Reason::SourceBindFailed).with_evidence(format!("{target}: {words}"));
    let source = config.source_for(target);
    if config.freebind {
        let set = if target.is_ipv4() { socket.set_freebind_v4(true) } else { socket.set_freebind_v6(true) };
        set.map_err(|error| failed(format!("`freebind` can't be set: {}", error_text(&error))))?;
    }
    for option in source.map_or(&config.socket_options, |source| &source.socket_options) {
        let SocketOption { level, name, value, .. } = option;
        set_socket_option(socket.as_fd(), *level, *name, value).map_err(|error| {
            let text = error_text(&error);
            failed(format!("the option {level}/{name} of `socket_options` can't be set: {text}"))
        })?;
    }
    Ok(())
}

/// Binds a socket to where its connection has to come from.
fn bind(socket: &Socket, target: SocketAddr, config: &BindConfig) -> Result<(), Failure> {
    let Some(source) = config.source_for(target).map(|source| source.address) else { return Ok(()) };
    if source.port() == 0 {
        // A port that is chosen for the pair of addresses is free as long as that pair has one left; one that
        // is chosen here has to be free for every target. Kernels that can't do it choose here.
        let _ = bind_address_no_port(socket.as_fd());
    }
    socket.bind(&SockAddr::from(source)).map_err(|error| {
        let text = error_text(&error);
        let why = match error.raw_os_error() {
            Some(libc::EADDRNOTAVAIL) => ": no interface of this host has that address",
            Some(libc::EINVAL | libc::EAFNOSUPPORT) if source.is_ipv4() != target.is_ipv4() => {
                ": the two are of different families"
            }
            _ => "",
        };
        Failure::new(Reason::SourceBindFailed)
            .with_evidence(format!("{target}: bind to {source}: {text}{why}"))
            .with_transport(format!("failed to bind to {source}: {text}"))
    })
}

/// Binds a socket to the address of a client, which is no address of this host.
fn bind_as(socket: &Socket, target: SocketAddr, client: &OriginalSource) -> Result<(), Failure> {
    let failed =
        |words: String| Failure::new(Reason::SourceBindFailed).with_evidence(format!("{target}: {words}"));
    let not_permitted = |error: &io::Error| match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            ": original_src needs a capability, `setcap cap_net_admin+ep` on the program gives it"
        }
        _ => "",
    };
    let transparent =
        if target.is_ipv4() { socket.set_ip_transparent_v4(true) } else { set_transparent_v6(socket) };
    transparent.map_err(|error| {
        failed(format!("IP_TRANSPARENT can't be set: {}{}", error_text(&error), not_permitted(&error)))
    })?;
    if client.mark != 0 {
        socket.set_mark(client.mark).map_err(|error| {
            let text = error_text(&error);
            failed(format!("the mark {} can't be set: {text}{}", client.mark, not_permitted(&error)))
        })?;
    }
    if client.address.port() == 0 {
        let _ = bind_address_no_port(socket.as_fd());
    }
    let source = client.address;
    socket.bind(&SockAddr::from(source)).map_err(|error| {
        let text = error_text(&error);
        if source.is_ipv4() == target.is_ipv4() {
            failed(format!("bind to the client's address {source}: {text}"))
                .with_transport(format!("failed to bind to {source}: {text}"))
        } else {
            // Envoy knows no word for it.
            failed(format!(
                "bind to the client's address {source}: {text}: the two are of different families"
            ))
        }
    })
}

/// `IPV6_TRANSPARENT`, ipv6(7).
fn set_transparent_v6(socket: &Socket) -> io::Result<()> {
    set_socket_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT, &1_i32.to_ne_bytes())
}

fn set_keepalive(socket: &Socket, keepalive: &TcpKeepalive) -> io::Result<()> {
    let mut settings = socket2::TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        settings = settings.with_time(time);
    }
    if let Some(interval) = keepalive.interval {
        settings = settings.with_interval(interval);
    }
    if let Some(probes) = keepalive.probes {
        settings = settings.with_retries(probes);
    }
    socket.set_tcp_keepalive(&settings)
}

/// The reason, and what happened in words that follow an address.
pub(crate) fn explain(
    address: &Address,
    error: &io::Error,
    phase: ConnectPhase,
    elapsed: Duration,
    icmp: Option<IcmpError>,
) -> (Reason, String) {
    let after = Short(elapsed);
    let text = error_text(error);
    let code = error.raw_os_error().unwrap_or(0);
    match (code, phase) {
        (libc::EAFNOSUPPORT, _) => {
            return (Reason::NetworkUnreachable, format!("{text}: this host does not speak IPv6"));
        }
        (libc::EMFILE | libc::ENFILE | libc::ENOBUFS, _) | (_, ConnectPhase::Socket) => {
            return (Reason::DescriptorsExhausted, format!("no socket could be made: {text}"));
        }
        _ => {}
    }
    if let Some(icmp) = icmp {
        return by_icmp(address, icmp, elapsed);
    }
    let here = phase == ConnectPhase::Immediate;
    match code {
        libc::ECONNREFUSED => {
            (Reason::ConnectRefused, format!("connection refused by the host after {after}"))
        }
        libc::ETIMEDOUT => (Reason::ConnectTimeout, no_answer(elapsed)),
        libc::EHOSTUNREACH if here => {
            (Reason::NetworkUnreachable, "a route of this host calls it unreachable".to_owned())
        }
        libc::EHOSTUNREACH => {
            (Reason::HostUnreachable, format!("{text} after {after}: it does not answer on its network"))
        }
        libc::ENETUNREACH if here => (Reason::NetworkUnreachable, "this host has no route to it".to_owned()),
        libc::ENETUNREACH => (Reason::HostUnreachable, format!("{text}, says a router, after {after}")),
        libc::ECONNRESET => (Reason::ConnectReset, format!("accepted and reset after {after}")),
        libc::EADDRNOTAVAIL => match address.ip().map(|ip| ip.is_ipv6()) {
            // Ports run out for IPv6 too, but a host without any IPv6 address is far more frequent.
            Some(true) => {
                (Reason::NetworkUnreachable, format!("{text}: this host has no IPv6 address to connect from"))
            }
            _ => (Reason::LocalPortsExhausted, format!("{text}: all local ports towards it are in use")),
        },
        libc::EACCES | libc::EPERM => (Reason::ConnectNotPermitted, text),
        libc::ENOENT => (Reason::SocketPathMissing, text),
        libc::EAGAIN if here => (Reason::ConnectFailed, format!("{text}: its accept queue is full")),
        _ => (Reason::ConnectFailed, format!("{text} after {after}")),
    }
}

fn by_icmp(address: &Address, icmp: IcmpError, elapsed: Duration) -> (Reason, String) {
    let after = Short(elapsed);
    let from = icmp.offender.map_or_else(|| "an unknown address".to_owned(), |ip: IpAddr| ip.to_string());
    // A host that answers can't be unreachable: a firewall of its own sent that.
    let itself = icmp.offender.is_some() && icmp.offender == address.ip().map(|ip| ip.ip());
    let what = match icmp.kind {
        IcmpKind::PortUnreachable => "port unreachable",
        IcmpKind::Prohibited => "administratively prohibited",
        IcmpKind::HostUnreachable => "host unreachable",
        IcmpKind::NetworkUnreachable => "network unreachable",
        IcmpKind::Other => "refused",
    };
    let words =
        format!("ICMP {what} (type {}, code {}) from {from} after {after}", icmp.message_type, icmp.code);
    let reason = match icmp.kind {
        IcmpKind::PortUnreachable | IcmpKind::Prohibited => Reason::ConnectRejected,
        IcmpKind::HostUnreachable | IcmpKind::NetworkUnreachable if itself => Reason::ConnectRejected,
        IcmpKind::HostUnreachable | IcmpKind::NetworkUnreachable => Reason::HostUnreachable,
        IcmpKind::Other => Reason::ConnectFailed,
    };
    (reason, words)
}

pub(crate) fn no_answer(waited: Duration) -> String {
    format!("no answer to the connection attempt for {}", Short(waited))
}

/// As the C library says it, without the number that Rust adds.
pub(crate) fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text.split_at(at).0.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(address: &str, code: i32, phase: ConnectPhase, icmp: Option<IcmpError>) -> Failure {
        let address = Address::Ip(address.parse().unwrap());
        let error = io::Error::from_raw_os_error(code);
        connect_failure(&address, &error, phase, Duration::from_micros(200), icmp)
    }

    #[test]
    fn every_error_has_its_reason_and_envoys_words() {
        use ConnectPhase::{Delayed, Immediate, Socket};
        for (code, phase, reason, transport) in [
            (
                libc::ECONNREFUSED,
                Delayed,
                Reason::ConnectRefused,
                "delayed connect error: Connection refused",
            ),
            (libc::EHOSTUNREACH, Delayed, Reason::HostUnreachable, "delayed connect error: No route to host"),
            (
                libc::EHOSTUNREACH,
                Immediate,
                Reason::NetworkUnreachable,
                "immediate connect error: No route to host|remote address:10.0.0.1:80",
            ),
            (
                libc::ENETUNREACH,
                Immediate,
                Reason::NetworkUnreachable,
                "immediate connect error: Network is unreachable|remote address:10.0.0.1:80",
            ),
            (
                libc::EACCES,
                Immediate,
                Reason::ConnectNotPermitted,
                "immediate connect error: Permission denied|remote address:10.0.0.1:80",
            ),
            (
                libc::EINVAL,
                Immediate,
                Reason::ConnectFailed,
                "immediate connect error: Invalid argument|remote address:10.0.0.1:80",
            ),
            (
                libc::EADDRNOTAVAIL,
                Immediate,
                Reason::LocalPortsExhausted,
                "immediate connect error: Cannot assign requested address|remote address:10.0.0.1:80",
            ),
            (libc::EMFILE, Socket, Reason::DescriptorsExhausted, "socket creation failure"),
            (
                libc::ECONNRESET,
                Delayed,
                Reason::ConnectReset,
                "delayed connect error: Connection reset by peer",
            ),
            (libc::ETIMEDOUT, Delayed, Reason::ConnectTimeout, "delayed connect error: Connection timed out"),
        ] {
            let failure = failure("10.0.0.1:80", code, phase, None);
            assert_eq!(failure.reason, reason, "{code}");
            assert_eq!(failure.transport.as_deref(), Some(transport), "{code}");
        }
        let six = failure("[::1]:80", libc::EADDRNOTAVAIL, Immediate, None);
        assert_eq!(six.reason, Reason::NetworkUnreachable);
    }

    #[test]
    fn a_message_tells_a_firewall_from_a_closed_port() {
        let icmp = |kind, code, offender: &str| {
            Some(IcmpError { kind, message_type: 3, code, offender: Some(offender.parse().unwrap()) })
        };
        let delayed = |code, icmp| failure("10.0.0.1:80", code, ConnectPhase::Delayed, icmp);
        let refused = delayed(libc::ECONNREFUSED, icmp(IcmpKind::PortUnreachable, 3, "10.0.0.1"));
        assert_eq!(refused.reason, Reason::ConnectRejected);
        assert_eq!(
            refused.evidence.as_deref(),
            Some("10.0.0.1:80: ICMP port unreachable (type 3, code 3) from 10.0.0.1 after 0.2 ms")
        );
        let prohibited = delayed(libc::EHOSTUNREACH, icmp(IcmpKind::Prohibited, 10, "10.0.0.254"));
        assert_eq!(prohibited.reason, Reason::ConnectRejected);
        // A router, or this kernel after nobody answered ARP.
        let router = delayed(libc::EHOSTUNREACH, icmp(IcmpKind::HostUnreachable, 1, "10.0.0.254"));
        assert_eq!(router.reason, Reason::HostUnreachable);
        // Who calls itself unreachable is there.
        let itself = delayed(libc::EHOSTUNREACH, icmp(IcmpKind::HostUnreachable, 1, "10.0.0.1"));
        assert_eq!(itself.reason, Reason::ConnectRejected);
    }

    #[test]
    fn a_refused_connection_says_how_long_it_took() {
        let failure = failure("10.0.0.1:80", libc::ECONNREFUSED, ConnectPhase::Delayed, None);
        let evidence = "10.0.0.1:80: connection refused by the host after 0.2 ms";
        assert_eq!(failure.evidence.as_deref(), Some(evidence));
    }
}
