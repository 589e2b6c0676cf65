//! Which cause of the catalogue it is that a configuration does not load.

use causeway_envoy::{Diagnostic, Kind, Severity};
use causeway_reason::{Cause, Condition, Reason};

/// What stands in labels and helps about fields that Envoy once had.
const REMOVED: &str = "removed from Envoy's API";

/// The cause that an error stands for; `None` for what does not keep a file from being loaded.
#[must_use]
pub fn cause(diagnostic: &Diagnostic) -> Option<Cause> {
    if diagnostic.severity != Severity::Error {
        return None;
    }
    let says = |text: &str| text.contains(REMOVED);
    let removed = matches!(diagnostic.code, "removed-field" | "removed-value")
        || says(&diagnostic.label)
        || diagnostic.help.iter().any(|help| says(help));
    let of_tls = diagnostic.code == "unusable-tls" || diagnostic.path.contains("common_tls_context");
    Some(match diagnostic.code {
        _ if removed => Condition::RemovedField.into(),
        "name-in-static-cluster" => Condition::NameInStaticCluster.into(),
        "unknown-cluster" => Reason::ClusterNotFound.into(),
        _ if of_tls && diagnostic.kind == Kind::File => Condition::CertificateUnusable.into(),
        _ => Condition::ConfigUnusable.into(),
    })
}

#[cfg(test)]
mod tests {
    use causeway_envoy::{LoadOptions, Source, load};

    use super::*;

    fn codes(clusters: &str) -> Vec<&'static str> {
        let text = format!("static_resources:\n  clusters:\n{clusters}");
        let loaded = load(&Source::new("envoy.yaml", text), &LoadOptions::default());
        loaded.diagnostics.iter().filter_map(cause).map(Cause::code).collect()
    }

    #[test]
    fn errors_have_the_codes_of_the_catalogue() {
        let endpoint = |host: &str| {
            format!(
                "  - name: app\n    load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
                 {{socket_address: {{address: {host}, port_value: 80}}}}}}}}]}}]}}\n"
            )
        };
        assert_eq!(codes(&endpoint("127.0.0.1")), [""; 0]);
        assert_eq!(codes(&endpoint("app.test")), ["D108"]);
        assert_eq!(
            codes("  - name: app\n    hosts: [{socket_address: {address: 127.0.0.1, port_value: 80}}]\n"),
            ["C953"]
        );
        assert_eq!(codes("  - name: app\n    conect_timeout: 1s\n"), ["C956"]);
    }
}
