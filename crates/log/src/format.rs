//! What a line looks like: the flags of `--log-format`, and lines that are JSON objects.
//!
//! The flags are those that Envoy documents, which are spdlog's, with its widths: `%8l` fills with
//! blanks on the left, `%-8l` on the right, `%=8l` on both sides, and `%3!n` also cuts.

mod render;

use std::fmt;

use causeway_model::ApplicationLogFormat;

pub(crate) use render::Context;
use render::push_json_escaped;

/// Envoy's default for `--log-format`.
pub const DEFAULT_FORMAT: &str = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";

/// Widths beyond this are cut to it.
const MAX_WIDTH: usize = 64;

/// The form of a line, ready to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(pub(crate) Shape);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Text {
        pieces: Vec<Piece>,
        /// `--log-format-escaped`: a line stays one line, whatever is in it.
        escaped: bool,
    },
    /// For each key, escaped already, its value.
    Json(Vec<(Box<str>, Vec<Piece>)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<str>),
    Flag { flag: Flag, padding: Option<Padding> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Padding {
    pub(crate) width: usize,
    pub(crate) side: Side,
    pub(crate) cut: bool,
}

/// Where the text stands in its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Center,
    Right,
}

macro_rules! flags {
    ($($(#[$doc:meta])* $letter:literal $variant:ident,)*) => {
        /// What a flag prints.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Flag { $($(#[$doc])* $variant,)* }

        impl Flag {
            fn from_letter(letter: char) -> Option<Self> {
                match letter {
                    'D' => Some(Self::ShortDate),
                    'X' => Some(Self::Time),
                    'h' => Some(Self::ShortMonth),
                    '+' => Some(Self::Message),
                    '$' | '*' => Some(Self::Nothing),
                    $($letter => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

flags! {
    /// The message.
    'v' Message,
    /// The message, its line ends as `\n`.
    '_' MessageOnOneLine,
    /// The message as the inside of a JSON string.
    'j' MessageAsJson,
    't' Thread,
    'P' Process,
    'n' Component,
    'l' Level,
    'L' LevelLetter,
    'a' ShortWeekday,
    'A' Weekday,
    'b' ShortMonth,
    'B' Month,
    /// `Tue Mar 27 15:25:06 2018`
    'c' DateAndTime,
    'C' YearOfCentury,
    'Y' Year,
    /// `03/27/18`
    'x' ShortDate,
    'm' MonthNumber,
    'd' Day,
    'H' Hour,
    'I' HourOf12,
    'M' Minute,
    'S' Second,
    'e' Milliseconds,
    'f' Microseconds,
    'F' Nanoseconds,
    'p' HalfDay,
    /// `03:25:06 PM`
    'r' TimeOf12,
    /// `15:25`
    'R' HourAndMinute,
    /// `15:25:06`
    'T' Time,
    /// `+09:00`
    'z' Offset,
    'E' SecondsOfEpoch,
    /// `%^`, `%$` mark a range for colours, `%*` stands for tags: nothing of it exists here.
    '^' Nothing,
    /// File and line.
    '@' Source,
    's' SourceBasename,
    'g' SourceFile,
    '#' SourceLine,
    /// The module, which is what Rust knows of a function.
    '!' Function,
}

impl Default for Format {
    fn default() -> Self {
        Self::text(DEFAULT_FORMAT, false)
    }
}

impl Format {
    /// The format that `--log-format` describes, with `--log-format-escaped`. What is no flag stands
    /// for itself, as in Envoy.
    #[must_use]
    pub fn text(pattern: &str, escaped: bool) -> Self {
        Self(Shape::Text { pieces: compile(pattern), escaped })
    }

    /// Lines that are JSON objects: for each key the pattern of its value.
    ///
    /// # Errors
    ///
    /// A value has `%v` or `%_` in it, which Envoy refuses there: they would not be escaped.
    pub fn json<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FormatError> {
        let mut compiled = Vec::new();
        for (key, pattern) in fields {
            let pieces = compile(pattern);
            for piece in &pieces {
                match piece {
                    Piece::Flag { flag: Flag::Message, .. } => return Err(FormatError { flag: 'v' }),
                    Piece::Flag { flag: Flag::MessageOnOneLine, .. } => {
                        return Err(FormatError { flag: '_' });
                    }
                    Piece::Flag { .. } | Piece::Text(_) => {}
                }
            }
            let mut escaped = String::new();
            push_json_escaped(&mut escaped, key);
            compiled.push((escaped.into(), pieces));
        }
        Ok(Self(Shape::Json(compiled)))
    }

    /// The format that a configuration asks for.
    ///
    /// # Errors
    ///
    /// As [`Self::json`].
    pub fn configured(format: &ApplicationLogFormat) -> Result<Self, FormatError> {
        match format {
            ApplicationLogFormat::Text(pattern) => Ok(Self::text(pattern, false)),
            ApplicationLogFormat::Json(fields) => {
                Self::json(fields.iter().map(|(key, value)| (&**key, &**value)))
            }
        }
    }
}

/// A flag that can't stand in a JSON format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    flag: char,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usage of %{} is unavailable for JSON log formats; use %j", self.flag)
    }
}

impl std::error::Error for FormatError {}

/// Takes a pattern apart.
fn compile(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let (padding, behind) = padding(&rest[at + 1..]);
        let mut letters = behind.chars();
        // A lone `%` at the end prints nothing.
        let Some(letter) = letters.next() else {
            rest = "";
            break;
        };
        rest = letters.as_str();
        match Flag::from_letter(letter) {
            Some(Flag::Nothing) => {}
            Some(flag) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text).into()));
                }
                pieces.push(Piece::Flag { flag, padding });
            }
            None if letter == '%' => text.push('%'),
            None => text.extend(['%', letter]),
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    pieces
}

/// Reads the width between `%` and the letter, and gives what is behind it.
fn padding(text: &str) -> (Option<Padding>, &str) {
    let (side, digits) = match text.as_bytes().first() {
        Some(b'-') => (Side::Left, &text[1..]),
        Some(b'=') => (Side::Center, &text[1..]),
        _ => (Side::Right, text),
    };
    let behind = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &digits[..digits.len() - behind.len()];
    if number.is_empty() {
        return (None, digits);
    }
    let width = number.parse().unwrap_or(MAX_WIDTH).min(MAX_WIDTH);
    let (cut, behind) = match behind.strip_prefix('!') {
        Some(behind) => (true, behind),
        None => (false, behind),
    };
    (Some(Padding { width, side, cut }), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_apart() {
        assert_eq!(
            compile("a%%%-5!n%q%"),
            [
                Piece::Text("a%".into()),
                Piece::Flag {
                    flag: Flag::Component,
                    padding: Some(Padding { width: 5, side: Side::Left, cut: true })
                },
                Piece::Text("%q".into()),
            ]
        );
        assert_eq!(compile(""), []);
        assert_eq!(compile("한%v글").len(), 3);
        assert_eq!(compile("%999n").len(), 1);
        assert_eq!(compile("%한"), [Piece::Text("%한".into())]);
    }

    #[test]
    fn json_refuses_what_is_not_escaped() {
        assert!(Format::json([("a", "%j"), ("b", "%l!")]).is_ok());
        let error = Format::json([("a", "x%v")]).unwrap_err();
        assert_eq!(error.to_string(), "Usage of %v is unavailable for JSON log formats; use %j");
        assert!(Format::json([("a", "%_")]).is_err());
    }
}
