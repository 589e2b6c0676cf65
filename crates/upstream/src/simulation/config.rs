//! Clusters as files may have them: every kind of policy, check and place, by chance.

use std::net::IpAddr;
use std::time::Duration;

use causeway_model::{
    Address, Cluster, ClusterType, Consecutive, DnsLookupFamily, DnsOptions, DnsResolver, Endpoint,
    EndpointAddress, FailurePercentage, HashFunction, HealthCheck, LbPolicy, LeastRequest, Locality,
    LocalityEndpoints, LocalityLb, Maglev, OutlierDetection, RingHash, RoundRobin, SlowStart, SuccessRate,
};

use crate::rng::Rng;
use crate::test_config::{agent_check, cluster_of, endpoint, http_check};

pub(super) fn any_ip(rng: &mut Rng) -> IpAddr {
    IpAddr::from([10, 0, 0, u8::try_from(rng.below(6)).unwrap() + 1])
}

fn any_policy(below: &mut impl FnMut(u64) -> u32) -> LbPolicy {
    let window = Duration::from_millis(u64::from(below(500)) + 1);
    let slow_start = SlowStart { window, aggression: 1.0 + f64::from(below(2)), min_weight: 0.1 };
    let slow_start = (below(2) == 0).then_some(slow_start);
    let balance_factor = (below(2) == 0).then(|| 100 + below(100));
    match below(8) {
        0 => LbPolicy::Random,
        1 => LbPolicy::RoundRobin(RoundRobin { slow_start }),
        2 | 3 => LbPolicy::LeastRequest(LeastRequest {
            choice_count: 2 + below(2),
            active_request_bias: f64::from(below(3)) / 2.0,
            full_scan: below(2) == 0,
            slow_start,
        }),
        4 => LbPolicy::RingHash(RingHash {
            minimum_ring_size: 16,
            maximum_ring_size: 64,
            hash_function: HashFunction::XxHash,
            use_hostname: below(2) == 0,
            balance_factor,
        }),
        5 => LbPolicy::Maglev(Maglev { table_size: 31, use_hostname: false, balance_factor }),
        _ => LbPolicy::default(),
    }
}

pub(super) fn any_config(rng: &mut Rng) -> Cluster {
    let mut below = |n: u64| u32::try_from(rng.below(n)).unwrap();
    let strict = below(2) == 0;
    let checks = (0..below(3)).map(|_| HealthCheck {
        interval: Duration::from_millis(u64::from(10 + below(200))),
        interval_jitter: Duration::from_millis(u64::from(below(20))),
        unhealthy_interval: (below(2) == 0).then_some(Duration::from_millis(70)),
        healthy_edge_interval: (below(2) == 0).then_some(Duration::from_millis(30)),
        unhealthy_threshold: 1 + below(4),
        healthy_threshold: 1 + below(4),
        always_log_failures: below(2) == 0,
        ..http_check("/")
    });
    let health_checks: Vec<HealthCheck> = checks.collect();
    let outliers = (below(2) == 0).then(|| OutlierDetection {
        interval: Duration::from_millis(u64::from(20 + below(300))),
        base_ejection_time: Duration::from_millis(u64::from(1 + below(1000))),
        max_ejection_time: Duration::from_millis(u64::from(1000 + below(2000))),
        max_ejection_time_jitter: Duration::from_millis(u64::from(below(100))),
        max_ejection_percent: below(101),
        always_eject_one_host: below(2) == 0,
        split_external_local_origin_errors: below(2) == 0,
        uneject_by_health_check: below(2) == 0,
        detect_degraded_hosts: below(2) == 0,
        consecutive_5xx: Consecutive { threshold: below(6), enforcing: 100 },
        consecutive_local_origin_failure: Consecutive { threshold: below(6), enforcing: below(101) },
        success_rate: SuccessRate {
            minimum_hosts: below(4),
            request_volume: below(8),
            stdev_factor: below(2000),
            enforcing: 100,
            enforcing_local_origin: 100,
        },
        failure_percentage: FailurePercentage {
            minimum_hosts: below(4),
            request_volume: below(8),
            threshold: 1 + below(100),
            enforcing: 50,
            enforcing_local_origin: 50,
        },
        ..OutlierDetection::default()
    });
    let agent_check = (below(3) == 0).then(agent_check);
    let localities = (0..=below(4)).map(|priority| {
        let count = if strict { 1 } else { below(5) };
        let endpoints = (0..count).map(|n| {
            let address = if strict {
                EndpointAddress::Name { host: "app.test".into(), port: 80 }
            } else {
                let ip = [10, 0, u8::try_from(priority).unwrap(), u8::try_from(n).unwrap()];
                EndpointAddress::Resolved(Address::Ip((ip, 80).into()))
            };
            Endpoint { weight: 1 + below(2) * below(5), ..endpoint(address) }
        });
        let endpoints = endpoints.collect();
        let locality = Locality { zone: ["a", "b"][priority as usize % 2].into(), ..Locality::default() };
        LocalityEndpoints { locality, priority: priority / 2, weight: below(4), endpoints }
    });
    let localities: Vec<LocalityEndpoints> = localities.collect();
    let kind = if strict { ClusterType::StrictDns(dns_options()) } else { ClusterType::Static };
    let panic = [0.0, 30.0, 50.0, 100.0][usize::try_from(below(4)).unwrap()];
    Cluster {
        localities: if strict { localities[..1].to_vec() } else { localities },
        health_checks,
        outlier_detection: outliers,
        agent_check,
        healthy_panic_threshold: panic,
        fail_traffic_on_panic: below(4) == 0,
        ignore_new_hosts_until_first_health_check: below(2) == 0,
        locality_lb: if below(2) == 0 { LocalityLb::Weighted } else { LocalityLb::default() },
        lb_policy: any_policy(&mut below),
        ..cluster_of("a", kind, Vec::new())
    }
}

/// Names are looked up five times a second.
pub(super) fn dns_options() -> DnsOptions {
    DnsOptions {
        refresh_rate: Duration::from_millis(200),
        jitter: Duration::ZERO,
        failure_refresh_rate: None,
        respect_ttl: false,
        lookup_family: DnsLookupFamily::V4Only,
        resolver: DnsResolver::default(),
    }
}
