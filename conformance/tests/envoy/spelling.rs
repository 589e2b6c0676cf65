//! How the names of fields are written in HTTP/1, and who decides that.

use causeway_conformance::{Act, Answer, Case, Reply, Request, Script};

const KEPT: &str = "{stateful_formatter: {name: preserve_case, typed_config: {\"@type\": \
                    type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}}";
const PROPER: &str = "{proper_case_words: {}}";
const LOWER: &str = "{}";

/// A connection manager and a cluster that write names in these ways; what either side sees, with trailers, with an
/// interim response, and of an answer of the proxy's own.
fn spelled(name: &'static str, manager: &str, cluster: &str) -> Case {
    let options = |format| match format {
        LOWER => "http_protocol_options: {enable_trailers: true}".to_owned(),
        format => format!("http_protocol_options: {{enable_trailers: true, header_key_format: {format}}}"),
    };
    let cluster = options(cluster);
    Case::new(name)
        .hcm(&format!("proxy_100_continue: true\nupgrade_configs: [{{upgrade_type: websocket}}]\n{}", options(manager)))
        .backend(
            "app",
            Script::by(|request| match request.path() {
                "/raw" => Answer::raw(
                    "HTTP/1.1 103 Early Hints\r\nX-iNterim: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-MiXed: 1\r\nTransfer-EncodinG: \
                     chunked\r\n\r\n2\r\nok\r\n0\r\nX-tRailer: 1\r\n\r\n",
                ),
                "/switch" => Answer::raw(
                    "HTTP/1.1 101 Switching Protocols\r\nUpGrade: websocket\r\nConnectioN: upgrade\r\nX-MiXed: 1\r\n\r\n",
                )
                .then(Act::Hang),
                _ => Reply::echo().into(),
            }),
        )
        .cluster(
            "app",
            &format!(
                "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {{{cluster}}}"
            ),
        )
        .routes(
            "
            - match: {path: /direct}
              direct_response: {status: 200, body: {inline_string: hi}}
            - match: {prefix: /}
              route: {cluster: app}
              request_headers_to_add: [{header: {key: X-aDded, value: here}}]
              response_headers_to_add: [{header: {key: X-aDded, value: here}}]",
        )
        .raw("GET /raw HTTP/1.1\r\nHoSt: test\r\nConnectioN: close\r\n\r\n")
        .raw("GET /direct HTTP/1.1\r\nHoSt: test\r\nConnectioN: close\r\n\r\n")
        .raw("GET /switch HTTP/1.1\r\nHoSt: test\r\nConnectioN: upgrade\r\nUpGrade: websocket\r\n\r\n")
        .raw(
            "POST /echo HTTP/1.1\r\nHoSt: test\r\nX-rEq: 1\r\nTransfer-EncodinG: chunked\r\nConnectioN: close\r\n\r\n3\r\nabc\r\n0\r\nX-tReq: \
             1\r\n\r\n",
        )
        .ask(Request::get("/echo"))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        spelled("nobody_keeps_case", LOWER, LOWER),
        spelled("the_manager_keeps_the_case_of_requests", KEPT, LOWER),
        spelled("the_cluster_keeps_the_case_of_responses", LOWER, KEPT),
        spelled("who_keeps_case_decides_over_who_makes_names_proper", KEPT, PROPER),
        spelled("also_for_responses", PROPER, KEPT),
        spelled("names_of_both_sides_are_made_proper", PROPER, PROPER),
    ]
}
