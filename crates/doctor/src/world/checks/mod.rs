//! Checks of this host: what the kernel and its limits mean for the configuration.

mod clock;
mod descriptors;
mod firewall;
mod network;
mod tables;

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_model::{Address, Bootstrap, Cluster, Endpoint, EndpointAddress};

use super::World;
use crate::finding::Finding;
use crate::report::Report;
use crate::said::Said;
use crate::selection::Selection;

pub(crate) use firewall::unknown as unknown_firewall;

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Fine, and what was seen.
    Passed(Said),
    /// It could not be made; why, and what would help.
    Inconclusive(Said),
    /// What is wrong; never empty.
    Failed(Vec<Finding>),
}

/// What a check has to look at.
struct Context<'a> {
    world: &'a World,
    bootstrap: &'a Bootstrap,
    /// The file, as it was named.
    file: &'a str,
}

/// How a check is made.
type Make = fn(&Context<'_>) -> Verdict;

/// The checks of a host, in the order in which they are made.
const CHECKS: &[(&str, Make)] = &[
    ("host.descriptors", descriptors::check),
    ("host.ports", tables::ports),
    ("host.conntrack", tables::conntrack),
    ("host.routes", network::routes),
    ("host.neighbours", network::neighbours),
    ("host.firewall", firewall::check),
    ("host.clock", clock::check),
];

/// Names of all checks that there are.
pub fn names() -> impl Iterator<Item = String> {
    CHECKS.iter().map(|(name, _)| (*name).to_owned())
}

/// Makes the checks that are selected.
pub fn check(world: &World, bootstrap: &Bootstrap, selection: &Selection, report: &mut Report) {
    let file = report.target.clone();
    let context = Context { world, bootstrap, file: &file };
    for (name, make) in CHECKS {
        if selection.takes(name) {
            make(&context).report(*name, report);
        }
    }
}

impl Verdict {
    /// Writes it down.
    pub(crate) fn report(self, id: impl Into<String>, report: &mut Report) {
        match self {
            Self::Passed(words) => report.passed(id, words),
            Self::Inconclusive(why) => report.inconclusive(id, why),
            Self::Failed(findings) => report.failed(id, findings),
        }
    }
}

impl<'a> Context<'a> {
    /// The endpoints that are written as addresses, and their clusters; names are for whoever looks them up.
    fn endpoints(&self) -> impl Iterator<Item = (&'a Arc<Cluster>, &'a Endpoint, SocketAddr)> {
        self.bootstrap.clusters.iter().flat_map(|cluster| {
            let endpoints = cluster.localities.iter().flat_map(|locality| &locality.endpoints);
            endpoints.filter_map(move |endpoint| match &endpoint.address {
                EndpointAddress::Resolved(Address::Ip(address)) => Some((cluster, endpoint, *address)),
                EndpointAddress::Resolved(Address::Pipe { .. }) | EndpointAddress::Name { .. } => None,
            })
        })
    }
}
