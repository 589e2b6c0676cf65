//! Making connections to back-ends in time.

use std::net::SocketAddr;

use causeway_model::{Address, Cluster};
use causeway_reason::Failure;
use causeway_upstream::{Stream, connect_timeout};

use crate::io::Transport;

/// A connection that was made.
pub(crate) struct Connected {
    pub(crate) stream: Transport,
    /// Our end, for IP.
    pub(crate) local: Option<SocketAddr>,
}

/// Connects within the cluster's `connect_timeout`.
pub(crate) async fn connect(address: &Address, cluster: &Cluster) -> Result<Connected, Failure> {
    let connecting = causeway_upstream::connect(
        address,
        cluster.tcp_keepalive.as_ref(),
        cluster.upstream_bind_config.as_deref(),
    );
    match tokio::time::timeout(cluster.connect_timeout, connecting).await {
        Ok(Ok(Stream::Tcp(stream))) => {
            let local = stream.local_addr().ok();
            Ok(Connected { stream: Transport::Tcp(stream), local })
        }
        Ok(Ok(Stream::Unix(stream))) => Ok(Connected { stream: Transport::Unix(stream), local: None }),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(connect_timeout(address, cluster.connect_timeout)),
    }
}
