//! A configuration, compiled: what is shared by all workers, and what each worker makes of it.
//!
//! A [`Snapshot`] is immutable. It is built completely, or not at all, before anything is changed. Each
//! worker turns it into its own runtime objects, which hold its counters and its connections.

mod listener;
mod manager;

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{Bootstrap, Node, Runtime};
use causeway_stats::Registry;
use causeway_tls::follow::Followed;

use crate::access_log::LogFiles;
use crate::gate::GateStates;
use crate::overload::Overload;
use crate::reason_header::ReasonHeader;
use crate::timer::{Millis, millis};

pub(crate) use listener::{ChainRuntime, ListenerRuntime, ListenerSnapshot, Service};
pub(crate) use manager::{HttpRuntime, ManagerRuntime, asks};

/// A configuration, compiled and shared by all workers.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) listeners: Vec<Arc<ListenerSnapshot>>,
    pub(crate) options: DataPlaneOptions,
    pub(crate) overload: Arc<Overload>,
}

/// What the command line says about the data plane.
#[derive(Debug, Clone, Default)]
pub struct DataPlaneOptions {
    /// Says in local answers to requests that failed why they did (`x-causeway-reason`), and to whom more than the
    /// reason's name.
    pub reason_header: Option<Arc<ReasonHeader>>,
    /// An address of this machine that is not loopback, which stands in `x-forwarded-for` for clients on
    /// 127.0.0.1, as with Envoy.
    pub own_address: Option<std::net::IpAddr>,
    /// What network filters that limit connections know beyond a reload.
    pub gates: Arc<GateStates>,
}

/// What compiling takes beside the thing that is compiled.
pub(crate) struct Compile<'a> {
    pub(crate) runtime: &'a Arc<Runtime>,
    pub(crate) registry: &'a Arc<Registry>,
    pub(crate) files: &'a LogFiles,
    pub(crate) gates: &'a GateStates,
    node: &'a Node,
    workers: usize,
}

impl Snapshot {
    /// Compiles a configuration. Access logs are opened here. The runtime is given extra, since the admin
    /// server may have changed it.
    ///
    /// # Errors
    ///
    /// One line for each thing that can't be had: a log that can't be opened.
    pub fn compile(
        bootstrap: &Bootstrap,
        runtime: &Arc<Runtime>,
        registry: &Arc<Registry>,
        files: &LogFiles,
        workers: usize,
        options: DataPlaneOptions,
    ) -> Result<Arc<Self>, Vec<String>> {
        let with =
            Compile { runtime, registry, files, gates: &options.gates, node: &bootstrap.node, workers };
        let mut faults = Vec::new();
        let mut listeners = Vec::with_capacity(bootstrap.listeners.len());
        for config in &bootstrap.listeners {
            match ListenerSnapshot::compile(config, &with) {
                Ok(listener) => listeners.push(Arc::new(listener)),
                Err(of_listener) => faults.extend(of_listener),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let overload = Overload::new(&bootstrap.overload, registry);
        Ok(Arc::new(Self { listeners, options, overload }))
    }

    /// The contexts of TLS that are made of files.
    #[must_use]
    pub fn followed(&self) -> Vec<Arc<dyn Followed>> {
        let of_listeners = self.listeners.iter().flat_map(|listener| listener.tls());
        of_listeners.map(|tls| Arc::clone(tls) as Arc<dyn Followed>).collect()
    }

    /// Its overload manager.
    #[must_use]
    pub const fn overload(&self) -> &Arc<Overload> {
        &self.overload
    }
}

/// A duration of the configuration in the data plane's milliseconds; zero is none.
pub(crate) fn timeout(duration: Option<Duration>) -> Option<Millis> {
    duration.filter(|duration| !duration.is_zero()).map(millis)
}
