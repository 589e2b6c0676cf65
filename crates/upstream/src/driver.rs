//! Puts a cluster's [`Core`] on the clock and the network: tasks on the main thread that look names up and
//! check hosts.

mod agents;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{Address, HealthCheck};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_local};

use crate::cluster::Cluster;
use crate::cluster_core::{self, Core, NewCheck, Now};
use crate::dns::Resolvers;
use crate::health::events::EventLog;
use crate::health::{Bounds, Keeping, Linker, Prober, target};
use crate::host::{Host, HostId};
use crate::rng::Rng;

/// So many hosts that workers have made are taken at once.
const FOUND_AT_ONCE: usize = 1024;

/// Keeps a cluster up to date for as long as it lives.
#[derive(Debug)]
pub(crate) struct Driver {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    /// One for each health check of the cluster.
    event_logs: Vec<Option<Rc<EventLog>>>,
    outlier_log: Option<Rc<EventLog>>,
    bounds: Rc<Bounds>,
    core: RefCell<Core>,
    tasks: RefCell<Tasks>,
    /// Checks or agents have changed something that is not published yet.
    found: Rc<Notify>,
}

/// Tasks that end with this.
#[derive(Debug, Default)]
struct Tasks {
    cluster: Vec<Task>,
    checks: HashMap<HostId, Vec<Task>>,
}

/// A task that ends with whoever holds it.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    /// Begins to keep a cluster up to date. `former` is the driver of the cluster before it was changed.
    /// Needs a `LocalSet` or a local runtime around it.
    pub(crate) fn start(
        cluster: Arc<Cluster>,
        former: Option<&Self>,
        resolvers: &Rc<Resolvers>,
        bounds: &Rc<Bounds>,
        (event_logs, outlier_log): (Vec<Option<Rc<EventLog>>>, Option<Rc<EventLog>>),
        rng: Rng,
    ) -> Self {
        let former = former.map(|former| former.shared.core.borrow());
        let (core, checks) = Core::start(Arc::clone(&cluster), former.as_deref(), Now::read(), rng);
        drop(former);
        let names = core.names();
        let outlier_pause = core.outlier_pause();
        let cleanup_pause = core.cleanup_pause();
        let checked = !cluster.config().health_checks.is_empty();
        let agents = cluster.config().agent_check.is_some();
        let tasks = RefCell::default();
        let (core, found, bounds) = (RefCell::new(core), Rc::default(), Rc::clone(bounds));
        let shared = Rc::new(Shared { cluster, event_logs, outlier_log, bounds, core, tasks, found });
        shared.begin(checks);
        let mut tasks = shared.tasks.borrow_mut();
        for (target, name) in names {
            let task = resolve(Rc::downgrade(&shared), Rc::clone(resolvers), target, name);
            tasks.cluster.push(Task(spawn_local(task)));
        }
        if checked {
            let task = watch_responses(Rc::downgrade(&shared), Arc::clone(&shared.cluster));
            tasks.cluster.push(Task(spawn_local(task)));
        }
        if checked || agents {
            let task = publish_checks(Rc::downgrade(&shared), Rc::clone(&shared.found));
            tasks.cluster.push(Task(spawn_local(task)));
        }
        if let Some(pause) = outlier_pause {
            let task = watch_outliers(Rc::downgrade(&shared), Arc::clone(&shared.cluster), pause);
            tasks.cluster.push(Task(spawn_local(task)));
        }
        if let Some(pause) = cleanup_pause
            && let Some(found) = shared.cluster.found.receive()
        {
            tasks.cluster.push(Task(spawn_local(take_found(Rc::downgrade(&shared), found))));
            tasks.cluster.push(Task(spawn_local(forget_unused(Rc::downgrade(&shared), pause))));
        }
        drop(tasks);
        Self { shared }
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.shared.cluster
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Nobody will look at it any more, so nobody shall wait for it either.
        self.shared.cluster.set_warm();
    }
}

impl Shared {
    fn begin(self: &Rc<Self>, checks: Vec<NewCheck>) {
        let mut tasks = self.tasks.borrow_mut();
        for new in checks {
            let id = new.host.id();
            let host_header = host_header(&new.host, &new.config, self.cluster.name());
            let linker =
                Linker::new(Arc::clone(&new.config), Arc::clone(&self.cluster), Arc::clone(&new.host));
            let (config, keeping) = self.bounds.fit(&new.config);
            let prober = Prober::new(config, host_header, linker);
            let bounds = (Rc::clone(&self.bounds), keeping);
            let task = Task(spawn_local(check(Rc::downgrade(self), bounds, new, prober)));
            tasks.checks.entry(id).or_default().push(task);
        }
        self.begin_agents(&mut tasks);
    }

    fn write_events(&self) {
        for line in self.core.borrow_mut().take_lines() {
            let log = match line.log {
                cluster_core::EventLog::Check(check) => self.event_logs.get(check).and_then(Option::as_ref),
                cluster_core::EventLog::Outliers => self.outlier_log.as_ref(),
            };
            if let Some(log) = log {
                log.write(&line.line);
            }
        }
    }
}

/// Looks a name up, for ever.
async fn resolve(shared: Weak<Shared>, resolvers: Rc<Resolvers>, target: usize, name: Arc<str>) {
    loop {
        let options = {
            let Some(shared) = shared.upgrade() else { return };
            let core = shared.core.borrow();
            core.note_lookup();
            let Some(options) = core.dns().cloned() else { return };
            options
        };
        let lookup = resolvers.lookup(&options.resolver, &name, options.lookup_family).await;
        let next = {
            let Some(shared) = shared.upgrade() else { return };
            let resolved = shared.core.borrow_mut().resolved(target, &lookup, Now::read());
            let Some(resolved) = resolved else { return };
            for host in resolved.end {
                shared.tasks.borrow_mut().checks.remove(&host);
            }
            shared.begin(resolved.begin);
            resolved.next
        };
        tokio::time::sleep(next).await;
    }
}

/// Checks a host, for ever.
async fn check(
    shared: Weak<Shared>,
    (bounds, _keeping): (Rc<Bounds>, Option<Keeping>),
    new: NewCheck,
    mut prober: Prober,
) {
    let mut pause = new.delay;
    loop {
        // Even a pause of zero gives the others a turn.
        tokio::time::sleep(pause.max(Duration::from_nanos(1))).await;
        {
            let Some(shared) = shared.upgrade() else { return };
            shared.core.borrow().note_check();
        }
        let running = bounds.run().await;
        let (outcome, took) = prober.check(&check_address(&new.host, &new.config)).await;
        drop(running);
        let Some(shared) = shared.upgrade() else { return };
        let (id, label) = (new.host.id(), prober.label());
        let next = shared.core.borrow_mut().answered(id, new.index, label, outcome, took, Now::read());
        if shared.core.borrow().is_outdated() {
            shared.found.notify_one();
        }
        shared.write_events();
        let Some(next) = next else { return };
        pause = next;
    }
}

/// Publishes what checks found, when all that have ended by now have said so: where thousands of hosts end their checks
/// at once, this is one snapshot instead of thousands.
async fn publish_checks(shared: Weak<Shared>, found: Rc<Notify>) {
    loop {
        found.notified().await;
        let began = Instant::now();
        {
            let Some(shared) = shared.upgrade() else { return };
            shared.core.borrow_mut().publish_checks();
        }
        // A tenth of the time at most; a snapshot of few hosts takes microseconds.
        let pause = began.elapsed() * 9;
        if pause > Duration::from_millis(1) {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Takes notice of responses that asked for no more traffic.
async fn watch_responses(shared: Weak<Shared>, cluster: Arc<Cluster>) {
    loop {
        cluster.failed_now.notified().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.core.borrow_mut().failed_by_response(Now::read());
        shared.write_events();
    }
}

/// Looks for outliers: at once where a host failed as often as it may, and at all of them in each interval.
async fn watch_outliers(shared: Weak<Shared>, cluster: Arc<Cluster>, pause: Duration) {
    let mut next = tokio::time::Instant::now() + pause;
    loop {
        // Whether something was found or the interval has ended is told by the clock: hosts that fail without a pause
        // must not put the end off.
        let _ = tokio::time::timeout_at(next, cluster.outliers.notified()).await;
        let Some(shared) = shared.upgrade() else { return };
        if tokio::time::Instant::now() < next {
            shared.core.borrow_mut().look_for_outliers(Now::read());
        } else {
            shared.core.borrow_mut().compare_outliers(Now::read());
            next = tokio::time::Instant::now() + pause;
        }
        shared.write_events();
    }
}

/// Takes hosts that workers have made for requests that said where they go.
async fn take_found(shared: Weak<Shared>, mut found: UnboundedReceiver<Arc<Host>>) {
    loop {
        // Those that come together are published together.
        let mut hosts = Vec::new();
        if found.recv_many(&mut hosts, FOUND_AT_ONCE).await == 0 {
            return;
        }
        let Some(shared) = shared.upgrade() else { return };
        let begin = shared.core.borrow_mut().found(hosts, Now::read());
        shared.begin(begin);
    }
}

/// Forgets such hosts once nobody uses them.
async fn forget_unused(shared: Weak<Shared>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        let end = shared.core.borrow_mut().forget_unused();
        let mut tasks = shared.tasks.borrow_mut();
        for host in end {
            tasks.checks.remove(&host);
        }
    }
}

/// Where checks of a host go.
fn check_address(host: &Host, config: &HealthCheck) -> Address {
    let target = &host.settings().check;
    target::address(&host.address(), target.address, target.port, config)
}

/// `Host` of checks.
fn host_header(host: &Host, config: &HealthCheck, cluster: &str) -> Box<str> {
    target::host(&host.settings().check.hostname, config, cluster).into()
}
