//! Reading what a configuration names.

use std::borrow::Cow;
use std::fmt;

use causeway_model::DataSource;

/// Why something can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: String,
    /// The error of the system, in its words.
    pub error: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't read `{}`: {}", self.path, self.error)
    }
}

/// The bytes of a source as they are now.
///
/// # Errors
///
/// Where its file can't be read.
pub fn read(source: &DataSource) -> Result<Cow<'_, [u8]>, Unreadable> {
    match source {
        DataSource::Inline(bytes) => Ok(Cow::Borrowed(bytes)),
        DataSource::File(path) => match std::fs::read(&**path) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(error) => Err(Unreadable { path: path.to_string(), error: error.to_string() }),
        },
    }
}

/// What `/certs` and messages call a source: its path, or that it is written in place.
#[must_use]
pub fn shown(source: Option<&DataSource>) -> String {
    match source {
        Some(DataSource::File(path)) => path.to_string(),
        Some(DataSource::Inline(_)) | None => "<inline>".to_owned(),
    }
}
