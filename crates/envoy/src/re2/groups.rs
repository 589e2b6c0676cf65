//! Groups, and the flags that may stand in them.

use std::fmt::Write as _;

use super::{Group, Last, Parser, RegexError};

impl Parser<'_> {
    pub(super) fn open(&mut self, opening: &str, length: usize) {
        self.groups.push(Group::new(self.at));
        self.at += length;
        self.out.push_str(opening);
    }

    pub(super) fn close(&mut self) -> Result<(), RegexError> {
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
    pub(super) fn special_group(&mut self) -> Result<(), RegexError> {
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
    pub(super) fn flags(&mut self) -> Result<(), RegexError> {
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
}
