//! What came of a look-up, in a form that can be told.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_reason::{Failure, Reason};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;

use crate::words::Short;

/// The result of looking up one name.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    /// Addresses, in the order of the answer, each once.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ttl: Option<Duration>,
    /// Why there is no address.
    pub(crate) failure: Option<Failure>,
    pub(crate) source: Arc<str>,
    pub(crate) took: Duration,
}

/// What a look-up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Addresses.
    Found,
    /// The answer that there is no such name, or no such address.
    Nothing,
    /// No answer that could be relied on.
    Failed,
}

/// Why one question gave no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    /// NXDOMAIN.
    NoName,
    /// The name exists, but not with this record.
    NoData,
    /// A server answered with an error.
    Server(String),
    /// Nobody answered.
    Silence(String),
}

impl Lookup {
    pub(crate) const fn failed(failure: Failure, source: Arc<str>, took: Duration) -> Self {
        Self { addresses: Vec::new(), ttl: None, failure: Some(failure), source, took }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.failure.as_ref().map(|failure| failure.reason) {
            None => Outcome::Found,
            Some(Reason::DnsNameNotFound | Reason::DnsNoAddress) => Outcome::Nothing,
            Some(_) => Outcome::Failed,
        }
    }
}

impl Miss {
    pub(crate) fn of(error: &NetError) -> Self {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(nothing)) => match nothing.response_code {
                ResponseCode::NXDomain => Self::NoName,
                ResponseCode::NoError => Self::NoData,
                code => Self::Server(rcode(code)),
            },
            NetError::Dns(DnsError::ResponseCode(code)) => Self::Server(rcode(*code)),
            NetError::Timeout => Self::Silence("no answer".to_owned()),
            NetError::NoConnections | NetError::Busy => Self::Silence("no server could be asked".to_owned()),
            NetError::Io(error) => Self::Silence(error.to_string()),
            other => Self::Server(other.to_string()),
        }
    }

    /// Which of two misses says more about why there is no address: a server that may know more outweighs
    /// an answer, and "no such record" one that the name does not exist.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::NoName => 0,
            Self::NoData => 1,
            Self::Server(_) => 2,
            Self::Silence(_) => 3,
        }
    }

    /// The failure, with what was asked in the evidence: the name as the file has it, the names it was
    /// completed to, the record types.
    pub(crate) fn failure(
        &self,
        name: &str,
        asked: &[String],
        types: &str,
        source: &str,
        took: Duration,
    ) -> Failure {
        let took = Short(took);
        let (reason, mut evidence) = match self {
            Self::NoName => (
                Reason::DnsNameNotFound,
                format!("{name} does not exist: NXDOMAIN from {source} after {took}"),
            ),
            Self::NoData => (
                Reason::DnsNoAddress,
                format!("{name} has no {types} record: empty answer from {source} after {took}"),
            ),
            Self::Server(code) => (
                Reason::DnsServerFailure,
                format!("{code} from {source} for the {types} record of {name} after {took}"),
            ),
            Self::Silence(words) => (
                Reason::DnsTimeout,
                format!("{words} from {source} for the {types} record of {name} after {took}"),
            ),
        };
        let same = asked.len() == 1
            && asked.iter().all(|one| one.trim_end_matches('.') == name.trim_end_matches('.'));
        if !same && !asked.is_empty() {
            let _ = write!(evidence, " (asked for {})", asked.join(", "));
        }
        Failure::no_host_left(reason).with_evidence(evidence)
    }
}

/// As `dig` writes it.
fn rcode(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        other => other.to_str().to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_become_reasons() {
        let asked = ["app.internal.".to_owned()];
        let failure = |miss: Miss| {
            miss.failure("app.internal", &asked, "A", "10.0.0.53:53", Duration::from_micros(1200))
        };
        let evidence = |miss| failure(miss).evidence.unwrap();
        assert_eq!(failure(Miss::NoName).reason, Reason::DnsNameNotFound);
        assert_eq!(
            &*evidence(Miss::NoName),
            "app.internal does not exist: NXDOMAIN from 10.0.0.53:53 after 1.2 ms"
        );
        assert_eq!(
            &*evidence(Miss::NoData),
            "app.internal has no A record: empty answer from 10.0.0.53:53 after 1.2 ms"
        );
        assert_eq!(failure(Miss::Server("SERVFAIL".into())).reason, Reason::DnsServerFailure);
        assert_eq!(
            &*evidence(Miss::Silence("no answer".into())),
            "no answer from 10.0.0.53:53 for the A record of app.internal after 1.2 ms"
        );
        let several = ["app.default.svc.".to_owned(), "app.".to_owned()];
        let failure = Miss::NoName.failure("app", &several, "A", "x", Duration::ZERO);
        assert!(failure.evidence.unwrap().ends_with("(asked for app.default.svc., app.)"));
    }
}
