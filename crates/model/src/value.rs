//! Untyped values (`google.protobuf.Struct`) and the metadata made of them.

use std::collections::BTreeMap;

/// A JSON value (`google.protobuf.Value`).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; all numbers are doubles, as in `google.protobuf.Value`.
    Number(f64),
    /// A string.
    String(Box<str>),
    /// A list.
    List(Vec<Self>),
    /// An object; keys in their natural order.
    Object(BTreeMap<Box<str>, Self>),
}

/// `config.core.v3.Metadata.filter_metadata`: for each namespace an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(pub BTreeMap<Box<str>, Value>);

impl Metadata {
    /// Sets the value of a key inside a namespace.
    pub fn set(&mut self, namespace: &str, key: &str, value: Value) {
        let namespace = self.0.entry(namespace.into()).or_insert_with(|| Value::Object(BTreeMap::new()));
        if let Value::Object(fields) = namespace {
            fields.insert(key.into(), value);
        }
    }

    /// The value at a path of keys inside a namespace.
    #[must_use]
    pub fn get(&self, namespace: &str, path: &[Box<str>]) -> Option<&Value> {
        let mut value = self.0.get(namespace)?;
        for key in path {
            let Value::Object(fields) = value else { return None };
            value = fields.get(key)?;
        }
        Some(value)
    }
}
