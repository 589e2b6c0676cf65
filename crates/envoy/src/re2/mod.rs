//! Regular expressions in RE2's language, as Envoy reads them: byte by byte.
//!
//! Rust's engine has the same semantics and nearly the same syntax. Here the differences are ironed out:
//! what RE2 refuses is refused, and what both have but write differently is rewritten.

mod class;
mod escape;
mod groups;
mod set;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::ops::Range;

use causeway_model::Regex;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegexError {
    /// The bytes it is about.
    pub(crate) range: Range<usize>,
    /// What is wrong, in words for the operator.
    pub(crate) message: String,
}

/// Compiles an expression.
pub(crate) fn compile(pattern: &str) -> Result<Regex, RegexError> {
    let translated = translate(pattern)?;
    Regex::translated(pattern, &translated).map_err(|message| RegexError { range: 0..pattern.len(), message })
}

/// RE2's limit of repetitions, nested ones multiplied.
const MOST_REPETITIONS: u32 = 1000;

/// Rewrites an expression for Rust's engine.
pub(crate) fn translate(pattern: &str) -> Result<String, RegexError> {
    let mut parser = Parser {
        text: pattern.as_bytes(),
        at: 0,
        // Bytes are matched, not characters.
        out: String::from("(?-u)"),
        groups: vec![Group::new(0)],
    };
    while parser.at < parser.text.len() {
        parser.element()?;
    }
    match parser.groups.as_slice() {
        [_] => Ok(parser.out),
        [.., open] => Err(parser.error(open.start..open.start + 1, "this `(` is never closed")),
        [] => Ok(parser.out),
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    out: String,
    /// The groups that are open, the whole expression first.
    groups: Vec<Group>,
}

struct Group {
    /// Where it begins.
    start: usize,
    /// What stood last in it, and can be repeated.
    last: Last,
    /// Repetitions inside it, nested ones multiplied.
    weight: u32,
}

impl Group {
    const fn new(start: usize) -> Self {
        Self { start, last: Last::Nothing, weight: 1 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    /// Something with so many repetitions inside.
    Atom(u32),
    /// A repetition that begins there.
    Repetition(usize),
}

impl Parser<'_> {
    fn error(&self, range: Range<usize>, message: impl Into<String>) -> RegexError {
        RegexError { range, message: message.into() }
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn shown(&self, range: Range<usize>) -> String {
        String::from_utf8_lossy(self.text.get(range).unwrap_or_default()).into_owned()
    }

    fn set_last(&mut self, last: Last) {
        if let Some(group) = self.groups.last_mut() {
            group.last = last;
            if let Last::Atom(weight) = last {
                group.weight = group.weight.max(weight);
            }
        }
    }

    fn last(&self) -> Last {
        self.groups.last().map_or(Last::Nothing, |group| group.last)
    }

    fn literal(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'_' {
            self.out.push(char::from(byte));
        } else {
            let _ = write!(self.out, "\\x{byte:02x}");
        }
        self.set_last(Last::Atom(1));
    }

    fn element(&mut self) -> Result<(), RegexError> {
        match *self.rest() {
            [b'(', b'?', ..] => self.special_group(),
            [b'(', ..] => {
                self.open("(", 1);
                Ok(())
            }
            [b')', ..] => self.close(),
            [b'|', ..] => {
                self.at += 1;
                self.out.push('|');
                self.set_last(Last::Nothing);
                Ok(())
            }
            [b'[', ..] => self.class(),
            [sign @ (b'.' | b'^' | b'$'), ..] => {
                self.at += 1;
                self.out.push(char::from(sign));
                self.set_last(Last::Atom(1));
                Ok(())
            }
            [sign @ (b'*' | b'+' | b'?'), ..] => self.repetition(&char::from(sign).to_string(), 1, 1),
            [b'{', ..] => match self.counted() {
                Some((text, length, least, most)) => {
                    let range = self.at..self.at + length;
                    if least > MOST_REPETITIONS || most.is_some_and(|most| most > MOST_REPETITIONS) {
                        let text = format!("`{text}` repeats more than {MOST_REPETITIONS} times");
                        return Err(self.error(range, text));
                    }
                    if most.is_some_and(|most| most < least) {
                        return Err(self.error(range, format!("`{text}` ends before it begins")));
                    }
                    self.repetition(&text, length, most.unwrap_or(least).max(1))
                }
                None => {
                    self.at += 1;
                    self.literal(b'{');
                    Ok(())
                }
            },
            [b'\\', ..] => self.escape(),
            [byte, ..] => {
                self.at += 1;
                self.literal(byte);
                Ok(())
            }
            [] => Ok(()),
        }
    }

    /// A repetition operator, and the `?` that makes it reluctant.
    fn repetition(&mut self, operator: &str, length: usize, times: u32) -> Result<(), RegexError> {
        let start = self.at;
        let weight = match self.last() {
            Last::Nothing => {
                let text = format!("there is nothing that `{operator}` could repeat");
                return Err(self.error(start..start + length, text));
            }
            Last::Repetition(first) => {
                let range = first..start + length;
                let text = format!(
                    "`{}` repeats a repetition; possessive operators do not exist",
                    self.shown(range.clone())
                );
                return Err(self.error(range, text));
            }
            Last::Atom(weight) => weight,
        };
        let weight = weight.saturating_mul(times);
        if times > 1 && weight > MOST_REPETITIONS {
            let text = format!("nested repetitions come to more than {MOST_REPETITIONS}");
            return Err(self.error(start..start + length, text));
        }
        self.at += length;
        self.out.push_str(operator);
        if self.rest().first() == Some(&b'?') {
            self.at += 1;
            self.out.push('?');
        }
        self.set_last(Last::Atom(weight));
        self.set_last(Last::Repetition(start));
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else is no repetition but a brace.
    fn counted(&self) -> Option<(String, usize, u32, Option<u32>)> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == b'}')?;
        let inner = std::str::from_utf8(rest.get(1..end)?).ok()?;
        let number = |text: &str| -> Option<u32> {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // More digits than fit are more repetitions than are allowed.
            Some(text.parse().unwrap_or(u32::MAX))
        };
        let (least, most) = match inner.split_once(',') {
            None => (number(inner)?, Some(number(inner)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        Some((format!("{{{inner}}}"), end + 1, least, most))
    }
}
