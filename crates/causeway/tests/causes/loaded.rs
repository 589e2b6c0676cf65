//! What loads and does not do what was meant: a Causeway says it when it loads the file, the doctor by a rule; and where
//! requests show it, one does.

use causeway_testkit::{Reply, Request, Script, TlsServer, exchange};

use crate::running::Running;
use crate::site::Site;
use crate::tls::context;
use crate::world::Behind;

/// A name of the Internet's, which nobody is asked for.
const FAR: &str = "socket_address: {address: shop.example.com, port_value: 443}";
const NOBODY: &str = "type: STRICT_DNS\ntyped_dns_resolver_config:\n  name: cares\n  typed_config:\n    \"@type\": \
                      type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig\n    \
                      resolvers: [{socket_address: {address: 127.0.0.1, port_value: 1}}]\n    query_timeout_seconds: 1\n    \
                      query_tries: 1";
const INSPECTOR: &str = "    listener_filters:\n    - {name: inspector, typed_config: {\"@type\": \
                         type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}\n";

async fn get(site: &Site, path: &str) -> (u16, String) {
    let answer = exchange(site.address, &Request::get(path)).await.expect("an answer");
    (answer.status, answer.text())
}

/// A route that browsers ask for by DELETE, under this policy.
fn browsers(name: &'static str, code: &'static str, policy: &str) -> Running {
    const CORS: &str = "type.googleapis.com/envoy.extensions.filters.http.cors.v3";
    let route = |matcher: &str| {
        format!(
            "- match: {{{matcher}}}\n  route: {{cluster: app}}\n  typed_per_filter_config: {{cors: {{\"@type\": {CORS}.CorsPolicy, \
             {policy}}}}}\n"
        )
    };
    let deletes = "prefix: /api, headers: [{name: \":method\", string_match: {exact: DELETE}}]";
    Running::loads(name, code)
        .filters(&format!("- {{name: cors, typed_config: {{\"@type\": {CORS}.Cors}}}}\n"))
        .routes(&(route(deletes) + &route("prefix: /")))
}

pub(crate) fn cases() -> Vec<Running> {
    let route = "- match: {prefix: /}\n  route: {cluster: app}\n";
    vec![
        Running::loads("a route that gets no requests", "R604")
            .routes(&format!("{route}- match: {{prefix: /api}}\n  direct_response: {{status: 418}}\n"))
            .client(async |site: &mut Site| assert_eq!(get(site, "/api").await.0, 200)),
        Running::loads("no router", "R614").edit(|text, _| {
            let kept = text.lines().filter(|line| !line.contains("- {name: router,"));
            kept.map(|line| format!("{line}\n")).collect()
        }),
        Running::loads("a redirect to itself", "R608")
            .manager("use_remote_address: true")
            .routes(&format!(
                "- match: {{prefix: /, headers: [{{name: x-forwarded-proto, string_match: {{exact: http}}}}]}}\n  redirect: \
                 {{https_redirect: true}}\n{route}"
            ))
            .client(async |site: &mut Site| {
                let secure = Request::get("/").header("x-forwarded-proto", "https");
                assert_eq!(exchange(site.address, &secure).await.unwrap().status, 301);
            }),
        Running::loads("TLS that verifies nobody", "S315")
            .secure(TlsServer::new("server", false, &[]))
            .cluster(context("sni: lab.test"))
            .client(async |site: &mut Site| assert_eq!(get(site, "/").await.0, 200)),
        Running::loads("TLS in TLS", "S312")
            .secure(TlsServer::new("server", false, &[]))
            .cluster(context("sni: lab.test"))
            .tcp()
            .edit(|text, _| {
                text.replace("    filter_chains:\n", &format!("{INSPECTOR}    filter_chains:\n")).replace(
                    "    - filters:\n",
                    "    - filter_chain_match: {server_names: [app.test]}\n      filters:\n",
                )
            }),
        Running::loads("a rewrite to two slashes", "P416")
            .routes("- match: {prefix: /api}\n  route: {cluster: app, prefix_rewrite: /}\n")
            .plays(Script::by(|request| match request.path() {
                "//x" => Reply::status(404).into(),
                _ => Reply::ok("").into(),
            }))
            .client(async |site: &mut Site| assert_eq!(get(site, "/api/x").await.0, 404)),
        Running::loads("a check that only connects", "H510")
            .cluster(
                "health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]",
            )
            .plays(Reply::status(500))
            .client(async |site: &mut Site| assert_eq!(get(site, "/").await.0, 500)),
        Running::loads("the host of somebody else", "P415")
            .domain("www.example.test")
            .behind(Behind::Endpoint(FAR.to_owned()))
            .cluster(NOBODY),
        Running::loads("a connect_timeout for the next rack", "T214")
            .behind(Behind::Endpoint(FAR.to_owned()))
            .cluster(NOBODY)
            .cluster("connect_timeout: 0.25s"),
        browsers("a page whose origin is not allowed", "R616", "allow_methods: \"*\"").client(
            async |site: &mut Site| {
                let asked = Request::get("/").header("origin", "https://page.test");
                let answer = exchange(site.address, &asked).await.unwrap();
                assert_eq!(answer.headers.get("access-control-allow-origin"), None);
            },
        ),
        browsers(
            "a method that a page may not use",
            "R617",
            "allow_origin_string_match: [{exact: \"https://page.test\"}], allow_methods: PUT",
        )
        .client(async |site: &mut Site| {
            let asked = Request::new("OPTIONS", "/api")
                .header("origin", "https://page.test")
                .header("access-control-request-method", "DELETE");
            let answer = exchange(site.address, &asked).await.unwrap();
            assert_eq!(answer.headers.get("access-control-allow-methods"), Some("PUT"));
        }),
        Running::loads("a domain with a scheme", "R619").domain("https://shop.test").client(
            async |site: &mut Site| {
                assert_eq!(get(site, "/").await.0, 404);
            },
        ),
        Running::loads("an attempt that may take as long as all", "O821").routes(
            "- match: {prefix: /}\n  route: {cluster: app, timeout: 1s, retry_policy: {retry_on: 5xx, per_try_timeout: 2s}}\n",
        ),
        Running::loads("checks that wait for requests", "H516").cluster(
            "common_lb_config: {healthy_panic_threshold: {value: 0}}\nhealth_checks: [{timeout: 1s, interval: 2s, \
             unhealthy_threshold: 1, healthy_threshold: 2, http_health_check: {path: /health}}]",
        ),
        Running::loads("nobody may wait", "L720")
            .cluster("circuit_breakers: {thresholds: [{max_pending_requests: 0}]}")
            .client(async |site: &mut Site| assert_eq!(get(site, "/").await.0, 503)),
        Running::loads("an admin interface for everybody", "K918").edit(|text, _| {
            text.replacen("address: 127.0.0.1", "address: 0.0.0.0", 1)
        }),
        Running::loads("a route to the admin interface", "K917")
            .behind(Behind::Endpoint("socket_address: {address: 127.0.0.1, port_value: ADMIN}".to_owned()))
            .edit(|text, admin| text.replace("ADMIN", &admin.port().to_string()))
            .client(async |site: &mut Site| {
                let (status, page) = get(site, "/server_info").await;
                assert!(status == 200 && page.contains("LIVE"), "{status} {page}");
            }),
    ]
}
