//! Binding, done by the main thread for all workers before anything is changed.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::Path;

use causeway_model::Address;
use causeway_sys::{TCP_FASTOPEN, set_socket_option};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{OptionKey, SocketKey};

/// Connections that wait in the kernel where the file says nothing: what the system allows.
const BACKLOG: i32 = i32::MAX;

/// A socket that can't be had.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: Address,
    /// This process listens there already, with other settings of the socket.
    pub ours: bool,
    /// Why.
    pub error: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot bind '{}': {}", self.address, words(&self.error))?;
        if self.ours {
            f.write_str(" by this process, with other socket settings: those can't be changed by a reload")?;
        }
        Ok(())
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

/// Sockets that are bound and do not listen.
#[derive(Debug)]
pub(crate) struct Reservation {
    key: SocketKey,
    workers: usize,
    /// One for each worker, or one for all.
    sockets: Vec<Socket>,
    /// Where they are bound: with the port that the system gave, where the file says 0.
    address: Address,
}

impl Reservation {
    /// Binds a socket, for each worker one of its own where the listener wants that. `ours` says that
    /// this process listens at the address already, so that binding it once more is no mistake.
    pub(crate) fn bind(key: &SocketKey, workers: usize, ours: bool) -> Result<Self, BindError> {
        let bound = match &key.address {
            Address::Ip(address) if key.reuse_port => bind_each(key, *address, workers, ours),
            Address::Ip(address) => bind_ip(key, *address, false).map(|socket| vec![socket]),
            Address::Pipe { path, mode } => bind_pipe(path, *mode).map(|socket| vec![socket]),
        };
        let sockets = bound.map_err(|error| key.fail(error, ours))?;
        let address = match sockets.first().and_then(|socket| socket.local_addr().ok()?.as_socket()) {
            Some(address) => Address::Ip(address),
            None => key.address.clone(),
        };
        Ok(Self { key: key.clone(), workers, sockets, address })
    }

    /// What it is for.
    pub(crate) const fn key(&self) -> &SocketKey {
        &self.key
    }

    /// Where it is bound.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    /// Begins to listen.
    pub(crate) fn listen(mut self) -> Result<Vec<WorkerSocket>, BindError> {
        let mut sockets = std::mem::take(&mut self.sockets);
        let listening = (|| {
            for socket in &sockets {
                listen(&self.key, socket)?;
            }
            while let Some(socket) = sockets.first().filter(|_| sockets.len() < self.workers) {
                sockets.push(socket.try_clone()?);
            }
            Ok(())
        })();
        match listening {
            Ok(()) => Ok(sockets.into_iter().map(|socket| self.key.worker_socket(socket)).collect()),
            Err(error) => Err(self.key.fail(error, false)),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Nobody will listen: the file would only be in the way.
        if let Address::Pipe { path, .. } = &self.key.address
            && !self.sockets.is_empty()
            && !path.starts_with('@')
        {
            // Where somebody removed it already, it is gone as it should be.
            let _ = std::fs::remove_file(&**path);
        }
    }
}

impl SocketKey {
    fn fail(&self, error: io::Error, ours: bool) -> BindError {
        BindError { address: self.address.clone(), ours, error }
    }

    fn worker_socket(&self, socket: Socket) -> WorkerSocket {
        let listener = match &self.address {
            Address::Ip(_) => WorkerListener::Tcp(socket.into()),
            Address::Pipe { .. } => WorkerListener::Unix(socket.into()),
        };
        WorkerSocket { key: self.clone(), listener }
    }
}

fn bind_each(
    key: &SocketKey,
    mut address: SocketAddr,
    workers: usize,
    ours: bool,
) -> io::Result<Vec<Socket>> {
    if !ours && address.port() != 0 {
        // With SO_REUSEPORT a second process would get half of the connections, and nobody would be
        // told. Without it, the kernel says that the port is taken.
        bind_ip(key, address, false)?;
    }
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers.max(1) {
        let socket = bind_ip(key, address, true)?;
        if address.port() == 0 {
            // The system chose a port: the others have to have the same.
            address.set_port(socket.local_addr()?.as_socket().map_or(0, |bound| bound.port()));
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

fn bind_ip(key: &SocketKey, address: SocketAddr, reuse_port: bool) -> io::Result<Socket> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
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
    socket.bind(&SockAddr::from(address))?;
    apply(&socket, &key.options, 1)?;
    Ok(socket)
}

fn bind_pipe(path: &str, mode: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    if let Some(name) = path.strip_prefix('@') {
        socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
        return Ok(socket);
    }
    // A file that nobody listens on is left over from a process that is gone.
    if Path::new(path).exists() && StdUnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    socket.bind(&SockAddr::unix(path)?)?;
    if mode != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(socket)
}

fn listen(key: &SocketKey, socket: &Socket) -> io::Result<()> {
    socket.listen(key.backlog.map_or(BACKLOG, |backlog| i32::try_from(backlog).unwrap_or(BACKLOG)))?;
    if let Some(length) = key.fast_open {
        let (level, name) = TCP_FASTOPEN;
        set_socket_option(socket.as_fd(), level, name, &length.to_ne_bytes())?;
    }
    apply(socket, &key.options, 2)
}

fn apply(socket: &Socket, options: &[OptionKey], stage: u8) -> io::Result<()> {
    for option in options.iter().filter(|option| option.stage == stage) {
        set_socket_option(socket.as_fd(), option.level, option.name, &option.value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: SocketAddr) -> SocketKey {
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
        other.bind(&SockAddr::from("127.0.0.1:0".parse::<SocketAddr>().unwrap())).unwrap();
        other.listen(1).unwrap();
        let address = other.local_addr().unwrap().as_socket().unwrap();
        let error = Reservation::bind(&key(address), 2, false).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot bind '{address}': Address already in use"));
        let reserved = Reservation::bind(&key(address), 2, true).unwrap();
        assert_eq!(reserved.listen().unwrap().len(), 2, "it is ours");
    }

    #[test]
    fn workers_share_the_port_that_the_system_gave() {
        let reserved = Reservation::bind(&key(([127, 0, 0, 1], 0).into()), 3, false).unwrap();
        let address = reserved.address().clone();
        for socket in reserved.listen().unwrap() {
            let WorkerListener::Tcp(listener) = socket.listener else { panic!("TCP") };
            assert_eq!(Address::Ip(listener.local_addr().unwrap()), address);
        }
    }

    #[test]
    fn nobody_is_taken_before_listening() {
        let probe = StdTcpListener::bind("127.0.0.1:0").unwrap();
        let address = probe.local_addr().unwrap();
        drop(probe);
        let reserved = Reservation::bind(&key(address), 1, false).unwrap();
        assert!(std::net::TcpStream::connect(address).is_err());
        let _listening = reserved.listen().unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok());
    }

    #[test]
    fn a_pipe_that_is_not_used_leaves_no_file() {
        let path = std::env::temp_dir().join(format!("causeway-pipe-{}", std::process::id()));
        let address = Address::Pipe { path: path.to_string_lossy().into(), mode: 0o600 };
        let key = SocketKey { address, reuse_port: false, ..key(([127, 0, 0, 1], 0).into()) };
        let reserved = Reservation::bind(&key, 2, false).unwrap();
        assert!(path.exists());
        drop(reserved);
        assert!(!path.exists());
        let listening = Reservation::bind(&key, 2, false).unwrap().listen().unwrap();
        assert_eq!(listening.len(), 2);
        assert!(StdUnixStream::connect(&path).is_ok());
        std::fs::remove_file(path).unwrap();
    }
}
