//! How a host is chosen: `lb_policy` of a cluster, and the policies that are extensions.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    HashFunction, HashRule, LbPolicy, LeastRequest, LocalityBasis, LocalityLb, Maglev, RingHash, RoundRobin,
    SlowStart, SubsetConfig, ZoneAware,
};

use super::Cx;
use super::cluster::Sort;
use super::extension::{short_kind, type_place};
use crate::tree::Message;

/// What a cluster says of load balancing.
#[derive(Debug, Default)]
pub(super) struct Balancing {
    pub(super) policy: LbPolicy,
    pub(super) hash_policy: Vec<HashRule>,
    pub(super) locality: LocalityLb,
    pub(super) subsets: Option<Arc<SubsetConfig>>,
    pub(super) fail_traffic_on_panic: bool,
}

impl Cx<'_> {
    /// `lb_policy`, or `load_balancing_policy`.
    pub(super) fn balancing(&self, message: &Message<'_>, sort: Option<Sort>) -> Balancing {
        let choice = message.choice("lb_policy");
        for (field, policy) in [
            ("ring_hash_lb_config", "RING_HASH"),
            ("maglev_lb_config", "MAGLEV"),
            ("least_request_lb_config", "LEAST_REQUEST"),
            ("original_dst_lb_config", "CLUSTER_PROVIDED"),
            ("round_robin_lb_config", "ROUND_ROBIN"),
        ] {
            if message.has(field) && choice != policy {
                self.ignored(
                    message.at_key(field),
                    format!("`{field}` counts only where `lb_policy` is {policy}"),
                );
                message.settle(field);
            }
        }
        let common = message.message("common_lb_config");
        let subsets = message.message("lb_subset_config");
        if let Some(policies) = message.message("load_balancing_policy") {
            if let Some(subsets) = subsets {
                let text = "`lb_subset_config` and `load_balancing_policy` exclude each other";
                self.reject(message.at_key("lb_subset_config"), "conflict", text);
                subsets.settle_all();
            }
            for field in
                ["zone_aware_lb_config", "locality_weighted_lb_config", "consistent_hashing_lb_config"]
            {
                if let Some(common) = common {
                    self.has_no_effect(common, field, "`load_balancing_policy` takes its place");
                }
            }
            if sort == Some(Sort::OriginalDst) {
                // It looks at the older field, whatever the newer one says.
                if choice != "CLUSTER_PROVIDED" {
                    self.has_to_be_provided(message);
                }
            } else if message.has("lb_policy") && choice != "LOAD_BALANCING_POLICY_CONFIG" {
                let text = "`lb_policy` has no effect here: `load_balancing_policy` takes its place";
                self.ignored(message.at("lb_policy"), text);
            }
            return self.load_balancing_policy(policies, sort);
        }
        let (locality, fail_traffic_on_panic) = self.locality_lb(common);
        let hashing = common.and_then(|common| common.message("consistent_hashing_lb_config"));
        let policy = match choice {
            "ROUND_ROBIN" | "" => self.round_robin(message.message("round_robin_lb_config")),
            "LEAST_REQUEST" => self.least_request(message.message("least_request_lb_config")),
            "RANDOM" => LbPolicy::Random,
            "RING_HASH" => self.ring_hash(message.message("ring_hash_lb_config"), hashing),
            "MAGLEV" => self.maglev(message.message("maglev_lb_config"), hashing),
            "LOAD_BALANCING_POLICY_CONFIG" => {
                let text = "`load_balancing_policy` has to be set where `lb_policy` refers to it";
                self.reject(message.at("lb_policy"), "missing-field", text);
                LbPolicy::default()
            }
            "CLUSTER_PROVIDED" if sort.is_none_or(Sort::chooses) => LbPolicy::default(),
            "CLUSTER_PROVIDED" => {
                let text = "no cluster of this type brings a load balancer of its own";
                self.reject(message.at("lb_policy"), "invalid-lb-policy", text);
                LbPolicy::default()
            }
            other => {
                let text = format!("the load balancing policy {other} is not implemented");
                self.unsupported(message.at("lb_policy"), text);
                LbPolicy::default()
            }
        };
        if let Some(hashing) = hashing.filter(|hashing| hashing.bool("use_hostname_for_hashing"))
            && !names_are_known(message)
        {
            let text = "names of hosts can be hashed in clusters of type STRICT_DNS only";
            self.reject(hashing.at("use_hostname_for_hashing"), "invalid-lb-policy", text);
        }
        if sort.is_some_and(Sort::chooses) && choice != "CLUSTER_PROVIDED" {
            self.has_to_be_provided(message);
        }
        if let Some(common) = common.filter(|_| !policy.hashes()) {
            self.has_no_effect(common, "consistent_hashing_lb_config", "this policy does not hash");
        }
        let subsets = subsets.and_then(|subsets| {
            if choice == "CLUSTER_PROVIDED" {
                let text = "hosts of a cluster that chooses them itself have no subsets";
                self.reject(message.at_key("lb_subset_config"), "conflict", text);
            }
            self.subsets(subsets, locality == LocalityLb::Weighted)
        });
        Balancing { policy, hash_policy: Vec::new(), locality, subsets, fail_traffic_on_panic }
    }

    /// Another policy where the cluster brings its own.
    fn has_to_be_provided(&self, cluster: &Message<'_>) {
        let text = "a cluster of this type chooses by itself: `lb_policy` has to be CLUSTER_PROVIDED";
        self.reject(cluster.at("lb_policy"), "invalid-lb-policy", text);
    }

    /// The first policy that is known wins, as in Envoy.
    fn load_balancing_policy(&self, policies: &Message<'_>, sort: Option<Sort>) -> Balancing {
        let mut unknown = None;
        let mut found = None;
        for policy in policies.messages("policies") {
            let Some(holder) = policy.message("typed_extension_config") else { continue };
            if found.is_some() {
                self.ignored(type_place(holder), "this policy has no effect: one before it is used");
                policy.settle_all();
                continue;
            }
            holder.settle("name");
            let Some(config) = holder.any("typed_config").and_then(|any| any.message()) else {
                self.ignored(type_place(holder), "this is no load balancing policy, and is passed over");
                continue;
            };
            found = self.lb_extension(holder, config, sort);
            if found.is_none() {
                self.ignored(type_place(holder), "this is no load balancing policy, and is passed over");
                config.settle_all();
                unknown = Some(holder);
            }
        }
        if found.is_none() {
            let at = unknown.map_or_else(|| policies.here(), type_place);
            self.reject(at, "invalid-lb-policy", "none of these is a load balancing policy");
        }
        found.unwrap_or_default()
    }

    /// What an extension says; `None` where it is no load balancing policy.
    fn lb_extension(
        &self,
        holder: &Message<'_>,
        config: &Message<'_>,
        sort: Option<Sort>,
    ) -> Option<Balancing> {
        let locality = || self.locality_lb(config.message("locality_lb_config"));
        let with = |policy, (locality, fail_traffic_on_panic)| Balancing {
            policy,
            locality,
            fail_traffic_on_panic,
            ..Balancing::default()
        };
        let common = || config.message("consistent_hashing_lb_config");
        let hashing = |policy| Balancing {
            policy,
            hash_policy: common().map(|common| self.hash_policy(common)).unwrap_or_default(),
            locality: if config.message("locality_weighted_lb_config").is_some() {
                LocalityLb::Weighted
            } else {
                LocalityLb::default()
            },
            ..Balancing::default()
        };
        if !config.schema.name().starts_with("envoy.extensions.load_balancing_policies.") {
            return None;
        }
        let kind = short_kind(config.schema.name());
        match (sort.is_some_and(Sort::chooses), kind) {
            (true, "ClusterProvided") | (false, _) => {}
            (true, _) => {
                let text = "a cluster of this type chooses by itself: no policy can but ClusterProvided";
                self.reject(type_place(holder), "invalid-lb-policy", text);
            }
        }
        Some(match kind {
            "RoundRobin" => with(self.round_robin(Some(config)), locality()),
            "LeastRequest" => with(self.least_request(Some(config)), locality()),
            "Random" => with(LbPolicy::Random, locality()),
            "RingHash" => hashing(self.ring_hash(Some(config), common())),
            "Maglev" => hashing(self.maglev(Some(config), common())),
            "WrrLocality" => {
                let inner = config.message("endpoint_picking_policy");
                let inner = inner.map(|inner| self.load_balancing_policy(inner, sort)).unwrap_or_default();
                Balancing { locality: LocalityLb::Weighted, ..inner }
            }
            "ClusterProvided" => {
                if !sort.is_none_or(Sort::chooses) {
                    let text = "no cluster of this type brings a load balancer of its own";
                    self.reject(type_place(holder), "invalid-lb-policy", text);
                }
                Balancing::default()
            }
            "Subset" => {
                let inner = config.message("subset_lb_policy");
                let inner = inner.map(|inner| self.load_balancing_policy(inner, sort)).unwrap_or_default();
                self.not_implemented(config, "allow_redundant_keys", "");
                let weighted = inner.locality == LocalityLb::Weighted;
                let subsets = self.subsets(config, weighted);
                Balancing { subsets, ..inner }
            }
            name => {
                let text = format!("the load balancing policy {name} is not implemented");
                self.unsupported(type_place(holder), text);
                config.settle_all();
                Balancing::default()
            }
        })
    }

    /// `CommonLbConfig` or `LocalityLbConfig`: what localities have to do with it, and whether panic refuses.
    fn locality_lb(&self, config: Option<&Message<'_>>) -> (LocalityLb, bool) {
        let Some(config) = config else { return (LocalityLb::default(), false) };
        if config.message("locality_weighted_lb_config").is_some() {
            return (LocalityLb::Weighted, false);
        }
        let Some(zone_aware) = config.message("zone_aware_lb_config") else {
            return (LocalityLb::default(), false);
        };
        let known = ZoneAware::default();
        let modern = |field: &str| zone_aware.schema.field(field).is_some();
        let forced = modern("force_local_zone").then(|| zone_aware.message("force_local_zone")).flatten();
        let forced = forced.map(|forced| forced.u32("min_size").unwrap_or(1));
        let old = modern("force_locality_direct_routing") && zone_aware.bool("force_locality_direct_routing");
        let weight =
            modern("locality_basis") && zone_aware.choice("locality_basis") == "HEALTHY_HOSTS_WEIGHT";
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped; a whole number of per cents, as Envoy reckons"
        )]
        let enabled = zone_aware
            .message("routing_enabled")
            .map_or(100, |percent| self.percent(percent).clamp(0.0, 100.0).round() as u64);
        let lowered = ZoneAware {
            routing_enabled: enabled,
            min_cluster_size: zone_aware.u64("min_cluster_size").unwrap_or(known.min_cluster_size),
            force_local_zone: forced.or_else(|| old.then_some(1)),
            basis: if weight { LocalityBasis::HealthyWeight } else { LocalityBasis::HealthyHosts },
        };
        if !self.has_own_cluster.get() && lowered != known {
            let text = "zone aware routing needs `cluster_manager.local_cluster_name`";
            self.ignored(config.at_key("zone_aware_lb_config"), text);
        }
        (LocalityLb::ZoneAware(lowered), zone_aware.bool("fail_traffic_on_panic"))
    }

    /// `RoundRobinLbConfig` or `RoundRobin`.
    fn round_robin(&self, config: Option<&Message<'_>>) -> LbPolicy {
        LbPolicy::RoundRobin(RoundRobin { slow_start: config.and_then(|config| self.slow_start(config)) })
    }

    /// `LeastRequestLbConfig` or `LeastRequest`.
    fn least_request(&self, config: Option<&Message<'_>>) -> LbPolicy {
        let number = |field: &str| config.and_then(|config| config.u32(field));
        let bias = config.and_then(|config| self.runtime_double(config, "active_request_bias"));
        let modern = config.filter(|config| config.schema.field("selection_method").is_some());
        let full_scan = modern.is_some_and(|config| {
            (config.choice("selection_method") == "FULL_SCAN")
                | (config.bool_value("enable_full_scan") == Some(true))
        });
        LbPolicy::LeastRequest(LeastRequest {
            choice_count: number("choice_count").unwrap_or(2),
            // What makes no sense is 1, in Envoy too.
            active_request_bias: bias.filter(|bias| *bias >= 0.0).unwrap_or(1.0),
            full_scan,
            slow_start: config.and_then(|config| self.slow_start(config)),
        })
    }

    /// `slow_start_config`.
    fn slow_start(&self, holder: &Message<'_>) -> Option<SlowStart> {
        let config = holder.message("slow_start_config")?;
        let aggression = self.runtime_double(config, "aggression");
        let min_weight = config.message("min_weight_percent").map_or(10.0, |percent| self.percent(percent));
        let window = self.duration(config, "slow_start_window").unwrap_or(Duration::ZERO);
        // Envoy counts milliseconds.
        if window < Duration::from_millis(1) {
            let text = "without `slow_start_window` there is no slow start";
            self.ignored(holder.at_key("slow_start_config"), text);
            return None;
        }
        Some(SlowStart {
            window,
            aggression: aggression.filter(|aggression| *aggression > 0.0).unwrap_or(1.0),
            min_weight: min_weight / 100.0,
        })
    }

    /// `RingHashLbConfig` or `RingHash`, which have the same fields, and what they have in common with tables.
    fn ring_hash(&self, config: Option<&Message<'_>>, common: Option<&Message<'_>>) -> LbPolicy {
        let number = |field: &str, default| config.and_then(|config| config.u64(field)).unwrap_or(default);
        let (use_hostname, balance_factor) = self.consistent_hashing(config, common);
        let ring = RingHash {
            minimum_ring_size: number("minimum_ring_size", 1024),
            maximum_ring_size: number("maximum_ring_size", 8 * 1024 * 1024),
            hash_function: match config.map_or("", |config| config.choice("hash_function")) {
                "MURMUR_HASH_2" => HashFunction::MurmurHash2,
                _ => HashFunction::XxHash,
            },
            use_hostname,
            balance_factor,
        };
        if let Some(config) = config
            && ring.minimum_ring_size > ring.maximum_ring_size
        {
            let text = format!(
                "`minimum_ring_size` ({}) can't be more than `maximum_ring_size` ({})",
                ring.minimum_ring_size, ring.maximum_ring_size
            );
            self.reject(config.here(), "invalid-lb-policy", text);
        }
        LbPolicy::RingHash(ring)
    }

    /// `MaglevLbConfig` or `Maglev`.
    fn maglev(&self, config: Option<&Message<'_>>, common: Option<&Message<'_>>) -> LbPolicy {
        let table_size = config.and_then(|config| config.u64("table_size")).unwrap_or(65_537);
        if let Some(config) = config
            && !is_prime(table_size)
        {
            let text = "the `table_size` of a Maglev table has to be a prime number";
            self.reject(config.at("table_size"), "invalid-lb-policy", text);
        }
        let (use_hostname, balance_factor) = self.consistent_hashing(config, common);
        LbPolicy::Maglev(Maglev { table_size, use_hostname, balance_factor })
    }

    /// `ConsistentHashingLbConfig`, and the fields of extensions that it has taken the place of: whether names of hosts
    /// are hashed, and how much busier than others they may be.
    fn consistent_hashing(
        &self,
        config: Option<&Message<'_>>,
        common: Option<&Message<'_>>,
    ) -> (bool, Option<u32>) {
        let old = config.filter(|config| config.schema.field("use_hostname_for_hashing").is_some());
        let read = |holder: &Message<'_>| {
            let factor = holder.u32("hash_balance_factor").filter(|factor| *factor > 0);
            (holder.bool("use_hostname_for_hashing"), factor)
        };
        let of_old = old.map(read);
        common.map(read).or(of_old).unwrap_or_default()
    }
}

/// Whether it is a cluster of those whose hosts Envoy takes to have names.
fn names_are_known(cluster: &Message<'_>) -> bool {
    match cluster.which("cluster_discovery_type") {
        Some("cluster_type") => cluster.message("cluster_type").is_some_and(|custom| {
            matches!(custom.text("name"), "envoy.cluster.strict_dns" | "envoy.cluster.dns")
        }),
        _ => cluster.choice("type") == "STRICT_DNS",
    }
}

fn is_prime(number: u64) -> bool {
    number > 1
        && (2..).take_while(|factor| factor * factor <= number).all(|factor| !number.is_multiple_of(factor))
}
