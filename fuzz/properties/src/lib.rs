//! What has to hold for every input, however strange.
//!
//! Each function takes what libFuzzer makes up and panics where the property does not hold. The fuzz
//! targets call them with new inputs; the test of this package calls them with all that were kept.
//!
//! The first bytes of an input for an HTTP target choose the options, the rest is what the peer sends:
//! see the module `choices`.

mod against_reference;
mod choices;
mod chunk;
mod client_hello;
mod configuration;
mod forwarding;
mod http2;
mod message;
mod path;
mod proxy_header;
mod reference;
mod request;
mod response;
mod template;

use choices::Choices;

pub use against_reference::{reference_request, reference_response};
pub use chunk::chunk;
pub use client_hello::client_hello;
pub use configuration::{protobuf, yaml};
pub use forwarding::forwarding;
pub use http2::http2_request;
pub use path::path;
pub use proxy_header::proxy_header;
pub use request::http1_request;
pub use response::http1_response;
pub use template::template;

/// A property, which panics where it does not hold.
pub type Property = fn(&[u8]);

/// All properties, by the name of their fuzz target.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("chunk", chunk),
    ("client_hello", client_hello),
    ("forwarding", forwarding),
    ("http1_request", http1_request),
    ("http1_response", http1_response),
    ("http2_request", http2_request),
    ("path", path),
    ("protobuf", protobuf),
    ("proxy_header", proxy_header),
    ("reference_request", reference_request),
    ("reference_response", reference_response),
    ("template", template),
    ("yaml", yaml),
];
