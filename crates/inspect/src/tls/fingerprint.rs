//! Fingerprints of clients: what they offer, in few characters.
//!
//! JA3 (github.com/salesforce/ja3) keeps the order in which a client offers things, JA4 (github.com/FoxIO-LLC/ja4)
//! sorts them. Numbers that are there to be ignored (GREASE, RFC 8701) are left out of both.

use std::fmt::Write as _;

use super::hello::extension;
use super::{ClientHello, md5};

/// The JA3 hash: 32 hexadecimal digits.
#[must_use]
pub fn ja3(hello: &ClientHello<'_>) -> String {
    let mut text = hello.version.to_string();
    list(&mut text, hello.ciphers());
    list(&mut text, hello.extensions());
    list(&mut text, hello.groups());
    list(&mut text, hello.point_formats().map(u16::from));
    md5::hex(text.as_bytes())
}

/// Appends a list of numbers, with a comma in front and without GREASE.
fn list(text: &mut String, numbers: impl Iterator<Item = u16>) {
    let mut separator = ',';
    for number in numbers.filter(|number| !is_grease(*number)) {
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{number}");
        separator = '-';
    }
    if separator == ',' {
        text.push(',');
    }
}

/// The parts of a JA4 fingerprint. The second and third are the first twelve hexadecimal digits of the SHA-256 of a
/// text; twelve zeros where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ja4 {
    /// What is told as it is, `t13d1516h2`.
    pub offer: String,
    /// The text of the cipher suites.
    pub ciphers: String,
    /// The text of the extensions and signature algorithms.
    pub extensions: String,
}

impl Ja4 {
    /// All of it, with a function for the hexadecimal digits of a SHA-256.
    #[must_use]
    pub fn join(&self, sha256: impl Fn(&[u8]) -> String) -> String {
        let part = |text: &str| match text {
            "" => "0".repeat(12),
            text => sha256(text.as_bytes()).chars().take(12).collect(),
        };
        format!("{}_{}_{}", self.offer, part(&self.ciphers), part(&self.extensions))
    }
}

/// The JA4 fingerprint of a client over TCP.
#[must_use]
pub fn ja4(hello: &ClientHello<'_>) -> Ja4 {
    let known = |numbers: &mut dyn Iterator<Item = u16>| -> Vec<u16> {
        numbers.filter(|number| !is_grease(*number)).collect()
    };
    let mut ciphers = known(&mut hello.ciphers());
    let mut extensions = known(&mut hello.extensions());
    let version = known(&mut hello.supported_versions()).into_iter().max().unwrap_or(hello.version);
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        _ => "00",
    };
    let name = if hello.server_name.is_some() { 'd' } else { 'i' };
    let (cipher_count, extension_count) = (ciphers.len().min(99), extensions.len().min(99));
    let offer = format!("t{version}{name}{cipher_count:02}{extension_count:02}{}", ends(hello));
    ciphers.sort_unstable();
    extensions.sort_unstable();
    extensions.retain(|number| ![extension::SERVER_NAME, extension::ALPN].contains(number));
    let mut text = hex_list(&extensions);
    let signatures = known(&mut hello.signature_algorithms());
    if !signatures.is_empty() && !text.is_empty() {
        text.push('_');
        text.push_str(&hex_list(&signatures));
    }
    Ja4 { offer, ciphers: hex_list(&ciphers), extensions: text }
}

/// The first and the last character of the protocol that the client likes best; those of its hexadecimal form where
/// one of them is no letter or digit.
fn ends(hello: &ClientHello<'_>) -> String {
    match hello.first_protocol() {
        None => "00".to_owned(),
        Some(protocol) => {
            let (first, last) =
                (protocol.first().copied().unwrap_or(0), protocol.last().copied().unwrap_or(0));
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
                [char::from(first), char::from(last)].iter().collect()
            } else {
                format!("{:x}{:x}", first >> 4, last & 0xf)
            }
        }
    }
}

fn hex_list(numbers: &[u16]) -> String {
    let mut text = String::with_capacity(numbers.len() * 5);
    for number in numbers {
        let separator = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{separator}{number:04x}");
    }
    text
}

/// RFC 8701 §2
const fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0xf == 0xa
}
