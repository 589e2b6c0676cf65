//! What the admin server shows of clusters, configurations and diagnostics.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_admin::view::{
    AddressAnswer, AgentStatus, Certificate, CertificateDetails, ChangeKind, CheckOutcome, ClusterStatus,
    ConfigChange, ConfigDump, ConfigEntry, Diagnostic, DnsStatus, HealthCheckResult, HealthCheckStatus,
    HealthFlag, HealthFlags, HostChange, HostStats, HostStatus, LookupFailure, OcspDetails, OutlierStatus,
    Severity, SubjectAltName,
};
use causeway_model::{
    Bootstrap, CircuitBreakers, ClusterType, NetworkFilter, RoutingPriority, SourcePosition,
};
use causeway_reason::Failure;
use causeway_tls::certificate::AlternativeName;
use causeway_tls::follow::{ShownCertificate, ShownCertificates};
use causeway_upstream::{
    AgentReport, CheckReport, Cluster, Host, HostStat, NameReport, OutlierReport, Resource,
};

/// The certificates of a context of TLS.
pub(crate) fn certificates(shown: &ShownCertificates) -> Certificate {
    let list = |certificates: &[ShownCertificate]| certificates.iter().map(certificate).collect();
    Certificate { ca_cert: list(&shown.authorities), cert_chain: list(&shown.own) }
}

fn certificate(shown: &ShownCertificate) -> CertificateDetails {
    let names = || shown.facts.names.iter();
    let servers = names().filter_map(AlternativeName::dns).map(|name| SubjectAltName::Dns(name.into()));
    let uris = names().filter_map(AlternativeName::uri).map(|uri| SubjectAltName::Uri(uri.into()));
    let ips = names().filter_map(|name| match name {
        AlternativeName::Ip(ip) => Some(SubjectAltName::Ip(*ip)),
        _ => None,
    });
    CertificateDetails {
        path: shown.path.as_str().into(),
        serial_number: shown.facts.serial.as_str().into(),
        subject_alt_names: servers.chain(uris).chain(ips).collect(),
        valid_from: at(shown.facts.not_before),
        expiration_time: at(shown.facts.not_after),
        ocsp: shown.ocsp.as_ref().map(|ocsp| OcspDetails {
            valid_from: at(ocsp.this_update),
            expiration: ocsp.next_update.map(at),
        }),
    }
}

/// So many seconds since 1970; nothing is older.
fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Both clocks at one moment, to turn points of one into points of the other.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    wall: SystemTime,
}

impl Now {
    fn read() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }

    fn wall(self, at: Instant) -> SystemTime {
        match at.checked_duration_since(self.instant) {
            Some(ahead) => self.wall + ahead,
            None => self.wall - self.instant.saturating_duration_since(at),
        }
    }

    /// When something begins; `None` where it has begun.
    fn next(self, at: Instant) -> Option<SystemTime> {
        (at > self.instant).then(|| self.wall(at))
    }
}

/// A cluster, its hosts and its names.
pub(crate) fn cluster(cluster: &Cluster) -> ClusterStatus {
    let now = Now::read();
    let config = cluster.config();
    ClusterStatus {
        name: Arc::clone(cluster.name()),
        observability_name: Arc::clone(&config.stat_name),
        added_via_api: false,
        circuit_breakers: limits(cluster),
        overprovisioning_factor: config.overprovisioning_factor,
        localities_have_weights: !matches!(config.kind, ClusterType::OriginalDst(_)),
        outlier: cluster.outlier_report().map(outlier),
        hosts: cluster.host_set().hosts().map(|host| self::host(host, now)).collect(),
        dns: cluster.names().iter().map(|name| self::name(name, now)).collect(),
    }
}

fn outlier(report: OutlierReport) -> OutlierStatus {
    OutlierStatus {
        success_rate_average: known(report.external.average),
        success_rate_ejection_threshold: known(report.external.ejection_threshold),
        local_origin_success_rate_average: known(report.local_origin.average),
        local_origin_success_rate_ejection_threshold: known(report.local_origin.ejection_threshold),
    }
}

/// A share that is known.
fn known(share: f64) -> Option<f64> {
    // An exact -1 stands for nothing; a threshold may well be negative.
    #[expect(clippy::float_cmp, reason = "it is what was written, and not reckoned")]
    (share != -1.0).then_some(share)
}

/// The limits as they are: that of retries may be a share of the requests that there are.
fn limits(cluster: &Cluster) -> CircuitBreakers {
    let mut limits = cluster.config().circuit_breakers;
    limits.default.max_retries = cluster.usage(RoutingPriority::Default, Resource::Retries).1;
    limits.high.max_retries = cluster.usage(RoutingPriority::High, Resource::Retries).1;
    limits
}

fn host(host: &Host, now: Now) -> HostStatus {
    let total = |stat| host.total(stat);
    let (success_rate, local_origin_success_rate) = host.success_rates();
    HostStatus {
        address: (*host.address()).clone(),
        hostname: host.hostname().into(),
        stats: HostStats {
            cx_active: total(HostStat::CxActive),
            cx_connect_fail: total(HostStat::CxConnectFail),
            cx_total: total(HostStat::CxTotal),
            rq_active: total(HostStat::RqActive),
            rq_error: total(HostStat::RqError),
            rq_pending_active: total(HostStat::RqPendingActive),
            rq_success: total(HostStat::RqSuccess),
            rq_timeout: total(HostStat::RqTimeout),
            rq_total: total(HostStat::RqTotal),
        },
        health: flags(host.flags()),
        weight: host.weight(),
        locality: host.locality().clone(),
        canary: host.is_canary(),
        priority: host.priority(),
        success_rate: known(success_rate),
        local_origin_success_rate: known(local_origin_success_rate),
        health_check: host.is_checked().then(|| check(host, now)),
        agent: host.agent_report().map(|report| agent(&report, now)),
        changes: host.changes().into_iter().map(change).collect(),
    }
}

fn change(change: causeway_upstream::HostChange) -> HostChange {
    HostChange { at: change.at_wall, health: flags(change.flags), cause: change.cause }
}

fn flags(flags: causeway_upstream::HealthFlags) -> HealthFlags {
    use causeway_upstream::HealthFlags as Upstream;
    [
        (Upstream::FAILED_ACTIVE_HC, HealthFlag::FailedActiveCheck),
        (Upstream::FAILED_OUTLIER_CHECK, HealthFlag::FailedOutlierCheck),
        (Upstream::FAILED_EDS_HEALTH, HealthFlag::FailedByConfig),
        (Upstream::DEGRADED_ACTIVE_HC, HealthFlag::DegradedByCheck),
        (Upstream::DEGRADED_EDS_HEALTH, HealthFlag::DegradedByConfig),
        (Upstream::PENDING_DYNAMIC_REMOVAL, HealthFlag::PendingRemoval),
        (Upstream::PENDING_ACTIVE_HC, HealthFlag::PendingCheck),
        (Upstream::EXCLUDED_VIA_IMMEDIATE_HC_FAIL, HealthFlag::ExcludedByItself),
        (Upstream::ACTIVE_HC_TIMEOUT, HealthFlag::CheckTimeout),
        (Upstream::EDS_STATUS_DRAINING, HealthFlag::DrainingByConfig),
        (Upstream::DEGRADED_OUTLIER_DETECTION, HealthFlag::DegradedByOutlierDetection),
        (Upstream::AGENT_DOWN, HealthFlag::DownByAgent),
        (Upstream::AGENT_DRAIN, HealthFlag::DrainedByAgent),
        (Upstream::AGENT_MAINT, HealthFlag::MaintenanceByAgent),
    ]
    .into_iter()
    .filter(|(flag, _)| flags.any(*flag))
    .map(|(_, flag)| flag)
    .collect()
}

/// With several checks, the one that failed, or else the one that ended last, is shown.
fn check(host: &Host, now: Now) -> HealthCheckStatus {
    let reports = host.check_reports();
    let shown = reports
        .iter()
        .find(|report| report.failure.is_some())
        .or_else(|| reports.iter().max_by_key(|report| report.at));
    shown.map_or_else(HealthCheckStatus::default, |report| status(report, now))
}

fn agent(report: &AgentReport, now: Now) -> AgentStatus {
    AgentStatus { percent: report.percent, line: report.line.clone(), check: status(&report.check, now) }
}

fn status(report: &CheckReport, now: Now) -> HealthCheckStatus {
    HealthCheckStatus {
        last: Some(result(report)),
        last_failure: report.last_failure.as_deref().map(result),
        in_a_row: report.in_a_row,
        next: now.next(report.next),
    }
}

fn result(report: &CheckReport) -> HealthCheckResult {
    let outcome = match &report.failure {
        None => CheckOutcome::Passed { status: report.status },
        Some(failure) => CheckOutcome::Failed {
            reason: failure.reason,
            status: report.status,
            evidence: evidence(failure),
        },
    };
    HealthCheckResult { at: report.at_wall, took: report.took, outcome }
}

fn name(report: &NameReport, now: Now) -> DnsStatus {
    DnsStatus {
        name: Arc::clone(&report.name),
        answer: report.answered.map(|at| AddressAnswer {
            at: now.wall(at),
            addresses: report.in_use.clone(),
            ttl: report.ttl,
        }),
        failure: report.failure.as_ref().map(|failure| LookupFailure {
            at: now.wall(report.at),
            reason: failure.reason,
            evidence: evidence(failure),
            in_a_row: report.failures,
        }),
        next: now.next(report.next),
    }
}

fn evidence(failure: &Failure) -> Option<Box<str>> {
    failure.evidence.as_deref().map(Into::into)
}

/// The configuration as `/config_dump` shows it.
pub(crate) fn dump(dump: &causeway_envoy::ConfigDump, at: SystemTime) -> ConfigDump {
    let entries = |list: Vec<(String, serde_json::Value)>| {
        list.into_iter()
            .map(|(name, config)| ConfigEntry { name: name.into(), config, last_updated: at })
            .collect()
    };
    ConfigDump {
        bootstrap: dump.bootstrap(),
        bootstrap_updated: Some(at),
        clusters: entries(dump.clusters()),
        listeners: entries(dump.listeners()),
        routes: entries(dump.route_configs()),
    }
}

/// What was found in a file.
pub(crate) fn diagnostic(found: &causeway_envoy::Diagnostic) -> Diagnostic {
    let message = if found.path.is_empty() {
        found.message.clone()
    } else {
        format!("{} (at {})", found.message, found.path)
    };
    let label = Some(found.label.as_str()).filter(|label| !label.is_empty());
    let help = found.help.iter().map(String::as_str);
    let hints: Vec<&str> = label.into_iter().chain(help).chain(found.suggestion.as_deref()).collect();
    Diagnostic {
        severity: match found.severity {
            causeway_envoy::Severity::Error => Severity::Error,
            causeway_envoy::Severity::Warning => Severity::Warning,
            causeway_envoy::Severity::Note => Severity::Note,
        },
        position: found.place.as_ref().map(|place| SourcePosition {
            file: Some(Arc::clone(&place.file)),
            line: place.line,
            column: place.column,
        }),
        message,
        hint: (!hints.is_empty()).then(|| hints.join("; ")),
    }
}

/// What is different between two configurations.
pub(crate) fn changes(old: &Bootstrap, new: &Bootstrap) -> Vec<ConfigChange> {
    let mut changes = Vec::new();
    compare(&mut changes, "listener", &named_listeners(old), &named_listeners(new));
    compare(&mut changes, "route_config", &named_routes(old), &named_routes(new));
    compare(&mut changes, "cluster", &named_clusters(old), &named_clusters(new));
    if old.runtime != new.runtime {
        changes.push(ConfigChange { kind: ChangeKind::Changed, what: "runtime", name: String::new() });
    }
    changes
}

fn named_listeners(of: &Bootstrap) -> Vec<(&str, &causeway_model::Listener)> {
    of.listeners.iter().map(|listener| (&*listener.name, &**listener)).collect()
}

fn named_routes(of: &Bootstrap) -> Vec<(&str, &causeway_model::RouteConfiguration)> {
    let chains = of.listeners.iter().flat_map(|listener| listener.chains());
    let managers = chains.filter_map(|chain| match &chain.filter {
        NetworkFilter::HttpConnectionManager(manager) => Some(manager),
        NetworkFilter::None
        | NetworkFilter::TcpProxy(_)
        | NetworkFilter::Echo
        | NetworkFilter::DirectResponse(_) => None,
    });
    managers.map(|manager| (&*manager.route_config.name, &*manager.route_config)).collect()
}

fn named_clusters(of: &Bootstrap) -> Vec<(&str, &causeway_model::Cluster)> {
    of.clusters.iter().map(|cluster| (&*cluster.name, &**cluster)).collect()
}

fn compare<T: PartialEq>(
    changes: &mut Vec<ConfigChange>,
    what: &'static str,
    old: &[(&str, &T)],
    new: &[(&str, &T)],
) {
    let mut push = |kind, name: &str| changes.push(ConfigChange { kind, what, name: name.to_owned() });
    for (name, item) in new {
        match old.iter().find(|(known, _)| known == name) {
            None => push(ChangeKind::Added, name),
            Some((_, before)) if before != item => push(ChangeKind::Changed, name),
            Some(_) => {}
        }
    }
    for (name, _) in old.iter().filter(|(name, _)| !new.iter().any(|(known, _)| known == name)) {
        push(ChangeKind::Removed, name);
    }
}

/// A duration in words, for log lines.
pub(crate) fn took(duration: Duration) -> String {
    match duration.as_millis() {
        0..=9_999 => format!("{} ms", duration.as_millis()),
        _ => format!("{} s", duration.as_secs()),
    }
}
