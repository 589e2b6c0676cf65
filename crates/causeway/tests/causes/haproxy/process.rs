//! What is between clients and servers: rules, limits, the process, its file and its certificates, and clients.

use std::time::Duration;

use causeway_testkit::{Answer, Pki, Reply, Script, Wish};

use super::case::Case;
use crate::world::Behind;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = rules();
    cases.extend(process());
    cases.extend(clients());
    cases
}

/// Where requests go, and what holds them up.
fn rules() -> Vec<Case> {
    let slow = || Answer::from(Reply::ok("")).after(Duration::from_millis(700));
    vec![
        Case::new("no backend is chosen", &["R610"])
            .frontend("use_backend app if { hdr(host) -i other.test }"),
        Case::new("the backend has no servers", &["H520"]).behind(Behind::NoEndpoints),
        Case::new("its only server is in maintenance", &["H521"]).then(|haproxy| {
            haproxy.tell("set server app/s1 state maint");
        }),
        Case::new("its only server is disabled in the file", &["H521"]).server("disabled"),
        Case::new("its only server drains", &["H521"]).server("check inter 500").then(|haproxy| {
            haproxy.tell("set server app/s1 state drain");
        }),
        Case::new("somebody has said that its check fails", &["H521"]).server("check inter 60s").then(
            |haproxy| {
                haproxy.tell("set server app/s1 health down");
            },
        ),
        Case::new("the server may have one connection", &["L716"])
            .plays(slow())
            .backend("timeout queue 200ms")
            .server("maxconn 1")
            .busy(4),
        Case::new("the process may have few connections", &["L715"])
            .plays(slow())
            .sections("global\n  maxconn 4")
            .busy(6),
        Case::new("a rule denies", &["R609"]).frontend("http-request deny deny_status 503"),
    ]
}

/// Whether it runs what its files say.
fn process() -> Vec<Case> {
    let authority = &Pki::get().authority;
    let renewed = |running: &super::running::Running<'_>| {
        let new = Pki::get().authority.issue(&Wish::server("lab.test").serial(0x99));
        running.files.write("site.pem", &format!("{}{}", new.certificate, new.key));
    };
    vec![
        Case::new("the file has another server than what runs", &["C951"]).then(|running| {
            let text = running.files.read("haproxy.cfg").replace("  server s1 ", "  server s2 ");
            running.files.write("haproxy.cfg", &text);
        }),
        Case::new("the file has one server more than what runs", &["C951"]).then(|running| {
            let text = running.files.read("haproxy.cfg") + "  server more 127.0.0.1:9\n";
            running.files.write("haproxy.cfg", &text);
        }),
        Case::new("the file has another address than what runs", &["C951", "T201"])
            .behind(Behind::Nobody)
            .then(|running| {
                let text =
                    running.files.read("haproxy.cfg").replace("server s1 127.0.0.1:", "server s1 127.0.0.2:");
                running.files.write("haproxy.cfg", &text);
            }),
        Case::new("the file was written later", &["C951"]).then(|running| {
            let file = std::fs::File::options().append(true).open(running.files.file("haproxy.cfg"));
            let later = std::time::SystemTime::now() + Duration::from_secs(60);
            file.and_then(|file| file.set_modified(later)).expect("a time of the file");
        }),
        Case::new("the certificate was renewed, and nobody has reloaded", &["C954"])
            .bind("ssl crt site.pem")
            .pem("site.pem", &authority.issue(&Wish::server("lab.test").serial(0x98)))
            .then(renewed),
        Case::new("the certificate for clients has expired", &["K919"])
            .bind("ssl crt site.pem")
            .pem("site.pem", &authority.issue(&Wish::server("lab.test").valid(2020, 2021))),
        Case::new("the certificate for clients is of the future", &["K919"])
            .bind("ssl crt site.pem")
            .pem("site.pem", &authority.issue(&Wish::server("lab.test").valid(2090, 2091))),
    ]
}

/// Clients that say what is not understood.
fn clients() -> Vec<Case> {
    let mut hello = vec![0x16, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3];
    hello.extend([7; 54]);
    vec![
        Case::new("a client speaks TLS to a plain port", &["K902"]).sends(hello),
        Case::new("a client sends a PROXY header that nobody expects", &["K908"])
            .sends("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n"),
        Case::new("a client sends no PROXY header", &["K907"])
            .bind("accept-proxy")
            .sends("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
        Case::new("a client speaks HTTP to a port of TLS", &[])
            .noted(&["K942"])
            .bind("ssl crt site.pem")
            .pem("site.pem", Pki::get().identity("server"))
            .sends("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
        Case::new("a client does not wait for the answer", &[])
            .noted(&["O808"])
            .plays(Answer::from(Reply::ok("")).after(Duration::from_millis(700)))
            .leaves(),
        Case::new("a client sends no HTTP", &["K921"]).sends("EHLO example.test\r\n\r\n"),
        Case::new("a client sends a head larger than the buffer", &["L710"])
            .sends(format!("GET / HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "x".repeat(20 << 10))),
        Case::new("a client does not finish its request", &[])
            .noted(&["O806"])
            .defaults("timeout http-request 500ms")
            .sends("GET / HTTP/1.1\r\nhost: x\r\n"),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    let slow = || Answer::from(Reply::ok("")).after(Duration::from_millis(100));
    vec![
        Case::new("its other server is in maintenance", &[])
            .server("check inter 500")
            .backend("server s2 BEHIND disabled"),
        Case::new("a certificate as on the disk", &[])
            .bind("ssl crt site.pem")
            .pem("site.pem", Pki::get().identity("server")),
        Case::new("a redirect by a rule", &[]).frontend("http-request redirect scheme https"),
        Case::new("a queue that moves on", &[]).plays(slow()).server("maxconn 2").busy(2),
        Case::new("many ask, and are answered", &[]).plays(Script::echo()).busy(4),
        Case::new("several backends, each with its server", &[])
            .frontend("use_backend other if { path_beg /other }")
            .frontend("default_backend app")
            .sections("backend other\n  server o1 BEHIND check inter 500")
            .server("check inter 500"),
    ]
}
