//! What a certificate says, in the words of logs, headers and the admin interface.

mod name;
mod text;

use std::net::IpAddr;

use aws_lc_rs::digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;

pub use text::{base64, hex, pem, url_encoded};

/// What a certificate says (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whom it is about, as RFC 2253 writes names: `CN=client,O=Lab\, Inc.`.
    pub subject: String,
    /// The common name of the subject; the first of several.
    pub common_name: Option<String>,
    /// Who signed it, written as `subject`.
    pub issuer: String,
    /// Its serial number in lower-case hex, as many digits as its bytes have.
    pub serial: String,
    /// Alternative names of the subject, in the certificate's order.
    pub names: Vec<AlternativeName>,
    /// From when it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
}

/// A name in `subjectAltName` (RFC 5280 §4.2.1.6). Kinds that nobody asks for are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlternativeName {
    /// `dNSName`.
    Dns(String),
    /// `uniformResourceIdentifier`.
    Uri(String),
    /// `rfc822Name`.
    Email(String),
    /// `iPAddress`.
    Ip(IpAddr),
    /// `otherName`: its type, and its value where that is text.
    Other(String, String),
}

impl Facts {
    /// What a certificate says; `None` where it can't be read.
    #[must_use]
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let serial = certificate.raw_serial();
        let significant = serial.iter().position(|byte| *byte != 0).and_then(|at| serial.get(at..));
        Some(Self {
            subject: name::rfc2253(certificate.subject()),
            common_name: certificate
                .subject()
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
            issuer: name::rfc2253(certificate.issuer()),
            serial: significant.map_or_else(|| "0".to_owned(), hex),
            names: alternative_names(&certificate),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// The alternative names of one kind.
    pub fn names_of<'a>(
        &'a self,
        pick: impl Fn(&'a AlternativeName) -> Option<String> + 'a,
    ) -> impl Iterator<Item = String> + 'a {
        self.names.iter().filter_map(pick)
    }
}

impl AlternativeName {
    /// The name of a server.
    #[must_use]
    pub fn dns(&self) -> Option<String> {
        if let Self::Dns(name) = self { Some(name.clone()) } else { None }
    }

    /// A URI.
    #[must_use]
    pub fn uri(&self) -> Option<String> {
        if let Self::Uri(name) = self { Some(name.clone()) } else { None }
    }

    /// A mail address.
    #[must_use]
    pub fn email(&self) -> Option<String> {
        if let Self::Email(name) = self { Some(name.clone()) } else { None }
    }

    /// An address.
    #[must_use]
    pub fn ip(&self) -> Option<String> {
        if let Self::Ip(name) = self { Some(name.to_string()) } else { None }
    }

    /// The value of a name of another kind.
    #[must_use]
    pub fn other(&self) -> Option<String> {
        if let Self::Other(_, name) = self { Some(name.clone()) } else { None }
    }
}

/// SHA-256 of a certificate.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// SHA-1 of a certificate, in lower-case hex: a name for it, not a proof.
#[must_use]
pub fn sha1_hex(bytes: &[u8]) -> String {
    hex(&sha1(bytes))
}

/// SHA-1, where others have settled on it and nothing depends on its strength.
#[must_use]
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut hash = [0; 20];
    hash.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    hash
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<AlternativeName> {
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension() else {
            continue;
        };
        for name in &alternatives.general_names {
            names.extend(match name {
                GeneralName::DNSName(name) => Some(AlternativeName::Dns((*name).to_owned())),
                GeneralName::URI(name) => Some(AlternativeName::Uri((*name).to_owned())),
                GeneralName::RFC822Name(name) => Some(AlternativeName::Email((*name).to_owned())),
                GeneralName::IPAddress(bytes) => ip(bytes).map(AlternativeName::Ip),
                GeneralName::OtherName(kind, value) => {
                    other_text(value).map(|text| AlternativeName::Other(kind.to_id_string(), text))
                }
                _ => None,
            });
        }
    }
    names
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(bytes));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The text in `[0] EXPLICIT` of an `otherName`.
fn other_text(value: &[u8]) -> Option<String> {
    // A short length, a string of any kind: what is longer is no name.
    let (outer, rest) = (value.get(..2)?, value.get(2..)?);
    let inner = if matches!(outer, [0xa0, _]) { rest } else { value };
    let text = inner.get(2..)?;
    let length = usize::from(*inner.get(1)?);
    String::from_utf8(text.get(..length)?.to_vec()).ok()
}
