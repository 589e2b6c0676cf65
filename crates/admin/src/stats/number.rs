//! Numbers, printed as the C++ library prints them, which is how Envoy does.

/// The shortest text that reads back as the same number, with an exponent only where that is shorter
/// (`std::to_chars`).
pub(crate) fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let plain = value.to_string();
    let exponential = c_exponent(&format!("{value:e}"));
    if exponential.len() < plain.len() { exponential } else { plain }
}

/// As `%.<digits>g`.
pub(crate) fn general(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let digits = digits.max(1);
    let exponential = format!("{value:.*e}", digits - 1);
    let exponent: i32 =
        exponential.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    match usize::try_from(exponent) {
        Ok(exponent) if exponent >= digits => c_exponent(&exponential),
        Ok(exponent) => without_zeros(&format!("{value:.*}", digits - 1 - exponent)).to_owned(),
        Err(_) if exponent < -4 => c_exponent(&exponential),
        Err(_) => {
            let leading = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
            without_zeros(&format!("{value:.*}", digits - 1 + leading)).to_owned()
        }
    }
}

fn not_finite(value: f64) -> String {
    let text = if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    text.to_owned()
}

/// `3.0e5` as C writes it: `3e+05`.
fn c_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{}e{sign}{exponent:0>2}", without_zeros(mantissa))
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs seen in answers of Envoy 1.40.
    #[test]
    fn the_shorter_form_wins() {
        for (value, text) in [
            (0.0, "0"),
            (0.1, "0.1"),
            (0.5, "0.5"),
            (99.5, "99.5"),
            (402.278_481_012_658_23, "402.27848101265823"),
            (10_000.0, "10000"),
            (60_000.0, "60000"),
            (300_000.0, "3e+05"),
            (1_800_000.0, "1800000"),
            (4_099_999.999_999_999_5, "4099999.9999999995"),
            (1.2e8, "1.2e+08"),
            (1.25e8, "1.25e+08"),
        ] {
            assert_eq!(shortest(value), text);
        }
        assert_eq!(shortest(f64::NAN), "nan");
    }

    #[test]
    fn general_numbers_as_c_prints_them() {
        for (value, digits, text) in [
            (34_824.691_358_024_69, 32, "34824.69135802469099871814250946"),
            (32_800.0, 32, "32800"),
            (0.0, 32, "0"),
            (1_800_000.0, 6, "1.8e+06"),
            (600_000.0, 6, "600000"),
            (0.5, 6, "0.5"),
            (-1.0, 6, "-1"),
            (99.999_999_9, 6, "100"),
            (0.000_123_456_789, 6, "0.000123457"),
            (0.000_012_345_678_9, 6, "1.23457e-05"),
            (999_999.9, 6, "1e+06"),
        ] {
            assert_eq!(general(value, digits), text);
        }
    }
}
