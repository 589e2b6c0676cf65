//! Moments and durations, as answers print them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// `2026-11-20T16:17:33.021Z`; without a fraction where there is none, as protobuf prints it.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let Ok(time) = Timestamp::try_from(time) else { return String::from("-") };
    let millis = time.as_millisecond();
    match Timestamp::from_millisecond(millis) {
        Ok(time) if millis % 1000 == 0 => format!("{time:.0}"),
        Ok(time) => format!("{time:.3}"),
        Err(_) => String::from("-"),
    }
}

/// `2026-11-20T16:17:33Z`
pub(crate) fn timestamp_seconds(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::from("-"), |time| format!("{time:.0}"))
}

/// `84ms`, `2.1s`, `12s`, `4m10s`, `3h02m`, `5d03h`: what a person wants to know.
pub(crate) fn human(duration: Duration) -> String {
    let (millis, seconds) = (duration.as_millis(), duration.as_secs());
    match seconds {
        0 => format!("{millis}ms"),
        1..10 => format!("{seconds}.{}s", millis % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The moment that a text names: `10m` before now, or `2026-11-20T16:17:33Z`.
pub(crate) fn parse_since(text: &str, now: SystemTime) -> Option<SystemTime> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.into());
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    now.checked_sub(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// The time from one moment to a later one; none where clocks were set back.
pub(crate) fn between(earlier: SystemTime, later: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_protobufs_form() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(timestamp(at(1_795_177_053_021)), "2026-11-20T12:17:33.021Z");
        assert_eq!(timestamp(at(1_795_177_053_000)), "2026-11-20T12:17:33Z");
        assert_eq!(timestamp_seconds(at(1_795_177_053_999)), "2026-11-20T12:17:33Z");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ago = |text| parse_since(text, now).map(|time| between(time, now).as_secs());
        assert_eq!(
            (ago("90s"), ago("10m"), ago("2h"), ago("1d")),
            (Some(90), Some(600), Some(7200), Some(86_400))
        );
        assert_eq!(ago("1970-01-12T13:46:30Z"), Some(10));
        for text in ["", "m", "10", "10w", "-1m", "1.5h", "99999999999999999999d", "ä"] {
            assert_eq!(ago(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_for_people() {
        for (millis, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (1000, "1.0s"),
            (2_149, "2.1s"),
            (59_999, "59s"),
            (250_000, "4m10s"),
            (10_920_000, "3h02m"),
            (442_800_000, "5d03h"),
        ] {
            assert_eq!(human(Duration::from_millis(millis)), text);
        }
        assert_eq!(between(SystemTime::now() + Duration::from_secs(1), SystemTime::now()), Duration::ZERO);
    }
}
