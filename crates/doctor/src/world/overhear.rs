//! What clients send first, on connections to ports of this host that are made while it is listened to.
//!
//! A proxy that finds no HTTP in what a client sends says no more than that. The kernel gives a copy of each packet to whoever
//! may have it (`CAP_NET_RAW`); of each new connection the first bytes are looked at, and nothing is sent.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// How much of what comes first is kept: enough to tell what is spoken, and too little for what is said.
const FIRST: usize = 64;
/// Connections that are followed at a time.
const MOST: usize = 4096;
/// Connections of which the first bytes are kept.
const KEPT: usize = 1024;
/// `ETH_P_ALL`, in the order of the network.
const EVERY_PROTOCOL: i32 = (3_u16.to_be()) as i32;
/// How long to wait for the next packet before looking at the clock.
const TICK: Duration = Duration::from_millis(100);

/// How a connection began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) from: SocketAddr,
    /// The port that was connected to.
    pub(crate) port: u16,
    /// What came first, cut off.
    pub(crate) first: Vec<u8>,
}

/// Listens for so long to what comes to these ports.
///
/// # Errors
///
/// Those of the operating system: without the right to it, `PermissionDenied`.
pub(crate) fn overhear(ports: &[u16], time: Duration) -> io::Result<Vec<Opening>> {
    let mut socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(EVERY_PROTOCOL)))?;
    socket.set_read_timeout(Some(TICK))?;
    let end = Instant::now() + time;
    let mut heard = Heard::default();
    let mut packet = vec![0; 64 << 10];
    while Instant::now() < end {
        match socket.read(&mut packet) {
            Ok(length) => heard.packet(packet.get(..length).unwrap_or_default(), ports),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(heard.openings)
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Heard {
    /// The number of the first byte of connections of which nothing else is known.
    begun: HashMap<(SocketAddr, u16), u32>,
    openings: Vec<Opening>,
}

impl Heard {
    fn packet(&mut self, packet: &[u8], ports: &[u16]) {
        let Some(segment) = Segment::read(packet).filter(|segment| ports.contains(&segment.to)) else {
            return;
        };
        let of = (segment.from, segment.to);
        if segment.begins {
            if self.begun.len() < MOST {
                self.begun.insert(of, segment.number.wrapping_add(1));
            }
        } else if !segment.data.is_empty() && self.begun.get(&of) == Some(&segment.number) {
            self.begun.remove(&of);
            if self.openings.len() < KEPT {
                let first = segment.data.get(..FIRST.min(segment.data.len())).unwrap_or_default().to_vec();
                self.openings.push(Opening { from: segment.from, port: segment.to, first });
            }
        }
    }
}

/// A segment of TCP (RFC 9293 §3.1).
#[derive(Debug, PartialEq, Eq)]
struct Segment<'p> {
    from: SocketAddr,
    to: u16,
    number: u32,
    /// It asks for a connection.
    begins: bool,
    data: &'p [u8],
}

impl<'p> Segment<'p> {
    /// Out of a packet of IPv4 or IPv6; `None` for anything else, and for what is in pieces.
    fn read(packet: &'p [u8]) -> Option<Self> {
        const TCP: u8 = 6;
        let (source, segment) = match packet.first()? >> 4 {
            4 => {
                let header = usize::from(packet.first()? & 0xf) * 4;
                let whole = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
                let piece = u16::from_be_bytes(packet.get(6..8)?.try_into().ok()?) & 0x3fff;
                if *packet.get(9)? != TCP || piece != 0 {
                    return None;
                }
                let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
                // A packet that is split later by the network card may have no length yet.
                let end = if whole == 0 { packet.len() } else { whole.min(packet.len()) };
                (IpAddr::from(Ipv4Addr::from(source)), packet.get(header..end)?)
            }
            6 if *packet.get(6)? == TCP => {
                let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
                (IpAddr::from(Ipv6Addr::from(source)), packet.get(40..)?)
            }
            _ => return None,
        };
        let number = |at: usize| Some(u16::from_be_bytes(segment.get(at..at + 2)?.try_into().ok()?));
        let header = usize::from(segment.get(12)? >> 4) * 4;
        let flags = segment.get(13)?;
        let (syn, ack) = (flags & 0x02 != 0, flags & 0x10 != 0);
        Some(Self {
            from: SocketAddr::new(source, number(0)?),
            to: number(2)?,
            number: u32::from_be_bytes(segment.get(4..8)?.try_into().ok()?),
            begins: syn && !ack,
            data: segment.get(header..)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of IPv4 from 10.0.0.9, port 1000, to port 80.
    fn packet(number: u32, flags: u8, data: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1];
        packet.extend([3, 232, 0, 80]);
        packet.extend(number.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        packet.extend(data);
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        packet[2..4].copy_from_slice(&length);
        packet
    }

    #[test]
    fn the_first_bytes_of_new_connections_are_heard_once() {
        let mut heard = Heard::default();
        // The middle of a connection that was there before.
        heard.packet(&packet(7, 0x18, b"rest"), &[80]);
        for _ in 0..2 {
            // On the loopback device each comes and goes.
            heard.packet(&packet(99, 0x02, b""), &[80]);
        }
        for _ in 0..2 {
            heard.packet(&packet(100, 0x18, b"SSH-2.0"), &[80]);
        }
        heard.packet(&packet(107, 0x18, b"more"), &[80]);
        assert_eq!(
            heard.openings,
            [Opening { from: "10.0.0.9:1000".parse().unwrap(), port: 80, first: b"SSH-2.0".to_vec() }]
        );
    }

    #[test]
    fn other_ports_other_protocols_and_rubbish_are_not_heard() {
        let mut heard = Heard::default();
        heard.packet(&packet(99, 0x02, b""), &[81]);
        let mut udp = packet(99, 0x02, b"");
        udp[9] = 17;
        heard.packet(&udp, &[80]);
        for length in 0..40 {
            heard.packet(&packet(99, 0x02, b"")[..length], &[80]);
            heard.packet(&vec![0xff; length], &[80]);
        }
        assert!(heard.openings.is_empty() && heard.begun.is_empty());
    }
}
