//! The trial that does what the configuration would do, and the neighbours of it that are wanted.

use causeway_model::ProxyProtocolVersion;
use causeway_reason::{Condition, Failure, Reason};

use super::diagnosis::Diagnosis;
use super::observations::{Known, Observations, Step};
use super::trial::{Ask, Got, Security, Seen, Trial};
use crate::probe::plan::Target;

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

    pub(super) fn is_silence(&self) -> bool {
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
}

/// Servers that find HTTP on their port for TLS say so, each in its own words: nginx, Go, Apache, Tomcat.
pub(super) fn speaks_of_tls(status: u16, body: &str) -> bool {
    status == 400 && ["HTTPS", "SSL", "TLS"].iter().any(|word| body.contains(word))
}
