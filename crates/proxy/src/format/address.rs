//! What operators print of addresses and of the hosts that they belong to.

use std::net::{IpAddr, Ipv4Addr};

use causeway_model::{Address, AddressPart, Attempted, Peer};
use causeway_upstream::Host;

use super::View;
use super::decimal::write_number;
use super::operator::Operand;

/// An end of a connection.
pub(super) fn address<'a>(view: &View<'a>, peer: Peer, part: AddressPart) -> Operand<'a> {
    let facts = &view.exchange.facts;
    let connection = view.connection;
    match peer {
        Peer::DownstreamRemote => match facts.remote {
            Some(remote) => Operand::Ip(remote.ip, remote.port, part),
            None => address_part(&connection.remote, part),
        },
        Peer::DownstreamDirectRemote => address_part(connection.direct_remote(), part),
        Peer::DownstreamLocal => address_part(&connection.local, part),
        Peer::DownstreamDirectLocal => address_part(connection.direct_local(), part),
        Peer::UpstreamHost => match (&facts.host, part) {
            (Some(host), part) => address_part(&host.peek_address(), part),
            (None, _) => Operand::Absent,
        },
        Peer::UpstreamRemote => {
            facts.upstream_remote.as_ref().map_or(Operand::Absent, |address| address_part(address, part))
        }
        Peer::UpstreamLocal => {
            facts.upstream_local.map_or(Operand::Absent, |at| Operand::Ip(at.ip(), at.port(), part))
        }
    }
}

/// A part of an address; a Unix socket has no port and is in no network.
fn address_part<'a>(address: &Address, part: AddressPart) -> Operand<'a> {
    match address {
        Address::Ip(at) => Operand::Ip(at.ip(), at.port(), part),
        Address::Pipe { path, .. } => match part {
            AddressPart::Port | AddressPart::Network(_) | AddressPart::EndpointId => "".into(),
            AddressPart::Whole | AddressPart::WithoutPort => path.to_string().into(),
        },
    }
}

/// Prints an IP address, or the part of it that is asked for.
pub(super) fn write_ip(out: &mut Vec<u8>, ip: IpAddr, port: u16, part: AddressPart) {
    match part {
        AddressPart::Network(bits) => return write_network(out, ip, bits),
        AddressPart::EndpointId => return,
        AddressPart::Whole | AddressPart::WithoutPort | AddressPart::Port => {}
    }
    if part != AddressPart::Port {
        match ip {
            IpAddr::V4(ip) => write_ipv4(out, ip),
            IpAddr::V6(ip) if part == AddressPart::Whole => {
                out.extend_from_slice(format!("[{ip}]").as_bytes());
            }
            IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
        }
    }
    if part == AddressPart::Whole {
        out.push(b':');
    }
    if part != AddressPart::WithoutPort {
        write_number(out, u64::from(port));
    }
}

/// Nearly every line of a log has one, so that it is put together of pieces that are there.
fn write_ipv4(out: &mut Vec<u8>, ip: Ipv4Addr) {
    let (mut text, mut end) = ([0; "255.255.255.255.".len()], 0);
    for octet in ip.octets() {
        let Some((digits, length)) = OCTETS.get(usize::from(octet)) else { continue };
        if let Some(slot) = text.get_mut(end..end + digits.len()) {
            slot.copy_from_slice(digits);
        }
        end += length;
    }
    out.extend_from_slice(text.get(..end - 1).unwrap_or_default());
}

/// Octets with a dot behind them, and how much that is.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index fails the build")]
static OCTETS: [([u8; 4], usize); 256] = {
    let mut table = [([0; 4], 0); 256];
    let mut octet = 0_u8;
    loop {
        let [hundreds, tens, ones] = [b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10];
        table[octet as usize] = match octet {
            100.. => ([hundreds, tens, ones, b'.'], 4),
            10.. => ([tens, ones, b'.', 0], 3),
            0.. => ([ones, b'.', 0, 0], 2),
        };
        if octet == u8::MAX {
            break table;
        }
        octet += 1;
    }
};

/// The network that an address is in: the address with only its first bits, and how many they are.
fn write_network(out: &mut Vec<u8>, ip: IpAddr, bits: u8) {
    let (network, bits) = match ip {
        IpAddr::V4(ip) => {
            let bits = bits.min(32);
            let mask = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
            (IpAddr::V4((u32::from(ip) & mask).into()), bits)
        }
        IpAddr::V6(ip) => {
            let bits = bits.min(128);
            let mask = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
            (IpAddr::V6((u128::from(ip) & mask).into()), bits)
        }
    };
    write_ip(out, network, 0, AddressPart::WithoutPort);
    out.push(b'/');
    write_number(out, u64::from(bits));
}

/// The name of the host that the request was sent to.
pub(super) fn host_name<'a>(view: &View<'a>, without_port: bool) -> Operand<'a> {
    view.exchange.facts.host.as_ref().map_or(Operand::Absent, |host| name_of(host, without_port))
}

fn name_of<'a>(host: &Host, without_port: bool) -> Operand<'a> {
    if host.hostname().is_empty() {
        let part = if without_port { AddressPart::WithoutPort } else { AddressPart::Whole };
        return address_part(&host.address(), part);
    }
    let (whole, bare) = (host.hostname(), host.hostname().rsplit_once(':').map(|(name, _)| name));
    bare.filter(|_| without_port).unwrap_or(whole).to_owned().into()
}

/// One word for each connection that was attempted, or made.
pub(super) fn attempted<'a>(view: &View<'a>, what: Attempted) -> Operand<'a> {
    let mut list = Vec::new();
    for (host, connection) in &view.exchange.attempted {
        if what == Attempted::ConnectionId && connection.is_none() {
            continue;
        }
        if !list.is_empty() {
            list.push(b',');
        }
        let part = |without_port| if without_port { AddressPart::WithoutPort } else { AddressPart::Whole };
        match what {
            Attempted::ConnectionId => write_number(&mut list, connection.unwrap_or_default()),
            Attempted::Host { without_port } => {
                address_part(&host.address(), part(without_port)).write(&mut list);
            }
            Attempted::HostName { without_port } => name_of(host, without_port).write(&mut list),
        }
    }
    if list.is_empty() { Operand::Absent } else { Operand::Bytes(list.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_look_as_they_are_written() {
        for ip in ["0.0.0.0", "1.2.3.4", "10.99.100.255", "255.255.255.255"] {
            let mut out = b"at ".to_vec();
            write_ip(&mut out, ip.parse().unwrap(), 80, AddressPart::Whole);
            assert_eq!(String::from_utf8(out).unwrap(), format!("at {ip}:80"));
        }
    }

    #[test]
    fn networks() {
        for (ip, bits, expected) in [
            ("127.0.0.1", 16, "127.0.0.0/16"),
            ("127.0.0.1", 0, "0.0.0.0/0"),
            ("127.0.0.1", 200, "127.0.0.1/32"),
            ("2001:db8::1", 32, "2001:db8::/32"),
            ("2001:db8::1", 0, "::/0"),
            ("2001:db8::1", 255, "2001:db8::1/128"),
        ] {
            let mut out = Vec::new();
            write_ip(&mut out, ip.parse().unwrap(), 80, AddressPart::Network(bits));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
