//! Making connections to back-ends in time.

mod tls;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use causeway_model::Address;
use causeway_reason::Failure;
use causeway_upstream::{Host, Stream, connect_timeout, handshake_timeout};

use crate::cluster::LocalCluster;
use crate::io::Transport;
use crate::way::Way;

pub(crate) use tls::TlsFacts;

/// A connection that was made.
pub(crate) struct Connected {
    pub(crate) stream: Transport,
    /// Our end, for IP.
    pub(crate) local: Option<SocketAddr>,
    /// What is known of its TLS, where it speaks it.
    pub(crate) tls: Option<Rc<TlsFacts>>,
}

/// Connects within the cluster's `connect_timeout`, the handshake of TLS included. `alpn` is what is offered where the
/// configuration names no protocols.
pub(crate) async fn connect(
    address: &Address,
    host: &Host,
    cluster: &LocalCluster,
    way: Option<&Way>,
    alpn: &[&str],
) -> Result<Connected, Failure> {
    let config = cluster.config();
    let shaking = Cell::new(false);
    let connecting = async {
        let connected = causeway_upstream::connect(
            address,
            config.tcp_keepalive.as_ref(),
            config.upstream_bind_config.as_deref(),
        )
        .await?;
        let (stream, local) = match connected {
            Stream::Tcp(stream) => {
                let local = stream.local_addr().ok();
                (Transport::Tcp(stream), local)
            }
            Stream::Unix(stream) => (Transport::Unix(stream), None),
        };
        let socket = cluster.shared().sockets().of(host);
        let Some(tls) = socket.and_then(|socket| socket.tls.as_ref()) else {
            return Ok(Connected { stream, local, tls: None });
        };
        shaking.set(true);
        let (stream, facts) = tls::shake_hands(stream, address, tls, host, cluster, way, alpn).await?;
        Ok(Connected { stream, local, tls: Some(Rc::new(facts)) })
    };
    match tokio::time::timeout(config.connect_timeout, connecting).await {
        Ok(result) => result,
        Err(_) if shaking.get() => Err(handshake_timeout(address, config.connect_timeout)),
        Err(_) => Err(connect_timeout(address, config.connect_timeout)),
    }
}
