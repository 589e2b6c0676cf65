//! `/clusters`

use std::fmt::Write as _;
use std::time::SystemTime;

use axum::http::StatusCode;
use causeway_model::Thresholds;
use serde_json::{Map, Value, json};

use super::trouble;
use crate::filter::filter;
use crate::http::{Reply, Request};
use crate::json::{address, locality, pretty};
use crate::state::Admin;
use crate::stats::number::{general, shortest};
use crate::view::{ClusterStatus, HealthFlag, HealthFlags, HostStatus, OutlierStatus};

pub(crate) fn clusters(admin: &Admin, request: &Request) -> Reply {
    let clusters = match selected(admin, request) {
        Ok(clusters) => clusters,
        Err(reply) => return reply,
    };
    if request.query.value("format") == Some("json") {
        return Reply::json(pretty(&json(&clusters)));
    }
    let mut out = String::new();
    for cluster in &clusters {
        text(&mut out, cluster, request.now);
    }
    Reply::text(out)
}

/// The clusters that `filter` names.
pub(super) fn selected(admin: &Admin, request: &Request) -> Result<Vec<ClusterStatus>, Reply> {
    let mut clusters = admin.process.clusters();
    if let Some(pattern) = request.query.value("filter") {
        let filter = filter(pattern).map_err(|error| {
            Reply::fault(StatusCode::BAD_REQUEST, format!("Invalid re2 regex: {}", error.0))
        })?;
        clusters.retain(|cluster| filter.is_match(&cluster.name));
    }
    Ok(clusters)
}

fn text(out: &mut String, cluster: &ClusterStatus, now: SystemTime) {
    let name = &cluster.name;
    let _ = writeln!(out, "{name}::observability_name::{}", cluster.observability_name);
    if let Some(outlier) = &cluster.outlier {
        for (key, value) in outlier_values(outlier) {
            let _ = writeln!(out, "{name}::outlier::{key}::{}", general(value.unwrap_or(-1.0), 6));
        }
    }
    for (priority, limits) in priorities(cluster) {
        for (key, value) in limit_values(limits) {
            let _ = writeln!(out, "{name}::{priority}_priority::{key}::{value}");
        }
    }
    let _ = writeln!(out, "{name}::added_via_api::{}", cluster.added_via_api);
    for host in &cluster.hosts {
        host_text(out, &format!("{name}::{}", host.address), host);
        if let Some(check) = trouble::host(host) {
            trouble::host_lines(out, &format!("{name}::{}", host.address), check, now);
        }
        if let Some(agent) = &host.agent {
            trouble::agent_line(out, &format!("{name}::{}", host.address), agent, now);
        }
    }
    for dns in &cluster.dns {
        trouble::dns_line(out, name, dns, now);
    }
}

fn host_text(out: &mut String, prefix: &str, host: &HostStatus) {
    let mut stats: Vec<_> = host.stats.counters().into_iter().chain(host.stats.gauges()).collect();
    stats.sort_unstable();
    for (key, value) in stats {
        let _ = writeln!(out, "{prefix}::{key}::{value}");
    }
    let rate = |rate: Option<f64>| rate.unwrap_or(-1.0).to_string();
    let fields: [(&str, &dyn std::fmt::Display); 10] = [
        ("hostname", &host.hostname),
        ("health_flags", &health_flags(host.health)),
        ("weight", &host.weight),
        ("region", &host.locality.region),
        ("zone", &host.locality.zone),
        ("sub_zone", &host.locality.sub_zone),
        ("canary", &host.canary),
        ("priority", &host.priority),
        ("success_rate", &rate(host.success_rate)),
        ("local_origin_success_rate", &rate(host.local_origin_success_rate)),
    ];
    for (key, value) in fields {
        let _ = writeln!(out, "{prefix}::{key}::{value}");
    }
}

/// `healthy`, or the flags one behind the other.
pub(super) fn health_flags(health: HealthFlags) -> String {
    if health.is_empty() {
        return "healthy".to_owned();
    }
    HealthFlag::ALL.iter().filter(|flag| health.contains(**flag)).map(|flag| flag.token()).collect()
}

fn priorities(cluster: &ClusterStatus) -> [(&'static str, &Thresholds); 2] {
    [("default", &cluster.circuit_breakers.default), ("high", &cluster.circuit_breakers.high)]
}

const fn limit_values(limits: &Thresholds) -> [(&'static str, u32); 4] {
    [
        ("max_connections", limits.max_connections),
        ("max_pending_requests", limits.max_pending_requests),
        ("max_requests", limits.max_requests),
        ("max_retries", limits.max_retries),
    ]
}

const fn outlier_values(outlier: &OutlierStatus) -> [(&'static str, Option<f64>); 4] {
    [
        ("success_rate_average", outlier.success_rate_average),
        ("success_rate_ejection_threshold", outlier.success_rate_ejection_threshold),
        ("local_origin_success_rate_average", outlier.local_origin_success_rate_average),
        (
            "local_origin_success_rate_ejection_threshold",
            outlier.local_origin_success_rate_ejection_threshold,
        ),
    ]
}

/// `admin.v3.Clusters`: fields in the order of their numbers; empty ones are left out, as protobuf does.
fn json(clusters: &[ClusterStatus]) -> Value {
    let mut object = Map::new();
    if !clusters.is_empty() {
        object.insert("cluster_statuses".to_owned(), clusters.iter().map(cluster_json).collect());
    }
    Value::Object(object)
}

fn cluster_json(cluster: &ClusterStatus) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    set("name", (*cluster.name).into());
    if cluster.added_via_api {
        set("added_via_api", true.into());
    }
    let outlier = cluster.outlier.unwrap_or_default();
    let threshold = |value: Option<f64>| value.filter(|value| *value > 0.0).map(percent);
    if let Some(value) = threshold(outlier.success_rate_ejection_threshold) {
        set("success_rate_ejection_threshold", value);
    }
    if !cluster.hosts.is_empty() {
        set("host_statuses", cluster.hosts.iter().map(host_json).collect());
    }
    if let Some(value) = threshold(outlier.local_origin_success_rate_ejection_threshold) {
        set("local_origin_success_rate_ejection_threshold", value);
    }
    let thresholds = priorities(cluster).map(|(priority, limits)| {
        let mut object = Map::new();
        if priority == "high" {
            object.insert("priority".to_owned(), "HIGH".into());
        }
        object.extend(limit_values(limits).map(|(key, value)| (key.to_owned(), value.into())));
        Value::Object(object)
    });
    set("circuit_breakers", json!({"thresholds": thresholds}));
    set("observability_name", (*cluster.observability_name).into());
    let lookups: Vec<_> =
        cluster.dns.iter().filter(|dns| dns.failure.is_some()).map(trouble::dns_json).collect();
    if !lookups.is_empty() {
        set("causeway", json!({"dns": lookups}));
    }
    Value::Object(object)
}

fn host_json(host: &HostStatus) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    set("address", address(&host.address));
    let counters = host.stats.counters().into_iter().map(|(name, value)| metric(None, name, value));
    let gauges = host.stats.gauges().into_iter().map(|(name, value)| metric(Some("GAUGE"), name, value));
    set("stats", counters.chain(gauges).collect());
    set("health_status", health_json(host.health));
    if let Some(rate) = host.success_rate {
        set("success_rate", percent(rate));
    }
    if host.weight > 0 {
        set("weight", host.weight.into());
    }
    if !host.hostname.is_empty() {
        set("hostname", (*host.hostname).into());
    }
    if host.priority > 0 {
        set("priority", host.priority.into());
    }
    if let Some(rate) = host.local_origin_success_rate {
        set("local_origin_success_rate", percent(rate));
    }
    set("locality", locality(&host.locality));
    if let Some(check) = trouble::host(host) {
        set("causeway", trouble::host_json(check));
    }
    if let Some(agent) = &host.agent {
        set("causeway_agent", trouble::agent_json(agent));
    }
    Value::Object(object)
}

/// `admin.v3.SimpleMetric`; a value of 0 is left out, and 64-bit numbers are texts.
fn metric(kind: Option<&str>, name: &str, value: u64) -> Value {
    let mut object = Map::new();
    if let Some(kind) = kind {
        object.insert("type".to_owned(), kind.into());
    }
    if value > 0 {
        object.insert("value".to_owned(), value.to_string().into());
    }
    object.insert("name".to_owned(), name.into());
    Value::Object(object)
}

/// `admin.v3.HostHealthStatus`
fn health_json(health: HealthFlags) -> Value {
    let configured = if health.contains(HealthFlag::DrainingByConfig) {
        "DRAINING"
    } else if health.contains(HealthFlag::FailedByConfig) {
        "UNHEALTHY"
    } else if health.contains(HealthFlag::DegradedByConfig) {
        "DEGRADED"
    } else {
        "HEALTHY"
    };
    let mut object = Map::new();
    for (flag, key) in [
        (HealthFlag::FailedActiveCheck, "failed_active_health_check"),
        (HealthFlag::FailedOutlierCheck, "failed_outlier_check"),
    ] {
        if health.contains(flag) {
            object.insert(key.to_owned(), true.into());
        }
    }
    object.insert("eds_health_status".to_owned(), configured.into());
    for (flag, key) in [
        (HealthFlag::DegradedByCheck, "failed_active_degraded_check"),
        (HealthFlag::PendingRemoval, "pending_dynamic_removal"),
        (HealthFlag::PendingCheck, "pending_active_hc"),
        (HealthFlag::ExcludedByItself, "excluded_via_immediate_hc_fail"),
        (HealthFlag::CheckTimeout, "active_hc_timeout"),
        (HealthFlag::DegradedByOutlierDetection, "failed_degraded_outlier_detection"),
    ] {
        if health.contains(flag) {
            object.insert(key.to_owned(), true.into());
        }
    }
    Value::Object(object)
}

/// `type.v3.Percent`; a whole number is written as one, and 0 is left out as any default.
fn percent(value: f64) -> Value {
    if value == 0.0 {
        return json!({});
    }
    serde_json::from_str(&shortest(value)).map_or(Value::Null, |value: Value| json!({"value": value}))
}
