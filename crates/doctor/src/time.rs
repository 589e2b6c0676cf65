//! Times as reports write them.

use jiff::Timestamp;

/// `2026-11-20T16:22:00Z`, out of seconds since 1970; the number itself where it is beyond all years.
#[must_use]
pub(crate) fn date_and_time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// `2026-11-20`.
#[must_use]
pub(crate) fn date(seconds: i64) -> String {
    let text = date_and_time(seconds);
    text.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc() {
        assert_eq!(date_and_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_795_188_120), "2026-11-20");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(-86_400), "1969-12-31");
        assert_eq!(date_and_time(i64::MAX), i64::MAX.to_string());
    }
}
