//! What runs, examined as if it were a file: by the same rules and probes.

use causeway_envoy::{LoadOptions, Source, load};
use causeway_model::Bootstrap;
use causeway_reason::{Condition, Reason};
use serde_json::Value;

use super::assemble;
use super::difference::is_redacted;
use super::fields::text;
use super::observed::Observed;
use crate::examine;
use crate::finding::Finding;
use crate::foreign::http::AdminServer;
use crate::probe::{Progress, plan};
use crate::report::{Outcome, Report};
use crate::said;
use crate::selection::Selection;

/// What the rules and probes for configurations say about what runs.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Clusters whose endpoints all answered, and passed their health checks, a moment ago.
    pub(crate) well: Vec<String>,
    /// What runs, where it can be loaded here.
    pub(crate) bootstrap: Option<Bootstrap>,
}

impl Running {
    /// Whether connections are passed on to a cluster and no route leads there: either side may close them when it likes.
    pub(super) fn is_passed_on(&self, cluster: &str) -> bool {
        self.bootstrap.as_ref().is_some_and(|bootstrap| plan::uses(bootstrap, cluster).tcp_only)
    }
}

/// Examines what runs: as the file itself, where there is one and it says the same, so that lines of it are shown and the keys
/// are there that an admin server does not tell.
pub(super) async fn examine(
    server: &AdminServer,
    observed: &Observed,
    file: Option<&Source>,
    selection: &Selection,
    progress: &Progress,
    report: &mut Report,
) -> Running {
    let mut running = Running::default();
    let whole = observed.dump.as_ref().and_then(assemble::bootstrap);
    let secret = match file {
        Some(_) => Vec::new(),
        None => whole.as_ref().map(clusters_with_secrets).unwrap_or_default(),
    };
    let source = match (file, whole) {
        (Some(file), _) => file.clone(),
        (None, Some(bootstrap)) => assemble::source(server, &bootstrap),
        (None, None) => return running,
    };
    let options = LoadOptions { allow_unsupported: true, allow_unknown: true, ..LoadOptions::default() };
    running.bootstrap = load(&source, &LoadOptions { check_files: false, ..options.clone() }).bootstrap;
    match examine::config(&source, &options, selection, progress).await {
        Ok(mut examined) => {
            if file.is_none() {
                // There is no file here that could be changed.
                let fixes = examined.findings.iter_mut().flat_map(|finding| &mut finding.fixes);
                fixes.for_each(|fix| fix.machine_applicable = false);
                leave_out_secrets(&secret, &mut examined);
            }
            let passed = examined.checks.iter().filter(|check| check.outcome == Outcome::Passed);
            running.well =
                passed.filter_map(|check| check.id.strip_prefix("clusters.")).map(str::to_owned).collect();
            leave_out_own_sockets(&mut examined);
            report.ran_from = examined.ran_from;
            report.probes += examined.probes;
            report.checks.extend(examined.checks);
            report.findings.extend(examined.findings);
        }
        Err(diagnostics) => {
            let why = diagnostics.iter().next().map(|one| one.message.clone()).unwrap_or_default();
            report.inconclusive(
                "config",
                said!(
                    "what runs can't be loaded here, so that no rule and no probe was applied to it: {why}",
                    "실행 중인 설정을 여기서 읽을 수 없어 규칙과 프로브를 적용하지 못했습니다: {why}"
                ),
            );
        }
    }
    running
}

/// That its own ports are taken is as it should be; whether its listeners are open, its admin server says.
fn leave_out_own_sockets(examined: &mut Report) {
    let of_socket =
        |id: &str| id == "admin.address" || (id.starts_with("listeners.") && id.ends_with(".address"));
    examined.checks.retain(|check| !of_socket(&check.id));
    examined.findings.retain(|finding| finding.cause != Condition::ListenerNotOpen.into());
}

/// Clusters of which something is not told: the keys of their client certificates, mostly.
fn clusters_with_secrets(bootstrap: &Value) -> Vec<String> {
    let clusters = bootstrap.pointer("/static_resources/clusters").and_then(Value::as_array);
    let secret = clusters.into_iter().flatten().filter(|cluster| holds_secret(cluster));
    secret.map(|cluster| text(cluster, &["name"]).to_owned()).collect()
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => is_redacted(text),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members.values().any(holds_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A key that is not told is no key that is wrong: what can't be asked without it is said to be unknown.
fn leave_out_secrets(secret: &[String], examined: &mut Report) {
    let is_of_key = |finding: &Finding| {
        let says = |text: &str| {
            let evidence = finding.evidence.iter().any(|one| one.observed.en.contains(text));
            evidence || finding.title.en.contains(text)
        };
        let of_file = finding.cause == Condition::CertificateUnusable.into();
        of_file && (says("no private key") || says("[redacted]"))
    };
    let is_unasked = |finding: &Finding| {
        let of = finding.subject.cluster.as_ref();
        finding.cause == Reason::UpstreamTlsNotReady.into() && of.is_some_and(|name| secret.contains(name))
    };
    let findings = std::mem::take(&mut examined.findings);
    let (unknown, known): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| is_of_key(finding) || is_unasked(finding));
    examined.findings = known;
    for check in &mut examined.checks {
        if unknown.iter().any(|finding| finding.title == check.words) {
            check.outcome = Outcome::Inconclusive;
            check.words = said!(
                "the admin server does not tell the private key: -c FILE names the file that has it",
                "관리 서버는 개인 키를 알려 주지 않습니다. 키가 있는 파일을 -c FILE로 알려 주십시오"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::finding::{Evidence, Severity, Subject};
    use crate::said::Said;

    #[test]
    fn a_key_that_is_not_told_is_unknown_and_not_wrong() {
        let key = json!({"private_key": {"inline_bytes": "W3JlZGFjdGVkXQ=="}});
        let clusters = json!([{"name": "mutual", "transport_socket": key}, {"name": "plain"}]);
        let secret = clusters_with_secrets(&json!({"static_resources": {"clusters": clusters}}));
        assert_eq!(secret, ["mutual"]);
        let finding = |cause: causeway_reason::Cause, cluster: &str, seen: &str| {
            let seen = Evidence::file(Said::plain(seen));
            Finding::new(cause, Severity::Error, Said::plain(cluster), seen).about(Subject::cluster(cluster))
        };
        let mut report = Report::default();
        let unusable = Condition::CertificateUnusable.into();
        report
            .failed("certificates.mutual", [finding(unusable, "mutual", "`<inline>` holds no private key")]);
        report.failed("certificates.plain", [finding(unusable, "plain", "expired")]);
        report.failed("clusters.mutual", [finding(Reason::UpstreamTlsNotReady.into(), "mutual", "")]);
        leave_out_secrets(&secret, &mut report);
        let left: Vec<_> = report.findings.iter().map(|one| one.title.en.as_str()).collect();
        assert_eq!(left, ["plain"]);
        let outcomes: Vec<_> =
            report.checks.iter().map(|check| check.outcome == Outcome::Inconclusive).collect();
        assert_eq!(outcomes, [true, false, true]);
    }
}
