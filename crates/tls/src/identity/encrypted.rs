//! Private keys that are encrypted with a password: PKCS #8 by PBES2 with PBKDF2 and AES (RFC 5958 §3, RFC 8018), as
//! OpenSSL writes them. Older ways are not taken: their ciphers are broken, or nearly so.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::pem::Pem;

use super::der::{INTEGER, OCTETS, OID, SEQUENCE, expect};

/// Why a key can't be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptedKeyError {
    /// There is no password.
    NoPassword,
    /// The password is another one.
    WrongPassword {
        /// It ends with a line feed, which counts, as with Envoy.
        ends_with_line_feed: bool,
    },
    /// It is encrypted in another way.
    Form,
    /// It is not what it says that it is.
    Malformed,
}

impl fmt::Display for EncryptedKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPassword => "is encrypted, and there is no `password`",
            Self::WrongPassword { ends_with_line_feed: false } => "is not encrypted with this `password`",
            Self::WrongPassword { ends_with_line_feed: true } => {
                "is not encrypted with this `password`, which ends with a line feed: write it without (`printf %s`)"
            }
            Self::Form => {
                "is encrypted in a way that is not implemented; `openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW` \
                 writes it in one that is"
            }
            Self::Malformed => "is damaged",
        })
    }
}

/// `pbkdf2`, `pbes2` (RFC 8018 appendix C), and what they may be used with.
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 7];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2];
const AES_192_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];

/// A key would take longer than a restart may.
const MOST_ROUNDS: u32 = 10_000_000;

/// Whether a text holds a private key that is encrypted, in whatever way.
pub(super) fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// The key in a text, decrypted.
pub(super) fn decrypt(
    pem: &[u8],
    password: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, EncryptedKeyError> {
    let password = password.filter(|password| !password.is_empty()).ok_or(EncryptedKeyError::NoPassword)?;
    let mut parts = Pem::iter_from_buffer(pem).filter_map(Result::ok);
    let key = parts.find(|part| part.label == "ENCRYPTED PRIVATE KEY").ok_or(EncryptedKeyError::Form)?;
    let (content, _) = expect(&key.contents, SEQUENCE).ok_or(EncryptedKeyError::Malformed)?;
    let (algorithm, rest) = expect(content, SEQUENCE).ok_or(EncryptedKeyError::Malformed)?;
    let (data, _) = expect(rest, OCTETS).ok_or(EncryptedKeyError::Malformed)?;
    let way = Way::read(algorithm).ok_or(EncryptedKeyError::Form)?;
    let wrong = EncryptedKeyError::WrongPassword { ends_with_line_feed: password.ends_with(b"\n") };
    let plain = way.decrypt(data, password).ok_or(wrong)?;
    // By chance the end of what is no key looks like the end of one.
    expect(&plain, SEQUENCE).ok_or(wrong)?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(plain)))
}

/// How a key is encrypted.
struct Way<'a> {
    cipher: &'static Algorithm,
    key_length: usize,
    vector: [u8; 16],
    prf: pbkdf2::Algorithm,
    rounds: NonZeroU32,
    salt: &'a [u8],
}

impl<'a> Way<'a> {
    /// Of an `AlgorithmIdentifier`; `None` where it is another.
    fn read(algorithm: &'a [u8]) -> Option<Self> {
        let (pbes2, rest) = expect(algorithm, OID)?;
        let (parameters, _) = expect(rest, SEQUENCE).filter(|_| pbes2 == PBES2)?;
        let (derivation, rest) = expect(parameters, SEQUENCE)?;
        let (encryption, _) = expect(rest, SEQUENCE)?;
        let (cipher, rest) = expect(encryption, OID)?;
        let (cipher, key_length) = match cipher {
            AES_128_CBC => (&AES_128, 16),
            AES_192_CBC => (&AES_192, 24),
            AES_256_CBC => (&AES_256, 32),
            _ => return None,
        };
        let vector = expect(rest, OCTETS)?.0.try_into().ok()?;
        let (pbkdf2, rest) = expect(derivation, OID)?;
        let (parameters, _) = expect(rest, SEQUENCE).filter(|_| pbkdf2 == PBKDF2)?;
        let (salt, rest) = expect(parameters, OCTETS)?;
        let (rounds, rest) = expect(rest, INTEGER)?;
        let rounds = number(rounds).filter(|rounds| *rounds <= MOST_ROUNDS).and_then(NonZeroU32::new)?;
        // The length of the key may stand there; it is that of the cipher.
        let rest = expect(rest, INTEGER).map_or(rest, |(_, rest)| rest);
        let prf = match expect(rest, SEQUENCE).and_then(|(prf, _)| expect(prf, OID)) {
            None => pbkdf2::PBKDF2_HMAC_SHA1,
            Some((HMAC_SHA1, _)) => pbkdf2::PBKDF2_HMAC_SHA1,
            Some((HMAC_SHA256, _)) => pbkdf2::PBKDF2_HMAC_SHA256,
            Some(_) => return None,
        };
        Some(Self { cipher, key_length, vector, prf, rounds, salt })
    }

    /// `None` where the password is another one.
    fn decrypt(&self, data: &[u8], password: &[u8]) -> Option<Vec<u8>> {
        let mut secret = vec![0; self.key_length];
        pbkdf2::derive(self.prf, self.rounds, self.salt, password, &mut secret);
        let key = UnboundCipherKey::new(self.cipher, &secret).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let mut room = data.to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(self.vector));
        Some(key.decrypt(&mut room, context).ok()?.to_vec())
    }
}

/// A number that is not negative and not too large.
fn number(digits: &[u8]) -> Option<u32> {
    let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
    (digits.len() <= 4).then(|| digits.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // `openssl pkcs8 -topk8 -passout pass:secret`, with -v2 and -v2prf as the names say, of one key.
    const AES_256_SHA_256: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh0MysaiioEnwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGzGrZqTkPFyEj+x9JiuWP0EgZD2
aL2pz/5wdHMbgVlfsy4duNHgO8JyEWWN4eKRgvOaS91VQDNc3OlxUyqOs4wNRBkN
nbTJjcRxAGm9PRnILC2nFpNxbJO82sqlk6ZNPVtAQW0nKh4zV1oIG4sS8V3nvNaB
ZdwXpsbrEDFE2p3CTfiB24pcKQyJB2akA7hHw7zFfPVdrkkGQuZqLCo8GemmtV0=
-----END ENCRYPTED PRIVATE KEY-----
";
    const AES_128_SHA_1: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAiWu3ActiB4wQICCAAw
HQYJYIZIAWUDBAECBBBUiI9mpTgNPI0pHSE+jecTBIGQ7wW/twnIzWkCocp2VB/I
+gWN6FDxePpFCVglXh8p7/plzXBWpcS1BZLXrlVZeHAK28TZp4jADkiSpL3XhAUk
OTVBAUvuhlcu9vnO+ATUyuDb6nsg41sivtic2A+8QgsKqDVh4lveqcma3j1dgK1h
ZQib+Uqec0hIU3ORSriC/EhTtVKMQDQCuRt8D0xolm4J
-----END ENCRYPTED PRIVATE KEY-----
";
    const AES_192_SHA_256: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi8xaOjx0AeCwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEARYEENZJ+4f5cFs8k/rrpcR0UQsEgZDB
AOepp3bZVlJ4WmWSwBlBEY0B5k6QC7QYPuvfYTif0LLwAr24kSKTQBBm8R1T4P7B
r7DF34AkRvQqlj2L3RZk0SFEu4FVAHQCsOVCzsvy/VZQY5BA18zUX/kqq5WBaOFm
NrIcl4GaKTvWCTHHHOqNJd4XAj27gdEq4QyAZBQy+AobqTQZ/V4cIK8+zxbvlQk=
-----END ENCRYPTED PRIVATE KEY-----
";
    const SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgipMQiBjD4AAICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBDw0oFO+moTOrJyErwvHTTyBIGQFZbqCoffD6Qd
SpLzgnVcoO3+8vp6pLdifkNVdmY5DirjMz1Tn/Qh+5gnoXX6oJ5HKOLL2Gb/RNgr
n8QcAZ8xToOzniVJ44sXQsl3O/tPWY5G8RgeAt7ply90UcNM9DzrJE5VeTMHhTQW
mhBeS6Q95JDKtGooqDVzw1GFhart5272dI7nY4X3xIpk88GriF71
-----END ENCRYPTED PRIVATE KEY-----
";
    const DES3: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAjfxeWBaEB5rQICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIE8idLvkvUnIEgZBaOzlw9BLQ0KOo
tA66kutVTVQvtZrzBkDjV0scynmZVxnBKz1pBx5v5yVZ7knc2fEabhueh0BqGi8E
ftkEdPB2X7f0R0g1QiEhx+xvY/f0KmmFp16yg4IMpwyEON/JP0uGUNiKqBFXQZmT
0E+MdnAgyH/p1j0iQXqvRp8XjfhoRHW+hyhEvlZxBCjBX+xB1ss=
-----END ENCRYPTED PRIVATE KEY-----
";

    fn with(pem: &str, password: &str) -> Result<PrivateKeyDer<'static>, EncryptedKeyError> {
        assert!(is_encrypted(pem.as_bytes()));
        decrypt(pem.as_bytes(), Some(password.as_bytes()))
    }

    #[test]
    fn keys_of_openssl_are_the_same_however_they_are_encrypted() {
        let keys = [AES_256_SHA_256, AES_128_SHA_1, AES_192_SHA_256].map(|pem| with(pem, "secret").unwrap());
        assert!(keys.iter().all(|key| key.secret_der() == keys[0].secret_der()));
        rustls::crypto::aws_lc_rs::sign::any_supported_type(&keys[0]).unwrap();
    }

    #[test]
    fn what_is_wrong_is_said() {
        use EncryptedKeyError as E;
        let wrong = |ends_with_line_feed| Err(E::WrongPassword { ends_with_line_feed });
        assert_eq!(with(AES_256_SHA_256, "other"), wrong(false));
        assert_eq!(with(AES_256_SHA_256, "secret\n"), wrong(true));
        assert_eq!(with(AES_256_SHA_256, ""), Err(E::NoPassword));
        for pem in [SCRYPT, DES3] {
            assert_eq!(with(pem, "secret"), Err(E::Form));
        }
        let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
        assert_eq!(with(old, "secret"), Err(E::Form));
        let damaged = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(with(damaged, "secret"), Err(E::Malformed));
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let whole = Pem::iter_from_buffer(AES_256_SHA_256.as_bytes()).next().unwrap().unwrap().contents;
        let way = |bytes: &[u8]| {
            let (content, _) = expect(bytes, SEQUENCE)?;
            let (algorithm, _) = expect(content, SEQUENCE)?;
            Way::read(algorithm).map(|way| way.rounds)
        };
        assert_eq!(way(&whole), NonZeroU32::new(2048));
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut other = whole.clone();
            other[at] ^= 1 << bit;
            assert!(way(&other).is_none_or(|rounds| rounds.get() <= MOST_ROUNDS));
            assert!(way(&whole[..at]).is_none() || at > 90);
        }
    }
}
