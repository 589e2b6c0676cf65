//! Endpoints of clusters.

use serde_json::{Value, json};

use super::grid::{Column, Grid, column, wide};
use super::messages::{address, at, items, number, port, text};
use super::{Remote, fits};
use crate::cli::TableArguments;

const COLUMNS: &[Column] = &[
    column("CLUSTER", "cluster"),
    column("ADDRESS", "address"),
    column("HEALTH", "health"),
    column("WEIGHT", "weight"),
    column("PRIORITY", "priority"),
    column("LOCALITY", "locality"),
    column("ACTIVE", "requests_active"),
    column("REQUESTS", "requests"),
    column("ERRORS", "errors"),
    column("WHY", "last_health_check"),
    wide("SUCCESS", "success_rate"),
    wide("HOSTNAME", "hostname"),
    wide("CONNECTIONS", "connections_active"),
    wide("CONNECT FAILURES", "connect_failures"),
    wide("TIMEOUTS", "timeouts"),
    wide("EVIDENCE", "evidence"),
];

/// What keeps a host out of use, by the names of `HostHealthStatus`.
const FLAGS: [(&str, &str); 7] = [
    ("failed_active_health_check", "fails its check"),
    ("failed_outlier_check", "ejected"),
    ("active_hc_timeout", "check timed out"),
    ("failed_active_degraded_check", "degraded"),
    ("pending_dynamic_removal", "about to go"),
    ("pending_active_hc", "not checked yet"),
    ("excluded_via_immediate_hc_fail", "excluded"),
];

/// The clusters of `/clusters`.
pub(super) fn statuses(running: &Value) -> &[Value] {
    items(running, &["cluster_statuses"])
}

/// Lists endpoints.
pub(super) fn list(remote: &Remote, arguments: &TableArguments) -> Result<Grid, String> {
    let running = remote.page("/clusters?format=json")?;
    let mut clusters: Vec<&Value> = statuses(&running).iter().collect();
    clusters.sort_by_key(|cluster| text(cluster, &["name"]));
    let wanted = |host: &&Value| {
        arguments.port.is_none_or(|wanted| port(at(host, &["address"])) == Some(wanted.into()))
    };
    let rows = clusters
        .into_iter()
        .filter(|cluster| {
            let name = text(cluster, &["name"]);
            fits(arguments.name.as_deref(), name) && fits(arguments.cluster.as_deref(), name)
        })
        .flat_map(|cluster| {
            let hosts = items(cluster, &["host_statuses"]).iter().filter(wanted);
            hosts.map(|host| row(text(cluster, &["name"]), host))
        })
        .collect();
    Ok(Grid { columns: COLUMNS, rows })
}

/// Whether requests are sent to a host, as long as enough others are like it.
pub(super) fn is_healthy(host: &Value) -> bool {
    reasons(host).iter().all(|reason| matches!(*reason, "degraded" | "DEGRADED"))
}

/// What keeps a host out of use.
fn reasons(host: &Value) -> Vec<&str> {
    let status = at(host, &["health_status"]);
    let flags = FLAGS.into_iter().filter(|(flag, _)| status.get(flag) == Some(&Value::Bool(true)));
    let mut reasons: Vec<&str> = flags.map(|(_, words)| words).collect();
    let said = text(status, &["eds_health_status"]);
    if !matches!(said, "" | "HEALTHY" | "UNKNOWN") {
        reasons.push(said);
    }
    reasons
}

fn row(cluster: &str, host: &Value) -> Vec<Value> {
    let stat = |name: &str| {
        let found = items(host, &["stats"]).iter().find(|stat| text(stat, &["name"]) == name);
        // A value of zero is left out.
        found.map(|stat| stat.get("value").and_then(number).unwrap_or(0))
    };
    let reasons = reasons(host);
    let health = if reasons.is_empty() { "healthy".to_owned() } else { reasons.join(", ") };
    let locality: Vec<&str> = ["region", "zone", "sub_zone"]
        .into_iter()
        .map(|part| text(host, &["locality", part]))
        .filter(|part| !part.is_empty())
        .collect();
    // What only Causeway says.
    let check = at(host, &["causeway", "last_health_check"]);
    let result = Some(text(check, &["result"])).filter(|result| !result.is_empty());
    vec![
        json!(cluster),
        json!(address(at(host, &["address"]))),
        json!(health),
        json!(host.get("weight").and_then(number).unwrap_or(1)),
        json!(host.get("priority").and_then(number).unwrap_or(0)),
        json!(locality.join("/")),
        json!(stat("rq_active")),
        json!(stat("rq_total")),
        json!(stat("rq_error")),
        json!(result),
        json!(at(host, &["success_rate", "value"]).as_f64().filter(|rate| *rate >= 0.0)),
        json!(text(host, &["hostname"])),
        json!(stat("cx_active")),
        json!(stat("cx_connect_fail")),
        json!(stat("rq_timeout")),
        json!(text(check, &["evidence"])),
    ]
}
