//! Numbers in text, as protobuf's JSON parser takes them where a number is wanted: in quotes too, with
//! a fraction of zeros, with an exponent, in hexadecimal.

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A whole number without an exponent.
    Whole(i128),
    /// Any other.
    Float(f64),
}

/// Why a text is no number of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// It is no number at all.
    NotANumber,
    /// It has a fraction, and a whole number is wanted.
    Fraction,
    /// It is too large or too small.
    Range,
}

/// Reads a number; `None` where the text is none.
pub(crate) fn parse(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if !digits.is_empty() && digits.len() <= 30 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let value: i128 = digits.parse().ok()?;
        return Some(Number::Whole(if negative { -value } else { value }));
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => hexadecimal(digits)?,
        None => decimal(digits)?,
    };
    Some(Number::Float(if negative { -value } else { value }))
}

/// A whole number within bounds.
pub(crate) fn whole(text: &str, least: i128, most: i128) -> Result<i128, NumberError> {
    let value = match parse(text).ok_or(NumberError::NotANumber)? {
        Number::Whole(value) => value,
        Number::Float(value) if !value.is_finite() => return Err(NumberError::NotANumber),
        Number::Float(value) if value.fract() != 0.0 => return Err(NumberError::Fraction),
        // Beyond 2^63, protobuf takes digits only.
        Number::Float(value) if value.abs() >= 9_223_372_036_854_775_808.0 => return Err(NumberError::Range),
        #[expect(clippy::cast_possible_truncation, reason = "has no fraction, and `as` saturates")]
        Number::Float(value) => value as i128,
    };
    if (least..=most).contains(&value) { Ok(value) } else { Err(NumberError::Range) }
}

/// A floating point number; `Infinity` and `NaN` are some.
#[expect(clippy::cast_precision_loss, reason = "a float is wanted")]
pub(crate) fn float(text: &str) -> Option<f64> {
    match parse(text)? {
        Number::Whole(value) => Some(value as f64),
        Number::Float(value) => Some(value),
    }
}

fn decimal(text: &str) -> Option<f64> {
    let word = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if word(&["inf", "infinity"]) {
        return Some(f64::INFINITY);
    }
    if word(&["nan"]) {
        return Some(f64::NAN);
    }
    // Rust's notation is the same, but for the words above and a second sign.
    if text.starts_with(['+', '-'])
        || text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E'))
    {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(value)
}

/// The digits behind `0x`, with a fraction and a binary exponent where there are any.
#[expect(clippy::cast_precision_loss, reason = "a float is wanted")]
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.len() + fraction.len();
    if digits == 0 || digits > 30 {
        return None;
    }
    let parse = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u128::from_str_radix(text, 16).ok())?
        }
    };
    let value =
        parse(whole)? as f64 + parse(fraction)? as f64 / 16_f64.powi(i32::try_from(fraction.len()).ok()?);
    let value = value * 2_f64.powi(exponent);
    value.is_finite().then_some(value)
}

/// A bool in quotes.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if any(&["true", "t", "yes", "y", "1"]) {
        Some(true)
    } else if any(&["false", "f", "no", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(text: &str) -> Result<i128, NumberError> {
        whole(text, 0, i128::from(u32::MAX))
    }

    #[test]
    fn whole_numbers_come_in_many_ways() {
        for (text, value) in [
            ("8081", 8081),
            ("8081.0", 8081),
            ("8.081e3", 8081),
            ("+80", 80),
            ("080", 80),
            ("0x50", 80),
            ("80.", 80),
            (".8e2", 80),
            ("8000e-2", 80),
            ("0x1p4", 16),
            ("0x1.8p4", 24),
            ("0x10.", 16),
            ("1e+2", 100),
            ("-0", 0),
        ] {
            assert_eq!(port(text), Ok(value), "{text}");
        }
        for text in [
            "", " 80", "80 ", "0o17", "8_081", "1e400", "1e", "5f", "nan", "inf", "0x", "1,000", "--1",
            "0x-1", "+",
        ] {
            assert_eq!(port(text), Err(NumberError::NotANumber), "{text}");
        }
        assert_eq!(port("80.5"), Err(NumberError::Fraction));
        assert_eq!(port("8e-2"), Err(NumberError::Fraction));
        assert_eq!(port("-1"), Err(NumberError::Range));
        assert_eq!(port("4294967296"), Err(NumberError::Range));
        assert_eq!(whole("18446744073709551615", 0, i128::from(u64::MAX)), Ok(i128::from(u64::MAX)));
        assert_eq!(whole("1e30", 0, i128::from(u64::MAX)), Err(NumberError::Range));
    }

    #[test]
    fn floats_know_infinity() {
        assert_eq!(float("12.5"), Some(12.5));
        assert_eq!(float("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(float("NaN").is_some_and(f64::is_nan));
        assert_eq!(float(".inf"), None);
        assert_eq!(float("1x"), None);
        assert_eq!(float("-0x10"), Some(-16.0));
    }

    #[test]
    fn bools_in_quotes() {
        assert_eq!(boolean("yEs"), Some(true));
        assert_eq!(boolean("0"), Some(false));
        assert_eq!(boolean("on"), None);
    }
}
