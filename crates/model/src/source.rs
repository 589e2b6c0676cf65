//! Where something was written.

use std::fmt;
use std::sync::Arc;

/// A place in a configuration file.
///
/// Any two positions compare equal: a cluster that only moved to another line is the same cluster, and
/// a reload must not replace it.
#[derive(Clone, Default)]
pub struct SourcePosition {
    /// The file as it was named on the command line; `None` for what no file holds.
    pub file: Option<Arc<str>>,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
    /// Column in characters, from 1; 0 where unknown.
    pub column: u32,
}

impl PartialEq for SourcePosition {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for SourcePosition {}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}:{}:{}", self.line, self.column),
            None => f.write_str("(default)"),
        }
    }
}

impl fmt::Debug for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
