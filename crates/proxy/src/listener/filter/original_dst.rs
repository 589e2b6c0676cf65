//! `envoy.filters.listener.original_dst`: where the client connected to before a rule of the firewall on this machine
//! (`REDIRECT`, `DNAT`) sent it here. From then on it is the local address of the connection.

use std::net::SocketAddr;

use causeway_model::Address;

use super::{Look, Looked};
use crate::io::Transport;

/// Takes note of the address.
pub(super) fn look(connection: &mut Looked<'_>) -> Look {
    if let Some(original) = original(connection.stream).map(Address::Ip) {
        connection.found().restored = true;
        if original != connection.info.local {
            let local = std::mem::replace(&mut connection.info.local, original);
            connection.found().direct_local.get_or_insert(local);
        }
    }
    Look::Done
}

/// `SO_ORIGINAL_DST` and `IP6T_SO_ORIGINAL_DST`: the kernel knows it of connections that it tracks. Of others it is the
/// local address on a transparent socket, to which `TPROXY` has brought them without changing it.
fn original(stream: &Transport) -> Option<SocketAddr> {
    let Transport::Tcp(socket) = stream else { return None };
    let socket = socket.descriptor()?;
    let socket = socket2::SockRef::from(&socket);
    let local = socket.local_addr().ok()?.as_socket()?;
    let is_v4 = local.ip().to_canonical().is_ipv4();
    let original = if is_v4 { socket.original_dst_v4() } else { socket.original_dst_v6() };
    if let Ok(original) = original {
        return original.as_socket();
    }
    let transparent = if local.is_ipv4() { socket.ip_transparent_v4() } else { socket.ip_transparent_v6() };
    transparent.is_ok_and(|transparent| transparent).then_some(local)
}
