//! Checks over HTTP/2, and those of gRPC: how they ask.

use std::cell::Cell;
use std::time::{Duration, Instant};

use causeway_model::{Address, GrpcHealthCheck, HttpHealthCheck};
use causeway_reason::{Failure, Reason};
use http::{HeaderValue, Request};

use crate::health::grpc;
use crate::health::http::Answer;
use crate::health::http2::{Reply, Session};
use crate::health::probe::{Prober, Stage, network};
use crate::health::{CheckFailure, FailureKind, Outcome, request};
use crate::words::Short;

impl Prober {
    pub(super) async fn ask_http2(
        &mut self,
        http: &HttpHealthCheck,
        address: &Address,
        began: Instant,
        stage: &Cell<Stage>,
    ) -> Outcome {
        let asked = self.linker.asked(address);
        let request = request::http2(&http.method, &self.host, &http.path, &http.headers, &asked);
        match self.ask(request, None, address, began, stage).await {
            Ok(reply) => {
                let answer = Answer {
                    status: reply.status,
                    degraded: reply.headers.contains_key("x-envoy-degraded"),
                    leave_alone: reply.headers.contains_key("x-envoy-immediate-health-check-fail"),
                    reusable: true,
                };
                self.judge(http, answer, began.elapsed())
            }
            Err(outcome) => outcome,
        }
    }

    pub(super) async fn ask_grpc(
        &mut self,
        check: &GrpcHealthCheck,
        address: &Address,
        began: Instant,
        stage: &Cell<Stage>,
    ) -> Outcome {
        let timeout = grpc::timeout(self.config.timeout);
        let asked = self.linker.asked(address);
        let request = request::http2("POST", &self.host, grpc::PATH, &check.initial_metadata, &asked);
        let request = request.map(|mut request| {
            let fields = request.headers_mut();
            fields.insert("te", HeaderValue::from_static("trailers"));
            fields.insert("content-type", HeaderValue::from_static("application/grpc"));
            if let Ok(timeout) = HeaderValue::try_from(timeout) {
                fields.insert("grpc-timeout", timeout);
            }
            request
        });
        let question = grpc::question(&check.service_name);
        let reply = match self.ask(request, Some(question), address, began, stage).await {
            Ok(reply) => reply,
            Err(outcome) => return outcome,
        };
        let took = Short(began.elapsed());
        let failed = |reason: Reason, words: String| {
            Outcome::Failed(CheckFailure {
                kind: FailureKind::Active,
                // Envoy tells none of gRPC.
                status: None,
                leave_alone: false,
                failure: Failure::new(reason).with_evidence(words),
            })
        };
        if reply.status != 200 {
            let words = format!("{}: the answer has HTTP status {} after {took}", self.label, reply.status);
            return failed(Reason::HealthCheckProtocol, words);
        }
        let trailers = reply.trailers.as_ref();
        let status = trailers.and_then(|trailers| trailers.get("grpc-status"));
        let status = status.or_else(|| reply.headers.get("grpc-status")).map(HeaderValue::as_bytes);
        let kind = reply.headers.get("content-type").map(HeaderValue::as_bytes);
        match grpc::judge(kind, status, &reply.body) {
            Ok(()) => Outcome::Passed { status: None, degraded: false },
            Err(words) => {
                failed(Reason::HealthCheckNotServing, format!("{}: {words}, after {took}", self.label))
            }
        }
    }

    async fn ask(
        &mut self,
        request: Result<Request<()>, http::Error>,
        body: Option<Vec<u8>>,
        address: &Address,
        began: Instant,
        stage: &Cell<Stage>,
    ) -> Result<Reply, Outcome> {
        let request = request.map_err(|error| {
            let words = format!("{}: it can't be asked in HTTP/2: {error}", self.label);
            network(Failure::new(Reason::HealthCheckProtocol).with_evidence(words))
        })?;
        loop {
            stage.set(Stage::Connecting);
            let reused = self.ready_session(address).await;
            if !reused {
                let (stream, _) = self.stream(address).await?;
                let session = Session::begin(stream).await;
                let session = session.map_err(|error| self.broken_stream(&error, began.elapsed()))?;
                self.session = Some((address.clone(), session));
            }
            stage.set(Stage::Waiting);
            let Some((_, session)) = &mut self.session else { continue };
            let asked = session
                .ask(request.clone(), body.clone(), grpc::MAX_ANSWER, |_| stage.set(Stage::Reading))
                .await;
            if !self.config.reuse_connection || asked.is_err() {
                self.session = None;
            }
            match asked {
                // It ended just as the question was sent, and says that it did nothing with it (RFC 9113 §6.8).
                Err(error) if reused && error.is_go_away() && error.is_remote() => {}
                Err(error) => return Err(self.broken_stream(&error, began.elapsed())),
                Ok(reply) => return Ok(reply),
            }
        }
    }

    /// Whether the connection of the last check can be used.
    async fn ready_session(&mut self, address: &Address) -> bool {
        let ready = match &mut self.session {
            Some((to, session)) if to == address => session.is_ready().await,
            _ => false,
        };
        if !ready {
            self.session = None;
        }
        ready
    }

    fn broken_stream(&self, error: &h2::Error, took: Duration) -> Outcome {
        let (label, after) = (&self.label, Short(took));
        let (reason, words) = if error.is_reset() && error.is_remote() {
            let code = error.reason().unwrap_or(h2::Reason::NO_ERROR);
            (Reason::HealthCheckClosed, format!("{label}: the stream was reset with {code:?} after {after}"))
        } else if error.is_library() {
            (
                Reason::HealthCheckProtocol,
                format!("{label}: the answer is not HTTP/2: {error}, after {after}"),
            )
        } else if error.is_go_away() {
            (Reason::HealthCheckClosed, format!("{label}: the connection was ended by GOAWAY after {after}"))
        } else {
            let words = format!("{label}: the connection was closed without an answer after {after}");
            (Reason::HealthCheckClosed, words)
        };
        network(Failure::new(reason).with_evidence(words))
    }
}
