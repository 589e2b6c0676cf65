//! The proxy's own life.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, Reply, Request, exchange};

use crate::case::{Case, Seen, open};
use crate::site::Site;

/// The filter `health_check` with these fields, for all requests.
fn asked_whether_it_is_well(fields: &str) -> String {
    format!(
        r#"- name: health_check
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
    headers: [{{name: ":method", string_match: {{exact: GET}}}}]
    {fields}
"#
    )
}

/// It is well while half of this cluster is.
fn depends_on(reason: Reason, cluster: &str) -> Case {
    let fields = format!(
        "pass_through_mode: false\n    cluster_min_healthy_percentages: {{{cluster}: {{value: 50}}}}"
    );
    Case::of(reason).filters(&asked_whether_it_is_well(&fields))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::DeclaredFailing)
            .filters(&asked_whether_it_is_well("pass_through_mode: false"))
            .client(async |site: &mut Site| {
                let fail = Request::post("/healthcheck/fail", "");
                assert_eq!(exchange(site.admin, &fail).await.unwrap().status, 200);
                Seen::Answer(exchange(site.address, &Request::get("/")).await)
            })
            .evidence("/healthcheck/fail"),
        depends_on(Reason::OwnHealthClusterNotFound, "nowhere").evidence("cluster nowhere does not exist"),
        depends_on(Reason::OwnHealthClusterEmpty, "app").no_endpoints().evidence("cluster app has no hosts"),
        depends_on(Reason::OwnHealthClusterUnhealthy, "app")
            .cluster(
                "health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]",
            )
            .nobody_listens()
            .evidence("0 of 1 hosts are usable"),
        Case::of(Reason::OwnHealthKept)
            .filters(&asked_whether_it_is_well("pass_through_mode: true\n    cache_time: 600s"))
            .plays(Reply::status(404))
            .client(async |site: &mut Site| {
                // The first is the back-end's own, and no failure of the proxy's.
                assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 404);
                Seen::Answer(exchange(site.address, &Request::get("/")).await)
            })
            .answered(404, "")
            .evidence("the kept answer is 404"),
        Case::of(Reason::DrainDeadline)
            .args(&["--shutdown-timeout-s", "1"])
            .plays(Answer::hang())
            .evidence("the back-end had not answered")
            .client(async |site: &mut Site| {
                let mut connection = open(site).await;
                connection.send(&Request::get("/")).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert!(site.proxy.stop(Duration::from_secs(10)).await.is_some(), "it has to end");
                Seen::Nothing
            }),
    ]
}
