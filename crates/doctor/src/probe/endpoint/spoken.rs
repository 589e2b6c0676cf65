//! There is a connection: what came on it, and what would have come to something else.

use causeway_reason::{Cause, Condition, Failure, Reason};

use super::case::{Case, speaks_of_tls};
use super::diagnosis::{Diagnosis, Remedy};
use super::observations::Step;
use super::trial::{Again, Answer, Ask, BodyEnd, Got, Seen};
use crate::finding::Grade;
use crate::probe::plan::Protocol;
use crate::said;

/// A host that nobody has (RFC 2606 §2).
const NOBODY: &str = "nobody.invalid";
/// `UNAVAILABLE`: what is behind the back-end is not there. Other codes may be meant for the request alone.
const GRPC_UNAVAILABLE: u16 = 14;

impl Case<'_> {
    /// There is a connection, and what was to be said on it was said.
    pub(super) fn spoken(&self) -> Result<Vec<Diagnosis>, Step> {
        let found = match &self.main.got {
            Got::Connected | Got::Frames | Got::Reply(_) | Got::NotAsked(_) | Got::Grpc(_) | Got::Came(_) => {
                None
            }
            Got::NoConnection(_) | Got::NoHandshake(_) => None,
            Got::Answer(answer) => self.answered(answer)?,
            Got::Broken(failure) => self.broken(failure)?,
            Got::Unanswered => {
                self.confirmed()?;
                Some(Diagnosis::met(Reason::RouteTimeout.into(), self.at).grade(Grade::Possible).warning())
            }
            Got::Closed | Got::Reset if self.is_check_alone()? => None,
            Got::Closed => Some(self.unanswered(Reason::UpstreamClosed)?),
            Got::Reset => Some(self.unanswered(Reason::UpstreamReset)?),
            Got::Silence => Some(self.unanswered(Reason::RouteTimeout)?),
        };
        Ok(found.into_iter().collect())
    }

    /// It answers.
    fn answered(&self, answer: &Answer) -> Result<Option<Diagnosis>, Step> {
        let (status, at) = (answer.status, self.at);
        if answer.end == BodyEnd::Cut {
            return Ok(Some(Diagnosis::met(Reason::UpstreamClosedInBody.into(), at)));
        }
        if status == 400
            && self.main.asked()
            && self.target.identity.is_none()
            && speaks_of_certificate(&answer.body)
        {
            return Ok(Some(
                Diagnosis::of(Reason::UpstreamTlsClientCertificateMissing, at).meets(status_of(status)),
            ));
        }
        if status == 400
            && self.target.tls.is_none()
            && let Some((proof, seen)) = self.any_tls(self.name())?
            && (seen.is_secure() || seen.asked())
        {
            return Ok(Some(self.speaks_tls(proof, status_of(status))));
        }
        if status == 400 && self.target.header.is_some() {
            let works = |seen: &Seen| seen.status().is_some_and(|status| status != 400);
            if let Some(found) = self.header(&status_of(status), works)? {
                return Ok(Some(found));
            }
        }
        if matches!(status, 404 | 421 | 403)
            && let Some(found) = self.other_host(status)?
        {
            return Ok(Some(found));
        }
        if status >= 500 {
            return Ok(Some(Diagnosis::met(status_of(status), at).warning()));
        }
        if answer.grpc == Some(GRPC_UNAVAILABLE) {
            return Ok(Some(Diagnosis::met(status_of(status), at).warning()));
        }
        if answer.again == Some(Again::Closed) {
            return Ok(Some(Diagnosis::met(Reason::KeepaliveRace.into(), at).fact(said!(
                "it closed the connection behind its first answer, without `Connection: close`",
                "첫 응답 뒤에 `Connection: close` 없이 연결을 닫았습니다"
            ))));
        }
        Ok(None)
    }

    /// By another name it answers. That the name which is sent is unknown is proven where a name that nobody has is answered
    /// in the same way: otherwise the other name may be the one that leads to a page for everybody.
    fn other_host(&self, status: u16) -> Result<Option<Diagnosis>, Step> {
        let by_host = |host: &str| self.varied(|trial| trial.ask = self.target.ask(host.to_owned()));
        for name in self.target.names.iter().filter(|name| **name != self.target.host).take(2) {
            let Some((proof, seen)) = by_host(name)? else { continue };
            if !seen.status().is_some_and(|status| (200..300).contains(&status)) {
                continue;
            }
            let Some((control, seen)) = by_host(NOBODY)? else { return Ok(None) };
            if seen.status() == Some(status) {
                let found =
                    Diagnosis::of(Condition::HostUnknownToBackEnd, self.at).proof(proof).proof(control);
                return Ok(Some(found.meets(status_of(status)).helps(Remedy::Host(name.clone()))));
            }
        }
        Ok(None)
    }

    /// What came is not what was expected.
    fn broken(&self, failure: &Failure) -> Result<Option<Diagnosis>, Step> {
        let plain = Diagnosis::met(failure.clone(), self.at);
        Ok(Some(match failure.reason {
            Reason::UpstreamStreamReset
            | Reason::UpstreamFoundFault
            | Reason::UpstreamStreamRefused
            | Reason::UpstreamTunnelFailed
            | Reason::UpstreamGoaway
            | Reason::UpstreamConnectionLost => {
                // A server of gRPC may take calls and nothing else.
                let host = self.target.host.clone();
                let called = self.varied(|trial| trial.ask = Ask::Grpc { host })?;
                if called.is_some_and(|(_, seen)| seen.answer().is_some_and(|answer| answer.grpc.is_some())) {
                    return Ok(None);
                }
                plain.grade(Grade::Likely)
            }
            Reason::UpstreamSpeaksTls => match self.any_tls(self.name())? {
                Some((at, seen)) if seen.is_secure() || seen.asked() => self.speaks_tls(at, failure.clone()),
                _ => plain.grade(Grade::Likely).helps(Remedy::AddTls(self.name().map(str::to_owned))),
            },
            Reason::UpstreamSpeaksHttp2 => match self.varied(|trial| trial.ask = Ask::Http2)? {
                Some((at, seen)) if seen.got == Got::Frames => plain.proof(at).helps(Remedy::SpeakHttp2),
                _ => plain.grade(Grade::Likely),
            },
            Reason::UpstreamSpeaksHttp1 => {
                // By ALPN the two would have agreed on what both speak.
                let chosen = self.main.tls.as_ref().is_some_and(|tls| tls.alpn.as_deref() != Some("h2"));
                let cause = if self.main.is_secure() && chosen {
                    Reason::UpstreamTlsAlpn
                } else {
                    Reason::UpstreamSpeaksHttp1
                };
                let found = self.speaks_http1(Diagnosis::of(cause, self.at).meets(failure.clone()));
                match self.varied(|trial| trial.ask = self.target.get())? {
                    Some((at, seen)) if seen.answer().is_some() => found.proof(at),
                    _ => found.grade(Grade::Likely),
                }
            }
            Reason::UpstreamHeadersTooMany => {
                let most = self.target.cluster.http.max_headers_count;
                plain.helps(Remedy::HeadersCount(most.saturating_mul(2)))
            }
            Reason::UpstreamHeadersTooLarge => {
                let most = self.target.cluster.http.max_response_headers_kb;
                plain.helps(Remedy::HeadersSize(most.saturating_mul(2)))
            }
            _ => plain,
        }))
    }

    /// The page that is asked for is that of a check, and it alone is not answered: then the check says so.
    fn is_check_alone(&self) -> Result<bool, Step> {
        let Ask::Get { host, path } = self.target.main().ask else { return Ok(false) };
        if path == "/" || self.target.checks.is_empty() || self.target.tls.is_some() {
            return Ok(false);
        }
        let root = self.varied(|trial| trial.ask = Ask::Get { host, path: "/".to_owned() })?;
        Ok(root.is_some_and(|(_, seen)| seen.answer().is_some()))
    }

    /// Nothing came back.
    fn unanswered(&self, reason: Reason) -> Result<Diagnosis, Step> {
        let failure = Failure::new(reason);
        if self.main.is_secure() && self.main.asked() && reason != Reason::RouteTimeout {
            let met = Failure::new(Reason::UpstreamClosed);
            let cause: Cause = match self.target.identity {
                None => Reason::UpstreamTlsClientCertificateMissing.into(),
                Some(_) if self.target.has_expired(self.seen.now) => {
                    Condition::ClientCertificateExpired.into()
                }
                Some(_) => Reason::UpstreamTlsClientCertificateRefused.into(),
            };
            return Ok(Diagnosis::of(cause, self.at).meets(met).fact(said!(
                "the handshake was complete, a client certificate was asked for in it, and the connection ended behind it, as it does with TLS 1.3",
                "핸드셰이크 중에 클라이언트 인증서를 요구받았고, 완료된 뒤 연결이 끊겼습니다. TLS 1.3에서는 이렇게 나타납니다"
            )));
        }
        if self.target.protocol == Protocol::Http2
            && let Some((at, seen)) = self.varied(|trial| trial.ask = self.target.get())?
            && seen.answer().is_some_and(|answer| !speaks_of_tls(answer.status, &answer.body))
        {
            self.confirmed()?;
            let cause =
                if self.main.is_secure() { Reason::UpstreamTlsAlpn } else { Reason::UpstreamSpeaksHttp1 };
            return Ok(self.speaks_http1(Diagnosis::of(cause, self.at).meets(failure).proof(at)));
        }
        if self.target.tls.is_none()
            && let Some((at, seen)) = self.any_tls(self.name())?
            && (seen.is_secure() || seen.asked() || is_alert(&seen.got))
        {
            self.confirmed()?;
            return Ok(self.speaks_tls(at, failure));
        }
        // Who does not know such a header takes it for a bad request.
        let works = |seen: &Seen| {
            (seen.status().is_some_and(|status| status != 400) && stays(seen)) || seen.got == Got::Frames
        };
        if let Some(found) = self.header(&failure, works)? {
            return Ok(found);
        }
        // Who speaks HTTP/2 alone closes at once. Who is silent and speaks both is slow, and no more.
        if self.target.protocol == Protocol::Http1
            && reason != Reason::RouteTimeout
            && let Some((at, seen)) = self.varied(|trial| trial.ask = Ask::Http2)?
            && seen.got == Got::Frames
        {
            self.confirmed()?;
            let found = Diagnosis::of(Reason::UpstreamSpeaksHttp2, self.at).meets(failure).proof(at);
            return Ok(found.helps(Remedy::SpeakHttp2));
        }
        self.confirmed()?;
        let plain = Diagnosis::met(failure, self.at).grade(Grade::Likely).not([
            said!(
                "DNS, firewall and a closed port: the connection stands",
                "DNS·방화벽·닫힌 포트: 연결은 됩니다"
            ),
            said!(
                "TLS, a PROXY header and HTTP/2: tried, not answered either",
                "TLS·PROXY 헤더·HTTP/2: 시도했지만 역시 응답이 없습니다"
            ),
        ]);
        Ok(match reason {
            // How long it takes to answer is not known, so that it may be slow and no more.
            Reason::RouteTimeout => plain.grade(Grade::Possible).warning(),
            _ => plain,
        })
    }

    /// The one name that the certificate shows.
    fn name_shown(&self, proof: usize) -> Option<String> {
        let (_, seen) = self.seen.trials.get(proof)?;
        let certificate = seen.tls.as_ref()?.certificate.as_ref()?;
        let names: Vec<String> = certificate.names_of(|name| name.dns()).collect();
        let [name] = &names[..] else { return None };
        (!name.starts_with('*')).then(|| name.clone())
    }

    /// What helps where HTTP/1.1 is spoken there: the file may say so, where it says HTTP/2.
    fn speaks_http1(&self, found: Diagnosis) -> Diagnosis {
        if self.target.protocol == Protocol::Http2 { found.helps(Remedy::SpeakHttp1) } else { found }
    }

    fn speaks_tls(&self, proof: usize, failure: Failure) -> Diagnosis {
        let name = self.name().map(str::to_owned).or_else(|| self.name_shown(proof));
        Diagnosis::of(Reason::UpstreamSpeaksTls, self.at)
            .meets(failure)
            .proof(proof)
            .helps(Remedy::AddTls(name))
            .not([said!(
                "a crash of the application: TLS is answered",
                "애플리케이션 장애: TLS에는 응답합니다"
            )])
    }
}

/// Whether the same request again was answered too. Who takes the header for a request, and answers that, does not.
fn stays(seen: &Seen) -> bool {
    seen.answer().is_none_or(|answer| !matches!(answer.again, Some(Again::Closed | Again::Silence)))
}

/// An alert is something that only TLS says.
fn is_alert(got: &Got) -> bool {
    matches!(got, Got::NoHandshake(failure) if matches!(
        failure.reason,
        Reason::UpstreamTlsAlert
            | Reason::UpstreamTlsNoCommonParameters
            | Reason::UpstreamTlsServerName
            | Reason::UpstreamTlsVersion
            | Reason::UpstreamTlsAlpn
            | Reason::UpstreamTlsClientCertificateMissing
    ))
}

fn status_of(status: u16) -> Failure {
    Failure::new(Reason::UpstreamStatus).with_evidence(format!("it answered {status}"))
}

fn speaks_of_certificate(body: &str) -> bool {
    body.to_ascii_lowercase().contains("certificate")
}
