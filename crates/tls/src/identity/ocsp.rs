//! OCSP responses that are sent along with a certificate (RFC 6960, RFC 6066 §8).
//!
//! Their signature is for the client to check; here it is made sure that a response is about the certificate, good,
//! and known until when it is to be used.

use std::fmt;

use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use super::der::{ENUMERATED, INTEGER, OCTETS, OID, SEQUENCE, TIME, element, expect};

/// A response that says that the certificate is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspStaple {
    /// The response (DER).
    pub response: Vec<u8>,
    /// From when it holds, in seconds since 1970.
    pub this_update: i64,
    /// Until when.
    pub next_update: Option<i64>,
}

/// Why a response can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcspError {
    /// It is no OCSP response.
    Malformed,
    /// It says that there was an error.
    Unsuccessful,
    /// It is about another certificate, or about several.
    OtherCertificate,
}

impl fmt::Display for OcspError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is no OCSP response (DER)",
            Self::Unsuccessful => "it says that asking failed",
            Self::OtherCertificate => "it is not about this certificate alone",
        })
    }
}

impl OcspStaple {
    /// Reads a response about a certificate.
    ///
    /// # Errors
    ///
    /// Where it is none, or about something else.
    pub fn read(response: &[u8], certificate: &X509Certificate<'_>) -> Result<Self, OcspError> {
        let (this_update, next_update, serial) = single(response)?;
        if serial != certificate.raw_serial() {
            return Err(OcspError::OtherCertificate);
        }
        Ok(Self { response: response.to_vec(), this_update, next_update })
    }

    /// Until when it holds, for people.
    #[must_use]
    pub fn end(&self) -> Option<String> {
        ASN1Time::from_timestamp(self.next_update?).ok().map(|time| time.to_string())
    }

    /// Whether it is to be used at this time, in seconds since 1970.
    #[must_use]
    pub fn is_fresh(&self, now: i64) -> bool {
        self.next_update.is_some_and(|end| now < end)
    }
}

/// Whether a certificate has the extension that demands a response (RFC 7633: `status_request` among its features).
pub(super) fn must_staple(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| {
        extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.24" && extension.value.ends_with(&[2, 1, 5])
    })
}

/// The times and the serial number of the only `SingleResponse` of a response.
fn single(response: &[u8]) -> Result<(i64, Option<i64>, &[u8]), OcspError> {
    let malformed = OcspError::Malformed;
    // OCSPResponse
    let (content, _) = expect(response, SEQUENCE).ok_or(malformed)?;
    let (status, content) = expect(content, ENUMERATED).ok_or(malformed)?;
    if status != [0] {
        return Err(OcspError::Unsuccessful);
    }
    let list = basic(content).ok_or(malformed)?;
    let (one, others) = expect(list, SEQUENCE).ok_or(malformed)?;
    if !others.is_empty() {
        return Err(OcspError::OtherCertificate);
    }
    about(one).ok_or(malformed)
}

/// The `responses` in `ResponseBytes`.
fn basic(content: &[u8]) -> Option<&[u8]> {
    let (tagged, _) = expect(content, 0xa0)?;
    let (bytes, _) = expect(tagged, SEQUENCE)?;
    let (_, rest) = expect(bytes, OID)?;
    let (octets, _) = expect(rest, OCTETS)?;
    // BasicOCSPResponse, ResponseData
    let (basic, _) = expect(octets, SEQUENCE)?;
    let (mut data, _) = expect(basic, SEQUENCE)?;
    loop {
        let (tag, content, rest) = element(data)?;
        if tag == SEQUENCE {
            return Some(content);
        }
        data = rest;
    }
}

/// What `SingleResponse` has of times, and the serial number that it is about.
fn about(one: &[u8]) -> Option<(i64, Option<i64>, &[u8])> {
    let (id, rest) = expect(one, SEQUENCE)?;
    let (_, hashes) = expect(id, SEQUENCE)?;
    let (_, hashes) = expect(hashes, OCTETS)?;
    let (_, serial) = expect(hashes, OCTETS)?;
    let (serial, _) = expect(serial, INTEGER)?;
    let (_, _, rest) = element(rest)?;
    let (this_update, rest) = expect(rest, TIME)?;
    let next_update = match expect(rest, 0xa0) {
        Some((tagged, _)) => Some(time(expect(tagged, TIME)?.0)?),
        None => None,
    };
    Some((time(this_update)?, next_update, serial))
}

/// `GeneralizedTime` in the only form that is allowed (RFC 5280 §4.1.2.5.2): `20260101000000Z`.
fn time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    // Days since 1970 by counting years from March on, so that the odd month comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1970() {
        assert_eq!(time(b"19700101000000Z"), Some(0));
        assert_eq!(time(b"20260228235959Z"), Some(1_772_323_199));
        assert_eq!(time(b"20240229120000Z"), Some(1_709_208_000));
        assert_eq!(time(b"2026"), None);
    }

    #[test]
    fn what_is_no_response_is_refused() {
        assert_eq!(single(b"hello"), Err(OcspError::Malformed));
        assert_eq!(single(&[SEQUENCE, 3, ENUMERATED, 1, 6]), Err(OcspError::Unsuccessful));
        assert_eq!(single(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(OcspError::Malformed));
    }
}
