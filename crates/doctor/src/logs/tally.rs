//! Failures, counted by kind.

use std::collections::HashMap;
use std::fmt::Write as _;

use causeway_model::{Bootstrap, EndpointAddress};
use causeway_reason::{Line, Maker, Reason};

use super::entry::Entry;
use super::missed::{Missed, Tables};
use super::rounds::Durations;

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Lines.
    pub(super) lines: u64,
    /// Those that tell of a request.
    pub(super) requests: u64,
    /// Those of them that failed.
    pub(super) failed: u64,
    /// Failures of kinds that came when there were too many to be kept apart.
    pub(super) others: u64,
    /// Times of the first request and of the last, as they are written.
    pub(super) span: Span,
    groups: HashMap<String, Group>,
    /// The cluster of each address that the configuration names.
    clusters: HashMap<String, String>,
    tables: Tables,
    key: String,
}

/// One kind of failure.
#[derive(Debug)]
pub(super) struct Group {
    /// Who made the answer.
    pub(super) made_by: Option<Maker>,
    /// Status; 0 for none.
    pub(super) status: u16,
    /// Flags, or nothing.
    pub(super) flags: String,
    /// Details, HAProxy's termination state, or nothing.
    pub(super) details: String,
    /// Cluster or backend, or nothing.
    pub(super) cluster: String,
    /// What the line means.
    pub(super) line: Line,
    /// The line says why itself.
    pub(super) is_known: bool,
    /// Why the first of them found no route, where that is so; the others have the same reason.
    pub(super) missed: Option<Missed>,
    /// It is about connections on which no request came.
    pub(super) connections: bool,
    /// How many.
    pub(super) count: u64,
    /// First and last.
    pub(super) span: Span,
    /// How long they took.
    pub(super) durations: Durations,
    /// The hosts, with how many each; those beyond a number together under nothing.
    pub(super) hosts: Vec<(String, u64)>,
}

/// A first time and a last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: String,
    pub(super) last: String,
}

/// Between the parts of a key: nobody writes it into a log.
const SEPARATOR: char = '\u{1f}';
/// Hosts with the same symptom that are said each.
const ALIKE: usize = 3;
/// Kinds that are kept apart.
const MOST_GROUPS: usize = 1024;
/// Hosts of a kind that are counted each.
const MOST_HOSTS: usize = 8;
/// Longest details, in bytes: what transports say can be as long as they like.
const LONGEST: usize = 240;

impl Tally {
    pub(super) fn new(bootstrap: Option<&Bootstrap>) -> Self {
        let mut clusters = HashMap::new();
        for cluster in bootstrap.into_iter().flat_map(|bootstrap| &bootstrap.clusters) {
            for endpoint in cluster.localities.iter().flat_map(|locality| &locality.endpoints) {
                if let EndpointAddress::Resolved(address) = &endpoint.address {
                    let name =
                        clusters.entry(address.to_string()).or_insert_with(|| cluster.name.to_string());
                    // Two clusters have it: a line does not say which.
                    if **name != *cluster.name {
                        name.clear();
                    }
                }
            }
        }
        Self { clusters, tables: Tables::new(bootstrap), ..Self::default() }
    }

    /// A line that tells of no request.
    pub(super) const fn foreign(&mut self) {
        self.lines += 1;
    }

    /// A line that does.
    pub(super) fn add(&mut self, entry: &Entry<'_>) {
        self.lines += 1;
        self.requests += 1;
        self.span.add(&entry.time);
        if !entry.failed() {
            return;
        }
        self.failed += 1;
        let cluster = if entry.cluster.is_empty() {
            self.clusters.get(&*entry.host).map_or("", String::as_str)
        } else {
            &*entry.cluster
        };
        let details = cut(&entry.details);
        let missed = self.tables.missed(entry);
        let reason = missed.as_ref().map_or("", |missed| missed.reason.code());
        self.key.clear();
        // A host stands for its cluster where nothing names that.
        let target = if cluster.is_empty() { &*entry.host } else { cluster };
        let server = entry.haproxy.is_none_or(|line| line.has_server());
        let _ = write!(
            self.key,
            "{}{SEPARATOR}{}{SEPARATOR}{details}{SEPARATOR}{}{SEPARATOR}{}{reason}{SEPARATOR}{target}{SEPARATOR}{}{server}",
            entry.status.unwrap_or(0),
            entry.flags,
            cut(&entry.transport),
            entry.why.map_or("", Reason::code),
            entry.answered
        );
        if !self.groups.contains_key(&self.key) {
            if self.groups.len() >= MOST_GROUPS {
                self.others += 1;
                return;
            }
            let line = entry.explain();
            let group = Group {
                made_by: line.made_by,
                status: entry.status.unwrap_or(0),
                flags: entry.flags.to_string(),
                details: details.to_owned(),
                cluster: cluster.to_owned(),
                line,
                is_known: entry.why.is_some(),
                missed,
                connections: entry.connection.is_some(),
                count: 0,
                span: Span::default(),
                durations: Durations::default(),
                hosts: Vec::new(),
            };
            self.groups.insert(self.key.clone(), group);
        }
        if let Some(group) = self.groups.get_mut(&self.key) {
            group.add(entry);
        }
    }

    /// All kinds, the commonest first. Where nothing names a cluster each host is a kind of its own, unless there are many
    /// with the same symptom, which then are one.
    pub(super) fn groups(&mut self) -> Vec<Group> {
        let mut kinds: HashMap<String, Vec<Group>> = HashMap::new();
        for (key, group) in self.groups.drain() {
            // A key ends with the target and what belongs to it.
            let kind = if group.cluster.is_empty() {
                let symptom = key.rsplitn(3, SEPARATOR).last().unwrap_or_default();
                format!("{symptom}{SEPARATOR}{}", group.hosts.is_empty())
            } else {
                key
            };
            kinds.entry(kind).or_default().push(group);
        }
        let mut groups = Vec::new();
        for alike in kinds.into_values() {
            if alike.len() > ALIKE {
                groups.extend(alike.into_iter().reduce(Group::join));
            } else {
                groups.extend(alike);
            }
        }
        groups.sort_by(|a, b| {
            (b.count, &a.flags, &a.details, &a.cluster, &a.hosts)
                .cmp(&(a.count, &b.flags, &b.details, &b.cluster, &b.hosts))
        });
        groups
    }
}

impl Group {
    /// Two kinds of the same symptom as one.
    fn join(mut self, other: Self) -> Self {
        self.count += other.count;
        self.span.join(&other.span);
        self.durations.join(&other.durations);
        for (host, count) in other.hosts {
            self.host(&host, count);
        }
        self
    }

    fn add(&mut self, entry: &Entry<'_>) {
        self.count += 1;
        self.span.add(&entry.time);
        if let Some(duration) = entry.duration {
            self.durations.add(duration);
        }
        if !entry.host.is_empty() {
            self.host(&entry.host, 1);
        }
    }

    fn host(&mut self, name: &str, count: u64) {
        let room = self.hosts.len() < MOST_HOSTS;
        match self.hosts.iter_mut().find(|(host, _)| host == name || (!room && host.is_empty())) {
            Some((_, sum)) => *sum += count,
            None if room => self.hosts.push((name.to_owned(), count)),
            None => self.hosts.push((String::new(), count)),
        }
    }
}

impl Span {
    fn add(&mut self, time: &str) {
        if time.is_empty() {
            return;
        }
        if self.first.is_empty() {
            time.clone_into(&mut self.first);
        }
        time.clone_into(&mut self.last);
    }

    /// From the earlier first to the later last.
    fn join(&mut self, other: &Self) {
        use super::time::seconds;
        if seconds(&other.first) < seconds(&self.first) || self.first.is_empty() {
            self.first.clone_from(&other.first);
        }
        if seconds(&other.last) > seconds(&self.last) {
            self.last.clone_from(&other.last);
        }
    }

    /// Seconds between both, where they can be read.
    pub(super) fn seconds(&self) -> Option<f64> {
        Some(super::time::seconds(&self.last)? - super::time::seconds(&self.first)?)
    }
}

/// Details without what is different each time, and no longer than they need to be.
fn cut(details: &str) -> &str {
    let details = details.split("|remote_address:").next().unwrap_or(details);
    let mut end = details.len().min(LONGEST);
    while !details.is_char_boundary(end) {
        end -= 1;
    }
    details.get(..end).unwrap_or(details)
}
