//! Lines of HAProxy about connections on which no request came: a PROXY header or a handshake that failed.

use super::{Line, Maker};
use crate::{Cause, Flags, Reason};

/// What stands in such a line: `10.0.0.9:5021 [20/Nov/2026:16:32:43.163] fe/1: SSL handshake failure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HaproxyConnection<'a> {
    /// When it came, as the line has it.
    pub time: &'a str,
    /// The frontend.
    pub frontend: &'a str,
    /// What HAProxy says.
    pub message: &'a str,
}

/// How messages begin, who has to act, and what gives them, the likeliest first (`conn_err_code_str` of HAProxy).
const MESSAGES: &[(&str, Maker, &[Reason])] = &[
    ("Received something which does not look like a PROXY", Maker::Proxy, &[Reason::ProxyHeaderMissing]),
    ("Connection closed while waiting for PROXY", Maker::Client, &[Reason::ProxyHeaderMissing]),
    ("Connection error while waiting for PROXY", Maker::Client, &[Reason::ProxyHeaderMissing]),
    ("Timeout while waiting for PROXY", Maker::Proxy, &[Reason::ProxyHeaderMissing]),
    ("Truncated PROXY", Maker::Proxy, &[Reason::ProxyHeaderInvalid]),
    ("Received an invalid PROXY", Maker::Proxy, &[Reason::ProxyHeaderInvalid]),
    ("Received an unhandled protocol in the PROXY", Maker::Proxy, &[Reason::ProxyHeaderInvalid]),
    ("Connection closed during SSL handshake", Maker::Client, &[Reason::TlsHandshakeClosed]),
    ("Connection error during SSL handshake", Maker::Client, &[Reason::TlsHandshakeClosed]),
    ("Timeout during SSL handshake", Maker::Client, &[Reason::TlsHandshakeTimeout]),
    ("SSL client CA chain cannot be verified", Maker::Client, &[Reason::TlsClientCertificateRefused]),
    ("SSL client certificate not trusted", Maker::Client, &[Reason::TlsClientCertificateRefused]),
    (
        "SSL handshake failure",
        Maker::Client,
        &[
            Reason::TlsHandshakeFailed,
            Reason::TlsNotSpoken,
            Reason::TlsVersionUnsupported,
            Reason::TlsNoSharedCipher,
            Reason::TlsClientCertificateMissing,
            Reason::TlsRefusedByClient,
        ],
    ),
];

impl<'a> HaproxyConnection<'a> {
    /// Reads a line; `None` where it is none of these.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let (before, rest) = text.split_once(" [")?;
        before.rsplit(' ').next()?.rsplit_once(':')?.1.parse::<u16>().ok()?;
        let (time, rest) = rest.split_once("] ")?;
        let (place, message) = rest.split_once(": ")?;
        let (frontend, _) = place.split_once('/')?;
        let line = Self { time, frontend, message: message.trim_end() };
        line.known().map(|_| line)
    }

    fn known(&self) -> Option<&'static (&'static str, Maker, &'static [Reason])> {
        MESSAGES.iter().find(|(start, ..)| self.message.starts_with(start))
    }

    /// All that a line says of its causes.
    #[must_use]
    pub fn explain(&self) -> Line {
        let (made_by, causes) =
            self.known().map_or((None, &[][..]), |(_, maker, causes)| (Some(*maker), causes));
        // Newer versions write behind it what OpenSSL says.
        let causes =
            if self.message.ends_with("http request)") { &[Reason::TlsNotSpoken][..] } else { causes };
        Line {
            details: Some(self.message.to_owned()),
            flags: Flags::default(),
            made_by,
            causes: causes.iter().copied().map(Cause::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_connections_name_their_causes() {
        let causes = |message: &str| {
            let text = format!(
                "<134>Nov 28 20:58:53 edge haproxy[1]: 10.0.0.9:44880 [28/Nov/2026:20:58:53.135] fe/1: {message}"
            );
            HaproxyConnection::read(&text)
                .map(|line| (line.frontend.to_owned(), line.explain().causes[0].code()))
        };
        let of = |code| Some(("fe".to_owned(), code));
        assert_eq!(causes("Received something which does not look like a PROXY protocol header"), of("K907"));
        assert_eq!(causes("Truncated PROXY protocol header received"), of("K935"));
        assert_eq!(causes("SSL handshake failure"), of("K942"));
        assert_eq!(causes("SSL handshake failure (error:0A00009C:SSL routines::http request)"), of("K901"));
        assert_eq!(causes("Timeout during SSL handshake"), of("O816"));
        assert_eq!(causes("something else"), None);
    }
}
