//! [`Schema`] → `names.txt` and `tables.rs`.
//!
//! Every name stands once in one pool of text, one on a line; the tables refer to it by offset and
//! length. So the tables hold no pointers, and the loader has nothing to relocate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::model::{Field, Kind, Rule, Schema};
use super::protos::SOURCE;
use crate::Failure;

/// The generated files.
pub(super) struct Tables {
    /// `names.txt`.
    pub(super) pool: String,
    /// `tables.rs`.
    pub(super) rust: String,
}

/// Bits of a reference into the pool that hold the length.
const LENGTH_BITS: u32 = 12;
/// What stands for "none" where an index is stored in 8 bits.
const NONE: u8 = u8::MAX;
/// The kinds of fields behind the scalars.
const ENUM: u8 = 15;
const MESSAGE: u8 = 16;

/// Makes the files.
pub(super) fn emit(schema: &Schema) -> Result<Tables, Failure> {
    let pool = Pool::new(schema);
    let mut writer = Writer { pool: &pool, rules: Vec::new(), texts: Vec::new() };
    let rust = writer.tables(schema)?;
    Ok(Tables { pool: pool.text, rust })
}

/// All names, sorted.
struct Pool {
    text: String,
    offsets: BTreeMap<String, usize>,
}

impl Pool {
    fn new(schema: &Schema) -> Self {
        let mut names = BTreeSet::new();
        for message in &schema.messages {
            names.insert(message.name.as_str());
            names.extend(message.oneofs.iter().map(|oneof| oneof.name.as_str()));
            names.extend(message.reserved.iter().map(String::as_str));
            for field in &message.fields {
                names.insert(&field.name);
                rule_texts(&field.rules, &mut names);
            }
        }
        for enumeration in &schema.enums {
            names.insert(&enumeration.name);
            names.extend(enumeration.values.iter().map(|value| value.name.as_str()));
        }
        names.extend(schema.previous.iter().map(|(name, _)| name.as_str()));
        let mut text = String::new();
        let mut offsets = BTreeMap::new();
        for name in names {
            offsets.insert(name.to_owned(), text.len());
            text.push_str(name);
            text.push('\n');
        }
        Self { text, offsets }
    }

    /// Offset and length of a name in one number.
    fn find(&self, name: &str) -> Result<u32, Failure> {
        let at = *self.offsets.get(name).ok_or("a name that is not in the pool")?;
        if at >> (32 - LENGTH_BITS) != 0 || name.len() >> LENGTH_BITS != 0 {
            return Err("the pool of names outgrew its references".into());
        }
        Ok(u32::try_from(at << LENGTH_BITS | name.len())?)
    }
}

fn rule_texts<'a>(rules: &'a [Rule], names: &mut BTreeSet<&'a str>) {
    for rule in rules {
        match rule {
            Rule::Pattern(text) | Rule::Prefix(text) | Rule::Suffix(text) => {
                names.insert(text);
            }
            Rule::TextIn(texts) => names.extend(texts.iter().map(String::as_str)),
            Rule::Items(rules) | Rule::Keys(rules) | Rule::Values(rules) => rule_texts(rules, names),
            _ => {}
        }
    }
}

struct Writer<'a> {
    pool: &'a Pool,
    rules: Vec<String>,
    texts: Vec<u32>,
}

impl Writer<'_> {
    fn tables(&mut self, schema: &Schema) -> Result<String, Failure> {
        let mut messages = Rows::new("MESSAGES", "M");
        let mut fields = Rows::new("FIELDS", "F");
        let mut oneofs = Rows::new("ONEOFS", "O");
        let mut reserved = Rows::new("RESERVED", "T");
        for message in &schema.messages {
            let name = self.pool.find(&message.name)?;
            messages.push(format!(
                "M({name}, {}, {}, {}, {}, {}, {}, {})",
                fields.len()?,
                u8::try_from(message.fields.len())?,
                oneofs.len()?,
                u8::try_from(message.oneofs.len())?,
                reserved.len()?,
                u8::try_from(message.reserved.len())?,
                message.form as u8,
            ));
            for field in &message.fields {
                let row = self.field(field).map_err(|error| format!("{}: {error}", message.name))?;
                fields.push(row);
            }
            for oneof in &message.oneofs {
                let name = self.pool.find(&oneof.name)?;
                oneofs.push(format!("O({name}, {})", oneof.required));
            }
            for name in &message.reserved {
                reserved.push(format!("T({})", self.pool.find(name)?));
            }
        }

        let mut enums = Rows::new("ENUMS", "E");
        let mut values = Rows::new("ENUM_VALUES", "V");
        for enumeration in &schema.enums {
            let name = self.pool.find(&enumeration.name)?;
            let count = u16::try_from(enumeration.values.len())?;
            enums.push(format!("E({name}, {}, {count})", values.len()?));
            for value in &enumeration.values {
                let flags = u8::from(value.deprecated) | u8::from(value.disallowed) << 1;
                values.push(format!("V({}, {}, {flags})", self.pool.find(&value.name)?, value.number));
            }
        }

        let mut previous = Rows::new("PREVIOUS", "P");
        for (name, message) in &schema.previous {
            previous.push(format!("P({}, {message})", self.pool.find(name)?));
        }
        let mut rules = Rows::new("RULES", "R");
        rules.rows = std::mem::take(&mut self.rules);
        let mut texts = Rows::new("RULE_TEXTS", "T");
        texts.rows = self.texts.iter().map(|text| format!("T({text})")).collect();

        let (source, version) = SOURCE;
        let mut out = format!(
            "//! Made by `cargo xtask gen-schema` from the protos of {source} {version}; not to be edited.\n\n\
             use super::rows::{{\n    EnumRow as E, EnumValueRow as V, FieldRow as F, MessageRow as M, OneofRow as O, PreviousRow as P, Rule as R,\n    Text as T,\n}};\n\n\
             pub(super) static POOL: &str = include_str!(\"names.txt\");\n"
        );
        for rows in [messages, fields, oneofs, reserved, enums, values, previous, rules, texts] {
            rows.write(&mut out);
        }
        Ok(out)
    }

    fn field(&mut self, field: &Field) -> Result<String, Failure> {
        let (kind, target) = match field.kind {
            Kind::Scalar(code) => (code, 0),
            Kind::Enum(index) => (ENUM, index),
            Kind::Message(index) => (MESSAGE, index),
        };
        let flags = u8::from(field.list)
            | u8::from(field.map) << 1
            | u8::from(field.presence) << 2
            | u8::from(field.deprecated) << 3
            | u8::from(field.disallowed) << 4
            | u8::from(field.sensitive) << 5;
        let (first, count) = self.rules(&field.rules)?;
        Ok(format!(
            "F({}, {}, {kind}, {flags}, {}, {}, {first}, {count})",
            self.pool.find(&field.name)?,
            field.number,
            u16::try_from(target)?,
            field.oneof.map_or(Ok(NONE), u8::try_from)?,
        ))
    }

    /// Adds rules, those they hold first, and says where they stand.
    fn rules(&mut self, rules: &[Rule]) -> Result<(u16, u8), Failure> {
        let rows = rules.iter().map(|rule| self.rule(rule)).collect::<Result<Vec<_>, _>>()?;
        let first = if rows.is_empty() { 0 } else { u16::try_from(self.rules.len())? };
        let count = u8::try_from(rows.len())?;
        self.rules.extend(rows);
        Ok((first, count))
    }

    fn rule(&mut self, rule: &Rule) -> Result<String, Failure> {
        let text = |name: &str, text: &str| -> Result<String, Failure> {
            Ok(format!("R::{name}(T({}))", self.pool.find(text)?))
        };
        Ok(match rule {
            Rule::Required => "R::Required".to_owned(),
            Rule::SkipMessage => "R::SkipMessage".to_owned(),
            Rule::IgnoreEmpty => "R::IgnoreEmpty".to_owned(),
            Rule::Const(value) => format!("R::Const({value})"),
            Rule::MinLen(length) => format!("R::MinLen({length})"),
            Rule::MaxLen(length) => format!("R::MaxLen({length})"),
            Rule::MinBytes(length) => format!("R::MinBytes({length})"),
            Rule::MaxBytes(length) => format!("R::MaxBytes({length})"),
            Rule::Pattern(pattern) => text("Pattern", pattern)?,
            Rule::Prefix(prefix) => text("Prefix", prefix)?,
            Rule::Suffix(suffix) => text("Suffix", suffix)?,
            Rule::TextIn(texts) => {
                let first = u16::try_from(self.texts.len())?;
                for text in texts {
                    self.texts.push(self.pool.find(text)?);
                }
                format!("R::TextIn({first}, {})", u8::try_from(texts.len())?)
            }
            Rule::HeaderName { strict } => format!("R::HeaderName({strict})"),
            Rule::HeaderValue { strict } => format!("R::HeaderValue({strict})"),
            Rule::Bound(name, bound) => format!("R::{name}({bound})"),
            Rule::FloatBound(name, bound) => format!("R::Float{name}({bound:?})"),
            Rule::DefinedOnly => "R::DefinedOnly".to_owned(),
            Rule::NotNumber(number) => format!("R::NotNumber({number})"),
            Rule::MinItems(count) => format!("R::MinItems({count})"),
            Rule::MaxItems(count) => format!("R::MaxItems({count})"),
            Rule::Unique => "R::Unique".to_owned(),
            Rule::MinPairs(count) => format!("R::MinPairs({count})"),
            Rule::Items(rules) => self.nested("Items", rules)?,
            Rule::Keys(rules) => self.nested("Keys", rules)?,
            Rule::Values(rules) => self.nested("Values", rules)?,
        })
    }

    fn nested(&mut self, name: &str, rules: &[Rule]) -> Result<String, Failure> {
        let (first, count) = self.rules(rules)?;
        Ok(format!("R::{name}({first}, {count})"))
    }
}

/// One table.
struct Rows {
    name: &'static str,
    kind: &'static str,
    rows: Vec<String>,
}

impl Rows {
    fn new(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind, rows: Vec::new() }
    }

    fn push(&mut self, row: String) {
        self.rows.push(row);
    }

    fn len(&self) -> Result<u16, Failure> {
        Ok(u16::try_from(self.rows.len())?)
    }

    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "\npub(super) static {}: [{}; {}] = [", self.name, self.kind, self.rows.len());
        for row in &self.rows {
            let _ = writeln!(out, "    {row},");
        }
        out.push_str("];\n");
    }
}
