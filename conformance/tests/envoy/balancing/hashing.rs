//! Rings and Maglev tables: the host of every key.

use causeway_conformance::{Case, Request, Run};
use std::time::Duration;

use serde_json::json;

use super::{cluster, cluster_of, endpoint, hashed, metadata, pool, typed};

const NAMES: &str = "abcdefghijkl";

/// Twelve back-ends with their letters for keys, and weights that differ.
fn weighted() -> Vec<String> {
    let mut weight = 0;
    let endpoints = NAMES.chars().map(|name| {
        weight = weight % 5 + 1;
        let key = metadata(&format!("hash_key: k{name}"));
        endpoint(&name.to_string(), &format!("load_balancing_weight: {weight}\n{key}"))
    });
    endpoints.collect()
}

/// Twelve back-ends with host names, of which one has a key as well, and one a key that is none.
fn hostnames() -> Vec<String> {
    let one = |name: char| {
        let fields = match name {
            'a' => metadata("hash_key: other"),
            'b' => metadata("hash_key: 7"),
            _ => String::new(),
        };
        endpoint(&name.to_string(), &fields).replacen(
            "{address:",
            &format!("{{hostname: host-{name}, address:"),
            1,
        )
    };
    NAMES.chars().map(one).collect()
}

/// Sends a request for each of so many keys, and notes which back-end each comes to: a number for all of them, how
/// many each has, and the first.
fn keys(count: usize, path: &'static str) -> impl AsyncFn(&mut Run) + Send + Sync {
    async move |run: &mut Run| {
        let hosts =
            super::ask(run, (0..count).map(|key| Request::get(path).header("x-key", &format!("user-{key}"))))
                .await;
        let each = |name: char| format!("{name}{}", hosts.matches(name).count());
        let counts: Vec<String> = NAMES.chars().map(each).collect();
        let all = hosts.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let first: String = hosts.chars().take(60).collect();
        run.note(format!("{count} keys at {path}"), json!([all.to_string(), counts.join(" "), first]));
    }
}

fn route(name: &str) -> String {
    format!(
        "- match: {{prefix: /{name}}}\n  route: {{cluster: {name}, hash_policy: [{{header: {{header_name: x-key}}}}]}}\n"
    )
}

/// Of four hosts one answers 503, and requests to it are sent again: to itself, or to where the table leads next.
fn again(name: &'static str, policy: &str) -> Case {
    let previous = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    let case = Case::new(name)
        .named(&["b", "c", "d"])
        .endpoint("a", causeway_testkit::Reply::status(503))
        .more_clusters(&pool("abcd", policy))
        .routes(&format!(
            "
            - match: {{prefix: /same}}
              route:
                cluster: pool
                hash_policy: [{{header: {{header_name: x-key}}}}]
                retry_policy: {{retry_on: 5xx, num_retries: 2}}
            - match: {{prefix: /other}}
              route:
                cluster: pool
                hash_policy: [{{header: {{header_name: x-key}}}}]
                retry_policy:
                  retry_on: 5xx
                  num_retries: 2
                  host_selection_retry_max_attempts: 5
                  retry_host_predicate:
                  - name: previous
                    typed_config: {{'@type': type.googleapis.com/{previous}}}"
        ))
        .without_log();
    (0..12).fold(case, |case, key| {
        let request = |path| Request::get(path).header("x-key", &format!("key-{key}"));
        case.send(request("/same")).send(request("/other"))
    })
}

/// Where requests of one key go while none of them ends.
fn bounded(name: &'static str, policy: &str) -> Case {
    const HOSTS: [&str; 4] = ["a", "b", "c", "d"];
    let case = Case::new(name)
        .more_clusters(&cluster("pool", &weighted()[..4], policy))
        .routes(
            "- match: {prefix: /}\n  route: {cluster: pool, hash_policy: [{header: {header_name: x-key}}]}",
        )
        .without_log();
    let late =
        || causeway_testkit::Answer::from(causeway_testkit::Reply::ok("x")).after(Duration::from_secs(4));
    let case = HOSTS.iter().fold(case, |case, name| case.endpoint(name, late()));
    case.step(async |run: &mut Run| {
        let (mut waiting, mut order) = (Vec::new(), String::new());
        let counts = |run: &Run| HOSTS.map(|name| run.backend(name).requests());
        for sent in 0..24 {
            let before = counts(run);
            let mut connection = run.connect().await;
            let key = ["one", "two", "three"][sent % 3];
            connection.send(&Request::get("/").header("x-key", key)).await;
            waiting.push(connection);
            let came = async || counts(run) != before;
            assert!(causeway_testkit::eventually(Duration::from_secs(3), came).await);
            let after = counts(run);
            order += HOSTS
                .iter()
                .zip(before)
                .zip(after)
                .find(|((_, b), a)| b != a)
                .map_or("", |((name, _), _)| name);
        }
        run.note("hosts", json!(order));
    })
}

pub(crate) fn cases() -> Vec<Case> {
    let names: Vec<String> = NAMES.chars().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let case = |name: &'static str, clusters: &[(&str, String)]| {
        let routes: String = clusters.iter().map(|(name, _)| route(name)).collect();
        let case = Case::new(name).named(&names).routes(&routes).without_log();
        clusters.iter().fold(case, |case, (_, cluster)| case.more_clusters(cluster))
    };
    let plain = hashed(NAMES);
    let weighted = weighted();
    let half = |from: usize| weighted[from..from + 6].to_vec();
    vec![
        case(
            "ten_thousand_keys_come_to_the_same_hosts",
            &[
                ("ring", cluster("ring", &weighted, "lb_policy: RING_HASH")),
                ("maglev", cluster("maglev", &weighted, "lb_policy: MAGLEV")),
            ],
        )
        .step(keys(10_000, "/ring"))
        .step(keys(10_000, "/maglev"))
        .stats(&[
            "cluster.ring.ring_hash_lb.size",
            "cluster.ring.ring_hash_lb.min_hashes_per_host",
            "cluster.ring.ring_hash_lb.max_hashes_per_host",
            "cluster.maglev.maglev_lb.min_entries_per_host",
            "cluster.maglev.maglev_lb.max_entries_per_host",
        ]),
        case(
            "sizes_and_functions_of_rings_are_honoured",
            &[
                (
                    "murmur",
                    cluster(
                        "murmur",
                        &plain,
                        "lb_policy: RING_HASH\nring_hash_lb_config: {hash_function: MURMUR_HASH_2}",
                    ),
                ),
                (
                    "small",
                    cluster(
                        "small",
                        &weighted,
                        "lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 10, maximum_ring_size: 50}",
                    ),
                ),
                (
                    "tiny",
                    cluster(
                        "tiny",
                        &weighted,
                        "lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 1, maximum_ring_size: 3}",
                    ),
                ),
                (
                    "large",
                    cluster(
                        "large",
                        &plain,
                        "lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 100000}",
                    ),
                ),
                (
                    "named",
                    cluster(
                        "named",
                        &hostnames(),
                        "type: STRICT_DNS\nlb_policy: RING_HASH\ncommon_lb_config: {consistent_hashing_lb_config: {use_hostname_for_hashing: true}}",
                    ),
                ),
                (
                    "typed",
                    cluster(
                        "typed",
                        &hostnames(),
                        &typed(
                            "ring_hash.RingHash",
                            "minimum_ring_size: 2000\nhash_function: MURMUR_HASH_2\nconsistent_hashing_lb_config: {use_hostname_for_hashing: true}",
                        ),
                    ),
                ),
            ],
        )
        .step(keys(1000, "/murmur"))
        .step(keys(1000, "/small"))
        .step(keys(1000, "/tiny"))
        .step(keys(1000, "/large"))
        .step(keys(1000, "/named"))
        .step(keys(1000, "/typed")),
        case(
            "sizes_of_maglev_tables_are_honoured",
            &[
                (
                    "small",
                    cluster("small", &weighted, "lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 251}"),
                ),
                (
                    "named",
                    cluster(
                        "named",
                        &hostnames(),
                        "type: STRICT_DNS\nlb_policy: MAGLEV\ncommon_lb_config: {consistent_hashing_lb_config: {use_hostname_for_hashing: true}}",
                    ),
                ),
                ("typed", cluster("typed", &plain, &typed("maglev.Maglev", "table_size: 1009"))),
            ],
        )
        .step(keys(1000, "/small"))
        .step(keys(1000, "/named"))
        .step(keys(1000, "/typed")),
        case(
            "weights_of_localities_count_in_rings_and_tables",
            &[
                (
                    "ring",
                    cluster_of(
                        "ring",
                        &[
                            ("locality: {zone: z}\nload_balancing_weight: 3", &half(0)),
                            ("locality: {zone: b}\nload_balancing_weight: 1", &half(6)),
                        ],
                        "type: STRICT_DNS\nlb_policy: RING_HASH\ncommon_lb_config: {locality_weighted_lb_config: {}}",
                    ),
                ),
                (
                    "maglev",
                    cluster_of(
                        "maglev",
                        &[
                            ("locality: {zone: z}\nload_balancing_weight: 3", &half(0)),
                            ("locality: {zone: b}", &half(6)),
                        ],
                        &typed("maglev.Maglev", "table_size: 1009\nlocality_weighted_lb_config: {}"),
                    ),
                ),
            ],
        )
        .step(keys(1000, "/ring"))
        .step(keys(1000, "/maglev")),
        again("a_ring_leads_elsewhere_with_further_attempts", "lb_policy: RING_HASH"),
        again("a_table_leads_elsewhere_with_further_attempts", "lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 101}"),
        bounded(
            "others_stand_in_for_a_busy_host_of_a_ring",
            "lb_policy: RING_HASH\ncommon_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 130}}",
        ),
        bounded(
            "others_stand_in_for_a_busy_host_of_a_table",
            &typed(
                "maglev.Maglev",
                "table_size: 101\nconsistent_hashing_lb_config: {hash_balance_factor: 200}",
            ),
        ),
        Case::new("a_cluster_can_say_what_is_hashed")
            .named(&["a", "b", "c", "d"])
            .more_clusters(&pool(
                "abcd",
                &typed(
                    "ring_hash.RingHash",
                    "consistent_hashing_lb_config:
  hash_policy: [{header: {header_name: x-mine}}, {cookie: {name: c, ttl: 5s}}]",
                ),
            ))
            .routes(
                "- match: {prefix: /}\n  route: {cluster: pool, hash_policy: [{header: {header_name: x-yours}}]}",
            )
            .send(Request::get("/").header("x-mine", "1").header("x-yours", "1").header("cookie", "c=1"))
            .send(Request::get("/").header("x-mine", "1").header("x-yours", "2").header("cookie", "c=1"))
            .send(Request::get("/").header("x-mine", "2").header("x-yours", "1").header("cookie", "c=2"))
            .send(Request::get("/").header("x-mine", "3").header("x-yours", "1").header("cookie", "c=3"))
            .send(Request::get("/").header("x-mine", "4").header("x-yours", "1").header("cookie", "c=4")),
    ]
}
