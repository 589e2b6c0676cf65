//! `/`: how the process is, and everything that can be asked of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use causeway_reason::Reason;

use super::reasons::counts;
use super::trouble;
use crate::endpoints::{Access, ENDPOINTS, Endpoint, Group};
use crate::http::{Reply, Request};
use crate::memory::Memory;
use crate::page::{escape, form, page};
use crate::query::Query;
use crate::state::Admin;
use crate::time::{between, human};
use crate::view::{ReloadResult, ServerState};

/// The parts of the page, in their order.
const GROUPS: [(Group, &str); 6] = [
    (Group::Watch, "Is it well?"),
    (Group::Measure, "How much?"),
    (Group::Configure, "What does it run?"),
    (Group::Log, "What does it say?"),
    (Group::Stop, "Taking it out of service"),
    (Group::Rest, "The rest"),
];
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
    let troubles = troubles(admin, now);
    if troubles.is_empty() {
        body.push_str("<p>Every host is usable, every name resolves, and no request has failed.</p>\n");
    } else {
        let _ = writeln!(body, "<ul>{troubles}</ul>");
    }
    for (group, title) in GROUPS {
        let _ = write!(body, "<h2>{title}</h2>\n<table>");
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.group == group) {
            row(&mut body, endpoint);
        }
        body.push_str("</table>\n");
    }
    page("Causeway", &body)
}

pub(crate) fn home(admin: &Admin, request: &Request) -> Reply {
    Reply::html(content(admin, request.now))
}

/// What is wrong, as items of a list.
fn troubles(admin: &Admin, now: SystemTime) -> String {
    let process = &admin.process;
    let mut out = String::new();
    for cluster in process.clusters() {
        let name = escape(&cluster.name);
        let (all, usable) = (cluster.hosts.len(), cluster.hosts.iter().filter(|h| h.health.usable()).count());
        if usable < all {
            let bad = if usable == 0 { " class=\"bad\"" } else { "" };
            let _ = write!(out, "<li{bad}><a href=\"/hosts\">{name}</a>: {usable} of {all} hosts usable");
            let reasons: BTreeSet<_> =
                cluster.hosts.iter().filter_map(trouble::check_failure).map(Reason::key).collect();
            for reason in reasons {
                let _ = write!(out, " <span class=\"dim\">{reason}</span>");
            }
            out.push_str("</li>");
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
            let path = escape(&details.path);
            if left.is_zero() {
                let _ = write!(out, "<li class=\"bad\"><a href=\"/certs\">{path}</a> has expired</li>");
            } else if left < SOON {
                let _ = write!(out, "<li><a href=\"/certs\">{path}</a> expires in {}</li>", human(left));
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

fn row(out: &mut String, endpoint: &Endpoint) {
    let (path, nothing) = (endpoint.path, Query::default());
    let first = match endpoint.access {
        Access::Reads | Access::Both => format!("<a href=\"{path}\">{path}</a>"),
        Access::Changes => path.to_owned(),
    };
    let _ = write!(out, "<tr><td>{first}</td><td>{}", escape(endpoint.text));
    if endpoint.access != Access::Changes && !endpoint.params.is_empty() {
        let form = form(endpoint, false, "ask", &nothing);
        let _ = write!(out, "<details><summary>options</summary>{form}</details>");
    }
    if endpoint.access != Access::Reads {
        let _ = write!(out, "<br>{}", form(endpoint, true, path.trim_start_matches('/'), &nothing));
    }
    out.push_str("</td></tr>\n");
}
