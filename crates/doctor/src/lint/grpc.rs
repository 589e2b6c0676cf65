//! gRPC that is sent to back-ends by HTTP/1.

use causeway_model::{Bootstrap, PathMatch, RouteMatch, UpstreamProtocol};
use causeway_reason::Reason;

use super::walk;
use crate::finding::{Effect, Evidence, Finding, Grade, Severity, Subject, under};
use crate::http_options;
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (at, forward) in walk::forwards(bootstrap) {
        let matcher = &at.route.matcher;
        let Some(hint) = hint(matcher) else { continue };
        for cluster in walk::clusters(bootstrap, forward) {
            if cluster.http.protocol != UpstreamProtocol::Http1 {
                continue;
            }
            let known = findings
                .iter_mut()
                .find(|finding| finding.subject.cluster.as_deref() == Some(&*cluster.name));
            if let Some(known) = known {
                // One cluster is mended once, however many routes lead to it.
                known.also_explains.push(at.subject());
                continue;
            }
            let (name, written) = (&cluster.name, walk::written(matcher));
            let title = said!(
                "cluster `{name}` is sent gRPC by HTTP/1.1",
                "클러스터 `{name}`에 gRPC를 HTTP/1.1로 보냅니다"
            );
            let seen = match hint {
                Hint::Said => said!(
                    "the route `{written}` is for gRPC (`grpc: {{}}`)",
                    "라우트 `{written}`은 gRPC용입니다(`grpc: {{}}`)"
                ),
                Hint::Path => said!(
                    "the path of the route is that of a gRPC service: `{written}`",
                    "라우트의 경로가 gRPC 서비스 형식입니다: `{written}`"
                ),
            };
            let (severity, grade) = match hint {
                Hint::Said => (Severity::Warning, Grade::Likely),
                Hint::Path => (Severity::Note, Grade::Possible),
            };
            findings.push(
                Finding::new(Reason::UpstreamSpeaksHttp2, severity, title, Evidence::file(seen))
                    .grade(grade)
                    .about(Subject { cluster: Some(name.to_string()), ..at.subject() })
                    .at(
                        under(&cluster.position, "typed_extension_protocol_options"),
                        said!("HTTP/1.1", "HTTP/1.1"),
                    )
                    .effect(Effect {
                        status: Some(200),
                        flags: "UPE".to_owned(),
                        details: "upstream_reset_before_response_started{protocol_error}".to_owned(),
                        words: Some(said!(
                            "with `grpc-status: 14`, unless the back-end takes gRPC by HTTP/1.1",
                            "`grpc-status: 14`와 함께. 백엔드가 HTTP/1.1 gRPC를 받는 경우는 제외합니다"
                        )),
                    })
                    .fix(
                        http_options::speak_http2(
                            said!("speak HTTP/2 with it", "HTTP/2를 사용합니다"),
                            cluster,
                        )
                        .to_be_considered(),
                    ),
            );
        }
    }
    findings
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    /// The match says so.
    Said,
    /// The path is `/package.Service/…`.
    Path,
}

fn hint(matcher: &RouteMatch) -> Option<Hint> {
    if matcher.grpc {
        return Some(Hint::Said);
    }
    let path = match &matcher.path {
        PathMatch::Prefix(text) | PathMatch::Path(text) | PathMatch::PathSeparatedPrefix(text) => text,
        PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => return None,
    };
    let service = path.strip_prefix('/')?.split('/').next()?;
    let (package, name) = service.rsplit_once('.')?;
    let named = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (name.starts_with(|first: char| first.is_ascii_uppercase())
        && named(name)
        && package.split('.').all(named))
    .then_some(Hint::Path)
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::{cluster, findings, host, http, quiet};

    fn file(matcher: &str, of_cluster: &str) -> String {
        let routes = format!("- match: {{{matcher}}}\n  route: {{cluster: app}}\n");
        http(&host(&routes), &cluster(of_cluster))
    }

    const HTTP1: &str = "connect_timeout: 1s";
    const HTTP2: &str = "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http2_protocol_options: {}}";

    #[test]
    fn grpc_needs_http2() {
        let said = findings("grpc", &file("prefix: /, grpc: {}", HTTP1));
        assert_eq!((said[0].cause.code(), said[0].severity), ("P403", Severity::Warning));
        let path = findings("grpc", &file("prefix: /helloworld.v1.Greeter/", HTTP1));
        assert_eq!(path[0].severity, Severity::Note);
        assert!(quiet("grpc", &file("prefix: /, grpc: {}", HTTP2)));
        assert!(quiet("grpc", &file("prefix: /index.html", HTTP1)));
        assert!(quiet("grpc", &file("path: /v1.2/Users", HTTP1)));
    }
}
