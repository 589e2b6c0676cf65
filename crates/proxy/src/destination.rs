//! Where a request or connection to a cluster of type `ORIGINAL_DST` goes.
//!
//! Metadata comes before the header, and the header before the address that the client connected to. What says something
//! that is no address is passed over, and counted.

use causeway_http::Known;
use causeway_model::{ClusterType, MetadataKey, OriginalDst, Value};
use causeway_upstream::{ClusterStat, Destination};

use crate::cluster::LocalCluster;
use crate::connection::ConnectionInfo;
use crate::exchange::Exchange;
use crate::format::first_line;

/// Where a request goes. Of a copy for a mirror, no connection is known.
pub(crate) fn of_request<'e>(
    cluster: &LocalCluster,
    exchange: &'e Exchange,
    client: Option<&'e ConnectionInfo>,
) -> Destination<'e> {
    let Some(config) = config(cluster) else { return Destination::Unknown };
    let in_metadata = || {
        let key = config.metadata_key.as_ref()?;
        let own = text(exchange.facts.dynamic_metadata.get(&key.namespace, &key.path));
        own.or_else(|| of_client(client?, key))
    };
    let in_header = || field(exchange, config.header.as_ref()?.as_str());
    first(cluster, [&in_metadata, &in_header], client)
}

/// Where a connection that is passed on goes.
pub(crate) fn of_connection<'i>(cluster: &LocalCluster, client: &'i ConnectionInfo) -> Destination<'i> {
    let Some(config) = config(cluster) else { return Destination::Unknown };
    let in_metadata = || of_client(client, config.metadata_key.as_ref()?);
    first(cluster, [&in_metadata], Some(client))
}

fn config(cluster: &LocalCluster) -> Option<&OriginalDst> {
    match &cluster.config().kind {
        ClusterType::OriginalDst(config) => Some(config),
        ClusterType::Static
        | ClusterType::StrictDns(_)
        | ClusterType::LogicalDns(_)
        | ClusterType::Aggregate(_) => None,
    }
}

/// The first of these that says an address, or else where the client connected to.
fn first<'e, const N: usize>(
    cluster: &LocalCluster,
    said: [&dyn Fn() -> Option<&'e [u8]>; N],
    client: Option<&ConnectionInfo>,
) -> Destination<'e> {
    let mut none = Destination::Unknown;
    for said in said {
        match said().map(Destination::parse) {
            Some(to @ Destination::To(_)) => return to,
            Some(no_address) => {
                cluster.stats().inc(ClusterStat::OriginalDstHostInvalid);
                none = no_address;
            }
            None => {}
        }
    }
    client.and_then(ConnectionInfo::original_destination).map_or(none, Destination::To)
}

/// What the metadata of a connection says.
fn of_client<'i>(client: &'i ConnectionInfo, key: &MetadataKey) -> Option<&'i [u8]> {
    let found = client.inspected.as_ref()?;
    text(found.metadata.get(&key.namespace, &key.path))
}

/// A text, or the first of a list.
fn text(value: Option<&Value>) -> Option<&[u8]> {
    match value? {
        Value::String(text) => Some(text.as_bytes()),
        Value::List(values) => match values.first()? {
            Value::String(text) => Some(text.as_bytes()),
            _ => None,
        },
        _ => None,
    }
}

/// The first value of a header field, or a part of the request's first line under its pseudo name. `host` is `:authority`
/// under its old name, as in Envoy.
fn field<'e>(exchange: &'e Exchange, name: &str) -> Option<&'e [u8]> {
    match name {
        "host" => exchange.request.get(Known::Host),
        _ if name.starts_with(':') => first_line(exchange, name),
        _ => exchange.request.get(name),
    }
}
