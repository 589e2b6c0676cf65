//! Sockets that never block.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, Result};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// What an attempt to move bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Bytes(usize),
    /// Nothing now.
    Later,
    /// The connection is at its end; false if it was cut.
    End(bool),
}

pub(super) fn listen() -> Result<(OwnedFd, SocketAddr)> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, FLAGS, None)?;
    net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    net::listen(&socket, 4096)?;
    let address = SocketAddr::try_from(net::getsockname(&socket)?)?;
    Ok((socket, address))
}

pub(super) fn accept(listener: &OwnedFd) -> Result<OwnedFd> {
    let socket = net::accept_with(listener, FLAGS)?;
    net::sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// A connection that is established, or about to be. One that carries bodies does not hold back the
/// last piece of them; a request without one goes out at once anyway.
pub(super) fn connect(to: SocketAddr, bodies: bool) -> Result<OwnedFd> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, FLAGS, None)?;
    if bodies {
        net::sockopt::set_tcp_nodelay(&socket, true)?;
    }
    match net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(e) => Err(e),
    }
}

pub(super) fn send(socket: impl AsFd, bytes: &[u8]) -> Moved {
    moved(net::send(socket, bytes, SendFlags::NOSIGNAL), false)
}

pub(super) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Moved {
    moved(net::recv(socket, buffer, RecvFlags::empty()).map(|(_, count)| count), true)
}

/// Throws away at most so many bytes without copying them.
pub(super) fn discard(socket: impl AsFd, buffer: &mut [u8], most: usize) -> Moved {
    let most = most.min(buffer.len());
    moved(net::recv(socket, &mut buffer[..most], RecvFlags::TRUNC).map(|(_, count)| count), true)
}

fn moved(result: Result<usize>, receiving: bool) -> Moved {
    match result {
        Ok(0) if receiving => Moved::End(true),
        Ok(count) => Moved::Bytes(count),
        // A connection that is still being made is not ready to send.
        Err(Errno::AGAIN | Errno::INTR | Errno::NOTCONN) => Moved::Later,
        Err(_) => Moved::End(false),
    }
}
