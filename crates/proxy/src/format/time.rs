//! Points in time, printed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causeway_http::date::{Civil, MONTHS, WEEKDAYS, civil};
use causeway_model::{TimeFormat, TimePart, TimeZone};

use super::decimal::write_number;

/// Tells what the wall clock showed at an instant.
pub(crate) struct Clock {
    instant: Instant,
    /// Nanoseconds since 1970 at that instant; they end in the year 2262.
    wall: i64,
}

/// A point in time: nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WallTime(i64);

impl Clock {
    /// Reads both clocks. Done again every second, so that a wall clock that is set is followed.
    pub(crate) fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos);
        Self { instant: Instant::now(), wall }
    }

    /// What the wall clock showed at an instant.
    pub(crate) fn wall(&self, at: Instant) -> WallTime {
        let wall = match at.checked_duration_since(self.instant) {
            Some(after) => self.wall.saturating_add(nanos(after)),
            None => self.wall.saturating_sub(nanos(self.instant.saturating_duration_since(at))),
        };
        WallTime(wall)
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl WallTime {
    /// Whole seconds since 1970.
    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// A number that is another one each time.
    pub(crate) fn seed(self) -> u64 {
        self.0.cast_unsigned()
    }

    fn nanos(self) -> u32 {
        u32::try_from(self.0.rem_euclid(1_000_000_000)).unwrap_or(0)
    }
}

/// Prints a point in time.
pub(crate) fn write_time(out: &mut Vec<u8>, format: &TimeFormat, at: WallTime) {
    let (offset, zone) = match format.zone {
        TimeZone::Utc => (0, "UTC".to_owned()),
        TimeZone::Local => local_offset(at.seconds()),
    };
    let here = civil(at.seconds() + i64::from(offset));
    if format.parts.is_empty() {
        return write_default(out, &here, at.nanos());
    }
    for part in &format.parts {
        write_part(out, part, &here, at, offset, &zone);
    }
}

/// How far this machine's time zone is from UTC at that time, in seconds, and the zone's name.
fn local_offset(seconds: i64) -> (i32, String) {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let zone = jiff::tz::TimeZone::system();
    let here = zone.to_offset_info(at);
    (here.offset().seconds(), here.abbreviation().to_owned())
}

/// `2026-11-20T16:18:16.660Z`
fn write_default(out: &mut Vec<u8>, at: &Civil, nanos: u32) {
    let year = u32::try_from(at.year).unwrap_or(0);
    padded(out, year, 4);
    out.push(b'-');
    padded(out, u32::from(at.month), 2);
    out.push(b'-');
    padded(out, u32::from(at.day), 2);
    out.push(b'T');
    padded(out, u32::from(at.hour), 2);
    out.push(b':');
    padded(out, u32::from(at.minute), 2);
    out.push(b':');
    padded(out, u32::from(at.second), 2);
    out.push(b'.');
    padded(out, nanos / 1_000_000, 3);
    out.push(b'Z');
}

fn write_part(out: &mut Vec<u8>, part: &TimePart, here: &Civil, at: WallTime, offset: i32, zone: &str) {
    let name = |names: &[&'static str], at: usize| names.get(at).copied().unwrap_or_default();
    let month = usize::from(here.month) - 1;
    let weekday = usize::from(here.weekday);
    let twelve = match here.hour % 12 {
        0 => 12,
        hour => hour,
    };
    match part {
        TimePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
        TimePart::Year => padded(out, u32::try_from(here.year).unwrap_or(0), 4),
        TimePart::YearShort => padded(out, u32::try_from(here.year.rem_euclid(100)).unwrap_or(0), 2),
        TimePart::Month => padded(out, u32::from(here.month), 2),
        TimePart::MonthAbbreviated => out.extend(name(&MONTHS, month).bytes().take(3)),
        TimePart::MonthName => out.extend_from_slice(name(&MONTHS, month).as_bytes()),
        TimePart::Day => padded(out, u32::from(here.day), 2),
        TimePart::DayPadded => {
            if here.day < 10 {
                out.push(b' ');
            }
            write_number(out, u64::from(here.day));
        }
        TimePart::DayOfYear => padded(out, u32::from(here.day_of_year), 3),
        TimePart::WeekdayAbbreviated => out.extend(name(&WEEKDAYS, weekday).bytes().take(3)),
        TimePart::WeekdayName => out.extend_from_slice(name(&WEEKDAYS, weekday).as_bytes()),
        TimePart::Hour => padded(out, u32::from(here.hour), 2),
        TimePart::Hour12 => padded(out, u32::from(twelve), 2),
        TimePart::AmPm => out.extend_from_slice(if here.hour < 12 { b"AM" } else { b"PM" }),
        TimePart::Minute => padded(out, u32::from(here.minute), 2),
        TimePart::Second => padded(out, u32::from(here.second), 2),
        TimePart::UnixSeconds => write_number(out, u64::try_from(at.seconds()).unwrap_or(0)),
        TimePart::Fraction(digits) => fraction(out, at, *digits),
        TimePart::UnixWithFraction(digits) => {
            write_number(out, u64::try_from(at.seconds()).unwrap_or(0));
            fraction(out, at, *digits);
        }
        TimePart::SecondWithFraction(digits) => {
            padded(out, u32::from(here.second), 2);
            out.push(b'.');
            fraction(out, at, *digits);
        }
        TimePart::Offset => {
            out.push(if offset < 0 { b'-' } else { b'+' });
            padded(out, offset.unsigned_abs() / 3600, 2);
            padded(out, offset.unsigned_abs() / 60 % 60, 2);
        }
        TimePart::ZoneName => out.extend_from_slice(zone.as_bytes()),
    }
}

fn fraction(out: &mut Vec<u8>, at: WallTime, digits: u8) {
    let digits = u32::from(digits.clamp(1, 9));
    padded(out, at.nanos() / 10_u32.pow(9 - digits), digits as usize);
}

fn padded(out: &mut Vec<u8>, number: u32, width: usize) {
    let mut divisor = 10_u32.saturating_pow(u32::try_from(width).unwrap_or(1) - 1);
    while divisor > 0 {
        out.push(b'0' + u8::try_from(number / divisor % 10).unwrap_or(0));
        divisor /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: Vec<TimePart>) -> String {
        let at = WallTime(1_795_191_496_660_123_456);
        let mut out = Vec::new();
        write_time(&mut out, &TimeFormat { parts, zone: TimeZone::Utc }, at);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn formats() {
        assert_eq!(shown(vec![]), "2026-11-20T16:18:16.660Z");
        use TimePart as P;
        let literal = |text: &str| P::Literal(text.into());
        assert_eq!(
            shown(vec![
                P::WeekdayAbbreviated,
                literal(" "),
                P::DayPadded,
                literal(" "),
                P::MonthName,
                literal(" "),
                P::YearShort
            ]),
            "Fri 20 November 26"
        );
        assert_eq!(shown(vec![P::Hour12, P::AmPm, literal(" "), P::DayOfYear]), "04PM 324");
        assert_eq!(shown(vec![P::UnixWithFraction(3)]), "1795191496660");
        assert_eq!(
            shown(vec![P::SecondWithFraction(6), literal(" "), P::Offset, literal(" "), P::ZoneName]),
            "16.660123 +0000 UTC"
        );
        assert_eq!(shown(vec![P::Fraction(9)]), "660123456");
    }

    #[test]
    fn the_clock_goes_both_ways() {
        let clock = Clock::now();
        let later = clock.instant + Duration::from_secs(5);
        assert_eq!(clock.wall(later).0 - clock.wall, 5_000_000_000);
    }
}
