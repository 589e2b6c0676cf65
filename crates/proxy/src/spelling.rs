//! How the names of fields are written in HTTP/1.
//!
//! As with Envoy, whoever reads a message decides whether it keeps the case of its names (`preserve_case`), whatever
//! whoever writes it says; names that are added on the way are in lower case then. `proper_case_words` is for whoever
//! writes.

use std::rc::Rc;

use causeway_http::h1::KeyFormat;
use causeway_http::{HeaderBlock, Known};
use causeway_model::HeaderKeyFormat;

/// The names of fields that are taken out of a message, and may be put in again, as it had them.
#[derive(Debug)]
pub(crate) struct Spelling {
    transfer_encoding: Box<str>,
    connection: Box<str>,
}

impl Spelling {
    /// That of a message that was read with this format; `None` where its case is not kept.
    pub(crate) fn of(block: &HeaderBlock, format: HeaderKeyFormat) -> Option<Rc<Self>> {
        if format != HeaderKeyFormat::PreserveCase {
            return None;
        }
        let name = |known: Known| {
            let found = block.iter().find(|field| field.known == Some(known));
            let found = found.and_then(|field| std::str::from_utf8(field.name).ok());
            Box::from(found.unwrap_or(known.as_str()))
        };
        Some(Rc::new(Self {
            transfer_encoding: name(Known::TransferEncoding),
            connection: name(Known::Connection),
        }))
    }
}

/// The name for `transfer-encoding`.
pub(crate) fn transfer_encoding(spelling: Option<&Spelling>) -> &str {
    spelling.map_or("transfer-encoding", |spelling| &spelling.transfer_encoding)
}

/// The name for `connection`.
pub(crate) fn connection(spelling: Option<&Spelling>) -> &str {
    spelling.map_or("connection", |spelling| &spelling.connection)
}

/// How names are written of a message whose reader did not keep their case.
pub(crate) const fn key_format(writer: HeaderKeyFormat) -> KeyFormat {
    match writer {
        HeaderKeyFormat::LowerCase | HeaderKeyFormat::PreserveCase => KeyFormat::LowerCase,
        HeaderKeyFormat::ProperCaseWords => KeyFormat::ProperCaseWords,
    }
}
