//! What a crowd may cost, on a small scale: the limits of `causeway-bench hardship` with hundreds of connections
//! in place of thousands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::time::{Duration, Instant};

use causeway_testkit::{
    Answer, Backend, Connection, Crowd, Gathered, Load, Reply, Request, Script, eventually, exchange,
};

use site::{Listener, Options, Ports, Site, config};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the connections before those that are counted make the program take once.
const FIRST: usize = 100;

/// How long a request has.
const DEADLINE: Duration = Duration::from_secs(3);

struct Stage {
    site: Site,
    backend: Backend,
    _ports: Ports,
}

async fn stage() -> Stage {
    let backend = Backend::start(Script::by(|request| match request.target.as_str() {
        "/download" => Answer::fill(20_000_000),
        _ => Reply::ok("x").into(),
    }))
    .await;
    let ports = Ports::reserve();
    let listener = Listener {
        manager: "request_headers_timeout: 3s\nrequest_timeout: 3s\n".into(),
        routes: "- match: {prefix: /}\n  route: {cluster: app, timeout: 0s}\n".into(),
        ..Listener::default()
    };
    let cluster = format!(
        "- name: app\n  circuit_breakers: {{thresholds: [{{max_connections: 10000, max_pending_requests: 10000, \
         max_requests: 10000}}]}}\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: \
         {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        backend.port()
    );
    let text = config(ports.admin(), &listener.yaml(ports.listener()), &cluster);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let warm = Load::to(site.address).connections(FIRST).run(Duration::from_millis(300)).await;
    assert_eq!(warm.failed(), 0, "{warm:?}");
    Stage { site, backend, _ports: ports }
}

/// KiB for each of so many, once memory grows no more.
async fn cost(stage: &mut Stage, before: u64, count: usize) -> f64 {
    let after = settled(stage).await;
    after.saturating_sub(before) as f64 / count as f64
}

async fn settled(stage: &mut Stage) -> u64 {
    let mut last = stage.site.proxy.process().memory();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = stage.site.proxy.process().memory();
        if now <= last + 64 {
            return now;
        }
        last = now;
    }
}

async fn all(count: usize, of: impl Fn() -> usize) {
    assert!(eventually(PATIENCE, async || of() >= count).await, "{} of {count}", of());
}

#[tokio::test]
async fn slow_clients_are_cheap_and_told_in_time() {
    // So many that what is there once does not count.
    const EACH: usize = 1000;
    let mut stage = stage().await;
    let slow = |words: &str, count| {
        Crowd::to(stage.site.address).says(words).drips("a", Duration::from_secs(1)).gather(count)
    };
    let (head, body) = (
        "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n",
    );
    let first = (slow(head, FIRST), slow(body, FIRST));
    all(FIRST, || first.0.ready().min(first.1.ready())).await;
    let before = stage.site.proxy.process().memory();
    let beside = Load::to(stage.site.address).pause(Duration::from_millis(20)).start();
    let crowds: [Gathered; 2] = [slow(head, EACH), slow(body, EACH)];
    all(EACH, || crowds[0].ready().min(crowds[1].ready())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(crowds[0].ended() + crowds[1].ended(), 0, "they were there at the same time");
    let each = stage.site.proxy.process().memory().saturating_sub(before) as f64 / (2 * EACH) as f64;
    assert!(each <= 8.0, "{each:.1} KiB for each");
    let [heads, bodies] = crowds;
    let (heads, bodies) = tokio::join!(heads.fates(PATIENCE), bodies.fates(PATIENCE));
    assert_eq!((heads.len(), bodies.len()), (EACH, EACH));
    for fate in heads.iter().chain(&bodies) {
        assert!(fate.status == Some(408) && fate.closed, "{fate:?}");
        // The proxy's time begins when it takes the connection, which may be a moment before this side knows of it.
        let early = DEADLINE.saturating_sub(Duration::from_millis(20));
        assert!(fate.took >= early && fate.took <= DEADLINE + Duration::from_secs(1), "{fate:?}");
    }
    let beside = beside.stop().await;
    assert!(beside.failed() == 0 && beside.ok() > 50, "{beside:?}");
}

#[tokio::test]
async fn idle_connections_cost_next_to_nothing() {
    const COUNT: usize = 1500;
    let mut stage = stage().await;
    let crowd = Crowd::to(stage.site.address).says("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = crowd.gather(FIRST);
    all(FIRST, || first.answered()).await;
    let before = settled(&mut stage).await;
    let idle = crowd.gather(COUNT);
    all(COUNT, || idle.answered()).await;
    let each = cost(&mut stage, before, COUNT).await;
    // The limit is 1.5 with thousands of them; with this many, what tables grow by in advance shows.
    assert!(each <= 2.0, "{each:.2} KiB for each");
    assert_eq!(idle.ended(), 0);
}

#[tokio::test]
async fn a_download_that_nobody_reads_holds_one_buffer() {
    const COUNT: usize = 60;
    let mut stage = stage().await;
    let crowd =
        Crowd::to(stage.site.address).says("GET /download HTTP/1.1\r\nHost: a\r\n\r\n").reads_nothing();
    let asked = stage.backend.requests();
    let first = crowd.gather(20);
    all(asked + 20, || stage.backend.requests()).await;
    let before = settled(&mut stage).await;
    let stalled = crowd.gather(COUNT);
    all(asked + 20 + COUNT, || stage.backend.requests()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = cost(&mut stage, before, COUNT).await;
    assert!(each <= 64.0, "{each:.1} KiB for each");
    drop((first, stalled));
    assert_eq!(exchange(stage.site.address, &Request::get("/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn without_descriptors_it_waits_and_then_goes_on() {
    const DESCRIPTORS: u64 = 120;
    let mut stage = stage().await;
    let mut known = Connection::open(stage.site.address).await.unwrap();
    assert_eq!(known.exchange(&Request::get("/")).await.unwrap().status, 200);
    stage.site.proxy.process().limit_descriptors(DESCRIPTORS).unwrap();
    let crowd = Crowd::to(stage.site.address).gather(300);
    all(300, || crowd.ready()).await;
    let process = stage.site.proxy.process();
    let exhausted = async || process.open_files() as u64 >= DESCRIPTORS * 4 / 5;
    assert!(eventually(PATIENCE, exhausted).await, "{} descriptors", process.open_files());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (start, used) = (Instant::now(), process.processor_time());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let share = (process.processor_time() - used).as_secs_f64() / start.elapsed().as_secs_f64();
    assert!(share < 0.05, "{:.0} % of a processor", share * 100.0);
    assert_eq!(known.exchange(&Request::get("/")).await.unwrap().status, 200, "it was there before");
    let lines = stage.site.proxy.log().matches("cannot take connections").count();
    assert!((1..=3).contains(&lines), "{lines} lines about it");
    drop(crowd);
    let left = Instant::now();
    let again = async || {
        let Ok(connection) = Connection::open(stage.site.address).await else { return false };
        let mut connection = connection.patience(Duration::from_secs(5));
        connection.exchange(&Request::get("/")).await.is_ok_and(|response| response.status == 200)
    };
    assert!(eventually(PATIENCE, again).await);
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
}
