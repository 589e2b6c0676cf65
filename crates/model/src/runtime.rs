//! Runtime values: settings that stand outside the resources that use them.

use std::collections::BTreeMap;

use crate::Value;

/// The merged layers of `layered_runtime`: later layers win. Keys are dotted paths.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runtime {
    /// The layers, in their order.
    pub layers: Vec<RuntimeLayer>,
}

/// One layer of [`Runtime`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuntimeLayer {
    /// Its name.
    pub name: Box<str>,
    /// Whether it is the one that the admin server may change (`admin_layer`); empty in the file.
    pub is_admin: bool,
    /// Its values, by dotted path.
    pub values: BTreeMap<Box<str>, Value>,
}

impl Runtime {
    /// The value of a key in the last layer that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.layers.iter().rev().find_map(|layer| layer.values.get(key))
    }

    /// The value of a key as a number rounded down, where it is one, or a text that is one, and not
    /// negative.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Number(n) => whole(*n),
            Value::String(text) => whole(text.trim().parse().ok()?),
            _ => None,
        }
    }

    /// The value of a key as a boolean, where it is one, or the text `true` or `false`.
    #[must_use]
    pub fn boolean(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

/// `config.core.v3.RuntimeFractionalPercent`: a share of requests that a runtime key may override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFraction {
    /// Of `denominator` requests this many match, unless the key is set.
    pub numerator: u32,
    /// 100, 10 000 or 1 000 000.
    pub denominator: u32,
    /// The runtime key that overrides the share: a number is taken as per cent, an object as
    /// `{numerator, denominator}`. Empty where there is none.
    pub runtime_key: Box<str>,
}

impl RuntimeFraction {
    /// The share that holds under a runtime: `(numerator, denominator)`.
    #[must_use]
    pub fn resolve(&self, runtime: &Runtime) -> (u64, u64) {
        let default = (u64::from(self.numerator), u64::from(self.denominator));
        if self.runtime_key.is_empty() {
            return default;
        }
        match runtime.get(&self.runtime_key) {
            Some(Value::Object(fields)) => fraction(fields).unwrap_or(default),
            Some(_) => runtime.integer(&self.runtime_key).map_or(default, |percent| (percent, 100)),
            None => default,
        }
    }
}

/// Rounds down; `None` for what is negative or no number. Too large a number becomes the largest.
fn whole(n: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked; `as` saturates")]
    (n >= 0.0).then_some(n as u64)
}

/// `type.v3.FractionalPercent` as a runtime value. Envoy takes no notice of one that it can't read.
fn fraction(fields: &BTreeMap<Box<str>, Value>) -> Option<(u64, u64)> {
    let (mut numerator, mut denominator) = (0, 100);
    for (key, value) in fields {
        match (&**key, value) {
            ("numerator", Value::Number(n)) if n.fract() == 0.0 => numerator = whole(*n)?,
            ("denominator", Value::String(name)) if &**name == "HUNDRED" => denominator = 100,
            ("denominator", Value::String(name)) if &**name == "TEN_THOUSAND" => denominator = 10_000,
            ("denominator", Value::String(name)) if &**name == "MILLION" => denominator = 1_000_000,
            _ => return None,
        }
    }
    Some((numerator, denominator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_down_and_objects_read_strictly() {
        let object = |fields: &[(&str, Value)]| {
            Value::Object(fields.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
        };
        let text = |text: &str| Value::String(text.into());
        for (value, share) in [
            (Value::Number(0.9), (0, 100)),
            (Value::Number(50.5), (50, 100)),
            (text("50 "), (50, 100)),
            (text("abc"), (3, 10_000)),
            (Value::Bool(true), (3, 10_000)),
            (Value::Number(-1.0), (3, 10_000)),
            (object(&[("numerator", Value::Number(5.0))]), (5, 100)),
            (object(&[("numerator", Value::Number(5.0)), ("denominator", text("MILLION"))]), (5, 1_000_000)),
            (object(&[("numerator", text("50"))]), (3, 10_000)),
            (object(&[("numerator", Value::Number(50.7))]), (3, 10_000)),
            (object(&[("numerator", Value::Number(50.0)), ("bogus", Value::Null)]), (3, 10_000)),
        ] {
            let values = BTreeMap::from([("k".into(), value.clone())]);
            let runtime =
                Runtime { layers: vec![RuntimeLayer { name: "l".into(), is_admin: false, values }] };
            let fraction = RuntimeFraction { numerator: 3, denominator: 10_000, runtime_key: "k".into() };
            assert_eq!(fraction.resolve(&runtime), share, "{value:?}");
        }
    }

    #[test]
    fn a_key_overrides_the_default_and_the_last_layer_wins() {
        let layer = |n: f64| RuntimeLayer {
            name: "l".into(),
            is_admin: false,
            values: BTreeMap::from([("k".into(), Value::Number(n))]),
        };
        let runtime = Runtime { layers: vec![layer(1.0), layer(100.0)] };
        let fraction = RuntimeFraction { numerator: 3, denominator: 10_000, runtime_key: "k".into() };
        assert_eq!(fraction.resolve(&runtime), (100, 100));
        assert_eq!(fraction.resolve(&Runtime::default()), (3, 10_000));
    }
}
