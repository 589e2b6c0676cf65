//! What the connection manager does to the fields of requests and responses.
//!
//! The order in which fields are changed is the order in which they stand on the wire, and both are
//! Envoy's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use causeway_http::forwarding::{address_from_right, addresses_from_right, parse_address};
use causeway_http::path::{EscapedSlashes, PathOutcome, PathRules};
use causeway_http::{HeaderBlock, Known, KnownSet, Method, Version, authority, forwarding, path};
use causeway_model::{
    Address, CidrSet, EscapedSlashesAction, HttpConnectionManager, OriginalIpDetection, PathNormalization,
    SchemeTransformation, ServerHeaderTransformation, StripPort, UnderscoreAction,
};
use causeway_reason::{Failure, Reason};

use crate::client_certificate;
use crate::connection::ConnectionInfo;
use crate::exchange::{Exchange, Remote};
use crate::format::Decimal;
use crate::local_reply::LocalReply;

/// Refuses what the codec of Envoy refuses behind the parser; drops fields that are to be dropped. Says
/// how many were.
pub(crate) fn check_fields(
    exchange: &mut Exchange,
    config: &HttpConnectionManager,
    encrypted: bool,
) -> Result<u64, Failure> {
    if exchange.request.has(Known::Connection) {
        if forwarding::names_protected_field(&exchange.request) {
            let values =
                exchange.request.values(Known::Connection).map(|value| value.escape_ascii().to_string());
            let evidence = format!("Connection is \"{}\"", values.collect::<Vec<_>>().join("\" and \""));
            return Err(Failure::new(Reason::RequestConnectionHeader).with_evidence(evidence));
        }
        if forwarding::names_host(&exchange.request) {
            exchange.request.remove(Known::Host);
        }
    }
    // Where nobody in front ends TLS, nobody can have been asked by it.
    if exchange.head.as_ref().is_some_and(|head| head.asks_for_https(&exchange.request) == Some(true))
        && config.use_remote_address
        && config.xff_num_trusted_hops == 0
        && !encrypted
    {
        let host = exchange.request.get(Known::Host).unwrap_or_default();
        let evidence = format!("the request is for \"https://{}…\"", host.escape_ascii());
        return Err(Failure::new(Reason::RequestHttpsOnPlain).with_evidence(evidence));
    }
    if let Some(host) = exchange.request.get(Known::Host)
        && !authority::is_valid(host)
    {
        let evidence = format!("Host is \"{}\"", host.escape_ascii());
        return Err(Failure::new(Reason::RequestHostInvalid).with_evidence(evidence));
    }
    if exchange.method() == Method::Connect {
        check_connect(exchange)?;
    }
    underscores(exchange, config.headers_with_underscores).map_err(|name| {
        Failure::new(Reason::RequestUnderscoreHeader).with_evidence(format!("the header name is \"{name}\""))
    })
}

/// Refuses a CONNECT that could be read in two ways: what follows its head is the tunnel's, and for whoever takes it for
/// a body it is none (RFC 9110 §9.3.6).
fn check_connect(exchange: &mut Exchange) -> Result<(), Failure> {
    let target = exchange.request.get(Known::Host).unwrap_or_default();
    if !authority::is_connect_target(target) {
        let evidence = format!("the target of CONNECT is not a host and port: \"{}\"", target.escape_ascii());
        return Err(Failure::new(Reason::RequestTargetInvalid).with_evidence(evidence));
    }
    match exchange.request.get(Known::ContentLength) {
        Some(b"0") => _ = exchange.request.remove(Known::ContentLength),
        Some(length) => {
            let evidence = format!("Content-Length is \"{}\"", length.escape_ascii());
            return Err(Failure::new(Reason::RequestConnectWithBody).with_evidence(evidence));
        }
        None => {}
    }
    if exchange.request.has(Known::TransferEncoding) {
        let evidence = "a CONNECT request has Transfer-Encoding";
        return Err(Failure::new(Reason::RequestTransferEncoding).with_evidence(evidence));
    }
    Ok(())
}

/// Drops fields whose names have `_`, where they are to be dropped, and says how many; where they are refused, the
/// name of one is the error.
pub(crate) fn underscores(exchange: &mut Exchange, action: UnderscoreAction) -> Result<u64, String> {
    match action {
        UnderscoreAction::Allow => Ok(0),
        UnderscoreAction::RejectRequest => {
            let found = exchange.request.iter().find(|field| memchr::memchr(b'_', field.name).is_some());
            found.map_or(Ok(0), |field| Err(field.name.escape_ascii().to_string()))
        }
        UnderscoreAction::DropHeader => {
            let mut dropped = 0;
            exchange.request.remove_where(|field| {
                let drop = memchr::memchr(b'_', field.name).is_some();
                dropped += u64::from(drop);
                drop
            });
            Ok(dropped)
        }
    }
}

/// What the rules need besides the request.
pub(crate) struct RequestContext<'a> {
    pub(crate) config: &'a HttpConnectionManager,
    pub(crate) connection: &'a ConnectionInfo,
    /// An address of this machine that is not loopback, as Envoy puts it in `x-forwarded-for` for
    /// clients on loopback.
    pub(crate) own_address: Option<IpAddr>,
    /// A new request id.
    pub(crate) request_id: &'a mut dyn FnMut() -> [u8; 36],
    /// Headers that only internal requests may bring.
    pub(crate) internal_only: &'a [causeway_model::HeaderName],
}

/// Normalises authority and path (`strip_*`, `normalize_path`, …). A refused or redirected request is
/// answered by the reply.
pub(crate) fn normalize(
    exchange: &mut Exchange,
    config: &HttpConnectionManager,
    connection: &ConnectionInfo,
) -> Result<(), LocalReply> {
    if config.strip_port != StripPort::No || config.strip_trailing_host_dot {
        normalize_host(&mut exchange.request, config, connection.local.ip().map(|local| local.port()));
    }
    match path::apply(&exchange.path, path_rules(config.path)) {
        PathOutcome::Unchanged => Ok(()),
        PathOutcome::Changed(path) => {
            exchange.path = path;
            Ok(())
        }
        PathOutcome::Rejected(shown) => {
            let evidence = format!("the path is \"{}\"", exchange.path.escape_ascii());
            if let Some(shown) = shown {
                exchange.path = shown;
            }
            Err(LocalReply::failed(Failure::new(Reason::RequestPathRejected).with_evidence(evidence)))
        }
        // A client of gRPC follows no redirects.
        PathOutcome::Redirect(path) if exchange.facts.grpc => {
            let evidence = format!("the path is \"{}\"", exchange.path.escape_ascii());
            exchange.path = path;
            Err(LocalReply::failed(Failure::new(Reason::RequestPathRejected).with_evidence(evidence)))
        }
        PathOutcome::Redirect(path) => {
            exchange.path.clone_from(&path);
            Err(LocalReply::configured(307, "path_normalization_failed").with_header("location", path))
        }
    }
}

const fn path_rules(rules: PathNormalization) -> PathRules {
    PathRules {
        normalize: rules.normalize,
        merge_slashes: rules.merge_slashes,
        escaped_slashes: match rules.escaped_slashes {
            EscapedSlashesAction::KeepUnchanged => EscapedSlashes::Keep,
            EscapedSlashesAction::RejectRequest => EscapedSlashes::Reject,
            EscapedSlashesAction::UnescapeAndRedirect => EscapedSlashes::Redirect,
            EscapedSlashesAction::UnescapeAndForward => EscapedSlashes::Unescape,
        },
    }
}

fn normalize_host(request: &mut HeaderBlock, config: &HttpConnectionManager, own_port: Option<u16>) {
    let Some(host) = request.get(Known::Host) else { return };
    let mut changed = None;
    if config.strip_trailing_host_dot {
        changed = authority::without_trailing_dot(host);
    }
    let current = changed.as_deref().unwrap_or(host);
    let strip = match (config.strip_port, authority::port(current)) {
        (StripPort::No, _) | (_, None) => false,
        (StripPort::Any, Some(_)) => true,
        (StripPort::Matching, Some((_, port))) => own_port.map(u32::from) == Some(port),
    };
    if strip {
        changed = Some(authority::without_port(current).to_vec());
    }
    if let Some(host) = changed {
        request.set(Known::Host, &host);
    }
}

/// Finds out where the request comes from, and makes its fields those that may be sent on.
pub(crate) fn apply_to_request(
    exchange: &mut Exchange,
    context: &mut RequestContext<'_>,
) -> Result<(), LocalReply> {
    let config = context.config;
    let peer = context.connection.remote.ip().map(|peer| Remote { ip: peer.ip(), port: peer.port() });
    let had_forwarded_for = exchange.request.has(Known::XForwardedFor);
    // An address that nobody has named proves nothing about who asks.
    let mut trusted = false;
    if config.use_remote_address {
        exchange.facts.remote = remote_behind_hops(&exchange.request, config.xff_num_trusted_hops, peer);
        trusted = !had_forwarded_for;
        if !config.skip_xff_append {
            append_forwarded_for(&mut exchange.request, &context.connection.remote, context.own_address);
        }
    } else {
        exchange.facts.remote = peer;
        detect_remote(exchange, context, peer, &mut trusted)?;
    }
    forwarded_proto(&mut exchange.request, context.connection.is_encrypted(), config);
    if config.append_x_forwarded_port {
        forwarded_port(&mut exchange.request, context);
    }
    if let Some(https) = asked_by_https(exchange, context) {
        exchange.facts.https = https;
    }

    // From here on in the order in which Envoy adds what was not there, which is that of the wire.
    exchange.facts.internal =
        trusted && is_internal(exchange.facts.remote, &context.connection.remote, config);
    let edge = config.use_remote_address && !exchange.facts.internal;
    sanitize(exchange, edge, context.internal_only);
    if config.add_user_agent {
        exchange.request.set(Known::EnvoyDownstreamServiceCluster, b"");
        if !exchange.request.has(Known::UserAgent) {
            exchange.request.append(Known::UserAgent, b"");
        }
    }
    if !config.via.is_empty() {
        exchange.request.extend_value(Known::Via, b", ", config.via.as_bytes());
    }
    if let Some(remote) = exchange.facts.remote.filter(|_| edge) {
        exchange.request.set(Known::EnvoyExternalAddress, remote.ip.to_string().as_bytes());
    }
    if config.generate_request_id {
        let keep = (!edge || config.preserve_external_request_id)
            && exchange.request.get(Known::XRequestId).is_some_and(|id| !id.is_empty());
        if !keep {
            let id = (context.request_id)();
            exchange.request.set(Known::XRequestId, &id);
        }
    }
    let tls = context.connection.tls.get().map(|tls| &**tls);
    client_certificate::apply(&mut exchange.request, tls, config);
    Ok(())
}

/// Notes whether the request is gRPC's: an answer has another form then.
pub(crate) fn note_grpc(exchange: &mut Exchange) {
    exchange.facts.grpc = is_grpc(&exchange.request);
}

/// Whether the content type is gRPC's (`application/grpc`, also with a suffix).
fn is_grpc(request: &HeaderBlock) -> bool {
    request
        .get(Known::ContentType)
        .and_then(|value| value.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

fn remote_behind_hops(request: &HeaderBlock, hops: u32, peer: Option<Remote>) -> Option<Remote> {
    let hops = usize::try_from(hops).unwrap_or(usize::MAX);
    let Some(further) = hops.checked_sub(1) else { return peer };
    let mut joined = Vec::new();
    let chain = request.joined(Known::XForwardedFor, &mut joined);
    let found = chain.and_then(|value| address_from_right(value, further));
    found.map_or(peer, |ip| Some(Remote { ip, port: 0 }))
}

/// `original_ip_detection_extensions`; without any, `x-forwarded-for` with `xff_num_trusted_hops`.
fn detect_remote(
    exchange: &mut Exchange,
    context: &RequestContext<'_>,
    peer: Option<Remote>,
    trusted: &mut bool,
) -> Result<(), LocalReply> {
    let config = context.config;
    let default = [OriginalIpDetection::Xff {
        trusted_hops: config.xff_num_trusted_hops,
        trusted_cidrs: None,
        skip_append: true,
    }];
    let detections: &[_] =
        if config.original_ip_detection.is_empty() { &default } else { &config.original_ip_detection };
    let mut joined = Vec::new();
    for detection in detections {
        match detection {
            OriginalIpDetection::Xff { trusted_hops, trusted_cidrs, skip_append } => {
                let found = exchange.request.joined(Known::XForwardedFor, &mut joined).and_then(|chain| {
                    let ip = match trusted_cidrs {
                        Some(cidrs) => behind_trusted_proxies(chain, peer?.ip, cidrs)?,
                        None => address_from_right(chain, usize::try_from(*trusted_hops).ok()?)?,
                    };
                    *trusted = memchr::memchr(b',', chain).is_none();
                    Some(ip)
                });
                if !*skip_append {
                    let peer = &context.connection.remote;
                    append_forwarded_for(&mut exchange.request, peer, context.own_address);
                }
                if let Some(ip) = found {
                    exchange.facts.remote = Some(Remote { ip, port: 0 });
                    return Ok(());
                }
            }
            OriginalIpDetection::CustomHeader { name, trusted: allowed, reject_with_status } => {
                match exchange.request.get(name.as_str()).and_then(parse_address) {
                    Some(ip) => {
                        exchange.facts.remote = Some(Remote { ip, port: 0 });
                        *trusted = *allowed;
                        return Ok(());
                    }
                    None => {
                        if let Some(status) = reject_with_status {
                            return Err(LocalReply::configured(
                                *status,
                                "rejecting_because_detection_failed",
                            ));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Addresses that are looked at in `x-forwarded-for` for one that is not trusted: Envoy's number.
const MOST_PROXIES: usize = 20;

/// The first address from the right that is not one of the proxies we trust; the peer has to be one. `None` also where
/// there are more proxies than are looked at: what stands in front of them may be anybody's.
fn behind_trusted_proxies(chain: &[u8], peer: IpAddr, trusted: &CidrSet) -> Option<IpAddr> {
    if !trusted.contains(peer) {
        return None;
    }
    let mut addresses = addresses_from_right(chain);
    let mut last = None;
    for address in addresses.by_ref().take(MOST_PROXIES) {
        last = Some(address?);
        if !trusted.contains(address?) {
            return last;
        }
    }
    last.filter(|_| addresses.next().is_none())
}

fn append_forwarded_for(request: &mut HeaderBlock, peer: &Address, own_address: Option<IpAddr>) {
    let Some(peer) = peer.ip().map(|peer| peer.ip()) else { return };
    // A client on loopback would mean nothing to the back-end.
    let shown = match peer {
        IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::LOCALHOST) => own_address.unwrap_or(peer),
        peer => peer,
    };
    request.extend_value(Known::XForwardedFor, b",", shown.to_string().as_bytes());
}

fn forwarded_proto(request: &mut HeaderBlock, encrypted: bool, config: &HttpConnectionManager) {
    let own: &[u8] = if encrypted { b"https" } else { b"http" };
    let overwrite = match &config.scheme_transformation {
        Some(SchemeTransformation::Overwrite(scheme)) => Some(scheme.as_bytes()),
        _ if config.use_remote_address && config.xff_num_trusted_hops == 0 => Some(own),
        _ => None,
    };
    match overwrite {
        Some(scheme) => request.set(Known::XForwardedProto, scheme),
        None if !request.has(Known::XForwardedProto) => request.append(Known::XForwardedProto, own),
        None => {}
    }
}

/// Whether the request asks for an `https` URL, where it does not say so itself, as HTTP/2 does.
fn asked_by_https(exchange: &Exchange, context: &RequestContext<'_>) -> Option<bool> {
    let by_proto = match &context.config.scheme_transformation {
        Some(SchemeTransformation::Overwrite(scheme)) => return Some(scheme.eq_ignore_ascii_case("https")),
        _ if exchange.facts.protocol == Some(Version::Http2) => return None,
        _ => exchange.request.get(Known::XForwardedProto),
    };
    let of_url = exchange.head.as_ref().and_then(|head| head.asks_for_https(&exchange.request));
    Some(of_url.unwrap_or_else(|| match by_proto {
        Some(proto) if proto.eq_ignore_ascii_case(b"https") => true,
        Some(proto) if proto.eq_ignore_ascii_case(b"http") => false,
        _ => context.connection.is_encrypted(),
    }))
}

fn forwarded_port(request: &mut HeaderBlock, context: &RequestContext<'_>) {
    let from_in_front = context.config.xff_num_trusted_hops > 0 || !context.config.use_remote_address;
    if from_in_front && request.has(Known::XForwardedPort) {
        return;
    }
    if let Some(local) = context.connection.local.ip() {
        request.set(Known::XForwardedPort, Decimal::new(u64::from(local.port())).as_bytes());
    }
}

fn is_internal(remote: Option<Remote>, peer: &Address, config: &HttpConnectionManager) -> bool {
    match (remote, peer) {
        (Some(remote), _) => config.internal_addresses.contains(remote.ip),
        (None, Address::Pipe { .. }) => config.internal_unix_sockets,
        (None, Address::Ip(_)) => false,
    }
}

/// Fields that would let an outsider steer the proxy.
const FROM_INSIDE: KnownSet = KnownSet::of(&[
    Known::EnvoyInternal,
    Known::EnvoyRetriableStatusCodes,
    Known::EnvoyRetriableHeaderNames,
    Known::EnvoyRetryOn,
    Known::EnvoyRetryGrpcOn,
    Known::EnvoyMaxRetries,
    Known::EnvoyUpstreamAltStatName,
    Known::EnvoyUpstreamRqTimeoutMs,
    Known::EnvoyUpstreamRqPerTryTimeoutMs,
    Known::EnvoyUpstreamRqTimeoutAltResponse,
    Known::EnvoyUpstreamStreamDurationMs,
    Known::EnvoyExpectedRqTimeoutMs,
    Known::EnvoyForceTrace,
    Known::EnvoyIpTags,
    Known::EnvoyOriginalUrl,
    Known::EnvoyHedgeOnPerTryTimeout,
]);

/// Fields that only proxies in front of this one may have set.
const NOT_AT_THE_EDGE: KnownSet = KnownSet::of(&[
    Known::EnvoyDecoratorOperation,
    Known::EnvoyDownstreamServiceCluster,
    Known::EnvoyDownstreamServiceNode,
    Known::EnvoyOriginalPath,
    Known::EnvoyOriginalHost,
]);

fn sanitize(exchange: &mut Exchange, edge: bool, internal_only: &[causeway_model::HeaderName]) {
    let request = &mut exchange.request;
    if exchange.facts.internal {
        request.set(Known::EnvoyInternal, b"true");
        return;
    }
    if edge {
        request.remove_all(NOT_AT_THE_EDGE);
    }
    request.remove_all(FROM_INSIDE);
    for name in internal_only {
        request.remove(name.as_str());
    }
}

/// Adds what every response gets: `date`, `server`, `via`, the request id.
pub(crate) fn apply_to_response(
    exchange: &mut Exchange,
    config: &HttpConnectionManager,
    date: impl FnOnce() -> [u8; 29],
) {
    if !exchange.response.has(Known::Date) {
        exchange.response.append(Known::Date, &date());
    }
    match config.server_header_transformation {
        ServerHeaderTransformation::Overwrite => {
            exchange.response.set(Known::Server, config.server_name.as_bytes());
        }
        ServerHeaderTransformation::AppendIfAbsent => {
            if !exchange.response.has(Known::Server) {
                exchange.response.append(Known::Server, config.server_name.as_bytes());
            }
        }
        ServerHeaderTransformation::PassThrough => {}
    }
    if (config.always_set_request_id_in_response || exchange.request.has(Known::EnvoyForceTrace))
        && let Some(id) = exchange.request.get(Known::XRequestId)
    {
        exchange.response.set(Known::XRequestId, id);
    }
    if !config.via.is_empty() {
        exchange.response.extend_value(Known::Via, b", ", config.via.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use causeway_model::CidrRange;

    use super::*;

    #[test]
    fn trusted_proxies_are_passed_over() {
        let trusted = CidrSet(vec![CidrRange::new("10.0.0.0".parse().unwrap(), 8)]);
        let behind = |chain: &str, peer: &str| {
            behind_trusted_proxies(chain.as_bytes(), peer.parse().unwrap(), &trusted).map(|ip| ip.to_string())
        };
        assert_eq!(behind("1.1.1.1, 10.0.0.2,10.0.0.3", "10.0.0.1").as_deref(), Some("1.1.1.1"));
        assert_eq!(behind("10.0.0.2", "10.0.0.1").as_deref(), Some("10.0.0.2"));
        assert_eq!(behind("1.1.1.1", "2.2.2.2"), None);
        assert_eq!(behind("1.1.1.1, junk", "10.0.0.1"), None);
        let proxies = |count: usize| vec!["10.0.0.2"; count].join(",");
        assert_eq!(behind(&format!("1.1.1.1,{}", proxies(19)), "10.0.0.1").as_deref(), Some("1.1.1.1"));
        assert_eq!(behind(&format!("1.1.1.1,{}", proxies(20)), "10.0.0.1"), None);
        assert_eq!(behind(&proxies(20), "10.0.0.1").as_deref(), Some("10.0.0.2"));
        assert_eq!(behind(&proxies(21), "10.0.0.1"), None);
    }

    #[test]
    fn clients_on_loopback_are_shown_as_this_machine() {
        let own = "192.0.2.7".parse().ok();
        for (peer, own, expected) in [
            ("127.0.0.1:5", own, "192.0.2.7"),
            ("[::1]:5", own, "192.0.2.7"),
            ("[::1]:5", None, "::1"),
            ("127.0.0.2:5", own, "127.0.0.2"),
            ("203.0.113.9:5", own, "203.0.113.9"),
        ] {
            let mut request = HeaderBlock::new();
            append_forwarded_for(&mut request, &Address::Ip(peer.parse().unwrap()), own);
            assert_eq!(request.get(Known::XForwardedFor), Some(expected.as_bytes()), "{peer}");
        }
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x", false),
            ("application/grpc-web", false),
            ("text/plain", false),
        ] {
            let mut request = HeaderBlock::new();
            request.append("content-type", value.as_bytes());
            assert_eq!(is_grpc(&request), expected, "{value}");
        }
    }
}
