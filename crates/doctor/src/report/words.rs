//! The words around findings.

use causeway_reason::Language;

use crate::finding::{Grade, Severity};

/// The words around findings, in one language.
pub(super) struct Words {
    pub(super) effect: &'static str,
    pub(super) evidence: &'static str,
    pub(super) ruled_out: &'static str,
    pub(super) also: &'static str,
    pub(super) to_do: &'static str,
    pub(super) more: &'static str,
    pub(super) applicable: &'static str,
    pub(super) nothing: &'static str,
    /// In front of a number, and behind it.
    inconclusive: (&'static str, &'static str),
    passed: (&'static str, &'static str),
    pub(super) probes: &'static str,
    pub(super) show_all: &'static str,
}

impl Words {
    /// So many checks found nothing.
    pub(super) fn passed(&self, count: usize) -> String {
        counted(self.passed, count)
    }

    /// So many checks could not be made.
    pub(super) fn inconclusive(&self, count: usize) -> String {
        counted(self.inconclusive, count)
    }

    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &Self {
                effect: "effect",
                evidence: "seen",
                ruled_out: "ruled out",
                also: "also explains",
                to_do: "help",
                more: "more",
                applicable: "causeway doctor --fix applies it",
                nothing: "nothing found",
                inconclusive: ("", " not checked"),
                passed: ("", " passed"),
                probes: "probes",
                show_all: "--all shows them",
            },
            Language::Korean => &Self {
                effect: "영향",
                evidence: "확인",
                ruled_out: "배제",
                also: "같은 원인",
                to_do: "조치",
                more: "자세히",
                applicable: "causeway doctor --fix로 적용할 수 있습니다",
                nothing: "문제를 찾지 못했습니다",
                inconclusive: ("확인 못 함 ", "개"),
                passed: ("통과 ", "개"),
                probes: "프로브",
                show_all: "--all로 모두 표시",
            },
        }
    }
}

fn counted((before, behind): (&str, &str), count: usize) -> String {
    format!("{before}{count}{behind}")
}

pub(super) const fn severity(severity: Severity, language: Language) -> &'static str {
    match (language, severity) {
        (Language::English, _) => severity.word(),
        (Language::Korean, Severity::Error) => "오류",
        (Language::Korean, Severity::Warning) => "경고",
        (Language::Korean, Severity::Note) => "참고",
    }
}

pub(super) const fn grade(grade: Grade, language: Language) -> &'static str {
    match (language, grade) {
        (Language::English, _) => grade.word(),
        (Language::Korean, Grade::Proven) => "증명됨",
        (Language::Korean, Grade::Likely) => "유력",
        (Language::Korean, Grade::Possible) => "가능",
    }
}
