//! Clusters whose hosts are the addresses that clients were going to.

use std::time::Duration;

use crate::HeaderName;

/// What a cluster of type `ORIGINAL_DST` takes for the destination of a request or connection
/// (`OriginalDstLbConfig`, `extensions.clusters.original_dst.v3.OriginalDstCluster`). The first of these that is there
/// counts: metadata, the header, and where the client connected to before its connection was sent here.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginalDst {
    /// The key of metadata that has it (`metadata_key`).
    pub metadata_key: Option<MetadataKey>,
    /// The header that has it, where one may (`use_http_header`, `http_header_name`); `x-envoy-original-dst-host` unless
    /// it has another name.
    pub header: Option<HeaderName>,
    /// Takes the place of its port (`upstream_port_override`).
    pub port: Option<u16>,
    /// A host is forgotten when it was not chosen for as long, and has no connections (`Cluster.cleanup_interval`); 5 s
    /// unless set.
    pub cleanup_interval: Duration,
}

/// `type.metadata.v3.MetadataKey`: a place in metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataKey {
    /// The namespace.
    pub namespace: Box<str>,
    /// Keys, from the outermost on; at least one.
    pub path: Vec<Box<str>>,
}
