//! How large a head is, counted as Envoy holds it: the first line is fields too, as in HTTP/2 (RFC 9113 §8.3).

use causeway_http::{HeaderBlock, Known, Method, forwarding};

use crate::exchange::Exchange;

/// Number and length of fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FieldSize {
    /// How many there are.
    pub(crate) fields: u64,
    /// Bytes of their names and values.
    pub(crate) bytes: u64,
}

impl FieldSize {
    /// Of a request: fields that belong to a connection are none, unless they ask for an upgrade.
    pub(crate) fn of_request(exchange: &Exchange) -> Self {
        let mut size = Self::default();
        for name in [":method", ":path", ":scheme"] {
            if let Some(value) = first_line(exchange, name) {
                size.add(name.len() + value.len());
            }
        }
        size.of_block(&exchange.request, exchange.facts.upgrade)
    }

    /// Of a response that goes to the client.
    pub(crate) fn of_reply(fields: &HeaderBlock) -> Self {
        Self::with_status().of_block(fields, false)
    }

    /// Of a response as it came, before anything has been taken out.
    pub(crate) fn of_response(fields: &HeaderBlock) -> Self {
        Self::with_status().of_block(fields, true)
    }

    /// Of trailers.
    pub(crate) fn of_trailers(fields: &HeaderBlock) -> Self {
        Self::default().of_block(fields, true)
    }

    fn with_status() -> Self {
        let mut size = Self::default();
        size.add(":status".len() + "200".len());
        size
    }

    /// `all` counts fields that belong to a connection as well.
    fn of_block(mut self, block: &HeaderBlock, all: bool) -> Self {
        for field in block.iter().filter(|field| all || !field.known.is_some_and(forwarding::is_hop_by_hop)) {
            self.add(match field.known {
                Some(Known::Host) => ":authority".len() + field.value.len(),
                _ => field.name.len() + field.value.len(),
            });
        }
        self
    }

    const fn add(&mut self, bytes: usize) {
        self.fields += 1;
        self.bytes += bytes as u64;
    }
}

/// What HTTP/2 writes as a field with a colon.
pub(crate) fn first_line<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a [u8]> {
    let head = exchange.head.as_ref()?;
    match name {
        ":method" => Some(head.method_name(&exchange.request).as_bytes()),
        // CONNECT has no path (RFC 9113 §8.5).
        ":path" if head.method == Method::Connect => None,
        ":path" => Some(&exchange.path),
        ":authority" => exchange.request.get(Known::Host),
        ":scheme" => Some(if exchange.facts.https { b"https" } else { b"http" }),
        _ => None,
    }
}
