//! `causeway doctor --fix`: what findings propose to write, shown or written.
//!
//! Nothing is written unless the file as it would be loads, what was to be mended is gone from a new examination, and no
//! error has come in its place.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use causeway_doctor::mend::{Refusal, Target, difference, mend, remains};
use causeway_doctor::{Finding, Progress, Report, examine};
use causeway_envoy::{LoadOptions, Source};
use causeway_reason::Language;

use super::{UNUSABLE, progress};
use crate::cli::{DoctorArguments, FixArguments, complain, print};

/// Shows the difference, and writes it where that is asked for.
pub(super) async fn fix(
    path: &Path,
    source: &Source,
    options: &LoadOptions,
    report: &Report,
    arguments: &DoctorArguments,
    fix: &FixArguments,
) -> ExitCode {
    let words = Words::of(arguments.language);
    let mended = match mend(source, report, &fix.causes) {
        Ok(mended) => mended,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(UNUSABLE);
        }
    };
    for (target, refusal) in &mended.refused {
        complain(&format!("{}: {}", name(target), words.refusal(refusal)));
    }
    if fix.causes.is_empty() {
        for code in to_be_considered(report) {
            complain(&format!("{code}: --fix {code}{}", words.considered));
        }
    }
    for cause in fix.causes.iter().filter(|cause| report.findings.iter().all(|found| found.cause != **cause))
    {
        complain(&format!("{}: {}", cause.code(), words.not_found));
    }
    let code = if mended.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if mended.applied.is_empty() {
        if fix.causes.is_empty() {
            complain(&words.nothing);
        }
        return code;
    }
    let progress = Progress::default();
    let examined = examine::config(&mended.source, options, &arguments.selection, &progress);
    let remaining = match progress::shown(examined, &progress, arguments.language).await {
        Ok(after) => remains(&mended, report, &after),
        Err(diagnostics) => {
            complain(&words.does_not_load);
            complain(&diagnostics.render(false));
            return ExitCode::FAILURE;
        }
    };
    print(&difference(source, &mended.source));
    if !remaining.is_empty() {
        for target in &remaining {
            complain(&format!("{}: {}", name(target), words.remains));
        }
        complain(&words.not_written);
        return ExitCode::FAILURE;
    }
    if !fix.apply {
        complain(&words.apply);
        return code;
    }
    match replace(path, source, &mended.source) {
        Ok(()) => {
            complain(&format!("{}: {}", path.display(), words.written));
            code
        }
        Err(error) => {
            complain(&format!("{}: {} ({error})", path.display(), words.not_written));
            ExitCode::FAILURE
        }
    }
}

/// Codes of findings that propose to write something, but nothing that may be left to a program.
fn to_be_considered(report: &Report) -> BTreeSet<&'static str> {
    let proposes = |finding: &&Finding| finding.fixes.iter().any(|fix| !fix.edits.is_empty());
    let alone =
        |finding: &&Finding| !finding.fixes.iter().any(|fix| fix.machine_applicable && !fix.edits.is_empty());
    report.findings.iter().filter(proposes).filter(alone).map(|finding| finding.cause.code()).collect()
}

fn name(target: &Target) -> String {
    format!("{} {}", target.cause.code(), target.field)
}

/// Puts another text in the place of a file, at once, with the permissions and the owner that it had. A link stays one.
fn replace(path: &Path, old: &Source, new: &Source) -> io::Result<()> {
    let path = path.canonicalize()?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let beside = beside(&path)?;
    let written = write(&beside, &metadata, new.bytes()).and_then(|()| {
        // Somebody else may have changed it since it was read.
        if fs::read(&path)? != old.bytes() {
            return Err(io::Error::other("it has changed in the meantime"));
        }
        fs::rename(&beside, &path)
    });
    if written.is_err() {
        // What was begun is of no use to anybody; the error that led here is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name in the same folder, so that renaming does not copy.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
    Ok(path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id())))
}

fn write(path: &Path, like: &fs::Metadata, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())?;
    file.write_all(bytes)?;
    file.sync_all()
}

struct Words {
    nothing: &'static str,
    not_found: &'static str,
    considered: &'static str,
    does_not_load: &'static str,
    remains: &'static str,
    not_written: &'static str,
    written: &'static str,
    apply: &'static str,
    by_hand: &'static str,
    conflict: &'static str,
}

impl Words {
    const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &Self {
                nothing: "nothing that a program may write; name the code of a finding to apply what has to be thought about",
                not_found: "nothing of that code was found",
                considered: " shows a change that has to be thought about first",
                does_not_load: "nothing is written: the file would not load any more",
                remains: "would still be found, or has come in its place",
                not_written: "nothing is written",
                written: "changed; whoever runs it has to read it again",
                apply: "nothing is written yet: --apply does that",
                by_hand: "has to be mended by hand",
                conflict: "another finding gives the same field another value",
            },
            Language::Korean => &Self {
                nothing: "자동으로 적용할 수 있는 수정이 없습니다. 검토가 필요한 수정은 코드를 지정하면 적용합니다",
                not_found: "해당 코드로 발견된 것이 없습니다",
                considered: "로 검토가 필요한 수정을 볼 수 있습니다",
                does_not_load: "파일을 바꾸지 않았습니다. 수정한 파일을 읽을 수 없습니다",
                remains: "수정해도 남아 있거나 새로 생깁니다",
                not_written: "파일을 바꾸지 않았습니다",
                written: "파일을 바꾸었습니다. 실행 중인 프록시가 다시 읽어야 합니다",
                apply: "아직 파일을 바꾸지 않았습니다. --apply를 붙이면 적용합니다",
                by_hand: "직접 고쳐야 합니다",
                conflict: "다른 항목이 같은 필드를 다른 값으로 바꿉니다",
            },
        }
    }

    fn refusal(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Edit(error) => error.to_string(),
            Refusal::Conflict(field) => format!("{}: {field}", self.conflict),
            Refusal::ByHand => self.by_hand.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use causeway_testkit::Scratch;

    use super::*;

    #[test]
    fn a_file_is_replaced_with_what_belongs_to_it() {
        let scratch = Scratch::new();
        let (real, link) = (scratch.path().join("real.yaml"), scratch.path().join("envoy.yaml"));
        fs::write(&real, "a: 1\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real.yaml", &link).unwrap();
        let old = Source::read(&link).unwrap();
        replace(&link, &old, &Source::new("envoy.yaml", "a: 2\n")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"a: 2\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn what_somebody_else_has_changed_stays() {
        let scratch = Scratch::new();
        let path = scratch.path().join("envoy.yaml");
        fs::write(&path, "a: 3\n").unwrap();
        let old = Source::new("envoy.yaml", "a: 1\n");
        assert!(replace(&path, &old, &Source::new("envoy.yaml", "a: 2\n")).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a: 3\n");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
