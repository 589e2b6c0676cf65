//! Formats of points in time: `strftime` as absl and the C library have it, with Envoy's `%3f`.

use causeway_model::{OffsetForm, TimeFormat, TimePart, TimeShape, TimeZone};

/// Why a format can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It would print a line end.
    Newline,
}

/// Parses a format; the empty one is Envoy's default. What is no specifier is printed as it stands.
pub(super) fn parse(text: &str, zone: TimeZone) -> Result<TimeFormat, Problem> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        push_literal(&mut parts, rest.get(..percent).unwrap_or_default());
        rest = rest.get(percent..).unwrap_or_default();
        let (found, length) = specifier(rest)?;
        for part in found {
            match part {
                TimePart::Literal(text) => push_literal(&mut parts, &text),
                part => parts.push(part),
            }
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    push_literal(&mut parts, rest);
    Ok(TimeFormat { parts, zone })
}

/// Adds text, to the text before it where there is some.
fn push_literal(parts: &mut Vec<TimePart>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(TimePart::Literal(last)) => *last = format!("{last}{text}").into(),
        _ => parts.push(TimePart::Literal(text.into())),
    }
}

fn literal(text: &str) -> TimePart {
    TimePart::Literal(text.into())
}

/// What stands at the beginning of a text that begins with a percent sign, and its length.
fn specifier(text: &str) -> Result<(Vec<TimePart>, usize), Problem> {
    let body = text.get(1..).unwrap_or_default();
    if let Some((part, length)) = fraction(body).or_else(|| of_absl(body)) {
        return Ok((vec![part], 1 + length));
    }
    let flags = body.len() - body.trim_start_matches(['-', '_', '0', '^', '#']).len();
    let (flags, behind) = body.split_at(flags);
    let digits = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (width, behind) = behind.split_at(digits);
    let (modifier, behind) = match behind.strip_prefix(['E', 'O']) {
        Some(rest) => (behind.chars().next(), rest),
        None => (None, behind),
    };
    let letter = behind.chars().next();
    let length = text.len() - behind.len() + letter.map_or(0, char::len_utf8);
    let width: u8 = if width.is_empty() { 0 } else { width.parse().unwrap_or(u8::MAX) };
    let parts = match letter {
        Some('n') if modifier.is_none() => return Err(Problem::Newline),
        Some(letter) if takes_modifier(letter, modifier) => parts(letter),
        _ => None,
    };
    let Some(parts) = parts else {
        // The C library pads even what it does not know.
        let unknown = text.get(..length).unwrap_or(text);
        return Ok((vec![literal(&format!("{unknown:>width$}", width = usize::from(width)))], length));
    };
    let shape = match flags.chars().last() {
        Some('-') => TimeShape::Bare,
        Some('_') => TimeShape::Spaces,
        Some('0') => TimeShape::Zeros,
        Some('^') => TimeShape::Upper,
        Some('#') => TimeShape::Swapped,
        _ => TimeShape::Plain,
    };
    if shape == TimeShape::Plain && width == 0 {
        return Ok((parts, length));
    }
    Ok((vec![TimePart::Shaped { parts, shape, width }], length))
}

/// Envoy's own: `%f`, `%3f`.
fn fraction(body: &str) -> Option<(TimePart, usize)> {
    let mut letters = body.chars();
    match (letters.next()?, letters.next()) {
        ('f', _) => Some((TimePart::Fraction(9), 1)),
        (digits @ '1'..='9', Some('f')) => Some((TimePart::Fraction(digit(digits)?), 2)),
        _ => None,
    }
}

/// What absl adds to `strftime`.
fn of_absl(body: &str) -> Option<(TimePart, usize)> {
    for (text, part) in [
        (":::z", TimePart::OffsetWith(OffsetForm::Short)),
        ("::z", TimePart::OffsetWith(OffsetForm::Seconds)),
        (":z", TimePart::OffsetWith(OffsetForm::Colon)),
        ("E*z", TimePart::OffsetWith(OffsetForm::Seconds)),
        ("Ez", TimePart::OffsetWith(OffsetForm::Colon)),
        ("E*S", TimePart::SecondTrimmed),
        ("E*f", TimePart::FractionTrimmed),
        ("E4Y", TimePart::Year),
        ("ET", literal("T")),
        ("E%", literal("%")),
    ] {
        if body.starts_with(text) {
            return Some((part, text.len()));
        }
    }
    let counted = body.strip_prefix('E')?;
    let rest = counted.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits: u8 =
        counted.get(..counted.len() - rest.len())?.parse().ok().filter(|digits| *digits <= 18)?;
    let length = body.len() - rest.len() + 1;
    match rest.chars().next()? {
        'S' if digits == 0 => Some((TimePart::Second, length)),
        'S' => Some((TimePart::SecondWithFraction(digits), length)),
        'f' => Some((TimePart::Fraction(digits), length)),
        _ => None,
    }
}

/// Whether the C library knows the letter with the modifier in front of it.
fn takes_modifier(letter: char, modifier: Option<char>) -> bool {
    match modifier {
        None => true,
        Some('E') => matches!(letter, 'c' | 'C' | 'x' | 'X' | 'y' | 'Y' | 's'),
        Some(_) => !matches!(letter, 'c' | 'x' | 'X' | 'Y'),
    }
}

fn parts(letter: char) -> Option<Vec<TimePart>> {
    use TimePart as P;
    let time = [P::Hour, literal(":"), P::Minute, literal(":"), P::Second];
    Some(match letter {
        'Y' => vec![P::Year],
        'y' => vec![P::YearShort],
        'C' => vec![P::Century],
        'G' => vec![P::IsoYear],
        'g' => vec![P::IsoYearShort],
        'V' => vec![P::IsoWeek],
        'U' => vec![P::WeekFromSunday],
        'W' => vec![P::WeekFromMonday],
        'w' => vec![P::WeekdayNumber],
        'u' => vec![P::WeekdayNumberIso],
        'm' => vec![P::Month],
        'b' | 'h' => vec![P::MonthAbbreviated],
        'B' => vec![P::MonthName],
        'd' => vec![P::Day],
        'e' => vec![P::DayPadded],
        'j' => vec![P::DayOfYear],
        'a' => vec![P::WeekdayAbbreviated],
        'A' => vec![P::WeekdayName],
        'H' => vec![P::Hour],
        'I' => vec![P::Hour12],
        'k' => vec![P::HourPadded],
        'l' => vec![P::Hour12Padded],
        'p' => vec![P::AmPm],
        'P' => vec![P::AmPmLower],
        'M' => vec![P::Minute],
        'S' => vec![P::Second],
        's' => vec![P::UnixSeconds],
        'z' => vec![P::Offset],
        'Z' => vec![P::ZoneName],
        'T' | 'X' => time.to_vec(),
        'R' => vec![P::Hour, literal(":"), P::Minute],
        'F' => vec![P::Year, literal("-"), P::Month, literal("-"), P::Day],
        'D' | 'x' => vec![P::Month, literal("/"), P::Day, literal("/"), P::YearShort],
        'r' => [P::Hour12, literal(":"), P::Minute, literal(":"), P::Second, literal(" "), P::AmPm].to_vec(),
        'c' => {
            let date = [P::WeekdayAbbreviated, literal(" "), P::MonthAbbreviated, literal(" "), P::DayPadded];
            [&date[..], &[literal(" ")], &time[..], &[literal(" "), P::Year]].concat()
        }
        '%' => vec![literal("%")],
        't' => vec![literal("\t")],
        _ => return None,
    })
}

fn digit(c: char) -> Option<u8> {
    u8::try_from(c.to_digit(10)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<TimePart> {
        parse(text, TimeZone::Utc).unwrap().parts
    }

    #[test]
    fn specifiers_become_parts() {
        use TimePart as P;
        assert_eq!(parts(""), []);
        assert_eq!(
            parts("%F %H.%3fZ"),
            [
                P::Year,
                literal("-"),
                P::Month,
                literal("-"),
                P::Day,
                literal(" "),
                P::Hour,
                literal("."),
                P::Fraction(3),
                literal("Z")
            ]
        );
        assert_eq!(parts("%E3S%f%E*S"), [P::SecondWithFraction(3), P::Fraction(9), P::SecondTrimmed]);
        assert_eq!(parts("%Ez%::z"), [OffsetForm::Colon, OffsetForm::Seconds].map(P::OffsetWith));
        let shaped = |parts, shape, width| P::Shaped { parts: vec![parts], shape, width };
        assert_eq!(
            parts("%-d%^a%5Y"),
            [
                shaped(P::Day, TimeShape::Bare, 0),
                shaped(P::WeekdayAbbreviated, TimeShape::Upper, 0),
                shaped(P::Year, TimeShape::Plain, 5)
            ]
        );
        // The width of seconds, not digits of their fraction.
        assert_eq!(parts("%6s"), [shaped(P::UnixSeconds, TimeShape::Plain, 6)]);
    }

    #[test]
    fn what_is_no_specifier_is_printed_as_it_stands() {
        assert_eq!(parts("100%% %Q %"), [literal("100% %Q %")]);
        assert_eq!(parts("é%é"), [literal("é%é")]);
        assert_eq!(parts("%Ed%Oc%E#S%::::z"), [literal("%Ed%Oc%E#S%::::z")]);
        assert_eq!(parts("%6q"), [literal("   %6q")]);
    }

    #[test]
    fn line_ends_are_refused() {
        assert_eq!(parse("%n", TimeZone::Utc), Err(Problem::Newline));
        assert_eq!(parse("%-9n", TimeZone::Utc), Err(Problem::Newline));
    }
}
