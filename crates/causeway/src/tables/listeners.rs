//! Listeners and their filter chains.

use serde_json::{Value, json};

use super::grid::{Column, Grid, column, wide};
use super::messages::{address, at, items, last_part, number, port, resources, text};
use super::{Remote, fits};
use crate::cli::TableArguments;

const COLUMNS: &[Column] = &[
    column("LISTENER", "listener"),
    column("ADDRESS", "address"),
    column("CHAIN", "chain"),
    column("FOR", "match"),
    column("TLS", "tls"),
    column("DOES", "does"),
    wide("CERTIFICATES", "certificates"),
    wide("LISTENER FILTERS", "listener_filters"),
    wide("HTTP FILTERS", "http_filters"),
];

/// Lists filter chains.
pub(super) fn list(remote: &Remote, arguments: &TableArguments) -> Result<Grid, String> {
    let dump = remote.page("/config_dump")?;
    let mut listeners = resources(
        &dump,
        "ListenersConfigDump",
        &[("static_listeners", &["listener"]), ("dynamic_listeners", &["active_state", "listener"])],
    );
    listeners.sort_by_key(|listener| name(listener));
    let mut rows = Vec::new();
    for listener in listeners {
        let more = items(listener, &["additional_addresses"]).iter().map(|more| at(more, &["address"]));
        let addresses: Vec<&Value> = std::iter::once(at(listener, &["address"])).chain(more).collect();
        let has_port = |wanted: u16| addresses.iter().any(|address| port(address) == Some(wanted.into()));
        if !fits(arguments.name.as_deref(), &name(listener)) || !arguments.port.is_none_or(has_port) {
            continue;
        }
        let default = listener.get("default_filter_chain").map(|chain| (chain, true));
        for (chain, is_default) in
            items(listener, &["filter_chains"]).iter().map(|chain| (chain, false)).chain(default)
        {
            let (does, clusters) = purpose(chain);
            if let Some(wanted) = &arguments.cluster
                && !clusters.iter().any(|cluster| fits(Some(wanted), cluster))
            {
                continue;
            }
            rows.push(row(listener, &addresses, chain, is_default, &does));
        }
    }
    Ok(Grid { columns: COLUMNS, rows })
}

/// Its name; its address where it has none, as in statistics.
fn name(listener: &Value) -> String {
    match text(listener, &["name"]) {
        "" => address(at(listener, &["address"])),
        name => name.to_owned(),
    }
}

fn row(listener: &Value, addresses: &[&Value], chain: &Value, is_default: bool, does: &str) -> Vec<Value> {
    let socket = at(chain, &["transport_socket", "typed_config"]);
    let kind = text(socket, &["@type"]);
    let tls = kind.ends_with("DownstreamTlsContext") || kind.ends_with("QuicDownstreamTransport");
    let common = at(socket, &["common_tls_context"]);
    let named =
        items(common, &["tls_certificate_sds_secret_configs"]).iter().map(|secret| text(secret, &["name"]));
    let files = items(common, &["tls_certificates"]).iter().map(|certificate| {
        match text(certificate, &["certificate_chain", "filename"]) {
            "" => "(inline)",
            file => file,
        }
    });
    let certificates: Vec<&str> = named.chain(files).collect();
    let mutual = at(socket, &["require_client_certificate"]).as_bool() == Some(true) || demanded(common);
    let manager = items(chain, &["filters"]).last().map_or(&Value::Null, |last| at(last, &["typed_config"]));
    let names = |list: &[Value]| -> Vec<String> {
        list.iter().map(|filter| text(filter, &["name"]).to_owned()).collect()
    };
    vec![
        json!(name(listener)),
        json!(addresses.iter().map(|one| address(one)).collect::<Vec<_>>()),
        json!(match (text(chain, &["name"]), is_default) {
            ("", true) => "(default)",
            (name, _) => name,
        }),
        json!(conditions(at(chain, &["filter_chain_match"]))),
        json!(match (tls, mutual) {
            (false, _) => "no",
            (true, false) => "yes",
            (true, true) => "mutual",
        }),
        json!(does),
        json!(certificates),
        json!(names(items(listener, &["listener_filters"]))),
        json!(names(items(manager, &["http_filters"]))),
    ]
}

/// Whether the validation context asks for names or hashes, which clients without a certificate have not.
fn demanded(common: &Value) -> bool {
    let contexts: [&[&str]; 2] =
        [&["validation_context"], &["combined_validation_context", "default_validation_context"]];
    contexts.iter().map(|path| at(common, path)).any(|context| {
        let asks = [
            "match_typed_subject_alt_names",
            "match_subject_alt_names",
            "verify_certificate_hash",
            "verify_certificate_spki",
        ];
        text(context, &["trust_chain_verification"]) != "ACCEPT_UNTRUSTED"
            && asks.iter().any(|name| !items(context, &[name]).is_empty())
    })
}

/// What a chain is for, a condition each.
fn conditions(matcher: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(port) = number(at(matcher, &["destination_port"])) {
        found.push(format!("port {port}"));
    }
    let texts = |name: &str| {
        items(matcher, &[name]).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let ranges = |name: &str| {
        let range = |range: &Value| {
            let length = number(at(range, &["prefix_len"])).unwrap_or(0);
            format!("{}/{length}", text(range, &["address_prefix"]))
        };
        items(matcher, &[name]).iter().map(range).collect::<Vec<_>>()
    };
    found.extend(ranges("prefix_ranges").into_iter().map(|range| format!("to {range}")));
    found.extend(texts("server_names"));
    for name in ["transport_protocol", "source_type"] {
        let value = text(matcher, &[name]);
        if !value.is_empty() && value != "ANY" {
            found.push(value.to_owned());
        }
    }
    found.extend(texts("application_protocols"));
    for name in ["direct_source_prefix_ranges", "source_prefix_ranges"] {
        found.extend(ranges(name).into_iter().map(|range| format!("from {range}")));
    }
    found.extend(
        items(matcher, &["source_ports"]).iter().filter_map(number).map(|port| format!("from port {port}")),
    );
    found
}

/// What a chain does with its connections, and the clusters that it passes them on to by itself.
fn purpose(chain: &Value) -> (String, Vec<String>) {
    let Some(last) = items(chain, &["filters"]).last() else { return ("closes".to_owned(), Vec::new()) };
    let config = at(last, &["typed_config"]);
    match last_part(text(config, &["@type"])) {
        "HttpConnectionManager" => {
            let clusters = super::routes::clusters(at(config, &["route_config"]));
            let does = match (
                text(config, &["rds", "route_config_name"]),
                text(config, &["route_config", "name"]),
            ) {
                ("", "") => "http".to_owned(),
                ("", name) | (name, _) => format!("http: routes {name}"),
            };
            (does, clusters)
        }
        "TcpProxy" => {
            let weighted = items(config, &["weighted_clusters", "clusters"]);
            let mut clusters: Vec<String> =
                weighted.iter().map(|cluster| text(cluster, &["name"]).to_owned()).collect();
            if clusters.is_empty() {
                clusters.push(text(config, &["cluster"]).to_owned());
            }
            (format!("tcp: {}", clusters.join(", ")), clusters)
        }
        "" => (text(last, &["name"]).to_owned(), Vec::new()),
        other => (other.to_owned(), Vec::new()),
    }
}
