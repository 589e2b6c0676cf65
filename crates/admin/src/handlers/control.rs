//! What the process can be told.

use axum::http::StatusCode;

use crate::http::{Reply, Request};
use crate::state::Admin;
use crate::view::DrainRequest;

pub(crate) fn fail_health_checks(admin: &Admin, _: &Request) -> Reply {
    admin.process.fail_health_checks(true);
    Reply::ok()
}

pub(crate) fn pass_health_checks(admin: &Admin, _: &Request) -> Reply {
    admin.process.fail_health_checks(false);
    Reply::ok()
}

pub(crate) fn drain_listeners(admin: &Admin, request: &Request) -> Reply {
    admin.process.drain_listeners(DrainRequest {
        graceful: request.query.has("graceful"),
        skip_exit: request.query.has("skip_exit"),
        inbound_only: request.query.has("inboundonly"),
    });
    Reply::ok()
}

pub(crate) fn quit(admin: &Admin, _: &Request) -> Reply {
    tracing::info!(target: "admin", "asked to end by /quitquitquit");
    admin.process.quit();
    Reply::ok()
}

/// Envoy says `OK` whatever happens; who moved a log away wants to know that it was not opened again.
pub(crate) fn reopen_logs(admin: &Admin, _: &Request) -> Reply {
    match admin.process.reopen_logs() {
        Ok(()) => Reply::ok(),
        Err(what) => Reply::fault(StatusCode::INTERNAL_SERVER_ERROR, format!("{what}\n")),
    }
}

pub(crate) fn reset_counters(admin: &Admin, _: &Request) -> Reply {
    admin.process.stats().reset_counters();
    Reply::ok()
}
