//! Ports for programs that must be told one in a file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// A TCP port that is ours until dropped.
///
/// The usual trick, to bind port 0, note the number and close the socket, lets somebody else have
/// the number before the proxy asks for it. Here the socket stays bound, with `SO_REUSEADDR` and
/// `SO_REUSEPORT` but without listening: the kernel gives the number to nobody who asks for any
/// port and to no outgoing connection, while a proxy that asks for this very number gets it, with
/// either option. Until then connections to it are refused, so it also serves as a dead back-end.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _held: Socket,
}

impl Port {
    /// A free port of 127.0.0.1.
    #[must_use]
    pub fn reserve() -> Self {
        Self::reserve_on(Ipv4Addr::LOCALHOST.into())
    }

    /// A free port of an address of this machine.
    #[must_use]
    pub fn reserve_on(ip: IpAddr) -> Self {
        let bind = || {
            let socket =
                Socket::new(Domain::for_address(SocketAddr::new(ip, 0)), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.set_reuse_port(true)?;
            socket.bind(&SocketAddr::new(ip, 0).into())?;
            let number = socket.local_addr()?.as_socket().map_or(0, |a| a.port());
            Ok::<_, std::io::Error>(Self { number, _held: socket })
        };
        bind().unwrap_or_else(|e| panic!("cannot reserve a port of {ip}: {e}"))
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn is_refused_until_somebody_listens_who_asks_for_it() {
        let port = Port::reserve();
        let address = (Ipv4Addr::LOCALHOST, port.number());
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        let _listener = TcpListener::bind(address).expect("the holder must not be in the way");
        TcpStream::connect(address).expect("the listener gets the connection, not the holder");
    }

    #[test]
    fn many_are_all_different() {
        let ports: Vec<_> = (0..200).map(|_| Port::reserve()).collect();
        let numbers: HashSet<_> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 200);
    }
}
