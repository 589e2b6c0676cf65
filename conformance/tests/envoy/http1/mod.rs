//! Corners of HTTP/1, from both sides.

mod clients;
mod upstreams;

use causeway_conformance::Case;

/// Routes that answer by themselves in front of the one that forwards.
const LOCAL: &str = "
    - match: {path: /local}
      direct_response: {status: 200, body: {inline_string: local}}
    - match: {path: /redirect}
      redirect: {path_redirect: /elsewhere}
    - match: {path: /dead}
      route: {cluster: dead}
    - match: {prefix: /app}
      route: {cluster: app}";

pub(crate) fn cases() -> Vec<Case> {
    [clients::cases(), upstreams::cases()].into_iter().flatten().collect()
}
