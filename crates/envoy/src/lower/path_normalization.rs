//! How paths are normalised, as the connection manager and the runtime say.

use causeway_model::{EscapedSlashesAction, PathNormalization, RuntimeFraction};

use super::Cx;
use crate::tree::Message;

/// Whether paths are normalised where the file does not say so, per cent.
const NORMALIZE: &str = "http_connection_manager.normalize_path";
/// What becomes of escaped slashes where the file does not say so: a number of the enumeration.
const SLASHES: &str = "http_connection_manager.path_with_escaped_slashes_action";
/// Whether anything becomes of them.
const SLASHES_ENABLED: &str = "http_connection_manager.path_with_escaped_slashes_action_enabled";

impl Cx<'_> {
    pub(super) fn path_normalization(&self, hcm: &Message<'_>) -> PathNormalization {
        let normalize = hcm.bool_value("normalize_path");
        let escaped_slashes = match hcm.choice("path_with_escaped_slashes_action") {
            "KEEP_UNCHANGED" => EscapedSlashesAction::KeepUnchanged,
            "REJECT_REQUEST" => EscapedSlashesAction::RejectRequest,
            "UNESCAPE_AND_REDIRECT" => EscapedSlashesAction::UnescapeAndRedirect,
            "UNESCAPE_AND_FORWARD" => EscapedSlashesAction::UnescapeAndForward,
            _ => self.escaped_slashes_by_runtime(),
        };
        PathNormalization {
            normalize: normalize
                .or_else(|| self.switch(NORMALIZE, self.per_cent(NORMALIZE)))
                .unwrap_or(false),
            merge_slashes: hcm.bool("merge_slashes"),
            escaped_slashes: if self.escaped_slashes_enabled() {
                escaped_slashes
            } else {
                EscapedSlashesAction::KeepUnchanged
            },
        }
    }

    fn escaped_slashes_by_runtime(&self) -> EscapedSlashesAction {
        self.uses_runtime_key(SLASHES);
        match self.runtime.borrow().integer(SLASHES) {
            Some(2) => EscapedSlashesAction::RejectRequest,
            Some(3) => EscapedSlashesAction::UnescapeAndRedirect,
            Some(4) => EscapedSlashesAction::UnescapeAndForward,
            _ => EscapedSlashesAction::KeepUnchanged,
        }
    }

    fn escaped_slashes_enabled(&self) -> bool {
        let all = RuntimeFraction { numerator: 100, denominator: 100, runtime_key: SLASHES_ENABLED.into() };
        let share = all.resolve(&self.runtime.borrow());
        self.switch(SLASHES_ENABLED, Some(share)).unwrap_or(true)
    }

    fn per_cent(&self, key: &str) -> Option<(u64, u64)> {
        self.runtime.borrow().integer(key).map(|share| (share, 100))
    }

    /// A share of all or of nothing as a switch. Envoy draws once, when it loads the file, where it is another: such
    /// a key is reported as one that nobody reads.
    fn switch(&self, key: &str, share: Option<(u64, u64)>) -> Option<bool> {
        let (numerator, denominator) = share?;
        let all_or_nothing = match numerator {
            0 => false,
            numerator if numerator >= denominator => true,
            _ => return None,
        };
        self.uses_runtime_key(key);
        Some(all_or_nothing)
    }
}
