//! Private keys that are encrypted.

use causeway_conformance::{Case, TlsWish};

use super::case;

/// `openssl req -x509 -days 36500`, for `encrypted.test`.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBpDCCAUqgAwIBAgIUFoyj7X13RbfB9vWXEw5SF5ePm9gwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOZW5jcnlwdGVkLnRlc3QwIBcNMjYxMTI4MTA1NjM5WhgPMjEy
NjExMDQxMDU2MzlaMBkxFzAVBgNVBAMMDmVuY3J5cHRlZC50ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEdKTDfHxeQTOVhaaNmh6SWut1aH/kG853d5cQjiKi
51VEzeuy2OtL6AO8MIV/z/ApXob0UoKBXDqC6KVUKBhDi6NuMGwwHQYDVR0OBBYE
FFEAO9I4wdM20bZ00CyS3n4XknyxMB8GA1UdIwQYMBaAFFEAO9I4wdM20bZ00CyS
3n4XknyxMA8GA1UdEwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIOZW5jcnlwdGVkLnRl
c3QwCgYIKoZIzj0EAwIDSAAwRQIhAP2N+lRnrN65g+pA04c5O+v95ihajC0U5yZc
0bIA5KKuAiBUSq9QBF/4VxvRNvhks6DCzOw7oNhSAFk0peecGzL5nw==
-----END CERTIFICATE-----
";

/// Its key, by `openssl pkcs8 -topk8 -passout pass:secret`.
const KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh0MysaiioEnwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGzGrZqTkPFyEj+x9JiuWP0EgZD2
aL2pz/5wdHMbgVlfsy4duNHgO8JyEWWN4eKRgvOaS91VQDNc3OlxUyqOs4wNRBkN
nbTJjcRxAGm9PRnILC2nFpNxbJO82sqlk6ZNPVtAQW0nKh4zV1oIG4sS8V3nvNaB
ZdwXpsbrEDFE2p3CTfiB24pcKQyJB2akA7hHw7zFfPVdrkkGQuZqLCo8GemmtV0=
-----END ENCRYPTED PRIVATE KEY-----
";

fn of(name: &'static str, password: &str) -> Case {
    case(name)
        .with_file("encrypted.pem", CERTIFICATE)
        .with_file("encrypted.key", KEY)
        .tls(
            "",
            &format!(
                "tls_certificates: [{{certificate_chain: {{filename: '{{{{dir}}}}/encrypted.pem'}}, private_key: {{filename: '{{{{dir}}}}/encrypted.key'}}{password}}}]"
            ),
        )
        .shake("its name", TlsWish::to("encrypted.test"))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        of("an_encrypted_key", ", password: {inline_string: secret}"),
        of("an_encrypted_key_with_a_password_in_a_file", ", password: {filename: '{{dir}}/password'}")
            .with_file("password", "secret"),
        of("a_line_feed_belongs_to_the_password", ", password: {filename: '{{dir}}/password'}")
            .with_file("password", "secret\n"),
        of("an_encrypted_key_without_a_password", ""),
        of("an_encrypted_key_with_another_password", ", password: {inline_string: other}"),
    ]
}
