//! Times of which one makes the other meaningless.

use std::time::Duration;

use causeway_model::{Bootstrap, Cluster, RetryOn, RetryPolicy, RouteForward};
use causeway_reason::Condition;

use super::walk::{self, RouteAt};
use crate::Said;
use crate::finding::{Effect, Evidence, Finding, Grade, Severity, Subject, under};
use crate::said;

/// Envoy's own, which nobody has chosen: they contradict nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);
/// What examples have, for a back-end in the next rack.
const NEXT_RACK: Duration = Duration::from_millis(250);

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, forward) in walk::forwards(bootstrap) {
        // With max_stream_duration the route's timeout does not hold.
        if forward.max_stream_duration.is_some() {
            continue;
        }
        if let Some(timeout) = forward.timeout {
            of_retries(&at, forward, timeout, &mut findings);
            of_idle(&at, forward, timeout, &mut findings);
            of_durations(bootstrap, &at, forward, timeout, &mut findings);
        }
    }
    findings.extend(bootstrap.clusters.iter().filter_map(|cluster| short(cluster)));
    findings
}

fn of_retries(at: &RouteAt<'_>, forward: &RouteForward, timeout: Duration, findings: &mut Vec<Finding>) {
    let Some(policy) = forward.retry.as_deref().filter(|policy| retries(policy)) else { return };
    let Some(each) = policy.per_try_timeout else { return };
    let whole = words(timeout);
    let attempts = u128::from(policy.num_retries) + 1;
    let fit = timeout.as_nanos() / each.as_nanos().max(1);
    let each = words(each);
    let spot = under(&at.route.position, "route.retry_policy.per_try_timeout");
    if each_is_useless(policy, timeout) {
        let title = said!(
            "per_try_timeout of {each} has no effect: the whole request may take {whole}",
            "per_try_timeout {each}는 효과가 없습니다. 요청 전체가 {whole}까지만 허용됩니다"
        );
        let seen = said!("the route's timeout is {whole}", "라우트의 timeout은 {whole}입니다");
        findings.push(
            contradiction(at, Severity::Warning, title, seen)
                .at(spot, said!("no shorter than the route's timeout", "라우트 timeout보다 짧지 않습니다"))
                .effect(effect(504, "UT", "response_timeout", said!("and no retry", "재시도하지 않습니다"))),
        );
    } else if fit < attempts {
        let title = said!(
            "of {attempts} attempts of {each} only {fit} fit into the route's timeout of {whole}",
            "{each}씩 {attempts}번 시도 중 {fit}번만 라우트 timeout {whole} 안에 들어갑니다"
        );
        let seen = said!(
            "num_retries is {}, per_try_timeout {each}",
            "num_retries는 {}, per_try_timeout은 {each}입니다",
            policy.num_retries
        );
        findings.push(contradiction(at, Severity::Note, title, seen).at(spot, said!("", "")).effect(effect(
            504,
            "UT",
            "response_timeout",
            said!(
                "where every attempt is slow, before the last one is done",
                "모든 시도가 느리면 마지막 시도가 끝나기 전에"
            ),
        )));
    }
}

fn retries(policy: &RetryPolicy) -> bool {
    policy.on != RetryOn::NOTHING && policy.num_retries > 0
}

fn each_is_useless(policy: &RetryPolicy, timeout: Duration) -> bool {
    policy.per_try_timeout.is_some_and(|each| each >= timeout)
}

/// A request that waits in silence ends by the idle timeout.
fn of_idle(at: &RouteAt<'_>, forward: &RouteForward, timeout: Duration, findings: &mut Vec<Finding>) {
    let (idle, field) = match forward.idle_timeout {
        Some(idle) => (idle, "idle_timeout"),
        None => match at.of.manager.stream_idle_timeout {
            Some(idle) => (idle, "stream_idle_timeout"),
            None => return,
        },
    };
    if idle.is_zero() || idle >= timeout {
        return;
    }
    let (idle, whole) = (words(idle), words(timeout));
    let title = said!(
        "the route's timeout of {whole} does not hold for silent requests: {field} ends them after {idle}",
        "조용한 요청에는 라우트 timeout {whole}이 적용되지 않습니다. {field}이(가) {idle} 뒤에 끝냅니다"
    );
    let seen = said!("{field} is {idle} (5 min unless set)", "{field}은(는) {idle}입니다(기본 5분)");
    findings.push(
        contradiction(at, Severity::Warning, title, seen)
            .at(
                under(&at.route.position, "route.timeout"),
                said!("longer than {field}", "{field}보다 깁니다"),
            )
            .effect(effect(
                504,
                "SI",
                "stream_idle_timeout",
                said!("where the back-end thinks for longer than {idle}", "백엔드가 {idle}보다 오래 걸리면"),
            )),
    );
}

fn of_durations(
    bootstrap: &Bootstrap,
    at: &RouteAt<'_>,
    forward: &RouteForward,
    timeout: Duration,
    findings: &mut Vec<Finding>,
) {
    let shorter = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero() && *limit < timeout);
    if let Some(limit) = shorter(at.of.manager.max_stream_duration) {
        let owner = said!("of the connection manager", "연결 관리자의");
        findings.push(outlasted(at, timeout, limit, &owner, ("-", "max_duration_timeout")));
    }
    for cluster in walk::clusters(bootstrap, forward) {
        if let Some(limit) = shorter(cluster.http.max_stream_duration) {
            let name = &cluster.name;
            let owner = said!("of cluster `{name}`", "클러스터 `{name}`의");
            let answer = ("UMSDR", "upstream_max_stream_duration_reached");
            findings.push(outlasted(at, timeout, limit, &owner, answer));
        }
        let chosen = cluster.connect_timeout != CONNECT_TIMEOUT && timeout != ROUTE_TIMEOUT;
        if cluster.connect_timeout > timeout && chosen {
            findings.push(connect(at, cluster, timeout));
        }
    }
}

/// A max_stream_duration that ends before the route's timeout.
fn outlasted(
    at: &RouteAt<'_>,
    timeout: Duration,
    limit: Duration,
    owner: &Said,
    (flag, details): (&str, &str),
) -> Finding {
    let (whole, limit, Said { en, ko }) = (words(timeout), words(limit), owner);
    let title = said!(
        "the route's timeout of {whole} is never reached: max_stream_duration {en} is {limit}",
        "라우트 timeout {whole}에 도달하지 않습니다. {ko} max_stream_duration이 {limit}입니다"
    );
    let seen = said!("max_stream_duration {en} is {limit}", "{ko} max_stream_duration은 {limit}입니다");
    contradiction(at, Severity::Warning, title, seen)
        .at(under(&at.route.position, "route.timeout"), said!("longer than {limit}", "{limit}보다 깁니다"))
        .effect(effect(504, flag, details, said!("", "")))
}

fn connect(at: &RouteAt<'_>, cluster: &Cluster, timeout: Duration) -> Finding {
    let (name, connecting, whole) = (&cluster.name, words(cluster.connect_timeout), words(timeout));
    let title = said!(
        "connect_timeout of cluster `{name}` is {connecting}, and a route to it gives the whole request {whole}",
        "클러스터 `{name}`의 connect_timeout은 {connecting}인데 라우트는 요청 전체에 {whole}만 줍니다"
    );
    let seen = said!("the route's timeout is {whole}", "라우트의 timeout은 {whole}입니다");
    contradiction(at, Severity::Note, title, seen)
        .about(Subject { cluster: Some(name.to_string()), ..at.subject() })
        .at(
            under(&cluster.position, "connect_timeout"),
            said!("longer than a route's timeout", "라우트 timeout보다 깁니다"),
        )
        .effect(effect(
            504,
            "UT",
            "response_timeout",
            said!(
                "where a host does not answer at all, in place of 503 UF, and without another attempt",
                "호스트가 전혀 응답하지 않을 때 503 UF 대신, 재시도 없이"
            ),
        ))
}

/// A connect_timeout out of an example, for a back-end that is far away.
fn short(cluster: &Cluster) -> Option<Finding> {
    let far = walk::names(cluster).into_iter().find(|name| is_public(name))?;
    if cluster.connect_timeout > NEXT_RACK {
        return None;
    }
    let (name, time) = (&cluster.name, words(cluster.connect_timeout));
    let tls = cluster.transport_socket.tls.is_some();
    let title = said!(
        "connect_timeout of cluster `{name}` is {time}, and `{far}` looks far away",
        "클러스터 `{name}`의 connect_timeout이 {time}인데 `{far}`는 먼 곳으로 보입니다"
    );
    let seen = if tls {
        said!(
            "connecting and the TLS handshake take three round trips, in {time}",
            "연결과 TLS 핸드셰이크(왕복 세 번)가 {time} 안에 끝나야 합니다"
        )
    } else {
        said!(
            "a connection takes a round trip, and a lost packet one second more",
            "연결에는 왕복 한 번이 필요하며 패킷이 유실되면 1초가 더 걸립니다"
        )
    };
    Some(
        Finding::new(Condition::ConnectTimeoutTooShort, Severity::Note, title, Evidence::file(seen))
            .grade(Grade::Possible)
            .about(Subject::cluster(name))
            .at(under(&cluster.position, "connect_timeout"), said!("", ""))
            .effect(effect(
                503,
                "UF",
                "upstream_reset_before_response_started{connection_timeout}",
                said!("now and then", "가끔"),
            )),
    )
}

/// A name of the Internet's, as far as can be told: of two parts at least, and in none of the zones that are somebody's
/// own.
pub(super) fn is_public(name: &str) -> bool {
    const OWN: &[&str] =
        &["local", "internal", "svc", "lan", "test", "localhost", "consul", "home", "corp", "intra"];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let mut labels = name.rsplit('.');
    let last = labels.next().unwrap_or_default();
    labels.next().is_some() && !OWN.contains(&last) && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn contradiction(at: &RouteAt<'_>, severity: Severity, title: Said, seen: Said) -> Finding {
    Finding::new(Condition::TimeoutsContradict, severity, title, Evidence::file(seen)).about(at.subject())
}

fn effect(status: u16, flags: &str, details: &str, words: Said) -> Effect {
    let words = (!words.en.is_empty()).then_some(words);
    Effect { status: Some(status), flags: flags.to_owned(), details: details.to_owned(), words }
}

/// A time as files have it.
pub(super) fn words(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        format!("{}s", time.as_secs())
    } else if time.subsec_nanos().is_multiple_of(1_000_000) && time < Duration::from_secs(10) {
        format!("{}ms", time.as_millis())
    } else {
        format!("{}s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{cluster, codes, findings, host, manager, quiet};

    fn file(hcm: &str, route: &str, of_cluster: &str) -> String {
        let routes = format!(
            "- match: {{prefix: /}}\n  route:\n    cluster: app\n{}",
            super::super::testing::indented(route, 4)
        );
        manager(hcm, &host(&routes), &cluster(of_cluster))
    }

    const PLAIN: &str = "connect_timeout: 1s";

    #[test]
    fn an_attempt_that_may_take_as_long_as_the_request_is_no_limit() {
        let retry = "timeout: 2s\nretry_policy: {retry_on: 5xx, per_try_timeout: 3s}";
        assert_eq!(codes("timeouts", &file("", retry, PLAIN)), ["O821 3s"]);
        let fits = "timeout: 10s\nretry_policy: {retry_on: 5xx, per_try_timeout: 3s, num_retries: 2}";
        assert!(quiet("timeouts", &file("", fits, PLAIN)));
        let found = findings("timeouts", &file("", &fits.replace("num_retries: 2", "num_retries: 3"), PLAIN));
        assert_eq!(found[0].severity, Severity::Note);
        assert!(quiet(
            "timeouts",
            &file("", "timeout: 0s\nretry_policy: {retry_on: 5xx, per_try_timeout: 3s}", PLAIN)
        ));
    }

    #[test]
    fn silence_ends_by_the_idle_timeout() {
        assert_eq!(codes("timeouts", &file("", "timeout: 600s", PLAIN)), ["O821 600s"]);
        assert!(quiet("timeouts", &file("", "timeout: 600s\nidle_timeout: 600s", PLAIN)));
        assert!(quiet("timeouts", &file("stream_idle_timeout: 0s", "timeout: 600s", PLAIN)));
        assert!(quiet("timeouts", &file("", "timeout: 0s", PLAIN)));
        assert_eq!(codes("timeouts", &file("stream_idle_timeout: 10s", "timeout: 15s", PLAIN)).len(), 1);
    }

    #[test]
    fn other_limits_may_come_first() {
        let hcm = "common_http_protocol_options: {max_stream_duration: 5s}";
        assert_eq!(codes("timeouts", &file(hcm, "timeout: 9s", PLAIN)), ["O821 9s"]);
        assert!(quiet("timeouts", &file(hcm, "timeout: 5s", PLAIN)));
        assert_eq!(codes("timeouts", &file("", "timeout: 1s", "connect_timeout: 3s")).len(), 1);
        assert!(
            quiet("timeouts", &file("", "timeout: 1s", "connect_timeout: 5s")),
            "the default is nobody's choice"
        );
        assert!(quiet("timeouts", &file("", "", "connect_timeout: 30s")), "nor is this one");
    }

    #[test]
    fn a_short_connect_timeout_matters_where_the_host_is_far() {
        let far = |time: &str, name: &str| {
            file("", "timeout: 15s", &format!("type: STRICT_DNS\nconnect_timeout: {time}"))
                .replace("127.0.0.1, port_value: 8000", &format!("{name}, port_value: 443"))
        };
        assert_eq!(codes("timeouts", &far("0.25s", "api.example.com")).len(), 1);
        assert!(quiet("timeouts", &far("0.25s", "app")));
        assert!(quiet("timeouts", &far("0.25s", "app.default.svc.cluster.local")));
        assert!(quiet("timeouts", &far("1s", "api.example.com")));
    }

    #[test]
    fn times_are_written_as_in_files() {
        assert_eq!(words(Duration::from_millis(250)), "250ms");
        assert_eq!(words(Duration::from_secs(90)), "90s");
        assert_eq!(words(Duration::from_micros(1500)), "0.0015s");
    }
}
