//! What Envoy does with a file and its traffic, Causeway does too.

mod bodies;
mod cors;
mod disconnects;
mod forwarding;
mod framing;
mod headers;
mod hop_by_hop;
mod keep_alive;
mod local_replies;
mod redirects;
mod rewriting;
mod routing;
mod timeouts;
mod websocket;

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway_conformance::main(vec![
        ("bodies", bodies::cases()),
        ("cors", cors::cases()),
        ("disconnects", disconnects::cases()),
        ("forwarding", forwarding::cases()),
        ("framing", framing::cases()),
        ("headers", headers::cases()),
        ("hop_by_hop", hop_by_hop::cases()),
        ("keep_alive", keep_alive::cases()),
        ("local_replies", local_replies::cases()),
        ("redirects", redirects::cases()),
        ("rewriting", rewriting::cases()),
        ("routing", routing::cases()),
        ("timeouts", timeouts::cases()),
        ("websocket", websocket::cases()),
    ])
}
