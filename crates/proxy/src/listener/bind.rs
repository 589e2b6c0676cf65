//! Binding, done by the main thread for all workers before anything is changed.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::Path;

use causeway_model::Address;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{OptionKey, SocketKey};

/// Connections that wait in the kernel where the file says nothing: what the system allows.
const BACKLOG: i32 = i32::MAX;

/// A socket that can't be bound.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: Address,
    /// Why.
    pub error: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot bind '{}': {}", self.address, words(&self.error))
    }
}

impl std::error::Error for BindError {}

/// The system's words without the number behind them.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// A socket of one worker.
#[derive(Debug)]
pub(crate) struct WorkerSocket {
    pub(crate) key: SocketKey,
    pub(crate) listener: WorkerListener,
}

/// A listening socket, not yet in a runtime.
#[derive(Debug)]
pub(crate) enum WorkerListener {
    Tcp(StdTcpListener),
    Unix(StdUnixListener),
}

/// Binds a socket for each worker. `ours` says that this process has the address already, so that
/// binding it once more is no mistake.
pub(crate) fn bind(key: &SocketKey, workers: usize, ours: bool) -> Result<Vec<WorkerListener>, BindError> {
    let fail = |error| BindError { address: key.address.clone(), error };
    match &key.address {
        Address::Ip(_) => {
            if key.reuse_port && !ours {
                // With SO_REUSEPORT a second process would get half of the connections, and nobody would
                // be told. Without it, the kernel says that the port is taken.
                tcp(key, false).map_err(fail)?;
            }
            if key.reuse_port {
                (0..workers).map(|_| tcp(key, true).map(WorkerListener::Tcp)).collect::<io::Result<_>>().map_err(fail)
            } else {
                let first = tcp(key, false).map_err(fail)?;
                let rest = (1..workers).map(|_| first.try_clone().map(WorkerListener::Tcp));
                let mut all = rest.collect::<io::Result<Vec<_>>>().map_err(fail)?;
                all.push(WorkerListener::Tcp(first));
                Ok(all)
            }
        }
        Address::Pipe { path, mode } => {
            let first = unix(path, *mode, key).map_err(fail)?;
            let rest = (1..workers).map(|_| first.try_clone().map(WorkerListener::Unix));
            let mut all = rest.collect::<io::Result<Vec<_>>>().map_err(fail)?;
            all.push(WorkerListener::Unix(first));
            Ok(all)
        }
    }
}

fn tcp(key: &SocketKey, reuse_port: bool) -> io::Result<StdTcpListener> {
    let Address::Ip(address) = &key.address else { return Err(io::ErrorKind::InvalidInput.into()) };
    let socket =
        Socket::new(Domain::for_address(*address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(!key.ipv4_compat)?;
    }
    // Accepted sockets inherit it, which saves each of them a system call.
    socket.set_tcp_nodelay(true)?;
    apply(&socket, &key.options, 0)?;
    socket.bind(&SockAddr::from(*address))?;
    apply(&socket, &key.options, 1)?;
    socket.listen(key.backlog.map_or(BACKLOG, |backlog| i32::try_from(backlog).unwrap_or(BACKLOG)))?;
    if let Some(length) = key.fast_open {
        causeway_sys::set_tcp_fast_open(&socket, length)?;
    }
    apply(&socket, &key.options, 2)?;
    Ok(socket.into())
}

fn apply(socket: &Socket, options: &[OptionKey], stage: u8) -> io::Result<()> {
    for option in options.iter().filter(|option| option.stage == stage) {
        causeway_sys::set_socket_option(socket, option.level, option.name, &option.value)?;
    }
    Ok(())
}

fn unix(path: &str, mode: u32, key: &SocketKey) -> io::Result<StdUnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    let backlog = key.backlog.map_or(BACKLOG, |backlog| i32::try_from(backlog).unwrap_or(BACKLOG));
    if let Some(name) = path.strip_prefix('@') {
        socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
        socket.listen(backlog)?;
        return Ok(socket.into());
    }
    // A file that nobody listens on is left over from a process that is gone.
    if Path::new(path).exists() && StdUnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    socket.bind(&SockAddr::unix(path)?)?;
    if mode != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: std::net::SocketAddr) -> SocketKey {
        SocketKey {
            address: Address::Ip(address),
            reuse_port: true,
            backlog: None,
            ipv4_compat: false,
            fast_open: None,
            options: Vec::new(),
        }
    }

    #[test]
    fn a_port_that_another_holds_is_said_though_it_could_be_shared() {
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        other.set_reuse_port(true).unwrap();
        other.bind(&SockAddr::from("127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap())).unwrap();
        other.listen(1).unwrap();
        let address = other.local_addr().unwrap().as_socket().unwrap();
        let error = bind(&key(address), 2, false).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot bind '{address}': Address already in use"));
        assert_eq!(bind(&key(address), 2, true).unwrap().len(), 2, "it is ours");
    }
}
