//! WebSockets between a side that speaks HTTP/1 and one that speaks HTTP/2.
//!
//! By HTTP/1, a client sends a key, and a server proves by what it makes of it that it is one of WebSockets (RFC 6455
//! §1.3). By HTTP/2 there is neither (RFC 8441 §5). So a back-end of HTTP/1 is sent a key that is made here, without which
//! most refuse; a client of HTTP/1 gets the answer that a back-end of HTTP/2 does not give.

use causeway_tls::certificate::{base64, sha1};

use super::relay::Relay;
use crate::downstream::Client;

const KEY: &str = "sec-websocket-key";
const ACCEPT: &str = "sec-websocket-accept";

/// What every server puts behind the key (RFC 6455 §4.2.2).
const BEHIND_KEY: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a server of WebSockets makes of a key.
fn accept_of(key: &[u8]) -> String {
    let mut accept = String::with_capacity(28);
    base64(&sha1(&[key, BEHIND_KEY].concat()), &mut accept);
    accept
}

impl Relay<'_> {
    fn asks_for_websocket(&self) -> bool {
        self.downstream.upgrade.as_deref().is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket"))
    }

    /// Puts a key into the request, where it has none that could be sent.
    pub(super) fn make_websocket_key(&mut self) {
        let missing = matches!(self.downstream.client, Client::Http2(_)) && !self.upstream.is_http2();
        if !missing || !self.asks_for_websocket() || self.request.request.get(KEY).is_some() {
            return;
        }
        let worker = &self.downstream.worker;
        let random = [worker.random().to_le_bytes(), worker.random().to_le_bytes()];
        let mut key = String::with_capacity(24);
        base64(random.as_flattened(), &mut key);
        self.request.request.append(KEY, key.as_bytes());
    }

    /// Makes the answer to the key of a client, where the back-end speaks HTTP/2: whatever it says there, which may be
    /// about a key that another proxy has made, the client goes by its own.
    ///
    /// What a back-end answers to a key that was made here is passed on as it is and not compared: there are back-ends
    /// that answer any key alike, and by HTTP/2 nothing depends on it (RFC 8441 §5).
    pub(super) fn make_websocket_accept(&mut self) {
        let missing = matches!(self.downstream.client, Client::Http1 { .. }) && self.upstream.is_http2();
        if !missing || !self.asks_for_websocket() {
            return;
        }
        if let Some(key) = self.request.request.get(KEY) {
            let accept = accept_of(key);
            self.request.response.set(ACCEPT, accept.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_the_key_of_the_rfc() {
        // RFC 6455 §1.3
        assert_eq!(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
