//! A second reader of HTTP/1, written for the tests from the text of RFC 9112 and RFC 9110: slow, with the
//! whole input before it, and without a line in common with the one that is shipped.
//!
//! It takes what the grammar allows, and beyond that only what the RFCs let a recipient take. Each such
//! permission is named in [`Taken`], so that a test can say which of them it grants: what Causeway reads may
//! use them, what Causeway writes may use none.

mod body;
mod lines;
mod request;
mod response;

pub(crate) use request::{Form, Request, is_authority, request};
pub(crate) use response::{Response, response};

/// Names and values of fields, in their order, as they were sent.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// How long the body of a message is (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// This many bytes.
    Bytes(u128),
    /// Chunks, up to the last.
    Chunks,
    /// Everything up to the end of the connection.
    Rest,
}

/// What became of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Complete: its bytes, the fields of its trailer section, and where in the input it ends.
    Read { bytes: Vec<u8>, trailers: Fields, end: usize },
    /// It goes on behind the input; what there is of it.
    More(Vec<u8>),
    /// No grammar allows it.
    Refused(&'static str),
}

/// Why there is no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum No {
    /// Its head goes on behind the input.
    More,
    /// No grammar allows it.
    Refused(&'static str),
}

/// Something that is not in the grammar, which a recipient is allowed to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// LF without CR as the end of a line (RFC 9112 §2.2).
    BareLineFeed,
    /// Empty lines in front of a request (RFC 9112 §2.2).
    EmptyLines,
    /// A line that goes on behind the line end (RFC 9112 §5.2); in responses only.
    Folded,
    /// A request target with visible characters that no URI has (RFC 9112 §3.2 leaves it to the recipient).
    OddTarget,
    /// No space behind a status without a reason phrase (RFC 9112 §4, as old servers write it).
    NoReasonSpace,
    /// White space behind the size of a chunk (RFC 9112 §7.1.1 has it in front of an extension).
    PaddedSize,
    /// An extension of a chunk that is no name and value; it has to be ignored anyway (RFC 9112 §7.1.1).
    OddExtension,
    /// Both lengths (RFC 9112 §6.3, rule 3): the chunks count.
    BothLengths,
    /// The same length more than once (RFC 9112 §6.3, rule 5).
    SameLengths,
    /// A minor version above 1 (RFC 9112 §2.3), or in responses any version.
    OtherVersion,
}

/// The permissions that a message has used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Permissions(Vec<Taken>);

impl Permissions {
    fn take(&mut self, taken: Taken) {
        if !self.has(taken) {
            self.0.push(taken);
        }
    }

    /// Whether the message needed this one.
    pub(crate) fn has(&self, taken: Taken) -> bool {
        self.0.contains(&taken)
    }

    /// Whether the message keeps to the grammar.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The values of a field, in their order.
pub(crate) fn values<'f>(fields: &'f Fields, name: &str) -> Vec<&'f [u8]> {
    let named = fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|field| field.1.as_slice()).collect()
}

/// The elements of a list (RFC 9110 §5.6.1), without the empty ones.
pub(crate) fn list<'f>(values: &[&'f [u8]]) -> Vec<&'f [u8]> {
    let elements = values.iter().flat_map(|value| value.split(|byte| *byte == b','));
    elements.map(lines::without_white_space).filter(|element| !element.is_empty()).collect()
}

/// The content length, if there is one: digits, once or the same more than once.
fn content_length(fields: &Fields, used: &mut Permissions) -> Result<Option<u128>, No> {
    let all = values(fields, "content-length");
    if all.is_empty() {
        return Ok(None);
    }
    let mut lengths = Vec::new();
    for element in all.iter().flat_map(|value| value.split(|byte| *byte == b',')) {
        let digits = lines::without_white_space(element);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(No::Refused("content-length is no number"));
        }
        let text = String::from_utf8_lossy(digits);
        let text = text.trim_start_matches('0');
        let length = if text.is_empty() { Ok(0) } else { text.parse::<u128>() };
        // More bytes than there are on all disks together.
        lengths.push(length.unwrap_or(u128::MAX));
    }
    if lengths.len() > 1 {
        used.take(Taken::SameLengths);
    }
    let first = lengths.first().copied();
    if lengths.iter().any(|length| Some(*length) != first) {
        return Err(No::Refused("content-length is two numbers"));
    }
    Ok(first)
}
