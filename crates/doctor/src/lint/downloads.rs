//! Routes that look as if their answers took longer than the timeout that nobody has set.

use std::time::Duration;

use causeway_model::{Bootstrap, PathMatch};
use causeway_reason::Reason;

use super::walk;
use crate::finding::{Effect, Evidence, Finding, Fix, Grade, Severity, under};
use crate::said;

/// The route's timeout, unless set.
const DEFAULT: Duration = Duration::from_secs(15);
/// Names in paths whose answers go on and on.
const LONG: &[&str] = &[
    "download",
    "downloads",
    "stream",
    "streams",
    "streaming",
    "sse",
    "event-stream",
    "eventsource",
    "export",
    "exports",
];

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let findings = walk::forwards(bootstrap).filter_map(|(at, forward)| {
        if forward.timeout != Some(DEFAULT) || forward.max_stream_duration.is_some() {
            return None;
        }
        let path = match &at.route.matcher.path {
            PathMatch::Prefix(text) | PathMatch::Path(text) | PathMatch::PathSeparatedPrefix(text) => text,
            PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => return None,
        };
        let hint = path.split('/').find(|name| LONG.contains(&name.to_ascii_lowercase().as_str()))?;
        let title = said!(
            "answers of `{path}` are cut after 15 s, and `{hint}` sounds longer",
            "`{path}`의 응답은 15초에서 끊깁니다. `{hint}`은(는) 더 오래 걸릴 것 같습니다"
        );
        let seen = said!(
            "the route's timeout is 15 s, its default, and covers the whole answer",
            "라우트의 timeout은 기본값인 15초이며 응답 전체에 적용됩니다"
        );
        Some(
            Finding::new(Reason::RouteTimeoutAfterHead, Severity::Note, title, Evidence::file(seen))
                .grade(Grade::Possible)
                .about(at.subject())
                .at(under(&at.route.position, "route.timeout"), said!("15s", "15s"))
                .effect(Effect {
                    status: Some(200),
                    flags: "UT".to_owned(),
                    details: "response_timeout".to_owned(),
                    words: Some(said!("with a body that is cut", "본문이 중간에 잘립니다")),
                })
                .fix(
                    Fix::set(
                        said!("let it take as long as it takes", "제한을 없앱니다"),
                        under(&at.route.position, "route.timeout"),
                        "0s",
                    )
                    .to_be_considered(),
                ),
        )
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, host, http, quiet};

    fn file(path: &str, more: &str) -> String {
        let routes = format!("- match: {{prefix: {path}}}\n  route: {{cluster: app{more}}}\n");
        http(&host(&routes), &cluster("connect_timeout: 1s\n"))
    }

    #[test]
    fn only_what_sounds_long_and_has_no_timeout_is_told() {
        assert_eq!(codes("downloads", &file("/files/download", "")), ["O802 route"]);
        assert!(quiet("downloads", &file("/files/download", ", timeout: 0s")));
        assert!(quiet("downloads", &file("/files/downloaded", "")));
        assert!(quiet("downloads", &file("/", "")));
    }
}
