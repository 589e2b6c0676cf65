//! Hosts of which none is in the subset that a route asks for.

use causeway_model::{NetworkFilter, RouteAction, SubsetCriteria, Value};
use causeway_reason::Reason;

use super::observed::Observed;
use super::running::Running;
use super::shown::{counters_of, no_host};
use crate::finding::{Evidence, EvidenceKind, Finding, Grade, Severity, Subject, under};
use crate::probe::plan::leads_to;
use crate::said;
use crate::said::Said;

/// All hosts of a cluster may be used, and requests find none: where it has subsets, it is for these.
pub(super) fn missed(observed: &Observed, running: &Running, name: &str) -> Option<Finding> {
    let grew = observed.grew(&format!("cluster.{name}.upstream_cx_none_healthy"));
    let cluster = running.bootstrap.as_ref()?.cluster(name)?;
    let subsets = cluster.subsets.as_ref().filter(|_| grew > 0)?;
    let asked = criteria(running, name);
    let keys: Vec<_> = subsets.selectors.iter().map(|selector| selector.keys.join("+")).collect();
    let (keys, seconds) = (keys.join(", "), observed.between.as_secs_f64());
    let title = said!(
        "`{name}`: no host is in the subset that requests ask for, {grew} times in {seconds:.1} s",
        "`{name}`: 요청이 찾는 서브셋에 호스트가 없습니다. {seconds:.1}초 동안 {grew}회"
    );
    let seen = Evidence::new(
        EvidenceKind::Admin,
        Said::plain("/clusters"),
        said!(
            "every host may be used, and requests find none; subsets are made by {keys}",
            "모든 호스트를 쓸 수 있는데 요청이 호스트를 찾지 못합니다. 서브셋 기준: {keys}"
        ),
    );
    let mut finding = Finding::new(Reason::NoSubset, Severity::Error, title, seen)
        .and(counters_of(
            observed,
            name,
            &["upstream_cx_none_healthy", "lb_subsets_active", "lb_subsets_selected", "lb_subsets_fallback"],
        ))
        .about(Subject::cluster(name))
        .at(under(&cluster.position, "lb_subset_config"), Said::plain(""))
        .grade(if asked.is_empty() { Grade::Likely } else { Grade::Proven })
        .effect(no_host());
    for wanted in asked {
        finding = finding.and(Evidence::new(
            EvidenceKind::File,
            said!("metadata_match of a route", "라우트의 metadata_match"),
            Said::plain(wanted),
        ));
    }
    Some(finding)
}

/// What routes to the cluster ask of hosts.
fn criteria(running: &Running, cluster: &str) -> Vec<String> {
    /// More are not needed to see what is meant.
    const MOST: usize = 4;
    let chains = running.bootstrap.iter().flat_map(|bootstrap| &bootstrap.listeners);
    let filters = chains.flat_map(|listener| listener.chains()).map(|chain| &chain.filter);
    let routes = filters.flat_map(|filter| match filter {
        NetworkFilter::HttpConnectionManager(manager) => &manager.route_config.virtual_hosts[..],
        NetworkFilter::None
        | NetworkFilter::TcpProxy(_)
        | NetworkFilter::Echo
        | NetworkFilter::DirectResponse(_) => &[],
    });
    let mut found: Vec<String> = Vec::new();
    for route in routes.flat_map(|host| &host.routes) {
        let RouteAction::Forward(forward) = &route.action else { continue };
        let shown = shown(&forward.metadata_match);
        if leads_to(forward, cluster) && !shown.is_empty() && !found.contains(&shown) && found.len() < MOST {
            found.push(shown);
        }
    }
    found
}

fn shown(criteria: &SubsetCriteria) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        // Nobody divides hosts by these.
        Value::Null | Value::List(_) | Value::Object(_) => "…".to_owned(),
    };
    criteria.iter().map(|(key, of)| format!("{key}: {}", value(of))).collect::<Vec<_>>().join(", ")
}
