//! Clusters of type `ORIGINAL_DST`.

use std::time::Duration;

use causeway_model::{HeaderName, MetadataKey, OriginalDst};

use super::Cx;
use crate::tree::Message;

/// The header that has the destination unless the file names another one.
const HEADER: &str = "x-envoy-original-dst-host";

impl Cx<'_> {
    /// What a cluster takes for the destination: `config` is `original_dst_lb_config`, or that of the extension.
    pub(super) fn original_dst(&self, cluster: &Message<'_>, config: Option<&Message<'_>>) -> OriginalDst {
        if cluster.has("load_assignment") {
            let text = "a cluster of this type can't have endpoints: requests say where they go";
            self.reject(cluster.at_key("load_assignment"), "conflict", text);
            cluster.settle("load_assignment");
        }
        if let Some(common) = cluster.message("common_lb_config") {
            for field in ["healthy_panic_threshold", "zone_aware_lb_config", "locality_weighted_lb_config"] {
                self.has_no_effect(common, field, "requests say which host they are for");
            }
        }
        let interval = self.duration(cluster, "cleanup_interval").unwrap_or(Duration::from_secs(5));
        let mut lowered = OriginalDst {
            metadata_key: None,
            header: None,
            port: None,
            // Envoy counts milliseconds.
            cleanup_interval: interval.max(Duration::from_millis(1)),
        };
        let Some(config) = config else { return lowered };
        lowered.header = self.destination_header(config);
        lowered.port = config.u32("upstream_port_override").and_then(|port| u16::try_from(port).ok());
        lowered.metadata_key = config.message("metadata_key").map(|key| MetadataKey {
            namespace: key.text("key").into(),
            path: key.messages("path").map(|part| part.text("key").into()).collect(),
        });
        lowered
    }

    fn destination_header(&self, config: &Message<'_>) -> Option<HeaderName> {
        let wanted = config.bool("use_http_header");
        match config.text("http_header_name") {
            "" => wanted.then(|| HeaderName::new(HEADER).ok()).flatten(),
            name if wanted => self.header_name(name, config.at("http_header_name"), "no request has it"),
            _ => {
                let text = "`http_header_name` is of no use without `use_http_header: true`";
                self.reject(config.at("http_header_name"), "conflict", text);
                None
            }
        }
    }
}
