//! How a connection to a back-end is made beyond its address: what it says before anything else, and whom it asks for
//! by TLS. Connections of different ways are never shared.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use causeway_http::Known;
use causeway_upstream::{Host, OriginalSource, Socket};

use crate::cluster::LocalCluster;
use crate::connection::ConnectionInfo;
use crate::proxy_header::header;
use crate::record::ActiveRequest;

/// What connections of some requests have in common, and those of others have not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// The name that TLS asks for in place of the configured one.
    pub(crate) server_name: Option<TlsName>,
    /// The name that the certificate has to bear in place of the configured ones.
    pub(crate) expected: Option<TlsName>,
    /// What is sent first, a PROXY header: connections that have one are for one client alone, and end with it.
    pub(crate) header: Option<Box<[u8]>>,
    /// Where it comes from, in the name of the client: as an HTTP filter has it, or a listener filter.
    pub(crate) source: Option<OriginalSource>,
}

/// A name for TLS, in which capitals and small letters are the same (RFC 6066 §3).
#[derive(Debug, Clone)]
pub(crate) struct TlsName(Box<str>);

impl Deref for TlsName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TlsName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl PartialEq for TlsName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for TlsName {}

impl Hash for TlsName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl Way {
    /// The way for a request; `None` where it needs nothing of its own.
    pub(crate) fn of(
        request: &ActiveRequest,
        client: &ConnectionInfo,
        cluster: &LocalCluster,
        host: &Host,
    ) -> Option<Rc<Self>> {
        let socket = cluster.shared().sockets().of(host);
        let own = &request.facts.source;
        if client.inspected.is_none() && own.is_none() && socket.is_none_or(|socket| socket.is_plain()) {
            return None;
        }
        let mut way = Self::from(client);
        if let Some(source) = own {
            way.source = Some(source.over(way.source));
        }
        match socket {
            Some(socket) => {
                way.for_client(client, cluster, socket, host).for_name_of(request, cluster, socket)
            }
            None => way,
        }
        .some()
    }

    /// The way for what is no request; `None` where it needs nothing of its own.
    pub(crate) fn of_connection(
        client: &ConnectionInfo,
        cluster: &LocalCluster,
        host: &Host,
    ) -> Option<Rc<Self>> {
        let way = Self::from(client);
        match cluster.shared().sockets().of(host) {
            Some(socket) => way.for_client(client, cluster, socket, host),
            None => way,
        }
        .some()
    }

    /// In the name of the client, where its listener wants that.
    fn from(client: &ConnectionInfo) -> Self {
        let source = client.inspected.as_ref().and_then(|found| found.source);
        Self { source, ..Self::default() }
    }

    fn some(self) -> Option<Rc<Self>> {
        (self != Self::default()).then(|| Rc::new(self))
    }

    fn for_client(
        mut self,
        client: &ConnectionInfo,
        cluster: &LocalCluster,
        socket: &Socket,
        host: &Host,
    ) -> Self {
        if let Some(socket) = &socket.proxy_protocol {
            let (header, too_long) = header(socket, host, client);
            if too_long {
                cluster.count_tlvs_exceed();
            }
            self.header = Some(header.into());
        }
        self
    }

    /// `auto_sni` and `auto_san_validation`: the name is the host of the request as the route makes it, or what a field of
    /// the request says. As with Envoy it is asked for before a host is chosen, whose name may take its place
    /// (`auto_host_rewrite`).
    fn for_name_of(mut self, request: &ActiveRequest, cluster: &LocalCluster, socket: &Socket) -> Self {
        let options = &cluster.config().http.server_name;
        if socket.tls.is_none() || !(options.auto_sni || options.auto_san_validation) {
            return self;
        }
        let field = options.header.as_ref().and_then(|name| request.request.get(name.as_str()));
        let text = field
            .filter(|text| !text.is_empty())
            .or_else(|| request.facts.host_before.as_deref())
            .or_else(|| request.request.get(Known::Host));
        let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else { return self };
        let host = without_port(text);
        // TLS has no way to ask for an address.
        let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
        if options.auto_sni && !is_address {
            self.server_name = Some(host.into());
        }
        if options.auto_san_validation {
            self.expected = Some(host.trim_matches(['[', ']']).into());
        }
        self
    }
}

/// An authority without its port.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.contains(':') => host,
        Some((host, port)) if host.ends_with(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_host_has_no_port() {
        for (authority, host) in
            [("a.test", "a.test"), ("a.test:80", "a.test"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")]
        {
            assert_eq!(without_port(authority), host);
        }
    }
}
