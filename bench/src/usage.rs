//! What processes and processors have used, as the kernel counts it.

use std::fs;

use rustix::param::clock_ticks_per_second;

/// Processor time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    /// Of all threads of all these processes since they began.
    pub(crate) fn of(pids: &[u32]) -> Self {
        let tick = 1e6 / clock_ticks_per_second() as f64;
        let mut sum = Self::default();
        for pid in pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if let Some((user, system)) = times(&stat) {
                sum.user += user as f64 * tick;
                sum.system += system as f64 * tick;
            }
        }
        sum
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }

    pub(crate) fn sum(self) -> f64 {
        self.user + self.system
    }
}

/// User and system ticks. The name of the program, in parentheses, may hold anything.
fn times(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Some((fields.nth(11)?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A process and everything that it has started: nginx has a master and a worker.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        next += 1;
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        family.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    family
}

/// Resident memory of these processes, in KiB.
pub(crate) fn memory(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim();
        line.strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    pids.iter().filter_map(of).sum()
}

/// Processor time of the calling thread, in microseconds.
pub(crate) fn of_this_thread() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "12 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 77 33 0 0 20 0 1 0 5 6 7";
        assert_eq!(times(stat), Some((77, 33)));
        assert_eq!(times("nonsense"), None);
    }

    #[test]
    fn children_belong_to_the_family() {
        let mut child = Command::new("sleep").arg("100").stdout(Stdio::null()).spawn().unwrap();
        // The child may be listed under another thread than the first; its own family is itself.
        assert_eq!(family(child.id()), [child.id()]);
        assert!(memory(&[child.id()]) > 0);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn work_takes_time() {
        let before = of_this_thread();
        let mut x = 1_u64;
        for i in 0..2_000_000_u64 {
            x = std::hint::black_box(x.wrapping_mul(i | 1));
        }
        assert!(of_this_thread() > before && x > 0);
    }
}
