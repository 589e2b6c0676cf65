//! Times as logs write them, in seconds, as far as spans between them need it.

/// Whether a word looks like a time: it begins with a year or a day of a month.
pub(super) fn looks_like(word: &str) -> bool {
    seconds(word).is_some()
}

/// Seconds since 1970, of `2026-11-20T16:22:33.021Z` and of `20/Nov/2026:16:32:43.163`. What says nothing of its zone is
/// taken for UTC, since only differences matter here.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim_matches(['[', ']', '"']);
    if text.as_bytes().get(4) == Some(&b'-') {
        let (date, time) = text.split_once(['T', ' '])?;
        let mut date = date.split('-');
        return at(date.next()?.parse().ok()?, date.next()?.parse().ok()?, date.next()?.parse().ok()?, time);
    }
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, time) = text.split_once(':')?;
    let mut date = date.split('/');
    let day = date.next()?.parse().ok()?;
    let month = date.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    at(date.next()?.parse().ok()?, i64::try_from(month).ok()?, day, time)
}

fn at(year: i64, month: i64, day: i64, time: &str) -> Option<f64> {
    let time = time.split(['Z', '+', ' ']).next()?;
    let mut parts = time.split(':');
    let hour: f64 = parts.next()?.parse().ok()?;
    let minute: f64 = parts.next()?.parse().ok()?;
    let second: f64 = parts.next()?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    // Days since 1970, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let days = f64::from(i32::try_from(days).ok()?);
    Some(days * 86_400.0 + hour * 3600.0 + minute * 60.0 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_times_are_read() {
        let iso = seconds("2026-11-20T16:22:33.500Z").unwrap();
        assert!((iso - 1_795_191_753.5).abs() < 1e-3, "{iso}");
        assert_eq!(seconds("20/Nov/2026:16:22:33.500"), Some(iso));
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        for text in ["", "GET", "2026-13-01T00:00:00Z", "20/Foo/2026:16:22:33", "10.0.0.1:80"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
