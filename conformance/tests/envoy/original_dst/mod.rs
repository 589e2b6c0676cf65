//! Clusters without endpoints (`ORIGINAL_DST`): requests and connections say where they go.

mod hosts;
mod refused;
mod requests;
mod restored;

use causeway_conformance::{Case, Reply, Request, Run, exchange};

/// A cluster of this type with more fields.
fn original(fields: &str) -> String {
    let fields: String = fields.lines().map(|line| format!("\n  {line}")).collect();
    format!(
        "- name: asked\n  type: ORIGINAL_DST\n  lb_policy: CLUSTER_PROVIDED\n  connect_timeout: 2s{fields}\n"
    )
}

const BY_HEADER: &str = "original_dst_lb_config: {use_http_header: true}";
const NAME: &str = "x-envoy-original-dst-host";

const STATS: &[&str] = &[
    "cluster.asked.original_dst_host_invalid",
    "cluster.asked.membership_change",
    "cluster.asked.membership_total",
    "cluster.asked.membership_healthy",
    "cluster.asked.membership_degraded",
    "cluster.asked.membership_excluded",
    "cluster.asked.upstream_cx_none_healthy",
    "cluster.asked.upstream_cx_total",
    "cluster.asked.upstream_cx_connect_fail",
    "cluster.asked.upstream_rq_total",
    "cluster.asked.upstream_rq_2xx",
    "cluster.asked.upstream_rq_5xx",
    "cluster.asked.upstream_rq_completed",
    "cluster.asked.upstream_rq_retry",
    "cluster.asked.lb_healthy_panic",
    "cluster.asked.update_attempt",
    "cluster.asked.update_success",
    "cluster.asked.update_no_rebuild",
    "cluster.asked.max_host_weight",
    "cluster.asked.default.total_match_count",
];

/// Two back-ends that say who they are, neither of which a cluster has.
fn two(name: &'static str) -> Case {
    Case::new(name).endpoint("a", Reply::ok("a")).endpoint("b", Reply::ok("b"))
}

/// Everything goes to a cluster of this type with these fields.
fn all(case: Case, fields: &str) -> Case {
    case.more_clusters(&original(fields)).routes("- match: {prefix: /}\n  route: {cluster: asked}")
}

/// The same, with these fields of the route.
fn routed(case: Case, fields: &str, route: &str) -> Case {
    case.more_clusters(&original(fields)).routes(&format!("- match: {{prefix: /}}\n{route}"))
}

fn case(name: &'static str, fields: &str) -> Case {
    all(two(name), fields)
}

trait Wanted: Sized {
    /// Requests that say by this header where they go.
    fn to(self, header: &'static str, wanted: &'static [&'static str]) -> Self;
}

impl Wanted for Case {
    fn to(self, header: &'static str, wanted: &'static [&'static str]) -> Self {
        self.step(async move |run: &mut Run| {
            for wanted in wanted {
                let request = Request::get("/").header(header, &run.fill(wanted));
                let result = exchange(run.listener(), &request).await;
                let label = run.label(&format!("to {wanted:?}"));
                run.note_response(label, &result);
            }
        })
    }
}

pub(crate) fn cases() -> Vec<Case> {
    [requests::cases(), restored::cases(), hosts::cases(), refused::cases()].into_iter().flatten().collect()
}
