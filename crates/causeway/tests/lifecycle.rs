//! The life of the process: reloads, log files that are moved away, the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_testkit::{
    Answer, Backend, Connection, End, Load, LoadReport, Port, Reply, Request, Script, Signal, eventually,
    exchange,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use site::{Listener, Options, Ports, Site, config};

/// Requests that have to pass while the configuration changes twenty times.
const REQUESTS: usize = 50_000;
const RELOADS: usize = 20;

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

/// A listener that sends everything to a cluster.
fn to(cluster: &str) -> Listener {
    Listener {
        routes: format!("- match: {{prefix: /}}\n  route: {{cluster: {cluster}}}"),
        ..Listener::default()
    }
}

/// Causeway with a file that sends everything to this back-end.
async fn start(ports: &Ports, backend: &Backend, options: Options<'_>) -> Site {
    let text = config(ports.admin(), &to("app").yaml(ports.listener()), &cluster("app", backend.address()));
    Site::start(&text, ports.listener(), ports.admin(), &options).await.unwrap()
}

/// Waits until the log of the process holds a text so many times.
async fn says(site: &Site, text: &str, times: usize) -> bool {
    eventually(PATIENCE, async || site.proxy.log().matches(text).count() >= times).await
}

#[tokio::test]
async fn twenty_reloads_under_load_fail_no_request() {
    let (ports, one, two, extra) = (
        Ports::reserve(),
        Backend::start(Reply::ok("one")).await,
        Backend::start(Reply::ok("two")).await,
        Port::reserve(),
    );
    let admin = ports.admin();
    let first = config(admin, &to("one").yaml(ports.listener()), &cluster("one", one.address()));
    // Another cluster, another route table, another timeout, and a listener that is not always there.
    let other = Listener {
        manager: "stream_idle_timeout: 100s".to_owned(),
        routes: "- match: {path: /never}\n  direct_response: {status: 404}\n\
                 - match: {prefix: /}\n  route: {cluster: two, timeout: 9s}"
            .to_owned(),
        ..Listener::default()
    };
    let listeners = other.yaml(ports.listener())
        + &Listener { name: "extra", ..to("two") }.yaml(([127, 0, 0, 1], extra.number()).into());
    let second = config(admin, &listeners, &cluster("two", two.address()));
    let options = Options { workers: 2, ..Options::default() };
    let mut site = Site::start(&first, ports.listener(), admin, &options).await.unwrap();

    let kept = Load::to(site.address).connections(16).start();
    let fresh = Load::to(site.address).connections(2).reconnect().start();
    let served = || one.requests() + two.requests();
    for reload in 1..=RELOADS {
        // Reloads are spread over all the requests.
        let due = REQUESTS * reload / (RELOADS + 1);
        assert!(eventually(PATIENCE, async || served() >= due).await, "{} requests served", served());
        site.proxy.replace_config(if reload % 2 == 1 { &second } else { &first });
        site.proxy.process().signal(Signal::HUP);
        assert!(says(&site, "is in force after", reload).await, "{}", site.proxy.log());
    }
    assert!(eventually(PATIENCE, async || served() >= REQUESTS).await, "{} requests served", served());
    let (kept, fresh) = (kept.stop().await, fresh.stop().await);
    assert!(kept.ok() + fresh.ok() >= REQUESTS, "{} and {}", kept.ok(), fresh.ok());
    assert_eq!((kept.failed(), fresh.failed()), (0, 0), "{}\n{}", outcome(&kept), outcome(&fresh));
    // The listener has stayed, so its connections have, too.
    assert_eq!(kept.announced_closes, 0);
    assert!(one.requests() > 1000 && two.requests() > 1000, "both have served");
    assert_eq!(site.reasons().await.len(), 0, "no request has failed");
}

fn outcome(report: &LoadReport) -> String {
    format!("{:?}", LoadReport { latencies: Vec::new(), ..report.clone() })
}

#[tokio::test]
async fn sigterm_lets_every_request_end() {
    let ports = Ports::reserve();
    let slow = Answer::from(Reply::ok("x".repeat(20_000)).chunked()).after(Duration::from_millis(20));
    let backend = Backend::start(slow).await;
    let mut site = start(&ports, &backend, Options { workers: 2, ..Options::default() }).await;
    let kept = Load::to(site.address).connections(16).start();
    let fresh = Load::to(site.address).connections(8).reconnect().start();
    assert!(backend.wait_for_requests(300).await);
    let begun = Instant::now();
    let status = site.proxy.stop(PATIENCE).await.expect("it ends");
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    for report in [kept.stop().await, fresh.stop().await] {
        // Whoever comes when nobody listens any more is refused, which is how a load balancer finds out.
        let cut = report.cut + report.reset + report.closed + report.timed_out;
        assert_eq!((cut, report.ok()), (0, report.statuses.values().sum()), "{}", outcome(&report));
        assert!(report.ok() > 0);
    }
    assert!(!site.proxy.log().contains("are cut"), "{}", site.proxy.log());
}

/// A back-end whose queue of connections is full: one more is asked for again by the kernel, a second later.
struct Busy {
    listener: TcpListener,
    /// Those that fill the queue.
    _held: Vec<TcpStream>,
}

impl Busy {
    async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let mut held = Vec::new();
        let address = listener.local_addr().unwrap();
        // The kernel says how many it takes: those that it does not take are the first to wait.
        while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            held.push(connected.unwrap());
        }
        Self { listener, _held: held }
    }

    /// Takes everybody, and answers whoever asks.
    async fn answer(self) {
        loop {
            let (mut socket, _) = self.listener.accept().await.unwrap();
            tokio::spawn(async move {
                while socket.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {
                    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await.unwrap();
                }
            });
        }
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_connection_outlives_its_cluster() {
    let (ports, busy) = (Ports::reserve(), Busy::start().await);
    let address = busy.listener.local_addr().unwrap();
    let text = |timeout: u32| {
        let cluster =
            cluster("app", address).replace("connect_timeout: 2s", &format!("connect_timeout: {timeout}s"));
        config(ports.admin(), &to("app").yaml(ports.listener()), &cluster)
    };
    let mut site =
        Site::start(&text(15), ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Connection::open(site.address).await.unwrap();
        client.send(&Request::get("/")).await;
        clients.push(client);
    }
    let pending = "cluster.app.upstream_rq_pending_active";
    assert!(eventually(PATIENCE, async || site.stat(pending).await == 3).await);
    site.proxy.replace_config(&text(16));
    site.proxy.process().signal(Signal::HUP);
    assert!(says(&site, "is in force", 1).await);

    let _answering = tokio::spawn(busy.answer());
    for client in &mut clients {
        let response = client.response("GET").await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "late"));
    }
    // Nothing is kept of a cluster that is gone.
    let connections = "cluster.app.upstream_cx_active";
    assert!(eventually(PATIENCE, async || site.stat(connections).await == 0).await, "{}", site.proxy.log());
    assert_eq!(site.stat("cluster.app.upstream_rq_pending_active").await, 0);
}

#[tokio::test]
async fn sigterm_closes_idle_connections_and_serves_what_is_on_its_way() {
    let ports = Ports::reserve();
    let backend = Backend::start(Reply::ok("fine")).await;
    let mut site = start(&ports, &backend, Options::default()).await;
    let (mut idle, mut late) =
        (Connection::open(site.address).await.unwrap(), Connection::open(site.address).await.unwrap());
    for connection in [&mut idle, &mut late] {
        assert_eq!(connection.exchange(&Request::get("/")).await.unwrap().end, End::Open);
    }
    site.proxy.process().signal(Signal::TERM);
    assert!(says(&site, "no more connections are taken", 1).await);
    // This one was on its way when the signal came.
    let response = late.exchange(&Request::get("/")).await.unwrap();
    assert_eq!((response.status, response.announces_close(), response.end), (200, true, End::Fin));
    assert_eq!(idle.end(PATIENCE).await, End::Fin);
    assert!(site.proxy.process().wait(PATIENCE).await.is_some_and(|status| status.success()));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let ports = Ports::reserve();
    let backend = Backend::start(Answer::hang()).await;
    let mut site = start(&ports, &backend, Options::default()).await;
    let mut client = Connection::open(site.address).await.unwrap();
    client.send(&Request::get("/")).await;
    assert!(backend.wait_for_requests(1).await);
    site.proxy.process().signal(Signal::TERM);
    assert!(says(&site, "no more connections are taken", 1).await);
    assert!(site.proxy.process().wait(Duration::from_millis(300)).await.is_none(), "the request still runs");
    let begun = Instant::now();
    site.proxy.process().signal(Signal::INT);
    assert!(site.proxy.process().wait(PATIENCE).await.is_some_and(|status| status.success()));
    assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
    assert_ne!(client.end(PATIENCE).await, End::Open);
    // Who was cut is told, and why.
    assert!(site.logged("drain_deadline").await.is_some());
    assert!(site.proxy.log().contains("told again"));
}

#[tokio::test]
async fn a_fault_in_the_new_file_keeps_the_old_one() {
    let ports = Ports::reserve();
    let backend = Backend::start(Reply::ok("fine")).await;
    let mut site = start(&ports, &backend, Options::default()).await;
    let good = config(ports.admin(), &to("app").yaml(ports.listener()), &cluster("app", backend.address()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let blocked = Listener { name: "more", ..to("app") }.yaml(taken.local_addr().unwrap());
    let broken = [
        // A field that is misspelt, a file that is no YAML, an address that somebody else has, no file.
        (good.replace("connect_timeout", "conect_timeout"), "conect_timeout"),
        (good.replace("static_resources:", "static_resources: ]"), "envoy.yaml:2"),
        (
            config(
                ports.admin(),
                &(to("app").yaml(ports.listener()) + &blocked),
                &cluster("app", backend.address()),
            ),
            "in use",
        ),
        (String::new(), "refused"),
    ];
    for (round, (text, words)) in broken.iter().enumerate() {
        let before = site.proxy.log().len();
        site.proxy.replace_config(text);
        site.proxy.process().signal(Signal::HUP);
        assert!(
            says(&site, "is refused; the configuration stays as it was", round + 1).await,
            "{text}: {}",
            site.proxy.log()
        );
        let said = site.proxy.log().split_off(before);
        assert!(said.contains(words), "without {words}: {said}");
        // The admin server says the same, with the place where there is one.
        let report = site.json("/reload?format=json").await["last_reload"].take();
        let diagnostics = report["diagnostics"].to_string();
        assert!(report["result"] == "refused" && diagnostics.contains("error"), "{report}");
        assert!(!words.contains("conect") || diagnostics.contains("\"line\":"), "{report}");
        assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().text(), "fine");
    }
    // Whoever mends the file is heard.
    site.proxy.replace_config(&good.replace("connect_timeout: 2s", "connect_timeout: 3s"));
    site.proxy.process().signal(Signal::HUP);
    assert!(says(&site, "is in force after", 1).await);
}

#[tokio::test]
async fn sigusr1_opens_log_files_anew() {
    let ports = Ports::reserve();
    let backend = Backend::start(Reply::ok("fine")).await;
    let mut site =
        start(&ports, &backend, Options { args: &["--log-path", "causeway.log"], ..Options::default() })
            .await;
    let directory = site.proxy.directory().path().to_owned();
    let lines = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default().lines().count();
    exchange(site.address, &Request::get("/")).await.unwrap();
    assert!(eventually(PATIENCE, async || lines("access.log") == 1).await);
    for name in ["access.log", "causeway.log"] {
        fs::rename(directory.join(name), directory.join(format!("{name}.1"))).unwrap();
    }
    site.proxy.process().signal(Signal::USR1);
    assert!(eventually(PATIENCE, async || directory.join("access.log").exists()).await);
    exchange(site.address, &Request::get("/")).await.unwrap();
    assert!(eventually(PATIENCE, async || lines("access.log") == 1).await);
    assert_eq!(lines("access.log.1"), 1, "what was written stays where it went");
    // The application log has begun anew as well.
    site.proxy.process().signal(Signal::HUP);
    let says = || fs::read_to_string(directory.join("causeway.log")).unwrap_or_default();
    assert!(eventually(PATIENCE, async || says().contains("reloading")).await, "{}", says());
}

#[tokio::test]
async fn a_reload_moves_a_listener_to_another_port() {
    let (ports, moved) = (Ports::reserve(), Port::reserve());
    let backend = Backend::start(Script::by(|request| match request.path() {
        "/slow" => Answer::from(Reply::ok("slow")).after(Duration::from_millis(500)),
        _ => Reply::ok("fine").into(),
    }))
    .await;
    let mut site = start(&ports, &backend, Options::default()).await;
    let mut idle = Connection::open(site.address).await.unwrap();
    idle.exchange(&Request::get("/")).await.unwrap();
    let mut busy = Connection::open(site.address).await.unwrap();
    busy.send(&Request::get("/slow")).await;
    assert!(backend.wait_for_requests(2).await);

    let there = SocketAddr::from(([127, 0, 0, 1], moved.number()));
    let text = config(ports.admin(), &to("app").yaml(there), &cluster("app", backend.address()));
    site.proxy.replace_config(&text);
    site.proxy.process().signal(Signal::HUP);
    assert!(says(&site, "is in force after", 1).await, "{}", site.proxy.log());
    assert_eq!(exchange(there, &Request::get("/")).await.unwrap().text(), "fine");
    // What was under way at the old port is answered, and nobody is let in any more.
    let response = busy.response("GET").await.unwrap();
    assert_eq!((response.text().as_str(), response.announces_close()), ("slow", true));
    assert_eq!(idle.end(PATIENCE).await, End::Fin);
    let refused = async || Connection::open(site.address).await.is_err();
    assert!(eventually(PATIENCE, refused).await, "the old port is closed");
    let listeners = site.page("/listeners").await;
    assert!(
        listeners.contains(&there.to_string()) && !listeners.contains(&site.address.to_string()),
        "{listeners}"
    );
}
