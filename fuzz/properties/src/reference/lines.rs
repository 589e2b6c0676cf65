//! Lines, tokens and fields (RFC 9112 §2 and §5, RFC 9110 §5.5 and §5.6).

use super::{Fields, No, Permissions, Taken};

/// The lines of a section up to the empty one that ends it, and where the section ends.
pub(super) struct Section<'i> {
    pub(super) lines: Vec<&'i [u8]>,
    pub(super) end: usize,
}

/// Reads lines from a place of the input up to an empty one.
pub(super) fn section<'i>(input: &'i [u8], from: usize, used: &mut Permissions) -> Result<Section<'i>, No> {
    let mut lines = Vec::new();
    let mut at = from;
    loop {
        let rest = &input[at..];
        let Some(line_feed) = rest.iter().position(|byte| *byte == b'\n') else { return Err(No::More) };
        at += line_feed + 1;
        let line = match rest[..line_feed].strip_suffix(b"\r") {
            Some(line) => line,
            None => {
                used.take(Taken::BareLineFeed);
                &rest[..line_feed]
            }
        };
        if line.is_empty() {
            return Ok(Section { lines, end: at });
        }
        lines.push(line);
    }
}

/// Where a message begins: empty lines in front of it do not belong to it.
pub(super) fn start(input: &[u8], used: &mut Permissions) -> usize {
    let mut at = 0;
    loop {
        match &input[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [b'\n', ..] => {
                used.take(Taken::BareLineFeed);
                at += 1;
            }
            _ => break,
        }
        used.take(Taken::EmptyLines);
    }
    at
}

/// Reads field lines; `folds` says whether a line may go on in the next.
pub(super) fn fields(lines: &[&[u8]], folds: bool, used: &mut Permissions) -> Result<Fields, No> {
    let mut fields: Fields = Vec::new();
    for line in lines {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let Some(last) = fields.last_mut().filter(|_| folds) else {
                return Err(No::Refused("a line is folded"));
            };
            used.take(Taken::Folded);
            last.1.push(b' ');
            last.1.extend_from_slice(without_white_space(line));
        } else {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                return Err(No::Refused("a line has no colon"));
            };
            let name = &line[..colon];
            if !is_token(name) {
                return Err(No::Refused("a name is no token"));
            }
            fields.push((name.to_vec(), without_white_space(&line[colon + 1..]).to_vec()));
        }
    }
    for field in &mut fields {
        // White space around a value is no part of it, also where folds have left it.
        field.1 = without_white_space(&field.1).to_vec();
    }
    if fields.iter().any(|field| !is_value(&field.1)) {
        return Err(No::Refused("a value holds a control character"));
    }
    Ok(fields)
}

/// Trims spaces and tabs (`OWS`).
pub(super) fn without_white_space(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// One or more `tchar`.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    let others = b"!#$%&'*+-.^_`|~";
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || others.contains(byte))
}

/// `field-content`: visible characters, bytes above ASCII, spaces and tabs.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}
