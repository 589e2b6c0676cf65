//! There is no connection: who refuses it, or keeps silent.

use std::net::SocketAddr;

use causeway_model::Address;
use causeway_reason::{Condition, Failure, Reason};

use super::case::Case;
use super::diagnosis::{Diagnosis, Remedy};
use super::observations::Step;
use super::trial::{Ask, Got, Security, Seen};
use crate::finding::Grade;
use crate::probe::here::Sockets;
use crate::said;

impl<'o> Case<'o> {
    pub(super) fn no_connection(&self, failure: &Failure) -> Result<Vec<Diagnosis>, Step> {
        let diagnosis = match failure.reason {
            Reason::ConnectRefused => self.refused(failure)?,
            Reason::ConnectTimeout => self.dropped(failure)?,
            Reason::NetworkUnreachable | Reason::HostUnreachable => match self.other_family(failure)? {
                Some(found) => found,
                None => Diagnosis::met(failure.clone(), self.at).not([
                    said!("a closed port: nothing answered", "닫힌 포트: 응답이 전혀 없었습니다"),
                    said!("TLS and HTTP: there is no connection", "TLS·HTTP: 연결 자체가 없습니다"),
                ]),
            },
            _ => Diagnosis::met(failure.clone(), self.at),
        };
        Ok(vec![diagnosis])
    }

    /// The name has addresses of the other family, and one of them is answered.
    fn other_family(&self, failure: &Failure) -> Result<Option<Diagnosis>, Step> {
        let Some(mut ip) = self.target.address.ip() else { return Ok(None) };
        let Some(other) = self.target.other_family.first() else { return Ok(None) };
        ip.set_ip(*other);
        let answered = self.varied(|trial| {
            (trial.to, trial.header) = (Address::Ip(ip), None);
            (trial.security, trial.ask) = (Security::Plain, Ask::Nothing);
        })?;
        let Some((at, seen)) = answered else { return Ok(None) };
        if seen.connected.is_none() || self.target.address.ip().is_some_and(|ip| ip.is_ipv4()) {
            return Ok(None);
        }
        let found = Diagnosis::of(Condition::Ipv6Chosen, self.at).meets(failure.clone()).proof(at);
        Ok(Some(found.helps(Remedy::LookupFamily("V4_PREFERRED")).not([
            said!("the port: it is open by IPv4", "포트: IPv4로는 열려 있습니다"),
            said!("the name: it has addresses of both families", "이름: 두 주소 체계의 주소가 모두 있습니다"),
        ])))
    }

    fn sockets(&self) -> Result<Option<&'o Sockets>, Step> {
        match &self.seen.sockets {
            _ if !self.target.is_here => Ok(None),
            Some(sockets) => Ok(sockets.as_ref()),
            None => Err(Step::Look),
        }
    }

    fn refused(&self, failure: &Failure) -> Result<Diagnosis, Step> {
        if let Some(found) = self.other_family(failure)? {
            return Ok(found);
        }
        let plain = Diagnosis::met(failure.clone(), self.at);
        let Some(address) = self.target.address.ip() else { return Ok(plain) };
        let plain = plain.not([
            said!(
                "a firewall that drops: the host answered at once",
                "패킷을 버리는 방화벽: 호스트가 즉시 응답했습니다"
            ),
            said!("routes and ARP: the host answered", "경로·ARP: 호스트가 응답했습니다"),
        ]);
        let Some(sockets) = self.sockets()? else {
            let port = address.port();
            return Ok(plain.grade(Grade::Likely).helps(Remedy::Words(said!(
                "on that host: `causeway doctor backend --port {port}` or `ss -ltnp 'sport = :{port}'` (an address of 127.0.0.1 there means that it listens for itself only)",
                "그 호스트에서 `causeway doctor backend --port {port}` 또는 `ss -ltnp 'sport = :{port}'`를 실행하십시오(127.0.0.1로 나오면 그 호스트 자신에게만 열린 것입니다)"
            ))));
        };
        if sockets.takes(address) {
            let port = address.port();
            return Ok(Diagnosis::of(Reason::ConnectRejected, self.at)
                .meets(failure.clone())
                .grade(Grade::Likely)
                .fact(said!(
                    "a socket of this host listens on port {port}, and the connection was refused all the same",
                    "이 호스트의 소켓이 포트 {port}에서 듣고 있는데도 연결이 거부되었습니다"
                )));
        }
        let elsewhere = sockets.on_port(address.port());
        if !elsewhere.is_empty() {
            let shown = elsewhere.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Ok(Diagnosis::of(Condition::ListensOnLoopback, self.at).meets(failure.clone()).fact(
                said!(
                    "this host listens on {shown}, and not on {address}",
                    "이 호스트는 {shown}에서 듣고 있고 {address}에서는 듣지 않습니다"
                ),
            ));
        }
        let port = address.port();
        let fact = said!(
            "no socket of this host listens on port {port}",
            "이 호스트에는 포트 {port}에서 듣는 소켓이 없습니다"
        );
        if let Some(proof) = self.host_of_container(address)? {
            return Ok(Diagnosis::of(Condition::LoopbackInContainer, self.at)
                .meets(failure.clone())
                .proof(proof)
                .fact(fact));
        }
        if let Some(near) = sockets.near(address, &self.target.taken) {
            return Ok(Diagnosis::of(Condition::AnotherPortListens, self.at)
                .meets(failure.clone())
                .grade(Grade::Likely)
                .fact(fact)
                .fact(said!("it listens on port {near}", "포트 {near}에서는 듣고 있습니다")));
        }
        Ok(plain.fact(fact))
    }

    /// The port is open on the host that the container runs on.
    fn host_of_container(&self, address: SocketAddr) -> Result<Option<usize>, Step> {
        let Some(gateway) = self.target.gateway.filter(|_| address.ip().is_loopback()) else {
            return Ok(None);
        };
        let there = self.varied(|trial| {
            (trial.to, trial.header) = (Address::Ip(SocketAddr::new(gateway, address.port())), None);
            (trial.security, trial.ask) = (Security::Plain, Ask::Nothing);
        })?;
        Ok(there.filter(|(_, seen)| seen.connected.is_some()).map(|(at, _)| at))
    }

    fn dropped(&self, failure: &Failure) -> Result<Diagnosis, Step> {
        if let Some(found) = self.other_family(failure)? {
            return Ok(found);
        }
        let plain = Diagnosis::met(failure.clone(), self.at).not([
            said!("a closed port: it would be refused at once", "닫힌 포트: 즉시 거부되었을 것입니다"),
            said!("TLS and HTTP: there is no connection", "TLS·HTTP: 연결 자체가 없습니다"),
        ]);
        let Some(address) = self.target.address.ip() else { return Ok(plain) };
        if let Some(sockets) = self.sockets()? {
            return Ok(match sockets.waiting(address) {
                Some(waiting) if waiting > 0 => {
                    Diagnosis::of(Condition::AcceptQueueFull, self.at).meets(failure.clone()).fact(said!(
                        "{waiting} connections wait on {address} for the program to accept them (Recv-Q)",
                        "{address}에서 연결 {waiting}개가 프로그램이 accept하기를 기다리고 있습니다(Recv-Q)"
                    ))
                }
                _ => plain.grade(Grade::Likely),
            });
        }
        let mut other = address;
        other.set_port(if address.port() == 1 { 2 } else { 1 });
        let neighbour = self.varied(|trial| {
            (trial.to, trial.header) = (Address::Ip(other), None);
            (trial.security, trial.ask) = (Security::Plain, Ask::Nothing);
        })?;
        let silent = |seen: &Seen| matches!(&seen.got, Got::NoConnection(failure) if failure.reason == Reason::ConnectTimeout);
        Ok(match neighbour {
            Some((at, seen)) if !silent(seen) => plain.grade(Grade::Likely).proof(at).not([said!(
                "a host that is down: another port of it answers",
                "호스트 다운: 다른 포트는 응답합니다"
            )]),
            Some((at, _)) => plain.grade(Grade::Likely).proof(at),
            None => plain.grade(Grade::Likely),
        })
    }
}
