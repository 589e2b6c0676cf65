//! Calendar arithmetic: `Date` headers and whatever else prints a point in time.

/// A point in time taken apart, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, such as 2026.
    pub year: i64,
    /// Month, 1–12.
    pub month: u8,
    /// Day of the month, 1–31.
    pub day: u8,
    /// Hour, 0–23.
    pub hour: u8,
    /// Minute, 0–59.
    pub minute: u8,
    /// Second, 0–59.
    pub second: u8,
    /// Day of the week, 0 is Sunday.
    pub weekday: u8,
    /// Day of the year, 1–366.
    pub day_of_year: u16,
}

/// Full names of the months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Full names of the days of the week, from Sunday.
pub const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Takes a point in time apart: seconds since 1970-01-01T00:00:00Z.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "each part is reduced to its range first"
)]
pub fn civil(unix_seconds: i64) -> Civil {
    let days = unix_seconds.div_euclid(86_400);
    let second_of_day = unix_seconds.rem_euclid(86_400);
    // Days since 0000-03-01, in eras of 400 years: leap days fall on the end of the shifted year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_shifted_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_shifted_year + 2) / 153;
    let day = day_of_shifted_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let day_of_year = match month {
        1 | 2 => (month - 1) * 31 + day,
        _ => day_of_shifted_year + 60 + i64::from(leap),
    };
    Civil {
        year,
        month: month as u8,
        day: day as u8,
        hour: (second_of_day / 3600) as u8,
        minute: (second_of_day / 60 % 60) as u8,
        second: (second_of_day % 60) as u8,
        weekday: (days + 4).rem_euclid(7) as u8,
        day_of_year: day_of_year as u16,
    }
}

/// The `Date` of a message (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
#[must_use]
pub fn imf_fixdate(unix_seconds: i64) -> [u8; 29] {
    let at = civil(unix_seconds);
    let mut out = *b"Sun, 00 Jan 0000 00:00:00 GMT";
    let mut put = |from: usize, text: &[u8]| {
        for (slot, byte) in out.iter_mut().skip(from).zip(text) {
            *slot = *byte;
        }
    };
    let two = |n: u8| [b'0' + n / 10, b'0' + n % 10];
    let three = |name: Option<&&str>| {
        name.map_or([b'?'; 3], |name| {
            let mut bytes = name.bytes();
            [0; 3].map(|_: u8| bytes.next().unwrap_or(b'?'))
        })
    };
    put(0, &three(WEEKDAYS.get(usize::from(at.weekday))));
    put(5, &two(at.day));
    put(8, &three(MONTHS.get(usize::from(at.month) - 1)));
    let year = u16::try_from(at.year.clamp(0, 9999)).unwrap_or(0);
    put(12, &two(u8::try_from(year / 100).unwrap_or(0)));
    put(14, &two(u8::try_from(year % 100).unwrap_or(0)));
    put(17, &two(at.hour));
    put(20, &two(at.minute));
    put(23, &two(at.second));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_specification() {
        assert_eq!(&imf_fixdate(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&imf_fixdate(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn days_of_the_year_count_leap_days() {
        for (seconds, year, day_of_year) in [
            (1_709_164_800, 2024, 60),  // 2024-02-29
            (1_709_251_200, 2024, 61),  // 2024-03-01
            (1_735_603_200, 2024, 366), // 2024-12-31
            (1_740_787_200, 2025, 60),  // 2025-03-01
            (1_735_689_600, 2025, 1),   // 2025-01-01
        ] {
            let at = civil(seconds);
            assert_eq!((at.year, at.day_of_year), (year, day_of_year), "{seconds}");
        }
    }

    #[test]
    fn each_day_follows_the_day_before() {
        let mut last = civil(-86_400 * 366 * 3);
        for day in -366 * 3 + 1..366 * 140 {
            let at = civil(day * 86_400);
            assert_eq!(at.weekday, (last.weekday + 1) % 7);
            assert!(at.day == last.day + 1 || at.day == 1);
            assert!(
                at.day_of_year == last.day_of_year + 1 || (at.day_of_year == 1 && at.year == last.year + 1)
            );
            last = at;
        }
    }
}
