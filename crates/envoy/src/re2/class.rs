//! Classes of bytes in brackets.

use super::set::Set;
use super::{Last, Parser, RegexError};

impl Parser<'_> {
    pub(super) fn class(&mut self) -> Result<(), RegexError> {
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

    pub(super) fn class_range(&mut self, class: usize, set: &mut Set) -> Result<(), RegexError> {
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

    pub(super) fn class_byte(&mut self, class: usize) -> Result<u8, RegexError> {
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
    pub(super) fn posix_class(&mut self, set: &mut Set) -> Result<bool, RegexError> {
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
