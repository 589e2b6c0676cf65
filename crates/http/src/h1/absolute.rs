//! What an absolute URL in the request line says beside host and path.

use super::request::{RequestHead, Target};
use crate::HeaderBlock;

impl RequestHead {
    /// Whether the URL that was asked for is one of `https`; `None` where the target is no absolute URL (RFC 9112 §3.2.2).
    #[must_use]
    pub fn asks_for_https(&self, block: &HeaderBlock) -> Option<bool> {
        let Target::Absolute(path) = self.target else { return None };
        // The head stands in the block as it came: what is in front of the path is the method, and the URL up to there.
        let before = block.bytes(path.span().before());
        let url = before.trim_ascii_start().split(|byte| *byte == b' ').nth(1)?;
        Some(url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https://")))
    }
}
