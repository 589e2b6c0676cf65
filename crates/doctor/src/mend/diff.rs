//! Unified diffs, as `diff -u` and `patch` have them.

use std::fmt::Write as _;

use causeway_envoy::Source;

/// Lines around a change.
const CONTEXT: usize = 3;

/// What is different between two texts of a file.
#[must_use]
pub fn difference(old: &Source, new: &Source) -> String {
    let text = |source: &Source| String::from_utf8_lossy(source.bytes()).into_owned();
    unified(old.name(), &text(old), &text(new))
}

/// The difference between two texts of a file; empty where there is none.
#[must_use]
pub fn unified(name: &str, old: &str, new: &str) -> String {
    let (before, after) = (lines(old), lines(new));
    let changes = changes(&before, &after);
    let mut out = String::new();
    if changes.is_empty() {
        return out;
    }
    let _ = write!(out, "--- {name}\n+++ {name}\n");
    let mut rest = changes.as_slice();
    while !rest.is_empty() {
        // Changes whose surroundings touch share a hunk.
        let near = |pair: &[Change]| match pair {
            [one, other] => other.old.start - one.old.end <= 2 * CONTEXT,
            _ => false,
        };
        let together = rest.windows(2).take_while(|pair| near(pair)).count() + 1;
        let (hunk, behind) = rest.split_at(together);
        write_hunk(&mut out, &before, &after, hunk);
        rest = behind;
    }
    out
}

/// Lines with their ends.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Lines that take the place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
}

fn write_hunk(out: &mut String, before: &[&str], after: &[&str], hunk: &[Change]) {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return };
    let lead = first.old.start.min(CONTEXT);
    let trail = (before.len() - last.old.end).min(CONTEXT);
    let old = first.old.start - lead..last.old.end + trail;
    let new = first.new.start - lead..last.new.end + trail;
    let _ = writeln!(out, "@@ -{} +{} @@", range(&old), range(&new));
    let mut at = old.start;
    for change in hunk {
        for line in before.get(at..change.old.start).unwrap_or_default() {
            push(out, ' ', line);
        }
        for line in before.get(change.old.clone()).unwrap_or_default() {
            push(out, '-', line);
        }
        for line in after.get(change.new.clone()).unwrap_or_default() {
            push(out, '+', line);
        }
        at = change.old.end;
    }
    for line in before.get(at..old.end).unwrap_or_default() {
        push(out, ' ', line);
    }
}

/// Lines are counted from 1, and no lines stand behind the one before them.
fn range(lines: &std::ops::Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn push(out: &mut String, mark: char, line: &str) {
    out.push(mark);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

/// The fewest changes that make one list of lines of the other (E. Myers, "An O(ND) Difference Algorithm and Its
/// Variations", 1986): cheap where there are few.
fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail =
        old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let old_rest = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let new_rest = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let mut changes: Vec<Change> = Vec::new();
    for (x, y, is_removal) in script(old_rest, new_rest) {
        let (x, y) = (x + head, y + head);
        match changes.last_mut() {
            Some(last) if last.old.end == x && last.new.end == y => {
                if is_removal {
                    last.old.end += 1;
                } else {
                    last.new.end += 1;
                }
            }
            _ if is_removal => changes.push(Change { old: x..x + 1, new: y..y }),
            _ => changes.push(Change { old: x..x, new: y..y + 1 }),
        }
    }
    changes
}

/// The single steps: where in both, and whether a line goes or comes.
fn script(old: &[&str], new: &[&str]) -> Vec<(usize, usize, bool)> {
    let reach = old.len() + new.len();
    // The furthest that is reached on each diagonal, which are counted from the longest way down.
    let mut furthest = vec![0_usize; 2 * reach + 2];
    let mut trace = Vec::new();
    let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(0);
    'search: for steps in 0..=reach {
        trace.push(furthest.clone());
        for diagonal in (reach - steps..=reach + steps).step_by(2) {
            let down = is_down(&furthest, diagonal, steps, reach);
            let from = if down { get(&furthest, diagonal + 1) } else { get(&furthest, diagonal - 1) + 1 };
            let mut x = from;
            while old.get(x).is_some_and(|line| new.get(x + reach - diagonal) == Some(line)) {
                x += 1;
            }
            if let Some(place) = furthest.get_mut(diagonal) {
                *place = x;
            }
            if x >= old.len() && x + reach >= new.len() + diagonal {
                break 'search;
            }
        }
    }
    let (mut x, mut y) = (old.len(), new.len());
    let mut script = Vec::new();
    for (steps, row) in trace.iter().enumerate().rev().take_while(|(steps, _)| *steps > 0) {
        let diagonal = x + reach - y;
        let down = is_down(row, diagonal, steps, reach);
        let before = if down { diagonal + 1 } else { diagonal - 1 };
        x = get(row, before);
        y = x + reach - before;
        script.push((x, y, !down));
    }
    script.reverse();
    script
}

/// Whether a diagonal is reached by a line that comes rather than by one that goes.
fn is_down(furthest: &[usize], diagonal: usize, steps: usize, reach: usize) -> bool {
    let at = |at: usize| furthest.get(at).copied().unwrap_or(0);
    diagonal == reach - steps || diagonal != reach + steps && at(diagonal - 1) < at(diagonal + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            unified("f", old, "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(unified("f", old, old), "");
        assert_eq!(unified("f", "", "a"), "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n");
        assert_eq!(unified("f", "a\n", ""), "--- f\n+++ f\n@@ -1 +0,0 @@\n-a\n");
    }

    #[test]
    fn changes_that_are_far_apart_have_hunks_of_their_own() {
        let old: String = (0..30).map(|line| format!("{line}\n")).collect();
        let new = old.replace("\n2\n", "\ntwo\n").replace("\n25\n", "\n25\nnew\n");
        assert_eq!(unified("f", &old, &new).matches("@@ -").count(), 2);
        let near = old.replace("\n2\n", "\ntwo\n").replace("\n8\n", "\neight\n");
        assert_eq!(unified("f", &old, &near).matches("@@ -").count(), 1);
    }

    /// Applies a script by hand.
    fn apply(old: &[&str], new: &[&str]) -> Vec<String> {
        let mut out = Vec::new();
        let mut at = 0;
        for change in changes(old, new) {
            out.extend(old[at..change.old.start].iter().map(|line| (*line).to_owned()));
            out.extend(new[change.new.clone()].iter().map(|line| (*line).to_owned()));
            at = change.old.end;
        }
        out.extend(old[at..].iter().map(|line| (*line).to_owned()));
        out
    }

    #[test]
    fn changes_make_one_text_of_the_other() {
        // Every pair of texts of up to four lines of two kinds.
        let texts: Vec<Vec<&str>> = (0..5_u32)
            .flat_map(|len| {
                (0..1 << len).map(move |bits: u32| {
                    (0..len).map(|at| if bits >> at & 1 == 0 { "a" } else { "b" }).collect()
                })
            })
            .collect();
        for old in &texts {
            for new in &texts {
                assert_eq!(apply(old, new), *new, "{old:?}");
            }
        }
    }
}
