//! What is known of the hosts of a cluster from before it was changed.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_model::Address;

use super::Core;
use super::checks::Checked;
use crate::health::Session;
use crate::host::Host;

/// The hosts of a cluster before it was changed, by their addresses: there may be thousands.
pub(super) struct Known<'c> {
    pub(super) core: &'c Core,
    pub(super) hosts: HashMap<Arc<Address>, Arc<Host>>,
    checked: HashMap<Arc<Address>, Vec<&'c Checked>>,
}

impl<'c> Known<'c> {
    pub(super) fn of(core: &'c Core) -> Self {
        let mut this = Self { core, hosts: HashMap::new(), checked: HashMap::new() };
        for host in core.members.hosts() {
            this.hosts.entry(host.address()).or_insert(host);
        }
        for checked in core.checked.values() {
            this.checked.entry(checked.host.address()).or_default().push(checked);
        }
        this
    }

    /// What is known of a host at the same address that was checked in the same way.
    pub(super) fn hand_over(&self, to: &Host) -> Option<Vec<Session>> {
        let same = |other: &&&Checked| other.host.settings().check == to.settings().check;
        let former = self.checked.get(&to.address())?.iter().find(same)?;
        to.inherit(&former.host);
        Some(former.sessions.clone())
    }
}
