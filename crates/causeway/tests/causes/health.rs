//! Health checks.

use std::time::Duration;

use causeway_testkit::{Answer, Frame, Reply, Script, TlsServer};

use crate::case::Case;

/// It serves, and its health page says this.
fn page(name: &'static str, codes: &'static [&'static str], health: impl Into<Answer>) -> Case {
    let health = health.into();
    Case::new(name, codes)
        .plays(Script::by(move |request| match (request.path(), request.headers.get("host")) {
            ("/health", Some("app")) => health.clone(),
            ("/health", _) if matches!(name, "404" | "401" | "403") => health.clone(),
            _ => Reply::ok("served").into(),
        }))
        .checked("path: /health")
}

pub(crate) fn cases() -> Vec<Case> {
    let by_path = |answer: fn(&str) -> Answer| Script::by(move |request| answer(request.path()));
    vec![
        page("404", &["H501"], Reply::status(404)),
        Case::new("the path lacks a slash", &["H501"])
            .plays(by_path(|path| match path {
                "/health" => Reply::status(404).into(),
                _ => Reply::ok("").into(),
            }))
            .checked("path: /health")
            .fixed_by("/health/"),
        Case::new("a redirect to a login", &["H502"])
            .plays(by_path(|path| match path {
                "/health" => Reply::status(302).header("location", "/login").into(),
                _ => Reply::status(401).into(),
            }))
            .checked("path: /health")
            .fixed_by("expected_statuses"),
        Case::new("a redirect to the slash", &["H502"])
            .plays(by_path(|path| match path {
                "/health" => Reply::status(301).header("location", "/health/").into(),
                _ => Reply::ok("").into(),
            }))
            .checked("path: /health")
            .fixed_by("/health/"),
        page("401", &["H503"], Reply::status(401)),
        page("403", &["H503"], Reply::status(403)),
        page("500 for the checker", &["H504"], Reply::status(500)),
        Case::new("the checker's host is unknown", &["H505"])
            .domain("www.example.test")
            .plays(Script::by(|request| match request.headers.get("host") {
                Some("www.example.test") => Reply::ok("").into(),
                _ => Answer::from(Reply::status(404)),
            }))
            .checked("path: /health")
            .fixed_by("www.example.test"),
        page("slow", &["H506"], Answer::from(Reply::ok("")).after(Duration::from_millis(1000)))
            .fixed_by("timeout"),
        page("never", &["H506"], Answer::hang()),
        Case::new("another page fails by HEAD", &["H517"])
            .plays(Script::by(|request| match request.method.as_str() {
                "HEAD" => Reply::status(405).into(),
                _ => Answer::from(Reply::ok("")),
            }))
            .checked("path: /health, method: HEAD")
            .fixed_by("GET"),
        page("204", &["H522"], Reply::status(204)).fixed_by("expected_statuses"),
        page("closed", &["H523"], Answer::close()),
        page("no HTTP", &["H507"], Answer::raw("SSH-2.0-OpenSSH_9.2\r\n").then_close()),
        Case::new("no health service", &["H524"])
            .plays(
                Script::always(Answer::frames([Frame::headers(&[
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", "12"),
                ])
                .ending()]))
                .http2(),
            )
            .cluster("http2_protocol_options: {}")
            .cluster(
                "health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, \
                 grpc_health_check: {}}]",
            ),
        Case::new("checked in clear, and all is TLS", &["S302"])
            .secure(TlsServer::new("server", false, &[]), Script::echo())
            .checked("path: /health"),
    ]
}
