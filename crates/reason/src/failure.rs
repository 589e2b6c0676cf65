//! A reason that happened.

use std::fmt;

use crate::{Answer, Body, Details, Flag, Reason, Spec};

/// A reason, how the request met it, and the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The root cause.
    pub reason: Reason,
    /// How the request met it.
    pub met: Met,
    /// Envoy's `%UPSTREAM_TRANSPORT_FAILURE_REASON%`, with spaces: `delayed connect error:
    /// Connection refused`.
    pub transport: Option<Box<str>>,
    /// What was observed, for operators only: addresses, statuses, times, first bytes. Never sent to
    /// a client.
    pub evidence: Option<Box<str>>,
}

/// How a request met a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Directly: the request, or its attempt, ran into it. The answer is the one of the catalogue.
    Directly,
    /// Nobody could be asked: the reason took the last usable host away earlier, through a health
    /// check or a name lookup. The answer is Envoy's `no healthy upstream`.
    NoHostLeft,
    /// After an interim response of the back-end: the same answer, but Envoy's details say that a response had
    /// begun.
    AfterInterim,
    /// After the head of the response was sent: nothing can be answered any more.
    AfterHead,
}

impl Failure {
    /// A reason that the request ran into.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self { reason, met: Met::Directly, transport: None, evidence: None }
    }

    /// A reason that left no host for the request.
    #[must_use]
    pub const fn no_host_left(reason: Reason) -> Self {
        Self { reason, met: Met::NoHostLeft, transport: None, evidence: None }
    }

    /// The same, with what was observed.
    #[must_use]
    pub fn with_evidence(mut self, evidence: impl Into<Box<str>>) -> Self {
        self.evidence = Some(evidence.into());
        self
    }

    /// The same, with Envoy's transport failure reason.
    #[must_use]
    pub fn with_transport(mut self, transport: impl Into<Box<str>>) -> Self {
        self.transport = Some(transport.into());
        self
    }

    /// The row of the catalogue.
    #[must_use]
    pub fn spec(&self) -> Spec {
        self.reason.spec()
    }

    /// What the client is told.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let answer = self.spec().answer;
        let begun = match answer.details {
            Details::ResetBefore(reset) | Details::ResetAfter(reset) => Details::ResetAfter(reset),
            text @ Details::Text(_) => text,
        };
        match self.met {
            Met::Directly => answer,
            Met::NoHostLeft => Answer::no_healthy_upstream(),
            Met::AfterInterim => Answer { details: begun, ..answer },
            Met::AfterHead => Answer { status: 0, body: Body::Empty, details: begun, close: true, ..answer },
        }
    }

    /// Envoy's response flag.
    #[must_use]
    pub fn flag(&self) -> Option<Flag> {
        self.answer().flag
    }

    /// `%RESPONSE_CODE_DETAILS%`, with the transport failure reason in it where there is one.
    #[must_use]
    pub fn details(&self) -> impl fmt::Display + '_ {
        RenderDetails { details: self.answer().details, transport: self.transport.as_deref() }
    }
}

/// What happened, in a sentence, with what was observed: for operators only.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().sentence.en)?;
        match &self.evidence {
            Some(evidence) => write!(f, " [{evidence}]"),
            None => Ok(()),
        }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

struct RenderDetails<'a> {
    details: Details,
    transport: Option<&'a str>,
}

impl fmt::Display for RenderDetails<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (when, reset) = match self.details {
            Details::Text(text) => return f.write_str(text),
            Details::ResetBefore(reset) => ("before", reset),
            Details::ResetAfter(reset) => ("after", reset),
        };
        write!(f, "upstream_reset_{when}_response_started{{{}", reset.token())?;
        if let Some(transport) = self.transport {
            f.write_str("|")?;
            // Envoy keeps details free of white space, so that they stay one word in a log line.
            for piece in transport.split(' ').enumerate() {
                if piece.0 > 0 {
                    f.write_str("_")?;
                }
                f.write_str(piece.1)?;
            }
        }
        f.write_str("}")
    }
}

impl Body {
    /// The same where there were attempts before: a reset is the latest of several then. `None` for all else.
    #[must_use]
    pub fn after_retries(&self) -> Option<String> {
        match self {
            Self::Reset(reset) => Some(format!(
                "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: {}",
                reset.words()
            )),
            Self::Empty | Self::Text(_) => None,
        }
    }
}

/// Writes the body of a local answer.
impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Reset(reset) => write!(
                f,
                "upstream connect error or disconnect/reset before headers. reset reason: {}",
                reset.words()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_in_envoys_words() {
        let failure =
            Failure::new(Reason::ConnectRefused).with_transport("delayed connect error: Connection refused");
        assert_eq!(
            failure.details().to_string(),
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
        );
        assert_eq!(
            failure.answer().body.to_string(),
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"
        );
        assert_eq!(failure.answer().status, 503);
    }

    #[test]
    fn the_same_reason_found_by_a_health_check_leaves_no_host() {
        let failure = Failure::no_host_left(Reason::ConnectRefused);
        assert_eq!(failure.details().to_string(), "no_healthy_upstream");
        assert_eq!(failure.flag(), Some(Flag::NoHealthyUpstream));
    }

    #[test]
    fn after_the_head_nothing_is_answered() {
        let failure = Failure { met: Met::AfterHead, ..Failure::new(Reason::UpstreamClosed) };
        assert_eq!(failure.answer().status, 0);
        assert_eq!(
            failure.details().to_string(),
            "upstream_reset_after_response_started{connection_termination}"
        );
    }
}
