//! What a route changes in a request: fields first, then host and path.

use causeway_http::{HeaderBlock, Known, Method};
use causeway_model::{HostRewrite, Template};
use causeway_routing::{rewrite_host, rewrite_path};

use crate::exchange::Exchange;
use crate::format::{Absent, render};
use crate::header_mutations::{Message, mutate, without_controls};
use crate::record::{ActiveRequest, Viewer};
use crate::routes::{RouteEntry, RouteTarget};

/// Changes the request as the route says, in Envoy's order, which is the one in which fields stand on the wire. The choice
/// of a host sees what comes of it.
pub(super) fn rewrite(request: &mut ActiveRequest, entry: &RouteEntry, target: &RouteTarget, suppress: bool) {
    let Some(route) = entry.forward() else { return };
    if entry.virtual_host.include_request_attempt_count {
        request.request.set(Known::EnvoyAttemptCount, b"1");
    }
    let rewrites = route.path_rewrite.is_some() || route.host_rewrite.is_some();
    if target.request_levels.is_empty() && target.host_rewrite.is_none() && !rewrites {
        return;
    }
    let viewer = request.viewer();
    for level in &target.request_levels {
        mutate(request, Message::Request, level, &viewer);
    }
    if let Some(host) = &target.host_rewrite {
        request.request.set(Known::Host, host.as_bytes());
    }
    if route.host_rewrite != Some(HostRewrite::Auto) {
        change_host(request, entry, "", &viewer, suppress);
    }
    change_path(request, entry, &viewer, suppress);
}

/// What only a host that was chosen can say, for each attempt anew: where the host of the request is that of the chosen
/// one, whose name is given.
pub(super) fn host_of_chosen(
    request: &mut ActiveRequest,
    entry: &RouteEntry,
    hostname: &str,
    suppress: bool,
) {
    if entry.forward().is_some_and(|route| route.host_rewrite == Some(HostRewrite::Auto)) {
        if request.facts.host_before.is_none() {
            request.facts.host_before = request.request.get(Known::Host).map(Box::from);
        }
        let viewer = request.viewer();
        change_host(request, entry, hostname, &viewer, suppress);
    }
}

/// `hostname` is that of the chosen host, where it is needed.
fn change_host(
    request: &mut ActiveRequest,
    entry: &RouteEntry,
    hostname: &str,
    viewer: &Viewer,
    suppress: bool,
) {
    let Some((route, rewrite)) =
        entry.forward().and_then(|route| Some((route, route.host_rewrite.as_ref()?)))
    else {
        return;
    };
    let mut new = Vec::new();
    let seen = request.seen();
    let fill = |template: &Template, out: &mut Vec<u8>| filled(request, template, viewer, Absent::Dash, out);
    if !rewrite_host(rewrite, &seen, hostname, &fill, &mut new) {
        return;
    }
    let old = request.request.get(Known::Host).map(<[u8]>::to_vec).unwrap_or_default();
    if !suppress && !old.is_empty() {
        request.request.set(Known::EnvoyOriginalHost, &old);
    }
    if route.append_x_forwarded_host && !ends_with(&request.request, &old) {
        request.request.extend_value(Known::XForwardedHost, b",", &old);
    }
    request.request.set(Known::Host, &new);
}

/// Whether the last entry of `x-forwarded-host` is this host, to the byte: a proxy in front has added it then.
fn ends_with(request: &HeaderBlock, host: &[u8]) -> bool {
    let last =
        |value: &[u8]| value.rsplit(|byte| *byte == b',').find(|entry| !entry.is_empty()) == Some(host);
    request.get(Known::XForwardedHost).is_some_and(last)
}

fn change_path(request: &mut ActiveRequest, entry: &RouteEntry, viewer: &Viewer, suppress: bool) {
    let Some(rewrite) = entry.forward().and_then(|route| route.path_rewrite.as_ref()) else { return };
    // CONNECT has no path (RFC 9110 §9.3.6).
    if request.method() == Method::Connect {
        return;
    }
    let mut new = Vec::new();
    let fill = |template: &Template, out: &mut Vec<u8>| {
        let mut text = Vec::new();
        filled(request, template, viewer, Absent::Nothing, &mut text);
        encode_spaces(&text, out);
    };
    if rewrite_path(&entry.route.matcher, rewrite, &request.path, &fill, &mut new) {
        let old = std::mem::replace(&mut request.path, new);
        if !suppress {
            request.request.set(Known::EnvoyOriginalPath, &old);
        }
    }
}

/// Fills in a template; what a client sent must not end a line, whatever found its way into it.
fn filled(exchange: &Exchange, template: &Template, viewer: &Viewer, absent: Absent, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    viewer.view(exchange, |view| render(template, view, absent, &mut text));
    without_controls(&mut text);
    out.append(&mut text);
}

/// Adds a text that becomes a part of a request's path. White space would end the path for whoever reads the
/// first line (RFC 9112 §3), so it goes as `%20` and `%09`.
pub(crate) fn encode_spaces(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b' ' => out.extend_from_slice(b"%20"),
            b'\t' => out.extend_from_slice(b"%09"),
            byte => out.push(*byte),
        }
    }
}
