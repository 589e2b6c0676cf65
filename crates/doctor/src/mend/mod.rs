//! What findings propose to write, written.
//!
//! Fixes that a program may apply are applied to the text of the file; others only where their code is asked for, which
//! is how somebody says that they have thought about it. Nothing is written here: [`mend`] gives the text as it would
//! be, and [`remains`] what a new examination has to say against it.

mod diff;
pub mod trial;

use std::collections::HashMap;

use causeway_envoy::{EditError, Source, edit};
use causeway_reason::Cause;

use crate::finding::{EvidenceKind, Finding, Fix, Severity, Subject};
use crate::report::Report;

pub use diff::{difference, unified};
use trial::changes;

/// A file as it would be.
#[derive(Debug, Clone)]
pub struct Mended {
    /// The file, under its name.
    pub source: Source,
    /// Which findings are mended.
    pub applied: Vec<Target>,
    /// Those that could not be, and why.
    pub refused: Vec<(Target, Refusal)>,
}

/// A finding, as it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its cause.
    pub cause: Cause,
    /// What it is about.
    pub subject: Subject,
    /// The path of its field.
    pub field: String,
}

/// Why a finding is not mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The text can't be changed like that.
    Edit(EditError),
    /// Another finding gives the same field another value.
    Conflict(String),
    /// There is nothing that a program could write.
    ByHand,
}

/// Applies the fixes of findings with these causes, or of all where there are none.
///
/// # Errors
///
/// Where the file as such can't be edited.
pub fn mend(source: &Source, report: &Report, causes: &[Cause]) -> Result<Mended, EditError> {
    let mut mended = Mended { source: source.clone(), applied: Vec::new(), refused: Vec::new() };
    let mut written: HashMap<String, Option<String>> = HashMap::new();
    for finding in &report.findings {
        let named = causes.contains(&finding.cause);
        if !named && !causes.is_empty() {
            continue;
        }
        let target = Target::of(finding);
        let writable = |fix: &&Fix| !fix.edits.is_empty() && (fix.machine_applicable || named);
        let Some(fix) = finding.fixes.iter().find(writable) else {
            if named {
                mended.refused.push((target, Refusal::ByHand));
            }
            continue;
        };
        let changes = changes(fix);
        let conflict = changes
            .iter()
            .find(|change| written.get(&change.path).is_some_and(|before| *before != change.value));
        if let Some(change) = conflict {
            mended.refused.push((target, Refusal::Conflict(change.path.clone())));
            continue;
        }
        // What another finding has written already is not written twice.
        let new: Vec<_> = changes.into_iter().filter(|change| !written.contains_key(&change.path)).collect();
        match edit(&mended.source, &new) {
            Ok(edited) => {
                mended.source = edited;
                mended.applied.push(target);
                written.extend(new.into_iter().map(|change| (change.path, change.value)));
            }
            Err(error @ (EditError::NotYaml(_) | EditError::Encoding | EditError::Syntax)) => {
                return Err(error);
            }
            Err(error) => mended.refused.push((target, Refusal::Edit(error))),
        }
    }
    Ok(mended)
}

/// What a report about the file as it would be says against it: what was to be mended and is still there, and errors of
/// the file that were not there before. Those that probes find are none: behind one fault there is often another, which
/// can be seen only now.
#[must_use]
pub fn remains(mended: &Mended, before: &Report, after: &Report) -> Vec<Target> {
    let found = |report: &Report, target: &Target| {
        report.findings.iter().any(|finding| Target::of(finding) == *target)
    };
    let left = mended.applied.iter().filter(|target| found(after, target)).cloned();
    let of_file = |finding: &&Finding| {
        finding.severity == Severity::Error
            && finding.evidence.iter().all(|evidence| evidence.kind == EvidenceKind::File)
    };
    let errors = after.findings.iter().filter(of_file).map(Target::of);
    let new = errors.filter(|target| !found(before, target) && !mended.applied.contains(target));
    left.chain(new).collect()
}

impl Target {
    fn of(finding: &Finding) -> Self {
        Self { cause: finding.cause, subject: finding.subject.clone(), field: finding.field.clone() }
    }
}

#[cfg(test)]
mod tests {
    use causeway_envoy::{LoadOptions, load};
    use causeway_reason::Condition;

    use super::*;
    use crate::{Selection, lint};

    fn examined(source: &Source) -> Report {
        let options = LoadOptions::default();
        let loaded = load(source, &options);
        let bootstrap = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        let mut report = Report::default();
        lint::lint(&bootstrap, &Selection::default(), &mut report);
        report.locate(source, &options);
        report
    }

    const FILE: &str = "# A site.
admin:
  address: {socket_address: {address: 0.0.0.0, port_value: 9901}}
static_resources:
  listeners:
  - name: front
    address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts:
            - name: all
              domains: [\"https://www.example.org\"] # oops
              routes:
              - match: {prefix: /api}
                route:
                  prefix_rewrite: / # the back-end knows no /api
                  cluster: app
  clusters:
  - name: app
    connect_timeout: 1s
    common_lb_config: {healthy_panic_threshold: {value: 0}}
    health_checks:
    # Every two seconds.
    - interval: 2s
      timeout: 1s
      unhealthy_threshold: 2
      healthy_threshold: 2
      http_health_check: {path: /health}
    load_assignment:
      cluster_name: app
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8000}}}}]}]
";

    const MENDED: &str = "--- envoy.yaml
+++ envoy.yaml
@@ -10,16 +10,20 @@
       - name: envoy.filters.network.http_connection_manager
         typed_config:
           \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
+          http_filters:
+          - name: envoy.filters.http.router
+            typed_config:
+              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
           stat_prefix: front
           route_config:
             virtual_hosts:
             - name: all
-              domains: [\"https://www.example.org\"] # oops
+              domains: [\"www.example.org\"] # oops
               routes:
               - match: {prefix: /api}
                 route:
-                  prefix_rewrite: / # the back-end knows no /api
                   cluster: app
+                  regex_rewrite: {pattern: {regex: '^/api/?'}, substitution: '/'}
   clusters:
   - name: app
     connect_timeout: 1s
";

    #[test]
    fn what_may_be_left_to_a_program_is_written() {
        let source = Source::new("envoy.yaml", FILE);
        let report = examined(&source);
        let mended = mend(&source, &report, &[]).unwrap();
        assert_eq!(mended.refused, []);
        let codes: Vec<_> = mended.applied.iter().map(|target| target.cause.code()).collect();
        assert_eq!(codes, ["R614", "R619", "P416", "H516"]);
        let after = examined(&mended.source);
        assert_eq!(remains(&mended, &report, &after), []);
        let left: Vec<_> = after.findings.iter().map(|finding| finding.cause.code()).collect();
        assert_eq!(left, ["K918"], "somebody has to think about that");
    }

    #[test]
    fn only_lines_that_have_to_do_with_it_change() {
        let source = Source::new("envoy.yaml", FILE);
        let report = examined(&source);
        let causes = [Condition::RouterMissing, Condition::DomainIsUrl, Condition::RewriteDoublesSlash]
            .map(Cause::from);
        let mended = mend(&source, &report, &causes).unwrap();
        assert_eq!(difference(&source, &mended.source), MENDED);
    }

    #[test]
    fn what_is_to_be_considered_is_written_where_it_is_named() {
        let source = Source::new("envoy.yaml", FILE);
        let report = examined(&source);
        let mended = mend(&source, &report, &[Condition::AdminOpenToAll.into()]).unwrap();
        assert_eq!(mended.applied.len(), 1);
        let text = String::from_utf8(mended.source.bytes().to_vec()).unwrap();
        assert!(text.contains("{socket_address: {address: 127.0.0.1, port_value: 9901}}"), "{text}");
        assert_eq!(text.lines().filter(|line| !FILE.contains(*line)).count(), 1, "one line has changed");
    }

    #[test]
    fn what_would_not_load_is_not_proposed() {
        use crate::finding::Evidence;
        use crate::said::Said;
        let proposed = |name: &str, value: &str| {
            let text = if name.ends_with("json") {
                "{\"static_resources\": {\"clusters\": [{\"name\": \"app\"}]}}"
            } else {
                "static_resources: {clusters: [{name: app}]}"
            };
            let source = Source::new(name, text);
            let spot = causeway_envoy::Spot::Path("static_resources.clusters[0].connect_timeout".to_owned());
            let words = || Said::plain("x");
            let fix = Fix::set(words(), spot, value);
            let finding = Finding::new(
                Condition::ConnectTimeoutTooShort,
                Severity::Error,
                words(),
                Evidence::file(words()),
            );
            let mut report = Report { findings: vec![finding.fix(fix)], ..Report::default() };
            report.locate(&source, &LoadOptions::default());
            let fix = &report.findings[0].fixes[0];
            (fix.edits.len(), fix.machine_applicable, report.patches.len())
        };
        assert_eq!(proposed("envoy.yaml", "3s"), (1, true, 1));
        assert_eq!(proposed("envoy.yaml", "soon"), (0, false, 0), "its words stay");
        assert_eq!(proposed("envoy.json", "3s"), (1, true, 0));
        assert_eq!(proposed("envoy.json", "soon"), (0, false, 0));
    }

    #[test]
    fn what_remains_is_told() {
        let source = Source::new("envoy.yaml", FILE);
        let report = examined(&source);
        let mended = mend(&source, &report, &[]).unwrap();
        assert_eq!(remains(&mended, &report, &report).len(), mended.applied.len());
        let none = Mended { applied: Vec::new(), ..mended };
        assert!(!remains(&none, &Report::default(), &report).is_empty(), "a new error");
    }
}
