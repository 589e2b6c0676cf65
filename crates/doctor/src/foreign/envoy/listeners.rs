//! Whether what it says it listens on can be connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use causeway_reason::Condition;
use serde_json::Value;

use super::fields::text;
use super::observed::{Observed, address_of};
use crate::finding::{Evidence, EvidenceKind, Finding, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// A listener that is open answers at once.
const PATIENCE: Duration = Duration::from_millis(1000);

/// Connects once to each listener of the configuration; `host` is that of the admin server, where it has an address.
pub(super) fn listeners(observed: &Observed, host: Option<&str>, report: &mut Report) {
    for (name, address, protocol) in configured(observed) {
        let id = format!("admin.listeners.{name}");
        let Some(target) = target(&address, host).filter(|_| protocol != "UDP") else { continue };
        let began = Instant::now();
        report.probes += 1;
        let came = TcpStream::connect_timeout(&target, PATIENCE);
        match came {
            Ok(_) => report.passed(id, said!("{address} is open", "{address} 열림")),
            Err(error) => {
                let listed = is_listed(observed, name);
                report.failed(id, [closed(name, &address, target, &error, listed, began.elapsed())]);
            }
        }
    }
}

/// Listeners that there should be: name, address and transport.
fn configured(observed: &Observed) -> Vec<(&str, String, &str)> {
    let of = |list: &'static str| {
        observed
            .sections("ListenersConfigDump")
            .filter_map(move |section| section.get(list)?.as_array())
            .flatten()
    };
    let of_file = of("static_listeners").filter_map(|entry| entry.get("listener"));
    let added = of("dynamic_listeners").filter_map(|entry| entry.get("active_state")?.get("listener"));
    of_file
        .chain(added)
        // Istio's listeners of services are not bound: one in front of them is.
        .filter(|listener| listener.get("bind_to_port").and_then(Value::as_bool) != Some(false))
        .filter_map(|listener| {
            let address = listener.get("address")?;
            address.get("socket_address")?;
            Some((
                text(listener, &["name"]),
                address_of(address),
                text(address, &["socket_address", "protocol"]),
            ))
        })
        .collect()
}

/// Where to connect to; `None` where that is not known from here.
fn target(address: &str, host: Option<&str>) -> Option<SocketAddr> {
    let address: SocketAddr = address.parse().ok()?;
    let near = host
        .is_none_or(|host| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()));
    let ip = match address.ip() {
        ip if ip.is_unspecified() && near && ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() && near => Ipv6Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() => host?.parse().ok()?,
        // Somebody else's loopback can't be reached.
        ip if ip.is_loopback() && !near => return None,
        ip => ip,
    };
    (address.port() != 0).then_some(SocketAddr::new(ip, address.port()))
}

fn is_listed(observed: &Observed, name: &str) -> bool {
    let statuses = observed.listeners.get("listener_statuses").and_then(Value::as_array);
    statuses.into_iter().flatten().any(|status| text(status, &["name"]) == name)
}

fn closed(
    name: &str,
    address: &str,
    target: SocketAddr,
    error: &io::Error,
    listed: bool,
    took: Duration,
) -> Finding {
    let refused = error.kind() == io::ErrorKind::ConnectionRefused;
    let listed = if listed { "listed" } else { "not listed" };
    Finding::new(
        Condition::ListenerNotOpen,
        Severity::Error,
        said!("listener `{name}` is not open: {address}", "리스너 `{name}`가 열려 있지 않습니다: {address}"),
        Evidence::new(
            EvidenceKind::Probe,
            said!("connect to {target}", "{target}에 연결"),
            Said::plain(error.to_string()),
        )
        .took(took),
    )
    .and(Evidence::new(EvidenceKind::Admin, Said::plain("/listeners"), Said::plain(listed)))
    .about(Subject::listener(name))
    // Silence may be a firewall between here and there.
    .grade(if refused { Grade::Proven } else { Grade::Likely })
    .effect(crate::Effect {
        words: Some(said!("clients can't connect", "클라이언트가 연결할 수 없습니다")),
        ..crate::Effect::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_reached_where_the_admin_server_is() {
        let to = |address: &str, host| target(address, host).map(|to| to.to_string());
        assert_eq!(to("0.0.0.0:80", Some("127.0.0.1")).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(to("0.0.0.0:80", None).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(to("0.0.0.0:80", Some("10.0.0.9")).as_deref(), Some("10.0.0.9:80"));
        assert_eq!(to("[::]:80", Some("localhost")).as_deref(), Some("[::1]:80"));
        assert_eq!(to("127.0.0.1:80", Some("10.0.0.9")), None);
        assert_eq!(to("10.0.0.7:80", Some("127.0.0.1")).as_deref(), Some("10.0.0.7:80"));
        assert_eq!(to("/run/x.sock", None), None);
    }
}
