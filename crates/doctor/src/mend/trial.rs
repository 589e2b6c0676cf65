//! A file as fixes would make it.

use causeway_envoy::{FieldChange, Format, LoadOptions, Source, edit, load};

use super::diff::difference;
use crate::finding::{Edit, Fix};

/// Tries what fixes would write.
#[derive(Debug)]
pub struct Trial<'s> {
    source: &'s Source,
    /// How the file is read as it is: a fix has to leave it as readable as that. `None` where it can't be used at all.
    options: Option<LoadOptions>,
}

/// What a file would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It loads; the unified diff.
    Loads(String),
    /// It does not load any more.
    Breaks,
    /// The text can't be changed like that, as [`mend`](super::mend) says: it is JSON, or an anchor shares the field.
    NotEdited,
}

impl<'s> Trial<'s> {
    /// For this file.
    #[must_use]
    pub fn new(source: &'s Source, options: &LoadOptions) -> Self {
        // Files that are missing are missing with and without the fix.
        let indulgent = LoadOptions { check_files: false, ..options.clone() };
        let options = [options.clone(), indulgent]
            .into_iter()
            .find(|options| load(source, options).bootstrap.is_some());
        Self { source, options }
    }

    /// What these fixes would make of it, all of them together.
    #[must_use]
    pub fn of(&self, fixes: &[Fix]) -> Tried {
        let changes: Vec<_> = fixes.iter().flat_map(changes).collect();
        let is_json = self.source.format() == Format::Json;
        // JSON is YAML too: what can't be left to a program has to be right all the same.
        let as_yaml = is_json.then(|| Source::new("envoy.yaml", self.source.bytes().to_vec()));
        let Ok(edited) = edit(as_yaml.as_ref().unwrap_or(self.source), &changes) else {
            return Tried::NotEdited;
        };
        match &self.options {
            Some(options) if load(&edited, options).bootstrap.is_none() => Tried::Breaks,
            Some(_) | None if is_json => Tried::NotEdited,
            Some(_) | None => Tried::Loads(difference(self.source, &edited)),
        }
    }
}

/// What a fix writes.
pub(super) fn changes(fix: &Fix) -> Vec<FieldChange> {
    let change = |edit: &Edit| FieldChange { path: edit.field.clone(), value: edit.value.clone() };
    fix.edits.iter().map(change).collect()
}
