//! A directory for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A new empty directory that is removed with everything in it.
///
/// With `CAUSEWAY_KEEP=1` in the environment it stays, to be looked at after a failure.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the directory, under the system's folder for temporary files.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = std::env::temp_dir().join(format!(
            "causeway-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        // A process that was killed earlier may have had the same number.
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                panic!("cannot clear {}: {e}", path.display())
            }
            _ => {}
        }
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, whether it is there or not.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        path
    }

    /// What a file holds, lossily; nothing if it is not there.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        read_lossy(&self.file(name))
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::env::var_os("CAUSEWAY_KEEP").is_none() {
            // Nothing can be done about a failure here, and the next user of the name clears it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A log file as text: what a proxy writes need not be UTF-8, and may not be there yet.
pub(crate) fn read_lossy(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_never_the_same_and_both_go() {
        let (a, b) = (Scratch::new(), Scratch::new());
        assert_ne!(a.path(), b.path());
        a.write("x", "text");
        assert_eq!(a.read("x"), "text");
        assert_eq!(a.read("none"), "");
        let path = a.path().to_owned();
        drop(a);
        assert!(!path.exists());
    }
}
