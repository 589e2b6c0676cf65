//! The table, as text, Markdown and JSON.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use causeway_testkit::Peer;
use serde_json::{Value, json};

use crate::contender::Contender;
use crate::measure::{Figures, Measured, middle};
use crate::work::Work;

/// Above this the load side decides how fast it goes, and idle time of the proxy is in its figures.
const SATURATED: f64 = 0.97;
/// In a closed loop one of the two sides is always busy, unless something else has the processors.
const UNDISTURBED: f64 = 0.75;

/// All rounds of one contender at one kind of work.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) work: Work,
    pub(crate) contender: Contender,
    pub(crate) rounds: Vec<Measured>,
    /// Why there are none.
    pub(crate) failure: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) machine: Value,
    pub(crate) command: String,
    /// The contender that others are compared with, if not the best peer.
    pub(crate) base: Option<String>,
}

impl Row {
    fn median(&self) -> Figures {
        Figures::median(&self.rounds.iter().map(|m| m.figures).collect::<Vec<_>>())
    }

    /// What the work is about.
    fn value(&self) -> f64 {
        let median = self.median();
        if self.work.idle { median.idle } else { median.cpu }
    }

    fn is_good(&self) -> bool {
        self.failure.is_none() && !self.rounds.is_empty() && self.median().errors.sum() == 0
    }

    fn remarks(&self) -> String {
        if let Some(failure) = &self.failure {
            return format!("FAILED: {}", failure.lines().next().unwrap_or_default());
        }
        let median = self.median();
        let errors = median.errors;
        let mut remarks = Vec::new();
        if errors.sum() > 0 {
            remarks.push(format!("{} ERRORS: {errors:?}", errors.sum()));
        }
        if median.load_busy > SATURATED {
            remarks.push(format!("load side busy {:.0} %", median.load_busy * 100.0));
        }
        if !self.work.idle && median.proxy_busy.max(median.load_busy) < UNDISTURBED {
            remarks.push("others used the machine".into());
        }
        let values: Vec<f64> = self.rounds.iter().map(|m| m.figures.cpu).collect();
        let spread =
            values.iter().copied().fold(0.0, f64::max) / values.iter().copied().fold(f64::MAX, f64::min);
        if spread.is_finite() && spread > 1.15 {
            remarks.push(format!("rounds differ by {:.0} %", (spread - 1.0) * 100.0));
        }
        remarks.join("; ")
    }
}

const HEADINGS: [&str; 12] = [
    "work", "proxy", "CPU µs", "user", "sys", "ratio", "req/s", "p50 µs", "p99 µs", "MiB", "KiB/idle",
    "remarks",
];

impl Report {
    /// What a row is compared with: the base, or the best of the others' proxies without errors.
    fn base(&self, work: &Work) -> Option<&Row> {
        let rows = self.rows.iter().filter(|row| row.work.name == work.name && row.is_good());
        let rows = rows.filter(|row| match &self.base {
            Some(name) => row.contender.name == *name,
            None => row.contender.peer != Peer::Causeway,
        });
        rows.filter(|row| row.value() > 0.0).min_by(|a, b| a.value().total_cmp(&b.value()))
    }

    /// The middle of the ratios of each round: what disturbs the machine for a while disturbs both.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let base = self.base(&row.work).filter(|_| row.is_good())?;
        let value = |measured: &Measured| {
            if row.work.idle { measured.figures.idle } else { measured.figures.cpu }
        };
        let ratios = row.rounds.iter().zip(&base.rounds).map(|(own, other)| value(own) / value(other));
        Some(middle(ratios.collect()))
    }

    fn cells(&self, row: &Row) -> [String; 12] {
        let median = row.median();
        let number = |value: f64, digits: usize| match value {
            0.0 => "–".into(),
            _ => format!("{value:.digits$}"),
        };
        let ratio = self.ratio(row);
        [
            row.work.title.into(),
            row.contender.name.clone(),
            number(median.cpu, 1),
            number(median.user, 1),
            number(median.system, 1),
            ratio.map_or_else(|| "–".into(), |ratio| format!("{ratio:.2}")),
            number(median.per_second, 0),
            number(median.p50, 0),
            number(median.p99, 0),
            number(median.memory, 1),
            if row.work.idle { format!("{:.2}", median.idle) } else { "–".into() },
            row.remarks(),
        ]
    }

    pub(crate) fn text(&self) -> String {
        let rows: Vec<[String; 12]> = self.rows.iter().map(|row| self.cells(row)).collect();
        let mut widths = HEADINGS.map(|heading| heading.chars().count());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        let mut line = |cells: [&str; 12]| {
            for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
                // Names to the left, numbers to the right.
                let _ = match index {
                    0 | 1 => write!(out, "{cell:<width$}  "),
                    11 => write!(out, "{cell}"),
                    _ => write!(out, "{cell:>width$}  "),
                };
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        };
        line(HEADINGS);
        let mut last = "";
        for row in &rows {
            let mut cells = row.each_ref().map(String::as_str);
            if cells[0] == last {
                cells[0] = "";
            } else {
                last = cells[0];
            }
            line(cells);
        }
        out + &self.notes()
    }

    fn markdown(&self) -> String {
        let mut out = format!("| {} |\n|---|---|{}---|\n", HEADINGS.join(" | "), "--:|".repeat(9));
        for row in &self.rows {
            let _ = writeln!(out, "| {} |", self.cells(row).join(" | "));
        }
        format!("{out}\n{}", self.notes())
    }

    /// What is read from two rows, and where and how it was measured.
    fn notes(&self) -> String {
        let mut out = String::from("\n");
        let mut compared = |one: &str, other: &str, what: &str| {
            for row in self.rows.iter().filter(|row| row.work.name == other && row.is_good()) {
                let same =
                    |r: &&Row| r.work.name == one && r.contender.name == row.contender.name && r.is_good();
                if let Some(base) = self.rows.iter().find(same) {
                    let ratio = row.value() / base.value();
                    let _ = writeln!(out, "{}: {what} costs {ratio:.2} times as much", row.contender.name);
                }
            }
        };
        compared("routes-1", "routes-10000", "the last of 10 000 routes, against one route,");
        compared("keepalive-64", "access-log-64", "an access log");
        for row in self.rows.iter().filter(|row| row.work.name == "routes-10000" && row.is_good()) {
            let (start, memory) = (row.median().start, row.median().memory);
            let _ =
                writeln!(out, "{}: 10 000 routes load in {start:.2} s, {memory:.0} MiB", row.contender.name);
        }
        let _ = writeln!(out, "\n{}", self.command);
        let text = |key: &str| self.machine[key].to_string().trim_matches('"').to_owned();
        let _ = writeln!(
            out,
            "kernel {}, {} × {}, load before {}, commit {}",
            text("kernel"),
            text("processors"),
            text("processor"),
            text("load_before"),
            text("commit")
        );
        let mut seen: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !seen.contains(&row.contender.name.as_str()) {
                seen.push(&row.contender.name);
                let _ = writeln!(
                    out,
                    "{}: {} ({})",
                    row.contender.name,
                    row.contender.version,
                    row.contender.binary.display()
                );
            }
        }
        out
    }

    /// Writes the table and all that is needed to repeat it.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let configs = directory.join("configs");
        fs::create_dir_all(&configs)?;
        fs::write(directory.join("result.md"), self.markdown())?;
        let json = serde_json::to_string_pretty(&self.json()).unwrap_or_default();
        fs::write(directory.join("result.json"), json + "\n")?;
        for row in &self.rows {
            if let Some(measured) = row.rounds.first() {
                let name = format!("{}-{}", row.work.name, row.contender.name.replace('/', "_"));
                let text = format!("# {}\n{}", measured.command, measured.config);
                fs::write(configs.join(name), text)?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "work": row.work.name,
                "proxy": row.contender.name,
                "version": row.contender.version,
                "binary": row.contender.binary,
                "command": row.rounds.first().map(|m| &m.command),
                "failure": row.failure,
                "median": row.median().to_json(),
                "rounds": row.rounds.iter().map(|m| m.figures.to_json()).collect::<Vec<_>>(),
            })
        });
        json!({"machine": self.machine, "command": self.command, "rows": rows.collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Errors;
    use crate::work::WORKS;
    use std::path::PathBuf;

    fn row(name: &str, peer: Peer, cpu: f64, resets: u64) -> Row {
        let errors = Errors { reset: resets, ..Errors::default() };
        let figures = Figures { cpu, errors, load_busy: 0.5, ..Figures::default() };
        let contender = Contender { version: "1".into(), ..Contender::new(name, peer, PathBuf::new()) };
        let measured = Measured { figures, config: String::new(), command: String::new() };
        Row { work: WORKS[0], contender, rounds: vec![measured], failure: None }
    }

    fn report(rows: Vec<Row>, base: Option<&str>) -> Report {
        Report { rows, machine: json!({}), command: String::new(), base: base.map(Into::into) }
    }

    #[test]
    fn ratios_are_to_the_best_peer_without_errors() {
        let rows = vec![
            row("haproxy", Peer::Haproxy, 10.0, 3),
            row("nginx", Peer::Nginx, 20.0, 0),
            row("causeway", Peer::Causeway, 15.0, 0),
        ];
        let report = report(rows, None);
        let ratios: Vec<String> = report.rows.iter().map(|row| report.cells(row)[5].clone()).collect();
        assert_eq!(ratios, ["–", "1.00", "0.75"]);
        assert!(report.text().contains("3 ERRORS"));
        assert_eq!(report.markdown().lines().next().unwrap().matches('|').count(), 13);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was slow in the second round, for both.
        let mut before = row("before", Peer::Causeway, 10.0, 0);
        before.rounds.extend(row("before", Peer::Causeway, 40.0, 0).rounds);
        before.rounds.extend(row("before", Peer::Causeway, 10.0, 0).rounds);
        let mut after = row("after", Peer::Causeway, 5.0, 0);
        after.rounds.extend(row("after", Peer::Causeway, 20.0, 0).rounds);
        after.rounds.extend(row("after", Peer::Causeway, 20.0, 0).rounds);
        let report = report(vec![before, after], Some("before"));
        assert_eq!(report.ratio(&report.rows[1]), Some(0.5));
    }

    #[test]
    fn two_builds_are_compared_with_each_other() {
        let rows = vec![row("before", Peer::Causeway, 10.0, 0), row("after", Peer::Causeway, 9.0, 0)];
        let report = report(rows, Some("before"));
        assert_eq!(report.cells(&report.rows[1])[5], "0.90");
    }
}
