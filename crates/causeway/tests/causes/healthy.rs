//! What is as it should be, or at least common: nothing is to be said of it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use causeway_testkit::{Answer, DnsAnswer, Frame, Pki, Reply, Script, TlsServer};

use crate::case::Case;
use crate::http::with_header;
use crate::tls::{showing, trusting};

pub(crate) fn cases() -> Vec<Case> {
    let here = || DnsAnswer::addresses([IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let server = |clients| TlsServer::new("server", clients, &[]);
    let new = ", tls_params: {tls_maximum_protocol_version: TLSv1_3}";
    let well = Case::healthy;
    vec![
        well("it answers"),
        well("its root is empty").plays(Reply::status(404)),
        well("its root wants a login").plays(Reply::status(401)),
        well("its root redirects").plays(Reply::status(302).header("location", "/home")),
        well("its answers have chunks").plays(Reply::ok("chunks").chunked()),
        well("its answers end with the connection").plays(Reply::ok("rest").until_close()),
        well("it says that it closes").plays(Answer::from(Reply::ok("").header("connection", "close")).then_close()),
        well("it takes its time").plays(Answer::from(Reply::ok("")).after(Duration::from_millis(600))),
        well("its answer is large").plays(Reply::ok(vec![b'x'; 3 << 20])),
        well("it is checked").checked("path: /health"),
        well("204 is expected")
            .plays(Reply::status(204))
            .checked("path: /health, expected_statuses: [{start: 200, end: 300}]"),
        well("it is checked by HEAD").checked("path: /health, method: HEAD"),
        well("it is checked by TCP").cluster(
            "health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]",
        ),
        well("its gRPC serves")
            .plays(
                Script::always(Answer::frames([
                    Frame::headers(&[(":status", "200"), ("content-type", "application/grpc")]),
                    Frame::data([0, 0, 0, 0, 2, 8, 1]),
                    Frame::headers(&[("grpc-status", "0")]).ending(),
                ]))
                .http2(),
            )
            .cluster("http2_protocol_options: {}")
            .cluster(
                "health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, \
                 grpc_health_check: {}}]",
            ),
        well("TLS with its root").secure(server(false), Script::echo()).cluster(trusting("")),
        well("TLS 1.3").secure(server(false), Script::echo()).cluster(trusting(new)),
        well("TLS of both sides")
            .secure(server(true), Script::echo())
            .cluster(trusting(&format!("{new}{}", showing(Pki::get().identity("client"))))),
        well("h2c").plays(Script::echo().http2()).cluster("http2_protocol_options: {}"),
        well("h2 in TLS")
            .secure(TlsServer::new("server", false, &["h2"]), Script::echo().http2())
            .cluster(trusting(""))
            .cluster("http2_protocol_options: {}"),
        well("a PROXY header that is wanted").wants_header(true).cluster(with_header()),
        well("a name").named([here()], Script::echo()),
        well("a Unix socket").pipe(),
        well("a TCP proxy to what is silent").plays(Script::echo()).tcp(),
        well("by the namespace's own way").in_namespace(|_| {}).plays(Script::echo()),
    ]
}
