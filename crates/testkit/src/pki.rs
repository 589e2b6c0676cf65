//! Certificates for tests: an authority, and what it signs.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RevokedCertParams, RsaKeySize, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::scratch::Scratch;

/// An authority that signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, and behind it what its authority is signed by, where that is no root.
    pub certificate: String,
    /// The key (PKCS #8).
    pub key: String,
}

/// What a certificate is to be.
#[derive(Clone, Debug)]
pub struct Wish {
    subject: Vec<(DnType, String)>,
    names: Vec<SanType>,
    serial: u64,
    rsa: bool,
    /// Years in which it begins and ends to be valid.
    years: (i32, i32),
    client_only: bool,
    must_staple: bool,
}

impl Wish {
    /// A certificate for a subject with this common name, and no other name.
    #[must_use]
    pub fn named(common_name: &str) -> Self {
        Self {
            subject: vec![(DnType::CommonName, common_name.into())],
            names: Vec::new(),
            serial: 0x1234_5678,
            rsa: false,
            years: (2024, 2044),
            client_only: false,
            must_staple: false,
        }
    }

    /// A certificate for a server with this name.
    ///
    /// # Panics
    /// If it is no name.
    #[must_use]
    pub fn server(name: &str) -> Self {
        Self::named(name).dns(name)
    }

    /// One more name of a server.
    ///
    /// # Panics
    /// If it is no name.
    #[must_use]
    pub fn dns(mut self, name: &str) -> Self {
        self.names.push(SanType::DnsName(name.try_into().expect("a name of ASCII")));
        self
    }

    /// One more URI.
    ///
    /// # Panics
    /// If it is no URI.
    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        self.names.push(SanType::URI(uri.try_into().expect("a URI of ASCII")));
        self
    }

    /// One more address.
    #[must_use]
    pub fn ip(mut self, ip: std::net::IpAddr) -> Self {
        self.names.push(SanType::IpAddress(ip));
        self
    }

    /// One more mail address.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.names.push(SanType::Rfc822Name(address.try_into().expect("an address of ASCII")));
        self
    }

    /// One more part of the subject, behind the others.
    #[must_use]
    pub fn subject(mut self, part: DnType, value: &str) -> Self {
        self.subject.push((part, value.into()));
        self
    }

    /// Another serial number.
    #[must_use]
    pub fn serial(mut self, serial: u64) -> Self {
        self.serial = serial;
        self
    }

    /// An RSA key of 2048 bits in place of one on P-256.
    #[must_use]
    pub fn rsa(mut self) -> Self {
        self.rsa = true;
        self
    }

    /// Valid from the first of January of one year to that of another.
    #[must_use]
    pub fn valid(mut self, from: i32, until: i32) -> Self {
        self.years = (from, until);
        self
    }

    /// May be used by clients only.
    #[must_use]
    pub fn client_only(mut self) -> Self {
        self.client_only = true;
        self
    }

    /// Demands an OCSP response (RFC 7633).
    #[must_use]
    pub fn must_staple(mut self) -> Self {
        self.must_staple = true;
        self
    }

    fn key(&self) -> KeyPair {
        let key = if self.rsa {
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        } else {
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        };
        key.expect("keys can be made")
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (part, value) in &self.subject {
            params.distinguished_name.push(part.clone(), value.as_str());
        }
        params.subject_alt_names.clone_from(&self.names);
        params.serial_number = Some(SerialNumber::from(self.serial));
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if self.must_staple {
            const TLS_FEATURE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 24];
            const STATUS_REQUEST: &[u8] = &[0x30, 3, 2, 1, 5];
            let extension = CustomExtension::from_oid_content(TLS_FEATURE, STATUS_REQUEST.to_vec());
            params.custom_extensions.push(extension);
        }
        if !self.client_only {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params
    }
}

impl Authority {
    /// A root.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let wish = Wish::named(name);
        let issuer = CertifiedIssuer::self_signed(ca_params(&wish), wish.key());
        Self { issuer: issuer.expect("a root can be made") }
    }

    /// An authority that is signed by this one.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let wish = Wish::named(name).serial(0x4242);
        let issuer = CertifiedIssuer::signed_by(ca_params(&wish), wish.key(), &self.issuer);
        Self { issuer: issuer.expect("an authority can be made") }
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate as a root of trust.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Signs a certificate.
    #[must_use]
    pub fn issue(&self, wish: &Wish) -> Identity {
        let key = wish.key();
        let certificate = wish.params().signed_by(&key, &self.issuer).expect("certificates can be signed");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A current list of certificates that it has revoked, by their serial numbers.
    #[must_use]
    pub fn revokes(&self, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2080, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("lists can be signed");
        list.pem().expect("lists can be written")
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

fn ca_params(wish: &Wish) -> CertificateParams {
    let mut params = wish.params();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages.clear();
    params
}

impl Identity {
    /// A certificate that is signed by itself.
    #[must_use]
    pub fn self_signed(wish: &Wish) -> Self {
        let key = wish.key();
        let certificate = wish.params().self_signed(&key).expect("certificates can be signed");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// The same, with what signed its authority behind it.
    #[must_use]
    pub fn with_chain(mut self, issuers: &[&Authority]) -> Self {
        for issuer in issuers {
            self.certificate.push_str(&issuer.certificate());
        }
        self
    }

    /// Its certificates in binary form, its own first.
    ///
    /// # Panics
    /// If they are none.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<_, _>>()
            .expect("certificates in PEM")
    }

    /// Its key in binary form.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key in PEM")
    }

    /// An OCSP response (RFC 6960 §4.2.1) that calls the certificate good from the first of January of one year to that
    /// of another. Its hashes and its signature are zeros: only who checks them sees that.
    ///
    /// # Panics
    /// If the serial number is too long.
    #[must_use]
    pub fn ocsp(&self, serial: u64, years: (i32, i32)) -> Vec<u8> {
        let der = |tag: u8, parts: &[&[u8]]| {
            let content = parts.concat();
            let [high, low] = u16::try_from(content.len()).expect("it is short").to_be_bytes();
            // As short as can be: DER allows no other form.
            let length: &[u8] = match (high, low) {
                (0, 0..=0x7f) => &[low],
                (0, _) => &[0x81, low],
                _ => &[0x82, high, low],
            };
            [&[tag][..], length, &content].concat()
        };
        const SHA1: &[u8] = &[0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];
        const ECDSA_WITH_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        const BASIC: &[u8] = &[6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
        let time = |year: i32| der(0x18, &[format!("{year}0101000000Z").as_bytes()]);
        let hash = der(4, &[&[0; 20]]);
        let bytes = serial.to_be_bytes();
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        // A number that begins with a one would be negative.
        let sign: &[u8] = if bytes[start] & 0x80 == 0 { &[] } else { &[0] };
        let number = der(2, &[sign, &bytes[start..]]);
        let id = der(0x30, &[SHA1, &hash, &hash, &number]);
        let single = der(0x30, &[&id, &[0x80, 0], &time(years.0), &der(0xa0, &[&time(years.1)])]);
        let data = der(0x30, &[&der(0xa2, &[&hash]), &time(years.0), &der(0x30, &[&single])]);
        let basic = der(0x30, &[&data, ECDSA_WITH_SHA256, &[3, 2, 0, 0]]);
        der(0x30, &[&[0x0a, 1, 0], &der(0xa0, &[&der(0x30, &[BASIC, &der(4, &[&basic])])])])
    }

    /// SHA-256 of the certificate, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        let hash = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256
            .tls13()
            .map(|suite| suite.common.hash_provider.hash(&self.chain()[0]));
        let mut text = String::new();
        for byte in hash.iter().flat_map(|hash| hash.as_ref()) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// The certificates that most tests need, made once for all tests of a process.
///
/// | name | is |
/// |---|---|
/// | `ca` | a root that signs all others but `rogue` |
/// | `server` | `lab.test`, `*.lab.test`, 127.0.0.1 |
/// | `a`, `b` | `a.test` and `b.test`; `rsa` is `a.test` with an RSA key |
/// | `must` | `must.test`, which demands an OCSP response |
/// | `client` | a client with all kinds of names |
/// | `other` | a client without any but its common name |
/// | `rogue` | a client that is signed by another root |
/// | `old` | a client whose certificate is no longer valid |
#[derive(Debug)]
pub struct Pki {
    /// The root.
    pub authority: Authority,
    identities: Vec<(&'static str, Identity)>,
}

impl Pki {
    /// The certificates.
    #[must_use]
    pub fn get() -> &'static Self {
        static PKI: OnceLock<Pki> = OnceLock::new();
        PKI.get_or_init(Self::make)
    }

    fn make() -> Self {
        let authority = Authority::new("test root");
        let rogue = Authority::new("rogue root");
        let local = std::net::Ipv4Addr::LOCALHOST.into();
        let client = Wish::named("client")
            .subject(DnType::OrganizationName, "Lab, Inc.")
            .uri("spiffe://lab/client")
            .dns("client.lab.test")
            .dns("second.lab.test")
            .email("client@lab.test")
            .ip(local);
        let issue = |wish: Wish| authority.issue(&wish);
        let identities = vec![
            ("server", issue(Wish::server("lab.test").dns("*.lab.test").ip(local))),
            ("a", issue(Wish::server("a.test").serial(0xa))),
            ("b", issue(Wish::server("b.test").dns("*.b.test").serial(0xb))),
            ("must", issue(Wish::server("must.test").serial(0x57).must_staple())),
            ("rsa", issue(Wish::server("a.test").serial(0xaa).rsa())),
            ("client", issue(client.serial(0xc1))),
            ("other", issue(Wish::named("other").serial(0xc2))),
            ("rogue", rogue.issue(&Wish::named("client").uri("spiffe://lab/client").serial(0xc3))),
            ("old", issue(Wish::named("old").valid(2020, 2021).serial(0xc4))),
        ];
        Self { authority, identities }
    }

    /// The identity of this name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn identity(&self, name: &str) -> &Identity {
        let found = self.identities.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("no identity is named {name}")).1
    }

    /// Every file: `ca.pem`, and `<name>.pem` and `<name>.key` for each identity.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![("ca.pem".to_owned(), self.authority.certificate())];
        for (name, identity) in &self.identities {
            files.push((format!("{name}.pem"), identity.certificate.clone()));
            files.push((format!("{name}.key"), identity.key.clone()));
        }
        files
    }

    /// All files in a folder of their own.
    ///
    /// # Panics
    /// If they can't be written.
    #[must_use]
    pub fn folder(&self) -> Scratch {
        let folder = Scratch::new();
        self.write_to(folder.path());
        folder
    }

    /// Writes all files into a folder.
    ///
    /// # Panics
    /// If they can't be written.
    pub fn write_to(&self, folder: &Path) {
        for (name, text) in self.files() {
            std::fs::write(folder.join(&name), text).unwrap_or_else(|e| panic!("cannot write {name}: {e}"));
        }
    }
}

/// Bytes as they stand in `inline_bytes` (RFC 4648 §4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word =
            three.iter().fold(0, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[word >> (18 - 6 * place) & 63]);
            text.push(if place <= three.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_base64() {
        // RFC 4648 §10
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn identities_have_keys_of_the_kind_that_was_wished_for() {
        let pki = Pki::get();
        assert_eq!(pki.identity("a").chain().len(), 1);
        assert_eq!(pki.identity("client").sha256().len(), 64);
        let rsa = pki.identity("rsa").private_key();
        assert!(rsa.secret_der().len() > pki.identity("a").private_key().secret_der().len());
        let below = Authority::new("root").intermediate("below");
        assert_eq!(below.issue(&Wish::server("x.test")).with_chain(&[&below]).chain().len(), 2);
    }
}
