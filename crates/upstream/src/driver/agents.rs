//! Asks the agents of a cluster's hosts, for ever.

use std::rc::{Rc, Weak};
use std::sync::Arc;

use causeway_model::{Address, AgentCheck};
use tokio::task::spawn_local;

use super::{Shared, Task, Tasks};
use crate::cluster::Cluster;
use crate::cluster_core::Now;
use crate::health::{Bounds, ask_agent};
use crate::host::Host;

impl Shared {
    /// Begins to ask the agents of hosts that are new.
    pub(super) fn begin_agents(self: &Rc<Self>, tasks: &mut Tasks) {
        let Some(check) = &self.cluster.config().agent_check else { return };
        for host in self.core.borrow_mut().take_new_agents() {
            let id = host.id();
            let (cluster, bounds) = (Arc::clone(&self.cluster), Rc::clone(&self.bounds));
            let task = follow(Rc::downgrade(self), cluster, bounds, host, Arc::clone(check));
            tasks.checks.entry(id).or_default().push(Task(spawn_local(task)));
        }
    }
}

/// Asks the agent of a host. The first time is at once, so that a host which is drained gets little before that is known.
async fn follow(
    shared: Weak<Shared>,
    cluster: Arc<Cluster>,
    bounds: Rc<Bounds>,
    host: Arc<Host>,
    check: Arc<AgentCheck>,
) {
    loop {
        // The address of a host that stands for a name may change.
        let Some(mut address) = host.address().ip() else { return };
        address.set_port(check.port);
        let running = bounds.run().await;
        let source = cluster.config().upstream_bind_config.as_deref();
        let heard = ask_agent(&Address::Ip(address), &check, source).await;
        drop(running);
        {
            let Some(shared) = shared.upgrade() else { return };
            shared.core.borrow_mut().agent_heard(&host, &check, heard, Now::read());
            if shared.core.borrow().is_outdated() {
                shared.found.notify_one();
            }
        }
        tokio::time::sleep(check.interval).await;
    }
}
