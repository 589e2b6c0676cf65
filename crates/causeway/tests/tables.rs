//! `causeway clusters`, `endpoints`, `listeners`, `routes`, `secrets`: the tables of a running Causeway, to the byte, and
//! that those of a running Envoy are the same.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use causeway_testkit::{Peer, Pki, Port, Proxy, Request, Scratch, eventually, exchange};
use serde_json::Value;

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

const SITE: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: ADMIN}}}
static_resources:
  secrets:
  - name: shop_cert
    tls_certificate: {certificate_chain: {filename: PKI/server.pem}, private_key: {filename: PKI/server.key}}
  listeners:
  - name: edge
    address: {socket_address: {address: 127.0.0.1, port_value: LISTEN}}
    listener_filters:
    - {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}
    filter_chains:
    - name: shop
      filter_chain_match: {server_names: [shop.test, www.shop.test]}
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context: {tls_certificate_sds_secret_configs: [{name: shop_cert}]}
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: shop
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          route_config:
            name: shop_routes
            virtual_hosts:
            - name: 상점
              domains: [shop.test, www.shop.test]
              routes:
              - name: api
                match: {prefix: /api, headers: [{name: x-v, string_match: {exact: "2"}}]}
                route: {cluster: backend, timeout: 3s, retry_policy: {retry_on: 5xx}}
              - {match: {path: /old}, redirect: {path_redirect: /new}}
              - {match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: backend, weight: 1}, {name: dns, weight: 3}]}}}
    - name: rest
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: rest
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          route_config:
            name: rest_routes
            virtual_hosts:
            - {name: rest, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: tls}}]}
  clusters:
  - name: backend
    connect_timeout: 1s
    lb_policy: LEAST_REQUEST
    load_assignment:
      cluster_name: backend
      endpoints:
      - locality: {region: kr, zone: a}
        lb_endpoints:
        - {endpoint: {hostname: one, address: {socket_address: {address: 127.0.0.1, port_value: 1}}}, load_balancing_weight: 2}
      - priority: 1
        lb_endpoints:
        - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 2}}}, health_status: DRAINING}
  - name: dns
    type: STRICT_DNS
    dns_lookup_family: V4_ONLY
    connect_timeout: 1s
    load_assignment: {cluster_name: dns, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: 3}}}}]}]}
  - name: tls
    connect_timeout: 1s
    transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: inner.test}}
    load_assignment: {cluster_name: tls, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 4}}}}]}]}
"#;

/// A proxy with the site, that has been asked for something which no back-end answers.
async fn start(peer: Peer, binary: &Path) -> ((Proxy, Scratch), u16, u16) {
    let certificates = Pki::get().folder();
    let (listen, admin) = (Port::reserve(), Port::reserve());
    let text = SITE
        .replace("LISTEN", &listen.number().to_string())
        .replace("ADMIN", &admin.number().to_string())
        .replace("PKI", &certificates.path().display().to_string());
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let proxy = Proxy::build(peer, binary, &text)
        .listener(listen.number())
        .admin(local(admin.number()))
        .limit(Duration::from_secs(60))
        .start()
        .await
        .unwrap();
    assert_eq!(exchange(local(listen.number()), &Request::get("/")).await.unwrap().status, 503);
    ((proxy, certificates), listen.number(), admin.number())
}

fn run(arguments: &[&str], admin: u16) -> Output {
    let address = format!("127.0.0.1:{admin}");
    Command::new(CAUSEWAY).args(arguments).args(["--admin", &address]).output().unwrap()
}

fn table(arguments: &[&str], (listen, admin): (u16, u16)) -> String {
    let output = run(arguments, admin);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    // A port of five digits, as they are given.
    said.replace(&listen.to_string(), "12345")
}

const LISTENERS: &str = "\
LISTENER  ADDRESS          CHAIN  FOR                       TLS  DOES
edge      127.0.0.1:12345  shop   shop.test, www.shop.test  yes  http: routes shop_routes
edge      127.0.0.1:12345  rest   -                         no   http: routes rest_routes
";

const ROUTES: &str = "\
VIRTUAL HOST  DOMAINS                   ROUTE  MATCH               ACTION                TIMEOUT
상점          shop.test, www.shop.test  api    /api* header x-v=2  backend               3s
상점          shop.test, www.shop.test  -      /old                redirect /new         -
상점          shop.test, www.shop.test  -      /*                  backend (1), dns (3)  15s
";

const CLUSTERS: &str = "\
NAME     TYPE        LB             ENDPOINTS  TLS         OPEN  ACTIVE  REQUESTS  FAILED  %
backend  STATIC      LEAST_REQUEST  1/2        -           -     0       0         0       -
dns      STRICT_DNS  ROUND_ROBIN    1/1        -           -     0       0         0       -
tls      STATIC      ROUND_ROBIN    1/1        inner.test  -     0       1         1       100.0
";

const ENDPOINTS: &str = "\
CLUSTER  ADDRESS      HEALTH    WEIGHT  PRIORITY  LOCALITY  ACTIVE  REQUESTS  ERRORS  WHY
backend  127.0.0.1:1  healthy   2       0         kr/a      0       0         0       -
backend  127.0.0.1:2  DRAINING  1       1         -         0       0         0       -
";

#[tokio::test]
async fn a_running_causeway_is_listed() {
    let (_proxy, listen, admin) = start(Peer::Causeway, Path::new(CAUSEWAY)).await;
    let at = (listen, admin);
    assert_eq!(table(&["listeners"], at), LISTENERS);
    assert_eq!(table(&["routes", "shop.test"], at), ROUTES);
    assert!(
        eventually(Duration::from_secs(5), async || table(&["clusters"], at) == CLUSTERS).await,
        "{}",
        table(&["clusters"], at)
    );
    assert_eq!(table(&["endpoints", "--cluster", "backend"], at), ENDPOINTS);
    let secrets: Value = serde_json::from_slice(&run(&["secrets", "-o", "json"], admin).stdout).unwrap();
    assert_eq!((&secrets[0]["name"], &secrets[0]["type"]), (&"shop_cert".into(), &"certificate".into()));
    assert!(table(&["endpoints", "-o", "wide", "--port", "3"], at).contains("localhost"));
    assert_eq!(table(&["routes", "--cluster", "dns"], at).lines().count(), 2);
    assert_eq!(table(&["listeners", "--port", "1"], at).lines().count(), 1);
    assert_eq!(run(&["clusters", "nothing"], admin).status.code(), Some(1));
    let elsewhere = run(&["clusters"], listen);
    let said = String::from_utf8(elsewhere.stderr).unwrap();
    assert!(
        elsewhere.status.code() == Some(3) && said.contains("is no admin server of Causeway or Envoy"),
        "{said}"
    );
    let nobody = Port::reserve();
    let silent = run(&["clusters"], nobody.number());
    let said = String::from_utf8(silent.stderr).unwrap();
    assert!(silent.status.code() == Some(3) && said.contains("does not answer: "), "{said}");
}

#[tokio::test]
async fn a_running_envoy_is_listed() {
    let envoy = match Peer::Envoy.find() {
        Ok(envoy) => envoy,
        Err(missing) => {
            causeway_testkit::skip!(
                "a_running_envoy_is_listed",
                missing,
                "cargo test -p causeway --test tables"
            )
        }
    };
    let (_proxy, listen, admin) = start(Peer::Envoy, &envoy).await;
    let at = (listen, admin);
    assert_eq!(table(&["listeners"], at), LISTENERS);
    assert_eq!(table(&["routes", "shop.test"], at), ROUTES);
    assert_eq!(table(&["clusters"], at), CLUSTERS);
    assert_eq!(table(&["endpoints", "--cluster", "backend"], at), ENDPOINTS);
    let secrets: Value = serde_json::from_slice(&run(&["secrets", "-o", "json"], admin).stdout).unwrap();
    assert_eq!(secrets[0]["name"], "shop_cert");
    assert!(secrets[0]["days_left"].is_number(), "{secrets:#}");
}
