//! What is known of an endpoint, and what is to be done next.

use super::diagnosis::Diagnosis;
use super::trial::{Ask, Got, Security, Seen, Trial};
use crate::probe::here::Sockets;
use crate::probe::plan::{Protocol, Target};

/// Trials of one endpoint, at most.
pub const TRIALS: usize = 8;

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
    pub(super) fn made(&self, trial: &Trial) -> Option<(usize, &Seen)> {
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
