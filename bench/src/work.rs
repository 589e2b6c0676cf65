//! What is measured.

use crate::engine::{Http2, Request};

/// One kind of traffic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// For the command line.
    pub(crate) name: &'static str,
    /// For the table.
    pub(crate) title: &'static str,
    /// How many clients there are at a time.
    pub(crate) clients: usize,
    pub(crate) target: &'static str,
    pub(crate) body: usize,
    pub(crate) reconnect: bool,
    /// How many routes there are beside the one for everything.
    pub(crate) routes: usize,
    pub(crate) log: bool,
    /// Whether the clients only hold their connections after one request.
    pub(crate) idle: bool,
    /// Whether the proxies pass connections on without looking into them.
    pub(crate) tcp: bool,
    /// Whether the clients speak TLS.
    pub(crate) tls: bool,
    /// Over how many connections of HTTP/2 the clients share; none is HTTP/1, a connection for each.
    pub(crate) http2: Option<usize>,
}

const PLAIN: Work = Work {
    name: "",
    title: "",
    clients: 64,
    target: "/",
    body: 0,
    reconnect: false,
    routes: 0,
    log: false,
    idle: false,
    tcp: false,
    tls: false,
    http2: None,
};

const MANY: Work = Work { clients: 512, ..PLAIN };
const NEW: Work = Work { reconnect: true, ..PLAIN };
const RESPONSES: Work = Work { clients: 16, target: "/large", ..PLAIN };
const HTTP2: Work = Work { http2: Some(8), ..PLAIN };
const HTTP2_RESPONSES: Work = Work { http2: Some(4), ..RESPONSES };
const REQUESTS: Work = Work { clients: 16, body: 1 << 20, ..PLAIN };

/// In the order of the table.
pub(crate) const WORKS: &[Work] = &[
    Work { name: "keepalive-64", title: "keep-alive, 64 connections", ..PLAIN },
    Work { name: "keepalive-512", title: "keep-alive, 512 connections", ..MANY },
    Work { name: "new-connections", title: "new connection per request", ..NEW },
    Work { name: "large-responses", title: "1 MiB responses", ..RESPONSES },
    Work { name: "large-requests", title: "1 MiB request bodies", ..REQUESTS },
    Work { name: "access-log-64", title: "access log, keep-alive, 64", log: true, ..PLAIN },
    Work { name: "access-log-512", title: "access log, keep-alive, 512", log: true, ..MANY },
    Work { name: "access-log-new", title: "access log, new connections", log: true, ..NEW },
    Work { name: "access-log-responses", title: "access log, 1 MiB responses", log: true, ..RESPONSES },
    Work { name: "access-log-requests", title: "access log, 1 MiB requests", log: true, ..REQUESTS },
    Work { name: "routes-1", title: "one route", target: LAST, routes: 1, ..PLAIN },
    Work { name: "routes-10000", title: "the last of 10 000 routes", target: LAST, routes: 10_000, ..PLAIN },
    Work { name: "tcp-small", title: "TCP, small messages", tcp: true, ..PLAIN },
    Work { name: "tcp-large", title: "TCP, 1 MiB", tcp: true, ..RESPONSES },
    Work { name: "tcp-new", title: "TCP, new connections", tcp: true, ..NEW },
    Work { name: "tcp-idle", title: "TCP, idle connections", clients: 4000, idle: true, tcp: true, ..PLAIN },
    Work { name: "tls-keepalive", title: "TLS, keep-alive, 64 connections", tls: true, ..PLAIN },
    Work { name: "tls-new", title: "TLS, new connection per request", clients: 16, tls: true, ..NEW },
    Work { name: "tls-idle", title: "TLS, idle connections", clients: 2000, idle: true, tls: true, ..PLAIN },
    Work { name: "http2-keepalive", title: "HTTP/2 clear, keep-alive", ..HTTP2 },
    Work { name: "http2-responses", title: "HTTP/2 clear, 1 MiB responses", ..HTTP2_RESPONSES },
    Work { name: "http2-tls-keepalive", title: "HTTP/2 over TLS, keep-alive", tls: true, ..HTTP2 },
    Work { name: "http2-tls-responses", title: "HTTP/2 over TLS, 1 MiB", tls: true, ..HTTP2_RESPONSES },
    Work { name: "idle", title: "idle connections", clients: 4000, idle: true, ..PLAIN },
];

/// Matches the last of the 10 000 routes, and the only one of the other configuration.
const LAST: &str = "/r/09999/x";

/// The prefixes of the routes; the last one is always the one that is asked for.
pub(crate) fn prefixes(count: usize) -> impl Iterator<Item = String> {
    (10_000 - count.min(10_000)..10_000).map(|number| format!("/r/{number:05}/"))
}

impl Work {
    pub(crate) fn request(&self) -> Request {
        let method = if self.body > 0 { "POST" } else { "GET" };
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: bench.test\r\nAccept: */*\r\n", self.target);
        if self.body > 0 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body));
        }
        if self.reconnect {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        let http2 = self.http2.map(|connections| Http2 { connections, path: self.target });
        Request { head: head.into_bytes(), body: self.body, reconnect: self.reconnect, http2, tls: self.tls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_differ_and_the_last_route_is_asked_for() {
        let names: HashSet<_> = WORKS.iter().map(|work| work.name).collect();
        assert_eq!(names.len(), WORKS.len());
        for count in [1, 10_000] {
            let prefixes: Vec<String> = prefixes(count).collect();
            assert_eq!(prefixes.len(), count);
            assert!(LAST.starts_with(prefixes.last().unwrap()));
        }
    }
}
