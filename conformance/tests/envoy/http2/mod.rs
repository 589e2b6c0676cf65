//! HTTP/2 towards back-ends.

mod failures;
mod grpc;
mod health;
mod requests;
mod responses;
mod retries;
mod sessions;

use std::time::Duration;

use causeway_conformance::{Case, Run, Script};
use causeway_http::h2::hpack::Decoder;
use causeway_http::h2::{FRAME_HEADER, FrameHeader, Kind, PREFACE};
use serde_json::json;

/// The options of a cluster whose back-ends are spoken to in HTTP/2.
pub(crate) const HTTP2: &str = "
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http2_protocol_options: {}}";

pub(crate) fn cases() -> Vec<Case> {
    [
        requests::cases(),
        responses::cases(),
        retries::cases(),
        failures::cases(),
        sessions::cases(),
        health::cases(),
        grpc::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Notes the pseudo headers of the requests that the back-end was sent, in their order.
async fn order(run: &mut Run) {
    let mut decoder = Decoder::new(4096);
    let requests = sent(run).await.into_iter().filter(|(header, _)| header.kind == Kind::Headers);
    let requests = requests.map(|(_, payload)| {
        let mut pseudo = Vec::new();
        let _ = decoder.decode(&payload, |field| {
            if field.name.starts_with(b":") {
                pseudo.push(String::from_utf8_lossy(field.name).into_owned());
            }
        });
        pseudo.join(" ")
    });
    let requests: Vec<String> = requests.collect();
    run.note("requests", json!(requests));
}

/// Notes how the back-end was told that streams and connections end.
async fn what_was_told(run: &mut Run) {
    let told = sent(run).await.into_iter().filter_map(|(header, payload)| {
        let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("four bytes"));
        match header.kind {
            Kind::RstStream => Some(format!("reset of {}: {}", header.stream, code(0))),
            Kind::GoAway => Some(format!("GOAWAY: {}", code(4))),
            _ => None,
        }
    });
    let told: Vec<String> = told.collect();
    run.note("told", json!(told));
}

/// The frames that the back-end was sent, on one connection after the other.
async fn sent(run: &Run) -> Vec<(FrameHeader, Vec<u8>)> {
    // The end may be a moment behind what the client sees.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let bytes = run.backend("app").first_bytes();
    let (mut frames, mut rest) = (Vec::new(), &bytes[..]);
    loop {
        rest = rest.strip_prefix(PREFACE).unwrap_or(rest);
        let Some(header) = FrameHeader::read(rest) else { return frames };
        let whole = FRAME_HEADER + header.length;
        let Some(payload) = rest.get(FRAME_HEADER..whole) else { return frames };
        frames.push((header, payload.to_vec()));
        rest = &rest[whole..];
    }
}

/// A case with a back-end that does this, in HTTP/2.
fn case(name: &'static str, script: impl Into<Script>) -> Case {
    Case::new(name).backend("app", script.into().http2()).cluster("app", HTTP2)
}

/// HTTP/2 with these settings (`http2_protocol_options`), and these of both versions
/// (`common_http_protocol_options`).
fn options(http2: &str, common: &str) -> String {
    HTTP2.replace("http2_protocol_options: {}", &format!("http2_protocol_options: {{{http2}}}"))
        + &format!("\n    common_http_protocol_options: {{{common}}}")
}
