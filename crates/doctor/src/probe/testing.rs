//! Targets for unit tests.

use std::sync::Arc;

use causeway_envoy::{LoadOptions, Source, load};
use causeway_model::EndpointAddress;

use super::plan::{self, Here, Target};

/// A file of one cluster with these fields, `, connect_timeout: 1s`.
pub(super) fn file(fields: &str) -> Source {
    let text = format!(
        "static_resources: {{clusters: [{{name: app{fields}, load_assignment: {{cluster_name: app, endpoints: \
         [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 10.0.0.1, port_value: 8080}}}}}}}}]}}]}}}}]}}"
    );
    Source::new("envoy.yaml", text)
}

/// Its endpoint, to which requests for `www.example.test` go.
pub(super) fn target(fields: &str) -> Target {
    let loaded = load(&file(fields), &LoadOptions::default());
    let bootstrap = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    let cluster = &bootstrap.clusters[0];
    let endpoint = plan::endpoints(cluster).next().unwrap();
    let EndpointAddress::Resolved(address) = &endpoint.address else { panic!() };
    let uses = plan::Uses { hosts: vec!["www.example.test".to_owned()], ..plan::Uses::default() };
    let here = Here { has: |_| false, gateway: None, taken: Arc::new([]) };
    plan::target(cluster, endpoint, address.clone(), Vec::new(), &uses, &here)
}
