//! A report for tools.

use causeway_envoy::Place;
use causeway_reason::Language;
use serde_json::{Value, json};

use super::{Check, Outcome, Report};
use crate::finding::{Evidence, Finding, Fix, Severity, Subject};

/// The schema of reports as JSON (JSON Schema, draft 2020-12). `causeway doctor --schema` prints it.
pub const SCHEMA: &str = include_str!("schema.json");

/// Name of the form, in each report.
const NAME: &str = "causeway-doctor/1";

pub(super) fn to_json(report: &Report, language: Language) -> Value {
    json!({
        "schema": NAME,
        "target": report.target,
        "ran_from": {
            "host": report.ran_from.host,
            "network_namespace": report.ran_from.network_namespace,
            "container": report.ran_from.container,
        },
        "started": report.started,
        "duration_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        "probes": report.probes,
        "summary": {
            "errors": report.count(Severity::Error),
            "warnings": report.count(Severity::Warning),
            "notes": report.count(Severity::Note),
            "passed": report.count_checks(Outcome::Passed),
            "inconclusive": report.count_checks(Outcome::Inconclusive),
        },
        "findings": report.findings.iter().enumerate().map(|(number, finding)| of_finding(report, number, finding, language)).collect::<Vec<_>>(),
        "checks": report.checks.iter().map(|check| of_check(check, language)).collect::<Vec<_>>(),
    })
}

fn of_finding(report: &Report, number: usize, finding: &Finding, language: Language) -> Value {
    let said =
        |texts: &[crate::Said]| texts.iter().map(|text| text.get(language).to_owned()).collect::<Vec<_>>();
    json!({
        "code": finding.cause.code(),
        "slug": finding.cause.key().replace('_', "-"),
        "severity": finding.severity.word(),
        "confidence": finding.grade.word(),
        "title": finding.title.get(language),
        "subject": of_subject(&finding.subject),
        "where": finding.place.iter().map(|place| of_place(place, finding, language)).collect::<Vec<_>>(),
        "effect": finding.effect.as_ref().map(|effect| json!({
            "status": effect.status,
            "flags": effect.flags,
            "details": effect.details,
            "words": effect.words.as_ref().map(|words| words.get(language)),
        })),
        "evidence": finding.evidence.iter().map(|evidence| of_evidence(evidence, language)).collect::<Vec<_>>(),
        "ruled_out": said(&finding.ruled_out),
        "also_explains": finding.also_explains.iter().map(of_subject).collect::<Vec<_>>(),
        "fixes": finding.fixes.iter().enumerate().map(|(at, fix)| of_fix(fix, report.patches.get(&(number, at)), language)).collect::<Vec<_>>(),
        "advice": finding.cause.advice().get(language),
    })
}

fn of_subject(subject: &Subject) -> Value {
    let mut object = serde_json::Map::new();
    let fields = [
        ("listener", &subject.listener),
        ("virtual_host", &subject.virtual_host),
        ("route", &subject.route),
        ("cluster", &subject.cluster),
        ("endpoint", &subject.endpoint),
        ("file", &subject.file),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            object.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(object)
}

fn of_place(place: &Place, finding: &Finding, language: Language) -> Value {
    json!({
        "file": &*place.file,
        "line": place.line,
        "column": place.column,
        "field": finding.field,
        "label": finding.label.get(language),
    })
}

fn of_evidence(evidence: &Evidence, language: Language) -> Value {
    json!({
        "kind": evidence.kind.word(),
        "what": evidence.what.get(language),
        "observed": evidence.observed.get(language),
        "ms": evidence.milliseconds,
        "command": evidence.command,
    })
}

fn of_fix(fix: &Fix, patch: Option<&String>, language: Language) -> Value {
    json!({
        "applicability": if fix.machine_applicable && !fix.edits.is_empty() { "machine" } else { "manual" },
        "what": fix.what.get(language),
        "edits": fix.edits.iter().map(|edit| json!({ "field": edit.field, "value": edit.value })).collect::<Vec<_>>(),
        "patch": patch,
    })
}

fn of_check(check: &Check, language: Language) -> Value {
    let result = match check.outcome {
        Outcome::Passed => "pass",
        Outcome::Failed(severity) => severity.word(),
        Outcome::Inconclusive => "inconclusive",
    };
    json!({
        "id": check.id,
        "result": result,
        "words": check.words.get(language),
        "ms": check.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
    })
}

#[cfg(test)]
mod tests {
    use causeway_envoy::{LoadOptions, Source, load};

    use super::*;
    use crate::{Selection, lint};

    /// What the schema requires of an object, and what it knows.
    fn fields(definition: &Value) -> (Vec<&str>, Vec<&str>) {
        let required = definition["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let known = definition["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        (required, known)
    }

    #[track_caller]
    fn fits(value: &Value, definition: &Value) {
        let (required, known) = fields(definition);
        let object = value.as_object().unwrap();
        for field in required {
            assert!(object.contains_key(field), "{field} is missing");
        }
        for field in object.keys() {
            assert!(known.contains(&field.as_str()), "the schema does not know {field}");
        }
    }

    #[test]
    fn reports_are_as_the_schema_says() {
        let file = "admin:\n  address: {socket_address: {address: 0.0.0.0, port_value: 9901}}\n";
        let source = Source::new("envoy.yaml", file);
        let options = LoadOptions::default();
        let mut report = Report::default();
        lint::lint(&load(&source, &options).bootstrap.unwrap(), &Selection::default(), &mut report);
        report.locate(&source, &options);
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let json = to_json(&report, Language::Korean);
        fits(&json, &schema);
        let finding = &json["findings"][0];
        let definition = &schema["$defs"]["finding"];
        fits(finding, definition);
        fits(&json["checks"][0], &schema["$defs"]["check"]);
        let fix = &finding["fixes"][0];
        fits(fix, &definition["properties"]["fixes"]["items"]);
        let patch = "--- envoy.yaml\n+++ envoy.yaml\n@@ -1,2 +1,2 @@\n admin:\n-  address: {socket_address: {address: 0.0.0.0, port_value: 9901}}\n+  address: {socket_address: {address: 127.0.0.1, port_value: 9901}}\n";
        assert_eq!(fix["patch"], *patch);
    }
}
