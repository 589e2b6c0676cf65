//! gRPC over HTTP, as far as a proxy has to know it.

/// `grpc-timeout` in milliseconds, rounded up: up to eight digits and a unit ("gRPC over HTTP/2", Requests).
/// `None` where it is none.
#[must_use]
pub fn parse_timeout(value: &[u8]) -> Option<u64> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(amount * 3_600_000),
        b'M' => Some(amount * 60_000),
        b'S' => Some(amount * 1000),
        b'm' => Some(amount),
        b'u' => Some(amount.div_ceil(1000)),
        b'n' => Some(amount.div_ceil(1_000_000)),
        _ => None,
    }
}

/// The same, the other way round, in the smallest unit that it fits into.
#[must_use]
pub fn format_timeout(millis: u64) -> String {
    const MOST: u64 = 99_999_999;
    for (unit, in_millis) in [('m', 1), ('S', 1000), ('M', 60_000)] {
        let amount = millis / in_millis;
        if amount <= MOST {
            return format!("{amount}{unit}");
        }
    }
    format!("{}H", (millis / 3_600_000).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        for (value, millis) in [
            ("1H", Some(3_600_000)),
            ("2M", Some(120_000)),
            ("3S", Some(3000)),
            ("40m", Some(40)),
            ("1u", Some(1)),
            ("1000001n", Some(2)),
            ("0S", Some(0)),
            ("", None),
            ("S", None),
            ("1", None),
            ("1x", None),
            ("-1S", None),
            ("123456789S", None),
        ] {
            assert_eq!(parse_timeout(value.as_bytes()), millis, "{value}");
        }
    }

    #[test]
    fn a_timeout_is_written_as_it_fits() {
        assert_eq!(format_timeout(400), "400m");
        assert_eq!(format_timeout(100_000_000), "100000S");
    }
}
