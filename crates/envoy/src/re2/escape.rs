//! What stands behind a backslash.

use super::set::Set;
use super::{Last, Parser, RegexError};

impl Parser<'_> {
    pub(super) fn escape(&mut self) -> Result<(), RegexError> {
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
    pub(super) fn named_set(&mut self, set: &mut Set) -> Result<bool, RegexError> {
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
    pub(super) fn unicode_set(&mut self, set: &mut Set) -> Result<(), RegexError> {
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
    pub(super) fn escaped_byte(&mut self) -> Result<u8, RegexError> {
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
}
