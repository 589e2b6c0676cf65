//! Models for unit tests.

use causeway_envoy::{LoadOptions, Source, load};
use causeway_model::Bootstrap;

/// The model of a file.
pub(crate) fn bootstrap(yaml: &str) -> Bootstrap {
    let loaded = load(&Source::new("envoy.yaml", yaml), &LoadOptions::default());
    loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
}

/// A file with one cluster, `app`, of one endpoint.
pub(crate) fn one_cluster(ip: &str, port: u16) -> String {
    format!(
        "static_resources:\n  clusters:\n  - name: app\n    connect_timeout: 1s\n    load_assignment:\n      cluster_name: \
         app\n      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {ip}, port_value: \
         {port}}}}}}}}}]}}]\n"
    )
}
