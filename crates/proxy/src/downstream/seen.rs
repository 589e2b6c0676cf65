//! A request as routing sees it.

use causeway_http::{Known, Method};
use causeway_routing::{Certificate, RouteRequest, visit_field};

use crate::connection::ConnectionInfo;
use crate::exchange::Exchange;

/// A request as routing sees it.
pub(crate) struct SeenByRouting<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) connection: &'a ConnectionInfo,
    pub(crate) random: u64,
}

impl SeenByRouting<'_> {
    /// Reads the first value of a field, or a part of the request line under its pseudo name.
    pub(crate) fn read_field<R>(&self, name: &str, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (mut read, mut result) = (Some(read), None);
        visit_field(self, name, &mut |value| {
            if let Some(read) = read.take() {
                result = Some(read(value));
            }
        });
        result
    }
}

impl RouteRequest for SeenByRouting<'_> {
    fn authority(&self) -> &[u8] {
        self.exchange.request.get(Known::Host).unwrap_or_default()
    }

    fn path(&self) -> &[u8] {
        if self.exchange.method() == Method::Connect { b"" } else { &self.exchange.path }
    }

    fn method(&self) -> &[u8] {
        self.exchange.head.as_ref().map_or(b"", |head| head.method_name(&self.exchange.request).as_bytes())
    }

    fn scheme(&self) -> &[u8] {
        if self.exchange.facts.https { b"https" } else { b"http" }
    }

    fn is_internal(&self) -> bool {
        self.exchange.facts.internal
    }

    fn certificate(&self) -> Certificate {
        self.connection.tls.get().map_or_else(Certificate::default, |tls| Certificate {
            presented: !tls.peer.is_empty(),
            validated: tls.validated,
        })
    }

    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        self.connection.filter_state(key).map(crate::format::plain)
    }

    fn random(&self) -> u64 {
        self.random
    }

    fn visit_header(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
        for value in self.exchange.request.values(name) {
            visit(value);
        }
    }

    fn forwarded_proto(&self) -> &[u8] {
        self.exchange.request.get(Known::XForwardedProto).unwrap_or_default()
    }
}
