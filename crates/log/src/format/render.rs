//! Filling in a line.

use std::fmt::Write as _;

use jiff::Zoned;

use super::{Flag, Format, Padding, Piece, Shape, Side};
use crate::{Component, Level};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
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

/// All that a line can tell.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) time: &'a Zoned,
    pub(crate) level: Level,
    pub(crate) component: Component,
    pub(crate) thread: u64,
    pub(crate) file: &'a str,
    pub(crate) line: u32,
    pub(crate) module: &'a str,
    pub(crate) message: &'a str,
}

impl Format {
    /// Appends the line, with its end.
    pub(crate) fn render(&self, context: &Context<'_>, out: &mut String) {
        match &self.0 {
            Shape::Text { pieces, escaped: false } => context.pieces(pieces, out),
            Shape::Text { pieces, escaped: true } => {
                let mut line = String::new();
                context.pieces(pieces, &mut line);
                escape_line(&line, out);
            }
            Shape::Json(fields) => context.json(fields, out),
        }
        out.push('\n');
    }
}

impl Context<'_> {
    fn json(&self, fields: &[(Box<str>, Vec<Piece>)], out: &mut String) {
        let mut value = String::new();
        for (index, (key, pieces)) in fields.iter().enumerate() {
            out.push_str(if index == 0 { "{\"" } else { ",\"" });
            out.push_str(key);
            out.push_str("\":\"");
            for piece in pieces {
                value.clear();
                self.piece(piece, &mut value);
                match piece {
                    Piece::Flag { flag: Flag::MessageAsJson, .. } => out.push_str(&value),
                    Piece::Flag { .. } | Piece::Text(_) => push_json_escaped(out, &value),
                }
            }
            out.push('"');
        }
        out.push_str(if fields.is_empty() { "{}" } else { "}" });
    }

    fn pieces(&self, pieces: &[Piece], out: &mut String) {
        for piece in pieces {
            self.piece(piece, out);
        }
    }

    fn piece(&self, piece: &Piece, out: &mut String) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Flag { flag, padding: None } => self.flag(*flag, out),
            Piece::Flag { flag, padding: Some(padding) } => {
                let start = out.len();
                self.flag(*flag, out);
                pad(out, start, *padding);
            }
        }
    }

    fn flag(&self, flag: Flag, out: &mut String) {
        let time = self.time;
        let hour_of_12 = || (time.hour() + 11) % 12 + 1;
        let half_day = || if time.hour() < 12 { "AM" } else { "PM" };
        let year_of_century = || time.year().rem_euclid(100);
        let weekday = || name(&WEEKDAYS, time.weekday().to_monday_zero_offset());
        let month = || name(&MONTHS, time.month() - 1);
        // Writing to a string does not fail.
        let _ = match flag {
            Flag::Message => out.write_str(self.message),
            Flag::MessageOnOneLine => out.write_str(&self.message.replace('\n', "\\n")),
            Flag::MessageAsJson => {
                push_json_escaped(out, self.message);
                Ok(())
            }
            Flag::Thread => write!(out, "{}", self.thread),
            Flag::Process => write!(out, "{}", std::process::id()),
            Flag::Component => out.write_str(self.component.name()),
            Flag::Level => out.write_str(self.level.name()),
            Flag::LevelLetter => out.write_str(self.level.letter()),
            Flag::ShortWeekday => out.write_str(short(weekday())),
            Flag::Weekday => out.write_str(weekday()),
            Flag::ShortMonth => out.write_str(short(month())),
            Flag::Month => out.write_str(month()),
            Flag::DateAndTime => write!(
                out,
                "{} {} {} {:02}:{:02}:{:02} {}",
                short(weekday()),
                short(month()),
                time.day(),
                time.hour(),
                time.minute(),
                time.second(),
                time.year()
            ),
            Flag::YearOfCentury => write!(out, "{:02}", year_of_century()),
            Flag::Year => write!(out, "{}", time.year()),
            Flag::ShortDate => {
                write!(out, "{:02}/{:02}/{:02}", time.month(), time.day(), year_of_century())
            }
            Flag::MonthNumber => write!(out, "{:02}", time.month()),
            Flag::Day => write!(out, "{:02}", time.day()),
            Flag::Hour => write!(out, "{:02}", time.hour()),
            Flag::HourOf12 => write!(out, "{:02}", hour_of_12()),
            Flag::Minute => write!(out, "{:02}", time.minute()),
            Flag::Second => write!(out, "{:02}", time.second()),
            Flag::Milliseconds => write!(out, "{:03}", time.subsec_nanosecond() / 1_000_000),
            Flag::Microseconds => write!(out, "{:06}", time.subsec_nanosecond() / 1000),
            Flag::Nanoseconds => write!(out, "{:09}", time.subsec_nanosecond()),
            Flag::HalfDay => out.write_str(half_day()),
            Flag::TimeOf12 => {
                write!(out, "{:02}:{:02}:{:02} {}", hour_of_12(), time.minute(), time.second(), half_day())
            }
            Flag::HourAndMinute => write!(out, "{:02}:{:02}", time.hour(), time.minute()),
            Flag::Time => write!(out, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()),
            Flag::Offset => {
                let minutes = time.offset().seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(out, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            Flag::SecondsOfEpoch => write!(out, "{}", time.timestamp().as_second()),
            Flag::Nothing => Ok(()),
            Flag::Source => write!(out, "{}:{}", self.file, self.line),
            Flag::SourceBasename => out.write_str(self.file.rsplit('/').next().unwrap_or(self.file)),
            Flag::SourceFile => out.write_str(self.file),
            Flag::SourceLine => write!(out, "{}", self.line),
            Flag::Function => out.write_str(self.module),
        };
    }
}

fn name<const N: usize>(names: &'static [&'static str; N], index: i8) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// Fills what was written from `start` on up to its width, or cuts it.
fn pad(out: &mut String, start: usize, padding: Padding) {
    let Some(text) = out.get(start..) else { return };
    let length = text.chars().count();
    let Some(missing) = padding.width.checked_sub(length) else {
        if padding.cut
            && let Some((end, _)) = text.char_indices().nth(padding.width)
        {
            out.truncate(start + end);
        }
        return;
    };
    let before = match padding.side {
        Side::Left => 0,
        Side::Center => missing / 2,
        Side::Right => missing,
    };
    out.insert_str(start, &" ".repeat(before));
    out.push_str(&" ".repeat(missing - before));
}

/// Appends a text as it stands between the quotes of a JSON string (RFC 8259 §7).
pub(super) fn push_json_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

/// Appends a line with everything in it escaped that would end it or hide in it. Letters beyond ASCII
/// stay as they are.
fn escape_line(line: &str, out: &mut String) {
    let text = line.trim_end_matches(|c: char| c.is_ascii_whitespace());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\{:03o}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push_str(line.get(text.len()..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(format: &Format, message: &str) -> String {
        let time = "2026-11-20T19:07:22.180700+09:00[+09:00]".parse().unwrap();
        let context = Context {
            time: &time,
            level: Level::Info,
            component: Component::from_name("main").unwrap(),
            thread: 13899,
            file: "crates/proxy/src/server.rs",
            line: 1159,
            module: "causeway::serve",
            message,
        };
        let mut out = String::new();
        format.render(&context, &mut out);
        out
    }

    fn text(pattern: &str) -> String {
        render(&Format::text(pattern, false), "exiting").trim_end_matches('\n').to_owned()
    }

    #[test]
    fn the_default_has_envoys_shape() {
        assert_eq!(
            render(&Format::default(), "all dependencies initialized"),
            "[2026-11-20 19:07:22.180][13899][info][main] [crates/proxy/src/server.rs:1159] all dependencies initialized\n"
        );
    }

    /// What Envoy 1.40 printed for the same moment, in another zone.
    #[test]
    fn dates_and_times_as_envoy_prints_them() {
        assert_eq!(
            text("%a|%A|%b|%B|%h|%c|%C|%Y|%D|%x|%m|%d|%H|%I|%M|%S|%e|%f|%F|%p|%r|%R|%T|%X|%z|%%"),
            "Fri|Friday|Nov|November|Nov|Fri Nov 20 19:07:22 2026|26|2026|11/20/26|11/20/26|11|20|19|07|07|22|180|180700|180700000|PM|07:07:22 PM|19:07|19:07:22|19:07:22|+09:00|%"
        );
        assert_eq!(text("%E"), "1795169242");
    }

    #[test]
    fn sources_and_names() {
        assert_eq!(
            text("%@|%s|%g|%#|%!|%^|%l|%$|%L|%n|%t|%k|%q|%"),
            "crates/proxy/src/server.rs:1159|server.rs|crates/proxy/src/server.rs|1159|causeway::serve||info||I|main|13899|%k|%q|"
        );
    }

    #[test]
    fn widths_as_envoy_prints_them() {
        assert_eq!(
            text("%-20n|%20n|%=20n|%3n|%-3!n|%5!l|%08t|%_|%j|%v|%*|%+"),
            "main                |                main|        main        |main|mai| info|   13899|exiting|exiting|exiting||exiting"
        );
        assert_eq!(text("%=7n|"), " main  |");
    }

    #[test]
    fn messages_that_would_break_the_line() {
        let message = "a \"b\"\n\tc\\ \u{1}한\n";
        assert_eq!(render(&Format::text("%_", false), "a\nb"), "a\\nb\n");
        assert_eq!(render(&Format::text("%j", false), message), "a \\\"b\\\"\\n\\tc\\\\ \\u0001한\\n\n");
        assert_eq!(render(&Format::text("%v", true), message), "a \\\"b\\\"\\n\\tc\\\\ \\001한\n\n");
    }

    #[test]
    fn json_lines_are_json() {
        let format =
            Format::json([("Level", "%l"), ("k\"ey", "x\"y%%"), ("Message", "<%j>"), ("Src", "%s:%#")])
                .unwrap();
        assert_eq!(
            render(&format, "say \"hi\"\n"),
            "{\"Level\":\"info\",\"k\\\"ey\":\"x\\\"y%\",\"Message\":\"<say \\\"hi\\\"\\n>\",\"Src\":\"server.rs:1159\"}\n"
        );
        assert_eq!(render(&Format::json([]).unwrap(), "x"), "{}\n");
    }
}
