//! Where a client connected to, as a PROXY header says it.

use causeway_conformance::{Case, Connection, Run};
use serde_json::json;

use super::{BY_HEADER, NAME, STATS, case, original, two};

const PROXY: &str = "
listener_filters:
- name: proxy
  typed_config:
    '@type': type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
    allow_requests_without_proxy_protocol: true
    rules: [{tlv_type: 0xea, on_tlv_present: {metadata_namespace: where, key: to}}]";

/// Sends these bytes, and notes what comes.
async fn say(run: &mut Run, label: &str, bytes: Vec<u8>) {
    let mut client = Connection::open(run.listener()).await.expect("the proxy listens");
    client.write(bytes).await;
    let result = client.response("GET").await;
    let label = run.label(label);
    run.note_response(label, &result);
}

fn header(run: &Run, to: &str) -> Vec<u8> {
    let to = run.fill(to);
    format!(
        "PROXY TCP4 192.0.2.1 {} 1111 {}\r\n",
        to.split(':').next().unwrap_or_default(),
        to.rsplit(':').next().unwrap_or_default()
    )
    .into()
}

/// A header of version 2 for this address, with a TLV.
fn with_tlv(run: &Run, value: &str) -> Vec<u8> {
    let value = run.fill(value);
    let length = u8::try_from(value.len()).expect("it is short");
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    bytes.extend([0, 12 + 3 + length, 127, 0, 0, 1, 127, 0, 0, 1, 4, 87]);
    bytes.extend(run.address("b").port().to_be_bytes());
    bytes.extend([0xea, 0, length]);
    bytes.extend(value.as_bytes());
    bytes
}

fn get(field: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nhost: test\r\n{field}\r\n").into()
}

fn tcp(name: &'static str, fields: &str) -> Case {
    two(name).file(&format!(
        "
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}{}
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: in
          cluster: asked
          access_log:
          - name: file
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {{{{dir}}}}/access.log
              log_format: {{text_format_source: {{inline_string: \"%RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %RESPONSE_CODE_DETAILS% %DOWNSTREAM_LOCAL_CLOSE_REASON%\\n\"}}}}
  clusters:
{}",
        PROXY.lines().map(|line| format!("    {line}\n")).collect::<String>().trim_end().replacen("    ", "", 1),
        original(fields).lines().map(|line| format!("  {line}\n")).collect::<String>()
    ))
}

pub(super) fn cases() -> Vec<Case> {
    let metadata =
        "original_dst_lb_config: {use_http_header: true, metadata_key: {key: where, path: [{key: to}]}}";
    vec![
        case("a_proxy_header_says_where_a_connection_goes", "")
            .listener(PROXY)
            .step(async |run: &mut Run| {
                for to in ["127.0.0.1:{{a}}", "127.0.0.1:{{b}}", "127.0.0.1:{{listen}}"] {
                    let bytes = [header(run, to), get("")].concat();
                    say(run, to, bytes).await;
                }
                say(run, "no header", get("")).await;
            })
            .stats(STATS)
            .clusters("asked"),
        case("the_header_comes_before_the_connection", BY_HEADER)
            .listener(PROXY)
            .step(async |run: &mut Run| {
                let field = run.fill("x-envoy-original-dst-host: 127.0.0.1:{{b}}\r\n");
                let bytes = [header(run, "127.0.0.1:{{a}}"), get(&field)].concat();
                say(run, "both", bytes).await;
                let bytes =
                    [header(run, "127.0.0.1:{{a}}"), get("x-envoy-original-dst-host: x\r\n")].concat();
                say(run, "one that is none", bytes).await;
            })
            .stats(STATS),
        case("metadata_comes_before_the_header", metadata)
            .listener(PROXY)
            .step(async |run: &mut Run| {
                let field = run.fill("x-envoy-original-dst-host: 127.0.0.1:{{b}}\r\n");
                for value in ["127.0.0.1:{{a}}", "x", ""] {
                    let bytes = [with_tlv(run, value), get(&field)].concat();
                    say(run, value, bytes).await;
                }
                let bytes = [with_tlv(run, "x"), get(&format!("{NAME}: x\r\n"))].concat();
                say(run, "nothing but the connection", bytes).await;
            })
            .stats(STATS),
        tcp("a_connection_that_is_passed_on_goes_where_a_proxy_header_says", "")
            .step(async |run: &mut Run| {
                for to in ["127.0.0.1:{{a}}", "127.0.0.1:{{b}}"] {
                    let bytes = [header(run, to), get("connection: close\r\n")].concat();
                    say(run, to, bytes).await;
                }
                let mut client = Connection::open(run.listener()).await.expect("the proxy listens");
                client.write(get("")).await;
                let end = client.end(std::time::Duration::from_secs(2)).await;
                run.note("no header", json!(end.as_str()));
            })
            .stats(STATS)
            .stats(&["cluster.asked.upstream_rq_pending_total", "tcp.in.downstream_cx_no_route"])
            .clusters("asked"),
        tcp("metadata_of_a_connection_that_is_passed_on", metadata)
            .step(async |run: &mut Run| {
                for value in ["127.0.0.1:{{a}}", "x"] {
                    let bytes = [with_tlv(run, value), get("connection: close\r\n")].concat();
                    say(run, value, bytes).await;
                }
            })
            .stats(STATS),
        tcp(
            "another_port_for_connections_that_are_passed_on",
            "original_dst_lb_config: {upstream_port_override: {{b}}}",
        )
        .step(async |run: &mut Run| {
            let bytes = [header(run, "127.0.0.1:{{a}}"), get("connection: close\r\n")].concat();
            say(run, "to a", bytes).await;
        })
        .stats(STATS),
    ]
}
