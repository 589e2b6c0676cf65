//! Whether it runs what the file says.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use causeway_envoy::{ConfigDump, LoadOptions, Source, load};
use causeway_reason::Condition;
use serde_json::Value;

use super::assemble;
use super::fields::text;
use super::observed::Observed;
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;

/// Names that are said one by one.
const SHOWN: usize = 8;

/// The file that it was started with: where it is, and what is in it now; `None` where a relative path, which is one of the
/// process and not of this one, or nothing is known.
pub(super) fn started_with(observed: &Observed) -> Option<(String, io::Result<Source>)> {
    let path = text(&observed.server, &["command_line_options", "config_path"]);
    path.starts_with('/').then(|| (path.to_owned(), Source::read(Path::new(path))))
}

/// Compares what runs with the file: the one that is given, or the one that it was started with, where that can be read
/// here.
pub(super) fn file(
    observed: &Observed,
    given: Option<&Source>,
    started_with: Option<&(String, io::Result<Source>)>,
    report: &mut Report,
) {
    let id = "admin.config";
    let source = match (given, started_with) {
        (Some(source), _) | (None, Some((_, Ok(source)))) => source,
        (None, Some((path, Err(error)))) => {
            report.inconclusive(
                id,
                said!(
                    "{path}, which it was started with, can't be read here: {error}",
                    "시작할 때 쓴 {path}을(를) 여기서 읽을 수 없습니다: {error}"
                ),
            );
            return;
        }
        (None, None) => {
            report.inconclusive(
                id,
                said!(
                    "whether it runs what its file says was not looked at: -c FILE names the file",
                    "실행 중인 설정이 파일과 같은지 비교하지 않았습니다. -c FILE로 파일을 알려 주십시오"
                ),
            );
            return;
        }
    };
    let running = observed.dump.as_ref().and_then(assemble::bootstrap_of_file);
    let Some(running) = running else {
        report.inconclusive(id, said!("/config_dump is not there", "/config_dump가 없습니다"));
        return;
    };
    let running = Source::new("config_dump.json", running.to_string());
    let (Some(file), Some(running)) = (parts(source), parts(&running)) else {
        report.inconclusive(
            id,
            said!("the file or what runs can't be loaded", "파일이나 실행 중인 설정을 읽을 수 없습니다"),
        );
        return;
    };
    let differing = differing(&file, &running);
    let name = source.name();
    if differing.is_empty() {
        report.passed(id, said!("it runs what {name} says", "{name}의 내용대로 동작하고 있습니다"));
        return;
    }
    report.failed(id, [finding(observed, source, &differing)]);
}

/// Whether a file says what runs, and nothing has been added to it.
pub(super) fn is_same(observed: &Observed, file: &Source) -> bool {
    let Some(dump) = &observed.dump else { return false };
    let added = dump.to_string();
    let running = assemble::bootstrap_of_file(dump).map(|it| Source::new("config_dump.json", it.to_string()));
    let dynamic = ["\"dynamic_listeners\"", "\"dynamic_active_clusters\"", "\"dynamic_route_configs\""];
    let (Some(file), Some(running)) = (parts(file), running.as_ref().and_then(parts)) else { return false };
    !dynamic.iter().any(|name| added.contains(name)) && differing(&file, &running).is_empty()
}

fn finding(observed: &Observed, source: &Source, differing: &[String]) -> Finding {
    let name = source.name();
    let changed = std::fs::metadata(&**name)
        .and_then(|data| data.modified())
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map(|time| time.as_secs());
    let started = observed.uptime().map(|uptime| observed.now.saturating_sub(uptime));
    let newer = matches!((changed, started), (Some(changed), Some(started)) if changed > started);
    let mut list = differing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if differing.len() > SHOWN {
        list.push_str(", …");
    }
    let compared = Evidence::new(
        EvidenceKind::Admin,
        said!("{name} compared with /config_dump", "{name}과(와) /config_dump 비교"),
        said!("different: {list}", "다른 부분: {list}"),
    );
    let mut finding = Finding::new(
        Condition::ReloadNotDone,
        Severity::Error,
        said!("it does not run what {name} says", "{name}의 내용대로 동작하고 있지 않습니다"),
        compared,
    )
    .about(Subject { file: Some(name.to_string()), ..Subject::default() });
    if let (Some(changed), Some(started)) = (changed, started) {
        let (after, order) = if newer {
            (changed - started, ("after", "뒤"))
        } else {
            (started - changed, ("before", "전"))
        };
        let (en, ko) = order;
        finding = finding.and(Evidence::new(
            EvidenceKind::Host,
            said!("{name} was changed", "{name} 수정 시각"),
            said!("{after} s {en} the proxy was started", "프록시 시작 {after}초 {ko}"),
        ));
    }
    if !newer {
        // It may have been started with another file.
        finding = finding.grade(Grade::Likely);
    }
    finding.fix(Fix::manual(if observed.is_causeway() {
        said!("reload it: kill -HUP, or POST /reload", "다시 읽게 하십시오: kill -HUP 또는 POST /reload")
    } else {
        said!(
            "restart it, or hot restart it: Envoy ignores SIGHUP",
            "재시작(또는 hot restart)하십시오. Envoy는 SIGHUP을 무시합니다"
        )
    }))
}

/// Everything that has a name, in a form that is the same however it was written.
fn parts(source: &Source) -> Option<BTreeMap<String, Value>> {
    let options = LoadOptions { allow_unsupported: true, allow_unknown: true, ..LoadOptions::default() };
    let loaded = load(source, &options);
    loaded.bootstrap.as_ref()?;
    Some(of_dump(&loaded.dump))
}

fn of_dump(dump: &ConfigDump) -> BTreeMap<String, Value> {
    let mut parts = BTreeMap::new();
    for (name, cluster) in dump.clusters() {
        parts.insert(format!("cluster `{name}`"), cluster);
    }
    for (at, (name, listener)) in dump.listeners().into_iter().enumerate() {
        let name = if name.is_empty() { format!("#{at}") } else { name };
        parts.insert(format!("listener `{name}`"), listener);
    }
    let mut rest = dump.bootstrap();
    if let Some(object) = rest.as_object_mut() {
        // Envoy adds what it is, and a control plane gives the rest.
        for name in ["node", "static_resources", "dynamic_resources", "admin"] {
            object.remove(name);
        }
        for (name, value) in std::mem::take(object) {
            parts.insert(name, value);
        }
    }
    parts
}

fn differing(file: &BTreeMap<String, Value>, running: &BTreeMap<String, Value>) -> Vec<String> {
    let changed = file.iter().filter_map(|(name, value)| match running.get(name) {
        Some(other) if same(value, other) => None,
        Some(_) => Some(name.clone()),
        None => Some(format!("{name} does not run")),
    });
    let gone =
        running.keys().filter(|name| !file.contains_key(*name)).map(|name| format!("{name} runs only"));
    changed.chain(gone).collect()
}

/// Whether two values are the same, as far as they are shown: what is secret is shown by nobody.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(value, other)| same(value, other))
        }
        (Value::String(a), Value::String(b)) => a == b || is_redacted(a) || is_redacted(b),
        _ => a == b,
    }
}

pub(super) fn is_redacted(text: &str) -> bool {
    // As text, and as bytes in base64.
    text == "[redacted]" || text == "W3JlZGFjdGVkXQ=="
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "static_resources: {clusters: [{name: a, connect_timeout: 1.50s}, {name: b}]}";

    fn observed(running: &Value) -> Observed {
        let dump = json!({"configs": [{
            "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": running}]});
        Observed { dump: Some(dump), ..Observed::default() }
    }

    fn compared(running: &Value) -> Report {
        let mut report = Report::default();
        file(&observed(running), Some(&Source::new("envoy.yaml", FILE)), None, &mut report);
        report
    }

    #[test]
    fn the_same_configuration_is_the_same_however_it_is_written() {
        let running = json!({"node": {"id": "x"}, "static_resources": {"clusters": [
            {"name": "a", "connect_timeout": "1.5s"}, {"name": "b"}]}});
        let report = compared(&running);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.checks.len(), 1);
    }

    #[test]
    fn what_is_different_is_named() {
        let running = json!({"static_resources": {"clusters": [{"name": "a", "connect_timeout": "2s"}, {"name": "c"}]}});
        let report = compared(&running);
        let [finding] = &report.findings[..] else { panic!("{:?}", report.checks) };
        assert_eq!((finding.cause.code(), finding.grade), ("C951", Grade::Likely));
        let seen = &finding.evidence.first().unwrap().observed.en;
        assert_eq!(seen, "different: cluster `a`, cluster `b` does not run, cluster `c` runs only");
    }
}
