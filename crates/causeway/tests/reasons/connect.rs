//! Connections that can't be made.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, End, Netns, Reply, Request, Scratch, Script, exchange};
use tokio::net::{TcpSocket, TcpStream};

use crate::case::{Case, Seen, open};
use crate::health::CHECK;
use crate::site::Site;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::of(Reason::ConnectRefused).nobody_listens().evidence("refused by the host"),
        Case::of(Reason::ConnectRefused)
            .tcp("cluster: app\nmax_connect_attempts: 2")
            .nobody_listens()
            .fails_with("UF,URX")
            .evidence("attempt 2, the last")
            .client(async |site: &mut Site| {
                let (_, end) = open(site).await.rest(Duration::from_secs(5)).await;
                assert_eq!(end, End::Fin);
                Seen::Nothing
            }),
        Case::of(Reason::ConnectRefused)
            .nobody_listens()
            .cluster(CHECK)
            .no_host_left()
            .evidence("health check of"),
        rejected(),
        not_answered(),
        Case::of(Reason::HostUnreachable)
            .in_namespace(|netns| {
                let device = netns.device();
                netns.command(&["ip", "addr", "add", "10.99.0.1/24", "dev", device]).unwrap();
                // Nobody is asked three times, a second each.
                let between = format!("net.ipv4.neigh.{device}.retrans_time_ms=100");
                netns.command(&["sysctl", "-qw", &between]).unwrap();
            })
            .endpoint_at("10.99.0.77", 80)
            .evidence("host unreachable"),
        Case::of(Reason::NetworkUnreachable)
            .in_namespace(|netns| route(netns, "unreachable 192.0.2.1"))
            .endpoint_at("192.0.2.1", 80)
            .evidence("unreachable"),
        Case::of(Reason::NetworkUnreachable)
            .in_namespace(|netns| {
                netns.command(&["ip", "route", "del", "default"]).unwrap();
            })
            .endpoint_at("192.0.2.1", 80)
            .evidence("no route"),
        reset(),
        without_ports(),
        without_descriptors(),
        Case::of(Reason::SourceBindFailed)
            .cluster("upstream_bind_config: {source_address: {address: 192.0.2.9, port_value: 0}}")
            .evidence("no interface of this host has that address"),
        Case::of(Reason::ConnectNotPermitted)
            .in_namespace(|netns| route(netns, "prohibit 192.0.2.1"))
            .endpoint_at("192.0.2.1", 80)
            .evidence("Permission denied"),
        Case::of(Reason::SocketPathMissing)
            .endpoint("pipe: {path: /nonexistent/app.sock}")
            .evidence("No such file"),
        other_socket(),
    ]
}

fn route(netns: &Netns, route: &str) {
    let words: Vec<_> = ["ip", "route", "add"].into_iter().chain(route.split(' ')).collect();
    netns.command(&words).unwrap();
}

/// The firewall of the namespace stands between Causeway and its own loopback.
fn rejected() -> Case {
    Case::of(Reason::ConnectRejected)
        .in_namespace(|netns| netns.iptables("-A INPUT -i lo -p tcp --dport 8000 -j REJECT"))
        .endpoint_at("127.0.0.1", 8000)
        .evidence("ICMP port unreachable")
}

/// Nobody accepts: when the queue is full, the kernel answers no more.
fn not_answered() -> Case {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    Case::of(Reason::ConnectTimeout)
        .cluster("connect_timeout: 0.3s")
        .endpoint_at("127.0.0.1", address.port())
        .evidence("no answer")
        .client(async move |site: &mut Site| {
            let _listener = socket.listen(1).unwrap();
            let _queue = fill(address).await;
            Seen::Answer(exchange(site.address, &Request::get("/")).await)
        })
}

/// Connects until nobody answers.
async fn fill(address: SocketAddr) -> Vec<TcpStream> {
    let mut queue = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        queue.push(connected.unwrap());
    }
    queue
}

/// The last packet of the handshake is answered with a reset.
fn reset() -> Case {
    Case::of(Reason::ConnectReset)
        .in_namespace(|netns| {
            netns.iptables("-A INPUT -i lo -p tcp --dport 8000 --tcp-flags SYN,ACK ACK -j REJECT --reject-with tcp-reset");
        })
        .inside(8000)
        .evidence("reset")
}

/// There is one port, and it is in use.
fn without_ports() -> Case {
    let first_hangs = Script::by(|request| match request.path() {
        "/slow" => Answer::from(Reply::ok("slow")).after(Duration::from_millis(700)),
        _ => Reply::ok("").into(),
    });
    Case::of(Reason::LocalPortsExhausted)
        .in_namespace(|netns| {
            let one = "echo 50000 50000 > /proc/sys/net/ipv4/ip_local_port_range";
            netns.command(&["sh", "-c", one]).unwrap();
        })
        .plays(first_hangs)
        .evidence("all local ports")
        .client(async |site: &mut Site| {
            let mut slow = open(site).await;
            slow.send(&Request::get("/slow")).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let seen = exchange(site.address, &Request::get("/")).await;
            assert_eq!(slow.response("GET").await.unwrap().status, 200);
            Seen::Answer(seen)
        })
}

/// No descriptor may be opened any more, but the client's connection is there already.
fn without_descriptors() -> Case {
    Case::of(Reason::DescriptorsExhausted).evidence("Too many open files").client(async |site: &mut Site| {
        let mut connection = open(site).await;
        // It is accepted for sure once something was answered on it.
        connection.exchange(&Request::get("/")).await.unwrap();
        // The connection to the back-end is not used again.
        tokio::time::sleep(Duration::from_millis(400)).await;
        limit_descriptors(site, "4:");
        let seen = connection.exchange(&Request::get("/")).await;
        limit_descriptors(site, "1024:");
        Seen::Answer(seen)
    })
    .cluster(
        "typed_extension_protocol_options:\n  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n    \
         \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n    \
         common_http_protocol_options: {max_requests_per_connection: 1}\n    explicit_http_config: {http_protocol_options: {}}",
    )
}

/// Only the soft limit changes, which can be raised again.
fn limit_descriptors(site: &Site, limit: &str) {
    let pid = site.proxy.pid().to_string();
    let done = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={limit}")]).status();
    assert!(done.is_ok_and(|status| status.success()), "prlimit");
}

/// A socket of another kind has the path.
fn other_socket() -> Case {
    let scratch = Scratch::new();
    let path = scratch.file("other.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    Case::of(Reason::ConnectFailed)
        .endpoint(format!("pipe: {{path: {}}}", path.display()))
        .evidence("wrong type")
        .client(async move |site: &mut Site| {
            let seen = exchange(site.address, &Request::get("/")).await;
            drop((socket, scratch));
            Seen::Answer(seen)
        })
}
