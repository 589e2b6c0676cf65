//! Points in time, printed.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use causeway_http::date::{Civil, MONTHS, WEEKDAYS, civil};
use causeway_model::{OffsetForm, TimeFormat, TimePart, TimeShape, TimeZone};

use super::decimal::write_number;
use crate::moment::Moment;

/// Tells what the wall clock showed at a moment.
pub(crate) struct Clock {
    moment: Moment,
    /// Nanoseconds since 1970 at that moment; they end in the year 2262.
    wall: i64,
    /// What was printed last in Envoy's own form: the millisecond, and its text. Many requests begin in one.
    stamp: Cell<(i64, Stamp)>,
}

/// A point in time in Envoy's own form, `2026-11-20T16:18:16.660Z`.
pub(crate) type Stamp = [u8; 24];

/// A point in time: nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WallTime(i64);

impl Clock {
    /// Reads both clocks. Done again every second, so that a wall clock that is set is followed.
    pub(crate) fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos);
        Self { moment: Moment::now(), wall, stamp: Cell::new((i64::MIN, [0; 24])) }
    }

    /// What the wall clock showed at a moment.
    pub(crate) fn wall(&self, at: Moment) -> WallTime {
        let (after, before) = (at.nanos_since(self.moment), self.moment.nanos_since(at));
        let wall = self.wall.saturating_add_unsigned(after).saturating_sub_unsigned(before);
        // Envoy's clock has microseconds.
        WallTime(wall - wall.rem_euclid(1000))
    }
}

impl Clock {
    /// A point in time in Envoy's own form.
    pub(crate) fn stamp(&self, at: WallTime) -> Stamp {
        let millis = at.0.div_euclid(1_000_000);
        let (of, stamp) = self.stamp.get();
        if of == millis {
            return stamp;
        }
        let stamp = stamp_of(&civil(at.seconds()), at.nanos());
        self.stamp.set((millis, stamp));
        stamp
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl WallTime {
    /// So many seconds since 1970.
    pub(crate) const fn of_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Whole seconds since 1970.
    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// A number that is another one each time.
    pub(crate) fn seed(self) -> u64 {
        self.0.cast_unsigned()
    }

    /// Whole milliseconds before the next second begins.
    pub(crate) fn millis_left(self) -> u32 {
        (1_000_000_000 - self.nanos()) / 1_000_000
    }

    fn nanos(self) -> u32 {
        u32::try_from(self.0.rem_euclid(1_000_000_000)).unwrap_or(0)
    }
}

/// Prints a point in time.
pub(crate) fn write_time(out: &mut Vec<u8>, format: &TimeFormat, at: WallTime) {
    let (offset, zone) = match format.zone {
        TimeZone::Utc => (0, Cow::Borrowed("UTC")),
        TimeZone::Local => {
            let (offset, zone) = local_offset(at.seconds());
            (offset, Cow::Owned(zone))
        }
    };
    let here = Here { civil: civil(at.seconds() + i64::from(offset)), at, offset, zone: &zone };
    if format.parts.is_empty() {
        out.extend_from_slice(&stamp_of(&here.civil, at.nanos()));
        if format.zone == TimeZone::Local {
            out.pop();
            here.write(out, &TimePart::Offset);
        }
        return;
    }
    for part in &format.parts {
        here.write(out, part);
    }
}

/// A point in time in its zone.
struct Here<'a> {
    civil: Civil,
    at: WallTime,
    /// Seconds from UTC.
    offset: i32,
    /// Name of the zone.
    zone: &'a str,
}

/// How far this machine's time zone is from UTC at that time, in seconds, and the zone's name.
fn local_offset(seconds: i64) -> (i32, String) {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let zone = jiff::tz::TimeZone::system();
    let here = zone.to_offset_info(at);
    (here.offset().seconds(), here.abbreviation().to_owned())
}

/// Put together at once: nearly every line of a log has one.
fn stamp_of(at: &Civil, nanos: u32) -> Stamp {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let year = u32::try_from(at.year).unwrap_or(0);
    let millis = nanos / 1_000_000;
    for (place, number) in [
        (0, year / 100),
        (2, year % 100),
        (5, u32::from(at.month)),
        (8, u32::from(at.day)),
        (11, u32::from(at.hour)),
        (14, u32::from(at.minute)),
        (17, u32::from(at.second)),
        (20, millis / 10),
    ] {
        if let Some([tens, ones]) = text.get_mut(place..place + 2) {
            *tens = digit(number / 10);
            *ones = digit(number);
        }
    }
    let [.., last, _zone] = &mut text;
    *last = digit(millis);
    text
}

/// The last digit of a number.
fn digit(number: u32) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or(0)
}

impl Here<'_> {
    fn write(&self, out: &mut Vec<u8>, part: &TimePart) {
        let here = &self.civil;
        let name = |names: &[&'static str], at: usize| names.get(at).copied().unwrap_or_default();
        let month = usize::from(here.month) - 1;
        let weekday = usize::from(here.weekday);
        let twelve = match here.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let year = |year: i64| u32::try_from(year).unwrap_or(0);
        match part {
            TimePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
            TimePart::Year => padded(out, year(here.year), 4),
            TimePart::YearShort => padded(out, year(here.year) % 100, 2),
            TimePart::Century => padded(out, year(here.year) / 100, 2),
            TimePart::IsoYear => padded(out, year(iso_week(here).0), 4),
            TimePart::IsoYearShort => padded(out, year(iso_week(here).0) % 100, 2),
            TimePart::IsoWeek => padded(out, iso_week(here).1, 2),
            TimePart::WeekFromSunday => padded(out, week(here, u16::from(here.weekday)), 2),
            TimePart::WeekFromMonday => padded(out, week(here, u16::from(here.weekday + 6) % 7), 2),
            TimePart::WeekdayNumber => padded(out, u32::from(here.weekday), 1),
            TimePart::WeekdayNumberIso => padded(out, u32::from(here.weekday + 6) % 7 + 1, 1),
            TimePart::Month => padded(out, u32::from(here.month), 2),
            TimePart::MonthAbbreviated => out.extend(name(&MONTHS, month).bytes().take(3)),
            TimePart::MonthName => out.extend_from_slice(name(&MONTHS, month).as_bytes()),
            TimePart::Day => padded(out, u32::from(here.day), 2),
            TimePart::DayPadded => spaced(out, here.day),
            TimePart::DayOfYear => padded(out, u32::from(here.day_of_year), 3),
            TimePart::WeekdayAbbreviated => out.extend(name(&WEEKDAYS, weekday).bytes().take(3)),
            TimePart::WeekdayName => out.extend_from_slice(name(&WEEKDAYS, weekday).as_bytes()),
            TimePart::Hour => padded(out, u32::from(here.hour), 2),
            TimePart::Hour12 => padded(out, u32::from(twelve), 2),
            TimePart::HourPadded => spaced(out, here.hour),
            TimePart::Hour12Padded => spaced(out, twelve),
            TimePart::AmPm => out.extend_from_slice(if here.hour < 12 { b"AM" } else { b"PM" }),
            TimePart::AmPmLower => out.extend_from_slice(if here.hour < 12 { b"am" } else { b"pm" }),
            TimePart::Minute => padded(out, u32::from(here.minute), 2),
            TimePart::Second => padded(out, u32::from(here.second), 2),
            TimePart::UnixSeconds => write_number(out, u64::try_from(self.at.seconds()).unwrap_or(0)),
            TimePart::Fraction(digits) => self.fraction(out, *digits),
            TimePart::FractionTrimmed => {
                let start = out.len();
                self.fraction(out, 9);
                trim_zeros(out, start + 1);
            }
            TimePart::SecondWithFraction(digits) => {
                padded(out, u32::from(here.second), 2);
                out.push(b'.');
                self.fraction(out, *digits);
            }
            TimePart::SecondTrimmed => {
                padded(out, u32::from(here.second), 2);
                let start = out.len();
                out.push(b'.');
                self.fraction(out, 9);
                trim_zeros(out, start);
                if out.last() == Some(&b'.') {
                    out.pop();
                }
            }
            TimePart::Offset => {
                self.sign(out);
                padded(out, self.offset.unsigned_abs() / 3600, 2);
                padded(out, self.offset.unsigned_abs() / 60 % 60, 2);
            }
            TimePart::OffsetWith(form) => self.offset(out, *form),
            TimePart::ZoneName => out.extend_from_slice(self.zone.as_bytes()),
            TimePart::Shaped { parts, shape, width } => {
                let start = out.len();
                parts.iter().for_each(|part| self.write(out, part));
                reshape(out, start, parts, *shape, usize::from(*width));
            }
        }
    }

    fn sign(&self, out: &mut Vec<u8>) {
        out.push(if self.offset < 0 { b'-' } else { b'+' });
    }

    fn offset(&self, out: &mut Vec<u8>, form: OffsetForm) {
        let away = self.offset.unsigned_abs();
        self.sign(out);
        padded(out, away / 3600, 2);
        if form != OffsetForm::Short || !away.is_multiple_of(3600) {
            out.push(b':');
            padded(out, away / 60 % 60, 2);
        }
        if form == OffsetForm::Seconds || (form == OffsetForm::Short && !away.is_multiple_of(60)) {
            out.push(b':');
            padded(out, away % 60, 2);
        }
    }

    /// The first digits of the fraction of the second; behind the ninth, nothing is known.
    fn fraction(&self, out: &mut Vec<u8>, digits: u8) {
        let known = u32::from(digits.min(9));
        if known > 0 {
            padded(out, self.at.nanos() / 10_u32.pow(9 - known), known as usize);
        }
        out.extend(std::iter::repeat_n(b'0', usize::from(digits.saturating_sub(9))));
    }
}

/// The week of the year, where the first day of a week is `since_first` days ago.
fn week(here: &Civil, since_first: u16) -> u32 {
    u32::from((here.day_of_year + 6).saturating_sub(since_first) / 7)
}

/// The week by ISO 8601, and the year to which it belongs: that of its Thursday.
fn iso_week(here: &Civil) -> (i64, u32) {
    let since_monday = i64::from((here.weekday + 6) % 7);
    let thursday = i64::from(here.day_of_year) - since_monday + 3;
    let days = |year: i64| {
        // Of the centuries, which 4 divides as well as 25, only every fourth.
        let leap = year % 4 == 0 && (year % 25 != 0 || year % 16 == 0);
        if leap { 366 } else { 365 }
    };
    let (year, day) = if thursday < 1 {
        (here.year - 1, thursday + days(here.year - 1))
    } else if thursday > days(here.year) {
        (here.year + 1, thursday - days(here.year))
    } else {
        (here.year, thursday)
    };
    (year, u32::try_from((day - 1) / 7 + 1).unwrap_or(1))
}

/// Pads and changes what stands behind `start`, as the C library does.
fn reshape(out: &mut Vec<u8>, start: usize, parts: &[TimePart], shape: TimeShape, width: usize) {
    let (number, mut pad) = match parts {
        [TimePart::DayPadded | TimePart::HourPadded | TimePart::Hour12Padded] => (true, b' '),
        [TimePart::AmPm | TimePart::ZoneName] if shape == TimeShape::Swapped => {
            out.iter_mut().skip(start).for_each(u8::make_ascii_lowercase);
            (false, b' ')
        }
        [part] if is_number(part) => (true, b'0'),
        _ => (false, b' '),
    };
    match shape {
        // What consists of several pieces has no opposite letters.
        TimeShape::Swapped if parts.len() > 1 => {}
        TimeShape::Upper | TimeShape::Swapped
            if parts != [TimePart::AmPm] && parts != [TimePart::ZoneName] =>
        {
            out.iter_mut().skip(start).for_each(u8::make_ascii_uppercase);
        }
        TimeShape::Spaces => pad = b' ',
        TimeShape::Zeros => pad = b'0',
        TimeShape::Plain | TimeShape::Bare | TimeShape::Upper | TimeShape::Swapped => {}
    }
    let natural = out.len() - start;
    if number {
        let digits = out.iter().skip(start).take(natural.saturating_sub(1));
        let padding = digits.take_while(|byte| matches!(byte, b'0' | b' ')).count();
        out.drain(start..start + padding);
    }
    if shape == TimeShape::Bare {
        return;
    }
    let wanted = if number { width.max(natural) } else { width };
    let missing = wanted.saturating_sub(out.len() - start);
    out.splice(start..start, std::iter::repeat_n(pad, missing));
}

fn is_number(part: &TimePart) -> bool {
    match part {
        TimePart::Literal(_)
        | TimePart::MonthAbbreviated
        | TimePart::MonthName
        | TimePart::WeekdayAbbreviated
        | TimePart::WeekdayName
        | TimePart::AmPm
        | TimePart::AmPmLower
        | TimePart::ZoneName
        | TimePart::Offset
        | TimePart::OffsetWith(_)
        | TimePart::Fraction(_)
        | TimePart::FractionTrimmed
        | TimePart::SecondWithFraction(_)
        | TimePart::SecondTrimmed
        | TimePart::Shaped { .. } => false,
        TimePart::Year
        | TimePart::YearShort
        | TimePart::Century
        | TimePart::IsoYear
        | TimePart::IsoYearShort
        | TimePart::IsoWeek
        | TimePart::WeekFromSunday
        | TimePart::WeekFromMonday
        | TimePart::WeekdayNumber
        | TimePart::WeekdayNumberIso
        | TimePart::Month
        | TimePart::Day
        | TimePart::DayPadded
        | TimePart::DayOfYear
        | TimePart::Hour
        | TimePart::Hour12
        | TimePart::HourPadded
        | TimePart::Hour12Padded
        | TimePart::Minute
        | TimePart::Second
        | TimePart::UnixSeconds => true,
    }
}

/// Takes zeros off the end, but keeps everything before `keep`.
fn trim_zeros(out: &mut Vec<u8>, keep: usize) {
    while out.len() > keep && out.last() == Some(&b'0') {
        out.pop();
    }
}

fn spaced(out: &mut Vec<u8>, number: u8) {
    if number < 10 {
        out.push(b' ');
    }
    write_number(out, u64::from(number));
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
        assert_eq!(shown(vec![P::UnixSeconds, P::SecondTrimmed]), "179519149616.660123456");
        let weeks = [P::WeekFromSunday, P::WeekFromMonday, P::IsoWeek, P::WeekdayNumber, P::WeekdayNumberIso];
        assert_eq!(shown(weeks.to_vec()), "46464755");
        assert_eq!(
            shown(vec![P::SecondWithFraction(6), literal(" "), P::Offset, literal(" "), P::ZoneName]),
            "16.660123 +0000 UTC"
        );
        assert_eq!(shown(vec![P::Fraction(9)]), "660123456");
    }

    #[test]
    fn iso_weeks_belong_to_the_year_of_their_thursday() {
        let day = 86_400;
        for (seconds, expected) in [
            // 2027-01-01 is a Friday, 2024-12-30 a Monday, 2026-12-31 a Thursday.
            (1_798_761_600, (2026, 53)),
            (1_735_516_800, (2025, 1)),
            (1_798_761_600 - day, (2026, 53)),
            (1_798_761_600 + 3 * day, (2027, 1)),
        ] {
            assert_eq!(iso_week(&civil(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn shapes() {
        let shaped = |part, shape, width| shown(vec![TimePart::Shaped { parts: vec![part], shape, width }]);
        use TimePart as P;
        assert_eq!(shaped(P::Year, TimeShape::Plain, 6), "002026");
        assert_eq!(shaped(P::Hour12, TimeShape::Bare, 0), "4");
        assert_eq!(shaped(P::Hour12, TimeShape::Spaces, 3), "  4");
        assert_eq!(shaped(P::WeekdayAbbreviated, TimeShape::Upper, 5), "  FRI");
        assert_eq!(shaped(P::AmPm, TimeShape::Swapped, 0), "pm");
        let several = vec![P::WeekdayAbbreviated, P::Hour];
        let shape = TimeShape::Swapped;
        assert_eq!(shown(vec![P::Shaped { parts: several, shape, width: 0 }]), "Fri16");
        assert_eq!(shaped(P::HourPadded, TimeShape::Zeros, 0), "16");
    }

    #[test]
    fn the_clock_goes_both_ways() {
        let clock = Clock::now();
        let later = clock.moment + Duration::from_secs(5);
        let micros = |at: Moment| clock.wall(at).0 / 1000;
        assert_eq!(micros(later) - micros(clock.moment), 5_000_000);
        assert_eq!(clock.wall(later).0 % 1000, 0, "Envoy's clock has microseconds");
    }
}
