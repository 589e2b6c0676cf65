//! Times of haproxy.cfg: milliseconds where no unit stands behind the number.

/// Milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let factor = match unit {
        "us" => return Some(number / 1000),
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_milliseconds() {
        for (text, expected) in [
            ("2000", Some(2000)),
            ("2s", Some(2000)),
            ("1m", Some(60_000)),
            ("5ms", Some(5)),
            ("x", None),
            ("5y", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
