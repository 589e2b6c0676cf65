//! A report for people: a line for each area, then what is wrong, the worst last, since the end of a terminal is read
//! first.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use causeway_reason::Language;

use super::words::{self, Words};
use super::{Check, Outcome, Report};
use crate::finding::{Edit, Effect, Evidence, Finding, Severity, Subject};
use crate::said::Said;

/// How much is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// With colours.
    pub color: bool,
    /// Every check, also those that passed.
    pub all: bool,
    /// Errors only.
    pub quiet: bool,
}

pub(super) fn render(report: &Report, language: Language, options: &TextOptions) -> String {
    let mut out = String::new();
    if !options.quiet {
        areas(&mut out, report, language, options);
    }
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    let mut findings: Vec<_> = report
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| !options.quiet || finding.severity == Severity::Error)
        .collect();
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    for (number, finding) in findings {
        let patches = |at| report.patches.get(&(number, at)).map(String::as_str);
        let drawn = renderer.render(&[group(finding, patches, language)]);
        let _ = match finding.place {
            Some(_) => write!(out, "\n{drawn}\n"),
            None => write!(out, "\n{}\n", without_frame(&drawn)),
        };
    }
    if !options.quiet {
        summary(&mut out, report, language, options);
    }
    out
}

/// A line for each check that did not pass, and for each area what passed in it.
fn areas(out: &mut String, report: &Report, language: Language, options: &TextOptions) {
    let mut seen: Vec<&str> = Vec::new();
    for check in &report.checks {
        let area = area(check);
        if seen.contains(&area) {
            continue;
        }
        seen.push(area);
        let of_area: Vec<_> = report.checks.iter().filter(|check| self::area(check) == area).collect();
        let mut title = Some(area);
        for check in &of_area {
            if options.all || check.outcome != Outcome::Passed || of_area.len() == 1 {
                line(
                    out,
                    title.take().unwrap_or_default(),
                    mark(check.outcome),
                    name(check),
                    &check.words,
                    language,
                );
            }
        }
        let passed = of_area.iter().filter(|check| check.outcome == Outcome::Passed).count();
        if !options.all && passed > 0 && of_area.len() > 1 {
            let words = Words::of(language);
            let text = Said::plain(words.passed(passed));
            line(out, title.take().unwrap_or_default(), mark(Outcome::Passed), "", &text, language);
        }
    }
}

fn line(out: &mut String, area: &str, mark: char, name: &str, words: &Said, language: Language) {
    let text = words.get(language);
    let between = if name.is_empty() || text.is_empty() { "" } else { ": " };
    let _ = writeln!(out, "{area:<10} {mark} {name}{between}{text}");
}

fn area(check: &Check) -> &str {
    check.id.split('.').next().unwrap_or_default()
}

fn name(check: &Check) -> &str {
    check.id.split_once('.').map_or("", |(_, name)| name)
}

const fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::Passed => '✓',
        Outcome::Failed(Severity::Error) => '✗',
        Outcome::Failed(Severity::Warning | Severity::Note) => '!',
        Outcome::Inconclusive => '?',
    }
}

/// What is drawn of a finding without the line between its title and an excerpt, where there is none.
fn without_frame(drawn: &str) -> String {
    let is_frame = |line: &str| {
        let mut text = line.split('\u{1b}');
        let first = text.next().unwrap_or_default();
        let rest = text.map(|part| part.split_once('m').map_or("", |(_, text)| text));
        std::iter::once(first).chain(rest).collect::<String>().trim() == "|"
    };
    let lines: Vec<_> = drawn.lines().enumerate().filter(|(at, line)| *at != 1 || !is_frame(line)).collect();
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// A finding as it is drawn.
fn group<'a>(
    finding: &'a Finding,
    patches: impl Fn(usize) -> Option<&'a str>,
    language: Language,
) -> Group<'a> {
    let words = Words::of(language);
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let level = level.with_name(words::severity(finding.severity, language));
    let snippets = finding.place.iter().map(|place| {
        let (text, first_line) = place.lines();
        let annotation = AnnotationKind::Primary.span(place.marked().clone());
        let label = finding.label.get(language);
        let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
        Snippet::source(text).path(&*place.file).line_start(first_line as usize).annotation(annotation)
    });
    let mut group =
        level.primary_title(finding.title.get(language)).id(finding.cause.code()).elements(snippets);
    let mut note = |name: &'static str, text: String| {
        let taken = std::mem::replace(&mut group, Group::with_title(Level::NOTE.primary_title("")));
        group = taken.element(Level::NOTE.with_name(name).message(text));
    };
    if let Some(effect) = &finding.effect {
        note(words.effect, effect_words(effect, language));
    }
    for (at, evidence) in finding.evidence.iter().enumerate() {
        let name = if at == 0 { words::grade(finding.grade, language) } else { words.evidence };
        note(name, evidence_words(evidence, language));
    }
    if !finding.ruled_out.is_empty() {
        let all: Vec<_> = finding.ruled_out.iter().map(|said| said.get(language)).collect();
        note(words.ruled_out, all.join(", "));
    }
    if !finding.also_explains.is_empty() {
        note(words.also, subjects(&finding.also_explains));
    }
    if finding.fixes.is_empty() {
        note(words.to_do, finding.cause.advice().get(language).to_owned());
    }
    for (at, fix) in finding.fixes.iter().enumerate() {
        let mut text = fix.what.get(language).to_owned();
        match patches(at) {
            Some(patch) => changed_lines(&mut text, patch),
            None => edited_fields(&mut text, &fix.edits),
        }
        if fix.machine_applicable && !fix.edits.is_empty() {
            let _ = write!(text, "\n({})", words.applicable);
        }
        note(words.to_do, text);
    }
    note(words.more, format!("causeway explain {}", finding.cause.code()));
    group
}

/// The lines of a diff that go and come.
fn changed_lines(out: &mut String, patch: &str) {
    for line in patch.lines().skip(2).filter(|line| line.starts_with(['-', '+'])) {
        let _ = write!(out, "\n{line}");
    }
}

/// What to write where.
fn edited_fields(out: &mut String, edits: &[Edit]) {
    for edit in edits {
        let _ = match &edit.value {
            Some(value) => write!(out, "\n{}: {value}", edit.field),
            None => write!(out, "\n- {}", edit.field),
        };
    }
}

fn effect_words(effect: &Effect, language: Language) -> String {
    let mut parts = Vec::new();
    match effect.status {
        Some(0) => parts.push("—".to_owned()),
        Some(status) => parts.push(status.to_string()),
        None => {}
    }
    for text in [&effect.flags, &effect.details] {
        if !text.is_empty() {
            parts.push(text.clone());
        }
    }
    let line = parts.join(" ");
    match &effect.words {
        Some(words) if line.is_empty() => words.get(language).to_owned(),
        Some(words) => format!("{line}: {}", words.get(language)),
        None => line,
    }
}

fn evidence_words(evidence: &Evidence, language: Language) -> String {
    let what = evidence.what.get(language);
    let mut text = String::from(what);
    if !what.is_empty() {
        text.push_str(" → ");
    }
    text.push_str(evidence.observed.get(language));
    if let Some(milliseconds) = evidence.milliseconds {
        let _ = write!(text, " ({milliseconds} ms)");
    }
    if let Some(command) = &evidence.command {
        let _ = write!(text, "\n$ {command}");
    }
    text
}

fn subjects(subjects: &[Subject]) -> String {
    /// More than these are counted.
    const SHOWN: usize = 6;
    let mut names: Vec<_> = subjects.iter().take(SHOWN).map(subject).collect();
    if subjects.len() > SHOWN {
        names.push(format!("+{}", subjects.len() - SHOWN));
    }
    names.join(", ")
}

fn subject(subject: &Subject) -> String {
    let parts = [
        &subject.listener,
        &subject.virtual_host,
        &subject.route,
        &subject.cluster,
        &subject.endpoint,
        &subject.file,
    ];
    parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
}

fn summary(out: &mut String, report: &Report, language: Language, options: &TextOptions) {
    let words = Words::of(language);
    let mut parts = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let count = report.count(severity);
        if count > 0 {
            let name = words::severity(severity, language);
            let plural = if language == Language::English && count > 1 { "s" } else { "" };
            parts.push(match language {
                Language::English => format!("{count} {name}{plural}"),
                Language::Korean => format!("{name} {count}개"),
            });
        }
    }
    if parts.is_empty() {
        parts.push(words.nothing.to_owned());
    }
    let passed = report.count_checks(Outcome::Passed);
    let hint = if options.all || passed < 2 { String::new() } else { format!(" ({})", words.show_all) };
    parts.push(format!("{}{hint}", words.passed(passed)));
    let inconclusive = report.count_checks(Outcome::Inconclusive);
    if inconclusive > 0 {
        parts.push(words.inconclusive(inconclusive));
    }
    parts.push(format!("{:.1} s", report.took.as_secs_f64()));
    if report.probes > 0 {
        parts.push(format!("{}: {}", words.probes, report.probes));
    }
    let _ = writeln!(out, "\n{}", parts.join(" · "));
}

#[cfg(test)]
mod tests {
    use causeway_reason::Condition;

    use super::*;

    #[test]
    fn what_has_no_place_has_no_frame() {
        let seen = Evidence::file(Said::plain("so it is"));
        let finding =
            Finding::new(Condition::KeepaliveTooLong, Severity::Warning, Said::plain("it is so"), seen);
        let mut report = Report::default();
        report.failed("clusters.app", [finding]);
        for color in [false, true] {
            let text = render(&report, Language::English, &TextOptions { color, ..TextOptions::default() });
            let lines: Vec<_> = text.lines().collect();
            let at = lines.iter().position(|line| line.contains("P421")).unwrap();
            assert!(lines[at + 1].contains("proven") && lines[at + 1].contains("so it is"), "{text}");
        }
    }
}
