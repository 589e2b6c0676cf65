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
    /// Its values, by dotted path.
    pub values: BTreeMap<Box<str>, Value>,
}

impl Runtime {
    /// The value of a key in the last layer that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.layers.iter().rev().find_map(|layer| layer.values.get(key))
    }

    /// The value of a key as a whole number, where it is one and not negative.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and in range"
    )]
    pub fn integer(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Number(n) if *n >= 0.0 && *n <= 9e15 && n.fract() == 0.0 => Some(*n as u64),
            Value::String(text) => text.parse().ok(),
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
            Some(Value::Object(fields)) => {
                let number = |key: &str| match fields.get(key) {
                    Some(Value::Number(n)) if *n >= 0.0 => Some(n.trunc()),
                    _ => None,
                };
                let denominator = match fields.get("denominator") {
                    Some(Value::String(name)) if &**name == "TEN_THOUSAND" => 10_000,
                    Some(Value::String(name)) if &**name == "MILLION" => 1_000_000,
                    _ => 100,
                };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "checked; `as` saturates"
                )]
                number("numerator").map_or(default, |n| (n as u64, denominator))
            }
            Some(_) => runtime.integer(&self.runtime_key).map_or(default, |percent| (percent, 100)),
            None => default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_overrides_the_default_and_the_last_layer_wins() {
        let layer = |n: f64| RuntimeLayer {
            name: "l".into(),
            values: BTreeMap::from([("k".into(), Value::Number(n))]),
        };
        let runtime = Runtime { layers: vec![layer(1.0), layer(100.0)] };
        let fraction = RuntimeFraction { numerator: 3, denominator: 10_000, runtime_key: "k".into() };
        assert_eq!(fraction.resolve(&runtime), (100, 100));
        assert_eq!(fraction.resolve(&Runtime::default()), (3, 10_000));
    }
}
