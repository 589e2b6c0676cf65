//! Prefixes that are replaced by something that ends otherwise.

use causeway_model::{Bootstrap, PathRedirect, PathRewrite, RouteAction};
use causeway_reason::Condition;

use super::walk::{self, RouteAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    walk::routes(bootstrap).filter_map(|at| of(&at)).collect()
}

/// What is wrong with a pair.
#[derive(Debug, PartialEq, Eq)]
enum Flaw {
    /// `/api` and `/`: `/api/x` becomes `//x`.
    Doubled,
    /// `/api/` and `/v2`: `/api/x` becomes `/v2x`.
    Joined,
}

fn flaw(prefix: &str, rewrite: &str) -> Option<Flaw> {
    match (prefix.ends_with('/'), rewrite.ends_with('/')) {
        (false, true) if !prefix.is_empty() => Some(Flaw::Doubled),
        // Something else than a letter at the end is meant: `/v1-`, `/find?name=`.
        (true, false) if rewrite.ends_with(|last: char| last.is_ascii_alphanumeric()) => Some(Flaw::Joined),
        _ => None,
    }
}

fn of(at: &RouteAt<'_>) -> Option<Finding> {
    let prefix = walk::prefix(&at.route.matcher)?;
    let (action, rewrite) = match &at.route.action {
        RouteAction::Forward(forward) => match &forward.path_rewrite {
            Some(PathRewrite::Prefix(rewrite)) => ("route", &**rewrite),
            _ => return None,
        },
        RouteAction::Redirect(redirect) => match &redirect.path {
            Some(PathRedirect::Prefix(rewrite)) => ("redirect", &**rewrite),
            _ => return None,
        },
        RouteAction::DirectResponse(_) => return None,
    };
    let flaw = flaw(prefix, rewrite)?;
    let rest = if prefix.ends_with('/') { "users" } else { "/users" };
    let (asked, made) = (format!("{prefix}{rest}"), format!("{rewrite}{rest}"));
    let title = said!("`{asked}` becomes `{made}`", "`{asked}` 경로가 `{made}`(으)로 바뀝니다");
    let seen = said!(
        "`{prefix}` is replaced by `{rewrite}`, and what follows stays as it is",
        "`{prefix}`을(를) `{rewrite}`(으)로 바꾸며 뒤의 경로는 그대로입니다"
    );
    let label = match flaw {
        Flaw::Doubled => said!("a slash too many", "슬래시가 하나 많습니다"),
        Flaw::Joined => said!("a slash is missing", "슬래시가 빠졌습니다"),
    };
    let spot = under(&at.route.position, &format!("{action}.prefix_rewrite"));
    let fix = match flaw {
        Flaw::Doubled => {
            let pattern = quoted(&format!("^{}/?", escaped(prefix)));
            let substitution = quoted(&rewrite.replace('\\', "\\\\"));
            Fix::set(
                said!(
                    "replace the slash behind the prefix as well, where there is one",
                    "접두사 뒤의 슬래시까지 함께 바꿉니다"
                ),
                under(&at.route.position, &format!("{action}.regex_rewrite")),
                format!("{{pattern: {{regex: {pattern}}}, substitution: {substitution}}}"),
            )
            .and_remove(spot.clone())
        }
        Flaw::Joined => Fix::set(
            said!("end it in a slash, as the prefix does", "접두사처럼 슬래시로 끝냅니다"),
            spot.clone(),
            quoted(&format!("{rewrite}/")),
        ),
    };
    let words = match (action, &flaw) {
        ("redirect", _) => said!(
            "clients are sent to a path that was not meant",
            "클라이언트가 의도하지 않은 경로로 리다이렉트됩니다"
        ),
        _ => {
            said!(
                "the back-end is asked for `{made}`; one that takes paths to the letter answers 404",
                "백엔드는 `{made}` 요청을 받으며, 경로를 그대로 비교하는 백엔드는 404로 응답합니다"
            )
        }
    };
    let effect = Effect { details: "via_upstream".to_owned(), words: Some(words), ..Effect::default() };
    Some(
        Finding::new(Condition::RewriteDoublesSlash, Severity::Warning, title, Evidence::file(seen))
            .about(at.subject())
            .at(spot, label)
            .effect(if action == "redirect" { Effect { details: String::new(), ..effect } } else { effect })
            .fix(fix),
    )
}

/// A text that an expression takes as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() && !matches!(letter, '/' | '-' | '_') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// As YAML, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{cluster, codes, findings, host, http, quiet};

    #[test]
    fn pairs_that_end_otherwise_have_a_flaw() {
        for (prefix, rewrite, expected) in [
            ("/api", "/", Some(Flaw::Doubled)),
            ("/api", "/v2/", Some(Flaw::Doubled)),
            ("/api/", "/v2", Some(Flaw::Joined)),
            ("/", "/app", Some(Flaw::Joined)),
            ("/api/", "/", None),
            ("/api", "/v2", None),
            ("/", "/", None),
            ("/q/", "/find?name=", None),
            ("/a/", "/v1-", None),
        ] {
            assert_eq!(flaw(prefix, rewrite), expected, "{prefix} {rewrite}");
        }
    }

    fn file(matcher: &str, action: &str) -> String {
        http(&host(&format!("- match: {{{matcher}}}\n  {action}\n")), &cluster("connect_timeout: 1s\n"))
    }

    #[test]
    fn rewrites_and_redirects_are_looked_at() {
        assert_eq!(
            codes("rewrite", &file("prefix: /api", "route: {cluster: app, prefix_rewrite: /}")),
            ["P416 /"]
        );
        assert_eq!(codes("rewrite", &file("prefix: /a/", "redirect: {prefix_rewrite: /b}")), ["P416 /b"]);
        assert!(quiet("rewrite", &file("prefix: /api/", "route: {cluster: app, prefix_rewrite: /}")));
        assert!(quiet("rewrite", &file("path: /api", "route: {cluster: app, prefix_rewrite: /}")));
    }

    #[test]
    fn the_expression_of_the_fix_takes_the_prefix_literally() {
        let found = findings("rewrite", &file("prefix: /a.b+c", "route: {cluster: app, prefix_rewrite: /}"));
        let values: Vec<_> = found[0].fixes[0].edits.iter().map(|edit| edit.value.clone()).collect();
        let expected = r"{pattern: {regex: '^/a\.b\+c/?'}, substitution: '/'}".to_owned();
        assert_eq!(values, [None, Some(expected)]);
    }
}
