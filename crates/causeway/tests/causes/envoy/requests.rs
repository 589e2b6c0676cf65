//! What only requests show: the access log has them, and what they were, a probe can't know.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use causeway_testkit::{Answer, Frame, Reply, Request, Script, TlsServer};

use super::cases::Behind;
use crate::case::Case;

const API: &str = "- match: {prefix: /api}\n  route: {cluster: app}\n";
const HEAD: &str = "GET / HTTP/1.1\r\nHost: test\r\n";

pub(super) fn cases() -> Vec<Behind> {
    [unrouted(), undecoded(), refused(), unanswered()].into_iter().flatten().collect()
}

fn of(case: Case, bytes: impl AsRef<[u8]>) -> Behind {
    Behind::new("requests", case).logged().sends(bytes)
}

fn asked(case: Case, request: &Request) -> Behind {
    of(case, request.to_bytes())
}

/// `404 NR route_not_found`, `503 NC cluster_not_found`
fn unrouted() -> Vec<Behind> {
    let site = |name, codes| Case::new(name, codes).domain("www.example.test");
    let by_method = "- match: {prefix: /, headers: [{name: ':method', string_match: {exact: PUT}}]}\n  route: {cluster: app}\n";
    let by_header =
        "- match: {prefix: /, headers: [{name: x-tenant, present_match: true}]}\n  route: {cluster: app}\n";
    let by_name = "- match: {prefix: /}\n  route: {cluster_header: x-to}\n";
    vec![
        asked(site("an unknown host", &["R601"]), &Request::get("/").host("api.example.org")),
        asked(site("asked by address", &["R601"]), &Request::get("/").host("127.0.0.1")),
        asked(site("the host has a port", &["R602"]), &Request::get("/").host("www.example.test:8443")),
        asked(Case::new("no route for the path", &["R603"]).routes(API), &Request::get("/web")),
        asked(Case::new("no route without the header", &["R603"]).routes(by_header), &Request::get("/")),
        asked(
            Case::new("no route for the preflight", &["R615"]).routes(by_method),
            &Request::new("OPTIONS", "/")
                .header("Origin", "https://app.test")
                .header("Access-Control-Request-Method", "PUT"),
        ),
        asked(
            Case::new("an unknown cluster", &["R605"]).routes(by_name),
            &Request::get("/").header("x-to", "nowhere"),
        ),
        asked(Case::new("no cluster is named", &["R606"]).routes(by_name), &Request::get("/")),
    ]
}

/// `400 DPE http1.codec_error`
fn undecoded() -> Vec<Behind> {
    vec![
        of(
            Case::new("TLS to a plain listener", &["K902"]),
            [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &[0; 500]].concat(),
        ),
        of(
            Case::new("a PROXY header that nobody expects", &["K908"]),
            format!("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n{HEAD}\r\n"),
        ),
        of(
            Case::new("HTTP/2 to a listener of HTTP/1", &["K911"])
                .listened(|listener| "codec_type: HTTP1".clone_into(&mut listener.manager)),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ),
        of(Case::new("a client of another protocol", &["K921"]), "SSH-2.0-OpenSSH_9.2\r\n"),
    ]
}

/// Other answers of the proxy itself.
fn refused() -> Vec<Behind> {
    let case = Case::new;
    vec![
        of(case("a client of HTTP/1.0", &["K909"]), "GET / HTTP/1.0\r\nHost: test\r\n\r\n"),
        of(case("no Host", &["K910"]), "GET / HTTP/1.1\r\n\r\n"),
        of(
            case("two framings", &["K914"]),
            "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        of(
            case("a head that is too large for the proxy", &["L710"])
                .listened(|listener| "max_request_headers_kb: 4".clone_into(&mut listener.manager)),
            format!("{HEAD}x: {}\r\n\r\n", "v".repeat(5000)),
        ),
        asked(
            case("an upgrade that is not enabled", &["K915"]),
            &Request::get("/").header("Connection", "Upgrade").header("Upgrade", "websocket"),
        ),
        asked(
            case("answered on purpose", &["R609"]).routes(
                "- match: {prefix: /}\n  direct_response: {status: 503, body: {inline_string: closed}}\n",
            ),
            &Request::get("/"),
        ),
    ]
}

/// Answers once on each connection, and closes it in place of the next answer.
fn once_each() -> Script {
    let answered = Mutex::new(HashSet::new());
    Script::by(move |request| {
        let is_first = answered.lock().expect("nobody panics").insert(request.connection);
        if is_first { Reply::ok("").into() } else { Answer::close() }
    })
}

/// Says GOAWAY, with the last request that it has seen to, and closes.
fn away(name: &'static str, codes: &'static [&'static str], last: u32) -> Case {
    Case::new(name, codes)
        .plays(Script::always(Answer::frames([Frame::goaway(last, 0)]).then_close()).http2())
        // Another stream on the connection would be refused, which is another cause.
        .cluster("http2_protocol_options: {max_concurrent_streams: 1}")
}

/// Back-ends that are late, or change their mind.
fn unanswered() -> Vec<Behind> {
    let route = |name, codes, route: &str, manager: &'static str, answer: Answer| {
        let case = Case::new(name, codes)
            .plays(answer)
            .routes(&format!("- match: {{prefix: /}}\n  route: {{cluster: app{route}}}\n"));
        asked(case.listened(|listener| manager.clone_into(&mut listener.manager)), &Request::get("/"))
    };
    let late = || Answer::from(Reply::ok("")).after(Duration::from_millis(700));
    let slow = || {
        Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst").then_pause(Duration::from_secs(5))
    };
    vec![
        route("the route's time is over", &["O801"], ", timeout: 0.3s", "", late()),
        route("the route's time is over in the body", &["O802"], ", timeout: 0.3s", "", slow()),
        route(
            "the time of a try is over",
            &["O803"],
            ", retry_policy: {retry_on: 5xx, per_try_timeout: 0.3s}",
            "",
            late(),
        )
        .followed_by(&["P418"]),
        route("the stream is idle", &["O804"], "", "stream_idle_timeout: 0.3s", late()),
        route(
            "the stream has lasted long enough",
            &["O805"],
            "",
            "common_http_protocol_options: {max_stream_duration: 0.3s}",
            late(),
        ),
        // The first request of each connection is answered; the next meets a connection that is closed.
        asked(
            Case::new("it closes instead of the second answer", &["P411"]).plays(once_each()),
            &Request::get("/"),
        ),
        asked(
            Case::new("the back-end resets streams", &["P409"])
                .plays(Script::always(Answer::frames([Frame::reset(2)])).http2())
                .cluster("http2_protocol_options: {}"),
            &Request::get("/"),
        ),
        asked(
            Case::new("the back-end refuses streams", &["P440"])
                .plays(Script::always(Answer::frames([Frame::reset(7)])).http2())
                .cluster("http2_protocol_options: {}"),
            &Request::get("/"),
        ),
        asked(
            Case::new("a mesh lets out what is its own", &["R612"])
                .secure(TlsServer::new("server", true, &[]), Script::echo())
                .tacit()
                .routes("- match: {prefix: /}\n  route: {cluster: PassthroughCluster}\n"),
            &Request::get("/").host("api.example.com"),
        )
        .passed_through(),
        asked(away("the back-end goes away before it has done anything", &["P410"], 0), &Request::get("/")),
        asked(away("the back-end goes away with a request", &["P443"], 1), &Request::get("/")),
    ]
}
