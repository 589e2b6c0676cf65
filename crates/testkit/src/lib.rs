//! The ground the tests of Causeway stand on.
//!
//! Everything here runs on loopback or in a network namespace of its own, takes ports that nobody
//! else has, and is gone when the value that stands for it is dropped: a failed test leaves no
//! process, no port, no namespace and no file behind.
//!
//! | need | take |
//! |---|---|
//! | an upstream that does exactly what is asked | [`Backend`] with a [`Script`] |
//! | a client that sees every byte | [`Connection`] |
//! | a client of HTTP/2 | [`Streams`] |
//! | a client that sends and sees every frame of HTTP/2 | [`frames::Frames`] |
//! | names whose addresses change | [`DnsServer`] |
//! | Envoy, HAProxy, nginx or Causeway with a configuration | [`Proxy`] |
//! | real addresses, lost packets, firewalls | [`Netns`] |
//! | certificates | [`Pki`], or an [`Authority`] of one's own |
//! | a client or a back-end that speaks TLS | [`TlsWish`], [`Backend::start_tls`] |
//! | thousands of slow or idle clients | [`Crowd`] |
//! | traffic while something is reloaded | [`Load`] |
//!
//! Faults of the surroundings (no port left, no permission) panic with a sentence, because a test
//! cannot go on; faults of what is tested are values, because they are what the test is about.
//!
//! This crate is a dev-dependency: it never ships in the binary.

mod answer;
mod backend;
mod client;
mod crowd;
mod dns;
pub mod frames;
mod http2;
mod load;
mod message;
mod netns;
mod peers;
mod pki;
mod port;
mod process;
mod proxy;
mod scratch;
mod script;
mod spawner;
mod stream;
mod streams;
mod tls;
mod wait;

pub use answer::{Act, Answer, Reply};
pub use backend::Backend;
pub use client::{Connection, NoResponse, Request, Response, exchange};
pub use crowd::{Crowd, Fate, Gathered};
pub use dns::{DnsAnswer, DnsServer};
pub use http2::Frame;
pub use load::{Load, LoadReport, Running};
pub use message::{Headers, Received, latin1, to_bytes};
pub use netns::{Netns, Settled};
pub use peers::{Missing, Peer};
pub use pki::{Authority, Identity, Pki, Wish, base64};
pub use port::Port;
pub use process::{Process, ProcessBuilder};
pub use proxy::{NotStarted, Proxy, ProxyBuilder};
pub use rustix::process::Signal;
pub use scratch::Scratch;
pub use script::Script;
pub use stream::End;
pub use streams::Streams;
pub use tls::{Handshake, TlsClient, TlsServer, TlsWish};
pub use wait::eventually;

/// Leaves the test with one line that says why it did not run and how it would.
///
/// A test that cannot run must be seen: a silent `return` counts as passed for ever.
///
/// ```
/// # fn namespaces() -> Result<(), String> { Err("not root".into()) }
/// # fn test() {
/// if let Err(why) = namespaces() {
///     causeway_testkit::skip!("drops_packets", why, "sudo -E cargo test -p causeway-proxy");
/// }
/// # unreachable!();
/// # }
/// # test();
/// ```
#[macro_export]
macro_rules! skip {
    ($test:expr, $why:expr, $how:expr) => {{
        $crate::say_skipped(&format!("SKIPPED {}: {}; run it with {}", $test, $why, $how));
        return;
    }};
}

/// Prints a line about a test that was skipped, also where the test harness keeps what tests print to
/// itself.
pub fn say_skipped(line: &str) {
    use std::io::Write as _;
    // Written in one piece, since tests run beside one another.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
