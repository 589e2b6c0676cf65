//! What stands around the facts of a failure, in both languages. Facts that the data plane has written down are the same in
//! both.

use causeway_reason::Language;

/// `3 failures since the start.`
pub(super) fn counted((all, kept): (u64, usize), language: Language) -> String {
    let whole = u64::try_from(kept).is_ok_and(|kept| kept == all);
    let failures = if all == 1 { "failure" } else { "failures" };
    match (language, whole) {
        (Language::English, true) => format!("{all} {failures} since the start."),
        (Language::English, false) => {
            format!("{all} {failures} since the start, of which the last {kept} are kept.")
        }
        (Language::Korean, true) => format!("시작 이후 실패 {all}건."),
        (Language::Korean, false) => {
            format!("시작 이후 실패 {all}건, 그중 최근 {kept}건을 보관하고 있습니다.")
        }
    }
}

/// Nothing has that number.
pub(super) fn unknown(id: &str, language: Language) -> String {
    match language {
        Language::English => format!("No failure has the number or the request id {id}."),
        Language::Korean => format!("번호나 요청 ID가 {id}인 실패가 없습니다."),
    }
}

/// There is none at all.
pub(super) const fn none(language: Language) -> &'static str {
    match language {
        Language::English => "No request has failed.",
        Language::Korean => "실패한 요청이 없습니다.",
    }
}

/// There are some, but others.
pub(super) const fn none_of_those(language: Language) -> &'static str {
    match language {
        Language::English => "None of them is one of those that were asked for.",
        Language::Korean => "그중 찾는 조건에 맞는 것은 없습니다.",
    }
}

/// In front of that many failures.
pub(super) fn last(count: usize, language: Language) -> String {
    match language {
        Language::English => format!("The last {count}"),
        Language::Korean => format!("최근 {count}건"),
    }
}

/// The time that has passed since.
pub(super) fn ago(time: &str, language: Language) -> String {
    match language {
        Language::English => format!("{time} ago"),
        Language::Korean => format!("{time} 전"),
    }
}

/// Titles of the table of causes: how often, in a minute, first, last, why, cluster, route.
pub(super) const fn titles(language: Language) -> [&'static str; 7] {
    match language {
        Language::English => ["times", "in 1 min", "since", "last", "why", "cluster", "route"],
        Language::Korean => ["횟수", "1분간", "처음", "마지막", "원인", "클러스터", "라우트"],
    }
}

/// Pieces of sentences about one failure.
pub(super) struct Words {
    pub(super) no_answer: &'static str,
    pub(super) unreadable: &'static str,
    pub(super) no_host: &'static str,
    pub(super) virtual_host: &'static str,
    pub(super) to_back_end: &'static str,
}

impl Words {
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &Self {
                no_answer: "no answer",
                unreadable: "a request that could not be read",
                no_host: "no host",
                virtual_host: " in virtual host ",
                to_back_end: ", to the back-end ",
            },
            Language::Korean => &Self {
                no_answer: "응답 없음",
                unreadable: "읽을 수 없는 요청",
                no_host: "호스트 없음",
                virtual_host: ", 가상 호스트 ",
                to_back_end: ", 백엔드 쪽 ",
            },
        }
    }
}

/// A connection, or one for this name.
pub(super) fn connection(name: &str, language: Language) -> String {
    match (language, name) {
        (Language::English, "") => "a connection".to_owned(),
        (Language::English, name) => format!("a connection for {name}"),
        (Language::Korean, "") => "연결".to_owned(),
        (Language::Korean, name) => format!("{name} 연결"),
    }
}

/// What was asked, from whom, and after how many milliseconds it failed.
pub(super) fn subject(what: &str, client: &str, millis: u32, language: Language) -> String {
    match language {
        Language::English => format!("{what} from {client} after {millis} ms"),
        Language::Korean => format!("{what} (클라이언트 {client}, {millis} ms 뒤)"),
    }
}

/// One attempt: its number, the host, after how many milliseconds, and what came of it.
pub(super) fn attempt(number: usize, host: &str, millis: u32, outcome: &str, language: Language) -> String {
    match language {
        Language::English => format!("{number}. {host} after {millis} ms: {outcome}"),
        Language::Korean => format!("{number}. {host}, {millis} ms 뒤: {outcome}"),
    }
}

/// What an attempt was answered.
pub(super) fn answered(status: u16, language: Language) -> String {
    match language {
        Language::English => format!("answered {status}"),
        Language::Korean => format!("{status} 응답"),
    }
}

/// So many attempts are not shown.
pub(super) fn more(count: usize, language: Language) -> String {
    match language {
        Language::English => format!("; and {count} more"),
        Language::Korean => format!("; 그 밖에 {count}번"),
    }
}

/// Bytes in both directions.
pub(super) fn passed(sent: u64, received: u64, language: Language) -> String {
    match language {
        Language::English => format!("{sent} bytes to the back-end, {received} from it"),
        Language::Korean => format!("백엔드로 {sent}바이트, 백엔드에서 {received}바이트"),
    }
}

/// The label of a fact, by its English one.
pub(super) fn label(name: &'static str, language: Language) -> &'static str {
    if language == Language::English {
        return name;
    }
    match name {
        "also" => "함께",
        "listener" => "리스너",
        "route" => "라우트",
        "cluster" => "클러스터",
        "host" => "호스트",
        "its state" => "호스트 상태",
        "chosen" => "선택",
        "its name" => "호스트 이름",
        "before that" => "이전 시도",
        "connecting" => "연결 시간",
        "answering" => "응답 시간",
        "passed" => "전송",
        "closed" => "연결 끝",
        "details" => "세부",
        "connection" => "연결",
        "request id" => "요청 ID",
        other => other,
    }
}

/// Columns that a text takes on a terminal: letters of Korean take two.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|letter| if ('가'..='힣').contains(&letter) { 2 } else { 1 }).sum()
}

/// The text behind as many spaces as it takes to fill the columns.
pub(super) fn right(text: &str, columns: usize) -> String {
    let pad = columns.saturating_sub(width(text));
    format!("{:pad$}{text}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_terminals_do() {
        assert_eq!((width("times"), width("횟수"), width("요청 ID")), (5, 4, 7));
        assert_eq!(right("횟수", 9), "     횟수");
        assert_eq!(right("in 1 min", 9), " in 1 min");
    }
}
