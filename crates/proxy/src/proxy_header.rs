//! The PROXY header in front of a connection to a back-end: on behalf of the client, from what is known of its
//! connection.

use causeway_inspect::proxy::{Addresses, HeaderTooLong, Tlv, write_v1, write_v1_unknown, write_v2};
use causeway_model::{Address, ProxyProtocolUpstream, ProxyProtocolVersion};
use causeway_upstream::Host;

use crate::connection::ConnectionInfo;

/// The header for a client's connection, and whether its TLVs were left out because they do not fit.
pub(crate) fn header(
    socket: &ProxyProtocolUpstream,
    host: &Host,
    client: &ConnectionInfo,
) -> (Vec<u8>, bool) {
    let addresses = match (&client.remote, &client.local) {
        (Address::Ip(source), Address::Ip(destination)) => {
            Some(Addresses { source: *source, destination: *destination })
        }
        // Of a client on a Unix socket there is nothing to say.
        (Address::Ip(_) | Address::Pipe { .. }, _) => None,
    };
    let mut out = Vec::new();
    match socket.config.version {
        ProxyProtocolVersion::V1 => {
            match addresses {
                Some(addresses) => write_v1(&mut out, &addresses),
                None => write_v1_unknown(&mut out),
            }
            (out, false)
        }
        ProxyProtocolVersion::V2 => {
            let on_behalf = addresses.is_some() || socket.allow_unspecified_address;
            let tlvs = if on_behalf { tlvs(socket, host, client) } else { Vec::new() };
            let too_long = write_v2(&mut out, addresses.as_ref(), tlvs, false) == Err(HeaderTooLong);
            if too_long {
                // A header without TLVs always fits.
                let _ = write_v2(&mut out, addresses.as_ref(), [], false);
            }
            if on_behalf && let Some(command) = out.get_mut(COMMAND) {
                *command = PROXY;
            }
            (out, too_long)
        }
    }
}

/// Where a header of version 2 says its command, and the one that says that it speaks for somebody.
const COMMAND: usize = 12;
const PROXY: u8 = 0x21;

/// Those of the endpoint, those that are configured for all, those that came with the client's own header; of each type
/// those that come first here.
fn tlvs<'a>(socket: &'a ProxyProtocolUpstream, host: &'a Host, client: &'a ConnectionInfo) -> Vec<Tlv<'a>> {
    let own = host.proxy_protocol_tlvs();
    let mut found: Vec<Tlv<'a>> =
        own.iter().map(|entry| Tlv { kind: entry.kind, value: &entry.value }).collect();
    let common = socket.config.added_tlvs.iter();
    let common = common.filter(|entry| !own.iter().any(|own| own.kind == entry.kind));
    found.extend(common.map(|entry| Tlv { kind: entry.kind, value: &entry.value }));
    let added = found.len();
    let passed = client.inspected.iter().flat_map(|inspected| &inspected.tlvs);
    for (kind, value) in passed.filter(|(kind, _)| socket.config.pass_through_tlvs.takes(*kind)) {
        let taken = found.get(..added).unwrap_or_default().iter().any(|tlv| tlv.kind == *kind);
        if !taken {
            found.push(Tlv { kind: *kind, value });
        }
    }
    found
}
