//! Socket options by number, for configurations that name them so.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Level and name of TCP Fast Open on listening sockets; its value is the length of the queue (tcp(7)).
pub const TCP_FASTOPEN: (i32, i32) = (libc::IPPROTO_TCP, libc::TCP_FASTOPEN);

/// Sets a socket option to these bytes (setsockopt(2)).
///
/// # Errors
///
/// What the kernel says: the option is not known, its value is wrong, or it may not be set.
pub fn set_socket_option(socket: BorrowedFd<'_>, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let length =
        libc::socklen_t::try_from(value.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the descriptor is open for as long as it is borrowed, and `value` is readable for `length`
    // bytes. The kernel copies them and keeps no pointer. An option changes the socket, never memory of
    // this process: the few that register memory (such as TCP_ZEROCOPY_RECEIVE) are for getsockopt.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts off the choice of a local port from binding to connecting, so that it has to be free towards one
/// address only (`IP_BIND_ADDRESS_NO_PORT`, ip(7)); IPv6 sockets take it too.
///
/// # Errors
///
/// What the kernel says; before Linux 4.2 it does not know the option.
pub fn bind_address_no_port(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_socket_option(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &1_i32.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn an_option_is_set_by_number() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mark = 1_i32.to_ne_bytes();
        set_socket_option(listener.as_fd(), libc::SOL_SOCKET, libc::SO_KEEPALIVE, &mark).unwrap();
        assert!(socket2::SockRef::from(&listener).keepalive().unwrap());
    }

    #[test]
    fn the_kernel_says_what_is_wrong() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = set_socket_option(listener.as_fd(), libc::SOL_SOCKET, 9999, &[0; 4]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT));
    }
}
