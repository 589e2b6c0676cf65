//! The host of a back-end, examined from there: who listens, where, and what it answers (`backend.*`).
//!
//! What a proxy sees of a back-end leaves open whether it is the application, its host or the network. Half of that can be
//! decided on the back-end's host only, mostly without being root.

mod answers;
mod ask;
mod listening;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::finding::Subject;
use crate::report::Report;
use crate::selection::Selection;
use crate::world::World;
use ask::Seen;

/// What is known of a back-end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackEnd {
    /// The port that it is to listen on.
    pub port: u16,
    /// Path of its health check; without one any answer to `/` will do.
    pub health: Option<String>,
    /// `Host` of requests; the address unless set.
    pub host: Option<String>,
    /// Whether it is to speak TLS.
    pub tls: bool,
}

/// Addresses that are asked at most.
const MOST: usize = 16;

/// Names of all checks that there are; `*` stands for an address.
pub fn names() -> impl Iterator<Item = String> {
    listening::NAMES.iter().copied().chain(["backend.answers.*"]).map(str::to_owned)
}

/// Examines this host as that of a back-end.
#[must_use]
pub fn examine(back_end: &BackEnd, selection: &Selection) -> Report {
    let began = Instant::now();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let port = back_end.port;
    let before = World::read();
    let mut report = Report { target: format!("port {port}"), started, ..Report::default() };
    report.ran_from = before.ran_from.clone();
    let before = if selection.takes("backend.firewall") { before.with_firewall() } else { before };
    let addresses =
        if selection.takes_some_of("backend.answers") { addresses(&before, port) } else { Vec::new() };
    let asked = ask_all(back_end, &addresses);
    // Queues that overflow while somebody asks are the ones that matter.
    let after = World::read();
    listening::check(back_end, &before, &after, selection, &mut report);
    answers(back_end, &before, &asked, selection, &mut report);
    report.probes = asked.iter().map(|(_, seen)| seen.connections).sum();
    report.took = began.elapsed();
    report
}

/// The addresses at which the port can be reached, as its sockets say.
fn addresses(world: &World, port: u16) -> Vec<SocketAddr> {
    let mut found = BTreeSet::new();
    for socket in world.sockets.on_port(port) {
        match socket.local.ip() {
            ip if !ip.is_unspecified() => {
                found.insert(ip);
            }
            IpAddr::V4(_) => found.extend(own(world, false)),
            // One of IPv6 takes IPv4 too, unless it was told not to; which is seen by asking.
            IpAddr::V6(_) => found.extend(own(world, true).chain(own(world, false))),
        }
    }
    found.into_iter().take(MOST).map(|ip| SocketAddr::new(ip, port)).collect()
}

/// Addresses of this host of one family that others can use without naming a device.
fn own(world: &World, six: bool) -> impl Iterator<Item = IpAddr> {
    let loopback: IpAddr = if six { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    let usable = move |ip: &&IpAddr| match ip {
        IpAddr::V4(_) => !six,
        IpAddr::V6(ip) => six && !ip.is_unicast_link_local(),
    };
    let others = world.addresses.iter().flatten().filter(usable).copied().collect::<Vec<_>>();
    let has_loopback = others.contains(&loopback) || !six;
    others.into_iter().chain(has_loopback.then_some(loopback))
}

/// Asks at each address, at all of them at once.
fn ask_all(back_end: &BackEnd, addresses: &[SocketAddr]) -> Vec<(SocketAddr, Seen)> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = addresses
            .iter()
            .map(|address| (*address, scope.spawn(|| ask::ask(back_end, *address))))
            .collect();
        threads.into_iter().filter_map(|(address, thread)| Some((address, thread.join().ok()?))).collect()
    })
}

/// What the answers mean; the same finding of several addresses is one.
fn answers(
    back_end: &BackEnd,
    world: &World,
    asked: &[(SocketAddr, Seen)],
    selection: &Selection,
    report: &mut Report,
) {
    for (address, seen) in asked {
        let id = format!("backend.answers.{address}");
        if !selection.takes(&id) {
            continue;
        }
        let listens = world.sockets.on_port(address.port()).any(|socket| {
            let bound = socket.local.ip();
            bound == address.ip() || (bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4())
        });
        match answers::judge(back_end, *address, listens, seen) {
            Ok(words) => report.passed(id, words),
            Err(finding) => {
                let known = report
                    .findings
                    .iter_mut()
                    .find(|known| known.cause == finding.cause && known.subject.endpoint.is_some());
                match known {
                    Some(known) => {
                        known.also_explains.push(Subject::default().endpoint(address));
                        let outcome = crate::Outcome::Failed(finding.severity);
                        report.checks.push(crate::Check {
                            id,
                            outcome,
                            words: finding.title.clone(),
                            took: None,
                        });
                    }
                    None => report.failed(id, [*finding]),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_sys::sockets::Sockets;

    #[test]
    fn sockets_on_all_addresses_are_asked_at_each() {
        if !cfg!(target_endian = "little") {
            return;
        }
        let world = |four: &str, six: &str| World {
            sockets: Sockets::parse(four, six),
            addresses: Some(
                ["127.0.0.1", "10.0.0.7", "fe80::1", "fd00::7"].map(|ip| ip.parse().unwrap()).to_vec(),
            ),
            ..World::default()
        };
        let found =
            |world: World| addresses(&world, 8080).iter().map(ToString::to_string).collect::<Vec<_>>();
        let line = |local: &str| format!("0: {local} 00000000:0000 0A 0:0 0:0 0 0 0 5\n");
        assert_eq!(found(world(&line("0100007F:1F90"), "")), ["127.0.0.1:8080"]);
        assert_eq!(found(world(&line("00000000:1F90"), "")), ["10.0.0.7:8080", "127.0.0.1:8080"]);
        let six = "0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 5\n";
        assert_eq!(found(world("", six)), ["10.0.0.7:8080", "127.0.0.1:8080", "[fd00::7]:8080"]);
        assert_eq!(found(world("", "")), [""; 0]);
    }
}
