//! What may stand in a file.

use causeway_conformance::Case;

use super::{app, gate, site};

pub(super) fn files() -> Vec<Case> {
    let taken = |name, proxy: &str| Case::new(name).file(&site("", proxy, &app("", &[])));
    vec![
        taken(
            "a_pause_that_shrinks_is_refused",
            "cluster: app\nbackoff_options: {base_interval: 1s, max_interval: 0.5s}",
        ),
        taken(
            "two_ways_to_say_when_lines_are_written_are_refused",
            "cluster: app\nflush_access_log_on_connected: true\naccess_log_options: {}",
        ),
        taken("waiting_for_data_needs_a_limit", "cluster: app\nupstream_connect_mode: ON_DOWNSTREAM_DATA"),
        taken("no_cluster_at_all_is_refused", ""),
        Case::new("a_filter_that_lets_through_can_t_be_the_last").file(&ends_file(&gate(
            "connection_limit.v3.ConnectionLimit",
            "stat_prefix: x\nmax_connections: 1",
        ))),
        Case::new("a_filter_that_serves_has_to_be_the_last").file(&site(
            &gate("echo.v3.Echo", ""),
            "cluster: app",
            &app("", &[]),
        )),
        Case::new("a_bucket_that_fills_too_often_is_refused").file(&site(
            &gate(
                "local_ratelimit.v3.LocalRateLimit",
                "stat_prefix: x\ntoken_bucket: {max_tokens: 1, fill_interval: 0.01s}",
            ),
            "cluster: app",
            &app("", &[]),
        )),
        Case::new("a_table_of_a_size_that_is_no_prime_is_refused").file(&site(
            "",
            "cluster: app",
            &app("lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 100}", &[]),
        )),
        Case::new("a_ring_that_can_t_be_as_large_as_it_has_to_be_is_refused").file(&site(
            "",
            "cluster: app",
            &app(
                "lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 100, maximum_ring_size: 50}",
                &[],
            ),
        )),
    ]
}

fn ends_file(filter: &str) -> String {
    let filters: String = filter.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}\nstatic_resources:\n  listeners:\n  - name: main\n    \
         address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}\n    filter_chains:\n    - filters:\n{filters}"
    )
}
