//! What is wrong with an endpoint, by what trials have shown: [`next`] gives the trial that tells most, until nothing is
//! left to be told.
//!
//! The first trial is what the configuration would do. Where that is not answered as it should be, each neighbouring
//! hypothesis gets the trial that proves it, the likeliest first.

use causeway_reason::{Condition, Reason};

use super::case::Case;
use super::checks;
use super::diagnosis::{Diagnosis, Remedy};
use super::idle;
use super::observations::{Observations, Step};
use super::trial::{Got, Trial};
use crate::finding::{Grade, Severity};
use crate::probe::plan::Target;

/// Certificates that end within so many seconds are spoken of.
const SOON: i64 = 14 * 86_400;

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

impl Case<'_> {
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
