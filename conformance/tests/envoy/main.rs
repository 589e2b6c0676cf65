//! What Envoy does with a file and its traffic, Causeway does too.

mod bodies;
mod forwarding;
mod framing;
mod headers;
mod hop_by_hop;
mod redirects;
mod rewriting;
mod routing;

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway_conformance::main(vec![
        ("bodies", bodies::cases()),
        ("forwarding", forwarding::cases()),
        ("framing", framing::cases()),
        ("headers", headers::cases()),
        ("hop_by_hop", hop_by_hop::cases()),
        ("redirects", redirects::cases()),
        ("rewriting", rewriting::cases()),
        ("routing", routing::cases()),
    ])
}
