//! The ports of the demo, and whether they can be had.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use causeway_admin::who_listens;

/// How many app servers there are.
pub(super) const APPS: usize = 3;

/// The ports, as they stand in `examples/demo/envoy.yaml`.
const USUAL: Ports =
    Ports { offset: 0, proxy: 8080, admin: 9901, front_end: 9443, apps: [18441, 18442, 18443] };

/// The ports, all on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// What is added to those of the file.
    pub(super) offset: u16,
    pub(super) proxy: u16,
    pub(super) admin: u16,
    pub(super) front_end: u16,
    pub(super) apps: [u16; APPS],
}

impl Ports {
    /// The usual ports, moved by an offset that the command line has checked.
    pub(super) fn shifted(offset: u16) -> Self {
        let shift = |port: u16| port.saturating_add(offset);
        Self {
            offset,
            proxy: shift(USUAL.proxy),
            admin: shift(USUAL.admin),
            front_end: shift(USUAL.front_end),
            apps: USUAL.apps.map(shift),
        }
    }

    /// Each port with what it is for.
    pub(super) fn all(&self) -> Vec<(u16, String)> {
        let apps = self.apps.iter().zip(1..).map(|(port, number)| (*port, format!("app {number}")));
        [(self.proxy, "the proxy"), (self.admin, "admin"), (self.front_end, "the front-end")]
            .into_iter()
            .map(|(port, what)| (port, what.to_owned()))
            .chain(apps)
            .collect()
    }

    /// Says which ports can't be had, who has them where the system tells, and what to do.
    pub(super) fn check(&self) -> Result<(), Vec<String>> {
        let mut faults: Vec<_> = self.all().iter().filter_map(|(port, what)| fault(*port, what)).collect();
        if faults.is_empty() {
            return Ok(());
        }
        let other = if self.offset < 20_000 { self.offset + 10_000 } else { self.offset / 2 };
        faults.push(format!("to use other ports: causeway demo --port-offset {other}"));
        Err(faults)
    }
}

/// Listens on a port of 127.0.0.1.
///
/// # Errors
///
/// A sentence.
pub(super) fn listen(port: u16, what: &str) -> Result<TcpListener, String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            let holder = who_listens(address).map(|holder| format!(" by {holder}")).unwrap_or_default();
            format!("port {port} ({what}) is in use{holder}")
        }
        _ => format!("cannot listen on port {port} ({what}): {error}"),
    })
}

fn fault(port: u16, what: &str) -> Option<String> {
    listen(port, what).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_offset_leaves_all_ports_apart() {
        let mut ports: Vec<_> =
            Ports::shifted(crate::cli::LARGEST_PORT_OFFSET).all().into_iter().map(|(port, _)| port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3 + APPS);
    }

    #[test]
    fn a_port_in_use_is_told_with_its_holder_and_a_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let ports = Ports { admin: port, proxy: 0, front_end: 0, apps: [0; APPS], offset: 0 };
        let faults = ports.check().unwrap_err();
        let expected = format!("port {port} (admin) is in use by process {} (", std::process::id());
        assert!(faults.len() == 2 && faults[0].starts_with(&expected), "{faults:?}");
        assert!(faults[1].ends_with("causeway demo --port-offset 10000"), "{faults:?}");
    }
}
