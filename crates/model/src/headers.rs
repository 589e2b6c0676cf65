//! Names of header fields, and changes to the fields of a message.

use std::fmt;
use std::sync::Arc;

use crate::{StringMatcher, Template};

/// The name of a header field: an RFC 9110 token in lower case, or one of Envoy's pseudo names
/// (`:authority`, `:method`, `:path`, `:scheme`, `:status`); or a text that no field can have as its name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderName(Arc<str>);

/// A header name that is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHeaderName(pub String);

impl HeaderName {
    /// The name in lower case. Fails where it is empty or holds what is not a token character
    /// (RFC 9110 §5.6.2) behind an optional first colon.
    pub fn new(name: &str) -> Result<Self, InvalidHeaderName> {
        let token = name.strip_prefix(':').unwrap_or(name);
        if token.is_empty() || !token.bytes().all(is_token) {
            return Err(InvalidHeaderName(name.to_owned()));
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }

    /// A text that is no name, in place of one, so that nothing has it. `None` where it is one.
    #[must_use]
    pub fn of_nothing(text: &str) -> Option<Self> {
        Self::new(text).is_err().then(|| Self(text.into()))
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a part of the request or status line rather than a header field.
    #[must_use]
    pub fn is_pseudo(&self) -> bool {
        self.0.starts_with(':')
    }
}

const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidHeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a header name", self.0)
    }
}

impl std::error::Error for InvalidHeaderName {}

/// Header fields to remove and to add (`*_headers_to_add`, `*_headers_to_remove`). Removal comes first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeaderMutations {
    /// Fields to remove, every occurrence.
    pub remove: Vec<HeaderName>,
    /// Fields to add, in their order.
    pub add: Vec<HeaderValueOption>,
}

impl HeaderMutations {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

/// One of several changes to fields that are made in their order
/// (`config.common.mutation_rules.v3.HeaderMutation`).
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderMutation {
    /// Every field of this name goes.
    Remove(HeaderName),
    /// Every field goes whose name, in lower case, matches (`remove_on_match`).
    RemoveOnMatch(StringMatcher),
    /// A field is added.
    Append(HeaderValueOption),
}

/// A header field to add (`config.core.v3.HeaderValueOption`).
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderValueOption {
    /// Name of the field.
    pub name: HeaderName,
    /// Its value; command operators are filled in per request.
    pub value: Template,
    /// What happens where the field is there already.
    pub action: AppendAction,
    /// Whether the field is added though its value comes out empty; by default it is left out then.
    pub keep_empty_value: bool,
}

/// `HeaderValueOption.append_action`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AppendAction {
    /// Another field of that name is added.
    #[default]
    AppendIfExistsOrAdd,
    /// Nothing, where the field exists.
    AddIfAbsent,
    /// All fields of that name are replaced; added where there is none.
    OverwriteIfExistsOrAdd,
    /// All fields of that name are replaced; nothing where there is none.
    OverwriteIfExists,
}
