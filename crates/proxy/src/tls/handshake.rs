//! The handshake with a client.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use causeway_reason::{Failure, Reason};
use causeway_tls::failure::{FailureKind, HandshakeFailure};
use causeway_tls::identity::OcspStaple;
use causeway_tls::server::{Hello, Noted, ServerState, take_noted};
use causeway_tls::verify::take_rejection;
use rustls::server::UnbufferedServerConnection;

use super::{TlsInfo, TlsRuntime};
use crate::buffer::{Buffer, FOR_HEAD};
use crate::io::{Session, TlsError, TlsStream, Transport};
use crate::timer::Deadline;
use crate::worker::Worker;

/// Most bytes that a client's first message may have, with all of its records: as many as rustls takes.
const LONGEST_HELLO: usize = 72 * 1024;

/// There is no connection.
#[derive(Debug)]
pub(crate) struct NoHandshake {
    /// Why.
    pub(crate) failure: Failure,
    /// In Envoy's words, where it has any.
    pub(crate) words: Option<String>,
    /// It took too long.
    pub(crate) late: bool,
    /// What is known of the client all the same.
    pub(crate) info: TlsInfo,
}

/// Shakes hands with a client, of which some bytes may have been read already.
///
/// # Errors
///
/// Where there will be no connection. It has been counted, and the client has been told what there is to tell.
pub(crate) async fn shake_hands(
    worker: &Rc<Worker>,
    tls: &TlsRuntime,
    stream: Transport,
    read: Buffer,
) -> Result<(Transport, TlsInfo), NoHandshake> {
    let deadline = Deadline::new(&worker.timers);
    deadline.set(tls.shared.timeout.map(|timeout| worker.now() + timeout));
    let mut handshake = Handshake { worker, tls, deadline, read, info: TlsInfo::default() };
    let begun = worker.now();
    let result = handshake.run(stream).await;
    handshake.info.duration = result.is_ok().then(|| worker.now().saturating_sub(begun));
    let Handshake { mut read, info, .. } = handshake;
    let rest = read.filled().len();
    read.consume(rest);
    worker.buffers.reclaim(&mut read);
    match result {
        Ok(stream) => Ok((stream, info)),
        Err(Ended { failure, words, late }) => Err(NoHandshake { failure, words, late, info }),
    }
}

struct Handshake<'a> {
    worker: &'a Rc<Worker>,
    tls: &'a TlsRuntime,
    deadline: Deadline,
    /// What was read, until it is known whom it is for.
    read: Buffer,
    info: TlsInfo,
}

struct Ended {
    failure: Failure,
    words: Option<String>,
    late: bool,
}

impl Ended {
    fn new(reason: Reason, evidence: impl Into<Box<str>>) -> Self {
        Self { failure: Failure::new(reason).with_evidence(evidence), words: None, late: false }
    }
}

impl Handshake<'_> {
    async fn run(&mut self, mut stream: Transport) -> Result<Transport, Ended> {
        let Some(state) = self.tls.shared.context.state() else {
            self.tls.shards.not_ready();
            let config = self.tls.shared.context.config();
            let evidence = format!("the TLS context at {}", config.common.position);
            return Err(Ended::new(Reason::TlsSecretMissing, evidence));
        };
        let hello = self.hello(&mut stream).await?;
        self.info.server_name.clone_from(&hello.server_name);
        let Some(config) = state.config_for(&hello) else {
            let evidence = "tls_minimum_protocol_version is above tls_maximum_protocol_version";
            return Err(Ended::new(Reason::TlsVersionUnsupported, evidence));
        };
        let session = UnbufferedServerConnection::new(Arc::clone(config))
            .map_err(|_| Ended::new(Reason::TlsHandshakeFailed, "no session can be made"))?;
        let first = self.read.filled().to_vec();
        self.read.consume(first.len());
        self.worker.buffers.reclaim(&mut self.read);
        let stream = TlsStream::new(stream, Session::Server(session), first);
        self.finish(stream, &state, &hello).await
    }

    /// Reads the client's first message.
    async fn hello(&mut self, stream: &mut Transport) -> Result<Hello, Ended> {
        loop {
            if let Some(failure) = HandshakeFailure::of_first_bytes(self.read.filled()) {
                if let Some(alert) = failure.plain_alert() {
                    tell(stream, &alert).await;
                }
                return Err(self.refuse(&failure, &Noted::default()));
            }
            match Hello::read(self.read.filled()) {
                Ok(Some(hello)) => return Ok(hello),
                Ok(None) if self.read.filled().len() < LONGEST_HELLO => {}
                Ok(None) => {
                    return Err(Ended::new(Reason::TlsHandshakeFailed, "its first message has no end"));
                }
                Err(refused) => {
                    let failure = HandshakeFailure::of_hello(&refused.error);
                    match failure.plain_alert() {
                        Some(alert) => tell(stream, &alert).await,
                        None => tell(stream, &refused.alert).await,
                    }
                    return Err(self.refuse(&failure, &Noted::default()));
                }
            }
            let wanted = (self.read.filled().len() * 2).clamp(FOR_HEAD, LONGEST_HELLO);
            let read = poll_fn(|cx| {
                self.worker.buffers.make_room(&mut self.read, wanted);
                if let Poll::Ready(read) = stream.poll_read(cx, &mut self.read) {
                    return Poll::Ready(Some(read));
                }
                self.deadline.poll(cx).map(|()| None)
            })
            .await;
            match read {
                Some(Ok(count)) if count > 0 => {}
                Some(_) => return Err(self.closed()),
                None => return Err(self.late()),
            }
        }
    }

    /// Does what is left once it is known who is spoken to.
    async fn finish(
        &mut self,
        mut stream: TlsStream,
        state: &ServerState,
        hello: &Hello,
    ) -> Result<Transport, Ended> {
        let mut noted = Noted::default();
        let mut rejection = None;
        let result = poll_fn(|cx| {
            let result = stream.poll_handshake(cx);
            // What was noted belongs to this handshake as long as no other has gone on.
            noted.add(take_noted());
            rejection = rejection.take().or_else(take_rejection);
            match result {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => self.deadline.poll(cx).map(|()| None),
            }
        })
        .await;
        self.info.learn(stream.session(), hello, &noted);
        self.info.authorities = self.info.validated.then(|| Arc::clone(&state.authorities));
        self.info.local = noted.certificate.and_then(|place| state.identities.get(place)).cloned();
        match result {
            Some(Ok(())) => {
                self.tls.shards.shaken(stream.session(), &noted, hello.takes_ocsp);
                Ok(Transport::Tls(Box::new(stream)))
            }
            Some(Err(TlsError::Tls(_))) if noted.staple_failed => {
                // BoringSSL looks for a certificate before it says which version it is.
                self.info.version = None;
                Err(self.refuse(&HandshakeFailure::of_staple(self.staple()), &noted))
            }
            Some(Err(TlsError::Tls(error))) => {
                Err(self.refuse(&state.failure(&error, rejection, hello), &noted))
            }
            Some(Err(TlsError::Io(_))) => Err(self.closed()),
            None => Err(self.late()),
        }
    }

    fn refuse(&self, failure: &HandshakeFailure, noted: &Noted) -> Ended {
        self.tls.shards.failed(failure.kind, noted);
        let reason = match failure.kind {
            FailureKind::NotTls => Reason::TlsNotSpoken,
            FailureKind::Version => Reason::TlsVersionUnsupported,
            FailureKind::NoSharedCipher => Reason::TlsNoSharedCipher,
            FailureKind::NoStaple => Reason::TlsOcspResponseMissing,
            FailureKind::CertificateMissing => Reason::TlsClientCertificateMissing,
            FailureKind::CertificateRefused(_) => Reason::TlsClientCertificateRefused,
            FailureKind::Alert => Reason::TlsRefusedByClient,
            FailureKind::Broken => Reason::TlsHandshakeFailed,
        };
        Ended { words: Some(failure.text()), ..Ended::new(reason, failure.evidence.as_str()) }
    }

    /// What there is of an OCSP response for the certificate.
    fn staple(&self) -> String {
        let Some(own) = self.info.local.as_ref() else { return "no certificate can be shown".to_owned() };
        let what = format!("the OCSP response for the certificate in `{}`", own.path);
        match own.ocsp.as_ref().and_then(OcspStaple::end) {
            Some(end) => format!("{what} held until {end}"),
            None => format!("{what} does not say how long it holds"),
        }
    }

    fn closed(&self) -> Ended {
        Ended::new(Reason::TlsHandshakeClosed, self.so_far())
    }

    fn late(&self) -> Ended {
        Ended { late: true, ..Ended::new(Reason::TlsHandshakeTimeout, self.so_far()) }
    }

    fn so_far(&self) -> String {
        match self.info.version {
            Some(version) => format!("after {version} was agreed on"),
            None => format!("{} bytes of its first message had arrived", self.read.filled().len()),
        }
    }
}

/// Says a few bytes, which the kernel takes at once or never.
async fn tell(stream: &mut Transport, alert: &[u8]) {
    poll_fn(|cx| Poll::Ready(stream.poll_write(cx, alert).is_ready())).await;
}
