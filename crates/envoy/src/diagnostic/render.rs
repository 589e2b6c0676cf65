//! Diagnostics for people. The only place that knows the crate that draws them.

use std::collections::HashMap;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Place, Severity};

/// So many of each severity are drawn; the rest is counted.
const SHOWN: usize = 40;
/// So many that say the same are drawn; of the rest the lines are listed.
const ALIKE: usize = 3;
/// So many lines are listed.
const LINES: usize = 12;

pub(super) fn render(diagnostics: &Diagnostics, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let all: Vec<_> = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).collect();
        let mut alike: HashMap<(&str, &str), Vec<&Diagnostic>> = HashMap::new();
        for diagnostic in &all {
            alike.entry((diagnostic.code, &diagnostic.message)).or_default().push(diagnostic);
        }
        let mut shown = 0;
        let mut left_out = 0;
        for diagnostic in &all {
            let same =
                alike.get(&(diagnostic.code, diagnostic.message.as_str())).map_or(&[][..], Vec::as_slice);
            let rank = same.iter().position(|other| std::ptr::eq(*other, *diagnostic)).unwrap_or(0);
            if rank >= ALIKE {
                continue;
            }
            if shown == SHOWN {
                left_out += 1 + if rank + 1 == ALIKE { same.len() - ALIKE } else { 0 };
                continue;
            }
            shown += 1;
            let rest = if rank + 1 == ALIKE { same.get(ALIKE..).unwrap_or_default() } else { &[] };
            out.push_str(&renderer.render(&report(diagnostic, rest)));
            out.push_str("\n\n");
        }
        if left_out > 0 {
            let _ = writeln!(out, "… and {left_out} more {severity}s\n");
        }
    }
    if !out.is_empty() {
        let _ = writeln!(out, "{}", diagnostics.summary());
    }
    out
}

fn report<'a>(diagnostic: &'a Diagnostic, rest: &[&Diagnostic]) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level.primary_title(&*diagnostic.message).id(diagnostic.code).elements(
        diagnostic.place.iter().map(|place| snippet(place, AnnotationKind::Primary, &diagnostic.label)),
    );
    for (place, what) in &diagnostic.related {
        group = group.element(snippet(place, AnnotationKind::Context, what));
    }
    if !diagnostic.path.is_empty() {
        group = group.element(Level::NOTE.with_name("at").message(&*diagnostic.path));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    if let Some(suggestion) = &diagnostic.suggestion {
        group = group.element(Level::HELP.message(format!("write\n{suggestion}")));
    }
    if !rest.is_empty() {
        group = group.element(Level::NOTE.message(elsewhere(rest)));
    }
    vec![group]
}

fn snippet<'a>(
    place: &'a Place,
    kind: AnnotationKind,
    label: &'a str,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let annotation = kind.span(place.excerpt.marked.clone());
    let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
    Snippet::source(&*place.excerpt.text)
        .path(&*place.file)
        .line_start(place.excerpt.first_line as usize)
        .annotation(annotation)
}

/// Where else the same was found.
fn elsewhere(rest: &[&Diagnostic]) -> String {
    let mut lines: Vec<_> = rest.iter().filter_map(|other| Some(other.place.as_ref()?.line)).collect();
    lines.dedup();
    let listed: Vec<_> = lines.iter().take(LINES).map(u32::to_string).collect();
    let more = if lines.len() > LINES { ", …" } else { "" };
    let line = if lines.len() == 1 { "line" } else { "lines" };
    format!("{} more of these, at {line} {}{more}", rest.len(), listed.join(", "))
}
