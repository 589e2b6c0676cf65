//! `original_src`: the back-end sees the client's own address, with the commands that `docs/transparent.md` shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is a failed test, and what is skipped is said"
)]

#[path = "site/mod.rs"]
mod site;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};

use causeway_testkit::{Connection, Netns, Request, exchange};

use site::{Listener, Options, Site, config};

const PAGE: &str = include_str!("../../../docs/transparent.md");

const FILTER: &str = r#"- name: envoy.filters.listener.original_src
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.original_src.v3.OriginalSrc
    mark: 123
"#;

const HTTP_FILTER: &str = r#"- name: envoy.filters.http.original_src
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.original_src.v3.OriginalSrc
    mark: 123
"#;

const PROXY: &str = r#"- name: envoy.filters.listener.proxy_protocol
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
"#;

/// The commands below a heading of the page.
fn commands(heading: &str) -> Vec<Vec<&'static str>> {
    block(heading, 1)
}

/// The commands of one block below a heading, by its number from 1 on.
fn block(heading: &str, number: usize) -> Vec<Vec<&'static str>> {
    let section = PAGE.split(heading).nth(1).expect("the page has that heading");
    let block = section.split("```sh\n").nth(number).expect("it shows commands").split("```").next().unwrap();
    block.lines().map(|line| line.split(' ').collect()).collect()
}

/// Whom a back-end in the namespace is connected to by; it answers with `ok`.
fn backend(netns: &Netns, at: SocketAddr) -> Receiver<IpAddr> {
    let listener = netns.run(async move || TcpListener::bind(at).unwrap());
    let (seen, peers) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, peer)) = listener.accept() {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            if seen.send(peer.ip()).is_err() {
                return;
            }
        }
    });
    peers
}

async fn start(netns: &Netns, filters: &str, timeout: &str) -> Site {
    let listener = Listener { fields: format!("listener_filters:\n{filters}"), ..Listener::default() };
    start_with(netns, &listener, &format!("connect_timeout: {timeout}")).await
}

/// One cluster with these fields and the back-end in the namespace.
async fn start_with(netns: &Netns, listener: &Listener, fields: &str) -> Site {
    let at = |port| SocketAddr::new(netns.address(), port);
    let cluster = format!(
        "- name: app\n  {fields}\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: 8080}}}}}}}}]}}]}}\n",
        netns.address()
    );
    let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let text = config(any(9901), &listener.yaml(any(80)), &cluster);
    let options = Options { netns: Some(netns), ..Options::default() };
    Site::start(&text, at(80), at(9901), &options).await.unwrap()
}

/// Says that a test is skipped, where it can't be run here.
fn is_skipped(possible: Result<(), String>) -> bool {
    let Err(why) = possible else { return false };
    causeway_testkit::say_skipped(&format!(
        "SKIPPED transparent: {why}; run it with sudo -E cargo test -p causeway --test transparent"
    ));
    true
}

const ORIGINAL_DST: &str = r#"listener_filters:
- name: envoy.filters.listener.original_dst
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst
"#;

#[tokio::test]
async fn the_back_end_sees_the_clients_own_address() {
    if is_skipped(Netns::available()) {
        return;
    }
    let netns = Netns::new();
    let peers = backend(&netns, SocketAddr::new(netns.address(), 8080));
    let site = start(&netns, FILTER, "0.5s").await;
    let client = netns.host_address();

    // Without the commands the answer of the back-end goes to the client, who knows nothing of it.
    assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 503);
    let line = site.logged("connect_timeout").await.expect("it is logged");
    assert!(line.evidence.contains("ip rule add fwmark 123 lookup 100"), "{}", line.evidence);

    for command in commands("## The back-end is on the same machine") {
        netns.command(&command).unwrap();
    }
    let response = exchange(site.address, &Request::get("/")).await.unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    assert_eq!(peers.recv().unwrap(), client);
}

#[tokio::test]
async fn the_port_is_the_one_that_the_client_connected_to() {
    if is_skipped(site::machines()) {
        return;
    }
    let netns = Netns::new();
    for command in commands("## Clients that a firewall sends here") {
        netns.command(&command).unwrap();
    }
    let at = |port| SocketAddr::new(netns.address(), port);
    let listener = Listener {
        fields: ORIGINAL_DST.to_owned(),
        chain: "filter_chain_match: {destination_port: 81}\n".to_owned(),
        routes: "- match: {prefix: /}\n  direct_response: {status: 200, body: {inline_string: redirected}}\n"
            .to_owned(),
        ..Listener::default()
    };
    let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let text = config(any(9901), &listener.yaml(any(80)), "- name: app\n");
    let options = Options { netns: Some(&netns), ..Options::default() };
    let site = Site::start(&text, at(80), at(9901), &options).await.unwrap();

    let response = exchange(at(81), &Request::get("/")).await.unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "redirected"));
    assert!(exchange(at(80), &Request::get("/")).await.is_err(), "the port is 80, and no chain is for that");
    assert!(site.logged("no_filter_chain").await.is_some());
}

const WHEREVER: &str =
    "- name: app\n  type: ORIGINAL_DST\n  lb_policy: CLUSTER_PROVIDED\n  connect_timeout: 2s\n";

/// Causeway behind a firewall, which sends connections for this port to it: they go on to where they were going.
async fn a_connection_goes_on(netns: &Netns, fields: &str, port: u16) {
    let at = |port| SocketAddr::new(netns.address(), port);
    let peers = backend(netns, at(port));
    let listener = Listener { fields: format!("{ORIGINAL_DST}{fields}"), ..Listener::default() };
    let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let text = config(any(9901), &listener.yaml(any(80)), WHEREVER);
    let options = Options { netns: Some(netns), ..Options::default() };
    let site = Site::start(&text, at(80), at(9901), &options).await.unwrap();

    let response = exchange(at(port), &Request::get("/")).await.unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    assert_eq!(peers.recv().unwrap(), netns.address(), "Causeway has asked it");
    let clusters = exchange(site.admin, &Request::get("/clusters")).await.unwrap().text();
    let host = format!("app::{}::hostname::app{}", at(port), at(port));
    assert!(clusters.contains(&host), "{clusters}");
}

#[tokio::test]
async fn a_connection_that_is_redirected_goes_on_to_where_it_was_going() {
    if is_skipped(site::machines()) {
        return;
    }
    let netns = Netns::new();
    for command in commands("## Clients that a firewall sends here") {
        netns.command(&command).unwrap();
    }
    a_connection_goes_on(&netns, "", 81).await;
}

#[tokio::test]
async fn a_connection_that_tproxy_brings_goes_on_to_where_it_was_going() {
    if is_skipped(site::machines()) {
        return;
    }
    let netns = Netns::new();
    for mut command in block("## Clients that a firewall sends here", 2) {
        let device = netns.device().to_owned();
        for word in command.iter_mut().filter(|word| **word == "eth0") {
            *word = &device;
        }
        netns.command(&command).unwrap();
    }
    a_connection_goes_on(&netns, "transparent: true\n", 82).await;
}

#[tokio::test]
async fn the_client_is_the_one_that_a_proxy_header_names() {
    if Netns::available().is_err() {
        return;
    }
    let netns = Netns::new();
    let peers = backend(&netns, SocketAddr::new(netns.address(), 8080));
    for command in commands("## The back-end is on the same machine") {
        netns.command(&command).unwrap();
    }
    let site = start(&netns, &format!("{PROXY}{FILTER}"), "2s").await;
    for client in ["203.0.113.7", "203.0.113.8"] {
        let mut connection = Connection::open(site.address).await.unwrap();
        connection.write(format!("PROXY TCP4 {client} 198.51.100.1 1111 80\r\n")).await;
        let response = connection.exchange(&Request::get("/")).await.unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(peers.recv().unwrap(), client.parse::<IpAddr>().unwrap());
    }
}

/// Of the HTTP filter, the address is the one that the request is taken to come from, and requests of several clients may
/// come on one connection of a proxy in front.
#[tokio::test]
async fn the_client_is_the_one_that_the_request_names() {
    if is_skipped(Netns::available()) {
        return;
    }
    let netns = Netns::new();
    let peers = backend(&netns, SocketAddr::new(netns.address(), 8080));
    for command in commands("## The back-end is on the same machine") {
        netns.command(&command).unwrap();
    }
    let listener = Listener { filters: HTTP_FILTER.to_owned(), ..Listener::default() };
    // Where all other connections would come from: the filter has the last word.
    let bound = "upstream_bind_config: {source_address: {address: 127.0.0.1, port_value: 0}}";
    let site = start_with(&netns, &listener, bound).await;
    let mut proxy = Connection::open(site.address).await.unwrap();
    for client in ["203.0.113.7", "203.0.113.8"] {
        let request = Request::get("/").header("x-forwarded-for", client);
        let response = proxy.exchange(&request).await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "ok"), "{client}");
        assert_eq!(peers.recv().unwrap(), client.parse::<IpAddr>().unwrap());
    }
    assert_eq!(proxy.exchange(&Request::get("/")).await.unwrap().status, 200);
    assert_eq!(peers.recv().unwrap(), netns.host_address(), "without the field it is the connection's own");

    let of_another_family = Request::get("/").header("x-forwarded-for", "2001:db8::1");
    assert_eq!(proxy.exchange(&of_another_family).await.unwrap().status, 503);
    let line = site.logged("source_bind_failed").await.expect("it is logged");
    assert_eq!(line.details, "upstream_reset_before_response_started{local_connection_failure}");
    assert!(line.evidence.contains("different families"), "{}", line.evidence);
}
