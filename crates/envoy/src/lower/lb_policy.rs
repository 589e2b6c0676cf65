//! How a host is chosen: `lb_policy` of a cluster, and the policies that are extensions.

use causeway_model::{HashFunction, LbPolicy, Maglev, RingHash};

use super::Cx;
use super::extension::{short_kind, type_place};
use crate::tree::Message;

impl Cx<'_> {
    /// `lb_policy`, or `load_balancing_policy`.
    pub(super) fn lb_policy(&self, message: &Message<'_>, type_known: bool) -> LbPolicy {
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
        if let Some(policies) = message.message("load_balancing_policy") {
            return self.load_balancing_policy(policies);
        }
        let common = message.message("common_lb_config");
        let common = common.and_then(|common| common.message("consistent_hashing_lb_config"));
        match choice {
            "ROUND_ROBIN" | "" => LbPolicy::RoundRobin,
            "RANDOM" => LbPolicy::Random,
            "RING_HASH" => self.ring_hash(message.message("ring_hash_lb_config"), common),
            "MAGLEV" => self.maglev(message.message("maglev_lb_config"), common),
            "LOAD_BALANCING_POLICY_CONFIG" => {
                let text = "`load_balancing_policy` has to be set where `lb_policy` refers to it";
                self.reject(message.at("lb_policy"), "missing-field", text);
                LbPolicy::RoundRobin
            }
            "CLUSTER_PROVIDED" if !type_known => LbPolicy::RoundRobin,
            "CLUSTER_PROVIDED" => {
                let text = "no cluster of this type brings a load balancer of its own";
                self.reject(message.at("lb_policy"), "invalid-lb-policy", text);
                LbPolicy::RoundRobin
            }
            other => {
                self.unsupported(
                    message.at("lb_policy"),
                    format!("the load balancing policy {other} is not implemented"),
                );
                message.settle("least_request_lb_config");
                LbPolicy::RoundRobin
            }
        }
    }

    /// The first policy that is known wins, as in Envoy.
    fn load_balancing_policy(&self, policies: &Message<'_>) -> LbPolicy {
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
            match short_kind(config.schema.name()) {
                "RoundRobin" => found = Some(LbPolicy::RoundRobin),
                "Random" => found = Some(LbPolicy::Random),
                "RingHash" => {
                    found =
                        Some(self.ring_hash(Some(config), config.message("consistent_hashing_lb_config")));
                }
                "Maglev" => {
                    found = Some(self.maglev(Some(config), config.message("consistent_hashing_lb_config")));
                }
                name if config.schema.name().starts_with("envoy.extensions.load_balancing_policies.") => {
                    let text = format!("the load balancing policy {name} is not implemented");
                    self.unsupported(type_place(holder), text);
                    config.settle_all();
                    found = Some(LbPolicy::RoundRobin);
                }
                _ => {
                    self.ignored(type_place(holder), "this is no load balancing policy, and is passed over");
                    config.settle_all();
                    unknown = Some(holder);
                }
            }
        }
        if found.is_none() {
            let at = unknown.map_or_else(|| policies.here(), type_place);
            self.reject(at, "invalid-lb-policy", "none of these is a load balancing policy");
        }
        found.unwrap_or_default()
    }

    /// `RingHashLbConfig` or `RingHash`, which have the same fields, and what they have in common with tables.
    fn ring_hash(&self, config: Option<&Message<'_>>, common: Option<&Message<'_>>) -> LbPolicy {
        let number = |field: &str, default| config.and_then(|config| config.u64(field)).unwrap_or(default);
        let ring = RingHash {
            minimum_ring_size: number("minimum_ring_size", 1024),
            maximum_ring_size: number("maximum_ring_size", 8 * 1024 * 1024),
            hash_function: match config.map_or("", |config| config.choice("hash_function")) {
                "MURMUR_HASH_2" => HashFunction::MurmurHash2,
                _ => HashFunction::XxHash,
            },
            use_hostname: self.hashes_hostnames(config, common),
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
        LbPolicy::Maglev(Maglev { table_size, use_hostname: self.hashes_hostnames(config, common) })
    }

    /// `ConsistentHashingLbConfig`, and the fields of extensions that it has taken the place of.
    fn hashes_hostnames(&self, config: Option<&Message<'_>>, common: Option<&Message<'_>>) -> bool {
        if let Some(common) = common {
            self.not_implemented(common, "hash_balance_factor", "");
        }
        let old = config.filter(|config| config.schema.field("use_hostname_for_hashing").is_some());
        if let Some(old) = old {
            self.not_implemented(old, "hash_balance_factor", "");
        }
        match common {
            Some(common) => common.bool("use_hostname_for_hashing"),
            None => old.is_some_and(|old| old.bool("use_hostname_for_hashing")),
        }
    }
}

fn is_prime(number: u64) -> bool {
    number > 1
        && (2..).take_while(|factor| factor * factor <= number).all(|factor| !number.is_multiple_of(factor))
}
