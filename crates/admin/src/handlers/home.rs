//! `/`: how the process is, and everything that can be asked of it.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::reasons::counts;
use crate::endpoints::{Access, ENDPOINTS, Endpoint};
use crate::http::{Reply, Request};
use crate::memory::Memory;
use crate::page::{escape, form, page};
use crate::query::Query;
use crate::state::Admin;
use crate::time::{between, human};
use crate::view::{ReloadResult, ServerState};

/// Reasons that are shown; the rest is one click away.
const TOP_REASONS: usize = 5;
/// Certificates that expire sooner than this are trouble.
const SOON: Duration = Duration::from_secs(14 * 86_400);

fn content(admin: &Admin, now: SystemTime) -> String {
    let process = &admin.process;
    let (state, info, vitals) = (process.state(), process.info(), process.vitals());
    let live = if state == ServerState::Live { " live" } else { "" };
    let mut body = format!("<header><h1>Causeway</h1> <span class=\"state{live}\">{}</span>", state.name());
    if !info.node.id.is_empty() {
        let _ = write!(body, " <span class=\"dim\">{}</span>", escape(&info.node.id));
    }
    body.push_str("</header>\n<dl>");
    for (name, value) in [
        ("version", info.version.clone()),
        ("up for", human(vitals.uptime)),
        ("workers", vitals.concurrency.to_string()),
        ("connections", vitals.total_connections.to_string()),
        ("memory", format!("{} MiB", Memory::now().physical >> 20)),
        ("configuration", info.options.config_path.clone()),
    ] {
        let _ = write!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    body.push_str("</dl>\n<h2>Right now</h2>\n");
    let trouble = trouble(admin, now);
    if trouble.is_empty() {
        body.push_str("<p>Every host is usable, every name resolves, and no request has failed.</p>\n");
    } else {
        let _ = writeln!(body, "<ul>{trouble}</ul>");
    }
    body.push_str("<h2>Ask</h2>\n<table>");
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.access != Access::Changes) {
        row(&mut body, endpoint, false);
    }
    body.push_str("</table>\n<h2>Change</h2>\n<table>");
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.access != Access::Reads) {
        row(&mut body, endpoint, true);
    }
    body.push_str("</table>\n");
    page("Causeway", &body)
}

pub(crate) fn home(admin: &Admin, request: &Request) -> Reply {
    Reply::html(content(admin, request.now))
}

/// What is wrong, as items of a list.
fn trouble(admin: &Admin, now: SystemTime) -> String {
    let process = &admin.process;
    let mut out = String::new();
    for cluster in process.clusters() {
        let name = escape(&cluster.name);
        let (all, usable) = (cluster.hosts.len(), cluster.hosts.iter().filter(|h| h.health.usable()).count());
        if usable < all {
            let bad = if usable == 0 { " class=\"bad\"" } else { "" };
            let _ =
                write!(out, "<li{bad}><a href=\"/hosts\">{name}</a>: {usable} of {all} hosts usable</li>");
        }
        for dns in &cluster.dns {
            if let Some(failure) = &dns.failure {
                let _ = write!(
                    out,
                    "<li><a href=\"/hosts\">{name}</a>: looking up {} failed: {}</li>",
                    escape(&dns.name),
                    failure.reason.key()
                );
            }
        }
    }
    for certificate in process.certificates() {
        for details in &certificate.cert_chain {
            let left = between(now, details.expiration_time);
            if left < SOON {
                let (path, left) = (escape(&details.path), human(left));
                let _ = write!(out, "<li><a href=\"/certs\">{path}</a> expires in {left}</li>");
            }
        }
    }
    if let Some(report) = process.last_reload().filter(|report| report.result == ReloadResult::Refused) {
        let ago = human(between(report.at, now));
        let _ = write!(
            out,
            "<li class=\"bad\"><a href=\"/reload/status\">The last reload</a>, {ago} ago, was refused</li>"
        );
    }
    let mut reasons: Vec<_> = counts(process.stats()).into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(count.total));
    for (reason, count) in reasons.iter().take(TOP_REASONS) {
        let spec = reason.spec();
        let _ = write!(
            out,
            "<li>{} × <a href=\"/reasons\">{}</a> <span class=\"dim\">{}</span></li>",
            count.total,
            spec.key,
            escape(spec.sentence.en)
        );
    }
    out
}

fn row(out: &mut String, endpoint: &Endpoint, change: bool) {
    let path = endpoint.path;
    let first = if change { path.to_owned() } else { format!("<a href=\"{path}\">{path}</a>") };
    let _ = write!(out, "<tr><td>{first}</td><td>{}", escape(endpoint.text));
    if change || !endpoint.params.is_empty() {
        let label = if change { "do it" } else { "ask" };
        let _ = write!(out, "<br>{}", form(endpoint, change, label, &Query::default()));
    }
    out.push_str("</td></tr>\n");
}
