//! The table of differences on purpose, `docs/differences.md`.
//!
//! A row is a line of a Markdown table whose first cell is an id such as `D-07`. A row of which no
//! case can show anything says so in one of its cells: `untestable: ` and the reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::case::Case;

/// The rows: from the id to the reason why no case shows it, if there is one.
pub(crate) fn read() -> BTreeMap<String, Option<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    // Before there is a difference there is no file.
    parse(&fs::read_to_string(file).unwrap_or_default())
}

fn parse(text: &str) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for row in text.lines().filter_map(|line| line.trim().strip_prefix('|')) {
        let mut cells = row.split('|').map(str::trim);
        let id = cells.next().map(|cell| cell.trim_matches(['*', '`'])).filter(|cell| is_id(cell));
        let Some(id) = id else { continue };
        let reason = cells.find_map(|cell| cell.strip_prefix("untestable:"));
        let before = found.insert(id.to_owned(), reason.map(|r| r.trim().to_owned()));
        assert!(before.is_none(), "{id} stands twice in docs/differences.md");
    }
    found
}

fn is_id(cell: &str) -> bool {
    cell.strip_prefix("D-").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// What is wrong between the table and the cases: ids that one has and the other has not.
pub(crate) fn faults(rows: &BTreeMap<String, Option<String>>, cases: &[(String, &Case)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, case) in cases {
        let ids = case.differs.iter().map(|difference| difference.id);
        for id in ids.chain(case.refused.map(|refusal| refusal.id)) {
            used.insert(id, name);
            if !rows.contains_key(id) {
                faults.push(format!("{name} refers to {id}, which docs/differences.md does not have"));
            }
        }
    }
    for (id, untestable) in rows {
        match (untestable, used.get(id.as_str())) {
            (None, None) => faults.push(format!(
                "no case refers to {id} of docs/differences.md; write one, or say `untestable: <why>` in its row"
            )),
            (Some(reason), None) if reason.is_empty() => {
                faults.push(format!("{id} of docs/differences.md does not say why it is untestable"));
            }
            (Some(_), Some(case)) => {
                faults.push(format!("{id} of docs/differences.md is called untestable, yet {case} tests it"));
            }
            _ => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
# Differences\n\
| id | Envoy | Causeway | why |\n\
|----|-------|----------|-----|\n\
| D-01 | joins | refuses | smuggling |\n\
| `D-02` | eats SIGHUP | reloads | untestable: needs a file of its own |\n\
text | D-03 | is no row\n";

    fn case(id: &'static str) -> Case {
        Case::new("c").differs(id, &["x"], 1)
    }

    #[test]
    fn rows_are_found() {
        let rows = parse(TABLE);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows["D-01"], None);
        assert_eq!(rows["D-02"].as_deref(), Some("needs a file of its own"));
    }

    #[test]
    fn table_and_cases_must_agree() {
        let rows = parse(TABLE);
        let faults_of = |id| faults(&rows, &[("t/c".into(), &case(id))]);
        assert!(faults_of("D-01").is_empty());
        assert!(faults_of("D-09").iter().any(|f| f.contains("refers to D-09")));
        assert!(faults_of("D-09").iter().any(|f| f.contains("no case refers to D-01")));
        assert!(faults_of("D-02").iter().any(|f| f.contains("is called untestable")));
    }
}
