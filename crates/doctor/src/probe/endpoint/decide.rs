//! What is wrong with an endpoint, by what trials have shown: [`next`] gives the trial that tells most, until nothing is
//! left to be told.
//!
//! The first trial is what the configuration would do. Where that is not answered as it should be, each neighbouring
//! hypothesis gets the trial that proves it, the likeliest first.

use causeway_model::ProxyProtocolVersion;
use causeway_reason::{Condition, Failure, Reason};

use super::checks;
use super::diagnosis::{Diagnosis, Remedy};
use super::idle;
use super::trial::{Ask, Got, Security, Seen, Trial};
use crate::finding::{Grade, Severity};
use crate::probe::here::Sockets;
use crate::probe::plan::{Protocol, Target};

/// Trials of one endpoint, at most.
pub const TRIALS: usize = 8;
/// Certificates that end within so many seconds are spoken of.
const SOON: i64 = 14 * 86_400;

/// What is known.
#[derive(Debug, Clone, Default)]
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

/// What is asked for: where it was tried, what came of it; an error is what has to be tried for that.
pub(super) type Known<'o> = Result<Option<(usize, &'o Seen)>, Step>;

impl Observations {
    /// Whether no connection could be made.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.trials.first().is_some_and(|(_, seen)| matches!(seen.got, Got::NoConnection(_)))
    }

    /// The same for another cluster with the same endpoint, where no connection could be made: that has nothing to do with
    /// what would have been said on it.
    pub(crate) fn of(&self, target: &Target) -> Self {
        let mut known = self.clone();
        if let Some((trial, _)) = known.trials.first_mut() {
            *trial = target.main();
        }
        known
    }

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
        Trial {
            to: self.address.clone(),
            header: self.header,
            security: self.security(),
            ask: self.ask(self.host.clone()),
            repeated: false,
        }
    }

    /// A request as the configuration would send it, with this host.
    pub(super) fn ask(&self, host: String) -> Ask {
        let path = self.path.clone();
        match self.protocol {
            Protocol::Http1 => Ask::Get { host, path },
            Protocol::Http2 => Ask::GetHttp2 { host, path },
            Protocol::Auto => Ask::Auto { host, path },
            Protocol::Unknown => Ask::Nothing,
        }
    }

    pub(super) const fn security(&self) -> Security {
        if self.tls.is_some() { Security::Configured } else { Security::Plain }
    }

    pub(super) fn get(&self) -> Ask {
        Ask::Get { host: self.host.clone(), path: self.path.clone() }
    }

    pub(super) fn has_expired(&self, now: i64) -> bool {
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
    if case.is_silence() && seen.made(&again).is_none() {
        // There was no time left to see whether it stays silent.
        found.iter_mut().for_each(|one| one.grade = one.grade.max(Grade::Likely));
    }
    found.extend(case.beside());
    if found.iter().all(|diagnosis| diagnosis.severity != Severity::Error) {
        found.extend(checks::failing(target, seen)?);
    }
    Ok(found)
}

/// The main trial, and everything around it.
pub(super) struct Case<'o> {
    pub(super) target: &'o Target,
    pub(super) seen: &'o Observations,
    pub(super) at: usize,
    pub(super) main: &'o Seen,
}

impl<'o> Case<'o> {
    /// The main trial, but for this.
    pub(super) fn varied(&self, change: impl FnOnce(&mut Trial)) -> Known<'o> {
        let mut trial = self.target.main();
        change(&mut trial);
        self.seen.want(trial)
    }

    fn is_silence(&self) -> bool {
        match &self.main.got {
            Got::Silence | Got::Unanswered => true,
            Got::NoHandshake(failure) => failure.reason == Reason::UpstreamTlsTimeout,
            _ => false,
        }
    }

    /// Something else is answered. Where the main trial was silent, that proves nothing before it was silent again: the
    /// back-end, or this host, may have been busy for once.
    pub(super) fn confirmed(&self) -> Result<(), Step> {
        if self.is_silence() {
            self.seen.want(Trial { repeated: true, ..self.target.main() })?;
        }
        Ok(())
    }

    /// There is a TLS server.
    pub(super) fn any_tls(&self, name: Option<&str>) -> Known<'o> {
        let security = Security::Any { name: name.map(str::to_owned) };
        self.varied(|trial| (trial.security, trial.ask) = (security, Ask::Nothing))
    }

    /// With a PROXY header, or without the one that is configured, it works.
    pub(super) fn header(
        &self,
        failure: &Failure,
        works: impl Fn(&Seen) -> bool,
    ) -> Result<Option<Diagnosis>, Step> {
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

    /// The name that TLS would ask for.
    pub(super) fn name(&self) -> Option<&'o str> {
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
        let theirs = self.main.answer().and_then(|answer| answer.keep_alive);
        found.extend(theirs.and_then(|theirs| idle::too_long(self.target, theirs, self.at)));
        found
    }
}

/// Servers that find HTTP on their port for TLS say so, each in its own words: nginx, Go, Apache, Tomcat.
pub(super) fn speaks_of_tls(status: u16, body: &str) -> bool {
    status == 400 && ["HTTPS", "SSL", "TLS"].iter().any(|word| body.contains(word))
}
