//! Every sort of diagnostic: its place, and what it says to do.
//!
//! In the texts, `«…»` stands around what has to be underlined.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use causeway_envoy::{Diagnostic, Diagnostics, Kind, LoadOptions, Severity, Source, load};

const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "- {name: envoy.filters.http.router, typed_config: {\"@type\": \
                      type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";
const CORS: &str = "type.googleapis.com/envoy.extensions.filters.http.cors.v3";

fn indent(text: &str, by: usize) -> String {
    let space = " ".repeat(by);
    text.lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{space}{line}\n") })
        .collect()
}

/// A file with one listener, whose connection manager has these fields and filters.
fn manager(fields: &str, virtual_hosts: &str, filters: &str) -> String {
    format!(
        "static_resources:\n  listeners:\n  - name: l\n    address: {{socket_address: {{address: 127.0.0.1, port_value: 80}}}}\n    \
         filter_chains:\n    - filters:\n      - name: hcm\n        typed_config:\n          \"@type\": {HCM}\n          stat_prefix: s\n\
         {}          route_config:\n            virtual_hosts:\n{}          http_filters:\n{}  clusters:\n  - name: a\n",
        indent(fields, 10),
        indent(virtual_hosts, 12),
        indent(filters, 10),
    )
}

/// A connection manager with these fields.
fn hcm(fields: &str) -> String {
    manager(fields, "- {name: v, domains: [\"*\"]}", ROUTER)
}

/// A virtual host with these routes.
fn routes(routes: &str) -> String {
    manager("", &format!("- name: v\n  domains: [\"*\"]\n  routes:\n{}", indent(routes, 2)), ROUTER)
}

/// A file with a listener that has these fields too.
fn listener(fields: &str) -> String {
    hcm("").replace("    filter_chains:\n", &format!("{}    filter_chains:\n", indent(fields, 4)))
}

/// A cluster with these fields.
fn cluster(fields: &str) -> String {
    format!("static_resources:\n  clusters:\n  - name: c\n{}", indent(fields, 4))
}

/// Endpoints of a cluster.
fn endpoints(kind: &str, endpoint: &str) -> String {
    cluster(&format!(
        "type: {kind}\nload_assignment:\n  cluster_name: c\n  endpoints:\n  - lb_endpoints:\n    - endpoint: {endpoint}"
    ))
}

/// An access log with this format.
fn format(text: &str) -> String {
    hcm(&format!(
        "access_log:\n- name: x\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog\n    \
         log_format: {{text_format_source: {{inline_string: \"{text}\"}}}}"
    ))
}

/// A health check with these fields.
fn health(fields: &str) -> String {
    cluster(&format!(
        "health_checks:\n- timeout: 1s\n  interval: 1s\n  unhealthy_threshold: 1\n  healthy_threshold: 1\n{}",
        indent(fields, 2)
    ))
}

/// A file without its marks, and the line and columns between them.
fn unmark(text: &str) -> (String, Option<(u32, u32, u32)>) {
    let Some(start) = text.find('«') else { return (text.to_owned(), None) };
    let clean = text.replace(['«', '»'], "");
    let before = &text[..start];
    let line = u32::try_from(before.matches('\n').count() + 1).unwrap();
    let column = u32::try_from(before.rsplit('\n').next().unwrap().chars().count() + 1).unwrap();
    let marked = text[start..].trim_start_matches('«').split('»').next().unwrap();
    (clean, Some((line, column, column + u32::try_from(marked.chars().count()).unwrap())))
}

fn run(text: &str, options: &LoadOptions) -> Diagnostics {
    load(&Source::new("test.yaml", text), options).diagnostics
}

/// Everything that a diagnostic says besides its message.
fn advice(diagnostic: &Diagnostic) -> String {
    let mut out = vec![diagnostic.label.clone()];
    out.extend(diagnostic.help.iter().cloned());
    out.extend(diagnostic.suggestion.clone());
    out.extend(diagnostic.related.iter().map(|(_, what)| what.clone()));
    out.join("\n")
}

#[track_caller]
fn expect(text: &str, code: &str, message: &str, help: &str) -> Diagnostic {
    expect_with(text, &LoadOptions { check_files: true, ..LoadOptions::default() }, code, message, help)
}

#[track_caller]
fn expect_with(text: &str, options: &LoadOptions, code: &str, message: &str, help: &str) -> Diagnostic {
    let (clean, place) = unmark(text);
    let diagnostics = run(&clean, options);
    let found = diagnostics.iter().find(|d| {
        let at = d.place.as_ref().map(|place| (place.line, place.column, place.end_column));
        // Of a place of several lines, only the beginning is compared.
        let same = place.is_none_or(|(line, column, end)| {
            at.is_some_and(|(l, c, e)| {
                l == line && c == column && (e == end || d.place.as_ref().is_some_and(|p| p.end_line > l))
            })
        });
        d.code == code && d.message.contains(message) && same
    });
    let Some(found) = found else {
        panic!(
            "no {code} at {place:?} with {message:?} in\n{clean}\n{}\n{:#}",
            diagnostics.render(false),
            diagnostics.to_json()
        )
    };
    assert!(advice(found).contains(help), "{help:?} is not in {:?}", advice(found));
    found.clone()
}

#[test]
fn text_that_is_no_configuration() {
    expect("a: [1, 2\nb«:» 3\n", "syntax", "this is not YAML", "");
    expect("a:\n\t«b»: 1\n", "syntax", "tabs", "spaces");
    expect("a: «@»b\n", "syntax", "unexpected character", "has to be quoted");
    expect("a: [«*.com»]\n", "syntax", "names no anchor", "quote it");
    expect("a: «*x»\n", "syntax", "names no anchor", "quote it: \"*x\"");
    expect("{a: {«{»b}}}\n", "syntax", "a key has to be text", "template");
    expect("# nothing\n", "not-a-map", "this file is empty", "static_resources");
    expect("«hello»\n", "not-a-map", "a configuration is a map", "");
    expect("admin: {}\n«---»\nadmin: {}\n", "second-document", "", "only the first is read");
    expect("admin: {}\n«admin»: {}\n", "duplicate-key", "`admin` stands twice", "has no effect");
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    expect(&deep, "syntax", "levels of lists and maps", "");
}

#[test]
fn files_in_other_forms() {
    let load =
        |name: &str, bytes: &[u8]| load(&Source::new(name, bytes), &LoadOptions::default()).diagnostics;
    let code = |diagnostics: &Diagnostics| diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(code(&load("x.pb_text", b"")), ["unsupported-format"]);
    assert_eq!(code(&load("x.pb", b"\x0a\x05a")), ["invalid-protobuf"]);
    assert_eq!(code(&load("x.json", b"{\"node\": {\"id\": \"\xff\"}}")), ["invalid-utf8"]);
    assert_eq!(code(&load("x.yaml", b"admin: {} # \xff")), ["invalid-utf8"]);
    let json = load("x.json", b"{\n  \"admin\": tru\n}");
    let place = json.iter().next().unwrap().place.clone().unwrap();
    assert_eq!((place.line, place.column), (2, 12));
}

#[test]
fn fields_that_do_not_exist() {
    expect(
        &cluster("«conect_timeout»: 1s"),
        "unknown-field",
        "not a field of Cluster",
        "did you mean `connect_timeout`?",
    );
    expect(&cluster("«connect-timeout»: 1s"), "unknown-field", "", "did you mean `connect_timeout`?");
    expect(
        &endpoints("STATIC", "{address: {socket_address: {address: 1.2.3.4, «port»: 1}}}"),
        "unknown-field",
        "",
        "`port_value`",
    );
    let found =
        expect(&hcm("«append_x_forwarded_host»: true"), "unknown-field", "", "belongs to RouteAction");
    assert!(advice(&found).contains("route_config.virtual_hosts[].routes[].route.append_x_forwarded_host"));
    assert!(found.path.ends_with("filters[0].typed_config.append_x_forwarded_host"), "{}", found.path);
    let outside = hcm("").replace("- name: hcm\n", "- name: hcm\n        «stat_prefix»: s\n");
    expect(&outside, "unknown-field", "", "move it into `typed_config`");
    expect(&cluster("!ignore x: &x {}\n«<<»: *x"), "unknown-field", "", "no merge keys");
    expect(
        &cluster("«hosts»: [{socket_address: {address: app, port_value: 80}}]"),
        "unknown-field",
        "",
        "{address: app, port_value: 80}",
    );
    expect(&cluster("«tls_context»: {}"), "unknown-field", "", "UpstreamTlsContext");
    expect(&routes("- {match: {«regex»: x}, route: {cluster: a}}"), "unknown-field", "", "safe_regex");
    let filters = format!("- {{name: envoy.filters.http.cors, «config»: {{}}}}\n{ROUTER}");
    expect(&manager("", "- {name: v, domains: [\"*\"]}", &filters), "unknown-field", "", "cors.v3.Cors");
    expect(
        "«apiVersion»: v1\n",
        "unknown-field",
        "not a field of Bootstrap",
        "Bootstrap has: node, static_resources",
    );
    expect(&cluster("«\"@type\"»: x"), "unknown-field", "", "typed");
}

#[test]
fn values_of_the_wrong_kind() {
    expect(&cluster("alt_stat_name: «123»"), "wrong-type", "has to be a string, but is a number", "quote it");
    expect(&cluster("alt_stat_name: «no»"), "wrong-type", "but is a bool", "quote it");
    expect(&cluster("circuit_breakers: «5»"), "wrong-type", "a map with the fields of CircuitBreakers", "");
    expect(&hcm("merge_slashes: «maybe»"), "wrong-type", "`true` or `false`", "");
    expect(&cluster("per_connection_buffer_limit_bytes: «8.5»"), "invalid-number", "whole number", "");
    expect(
        &cluster("per_connection_buffer_limit_bytes: «-1»"),
        "invalid-number",
        "between 0 and 4294967295",
        "",
    );
    expect(&cluster("per_connection_buffer_limit_bytes: «${SIZE}»"), "invalid-number", "", "placeholder");
    expect(
        &cluster("connect_timeout: «250ms»"),
        "invalid-duration",
        "`250ms` is not a duration",
        "write `0.25s`",
    );
    expect(&cluster("connect_timeout: «5»"), "invalid-duration", "", "write `5s`");
    expect(&cluster("connect_timeout: «1.1234567890s»"), "invalid-duration", "", "nine digits");
    expect(
        &routes("- {match: {prefix: /}, route: {cluster: a, timeout: «-1s»}}"),
        "invalid-duration",
        "negative",
        "",
    );
    expect(&cluster("lb_policy: «ROUND_ROBBIN»"), "unknown-enum-value", "", "did you mean `ROUND_ROBIN`?");
    expect(&cluster("lb_policy: «FASTEST»"), "unknown-enum-value", "", "is one of: ROUND_ROBIN");
    expect(&cluster("lb_policy: «99»"), "rule-violated", "is 99, which Cluster.LbPolicy does not have", "");
    let bytes = "- {match: {prefix: /}, direct_response: {status: 200, body: {inline_bytes: «a*b»}}}";
    expect(&routes(bytes), "invalid-base64", "", "");
    expect(
        &cluster("cluster_type: {name: x, typed_config: {«a»: b}}").replace("{«a»: b}", "«{a: b}»"),
        "missing-type",
        "",
        "`@type` is missing",
    );
    expect(
        &cluster("cluster_type: {name: x, typed_config: {\"@type\": «a.B»}}"),
        "invalid-type",
        "",
        "type.googleapis.com/a.B",
    );
}

#[test]
fn types_that_do_not_exist() {
    let typed = |kind: &str| {
        let filters =
            format!("- {{name: x, typed_config: {{\"@type\": «type.googleapis.com/{kind}»}}}}\n{ROUTER}");
        manager("", "- {name: v, domains: [\"*\"]}", &filters)
    };
    expect(
        &typed("envoy.extensions.filters.http.routr.v3.Router"),
        "unknown-type",
        "there is no type",
        "did you mean `envoy.extensions.filters.http.router.v3.Router`?",
    );
    expect(
        &typed("envoy.config.filter.http.router.v2.Router"),
        "unknown-type",
        "version 2",
        "envoy.extensions.filters.http.router.v3.Router",
    );
    expect(
        &typed("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"),
        "wrong-extension",
        "TcpProxy is not an HTTP filter",
        "",
    );
    expect(
        &typed("envoy.extensions.http.ai_filters.transcoder.v3.Transcoder"),
        "unsupported-extension",
        "",
        "",
    );
}

#[test]
fn rules_of_the_schema() {
    expect(
        &health("tcp_health_check: {}").replace("      healthy_threshold: 1\n", ""),
        "missing-field",
        "needs the field `healthy_threshold`",
        "",
    );
    expect(
        &health(""),
        "missing-field",
        "needs one of its fields: `http_health_check`, `tcp_health_check`",
        "",
    );
    expect(
        &routes("- {match: {prefix: /}, direct_response: {status: «700»}}"),
        "rule-violated",
        "less than 600",
        "",
    );
    expect(&cluster("connect_timeout: «0s»"), "rule-violated", "greater than 0s", "");
    expect(
        &routes("- {match: {path_separated_prefix: «/a/»}, route: {cluster: a}}"),
        "rule-violated",
        "has to match",
        "",
    );
    expect(
        &hcm("scheme_header_transformation: {scheme_to_overwrite: «ftp»}"),
        "rule-violated",
        "one of `http`, `https`",
        "",
    );
    let both = "- {match: {prefix: /, «path»: /a}, route: {cluster: a}}";
    expect(&routes(both), "oneof-conflict", "`path` and `prefix` exclude each other", "set here already");
    expect(
        &routes("- {match: {prefix: /, headers: [{name: «\"a\\nb\"»}]}, route: {cluster: a}}"),
        "rule-violated",
        "line ends",
        "",
    );
}

#[test]
fn what_is_deprecated_or_gone() {
    let found = expect(
        "admin:\n  «access_log_path»: /dev/null\n",
        "deprecated-field",
        "`access_log_path` of Admin",
        "FileAccessLog",
    );
    assert_eq!((found.severity, found.kind), (Severity::Warning, Kind::Deprecated));
    expect(
        &routes("- {match: {prefix: /, headers: [{name: x, «exact_match»: a}]}, route: {cluster: a}}"),
        "deprecated-field",
        "",
        "string_match",
    );
    let limits = "- match: {prefix: /}\n  route:\n    cluster: a\n    rate_limits: [{actions: [{«dynamic_metadata»: {descriptor_key: a, metadata_key: {key: b, path: [{key: c}]}}}]}]";
    expect(&routes(limits), "removed-field", "not supported by Envoy any more", "");
    let source = "eds_cluster_config: {eds_config: {api_config_source: {api_type: «DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE»}}}";
    expect(&cluster(source), "removed-value", "", "");
}

#[test]
fn what_is_not_implemented() {
    let found = expect(
        &cluster("«preconnect_policy»: {}"),
        "unsupported",
        "`preconnect_policy` of Cluster is not implemented",
        "",
    );
    assert_eq!((found.severity, found.kind), (Severity::Error, Kind::Unsupported));
    assert_eq!(found.path, "static_resources.clusters[0].preconnect_policy");
    let allow = LoadOptions { allow_unsupported: true, ..LoadOptions::default() };
    let found = expect_with(&cluster("«preconnect_policy»: {}"), &allow, "unsupported", "", "");
    assert_eq!(found.severity, Severity::Warning);
    // What protects requests, or the connection, is not left out in silence, or not at all.
    let socket = "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": «type.googleapis.com/envoy.extensions.transport_sockets.alts.v3.Alts»\n    handshaker_service: x";
    let found = expect_with(&cluster(socket), &allow, "unsupported", "transport_sockets.alts", "");
    assert_eq!(found.severity, Severity::Error);
    let filters = format!(
        "- {{name: x, typed_config: {{\"@type\": «type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC»}}}}\n{ROUTER}"
    );
    let guarded = manager("", "- {name: v, domains: [\"*\"]}", &filters);
    let found = expect_with(&guarded, &allow, "unsupported-filter", "envoy.filters.http.rbac", "door open");
    assert_eq!(found.severity, Severity::Warning);
    assert!(load(&Source::new("x.yaml", unmark(&guarded).0), &allow).bootstrap.is_some());
    expect(&cluster("type: «EDS»"), "unsupported", "clusters of type EDS", "");
    let found =
        expect("«enable_dispatcher_stats»: true\n", "ignored", "has no effect here: it measures Envoy", "");
    assert_eq!((found.severity, found.kind), (Severity::Note, Kind::Ignored));
    let metadata = hcm("http2_protocol_options: {«allow_metadata»: true}");
    expect(&metadata, "unsupported", "METADATA frames", "");
}

#[test]
fn clusters_that_can_not_be() {
    let twice = format!("{}  - name: «c»\n", cluster("type: STATIC"));
    expect(&twice, "duplicate-cluster", "a second cluster with the name `c`", "the first");
    let name = endpoints("STATIC", "{address: {socket_address: {address: «app», port_value: 80}}}");
    expect(&name, "name-in-static-cluster", "looks no names up", "type: STRICT_DNS");
    expect(
        &endpoints("STATIC", "{address: {socket_address: {address: «1.2.3», port_value: 80}}}"),
        "invalid-address",
        "",
        "",
    );
    expect(&endpoints("STATIC", "{}").replace("endpoint: {}", "endpoint: «{}»"), "missing-address", "", "");
    let odd = endpoints("STRICT_DNS", "{address: {socket_address: {address: «\"app:80\"», port_value: 80}}}");
    expect(&odd, "strange-host", "", "belongs into `port_value`");
    expect(&cluster("type: LOGICAL_DNS"), "logical-dns-endpoints", "exactly one endpoint", "STRICT_DNS");
    expect(&cluster("lb_policy: «CLUSTER_PROVIDED»"), "invalid-lb-policy", "", "");
    expect(&cluster("cluster_type: {name: «envoy.cluster.strict»}"), "unknown-cluster-type", "", "");
    expect(
        &cluster("circuit_breakers: {thresholds: [{max_requests: 1}, «{max_requests: 2}»]}"),
        "duplicate-thresholds",
        "",
        "only the first",
    );
    let options = "typed_extension_protocol_options: {«x»: {\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}}}";
    expect(
        &cluster(options),
        "unknown-extension",
        "",
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    );
    expect(
        &cluster("type: STRICT_DNS\ndns_failure_refresh_rate: {base_interval: 5s, max_interval: «1s»}"),
        "invalid-interval",
        "",
        "",
    );
    expect(
        &cluster("http_protocol_options: {}\n«http2_protocol_options»: {}"),
        "conflict",
        "exclude each other",
        "",
    );
    expect(&cluster("«dns_jitter»: 1s"), "ignored", "looks no name up", "");
}

#[test]
fn agents_that_can_not_be_asked() {
    let check = |fields: &str| {
        cluster(&format!("metadata: {{filter_metadata: {{causeway: {{agent_check: {{{fields}}}}}}}}}"))
    };
    let wrong = "invalid-agent-check";
    expect(&check("port: «0»"), wrong, "from 1 to 65535", "");
    expect(&check("port: «70000»"), wrong, "from 1 to 65535", "");
    expect(&check("interval: 1s"), wrong, "needs `port`", "");
    expect(&check("port: «\"9777\"»"), "wrong-type", "`port` in the metadata of a cluster is a number", "");
    expect(&check("port: 9777, interval: «0s»"), "invalid-duration", "longer than zero", "");
    expect(&check("port: 9777, timeout: «5»"), "wrong-type", "a duration such as `5s`", "");
    expect(&check("port: 9777, send: «7»"), "wrong-type", "a text", "");
    expect(&check("port: 9777, intervall: «1s»"), "unknown-field", "has no `intervall`", "");
    let aggregate = check("port: 9777")
        .replace("- name: c", "- name: c\n    type: ORIGINAL_DST\n    lb_policy: CLUSTER_PROVIDED");
    expect(&aggregate, wrong, "say where they go", "");
}

#[test]
fn errors_that_nobody_looks_for() {
    let options = |matcher: &str, detection: &str| {
        cluster(&format!(
            "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {{http_protocol_options: {{}}}}
    {matcher}
{detection}",
        ))
    };
    let looks = "outlier_detection: {}";
    let never = "only the head of a response is looked at";
    expect(
        &options("«outlier_detection»: {error_matcher: {any_match: true}}", ""),
        "ignored",
        "nobody looks for outliers",
        "",
    );
    expect(
        &options("outlier_detection: {error_matcher: {«http_request_headers_match»: {}}}", looks),
        "ignored",
        never,
        "",
    );
    expect(
        &options(
            "outlier_detection: {error_matcher: {not_match: {«http_response_trailers_match»: {}}}}",
            looks,
        ),
        "ignored",
        never,
        "",
    );
}

#[test]
fn health_checks_that_can_not_be() {
    expect(
        &health("http_health_check: {path: /, expected_statuses: [«{start: 200, end: 200}»]}"),
        "invalid-status-range",
        "empty",
        "",
    );
    expect(
        &health("http_health_check: {path: /, expected_statuses: [{start: 200, end: «299»}]}"),
        "exclusive-end",
        "299",
        "write 300",
    );
    expect(
        &health("tcp_health_check: {send: {text: «PING»}}"),
        "invalid-payload",
        "hexadecimal",
        "text: \"50494e47\"",
    );
    expect(&health("http_health_check: {path: «health»}"), "path-without-slash", "", "`/health`");
    let two = format!(
        "{}\n    - {{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {{}}}}",
        health("tcp_health_check: {}")
    );
    let found = expect(&two, "missing-field", "has no name", "Envoy 1.40");
    assert_eq!(found.kind, Kind::Lenient);
}

#[test]
fn listeners_that_can_not_be() {
    let one = hcm("");
    let start = one.find("  - name: l\n").unwrap();
    let end = one.find("  clusters:").unwrap();
    let second = &one[start..end];
    let insert = |second: &str| format!("{}{second}{}", &one[..end], &one[end..]);
    expect(
        &insert(
            &second
                .replace("name: l", "name: m")
                .replace("{socket_address", "«{socket_address")
                .replace("80}}", "80}}»"),
        ),
        "duplicate-address",
        "two listeners on `127.0.0.1:80`",
        "`l` listens here",
    );
    expect(
        &insert(&second.replace("name: l", "name: «l»").replace("80}", "81}")),
        "duplicate-listener",
        "",
        "so does Causeway",
    );
    expect(&one.replace("127.0.0.1", "«localhost»"), "invalid-address", "", "write 127.0.0.1");
    let none = "static_resources:\n  listeners:\n  - «name: l\n    address: {pipe: {path: /x}}»\n";
    expect(none, "missing-field", "no filter chain", "");
    let filter = "listener_filters:\n- name: «envoy.filters.listener.tls_inspector»";
    expect(&listener(filter), "missing-type", "known by its name alone", "TlsInspector");
    expect(
        &listener("socket_options: [{level: «3000000000», name: 1, int_value: 1}]"),
        "invalid-socket-option",
        "",
        "",
    );
    let chains = one.replace("  clusters:", "    - «filters: []»\n  clusters:");
    expect(&chains, "overlapping-chains", "for the same connections", "differ in at least one condition");
    let chain = |condition: &str| {
        one.replace("  clusters:", &format!("    - filter_chain_match: {condition}\n  clusters:"))
    };
    expect(&chain("«{source_ports: [1, 2, 1]}»"), "overlapping-chains", "names something twice", "");
    let open = chain("{server_names: [«a.*»]}");
    expect(&open, "invalid-server-name", "a part of a name can't be left open", "fits all names that end so");
    let named = chain("«{server_names: [a.test]}»");
    expect(&named, "tls-inspector-missing", "no connection fits this", "TlsInspector");
    expect(&chain("{«address_suffix»: 10.0.0.1}"), "unimplemented-field", "in Envoy neither", "");
}

#[test]
fn filters_in_the_wrong_order() {
    let hosts = "- {name: v, domains: [\"*\"]}";
    let cors = format!("{{name: c, typed_config: {{\"@type\": {CORS}.Cors}}}}");
    expect(
        &manager("", hosts, &format!("{}\n- {cors}", ROUTER.replace("- {", "- «{").replace("}}", "}}»"))),
        "filter-order",
        "has to be the last",
        "behind",
    );
    expect(
        &manager("", hosts, &format!("- «{cors}»")),
        "filter-order",
        "has to be the router",
        "router.v3.Router",
    );
    expect(
        &manager("", hosts, "").replace("http_filters:\n", "http_filters: []\n"),
        "no-router",
        "no HTTP filters",
        "hang",
    );
    let policy = format!(
        "- {{name: v, domains: [\"*\"], typed_per_filter_config: {{c: {{\"@type\": «{CORS}.CorsPolicy»}}}}}}"
    );
    expect(&manager("", &policy, ROUTER), "no-cors-filter", "", "has no effect");
    let misplaced = format!(
        "- {{name: c, typed_config: {{\"@type\": «{CORS}.CorsPolicy», allow_methods: GET}}}}\n{ROUTER}"
    );
    expect(&manager("", hosts, &misplaced), "misplaced-policy", "", "typed_per_filter_config");
    let found = expect(
        &manager("", hosts, "- name: «envoy.router»"),
        "missing-type",
        "known by its name",
        "router.v3.Router",
    );
    assert_eq!(found.kind, Kind::Lenient);
    expect(
        &manager("", hosts, "- «name: envoy.filters.http.ruter»"),
        "missing-type",
        "has no `typed_config`",
        "router.v3.Router",
    );
}

#[test]
fn routes_that_can_not_be() {
    let all = "- {match: {prefix: /}, route: {cluster: a}}\n";
    expect(
        &routes("- {match: {prefix: /}, route: {cluster: «b»}}"),
        "unknown-cluster",
        "there is no cluster `b`",
        "",
    );
    expect(
        &routes(&format!("{all}- {{match: «{{prefix: /b}}», route: {{cluster: a}}}}")),
        "unreachable-route",
        "",
        "by this one",
    );
    expect(
        &routes("- {match: {prefix: /good}, route: {cluster: a, prefix_rewrite: «/»}}"),
        "double-slash",
        "becomes `//x`",
        "`/good/`",
    );
    expect(
        &routes("- {match: {path: \"/a«?b»\"}, route: {cluster: a}}"),
        "query-in-path",
        "",
        "without its query",
    );
    expect(&routes("- {match: {prefix: «a»}, route: {cluster: a}}"), "path-without-slash", "", "`/a`");
    expect(
        &routes("- {match: {safe_regex: {regex: '/a«(»'}}, route: {cluster: a}}"),
        "invalid-regex",
        "",
        "never closed",
    );
    expect(
        &routes("- {match: {safe_regex: {regex: '«(?=»a)'}}, route: {cluster: a}}"),
        "invalid-regex",
        "",
        "look-ahead",
    );
    expect(
        &routes(
            "- {match: {prefix: /}, route: {cluster: a, prefix_rewrite: /b, «regex_rewrite»: {pattern: {regex: a}, substitution: b}}}",
        ),
        "conflict",
        "",
        "set here already",
    );
    expect(
        &routes("- {match: {prefix: /}, route: {weighted_clusters: {clusters: «[{name: a, weight: 0}]»}}}"),
        "invalid-weights",
        "come to 0",
        "",
    );
    expect(
        &routes("- {match: {prefix: /}, route: {weighted_clusters: {clusters: [«{name: a}»]}}}"),
        "missing-field",
        "`weight`",
        "",
    );
    let template = "- match: {path_match_policy: {name: x, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: «'/{a}/{a}'»}}}\n  route: {cluster: a}";
    expect(&routes(template), "invalid-path-template", "", "stands twice");
    expect(
        &routes("- {match: {prefix: /, headers: [{name: «a b»}]}, route: {cluster: a}}"),
        "invalid-header-name",
        "",
        "RFC 9110",
    );
    expect(
        &routes(
            "- {match: {prefix: /, headers: [{name: a, range_match: «{start: 2, end: 2}»}]}, route: {cluster: a}}",
        ),
        "empty-range",
        "",
        "not part of it",
    );
    let headers = "- {match: {prefix: /}, route: {cluster: a}, request_headers_to_add: [{header: {key: «Host», value: x}}]}";
    expect(&routes(headers), "protected-header", "", "host_rewrite_literal");
    let upgrades = "- {match: {prefix: /}, route: {cluster: a, upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: «WebSocket»}]}}";
    expect(&routes(upgrades), "duplicate-upgrade", "", "");
    let body = format!(
        "- {{match: {{prefix: /}}, direct_response: {{status: 200, body: «{{inline_string: {}}}»}}}}",
        "x".repeat(4097)
    );
    expect(&routes(&body), "body-too-large", "4097 bytes", "max_direct_response_body_size_bytes");
    let hosts = "- {name: v, domains: [a.com]}\n- {name: w, domains: [«A.com»]}";
    expect(&manager("", hosts, ROUTER), "duplicate-domain", "", "the first");
    expect(
        &manager("", "- {name: v, domains: [«\"https://a.com\"»]}", ROUTER),
        "strange-domain",
        "",
        "no scheme",
    );
}

#[test]
fn files_that_are_missing() {
    let body = "- {match: {prefix: /}, direct_response: {status: 200, body: {filename: «/no/such/file»}}}";
    let found = expect(&routes(body), "missing-file", "it does not exist", "");
    assert_eq!((found.severity, found.kind), (Severity::Error, Kind::File));
    let unchecked = load(&Source::new("x.yaml", unmark(&routes(body)).0), &LoadOptions::default());
    assert!(unchecked.bootstrap.is_some() && unchecked.diagnostics.iter().next().is_none());
    expect(
        &routes("- {match: {prefix: /}, direct_response: {status: 200, body: {filename: «/dev/zero»}}}"),
        "invalid-path",
        "",
        "",
    );
    let variable = "- {match: {prefix: /}, direct_response: {status: 200, body: {environment_variable: «CAUSEWAY_TEST_NOT_SET»}}}";
    expect(&routes(variable), "missing-variable", "", "");
    let log = "access_log:\n- name: x\n  typed_config: {\"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: «/no/such/log»}";
    expect(&hcm(log), "missing-file", "the folder `/no/such` does not exist", "");
}

#[test]
fn formats_with_faults() {
    expect(&format("a «%FOO%» b"), "invalid-operator", "there is no operator `%FOO%`", "");
    expect(&format("a «%PROTOCOLL%» b"), "invalid-operator", "", "did you mean `%PROTOCOL%`?");
    expect(&format("up 100«%» b"), "invalid-operator", "", "`%%`");
    expect(&format("a «%CEL(request.path)%»"), "unsupported-operator", "", "");
    let formatter = "access_log:\n- name: x\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog\n    log_format: {text_format_source: {inline_string: «\"%REQ_WITHOUT_QUERY(X)%\"»}}";
    expect(&hcm(formatter), "invalid-operator", "formatter", "ReqWithoutQuery");
    let json = "access_log:\n- name: x\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog\n    log_format: {json_format: {a: {b: \"x «%FOO%»\"}}}";
    expect(&hcm(json), "invalid-operator", "", "");
}

#[test]
fn runtimes_with_faults() {
    let layers = |layers: &str| format!("layered_runtime:\n  layers:\n{}", indent(layers, 2));
    expect(&layers("- {name: a, static_layer: {k: «[1]»}}"), "invalid-runtime-value", "`k`", "");
    expect(
        &layers("- {name: a, static_layer: {}}\n- {name: «a», static_layer: {}}"),
        "duplicate-layer",
        "",
        "",
    );
    expect(&layers("- {name: a, static_layer: {my: {key: «5»}}}"), "unread-runtime-key", "`my.key`", "");
    expect(&layers("- {name: a, static_layer: {health_check.min_interval: «5»}}"), "unsupported", "", "");
    expect(&layers("- {name: a, static_layer: {envoy.reloadable_features.x: «true»}}"), "ignored", "", "");
    expect(
        "application_log_config: {log_format: {json_format: {m: «\"%v\"»}}}\n",
        "invalid-log-format",
        "`%j`",
        "",
    );
}

#[test]
fn aliases_that_explode_are_stopped() {
    let mut text = String::from("!ignore a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ('b'..='i').zip('a'..) {
        let items = vec![format!("*{before}"); 10].join(", ");
        text.push_str(&format!("!ignore {name}: &{name} [{items}]\n"));
    }
    text.push_str("node: {metadata: {x: *i}}\n");
    let diagnostics = run(&text, &LoadOptions::default());
    assert!(diagnostics.iter().any(|d| d.code == "too-large"), "{}", diagnostics.render(false));
}

#[test]
fn everything_is_said_in_one_run() {
    let text = "static_resources:\n  clusters:\n  - {name: a, type: STATICS, conect_timeout: 1s}\n  - {name: a, lb_policy: X}\n  - {connect_timeout: 5}\n";
    let diagnostics = run(text, &LoadOptions::default());
    let mut codes: Vec<_> = diagnostics.iter().map(|d| d.code).collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "duplicate-cluster",
            "invalid-duration",
            "missing-field",
            "unknown-enum-value",
            "unknown-enum-value",
            "unknown-field"
        ],
        "{}",
        diagnostics.render(false)
    );
}

#[test]
fn what_is_alike_is_drawn_three_times_and_counted() {
    let clusters: String = (0..100).map(|i| format!("  - {{name: c{i}, conect_timeout: 1s}}\n")).collect();
    let diagnostics = run(&format!("static_resources:\n  clusters:\n{clusters}"), &LoadOptions::default());
    assert_eq!(diagnostics.count(Severity::Error), 100);
    let text = diagnostics.render(false);
    assert_eq!(text.matches("error[unknown-field]").count(), 3);
    assert!(text.contains("97 more of these, at lines 6, 7, 8"), "{text}");
    assert!(text.ends_with("100 errors\n"), "{text}");
}

#[test]
fn the_json_of_diagnostics_is_stable() {
    let json = run(&cluster("conect_timeout: 1s"), &LoadOptions::default()).to_json();
    assert_eq!(
        json,
        serde_json::json!({
            "version": 1, "errors": 1, "warnings": 0, "notes": 0,
            "diagnostics": [{
                "severity": "error", "kind": "rejected", "code": "unknown-field",
                "message": "`conect_timeout` is not a field of Cluster",
                "path": "static_resources.clusters[0].conect_timeout",
                "place": {"file": "test.yaml", "line": 4, "column": 5, "end_line": 4, "end_column": 19},
                "label": "did you mean `connect_timeout`?", "help": [], "suggestion": null, "related": [],
            }],
        })
    );
}

#[test]
fn an_overlay_is_merged_and_has_places_of_its_own() {
    let file = "node: {id: a, cluster: b}\nstatic_resources: {clusters: [{name: x}]}\n";
    let overlay = "node: {id: c}\nstatic_resources: {clusters: [{name: z, conect_timeout: 1s}]}\n";
    let options = LoadOptions { overlay: Some(overlay.to_owned()), ..LoadOptions::default() };
    let diagnostics = run(file, &options);
    let found = diagnostics.iter().next().unwrap();
    let place = found.place.as_ref().unwrap();
    assert_eq!((&*place.file, place.line, place.column), ("--config-yaml", 2, 41));
    let options = LoadOptions { overlay: Some(overlay.replace(", conect_timeout: 1s", "")), ..options };
    let bootstrap = load(&Source::new("x.yaml", file), &options).bootstrap.unwrap();
    assert_eq!((&*bootstrap.node.id, &*bootstrap.node.cluster), ("c", "b"));
    assert_eq!(bootstrap.clusters.len(), 2);
}

#[test]
fn node_options_replace_what_the_file_says() {
    let options = LoadOptions {
        service_node: Some("n".to_owned()),
        service_cluster: Some("c".to_owned()),
        service_zone: Some("z".to_owned()),
        ..LoadOptions::default()
    };
    let node = load(&Source::new("x.yaml", "node: {id: a, locality: {region: r, zone: q}}"), &options)
        .bootstrap
        .unwrap()
        .node;
    assert_eq!(
        (&*node.id, &*node.cluster, &*node.locality.region, &*node.locality.zone),
        ("n", "c", "r", "z")
    );
}

#[test]
fn values_of_enums_in_other_letters() {
    let found =
        expect(&cluster("lb_policy: «round_robin»"), "enum-case", "`ROUND_ROBIN`", "write `ROUND_ROBIN`");
    assert_eq!(found.severity, Severity::Warning);
    assert!(!run(&cluster("lb_policy: 0"), &LoadOptions::default()).iter().any(|d| d.code == "enum-case"));
}

#[test]
fn unknown_fields_are_left_out_where_they_are_allowed() {
    let options = LoadOptions { allow_unknown: true, ..LoadOptions::default() };
    let text = cluster("«new_thing»: {a: 1}\nload_assignment: {cluster_name: c}");
    let found = expect_with(&text, &options, "unknown-field", "has no effect", "");
    assert_eq!(found.severity, Severity::Warning);
    assert!(load(&Source::new("test.yaml", unmark(&text).0), &options).bootstrap.is_some());
    // What is missing is missed all the same.
    expect_with("static_resources: {clusters: [{nam: c}]}\n", &options, "missing-field", "`name`", "");
    // Field 9999 of type string in a Bootstrap.
    let bytes = [0xfa, 0xf0, 0x04, 0x01, b'x'];
    let loaded = |options| load(&Source::new("test.pb", bytes), options);
    assert_eq!(loaded(&options).diagnostics.iter().next().unwrap().severity, Severity::Warning);
    assert!(loaded(&options).bootstrap.is_some() && loaded(&LoadOptions::default()).bootstrap.is_none());
}

#[test]
fn the_content_of_a_typed_struct_in_protobuf_is_read() {
    // A Bootstrap whose only listener has a filter chain with one filter, in a TypedStruct of this type.
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let load = |kind: &str| {
        let inner = field(1, format!("type.googleapis.com/{kind}").as_bytes());
        let any = [field(1, b"type.googleapis.com/xds.type.v3.TypedStruct"), field(2, &inner)].concat();
        let filter = [field(1, b"f"), field(4, &any)].concat();
        let listener = field(3, &field(3, &filter));
        load(&Source::new("test.pb", field(2, &field(1, &listener))), &LoadOptions::default()).diagnostics
    };
    let said = load("envoy.extensions.filters.network.rbac.v3.RBAC");
    assert!(said.iter().any(|d| d.message.contains("rbac is not implemented")), "{}", said.render(false));
    let said = load("envoy.extensions.No");
    assert!(said.iter().any(|d| d.code == "unknown-type"), "{}", said.render(false));
}

#[test]
fn where_connections_come_from() {
    let source = "source_address: {address: 127.0.0.5, port_value: 0}";
    let bind = |fields: &str| cluster(&format!("upstream_bind_config:\n  {}", fields.replace('\n', "\n  ")));
    let extra = |address: &str| format!("{{address: {{address: {address}, port_value: 0}}}}");
    expect(
        &bind(&format!("{source}\nextra_source_addresses: [«{}»]", extra("127.0.0.6"))),
        "invalid-address",
        "of the same family",
        "",
    );
    expect(
        &bind(&format!("{source}\nextra_source_addresses: [{}, «{}»]", extra("\"::1\""), extra("127.0.0.6"))),
        "invalid-address",
        "place for two",
        "",
    );
    expect(
        &bind(&format!("«extra_source_addresses»: [{}]", extra("127.0.0.5"))),
        "missing-field",
        "beside `source_address`",
        "",
    );
    expect(
        &bind(
            &format!("{source}\nlocal_address_selector: {{name: x}}")
                .replace("local_a", "«local_a")
                .replace("or:", "or»:"),
        ),
        "unsupported",
        "`local_address_selector` of BindConfig",
        "",
    );
    expect(
        &bind("socket_options: [{level: 1, name: 9, int_value: 1, state: «STATE_BOUND»}]"),
        "ignored",
        "only options with the state STATE_PREBIND",
        "",
    );
    expect(&bind("source_address: {address: «app.test», port_value: 0}"), "invalid-address", "", "");
}
