//! Descriptors → [`Schema`].

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value,
};

use super::model::{Enum, EnumValue, Field, Form, Kind, Message, Oneof, Schema};
use super::rules;
use crate::Failure;

/// Takes everything a configuration can hold: the messages of these packages and what they refer to.
const PACKAGES: &[&str] = &["envoy.", "xds.", "udpa.type."];
/// Packages that only annotate protos.
const ANNOTATIONS: &[&str] = &["envoy.annotations", "xds.annotations", "udpa.annotations", "validate"];

/// Reads a descriptor set.
pub(super) fn collect(descriptors: &[u8]) -> Result<Schema, Failure> {
    let pool = DescriptorPool::decode(descriptors)?;
    let mut messages = BTreeMap::new();
    let mut enums = BTreeSet::new();
    let mut waiting: Vec<MessageDescriptor> = pool
        .all_messages()
        .filter(|message| {
            let package = message.package_name();
            PACKAGES.iter().any(|prefix| package.starts_with(prefix))
                && !ANNOTATIONS.iter().any(|prefix| package.starts_with(prefix))
        })
        .collect();
    while let Some(message) = waiting.pop() {
        if messages.insert(message.full_name().to_owned(), message.clone()).is_some() {
            continue;
        }
        for field in message.fields() {
            if let Some(target) = field.kind().as_message() {
                waiting.push(target.clone());
            }
            if let Some(target) = field.kind().as_enum() {
                enums.insert(target.full_name().to_owned());
            }
        }
    }
    let message_names: BTreeMap<&str, usize> =
        messages.keys().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    let enum_names: BTreeMap<&str, usize> =
        enums.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();

    let reader = Reader { pool: &pool, messages: &message_names, enums: &enum_names };
    let mut previous = Vec::new();
    let mut collected = Vec::new();
    for (name, message) in &messages {
        if let Some(old) = reader.previous_name(message) {
            previous.push((old, collected.len()));
        }
        collected.push(reader.message(message).map_err(|error| format!("{name}: {error}"))?);
    }
    previous.sort();
    let enums = enums.iter().map(|name| reader.enumeration(name)).collect::<Result<_, _>>()?;
    Ok(Schema { messages: collected, enums, previous })
}

struct Reader<'a> {
    pool: &'a DescriptorPool,
    messages: &'a BTreeMap<&'a str, usize>,
    enums: &'a BTreeMap<&'a str, usize>,
}

impl Reader<'_> {
    fn message(&self, message: &MessageDescriptor) -> Result<Message, Failure> {
        let oneofs: Vec<_> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
        let mut fields = message
            .fields()
            .map(|field| self.field(&field, &oneofs).map_err(|error| format!("{}: {error}", field.name())))
            .collect::<Result<Vec<_>, _>>()?;
        fields.sort_by_key(|field| field.number);
        Ok(Message {
            name: message.full_name().to_owned(),
            form: Form::of(message.full_name(), message.is_map_entry()),
            fields,
            oneofs: oneofs
                .iter()
                .map(|oneof| Oneof {
                    name: oneof.name().to_owned(),
                    required: self.flag(&oneof.options(), "validate.required"),
                })
                .collect(),
            reserved: message.reserved_names().map(str::to_owned).collect(),
        })
    }

    fn field(
        &self,
        field: &FieldDescriptor,
        oneofs: &[prost_reflect::OneofDescriptor],
    ) -> Result<Field, Failure> {
        if field.json_name() != camel_case(field.name()) {
            return Err(format!("its JSON name `{}` is not the usual one", field.json_name()).into());
        }
        let options = field.options();
        let kind = match field.kind() {
            prost_reflect::Kind::Message(target) => Kind::Message(
                *self.messages.get(target.full_name()).ok_or("refers to a message that was left out")?,
            ),
            prost_reflect::Kind::Enum(target) => {
                Kind::Enum(*self.enums.get(target.full_name()).ok_or("refers to an enum that was left out")?)
            }
            scalar => Kind::Scalar(scalar_code(&scalar)?),
        };
        let rules = match self.extension(&options, "validate.rules") {
            Some(Value::Message(rules)) => rules::read(&rules)?,
            _ => Vec::new(),
        };
        let oneof = field
            .containing_oneof()
            .and_then(|oneof| oneofs.iter().position(|other| other.name() == oneof.name()));
        Ok(Field {
            name: field.name().to_owned(),
            number: field.number(),
            kind,
            list: field.is_list(),
            map: field.is_map(),
            presence: field.supports_presence(),
            deprecated: matches!(option(&options, "deprecated"), Some(Value::Bool(true))),
            disallowed: self.flag(&options, "envoy.annotations.disallowed_by_default"),
            sensitive: self.flag(&options, "udpa.annotations.sensitive"),
            oneof,
            rules,
        })
    }

    fn enumeration(&self, name: &str) -> Result<Enum, Failure> {
        let descriptor = self.pool.get_enum_by_name(name).ok_or("an enum vanished")?;
        let values = descriptor
            .values()
            .map(|value| {
                let options = value.options();
                EnumValue {
                    name: value.name().to_owned(),
                    number: value.number(),
                    deprecated: matches!(option(&options, "deprecated"), Some(Value::Bool(true))),
                    disallowed: self.flag(&options, "envoy.annotations.disallowed_by_default_enum"),
                }
            })
            .collect();
        Ok(Enum { name: name.to_owned(), values })
    }

    /// The name an extension's configuration had in version 2 of the API.
    fn previous_name(&self, message: &MessageDescriptor) -> Option<String> {
        if !message.package_name().starts_with("envoy.extensions.") || message.parent_message().is_some() {
            return None;
        }
        let versioning = self.extension(&message.options(), "udpa.annotations.versioning")?;
        let versioning = versioning.as_message()?.get_field_by_name("previous_message_type")?.into_owned();
        versioning.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
    }

    fn flag(&self, options: &DynamicMessage, name: &str) -> bool {
        matches!(self.extension(options, name), Some(Value::Bool(true)))
    }

    fn extension(&self, options: &DynamicMessage, name: &str) -> Option<Value> {
        let extension = self.pool.get_extension_by_name(name)?;
        options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
    }
}

fn option(options: &DynamicMessage, name: &str) -> Option<Value> {
    let field = options.descriptor().get_field_by_name(name)?;
    options.has_field(&field).then(|| options.get_field(&field).into_owned())
}

/// The codes of `schema::Scalar`.
fn scalar_code(kind: &prost_reflect::Kind) -> Result<u8, Failure> {
    use prost_reflect::Kind;
    Ok(match kind {
        Kind::Double => 0,
        Kind::Float => 1,
        Kind::Int32 => 2,
        Kind::Int64 => 3,
        Kind::Uint32 => 4,
        Kind::Uint64 => 5,
        Kind::Sint32 => 6,
        Kind::Sint64 => 7,
        Kind::Fixed32 => 8,
        Kind::Fixed64 => 9,
        Kind::Sfixed32 => 10,
        Kind::Sfixed64 => 11,
        Kind::Bool => 12,
        Kind::String => 13,
        Kind::Bytes => 14,
        Kind::Enum(_) | Kind::Message(_) => return Err("not a scalar".into()),
    })
}

/// The JSON name that protobuf gives a field unless it is told another.
fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}
