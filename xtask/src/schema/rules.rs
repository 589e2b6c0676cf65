//! The rules of protoc-gen-validate, `(validate.rules)`.
//!
//! A rule that is not known here stops the generator: none may get lost.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::model::Rule;
use crate::Failure;

/// Reads a `validate.FieldRules`.
pub(super) fn read(rules: &DynamicMessage) -> Result<Vec<Rule>, Failure> {
    let mut out = Vec::new();
    for (field, value) in rules.fields() {
        let Value::Message(inner) = value else {
            return Err(format!("rule `{}` is not a message", field.name()).into());
        };
        for (rule, value) in inner.fields() {
            let strict = strict(inner);
            out.extend(one(field.name(), rule.name(), value, strict)?);
        }
    }
    Ok(out)
}

fn one(kind: &str, rule: &str, value: &Value, strict: bool) -> Result<Option<Rule>, Failure> {
    let unknown = || -> Failure { format!("the rule {kind}.{rule} is not known to the generator").into() };
    let count = || value.as_u64().ok_or_else(unknown);
    let text = || value.as_str().map(str::to_owned).ok_or_else(unknown);
    let nested = || value.as_message().ok_or_else(unknown).and_then(read);
    let on = value.as_bool() == Some(true);
    let bound = |name| -> Result<Rule, Failure> {
        Ok(match value {
            Value::F32(number) => Rule::FloatBound(name, f64::from(*number)),
            Value::F64(number) => Rule::FloatBound(name, *number),
            Value::Message(duration) => Rule::Bound(name, nanoseconds(duration)?),
            _ => Rule::Bound(name, integer(value).ok_or_else(unknown)?),
        })
    };
    let off = kind != "bool" && value.as_bool() == Some(false);
    if off || rule == "strict" {
        // `strict` is read together with the rule it belongs to.
        return Ok(None);
    }
    Ok(Some(match (kind, rule) {
        ("message" | "duration" | "timestamp" | "any", "required") if on => Rule::Required,
        ("message", "skip") if on => Rule::SkipMessage,
        (_, "ignore_empty") if on => Rule::IgnoreEmpty,
        ("bool", "const") => Rule::Const(on),
        ("string", "min_len") => Rule::MinLen(count()?),
        ("string", "max_len") => Rule::MaxLen(count()?),
        ("string", "min_bytes") | ("bytes", "min_len") => Rule::MinBytes(count()?),
        ("string", "max_bytes") | ("bytes", "max_len") => Rule::MaxBytes(count()?),
        ("string", "pattern") => Rule::Pattern(text()?),
        ("string", "prefix") => Rule::Prefix(text()?),
        ("string", "suffix") => Rule::Suffix(text()?),
        ("string", "in") => Rule::TextIn(
            value
                .as_list()
                .ok_or_else(unknown)?
                .iter()
                .map(|value| value.as_str().map(str::to_owned).ok_or_else(unknown))
                .collect::<Result<_, _>>()?,
        ),
        ("string", "well_known_regex") => match value.as_enum_number() {
            Some(1) => Rule::HeaderName { strict },
            Some(2) => Rule::HeaderValue { strict },
            _ => return Err(unknown()),
        },
        ("enum", "defined_only") if on => Rule::DefinedOnly,
        ("enum", "not_in") => match value.as_list() {
            Some([only]) => Rule::NotNumber(integer(only).ok_or_else(unknown)?),
            _ => return Err(unknown()),
        },
        (_, "gt") => bound("Gt")?,
        (_, "gte") => bound("Gte")?,
        (_, "lt") => bound("Lt")?,
        (_, "lte") => bound("Lte")?,
        ("repeated", "min_items") => Rule::MinItems(count()?),
        ("repeated", "max_items") => Rule::MaxItems(count()?),
        ("repeated", "unique") if on => Rule::Unique,
        ("repeated", "items") => Rule::Items(nested()?),
        ("map", "min_pairs") => Rule::MinPairs(count()?),
        ("map", "keys") => Rule::Keys(nested()?),
        ("map", "values") => Rule::Values(nested()?),
        _ => return Err(unknown()),
    }))
}

/// Whether a well-known regular expression is the strict one, which is the default.
fn strict(rules: &DynamicMessage) -> bool {
    let field = rules.descriptor().get_field_by_name("strict");
    !field.is_some_and(|field| rules.has_field(&field) && rules.get_field(&field).as_bool() == Some(false))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::I32(number) => Some(i64::from(*number)),
        Value::I64(number) => Some(*number),
        Value::U32(number) => Some(i64::from(*number)),
        Value::U64(number) => i64::try_from(*number).ok(),
        Value::EnumNumber(number) => Some(i64::from(*number)),
        _ => None,
    }
}

fn nanoseconds(duration: &DynamicMessage) -> Result<i64, Failure> {
    let part = |name| -> Result<i64, Failure> {
        let value = duration.get_field_by_name(name).ok_or("a bound that is no duration")?;
        Ok(integer(&value).ok_or("a bound that is no duration")?)
    };
    let seconds = part("seconds")?.checked_mul(1_000_000_000);
    Ok(seconds.and_then(|ns| ns.checked_add(part("nanos").ok()?)).ok_or("a duration that is too long")?)
}
