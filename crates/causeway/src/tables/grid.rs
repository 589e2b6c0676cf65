//! A table: columns, rows, and how they are printed.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr as _;

/// Between two columns.
const GAP: usize = 2;

/// No column is made narrower than that.
const NARROWEST: usize = 16;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// The name of its field for tools.
    pub(super) key: &'static str,
    /// It is shown where all columns are wanted.
    pub(super) wide: bool,
}

/// A column that is always shown.
pub(super) const fn column(title: &'static str, key: &'static str) -> Column {
    Column { title, key, wide: false }
}

/// A column that is shown where all are wanted.
pub(super) const fn wide(title: &'static str, key: &'static str) -> Column {
    Column { title, key, wide: true }
}

/// A table. Values are texts, numbers, lists of texts, or nothing.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Vec<Value>>,
}

impl Grid {
    /// For tools: a list of objects.
    pub(super) fn json(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let fields = self.columns.iter().zip(row);
            Value::Object(
                fields.map(|(column, value)| (column.key.to_owned(), value.clone())).collect::<Map<_, _>>(),
            )
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// For people: as wide as it has to be, or, where `limit` is less than that, with cells of several lines. Nothing is
    /// cut.
    pub(super) fn text(&self, all: bool, limit: Option<usize>) -> String {
        let shown: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| all || !column.wide)
            .map(|(at, _)| at)
            .collect();
        let title = |at: &usize| self.columns.get(*at).map_or("", |column| column.title).to_owned();
        let mut lines: Vec<Vec<String>> = vec![shown.iter().map(title).collect()];
        lines.extend(self.rows.iter().map(|row| shown.iter().map(|at| cell(row.get(*at))).collect()));
        let mut widths: Vec<usize> = (0..shown.len())
            .map(|at| {
                lines.iter().filter_map(|line| line.get(at)).map(|text| text.width()).max().unwrap_or(0)
            })
            .collect();
        if let Some(limit) = limit {
            narrow(&mut widths, limit);
        }
        let mut out = String::new();
        for line in &lines {
            let cells: Vec<Vec<String>> =
                line.iter().zip(&widths).map(|(text, width)| wrapped(text, *width)).collect();
            for number in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let mut printed = String::new();
                let mut at = 0;
                for (cell, width) in cells.iter().zip(&widths) {
                    let text = cell.get(number).map_or("", String::as_str);
                    let pad = usize::saturating_sub(at, printed.width());
                    let _ = write!(printed, "{:pad$}{text}", "");
                    at += width + GAP;
                }
                let _ = writeln!(out, "{}", printed.trim_end());
            }
        }
        out
    }
}

/// Makes the widest columns narrower until all fit, as far as that goes.
fn narrow(widths: &mut [usize], limit: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        let Some(widest) = widths.iter_mut().max().filter(|width| **width > NARROWEST) else { return };
        *widest -= 1;
    }
}

/// A text in lines of this width, broken where white space is; a word that is wider has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => {
            text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
        }
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Value::Array(list)) if list.is_empty() => "-".to_owned(),
        Some(Value::Array(list)) => list.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[column("NAME", "name"), wide("MORE", "more"), column("NAMES", "names")];

    fn grid() -> Grid {
        let rows = vec![
            vec![json!("상점"), json!(1), json!(["a.example.test", "b.example.test", "c.example.test"])],
            vec![json!("a-long-name"), json!(null), json!([])],
        ];
        Grid { columns: COLUMNS, rows }
    }

    #[test]
    fn columns_stand_one_below_the_other() {
        assert_eq!(
            grid().text(false, None),
            "NAME         NAMES\n상점         a.example.test, b.example.test, c.example.test\na-long-name  -\n"
        );
        assert_eq!(grid().text(true, None).lines().next(), Some("NAME         MORE  NAMES"));
    }

    #[test]
    fn what_is_too_wide_takes_more_lines_and_is_not_cut() {
        assert_eq!(
            grid().text(false, Some(30)),
            "NAME         NAMES\n상점         a.example.test,\n             b.example.test,\n             \
             c.example.test\na-long-name  -\n"
        );
    }

    #[test]
    fn tools_get_all_columns() {
        assert_eq!(
            grid().json()[0],
            json!({"name": "상점", "more": 1, "names": ["a.example.test", "b.example.test", "c.example.test"]})
        );
    }
}
