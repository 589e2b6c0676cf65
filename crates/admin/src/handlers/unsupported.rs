//! What Envoy can and this program can't, told in Envoy's form.

use axum::http::StatusCode;

use crate::http::{Reply, Request};
use crate::state::Admin;

/// Profilers take `?enable=y` or `?enable=n`, and nothing else.
fn asked_well(request: &Request) -> bool {
    matches!(request.query.all(), [(name, value)] if name == "enable" && (value == "y" || value == "n"))
}

fn usage() -> Reply {
    Reply::fault(StatusCode::BAD_REQUEST, "?enable=<y|n>\n")
}

pub(crate) fn cpu_profiler(_: &Admin, request: &Request) -> Reply {
    match request.query.value("enable") {
        _ if !asked_well(request) => usage(),
        // It does not run, so it is stopped.
        Some("n") => Reply::ok(),
        _ => Reply::fault(StatusCode::INTERNAL_SERVER_ERROR, "failure to start the profiler"),
    }
}

pub(crate) fn heap_profiler(_: &Admin, _: &Request) -> Reply {
    Reply::fault(StatusCode::NOT_IMPLEMENTED, "The current build does not support heap profiler")
}

pub(crate) fn alloc_profiler(_: &Admin, request: &Request) -> Reply {
    if asked_well(request) {
        Reply::fault(StatusCode::NOT_IMPLEMENTED, "The current build does not support allocation profiler")
    } else {
        usage()
    }
}

pub(crate) fn heap_dump(_: &Admin, _: &Request) -> Reply {
    Reply::fault(StatusCode::NOT_IMPLEMENTED, "The current build does not support heap dump")
}

pub(crate) fn tcmalloc(_: &Admin, _: &Request) -> Reply {
    Reply::fault(StatusCode::NOT_IMPLEMENTED, "The current build does not use TCMalloc; see /memory")
}

/// Without Envoy's advice to start with `--enable-mutex-tracing`, which would not help.
pub(crate) fn contention(_: &Admin, _: &Request) -> Reply {
    Reply::text("Mutex contention tracing is not enabled.")
}

pub(crate) fn recent_lookups(_: &Admin, _: &Request) -> Reply {
    Reply::fault(
        StatusCode::NOT_IMPLEMENTED,
        "There are no lookups to track: no metric is found by its name.\n",
    )
}
