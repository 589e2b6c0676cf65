//! The head of a request on its way to a back-end.

use causeway_http::h1::{BodyFraming, HeadWriter, KeyFormat};
use causeway_http::{HeaderBlock, Known, Method, Version};

use crate::exchange::Exchange;
use crate::spelling;

/// Writes the head, and says whether the body behind it goes in chunks.
pub(super) fn write_head(exchange: &mut Exchange, upgrade: Option<&[u8]>) -> bool {
    let Some(head) = exchange.head.clone() else { return false };
    // What was asked by HTTP/2 has no such fields, and gets those that Envoy writes.
    let new_fields = upgrade.filter(|_| head.version == Version::Http2);
    if new_fields.is_some() {
        exchange.request.remove(Known::Connection);
        exchange.request.remove(Known::Upgrade);
    }
    let chunked = frame(&mut exchange.request, head.framing);
    let format = exchange
        .facts
        .cluster
        .as_ref()
        .map_or_else(Default::default, |cluster| cluster.config().http.header_key_format);
    let spelling = exchange.facts.request_spelling.as_deref();
    let format = spelling.map_or_else(|| spelling::key_format(format), |_| KeyFormat::Preserve);
    let before = exchange.to_upstream.pending();
    let method = head.method_name(&exchange.request);
    let out = exchange.to_upstream.bytes();
    let whole =
        exchange.facts.cluster.as_ref().is_some_and(|cluster| cluster.config().http.send_fully_qualified_url);
    let host = exchange.request.get(Known::Host).unwrap_or_default();
    let url;
    let target = match head.method {
        Method::Connect => host,
        _ if whole => {
            let scheme: &[u8] = if exchange.facts.https { b"https://" } else { b"http://" };
            url = [scheme, host, &exchange.path].concat();
            &url
        }
        _ => &exchange.path,
    };
    let mut writer = HeadWriter::request(out, format, method, target, Version::Http11);
    let line_end = writer.position();
    // The authority comes first, wherever the client had it.
    if exchange.request.has(Known::Host) {
        writer.fields(&exchange.request, |known| known == Some(Known::Host));
    }
    writer.fields(&exchange.request, |known| known != Some(Known::Host));
    if let Some(upgrade) = new_fields {
        writer.field("connection", b"upgrade");
        writer.field("upgrade", upgrade);
    }
    if chunked {
        writer.field(spelling::transfer_encoding(spelling), b"chunked");
    } else if head.framing.is_none()
        && !exchange.request.has(Known::ContentLength)
        && may_have_body(head.method)
    {
        writer.field("content-length", b"0");
    }
    let fields = writer.position() - line_end;
    writer.end();
    if let Some(upgrade) = new_fields {
        // Logs show them: here they are more than matters of one connection.
        exchange.request.append("connection", b"upgrade");
        exchange.request.append("upgrade", upgrade);
    }
    exchange.facts.upstream_fields_sent = fields as u64;
    exchange.facts.upstream_head_sent = (exchange.to_upstream.pending() - before) as u64;
    chunked
}

/// Makes the fields say how the body goes, whatever was done to them: a length that is not the body's own would have the
/// back-end take a part of it for the next request (RFC 9112 §11.2). Says whether it goes in chunks.
fn frame(request: &mut HeaderBlock, framing: BodyFraming) -> bool {
    if request.has(Known::TransferEncoding) {
        request.remove(Known::TransferEncoding);
    }
    if !framing.fits(request) {
        request.remove(Known::ContentLength);
    }
    !framing.is_none() && !request.has(Known::ContentLength)
}

/// Whether a back-end expects a body: a request that has none is said to be empty then.
const fn may_have_body(method: Method) -> bool {
    !matches!(method, Method::Get | Method::Head | Method::Delete | Method::Trace | Method::Connect)
}
