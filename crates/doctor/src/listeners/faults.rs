//! Faults of files that a configuration names: with one of them a proxy does not start, but the rest can be examined.

use causeway_envoy::{Diagnostic, Diagnostics, Kind, Severity as Level};
use causeway_reason::Condition;

use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Severity};
use crate::said;
use crate::said::Said;

/// What keeps a configuration from being used, where it is nothing but files; `None` where there is more.
#[must_use]
pub fn faults(diagnostics: &Diagnostics) -> Option<Vec<Finding>> {
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Level::Error).collect();
    let only_files = !errors.is_empty() && errors.iter().all(|found| found.kind == Kind::File);
    only_files.then(|| errors.into_iter().map(of).collect())
}

fn of(diagnostic: &Diagnostic) -> Finding {
    let message = &diagnostic.message;
    let is_tls = diagnostic.code == "unusable-tls" || diagnostic.path.contains("common_tls_context");
    let condition = if is_tls { Condition::CertificateUnusable } else { Condition::ConfigUnusable };
    let title = said!(
        "the configuration can't be used here: {message}",
        "이 환경에서 설정을 사용할 수 없습니다: {message}"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("files that the configuration names", "설정이 가리키는 파일"),
        said!("{message}", "{message}"),
    );
    let mut finding = Finding::new(condition, Severity::Error, title, seen).effect(Effect {
        words: Some(said!("a proxy with this file does not start", "이 파일로는 프록시가 시작하지 않습니다")),
        ..Effect::default()
    });
    finding.place.clone_from(&diagnostic.place);
    finding.field.clone_from(&diagnostic.path);
    finding.label = Said::plain(diagnostic.label.clone());
    finding
}
