//! Routes.

use serde_json::{Value, json};

use super::grid::{Column, Grid, column, wide};
use super::messages::{at, items, number, resources, text};
use super::{Remote, fits};
use crate::cli::TableArguments;

const COLUMNS: &[Column] = &[
    wide("TABLE", "table"),
    column("VIRTUAL HOST", "virtual_host"),
    column("DOMAINS", "domains"),
    column("ROUTE", "route"),
    column("MATCH", "match"),
    column("ACTION", "action"),
    column("TIMEOUT", "timeout"),
    wide("REWRITE", "rewrite"),
    wide("RETRY", "retry"),
];

/// Lists routes.
pub(super) fn list(remote: &Remote, arguments: &TableArguments) -> Result<Grid, String> {
    let dump = remote.page("/config_dump")?;
    let tables = resources(
        &dump,
        "RoutesConfigDump",
        &[("static_route_configs", &["route_config"]), ("dynamic_route_configs", &["route_config"])],
    );
    let mut rows = Vec::new();
    for table in tables {
        for host in items(table, &["virtual_hosts"]) {
            let domains = items(host, &["domains"]).iter().filter_map(Value::as_str);
            let mut names = domains.chain([text(host, &["name"])]);
            if !names.any(|name| fits(arguments.name.as_deref(), name)) {
                continue;
            }
            for route in items(host, &["routes"]) {
                if let Some(wanted) = &arguments.cluster
                    && !clusters_of(route).iter().any(|cluster| fits(Some(wanted), cluster))
                {
                    continue;
                }
                rows.push(row(table, host, route));
            }
        }
    }
    Ok(Grid { columns: COLUMNS, rows })
}

/// The clusters that the routes of a table lead to.
pub(super) fn clusters(table: &Value) -> Vec<String> {
    let hosts = items(table, &["virtual_hosts"]).iter();
    hosts.flat_map(|host| items(host, &["routes"])).flat_map(clusters_of).collect()
}

fn clusters_of(route: &Value) -> Vec<String> {
    let action = at(route, &["route"]);
    let weighted =
        items(action, &["weighted_clusters", "clusters"]).iter().map(|cluster| text(cluster, &["name"]));
    let single = Some(text(action, &["cluster"]));
    weighted.chain(single).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn row(table: &Value, host: &Value, route: &Value) -> Vec<Value> {
    let domains: Vec<&str> = items(host, &["domains"]).iter().filter_map(Value::as_str).collect();
    let action = at(route, &["route"]);
    let rewrites = [
        ("path", text(action, &["prefix_rewrite"])),
        ("path", text(action, &["regex_rewrite", "substitution"])),
        ("host", text(action, &["host_rewrite_literal"])),
        ("host", if at(action, &["auto_host_rewrite"]).as_bool() == Some(true) { "(endpoint)" } else { "" }),
    ];
    let rewrites: Vec<String> = rewrites
        .into_iter()
        .filter(|(_, to)| !to.is_empty())
        .map(|(what, to)| format!("{what} {to}"))
        .collect();
    let policies = [at(action, &["retry_policy"]), at(host, &["retry_policy"])];
    let retry = policies.into_iter().find(|policy| !policy.is_null()).map(|policy| {
        let times = number(at(policy, &["num_retries"])).unwrap_or(1);
        format!("{times} × {}", text(policy, &["retry_on"]))
    });
    let timeout = match (action.is_null(), text(action, &["timeout"])) {
        (true, _) => Value::Null,
        (false, "") => json!("15s"),
        (false, set) => json!(set),
    };
    vec![
        json!(text(table, &["name"])),
        json!(text(host, &["name"])),
        json!(domains),
        json!(text(route, &["name"])),
        json!(conditions(at(route, &["match"]))),
        json!(does(route)),
        timeout,
        json!(rewrites),
        json!(retry),
    ]
}

/// What a route asks for, in the words of the configuration.
fn conditions(matcher: &Value) -> String {
    let mut found = Vec::new();
    for name in ["prefix", "path", "path_separated_prefix"] {
        if let Some(path) = matcher.get(name).and_then(Value::as_str) {
            let sign = if name == "path" { "" } else { "*" };
            let slash = if name == "path_separated_prefix" { "/" } else { "" };
            found.push(format!("{path}{slash}{sign}"));
        }
    }
    if matcher.get("safe_regex").is_some() {
        found.push(format!("regex {}", text(matcher, &["safe_regex", "regex"])));
    }
    if let Some(policy) = matcher.get("path_match_policy") {
        found.push(format!("template {}", text(policy, &["typed_config", "path_template"])));
    }
    if matcher.get("connect_matcher").is_some() {
        found.push("CONNECT".to_owned());
    }
    if matcher.get("grpc").is_some() {
        found.push("gRPC".to_owned());
    }
    for (field, sign) in [("headers", "header"), ("query_parameters", "query"), ("cookies", "cookie")] {
        found.extend(items(matcher, &[field]).iter().map(|one| condition(sign, one)));
    }
    if let Some(fraction) = matcher.get("runtime_fraction") {
        let share = at(fraction, &["default_value"]);
        let numerator = number(at(share, &["numerator"])).unwrap_or(0);
        let of = match text(share, &["denominator"]) {
            "TEN_THOUSAND" => "10000",
            "MILLION" => "1000000",
            _ => "100",
        };
        found.push(format!("{numerator} of {of}"));
    }
    found.join(" ")
}

fn condition(sign: &str, one: &Value) -> String {
    let name = text(one, &["name"]);
    let inverted = if at(one, &["invert_match"]).as_bool() == Some(true) { "!" } else { "" };
    let matcher = ["string_match", "value"].into_iter().find_map(|field| one.get(field)).unwrap_or(one);
    let said = [
        ("exact", "="),
        ("exact_match", "="),
        ("prefix", "^="),
        ("prefix_match", "^="),
        ("suffix", "$="),
        ("suffix_match", "$="),
        ("contains", "*="),
        ("contains_match", "*="),
    ]
    .into_iter()
    .find_map(|(field, sign)| Some(format!("{sign}{}", matcher.get(field)?.as_str()?)));
    let regex = text(matcher, &["safe_regex", "regex"]);
    let said = said.or_else(|| (!regex.is_empty()).then(|| format!("~{regex}"))).unwrap_or_default();
    match (name, said) {
        (":method", said) if said.starts_with('=') => said.trim_start_matches('=').to_owned(),
        (name, said) => format!("{sign} {inverted}{name}{said}"),
    }
}

fn does(route: &Value) -> String {
    if let Some(redirect) = route.get("redirect") {
        let scheme = match (text(redirect, &["scheme_redirect"]), at(redirect, &["https_redirect"]).as_bool())
        {
            ("", Some(true)) => "https://",
            ("", _) => "",
            (scheme, _) => scheme,
        };
        let host = text(redirect, &["host_redirect"]);
        let paths = ["path_redirect", "prefix_rewrite"].map(|field| text(redirect, &[field]));
        return format!("redirect {scheme}{host}{}{}", paths[0], paths[1]).trim_end().to_owned();
    }
    if let Some(answer) = route.get("direct_response") {
        return format!("answer {}", number(at(answer, &["status"])).unwrap_or(0));
    }
    let action = at(route, &["route"]);
    let weighted = items(action, &["weighted_clusters", "clusters"]);
    if !weighted.is_empty() {
        let each = weighted.iter().map(|cluster| {
            let weight = number(at(cluster, &["weight"])).unwrap_or(0);
            format!("{} ({weight})", text(cluster, &["name"]))
        });
        return each.collect::<Vec<_>>().join(", ");
    }
    match (text(action, &["cluster"]), text(action, &["cluster_header"])) {
        ("", "") => "-".to_owned(),
        ("", header) => format!("cluster of header {header}"),
        (cluster, _) => cluster.to_owned(),
    }
}
