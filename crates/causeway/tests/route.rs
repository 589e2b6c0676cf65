//! `causeway route`: what it says is what a running Causeway does, and its words are these.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use causeway_testkit::{Backend, Peer, Port, Proxy, Reply, Request, Scratch, Script, eventually, exchange};
use serde_json::{Value, json};

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");

fn route(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(CAUSEWAY);
    command.current_dir(folder).env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
    command.arg("route").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Everything that a route may do with a request, on one listener. The back-end has port `BACKEND`.
const SITE: &str = r#"
static_resources:
  listeners:
  - name: site
    address: {socket_address: {address: 127.0.0.1, port_value: LISTEN}}
    filter_chains:
    - name: all
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: site
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT
          strip_any_host_port: true
          via: edge
          upgrade_configs: [{upgrade_type: websocket}]
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: access.log
              log_format: {text_format_source: {inline_string: "%RESPONSE_CODE% %ROUTE_NAME% %UPSTREAM_CLUSTER% %RESPONSE_CODE_DETAILS%\n"}}
          local_reply_config:
            mappers:
            - filter: {status_code_filter: {comparison: {op: EQ, value: {default_value: 404, runtime_key: none}}}}
              headers_to_add: [{header: {key: x-lost, value: "%REQ(:PATH)%"}}]
              body: {inline_string: "nothing here"}
          http_filters:
          - name: cors
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}
          - name: mutation
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
              mutations: {request_mutations: [{append: {header: {key: x-filtered, value: "%REQ(:METHOD)%"}}}]}
          - name: health
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
              pass_through_mode: false
              headers: [{name: ":path", string_match: {exact: /healthz}}]
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            name: site
            request_headers_to_add: [{header: {key: x-table, value: "%DOWNSTREAM_LOCAL_ADDRESS%"}}]
            virtual_hosts:
            - name: tls
              domains: [secure.test]
              require_tls: ALL
              routes: [{name: never, match: {prefix: /}, route: {cluster: app}}]
            - name: wild
              domains: ["*.wild.test", "wild.*"]
              routes: [{name: wild, match: {prefix: /}, route: {cluster: other, host_rewrite_header: x-host}}]
            - name: main
              domains: [main.test]
              include_request_attempt_count: true
              retry_policy: {retry_on: "5xx,reset", num_retries: 2, per_try_timeout: 2s}
              typed_per_filter_config:
                cors:
                  "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                  allow_origin_string_match: [{exact: "http://friend.test"}]
                  allow_methods: GET
              routes:
              - {name: exact, match: {path: /exact}, route: {cluster: app, prefix_rewrite: /other, timeout: 3s}}
              - {name: post, match: {prefix: /api, headers: [{name: ":method", string_match: {exact: POST}}]}, route: {cluster: app, prefix_rewrite: /v1}}
              - {name: tenant, match: {prefix: /api, headers: [{name: x-tenant, string_match: {prefix: bl}}]}, route: {cluster: other, host_rewrite_literal: tenant.test, append_x_forwarded_host: true}}
              - {name: query, match: {prefix: /api, query_parameters: [{name: v, string_match: {exact: "2"}}]}, route: {cluster: other, regex_rewrite: {pattern: {regex: "^/api/(.*)$"}, substitution: '/q/\1'}}}
              - {name: cookie, match: {prefix: /api, cookies: [{name: beta, string_match: {exact: "1"}}]}, route: {cluster: other}}
              - {name: grpc, match: {prefix: /, grpc: {}}, route: {cluster: app, timeout: 0s}}
              - {name: separated, match: {path_separated_prefix: /sep}, route: {cluster_header: x-cluster}}
              - {name: regex, match: {safe_regex: {regex: "/re/[0-9]+"}}, route: {cluster: app}, request_headers_to_add: [{header: {key: x-route, value: "%ROUTE_NAME%"}}], request_headers_to_remove: [x-gone]}
              - {name: moved, match: {prefix: /moved}, redirect: {https_redirect: true, prefix_rewrite: /new, response_code: FOUND}}
              - {name: told, match: {prefix: /told}, direct_response: {status: 418, body: {inline_string: "short and stout"}}}
              - {name: socket, match: {prefix: /ws}, route: {cluster: app}}
              - {name: nowhere, match: {prefix: /nowhere}, route: {cluster_header: x-none, cluster_not_found_response_code: NOT_FOUND}}
              - {name: any-case, match: {prefix: /CASE, case_sensitive: false}, route: {cluster: app, auto_host_rewrite: true}}
  clusters:
  - name: app
    connect_timeout: 1s
    load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {hostname: app.internal, address: {socket_address: {address: 127.0.0.1, port_value: BACKEND}}}}]}]}
  - name: other
    connect_timeout: 1s
    load_assignment: {cluster_name: other, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: BACKEND}}}}]}]}
"#;

type Asked = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Method, host, target and fields.
const ASKED: &[Asked] = &[
    ("GET", "main.test", "/exact?q=1", &[]),
    ("GET", "main.test:8080", "/exact", &[]),
    ("GET", "MAIN.test", "/EXACT", &[]),
    ("POST", "main.test", "/api/x", &[]),
    ("GET", "main.test", "/api/x", &[("x-tenant", "blue")]),
    ("GET", "main.test", "/api/x", &[("x-tenant", "red")]),
    ("GET", "main.test", "/api/x?v=2&w", &[]),
    ("GET", "main.test", "/api/x", &[("cookie", "a=b; beta=1")]),
    ("POST", "main.test", "/pkg.Service/Call", &[("content-type", "application/grpc")]),
    ("GET", "main.test", "/sep/x", &[("x-cluster", "other")]),
    ("GET", "main.test", "/sep", &[("x-cluster", "none")]),
    ("GET", "main.test", "/sepx", &[]),
    ("GET", "main.test", "/re/12", &[("x-gone", "1"), ("x-kept", "2")]),
    ("GET", "main.test", "/re/12a", &[]),
    ("GET", "main.test", "/moved/a?b=c", &[]),
    ("GET", "main.test", "/told", &[("accept", "*/*")]),
    ("HEAD", "main.test", "/told", &[]),
    ("GET", "main.test", "/nowhere", &[]),
    ("GET", "main.test", "/case/x", &[]),
    ("GET", "main.test", "/a/../exact", &[]),
    ("GET", "main.test", "//exact", &[]),
    ("GET", "main.test", "/x%2Fy", &[]),
    ("GET", "main.test", "/healthz", &[]),
    (
        "OPTIONS",
        "main.test",
        "/exact",
        &[("origin", "http://friend.test"), ("access-control-request-method", "GET")],
    ),
    (
        "GET",
        "main.test",
        "/exact",
        &[("x-envoy-upstream-rq-timeout-ms", "50"), ("x-forwarded-for", "9.9.9.9")],
    ),
    ("GET", "main.test", "/ws", &[("connection", "upgrade"), ("upgrade", "chat")]),
    ("GET", "secure.test", "/x?y", &[]),
    ("GET", "secure.test", "/x", &[("x-forwarded-proto", "https")]),
    ("GET", "a.wild.test", "/", &[("x-host", "else.test")]),
    ("GET", "wild.org", "/", &[]),
    ("GET", "nobody.test", "/", &[("expect", "100-continue")]),
    ("DELETE", "main.test", "/re/1", &[("x-request-id", "mine")]),
];

/// Fields that no two requests share, or that are about a connection.
fn compared(fields: &Value) -> Vec<(String, String)> {
    let fields = fields.as_array().unwrap().iter();
    let text = |field: &Value, at: usize| field[at].as_str().unwrap().to_owned();
    fields
        .map(|field| (text(field, 0), text(field, 1)))
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date" | "connection"))
        .collect()
}

fn fields<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    fields.map(|(name, value)| json!([name, value])).collect()
}

#[tokio::test]
async fn what_it_says_is_what_happens() {
    let backend = Backend::start(Script::by(|_| Reply::ok("here").into())).await;
    let port = Port::reserve();
    let (listen, behind) = (port.number().to_string(), backend.port().to_string());
    let text = SITE.replace("LISTEN", &listen).replace("BACKEND", &behind);
    let proxy = Proxy::build(Peer::Causeway, Path::new(CAUSEWAY), &text)
        .arg("--file-flush-interval-msec")
        .arg("5")
        .listener(port.number())
        .start()
        .await
        .unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
    for (number, (method, host, target, headers)) in ASKED.iter().enumerate() {
        let mut request = Request::new(method, target).host(host);
        let mut arguments = vec!["-c".to_owned(), "envoy.yaml".into(), "-o".into(), "json".into()];
        arguments.extend(["--from", "127.0.0.1", "-X", *method].map(str::to_owned));
        arguments.extend(["-H".to_owned(), format!("host: {host}")]);
        for (name, value) in *headers {
            request = request.header(name, value);
            arguments.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        arguments.push(format!("http://127.0.0.1:{listen}{target}"));
        let before = backend.requests();
        let answer = exchange(address, &request).await.unwrap();
        let logged = async || proxy.directory().read("access.log").lines().count() > number;
        assert!(eventually(Duration::from_secs(5), logged).await);
        let log = proxy.directory().read("access.log");
        let line: Vec<&str> = log.lines().last().unwrap().split(' ').collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = route(proxy.directory().path(), &words);
        let told: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        let outcome = &told["outcomes"][0];
        let what = format!("{method} {host}{target} {headers:?}: {told:#}");
        assert_eq!(outcome["route"]["name"].as_str().unwrap_or("-"), line[1], "{what}");
        let sent = &outcome["sent"];
        if backend.requests() > before {
            let received = backend.received().pop().unwrap();
            assert_eq!(sent["cluster"]["name"], line[2], "{what}");
            assert_eq!(
                (&sent["method"], &sent["path"]),
                (&json!(received.method), &json!(received.target)),
                "{what}"
            );
            assert_eq!(compared(&sent["headers"]), compared(&fields(received.headers.iter())), "{what}");
        } else {
            let told = &outcome["answer"];
            assert_eq!(told["status"], answer.status, "{what}");
            assert_eq!(compared(&told["headers"]), compared(&fields(answer.headers.iter())), "{what}");
            assert_eq!(told["body"], answer.text(), "{what}");
        }
        let taken = told["taken"].as_bool().unwrap();
        assert_eq!(output.status.code(), Some(i32::from(!taken)), "{what}");
        assert_eq!(taken, line[1] != "-" || *host == "secure.test", "{what}");
    }
}

/// Chains, weights and fractions, with nothing behind them.
const EDGE: &str = r#"
static_resources:
  listeners:
  - name: edge
    address: {socket_address: {address: 0.0.0.0, port_value: 443}}
    listener_filters:
    - name: tls
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}
    filter_chains:
    - name: shop
      filter_chain_match: {server_names: [shop.test]}
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [{certificate_chain: {filename: /nowhere/cert.pem}, private_key: {filename: /nowhere/key.pem}}]
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: shop
          route_config:
            virtual_hosts:
            - name: shop
              domains: [shop.test]
              routes:
              - name: canary
                match:
                  prefix: /
                  runtime_fraction: {default_value: {numerator: 10, denominator: HUNDRED}}
                route: {cluster: new}
              - name: split
                match: {prefix: /}
                route: {weighted_clusters: {clusters: [{name: old, weight: 3}, {name: new, weight: 1}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
    - name: mail
      filter_chain_match: {server_names: ["*.mail.test"]}
      filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: mail, cluster: old}
  clusters:
  - {name: old, connect_timeout: 1s, load_assignment: {cluster_name: old}}
  - {name: new, connect_timeout: 1s, load_assignment: {cluster_name: new}}
"#;

/// The words for people, to the byte.
#[test]
fn these_are_its_words() {
    let scratch = Scratch::new();
    scratch.write("edge.yaml", EDGE);
    let asked = |arguments: &[&str]| {
        let output = route(scratch.path(), &[&["-c", "edge.yaml"], arguments].concat());
        (output.status.code(), said(&output))
    };
    let (code, text) = asked(&["https://shop.test/cart", "--random", "75"]);
    assert_eq!(
        text,
        "GET https://shop.test/cart HTTP/1.1
  192.0.2.1:50000 to 0.0.0.0:443, tls, for shop.test, http/1.1

note          files that edge.yaml names are not here, and count as empty: causeway validate edge.yaml says which
listener      edge on 0.0.0.0:443  (edge.yaml:4:5)
filter chain  shop  (edge.yaml:10:7)
  not         mail: server name is shop.test, and it asks for `.mail.test`  (edge.yaml:39:7)
as routed     shop.test/cart
virtual host  shop, which has `shop.test`  (edge.yaml:25:15)
route         1 split: prefix `/`  (edge.yaml:33:17)
  not         0 canary: prefix `/` matches, but it asks for 10 of 100 requests (runtime_fraction), and this was none of them  (edge.yaml:28:17)
cluster       new, STATIC  (edge.yaml:46:5)
timeout       15 s, the default, idle 300 s
retry         none

A back-end is sent:
    GET /cart HTTP/1.1
    host: shop.test
    x-forwarded-proto: https
    x-request-id: 02eebf8c-3bbe-4e1a-9fb2-813aebd297ba
    x-envoy-expected-rq-timeout-ms: 15000
"
    );
    assert_eq!(code, Some(0));
    let (code, text) = asked(&["https://shop.test/cart"]);
    let shares: Vec<&str> = text.lines().filter(|line| line.contains('%')).collect();
    assert_eq!((code, shares), (Some(0), vec!["10 % of requests", "67 % of requests", "23 % of requests"]));
    let (code, text) = asked(&["https://shop.test/cart", "--lang", "ko", "--random", "75"]);
    assert!(
        code == Some(0) && text.contains("\n라우트        1 split: prefix `/`  (edge.yaml:33:17)\n"),
        "{text}"
    );
    let (_, text) = asked(&["https://shop.test:8443/cart", "--lang", "ko"]);
    assert!(!text.contains("matches") && !text.contains("does not"), "{text}");
    let (code, text) = asked(&["https://a.mail.test/"]);
    assert!(code == Some(0) && text.contains("answer        the connection is passed on as it is"), "{text}");
    let (code, text) = asked(&["https://other.test/"]);
    assert!(code == Some(1) && text.contains("\nfilter chain  none: the connection is closed\n"), "{text}");
    let (code, text) = asked(&["http://shop.test:443/", "--sni", "x"]);
    assert_eq!((code, &*text), (Some(2), "causeway: --sni and --alpn are for https\n"));
    let (code, text) = asked(&["https://x.test/", "--to", "10.0.0.1:8443"]);
    assert_eq!(
        (code, &*text),
        (Some(2), "causeway: nobody listens on 10.0.0.1:8443; there are `edge` on 0.0.0.0:443\n")
    );
    let output = route(scratch.path(), &["-c", "none.yaml", "http://a/"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Every file under `examples/`: whatever is asked, something is said, and the shares add up.
#[test]
fn every_example_can_be_asked() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for folder in std::fs::read_dir(examples).unwrap() {
        let folder = folder.unwrap().path();
        for url in ["http://www.example.org/api/x", "http://localhost/", "http://example.org/?q"] {
            for more in [&[][..], &["--http2"][..], &["-X", "POST", "-H", "content-type: application/grpc"]] {
                let output = route(&folder, &[&["-c", "envoy.yaml", "-o", "json", url], more].concat());
                let told: Value =
                    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
                let outcomes = told["outcomes"].as_array().unwrap();
                let whole: f64 = outcomes.iter().map(|outcome| outcome["share"].as_f64().unwrap()).sum();
                assert!((whole - 1.0).abs() < 1e-9, "{told:#}");
                assert_ne!(output.status.code(), Some(2), "{told:#}");
            }
        }
    }
}
