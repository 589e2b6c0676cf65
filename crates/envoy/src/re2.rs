//! Regular expressions in RE2's language, as Envoy reads them: byte by byte.
//!
//! Rust's engine has the same semantics and nearly the same syntax. Here the differences are ironed out:
//! what RE2 refuses is refused, and what both have but write differently is rewritten.

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

/// A set of bytes.
struct Set([bool; 256]);

impl Set {
    const fn new() -> Self {
        Self([false; 256])
    }

    fn add(&mut self, low: u8, high: u8) {
        for byte in low..=high {
            if let Some(member) = self.0.get_mut(usize::from(byte)) {
                *member = true;
            }
        }
    }

    fn add_all(&mut self, other: &Self, negated: bool) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own |= other != negated;
        }
    }

    fn write(&self, negated: bool, out: &mut String) {
        out.push_str(if negated { "[^" } else { "[" });
        let mut empty = true;
        let mut bytes = (0..=u8::MAX).zip(self.0).peekable();
        while let Some((low, member)) = bytes.next() {
            if !member {
                continue;
            }
            let mut high = low;
            while let Some((next, _)) = bytes.next_if(|(_, member)| *member) {
                high = next;
            }
            empty = false;
            let _ = write!(out, "\\x{low:02x}-\\x{high:02x}");
        }
        if empty {
            // Of a class without members, the complement of everything.
            out.push_str("^\\x00-\\xff");
        }
        out.push(']');
    }
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

    fn open(&mut self, opening: &str, length: usize) {
        self.groups.push(Group::new(self.at));
        self.at += length;
        self.out.push_str(opening);
    }

    fn close(&mut self) -> Result<(), RegexError> {
        if self.groups.len() < 2 {
            return Err(self.error(self.at..self.at + 1, "this `)` closes nothing"));
        }
        let weight = self.groups.pop().map_or(1, |group| group.weight);
        self.at += 1;
        self.out.push(')');
        self.set_last(Last::Atom(weight));
        Ok(())
    }

    /// `(?…`: a name, flags, or what RE2 does not have.
    fn special_group(&mut self) -> Result<(), RegexError> {
        let start = self.at;
        let rest = self.rest();
        let refuse = |length: usize, what: &str| RegexError {
            range: start..start + length,
            message: format!("`{}` is {what}, which RE2 does not have", self.shown(start..start + length)),
        };
        for (opening, what) in [
            ("(?=", "look-ahead"),
            ("(?!", "look-ahead"),
            ("(?<=", "look-behind"),
            ("(?<!", "look-behind"),
            ("(?>", "an atomic group"),
            ("(?#", "a comment"),
        ] {
            if rest.starts_with(opening.as_bytes()) {
                return Err(refuse(opening.len(), what));
            }
        }
        for opening in ["(?P<", "(?<"] {
            if let Some(name) = rest.strip_prefix(opening.as_bytes()) {
                let end = name.iter().position(|byte| *byte == b'>').unwrap_or(0);
                let valid = name.get(..end).unwrap_or_default();
                let valid = !valid.is_empty()
                    && valid.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                if !valid {
                    let range = start..start + opening.len() + end;
                    return Err(self.error(range, "the name of a group is letters, digits and `_`, then `>`"));
                }
                // Names are of no use: substitutions go by number.
                self.open("(", opening.len() + end + 1);
                return Ok(());
            }
        }
        self.flags()
    }

    /// `(?i)`, `(?i-s:…`
    fn flags(&mut self) -> Result<(), RegexError> {
        let start = self.at;
        let mut on = Vec::new();
        let mut off = Vec::new();
        let mut negated = false;
        let mut at = start + 2;
        loop {
            let byte = self.text.get(at).copied();
            at += 1;
            match byte {
                Some(flag @ (b'i' | b'm' | b's' | b'U')) => {
                    let flag = char::from(flag);
                    on.retain(|other| *other != flag);
                    off.retain(|other| *other != flag);
                    if negated { off.push(flag) } else { on.push(flag) }
                }
                Some(b'-') if !negated => negated = true,
                Some(end @ (b':' | b')')) if !negated || !off.is_empty() => {
                    let mut flags: String = on.into_iter().collect();
                    if !off.is_empty() {
                        flags.push('-');
                        flags.extend(off);
                    }
                    if end == b':' {
                        self.open(&format!("(?{flags}:"), at - start);
                    } else {
                        if !flags.is_empty() {
                            let _ = write!(self.out, "(?{flags})");
                        }
                        self.at = at;
                        self.set_last(Last::Nothing);
                    }
                    return Ok(());
                }
                _ => {
                    let range = start..at.min(self.text.len());
                    let text = format!("`{}` is not a group that RE2 has", self.shown(range.clone()));
                    return Err(self.error(range, text));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), RegexError> {
        let start = self.at;
        let plain = match self.text.get(start + 1) {
            None => return Err(self.error(start..start + 1, "a backslash at the end escapes nothing")),
            Some(b'A') => Some(r"\A"),
            Some(b'z') => Some(r"\z"),
            Some(b'b') => Some(r"\b"),
            Some(b'B') => Some(r"\B"),
            Some(b'C') => Some("(?s:.)"),
            Some(_) => None,
        };
        if let Some(plain) = plain {
            self.at += 2;
            self.out.push_str(plain);
            self.set_last(Last::Atom(1));
            return Ok(());
        }
        if self.text.get(start + 1) == Some(&b'Q') {
            // Everything up to `\E` stands for itself.
            self.at += 2;
            while self.at < self.text.len() {
                if self.rest().starts_with(br"\E") {
                    self.at += 2;
                    return Ok(());
                }
                let byte = self.rest().first().copied().unwrap_or_default();
                self.at += 1;
                self.literal(byte);
            }
            return Ok(());
        }
        let mut set = Set::new();
        if self.named_set(&mut set)? {
            set.write(false, &mut self.out);
            self.set_last(Last::Atom(1));
            return Ok(());
        }
        let byte = self.escaped_byte()?;
        self.literal(byte);
        Ok(())
    }

    /// `\d`, `\pL` and the like, if that is what stands here.
    fn named_set(&mut self, set: &mut Set) -> Result<bool, RegexError> {
        let mut named = Set::new();
        match self.rest() {
            [b'\\', b'd' | b'D', ..] => named.add(b'0', b'9'),
            [b'\\', b's' | b'S', ..] => {
                for byte in *b"\t\n\x0c\r " {
                    named.add(byte, byte);
                }
            }
            [b'\\', b'w' | b'W', ..] => {
                named.add(b'0', b'9');
                named.add(b'A', b'Z');
                named.add(b'a', b'z');
                named.add(b'_', b'_');
            }
            [b'\\', b'p' | b'P', ..] => return self.unicode_set(set).map(|()| true),
            _ => return Ok(false),
        }
        let negated = matches!(self.text.get(self.at + 1), Some(b'D' | b'S' | b'W'));
        self.at += 2;
        set.add_all(&named, negated);
        Ok(true)
    }

    /// `\pN`, `\p{Greek}`, `\P{^Greek}`: of the property, what is among the first 256 characters.
    fn unicode_set(&mut self, set: &mut Set) -> Result<(), RegexError> {
        let start = self.at;
        let mut negated = self.text.get(start + 1) == Some(&b'P');
        let inner = self.text.get(start + 2..).unwrap_or_default();
        let (name, length) = match inner {
            [b'{', rest @ ..] => match rest.iter().position(|byte| *byte == b'}') {
                Some(end) => (rest.get(..end).unwrap_or_default(), end + 4),
                None => (&[][..], 2),
            },
            [letter, ..] => (std::slice::from_ref(letter), 3),
            [] => (&[][..], 2),
        };
        let name = String::from_utf8_lossy(name);
        let bare = name.strip_prefix('^').unwrap_or(&name);
        negated ^= bare.len() < name.len();
        let range = start..(start + length).min(self.text.len());
        // General categories and scripts, spelled as RE2 does; Rust would take more.
        let spelled = bare.starts_with(|c: char| c.is_ascii_uppercase())
            && bare.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let property = (spelled
            && !matches!(bare, "Alphabetic" | "Uppercase" | "Lowercase" | "Cased" | "Math"))
        .then(|| regex::Regex::new(&format!(r"\A\p{{{bare}}}\z")).ok())
        .flatten();
        let Some(property) = property else {
            let text = format!("`{}` is not a class of characters", self.shown(range.clone()));
            return Err(self.error(range, text));
        };
        let mut named = Set::new();
        for byte in 0..=u8::MAX {
            if property.is_match(char::from(byte).encode_utf8(&mut [0; 4])) {
                named.add(byte, byte);
            }
        }
        self.at += length;
        set.add_all(&named, negated);
        Ok(())
    }

    /// An escape that stands for one byte.
    fn escaped_byte(&mut self) -> Result<u8, RegexError> {
        let start = self.at;
        let rest = self.text.get(start + 1..).unwrap_or_default();
        let octal =
            |byte: Option<&u8>| byte.filter(|byte| (b'0'..=b'7').contains(*byte)).map(|byte| byte - b'0');
        let hex = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let found = match rest {
            [b'0', ..] | [b'1'..=b'7', b'0'..=b'7', ..] => {
                let digits: Vec<u8> = (0..3).map_while(|at| octal(rest.get(at))).collect();
                let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(*digit));
                u8::try_from(value).ok().map(|value| (value, digits.len()))
            }
            [b'x', b'{', inner @ ..] => inner.iter().position(|byte| *byte == b'}').and_then(|end| {
                let digits = std::str::from_utf8(inner.get(..end)?).ok()?;
                Some((u8::from_str_radix(digits, 16).ok()?, end + 3))
            }),
            [b'x', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| (high << 4 | low, 3)),
            [b'a', ..] => Some((7, 1)),
            [b'f', ..] => Some((12, 1)),
            [b't', ..] => Some((b'\t', 1)),
            [b'n', ..] => Some((b'\n', 1)),
            [b'r', ..] => Some((b'\r', 1)),
            [b'v', ..] => Some((11, 1)),
            [byte, ..] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => Some((*byte, 1)),
            _ => None,
        };
        let Some((byte, length)) = found else {
            let width =
                std::str::from_utf8(rest).ok().and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            let range = start..(start + 1 + width).min(self.text.len());
            let text = if rest.first().is_some_and(|byte| (b'1'..=b'9').contains(byte)) {
                format!("`{}` is a back-reference, which RE2 does not have", self.shown(range.clone()))
            } else {
                format!("`{}` is not an escape that RE2 has", self.shown(range.clone()))
            };
            return Err(self.error(range, text));
        };
        self.at += 1 + length;
        Ok(byte)
    }

    fn class(&mut self) -> Result<(), RegexError> {
        let start = self.at;
        self.at += 1;
        let negated = self.rest().first() == Some(&b'^');
        self.at += usize::from(negated);
        let mut set = Set::new();
        let mut first = true;
        loop {
            let next = (self.rest().first().copied(), self.rest().get(1).copied());
            match next {
                (None, _) => return Err(self.error(start..start + 1, "this `[` is never closed")),
                (Some(b']'), _) if !first => {
                    self.at += 1;
                    break;
                }
                (Some(b'['), Some(b':')) => {
                    if !self.posix_class(&mut set)? {
                        self.class_range(start, &mut set)?;
                    }
                }
                _ => {
                    if !self.named_set(&mut set)? {
                        self.class_range(start, &mut set)?;
                    }
                }
            }
            first = false;
        }
        set.write(negated, &mut self.out);
        self.set_last(Last::Atom(1));
        Ok(())
    }

    fn class_range(&mut self, class: usize, set: &mut Set) -> Result<(), RegexError> {
        let start = self.at;
        let low = self.class_byte(class)?;
        let mut high = low;
        if let [b'-', next, ..] = self.rest()
            && *next != b']'
        {
            self.at += 1;
            high = self.class_byte(class)?;
        }
        if high < low {
            let range = start..self.at;
            let text = format!("the range `{}` ends before it begins", self.shown(range.clone()));
            return Err(self.error(range, text));
        }
        set.add(low, high);
        Ok(())
    }

    fn class_byte(&mut self, class: usize) -> Result<u8, RegexError> {
        match self.rest() {
            [] => Err(self.error(class..class + 1, "this `[` is never closed")),
            [b'\\'] => Err(self.error(self.at..self.at + 1, "a backslash at the end escapes nothing")),
            [b'\\', ..] => self.escaped_byte(),
            [byte, ..] => {
                let byte = *byte;
                self.at += 1;
                Ok(byte)
            }
        }
    }

    /// `[:alpha:]`, if that is what stands here.
    fn posix_class(&mut self, set: &mut Set) -> Result<bool, RegexError> {
        let rest = self.text.get(self.at + 2..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|pair| pair == b":]") else { return Ok(false) };
        let range = self.at..self.at + end + 4;
        let name = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
        let bare = name.strip_prefix('^').unwrap_or(&name);
        let ranges: &[(u8, u8)] = match bare {
            "alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
            "alpha" => &[(b'A', b'Z'), (b'a', b'z')],
            "ascii" => &[(0, 0x7f)],
            "blank" => &[(b'\t', b'\t'), (b' ', b' ')],
            "cntrl" => &[(0, 0x1f), (0x7f, 0x7f)],
            "digit" => &[(b'0', b'9')],
            "graph" => &[(b'!', b'~')],
            "lower" => &[(b'a', b'z')],
            "print" => &[(b' ', b'~')],
            "punct" => &[(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
            "space" => &[(b'\t', b'\r'), (b' ', b' ')],
            "upper" => &[(b'A', b'Z')],
            "word" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z'), (b'_', b'_')],
            "xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
            _ => {
                let text = format!("`{}` is not a class of characters", self.shown(range.clone()));
                return Err(self.error(range, text));
            }
        };
        let mut named = Set::new();
        for (low, high) in ranges {
            named.add(*low, *high);
        }
        set.add_all(&named, bare.len() < name.len());
        self.at = range.end;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Envoy 1.40 accepts.
    const ACCEPTED: &[&str] = &[
        "/a.*",
        "a*?",
        "a+?",
        "a{2}?",
        "a{,5}",
        "a{",
        "a{1",
        "a{1,",
        "a{1,x}",
        "a}",
        "{",
        "}",
        "a{0}",
        "a{0,0}",
        "^*",
        "$*",
        "(|a)*",
        "()",
        "(?:)",
        "a||b",
        "|",
        "(?i)a",
        "(?i:a)",
        "(?-i)a",
        "(?ims)a",
        "(?U)a+",
        "(?)",
        "(?P<n>a)",
        "(?<n>a)",
        "(?P<1>a)",
        "(?P<n>a)(?P<n>b)",
        "[]a]",
        "[^]a]",
        "[a-z-9]",
        "[-a]",
        "[a-]",
        "[a\\-z]",
        "[\\d]",
        "[\\w-z]",
        "[[:alpha:]]",
        "[[:^alpha:]]",
        "[[:word:]]",
        "[[a]b]",
        "[a&&b]",
        "[a~~b]",
        "[[:alpha]",
        r"\d\D\s\S\w\W",
        r"\b\B",
        r"\A\z",
        r"\C",
        r"\Qa.b\E",
        r"\Qab",
        r"\pN",
        r"\p{Greek}",
        r"\p{^Greek}",
        r"\PN",
        r"\p{L}",
        r"\p{Lu}",
        r"\pZ",
        r"\p{Any}",
        r"\p{Latin}",
        r"\a\f\t\n\r\v",
        r"\x41",
        r"\x{41}",
        r"\0",
        r"\07",
        r"\123",
        r"\_",
        r"\-",
        r"\/",
        r"\.",
        r"\<",
        "\\\"",
        r"[\_]",
        r"[\x41-\x43]",
        r"[\01]",
        r"\ ",
        "é+",
        "(?i)é",
        "[é-ñ]",
        "a(?i)b|c",
        "(?s).",
        "(?m)^a$",
        "(?i-s:a)",
        "(?is-mU:x)",
        "a{01}",
        "a{1 }",
        "a{ 1}",
        "[[.a.]]",
        "[[=a=]]",
        "(?i)[^a]",
        "\n",
        "a\tb",
        r"[\p{L}\d]",
        r"[^\n]",
        r"\Q*\E*",
        r"(\Qa\E)+",
        "[[:alpha:]-z]",
        "[%-*]",
        "",
    ];
    /// What it refuses.
    const REFUSED: &[&str] = &[
        "/a(",
        "[a-",
        "/(?=x)",
        r"(a)\1",
        "a{5000}",
        "*a",
        "a++",
        "a**",
        "a?+",
        "a*??",
        "a{2}{3}",
        "a{2}+",
        "a{1001}",
        "a{2,1}",
        "(a{100}){100}",
        "(a{2}){501}",
        "((a{10}){10}){11}",
        "(a*){1001}",
        "a{1}{1}",
        "(?x)a b",
        "(?u)a",
        "(?:a",
        "(?i",
        "(?P<>a)",
        "(?P=n)",
        "(?P<n-m>a)",
        "(?#c)",
        "(?>a)",
        "(?<=a)",
        "(?<!a)",
        "(?!a)",
        "a)",
        ")",
        "[]",
        "[^]",
        "[a",
        "[z-a]",
        r"[a-\d]",
        "[[:foo:]]",
        "[a--b]",
        r"[\b]",
        r"[\Q]\E]",
        r"\Z",
        r"\E",
        r"\p{Foo}",
        r"\p{latin}",
        r"\p{Alphabetic}",
        r"\p{N",
        r"\p",
        r"\x4",
        r"\x{110000}",
        r"\x{}",
        r"\xg",
        r"\1",
        r"\8",
        r"\y",
        r"\é",
        r"\e",
        r"\h",
        r"\R",
        r"\K",
        r"\u0041",
        "\\",
        "a\\",
        r"[\y]",
        r"[\1]",
        "a|*",
        "(*a)",
        "(+a)",
        "x{2}{2}{2}",
        "(?:a{2,3}){400}",
        "(?--i)",
        "(?i-)a",
        "[a-[b]]",
        "(?P>n)",
        "(?&n)",
        "(?1)",
        "(?R)",
        "(?^)",
        r"\x{1F600}",
        r"\pé",
        "[a-[:alpha:]]",
    ];

    #[test]
    fn takes_what_envoy_takes() {
        for pattern in ACCEPTED {
            if let Err(error) = compile(pattern) {
                panic!("{pattern}: {error:?} ({:?})", translate(pattern));
            }
        }
    }

    #[test]
    fn refuses_what_envoy_refuses_and_says_why() {
        for pattern in REFUSED {
            let error = compile(pattern).expect_err(pattern);
            assert!(
                error.range.end <= pattern.len() && error.range.start < error.range.end,
                "{pattern}: {error:?}"
            );
        }
        assert_eq!(compile("a++").unwrap_err().range, 1..3);
        assert!(compile(r"(a)\1").unwrap_err().message.contains("back-reference"));
        assert!(compile("(?<=a)").unwrap_err().message.contains("look-behind"));
    }

    #[test]
    fn classes_mean_what_they_mean_to_re2() {
        let matches = |pattern: &str, text: &[u8]| compile(pattern).unwrap().is_full_match(text);
        // Digits are those of ASCII.
        assert!(matches(r"\d", b"5") && !matches(r"\d", "٣".as_bytes()));
        // Rust would intersect these.
        assert!(matches("[a&&b]", b"&"));
        assert!(matches("[[a]b]", b"[b]"));
        // A dot is one byte, of whatever value.
        assert!(matches(".", b"\xff") && matches("..", "é".as_bytes()));
        assert!(matches("é+", "é\u{e9}".as_bytes().get(..2).unwrap()));
        assert!(matches("(?i)[^a]", b"b") && !matches("(?i)[^a]", b"A"));
        assert!(matches(r"\pL+", b"abc") && !matches(r"\pL", b"1"));
        assert!(matches(r"\Q*.\E*", b"*..."));
        assert!(matches("a{,5}", b"a{,5}"));
        assert!(matches(r"\123\x{41}\07", b"SA\x07"));
        assert!(matches("[a-z-9]", b"-") && matches("[]a]", b"]"));
        assert!(matches("(?U)a+", b"aaa"));
    }

    #[test]
    fn groups_keep_their_numbers() {
        let regex = compile("(?P<a>x)(?:y)(?<b>z)").unwrap();
        assert_eq!(regex.replace_all(b"xyz", r"\2\1"), b"zx".to_vec());
    }
}
