//! What is wrong with an endpoint, by what trials have shown: [`next`] gives the trial that tells most, until nothing is
//! left to be told.
//!
//! The first trial is what the configuration would do. Where that is not answered as it should be, each neighbouring
//! hypothesis gets the trial that proves it, the likeliest first.

use std::net::SocketAddr;

use causeway_model::{Address, ProxyProtocolVersion, TlsVersion};
use causeway_reason::{Cause, Condition, Failure, Reason};

use super::checks;
use super::trial::{Again, Ask, BodyEnd, Got, Security, Seen, Trial};
use crate::finding::{Grade, Severity};
use crate::probe::here::Sockets;
use crate::probe::plan::{Protocol, Target};
use crate::said;
use crate::said::Said;

/// Trials of one endpoint, at most.
pub const TRIALS: usize = 8;
/// Certificates that end within so many seconds are spoken of.
const SOON: i64 = 14 * 86_400;

/// What is known.
#[derive(Debug, Default)]
pub struct Observations {
    /// Trials that were made, in their order.
    pub trials: Vec<(Trial, Seen)>,
    /// Sockets of this host that listen, once they were looked at; `None` in it where they can't be read.
    pub sockets: Option<Option<Sockets>>,
    /// No more trials are made: the time is over.
    pub exhausted: bool,
    /// The time, in seconds since 1970.
    pub now: i64,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This trial.
    Try(Box<Trial>),
    /// Looking at the sockets of this host.
    Look,
    /// Nothing: this is what is wrong. Nothing is, where there is nothing in it.
    Conclude(Vec<Diagnosis>),
}

/// Something that is wrong with an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Its cause.
    pub cause: Cause,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub grade: Grade,
    /// What requests meet, where they meet anything.
    pub met: Option<Failure>,
    /// Trials that show it, by their places.
    pub trials: Vec<usize>,
    /// What else was seen.
    pub facts: Vec<Said>,
    /// What is excluded.
    pub ruled_out: Vec<Said>,
    /// What helps.
    pub remedies: Vec<Remedy>,
    /// The health check that it is about.
    pub check: Option<usize>,
}

/// What helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// No TLS towards the cluster.
    RemoveTls,
    /// TLS towards the cluster, asking for this name.
    AddTls(Option<String>),
    /// This name is to be asked for.
    ServerName(String),
    /// TLS 1.3 is to be allowed.
    AllowTls13,
    /// Other addresses are to be asked for.
    LookupFamily(&'static str),
    /// More time for connections, in milliseconds.
    ConnectTimeout(u64),
    /// Idle connections are to be closed after so many seconds.
    IdleTimeout(u64),
    /// The check asks for this path.
    CheckPath(String),
    /// The check uses this host.
    CheckHost(String),
    /// The check takes statuses from the one to before the other.
    CheckStatuses(u16, u16),
    /// The check asks with `GET`.
    CheckByGet,
    /// The check waits so many milliseconds.
    CheckTimeout(u64),
    /// Routes are to send this host.
    Host(String),
    /// For people.
    Words(Said),
}

/// What is asked for: where it was tried, what came of it; an error is what has to be tried for that.
pub(super) type Known<'o> = Result<Option<(usize, &'o Seen)>, Step>;

impl Diagnosis {
    /// Something that requests meet.
    pub(super) fn met(failure: Failure, trial: usize) -> Self {
        Self { met: Some(failure.clone()), ..Self::of(failure.reason, trial) }
    }

    /// Something that stands behind it.
    pub(super) fn of(cause: impl Into<Cause>, trial: usize) -> Self {
        Self {
            cause: cause.into(),
            severity: Severity::Error,
            grade: Grade::Proven,
            met: None,
            trials: vec![trial],
            facts: Vec::new(),
            ruled_out: Vec::new(),
            remedies: Vec::new(),
            check: None,
        }
    }

    pub(super) fn meets(mut self, failure: impl Into<Failure>) -> Self {
        self.met = Some(failure.into());
        self
    }

    pub(super) const fn grade(mut self, grade: Grade) -> Self {
        self.grade = grade;
        self
    }

    pub(super) const fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    pub(super) fn proof(mut self, trial: usize) -> Self {
        self.trials.push(trial);
        self
    }

    pub(super) fn fact(mut self, fact: Said) -> Self {
        self.facts.push(fact);
        self
    }

    pub(super) fn not(mut self, what: impl IntoIterator<Item = Said>) -> Self {
        self.ruled_out.extend(what);
        self
    }

    pub(super) fn helps(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }
}

impl Observations {
    /// What came of a trial that was made.
    fn made(&self, trial: &Trial) -> Option<(usize, &Seen)> {
        let at = self.trials.iter().position(|(known, _)| known == trial)?;
        self.trials.get(at).map(|(_, seen)| (at, seen))
    }

    /// What came of a trial, or that it has to be made; `None` where no more are made.
    pub(super) fn want(&self, trial: Trial) -> Known<'_> {
        if let Some(known) = self.made(&trial) {
            return Ok(Some(known));
        }
        if self.exhausted || self.trials.len() >= TRIALS {
            return Ok(None);
        }
        Err(Step::Try(Box::new(trial)))
    }
}

impl Target {
    /// What the configuration would do.
    pub(super) fn main(&self) -> Trial {
        let (host, path) = (self.host.clone(), self.path.clone());
        let ask = match self.protocol {
            Protocol::Http1 => Ask::Get { host, path },
            Protocol::Http2 => Ask::Http2,
            Protocol::Auto => Ask::Auto { host, path },
            Protocol::Unknown => Ask::Nothing,
        };
        Trial {
            to: self.address.clone(),
            header: self.header,
            security: self.security(),
            ask,
            repeated: false,
        }
    }

    pub(super) const fn security(&self) -> Security {
        if self.tls.is_some() { Security::Configured } else { Security::Plain }
    }

    fn get(&self) -> Ask {
        Ask::Get { host: self.host.clone(), path: self.path.clone() }
    }

    fn has_expired(&self, now: i64) -> bool {
        self.identity.is_some_and(|until| until < now)
    }
}

/// What is to be done next.
#[must_use]
pub fn next(target: &Target, seen: &Observations) -> Step {
    match conclude(target, seen) {
        Ok(diagnoses) => Step::Conclude(diagnoses),
        Err(step) => step,
    }
}

fn conclude(target: &Target, seen: &Observations) -> Result<Vec<Diagnosis>, Step> {
    let Some(first) = seen.want(target.main())? else { return Ok(Vec::new()) };
    let again = Trial { repeated: true, ..target.main() };
    let (at, main) = seen.made(&again).unwrap_or(first);
    let case = Case { target, seen, at, main };
    let mut found = match &main.got {
        Got::NoConnection(failure) => return case.no_connection(failure),
        Got::NoHandshake(failure) => vec![case.no_handshake(failure)?],
        _ => case.spoken()?,
    };
    found.extend(case.beside());
    if found.iter().all(|diagnosis| diagnosis.severity != Severity::Error) {
        found.extend(checks::failing(target, seen)?);
    }
    Ok(found)
}

/// The main trial, and everything around it.
struct Case<'o> {
    target: &'o Target,
    seen: &'o Observations,
    at: usize,
    main: &'o Seen,
}

impl<'o> Case<'o> {
    /// The main trial, but for this.
    fn varied(&self, change: impl FnOnce(&mut Trial)) -> Known<'o> {
        let mut trial = self.target.main();
        change(&mut trial);
        self.seen.want(trial)
    }

    /// Something else is answered. Where the main trial was silent, that proves nothing before it was silent again: the
    /// back-end, or this host, may have been busy for once.
    fn confirmed(&self) -> Result<(), Step> {
        let is_silence = match &self.main.got {
            Got::Silence => true,
            Got::NoHandshake(failure) => failure.reason == Reason::UpstreamTlsTimeout,
            _ => false,
        };
        if is_silence {
            self.seen.want(Trial { repeated: true, ..self.target.main() })?;
        }
        Ok(())
    }

    /// There is a TLS server.
    fn any_tls(&self, name: Option<&str>) -> Known<'o> {
        let security = Security::Any { name: name.map(str::to_owned) };
        self.varied(|trial| (trial.security, trial.ask) = (security, Ask::Nothing))
    }

    fn no_connection(&self, failure: &Failure) -> Result<Vec<Diagnosis>, Step> {
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

    /// The handshake failed.
    fn no_handshake(&self, failure: &Failure) -> Result<Diagnosis, Step> {
        let plain = Diagnosis::met(failure.clone(), self.at);
        let asked = self.main.asked();
        match failure.reason {
            Reason::UpstreamTlsExpired
            | Reason::UpstreamTlsNotYetValid
            | Reason::UpstreamTlsUnknownIssuer
            | Reason::UpstreamTlsSelfSigned
            | Reason::UpstreamTlsRevoked
            | Reason::UpstreamTlsRevocationUnknown
            | Reason::UpstreamTlsPurpose
            | Reason::UpstreamTlsPinMismatch
            | Reason::UpstreamTlsBadCertificate
            | Reason::UpstreamTlsNotReady
            | Reason::UpstreamTlsAlpn => return Ok(plain.not(verified())),
            Reason::UpstreamTlsNameMismatch => {
                let shown = self.any_tls(Some(self.main.tls.as_ref().map_or("", |tls| &*tls.name)))?;
                return Ok(match shown {
                    Some((at, _)) => plain.proof(at).not(verified()),
                    None => plain.not(verified()),
                });
            }
            _ => {}
        }
        if asked && self.target.has_expired(self.seen.now) {
            return Ok(Diagnosis::of(Condition::ClientCertificateExpired, self.at).meets(failure.clone()));
        }
        if asked && self.target.identity.is_none() {
            let reason = Reason::UpstreamTlsClientCertificateMissing;
            return Ok(Diagnosis::of(reason, self.at).meets(failure.clone()).not(verified()));
        }
        if failure.reason == Reason::UpstreamTlsClientCertificateRefused {
            return Ok(plain.not(verified()));
        }
        // A plain server shows itself by its answer.
        if let Some((at, seen)) =
            self.varied(|trial| (trial.security, trial.ask) = (Security::Plain, self.target.get()))?
            && (seen.answer().is_some_and(|answer| !speaks_of_tls(answer.status, &answer.body)))
        {
            self.confirmed()?;
            return Ok(Diagnosis::of(Reason::UpstreamTlsPlain, self.at)
                .meets(failure.clone())
                .proof(at)
                .helps(Remedy::RemoveTls)
                .not([said!(
                    "certificates and names: TLS is not spoken at all",
                    "인증서·이름: TLS 자체를 쓰지 않습니다"
                )]));
        }
        // Any TLS at all, by the name that is configured, then by others.
        let own = self.main.tls.as_ref().map(|tls| tls.name.clone()).filter(|name| !name.is_empty());
        if let Some((at, seen)) = self.any_tls(own.as_deref())? {
            if seen.is_secure() {
                self.confirmed()?;
                return Ok(self.other_parameters(failure, at, seen));
            }
            if seen.asked() && self.target.identity.is_none() {
                let reason = Reason::UpstreamTlsClientCertificateMissing;
                return Ok(Diagnosis::of(reason, self.at).meets(failure.clone()).proof(at));
            }
        }
        let shown = own.unwrap_or_default();
        for name in self
            .target
            .names
            .iter()
            .filter(|name| **name != shown && name.parse::<std::net::IpAddr>().is_err())
        {
            if let Some((at, seen)) = self.any_tls(Some(name))?
                && seen.is_secure()
            {
                self.confirmed()?;
                return Ok(Diagnosis::of(Reason::UpstreamTlsServerName, self.at)
                    .meets(failure.clone())
                    .proof(at)
                    .helps(Remedy::ServerName(name.clone())));
            }
        }
        if let Some(found) = self.header(failure, Seen::is_secure)? {
            return Ok(found);
        }
        Ok(plain.grade(Grade::Likely))
    }

    /// TLS works, but not with the versions and suites of the file.
    fn other_parameters(&self, failure: &Failure, at: usize, seen: &Seen) -> Diagnosis {
        let is_13 = seen.tls.as_ref().is_some_and(|tls| tls.version == "TLSv1.3");
        let most = self.target.tls.as_ref().and_then(|tls| tls.common.params.maximum);
        if is_13 && most != Some(TlsVersion::V13) {
            return Diagnosis::of(Reason::UpstreamTlsVersion, self.at)
                .meets(failure.clone())
                .proof(at)
                .helps(Remedy::AllowTls13);
        }
        if seen.asked() {
            let reason = match self.target.identity {
                Some(_) => Reason::UpstreamTlsClientCertificateRefused,
                None => Reason::UpstreamTlsClientCertificateMissing,
            };
            return Diagnosis::of(reason, self.at).meets(failure.clone()).grade(Grade::Likely).proof(at);
        }
        Diagnosis::of(Reason::UpstreamTlsNoCommonParameters, self.at).meets(failure.clone()).proof(at)
    }

    /// With a PROXY header, or without the one that is configured, it works.
    fn header(&self, failure: &Failure, works: impl Fn(&Seen) -> bool) -> Result<Option<Diagnosis>, Step> {
        let (other, cause) = match self.target.header {
            None => (Some(ProxyProtocolVersion::V1), Condition::ProxyHeaderWanted),
            Some(_) => (None, Condition::ProxyHeaderUnwanted),
        };
        let Some((at, seen)) = self.varied(|trial| trial.header = other)? else { return Ok(None) };
        if !works(seen) {
            return Ok(None);
        }
        self.confirmed()?;
        Ok(Some(Diagnosis::of(cause, self.at).meets(failure.clone()).proof(at)))
    }

    /// There is a connection, and what was to be said on it was said.
    fn spoken(&self) -> Result<Vec<Diagnosis>, Step> {
        let found = match &self.main.got {
            Got::Connected | Got::Frames | Got::Reply(_) | Got::NotAsked(_) | Got::Grpc(_) => None,
            Got::NoConnection(_) | Got::NoHandshake(_) => None,
            Got::Answer(answer) => self.answered(answer)?,
            Got::Broken(failure) => Some(self.broken(failure)?),
            Got::Closed => Some(self.unanswered(Reason::UpstreamClosed)?),
            Got::Reset => Some(self.unanswered(Reason::UpstreamReset)?),
            Got::Silence => Some(self.unanswered(Reason::RouteTimeout)?),
        };
        Ok(found.into_iter().collect())
    }

    /// It answers in HTTP/1.
    fn answered(&self, answer: &super::trial::Answer) -> Result<Option<Diagnosis>, Step> {
        let (status, at) = (answer.status, self.at);
        if answer.end == BodyEnd::Cut {
            return Ok(Some(Diagnosis::met(Reason::UpstreamClosedInBody.into(), at)));
        }
        if status == 400
            && self.main.asked()
            && self.target.identity.is_none()
            && speaks_of_certificate(&answer.body)
        {
            return Ok(Some(Diagnosis::of(Reason::UpstreamTlsClientCertificateMissing, at)));
        }
        if status == 400
            && self.target.tls.is_none()
            && let Some((proof, seen)) = self.any_tls(self.name())?
            && (seen.is_secure() || seen.asked())
        {
            return Ok(Some(self.speaks_tls(proof, status_of(status))));
        }
        if status == 400 && self.target.header.is_some() {
            let works = |seen: &Seen| seen.status().is_some_and(|status| status != 400);
            if let Some(found) = self.header(&status_of(status), works)? {
                return Ok(Some(found));
            }
        }
        if matches!(status, 404 | 421 | 403) {
            for name in self.target.names.iter().filter(|name| **name != self.target.host) {
                let path = self.target.path.clone();
                let ask = Ask::Get { host: name.clone(), path };
                if let Some((proof, seen)) = self.varied(|trial| trial.ask = ask)?
                    && seen.status().is_some_and(|status| status < 400)
                {
                    return Ok(Some(
                        Diagnosis::of(Condition::HostUnknownToBackEnd, at)
                            .proof(proof)
                            .helps(Remedy::Host(name.clone())),
                    ));
                }
            }
        }
        if status >= 500 {
            return Ok(Some(Diagnosis::met(status_of(status), at).warning()));
        }
        if answer.again == Some(Again::Closed) {
            return Ok(Some(Diagnosis::met(Reason::KeepaliveRace.into(), at).fact(said!(
                "it closed the connection behind its first answer, without `Connection: close`",
                "첫 응답 뒤에 `Connection: close` 없이 연결을 닫았습니다"
            ))));
        }
        Ok(None)
    }

    /// What came is not what was expected.
    fn broken(&self, failure: &Failure) -> Result<Diagnosis, Step> {
        let plain = Diagnosis::met(failure.clone(), self.at);
        match failure.reason {
            Reason::UpstreamSpeaksTls => Ok(match self.any_tls(self.name())? {
                Some((at, seen)) if seen.is_secure() || seen.asked() => self.speaks_tls(at, failure.clone()),
                _ => plain.grade(Grade::Likely).helps(Remedy::AddTls(self.name().map(str::to_owned))),
            }),
            Reason::UpstreamSpeaksHttp2 => Ok(match self.varied(|trial| trial.ask = Ask::Http2)? {
                Some((at, seen)) if seen.got == Got::Frames => plain.proof(at),
                _ => plain.grade(Grade::Likely),
            }),
            Reason::UpstreamSpeaksHttp1 => {
                // By ALPN the two would have agreed on what both speak.
                let chosen = self.main.tls.as_ref().is_some_and(|tls| tls.alpn.as_deref() != Some("h2"));
                let cause = if self.main.is_secure() && chosen {
                    Reason::UpstreamTlsAlpn
                } else {
                    Reason::UpstreamSpeaksHttp1
                };
                let found = Diagnosis::of(cause, self.at).meets(failure.clone());
                Ok(match self.varied(|trial| trial.ask = self.target.get())? {
                    Some((at, seen)) if seen.answer().is_some() => found.proof(at),
                    _ => found.grade(Grade::Likely),
                })
            }
            _ => Ok(plain),
        }
    }

    /// Nothing came back.
    fn unanswered(&self, reason: Reason) -> Result<Diagnosis, Step> {
        let failure = Failure::new(reason);
        if self.main.is_secure() && self.main.asked() && reason != Reason::RouteTimeout {
            let met = Failure::new(Reason::UpstreamClosed);
            let cause: Cause = match self.target.identity {
                None => Reason::UpstreamTlsClientCertificateMissing.into(),
                Some(_) if self.target.has_expired(self.seen.now) => {
                    Condition::ClientCertificateExpired.into()
                }
                Some(_) => Reason::UpstreamTlsClientCertificateRefused.into(),
            };
            return Ok(Diagnosis::of(cause, self.at).meets(met).fact(said!(
                "the handshake was complete, a client certificate was asked for in it, and the connection ended behind it, as it does with TLS 1.3",
                "핸드셰이크 중에 클라이언트 인증서를 요구받았고, 완료된 뒤 연결이 끊겼습니다. TLS 1.3에서는 이렇게 나타납니다"
            )));
        }
        if self.target.protocol == Protocol::Http2
            && let Some((at, seen)) = self.varied(|trial| trial.ask = self.target.get())?
            && seen.answer().is_some_and(|answer| !speaks_of_tls(answer.status, &answer.body))
        {
            self.confirmed()?;
            let cause =
                if self.main.is_secure() { Reason::UpstreamTlsAlpn } else { Reason::UpstreamSpeaksHttp1 };
            return Ok(Diagnosis::of(cause, self.at).meets(failure).proof(at));
        }
        if self.target.tls.is_none()
            && let Some((at, seen)) = self.any_tls(self.name())?
            && (seen.is_secure() || seen.asked() || is_alert(&seen.got))
        {
            self.confirmed()?;
            return Ok(self.speaks_tls(at, failure));
        }
        let works = |seen: &Seen| seen.status().is_some() || seen.got == Got::Frames;
        if let Some(found) = self.header(&failure, works)? {
            return Ok(found);
        }
        if self.target.protocol == Protocol::Http1
            && let Some((at, seen)) = self.varied(|trial| trial.ask = Ask::Http2)?
            && seen.got == Got::Frames
        {
            self.confirmed()?;
            return Ok(Diagnosis::of(Reason::UpstreamSpeaksHttp2, self.at).meets(failure).proof(at));
        }
        let plain = Diagnosis::met(failure, self.at).grade(Grade::Likely).not([
            said!(
                "DNS, firewall and a closed port: the connection stands",
                "DNS·방화벽·닫힌 포트: 연결은 됩니다"
            ),
            said!(
                "TLS, a PROXY header and HTTP/2: tried, not answered either",
                "TLS·PROXY 헤더·HTTP/2: 시도했지만 역시 응답이 없습니다"
            ),
        ]);
        Ok(match reason {
            // How long it takes to answer is not known, so that it may be slow and no more.
            Reason::RouteTimeout => plain.grade(Grade::Possible).warning(),
            _ => plain,
        })
    }

    fn speaks_tls(&self, proof: usize, failure: Failure) -> Diagnosis {
        Diagnosis::of(Reason::UpstreamSpeaksTls, self.at)
            .meets(failure)
            .proof(proof)
            .helps(Remedy::AddTls(self.name().map(str::to_owned)))
            .not([said!(
                "a crash of the application: TLS is answered",
                "애플리케이션 장애: TLS에는 응답합니다"
            )])
    }

    /// The name that TLS would ask for.
    fn name(&self) -> Option<&'o str> {
        let is_name = |name: &&String| name.contains('.') && name.parse::<std::net::IpAddr>().is_err();
        self.target.names.iter().find(is_name).map(String::as_str)
    }

    /// What works for now.
    fn beside(&self) -> Vec<Diagnosis> {
        let mut found = Vec::new();
        let limit = self.target.cluster.connect_timeout;
        if let Some(connected) = self.main.connected.filter(|connected| *connected > limit) {
            let needed = u64::try_from(connected.as_millis()).unwrap_or(u64::MAX).saturating_mul(3);
            found.push(
                Diagnosis::of(Condition::ConnectTimeoutTooShort, self.at)
                    .meets(Reason::ConnectTimeout)
                    .helps(Remedy::ConnectTimeout(needed.next_multiple_of(500))),
            );
        }
        let certificate = self.main.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        if let Some(certificate) = certificate
            && self.main.is_secure()
            && (self.seen.now..self.seen.now + SOON).contains(&certificate.not_after)
        {
            found.push(Diagnosis::of(Condition::CertificateExpiresSoon, self.at).warning());
        }
        let ours = self.target.cluster.http.idle_timeout;
        if let Some(theirs) = self.main.answer().and_then(|answer| answer.keep_alive)
            && ours.is_none_or(|ours| ours >= theirs)
        {
            found.push(
                Diagnosis::of(Condition::KeepaliveTooLong, self.at)
                    .meets(Reason::KeepaliveRace)
                    .warning()
                    .helps(Remedy::IdleTimeout(theirs.as_secs().saturating_sub(1).max(1))),
            );
        }
        found
    }
}

/// An alert is something that only TLS says.
fn is_alert(got: &Got) -> bool {
    matches!(got, Got::NoHandshake(failure) if matches!(
        failure.reason,
        Reason::UpstreamTlsAlert
            | Reason::UpstreamTlsNoCommonParameters
            | Reason::UpstreamTlsServerName
            | Reason::UpstreamTlsVersion
            | Reason::UpstreamTlsAlpn
            | Reason::UpstreamTlsClientCertificateMissing
    ))
}

fn status_of(status: u16) -> Failure {
    Failure::new(Reason::UpstreamStatus).with_evidence(format!("it answered {status}"))
}

/// Servers that find HTTP on their port for TLS say so, each in its own words: nginx, Go, Apache, Tomcat.
fn speaks_of_tls(status: u16, body: &str) -> bool {
    status == 400 && ["HTTPS", "SSL", "TLS"].iter().any(|word| body.contains(word))
}

fn speaks_of_certificate(body: &str) -> bool {
    body.to_ascii_lowercase().contains("certificate")
}

fn verified() -> [Said; 2] {
    [
        said!("the network: the connection stands", "네트워크: 연결은 됩니다"),
        said!("a plain port: TLS is spoken there", "평문 포트: TLS를 사용하고 있습니다"),
    ]
}
