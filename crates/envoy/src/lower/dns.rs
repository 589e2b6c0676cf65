//! How names are looked up.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_model::{Address, DnsLookupFamily, DnsOptions, DnsResolver};

use super::Cx;
use super::extension::{short_kind, type_place};
use crate::diagnostic::Draft;
use crate::tree::{Body, Message};

/// What holds for every cluster that says nothing else: the resolver of the bootstrap.
#[derive(Default)]
pub(super) struct Defaults {
    pub(super) resolver: DnsResolver,
}

/// The fields of a cluster that are about DNS.
const FIELDS: &[&str] = &[
    "dns_refresh_rate",
    "dns_failure_refresh_rate",
    "respect_dns_ttl",
    "dns_lookup_family",
    "dns_resolvers",
    "use_tcp_for_dns_lookups",
    "dns_resolution_config",
    "typed_dns_resolver_config",
    "dns_jitter",
];

const REFRESH: Duration = Duration::from_secs(5);

impl Cx<'_> {
    /// The resolver of the bootstrap.
    pub(super) fn dns_defaults(&self, bootstrap: &Message<'_>) -> Defaults {
        let mut resolver =
            DnsResolver { use_tcp: bootstrap.bool("use_tcp_for_dns_lookups"), ..DnsResolver::default() };
        self.resolution_config(bootstrap, &mut resolver);
        self.typed_resolver(bootstrap, &mut resolver);
        Defaults { resolver }
    }

    /// Settings of a DNS cluster: its own fields, or those of `envoy.cluster.dns`.
    pub(super) fn dns_options(
        &self,
        cluster: &Message<'_>,
        config: Option<&Message<'_>>,
        defaults: &Defaults,
    ) -> DnsOptions {
        let Some(config) = config else { return self.cluster_dns(cluster, defaults) };
        self.dns_of_no_use(cluster);
        self.not_implemented(config, "dns_min_refresh_rate", "");
        let mut resolver = defaults.resolver.clone();
        self.typed_resolver(config, &mut resolver);
        DnsOptions {
            refresh_rate: self.duration(config, "dns_refresh_rate").unwrap_or(REFRESH),
            jitter: self.duration(config, "dns_jitter").unwrap_or_default(),
            failure_refresh_rate: self.failure_refresh_rate(config),
            respect_ttl: config.bool("respect_dns_ttl"),
            lookup_family: family(config.choice("dns_lookup_family")),
            resolver,
        }
    }

    fn cluster_dns(&self, cluster: &Message<'_>, defaults: &Defaults) -> DnsOptions {
        let mut resolver = defaults.resolver.clone();
        resolver.use_tcp |= cluster.bool("use_tcp_for_dns_lookups");
        let servers = self.servers(cluster, "dns_resolvers");
        if !servers.is_empty() {
            resolver.servers = servers;
        }
        self.resolution_config(cluster, &mut resolver);
        self.typed_resolver(cluster, &mut resolver);
        DnsOptions {
            refresh_rate: self.duration(cluster, "dns_refresh_rate").unwrap_or(REFRESH),
            jitter: self.duration(cluster, "dns_jitter").unwrap_or_default(),
            failure_refresh_rate: self.failure_refresh_rate(cluster),
            respect_ttl: cluster.bool("respect_dns_ttl"),
            lookup_family: family(cluster.choice("dns_lookup_family")),
            resolver,
        }
    }

    /// DNS settings of a cluster that looks nothing up, or that has others.
    pub(super) fn dns_of_no_use(&self, cluster: &Message<'_>) {
        for field in FIELDS {
            if cluster.has(field) {
                self.ignored(
                    cluster.at_key(field),
                    format!("`{field}` has no effect: this cluster looks no name up by it"),
                );
            }
            cluster.settle(field);
        }
    }

    fn failure_refresh_rate(&self, message: &Message<'_>) -> Option<(Duration, Duration)> {
        let rate = message.message("dns_failure_refresh_rate")?;
        let base = self.duration(rate, "base_interval");
        let most = self.duration(rate, "max_interval");
        let base = base?;
        // Ten times the first, unless set.
        let most = most.unwrap_or(base.saturating_mul(10));
        if most < base {
            self.push(
                Draft::rejected("invalid-interval", "`max_interval` can't be shorter than `base_interval`")
                    .at(rate.at("max_interval")),
            );
            return None;
        }
        Some((base, most))
    }

    /// A list of `Address` that are name servers.
    fn servers(&self, message: &Message<'_>, field: &str) -> Vec<SocketAddr> {
        message
            .messages(field)
            .filter_map(|server| match self.address(server)? {
                (Address::Ip(ip), _) => {
                    // Port 0 means that of DNS.
                    Some(if ip.port() == 0 { SocketAddr::new(ip.ip(), 53) } else { ip })
                }
                (Address::Pipe { .. }, _) => {
                    self.reject(
                        server.here(),
                        "invalid-address",
                        "a name server is an IP address and a port",
                    );
                    None
                }
            })
            .collect()
    }

    fn resolver_options(&self, message: &Message<'_>, resolver: &mut DnsResolver) {
        if let Some(options) = message.message("dns_resolver_options") {
            resolver.use_tcp = options.bool("use_tcp_for_dns_lookups");
            resolver.no_default_search_domain = options.bool("no_default_search_domain");
        }
    }

    fn resolution_config(&self, message: &Message<'_>, resolver: &mut DnsResolver) {
        if let Some(config) = message.message("dns_resolution_config") {
            resolver.servers = self.servers(config, "resolvers");
            self.resolver_options(config, resolver);
        }
    }

    fn typed_resolver(&self, message: &Message<'_>, resolver: &mut DnsResolver) {
        let Some(holder) = message.message("typed_dns_resolver_config") else { return };
        if holder.any("typed_config").is_some_and(|any| any.body == Body::Empty) {
            holder.settle("name");
            self.ignored(
                type_place(holder),
                "this does not say which resolver it is, and counts for nothing",
            );
            return;
        }
        let Some(config) = self.typed(holder) else { return };
        match short_kind(config.schema.name()) {
            "CaresDnsResolverConfig" => {
                resolver.servers = self.servers(config, "resolvers");
                self.resolver_options(config, resolver);
                resolver.query_timeout = config.u64("query_timeout_seconds").map(Duration::from_secs);
                resolver.query_tries = config.u32("query_tries");
            }
            // The system's own way; here, the same resolver asks the system's servers.
            "GetAddrInfoDnsResolverConfig" => {
                resolver.query_tries = config.u32("num_retries").map(|retries| retries.saturating_add(1));
                config.settle("num_resolver_threads");
            }
            other => self.extension_not_implemented(holder, &format!("the resolver {other}")),
        }
    }
}

fn family(name: &str) -> DnsLookupFamily {
    match name {
        "V4_ONLY" => DnsLookupFamily::V4Only,
        "V6_ONLY" => DnsLookupFamily::V6Only,
        "V4_PREFERRED" => DnsLookupFamily::V4Preferred,
        "ALL" => DnsLookupFamily::All,
        _ => DnsLookupFamily::Auto,
    }
}
