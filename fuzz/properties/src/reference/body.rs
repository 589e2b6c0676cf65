//! Bodies (RFC 9112 §6 and §7).

use super::lines::{fields, is_token, section, without_white_space};
use super::{Body, Fields, Length, No, Permissions, Taken};

/// Reads the body that begins at a place of the input.
pub(super) fn body(input: &[u8], from: usize, length: Length, used: &mut Permissions) -> Body {
    let rest = &input[from..];
    match length {
        Length::Rest => Body::Read { bytes: rest.to_vec(), trailers: Fields::new(), end: input.len() },
        Length::Bytes(length) => match usize::try_from(length) {
            Ok(length) if length <= rest.len() => {
                Body::Read { bytes: rest[..length].to_vec(), trailers: Fields::new(), end: from + length }
            }
            _ => Body::More(rest.to_vec()),
        },
        Length::Chunks => {
            let mut bytes = Vec::new();
            match chunks(input, from, &mut bytes, used) {
                Ok((trailers, end)) => Body::Read { bytes, trailers, end },
                Err(No::More) => Body::More(bytes),
                Err(No::Refused(why)) => Body::Refused(why),
            }
        }
    }
}

/// `chunked-body`: chunks, the last of which is empty, then a trailer section.
fn chunks(
    input: &[u8],
    from: usize,
    bytes: &mut Vec<u8>,
    used: &mut Permissions,
) -> Result<(Fields, usize), No> {
    let mut at = from;
    loop {
        let (line, behind) = strict_line(input, at)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extensions) = line.split_at(digits);
        let size = String::from_utf8_lossy(size);
        let size = match size.trim_start_matches('0') {
            _ if digits == 0 => return Err(No::Refused("a chunk has no size")),
            "" => 0,
            size => usize::from_str_radix(size, 16).unwrap_or(usize::MAX),
        };
        check_extensions(extensions, used)?;
        at = behind;
        if size == 0 {
            break;
        }
        let here = size.min(input.len() - at);
        bytes.extend_from_slice(&input[at..at + here]);
        at += here;
        match &input[at..] {
            [b'\r', b'\n', ..] if here == size => at += 2,
            [] | [b'\r'] => return Err(No::More),
            _ => return Err(No::Refused("no line end behind a chunk")),
        }
    }
    let trailers = section(input, at, &mut Permissions::default())?;
    let section_bytes = &input[at..trailers.end];
    // A line of a head may end in LF; nobody has ever needed that in a trailer section.
    if bare_line_feed(section_bytes) {
        return Err(No::Refused("a line of the trailer section ends in LF"));
    }
    Ok((fields(&trailers.lines, false, used)?, trailers.end))
}

/// A line that ends in CR LF and holds neither.
fn strict_line(input: &[u8], from: usize) -> Result<(&[u8], usize), No> {
    let rest = &input[from..];
    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    match end.map(|end| (end, &rest[end..])) {
        None | Some((_, [b'\r'])) => {
            // What is there already must be the beginning of a size.
            if rest.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
                return Err(No::Refused("a chunk has no size"));
            }
            Err(No::More)
        }
        Some((end, [b'\r', b'\n', ..])) => Ok((&rest[..end], from + end + 2)),
        Some(_) => Err(No::Refused("the line of a size does not end in CR LF")),
    }
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
fn check_extensions(bytes: &[u8], used: &mut Permissions) -> Result<(), No> {
    let rest = without_white_space(bytes);
    if rest.is_empty() {
        if !bytes.is_empty() {
            used.take(Taken::PaddedSize);
        }
        return Ok(());
    }
    let Some(extensions) = rest.strip_prefix(b";") else {
        return Err(No::Refused("something that is no extension behind a size"));
    };
    if extensions.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
        return Err(No::Refused("a control character in an extension"));
    }
    // A quoted string may hold a semicolon; to take such an extension for two odd ones changes nothing.
    let regular = |extension: &[u8]| {
        let mut parts = extension.splitn(2, |byte| *byte == b'=').map(without_white_space);
        parts.next().is_some_and(is_token)
            && parts.next().is_none_or(|value| is_token(value) || matches!(value, [b'"', .., b'"']))
    };
    if !extensions.split(|byte| *byte == b';').map(without_white_space).all(regular) {
        used.take(Taken::OddExtension);
    }
    Ok(())
}

fn bare_line_feed(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r'))
}
