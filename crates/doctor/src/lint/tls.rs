//! TLS to back-ends that proves less than it seems to.

use causeway_model::{Bootstrap, CertificateValidation, Cluster, DataSource, UpstreamTls};
use causeway_reason::{Condition, Reason};

use super::walk;
use crate::Said;
use crate::finding::{Effect, Evidence, Finding, Fix, Grade, Severity, Subject, under};
use crate::said;

/// Bundles of all public authorities, as systems name them.
const PUBLIC: &[&str] = &[
    "ca-certificates.crt",
    "ca-bundle.crt",
    "ca-bundle.pem",
    "tls-ca-bundle.pem",
    "ca-bundle.trust.crt",
    "cacert.pem",
];

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cluster in &bootstrap.clusters {
        let Some(tls) = &cluster.transport_socket.tls else { continue };
        findings.extend(unverified(cluster, tls));
        findings.extend(unnamed(cluster, tls));
    }
    findings
}

fn unverified(cluster: &Cluster, tls: &UpstreamTls) -> Option<Finding> {
    let (title, seen) = match &tls.common.validation {
        None => nothing(cluster),
        // What a secret will say is not known.
        Some(validation) => {
            let validation = validation.merged()?;
            if verifies_nothing(&validation) {
                nothing(cluster)
            } else if !names_nobody(cluster, tls, &validation) {
                return None;
            } else {
                let name = &cluster.name;
                (
                    said!(
                        "TLS to cluster `{name}` accepts every public certificate, whoever it is for",
                        "클러스터 `{name}`의 TLS가 누구의 것이든 모든 공인 인증서를 받아들입니다"
                    ),
                    said!(
                        "the trusted authorities are the public ones, and no name is asked for (match_typed_subject_alt_names)",
                        "신뢰하는 CA가 공인 CA 전체이며 이름을 확인하지 않습니다(match_typed_subject_alt_names)"
                    ),
                )
            }
        }
    };
    let at = under(&tls.common.position, "common_tls_context.validation_context");
    Some(
        Finding::new(Condition::VerificationOff, Severity::Warning, title, Evidence::file(seen))
            .about(Subject::cluster(&cluster.name))
            .at(at, said!("whoever answers is believed", "누가 응답하든 신뢰합니다"))
            .effect(Effect {
                words: Some(said!(
                    "requests work, and can be read and changed by whoever gets in between",
                    "요청은 동작하지만 중간에 끼어든 누구나 내용을 읽고 바꿀 수 있습니다"
                )),
                ..Effect::default()
            }),
    )
}

fn nothing(cluster: &Cluster) -> (Said, Said) {
    let name = &cluster.name;
    (
        said!(
            "TLS to cluster `{name}` accepts any certificate",
            "클러스터 `{name}`의 TLS가 어떤 인증서든 받아들입니다"
        ),
        said!(
            "the validation context has no trusted_ca, no system_root_certs and no pinned certificate",
            "검증 컨텍스트에 trusted_ca, system_root_certs, 고정된 인증서가 모두 없습니다"
        ),
    )
}

fn verifies_nothing(validation: &CertificateValidation) -> bool {
    let pinned = !validation.certificate_hashes.is_empty() || !validation.spki_hashes.is_empty();
    let trusted = validation.trusted_ca.is_some() || validation.system_root_certs;
    !pinned && (!trusted || validation.accept_untrusted)
}

/// Whether everybody's certificate is good, of authorities that give one to everybody.
fn names_nobody(cluster: &Cluster, tls: &UpstreamTls, validation: &CertificateValidation) -> bool {
    let public = validation.system_root_certs
        || match &validation.trusted_ca {
            Some(DataSource::File(path)) => {
                path.rsplit('/').next().is_some_and(|file| PUBLIC.contains(&file))
                    || &**path == "/etc/ssl/cert.pem"
            }
            Some(DataSource::Inline(_)) | None => false,
        };
    let named = !validation.subject_alt_names.is_empty()
        || tls.auto_sni_san_validation
        || cluster.http.server_name.auto_san_validation;
    let pinned = !validation.certificate_hashes.is_empty() || !validation.spki_hashes.is_empty();
    public && !named && !pinned
}

/// A server that has several certificates chooses by the name that it is asked for.
fn unnamed(cluster: &Cluster, tls: &UpstreamTls) -> Option<Finding> {
    if !tls.sni.is_empty() || tls.auto_host_sni || cluster.http.server_name.auto_sni {
        return None;
    }
    let names = walk::names(cluster);
    let host = names.first()?;
    let name = &cluster.name;
    let title = said!(
        "TLS to cluster `{name}` does not say that it wants `{host}`",
        "클러스터 `{name}`의 TLS가 `{host}`을(를) 원한다고 알리지 않습니다"
    );
    let seen =
        said!("there is no sni, auto_host_sni or auto_sni", "sni, auto_host_sni, auto_sni가 모두 없습니다");
    let finding = Finding::new(Reason::UpstreamTlsServerName, Severity::Warning, title, Evidence::file(seen))
        .grade(Grade::Likely)
        .about(Subject::cluster(name))
        .at(under(&tls.common.position, "sni"), said!("no server name is sent", "서버 이름(SNI)을 보내지 않습니다"))
        .effect(Effect {
            status: Some(503),
            flags: "UF".to_owned(),
            details: String::new(),
            words: Some(said!(
                "where the server needs the name to choose a certificate or a site, as most that have several do",
                "서버가 이름으로 인증서나 사이트를 고른다면. 여러 사이트를 가진 서버는 대부분 그렇습니다"
            )),
        });
    Some(match names.as_slice() {
        [only] => finding.fix(
            Fix::set(said!("send the name", "이름을 보냅니다"), under(&tls.common.position, "sni"), *only)
                .to_be_considered(),
        ),
        _ => finding.fix(
            Fix::set(
                said!("send the name of each host", "호스트마다 이름을 보냅니다"),
                under(&tls.common.position, "auto_host_sni"),
                "true",
            )
            .to_be_considered(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, host, http, indented, quiet};

    fn file(kind: &str, address: &str, context: &str) -> String {
        let tls = format!(
            "type: {kind}\ntransport_socket:\n  name: envoy.transport_sockets.tls\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n{}",
            indented(context, 4)
        );
        let routes = host("- match: {prefix: /}\n  route: {cluster: app}\n");
        http(&routes, &cluster(&tls))
            .replace("127.0.0.1, port_value: 8000", &format!("{address}, port_value: 443"))
    }

    fn by_address(context: &str) -> String {
        file("STATIC", "10.0.0.1", context)
    }

    #[test]
    fn who_trusts_everybody_is_told() {
        assert_eq!(codes("tls", &by_address("")).len(), 1);
        let hash = "00".repeat(32);
        for context in [
            "common_tls_context: {validation_context: {trusted_ca: {filename: /etc/own/ca.pem}}}".to_owned(),
            format!("common_tls_context: {{validation_context: {{verify_certificate_hash: [\"{hash}\"]}}}}"),
        ] {
            assert!(quiet("tls", &by_address(&context)));
        }
    }

    #[test]
    fn public_authorities_need_a_name() {
        let bundle = "trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}";
        let context = |more: &str| format!("common_tls_context: {{validation_context: {{{bundle}{more}}}}}");
        assert_eq!(codes("tls", &by_address(&context(""))), ["S315 validation_context"]);
        let named = ", match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a.test}}]";
        assert!(quiet("tls", &by_address(&context(named))));
    }

    #[test]
    fn names_are_sent_to_servers_that_have_names() {
        let trust = "common_tls_context: {validation_context: {trusted_ca: {filename: /etc/own/ca.pem}}}";
        assert_eq!(codes("tls", &file("STRICT_DNS", "api.test", trust)).len(), 1);
        assert!(quiet("tls", &file("STRICT_DNS", "api.test", &format!("sni: api.test\n{trust}"))));
        assert!(quiet("tls", &by_address(trust)), "an address is no name to ask for");
    }
}
