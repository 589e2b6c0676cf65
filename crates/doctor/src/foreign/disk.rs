//! Certificates as they lie on the disk, beside those that a proxy uses.

use causeway_tls::certificate::Facts;
use causeway_tls::identity;

/// What the first certificate of a file says.
///
/// # Errors
///
/// Why there is none to be read.
pub(super) fn on_disk(path: &str) -> Result<Facts, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let list = identity::certificates(&bytes, path).map_err(|error| format!("{path}: {error}"))?;
    list.first().and_then(|der| Facts::of(der)).ok_or_else(|| format!("{path}: no certificate"))
}

/// Zeros in front, and letters of either case, are the same number.
pub(super) fn same_serial(a: &str, b: &str) -> bool {
    a.trim_start_matches('0').eq_ignore_ascii_case(b.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_numbers() {
        assert!(same_serial("0a1B", "A1b") && !same_serial("1", "10"));
    }
}
