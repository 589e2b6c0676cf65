//! `causeway explain`: what a code, a reason or a line of an access log means, without asking anybody.

use std::fmt::Write as _;
use std::process::ExitCode;

use causeway_reason::{Cause, Condition, Details, Failure, Flag, Language, Line, Maker, Reason};

use unicode_width::UnicodeWidthStr as _;

use crate::cli::{ExplainArguments, complain, print};

/// Prints what is known.
pub(crate) fn run(arguments: &ExplainArguments) -> ExitCode {
    let what = arguments.what.trim();
    match Cause::find(what) {
        Some(Cause::Reason(reason)) => return print(&of_reason(reason, arguments.language)),
        Some(Cause::Condition(condition)) => return print(&of_condition(condition, arguments.language)),
        None => {}
    }
    let line = Line::read(what);
    if line.causes.is_empty() && line.made_by.is_none() {
        return complain(&format!("'{what}'{}", Words::of(arguments.language).unknown));
    }
    print(&of_line(&line, arguments.language))
}

fn of_reason(reason: Reason, language: Language) -> String {
    let spec = reason.spec();
    let answer = spec.answer;
    let words = Words::of(language);
    let mut out = format!("{} {}\n\n", reason.code(), spec.key);
    let _ = writeln!(out, "{}\n\n{}\n", spec.sentence.get(language), spec.advice.get(language));
    let status = match answer.status {
        0 => words.no_answer.to_owned(),
        status => status.to_string(),
    };
    let flag = answer.flag.map_or("-", Flag::short);
    let mut row = |name: &str, value: &str| out.push_str(&row(name, value));
    row(words.answer, &format!("{status} {flag}"));
    if answer.details != Details::Text("") {
        row(words.details, &Failure::new(reason).details().to_string());
    }
    row(words.blame, spec.blame.name(language));
    row(words.retry, spec.retry.name(language));
    out
}

fn of_condition(condition: Condition, language: Language) -> String {
    let spec = condition.spec();
    let words = Words::of(language);
    format!(
        "{} {}\n\n{}\n\n{}\n\n{}",
        condition.code(),
        spec.key,
        spec.sentence.get(language),
        spec.advice.get(language),
        row(words.blame, spec.blame.name(language))
    )
}

/// A label and a fact, which begins in the same column however wide letters are.
fn row(name: &str, value: &str) -> String {
    let pad = 14_usize.saturating_sub(name.width()).max(1);
    format!("{name}{:pad$}{value}\n", "")
}

fn of_line(line: &Line, language: Language) -> String {
    let words = Words::of(language);
    let mut out = String::new();
    let by = match line.made_by {
        Some(Maker::Proxy) => words.by_proxy,
        Some(Maker::Upstream) => words.by_upstream,
        Some(Maker::Client) => words.by_client,
        None => words.by_nobody,
    };
    let _ = writeln!(out, "{by}");
    for flag in line.flags.iter() {
        let _ = writeln!(out, "  {:<5} {}", flag.short(), flag.long());
    }
    if let Some(details) = &line.details {
        let _ = writeln!(out, "  {details}");
    }
    let title = match line.causes.len() {
        0 => return out,
        1 => words.one,
        _ => words.many,
    };
    let _ = writeln!(out, "\n{title}\n");
    let several = line.causes.len() > 1;
    for cause in &line.causes {
        let _ = writeln!(out, "{cause}");
        let _ = writeln!(out, "    {}\n    {}", cause.sentence().get(language), cause.advice().get(language));
        if several && let Some(apart) = cause.told_apart_by() {
            let _ = writeln!(out, "    {}: {}", words.it_is_this, apart.get(language));
        }
    }
    if several {
        let _ = writeln!(out, "\n{}", words.which);
    }
    out
}

/// What stands around the texts of the catalogue.
struct Words {
    answer: &'static str,
    no_answer: &'static str,
    details: &'static str,
    blame: &'static str,
    retry: &'static str,
    by_proxy: &'static str,
    by_upstream: &'static str,
    by_client: &'static str,
    by_nobody: &'static str,
    one: &'static str,
    many: &'static str,
    it_is_this: &'static str,
    which: &'static str,
    /// Behind what nobody knows.
    unknown: &'static str,
}

impl Words {
    const fn of(language: Language) -> Self {
        match language {
            Language::English => Self {
                answer: "answer",
                no_answer: "no answer",
                details: "details",
                blame: "to act",
                retry: "safe to retry",
                by_proxy: "The proxy made this answer, not the back-end.",
                by_upstream: "The back-end made this answer, and the proxy passed it on.",
                by_client: "Nobody answered: the client was gone.",
                by_nobody: "The line does not say who made the answer.",
                one: "One cause gives such a line:",
                many: "These causes give such a line:",
                it_is_this: "It is this one if",
                which: "The line does not tell them apart. causeway doctor asks the back-end, and Causeway itself knows: causeway why, or %WHY_CODE% in its access log.",
                unknown: " is no code and no reason, and holds no flags or details of Envoy and no termination state of HAProxy; docs/reasons.md lists all reasons",
            },
            Language::Korean => Self {
                answer: "응답",
                no_answer: "응답 없음",
                details: "세부",
                blame: "조치할 쪽",
                retry: "재시도해도 됨",
                by_proxy: "이 응답은 백엔드가 아니라 프록시가 만들었습니다.",
                by_upstream: "이 응답은 백엔드가 만들었고 프록시는 전달했습니다.",
                by_client: "클라이언트가 먼저 끊어 응답이 없었습니다.",
                by_nobody: "누가 응답을 만들었는지 이 줄로는 알 수 없습니다.",
                one: "이런 줄을 남기는 원인은 하나입니다.",
                many: "이런 줄을 남기는 원인은 다음과 같습니다.",
                it_is_this: "구별",
                which: "이 줄만으로는 구별되지 않습니다. causeway doctor는 백엔드에 직접 물어보고, Causeway는 스스로 구별합니다. causeway why 또는 액세스 로그의 %WHY_CODE%를 보십시오.",
                unknown: ": 코드나 원인 이름이 아니고, Envoy의 플래그·세부나 HAProxy의 종료 상태도 들어 있지 않습니다. 모든 원인은 docs/reasons.md에 있습니다",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_explained_in_both_languages() {
        let english = of_reason(Reason::ConnectRefused, Language::English);
        for text in [
            "T201 connect_refused\n",
            "nothing listens",
            "503 UF\n",
            "upstream_reset_before_response_started{remote_connection_failure}",
        ] {
            assert!(english.contains(text), "{text} is not in {english}");
        }
        assert!(of_reason(Reason::ConnectRefused, Language::Korean).contains("연결을 거부했습니다"));
    }

    #[test]
    fn a_line_is_explained_by_all_its_causes() {
        let text = of_line(&Line::read("404 NR route_not_found"), Language::English);
        assert!(text.starts_with("The proxy made this answer"), "{text}");
        assert!(text.contains("R601 no_virtual_host") && text.contains("R603 no_route"), "{text}");
        let text = of_line(&Line::read("503 - via_upstream"), Language::English);
        assert!(text.starts_with("The back-end made this answer"), "{text}");
        assert!(text.contains("P417 upstream_status") && !text.contains("tell them apart"), "{text}");
        let text = of_line(&Line::read("404 NR route_not_found"), Language::English);
        assert!(text.contains("It is this one if: the request's Host"), "{text}");
        let haproxy = r#"10.0.0.1:1 [20/Nov/2026:16:32:43.163] fe be/s1 0/0/0/-1/10001 504 198 - - sH-- 1/1/0/0/0 0/0 "GET / HTTP/1.1""#;
        let text = of_line(&Line::read(haproxy), Language::English);
        assert!(text.contains("sH-- be/s1") && text.contains("O807"), "{text}");
    }
}
