//! TLS handshakes with back-ends: how they are counted, and why they fail, in the words of Envoy.
//!
//! Nothing here touches a connection: the data plane and health checks do handshakes in their own ways, and both come
//! here with what came of them.

use std::io;
use std::time::Duration;

use causeway_model::Address;
use causeway_reason::{Failure, Reason};
use causeway_stats::Shard;
use causeway_tls::client::{ClientSettings, NotReady};
use causeway_tls::names;
use causeway_tls::verify::{Counter, Rejection, RejectionKind};
use rustls::{AlertDescription, CommonState, Error, HandshakeKind, InvalidMessage, PeerIncompatible};

use crate::sockets::Unusable;
use crate::stats::ClusterSslStat;
use crate::words::Short;

/// Why a handshake failed.
#[derive(Debug)]
pub enum HandshakeError {
    /// One side refused the other.
    Tls(Error),
    /// The connection ended or broke.
    Io(io::Error),
}

/// What is known of a handshake that failed.
#[derive(Debug, Default)]
pub struct HandshakeSeen {
    /// The back-end has answered the ClientHello.
    pub answered: bool,
    /// It has asked for a certificate.
    pub asked: bool,
    /// There is a certificate to show.
    pub has_certificate: bool,
    /// Why its certificate was refused.
    pub rejection: Option<Rejection>,
    /// The name that was asked for; empty where none was.
    pub server_name: Box<str>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why there is no connection, and what is counted for it below `ssl.`.
#[must_use]
pub fn handshake_failure(
    address: &Address,
    error: &HandshakeError,
    seen: &HandshakeSeen,
) -> (Failure, Option<Counter>) {
    let name = match &*seen.server_name {
        "" => "without a server name".to_owned(),
        name => format!("for \"{name}\""),
    };
    let context = format!("{address}: TLS handshake {name}, after {}", Short(seen.elapsed));
    let tls_error = |text: &str| format!("TLS_error:|{text}:TLS_error_end");
    if let Some(rejection) = &seen.rejection {
        let failure = Failure::new(reason_of(rejection.kind))
            .with_evidence(format!("{context}: {rejection}"))
            .with_transport(tls_error(&rejection.boring_ssl()));
        return (failure, Some(rejection.counter()));
    }
    match error {
        HandshakeError::Io(error) => {
            let closed = error.kind() == io::ErrorKind::UnexpectedEof;
            let reason = if closed { Reason::UpstreamTlsClosed } else { Reason::UpstreamTlsReset };
            let hint = match (seen.asked, seen.has_certificate) {
                (true, false) => "; it had asked for a client certificate, and none is configured",
                (true, true) => "; it had asked for a client certificate, and got ours",
                (false, _) => "",
            };
            let failure = Failure::new(reason).with_evidence(if closed {
                format!("{context}: the connection was closed{hint}")
            } else {
                format!("{context}: {error}{hint}")
            });
            let failure = match error.raw_os_error() {
                Some(code) => failure.with_transport(tls_error(&format!(
                    "{}:system library:OPENSSL_internal:{}",
                    SYSTEM + i64::from(code),
                    crate::connect::error_text(error)
                ))),
                None => failure,
            };
            (failure, None)
        }
        HandshakeError::Tls(error) => {
            let (reason, words, text) = explain(error, seen);
            let failure = Failure::new(reason)
                .with_evidence(format!("{context}: {words}"))
                .with_transport(tls_error(&text));
            (failure, Some(Counter::ConnectionError))
        }
    }
}

/// Why a handshake was given up: it was not complete when `connect_timeout` had passed.
#[must_use]
pub fn handshake_timeout(address: &Address, waited: Duration) -> Failure {
    let text =
        format!("{address}: connected, but the TLS handshake was not complete after {}", Short(waited));
    Failure::new(Reason::UpstreamTlsTimeout).with_evidence(text)
}

/// Why none was begun. Envoy closes such a connection at once.
#[must_use]
pub fn handshake_not_ready(address: &Address, why: &Unusable) -> Failure {
    let text = match why {
        Unusable::NotReady(NotReady::NoVersion) => {
            "TLS_error:|268435736:SSL routines:OPENSSL_internal:NO_SUPPORTED_VERSIONS_ENABLED:TLS_error_end"
        }
        Unusable::NotReady(NotReady::SecretMissing(_)) | Unusable::Broken(_) => {
            "TLS error: Secret is not supplied by SDS"
        }
    };
    Failure::new(Reason::UpstreamTlsNotReady).with_evidence(format!("{address}: {why}")).with_transport(text)
}

/// Counts a handshake that is complete.
pub fn count_handshake(stats: &Shard<ClusterSslStat>, session: &CommonState, settings: &ClientSettings) {
    stats.inc(ClusterSslStat::Handshake);
    if session.handshake_kind() == Some(HandshakeKind::Resumed) {
        stats.inc(ClusterSslStat::SessionReused);
    }
    let count = |kind: &str, name: &str| stats.dynamic(&format!("ssl.{kind}.{name}")).inc();
    if let Some(suite) = session.negotiated_cipher_suite() {
        count("ciphers", names::cipher(suite.suite()));
    }
    if let Some(group) = settings.group_of(session) {
        count("curves", group);
    }
    if let Some(version) = session.protocol_version() {
        count("versions", names::version(version));
    }
    settings.tally().drain(
        |counter, times| stats.add(stat_of(counter), times),
        |scheme, times| (0..times).for_each(|_| count("sigalgs", scheme)),
    );
}

/// The counter below `ssl.`.
#[must_use]
pub const fn stat_of(counter: Counter) -> ClusterSslStat {
    match counter {
        Counter::VerifyError => ClusterSslStat::FailVerifyError,
        Counter::Name => ClusterSslStat::FailVerifySan,
        Counter::CertificateHash => ClusterSslStat::FailVerifyCertHash,
        Counter::ConnectionError => ClusterSslStat::ConnectionError,
    }
}

const fn reason_of(kind: RejectionKind) -> Reason {
    match kind {
        RejectionKind::Expired => Reason::UpstreamTlsExpired,
        RejectionKind::NotYetValid => Reason::UpstreamTlsNotYetValid,
        RejectionKind::UnknownIssuer => Reason::UpstreamTlsUnknownIssuer,
        RejectionKind::SelfSigned => Reason::UpstreamTlsSelfSigned,
        RejectionKind::Revoked => Reason::UpstreamTlsRevoked,
        RejectionKind::NoRevocationList => Reason::UpstreamTlsRevocationUnknown,
        RejectionKind::Purpose | RejectionKind::KeyUsage => Reason::UpstreamTlsPurpose,
        RejectionKind::Name => Reason::UpstreamTlsNameMismatch,
        RejectionKind::Pin => Reason::UpstreamTlsPinMismatch,
        RejectionKind::Invalid => Reason::UpstreamTlsBadCertificate,
    }
}

/// BoringSSL's number for errors of the system; errno is added.
const SYSTEM: i64 = 2 << 24;
/// BoringSSL's number for errors of TLS; the reason is added.
const SSL: u32 = 16 << 24;
/// The reason that stands for an alert; the alert's number is added.
const ALERT: u32 = 1000;

fn boring(reason: u32, name: &str) -> String {
    format!("{}:SSL routines:OPENSSL_internal:{name}", SSL + reason)
}

/// The reason, what happened in words, and BoringSSL's error.
fn explain(error: &Error, seen: &HandshakeSeen) -> (Reason, String, String) {
    let broken = |text: String| (Reason::UpstreamTlsBroken, error.to_string(), text);
    match error {
        Error::AlertReceived(alert) => of_alert(*alert, seen),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) if !seen.answered => {
            (Reason::UpstreamTlsPlain, "the answer is no TLS".to_owned(), boring(247, "WRONG_VERSION_NUMBER"))
        }
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
            broken(boring(150, "EXCESSIVE_MESSAGE_SIZE"))
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => (Reason::UpstreamTlsVersion, error.to_string(), boring(240, "UNSUPPORTED_PROTOCOL")),
        Error::PeerIncompatible(_) => {
            (Reason::UpstreamTlsNoCommonParameters, error.to_string(), boring(184, "NO_SHARED_CIPHER"))
        }
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            broken(boring(225, "UNEXPECTED_MESSAGE"))
        }
        Error::DecryptError => broken(boring(126, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC")),
        Error::InvalidCertificate(_) => {
            (Reason::UpstreamTlsBadCertificate, error.to_string(), boring(125, "CERTIFICATE_VERIFY_FAILED"))
        }
        _ => broken(boring(137, "DECODE_ERROR")),
    }
}

fn of_alert(alert: AlertDescription, seen: &HandshakeSeen) -> (Reason, String, String) {
    let number = u8::from(alert);
    let mut text = boring(ALERT + u32::from(number), alert_name(number));
    if number == 40 && !seen.answered {
        text = format!("{text}|{}", boring(154, "HANDSHAKE_FAILURE_ON_CLIENT_HELLO"));
    }
    let reason = match number {
        40..=42 | 116 if seen.asked && !seen.has_certificate => Reason::UpstreamTlsClientCertificateMissing,
        41..=46 | 48 | 49 if seen.asked && seen.has_certificate => {
            Reason::UpstreamTlsClientCertificateRefused
        }
        70 | 86 => Reason::UpstreamTlsVersion,
        112 => Reason::UpstreamTlsServerName,
        120 => Reason::UpstreamTlsAlpn,
        40 | 71 => Reason::UpstreamTlsNoCommonParameters,
        116 => Reason::UpstreamTlsClientCertificateMissing,
        _ => Reason::UpstreamTlsAlert,
    };
    let hint = match (seen.asked, seen.has_certificate) {
        (true, false) => "; it had asked for a client certificate, and none is configured",
        (true, true) => "; it had asked for a client certificate, and got ours",
        (false, _) => "",
    };
    (reason, format!("the back-end sent the alert \"{}\" ({number}){hint}", alert_words(alert)), text)
}

/// An alert in words: `handshake failure`.
#[must_use]
pub fn alert_words(alert: AlertDescription) -> String {
    let name = format!("{alert:?}");
    let mut words = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        let begins = letter.is_ascii_uppercase() && !words.ends_with(|last: char| last.is_ascii_uppercase());
        if at > 0 && begins {
            words.push(' ');
        }
        words.push(letter);
    }
    let known = words.split(' ').map(|word| match word {
        "CA" => word.to_owned(),
        word => word.to_ascii_lowercase(),
    });
    known.collect::<Vec<_>>().join(" ")
}

/// An alert by its name in BoringSSL.
const fn alert_name(number: u8) -> &'static str {
    match number {
        0 => "SSLV3_ALERT_CLOSE_NOTIFY",
        10 => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        20 => "SSLV3_ALERT_BAD_RECORD_MAC",
        21 => "TLSV1_ALERT_DECRYPTION_FAILED",
        22 => "TLSV1_ALERT_RECORD_OVERFLOW",
        30 => "SSLV3_ALERT_DECOMPRESSION_FAILURE",
        40 => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        41 => "SSLV3_ALERT_NO_CERTIFICATE",
        42 => "SSLV3_ALERT_BAD_CERTIFICATE",
        43 => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        44 => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        45 => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        46 => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        47 => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        48 => "TLSV1_ALERT_UNKNOWN_CA",
        49 => "TLSV1_ALERT_ACCESS_DENIED",
        50 => "TLSV1_ALERT_DECODE_ERROR",
        51 => "TLSV1_ALERT_DECRYPT_ERROR",
        60 => "TLSV1_ALERT_EXPORT_RESTRICTION",
        70 => "TLSV1_ALERT_PROTOCOL_VERSION",
        71 => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        80 => "TLSV1_ALERT_INTERNAL_ERROR",
        86 => "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
        90 => "TLSV1_ALERT_USER_CANCELLED",
        100 => "TLSV1_ALERT_NO_RENEGOTIATION",
        110 => "TLSV1_ALERT_UNSUPPORTED_EXTENSION",
        111 => "TLSV1_ALERT_CERTIFICATE_UNOBTAINABLE",
        112 => "TLSV1_ALERT_UNRECOGNIZED_NAME",
        113 => "TLSV1_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE",
        114 => "TLSV1_ALERT_BAD_CERTIFICATE_HASH_VALUE",
        115 => "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
        116 => "TLSV1_ALERT_CERTIFICATE_REQUIRED",
        120 => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: Error, seen: &HandshakeSeen) -> (Reason, String) {
        let address = Address::Ip("127.0.0.1:1".parse().unwrap());
        let (failure, _) = handshake_failure(&address, &HandshakeError::Tls(error), seen);
        (failure.reason, failure.details().to_string())
    }

    /// As Envoy 1.40 logs them.
    #[test]
    fn alerts_have_the_numbers_of_boringssl() {
        let seen = HandshakeSeen { answered: true, ..HandshakeSeen::default() };
        let details = |inner: &str| {
            format!(
                "upstream_reset_before_response_started{{remote_connection_failure|TLS_error:|{inner}:TLS_error_end}}"
            )
        };
        let (reason, text) = failed(Error::AlertReceived(AlertDescription::UnknownCA), &seen);
        assert_eq!(reason, Reason::UpstreamTlsAlert);
        assert_eq!(text, details("268436504:SSL_routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA"));
        let (reason, text) =
            failed(Error::AlertReceived(AlertDescription::HandshakeFailure), &HandshakeSeen::default());
        assert_eq!(reason, Reason::UpstreamTlsNoCommonParameters);
        assert_eq!(
            text,
            details(
                "268436496:SSL_routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE|268435610:SSL_routines:OPENSSL_internal:HANDSHAKE_FAILURE_ON_CLIENT_HELLO"
            )
        );
        let asked = HandshakeSeen { answered: true, asked: true, ..HandshakeSeen::default() };
        let (reason, text) = failed(Error::AlertReceived(AlertDescription::HandshakeFailure), &asked);
        assert_eq!(reason, Reason::UpstreamTlsClientCertificateMissing);
        assert_eq!(text, details("268436496:SSL_routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE"));
        let plain = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        let (reason, text) = failed(plain, &HandshakeSeen::default());
        assert_eq!(reason, Reason::UpstreamTlsPlain);
        assert_eq!(text, details("268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER"));
    }

    #[test]
    fn alerts_in_words() {
        assert_eq!(alert_words(AlertDescription::HandshakeFailure), "handshake failure");
        assert_eq!(alert_words(AlertDescription::UnknownCA), "unknown CA");
        assert_eq!(alert_words(AlertDescription::ProtocolVersion), "protocol version");
    }
}
