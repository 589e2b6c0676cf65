//! What plain scalars mean: yaml-cpp's rules, which are those of YAML 1.1 with gaps.

use std::borrow::Cow;

use super::NodeKind;

/// Decides a scalar that is not quoted. `tagged` scalars are never null.
pub(super) fn decide(text: Cow<'_, str>, tagged: bool) -> NodeKind<'_> {
    if !tagged && is_null(&text) {
        return NodeKind::Null;
    }
    if let Some(value) = boolean(&text) {
        return NodeKind::Bool(value);
    }
    match integer(&text) {
        // Larger integers travel as strings, so that they keep all their digits.
        Some(number) => match i32::try_from(number) {
            Ok(number) => NodeKind::Number(number.to_string().into()),
            Err(_) => NodeKind::Text(number.to_string().into()),
        },
        None => NodeKind::Text(text),
    }
}

/// `~`, `null`, `Null`, `NULL` or nothing.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// `y`, `yes`, `on`, `true` and their opposites; in lower case, in upper case, or capitalised.
fn boolean(text: &str) -> Option<bool> {
    let mut letters = text.chars();
    let first = letters.next()?;
    let rest = letters.as_str();
    let lower = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    let upper = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let flexible = lower(text) || first.is_ascii_uppercase() && (lower(rest) || upper(rest));
    if !flexible {
        return None;
    }
    ["y", "yes", "true", "on"].iter().any(|name| text.eq_ignore_ascii_case(name)).then_some(true).or_else(
        || ["n", "no", "false", "off"].iter().any(|name| text.eq_ignore_ascii_case(name)).then_some(false),
    )
}

/// A decimal, octal (`010`) or hexadecimal (`0x1F`) integer of 64 bits.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (radix, digits) = match hexadecimal {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bools_have_three_cases() {
        for (text, value) in
            [("y", true), ("Yes", true), ("TRUE", true), ("on", true), ("N", false), ("Off", false)]
        {
            assert_eq!(decide(text.into(), false), NodeKind::Bool(value), "{text}");
        }
        for text in ["yEs", "tRUE", "oN", "t", "truex", "ja"] {
            assert_eq!(decide(text.into(), false), NodeKind::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn integers_may_be_octal_and_hexadecimal() {
        for (text, value) in [
            ("010", "8"),
            ("0x1F91", "8081"),
            ("0XfF", "255"),
            ("-0", "0"),
            ("+5", "5"),
            ("-0x10", "-16"),
            ("0", "0"),
        ] {
            assert_eq!(decide(text.into(), false), NodeKind::Number(value.into()), "{text}");
        }
        for text in
            ["08", "0o17", "8_081", "0x", "1.0", "1e5", "0b11", "--1", "+", "9223372036854775808", "0x-1"]
        {
            assert_eq!(decide(text.into(), false), NodeKind::Text(text.into()), "{text}");
        }
        assert_eq!(decide("0x100000000".into(), false), NodeKind::Text("4294967296".into()));
        assert_eq!(decide("2147483648".into(), false), NodeKind::Text("2147483648".into()));
        assert_eq!(decide("2147483647".into(), false), NodeKind::Number("2147483647".into()));
    }

    #[test]
    fn nothing_is_null_unless_it_has_a_tag() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(decide(text.into(), false), NodeKind::Null);
            assert_eq!(decide(text.into(), true), NodeKind::Text(text.into()));
        }
        assert_eq!(decide("nUll".into(), false), NodeKind::Text("nUll".into()));
    }
}
