//! What the process holds in the course of time, and whether that grows.

use std::fs;

use serde_json::{Value, json};

/// Memory may grow by this much in ten minutes.
const MEMORY_RATE: f64 = 1024.0;
/// What is less than this in all is the allocator's to and fro, however steep it is in a short run.
const MEMORY_NOISE: f64 = 1024.0;
/// Descriptors may grow by this much between the first and the last quarter: connections come and go.
const DESCRIPTORS_NOISE: f64 = 8.0;

/// What was seen in one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds since traffic began.
    pub(crate) at: f64,
    /// Resident memory in KiB.
    pub(crate) memory: f64,
    /// Open descriptors.
    pub(crate) descriptors: f64,
}

impl Sample {
    /// What the process holds now; `None` when it has ended.
    pub(crate) fn take(pid: u32, at: f64) -> Option<Self> {
        let memory = crate::usage::memory(&[pid]);
        let descriptors = descriptors(pid)?;
        (memory > 0).then_some(Self { at, memory: memory as f64, descriptors: descriptors as f64 })
    }

    pub(crate) fn to_json(self) -> Value {
        json!([self.at, self.memory, self.descriptors])
    }
}

/// Open descriptors of a process.
pub(crate) fn descriptors(pid: u32) -> Option<usize> {
    fs::read_dir(format!("/proc/{pid}/fd")).ok().map(Iterator::count)
}

/// How what is held has changed since the warm-up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    /// KiB of memory in ten minutes, along the line that fits best.
    pub(crate) memory_rate: f64,
    /// KiB of memory in all, along the same line.
    pub(crate) memory: f64,
    /// The medians of the descriptors in the first and the last quarter.
    pub(crate) descriptors: (f64, f64),
}

impl Growth {
    /// Of the samples behind the warm-up.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Self::default() };
        let slope = slope(samples);
        let quarter = samples.len().div_ceil(4);
        let middle = |part: &[Sample]| crate::measure::middle(part.iter().map(|s| s.descriptors).collect());
        Self {
            memory_rate: slope * 600.0,
            memory: slope * (last.at - first.at),
            descriptors: (
                middle(samples.get(..quarter).unwrap_or_default()),
                middle(samples.get(samples.len() - quarter..).unwrap_or_default()),
            ),
        }
    }

    /// What of it must not be.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.memory_rate > MEMORY_RATE && self.memory > MEMORY_NOISE {
            faults.push(format!(
                "memory grows by {:.0} KiB in ten minutes ({:.0} KiB since the warm-up)",
                self.memory_rate, self.memory
            ));
        }
        let (first, last) = self.descriptors;
        if last > first * 1.1 + DESCRIPTORS_NOISE {
            faults.push(format!("open descriptors grow from {first} to {last}"));
        }
        faults
    }
}

/// KiB per second along the line that fits best (least squares).
fn slope(samples: &[Sample]) -> f64 {
    let n = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let (at, memory) = (mean(|s| s.at), mean(|s| s.memory));
    let both: f64 = samples.iter().map(|s| (s.at - at) * (s.memory - memory)).sum();
    let square: f64 = samples.iter().map(|s| (s.at - at).powi(2)).sum();
    if square > 0.0 { both / square } else { 0.0 }
}

/// Lines of a log that tell of a defect.
pub(crate) fn defects(log: &str) -> Vec<String> {
    let tells = |line: &&str| {
        ["panicked", "defect of Causeway", "[critical]", "overflow"].iter().any(|sign| line.contains(sign))
    };
    log.lines().filter(tells).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory: impl Fn(f64) -> f64, descriptors: impl Fn(f64) -> f64) -> Vec<Sample> {
        (0..1200)
            .map(f64::from)
            .map(|at| Sample { at, memory: memory(at), descriptors: descriptors(at) })
            .collect()
    }

    #[test]
    fn a_leak_is_seen_and_a_wave_is_not() {
        let leak = Growth::of(&samples(|at| 20_000.0 + at * 2.0, |_| 100.0));
        assert!((leak.memory_rate - 1200.0).abs() < 1.0, "{leak:?}");
        assert_eq!(leak.faults().len(), 1);
        let wave = Growth::of(&samples(|at| 20_000.0 + 500.0 * (at / 30.0).sin(), |at| 100.0 + (at % 7.0)));
        assert!(wave.faults().is_empty(), "{wave:?}");
        let descriptors = Growth::of(&samples(|_| 20_000.0, |at| 100.0 + at / 20.0));
        assert_eq!(descriptors.faults().len(), 1, "{descriptors:?}");
        assert!(Growth::of(&[]).faults().is_empty());
    }

    #[test]
    fn a_panic_is_a_defect() {
        assert_eq!(defects("[info] fine\nthread 'worker 0' panicked at x.rs:1\n").len(), 1);
        assert!(defects("[error] the file is refused\n").is_empty());
    }
}
