//! Probing: names and endpoints of a configuration are asked what the proxy would ask them, and where they do not answer as
//! they should, what else would explain it.
//!
//! ```text
//!  model ─ plan ─▶ names ──▶ dns ─────────▶ addresses ──▶ endpoint: decide ⇄ driver ──▶ findings ─▶ group
//! ```
//!
//! What decides takes observations and gives the next question or a conclusion; it can be tested without a network. What it
//! proves holds where it ran, in this network namespace.
//!
//! It is safe to run against what is in use: `GET`, `HEAD` and `OPTIONS` only (and the gRPC health service where a check asks
//! it, or `GET` is not taken), under a name of its own, one connection at a time to an endpoint, no more than [`endpoint::observations::TRIALS`] and
//! [`LIMIT`], and other protocols are tried only where the configured one is not answered.

pub mod dns;
pub mod endpoint;
mod findings;
mod group;
pub mod here;
pub mod plan;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causeway_model::{
    Address, BindConfig, Bootstrap, Cluster, ClusterType, DnsOptions, DnsResolver, Endpoint, EndpointAddress,
};
use causeway_upstream::{NameServers, hosts_file};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{LocalSet, spawn_local};

use crate::finding::{Finding, Severity};
use crate::report::Report;
use crate::said;
use crate::said::Said;
use crate::selection::Selection;
use endpoint::{Held, Observations, Step};
use findings::NameOf;
use here::Sockets;
use plan::{Here, Target};

/// What probes call themselves.
pub const AGENT: &str = concat!("causeway-doctor/", env!("CARGO_PKG_VERSION"));
/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_millis(1500);
/// Time for one endpoint.
pub const LIMIT: Duration = Duration::from_secs(5);
/// Endpoints and names that are asked at once.
const AT_ONCE: usize = 16;
/// Endpoints that are asked at all.
const MOST: usize = 256;

/// How far it is, for whoever waits.
#[derive(Debug, Clone, Default)]
pub struct Progress(Rc<State>);

#[derive(Debug, Default)]
struct State {
    done: Cell<usize>,
    all: Cell<usize>,
    /// Until when connections are held.
    holding: Cell<Option<Instant>>,
}

impl Progress {
    /// How many of the endpoints have been asked, and how many there are.
    #[must_use]
    pub fn get(&self) -> (usize, usize) {
        (self.0.done.get(), self.0.all.get())
    }

    /// How long connections are still held, where nothing else is waited for.
    #[must_use]
    pub fn holding(&self) -> Option<Duration> {
        let until = self.0.holding.get().filter(|_| self.0.done == self.0.all)?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    fn holds(&self, limit: Duration) {
        self.0.holding.set(Some(Instant::now() + limit));
    }

    fn begin(&self, all: usize) {
        self.0.all.set(self.0.all.get() + all);
    }

    fn one_more(&self) {
        self.0.done.set(self.0.done.get() + 1);
    }
}

/// Names of all checks, with `*` in place of names of clusters and addresses.
pub fn names() -> impl Iterator<Item = String> {
    ["clusters.*", "clusters.*.dns", "clusters.*.health_check", "clusters.*.*"].into_iter().map(str::to_owned)
}

/// Asks everything that is selected.
pub async fn probe(bootstrap: &Bootstrap, selection: &Selection, progress: &Progress, report: &mut Report) {
    if selection.takes_some_of("clusters") {
        LocalSet::new().run_until(run(bootstrap, selection, progress, report)).await;
    }
}

async fn run(bootstrap: &Bootstrap, selection: &Selection, progress: &Progress, report: &mut Report) {
    let turns = Rc::new(Semaphore::new(AT_ONCE));
    let here =
        Here { has: here::is_here, gateway: here::gateway_of_container(), taken: plan::taken(bootstrap) };
    let mut found = Vec::new();
    let mut clusters: Vec<Of> = Vec::new();
    let wanted = bootstrap
        .clusters
        .iter()
        .filter(|cluster| selection.takes_some_of(&format!("clusters.{}", cluster.name)));
    // All names first: a dead server is as slow for one as for all.
    let mut looked_up = Vec::new();
    for cluster in wanted {
        let (cluster, turns) = (Arc::clone(cluster), Rc::clone(&turns));
        looked_up.push(spawn_local(async move {
            let names = resolve(&cluster, &turns).await;
            (cluster, names)
        }));
    }
    for task in looked_up {
        let Ok((cluster, names)) = task.await else { continue };
        report.probes +=
            names.values().map(|name| u32::try_from(name.answers.len()).unwrap_or(0)).sum::<u32>();
        clusters.push(of_cluster(bootstrap, &cluster, names, &here, selection));
    }
    let all: usize = clusters.iter().map(|of| of.targets.len()).sum();
    progress.begin(all.min(MOST));
    let mut left = MOST;
    let mut probing = Vec::new();
    let idle = selection.idle;
    let mut endpoints: HashMap<Address, Rc<Mutex<Shared>>> = HashMap::new();
    for of in &mut clusters {
        let count = left.min(of.targets.len());
        left -= count;
        of.left_out = of.targets.len() - count;
        for target in of.targets.drain(..count) {
            let name = Arc::clone(&of.cluster.name);
            let (turns, progress) = (Rc::clone(&turns), progress.clone());
            // Clusters that share an endpoint ask it one behind the other.
            let shared = Rc::clone(endpoints.entry(target.address.clone()).or_default());
            let task = spawn_local(async move {
                let (mut seen, mut diagnoses) = {
                    let mut shared = shared.lock().await;
                    let known = shared.for_target(&target);
                    let _turn = turns.acquire().await;
                    let result = examine(&target, known).await;
                    shared.keep(&target, &result.0);
                    result
                };
                progress.one_more();
                let held = match idle {
                    Some(limit) => hold(&target, limit, &mut seen, &mut diagnoses, &progress).await,
                    None => None,
                };
                (target, seen, diagnoses, held)
            });
            probing.push((name, task));
        }
    }
    let mut probed: HashMap<Arc<str>, Vec<Probed>> = HashMap::new();
    for (name, task) in probing {
        if let Ok((target, seen, diagnoses, held)) = task.await {
            report.probes += u32::try_from(seen.trials.len()).unwrap_or(0);
            let findings = diagnoses.iter().map(|one| findings::of_endpoint(&target, &seen, one)).collect();
            probed.entry(name).or_default().push(Probed { address: target.address, findings, held });
        }
    }
    for of in clusters {
        let endpoints = probed.remove(&of.cluster.name).unwrap_or_default();
        tell(&of, endpoints, selection, report, &mut found);
    }
    report.findings.extend(group::join(found));
}

/// What is known of a cluster.
struct Of {
    cluster: Arc<Cluster>,
    targets: Vec<Target>,
    /// Endpoints that were too many.
    left_out: usize,
    /// What is wrong with its names.
    names: Vec<Finding>,
    /// How many names there are, and which of them have addresses.
    looked_up: (usize, usize),
    /// Why no name could be looked up.
    unable: Option<String>,
}

/// What is known of an endpoint.
struct Probed {
    address: Address,
    findings: Vec<Finding>,
    /// How an idle connection ended, where one was held.
    held: Option<Held>,
}

/// What clusters that share an endpoint know of it: who could not connect needs not be followed by forty others.
#[derive(Default)]
struct Shared(Option<(Option<Arc<BindConfig>>, Observations)>);

impl Shared {
    /// What holds for another cluster too.
    fn for_target(&self, target: &Target) -> Observations {
        match &self.0 {
            Some((source, known)) if *source == target.cluster.upstream_bind_config => known.of(target),
            Some(_) | None => Observations::default(),
        }
    }

    fn keep(&mut self, target: &Target, seen: &Observations) {
        if seen.is_unreachable() {
            self.0 = Some((target.cluster.upstream_bind_config.clone(), seen.clone()));
        }
    }
}

/// What was found out about a name.
#[derive(Default)]
struct LookedUp {
    name: Option<dns::Name>,
    conclusion: dns::Conclusion,
    answers: Vec<dns::Answered>,
    unable: Option<String>,
}

/// All addresses that the names of a cluster give now.
pub(crate) async fn addresses_now(cluster: &Cluster) -> BTreeSet<IpAddr> {
    let turns = Semaphore::new(AT_ONCE);
    let names = LocalSet::new().run_until(resolve(cluster, &turns)).await;
    names.into_values().flat_map(|name| name.conclusion.addresses).collect()
}

async fn resolve(cluster: &Cluster, turns: &Semaphore) -> HashMap<Arc<str>, LookedUp> {
    let mut found = HashMap::new();
    let (options, logical) = match &cluster.kind {
        ClusterType::StrictDns(options) => (options, false),
        ClusterType::LogicalDns(options) => (options, true),
        ClusterType::Static | ClusterType::Aggregate(_) | ClusterType::OriginalDst(_) => return found,
    };
    for name in plan::names(cluster) {
        let _turn = turns.acquire().await;
        let looked_up = look_up(&name, options, logical).await;
        found.insert(name, looked_up);
    }
    found
}

async fn look_up(name: &str, options: &DnsOptions, logical: bool) -> LookedUp {
    let of_host = DnsResolver::default();
    let both = NameServers::of(&options.resolver, dns::PATIENCE)
        .and_then(|own| Ok((own, NameServers::of(&of_host, dns::PATIENCE)?)));
    let (own, system) = match both {
        Ok(both) => both,
        Err(why) => return LookedUp { unable: Some(why), ..LookedUp::default() },
    };
    let name = dns::Name {
        name: name.to_owned(),
        family: options.lookup_family,
        servers: own.addresses().collect(),
        servers_of_file: !options.resolver.servers.is_empty(),
        system: system.addresses().collect(),
        completed: own.completed(name),
        hosts_file: hosts_file(name),
        logical,
    };
    let (conclusion, answers) = dns::ask(&name, &own, &system).await;
    LookedUp { name: Some(name), conclusion, answers, unable: None }
}

fn of_cluster(
    bootstrap: &Bootstrap,
    cluster: &Arc<Cluster>,
    names: HashMap<Arc<str>, LookedUp>,
    here: &Here,
    selection: &Selection,
) -> Of {
    let area = format!("clusters.{}", cluster.name);
    let is_wanted =
        |address: &Address| selection.takes(&area) || selection.takes(&format!("{area}.{address}"));
    let uses = plan::uses(bootstrap, &cluster.name);
    let logical = matches!(cluster.kind, ClusterType::LogicalDns(_));
    let mut targets: Vec<Target> = Vec::new();
    for endpoint in plan::endpoints(cluster).filter(|endpoint| plan::is_used(endpoint)) {
        for (address, others) in addresses(endpoint, &names, logical) {
            let is_new = !targets.iter().any(|known| known.address == address);
            if is_new && is_wanted(&address) {
                targets.push(plan::target(cluster, endpoint, address, others, &uses, here));
            }
        }
    }
    let looked_up =
        (names.len(), names.values().filter(|name| !name.conclusion.addresses.is_empty()).count());
    let unable = names.values().find_map(|name| name.unable.clone());
    let mut wrong = Vec::new();
    for endpoint in plan::endpoints(cluster) {
        let EndpointAddress::Name { host, .. } = &endpoint.address else { continue };
        let Some(LookedUp { name: Some(name), conclusion, answers, .. }) = names.get(host) else { continue };
        let of = NameOf { cluster, position: &endpoint.position };
        wrong.extend(conclusion.wrong.iter().map(|one| findings::of_name(&of, name, answers, one)));
    }
    Of { cluster: Arc::clone(cluster), targets, left_out: 0, names: wrong, looked_up, unable }
}

/// The addresses of an endpoint, and those of the other family that its name has.
fn addresses(
    endpoint: &Endpoint,
    names: &HashMap<Arc<str>, LookedUp>,
    logical: bool,
) -> Vec<(Address, Vec<IpAddr>)> {
    match &endpoint.address {
        EndpointAddress::Resolved(address) => vec![(address.clone(), Vec::new())],
        EndpointAddress::Name { host, port } => {
            let Some(looked_up) = names.get(host) else { return Vec::new() };
            let found = &looked_up.conclusion;
            let most = if logical { 1 } else { usize::MAX };
            let used = found.addresses.iter().take(most);
            used.map(|ip| (Address::Ip(SocketAddr::new(*ip, *port)), found.others.clone())).collect()
        }
    }
}

/// Asks an endpoint until all is known that can be.
async fn examine(target: &Target, known: Observations) -> (Observations, Vec<endpoint::Diagnosis>) {
    let began = Instant::now();
    let mut lost = Duration::ZERO;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut seen = Observations { now: i64::try_from(now).unwrap_or(i64::MAX), ..known };
    loop {
        match endpoint::next(target, &seen) {
            Step::Conclude(diagnoses) => return (seen, diagnoses),
            Step::Look => seen.sockets = Some(Sockets::read()),
            Step::Try(trial) => {
                let left = (LIMIT + lost).saturating_sub(began.elapsed());
                if left.is_zero() {
                    seen.exhausted = true;
                    continue;
                }
                let (came, wasted) = endpoint::driver::make(target, &trial, left).await;
                lost += wasted;
                seen.trials.push((*trial, came));
            }
        }
    }
}

/// Holds a connection to an endpoint that is well, and adds what that shows. Others are not kept waiting: any number of
/// connections can be idle at once.
async fn hold(
    target: &Target,
    limit: Duration,
    seen: &mut Observations,
    diagnoses: &mut Vec<endpoint::Diagnosis>,
    progress: &Progress,
) -> Option<Held> {
    if !diagnoses.is_empty() {
        return None;
    }
    let trial = endpoint::idle::trial(target, seen, limit)?;
    progress.holds(limit);
    let (came, _) = endpoint::driver::make(target, &trial, LIMIT + limit).await;
    let held = endpoint::idle::held(limit, &came);
    seen.trials.push((trial, came));
    diagnoses.extend(held.and_then(|held| endpoint::idle::judge(target, held, seen.trials.len() - 1)));
    held
}

/// How long idle connections to the endpoints are kept, in words; nothing where none was held.
fn kept(endpoints: &[Probed]) -> Option<Said> {
    let time = |held: &Held| match held {
        Held::Closed(time) | Held::Stood(time) => *time,
    };
    let shortest = endpoints.iter().filter_map(|probed| probed.held).min_by_key(time)?;
    let seconds = time(&shortest).as_secs_f64();
    Some(match shortest {
        Held::Closed(_) => {
            said!(
                "; idle connections are closed after {seconds:.1} s",
                ". 유휴 연결은 {seconds:.1}초 뒤에 닫힘"
            )
        }
        Held::Stood(_) => {
            said!(
                "; idle connections stand for {seconds:.0} s at least",
                ". 유휴 연결은 {seconds:.0}초 이상 유지됨"
            )
        }
    })
}

/// Writes down what was found of a cluster.
fn tell(
    of: &Of,
    endpoints: Vec<Probed>,
    selection: &Selection,
    report: &mut Report,
    found: &mut Vec<Finding>,
) {
    let area = format!("clusters.{}", of.cluster.name);
    let (names, resolved) = of.looked_up;
    let dns = format!("{area}.dns");
    if names > 0 && selection.takes(&dns) {
        if let Some(why) = &of.unable {
            report.inconclusive(
                dns,
                said!("no name can be looked up: {why}", "이름을 조회할 수 없습니다: {why}"),
            );
        } else {
            let words = said!(
                "{resolved} of {names} names have addresses",
                "이름 {names}개 중 {resolved}개에 주소가 있습니다"
            );
            note(report, dns, &of.names, words);
            found.extend(of.names.iter().cloned());
        }
    }
    if selection.takes(&area)
        && let Some(finding) = findings::without_hosts(&of.cluster)
    {
        note(report, area.clone(), std::slice::from_ref(&finding), said!("", ""));
        found.push(finding);
    }
    let count = endpoints.len();
    let is_well = |probed: &&Probed| probed.findings.iter().all(|one| one.severity != Severity::Error);
    let well = endpoints.iter().filter(is_well).count();
    let kept = kept(&endpoints);
    for probed in endpoints {
        let id = format!("{area}.{}", probed.address);
        if !selection.takes(&id) {
            continue;
        }
        if !probed.findings.is_empty() {
            note(report, id, &probed.findings, said!("", ""));
        }
        found.extend(probed.findings);
    }
    if count > 0 && selection.takes(&area) {
        let id = area.clone();
        let mut words = said!("{well}/{count} answer", "{count}개 중 {well}개 응답");
        if let Some(kept) = kept {
            words = Said::new(words.en + &kept.en, words.ko + &kept.ko);
        }
        if well == count {
            report.passed(id, words);
        }
    }
    if of.left_out > 0 {
        let more = of.left_out;
        report.inconclusive(
            area,
            said!("{more} endpoints were not asked: `--only clusters.NAME` asks those of one cluster", "엔드포인트 {more}개는 확인하지 않았습니다. `--only clusters.이름`으로 한 클러스터만 확인할 수 있습니다"),
        );
    }
}

/// A check with what came of it. The findings themselves are written down once they are joined.
fn note(report: &mut Report, id: String, findings: &[Finding], words: Said) {
    if findings.is_empty() {
        report.passed(id, words);
        return;
    }
    let before = report.findings.len();
    report.failed(id, findings.iter().cloned());
    report.findings.truncate(before);
}
