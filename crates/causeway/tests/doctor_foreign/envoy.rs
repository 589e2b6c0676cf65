//! An Envoy that runs, and a Causeway, asked by their admin servers.

use std::path::{Path, PathBuf};

use causeway_testkit::{Answer, Backend, Peer, Port, Proxy, Reply, Request, Script, exchange};

use super::{check, doctor, evidence, findings};

const HOW: &str = "conformance/install-envoy.sh; cargo test -p causeway --test doctor_foreign";

fn file(admin: u16, listener: u16, app: u16, dead: u16) -> String {
    let cluster = |name: &str, port: u16, more: &str| {
        format!(
            "  - name: {name}\n    connect_timeout: 1s\n{more}    load_assignment: {{cluster_name: {name}, endpoints: \
             [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
        )
    };
    let checked = "    common_lb_config: {healthy_panic_threshold: {value: 0}}\n    health_checks:\n    - {timeout: 1s, interval: 1s, \
                   no_traffic_interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /missing}}\n";
    let routes: String = ["dead", "hc", "app"]
        .map(|name| format!("              - {{match: {{prefix: /{name}}}, route: {{cluster: {name}}}}}\n"))
        .concat();
    format!(
        r#"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}
static_resources:
  listeners:
  - name: web
    address: {{socket_address: {{address: 127.0.0.1, port_value: {listener}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
{routes}  clusters:
{}{}{}"#,
        cluster("dead", dead, ""),
        cluster("hc", app, checked),
        cluster("app", app, "")
    )
}

struct Site {
    proxy: Proxy,
    admin: String,
    listener: u16,
    _ports: [Port; 3],
    _app: Backend,
}

impl Site {
    async fn start(peer: Peer, binary: &Path) -> Self {
        let app = Backend::start(Script::by(|request| {
            Answer::from(Reply::status(if request.target == "/missing" { 404 } else { 200 }))
        }))
        .await;
        let ports = [Port::reserve(), Port::reserve(), Port::reserve()];
        let [admin, listener, dead] = ports.each_ref().map(Port::number);
        let text = file(admin, listener, app.port(), dead);
        let started = Proxy::build(peer, binary, &text)
            .admin(([127, 0, 0, 1], admin).into())
            .listener(listener)
            .start()
            .await;
        let proxy = started.unwrap_or_else(|fault| panic!("{fault}"));
        Self { proxy, admin: format!("http://127.0.0.1:{admin}"), listener, _ports: ports, _app: app }
    }

    async fn ask(&self, path: &str) -> u16 {
        let to = ([127, 0, 0, 1], self.listener).into();
        exchange(to, &Request::get(path)).await.map_or(0, |response| response.status)
    }

    fn file(&self) -> String {
        self.proxy.directory().file("envoy.yaml").display().to_string()
    }
}

/// What is examined runs beside the doctor, which blocks.
async fn examined(arguments: Vec<String>) -> (serde_json::Value, i32) {
    tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        doctor(&arguments, "")
    })
    .await
    .unwrap()
}

async fn what_runs_is_examined(peer: Peer, binary: PathBuf) {
    let site = Site::start(peer, &binary).await;
    assert_eq!([site.ask("/dead").await, site.ask("/app").await], [503, 200]);
    let words = |more: &[&str]| {
        ["--envoy", &site.admin, "--interval", "1"]
            .iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect()
    };
    let (report, code) = examined(words(&[])).await;
    let found = findings(&report);
    assert_eq!(code, 1, "{report:#}");
    assert!(found.contains(&"H501 hc error proven".to_owned()), "{found:?}");
    assert!(
        found.iter().any(|line| line.starts_with("T201 dead error") || line.starts_with("T215 dead error"))
    );
    let health = evidence(&report, "H501");
    assert!(health.contains("failed_active_health_check"), "{health}");
    assert_eq!(check(&report, "admin.state"), "pass");
    assert_eq!(check(&report, "admin.listeners.web"), "pass");
    assert_eq!(
        check(&report, "admin.config"),
        if peer == Peer::Envoy { "pass" } else { check(&report, "admin.config") }
    );

    // The file is changed, and nobody has told the proxy.
    let text = site.proxy.config().replace("connect_timeout: 1s", "connect_timeout: 2s");
    site.proxy.replace_config(&text);
    let (report, _) = examined(words(&["-c", &site.file(), "--only", "admin.config,admin.state"])).await;
    let found = findings(&report);
    assert!(found.iter().any(|line| line.starts_with("C951")), "{found:?} {report:#}");
    let seen = evidence(&report, "C951");
    assert!(seen.contains("cluster `app`") && !seen.contains("listener"), "{seen}");
}

#[tokio::test]
async fn an_envoy_that_runs_is_examined() {
    let envoy = match Peer::Envoy.find() {
        Ok(envoy) => envoy,
        Err(missing) => causeway_testkit::skip!("an_envoy_that_runs_is_examined", missing, HOW),
    };
    what_runs_is_examined(Peer::Envoy, envoy).await;
}

#[tokio::test]
async fn a_causeway_that_runs_is_examined_in_the_same_way() {
    what_runs_is_examined(Peer::Causeway, env!("CARGO_BIN_EXE_causeway").into()).await;
}

#[tokio::test]
async fn nobody_at_the_admin_address_is_unreachable() {
    let port = Port::reserve();
    let url = format!("http://127.0.0.1:{}", port.number());
    let (_, code) = examined(vec!["--envoy".to_owned(), url]).await;
    assert_eq!(code, 3);
}
