//! From the command line to a request, and to the listener that it would reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use causeway_model::{Address, Bootstrap, DownstreamSocket, Listener, NetworkFilter};
use causeway_proxy::{Caller, Hello, Question};

use crate::cli::RouteArguments;

/// The port of a client that is not given.
const PORT: u16 = 50_000;

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) https: bool,
    /// The host as it stands, in brackets where it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// Path and query.
    pub(crate) path: String,
}

impl Url {
    /// Takes a URL apart, as curl does: by http where it names no scheme, and without a fragment.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no URL: {why}");
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let https = match &*scheme.to_ascii_lowercase() {
            "http" => false,
            "https" => true,
            other => return Err(wrong(&format!("the scheme is `{other}`, and has to be http or https"))),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let colon = authority.rfind(':').filter(|at| *at > authority.rfind(']').unwrap_or(0));
        let (host, port) = match colon.and_then(|at| Some((authority.get(..at)?, authority.get(at + 1..)?))) {
            Some((host, port)) => {
                (host, Some(port.parse().map_err(|_| wrong(&format!("the port is `{port}`")))?))
            }
            None => (authority, None),
        };
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { https, host: host.to_owned(), port, path })
    }

    /// The port that a client connects to.
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// What a client puts in `Host`.
    pub(crate) fn authority(&self) -> String {
        let default = if self.https { 443 } else { 80 };
        match self.port.filter(|port| *port != default) {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The name that a client asks for in its handshake: none, where the host is an address.
    fn server_name(&self) -> &str {
        let is_address = self.host.starts_with('[') || self.host.parse::<IpAddr>().is_ok();
        if is_address { "" } else { &self.host }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.https { "https" } else { "http" }, self.authority(), self.path)
    }
}

/// Where a request comes from, and where it arrives.
#[derive(Debug)]
pub(super) struct Aimed {
    /// The listener's number in the file.
    pub(super) listener: usize,
    pub(super) caller: Caller,
    /// No listener has this port, which is that of the URL, and this is the only one that can be meant.
    pub(super) missing_port: Option<u16>,
}

/// The request that the command line asks about.
pub(super) fn question(url: &Url, arguments: &RouteArguments) -> Result<Question, String> {
    let mut authority = url.authority();
    let mut fields = Vec::new();
    for header in &arguments.headers {
        // As curl has it, a name with a semicolon behind it is a field without a value.
        let field = header.split_once(':').or_else(|| Some((header.strip_suffix(';')?, "")));
        let Some((name, value)) = field.map(|(name, value)| (name.trim(), value.trim())) else {
            return Err(format!("`{header}` is no header field: NAME: VALUE"));
        };
        if header.contains(['\r', '\n']) || name.is_empty() {
            return Err(format!("`{}` is no header field: NAME: VALUE", header.escape_debug()));
        }
        if name.eq_ignore_ascii_case("host") || name == ":authority" {
            value.clone_into(&mut authority);
        } else {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    let method = arguments.method.clone().unwrap_or_else(|| "GET".to_owned());
    if method.is_empty() || method.contains(|c: char| c.is_ascii_whitespace() || c.is_control()) {
        return Err(format!("`{}` is no method", method.escape_debug()));
    }
    if url.path.contains(|c: char| c.is_ascii_whitespace() || c.is_control()) {
        return Err(format!(
            "`{}` can't stand in a request: white space is %20 there",
            url.path.escape_debug()
        ));
    }
    let target = if method == "CONNECT" { format!("{}:{}", url.host, url.port()) } else { url.path.clone() };
    if method == "CONNECT" {
        authority.clone_from(&target);
    }
    Ok(Question { method, target, authority, fields })
}

/// Finds the listener, and says how the client gets there.
pub(super) fn aim(bootstrap: &Bootstrap, url: &Url, arguments: &RouteArguments) -> Result<Aimed, String> {
    let (listener, to, missing_port) = target(bootstrap, url, arguments)?;
    let from = arguments.from.as_deref().map(address).transpose()?;
    let tls = url.https.then(|| Hello {
        server_name: arguments.sni.as_deref().unwrap_or(url.server_name()).into(),
        protocols: match &arguments.alpn[..] {
            [] if arguments.http2 => vec!["h2".into()],
            [] => vec!["http/1.1".into()],
            given => given.iter().map(|protocol| protocol.trim().into()).collect(),
        },
    });
    if tls.is_none() && (arguments.sni.is_some() || !arguments.alpn.is_empty()) {
        return Err("--sni and --alpn are for https".to_owned());
    }
    let from = from.unwrap_or_else(|| default_client(&to));
    Ok(Aimed { listener, caller: Caller { from, to, tls, http2: arguments.http2 }, missing_port })
}

/// A client that may reach an address: one of the addresses that are nobody's (RFC 5737, RFC 3849), unless only this
/// machine can.
pub(crate) fn default_client(to: &Address) -> Address {
    let ip: IpAddr = match to.ip().map(|to| to.ip()) {
        Some(ip) if ip.is_loopback() => ip,
        Some(IpAddr::V6(_)) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        Some(IpAddr::V4(_)) => Ipv4Addr::new(192, 0, 2, 1).into(),
        None => return Address::Pipe { path: "".into(), mode: 0 },
    };
    Address::Ip((ip, PORT).into())
}

type Target = (usize, Address, Option<u16>);

/// The listener, the address at which it is reached, and the port of the URL where it has another one.
fn target(bootstrap: &Bootstrap, url: &Url, arguments: &RouteArguments) -> Result<Target, String> {
    let listeners = || bootstrap.listeners.iter().enumerate();
    if bootstrap.listeners.is_empty() {
        return Err("the file has no listeners".to_owned());
    }
    if let Some(name) = &arguments.listener {
        let Some((at, listener)) = listeners().find(|(_, listener)| *listener.name == **name) else {
            return Err(format!("there is no listener `{name}`; {}", names(bootstrap)));
        };
        return Ok((at, first_address(listener)?, None));
    }
    if let Some(to) = &arguments.to {
        let to = address(to)?;
        let at = listener_at(bootstrap, &to)
            .ok_or_else(|| format!("nobody listens on {to}; {}", names(bootstrap)))?;
        return Ok((at, to, None));
    }
    let with_port = |listener: &Listener| {
        let mut addresses = listener.addresses.iter();
        listener
            .bind_to_port
            .then(|| addresses.find(|address| port(address) == Some(url.port())).cloned())
            .flatten()
    };
    let found: Vec<_> = listeners().filter_map(|(at, listener)| Some((at, with_port(listener)?))).collect();
    match &found[..] {
        [(at, address)] => return Ok((*at, address.clone(), None)),
        [] => {}
        [..] => {
            let wanted: Vec<String> = found.iter().map(|(_, address)| address.to_string()).collect();
            return Err(format!(
                "several listeners have port {}: --to {} says which",
                url.port(),
                wanted.join(" or --to ")
            ));
        }
    }
    // A port may be another one where the proxy runs: that of a container, say.
    let suited: Vec<_> = listeners().filter(|(_, listener)| is_suited(listener, url.https)).collect();
    match &suited[..] {
        [(at, listener)] => Ok((*at, first_address(listener)?, Some(url.port()))),
        _ => Err(format!(
            "no listener has port {}: --listener NAME or --to ADDRESS:PORT says which; {}",
            url.port(),
            names(bootstrap)
        )),
    }
}

/// The listener of an address: the one that is bound to it, or to all addresses with its port; one that is not bound
/// gets the connections of another that passes them on by address (`use_original_dst`).
pub(crate) fn listener_at(bootstrap: &Bootstrap, to: &Address) -> Option<usize> {
    let passes_on = bootstrap.listeners.iter().any(|listener| listener.use_original_dst);
    let all = || {
        let reachable =
            |(_, listener): &(usize, &std::sync::Arc<Listener>)| listener.bind_to_port || passes_on;
        bootstrap.listeners.iter().enumerate().filter(reachable)
    };
    let is_any = |address: &Address| match (address, to) {
        (Address::Ip(any), Address::Ip(to)) => {
            let family = any.is_ipv4() == to.is_ipv4() || any.is_ipv6();
            any.ip().is_unspecified() && family && any.port() == to.port()
        }
        _ => false,
    };
    let exact = all().find(|(_, listener)| listener.addresses.contains(to));
    let any = || all().find(|(_, listener)| listener.addresses.iter().any(is_any));
    // Whatever is for nobody else is taken by the one that passes on.
    let original = || all().find(|(_, listener)| listener.use_original_dst);
    exact.or_else(any).or_else(original).map(|(at, _)| at)
}

fn is_suited(listener: &Listener, https: bool) -> bool {
    listener.bind_to_port
        && listener.chains().any(|chain| {
            let tls = matches!(chain.transport_socket, DownstreamSocket::Tls(_));
            tls == https && matches!(chain.filter, NetworkFilter::HttpConnectionManager(_))
        })
}

fn first_address(listener: &Listener) -> Result<Address, String> {
    listener.addresses.first().cloned().ok_or_else(|| format!("listener `{}` has no address", listener.name))
}

fn port(address: &Address) -> Option<u16> {
    address.ip().map(|address| address.port())
}

/// An address of the command line; one without a port has the usual one of a client.
fn address(text: &str) -> Result<Address, String> {
    if text.starts_with(['/', '@']) {
        return Ok(Address::Pipe { path: text.into(), mode: 0 });
    }
    let whole = text.parse::<SocketAddr>();
    let bare = || text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = whole.or_else(|_| bare().map(|ip| SocketAddr::new(ip, PORT)));
    address
        .map(Address::Ip)
        .map_err(|_| format!("`{text}` is no address: 10.0.0.1:443, [::1]:443 or /run/socket"))
}

/// All listeners, for those who have to choose.
fn names(bootstrap: &Bootstrap) -> String {
    let name = |listener: &std::sync::Arc<Listener>| {
        let addresses: Vec<String> = listener.addresses.iter().map(ToString::to_string).collect();
        format!("`{}` on {}", listener.name, addresses.join(", "))
    };
    format!("there are {}", bootstrap.listeners.iter().map(name).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_as_curl_does() {
        for (text, https, authority, port, path) in [
            ("http://a.test", false, "a.test", 80, "/"),
            ("https://a.test:8443/x?q#f", true, "a.test:8443", 8443, "/x?q"),
            ("https://a.test:443/", true, "a.test", 443, "/"),
            ("a.test/x", false, "a.test", 80, "/x"),
            ("http://user:secret@a.test?q", false, "a.test", 80, "/?q"),
            ("HTTP://[::1]:8080/x", false, "[::1]:8080", 8080, "/x"),
            ("http://[::1]/x", false, "[::1]", 80, "/x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.https, &*url.authority(), url.port(), &*url.path),
                (https, authority, port, path)
            );
        }
        for text in ["ftp://a.test/", "http://", "http://a.test:x/"] {
            assert!(Url::parse(text).unwrap_err().contains("is no URL"), "{text}");
        }
    }

    #[test]
    fn names_are_asked_for_and_addresses_are_not() {
        assert_eq!(Url::parse("https://a.test:1/").unwrap().server_name(), "a.test");
        assert_eq!(Url::parse("https://[::1]:1/").unwrap().server_name(), "");
        assert_eq!(Url::parse("https://10.0.0.1/").unwrap().server_name(), "");
    }
}
