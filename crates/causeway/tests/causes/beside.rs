//! What a failure shows beside its own cause, and what only a log tells: a Causeway says it, and the doctor that asks it.

use std::time::Duration;

use causeway_testkit::{Answer, Connection, Pki, Reply, Request, TlsServer, eventually, exchange};

use crate::running::{Given, Running, Says};
use crate::site::Site;
use crate::tls::{showing, trusting};
use crate::world::Behind;

const RETRY: &str = "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: connect-failure, num_retries: 1}}\n";

/// The cluster has another name.
fn renamed(text: &str, name: &str) -> String {
    text.replace("cluster: app", &format!("cluster: {name}"))
        .replace("- name: app\n", &format!("- name: {name}\n"))
        .replace("cluster_name: app,", &format!("cluster_name: {name},"))
}

pub(crate) fn cases() -> Vec<Running> {
    let mut cases = cases_of_why();
    cases.extend(cases_of_logs());
    cases
}

fn cases_of_why() -> Vec<Running> {
    let plain_to_tls = |name, code| Running::fails(name, code).secure(TlsServer::new("server", false, &[]));
    let demanding = TlsServer::with(Pki::get().identity("server"), true, &[], &[&rustls::version::TLS12]);
    vec![
        Running::fails("retries are used up", "P418").behind(Behind::Nobody).routes(RETRY),
        Running::fails("retries are kept back", "L703")
            .behind(Behind::Nobody)
            .routes(RETRY)
            .cluster("circuit_breakers: {thresholds: [{max_retries: 0}]}"),
        Running::fails("panic", "H509")
            .behind(Behind::Nobody)
            .cluster(
                "health_checks: [{timeout: 1s, interval: 0.2s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]",
            )
            .client(async |site: &mut Site| {
                let failed = "cluster.app.health_check.failure";
                assert!(eventually(Duration::from_secs(5), async || site.stat(failed).await > 0).await);
                let _ = exchange(site.address, &Request::get("/")).await;
            }),
        Running::fails("a call of gRPC", "P419").behind(Behind::Nobody).client(async |site: &mut Site| {
            let call = Request::post("/shop.Cart/Get", "").header("content-type", "application/grpc");
            assert_eq!(exchange(site.address, &call).await.unwrap().status, 200);
        }),
        Running::fails("an expired client certificate", "S308")
            .secure(demanding)
            .cluster(trusting(&showing(Pki::get().identity("old")))),
        Running::fails("a host that asks for no more", "H512")
            .plays(Reply::ok("").header("x-envoy-immediate-health-check-fail", "true"))
            .cluster(
                "common_lb_config: {healthy_panic_threshold: {value: 0}}\nhealth_checks: [{timeout: 1s, interval: 60s, \
                 unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]",
            )
            .client(async |site: &mut Site| {
                let first = exchange(site.address, &Request::get("/")).await.unwrap();
                assert_eq!(first.status, 200);
                let gone = async || exchange(site.address, &Request::get("/")).await.unwrap().status == 503;
                assert!(eventually(Duration::from_secs(5), gone).await);
            }),
        Running::fails("the caller's own timeout", "O810")
            .plays(Answer::hang())
            .manager(
                "use_remote_address: true\ninternal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}",
            )
            .client(async |site: &mut Site| {
                let request = Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "100");
                assert_eq!(exchange(site.address, &request).await.unwrap().status, 504);
            }),
        plain_to_tls("a mesh of which one side has TLS", "S314")
            .edit(|text, _| renamed(text, "outbound|8080||shop.default.svc.cluster.local")),
        plain_to_tls("a host that the mesh does not know", "R612")
            .edit(|text, _| renamed(text, "PassthroughCluster")),
        Running::fails("a mesh that lets nothing out", "R613")
            .behind(Behind::NoEndpoints)
            .tcp()
            .edit(|text, _| renamed(text, "BlackHoleCluster")),
        Running::fails("it listens on loopback only", "T202")
            .in_namespace(|_| {})
            .behind(Behind::Inside("127.0.0.1:8000", "SELF:8000")),
        Running::fails("the accept queue is full", "T207").behind(Behind::Full).cluster("connect_timeout: 0.3s"),
    ]
}

fn cases_of_logs() -> Vec<Running> {
    vec![
        Running::new("an answer of the file", "R609", Says::AccessLog, Given::AccessLog)
            .routes("- match: {prefix: /}\n  direct_response: {status: 503}\n")
            .client(async |site: &mut Site| {
                assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 503);
            }),
        Running::new("the limit of connections", "L715", Says::Log, Given::Admin("admin.counters"))
            .top(
                "overload_manager: {resource_monitors: [{name: envoy.resource_monitors.global_downstream_max_connections, typed_config: \
                 {\"@type\": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, \
                 max_active_downstream_connections: 1}}]}\n",
            )
            .client(async |site: &mut Site| {
                // The one that there may be stays open while others come.
                let first = Connection::open(site.address).await.unwrap();
                let refused = "listener.127.0.0.1_PORT.downstream_global_cx_overflow"
                    .replace("PORT", &site.address.port().to_string());
                let more = async || {
                    drop(Connection::open(site.address).await);
                    site.stat(&refused).await > 0
                };
                assert!(eventually(Duration::from_secs(5), more).await);
                drop(first);
            }),
        Running::new("the end of a drain", "L717", Says::AccessLog, Given::AccessLog)
            .args(&["--shutdown-timeout-s", "1"])
            .plays(Answer::from(Reply::ok("late")).after(Duration::from_secs(20)))
            .client(async |site: &mut Site| {
                let mut connection = Connection::open(site.address).await.unwrap();
                connection.send(&Request::get("/")).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert!(site.proxy.stop(Duration::from_secs(10)).await.is_some(), "it has to end");
            }),
    ]
}
