//! Lines of HAProxy: `option httplog`, `option httpslog` and `option tcplog`, bare or behind syslog's head.
//!
//! What ended a session stands in two letters: who ended it, and what it was doing then.

use super::{Line, Maker};
use crate::{Cause, Condition, Flags, Reason};

/// What stands in a line of HAProxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HaproxyLine<'a> {
    /// HTTP or TCP.
    pub protocol: Protocol,
    /// When the request or the connection came, as the line has it: `20/Nov/2026:16:32:43.163`.
    pub time: &'a str,
    /// The frontend, without the `~` that stands for TLS.
    pub frontend: &'a str,
    /// The backend; the frontend's name where none was chosen.
    pub backend: &'a str,
    /// The server; `<NOSRV>` where none was chosen.
    pub server: &'a str,
    /// Milliseconds of all, from the request or connection to its end.
    pub total: Option<u64>,
    /// Status; 0 for none, and for TCP.
    pub status: u16,
    /// Termination state: four letters of HTTP, two of TCP.
    pub state: &'a str,
}

/// What a line of HAProxy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A request.
    Http,
    /// A connection.
    Tcp,
}

/// Name of a server where none was chosen.
const NO_SERVER: &str = "<NOSRV>";

impl<'a> HaproxyLine<'a> {
    /// Reads a line; `None` where it is none of HAProxy's.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        // The client comes in front of the time, whatever syslog has written before it.
        let (before, rest) = text.split_once(" [")?;
        before.rsplit(' ').next()?.rsplit_once(':')?.1.parse::<u16>().ok()?;
        let (time, rest) = rest.split_once("] ")?;
        let mut words = rest.split_ascii_whitespace();
        let frontend = words.next()?;
        let (backend, server) = words.next()?.split_once('/')?;
        let times = words.next()?;
        let count = times.split('/').count();
        let total = times.rsplit('/').next()?.trim_start_matches('+');
        let total = total.parse::<i64>().ok()?;
        let (protocol, status, state) = match count {
            5 => {
                let status = words.next()?.parse::<i32>().ok()?;
                // Bytes and two captured cookies.
                (Protocol::Http, u16::try_from(status).unwrap_or(0), words.nth(3)?)
            }
            3 => (Protocol::Tcp, 0, words.nth(1)?),
            _ => return None,
        };
        let letters = if protocol == Protocol::Http { 4 } else { 2 };
        if state.len() != letters || !state.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
            return None;
        }
        let frontend = frontend.trim_end_matches('~');
        Some(Self {
            protocol,
            time,
            frontend,
            backend,
            server,
            total: u64::try_from(total).ok(),
            status,
            state,
        })
    }

    /// Who ended it and what it was doing then: the first two letters.
    #[must_use]
    pub fn ending(&self) -> &'a str {
        self.state.get(..2).unwrap_or("--")
    }

    /// Whether a server was chosen.
    #[must_use]
    pub fn has_server(&self) -> bool {
        self.server != NO_SERVER
    }

    /// Who made the answer.
    #[must_use]
    pub fn made_by(&self) -> Maker {
        match self.ending().as_bytes() {
            [b'-', b'-'] if self.has_server() => Maker::Upstream,
            // A server that broke off in the middle had answered before.
            [b'S' | b's', b'D' | b'L'] => Maker::Upstream,
            [b'C' | b'c', b'D' | b'L' | b'C' | b'H' | b'Q' | b'R'] => Maker::Client,
            _ => Maker::Proxy,
        }
    }

    /// What gives such a line.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let reasons = |reasons: &[Reason]| reasons.iter().copied().map(Cause::from).collect::<Vec<_>>();
        match self.ending().as_bytes() {
            [b'-', b'-'] if self.status >= 500 => reasons(&[Reason::UpstreamStatus]),
            [b'S', b'C'] if !self.has_server() => self.no_server(),
            [b'S', b'C'] => {
                let mut all = reasons(CONNECT);
                let others = [
                    Condition::ListensOnLoopback,
                    Condition::AnotherPortListens,
                    Condition::AddressStale,
                    Condition::ClientCertificateExpired,
                ];
                all.extend(others.map(Cause::from));
                all
            }
            [b's', b'C'] => {
                let mut all =
                    reasons(&[Reason::ConnectTimeout, Reason::UpstreamTlsTimeout, Reason::UpstreamTlsPlain]);
                all.extend([Condition::AcceptQueueFull, Condition::ConnectTimeoutTooShort].map(Cause::from));
                all
            }
            [b'S', b'H'] => {
                let mut all = reasons(CLOSED);
                all.push(Condition::ProxyHeaderWanted.into());
                all
            }
            [b's', b'H' | b'D' | b'L'] => vec![Condition::HaproxyServerTimeout.into()],
            [b'S', b'D' | b'L'] if self.protocol == Protocol::Tcp => reasons(&[Reason::TcpUpstreamReset]),
            [b'S', b'D' | b'L'] => reasons(&[Reason::UpstreamClosedInBody, Reason::UpstreamResetInBody]),
            [b's', b'Q'] => vec![Condition::HaproxyQueueTimeout.into()],
            [b'P', b'H'] => reasons(BROKEN),
            [b'P', b'R'] if self.status == 400 => reasons(&[
                Reason::RequestNotHttp,
                Reason::RequestLineMalformed,
                Reason::RequestHeaderMalformed,
            ]),
            [b'P', b'R' | b'T'] | [b'L', b'R'] => reasons(&[Reason::DirectResponse]),
            [b'R', _] => reasons(&[Reason::DescriptorsExhausted, Reason::LocalPortsExhausted]),
            [b'C', _] => reasons(&[Reason::ClientDisconnected]),
            [b'c', b'R'] => reasons(&[Reason::RequestHeadersTimeout]),
            [b'c', _] => reasons(&[Reason::RequestIdleTimeout]),
            _ => Vec::new(),
        }
    }

    /// All that a line says of its causes.
    #[must_use]
    pub fn explain(&self) -> Line {
        let details = format!("{} {}/{}", self.state, self.backend, self.server);
        Line {
            details: Some(details),
            flags: Flags::default(),
            made_by: Some(self.made_by()),
            causes: self.causes(),
        }
    }

    /// No server was chosen: no backend was, or all of its servers are down, under maintenance or without address.
    fn no_server(&self) -> Vec<Cause> {
        if self.backend == self.frontend {
            return vec![Condition::HaproxyNoBackend.into()];
        }
        let health = Reason::FAMILIES.iter().filter(|(name, _)| *name == "health");
        let checks = health.flat_map(|(_, members)| members.iter().copied());
        // HAProxy takes a server for healthy until its first check.
        let is_check = |reason: &Reason| {
            reason.key().starts_with("health_check") && *reason != Reason::HealthCheckPending
        };
        let checks = checks.filter(is_check).map(Cause::from);
        let conditions = [
            Condition::CheckTimeoutIsInter,
            Condition::HealthCheckMethod,
            Condition::HealthCheckHost,
            Condition::HaproxyServerUnresolved,
        ];
        checks
            .chain(conditions.map(Cause::from))
            .chain([Reason::EndpointDisabled, Reason::NoEndpoints].map(Cause::from))
            .collect()
    }
}

/// A server that could not be connected to; a handshake that failed looks the same.
const CONNECT: &[Reason] = &[
    Reason::ConnectRefused,
    Reason::ConnectRejected,
    Reason::HostUnreachable,
    Reason::NetworkUnreachable,
    Reason::UpstreamTlsPlain,
    Reason::UpstreamTlsUnknownIssuer,
    Reason::UpstreamTlsExpired,
    Reason::UpstreamTlsNameMismatch,
    Reason::UpstreamTlsClientCertificateMissing,
    Reason::UpstreamTlsServerName,
    Reason::UpstreamTlsVersion,
    Reason::UpstreamTlsSelfSigned,
    Reason::UpstreamTlsNotYetValid,
    Reason::UpstreamTlsRevoked,
    Reason::UpstreamTlsClientCertificateRefused,
    Reason::UpstreamTlsNoCommonParameters,
    Reason::UpstreamTlsClosed,
    Reason::UpstreamTlsReset,
    Reason::UpstreamSpeaksHttp1,
    Reason::ConnectReset,
    Reason::SourceBindFailed,
    Reason::SocketPathMissing,
    Reason::ConnectNotPermitted,
];

/// A server that closed the connection instead of answering.
const CLOSED: &[Reason] =
    &[Reason::UpstreamClosed, Reason::UpstreamReset, Reason::KeepaliveRace, Reason::UpstreamSpeaksTls];

/// An answer that is no HTTP/1.
const BROKEN: &[Reason] = &[
    Reason::UpstreamNotHttp,
    Reason::UpstreamHeadersTooLarge,
    Reason::UpstreamHeaderMalformed,
    Reason::UpstreamFraming,
    Reason::UpstreamSpeaksHttp2,
    Reason::UpstreamSpeaksTls,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn http(server: &str, status: u16, state: &str) -> String {
        format!(
            "127.0.0.1:49466 [20/Nov/2026:16:32:43.163] fe~ {server} 0/0/-1/-1/3002 {status} 217 - - {state} 1/1/0/0/3 0/0 \"GET /x HTTP/1.1\""
        )
    }

    #[test]
    fn a_line_is_read_bare_and_behind_the_head_of_syslog() {
        let bare = http("be/s1", 503, "SC--");
        for line in [bare.clone(), format!("<133>Nov 20 16:32:42 edge haproxy[811]: {bare}")] {
            let read = HaproxyLine::read(&line).unwrap();
            assert_eq!((read.frontend, read.backend, read.server), ("fe", "be", "s1"));
            assert_eq!((read.status, read.total, read.state), (503, Some(3002), "SC--"));
            assert_eq!((read.protocol, read.made_by()), (Protocol::Http, Maker::Proxy));
            assert!(read.causes().contains(&Reason::ConnectRefused.into()));
        }
    }

    #[test]
    fn a_line_of_tcp_has_three_times_and_two_letters() {
        let line = "10.0.0.9:5021 [20/Nov/2026:16:32:43.163] db pg/p1 1/0/+60001 4213 sD 1/1/1/1/0 0/0";
        let read = HaproxyLine::read(line).unwrap();
        assert_eq!((read.protocol, read.state, read.total), (Protocol::Tcp, "sD", Some(60001)));
        assert_eq!(read.causes(), [Condition::HaproxyServerTimeout.into()]);
    }

    #[test]
    fn what_ended_a_session_names_its_causes() {
        let causes = |server: &str, status, state: &str| {
            HaproxyLine::read(&http(server, status, state)).unwrap().causes()
        };
        assert_eq!(causes("fe/<NOSRV>", 503, "SC--"), [Condition::HaproxyNoBackend.into()]);
        let down = causes("be/<NOSRV>", 503, "SC--");
        assert!(
            down.contains(&Condition::CheckTimeoutIsInter.into())
                && down.contains(&Reason::HealthCheckTimeout.into())
        );
        assert!(causes("be/s1", 502, "SH--").contains(&Condition::ProxyHeaderWanted.into()));
        assert_eq!(causes("be/s1", 504, "sH--"), [Condition::HaproxyServerTimeout.into()]);
        assert_eq!(causes("be/s1", 503, "sQ--"), [Condition::HaproxyQueueTimeout.into()]);
        assert!(causes("be/s1", 502, "PH--").contains(&Reason::UpstreamNotHttp.into()));
        assert_eq!(causes("be/s1", 500, "----"), [Reason::UpstreamStatus.into()]);
        assert_eq!(causes("be/s1", 200, "----"), []);
        assert_eq!(causes("fe/<NOSRV>", 408, "cR--"), [Reason::RequestHeadersTimeout.into()]);
    }

    #[test]
    fn lines_of_others_are_none_of_haproxy() {
        for line in [
            "",
            r#"[2026-11-20T16:22:33.021Z] "GET / HTTP/1.1" 503 UF 0 98 0 - "-" "curl" "id" "a:80" "127.0.0.1:1""#,
            "10.0.0.1:1 [x] a b/c 1/2/3/4/x 200 1 - - ---- 1 1",
            "10.0.0.1:1 [20/Nov/2026:16:32:43.163] Connect from 10.0.0.1:1 to 10.0.0.2:80 (fe/HTTP)",
        ] {
            assert_eq!(HaproxyLine::read(line), None, "{line}");
        }
    }
}
