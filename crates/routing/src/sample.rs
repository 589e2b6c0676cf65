//! A text that a regular expression matches: an example for people, and for tools that try routes out.

use causeway_model::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::regexes::parse;

/// Characters that an example has rather than others.
const LIKED: &str = "a1x0A-_./ ";

/// More than that is no example any more.
const LONGEST: usize = 256;

/// A text that the expression matches as a whole; `None` where none is found, since it looks at what is around.
#[must_use]
pub fn sample(regex: &Regex) -> Option<String> {
    let mut text = Vec::new();
    write(&parse(regex)?, &mut text)?;
    let text = String::from_utf8(text).ok()?;
    regex.is_full_match(text.as_bytes()).then_some(text)
}

fn write(hir: &Hir, out: &mut Vec<u8>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
        HirKind::Class(class) => {
            let mut bytes = [0; 4];
            out.extend_from_slice(pick(class)?.encode_utf8(&mut bytes).as_bytes());
        }
        HirKind::Capture(capture) => write(&capture.sub, out)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, out))?,
        HirKind::Alternation(ways) => write(ways.first()?, out)?,
        HirKind::Repetition(repetition) => {
            // What may be there is there.
            let times = repetition.min.max(u32::from(repetition.max != Some(0)));
            for _ in 0..times {
                write(&repetition.sub, out)?;
            }
        }
    }
    (out.len() <= LONGEST).then_some(())
}

fn pick(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let liked = LIKED.chars().find(|liked| ranges.iter().any(|(from, to)| (from..=to).contains(&liked)));
    liked.or_else(|| ranges.first().map(|(from, _)| *from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_matches() {
        for (pattern, expected) in [
            ("/api/v[0-9]+/.*", Some("/api/v1/a")),
            ("^/(users|groups)/[^/]+$", Some("/users/a")),
            ("/x{3}y?", Some("/xxxy")),
            (r"/\d{2}\.\w", Some("/11.a")),
            ("", Some("")),
            ("a{9999}", None),
            (r"/a\bb", None),
        ] {
            assert_eq!(sample(&Regex::new(pattern).unwrap()).as_deref(), expected, "{pattern}");
        }
    }
}
