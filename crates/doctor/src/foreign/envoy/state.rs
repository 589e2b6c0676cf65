//! Whether it serves at all, what it still waits for, and what it has refused.

use causeway_reason::{Condition, Reason};
use serde_json::Value;

use super::fields::{at, text};
use super::observed::Observed;
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// `/server_info`, `/ready`, `/init_dump` and `/runtime`.
pub(super) fn state(observed: &Observed, report: &mut Report) {
    let state = text(&observed.server, &["state"]);
    let version = short(text(&observed.server, &["version"]));
    let uptime = observed.uptime().map(|seconds| format!("{seconds} s")).unwrap_or_default();
    let mut found = Vec::new();
    let seen =
        |what: &str, seen: String| Evidence::new(EvidenceKind::Admin, Said::plain(what), Said::plain(seen));
    match state {
        "LIVE" | "" => {}
        // Envoy says so exactly when it has been told to fail health checks.
        "DRAINING" => found.push(
            Finding::new(
                Reason::DeclaredFailing,
                Severity::Error,
                said!(
                    "it has been told to fail: health checks of it are answered 503, and connections are being closed",
                    "실패로 표시된 상태입니다. 이 프록시의 헬스 체크에 503으로 응답하고 연결을 닫고 있습니다"
                ),
                seen("/server_info", format!("state {state}")),
            )
            .and(seen("/ready", format!("{} {}", observed.ready.0, observed.ready.1)))
            .fix(Fix::manual(said!(
                "POST /healthcheck/ok undoes POST /healthcheck/fail; where it is being stopped or restarted, this is as it should be",
                "POST /healthcheck/fail은 POST /healthcheck/ok로 되돌립니다. 종료나 재시작 중이라면 정상입니다"
            ))),
        ),
        _ => {
            let waits = waits_for(&observed.init);
            let (en, ko) = if waits.is_empty() {
                (String::new(), String::new())
            } else {
                let list = waits.join(", ");
                (format!("; it waits for {list}"), format!(". {list}을(를) 기다립니다"))
            };
            found.push(
                Finding::new(
                    Condition::ListenerNotOpen,
                    Severity::Error,
                    said!("it has not begun to serve yet{en}", "아직 서비스를 시작하지 않았습니다{ko}"),
                    seen("/server_info", format!("state {state}, {uptime}")),
                )
                .and(seen("/init_dump", if waits.is_empty() { "-".to_owned() } else { waits.join(", ") })),
            );
        }
    }
    found.extend(maintenance(observed));
    if found.is_empty() {
        report.passed("admin.state", Said::plain(format!("{version} {state} {uptime}")));
    } else {
        report.failed("admin.state", found);
    }
}

/// `9e55…/1.40.0/Clean/RELEASE/BoringSSL` is `1.40.0`.
fn short(version: &str) -> &str {
    version.split('/').nth(1).unwrap_or(version)
}

/// Names of what start-up waits for.
fn waits_for(init: &Value) -> Vec<String> {
    let managers = init.get("unready_targets_dumps").and_then(Value::as_array);
    let targets = managers.into_iter().flatten().flat_map(|manager| {
        let names = manager.get("target_names").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
    });
    targets.collect()
}

/// Clusters that the runtime has switched off.
fn maintenance(observed: &Observed) -> Vec<Finding> {
    const PREFIX: &str = "upstream.maintenance_mode.";
    let entries = observed.runtime.get("entries").and_then(Value::as_object);
    let on = entries.into_iter().flatten().filter_map(|(key, entry)| {
        let value = text(entry, &["final_value"]);
        let share: f64 = value.parse().unwrap_or(0.0);
        let cluster = key.strip_prefix(PREFIX)?;
        (share > 0.0).then(|| (cluster, value.to_owned(), key))
    });
    on.map(|(cluster, share, key)| {
        Finding::new(
            Reason::DirectResponse,
            Severity::Error,
            said!(
                "`{cluster}` is in maintenance mode: {share} % of its requests are answered 503",
                "`{cluster}`가 점검 모드입니다. 요청의 {share} %에 503으로 응답합니다"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain("/runtime"),
                Said::plain(format!("{key}: {share}")),
            ),
        )
        .about(Subject::cluster(cluster))
        .effect(crate::Effect {
            status: Some(503),
            flags: "UO".to_owned(),
            details: "maintenance_mode".to_owned(),
            words: None,
        })
    })
    .collect()
}

/// What a control plane sent and it did not take.
pub(super) fn updates(observed: &Observed, report: &mut Report) {
    let mut found = Vec::new();
    for (kind, list, key) in [
        ("ListenersConfigDump", "dynamic_listeners", "listener"),
        ("ClustersConfigDump", "dynamic_active_clusters", "cluster"),
        ("ClustersConfigDump", "dynamic_warming_clusters", "cluster"),
        ("RoutesConfigDump", "dynamic_route_configs", "route_config"),
        ("EndpointsConfigDump", "dynamic_endpoint_configs", "endpoint_config"),
    ] {
        for entry in observed.sections(kind).filter_map(|section| section.get(list)?.as_array()).flatten() {
            let details = text(entry, &["error_state", "details"]);
            if details.is_empty() {
                continue;
            }
            let name = [text(entry, &["name"]), text(entry, &[key, "name"])]
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default();
            let at = text(entry, &["error_state", "last_update_attempt"]);
            let subject = if key == "cluster" { Subject::cluster(name) } else { Subject::listener(name) };
            found.push(
                Finding::new(
                    Condition::UpdateRejected,
                    Severity::Error,
                    said!(
                        "the last update of {key} `{name}` was rejected; what ran before runs on",
                        "{key} `{name}`의 마지막 갱신이 거부되어 이전 설정으로 계속 동작합니다"
                    ),
                    Evidence::new(
                        EvidenceKind::Admin,
                        Said::plain("/config_dump error_state"),
                        Said::plain(format!("{details} ({at})")),
                    ),
                )
                .about(subject),
            );
        }
    }
    found.extend(refused_reload(observed));
    let rejected: Vec<_> = observed
        .after
        .0
        .iter()
        .filter(|(name, value)| name.ends_with(".update_rejected") && **value > 0)
        .collect();
    if found.is_empty() {
        for (name, value) in rejected {
            let grew = observed.grew(name);
            found.push(
                Finding::new(
                    Condition::UpdateRejected,
                    if grew > 0 { Severity::Error } else { Severity::Warning },
                    said!(
                        "updates were rejected: {name} is {value}",
                        "갱신이 거부된 적이 있습니다: {name} = {value}"
                    ),
                    Evidence::new(
                        EvidenceKind::Admin,
                        Said::plain("/stats"),
                        Said::plain(format!("{name}: {value} (+{grew})")),
                    ),
                )
                .grade(if grew > 0 { Grade::Proven } else { Grade::Likely }),
            );
        }
    }
    let plane = "control_plane.connected_state";
    if observed.after.0.get(plane) == Some(&0)
        && observed.sections("BootstrapConfigDump").any(has_control_plane)
    {
        found.push(
            Finding::new(
                Condition::UpdateRejected,
                Severity::Warning,
                said!(
                    "it is not connected to its control plane: what changes there does not come here",
                    "컨트롤 플레인에 연결되어 있지 않아 변경이 반영되지 않습니다"
                ),
                Evidence::new(EvidenceKind::Admin, Said::plain("/stats"), Said::plain(format!("{plane}: 0"))),
            )
            .grade(Grade::Likely),
        );
    }
    if found.is_empty() {
        report.passed("admin.updates", said!("", ""));
    } else {
        report.failed("admin.updates", found);
    }
}

/// A Causeway that was asked to load its file again, and did not.
fn refused_reload(observed: &Observed) -> Option<Finding> {
    let last = observed.reload.get("last_reload").filter(|last| text(last, &["result"]) == "refused")?;
    let faults = last.get("diagnostics").and_then(Value::as_array).into_iter().flatten();
    let mut errors = faults.filter(|fault| text(fault, &["severity"]) == "error").map(|fault| {
        let place = fault.get("position").filter(|place| !place.is_null());
        let line = |name| place.and_then(|place| place.get(name)?.as_u64()).unwrap_or(0);
        let place =
            place.map(|place| format!("{}:{}:{}: ", text(place, &["file"]), line("line"), line("column")));
        format!("{}{}", place.unwrap_or_default(), text(fault, &["message"]))
    });
    let (at, fault) = (text(last, &["at"]), errors.next().unwrap_or_default());
    let finding = Finding::new(
        Condition::UpdateRejected,
        Severity::Error,
        said!(
            "the last reload was refused; what ran before runs on",
            "마지막 다시 읽기가 거부되어 이전 설정으로 계속 동작합니다"
        ),
        Evidence::new(
            EvidenceKind::Admin,
            Said::plain("/reload/status"),
            Said::plain(format!("{fault} ({at})")),
        ),
    );
    Some(finding.fix(Fix::manual(said!(
        "mend it, see that causeway validate has no error, and reload again",
        "고친 뒤 causeway validate에 오류가 없는지 확인하고 다시 읽게 하십시오"
    ))))
}

fn has_control_plane(section: &Value) -> bool {
    at(section, &["bootstrap", "dynamic_resources"]).is_some_and(|resources| {
        ["ads_config", "lds_config", "cds_config"].iter().any(|name| resources.get(name).is_some())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(observed: &Observed) -> Vec<&'static str> {
        let mut report = Report::default();
        state(observed, &mut report);
        updates(observed, &mut report);
        report.findings.iter().map(|finding| finding.cause.code()).collect()
    }

    #[test]
    fn what_keeps_it_from_serving_is_named() {
        let with = |state: &str| Observed {
            server: json!({"state": state, "uptime_all_epochs": "9s"}),
            ..Observed::default()
        };
        assert_eq!(codes(&with("LIVE")), [""; 0]);
        assert_eq!(codes(&with("DRAINING")), ["H515"]);
        let init = json!({"unready_targets_dumps": [{"name": "init manager Server", "target_names": ["target SdsApi cert"]}]});
        let waiting = Observed { init, ..with("INITIALIZING") };
        let mut report = Report::default();
        state(&waiting, &mut report);
        let finding = report.findings.first().unwrap();
        assert_eq!(finding.cause.code(), "K916");
        assert!(finding.title.en.contains("target SdsApi cert"), "{}", finding.title.en);
    }

    #[test]
    fn maintenance_and_rejected_updates_are_found() {
        let observed = Observed {
            server: json!({"state": "LIVE"}),
            runtime: json!({"entries": {
                "upstream.maintenance_mode.app": {"final_value": "100"},
                "upstream.maintenance_mode.other": {"final_value": "0"}}}),
            dump: Some(json!({"configs": [{"@type": "x.ListenersConfigDump", "dynamic_listeners": [
                {"name": "web", "error_state": {"details": "no such cluster", "last_update_attempt": "t"}}]}]})),
            ..Observed::default()
        };
        assert_eq!(codes(&observed), ["R609", "C952"]);
        let refused = json!({"last_reload": {"result": "refused", "at": "t", "diagnostics": [
            {"severity": "error", "position": {"file": "e.yaml", "line": 3, "column": 1}, "message": "no such field"}]}});
        let observed = Observed { server: json!({"state": "LIVE"}), reload: refused, ..Observed::default() };
        assert_eq!(codes(&observed), ["C952"]);
    }
}
