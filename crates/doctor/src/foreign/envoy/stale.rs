//! Addresses that a proxy still uses, and that its names give no more: what was started again elsewhere is looked for where it
//! was.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use causeway_model::{Cluster, ClusterType};
use causeway_reason::Condition;

use super::observed::{Observed, hosts};
use super::running::Running;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Severity, Subject, under};
use crate::probe;
use crate::report::{Outcome, Report};
use crate::said;
use crate::said::Said;

/// How long an old address may be silent.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Old addresses that are tried for a cluster.
const MOST: usize = 8;

/// Asks for the names of clusters again, where they could be looked up a moment ago, and connects to what is in use and was not
/// answered. One that still serves may be one of many that are answered in turn: nothing is said of it.
pub(super) async fn stale(observed: &Observed, running: &Running, report: &mut Report) {
    let Some(bootstrap) = &running.bootstrap else { return };
    for cluster in &bootstrap.clusters {
        let id = format!("clusters.{}.dns", cluster.name);
        let is_known = |check: &crate::Check| check.id == id && check.outcome == Outcome::Passed;
        if !report.checks.iter().any(is_known) {
            continue;
        }
        let now = probe::addresses_now(cluster).await;
        for address in
            in_use(observed, &cluster.name).filter(|address| !now.contains(&address.ip())).take(MOST)
        {
            let began = Instant::now();
            report.probes += 1;
            let Err(error) = TcpStream::connect_timeout(&address, PATIENCE) else { continue };
            let finding = finding(cluster, address, &now, &error.to_string(), began.elapsed());
            report.failed(format!("admin.hosts.{}", cluster.name), [finding]);
        }
    }
}

/// The addresses of its hosts.
fn in_use<'o>(observed: &'o Observed, name: &'o str) -> impl Iterator<Item = SocketAddr> + 'o {
    let of = observed.clusters().filter(move |(known, _)| *known == name);
    of.flat_map(|(_, cluster)| hosts(cluster)).filter_map(|host| host.address().parse().ok())
}

fn finding(
    cluster: &Cluster,
    address: SocketAddr,
    now: &BTreeSet<IpAddr>,
    error: &str,
    took: Duration,
) -> Finding {
    let name = &cluster.name;
    let list = now.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let millis = took.as_millis();
    let title = said!(
        "`{name}` still uses {address}, where nobody serves any more: its name gives {list} now",
        "`{name}`가 아직 {address}을(를) 쓰는데 그곳에서는 더 이상 응답하지 않습니다. 지금 이름을 조회하면 {list}입니다"
    );
    let finding = Finding::new(
        Condition::AddressStale,
        Severity::Error,
        title,
        Evidence::new(
            EvidenceKind::Probe,
            said!("connecting to {address}", "{address}에 연결"),
            said!("{error} ({millis} ms)", "{error} ({millis} ms)"),
        ),
    )
    .and(Evidence::new(
        EvidenceKind::Dns,
        said!("the names of `{name}`, asked now", "지금 조회한 `{name}`의 이름"),
        Said::plain(list),
    ))
    .and(Evidence::new(EvidenceKind::Admin, Said::plain("/clusters"), Said::plain(address.to_string())))
    .about(Subject::cluster(name).endpoint(address))
    .effect(Effect {
        status: Some(503),
        flags: "UF".to_owned(),
        details: "upstream_reset_before_response_started{remote_connection_failure}".to_owned(),
        words: None,
    });
    let (ClusterType::StrictDns(options) | ClusterType::LogicalDns(options)) = &cluster.kind else {
        return finding;
    };
    let seconds = options.refresh_rate.as_secs_f64();
    finding
        .at(
            under(&cluster.position, "dns_refresh_rate"),
            said!("asked again every {seconds} s", "{seconds}초마다 다시 조회"),
        )
        .and(Evidence::file(said!(
            "names are looked up again every {seconds} s (dns_refresh_rate; Envoy's default is 5 s), or, with respect_dns_ttl, as often as answers say",
            "이름은 {seconds}초마다 다시 조회합니다(dns_refresh_rate, Envoy 기본값은 5초). respect_dns_ttl이면 응답의 TTL을 따릅니다"
        )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn hosts_that_are_addresses_are_in_use() {
        let host =
            |address: &str| json!({"address": {"socket_address": {"address": address, "port_value": 80}}});
        let observed = Observed {
            clusters: json!({"cluster_statuses": [
                {"name": "app", "host_statuses": [host("10.0.0.1"), host("::1"), {"address": {"pipe": {"path": "/a"}}}]},
                {"name": "other", "host_statuses": [host("10.0.0.2")]}]}),
            ..Observed::default()
        };
        let found: Vec<_> = in_use(&observed, "app").map(|address| address.to_string()).collect();
        assert_eq!(found, ["10.0.0.1:80", "[::1]:80"]);
    }

    #[test]
    fn what_names_give_now_is_told_beside_what_is_in_use() {
        let bootstrap = testing::bootstrap(&testing::one_cluster("10.0.0.2", 8080));
        let cluster = bootstrap.clusters.first().unwrap();
        let now = BTreeSet::from(["10.0.0.3".parse().unwrap()]);
        let found = finding(cluster, "10.0.0.2:80".parse().unwrap(), &now, "refused", Duration::ZERO);
        assert_eq!(found.cause.code(), "D107");
        assert!(found.title.en.contains("still uses 10.0.0.2:80"), "{}", found.title.en);
        assert!(found.title.en.ends_with("gives 10.0.0.3 now"), "{}", found.title.en);
    }
}
