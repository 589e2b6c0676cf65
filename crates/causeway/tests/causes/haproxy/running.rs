//! An HAProxy that runs, and the doctor that looks at it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use causeway_reason::HaproxyLine;
use causeway_testkit::{Netns, Proxy, Scratch};
use serde_json::Value;

use crate::case::ask;

/// An HAProxy that runs.
pub(super) struct Running<'a> {
    /// Its stats socket.
    pub(super) socket: &'a Path,
    /// Where its files are.
    pub(super) files: &'a Scratch,
}

/// What the doctor is given.
#[derive(Clone, Copy)]
pub(super) struct Given {
    /// The level of the stats socket.
    pub(super) level: &'static str,
    pub(super) cfg: bool,
    pub(super) log: bool,
}

impl Running<'_> {
    /// What HAProxy answers on its socket.
    pub(super) fn tell(&self, command: &str) -> String {
        let ask = || {
            let mut stream = UnixStream::connect(self.socket)?;
            writeln!(stream, "{command}")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        ask().unwrap_or_default()
    }

    /// Whether there is a server to ask.
    pub(super) fn is_up(&self) -> bool {
        self.tell("show stat").lines().any(|line| line.starts_with("app,BACKEND,") && line.contains(",UP,"))
    }

    /// Whether each check has come to something.
    pub(super) fn is_checked(&self) -> bool {
        let stat = self.tell("show stat");
        let mut lines = stat.lines();
        let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
        let Some(at) = names.iter().position(|name| *name == "check_status") else { return false };
        lines.filter(|line| !line.is_empty()).all(|line| {
            let status = line.split(',').nth(at).unwrap_or_default();
            status != "INI" && status != "* INI" && status != "UNK"
        })
    }
}

/// Has the doctor look at it; with `moving` while something goes on.
pub(super) async fn doctor(
    proxy: &Proxy,
    socket: &Path,
    netns: Option<&Netns>,
    moving: bool,
    given: Given,
) -> Result<Value, String> {
    let of = |name: &str| proxy.directory().file(name).display().to_string();
    let (cfg, log) = (of("haproxy.cfg"), of("stdout"));
    let socket = socket.display().to_string();
    let interval = if moving { "1" } else { "0" };
    let mut arguments = vec!["--interval", interval, "--haproxy", &*socket];
    if given.cfg {
        arguments.extend(["--haproxy-cfg", &cfg]);
    }
    if given.log {
        arguments.extend(["--log", &log]);
    }
    ask(&arguments, netns).await
}

/// The codes of notes.
pub(super) fn noted(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    let notes = findings.filter(|finding| finding["severity"] == "note");
    notes.filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

/// What HAProxy's log says of failures.
pub(super) fn lines(log: &str) -> BTreeSet<String> {
    let failed =
        log.lines().filter_map(HaproxyLine::read).filter(|line| line.ending() != "--" || line.status >= 500);
    failed
        .map(|line| {
            let server = if line.has_server() { "" } else { " <NOSRV>" };
            format!("{} {}{server}", line.status, line.state)
        })
        .collect()
}

/// Each finding in a line.
pub(super) fn summary(report: &Value) -> String {
    let mut text = String::new();
    for finding in report["findings"].as_array().into_iter().flatten() {
        let of = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(
            text,
            "  {} {} {} {}: {}",
            of("code"),
            of("severity"),
            of("confidence"),
            finding["subject"],
            of("title")
        );
        for seen in finding["evidence"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "      {}: {} → {}", seen["kind"], seen["what"], seen["observed"]);
        }
    }
    text
}
