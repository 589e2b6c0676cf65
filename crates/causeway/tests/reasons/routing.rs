//! Requests that no back-end is asked about.

use causeway_reason::Reason;
use causeway_testkit::Request;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::NoVirtualHost).domain("other.test").evidence("test"),
        Case::of(Reason::NoRoute)
            .routes("- match: {prefix: /api}\n  route: {cluster: app}")
            .send(Request::get("/web"))
            .evidence("virtual host all"),
        Case::of(Reason::ClusterNotFound)
            .routes("- match: {prefix: /}\n  route: {cluster_header: x-to}")
            .send(Request::get("/").header("x-to", "nowhere"))
            .evidence("\"nowhere\""),
        Case::of(Reason::UpgradeNotEnabled)
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "websocket"))
            .evidence("websocket"),
        Case::of(Reason::DirectResponse)
            .routes("- match: {prefix: /}\n  direct_response: {status: 503, body: {inline_string: closed}}")
            .answered(503, "closed"),
    ]
}
