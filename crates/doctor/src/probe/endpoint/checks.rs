//! Health checks: whether each passes now, and what would make it pass.

use causeway_model::{HealthCheck, HealthChecker, HttpHealthCheck};
use causeway_reason::{Condition, Failure, Reason};

use super::diagnosis::{Diagnosis, Remedy};
use super::observations::{Known, Observations, Step};
use super::trial::{Ask, Came, CameEnd, CheckAsk, Got, Security, Seen, Trial};
use crate::finding::Grade;
use crate::probe::plan::{CheckPlan, Target};

/// What is wrong with the health checks of an endpoint that answers requests.
pub(super) fn failing(target: &Target, seen: &Observations) -> Result<Vec<Diagnosis>, Step> {
    let mut found = Vec::new();
    for plan in &target.checks {
        let check = Check { target, seen, plan };
        if let Some(diagnosis) = check.failing()? {
            found.push(Diagnosis { check: Some(plan.index), ..diagnosis });
        }
    }
    Ok(found)
}

struct Check<'o> {
    target: &'o Target,
    seen: &'o Observations,
    plan: &'o CheckPlan,
}

impl<'o> Check<'o> {
    fn asked(&self, change: impl FnOnce(&mut CheckAsk)) -> Known<'o> {
        let mut ask = CheckAsk { index: self.plan.index, host: None, path: None, by_get: false };
        change(&mut ask);
        self.seen.want(self.trial(Ask::Check(ask)))
    }

    fn trial(&self, ask: Ask) -> Trial {
        Trial {
            to: self.plan.address.clone(),
            header: self.plan.header,
            security: if self.plan.tls.is_some() { Security::Configured } else { Security::Plain },
            ask,
            repeated: false,
        }
    }

    fn failing(&self) -> Result<Option<Diagnosis>, Step> {
        let Some(config) = self.target.check(self.plan.index) else { return Ok(None) };
        let only_connects = matches!(&config.checker, HealthChecker::Tcp(tcp) if tcp.receive.is_empty());
        let is_same = self.plan.address == self.target.address && self.plan.tls == self.target.tls;
        if only_connects && is_same {
            // The connection was made already.
            return Ok(None);
        }
        let Some((at, seen)) = self.asked(|_| {})? else { return Ok(None) };
        let failed = |reason: Reason| Diagnosis::of(reason, at).meets(Failure::no_host_left(reason));
        let late = seen.took > config.timeout;
        let needed = u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX).saturating_mul(2);
        Ok(Some(match &seen.got {
            Got::Connected | Got::Frames | Got::Unanswered | Got::NotAsked(_) | Got::Grpc(None) => {
                return Ok(None);
            }
            Got::NoHandshake(failure) => {
                let other = |reason, proof| {
                    Diagnosis::of(reason, at).meets(Failure::no_host_left(failure.reason)).proof(proof)
                };
                match (self.lacks_name(), self.is_plain()) {
                    (Some(proof), _) => other(Reason::UpstreamTlsServerName, proof),
                    (None, Some(proof)) => other(Reason::UpstreamTlsPlain, proof),
                    (None, None) => failed(failure.reason),
                }
            }
            Got::NoConnection(failure) => failed(failure.reason),
            Got::Grpc(Some(_)) => failed(Reason::HealthCheckNotServing),
            Got::Silence if late => self.silent(config, at, failed(Reason::HealthCheckTimeout))?,
            Got::Silence => return Ok(None),
            Got::Came(came) if came.end == CameEnd::Expected => {
                if !late {
                    return Ok(None);
                }
                failed(Reason::HealthCheckTimeout).helps(Remedy::CheckTimeout(needed.next_multiple_of(500)))
            }
            Got::Came(came) => self.unexpected(came, at)?,
            Got::Closed | Got::Reset => match self.lacks_header() {
                Some(proof) => Diagnosis::of(Condition::ProxyHeaderWanted, at)
                    .meets(Failure::no_host_left(Reason::HealthCheckClosed))
                    .proof(proof),
                None => self.closed(at, failed(Reason::HealthCheckClosed))?,
            },
            Got::Broken(failure) => {
                let found = failed(Reason::HealthCheckProtocol);
                if failure.reason == Reason::UpstreamSpeaksTls { self.closed(at, found)? } else { found }
            }
            Got::Answer(_) | Got::Reply(_) => {
                let HealthChecker::Http(http) = &config.checker else { return Ok(None) };
                if passes(http, seen) {
                    if late {
                        failed(Reason::HealthCheckTimeout)
                            .helps(Remedy::CheckTimeout(needed.next_multiple_of(500)))
                    } else {
                        return Ok(None);
                    }
                } else {
                    self.status(http, at, seen)?
                }
            }
        }))
    }

    /// Something else came than what a TCP check waits for.
    fn unexpected(&self, came: &Came, at: usize) -> Result<Diagnosis, Step> {
        let met = match came.end {
            CameEnd::Waiting => Reason::HealthCheckTimeout,
            CameEnd::Expected | CameEnd::Closed | CameEnd::TooMuch => Reason::HealthCheckProtocol,
        };
        let found = Diagnosis::of(Reason::HealthCheckProtocol, at).meets(Failure::no_host_left(met));
        if came.secure { self.closed(at, found) } else { Ok(found) }
    }

    /// No answer: who waits for the rest of a TLS record takes the bytes of a TCP check for its beginning.
    fn silent(&self, config: &HealthCheck, at: usize, found: Diagnosis) -> Result<Diagnosis, Step> {
        if matches!(config.checker, HealthChecker::Tcp(_)) { self.closed(at, found) } else { Ok(found) }
    }

    /// The trial of a request, whose handshake was complete by another name than the check asks for.
    fn lacks_name(&self) -> Option<usize> {
        let name = |tls: &Option<std::sync::Arc<causeway_model::UpstreamTls>>| {
            tls.as_ref().map(|tls| tls.sni.clone())
        };
        let is_request =
            |(trial, seen): &(Trial, Seen)| !matches!(trial.ask, Ask::Check(_)) && seen.is_secure();
        let differs = self.plan.tls.is_some() && name(&self.plan.tls) != name(&self.target.tls);
        self.seen.trials.iter().position(is_request).filter(|_| differs)
    }

    /// The trial of a request, which was answered in clear where the check speaks TLS.
    fn is_plain(&self) -> Option<usize> {
        let is_request =
            |(trial, seen): &(Trial, Seen)| trial.security == Security::Plain && seen.answer().is_some();
        let differs = self.target.tls.is_none() && self.plan.address == self.target.address;
        self.seen.trials.iter().position(is_request).filter(|_| differs)
    }

    /// The trial of a request, which was answered behind a PROXY header that the check does not send to the same port.
    fn lacks_header(&self) -> Option<usize> {
        let is_request = |(trial, seen): &(Trial, Seen)| {
            trial.header.is_some() && seen.status().is_some_and(|status| status != 400)
        };
        let differs = self.plan.header.is_none() && self.plan.address == self.target.address;
        self.seen.trials.iter().position(is_request).filter(|_| differs)
    }

    /// It says nothing in clear: perhaps it speaks TLS there.
    fn closed(&self, at: usize, found: Diagnosis) -> Result<Diagnosis, Step> {
        if self.plan.tls.is_some() {
            return Ok(found);
        }
        let mut trial = self.trial(Ask::Nothing);
        trial.security = Security::Any { name: None };
        Ok(match self.seen.want(trial)? {
            Some((proof, seen)) if seen.is_secure() || seen.asked() => {
                Diagnosis::of(Reason::HealthCheckProtocol, at)
                    .meets(Failure::no_host_left(Reason::HealthCheckProtocol))
                    .proof(proof)
            }
            _ => found,
        })
    }

    /// It answers with a status that is not expected.
    fn status(&self, http: &HttpHealthCheck, at: usize, seen: &Seen) -> Result<Diagnosis, Step> {
        let status = seen.status().unwrap_or(0);
        let met = |reason: Reason| Failure::no_host_left(reason);
        let of = |reason: Reason| Diagnosis::of(reason, at).meets(met(reason));
        if matches!(status, 400 | 401 | 403 | 404 | 421) {
            let own = &self.plan.host;
            for name in self.target.names.iter().filter(|name| *name != own).take(2) {
                if let Some((proof, varied)) = self.asked(|ask| ask.host = Some(name.clone()))?
                    && passes(http, varied)
                {
                    return Ok(Diagnosis::of(Condition::HealthCheckHost, at)
                        .meets(met(reason_of(status)))
                        .proof(proof)
                        .helps(Remedy::CheckHost(name.clone())));
                }
            }
        }
        if &*http.method != "GET"
            && status >= 400
            && let Some((proof, varied)) = self.asked(|ask| ask.by_get = true)?
            && passes(http, varied)
        {
            return Ok(Diagnosis::of(Condition::HealthCheckMethod, at)
                .meets(met(reason_of(status)))
                .proof(proof)
                .helps(Remedy::CheckByGet));
        }
        let mut found = of(reason_of(status));
        let other = match status {
            404 => slashed(&http.path),
            300..=399 => seen
                .answer()
                .and_then(|answer| answer.location.as_deref())
                .and_then(|location| self.local_path(location)),
            _ => None,
        };
        if let Some(path) = other.filter(|path| **path != *http.path)
            && let Some((proof, varied)) = self.asked(|ask| ask.path = Some(path.clone()))?
            && passes(http, varied)
        {
            found = found.proof(proof).helps(Remedy::CheckPath(path));
        }
        Ok(match status {
            300..=399 => found.helps(Remedy::CheckStatuses(200, 400)),
            201..=299 => found.helps(Remedy::CheckStatuses(200, 300)),
            429 | 503 => found.grade(Grade::Likely),
            _ => found,
        })
    }

    /// The path that a redirect leads to, where it is on the same server.
    fn local_path(&self, location: &str) -> Option<String> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(location.to_owned());
        }
        let (_, rest) = location.split_once("://")?;
        let (authority, path) = rest.split_once('/')?;
        let own_port = self.plan.address.ip().map(|address| format!(":{}", address.port()));
        let authority = own_port.and_then(|port| authority.strip_suffix(&port)).unwrap_or(authority);
        let secure = location.starts_with("https:");
        let known = authority == self.plan.host || self.target.names.iter().any(|name| name == authority);
        (known && secure == self.plan.tls.is_some()).then(|| format!("/{path}"))
    }
}

/// The path with a slash at its end, or without the one that it has.
fn slashed(path: &str) -> Option<String> {
    if path.contains('?') || path.len() < 2 {
        return None;
    }
    Some(path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned))
}

fn passes(http: &HttpHealthCheck, seen: &Seen) -> bool {
    let Some(status) = seen.status() else { return false };
    if http.expected_statuses.is_empty() {
        status == 200
    } else {
        http.expected_statuses.iter().any(|range| range.contains(status))
    }
}

/// The reason that the proxy would find.
const fn reason_of(status: u16) -> Reason {
    match status {
        404 => Reason::HealthCheckNotFound,
        300..=399 => Reason::HealthCheckRedirect,
        401 | 403 => Reason::HealthCheckUnauthorized,
        500..=599 => Reason::HealthCheckServerError,
        _ => Reason::HealthCheckStatus,
    }
}
