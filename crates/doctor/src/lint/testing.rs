//! Small files for the tests of rules.

use causeway_envoy::{LoadOptions, Source, load};
use causeway_reason::Language;

use super::Rule;
use crate::Finding;
use crate::report::Report;
use crate::selection::Selection;

/// A file with one listener on loopback and these virtual hosts and clusters, in YAML without indentation.
pub(super) fn http(virtual_hosts: &str, clusters: &str) -> String {
    manager("", virtual_hosts, clusters)
}

/// The same with fields of the connection manager.
pub(super) fn manager(fields: &str, virtual_hosts: &str, clusters: &str) -> String {
    let (fields, virtual_hosts) = (indented(fields, 10), indented(virtual_hosts, 12));
    let clusters = clusters_of(clusters);
    format!(
        "static_resources:
  listeners:
  - name: front
    address: {{socket_address: {{address: 127.0.0.1, port_value: 10000}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
{fields}          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
{virtual_hosts}{clusters}"
    )
}

/// One virtual host for everything, with these routes.
pub(super) fn host(routes: &str) -> String {
    format!("- name: all\n  domains: [\"*\"]\n  routes:\n{}", indented(routes, 2))
}

/// A cluster of one endpoint, with these fields.
pub(super) fn cluster(fields: &str) -> String {
    let fields = indented(fields, 2);
    format!(
        "- name: app\n{fields}  load_assignment:\n    cluster_name: app\n    endpoints:\n    - lb_endpoints:\n      - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 8000}}}}}}\n"
    )
}

fn clusters_of(clusters: &str) -> String {
    if clusters.is_empty() { String::new() } else { format!("  clusters:\n{}", indented(clusters, 2)) }
}

/// The lines, moved to the right.
pub(super) fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

/// What the rule says of a file, located. Each finding has a place and words in both languages.
pub(super) fn findings(rule: &str, file: &str) -> Vec<Finding> {
    let source = Source::new("envoy.yaml", file);
    let options = LoadOptions { allow_unsupported: true, ..LoadOptions::default() };
    let loaded = load(&source, &options);
    let bootstrap =
        loaded.bootstrap.unwrap_or_else(|| panic!("{}\n{file}", loaded.diagnostics.render(false)));
    let mut report = Report::default();
    let known = super::RULES.iter().any(|Rule { name, .. }| *name == rule);
    assert!(known, "no rule {rule}");
    let selection = Selection { only: vec![format!("lint.{rule}")], ..Selection::default() };
    super::lint(&bootstrap, &selection, &mut report);
    let proposed = edits(&report);
    report.locate(&source, &options);
    assert_eq!(edits(&report), proposed, "a fix does not load\n{file}");
    for finding in &report.findings {
        let code = finding.cause.code();
        assert!(finding.place.is_some(), "{code} has no place: {:?}\n{file}", finding.spot);
        assert!(!finding.evidence.is_empty(), "{code} has no evidence");
        let korean = finding.title.get(Language::Korean);
        assert!(korean.chars().any(|letter| ('가'..='힣').contains(&letter)), "{code}: {korean}");
        for edit in finding.fixes.iter().flat_map(|fix| &fix.edits) {
            assert!(!edit.field.is_empty(), "{code}: an edit without a field: {:?}", edit.spot);
        }
    }
    report.findings
}

/// How many fields fixes write.
fn edits(report: &Report) -> usize {
    report.findings.iter().flat_map(|finding| &finding.fixes).map(|fix| fix.edits.len()).sum()
}

/// What the rule says, each as its code and what is underlined.
pub(super) fn codes(rule: &str, file: &str) -> Vec<String> {
    let underlined = |finding: &Finding| {
        let place = finding.place.as_ref()?;
        place.lines().0.get(place.marked().clone()).map(str::to_owned)
    };
    let located = findings(rule, file);
    located
        .iter()
        .map(|finding| format!("{} {}", finding.cause.code(), underlined(finding).unwrap_or_default()))
        .collect()
}

/// Whether the rule says nothing.
pub(super) fn quiet(rule: &str, file: &str) -> bool {
    let found = findings(rule, file);
    for finding in &found {
        eprintln!("{} {}", finding.cause.code(), finding.title.en);
    }
    found.is_empty()
}
