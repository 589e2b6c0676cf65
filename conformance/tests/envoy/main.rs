//! What Envoy does with a file and its traffic, Causeway does too.

mod acceptance;
mod access_log;
mod admin;
mod bodies;
mod circuit_breakers;
mod cluster_stats;
mod connect;
mod cors;
mod disconnects;
mod dns;
mod forwarding;
mod framing;
mod grpc_timeout;
mod header_mutation;
mod headers;
mod health_checks;
mod hop_by_hop;
mod http1;
mod internal_redirects;
mod keep_alive;
mod listeners;
mod local_replies;
mod manager;
mod matching;
mod on_purpose;
mod overload;
mod proxy_status;
mod redirects;
mod retries;
mod rewriting;
mod routing;
mod slow_readers;
mod source_address;
mod stats_sinks;
mod timeouts;
mod upstream_log;
mod virtual_clusters;
mod websocket;
mod weighted_clusters;

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway_conformance::main(vec![
        ("acceptance", acceptance::cases()),
        ("access_log", access_log::cases()),
        ("admin", admin::cases()),
        ("bodies", bodies::cases()),
        ("circuit_breakers", circuit_breakers::cases()),
        ("cluster_stats", cluster_stats::cases()),
        ("connect", connect::cases()),
        ("cors", cors::cases()),
        ("disconnects", disconnects::cases()),
        ("dns", dns::cases()),
        ("forwarding", forwarding::cases()),
        ("framing", framing::cases()),
        ("grpc_timeout", grpc_timeout::cases()),
        ("header_mutation", header_mutation::cases()),
        ("headers", headers::cases()),
        ("health_checks", health_checks::cases()),
        ("hop_by_hop", hop_by_hop::cases()),
        ("http1", http1::cases()),
        ("internal_redirects", internal_redirects::cases()),
        ("keep_alive", keep_alive::cases()),
        ("listeners", listeners::cases()),
        ("local_replies", local_replies::cases()),
        ("manager", manager::cases()),
        ("matching", matching::cases()),
        ("on_purpose", on_purpose::cases()),
        ("overload", overload::cases()),
        ("proxy_status", proxy_status::cases()),
        ("redirects", redirects::cases()),
        ("retries", retries::cases()),
        ("rewriting", rewriting::cases()),
        ("routing", routing::cases()),
        ("slow_readers", slow_readers::cases()),
        ("source_address", source_address::cases()),
        ("stats_sinks", stats_sinks::cases()),
        ("timeouts", timeouts::cases()),
        ("upstream_log", upstream_log::cases()),
        ("virtual_clusters", virtual_clusters::cases()),
        ("websocket", websocket::cases()),
        ("weighted_clusters", weighted_clusters::cases()),
    ])
}
