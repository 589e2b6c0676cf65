//! Making connections to back-ends in time.

mod tls;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use causeway_model::Address;
use causeway_reason::Failure;
use causeway_upstream::{
    ConnectPhase, Host, OriginalSource, Stream, connect_failure, connect_timeout, handshake_timeout,
};

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
    let began = Instant::now();
    let shaking = Cell::new(false);
    let connecting = async {
        let connected = causeway_upstream::connect_from(
            address,
            config.tcp_keepalive.as_ref(),
            config.upstream_bind_config.as_deref(),
            way.and_then(|way| way.source.as_ref()),
        )
        .await?;
        let (mut stream, local) = match connected {
            Stream::Tcp(stream) => {
                let local = stream.local_addr().ok();
                (Transport::Tcp(stream.into()), local)
            }
            Stream::Unix(stream) => (Transport::Unix(stream), None),
        };
        if let Some(header) = way.and_then(|way| way.header.as_deref()) {
            write_all(&mut stream, header).await.map_err(|error| {
                connect_failure(address, &error, ConnectPhase::Delayed, began.elapsed(), None)
            })?;
        }
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
        Err(_) => {
            let failure = connect_timeout(address, config.connect_timeout);
            Err(match way.and_then(|way| way.source.as_ref()) {
                Some(source) => without_answer(failure, source),
                None => failure,
            })
        }
    }
}

/// A connection in the name of a client got no answer. Mostly the answer took the way to the client itself, because
/// nothing leads it back to this host.
fn without_answer(failure: Failure, source: &OriginalSource) -> Failure {
    let evidence = failure.evidence.as_deref().unwrap_or_default();
    let (ip, everything) = if source.address.is_ipv4() { ("ip", "0.0.0.0/0") } else { ("ip -6", "::/0") };
    let rule = match source.mark {
        0 => "iif DEVICE".to_owned(),
        mark => format!("fwmark {mark}"),
    };
    let evidence = format!(
        "{evidence}; it was made from the client's address {}, and answers come back only with \
         `{ip} rule add {rule} lookup 100` and `{ip} route add local {everything} dev lo table 100`",
        source.address.ip(),
    );
    failure.with_evidence(evidence)
}

/// Writes all of it, which is a header: what follows has to wait.
async fn write_all(stream: &mut Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| stream.poll_write(cx, bytes)).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}
