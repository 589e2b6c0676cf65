//! What is wrong with an endpoint, and what helps: values, before they have words.

use causeway_reason::{Cause, Failure};

use crate::finding::{Grade, Severity};
use crate::said::Said;

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
    /// Idle connections are to be closed after so many milliseconds.
    IdleTimeout(u64),
    /// Answers may have so many fields.
    HeadersCount(u32),
    /// Heads of answers may have so many KiB.
    HeadersSize(u32),
    /// HTTP/1.1 is to be spoken.
    SpeakHttp1,
    /// HTTP/2 is to be spoken.
    SpeakHttp2,
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

impl Diagnosis {
    /// One that nothing stands behind, and this helps.
    #[cfg(test)]
    pub(crate) fn for_test(remedy: Remedy) -> Self {
        Self::of(causeway_reason::Reason::UpstreamClosed, 0).helps(remedy)
    }

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
