//! Attacks by back-ends of HTTP/2: each is bounded in time and memory, has its name, and harms no other request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::time::{Duration, Instant};

use causeway_testkit::{Answer, Backend, Frame, Reply, Request, Script, exchange};

use site::{Listener, Options, Ports, Site, config};

const OK: &[(&str, &str)] = &[(":status", "200")];
/// Memory that an attack may cost, in KiB. What the back-end is allowed to have under way is more than that
/// (`initial_stream_window_size`), but none of these has anything to say.
const GROWTH: u64 = 5 << 10;
/// Frames of a flood.
const MANY: usize = 20_000;
/// It is over after this time at the latest: the route's timeout, and slack for debug builds on busy machines.
const OVER: Duration = Duration::from_secs(10);

/// An attack, and what it is called; the route's timeout ends what is only a nuisance. Where there are several names,
/// it depends on what the back-end makes of our answers.
struct Attack {
    name: &'static str,
    frames: Vec<Frame>,
    reasons: &'static [&'static str],
}

fn attacks() -> Vec<Attack> {
    let attack = |name, frames, reasons| Attack { name, frames, reasons };
    let many = |frame: Frame| vec![frame; MANY];
    vec![
        attack(
            "data without content",
            [vec![Frame::headers(OK)], many(Frame::data(""))].concat(),
            &["upstream_flood"],
        ),
        attack(
            "heads without content",
            many(Frame::new(1, 0, "")),
            &["upstream_http2_broken", "upstream_flood"],
        ),
        attack("priorities", many(Frame::new(2, 0, [0, 0, 0, 0, 1]).on(3)), &["upstream_flood"]),
        attack("windows", many(Frame::new(8, 0, [0, 0, 0, 1]).on(0)), &["upstream_flood"]),
        attack(
            "a window that overflows",
            vec![Frame::new(8, 0, [0x7F, 0xFF, 0xFF, 0xFF]).on(0)],
            &["upstream_http2_broken"],
        ),
        attack(
            "settings",
            many(Frame::new(4, 0, "").on(0)),
            &["route_timeout", "upstream_connection_lost", "upstream_goaway"],
        ),
        attack("pings", many(Frame::new(6, 0, *b"12345678").on(0)), &["route_timeout"]),
        attack("answers to pings", many(Frame::new(6, 1, *b"12345678").on(0)), &["route_timeout"]),
        attack("farewells", many(Frame::goaway(0x7FFF_FFFF, 0)), &["route_timeout", "upstream_http2_broken"]),
        attack(
            "resets of streams that there are not",
            many(Frame::new(3, 0, [0, 0, 0, 8]).on(2)),
            &["upstream_http2_broken"],
        ),
        attack("interim responses", many(Frame::headers(&[(":status", "103")])), &["route_timeout"]),
        attack(
            "a head that does not end",
            [vec![Frame::new(1, 0, [0x88])], many(Frame::new(9, 0, [0; 64]))].concat(),
            &["upstream_http2_broken"],
        ),
        attack(
            "a large head",
            vec![Frame::headers(&[(":status", "200"), ("x", &"y".repeat(16_000))]).ending(); 1],
            &[],
        ),
        attack("a head of one large field", large_head(), &["upstream_head_overflow"]),
        attack(
            "a small head that unfolds",
            vec![bomb()],
            &["upstream_message_malformed", "upstream_http2_broken"],
        ),
        attack("a promise", vec![Frame::new(5, 4, [0, 0, 0, 2, 0x82])], &["upstream_http2_broken"]),
        attack("frames of unknown types", many(Frame::new(0x77, 0, "what")), &["route_timeout"]),
        attack(
            "a frame larger than allowed",
            vec![Frame::data(vec![b'x'; 20_000])],
            &["upstream_http2_broken"],
        ),
    ]
}

/// 100 KiB of one field, in as many frames as it takes.
fn large_head() -> Vec<Frame> {
    let value = vec![b'y'; 100_000];
    // `:status: 200`, then a field without a name in any table: its lengths are 1 and 100000.
    let mut block = vec![0x88, 0, 1, b'x', 0x7F];
    let mut left = value.len() - 127;
    while left >= 128 {
        block.push(u8::try_from(left % 128).unwrap() | 0x80);
        left /= 128;
    }
    block.push(u8::try_from(left).unwrap());
    block.extend(value);
    let mut pieces = block.chunks(16_000).peekable();
    let mut frames = vec![Frame::new(1, 1, pieces.next().unwrap())];
    while let Some(piece) = pieces.next() {
        frames.push(Frame::new(9, if pieces.peek().is_none() { 4 } else { 0 }, piece));
    }
    frames
}

/// A field of nearly 4 KiB gets into the table, and is then named ten thousand times: 40 MB in 14 KB.
fn bomb() -> Frame {
    let value = [b'v'; 3900];
    let left = value.len() - 127;
    let mut block = vec![0x88, 0x40, 1, b'x', 0x7F];
    block.extend([u8::try_from(left % 128).unwrap() | 0x80, u8::try_from(left / 128).unwrap()]);
    block.extend(value);
    block.extend([0xBE; 10_000]);
    Frame::new(1, 5, block)
}

#[tokio::test]
async fn attacks_by_back_ends_are_bounded_and_named() {
    let script = Script::by(|request| match request.path() {
        "/fine" => Reply::ok("fine").into(),
        path => {
            let at: usize = path.trim_start_matches('/').parse().unwrap();
            Answer::frames(attacks().remove(at).frames)
        }
    });
    let backend = Backend::start(script.http2()).await;
    let cluster = format!(
        "- name: app\n  connect_timeout: 2s\n  http2_protocol_options: {{}}\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        backend.port()
    );
    let ports = Ports::reserve();
    let listener = Listener {
        routes: "- match: {prefix: /}\n  route: {cluster: app, timeout: 2s}\n".to_owned(),
        ..Listener::default()
    };
    let text = config(ports.admin(), &listener.yaml(ports.listener()), &cluster);
    let mut site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let address = site.address;
    let fine = async || exchange(address, &Request::get("/fine")).await.map(|answer| answer.text());
    for _ in 0..20 {
        assert_eq!(fine().await.unwrap(), "fine");
    }
    let before = site.proxy.process().memory();
    let mut wrong = Vec::new();
    for (at, attack) in attacks().into_iter().enumerate() {
        let known = site.reasons().await;
        let began = Instant::now();
        let _ = exchange(site.address, &Request::get(&format!("/{at}"))).await;
        assert!(began.elapsed() < OVER, "{}: it took {:?}", attack.name, began.elapsed());
        assert_eq!(fine().await.unwrap(), "fine", "behind {}", attack.name);
        let now = site.reasons().await;
        let new: Vec<_> =
            now.iter().filter(|(key, count)| known.get(*key) != Some(count)).map(|(key, _)| key).collect();
        let named = match attack.reasons {
            [] => new.is_empty(),
            reasons => new.iter().any(|key| reasons.iter().any(|reason| key.ends_with(reason))),
        };
        if !named {
            wrong.push(format!("{}: {new:?}", attack.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let grown = site.proxy.process().memory().saturating_sub(before);
    assert!(grown < GROWTH, "all of them together cost {grown} KiB");
}
