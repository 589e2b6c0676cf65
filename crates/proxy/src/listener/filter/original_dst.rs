//! `envoy.filters.listener.original_dst`: where the client connected to before a rule of the firewall on this machine
//! (`REDIRECT`, `DNAT`) sent it here. From then on it is the local address of the connection.

use std::net::SocketAddr;

use causeway_model::Address;

use super::{Look, Looked};
use crate::io::Transport;

/// Takes note of the address. Where no rule changed it, and with `TPROXY`, it is known without asking.
pub(super) fn look(connection: &mut Looked<'_>) -> Look {
    if let Some(original) = original(connection.stream).map(Address::Ip)
        && original != connection.info.local
    {
        let local = std::mem::replace(&mut connection.info.local, original);
        connection.found().direct_local.get_or_insert(local);
    }
    Look::Done
}

/// `SO_ORIGINAL_DST` and `IP6T_SO_ORIGINAL_DST`: the kernel knows it of connections that it tracks.
fn original(stream: &Transport) -> Option<SocketAddr> {
    let Transport::Tcp(stream) = stream else { return None };
    let socket = socket2::SockRef::from(stream);
    let is_v4 = stream.local_addr().ok()?.ip().to_canonical().is_ipv4();
    let original = if is_v4 { socket.original_dst_v4() } else { socket.original_dst_v6() };
    original.ok()?.as_socket()
}
