//! Upgrades and tunnels: what a request asks for, and whether it may have it.

use causeway_http::{Known, Method, Version, forwarding};
use causeway_model::StringMatcher;
use causeway_reason::{Failure, Reason};

use super::{Client, Downstream};
use crate::local_reply::LocalReply;
use crate::record::ActiveRequest;
use crate::routes::RouteEntry;
use crate::spelling::Spelling;
use crate::stats::HttpStat;

impl Downstream {
    /// An upgrade has to be allowed by the route, or by the connection manager where the route says
    /// nothing.
    pub(super) fn check_upgrade(
        &mut self,
        request: &mut ActiveRequest,
        entry: &RouteEntry,
    ) -> Result<(), LocalReply> {
        self.upgrade = None;
        let connect = request.method() == Method::Connect;
        // What asks for both is taken for the upgrade, as with Envoy.
        let wanted = wanted_upgrade(request).or_else(|| connect.then(|| b"CONNECT".to_vec()));
        let Some(wanted) = wanted else { return Ok(()) };
        let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(&wanted);
        let by_route = entry.forward().and_then(|forward| {
            forward.upgrades.iter().find(|upgrade| is(&upgrade.upgrade_type)).map(|upgrade| upgrade.enabled)
        });
        let manager = &self.listener.manager;
        let known = manager.config.upgrades.iter().position(|upgrade| is(&upgrade.upgrade_type));
        let by_manager = known.and_then(|number| manager.config.upgrades.get(number));
        let by_manager = by_manager.is_some_and(|upgrade| upgrade.enabled);
        if by_route.unwrap_or(by_manager) {
            self.upgrade = (!connect).then(|| wanted.into());
            request.facts.upgrade = true;
            request.facts.chain = known.map_or(0, |number| manager.chain_of_upgrade(number));
            self.arm_body(&request.facts, request.method(), true);
            let http = &self.listener.shards.http;
            http.inc(HttpStat::DownstreamCxUpgradesTotal);
            http.adjust(HttpStat::DownstreamCxUpgradesActive, 1);
            return Ok(());
        }
        let http = &self.listener.shards.http;
        http.inc(HttpStat::DownstreamRqWsOnNonWsRoute);
        // What would follow is not known to be a request; of a stream it is known in the end.
        if let Client::Http1 { .. } = &self.client {
            http.inc(HttpStat::DownstreamRqResponseBeforeRqComplete);
            http.inc(HttpStat::DownstreamRqRxReset);
        }
        let evidence =
            format!("the upgrade is \"{}\", the route is {}", wanted.escape_ascii(), entry.route.position);
        if let Client::Http2(stream) = &mut self.client {
            stream.drain_connection();
        }
        let mut reply = LocalReply::failed(Failure::new(Reason::UpgradeNotEnabled).with_evidence(evidence));
        reply.close = true;
        Err(reply)
    }
}

/// The upgrade a request asks for (RFC 9110 §7.8, RFC 8441): not HTTP/1.0. An upgrade to HTTP/2 is passed over,
/// as Envoy does; it asks for nothing but another way to say the same. One without a name, or more than one, is one that
/// no file allows.
fn wanted_upgrade(request: &ActiveRequest) -> Option<Vec<u8>> {
    let head = request.head.as_ref()?;
    if head.version == Version::Http10 || !head.connection.upgrade {
        return None;
    }
    let lines: Vec<&[u8]> = request.request.values(Known::Upgrade).collect();
    let wanted = lines.join(&b","[..]);
    (!lines.is_empty() && !wanted.eq_ignore_ascii_case(b"h2c")).then_some(wanted)
}

/// Removes what speaks of the client's connection only, before anything looks at the fields or adds to them: what the proxy
/// adds is not the client's to remove by naming it in `Connection`.
pub(super) fn leave_on_this_connection(request: &mut ActiveRequest) {
    let Some(options) = request.head.as_ref().map(|head| head.connection) else { return };
    if request.facts.protocol != Some(Version::Http2) {
        let format = request.listener().manager.config.http1.header_key_format;
        request.facts.request_spelling = Spelling::of(&request.request, format);
    }
    if wanted_upgrade(request).is_some() {
        forwarding::remove_hop_by_hop_upgrade(&mut request.request);
    } else {
        forwarding::remove_hop_by_hop_request(&mut request.request, options);
    }
}

/// Takes the upgrades out of a request that nobody is to hear of (`ignore_http_11_upgrade`).
pub(super) fn pass_over_upgrades(request: &mut ActiveRequest, ignored: &[StringMatcher]) {
    let Some(wanted) = request.request.get(Known::Upgrade) else { return };
    let left: Vec<&[u8]> = wanted
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|protocol| !ignored.iter().any(|matcher| matcher.matches(protocol)))
        .collect();
    if left.is_empty() {
        request.request.remove(Known::Upgrade);
        if let Some(head) = &mut request.head {
            head.connection.upgrade = false;
        }
    } else {
        let left = left.join(&b","[..]);
        request.request.set(Known::Upgrade, &left);
    }
}
