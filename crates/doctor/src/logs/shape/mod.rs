//! What lines look like.

mod configured;
mod envoy;
mod json;
mod words;

use causeway_model::{AccessLogFormat, Bootstrap, NetworkFilter};
use causeway_reason::{HaproxyConnection, HaproxyLine};

use super::entry::Entry;
use configured::Configured;

/// The forms that lines may have.
#[derive(Debug)]
pub(super) struct Shapes {
    /// Those that a configuration names.
    configured: Vec<Configured>,
}

impl Shapes {
    pub(super) fn new(bootstrap: Option<&Bootstrap>) -> Self {
        let mut configured: Vec<_> =
            bootstrap.into_iter().flat_map(formats).filter_map(Configured::new).collect();
        // The same format stands at every listener.
        configured.dedup();
        Self { configured }
    }

    /// Reads a line; `None` where it tells of no request.
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<Entry<'a>> {
        let entry = self
            .configured
            .iter()
            .find_map(|shape| shape.read(text))
            .or_else(|| if text.starts_with('{') { json::read(text) } else { None })
            .or_else(|| haproxy(text))
            .or_else(|| envoy::read(text))
            .or_else(|| words::read(text))?;
        entry.is_request().then_some(entry)
    }
}

/// Every format of access logs in a configuration.
fn formats(bootstrap: &Bootstrap) -> impl Iterator<Item = &AccessLogFormat> {
    let of_chains = bootstrap.listeners.iter().flat_map(|listener| {
        let filters = listener.chains().flat_map(|chain| match &chain.filter {
            NetworkFilter::HttpConnectionManager(manager) => &manager.access_logs[..],
            NetworkFilter::TcpProxy(proxy) => &proxy.access_logs[..],
            NetworkFilter::None | NetworkFilter::Echo | NetworkFilter::DirectResponse(_) => &[],
        });
        filters.chain(&listener.access_logs)
    });
    of_chains.map(|log| &log.format)
}

fn haproxy(text: &str) -> Option<Entry<'_>> {
    if let Some(line) = HaproxyConnection::read(text) {
        return Some(Entry {
            time: line.time.into(),
            details: line.message.into(),
            cluster: line.frontend.into(),
            connection: Some(line),
            ..Entry::default()
        });
    }
    let line = HaproxyLine::read(text)?;
    Some(Entry {
        time: line.time.into(),
        status: Some(line.status),
        details: line.state.into(),
        duration: line.total,
        cluster: line.backend.into(),
        host: if line.has_server() { line.server.into() } else { "".into() },
        haproxy: Some(line),
        ..Entry::default()
    })
}
