//! Components: the loggers of Envoy, and which of them a `tracing` target belongs to.

use std::fmt;

/// One of Envoy's loggers. Those of features that do not exist here are listed too, so that a script
/// that sets them goes on working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Component(u8);

/// Envoy's names, in the order in which `/logging` lists them.
const NAMES: &[&str] = &[
    "a2a",
    "admin",
    "ai_protocol_manager",
    "alternate_protocols_cache",
    "aws",
    "assert",
    "backtrace",
    "basic_auth",
    "cache_filter",
    "client",
    "config",
    "connection",
    "conn_handler",
    "compression",
    "credential_injector",
    "decompression",
    "dns",
    "dubbo",
    "envoy_bug",
    "ext_authz",
    "ext_proc",
    "rocketmq",
    "file",
    "filter",
    "forward_proxy",
    "geolocation",
    "grpc",
    "happy_eyeballs",
    "hc",
    "health_checker",
    "http",
    "http2",
    "hystrix",
    "init",
    "io",
    "jwt",
    "json_rpc",
    "kafka",
    "key_value_store",
    "lua",
    "local_rate_limit",
    "main",
    "matcher",
    "mcp",
    "misc",
    "mongo",
    "multi_connection",
    "notification",
    "oauth2",
    "quic",
    "quic_stream",
    "pool",
    "rate_limit_quota",
    "rbac",
    "rds",
    "redis",
    "router",
    "runtime",
    "stats",
    "secret",
    "sse",
    "tap",
    "testing",
    "thrift",
    "tracing",
    "upstream",
    "udp",
    "wasm",
    "websocket",
    "golang",
    "stats_sinks",
    "dynamic_modules",
    "ip_tagging",
];

/// Modules and crates that speak for a component without naming it as their target. The longest
/// match counts.
const MODULES: &[(&str, &str)] = &[
    ("causeway", "main"),
    ("causeway_admin", "admin"),
    ("causeway_envoy", "config"),
    ("causeway_haproxy", "config"),
    ("causeway_http", "http"),
    ("causeway_log", "main"),
    ("causeway_model", "config"),
    ("causeway_proxy", "http"),
    ("causeway_proxy::connection", "connection"),
    ("causeway_proxy::filter", "filter"),
    ("causeway_proxy::listener", "conn_handler"),
    ("causeway_proxy::pool", "pool"),
    ("causeway_proxy::router", "router"),
    ("causeway_proxy::runtime", "runtime"),
    ("causeway_proxy::tcp", "filter"),
    ("causeway_proxy::tls", "connection"),
    ("causeway_proxy::worker", "conn_handler"),
    ("causeway_routing", "router"),
    ("causeway_stats", "stats"),
    ("causeway_sys", "io"),
    ("causeway_upstream", "upstream"),
    ("causeway_upstream::dns", "dns"),
    ("causeway_upstream::health", "hc"),
    ("causeway_upstream::outlier", "upstream"),
    // Libraries that speak for one component alone.
    ("axum", "admin"),
    ("h2", "http2"),
    ("hickory_net", "dns"),
    ("hickory_proto", "dns"),
    ("hickory_resolver", "dns"),
    ("hyper", "admin"),
    ("hyper_util", "admin"),
    ("mio", "io"),
    ("quinn", "quic"),
    ("quinn_proto", "quic"),
    ("rustls", "connection"),
    ("tonic", "grpc"),
];

/// What unknown targets belong to.
const OTHERS: &str = "misc";

impl Component {
    /// How many there are.
    pub(crate) const COUNT: usize = NAMES.len();

    /// All of them, in Envoy's order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u8::MAX).map(Self).take(Self::COUNT)
    }

    /// The component of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|component| component.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(self.index()).copied().unwrap_or(OTHERS)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a target's lines belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) component: Component,
    /// Whether the target is a library nobody thought of: its lines below warning are about itself,
    /// not about the proxy, and are never written.
    pub(crate) stranger: bool,
}

impl Owner {
    /// The owner of a `tracing` target: a component's name, or the path of a module.
    pub(crate) fn of(target: &str) -> Self {
        let named = Component::from_name(target).or_else(|| {
            MODULES
                .iter()
                .filter(|(module, _)| covers(module, target))
                .max_by_key(|(module, _)| module.len())
                .and_then(|(_, name)| Component::from_name(name))
        });
        match named {
            Some(component) => Self { component, stranger: false },
            None => Self { component: Component::from_name(OTHERS).unwrap_or(Component(0)), stranger: true },
        }
    }
}

/// Whether a module is the target, or one above it.
fn covers(module: &str, target: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_maps_to_a_component_that_exists() {
        for (module, name) in MODULES {
            assert!(Component::from_name(name).is_some(), "{module} → {name}");
            assert_eq!(Owner::of(module).component.name(), *name);
        }
        assert!(Component::from_name(OTHERS).is_some());
        assert_eq!(Component::all().count(), NAMES.len());
    }

    #[test]
    fn the_longest_module_wins() {
        let name = |target| Owner::of(target).component.name();
        assert_eq!(name("upstream"), "upstream");
        assert_eq!(name("causeway_upstream::cluster"), "upstream");
        assert_eq!(name("causeway_upstream::dns::resolver"), "dns");
        assert_eq!(name("causeway_upstream::dnsx"), "upstream");
        assert_eq!(name("causeway::serve"), "main");
        assert_eq!(name("h2::codec::framed_read"), "http2");
    }

    #[test]
    fn strangers_are_known_as_such() {
        assert_eq!(
            Owner::of("some_crate::x"),
            Owner { component: Component::from_name("misc").unwrap(), stranger: true }
        );
        assert!(!Owner::of("misc").stranger);
        assert!(Owner::of("causewayx").stranger);
    }
}
