//! `/reload`: loading the configuration again, and what came of it. Envoy has nothing of the kind.

use std::fmt::Write as _;
use std::time::SystemTime;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::{Reply, Request};
use crate::json::pretty;
use crate::state::Admin;
use crate::time::{between, human, timestamp};
use crate::view::{Diagnostic, ReloadReport, ReloadResult};

/// POST reloads; a configuration that was refused is answered with 422, so that scripts notice.
pub(crate) fn reload(admin: &Admin, request: &Request) -> Reply {
    if !request.is_post() {
        return status(admin, request);
    }
    let report = admin.process.reload();
    let status = match report.result {
        ReloadResult::Applied | ReloadResult::Unchanged => StatusCode::OK,
        ReloadResult::Refused => StatusCode::UNPROCESSABLE_ENTITY,
    };
    show(Some(&report), request, SystemTime::now()).with_status(status)
}

/// What the last reload did; 200 whatever it was.
pub(crate) fn status(admin: &Admin, request: &Request) -> Reply {
    show(admin.process.last_reload().as_ref(), request, request.now)
}

fn show(report: Option<&ReloadReport>, request: &Request, now: SystemTime) -> Reply {
    if request.query.value("format") == Some("json") {
        return Reply::json(pretty(&json!({"last_reload": report.map_or(Value::Null, json)})));
    }
    match report {
        Some(report) => Reply::text(text(report, now)),
        None => Reply::text("There was no reload since the start.\n"),
    }
}

fn text(report: &ReloadReport, now: SystemTime) -> String {
    let mut out = String::new();
    let sentence = match report.result {
        ReloadResult::Applied => "the new configuration is in force",
        ReloadResult::Unchanged => "the file says what is in force already",
        ReloadResult::Refused => "the configuration from before stays in force",
    };
    let _ = writeln!(out, "{}: {sentence}", report.result.word());
    let ago = human(between(report.at, now));
    let _ = writeln!(
        out,
        "{}, {ago} ago, took {}, asked for by {}",
        timestamp(report.at),
        human(report.took),
        report.trigger.word()
    );
    for change in &report.changes {
        let _ = writeln!(out, "{} {} {}", change.kind.word(), change.what, change.name);
    }
    for diagnostic in &report.diagnostics {
        diagnostic_text(&mut out, diagnostic);
    }
    out
}

/// `envoy.yaml:12:3: error: …`, as compilers print it.
fn diagnostic_text(out: &mut String, diagnostic: &Diagnostic) {
    if let Some(position) = &diagnostic.position {
        let _ = write!(out, "{position}: ");
    }
    let _ = writeln!(out, "{}: {}", diagnostic.severity.word(), diagnostic.message);
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "  hint: {hint}");
    }
}

fn json(report: &ReloadReport) -> Value {
    let changes: Vec<_> = report
        .changes
        .iter()
        .map(|change| json!({"kind": change.kind.word(), "what": change.what, "name": change.name}))
        .collect();
    let diagnostics: Vec<_> = report
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let position = diagnostic.position.as_ref().map(|position| {
                json!({
                    "file": position.file.as_deref(),
                    "line": position.line,
                    "column": position.column,
                })
            });
            json!({
                "severity": diagnostic.severity.word(),
                "position": position,
                "message": diagnostic.message,
                "hint": diagnostic.hint,
            })
        })
        .collect();
    json!({
        "result": report.result.word(),
        "at": timestamp(report.at),
        "took_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        "trigger": report.trigger.word(),
        "changes": changes,
        "diagnostics": diagnostics,
    })
}
