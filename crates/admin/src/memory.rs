//! What the kernel says about the memory of this process.

use std::fs;

/// Bytes of memory. The allocator tells nothing that could be asked without unsafe code, so these are
/// the kernel's numbers; they include what the allocator keeps for later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Memory of its own that the process has touched.
    pub(crate) allocated: u64,
    /// Memory of its own that the process has reserved.
    pub(crate) heap: u64,
    /// All memory of the process that is in physical memory, its program included.
    pub(crate) physical: u64,
}

impl Memory {
    /// Asks the kernel; all zero where it does not say.
    pub(crate) fn now() -> Self {
        fs::read_to_string("/proc/self/status").map(|status| Self::parse(&status)).unwrap_or_default()
    }

    fn parse(status: &str) -> Self {
        let bytes = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        Self {
            allocated: bytes("RssAnon").unwrap_or_default(),
            heap: bytes("VmData").unwrap_or_default(),
            physical: bytes("VmRSS").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_are_read() {
        let status = "Name:\tcauseway\nVmRSS:\t    4096 kB\nRssAnon:\t    1024 kB\nVmData:\t    2048 kB\nThreads:\t3\n";
        let memory = Memory::parse(status);
        assert_eq!(memory, Memory { allocated: 1 << 20, heap: 2 << 20, physical: 4 << 20 });
        assert_eq!(Memory::parse("VmRSS: x"), Memory::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory() {
        let memory = Memory::now();
        assert!(memory.allocated > 0 && memory.physical >= memory.allocated);
    }
}
