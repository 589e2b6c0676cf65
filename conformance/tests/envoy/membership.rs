//! How many hosts are healthy, degraded, excluded: gauges that add up, whatever becomes of the hosts.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

const GAUGES: &[&str] = &[
    "cluster.app.membership_total",
    "cluster.app.membership_healthy",
    "cluster.app.membership_degraded",
    "cluster.app.membership_excluded",
    "cluster.app.health_check.healthy",
    "cluster.app.health_check.degraded",
];

/// Hosts with what the file says of each.
fn hosts(all: &[(&str, &str)]) -> String {
    let endpoint = |(name, fields): &(&str, &str)| {
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{{name}}}}}}}}}}}, {fields}}}"
        )
    };
    let all: Vec<_> = all.iter().map(endpoint).collect();
    format!("load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{}]}}]}}", all.join(", "))
}

const CHECKED: &str = "
    health_checks:
    - {timeout: 0.3s, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, \
       http_health_check: {path: /health}}
    common_lb_config: {update_merge_window: 0s}";

/// What checks are told; requests are served.
fn checked(reply: impl Fn() -> Answer + Send + Sync + 'static) -> Script {
    Script::by(move |request| if request.path() == "/health" { reply() } else { Reply::ok("served").into() })
}

/// What is wrong with each host.
async fn flags(run: &mut Run, names: &[&str]) {
    let page = run.page("/clusters").await;
    for name in names {
        let prefix = run.fill(&format!("app::127.0.0.1:{{{{{name}}}}}::health_flags::"));
        let flags = page.lines().find_map(|line| line.strip_prefix(&prefix));
        run.note(format!("flags of {name}"), json!(flags));
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let degraded = || Reply::ok("").header("x-envoy-degraded", "1").into();
    let leaving = || Reply::status(503).header("x-envoy-immediate-health-check-fail", "1").into();
    let well = || Reply::ok("").into();
    vec![
        Case::new("hosts_in_every_state_are_counted")
            .endpoint("well", checked(well))
            .endpoint("tired", checked(degraded))
            .endpoint("sick", checked(|| Reply::status(500).into()))
            .endpoint("leaving", checked(leaving))
            .endpoint("slow", checked(Answer::hang))
            .endpoint("drained", checked(well))
            .endpoint("refused", checked(well))
            .endpoint("aged", checked(well))
            .endpoint("both", checked(|| Reply::status(500).into()))
            .cluster(
                "app",
                &hosts(&[
                    ("well", ""),
                    ("tired", ""),
                    ("sick", ""),
                    ("leaving", ""),
                    ("slow", ""),
                    ("drained", "health_status: DRAINING"),
                    ("refused", "health_status: UNHEALTHY"),
                    ("aged", "health_status: DEGRADED"),
                    ("both", "health_status: DRAINING"),
                ]),
            )
            .cluster("app", CHECKED)
            .without_log()
            .wait_for("/clusters", "app::127.0.0.1:{{well}}::health_flags::healthy")
            .wait_for("/clusters", "/excluded_via_immediate_hc_fail")
            .wait_for("/clusters", "/degraded_active_hc")
            .wait_for("/clusters", "/active_hc_timeout")
            .pause(Duration::from_millis(300))
            .step(async |run: &mut Run| {
                let names =
                    ["well", "tired", "sick", "leaving", "slow", "drained", "refused", "aged", "both"];
                flags(run, &names).await;
            })
            .stats(GAUGES),
        Case::new("hosts_that_change_are_counted_anew")
            .endpoint("one", checked(well))
            .endpoint("two", checked(well))
            .cluster("app", &hosts(&[("one", ""), ("two", "")]))
            .cluster("app", CHECKED)
            .without_log()
            .wait_for("/clusters", "app::127.0.0.1:{{one}}::health_flags::healthy")
            .wait_for("/clusters", "app::127.0.0.1:{{two}}::health_flags::healthy")
            .stats(GAUGES)
            .step(async move |run: &mut Run| run.backend("one").play(checked(leaving)))
            .wait_for("/clusters", "/excluded_via_immediate_hc_fail")
            .stats(GAUGES)
            .step(async move |run: &mut Run| run.backend("one").play(checked(degraded)))
            .wait_for("/clusters", "app::127.0.0.1:{{one}}::health_flags::/degraded_active_hc")
            .stats(GAUGES)
            .step(async |run: &mut Run| run.backend("two").play(checked(|| Reply::status(500).into())))
            .wait_for("/clusters", "app::127.0.0.1:{{two}}::health_flags::/failed_active_hc")
            .tally(4, Request::get("/"))
            .stats(GAUGES)
            .step(async move |run: &mut Run| {
                run.backend("one").play(checked(well));
                run.backend("two").play(checked(well));
            })
            .wait_for("/clusters", "app::127.0.0.1:{{one}}::health_flags::healthy")
            .wait_for("/clusters", "app::127.0.0.1:{{two}}::health_flags::healthy")
            .stats(GAUGES)
            .step(async move |run: &mut Run| run.backend("one").play(checked(degraded)))
            .wait_for("/clusters", "app::127.0.0.1:{{one}}::health_flags::/degraded_active_hc")
            .stats(GAUGES)
            .step(async move |run: &mut Run| run.backend("one").play(checked(|| Reply::status(500).into())))
            .wait_for("/clusters", "app::127.0.0.1:{{one}}::health_flags::/failed_active_hc")
            .step(async |run: &mut Run| flags(run, &["one", "two"]).await)
            .stats(GAUGES)
            .differs("D-250", &["13 stats", "cluster.app.health_check.degraded"], 0)
            .differs("D-250", &["15 stats", "cluster.app.health_check.degraded"], 1)
            .differs("D-250", &["17 stats", "cluster.app.health_check.degraded"], 1),
    ]
}
