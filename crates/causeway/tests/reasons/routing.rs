//! Requests that no back-end is asked about.

use causeway_reason::Reason;
use causeway_testkit::Request;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::NoVirtualHost).domain("other.test").evidence("test"),
        Case::of(Reason::PortInHost)
            .domain("other.test")
            .send(Request::get("/").host("other.test:8443"))
            .evidence("other.test"),
        Case::of(Reason::PreflightUnrouted)
            .routes(
                "- match: {prefix: /, headers: [{name: ':method', string_match: {exact: GET}}]}\n  route: {cluster: app}",
            )
            .send(
                Request::new("OPTIONS", "/")
                    .header("Origin", "https://app.test")
                    .header("Access-Control-Request-Method", "PUT"),
            )
            .evidence("asks for a method equal to `GET`"),
        Case::of(Reason::ClusterHeaderUnusable)
            .routes("- match: {prefix: /}\n  route: {cluster_header: x-to}")
            .evidence("the request has no header x-to"),
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
