//! Why a handshake failed, in the words of Envoy: those of BoringSSL, which people search for.

use rustls::{AlertDescription, Error, PeerIncompatible};

use crate::verify::{Counter, Rejection};

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeFailure {
    /// What it is.
    pub kind: FailureKind,
    /// The errors of BoringSSL, each behind a `|`: `|268435612:SSL routines:OPENSSL_internal:HTTP_REQUEST`.
    pub words: String,
    /// What was seen, for operators.
    pub evidence: String,
}

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The peer does not speak TLS at all.
    NotTls,
    /// There is no version that both sides speak.
    Version,
    /// There is no cipher suite, group or way to sign that both sides know.
    NoSharedCipher,
    /// There is no OCSP response that could be sent along with the certificate, and there has to be one.
    NoStaple,
    /// The peer has no certificate, and needs one.
    CertificateMissing,
    /// The peer's certificate is not taken.
    CertificateRefused(Counter),
    /// The peer refuses, and says so by an alert.
    Alert,
    /// Anything else: a mistake, or an attack.
    Broken,
}

impl HandshakeFailure {
    /// Of what rustls says, and of what was wrong with the peer's certificate if that was it.
    #[must_use]
    pub fn of(error: &Error, rejection: Option<Rejection>) -> Self {
        let (kind, words) = match error {
            Error::InvalidCertificate(_) => match rejection {
                Some(rejection) => {
                    return Self {
                        kind: FailureKind::CertificateRefused(rejection.counter()),
                        words: format!("|{}", rejection.boring_ssl()),
                        evidence: rejection.to_string(),
                    };
                }
                None => (
                    FailureKind::CertificateRefused(Counter::VerifyError),
                    reason(125, "CERTIFICATE_VERIFY_FAILED"),
                ),
            },
            Error::NoCertificatesPresented => (
                FailureKind::CertificateMissing,
                format!(
                    "{}:peer did not provide required client certificate",
                    reason(192, "PEER_DID_NOT_RETURN_A_CERTIFICATE")
                ),
            ),
            Error::PeerIncompatible(what) => match what {
                PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoEcPointFormatsInCommon => {
                    (FailureKind::NoSharedCipher, reason(184, "NO_SHARED_CIPHER"))
                }
                PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
                    (FailureKind::NoSharedCipher, reason(266, "NO_SHARED_GROUP"))
                }
                PeerIncompatible::NoSignatureSchemesInCommon
                | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
                    (FailureKind::NoSharedCipher, reason(253, "NO_COMMON_SIGNATURE_ALGORITHMS"))
                }
                _ => (FailureKind::Version, reason(240, "UNSUPPORTED_PROTOCOL")),
            },
            // No certificate has a key that the client can check.
            Error::General(text) if text.contains("certificate chain") => {
                (FailureKind::NoSharedCipher, reason(184, "NO_SHARED_CIPHER"))
            }
            Error::AlertReceived(alert) => (FailureKind::Alert, of_alert(*alert)),
            Error::DecryptError => (FailureKind::Broken, reason(139, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC")),
            Error::InvalidMessage(_) => (FailureKind::Broken, reason(247, "WRONG_VERSION_NUMBER")),
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                (FailureKind::Broken, reason(223, "UNEXPECTED_MESSAGE"))
            }
            _ => (FailureKind::Broken, reason(137, "DECODE_ERROR")),
        };
        Self { kind, words, evidence: error.to_string() }
    }

    /// The same before TLS 1.3, where the lack of a group is the lack of a suite, or where all our keys are `on_curves`, of
    /// one that the client takes.
    #[must_use]
    pub fn before_tls13(error: &Error, rejection: Option<Rejection>, on_curves: bool) -> Self {
        let failure = Self::of(error, rejection);
        match error {
            Error::PeerIncompatible(
                PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired,
            ) if on_curves => Self { words: reason(243, "WRONG_CURVE"), ..failure },
            Error::PeerIncompatible(
                PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired,
            ) => Self { words: reason(184, "NO_SHARED_CIPHER"), ..failure },
            _ => failure,
        }
    }

    /// Of a first message that rustls can't read.
    #[must_use]
    pub fn of_hello(error: &Error) -> Self {
        use rustls::InvalidMessage::{MissingData, TrailingData};
        match error {
            Error::InvalidMessage(MissingData(_) | TrailingData(_)) => Self {
                kind: FailureKind::Broken,
                words: reason(131, "CLIENTHELLO_PARSE_FAILED"),
                evidence: error.to_string(),
            },
            _ => Self::of(error, None),
        }
    }

    /// Of a certificate that needs an OCSP response, and has none that holds.
    #[must_use]
    pub fn of_staple(evidence: String) -> Self {
        Self { kind: FailureKind::NoStaple, words: reason(133, "CONNECTION_REJECTED"), evidence }
    }

    /// Of the first bytes of a client that does not speak TLS; `None` where they may be TLS, or too few to tell.
    #[must_use]
    pub fn of_first_bytes(bytes: &[u8]) -> Option<Self> {
        let start = bytes.get(..5)?;
        let not_tls = |number, name, what: &str| {
            let shown: String = bytes.iter().take(24).map(|byte| byte.escape_ascii().to_string()).collect();
            let evidence = format!("{what}: \"{shown}\"");
            Some(Self { kind: FailureKind::NotTls, words: reason(number, name), evidence })
        };
        match start {
            [b'G', b'E', b'T', b' ', _] | [b'P', b'U', b'T', b' ', _] | b"POST " | b"HEAD " => {
                not_tls(156, "HTTP_REQUEST", "a request of HTTP without TLS")
            }
            b"CONNE" => not_tls(155, "HTTPS_PROXY_REQUEST", "a CONNECT of HTTP without TLS"),
            // An old way to begin, which rustls knows how to refuse.
            [first, _, 1, 3, _] if first & 0x80 != 0 => None,
            [_, 3, ..] => None,
            _ => not_tls(247, "WRONG_VERSION_NUMBER", "no record of TLS"),
        }
    }

    /// What the peer is told where no session can tell it: an alert in a record of its own.
    #[must_use]
    pub fn plain_alert(&self) -> Option<[u8; 7]> {
        const ALERT: u8 = 21;
        const FATAL: u8 = 2;
        const PROTOCOL_VERSION: u8 = 70;
        let speaks_http = self.kind == FailureKind::NotTls && !self.words.contains("WRONG_VERSION_NUMBER");
        let tells = matches!(self.kind, FailureKind::NotTls | FailureKind::Version) && !speaks_http;
        tells.then_some([ALERT, 3, 1, 0, 2, FATAL, PROTOCOL_VERSION])
    }

    /// The whole text, as Envoy shows it in `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%` before it replaces white space.
    #[must_use]
    pub fn text(&self) -> String {
        format!("TLS_error:{}:TLS_error_end", self.words)
    }
}

/// An error of the library `SSL` with this number of a reason.
fn reason(number: u32, name: &str) -> String {
    format!("|{}:SSL routines:OPENSSL_internal:{name}", 0x1000_0000 + number)
}

/// Reasons of this many and more are alerts of the peer.
const ALERTS: u32 = 1000;

fn of_alert(alert: AlertDescription) -> String {
    let name = match alert {
        AlertDescription::CloseNotify => "SSLV3_ALERT_CLOSE_NOTIFY",
        AlertDescription::UnexpectedMessage => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        AlertDescription::BadRecordMac => "SSLV3_ALERT_BAD_RECORD_MAC",
        AlertDescription::RecordOverflow => "TLSV1_ALERT_RECORD_OVERFLOW",
        AlertDescription::HandshakeFailure => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        AlertDescription::BadCertificate => "SSLV3_ALERT_BAD_CERTIFICATE",
        AlertDescription::UnsupportedCertificate => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        AlertDescription::CertificateRevoked => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        AlertDescription::CertificateExpired => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        AlertDescription::CertificateUnknown => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        AlertDescription::IllegalParameter => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        AlertDescription::UnknownCA => "TLSV1_ALERT_UNKNOWN_CA",
        AlertDescription::AccessDenied => "TLSV1_ALERT_ACCESS_DENIED",
        AlertDescription::DecodeError => "TLSV1_ALERT_DECODE_ERROR",
        AlertDescription::DecryptError => "TLSV1_ALERT_DECRYPT_ERROR",
        AlertDescription::ProtocolVersion => "TLSV1_ALERT_PROTOCOL_VERSION",
        AlertDescription::InsufficientSecurity => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        AlertDescription::InternalError => "TLSV1_ALERT_INTERNAL_ERROR",
        AlertDescription::InappropriateFallback => "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
        AlertDescription::UserCanceled => "TLSV1_ALERT_USER_CANCELLED",
        AlertDescription::NoRenegotiation => "TLSV1_ALERT_NO_RENEGOTIATION",
        AlertDescription::UnsupportedExtension => "TLSV1_ALERT_UNSUPPORTED_EXTENSION",
        AlertDescription::UnrecognisedName => "TLSV1_ALERT_UNRECOGNIZED_NAME",
        AlertDescription::UnknownPSKIdentity => "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
        AlertDescription::CertificateRequired => "TLSV1_ALERT_CERTIFICATE_REQUIRED",
        AlertDescription::NoApplicationProtocol => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        _ => "unknown",
    };
    reason(ALERTS + u32::from(u8::from(alert)), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_boring_ssl() {
        let failure = HandshakeFailure::of_first_bytes(b"GET / HTTP/1.1").unwrap();
        assert_eq!(
            failure.text(),
            "TLS_error:|268435612:SSL routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end"
        );
        assert_eq!(failure.evidence, "a request of HTTP without TLS: \"GET / HTTP/1.1\"");
        let alert = HandshakeFailure::of(&Error::AlertReceived(AlertDescription::UnknownCA), None);
        assert!(alert.words.starts_with("|268436504:"));
        assert_eq!(HandshakeFailure::of_first_bytes(b"\x16\x03\x01\x02\x00"), None);
        assert_eq!(HandshakeFailure::of_first_bytes(b"GE"), None, "too few");
    }
}
