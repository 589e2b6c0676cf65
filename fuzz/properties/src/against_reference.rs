//! Causeway's readers against the second reader of `reference`.
//!
//! What Causeway accepts, the reference accepts, with the same meaning and the same rest. What Causeway
//! passes on, the reference reads as the same message, in the grammar and without a permission. And what
//! Causeway refuses although the reference takes it is refused by a policy that has a name here.

mod request;
mod response;

pub use request::reference_request;
pub use response::reference_response;

use causeway_http::Known;

use crate::reference::Fields;

/// Fields by name in lower case, the values of each joined, sorted: their order among each other means nothing,
/// that of one name does.
fn by_name(fields: &Fields, keep: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in fields {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match found.iter_mut().find(|there| there.0 == name) {
            _ if !keep(&name) => {}
            // Where lines are joined, those that are empty are left out.
            Some(_) if value.is_empty() => {}
            Some((_, values)) => {
                if !values.is_empty() {
                    values.push(b',');
                }
                values.extend_from_slice(value);
            }
            None => found.push((name, value.clone())),
        }
    }
    found.sort();
    found
}

/// The fields of a trailer section that are passed on: those that frame, route or vouch for a message are read
/// and left out (RFC 9110 §6.5.1), as are all others that Causeway itself goes by.
fn passed_on(trailers: &Fields) -> Vec<(String, Vec<u8>)> {
    by_name(trailers, |name| match Known::from_bytes(name.as_bytes()) {
        Some(known) => matches!(known, Known::GrpcStatus | Known::GrpcMessage),
        None => {
            !["authorization", "cookie", "set-cookie", "cache-control", "content-encoding", "content-range"]
                .contains(&name)
        }
    })
}
