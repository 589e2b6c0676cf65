//! Servers of an HAProxy as clusters, so that the same probes ask them as ask those of an envoy.yaml.
//!
//! Only what a probe needs is carried over: address in use, TLS, PROXY header, protocol, the check, names of sites.

mod check;
mod tls;
mod words;

use std::path::{Path, PathBuf};

use causeway_envoy::{LoadOptions, Source, load};
use causeway_model::Bootstrap;
use serde_json::{Value, json};

use super::cfg::{At, Backend, Cfg, Server};
use super::state::{Observed, Row};

pub(super) use words::in_words_of_haproxy;

const HTTP: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Servers as clusters.
pub(super) struct Model {
    pub(super) bootstrap: Bootstrap,
    /// Names of clusters that are not those of their backend, which has servers of several kinds.
    names: Vec<(String, String)>,
}

/// A server, and what there is to know of it.
struct Known<'a> {
    backend: &'a str,
    name: &'a str,
    at: At,
    tls: bool,
    cfg: Option<&'a Cfg>,
    section: Option<&'a Backend>,
    line: Option<&'a Server>,
    /// What is spoken is not known, or is no HTTP.
    is_opaque: bool,
    folder: &'a Path,
}

impl Model {
    pub(super) fn backend_of<'a>(&'a self, cluster: &'a str) -> &'a str {
        self.renamed().find(|(name, _)| *name == cluster).map_or(cluster, |(_, backend)| backend)
    }

    fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(|(cluster, backend)| (&**cluster, &**backend))
    }
}

/// Every server with an address that is not kept out of service; nothing where there is none.
///
/// # Errors
///
/// What is said of it makes no sense.
pub(super) fn model(observed: &Observed, cfg: Option<&Cfg>) -> Result<Option<Model>, String> {
    let folder = folder(observed, cfg);
    let mut clusters: Vec<(String, &str, Value, Vec<Value>)> = Vec::new();
    let mut opaque: Vec<String> = Vec::new();
    for known in observed.server_rows().filter_map(|row| known(observed, cfg, row, &folder)) {
        let (setup, endpoint) = (known.setup(), known.endpoint());
        match clusters.iter_mut().find(|(_, backend, other, _)| *backend == known.backend && *other == setup)
        {
            Some((.., endpoints)) => endpoints.push(endpoint),
            None => {
                let is_first = clusters.iter().all(|(_, backend, ..)| *backend != known.backend);
                let name = if is_first {
                    known.backend.to_owned()
                } else {
                    format!("{}/{}", known.backend, known.name)
                };
                if known.is_opaque {
                    opaque.push(name.clone());
                }
                clusters.push((name, known.backend, setup, vec![endpoint]));
            }
        }
    }
    if clusters.is_empty() {
        return Ok(None);
    }
    let mut listeners: Vec<_> = cfg.map(binds).unwrap_or_default();
    let mut names = Vec::new();
    let mut all = Vec::new();
    for (at, (name, backend, mut setup, endpoints)) in clusters.into_iter().enumerate() {
        listeners.push(listener(at, &name, backend, cfg, opaque.contains(&name)));
        if let Some(object) = setup.as_object_mut() {
            let assignment = json!({"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]});
            object.insert("load_assignment".to_owned(), assignment);
            object.insert("name".to_owned(), json!(name));
        }
        if name != backend {
            names.push((name, backend.to_owned()));
        }
        all.push(setup);
    }
    let text = json!({"static_resources": {"listeners": listeners, "clusters": all}}).to_string();
    let options = LoadOptions { allow_unsupported: true, ..LoadOptions::default() };
    let loaded = load(&Source::new("haproxy.json", text), &options);
    match loaded.bootstrap {
        Some(bootstrap) => Ok(Some(Model { bootstrap, names })),
        None => Err(loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// Where relative paths of the file lead: to where the process is, or, where that can't be seen, to where the file is.
pub(super) fn folder(observed: &Observed, cfg: Option<&Cfg>) -> PathBuf {
    let process =
        observed.info.get("Pid").and_then(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).ok());
    let file = || cfg.and_then(|cfg| Path::new(&cfg.name).parent().map(Path::to_owned));
    process.or_else(file).unwrap_or_default()
}

fn known<'a>(
    observed: &'a Observed,
    cfg: Option<&'a Cfg>,
    row: &'a Row,
    folder: &'a Path,
) -> Option<Known<'a>> {
    if row.text("status").starts_with("MAINT") {
        return None;
    }
    let section = cfg.and_then(|cfg| cfg.backend(row.backend()));
    let line = section.and_then(|section| section.server(row.name()));
    let state = observed.state_of(row);
    let written = line.map(|line| line.at.clone());
    let path = || written.clone().filter(|at| matches!(at, At::Path(_)));
    let at = path()
        .or_else(|| state.and_then(|state| Some(At::Host(state.address.clone()?, state.port))))
        .or_else(|| Some(At::read(row.text("addr"))).filter(|_| !row.text("addr").is_empty()))
        .or(written.clone())?;
    // A name is looked up by nobody here: what is in use is not known.
    if matches!(&at, At::Host(host, port) if host.parse::<std::net::IpAddr>().is_err() || *port == 0) {
        return None;
    }
    // Without its line nobody knows what TLS it would be.
    let tls = match line {
        Some(line) => line.has("ssl"),
        None => false,
    };
    let is_opaque = row.text("mode") == "tcp"
        || section.is_some_and(|section| section.tcp)
        || (line.is_none() && state.is_some_and(|state| state.tls));
    Some(Known { backend: row.backend(), name: row.name(), at, tls, cfg, section, line, is_opaque, folder })
}

impl Known<'_> {
    /// A word of the server line.
    fn has(&self, word: &str) -> bool {
        self.line.is_some_and(|line| line.has(word))
    }

    fn value(&self, word: &str) -> Option<&str> {
        self.line.and_then(|line| line.value(word))
    }

    /// All of a cluster but its name and its endpoints.
    fn setup(&self) -> Value {
        let global = self.cfg.map(|cfg| &cfg.global);
        let connect = self.section.and_then(|section| section.timeout_connect).unwrap_or(5_000).max(1);
        let fields = global.and_then(|global| global.fields).unwrap_or(101).saturating_sub(1).max(1);
        let buffer = global.and_then(|global| global.buffer).unwrap_or(16_384);
        let common = json!({
            "max_headers_count": fields,
            "max_response_headers_kb": (buffer >> 10).max(1),
            // Idle connections are given up long before any server does it.
            "idle_timeout": "1s",
        });
        // A server that has no ALPN is spoken to in HTTP/1.
        let is_h2 = |name: &str| name == "h2";
        let by_alpn = self.tls && self.value("alpn").is_some_and(|list| list.split(',').any(is_h2));
        let options = match self.value("proto") {
            Some("h2") => json!({"@type": HTTP, "common_http_protocol_options": common,
                "explicit_http_config": {"http2_protocol_options": {}}}),
            _ if by_alpn => {
                json!({"@type": HTTP, "common_http_protocol_options": common, "auto_config": {}})
            }
            _ => json!({"@type": HTTP, "common_http_protocol_options": common,
                "explicit_http_config": {"http_protocol_options": {}}}),
        };
        let mut cluster = json!({
            "connect_timeout": seconds(connect),
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        });
        let Some(object) = cluster.as_object_mut() else { return cluster };
        let source = self.value("source").or_else(|| self.section?.source.as_deref());
        if let Some(At::Host(host, port)) = source.map(At::read)
            && let Ok(ip) = host.parse::<std::net::IpAddr>()
            && !ip.is_unspecified()
        {
            let address = json!({"address": ip, "port_value": port});
            object.insert("upstream_bind_config".to_owned(), json!({"source_address": address}));
        }
        let own = self.socket(self.tls.then(|| self.tls(self.names_in_requests())), self.sends_header());
        if let Some((check, of_check)) = self.check() {
            object.insert("health_checks".to_owned(), json!([check]));
            let raw = || json!({"name": "raw", "typed_config": {"@type": tls::RAW}});
            if of_check != own {
                let several = json!([{"name": "check", "match": {"check": "1"}, "transport_socket": of_check.unwrap_or_else(raw)}]);
                object.insert("transport_socket_matches".to_owned(), several);
            }
        }
        if let Some(socket) = own {
            object.insert("transport_socket".to_owned(), socket);
        }
        cluster
    }

    fn endpoint(&self) -> Value {
        let address = match &self.at {
            At::Host(host, port) => json!({"socket_address": {"address": host, "port_value": port}}),
            At::Path(path) => json!({"pipe": {"path": self.path(None, path)}}),
        };
        let mut endpoint = json!({"address": address, "health_check_config": self.check_address()});
        // The name that checks ask for is one that the server knows.
        let check = self.section.and_then(|section| section.http_check.as_ref());
        if let (Some(endpoint), Some(host)) =
            (endpoint.as_object_mut(), check.and_then(|check| check.host.as_ref()))
        {
            endpoint.insert("hostname".to_owned(), json!(host));
        }
        json!({"endpoint": endpoint})
    }

    /// The version of the PROXY header that requests have in front.
    fn sends_header(&self) -> Option<&'static str> {
        let version_2 = ["send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn"];
        if version_2.iter().any(|word| self.has(word)) {
            return Some("V2");
        }
        self.has("send-proxy").then_some("V1")
    }

    /// The name that requests ask for in TLS.
    fn names_in_requests(&self) -> tls::Names<'_> {
        // What is taken out of each request is what clients ask for.
        let of_request = || {
            self.value("sni")?;
            let site = self.section.and_then(|section| section.host.as_deref());
            site.or_else(|| self.cfg?.hosts(self.backend).next())
        };
        let fixed = self.line.and_then(|line| line.fixed("sni"));
        let sni = fixed.or_else(of_request);
        tls::Names { sni, expected: self.value("verifyhost").or(fixed) }
    }

    /// A path of the file.
    fn path(&self, base: Option<&String>, path: &str) -> String {
        let base = base.map_or_else(|| self.folder.to_owned(), |base| self.folder.join(base));
        base.join(path).display().to_string()
    }
}

/// What leads to a cluster, for the names of sites and for what is spoken.
fn listener(at: usize, cluster: &str, backend: &str, cfg: Option<&Cfg>, is_opaque: bool) -> Value {
    let section = cfg.and_then(|cfg| cfg.backend(backend));
    let address = json!({"socket_address": {"address": "192.0.2.1", "port_value": at + 1}});
    let filter = if is_opaque {
        json!({"name": "tcp", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "tcp", "cluster": cluster}})
    } else {
        let mut domains: Vec<&str> = cfg.map(|cfg| cfg.hosts(backend).collect()).unwrap_or_default();
        domains.sort_unstable();
        domains.dedup();
        if domains.is_empty() {
            domains.push("*");
        }
        let mut action = json!({"cluster": cluster});
        if let (Some(host), Some(action)) =
            (section.and_then(|section| section.host.as_ref()), action.as_object_mut())
        {
            action.insert("host_rewrite_literal".to_owned(), json!(host));
        }
        json!({"name": "http", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "http",
            "route_config": {"virtual_hosts": [{"name": "sites", "domains": domains,
                "routes": [{"match": {"prefix": "/"}, "route": action}]}]},
            "http_filters": [{"name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        }})
    };
    json!({"name": format!("to {cluster}"), "address": address, "filter_chains": [{"filters": [filter]}]})
}

/// Where HAProxy itself listens: nobody would mean that by the port of a server.
fn binds(cfg: &Cfg) -> Vec<Value> {
    let mut seen = Vec::new();
    let all = cfg.frontends().flat_map(|(_, frontend)| &frontend.binds).flat_map(|bind| &bind.at);
    for at in all {
        let At::Host(host, port) = at else { continue };
        let host = if matches!(&**host, "" | "*") { "0.0.0.0" } else { host };
        if let Ok(ip) = host.parse::<std::net::IpAddr>()
            && *port > 0
            && !seen.contains(&(ip, *port))
        {
            seen.push((ip, *port));
        }
    }
    let listener = |(ip, port): &(std::net::IpAddr, u16)| {
        json!({"name": format!("{ip}:{port}"), "filter_chains": [{}],
            "address": {"socket_address": {"address": ip, "port_value": port}}})
    };
    seen.iter().map(listener).collect()
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}s", milliseconds / 1000, milliseconds % 1000)
}
