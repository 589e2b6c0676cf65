//! On what it was measured.

use std::fs;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::{Value, json};

/// Keeps this thread, and what it starts, on one processor.
pub(crate) fn stay_on(cpu: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|e| format!("cannot stay on processor {cpu}: {e}"))
}

/// What a reader has to know about the machine.
pub(crate) fn describe() -> Value {
    let uname = rustix::system::uname();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    json!({
        "kernel": uname.release().to_string_lossy(),
        "processor": model.trim_start_matches(['\t', ' ', ':']),
        "processors": count,
        "load_before": load(),
        "commit": commit(),
    })
}

/// How many tasks wanted to run in the last minute: a bench is worth little on a busy machine.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// Lets this process have as many descriptors as it may: clients and origins are in it.
pub(crate) fn allow_descriptors() -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .map_err(|e| format!("cannot have as many descriptors as this takes: {e}"))
}

/// How many connections over TCP this machine has begun to make.
pub(crate) fn connections_begun() -> usize {
    let text = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut pairs = names.split(' ').zip(values.split(' '));
    pairs.find_map(|(name, value)| (name == "ActiveOpens").then(|| value.parse().ok())?).unwrap_or(0)
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}
