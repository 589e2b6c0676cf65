//! What stands around what has changed, in both languages. Names, fields and values are the same in both.

use causeway_doctor::said;
use causeway_doctor::said::Said;
use causeway_reason::Language;

/// Labels and sentences.
pub(super) struct Words {
    pub(super) note: &'static str,
    /// Of one width.
    pub(super) changed: &'static str,
    pub(super) added: &'static str,
    pub(super) removed: &'static str,
    pub(super) not_set: &'static str,
    pub(super) elsewhere: &'static str,
    /// Behind where a request goes, as it did.
    pub(super) as_before: &'static str,
    pub(super) route: &'static str,
    pub(super) no_route: &'static str,
    pub(super) none: &'static str,
    /// In front of the address of a request.
    pub(super) to: &'static str,
}

impl Words {
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &Self {
                note: "note",
                changed: "changed",
                added: "added  ",
                removed: "removed",
                not_set: "(not set)",
                elsewhere: "what a file or variable that it names holds",
                as_before: ", as before, but",
                route: "route",
                no_route: "no route",
                none: "(none)",
                to: "to",
            },
            Language::Korean => &Self {
                note: "참고",
                changed: "변경",
                added: "추가",
                removed: "삭제",
                not_set: "(없음)",
                elsewhere: "가리키는 파일이나 변수의 내용이 바뀌었습니다",
                as_before: ": 목적지는 그대로이고 다음이 다릅니다",
                route: "라우트",
                no_route: "라우트 없음",
                none: "(없음)",
                to: "→",
            },
        }
    }
}

/// So many fields are not shown.
pub(super) fn more_fields(count: usize) -> Said {
    said!("… {count} fields more", "그 밖에 필드 {count}개")
}

/// So many examples are not shown.
pub(super) fn more_alike(count: usize) -> Said {
    said!("… {count} more that differ in the same way", "그 밖에 같은 방식으로 달라지는 요청 {count}개")
}

/// The last line: how many things have changed, how many examples differ, of how many, which may be all that were tried or
/// the first of more.
pub(super) fn summary(things: usize, examples: usize, tried: usize, cut: bool) -> Said {
    let first = if cut { "the first " } else { "" };
    let of_tried = if cut { format!("처음 {tried}개") } else { format!("{tried}개") };
    let changed = if things == 1 { "thing has" } else { "things have" };
    match (things, examples) {
        (0, 0) => said!(
            "Nothing has changed: no request would be answered differently ({first}{tried} example requests tried).",
            "바뀐 것이 없습니다. 응답이 달라지는 요청도 없습니다(예제 요청 {of_tried} 시험)."
        ),
        (_, 0) => said!(
            "{things} {changed} changed, but none of {first}{tried} example requests would be answered differently.",
            "{things}개가 바뀌었지만, 예제 요청 {of_tried} 중 응답이 달라지는 것은 없습니다."
        ),
        (..) => said!(
            "{things} {changed} changed; {examples} of {first}{tried} example requests would be answered differently.",
            "{things}개가 바뀌었고, 예제 요청 {of_tried} 중 {examples}개의 응답이 달라집니다."
        ),
    }
}
