//! Checks of what the proxy opens, and of the certificates that it shows (`listeners.*`, `admin.*`,
//! `certificates.*`).

mod address;
pub(crate) mod certificate;
mod faults;

use causeway_model::{Address, Bootstrap};

use crate::finding::{Subject, under};
use crate::report::Report;
use crate::selection::Selection;
use crate::world::World;
use address::{Owner, Trial};

pub use faults::faults;

/// Names of all checks that there are; `*` stands for that of a listener or cluster.
pub fn names() -> impl Iterator<Item = String> {
    ["listeners.*.address", "listeners.*.certificate", "certificates.*", "admin.address"]
        .into_iter()
        .map(str::to_owned)
}

/// Makes the checks that are selected.
pub fn check(world: &World, bootstrap: &Bootstrap, selection: &Selection, report: &mut Report) {
    let file = report.target.clone();
    for listener in bootstrap.listeners.iter().filter(|listener| listener.bind_to_port) {
        let id = format!("listeners.{}.address", listener.name);
        if selection.takes(&id) {
            let owner = Owner {
                subject: Subject::listener(&listener.name),
                spot: under(&listener.position, "address"),
                addresses: &listener.addresses,
                // IP_FREEBIND and IP_TRANSPARENT let a socket have any address.
                has_options: !listener.socket_options.is_empty(),
            };
            open(&owner, listener.ipv4_compat, world, &file).report(id, report);
        }
    }
    if let Some(admin) = &bootstrap.admin
        && selection.takes("admin.address")
    {
        let owner = Owner {
            subject: Subject::listener("admin"),
            spot: under(&admin.position, "address"),
            addresses: std::slice::from_ref(&admin.address),
            has_options: false,
        };
        open(&owner, false, world, &file).report("admin.address", report);
    }
    certificate::check(world.now, bootstrap, selection, report);
}

fn open(owner: &Owner<'_>, ipv4_compat: bool, world: &World, file: &str) -> crate::world::Verdict {
    let addresses = owner.addresses;
    let tried = addresses.iter().map(|address| match address {
        Address::Ip(ip) => (address, Trial::of(*ip, ipv4_compat)),
        Address::Pipe { path, .. } => (address, Trial::of_path(path)),
    });
    address::decide(owner, tried, world, file)
}
