//! The pages under `docs/` that are made from code.

use crate::{Failure, put, root};

/// Writes, or checks, all of them.
pub(crate) fn write(check: bool) -> Result<(), Failure> {
    put(&root().join("docs/reasons.md"), &causeway_reason::reasons_page(), check)
}
