//! Subsets of clusters (`lb_subset_config`), and what routes ask of them (`metadata_match`).

use causeway_conformance::{Case, Request, Run};
use serde_json::json;

use super::shares::shares;
use super::{cluster, cluster_of, endpoint, metadata, typed};

/// Back-ends with metadata of theirs.
fn endpoints(all: &[(&str, &str)]) -> Vec<String> {
    all.iter().map(|(name, fields)| endpoint(name, &metadata(fields))).collect()
}

fn versions() -> Vec<String> {
    endpoints(&[
        ("a", "v: '1', stage: prod"),
        ("b", "v: '1', stage: dev"),
        ("c", "v: '2', stage: prod, list: [x, y]"),
        ("d", "v: 3, stage: prod, list: z"),
    ])
}

/// A route that asks for something.
fn route(path: &str, cluster: &str, wanted: &str) -> String {
    format!(
        "- match: {{prefix: /{path}}}\n  route: {{cluster: {cluster}, metadata_match: {{filter_metadata: {{envoy.lb: {{{wanted}}}}}}}}}\n"
    )
}

/// Notes which back-ends answer, of so many requests.
fn who(path: &'static str) -> impl AsyncFn(&mut Run) + Send + Sync {
    async move |run: &mut Run| {
        let mut connection = run.connect().await;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..16 {
            let response = connection.exchange(&Request::get(path)).await.expect("a response");
            seen.insert(format!("{} {}", response.status, response.text()));
        }
        let seen: Vec<String> = seen.into_iter().collect();
        run.note(path, json!(seen));
    }
}

const STATS: &[&str] = &[
    "cluster.pool.lb_subsets_active",
    "cluster.pool.lb_subsets_created",
    "cluster.pool.lb_subsets_removed",
    "cluster.pool.lb_subsets_selected",
    "cluster.pool.lb_subsets_fallback",
    "cluster.pool.lb_subsets_fallback_panic",
    "cluster.pool.upstream_cx_none_healthy",
];

/// Four back-ends in subsets, and routes that ask for them: their paths and what is asked.
fn case(name: &'static str, subsets: &str, routes: &[(&'static str, &str)]) -> Case {
    let all: String = routes.iter().map(|(path, wanted)| route(&path[1..], "pool", wanted)).collect();
    let case = Case::new(name)
        .named(&["a", "b", "c", "d"])
        .more_clusters(&cluster("pool", &versions(), subsets))
        .routes(&all)
        .without_log();
    let case = routes.iter().fold(case, |case, (path, _)| case.step(who(path)));
    case.stats(STATS)
}

const ASKED: &[(&str, &str)] = &[
    ("/one", "v: '1'"),
    ("/both", "v: '1', stage: prod"),
    ("/turned", "stage: dev, v: '1'"),
    ("/number", "v: 3"),
    ("/text", "v: '3'"),
    ("/none", "v: '9'"),
    ("/unknown", "other: '1'"),
    ("/nothing", ""),
    ("/list", "list: x"),
    ("/whole", "list: [x, y]"),
    ("/z", "list: z"),
];

pub(crate) fn cases() -> Vec<Case> {
    let selectors = "  subset_selectors: [{keys: [v]}, {keys: [stage, v]}, {keys: [list]}]";
    let with = |fields: &str| format!("lb_subset_config:\n{fields}\n{selectors}");
    vec![
        case("a_route_gets_hosts_that_have_what_it_asks_for", &with("  fallback_policy: NO_FALLBACK"), ASKED),
        case("any_host_stands_in_where_there_is_no_subset", &with("  fallback_policy: ANY_ENDPOINT"), ASKED),
        case(
            "a_default_subset_stands_in",
            &with("  fallback_policy: DEFAULT_SUBSET\n  default_subset: {stage: dev}"),
            ASKED,
        ),
        case(
            "in_panic_any_host_stands_in",
            &with(
                "  fallback_policy: DEFAULT_SUBSET\n  default_subset: {stage: nowhere}\n  panic_mode_any: true",
            ),
            ASKED,
        ),
        case(
            "panic_without_a_fallback",
            &with("  fallback_policy: NO_FALLBACK\n  panic_mode_any: true"),
            &[("/one", "v: '1'"), ("/none", "v: '9'")],
        ),
        case(
            "items_of_lists_are_values",
            &with("  fallback_policy: DEFAULT_SUBSET\n  default_subset: {list: y}\n  list_as_any: true"),
            ASKED,
        ),
        case(
            "selectors_have_fallbacks_of_their_own",
            "lb_subset_config:
  fallback_policy: DEFAULT_SUBSET
  default_subset: {stage: dev}
  subset_selectors:
  - {keys: [v], fallback_policy: NO_FALLBACK}
  - {keys: [stage], fallback_policy: ANY_ENDPOINT}
  - {keys: [list], fallback_policy: DEFAULT_SUBSET}
  - {keys: [stage, v], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [stage]}
  - {keys: [list, stage, v], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [stage, v]}",
            &[
                ("/v", "v: '9'"),
                ("/stage", "stage: test"),
                ("/list", "list: none"),
                ("/keys", "stage: prod, v: '9'"),
                ("/deep", "stage: dev, v: '9', list: q"),
                ("/deeper", "stage: none, v: '9', list: q"),
            ],
        ),
        case(
            "a_subset_can_be_one_host",
            "lb_subset_config:
  fallback_policy: ANY_ENDPOINT
  subset_selectors: [{keys: [v, stage], single_host_per_subset: true}]",
            &[("/one", "v: '1', stage: prod"), ("/two", "v: '1', stage: dev"), ("/none", "v: '1', stage: x")],
        ),
        case(
            "what_is_asked_may_have_several_forms",
            &with("  fallback_policy: NO_FALLBACK\n  metadata_fallback_policy: FALLBACK_LIST"),
            &[
                ("/second", "fallback_list: [{v: '8'}, {v: '2'}, {v: '1'}]"),
                ("/merged", "stage: dev, fallback_list: [{v: '2'}, {v: '1'}]"),
                ("/nobody", "fallback_list: [{v: '8'}]"),
                ("/empty", "v: '2', fallback_list: []"),
                ("/plain", "v: '2'"),
            ],
        ),
        case(
            "subsets_are_a_policy_as_well",
            &typed(
                "subset.Subset",
                "fallback_policy: ANY_ENDPOINT
subset_selectors: [{keys: [v]}]
subset_lb_policy:
  policies:
  - typed_extension_config:
      name: inner
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
            ),
            &[("/one", "v: '1'"), ("/two", "v: '2'"), ("/none", "v: '9'")],
        ),
        case(
            "a_selection_without_keys_that_hosts_have",
            "lb_subset_config:\n  fallback_policy: ANY_ENDPOINT\n  subset_selectors: [{keys: [nobody]}]",
            &[("/one", "v: '1'"), ("/two", "nobody: '1'")],
        ),
        Case::new("weighted_clusters_ask_for_more")
            .named(&["a", "b", "c", "d"])
            .more_clusters(&cluster("pool", &versions(), &with("  fallback_policy: NO_FALLBACK")))
            .routes(
                "
                - match: {prefix: /}
                  route:
                    metadata_match: {filter_metadata: {envoy.lb: {v: '1', stage: prod}}}
                    weighted_clusters:
                      header_name: x-number
                      clusters:
                      - {name: pool, weight: 1}
                      - {name: pool, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {stage: dev}}}}
                      - {name: pool, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '2'}}}}
                      - {name: pool, weight: 1, metadata_match: {filter_metadata: {envoy.lb: {v: '7'}}}}",
            )
            .send(Request::get("/").header("x-number", "0"))
            .send(Request::get("/").header("x-number", "1"))
            .send(Request::get("/").header("x-number", "2"))
            .send(Request::get("/").header("x-number", "3")),
        Case::new("weights_of_localities_in_subsets")
            .named(&["a", "b", "c", "d"])
            .more_clusters(&places("plain", ""))
            .more_clusters(&places("aware", "  locality_weight_aware: true"))
            .more_clusters(&places("scaled", "  locality_weight_aware: true\n  scale_locality_weight: true"))
            .routes(
                &["plain", "aware", "scaled"]
                    .iter()
                    .map(|name| route(name, name, "v: '1'"))
                    .collect::<String>(),
            )
            .without_log()
            .step(shares("/plain", &[('a', 50.0), ('d', 50.0)]))
            .step(shares("/aware", &[('a', 75.0), ('d', 25.0)]))
            .step(shares("/scaled", &[('a', 50.0), ('d', 50.0)])),
        hashes(),
    ]
}

/// Two localities, of which one has other hosts as well.
fn places(name: &str, fields: &str) -> String {
    let fields = format!(
        "common_lb_config: {{locality_weighted_lb_config: {{}}}}\nlb_subset_config:\n  subset_selectors: [{{keys: [v]}}]\n{fields}"
    );
    let first = endpoints(&[("a", "v: '1'"), ("b", "v: '2'"), ("c", "v: '2'")]);
    cluster_of(
        name,
        &[
            ("locality: {zone: x}\nload_balancing_weight: 3", &first),
            ("locality: {zone: w}\nload_balancing_weight: 1", &endpoints(&[("d", "v: '1'")])),
        ],
        &fields,
    )
}

/// Within subsets hashes lead to the same hosts.
fn hashes() -> Case {
    let all = endpoints(&[
        ("a", "v: '1', hash_key: ka"),
        ("b", "v: '1', hash_key: kb"),
        ("c", "v: '1', hash_key: kc"),
        ("d", "v: '2', hash_key: kd"),
    ]);
    let case = Case::new("hashes_lead_to_the_same_hosts_of_a_subset")
        .named(&["a", "b", "c", "d"])
        .more_clusters(&cluster(
            "pool",
            &all,
            "lb_policy: MAGLEV\nlb_subset_config:\n  subset_selectors: [{keys: [v]}]",
        ))
        .routes(
            "
            - match: {prefix: /}
              route:
                cluster: pool
                metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}
                hash_policy: [{header: {header_name: x-key}}]",
        );
    ["1", "2", "3", "4", "5", "6", "7", "8"]
        .iter()
        .fold(case, |case, key| case.send(Request::get("/").header("x-key", key)))
}
