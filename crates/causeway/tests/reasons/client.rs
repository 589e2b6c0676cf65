//! What clients do wrong.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, Request};

use crate::case::{Case, Seen, open};

/// The beginning of a request that has everything.
const HEAD: &str = "GET / HTTP/1.1\r\nHost: test\r\n";

/// The head of a request whose body does not come.
const WITHOUT_ITS_BODY: &str = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nab";

pub(crate) fn cases() -> Vec<Case> {
    [connection(), first_line(), fields(), target(), other_protocols(), slow()]
        .into_iter()
        .flatten()
        .collect()
}

fn with_field(line: &str) -> Vec<u8> {
    format!("{HEAD}{line}\r\n\r\n").into_bytes()
}

fn connection() -> Vec<Case> {
    vec![
        Case::of(Reason::ClientDisconnected)
            .evidence("6 bytes of the head had arrived, but not its end; it begins with \"GET / \"")
            .client(async |site| {
                let mut connection = open(site).await;
                connection.write("GET / ").await;
                drop(connection);
                Seen::Nothing
            }),
        Case::of(Reason::ClientDisconnected).plays(Answer::hang()).evidence("had not answered").client(
            async |site| {
                let mut connection = open(site).await;
                connection.write(format!("{HEAD}\r\n")).await;
                // The back-end has to have it, or there would be no request to leave.
                tokio::time::sleep(Duration::from_millis(100)).await;
                drop(connection);
                Seen::Nothing
            },
        ),
    ]
}

fn first_line() -> Vec<Case> {
    vec![
        Case::of(Reason::RequestLineMalformed).write("hello there\r\n").evidence("hello there"),
        Case::of(Reason::RequestHttpVersion)
            .write("GET / HTTP/1.0\r\nHost: test\r\n\r\n")
            .evidence("HTTP/1.0"),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        Case::of(Reason::RequestHeaderMalformed).write(with_field("no colon")).evidence("header"),
        Case::of(Reason::RequestHeaderCharacters)
            .write(with_field("x: a\x01b"))
            .evidence("control character"),
        Case::of(Reason::RequestConnectionHeader)
            .write(with_field("Connection: x-forwarded-for"))
            .evidence("x-forwarded-for"),
        Case::of(Reason::RequestLengthInvalid)
            .write(with_field("Content-Length: 3\r\nContent-Length: 4"))
            .evidence("\"3\" and \"4\""),
        Case::of(Reason::RequestFramingConflict)
            .write(with_field("Content-Length: 3\r\nTransfer-Encoding: chunked"))
            .evidence("3"),
        Case::of(Reason::RequestTransferEncoding)
            .write(with_field("Transfer-Encoding: gzip, chunked"))
            .evidence("gzip, chunked"),
        Case::of(Reason::RequestChunkMalformed)
            .write("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            .evidence("z"),
        Case::of(Reason::RequestHeadersTooLarge)
            .manager("max_request_headers_kb: 4")
            .write(with_field(&format!("x: {}", "v".repeat(5000))))
            .evidence("4"),
        Case::of(Reason::RequestHeadersTooMany)
            .manager("common_http_protocol_options: {max_headers_count: 5}")
            .write(with_field("a: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1"))
            .evidence("5"),
        Case::of(Reason::RequestHostMissing).send(Request::get("/").without_host()).evidence("Host"),
        Case::of(Reason::RequestHostInvalid)
            .send(Request::get("/").header("Host", "second"))
            .evidence("more than one Host"),
        Case::of(Reason::RequestUnderscoreHeader)
            .manager("common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}")
            .send(Request::get("/").header("x_user", "1"))
            .evidence("x_user"),
        Case::of(Reason::RequestEnvoyHeaderInvalid)
            .manager("use_remote_address: true\ninternal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}")
            .router(", strict_check_headers: [x-envoy-max-retries]")
            .send(Request::get("/").header("x-envoy-max-retries", "many"))
            .answered(400, "invalid header 'x-envoy-max-retries' with value 'many'")
            .evidence("many"),
        Case::of(Reason::RequestQueryWithoutType).send(Request::new("QUERY", "/")).evidence("Content-Type"),
    ]
}

fn target() -> Vec<Case> {
    vec![
        Case::of(Reason::RequestTargetInvalid).send(Request::get("*")).evidence("*"),
        Case::of(Reason::RequestHttpsOnPlain)
            .manager("use_remote_address: true")
            .send(Request::get("https://test/file"))
            .evidence("https://test"),
        Case::of(Reason::RequestConnectWithBody)
            .write("CONNECT test:443 HTTP/1.1\r\nhost: test:443\r\ncontent-length: 3\r\n\r\nabc")
            .evidence("Content-Length is \"3\""),
        Case::of(Reason::RequestSchemeInvalid).send(Request::get("ftp://test/file")).evidence("ftp"),
        Case::of(Reason::RequestTargetNotPath).send(Request::new("OPTIONS", "*")).evidence("*"),
        Case::of(Reason::RequestPathRejected)
            .manager("path_with_escaped_slashes_action: REJECT_REQUEST")
            .send(Request::get("/a%2Fb"))
            .evidence("/a%2Fb"),
    ]
}

fn other_protocols() -> Vec<Case> {
    vec![
        Case::of(Reason::RequestNotHttp)
            .write("SSH-2.0-OpenSSH_9.2\r\n")
            .evidence("the banner of an SSH client; it begins with \"SSH-2.0"),
        // The rest of a body that is longer than it was announced to be.
        Case::of(Reason::RequestNotHttp).evidence("behind 1 request").client(async |site| {
            let mut connection = open(site).await;
            connection.write(format!("{HEAD}\r\n\0rest")).await;
            connection.response("GET").await.expect("the request itself is right");
            Seen::Answer(connection.response("GET").await)
        }),
        Case::of(Reason::TlsOnPlainListener)
            .write(&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..])
            .evidence("ClientHello"),
        Case::of(Reason::ProxyHeaderUnexpected)
            .write(format!("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n{HEAD}\r\n"))
            .evidence("PROXY protocol"),
        Case::of(Reason::Http2NotEnabled)
            .manager("codec_type: HTTP1")
            .write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .evidence("preface"),
    ]
}

fn slow() -> Vec<Case> {
    vec![
        Case::of(Reason::RequestHeadersTimeout)
            .manager("request_headers_timeout: 0.2s")
            .write(HEAD)
            .evidence("28 bytes of the head had arrived"),
        // The file says nothing about it, and that is said.
        Case::of(Reason::RequestHeadersTimeout)
            .client(async |site| {
                let mut connection = open(site).await.patience(Duration::from_secs(15));
                connection.write(HEAD).await;
                Seen::Answer(connection.response("GET").await)
            })
            .evidence(
                "28 bytes of the head had arrived, but not its end; request_headers_timeout is not set",
            ),
        Case::of(Reason::RequestTimeout)
            .manager("request_timeout: 0.2s")
            .write(WITHOUT_ITS_BODY)
            .evidence("2 bytes of its body had arrived"),
        Case::of(Reason::RequestIdleTimeout)
            .manager("stream_idle_timeout: 0.2s")
            .write(WITHOUT_ITS_BODY)
            .evidence("2 bytes of its body had arrived"),
        Case::of(Reason::RequestMaxDuration)
            .manager("common_http_protocol_options: {max_stream_duration: 0.2s}")
            .write(WITHOUT_ITS_BODY)
            .evidence("2 bytes of its body had arrived"),
        // It is the client who is late, whether with the body or with the head.
        Case::of(Reason::RequestMaxDuration)
            .manager("common_http_protocol_options: {max_stream_duration: 0.2s}")
            .write(HEAD)
            .evidence("28 bytes of the head had arrived"),
    ]
}
