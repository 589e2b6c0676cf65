//! Paths of fields: `static_resources.clusters[0].health_checks[0].timeout`.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{Any, Body, Message, Value};

/// A step of a path.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Field(&'static str),
    Index(usize),
    Key(String),
}

/// Joins steps.
pub(crate) fn join(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Field(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Index(index) => {
                let _ = write!(out, "[{index}]");
            }
            Step::Key(key) => {
                let _ = write!(out, "[\"{key}\"]");
            }
        }
    }
    out
}

/// The paths of messages, by their addresses, which have to be sorted.
pub(crate) fn find(root: &Message<'_>, addresses: &[usize]) -> HashMap<usize, String> {
    let mut finder = Finder { addresses, steps: Vec::new(), found: HashMap::new() };
    if !addresses.is_empty() {
        finder.message(root);
    }
    finder.found
}

struct Finder<'a> {
    addresses: &'a [usize],
    steps: Vec<Step>,
    found: HashMap<usize, String>,
}

impl Finder<'_> {
    fn message(&mut self, message: &Message<'_>) {
        let address = message.address();
        if self.addresses.binary_search(&address).is_ok() {
            self.found.insert(address, join(&self.steps));
        }
        for entry in &message.entries {
            self.steps.push(Step::Field(entry.field.name()));
            self.value(&entry.value);
            self.steps.pop();
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Message(message) => self.message(message),
            Value::Any(any) => self.any(any),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.steps.push(Step::Index(index));
                    self.value(&item.value);
                    self.steps.pop();
                }
            }
            Value::Map(items) => {
                for item in items {
                    self.steps.push(Step::Key(item.key.to_text().into_owned()));
                    self.value(&item.item.value);
                    self.steps.pop();
                }
            }
            _ => {}
        }
    }

    fn any(&mut self, any: &Any<'_>) {
        match &any.body {
            Body::Message(message) => self.message(message),
            Body::Struct { wrapper, inner } => {
                self.message(wrapper);
                if let Some(inner) = inner {
                    self.steps.push(Step::Field("value"));
                    self.message(inner);
                    self.steps.pop();
                }
            }
            Body::Empty | Body::Value(..) | Body::Unknown(_) => {}
        }
    }
}
