//! `causeway doctor` against proxies that others made, and against the logs they leave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is a failed test, and what is skipped is said"
)]

mod envoy;
mod haproxy;
mod logs;

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs the doctor; its report as JSON, and how it ended.
fn doctor(arguments: &[&str], stdin: &str) -> (serde_json::Value, i32) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .arg("doctor")
        .args(arguments)
        .args(["-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&text).unwrap_or_else(
        |_| serde_json::json!({"stdout": text, "stderr": String::from_utf8_lossy(&output.stderr)}),
    );
    (report, output.status.code().unwrap_or(-1))
}

/// `CODE cluster severity confidence` of each finding but notes, sorted.
fn findings(report: &serde_json::Value) -> Vec<String> {
    let list = report["findings"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let mut lines: Vec<_> = list
        .iter()
        .filter(|finding| finding["severity"] != "note")
        .map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap_or("-").to_owned();
            let cluster = finding["subject"]["cluster"].as_str().unwrap_or("-");
            format!("{} {cluster} {} {}", text("code"), text("severity"), text("confidence"))
        })
        .collect();
    lines.sort();
    lines
}

/// All that a finding of that code has for evidence.
fn evidence(report: &serde_json::Value, code: &str) -> String {
    let list = report["findings"].as_array().into_iter().flatten();
    list.filter(|finding| finding["code"] == code).map(|finding| finding["evidence"].to_string()).collect()
}

fn check<'a>(report: &'a serde_json::Value, id: &str) -> &'a str {
    let checks = report["checks"].as_array().into_iter().flatten();
    checks
        .filter(|check| check["id"] == id)
        .filter_map(|check| check["result"].as_str())
        .next()
        .unwrap_or("none")
}
