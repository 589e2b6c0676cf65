//! The clock, as far as files tell.

use std::os::unix::fs::MetadataExt as _;

use causeway_reason::Condition;

use super::{Context, Verdict};
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::listeners::certificate;
use crate::said;
use crate::time::date_and_time;

/// Clocks of file servers differ by so much, in seconds.
const TOLERANCE: i64 = 120;

pub(super) fn check(context: &Context<'_>) -> Verdict {
    let mut files: Vec<_> = certificate::files(context.bootstrap);
    files.push(context.file.to_owned());
    let changed = files.into_iter().filter_map(|path| {
        let changed = std::fs::metadata(&path).ok()?.mtime();
        Some((path, changed))
    });
    decide(context.world.now, changed)
}

/// A file that was written after now was written by another clock, or this one has gone back.
fn decide(now: i64, files: impl Iterator<Item = (String, i64)>) -> Verdict {
    let here = date_and_time(now);
    let Some((path, changed)) =
        files.filter(|(_, changed)| *changed > now + TOLERANCE).max_by_key(|(_, c)| *c)
    else {
        return Verdict::Passed(said!(
            "{here}; no file is newer than that",
            "{here}, 이보다 나중에 쓰인 파일 없음"
        ));
    };
    let then = date_and_time(changed);
    let title = said!(
        "this host's clock is behind: `{path}` was written later",
        "이 호스트의 시계가 느립니다. `{path}`가 더 나중에 쓰였습니다"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("time of this host, and of the file's last change", "호스트 시각과 파일의 마지막 변경 시각"),
        said!("{here}, and {then}", "{here}, {then}"),
    )
    .command(format!("date -u; stat -c %y {path}"));
    let finding = Finding::new(Condition::ClockSkew, Severity::Warning, title, seen)
        .grade(Grade::Likely)
        .about(Subject { file: Some(path), ..Subject::default() })
        .fix(Fix::manual(said!(
            "compare it with a server of time (chronyc tracking, timedatectl); certificates depend on it",
            "시간 서버와 비교하세요(chronyc tracking, timedatectl). 인증서 검증이 시계에 좌우됩니다"
        )));
    Verdict::Failed(vec![finding])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_from_the_future_tells_of_the_clock() {
        let verdict = |changed| decide(1_000_000, [("a.pem".to_owned(), changed)].into_iter());
        assert!(matches!(verdict(1_000_100), Verdict::Passed(_)));
        let Verdict::Failed(findings) = verdict(2_000_000) else { panic!("it is from the future") };
        assert_eq!(findings[0].cause.code(), "C955");
    }
}
