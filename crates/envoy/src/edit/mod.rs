//! Changes of single fields in the text of a YAML file: comments, layout and every line that has nothing to do with it
//! stay as they are.
//!
//! ```text
//!  text ─▶ nodes with places ─▶ ways to write the change (write) ─▶ the first that reads as it should
//!             └──────────────▶ what it should read as (plain) ──────▶ is the one
//! ```
//!
//! No way of writing is trusted: each is read again, and has to give the tree of before with the one change in it.
//! So a field that an anchor shares with others is refused rather than changed in all places.

mod place;
mod plain;
mod write;

use std::fmt;

use crate::load::yaml;
use crate::locate::{Step, next_step};
use crate::source::{Files, Format, Source};
use plain::Plain;

/// A change of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field, as [`crate::locate()`] gives it; `[]` at its end is a new item behind the last of a list.
    pub path: String,
    /// Its new value, as YAML in one line or a block without indentation; `None` removes the field.
    pub value: Option<String>,
}

/// Why a file can't be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditError {
    /// It is JSON or protobuf.
    NotYaml(Format),
    /// It is no UTF-8.
    Encoding,
    /// It can't be read as YAML.
    Syntax,
    /// The path is none, or leads through something that is no map and no list.
    Path(String),
    /// The new value can't be read as YAML.
    Value(String),
    /// There is no way to write this so that nothing else changes: an anchor shares the field with others, or the text
    /// around it is too unusual.
    NoWay(String),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYaml(Format::Json) => {
                f.write_str("only YAML is edited, and this is JSON: change it by hand, or in what makes it")
            }
            Self::NotYaml(_) => f.write_str("only YAML is edited: change the file that this one is made of"),
            Self::Encoding => f.write_str("the file is not UTF-8"),
            Self::Syntax => f.write_str("the file is not YAML"),
            Self::Path(path) => write!(f, "`{path}` leads to no field"),
            Self::Value(path) => write!(f, "the new value of `{path}` is not YAML"),
            Self::NoWay(path) => {
                write!(
                    f,
                    "`{path}` can't be changed by itself: an anchor shares it, or the text around it is unusual"
                )
            }
        }
    }
}

impl std::error::Error for EditError {}

/// Makes the changes, one behind the other: the file as it would be, under the same name.
///
/// # Errors
///
/// Why one of them can't be made; nothing is changed then.
pub fn edit(source: &Source, changes: &[FieldChange]) -> Result<Source, EditError> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if source.format() != Format::Yaml {
        return Err(EditError::NotYaml(source.format()));
    }
    let (mark, rest) = match source.bytes().strip_prefix(MARK) {
        Some(rest) => (MARK, rest),
        None => (&[][..], source.bytes()),
    };
    let mut text = std::str::from_utf8(rest).map_err(|_| EditError::Encoding)?.to_owned();
    for change in changes {
        text = apply(&text, change)?;
    }
    Ok(Source::new(source.name(), [mark, text.as_bytes()].concat()))
}

fn apply(text: &str, change: &FieldChange) -> Result<String, EditError> {
    let steps = steps(&change.path).ok_or_else(|| EditError::Path(change.path.clone()))?;
    let value = match &change.value {
        Some(value) => Some(read(value).ok_or_else(|| EditError::Value(change.path.clone()))?),
        None => None,
    };
    let made = with_nodes(text, |root| {
        let before = Plain::of(root);
        let mut wanted = before.clone();
        wanted.change(&steps, value.as_ref())?;
        let ways = match (&change.value, &value) {
            _ if wanted == before => vec![text.to_owned()],
            (Some(written), Some(value)) => write::set(text, root, &steps, written, value),
            _ => write::remove(text, root, &steps),
        };
        Some((wanted, ways))
    });
    let made = made.ok_or(EditError::Syntax)?;
    let (wanted, ways) = made.ok_or_else(|| EditError::Path(change.path.clone()))?;
    let way = ways.into_iter().find(|way| read(way).as_ref() == Some(&wanted));
    way.ok_or_else(|| EditError::NoWay(change.path.clone()))
}

/// The steps of a path; `None` where it is none.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, behind) = next_step(rest)?;
        steps.push(step);
        rest = behind;
    }
    (!steps.is_empty()).then_some(steps)
}

/// What a text says, without its places.
fn read(text: &str) -> Option<Plain> {
    with_nodes(text, Plain::of)
}

/// Reads a text as configurations are read, with the same indulgence.
fn with_nodes<T>(text: &str, then: impl FnOnce(&crate::text::Node<'_>) -> T) -> Option<T> {
    let mut files = Files::default();
    let base = files.add("".into(), text.into())?;
    let parsed = yaml(&files, base).ok()?;
    Some(then(&parsed.root))
}

#[cfg(test)]
mod tests;
