//! Servers of an HAProxy as clusters, so that the same probes ask them.
//!
//! Only what a probe needs is carried over: address in use, TLS, PROXY header, the check.

use causeway_envoy::{LoadOptions, Source, load};
use causeway_model::Bootstrap;
use causeway_reason::{Cause, Condition, Reason};
use serde_json::{Value, json};

use super::cfg::{Cfg, HttpCheck, Server};
use super::state::{Observed, ServerState};
use crate::finding::Fix;
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// Every server with an address; `None` where there is none.
pub(super) fn bootstrap(observed: &Observed, cfg: Option<&Cfg>) -> Option<Bootstrap> {
    let mut clusters: Vec<Value> = Vec::new();
    let mut names: Vec<&str> = observed.servers.iter().map(|server| &*server.backend).collect();
    names.dedup();
    for name in names {
        let servers = observed.servers.iter().filter(|server| server.backend == name);
        let (mut endpoints, mut first) = (Vec::new(), None);
        for server in servers.filter(|server| server.address.is_some()) {
            first.get_or_insert(server);
            endpoints.push(json!({"endpoint": {"address": {"socket_address": {
                "address": server.address, "port_value": server.port}}}}));
        }
        if let Some(first) = first {
            clusters.push(cluster(name, first, endpoints, cfg));
        }
    }
    if clusters.is_empty() {
        return None;
    }
    let text = json!({"static_resources": {"clusters": clusters}}).to_string();
    let options = LoadOptions { allow_unsupported: true, ..LoadOptions::default() };
    load(&Source::new("haproxy.json", text), &options).bootstrap
}

fn cluster(name: &str, first: &ServerState, endpoints: Vec<Value>, cfg: Option<&Cfg>) -> Value {
    let backend = cfg.and_then(|cfg| cfg.backend(name));
    let server = backend.and_then(|backend| backend.server(&first.name));
    let connect = backend.and_then(|backend| backend.timeout_connect).unwrap_or(5_000).max(1);
    let mut cluster = json!({
        "name": name,
        "connect_timeout": seconds(connect),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    });
    let Some(object) = cluster.as_object_mut() else { return cluster };
    if let Some(check) = backend.and_then(|backend| backend.http_check.as_ref())
        && server.is_none_or(|server| server.has("check"))
    {
        let budget = backend.and_then(|backend| backend.timeout_check);
        let inter = server.map_or(2_000, Server::inter);
        object
            .insert("health_checks".to_owned(), json!([health_check(check, first, budget.unwrap_or(inter))]));
    } else if backend.is_some_and(|backend| backend.tcp) {
        // What is spoken is not known: connecting is all that can be asked for.
        object.insert(
            "health_checks".to_owned(),
            json!([{"timeout": "2s", "interval": "2s", "healthy_threshold": 1, "unhealthy_threshold": 1,
                "tcp_health_check": {}}]),
        );
    }
    let tls = first.tls.then(|| tls(server));
    let proxied = server.is_some_and(|server| server.has("send-proxy") || server.has("send-proxy-v2"));
    let socket = match (tls, proxied) {
        (tls, true) => Some(json!({
        "name": "envoy.transport_sockets.upstream_proxy_protocol",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            "config": {"version": if server.is_some_and(|server| server.has("send-proxy")) { "V1" } else { "V2" }},
            "transport_socket": tls.unwrap_or_else(|| json!({
                "name": "envoy.transport_sockets.raw_buffer",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}})),
        }})),
        (tls, false) => tls,
    };
    if let Some(socket) = socket {
        object.insert("transport_socket".to_owned(), socket);
    }
    cluster
}

/// HAProxy takes every 2xx and 3xx for healthy, and sends no Host unless it is told to.
fn health_check(check: &HttpCheck, first: &ServerState, timeout: u64) -> Value {
    let address = first.address.as_deref().unwrap_or_default();
    let asked = json!({
        "path": check.path,
        "method": check.method,
        "expected_statuses": [{"start": 200, "end": 400}],
        // What somebody would send who knows the address only.
        "host": check.host.clone().unwrap_or_else(|| format!("{address}:{}", first.port)),
    });
    json!({"timeout": seconds(timeout.max(1)), "interval": "2s", "healthy_threshold": 1,
        "unhealthy_threshold": 1, "http_health_check": asked})
}

fn tls(server: Option<&Server>) -> Value {
    let value = |word: &str| server.and_then(|server| server.value(word));
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"tls_params": {"tls_maximum_protocol_version": "TLSv1_3"}},
    });
    if let Some(object) = context.as_object_mut() {
        // A sample such as str(name) is the one form of sni that stands for itself.
        let name = value("sni").and_then(|sample| sample.strip_prefix("str(")?.strip_suffix(')'));
        if let Some(name) = name.or_else(|| value("check-sni")) {
            object.insert("sni".to_owned(), json!(name));
        }
        if let (Some(file), Some(common)) =
            (value("ca-file"), object.get_mut("common_tls_context").and_then(Value::as_object_mut))
            && value("verify") != Some("none")
        {
            common.insert("validation_context".to_owned(), json!({"trusted_ca": {"filename": file}}));
        }
    }
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}s", milliseconds / 1000, milliseconds % 1000)
}

/// What probes found, for somebody who has an haproxy.cfg: without the places and words of a file that there is not.
pub(super) fn in_words_of_haproxy(report: &mut Report) {
    for finding in &mut report.findings {
        finding.spot = None;
        finding.place = None;
        finding.field.clear();
        finding.label = Said::plain("");
        finding.fixes.clear();
        if let Some(effect) = &mut finding.effect {
            *effect = match &*effect.flags {
                "UH" => super::no_server(),
                _ => crate::Effect { status: effect.status, ..crate::Effect::default() },
            };
        }
        if let Some(fix) = advice(finding.cause) {
            finding.fixes.push(Fix::manual(fix));
        }
    }
}

/// What to write into haproxy.cfg; `None` where the catalogue's advice holds for it too.
fn advice(cause: Cause) -> Option<Said> {
    Some(match cause {
        Cause::Reason(Reason::HealthCheckNotFound) => said!(
            "correct the path of `option httpchk GET /path`; if it is right, send the site's name: `http-check send hdr Host www.example.com`",
            "`option httpchk GET /path`의 경로를 고치십시오. 경로가 맞다면 `http-check send hdr Host www.example.com`으로 Host를 보내십시오"
        ),
        Cause::Reason(Reason::HealthCheckServerError | Reason::HealthCheckStatus)
        | Cause::Condition(Condition::HealthCheckMethod) => said!(
            "ask with GET and the page that is meant for it: `option httpchk GET /health` (without words HAProxy asks `OPTIONS /` of HTTP/1.0)",
            "`option httpchk GET /health`처럼 GET과 상태 확인용 페이지로 체크하십시오(인자가 없으면 HTTP/1.0의 `OPTIONS /`로 묻습니다)"
        ),
        Cause::Condition(Condition::HealthCheckHost) => said!(
            "send the site's name: `http-check send hdr Host www.example.com`",
            "`http-check send hdr Host www.example.com`으로 Host를 보내십시오"
        ),
        Cause::Reason(Reason::HealthCheckUnauthorized) => said!(
            "check a path that needs no credentials, or `http-check expect status 401`",
            "인증이 필요 없는 경로로 체크하거나 `http-check expect status 401`을 쓰십시오"
        ),
        Cause::Reason(Reason::HealthCheckTimeout) => said!(
            "give the check more time: `timeout check`, or find out why the page takes so long",
            "`timeout check`를 늘리거나 페이지가 느린 이유를 찾으십시오"
        ),
        Cause::Reason(Reason::UpstreamSpeaksTls) => said!(
            "add `ssl` to the server line, with `verify required ca-file …` or `verify none`",
            "server 줄에 `ssl`과 `verify required ca-file …`(또는 `verify none`)을 추가하십시오"
        ),
        Cause::Reason(Reason::UpstreamTlsPlain) => {
            said!(
                "take `ssl` off the server line, or correct its port",
                "server 줄의 `ssl`을 빼거나 포트를 고치십시오"
            )
        }
        Cause::Reason(Reason::UpstreamTlsServerName) => said!(
            "name it: `sni str(www.example.com)`, and `check-sni` for checks",
            "`sni str(www.example.com)`과 체크용 `check-sni`를 추가하십시오"
        ),
        Cause::Condition(Condition::ProxyHeaderWanted) => said!(
            "add `send-proxy-v2` to the server line, and `check-send-proxy` for checks",
            "server 줄에 `send-proxy-v2`를, 체크용으로 `check-send-proxy`를 추가하십시오"
        ),
        Cause::Condition(Condition::ProxyHeaderUnwanted) => {
            said!("take `send-proxy` off the server line", "server 줄의 `send-proxy`를 빼십시오")
        }
        _ => return None,
    })
}
