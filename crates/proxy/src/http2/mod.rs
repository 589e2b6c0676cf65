//! HTTP/2: between the `h2` crate and what the rest of the proxy knows of a message.

mod fields;

pub(crate) use fields::{block, fields, fields_where, read_response};
