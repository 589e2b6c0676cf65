//! Formats of points in time: `strftime` as absl has it, with Envoy's `%3f` and `%3s`.

use causeway_model::{TimeFormat, TimePart, TimeZone};

/// Why a format can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It would print a line end.
    Newline,
    /// A specifier that is not implemented.
    Unsupported(String),
}

/// Parses a format; the empty one is Envoy's default.
pub(super) fn parse(text: &str, zone: TimeZone) -> Result<TimeFormat, Problem> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        literal.push_str(rest.get(..percent).unwrap_or_default());
        rest = rest.get(percent..).unwrap_or_default();
        let (specifier, length) = specifier(rest)?;
        match specifier {
            Specifier::Text(text) => literal.push_str(text),
            Specifier::Parts(found) => {
                if !literal.is_empty() {
                    parts.push(TimePart::Literal(std::mem::take(&mut literal).into()));
                }
                parts.extend(found.iter().cloned());
            }
            Specifier::Counted(part) => {
                if !literal.is_empty() {
                    parts.push(TimePart::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(part);
            }
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(TimePart::Literal(literal.into()));
    }
    merge_literals(&mut parts);
    Ok(TimeFormat { parts, zone })
}

enum Specifier<'a> {
    Text(&'a str),
    Parts(Vec<TimePart>),
    Counted(TimePart),
}

/// What stands at the beginning of a text that begins with a percent sign, and its length.
fn specifier(text: &str) -> Result<(Specifier<'_>, usize), Problem> {
    use TimePart as P;
    let body = text.get(1..).unwrap_or_default();
    let mut letters = body.chars();
    let Some(first) = letters.next() else { return Ok((Specifier::Text("%"), 1)) };
    let second = letters.next();
    let literal = |text: &str| P::Literal(text.into());
    if let (Some(digits @ 1..=9), Some(unit @ ('f' | 's'))) = (digit(first), second) {
        let part = if unit == 'f' { P::Fraction(digits) } else { P::UnixWithFraction(digits) };
        return Ok((Specifier::Counted(part), 3));
    }
    if first == 'E' {
        if let (Some(digits @ 1..=9), Some('S')) = (second.and_then(digit), body.chars().nth(2)) {
            return Ok((Specifier::Counted(P::SecondWithFraction(digits)), 4));
        }
        if body.starts_with("E4Y") {
            return Ok((Specifier::Counted(P::Year), 4));
        }
        if body.starts_with("ET") {
            return Ok((Specifier::Text("T"), 3));
        }
    }
    let parts = match first {
        'Y' => vec![P::Year],
        'y' => vec![P::YearShort],
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
        'p' => vec![P::AmPm],
        'M' => vec![P::Minute],
        'S' => vec![P::Second],
        's' => vec![P::UnixSeconds],
        'f' => vec![P::Fraction(9)],
        'z' => vec![P::Offset],
        'Z' => vec![P::ZoneName],
        'T' => vec![P::Hour, literal(":"), P::Minute, literal(":"), P::Second],
        'X' => vec![P::Hour, literal(":"), P::Minute, literal(":"), P::Second],
        'R' => vec![P::Hour, literal(":"), P::Minute],
        'F' => vec![P::Year, literal("-"), P::Month, literal("-"), P::Day],
        'D' | 'x' => vec![P::Month, literal("/"), P::Day, literal("/"), P::YearShort],
        'r' => vec![P::Hour12, literal(":"), P::Minute, literal(":"), P::Second, literal(" "), P::AmPm],
        'c' => vec![
            P::WeekdayAbbreviated,
            literal(" "),
            P::MonthAbbreviated,
            literal(" "),
            P::DayPadded,
            literal(" "),
            P::Hour,
            literal(":"),
            P::Minute,
            literal(":"),
            P::Second,
            literal(" "),
            P::Year,
        ],
        '%' => return Ok((Specifier::Text("%"), 2)),
        't' => return Ok((Specifier::Text("\t"), 2)),
        'n' => return Err(Problem::Newline),
        // Specifiers of `strftime` and absl that nothing here prints.
        'C'
        | 'G'
        | 'g'
        | 'k'
        | 'l'
        | 'P'
        | 'u'
        | 'U'
        | 'V'
        | 'w'
        | 'W'
        | '+'
        | 'E'
        | 'O'
        | '-'
        | '_'
        | '^'
        | '#'
        | '0'..='9' => {
            let end = body
                .find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'E' | 'O'))
                .map_or(1, |at| at + 1);
            if body.get(..end).is_some_and(|specifier| specifier.ends_with('n')) {
                return Err(Problem::Newline);
            }
            return Err(Problem::Unsupported(text.get(..=end).unwrap_or(text).to_owned()));
        }
        // Anything else is printed as it stands.
        other => {
            return Ok((
                Specifier::Text(text.get(..=other.len_utf8()).unwrap_or(text)),
                1 + other.len_utf8(),
            ));
        }
    };
    Ok((Specifier::Parts(parts), 2))
}

fn digit(c: char) -> Option<u8> {
    u8::try_from(c.to_digit(10)?).ok()
}

fn merge_literals(parts: &mut Vec<TimePart>) {
    let mut merged: Vec<TimePart> = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        match (merged.last_mut(), part) {
            (Some(TimePart::Literal(last)), TimePart::Literal(text)) => {
                *last = format!("{last}{text}").into();
            }
            (_, part) => merged.push(part),
        }
    }
    *parts = merged;
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
        let literal = |text: &str| P::Literal(text.into());
        assert_eq!(parts(""), []);
        assert_eq!(
            parts("%Y-%m-%dT%T.%3fZ"),
            [
                P::Year,
                literal("-"),
                P::Month,
                literal("-"),
                P::Day,
                literal("T"),
                P::Hour,
                literal(":"),
                P::Minute,
                literal(":"),
                P::Second,
                literal("."),
                P::Fraction(3),
                literal("Z")
            ]
        );
        assert_eq!(
            parts("%s %6s %E3S %f"),
            [
                P::UnixSeconds,
                literal(" "),
                P::UnixWithFraction(6),
                literal(" "),
                P::SecondWithFraction(3),
                literal(" "),
                P::Fraction(9)
            ]
        );
        assert_eq!(parts("100%% %Q %"), [literal("100% %Q %")]);
        assert_eq!(parts("é%é"), [literal("é%é")]);
    }

    #[test]
    fn line_ends_are_refused_and_rare_specifiers_named() {
        assert_eq!(parse("%n", TimeZone::Utc), Err(Problem::Newline));
        assert_eq!(parse("%-9En", TimeZone::Utc), Err(Problem::Newline));
        assert_eq!(parse("%U", TimeZone::Utc), Err(Problem::Unsupported("%U".into())));
        assert_eq!(parse("%E*S", TimeZone::Utc), Err(Problem::Unsupported("%E*S".into())));
        assert_eq!(parse("%10f", TimeZone::Utc), Err(Problem::Unsupported("%10f".into())));
    }
}
