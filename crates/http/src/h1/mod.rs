//! HTTP/1 (RFC 9112), strictly.

mod absolute;
mod body;
mod chunked;
mod foreign;
mod framing;
mod head;
mod plain;
mod request;
mod response;
mod write;

pub use body::{BodyDecoder, Decoded};
pub use chunked::{ChunkedDecoder, TrailerLimits};
pub use foreign::recognise;
pub use framing::BodyFraming;
pub use head::{ConnectionOptions, HeadLimits, Parsed, first_bytes};
pub use request::{RequestHead, RequestRules, Target, parse_request};
pub use response::{ResponseHead, ResponseRules, parse_response};
pub use write::{HeadWriter, KeyFormat, LAST_CHUNK, chunk_header};

pub(crate) use chunked::may_trail;
pub(crate) use framing::parse_length;
pub(crate) use head::tokens;
pub(crate) use request::PathSpan;
