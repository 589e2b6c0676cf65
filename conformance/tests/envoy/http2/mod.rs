//! HTTP/2 towards back-ends.

mod failures;
mod grpc;
mod health;
mod requests;
mod responses;
mod retries;
mod sessions;

use causeway_conformance::{Case, Script};

/// The options of a cluster whose back-ends are spoken to in HTTP/2.
const HTTP2: &str = "
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
