//! The part of `cargo deny` that needs nothing but cargo: licences and banned crates, by `deny.toml`.

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;

use crate::{Failure, root};

/// What `deny.toml` allows and bans.
struct Policy {
    allowed: Vec<String>,
    /// Crate, and why.
    banned: Vec<(String, String)>,
}

/// Checks every package the workspace depends on, and prints what is wrong.
pub(crate) fn check() -> Result<(), Failure> {
    let policy = Policy::read()?;
    let packages = packages()?;
    let mut wrong = 0;
    for package in &packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        let shown = format!("{name} {}", text("version").unwrap_or_default());
        if let Some((_, reason)) = policy.banned.iter().find(|(banned, _)| banned == name) {
            println!("{shown}: banned: {reason}");
            wrong += 1;
        }
        match text("license") {
            Some(license) => match allows(license, &policy.allowed) {
                Ok(true) => {}
                Ok(false) => {
                    println!("{shown}: its licence is not allowed: {license}");
                    wrong += 1;
                }
                Err(error) => {
                    println!("{shown}: its licence can't be read ({error}): {license}");
                    wrong += 1;
                }
            },
            None => {
                println!("{shown}: has no licence");
                wrong += 1;
            }
        }
    }
    if wrong > 0 {
        return Err(format!("{wrong} of {} packages are against deny.toml", packages.len()).into());
    }
    println!("{} packages: licences and bans are in order", packages.len());
    Ok(())
}

impl Policy {
    fn read() -> Result<Self, Failure> {
        let text = std::fs::read_to_string(root().join("deny.toml"))?;
        let table: toml::Table = text.parse()?;
        let strings = |value: Option<&toml::Value>| -> Vec<String> {
            let items = value.and_then(toml::Value::as_array);
            items.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let allowed = strings(table.get("licenses").and_then(|licenses| licenses.get("allow")));
        if allowed.is_empty() {
            return Err("deny.toml allows no licence at all".into());
        }
        let bans = table.get("bans").and_then(|bans| bans.get("deny")).and_then(toml::Value::as_array);
        let banned = bans
            .into_iter()
            .flatten()
            .filter_map(|ban| {
                let text = |key: &str| ban.get(key).and_then(toml::Value::as_str).map(str::to_owned);
                Some((text("crate").or_else(|| text("name"))?, text("reason").unwrap_or_default()))
            })
            .collect();
        Ok(Self { allowed, banned })
    }
}

/// All packages that are built for any target, those of the workspace included.
///
/// `cargo metadata` also lists what a feature would use that nobody turns on (`dep?/feature`); what
/// `cargo tree` does not show is left out.
fn packages() -> Result<Vec<Value>, Failure> {
    let metadata: Value = serde_json::from_slice(&cargo(&["metadata", "--format-version", "1"])?)?;
    let tree = cargo(&["tree", "--workspace", "--edges", "all", "--target", "all", "--prefix", "none"])?;
    let tree = String::from_utf8(tree)?;
    // A line is `name v1.2.3 (notes)`.
    let built: HashSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let listed = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(listed
        .into_iter()
        .filter(|package| match (text(package, "name"), text(package, "version")) {
            (Some(name), Some(version)) => built.contains(&(name.as_str(), version.as_str())),
            _ => true,
        })
        .collect())
}

/// What cargo prints.
fn cargo(arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .args(["--locked", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {} failed:\n{errors}", arguments.join(" ")).into());
    }
    Ok(output.stdout)
}

/// Whether an SPDX expression can be satisfied with the licences that are allowed.
fn allows(expression: &str, allowed: &[String]) -> Result<bool, String> {
    // Before SPDX, a slash stood for `OR`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, allowed };
    let value = parser.any()?;
    if parser.tokens.is_empty() { Ok(value) } else { Err("something follows its end".to_owned()) }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    allowed: &'a [String],
}

impl Parser<'_> {
    fn next_is(&mut self, word: &str) -> bool {
        match self.tokens.split_first() {
            Some((token, rest)) if *token == word => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    /// `A OR B`
    fn any(&mut self) -> Result<bool, String> {
        let mut value = self.all()?;
        while self.next_is("OR") {
            value |= self.all()?;
        }
        Ok(value)
    }

    /// `A AND B`
    fn all(&mut self) -> Result<bool, String> {
        let mut value = self.one()?;
        while self.next_is("AND") {
            value &= self.one()?;
        }
        Ok(value)
    }

    /// `A`, `A WITH exception`, or an expression in parentheses.
    fn one(&mut self) -> Result<bool, String> {
        if self.next_is("(") {
            let value = self.any()?;
            return if self.next_is(")") { Ok(value) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let (name, rest) = self.tokens.split_first().ok_or("it ends too early")?;
        self.tokens = rest;
        let mut license = (*name).to_owned();
        if self.next_is("WITH") {
            let (exception, rest) = self.tokens.split_first().ok_or("it ends too early")?;
            self.tokens = rest;
            license = format!("{license} WITH {exception}");
        }
        Ok(self.allowed.contains(&license))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_satisfied_by_what_is_allowed() {
        let allowed: Vec<String> = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        for (expression, value) in [
            ("MIT", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(GPL-3.0 OR MIT) AND Apache-2.0", true),
            ("MIT OR Apache-2.0 AND GPL-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
        ] {
            assert_eq!(allows(expression, &allowed), Ok(value), "{expression}");
        }
        for expression in ["", "MIT OR", "(MIT", "MIT MIT"] {
            assert!(allows(expression, &allowed).is_err(), "{expression}");
        }
    }
}
