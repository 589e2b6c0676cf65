//! Durations and timestamps, as protobuf writes them.

use std::fmt;

/// `google.protobuf.Duration`; both parts have the same sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Duration {
    pub(crate) seconds: i64,
    pub(crate) nanos: i32,
}

/// `google.protobuf.Timestamp`: time since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Timestamp {
    pub(crate) seconds: i64,
    pub(crate) nanos: i32,
}

/// The longest duration protobuf allows, about 10 000 years.
const LONGEST: i64 = 315_576_000_000;

impl Duration {
    /// The longest that Envoy takes, in seconds: what ends before 2^63 nanoseconds, and one second less.
    pub(crate) const LONGEST_TAKEN: u64 = 9_223_372_035;

    /// Reads `1.5s`. The error says what is wrong, in a few words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(number) = text.strip_suffix('s') else {
            return Err("a duration is a number of seconds with an `s` behind it");
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if !digits(whole) {
            return Err("a duration is a number of seconds with an `s` behind it");
        }
        if !digits(fraction) || fraction.len() > 9 {
            return Err("a duration has one to nine digits behind its point");
        }
        let seconds: Option<i64> = whole.parse().ok().filter(|seconds| *seconds <= LONGEST);
        let seconds = seconds.ok_or("this duration is too long")?;
        let nanos: i32 = format!("{fraction:0<9}").parse().map_err(|_| "this duration is too long")?;
        Ok(if negative { Self { seconds: -seconds, nanos: -nanos } } else { Self { seconds, nanos } })
    }

    /// In nanoseconds.
    pub(crate) fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// As the standard library has it; `None` where it is negative.
    pub(crate) fn to_std(self) -> Option<std::time::Duration> {
        let seconds = u64::try_from(self.seconds).ok()?;
        let nanos = u32::try_from(self.nanos).ok()?;
        Some(std::time::Duration::from_secs(seconds) + std::time::Duration::from_nanos(u64::from(nanos)))
    }
}

/// With as many digits behind the point as are needed, by threes: `1s`, `0.500s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.seconds < 0 || self.nanos < 0 { "-" } else { "" };
        write!(f, "{sign}{}", self.seconds.unsigned_abs())?;
        fraction(f, self.nanos.unsigned_abs())?;
        f.write_str("s")
    }
}

fn fraction(f: &mut fmt::Formatter<'_>, nanos: u32) -> fmt::Result {
    match nanos {
        0 => Ok(()),
        n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000),
        n => write!(f, ".{n:09}"),
    }
}

impl Timestamp {
    /// Reads `2026-11-20T19:27:20.5Z` or the same with an offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let byte = |at: usize| text.as_bytes().get(at).copied();
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if marks.iter().any(|(at, mark)| byte(*at) != Some(*mark)) {
            return None;
        }
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        if year < 1 || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut nanos = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            nanos = format!("{:0<9}", fraction.get(..digits)?).parse().ok()?;
            rest = fraction.get(digits..)?;
        }
        let offset = match rest.as_bytes() {
            [b'Z'] => 0,
            [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
                let two = |a: &u8, b: &u8| -> Option<i64> {
                    (a.is_ascii_digit() && b.is_ascii_digit())
                        .then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
                };
                let offset = two(a, b)? * 3600 + two(c, d)? * 60;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        let days = days_since_epoch(year, month, day);
        Some(Self { seconds: days * 86_400 + hour * 3600 + minute * 60 + second - offset, nanos })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        // Howard Hinnant's `civil_from_days`.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(f, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        fraction(f, self.nanos.unsigned_abs())?;
        f.write_str("Z")
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Howard Hinnant's `days_from_civil`.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds() {
        for (text, printed) in [
            ("1s", "1s"),
            ("1.5s", "1.500s"),
            ("0.25s", "0.250s"),
            ("1.123456789s", "1.123456789s"),
            ("01s", "1s"),
            ("1.0s", "1s"),
            ("-1.5s", "-1.500s"),
            ("0.000001s", "0.000001s"),
            ("315576000000s", "315576000000s"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), printed);
        }
        for text in [
            "1m",
            "250ms",
            ".5s",
            "1.s",
            "1e-1s",
            "1.1234567890s",
            "5",
            "1 s",
            "s",
            "0x1s",
            "+1s",
            "1S",
            "",
            "315576000001s",
            "999999999999999999999s",
            "1,5s",
        ] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn timestamps_are_days_and_times() {
        for (text, printed) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.500Z"),
            ("2026-11-20T19:27:20+09:00", "2026-11-20T10:27:20Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), printed);
        }
        for text in ["2023-02-29T00:00:00Z", "2023-01-01", "2023-01-01T00:00:00", "2023-13-01T00:00:00Z", "x"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
