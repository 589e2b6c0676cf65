//! What the kernel knows of a TCP connection.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

/// The kernel's smoothed estimate of the round trip time of a connection (`tcpi_rtt` of `TCP_INFO`, tcp(7)).
///
/// # Errors
///
/// What the kernel says: the socket is none of TCP.
pub fn round_trip_time(socket: BorrowedFd<'_>) -> io::Result<Duration> {
    // SAFETY: all fields of the structure are numbers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let Ok(mut length) = libc::socklen_t::try_from(size_of_val(&info)) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // SAFETY: the descriptor is open for as long as it is borrowed. `info` is writable for `length` bytes, and
    // the kernel writes no more than that; whatever it leaves out stays zero.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::from_micros(u64::from(info.tcpi_rtt)))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_connection_has_a_round_trip_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        for end in [client, server] {
            let time = round_trip_time(end.as_fd()).unwrap();
            assert!(time > Duration::ZERO && time < Duration::from_secs(5), "{time:?}");
        }
    }

    #[test]
    fn other_sockets_have_none() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(round_trip_time(socket.as_fd()).is_err());
    }
}
