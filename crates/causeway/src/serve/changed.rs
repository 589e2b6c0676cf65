//! A configuration file that was changed and not loaded: what runs is not what somebody reads there. Envoy says nothing of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use causeway_reason::Condition;

/// Whoever changes a file is given so long to have it loaded.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clocks of file servers differ by so much.
const TOLERANCE: Duration = Duration::from_mins(2);

/// Says so where the file was written after now: then it was written by another clock, or this one has gone back, and the dates of
/// certificates are judged by it.
pub(super) fn tell_clock(path: Option<&Path>) {
    let written = path.and_then(|path| fs::metadata(path).ok()?.modified().ok());
    let ahead = written.and_then(|written| written.duration_since(SystemTime::now()).ok());
    if let (Some(path), Some(ahead)) = (path, ahead.filter(|ahead| *ahead > TOLERANCE)) {
        tracing::warn!(
            target: "config",
            "{}: {} was written {} s after now by this host's clock",
            Condition::ClockSkew,
            path.display(),
            ahead.as_secs()
        );
    }
}

/// The file as it was when it was read last, and since when it is another.
pub(super) struct ConfigFile {
    /// None where the configuration stands on the command line.
    path: Option<PathBuf>,
    read: Option<Stamp>,
    changed: Option<(Stamp, Instant)>,
    said: Option<Stamp>,
}

/// What tells a file from what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl ConfigFile {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        let mut file = Self { path, read: None, changed: None, said: None };
        file.was_read();
        file
    }

    /// It has been read just now, with whatever result: that is said elsewhere.
    pub(super) fn was_read(&mut self) {
        self.read = self.stamp();
        self.changed = None;
        self.said = None;
    }

    /// Says once of each change that it is not in force.
    pub(super) fn look(&mut self, now: Instant) {
        let stamp = self.stamp().filter(|stamp| self.read.is_some_and(|read| read != *stamp));
        let Some(stamp) = stamp else {
            self.changed = None;
            return;
        };
        // While it is being written it changes again and again.
        let since = match self.changed {
            Some((known, since)) if known == stamp => since,
            _ => now,
        };
        self.changed = Some((stamp, since));
        if now.duration_since(since) >= PATIENCE && self.said != Some(stamp) {
            self.said = Some(stamp);
            let path = self.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            tracing::warn!(
                target: "config",
                "{}: {path} was changed {} s ago and is not in force; SIGHUP or POST /reload loads it",
                Condition::ReloadNotDone,
                now.duration_since(since).as_secs()
            );
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let data = fs::metadata(self.path.as_ref()?).ok()?;
        Some(Stamp { modified: data.modified().ok()?, length: data.len() })
    }
}
