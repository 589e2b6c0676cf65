//! Distinguished names as RFC 2253 writes them, with the habits of BoringSSL.

use std::fmt::Write as _;

use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Short names of what a name is made of, as OpenSSL has them.
const SHORT: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

/// The last part first, parts joined by commas, what one part consists of by `+`.
pub(super) fn rfc2253(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (index, part) in parts.iter().rev().enumerate() {
        if index > 0 {
            out.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                out.push('+');
            }
            write_attribute(&mut out, attribute);
        }
    }
    out
}

fn write_attribute(out: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let kind = attribute.attr_type().to_id_string();
    match SHORT.iter().find(|(id, _)| *id == kind) {
        Some((_, short)) => {
            let _ = write!(out, "{short}=");
            match attribute.as_str() {
                Ok(text) => escape(out, text),
                // Strings of UTF-16 and the like, which nobody has used for a long time.
                Err(_) => escape(out, &String::from_utf8_lossy(attribute.as_slice())),
            }
        }
        // What it means is not known, so it is shown as it is encoded (RFC 2253 §2.4).
        None => {
            let _ = write!(out, "{kind}=#");
            let value = attribute.attr_value();
            let tag = u8::try_from(value.header.tag().0).unwrap_or_default();
            for byte in [tag, u8::try_from(value.data.len()).unwrap_or(u8::MAX)].iter().chain(value.data) {
                let _ = write!(out, "{byte:02X}");
            }
        }
    }
}

fn escape(out: &mut String, text: &str) {
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        let at_edge = (at == 0 && matches!(byte, b' ' | b'#')) || (at == last && byte == b' ');
        if matches!(byte, b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';') || at_edge {
            out.push('\\');
            out.push(char::from(byte));
        } else if !(0x20..0x7f).contains(&byte) {
            let _ = write!(out, "\\{byte:02X}");
        } else {
            out.push(char::from(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        let mut out = String::new();
        escape(&mut out, " a,b+\"c\\é\u{1} ");
        assert_eq!(out, "\\ a\\,b\\+\\\"c\\\\\\C3\\A9\\01\\ ");
    }
}
