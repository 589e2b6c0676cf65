//! One check on one connection.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{Address, HealthCheck, HealthChecker, HttpHealthCheck, TcpHealthCheck};
use causeway_reason::{Failure, Reason};

use crate::connect::no_answer;
use crate::health::http::{Answer, Fault, Reader};
use crate::health::link::{Link, Linker};
use crate::health::tcp::{MAX_ANSWER, contains_in_order};
use crate::health::{CheckFailure, FailureKind, Outcome, http2, request};
use crate::words::Short;

/// Checks one host, again and again, on one connection where that is allowed.
#[derive(Debug)]
pub(crate) struct Prober {
    pub(super) config: Arc<HealthCheck>,
    /// `Host` of HTTP checks.
    pub(super) host: Box<str>,
    pub(super) label: Arc<str>,
    pub(super) linker: Linker,
    /// What the last check left open, and where it leads.
    connection: Option<(Address, Link)>,
    /// The same, in HTTP/2.
    pub(super) session: Option<(Address, http2::Session)>,
}

/// How far a check has come, for the words of its timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Waiting,
    Reading,
}

impl Prober {
    pub(crate) fn new(config: Arc<HealthCheck>, host: Box<str>, linker: Linker) -> Self {
        let label = match &config.checker {
            HealthChecker::Http(http) => format!("{} {}", http.method, http.path).into(),
            HealthChecker::Tcp(_) => "TCP".into(),
            HealthChecker::Grpc(grpc) if grpc.service_name.is_empty() => "gRPC".into(),
            HealthChecker::Grpc(grpc) => format!("gRPC {}", grpc.service_name).into(),
        };
        Self { config, host, label, linker, connection: None, session: None }
    }

    /// What is asked, in a word or two: `GET /health`.
    pub(crate) const fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Checks the host at this address. Gives the result and the time it took.
    pub(crate) async fn check(&mut self, address: &Address) -> (Outcome, Duration) {
        let began = Instant::now();
        let config = Arc::clone(&self.config);
        let stage = Cell::new(Stage::Connecting);
        let asked = async {
            match &config.checker {
                HealthChecker::Http(http) if http.http2 => self.ask_http2(http, address, began, &stage).await,
                HealthChecker::Grpc(grpc) => self.ask_grpc(grpc, address, began, &stage).await,
                HealthChecker::Http(http) => self.ask_http(http, address, began, &stage).await,
                HealthChecker::Tcp(tcp) => self.ask_tcp(tcp, address, began, &stage).await,
            }
        };
        let outcome = match tokio::time::timeout(config.timeout, asked).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // Whatever comes on it now would be the answer to the wrong question.
                self.connection = None;
                self.timed_out(stage.get(), config.timeout)
            }
        };
        (outcome, began.elapsed())
    }

    async fn ask_http(
        &mut self,
        http: &HttpHealthCheck,
        address: &Address,
        began: Instant,
        stage: &Cell<Stage>,
    ) -> Outcome {
        let head_request = &*http.method == "HEAD";
        let request = request::write(http, &self.host, &self.linker.asked(address));
        loop {
            stage.set(Stage::Connecting);
            let (mut stream, reused) = match self.stream(address).await {
                Ok(found) => found,
                Err(outcome) => return outcome,
            };
            stage.set(Stage::Waiting);
            let mut reader = Reader::new(head_request);
            let read = exchange(&mut stream, &request, &mut reader, stage).await;
            // The back-end closed the idle connection just as the request was sent. Nothing of it was
            // answered and a check can be repeated, so that is no failure (RFC 9112 §9.3.1). Where it takes
            // more than one failure to be out of use, the next check finds out.
            let raced = reused
                && self.config.unhealthy_threshold <= 1
                && !reader.has_begun()
                && matches!(read, Err(Broke::Io(_) | Broke::Fault(Fault::Closed)));
            if raced {
                continue;
            }
            return match read {
                Ok(answer) => {
                    if answer.reusable && self.config.reuse_connection {
                        self.connection = Some((address.clone(), stream));
                    }
                    self.judge(http, answer, began.elapsed())
                }
                Err(broke) => self.broken(&broke, reader.has_begun(), began.elapsed()),
            };
        }
    }

    async fn ask_tcp(
        &mut self,
        tcp: &TcpHealthCheck,
        address: &Address,
        began: Instant,
        stage: &Cell<Stage>,
    ) -> Outcome {
        if tcp.receive.is_empty() {
            // Where nothing is to come, nothing is sent: the connection is the whole check.
            return match self.linker.reach(address).await {
                Ok(()) => Outcome::Passed { status: None, degraded: false },
                Err(failure) => unreachable(address, failure),
            };
        }
        let (mut stream, _) = match self.stream(address).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        stage.set(Stage::Waiting);
        let mut received = Vec::new();
        let exchanged = async {
            stream.write_all(&tcp.send).await?;
            while !contains_in_order(&received, &tcp.receive) {
                if received.len() >= MAX_ANSWER {
                    return Err(io::Error::other("too much"));
                }
                if stream.read(&mut received).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                stage.set(Stage::Reading);
            }
            Ok(())
        };
        let after = began.elapsed();
        match exchanged.await {
            Ok(()) => {
                if self.config.reuse_connection {
                    self.connection = Some((address.clone(), stream));
                }
                Outcome::Passed { status: None, degraded: false }
            }
            Err(error) => {
                let after = Short(began.elapsed().max(after));
                let seen = received.get(..24).unwrap_or(&received).escape_ascii();
                let words = match error.kind() {
                    io::ErrorKind::UnexpectedEof if received.is_empty() => {
                        format!("TCP: the connection was closed without an answer after {after}")
                    }
                    _ => format!("TCP: what came is not what was expected, after {after}: \"{seen}\""),
                };
                let reason =
                    if received.is_empty() { Reason::HealthCheckClosed } else { Reason::HealthCheckProtocol };
                network(Failure::new(reason).with_evidence(words))
            }
        }
    }

    /// The connection of the last check, or a new one; says which.
    pub(super) async fn stream(&mut self, address: &Address) -> Result<(Link, bool), Outcome> {
        if let Some((to, mut stream)) = self.connection.take()
            && to == *address
            && stream.is_quiet()
        {
            return Ok((stream, true));
        }
        match self.linker.connect(address).await {
            Ok(stream) => Ok((stream, false)),
            Err(failure) => Err(unreachable(address, failure)),
        }
    }

    pub(super) fn judge(&self, http: &HttpHealthCheck, answer: Answer, took: Duration) -> Outcome {
        let status = answer.status;
        let within =
            |ranges: &[causeway_model::StatusRange]| ranges.iter().any(|range| range.contains(status));
        let expected =
            if http.expected_statuses.is_empty() { status == 200 } else { within(&http.expected_statuses) };
        if expected {
            return Outcome::Passed { status: Some(status), degraded: answer.degraded };
        }
        let reason = match status {
            404 => Reason::HealthCheckNotFound,
            300..=399 => Reason::HealthCheckRedirect,
            401 | 403 => Reason::HealthCheckUnauthorized,
            500..=599 => Reason::HealthCheckServerError,
            _ => Reason::HealthCheckStatus,
        };
        let kind =
            if within(&http.retriable_statuses) { FailureKind::ActiveRetriable } else { FailureKind::Active };
        let words = format!("{} answered {status} after {}", self.label, Short(took));
        Outcome::Failed(CheckFailure {
            kind,
            status: Some(status),
            leave_alone: answer.leave_alone,
            failure: Failure::new(reason).with_evidence(words),
        })
    }

    fn broken(&self, broke: &Broke, begun: bool, took: Duration) -> Outcome {
        let (label, after) = (&self.label, Short(took));
        let (reason, words) = match broke {
            Broke::Fault(Fault::Closed) => (
                Reason::HealthCheckClosed,
                format!("{label}: the connection was closed without an answer after {after}"),
            ),
            Broke::Fault(Fault::Cut) => (
                Reason::HealthCheckClosed,
                format!("{label}: the connection was closed inside the answer after {after}"),
            ),
            Broke::Fault(Fault::NotHttp(bytes)) => {
                (Reason::HealthCheckProtocol, format!("{label}: the answer is not HTTP/1, it begins {bytes}"))
            }
            Broke::Fault(Fault::Broken(how)) => {
                (Reason::HealthCheckProtocol, format!("{label}: the answer is broken: {how}"))
            }
            Broke::Io(error) if begun => {
                (Reason::HealthCheckClosed, format!("{label}: {error} inside the answer after {after}"))
            }
            Broke::Io(error) => (Reason::HealthCheckClosed, format!("{label}: {error} after {after}")),
        };
        network(Failure::new(reason).with_evidence(words))
    }

    fn timed_out(&self, stage: Stage, timeout: Duration) -> Outcome {
        let (label, limit) = (&self.label, Short(timeout));
        let (reason, words) = match stage {
            Stage::Connecting => (Reason::ConnectTimeout, no_answer(timeout)),
            Stage::Waiting => (
                Reason::HealthCheckTimeout,
                format!("{label}: connected, but no answer within the check's timeout of {limit}"),
            ),
            Stage::Reading => (
                Reason::HealthCheckTimeout,
                format!("{label}: the answer was not complete within the check's timeout of {limit}"),
            ),
        };
        Outcome::Failed(CheckFailure {
            kind: FailureKind::NetworkTimeout,
            status: None,
            leave_alone: false,
            failure: Failure::new(reason).with_evidence(words),
        })
    }
}

/// Why an exchange gave no answer.
enum Broke {
    Fault(Fault),
    Io(io::Error),
}

async fn exchange(
    stream: &mut Link,
    request: &[u8],
    reader: &mut Reader,
    stage: &Cell<Stage>,
) -> Result<Answer, Broke> {
    // A back-end may answer and close before it has read everything, so the answer is looked for even
    // where sending failed.
    let sent = stream.write_all(request).await;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        buffer.clear();
        match (stream.read(&mut buffer).await, &sent) {
            (Ok(0), Err(error)) => return Err(Broke::Io(io::Error::new(error.kind(), error.to_string()))),
            (Ok(0), Ok(())) => return reader.end().map_err(Broke::Fault),
            (Ok(_), _) => {
                stage.set(Stage::Reading);
                if let Some(answer) = reader.read(&buffer).map_err(Broke::Fault)? {
                    return Ok(answer);
                }
            }
            (Err(error), _) => return Err(Broke::Io(error)),
        }
    }
}

/// There is no connection.
fn unreachable(address: &Address, failure: Failure) -> Outcome {
    // The address stands in front of these words already.
    let prefix = format!("{address}: ");
    let words = failure.evidence.as_deref().unwrap_or_default();
    let words = words.strip_prefix(&prefix).unwrap_or(words).to_owned();
    network(failure.with_evidence(words))
}

pub(super) const fn network(failure: Failure) -> Outcome {
    Outcome::Failed(CheckFailure { kind: FailureKind::Network, status: None, leave_alone: false, failure })
}
