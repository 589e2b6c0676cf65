//! Connections that are passed on, while the process lives and changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_testkit::{
    Act, Answer, Backend, Connection, End, Peer, Port, Proxy, Reply, Request, Script, Signal, eventually,
    exchange, say_skipped,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use site::{Listener, Options, Ports, Site, config};

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

fn cluster(name: &str, backend: SocketAddr) -> String {
    format!(
        "- name: {name}\n  connect_timeout: 2s\n  load_assignment: {{cluster_name: {name}, endpoints: \
         [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]}}\n",
        backend.ip(),
        backend.port()
    )
}

/// A listener that passes everything on to a cluster.
fn to(cluster: &str) -> Listener {
    Listener { tcp: Some(format!("cluster: {cluster}")), ..Listener::default() }
}

/// A back-end that says its name, and then sends back what comes.
async fn named(name: &str) -> Backend {
    Backend::start(Script::echo().greeting(Answer::raw(name).then(Act::EchoBytes))).await
}

/// Gives Causeway another file, and waits until it is in force.
async fn reload(site: &mut Site, text: &str, times: usize) {
    site.proxy.replace_config(text);
    site.proxy.process().signal(Signal::HUP);
    let in_force = async || site.proxy.log().matches("is in force after").count() >= times;
    assert!(eventually(PATIENCE, in_force).await, "{}", site.proxy.log());
}

async fn open(to: SocketAddr, greeting: &str) -> Connection {
    let mut connection = Connection::open(to).await.expect("somebody listens");
    assert_eq!(String::from_utf8_lossy(&connection.read(greeting.len()).await), greeting);
    connection
}

async fn still_echoes(connection: &mut Connection) {
    connection.write("still there?").await;
    assert_eq!(connection.read(12).await, b"still there?");
}

#[tokio::test]
async fn a_connection_goes_on_when_a_reload_sends_the_next_one_elsewhere() {
    let (ports, one, two) = (Ports::reserve(), named("one").await, named("two").await);
    let text = |name: &str, backend: &Backend| {
        config(ports.admin(), &to(name).yaml(ports.listener()), &cluster(name, backend.address()))
    };
    let options = Options { workers: 2, ..Options::default() };
    let first = text("one", &one);
    let mut site = Site::start(&first, ports.listener(), ports.admin(), &options).await.unwrap();
    let mut before = open(site.address, "one").await;
    reload(&mut site, &text("two", &two), 1).await;
    let mut after = open(site.address, "two").await;
    still_echoes(&mut before).await;
    still_echoes(&mut after).await;
    drop(before);
    assert!(eventually(PATIENCE, async || one.open_connections() == 0).await);
    assert_eq!(site.reasons().await.len(), 0, "nothing has failed");
}

#[tokio::test]
async fn a_connection_outlives_its_listener_by_the_drain_time() {
    let (ports, one, extra) = (Ports::reserve(), named("one").await, Port::reserve());
    let own = to("app").yaml(ports.listener());
    let other = Listener { name: "extra", ..to("app") }.yaml(([127, 0, 0, 1], extra.number()).into());
    let clusters = cluster("app", one.address());
    let options = Options { args: &["--drain-time-s", "1"], ..Options::default() };
    let both = config(ports.admin(), &(own.clone() + &other), &clusters);
    let mut site = Site::start(&both, ports.listener(), ports.admin(), &options).await.unwrap();
    let mut stays = open(site.address, "one").await;
    let mut goes = open(([127, 0, 0, 1], extra.number()).into(), "one").await;
    let begun = Instant::now();
    reload(&mut site, &config(ports.admin(), &own, &clusters), 1).await;
    still_echoes(&mut goes).await;
    assert_eq!(goes.end(PATIENCE).await, End::Fin);
    assert!(begun.elapsed() >= Duration::from_millis(900), "after {:?}", begun.elapsed());
    let line = site.logged("drain_deadline").await.unwrap_or_else(|| panic!("{:?}", site.access_log()));
    assert!(line.evidence.contains("the listener was removed"), "{line:?}");
    still_echoes(&mut stays).await;
}

#[tokio::test]
async fn sigterm_ends_idle_connections_and_waits_for_answers() {
    let (ports, echo, silent) = (Ports::reserve(), named("one").await, Port::reserve());
    let asleep = Backend::start_on(
        ([127, 0, 0, 1], 0).into(),
        Script::echo().greeting(Answer::raw("two").then(Act::Hang)),
    )
    .await;
    let listeners = to("app").yaml(ports.listener())
        + &Listener { name: "silent", ..to("silent") }.yaml(([127, 0, 0, 1], silent.number()).into());
    let clusters = cluster("app", echo.address()) + &cluster("silent", asleep.address());
    let text = config(ports.admin(), &listeners, &clusters);
    let options = Options { args: &["--shutdown-timeout-s", "3"], ..Options::default() };
    let mut site = Site::start(&text, ports.listener(), ports.admin(), &options).await.unwrap();
    let mut idle = open(site.address, "one").await;
    let mut asking = open(([127, 0, 0, 1], silent.number()).into(), "two").await;
    still_echoes(&mut idle).await;
    asking.write("what?").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    site.proxy.process().signal(Signal::TERM);
    assert!(eventually(PATIENCE, async || site.proxy.log().contains("no more connections are taken")).await);
    still_echoes(&mut idle).await;
    assert_eq!(idle.end(PATIENCE).await, End::Fin);
    let idle_for = begun.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_millis(2500)).contains(&idle_for), "{idle_for:?}");
    assert_ne!(asking.end(PATIENCE).await, End::Open);
    assert!(begun.elapsed() >= Duration::from_millis(2900), "{:?}", begun.elapsed());
    assert!(site.proxy.stop(PATIENCE).await.is_some_and(|status| status.success()));
    assert!(site.proxy.log().contains("1 connection are cut after"), "{}", site.proxy.log());
    let line = site.logged("drain_deadline").await.unwrap_or_else(|| panic!("{:?}", site.access_log()));
    assert!(line.evidence.contains("5 bytes had come from the client and 3 had gone to it"), "{line:?}");
    assert_eq!(site.access_log().len(), 2, "the idle one has not failed");
}

#[tokio::test]
async fn a_limit_of_connections_counts_on_across_a_reload() {
    let (ports, one) = (Ports::reserve(), named("one").await);
    let limit = "type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit";
    let gates =
        format!("- {{name: l, typed_config: {{\"@type\": {limit}, stat_prefix: l, max_connections: 1}}}}\n");
    let text = |idle: &str| {
        let listener = Listener {
            gates: gates.clone(),
            tcp: Some(format!("cluster: app\nidle_timeout: {idle}")),
            ..Listener::default()
        };
        config(ports.admin(), &listener.yaml(ports.listener()), &cluster("app", one.address()))
    };
    let mut site =
        Site::start(&text("60s"), ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let first = open(site.address, "one").await;
    reload(&mut site, &text("50s"), 1).await;
    let mut second = Connection::open(site.address).await.unwrap();
    assert_eq!(second.end(PATIENCE).await, End::Fin);
    drop(first);
    assert!(
        eventually(PATIENCE, async || site.stat("connection_limit.l.active_connections").await == 0).await
    );
    drop(open(site.address, "one").await);
}

/// Both directions at once, more than all buffers hold.
#[tokio::test]
async fn everything_arrives_in_order_both_ways_at_once() {
    const LENGTH: usize = 16 << 20;
    let (ports, one) = (Ports::reserve(), named("").await);
    let text = config(ports.admin(), &to("app").yaml(ports.listener()), &cluster("app", one.address()));
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let (mut from, mut into) = TcpStream::connect(site.address).await.unwrap().into_split();
    let byte = |at: usize| u8::try_from((at / 251 + at) % 256).unwrap();
    let sent = tokio::spawn(async move {
        let mut at = 0;
        while at < LENGTH {
            let piece: Vec<u8> = (at..(at + 10_007).min(LENGTH)).map(byte).collect();
            into.write_all(&piece).await.unwrap();
            at += piece.len();
        }
        into.shutdown().await.unwrap();
    });
    let (mut at, mut buffer) = (0, vec![0; 64 << 10]);
    loop {
        let count = from.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        for (offset, found) in buffer[..count].iter().enumerate() {
            assert_eq!(*found, byte(at + offset), "at {}", at + offset);
        }
        at += count;
    }
    sent.await.unwrap();
    assert_eq!(at, LENGTH);
    for gauge in ["tcp.ingress.downstream_cx_tx_bytes_buffered", "cluster.app.upstream_cx_tx_bytes_buffered"]
    {
        assert!(eventually(PATIENCE, async || site.stat(gauge).await == 0).await, "{gauge}");
    }
}

/// Two proxies in a row, neither of which looks into what it passes on.
#[tokio::test]
async fn haproxy_passes_on_what_causeway_does() {
    let Ok(binary) = Peer::Haproxy.find() else {
        say_skipped(
            "SKIPPED haproxy_passes_on_what_causeway_does: there is no haproxy; set CAUSEWAY_HAPROXY",
        );
        return;
    };
    let (ports, backend, between) =
        (Ports::reserve(), Backend::start(Reply::ok("x".repeat(1 << 20))).await, Port::reserve());
    let haproxy = format!(
        "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 20s\n  timeout server 20s\n\
         listen in\n  bind 127.0.0.1:{}\n  server app {}\n",
        between.number(),
        backend.address()
    );
    let builder = Proxy::build(Peer::Haproxy, &binary, &haproxy).listener(between.number());
    let _haproxy = builder.start().await.expect("haproxy starts");
    let at = SocketAddr::from(([127, 0, 0, 1], between.number()));
    let text = config(ports.admin(), &to("app").yaml(ports.listener()), &cluster("app", at));
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    for _ in 0..3 {
        let response = exchange(site.address, &Request::post("/", vec![b'y'; 1 << 20])).await.unwrap();
        assert_eq!((response.status, response.body.len()), (200, 1 << 20));
    }
    assert!(backend.received().iter().all(|request| request.body.len() == 1 << 20));
    assert_eq!(site.reasons().await.len(), 0, "nothing has failed");
}

/// Both at once, and one after the other: what was said is answered before the end (D-170).
#[tokio::test]
async fn echo_answers_what_comes_together_with_the_end() {
    let ports = Ports::reserve();
    let (at, echo) = (ports.listener(), "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo");
    let listener = format!(
        "  - name: main\n    address: {{socket_address: {{address: {}, port_value: {}}}}}\n    filter_chains: [{{filters: \
         [{{name: echo, typed_config: {{\"@type\": {echo}}}}}]}}]\n",
        at.ip(),
        at.port()
    );
    let text = config(ports.admin(), &listener, "[]");
    let site = Site::start(&text, at, ports.admin(), &Options::default()).await.unwrap();
    let large = vec![b'x'; 300_000];
    for said in [b"abc".as_slice(), &large, b""] {
        for _ in 0..5 {
            let (mut reader, mut writer) = TcpStream::connect(site.address).await.unwrap().into_split();
            let write = async {
                writer.write_all(said).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let mut heard = Vec::new();
            let (_, read) = tokio::join!(write, reader.read_to_end(&mut heard));
            read.unwrap();
            assert!(heard == said, "{} of {} bytes", heard.len(), said.len());
        }
    }
}
