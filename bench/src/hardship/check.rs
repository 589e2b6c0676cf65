//! A figure, its limit, and whether it is within it.

use std::fmt::Write;

use serde_json::{Value, json};

/// One figure.
#[derive(Clone, Debug)]
pub(super) struct Check {
    contender: String,
    /// Whether it counts; the figures of others are only shown.
    judged: bool,
    kind: &'static str,
    what: String,
    value: f64,
    limit: Limit,
    unit: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Check {
    /// It must not be more.
    pub(super) fn at_most(
        kind: &'static str,
        what: &str,
        value: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            contender: String::new(),
            judged: true,
            kind,
            what: what.into(),
            value,
            limit: Limit::AtMost(limit),
            unit,
        }
    }

    /// It must not be less.
    pub(super) fn at_least(
        kind: &'static str,
        what: &str,
        value: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self { limit: Limit::AtLeast(limit), ..Self::at_most(kind, what, value, limit, unit) }
    }

    /// It could not be measured.
    pub(super) fn failed(kind: &'static str, why: &str) -> Self {
        let why = why.lines().next().unwrap_or_default();
        Self::at_most(kind, &format!("not measured: {why}"), f64::NAN, 0.0, "")
    }

    /// Whose it is, and whether it counts.
    pub(super) fn of(mut self, contender: &str, judged: bool) -> Self {
        self.contender = contender.to_owned();
        self.judged = judged;
        self
    }

    pub(super) const fn is_judged(&self) -> bool {
        self.judged
    }

    pub(super) fn passed(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let (at_most, at_least) = match self.limit {
            Limit::AtMost(limit) => (Some(limit), None),
            Limit::AtLeast(limit) => (None, Some(limit)),
        };
        json!({
            "proxy": self.contender,
            "kind": self.kind,
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "at_most": at_most,
            "at_least": at_least,
            "judged": self.judged,
            "passed": self.passed(),
        })
    }
}

/// All of them, as a table.
pub(super) fn table(checks: &[Check]) -> String {
    let mut out = String::new();
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    for check in checks {
        let sign = match check.limit {
            Limit::AtMost(limit) => format!("≤ {limit}"),
            Limit::AtLeast(limit) => format!("≥ {limit}"),
        };
        let verdict = match (check.passed(), check.judged) {
            (true, true) => "PASS",
            (false, true) => "FAIL",
            (true, false) => "ok",
            (false, false) => "over",
        };
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{verdict:<5} {:<9} {:<12} {:<width$} {:>10.2} {:<5} {sign}",
            check.contender, check.kind, check.what, check.value, check.unit,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_measured_is_failed() {
        assert!(!Check::failed("slow", "no proxy\nmore").passed());
        assert!(Check::at_most("slow", "memory", 8.0, 8.0, "KiB").passed());
        assert!(!Check::at_least("slow", "answered", 7999.0, 8000.0, "").passed());
        let text = table(&[Check::at_most("slow", "memory", 9.0, 8.0, "KiB")]);
        assert!(text.starts_with("FAIL ") && text.contains("9.00 KiB") && text.contains("≤ 8"), "{text}");
    }
}
