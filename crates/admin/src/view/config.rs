//! What the process runs: listeners, certificates, configuration.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use causeway_model::Address;
use serde_json::Value;

/// A listener as `/listeners` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// The addresses it is bound to, the first one first, with the port that the system gave where the
    /// file says 0.
    pub addresses: Vec<Address>,
}

/// The configuration that is in force. Each value is a message in protobuf's JSON form, with its
/// `@type` where it stands in an `Any`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigDump {
    /// `envoy.config.bootstrap.v3.Bootstrap`, without `@type`.
    pub bootstrap: Value,
    /// When the bootstrap was read.
    pub bootstrap_updated: Option<SystemTime>,
    /// `envoy.config.cluster.v3.Cluster`. They are listed by name.
    pub clusters: Vec<ConfigEntry>,
    /// `envoy.config.listener.v3.Listener`.
    pub listeners: Vec<ConfigEntry>,
    /// `envoy.config.route.v3.RouteConfiguration`, of connection managers that have theirs inline.
    pub routes: Vec<ConfigEntry>,
}

/// A resource of a [`ConfigDump`].
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: Arc<str>,
    /// The message.
    pub config: Value,
    /// When it came into force.
    pub last_updated: SystemTime,
}

/// Certificates of one TLS context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The authorities that peers are checked against.
    pub ca_cert: Vec<CertificateDetails>,
    /// The certificates shown to peers.
    pub cert_chain: Vec<CertificateDetails>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateDetails {
    /// The file it comes from; `<inline>` where it stands in the configuration.
    pub path: Box<str>,
    /// Its serial number, in lower-case hexadecimal.
    pub serial_number: Box<str>,
    /// Whom it is for.
    pub subject_alt_names: Vec<SubjectAltName>,
    /// From when it is valid.
    pub valid_from: SystemTime,
    /// Until when.
    pub expiration_time: SystemTime,
    /// The OCSP response that is sent along with it.
    pub ocsp: Option<OcspDetails>,
}

/// `CertificateDetails.OcspDetails`: an OCSP response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OcspDetails {
    /// From when it holds.
    pub valid_from: SystemTime,
    /// Until when; `None` where it does not say so, and so holds no more.
    pub expiration: Option<SystemTime>,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectAltName {
    /// A host name.
    Dns(Box<str>),
    /// A URI.
    Uri(Box<str>),
    /// An address.
    Ip(IpAddr),
}
