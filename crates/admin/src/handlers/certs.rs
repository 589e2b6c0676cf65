//! `/certs`

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::http::{Reply, Request};
use crate::json::pretty;
use crate::state::Admin;
use crate::time::timestamp_seconds;
use crate::view::{CertificateDetails, SubjectAltName};

pub(crate) fn certs(admin: &Admin, request: &Request) -> Reply {
    let list =
        |all: &[CertificateDetails]| all.iter().map(|one| details(one, request.now)).collect::<Value>();
    let certificates: Vec<_> = admin
        .process
        .certificates()
        .iter()
        .map(|certificate| {
            json!({"ca_cert": list(&certificate.ca_cert), "cert_chain": list(&certificate.cert_chain)})
        })
        .collect();
    Reply::json(pretty(&json!({"certificates": certificates})))
}

/// `admin.v3.CertificateDetails`
fn details(certificate: &CertificateDetails, now: SystemTime) -> Value {
    const DAY: Duration = Duration::from_secs(86_400);
    let names: Vec<_> = certificate
        .subject_alt_names
        .iter()
        .map(|name| match name {
            SubjectAltName::Dns(name) => json!({"dns": &**name}),
            SubjectAltName::Uri(uri) => json!({"uri": &**uri}),
            SubjectAltName::Ip(ip) => json!({"ip_address": ip.to_string()}),
        })
        .collect();
    let left = certificate.expiration_time.duration_since(now).unwrap_or_default();
    let mut shown = json!({
        "path": &*certificate.path,
        "serial_number": &*certificate.serial_number,
        "subject_alt_names": names,
        "days_until_expiration": (left.as_secs() / DAY.as_secs()).to_string(),
        "valid_from": timestamp_seconds(certificate.valid_from),
        "expiration_time": timestamp_seconds(certificate.expiration_time),
    });
    if let Some(ocsp) = &certificate.ocsp {
        shown["ocsp_details"] = json!({
            "valid_from": timestamp_seconds(ocsp.valid_from),
            "expiration": timestamp_seconds(ocsp.expiration.unwrap_or(now)),
        });
    }
    shown
}
