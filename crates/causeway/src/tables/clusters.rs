//! Clusters.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::endpoints::{is_healthy, statuses};
use super::grid::{Column, Grid, column, wide};
use super::messages::{at, items, last_part, number, port, resources, text};
use super::{Remote, fits};
use crate::cli::TableArguments;

const COLUMNS: &[Column] = &[
    column("NAME", "name"),
    column("TYPE", "type"),
    column("LB", "lb_policy"),
    column("ENDPOINTS", "endpoints"),
    column("TLS", "tls"),
    column("OPEN", "open_breakers"),
    column("ACTIVE", "requests_active"),
    column("REQUESTS", "requests"),
    column("FAILED", "failed"),
    column("%", "failed_percent"),
    wide("HEALTHY", "endpoints_healthy"),
    wide("TOTAL", "endpoints_total"),
    wide("CONNECT TIMEOUT", "connect_timeout"),
    wide("HEALTH CHECKS", "health_checks"),
    wide("MAX CONNECTIONS", "max_connections"),
    wide("MAX REQUESTS", "max_requests"),
];

/// Breakers, by the names of their gauges.
const BREAKERS: [&str; 5] = ["cx_open", "cx_pool_open", "rq_open", "rq_pending_open", "rq_retry_open"];

/// Lists clusters.
pub(super) fn list(remote: &Remote, arguments: &TableArguments) -> Result<Grid, String> {
    let dump = remote.page("/config_dump")?;
    let running = remote.page("/clusters?format=json")?;
    // Where statistics are reduced, as in a mesh, less is known.
    let stats = remote.page_if_any("/stats?format=json&filter=%5Ecluster%5C.");
    let stats = numbers(&stats);
    let mut clusters = all(&dump);
    clusters.sort_by_key(|cluster| text(cluster, &["name"]));
    let rows = clusters
        .into_iter()
        .filter(|cluster| {
            let name = text(cluster, &["name"]);
            fits(arguments.name.as_deref(), name) && fits(arguments.cluster.as_deref(), name)
        })
        .filter_map(|cluster| row(cluster, &running, &stats, arguments.port))
        .collect();
    Ok(Grid { columns: COLUMNS, rows })
}

fn all(dump: &Value) -> Vec<&Value> {
    resources(
        dump,
        "ClustersConfigDump",
        &[
            ("static_clusters", &["cluster"]),
            ("dynamic_active_clusters", &["cluster"]),
            ("dynamic_warming_clusters", &["cluster"]),
        ],
    )
}

/// Counters and gauges by their names.
fn numbers(stats: &Value) -> HashMap<&str, u64> {
    let each = items(stats, &["stats"]).iter();
    each.filter_map(|stat| Some((stat.get("name")?.as_str()?, number(stat.get("value")?)?))).collect()
}

fn row(
    cluster: &Value,
    running: &Value,
    stats: &HashMap<&str, u64>,
    wanted_port: Option<u16>,
) -> Option<Vec<Value>> {
    let name = text(cluster, &["name"]);
    let status = statuses(running).iter().find(|status| text(status, &["name"]) == name);
    let hosts = status.map_or(&[][..], |status| items(status, &["host_statuses"]));
    if let Some(wanted) = wanted_port
        && !hosts.iter().any(|host| port(at(host, &["address"])) == Some(wanted.into()))
    {
        return None;
    }
    let healthy = hosts.iter().filter(|host| is_healthy(host)).count();
    let stat_name = match text(cluster, &["alt_stat_name"]) {
        "" => name,
        other => other,
    }
    .replace(':', "_");
    let stat = |what: &str| stats.get(format!("cluster.{stat_name}.{what}").as_str()).copied();
    let open: Vec<&str> = BREAKERS
        .into_iter()
        .filter(|breaker| {
            ["default", "high"].iter().any(|priority| {
                stat(&format!("circuit_breakers.{priority}.{breaker}")).is_some_and(|open| open > 0)
            })
        })
        .map(|breaker| breaker.trim_end_matches("_open"))
        .collect();
    // Those that had no connection count as well. The counter is there from the first one on.
    let total = stat("upstream_rq_total").map(|_| stat("upstream_rq_completed").unwrap_or(0));
    let failed = total.map(|_| stat("upstream_rq_5xx").unwrap_or(0));
    let percent = |failed: u64, total: u64| {
        let tenths = failed.saturating_mul(1000).checked_div(total)?;
        Some(Value::Number(serde_json::Number::from_f64(f64::from(u32::try_from(tenths).ok()?) / 10.0)?))
    };
    let threshold = status.and_then(|status| at(status, &["circuit_breakers"]).get("thresholds")?.get(0));
    let limit = |what: &str| threshold.and_then(|limits| number(limits.get(what)?));
    let checks: Vec<&str> = items(cluster, &["health_checks"]).iter().map(kind_of_check).collect();
    Some(vec![
        json!(name),
        json!(kind(cluster)),
        json!(policy(cluster)),
        json!(format!("{healthy}/{}", hosts.len())),
        json!(tls(cluster)),
        json!(open),
        json!(stat("upstream_rq_active")),
        json!(total),
        json!(failed),
        json!(failed.zip(total).and_then(|(failed, total)| percent(failed, total))),
        json!(healthy),
        json!(hosts.len()),
        json!(text(cluster, &["connect_timeout"])),
        json!(checks),
        json!(limit("max_connections")),
        json!(limit("max_requests")),
    ])
}

fn kind(cluster: &Value) -> String {
    match (text(cluster, &["type"]), text(cluster, &["cluster_type", "name"])) {
        ("", "") => "STATIC".to_owned(),
        ("", extension) => last_part(extension).to_owned(),
        (kind, _) => kind.to_owned(),
    }
}

fn policy(cluster: &Value) -> String {
    let modern = items(cluster, &["load_balancing_policy", "policies"]).first();
    match (modern, text(cluster, &["lb_policy"])) {
        (Some(policy), _) => last_part(text(policy, &["typed_extension_config", "name"])).to_owned(),
        (None, "") => "ROUND_ROBIN".to_owned(),
        (None, policy) => policy.to_owned(),
    }
}

fn kind_of_check(check: &Value) -> &'static str {
    let has = |name: &str| check.get(name).is_some();
    match () {
        () if has("http_health_check") => "http",
        () if has("grpc_health_check") => "grpc",
        () if has("tcp_health_check") => "tcp",
        () => "custom",
    }
}

/// Whether TLS is spoken with back-ends, and for which name.
fn tls(cluster: &Value) -> Vec<String> {
    let sockets = std::iter::once(at(cluster, &["transport_socket"])).chain(
        items(cluster, &["transport_socket_matches"]).iter().map(|found| at(found, &["transport_socket"])),
    );
    let mut found: Vec<String> = Vec::new();
    for socket in sockets {
        let config = at(socket, &["typed_config"]);
        if !text(config, &["@type"]).ends_with("UpstreamTlsContext") {
            continue;
        }
        let said = match text(config, &["sni"]) {
            "" => "yes".to_owned(),
            name => name.to_owned(),
        };
        if !found.contains(&said) {
            found.push(said);
        }
    }
    found
}
