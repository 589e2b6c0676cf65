//! Why a connection was refused: the ICMP message behind the error number.
//!
//! A closed port answers a SYN with RST, a firewall's REJECT with an ICMP message, and `connect` fails
//! with ECONNREFUSED in both cases. With `IP_RECVERR` the kernel keeps the message in the socket's error
//! queue (ip(7)), where it can be told who sent it and with which code.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_void};

/// An ICMP message that ended a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// What it means.
    pub kind: IcmpKind,
    /// Type of the message: 3 is "destination unreachable" of ICMP (RFC 792), 1 that of ICMPv6
    /// (RFC 4443).
    pub message_type: u8,
    /// Its code.
    pub code: u8,
    /// Who sent it. An address of this host means that its own kernel gave up, such as when nobody
    /// answered ARP or neighbour discovery.
    pub offender: Option<IpAddr>,
}

/// What an ICMP message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpKind {
    /// "Port unreachable": no TCP stack says so, but `REJECT` of a firewall does.
    PortUnreachable,
    /// "Administratively prohibited", for the host, the network or this communication: a firewall.
    Prohibited,
    /// "Host unreachable", "address unreachable": nobody answers at the last hop.
    HostUnreachable,
    /// "Network unreachable", "no route": a router knows no way.
    NetworkUnreachable,
    /// Anything else.
    Other,
}

/// Makes the kernel keep ICMP messages for a TCP socket that is to be connected to this address. Turn it off once the
/// connection stands: with it, an ICMP message that would only slow an open connection down ends it.
pub fn enable_recverr(socket: BorrowedFd<'_>, peer: IpAddr) -> io::Result<()> {
    set_recverr(socket, peer, 1)
}

/// The opposite of [`enable_recverr`].
pub fn disable_recverr(socket: BorrowedFd<'_>, peer: IpAddr) -> io::Result<()> {
    set_recverr(socket, peer, 0)
}

/// Takes the oldest ICMP message out of the socket's error queue. `None` where there is none: then the
/// error came from the peer's TCP, as an RST, or from this kernel's routing.
#[must_use]
pub fn take_icmp_error(socket: BorrowedFd<'_>) -> Option<IcmpError> {
    // The message that comes back holds the kernel's `sock_extended_err` and the offender's address; 512
    // bytes hold both for any family. u64 gives the alignment that `cmsghdr` needs.
    let mut control = [0_u64; 64];
    let mut packet = [0_u8; 64];
    let mut part = libc::iovec { iov_base: packet.as_mut_ptr().cast::<c_void>(), iov_len: packet.len() };
    // SAFETY: `msghdr` is a C struct of integers and pointers, for all of which zero is a value.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast::<c_void>();
    message.msg_controllen = size_of_val(&control);
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the descriptor is borrowed and so open; `message` points to buffers that live until the end
    // of this function, with their true lengths, and no name buffer.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    if received < 0 {
        return None;
    }
    // SAFETY: `message` was filled by `recvmsg`; its control part lies in `control`.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !header.is_null() {
        // SAFETY: `CMSG_FIRSTHDR` and `CMSG_NXTHDR` give null or a header that lies completely in
        // `control`, aligned for it.
        let found = unsafe { header.read() };
        if matches!(
            (found.cmsg_level, found.cmsg_type),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
        ) {
            // SAFETY: `header` is a header in `control`, see above; its data stands behind it.
            let data = unsafe { libc::CMSG_DATA(header) }.cast_const();
            // The header's own claim, cut to what really follows in the buffer.
            let end = control.as_ptr_range().end.cast::<u8>();
            let room = (end as usize).saturating_sub(data as usize);
            let header_len = (data as usize).saturating_sub(header as usize);
            let len = found.cmsg_len.saturating_sub(header_len).min(room);
            // SAFETY: `data` points into `control`, which was initialised as a whole, and `len` bytes from
            // there lie inside it.
            let bytes = unsafe { std::slice::from_raw_parts(data, len) };
            return parse(bytes);
        }
        // SAFETY: as for `CMSG_FIRSTHDR`, and `header` came from there or from here.
        header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
    }
    None
}

fn set_recverr(socket: BorrowedFd<'_>, peer: IpAddr, on: c_int) -> io::Result<()> {
    let set = |level, name| {
        let len = libc::socklen_t::try_from(size_of_val(&on)).unwrap_or(4);
        // SAFETY: the descriptor is borrowed and so open; the value is an int that outlives the call, given
        // with its length.
        let done = unsafe {
            libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const on).cast::<c_void>(), len)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // An IPv6 socket may carry IPv4, whose messages the IPv4 option keeps; an IPv4 socket knows nothing
    // of the other.
    match peer {
        IpAddr::V4(_) => set(libc::SOL_IP, libc::IP_RECVERR),
        IpAddr::V6(_) => {
            let six = set(libc::SOL_IPV6, libc::IPV6_RECVERR);
            set(libc::SOL_IP, libc::IP_RECVERR).or(six)
        }
    }
}

/// `struct sock_extended_err` of linux/errqueue.h, and behind it the offender as a `sockaddr`.
fn parse(bytes: &[u8]) -> Option<IcmpError> {
    const ORIGIN_ICMP: u8 = 2;
    const ORIGIN_ICMP6: u8 = 3;
    // u32 errno, u8 origin, u8 type, u8 code, u8 pad, u32 info, u32 data.
    const OFFENDER: usize = 16;
    let (origin, message_type, code) = (*bytes.get(4)?, *bytes.get(5)?, *bytes.get(6)?);
    let kind = match (origin, message_type, code) {
        (ORIGIN_ICMP, 3, 3) | (ORIGIN_ICMP6, 1, 4) => IcmpKind::PortUnreachable,
        (ORIGIN_ICMP, 3, 9 | 10 | 13) | (ORIGIN_ICMP6, 1, 1 | 5 | 6) => IcmpKind::Prohibited,
        (ORIGIN_ICMP, 3, 1 | 7 | 12) | (ORIGIN_ICMP6, 1, 3) => IcmpKind::HostUnreachable,
        (ORIGIN_ICMP, 3, 0 | 6 | 11) | (ORIGIN_ICMP6, 1, 0) => IcmpKind::NetworkUnreachable,
        (ORIGIN_ICMP | ORIGIN_ICMP6, _, _) => IcmpKind::Other,
        // From this kernel's own routing, or not of ICMP at all.
        _ => return None,
    };
    Some(IcmpError { kind, message_type, code, offender: address(bytes.get(OFFENDER..)?) })
}

/// The IP address of a `sockaddr_in` or `sockaddr_in6`.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let family = c_int::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let octets = |at: usize| bytes.get(at..);
    match family {
        // u16 family, u16 port, the address.
        libc::AF_INET => Some(Ipv4Addr::from(*octets(4)?.first_chunk::<4>()?).into()),
        // u16 family, u16 port, u32 flow, the address.
        libc::AF_INET6 => Some(IpAddr::from(Ipv6Addr::from(*octets(8)?.first_chunk::<16>()?)).to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use socket2::{Domain, Socket, Type};

    use super::*;

    fn queued(origin: u8, message_type: u8, code: u8, offender: &[u8]) -> Vec<u8> {
        let mut bytes = vec![111, 0, 0, 0, origin, message_type, code, 0];
        bytes.extend([0; 8]);
        bytes.extend(offender);
        bytes
    }

    #[test]
    fn messages_are_told_apart() {
        let mut four = 2_u16.to_ne_bytes().to_vec();
        four.extend([0, 0, 10, 1, 2, 3, 0, 0]);
        let mut six = 10_u16.to_ne_bytes().to_vec();
        six.extend([0, 0, 0, 0, 0, 0]);
        six.extend(Ipv6Addr::LOCALHOST.octets());
        for (origin, message_type, code, kind) in [
            (2, 3, 3, IcmpKind::PortUnreachable),
            (2, 3, 10, IcmpKind::Prohibited),
            (2, 3, 13, IcmpKind::Prohibited),
            (2, 3, 1, IcmpKind::HostUnreachable),
            (2, 3, 0, IcmpKind::NetworkUnreachable),
            (2, 11, 0, IcmpKind::Other),
        ] {
            let found = parse(&queued(origin, message_type, code, &four)).unwrap();
            assert_eq!((found.kind, found.code), (kind, code));
            assert_eq!(found.offender, Some("10.1.2.3".parse().unwrap()));
        }
        for (code, kind) in
            [(4, IcmpKind::PortUnreachable), (1, IcmpKind::Prohibited), (3, IcmpKind::HostUnreachable)]
        {
            let found = parse(&queued(3, 1, code, &six)).unwrap();
            assert_eq!((found.kind, found.offender), (kind, Some("::1".parse().unwrap())));
        }
        assert_eq!(parse(&queued(1, 0, 0, &four)), None);
        assert_eq!(parse(&[0; 6]), None);
        assert_eq!(parse(&queued(2, 3, 3, &[0, 0])).unwrap().offender, None);
    }

    #[test]
    fn a_closed_port_leaves_no_message() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for (domain, address) in
            [(Domain::IPV4, free.to_string()), (Domain::IPV6, format!("[::1]:{}", free.port()))]
        {
            let Ok(socket) = Socket::new(domain, Type::STREAM, None) else { continue };
            let address = address.parse::<std::net::SocketAddr>().unwrap();
            enable_recverr(socket.as_fd(), address.ip()).unwrap();
            assert!(socket.connect(&address.into()).is_err());
            assert_eq!(take_icmp_error(socket.as_fd()), None);
            disable_recverr(socket.as_fd(), address.ip()).unwrap();
        }
    }

    #[test]
    fn other_sockets_are_an_error_and_no_message() {
        let (unix, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(enable_recverr(unix.as_fd(), Ipv4Addr::LOCALHOST.into()).is_err());
        assert_eq!(take_icmp_error(unix.as_fd()), None);
    }
}
