//! Lines of Envoy: flags and details, in the spelling of 1.40 and in older ones.

use super::{Line, Maker, filters};
use crate::{Cause, Condition, Details, Flag, Flags, Reason, ResetReason};

/// What Envoy and its transports say when a connection can't be made or kept, and the reasons it stands for. What is
/// looked for comes in the order of the list: the first that a line holds counts.
const TRANSPORT: &[(&[&str], &[Reason])] = &[
    (&["failed_to_bind"], &[Reason::SourceBindFailed]),
    (&["socket_creation_failure", "too_many_open_files"], &[Reason::DescriptorsExhausted]),
    (&["connection_refused", "error:_111"], &[Reason::ConnectRefused, Reason::ConnectRejected]),
    (&["immediate_connect_error:_no_route_to_host"], &[Reason::NetworkUnreachable, Reason::HostUnreachable]),
    (&["no_route_to_host", "error:_113"], &[Reason::HostUnreachable, Reason::ConnectRejected]),
    (&["network_is_unreachable", "error:_101"], &[Reason::NetworkUnreachable, Reason::ConnectRejected]),
    (
        &["connection_reset_by_peer", "error:_104"],
        &[Reason::ConnectReset, Reason::UpstreamTlsReset, Reason::UpstreamTlsServerName],
    ),
    (
        &["cannot_assign_requested_address", "error:_99"],
        &[Reason::LocalPortsExhausted, Reason::SourceBindFailed],
    ),
    (&["permission_denied", "error:_13"], &[Reason::ConnectNotPermitted]),
    (&["no_such_file_or_directory"], &[Reason::SocketPathMissing]),
    (&["wrong_version_number", "http_request"], &[Reason::UpstreamTlsPlain]),
    (&["san_matcher", "verify_san", "verify_cert_failed:_san"], &[Reason::UpstreamTlsNameMismatch]),
    (&["certificate_has_expired"], &[Reason::UpstreamTlsExpired]),
    (&["not_yet_valid"], &[Reason::UpstreamTlsNotYetValid]),
    (&["self_signed", "self-signed"], &[Reason::UpstreamTlsSelfSigned]),
    (&["certificate_revoked"], &[Reason::UpstreamTlsRevoked]),
    (
        &["certificate_verify_failed"],
        &[
            Reason::UpstreamTlsUnknownIssuer,
            Reason::UpstreamTlsSelfSigned,
            Reason::UpstreamTlsExpired,
            Reason::UpstreamTlsNameMismatch,
            Reason::UpstreamTlsPurpose,
        ],
    ),
    (
        &[
            "alert_unknown_ca",
            "alert_certificate_expired",
            "alert_bad_certificate",
            "alert_certificate_unknown",
        ],
        &[Reason::UpstreamTlsClientCertificateRefused],
    ),
    (&["certificate_required"], &[Reason::UpstreamTlsClientCertificateMissing]),
    (
        &["handshake_failure"],
        &[Reason::UpstreamTlsClientCertificateMissing, Reason::UpstreamTlsNoCommonParameters],
    ),
    (&["unrecognized_name"], &[Reason::UpstreamTlsServerName]),
    (&["protocol_version", "unsupported_protocol"], &[Reason::UpstreamTlsVersion]),
    (&["no_application_protocol"], &[Reason::UpstreamTlsAlpn]),
    (&["tls_error"], &[Reason::UpstreamTlsAlert, Reason::UpstreamTlsBroken, Reason::UpstreamTlsClosed]),
];

/// What looks the same in Envoy's log as a reason does: conditions, and reasons that Causeway, which sees more of it,
/// gives another line.
const BESIDE: &[(Reason, &[Cause])] = &[
    (
        Reason::UpstreamClosed,
        &[
            Cause::Reason(Reason::UpstreamSpeaksTls),
            Cause::Condition(Condition::ProxyHeaderWanted),
            Cause::Reason(Reason::UpstreamTlsClientCertificateMissing),
            Cause::Reason(Reason::UpstreamGoaway),
            Cause::Condition(Condition::MeshTlsMismatch),
        ],
    ),
    (
        Reason::ConnectRefused,
        &[Cause::Condition(Condition::ListensOnLoopback), Cause::Condition(Condition::AddressStale)],
    ),
    (
        Reason::ConnectTimeout,
        &[
            Cause::Condition(Condition::AcceptQueueFull),
            Cause::Reason(Reason::UpstreamTlsPlain),
            Cause::Condition(Condition::ConnectTimeoutTooShort),
        ],
    ),
    (Reason::UpstreamNotHttp, &[Cause::Reason(Reason::UpstreamTlsAlpn)]),
    (Reason::HealthCheckNotFound, &[Cause::Condition(Condition::HealthCheckHost)]),
    (Reason::HealthCheckPending, &[Cause::Condition(Condition::NoTrafficInterval)]),
];

/// Reads a line that holds flags or details.
pub(super) fn read(text: &str) -> Line {
    let flags = flags(text);
    let lower = text.to_ascii_lowercase();
    // Details are one word; what the transport said may stand elsewhere, with spaces.
    let spelled = lower.replace(' ', "_");
    if let Some((details, reset)) = reset(&lower) {
        let reasons = of_reset(reset, &spelled, &flags);
        return line(Some(details), flags, Some(Maker::Proxy), reasons);
    }
    if let Some((details, causes)) = filters::read(text) {
        return Line { details: Some(details.to_owned()), flags, made_by: Some(Maker::Proxy), causes };
    }
    if let Some(details) = text_of_catalogue(text) {
        let reasons = of_status(all(|reason| details_of(*reason) == Details::Text(details)), text);
        let made_by = match details {
            "via_upstream" => Maker::Upstream,
            "downstream_remote_disconnect" => Maker::Client,
            _ => Maker::Proxy,
        };
        // What takes the last host away is answered in the words of nobody being left.
        let reasons = if details == "no_healthy_upstream" { of_no_host(reasons) } else { reasons };
        return line(Some(details.to_owned()), flags, Some(made_by), reasons);
    }
    let by_transport = said(&spelled).map(<[Reason]>::to_vec);
    let reasons = by_transport.unwrap_or_else(|| match flags.iter().last() {
        Some(Flag::NoHealthyUpstream) => of_no_host(Vec::new()),
        Some(flag) => all(|reason| reason.spec().answer.flag == Some(flag)),
        None => Vec::new(),
    });
    // A filter's flag comes with requests far more often than from what Causeway gives it to.
    let mut causes = flags.iter().last().map(filters::of_flag).unwrap_or_default();
    causes.extend(of_reasons(reasons));
    let made_by = match flags.iter().last() {
        None => None,
        Some(Flag::DownstreamConnectionTermination | Flag::DownstreamRemoteReset) => Some(Maker::Client),
        Some(_) => Some(Maker::Proxy),
    };
    Line { details: None, flags, made_by, causes }
}

fn line(details: Option<String>, flags: Flags, made_by: Option<Maker>, reasons: Vec<Reason>) -> Line {
    let mut causes = of_reasons(reasons);
    if flags.contains(Flag::UpstreamRetryLimitExceeded) {
        causes.push(Condition::RetriesExhausted.into());
    }
    Line { details, flags, made_by, causes }
}

/// Reasons, and behind them what looks the same.
fn of_reasons(reasons: Vec<Reason>) -> Vec<Cause> {
    let beside = BESIDE.iter().filter(|(reason, _)| reasons.contains(reason));
    let beside: Vec<_> = beside.flat_map(|(_, causes)| causes.iter().copied()).collect();
    let mut causes: Vec<_> = reasons.into_iter().map(Cause::from).collect();
    causes.extend(beside.into_iter().filter(|cause| !causes.contains(cause)).collect::<Vec<_>>());
    causes
}

/// Those that are answered with a status of the line; where there are none, those that are met behind the head, and so
/// have no status of their own; all of them where there are none of those either.
fn of_status(reasons: Vec<Reason>, line: &str) -> Vec<Reason> {
    let status = |reason: &&Reason| reason.spec().answer.status;
    let answered: Vec<_> =
        reasons.iter().filter(|it| is_word(line, &status(it).to_string())).copied().collect();
    let behind_head: Vec<_> = reasons.iter().filter(|it| status(it) == 0).copied().collect();
    [answered, behind_head].into_iter().find(|some| !some.is_empty()).unwrap_or(reasons)
}

fn all(fits: impl FnMut(&Reason) -> bool) -> Vec<Reason> {
    Reason::ALL.iter().copied().filter(fits).collect()
}

const fn details_of(reason: Reason) -> Details {
    reason.spec().answer.details
}

/// Flags that stand by themselves in a line: `UF`, `URX,UF`.
fn flags(text: &str) -> Flags {
    let mut found = Flags::default();
    for word in text.split_whitespace() {
        let word = word.trim_matches(['"', '\'', ';']);
        // `response_flags=UF`, `"response_flags":"UF"`
        let word = word.rsplit(['=', ':']).next().unwrap_or(word).trim_matches(['"', '\'', ',', '}']);
        let named: Option<Vec<_>> = word
            .split(',')
            .map(|name| Flag::ALL.iter().copied().find(|flag| flag.short() == name || flag.long() == name))
            .collect();
        named.into_iter().flatten().for_each(|flag| found.set(flag));
    }
    found
}

/// Details about a reset, and which it was.
fn reset(line: &str) -> Option<(String, &str)> {
    let start = line.find("upstream_reset_")?;
    let details = line.get(start..)?;
    let end = details.find('}').map_or(details.len(), |end| end + 1);
    let details = details.get(..end)?;
    let inside = details.split_once('{').map_or("", |(_, inside)| inside).trim_end_matches('}');
    Some((details.to_owned(), inside.split(['|', ',']).next().unwrap_or_default()))
}

/// The reasons of a reset, as far as what the transport said, and the flags, tell them apart.
fn of_reset(token: &str, line: &str, flags: &Flags) -> Vec<Reason> {
    let is_it = |reset: ResetReason| {
        let own = reset.token().to_ascii_lowercase();
        // Before 1.29 nobody told whose failure a connection was.
        own == token || (token == "connection_failure" && own.ends_with("_connection_failure"))
    };
    let reset: Vec<_> = all(|reason| match details_of(*reason) {
        Details::ResetBefore(reset) | Details::ResetAfter(reset) => is_it(reset),
        Details::Text(_) => false,
    });
    let after = line.contains("upstream_reset_after_");
    let told: Vec<_> = match said(line) {
        Some(said) => reset.iter().copied().filter(|reason| said.contains(reason)).collect(),
        None if after => reset
            .iter()
            .copied()
            .filter(|reason| matches!(details_of(*reason), Details::ResetAfter(_)))
            .collect(),
        None => reset
            .iter()
            .copied()
            .filter(|reason| matches!(details_of(*reason), Details::ResetBefore(_)))
            .collect(),
    };
    let told = if told.is_empty() { reset } else { told };
    let of_flags: Vec<_> = told
        .iter()
        .copied()
        .filter(|reason| reason.spec().answer.flag.is_some_and(|flag| flags.contains(flag)))
        .collect();
    if of_flags.is_empty() { told } else { of_flags }
}

/// The reasons behind what a transport said.
fn said(line: &str) -> Option<&'static [Reason]> {
    let holds = |words: &&(&[&str], _)| words.0.iter().any(|word| line.contains(word));
    TRANSPORT.iter().find(holds).map(|(_, reasons)| *reasons)
}

/// The longest details of the catalogue that stand in a line as a word.
fn text_of_catalogue(line: &str) -> Option<&'static str> {
    let texts = Reason::ALL.iter().filter_map(|reason| match details_of(*reason) {
        Details::Text("" | "-") | Details::ResetBefore(_) | Details::ResetAfter(_) => None,
        Details::Text(text) => Some(text),
    });
    texts.filter(|text| is_word(line, text)).max_by_key(|text| text.len())
}

fn is_word(line: &str, word: &str) -> bool {
    let inner = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    line.match_indices(word).any(|(at, _)| {
        let bytes = line.as_bytes();
        !inner(at.checked_sub(1).and_then(|before| bytes.get(before))) && !inner(bytes.get(at + word.len()))
    })
}

/// What can have taken the last host away: health, names, and there being none.
fn of_no_host(mut reasons: Vec<Reason>) -> Vec<Reason> {
    let families = Reason::FAMILIES.iter().filter(|(name, _)| matches!(*name, "dns" | "health"));
    let others = families.flat_map(|(_, members)| members.iter().copied());
    reasons.extend(others.collect::<Vec<_>>());
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reason as R;

    fn read(text: &str) -> Vec<Reason> {
        reasons(&Line::read(text))
    }

    fn reasons(line: &Line) -> Vec<Reason> {
        let reasons = line.causes.iter().filter_map(|cause| match cause {
            Cause::Reason(reason) => Some(*reason),
            Cause::Condition(_) => None,
        });
        reasons.collect()
    }

    #[test]
    fn what_the_transport_said_decides_in_every_spelling() {
        for line in [
            "503 UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused} -",
            r#"[2026-11-20T16:22:33.021Z] "GET / HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure,delayed_connect_error:_111} - "delayed_connect_error:_111" 0 145 2 - "-" "curl/7.88.1""#,
            r#"{"response_code":503,"response_flags":"UF","upstream_transport_failure_reason":"delayed connect error: Connection refused"}"#,
        ] {
            assert_eq!(read(line), [R::ConnectRefused, R::ConnectRejected], "{line}");
        }
        let tls = "503 UF upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end}";
        assert_eq!(read(tls), [R::UpstreamTlsPlain]);
    }

    #[test]
    fn a_dash_is_no_details() {
        let line = Line::read(
            r#"[2026-11-28T17:31:26.169Z] "GET /a HTTP/1.1" 503 UH 0 19 0 - "-" "curl" "id" "a" "-""#,
        );
        assert_eq!(line.details, None);
        assert!(line.causes.contains(&R::NoEndpoints.into()), "{:?}", line.causes);
        assert!(!line.causes.contains(&R::ProxyHeaderMissing.into()), "{:?}", line.causes);
    }

    #[test]
    fn a_line_that_stands_for_many_causes_names_all() {
        let closed = read("503 UC upstream_reset_before_response_started{connection_termination} -");
        for reason in [R::UpstreamClosed, R::UpstreamReset, R::KeepaliveRace] {
            assert!(closed.contains(&reason), "{reason:?} is not in {closed:?}");
        }
        assert!(!closed.contains(&R::ConnectRefused));
        let none = Line::read("503 UH no_healthy_upstream - 10.0.0.1");
        assert_eq!(none.made_by, Some(Maker::Proxy));
        for reason in [R::NoEndpoints, R::DnsNameNotFound, R::HealthCheckRedirect, R::OutlierEjected] {
            assert!(reasons(&none).contains(&reason), "{reason:?} is not in {:?}", none.causes);
        }
    }

    #[test]
    fn who_made_the_answer_is_told() {
        let line = Line::read(r#""GET /a HTTP/1.1" 503 - via_upstream - "-" 0 19 5 4"#);
        assert_eq!(
            (line.made_by, &line.causes[..]),
            (Some(Maker::Upstream), &[R::UpstreamStatus.into()][..])
        );
        assert_eq!(
            read("404 NR route_not_found"),
            [R::NoVirtualHost, R::PortInHost, R::NoRoute, R::PreflightUnrouted]
        );
        assert_eq!(read("504 UT response_timeout"), [R::RouteTimeout]);
        assert_eq!(read("200 UT response_timeout - - 0 5000"), [R::RouteTimeoutAfterHead]);
        assert_eq!(Line::read("").causes, []);
        assert_eq!(Line::read("something else").made_by, None);
    }

    #[test]
    fn every_reason_is_found_by_its_own_line() {
        for reason in Reason::ALL {
            let answer = reason.spec().answer;
            if matches!(answer.details, Details::Text("" | "-")) {
                continue;
            }
            let flag = answer.flag.map_or("-", Flag::short);
            let line = format!("{} {flag} {}", answer.status, crate::Failure::new(*reason).details());
            assert!(read(&line).contains(reason), "{line}: {:?}", read(&line));
        }
    }
}
