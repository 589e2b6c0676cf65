//! Merging, as protobuf's `MergeFrom`: what is set later wins, lists are joined, messages are merged.

use std::collections::HashMap;

use super::{Entry, Item, MapItem, Message, Value};
use crate::schema::Field;
use crate::source::Span;

impl<'a> Message<'a> {
    /// Merges another message of the same type over this one.
    pub(crate) fn merge(&mut self, other: Self) {
        self.span = self.span.or(other.span);
        for entry in other.entries {
            if entry.field.oneof().is_some() {
                self.entries
                    .retain(|own| own.field == entry.field || own.field.oneof() != entry.field.oneof());
            }
            self.put(entry);
        }
    }

    /// Sets a field; merges where it is set already. Says nothing of oneofs.
    pub(crate) fn put(&mut self, entry: Entry<'a>) {
        match self.entries.iter_mut().find(|own| own.field == entry.field) {
            None => self.entries.push(entry),
            Some(own) => match (&mut own.value, entry.value) {
                (Value::List(own), Value::List(items)) => own.extend(items),
                (Value::Map(own), Value::Map(items)) => merge_map(own, items),
                (Value::Message(own), Value::Message(message)) => own.merge(*message),
                (value, new) => {
                    *value = new;
                    own.key = entry.key;
                    own.span = entry.span;
                }
            },
        }
    }

    /// Sets a field.
    pub(crate) fn set(&mut self, field: Field, key: Span, item: Item<'a>) {
        self.put(Entry::new(field, key, item));
    }
}

/// Later entries replace earlier ones of the same key.
fn merge_map<'a>(own: &mut Vec<MapItem<'a>>, items: Vec<MapItem<'a>>) {
    own.extend(items);
    keep_last(own);
}

/// Of entries that share a key, keeps the last.
pub(super) fn keep_last(items: &mut Vec<MapItem<'_>>) {
    let mut last: HashMap<String, usize> = HashMap::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        last.insert(item.key.to_text().into_owned(), at);
    }
    if last.len() < items.len() {
        let mut at = 0;
        items.retain(|item| {
            at += 1;
            last.get(&*item.key.to_text()) == Some(&(at - 1))
        });
    }
}
