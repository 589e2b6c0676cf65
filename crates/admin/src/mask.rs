//! Field masks (`google.protobuf.FieldMask`), on messages in their JSON form.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Which fields of a message to keep; all of them where it is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Mask<'a>(BTreeMap<&'a str, Self>);

/// The mask leads through a list, or into something that is no message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit;

impl<'a> Mask<'a> {
    /// Reads `a.b,c`.
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut mask = Self::default();
        for path in text.split(',').filter(|path| !path.is_empty()) {
            mask.add(path);
        }
        mask
    }

    fn add(&mut self, path: &'a str) {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        // A field that is kept whole stays whole, whatever else is said of its parts.
        let whole = self.0.get(first).is_some_and(|inner| inner.0.is_empty());
        let inner = self.0.entry(first).or_default();
        if rest.is_empty() {
            inner.0.clear();
        } else if !whole {
            inner.add(rest);
        }
    }

    /// The fields that are named first.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, &Self)> {
        self.0.iter().map(|(name, inner)| (*name, inner))
    }

    /// Whether all of a message is kept.
    pub(crate) fn keeps_all(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left of a message. `@type` is no field, and stays.
    pub(crate) fn apply(&self, value: Value) -> Result<Value, Unfit> {
        if self.keeps_all() {
            return Ok(value);
        }
        let Value::Object(fields) = value else { return Err(Unfit) };
        let mut kept = Map::new();
        for (name, field) in fields {
            if name == "@type" {
                kept.insert(name, field);
            } else if let Some(inner) = self.0.get(name.as_str()) {
                kept.insert(name, inner.apply(field)?);
            }
        }
        Ok(Value::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_kept_at_any_depth() {
        let value = json!({"@type": "t", "a": {"b": 1, "c": {"d": 2}}, "e": [{"f": 3}], "g": 4});
        let apply = |mask: &str| Mask::parse(mask).apply(value.clone());
        assert_eq!(apply("a.b,g"), Ok(json!({"@type": "t", "a": {"b": 1}, "g": 4})));
        assert_eq!(apply("a.c.d,a"), Ok(json!({"@type": "t", "a": {"b": 1, "c": {"d": 2}}})));
        assert_eq!(apply("a,a.b"), apply("a"));
        assert_eq!(apply("a.x"), Ok(json!({"@type": "t", "a": {}})));
        assert_eq!(apply("e"), Ok(json!({"@type": "t", "e": [{"f": 3}]})));
        assert_eq!(apply(""), Ok(value.clone()));
        assert_eq!(apply("e.f"), Err(Unfit));
        assert_eq!(apply("g.h"), Err(Unfit));
    }
}
